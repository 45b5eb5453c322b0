/*
 * sys.c - the real kernel behind the seam (see sys.h)
 *
 * Each row of SYS_CALLS becomes one function that turns "-1 and errno" into -errno in the
 * statement after the call.  The few calls whose C prototype is not the row's (variadic ones)
 * get a shim of the row's name first.
 */
#include "base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* ---- shims: libc's variadic calls under one fixed prototype ---- */

/* What a reader of this pipe or FIFO has not taken yet. */
static int waiting_bytes(int fd)
{
    int bytes = 0;

    return ioctl(fd, FIONREAD, &bytes) < 0 ? -1 : bytes;
}

static int fcntl_int(int fd, int cmd, int arg)
{
    return fcntl(fd, cmd, arg);
}

static int fcntl_lock(int fd, int cmd, struct flock *lock)
{
    return fcntl(fd, cmd, lock);
}

/* posix_spawn(3) returns its error. */
static int spawn(pid_t *ret_pid, const struct sys_spawn *what)
{
    int r = posix_spawnp(ret_pid, what->path, what->files, what->attr, what->argv,
                         what->envp ? what->envp : environ);

    errno = r;
    return r ? -1 : 0;
}

/* ---- one function per row ---- */

#define X(type, name, params, args)                                                            \
    static type kernel_##name params                                                           \
    {                                                                                          \
        type result = (type)name args;                                                         \
                                                                                               \
        return result < 0 ? (type)-errno : result;                                             \
    }
SYS_CALLS(X)
#undef X

const struct sys_ops sys_kernel = {
#define X(type, name, params, args) .name = kernel_##name,
    SYS_CALLS(X)
#undef X
};

const struct sys_ops *sys_current = &sys_kernel;

void sys_install(const struct sys_ops *ops)
{
    sys_current = ops ? ops : &sys_kernel;
}

void sys_write_in_handler(int fd, const void *bytes, size_t size)
{
    int kept = errno;

    (void)sys_write(fd, bytes, size);
    errno = kept;
}

uint64_t sys_random(void)
{
    uint64_t number = 0;

    /* Cannot fail once the kernel's pool is ready; if it does, a clock is better than a zero.
     */
    if (sys_getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        number = (uint64_t)sys_now() * UINT64_C(0x9E3779B97F4A7C15);
    return number;
}
