/*
 * ask.c - what the clerk looks up about a caller: memory, directory, descriptors, umask (desk.h)
 *
 * The caller's memory is read once.  Its other threads may change it as they like: what counts is
 * what was read.
 */
#include "launcher/clerk/desk.h"

#include "base/scope.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096u /* a stretch that is there as a whole or not at all */

bool ask_holds(const struct desk *desk, const struct ask *ask)
{
    return ioctl(desk->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &ask->id) == 0;
}

int ask_bytes(struct desk *desk, const struct ask *ask, uint64_t address, void *ret_bytes,
              size_t size)
{
    struct iovec to = {ret_bytes, size},
                 from = {(void *)(uintptr_t)address, size}; // NOLINT: the caller's address

    if (process_vm_readv(ask->pid, &to, 1, &from, 1, 0) == (ssize_t)size)
        return 0;
    if (errno == EPERM)
        desk->told->unseen++;
    return -1;
}

int ask_text(struct desk *desk, const struct ask *ask, uint64_t address, char *ret_text,
             size_t size)
{
    for (size_t have = 0; have < size;) {
        size_t more = PAGE - (size_t)((address + have) % PAGE);

        more = more < size - have ? more : size - have;
        if (ask_bytes(desk, ask, address + have, ret_text + have, more) < 0)
            return -1;
        if (memchr(ret_text + have, '\0', more))
            return 0;
        have += more;
    }
    return -1;
}

/* The number behind a word of the caller's status, or -1. */
static long status_field(const struct desk *desk, const struct ask *ask, const char *word,
                         int base)
{
    char path[64], text[4096];
    SCOPED_FD fd = -1;
    const char *at;
    ssize_t got;

    (void)str_format(path, sizeof path, "%d/status", (int)ask->pid);
    fd = openat(desk->proc, path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (got <= 0)
        return -1;
    text[got] = '\0';
    at = strstr(text, word);
    return at ? strtol(at + strlen(word), NULL, base) : -1;
}

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

/* A thread may have descriptors of its own.  Before Linux 6.9 only those of the first one are to be
 * had. */
static int open_thread(const struct desk *desk, const struct ask *ask)
{
    int fd = (int)syscall(SYS_pidfd_open, ask->pid, PIDFD_THREAD);
    long first;

    if (fd >= 0 || errno != EINVAL)
        return fd;
    first = status_field(desk, ask, "\nTgid:\t", 10);
    if (first <= 0 ||
        (first != ask->pid && syscall(SYS_kcmp, first, ask->pid, KCMP_FILES, 0, 0) != 0))
        return -1;
    return (int)syscall(SYS_pidfd_open, first, 0);
}

int ask_descriptor(const struct desk *desk, const struct ask *ask, int fd)
{
    SCOPED_FD pidfd = open_thread(desk, ask);

    return pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

/* Ours is closed before the caller goes on: a program that was written could not be run, and a lock
 * would outlive its owner.  But where a signal could come between number and answer, both have to
 * be one call. */
long ask_give(const struct desk *desk, const struct ask *ask, int fd, bool on_exec)
{
    struct seccomp_notif_addfd add = {.id = ask->id,
                                      .flags = desk->patient ? 0 : SECCOMP_ADDFD_FLAG_SEND,
                                      .srcfd = (uint32_t)fd,
                                      .newfd_flags = on_exec ? O_CLOEXEC : 0};
    int number = ioctl(desk->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    long r = number < 0 ? -errno : desk->patient ? number : CLERK_ANSWERED;

    (void)close(fd);
    return r;
}

int ask_base(const struct desk *desk, const struct ask *ask, int dirfd)
{
    char path[64];
    int fd;

    if (dirfd == AT_FDCWD)
        (void)str_format(path, sizeof path, "%d/cwd", (int)ask->pid);
    else
        (void)str_format(path, sizeof path, "%d/fd/%d", (int)ask->pid, dirfd);
    fd = openat(desk->proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* Whoever is not dumpable keeps the list of its descriptors to root. */
    return fd < 0 && errno == EACCES && dirfd >= 0 ? ask_descriptor(desk, ask, dirfd) : fd;
}

int ask_umask(struct desk *desk, const struct ask *ask)
{
    long mask = desk->umask_moves ? status_field(desk, ask, "\nUmask:\t", 8) : desk->umask;

    if (mask < 0)
        return -1;
    if ((mode_t)mask != desk->umask)
        (void)umask((mode_t)mask);
    desk->umask = (mode_t)mask;
    return 0;
}
