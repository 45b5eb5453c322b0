/*
 * make.c - the calls that make a name, carried out by the clerk (desk.h)
 *
 * Each takes its paths from the caller's memory once and works on what it has found.  What is not
 * a name below the clerk's top, or would fail anyway, is left to the kernel, which asks Landlock.
 */
#include "launcher/clerk/desk.h"

#include "base/scope.h"
#include "base/str.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define LINKS_MOST 8 /* links to a file that is missing, one after the other */
#define MODE_BITS  07777u

#define PLACE_NONE                                                                             \
    {                                                                                          \
        .dir = -1                                                                              \
    }

static long result(long r)
{
    return r < 0 ? -errno : r;
}

static bool exists(const struct place *place)
{
    struct stat st;

    return fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_dir(const struct place *place)
{
    struct stat st;

    return fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

static bool is_link(const struct place *place)
{
    struct stat st;

    return fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISLNK(st.st_mode);
}

/* ---- files that are opened ---- */

/* The file is there, or the path is nothing that can be opened: the kernel opens it, or says why
 * not; it makes nothing.  A link to what is missing: *place becomes that. */
static long follow(struct desk *desk, struct place *place, uint64_t flags)
{
    SCOPED_FD dir = place->dir;
    char text[PATH_MAX];
    ssize_t length = readlinkat(dir, place->name, text, sizeof text - 1);
    struct stat st;
    int r;

    place->dir = -1;
    if (length <= 0 || length == (ssize_t)sizeof text - 1 || flags & (O_NOFOLLOW | O_EXCL) ||
        fstatat(dir, place->name, &st, 0) == 0 || errno != ENOENT)
        return CLERK_PASS;
    text[length] = '\0';
    /* A link that has a frozen name is no way to have it. */
    if (place_judge(desk, place, false) < 0)
        return -EACCES;
    r = place_find(desk, dir, text, place);
    return r < 0 || place->slash ? CLERK_PASS : 0;
}

static long make_file(struct desk *desk, const struct ask *ask, struct place *place,
                      uint64_t flags, mode_t mode)
{
    struct stat st;
    long r;
    int fd;

    for (int i = 0; fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) == 0; i++) {
        if (i == LINKS_MOST)
            return CLERK_PASS;
        r = S_ISLNK(st.st_mode) ? follow(desk, place, flags) : CLERK_PASS;
        if (r < 0)
            return r;
    }
    if (errno != ENOENT)
        return CLERK_PASS;
    if (place_judge(desk, place, false) < 0)
        return -EACCES;
    if (ask_umask(desk, ask) < 0)
        return CLERK_PASS;
    fd = openat(place->dir, place->name, (int)flags | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC,
                mode);
    if (fd < 0)
        return errno == EEXIST ? CLERK_PASS : -errno;
    r = ask_give(desk, ask, fd, flags & O_CLOEXEC);
    /* It has no number left for it, or is gone: the call has made nothing. */
    if (r < 0 && r != CLERK_ANSWERED)
        (void)unlinkat(place->dir, place->name, 0);
    return r;
}

static long open_at(struct desk *desk, const struct ask *ask, int dirfd, uint64_t address,
                    uint64_t flags, uint64_t mode)
{
    SCOPED_PLACE place = PLACE_NONE;
    int r = flags & (O_PATH | O_DIRECTORY) ? CLERK_PASS
                                           : place_ask(desk, ask, dirfd, address, &place);

    if (r < 0 || place.slash)
        return CLERK_PASS;
    return make_file(desk, ask, &place, flags, (mode_t)(mode & MODE_BITS));
}

/* ---- directories, nodes, links ---- */

static long mkdir_at(struct desk *desk, const struct ask *ask, int dirfd, uint64_t address,
                     uint64_t mode)
{
    SCOPED_PLACE place = PLACE_NONE;
    int r = place_ask(desk, ask, dirfd, address, &place);

    if (r == 0 && exists(&place))
        return -EEXIST;
    if (r == 0)
        r = place_judge(desk, &place, true);
    if (r == 0 && ask_umask(desk, ask) < 0)
        r = CLERK_PASS;
    return r < 0 ? r : result(mkdirat(place.dir, place.name, (mode_t)(mode & MODE_BITS)));
}

/* One that is made as a new name, with no slash behind it. */
static int find_new(struct desk *desk, const struct ask *ask, int dirfd, uint64_t address,
                    bool can_be_link, struct place *ret_place)
{
    int r = place_ask(desk, ask, dirfd, address, ret_place);

    if (r < 0 || ret_place->slash)
        return CLERK_PASS;
    if (exists(ret_place))
        return -EEXIST;
    return can_be_link ? place_judge_link(desk, ret_place)
                       : place_judge(desk, ret_place, false);
}

static long mknod_at(struct desk *desk, const struct ask *ask, int dirfd, uint64_t address,
                     uint64_t mode, uint64_t dev)
{
    SCOPED_PLACE place = PLACE_NONE;
    int r = find_new(desk, ask, dirfd, address, false, &place);

    if (r == 0 && ask_umask(desk, ask) < 0)
        r = CLERK_PASS;
    /* Not libc's: the number of the device is the kernel's already. */
    return r < 0 ? r
                 : result(syscall(SYS_mknodat, place.dir, place.name, (mode_t)mode,
                                  (unsigned)dev));
}

static long symlink_at(struct desk *desk, const struct ask *ask, uint64_t target, int dirfd,
                       uint64_t address)
{
    SCOPED_PLACE place = PLACE_NONE;
    char text[PATH_MAX];
    int r;

    if (ask_text(desk, ask, target, text, sizeof text) < 0)
        return CLERK_PASS;
    r = find_new(desk, ask, dirfd, address, true, &place);
    return r < 0 ? r : result(symlinkat(text, place.dir, place.name));
}

/* "/proc/self/fd/7" is the caller's own, not ours: how a file without a name gets one. */
static bool is_own_descriptor(const char *text, int *ret_fd)
{
    char more;

    return sscanf(text, "/proc/self/fd/%d%c", ret_fd, &more) == 1;
}

static long link_at(struct desk *desk, const struct ask *ask, int olddirfd, uint64_t old,
                    int newdirfd, uint64_t new, uint64_t flags)
{
    SCOPED_PLACE from = PLACE_NONE;
    SCOPED_PLACE to = PLACE_NONE;
    char text[PATH_MAX];
    int fd, r;

    if (flags & ~(uint64_t)AT_SYMLINK_FOLLOW || ask_text(desk, ask, old, text, sizeof text) < 0)
        return CLERK_PASS;
    r = find_new(desk, ask, newdirfd, new, true, &to);
    if (r < 0)
        return r;
    if (flags & AT_SYMLINK_FOLLOW && is_own_descriptor(text, &fd)) {
        (void)str_format(text, sizeof text, "%d/fd/%d", (int)ask->pid, fd);
        return ask_holds(desk, ask)
                   ? result(linkat(desk->proc, text, to.dir, to.name, AT_SYMLINK_FOLLOW))
                   : CLERK_PASS;
    }
    if (place_ask(desk, ask, olddirfd, old, &from) < 0 || from.slash)
        return CLERK_PASS;
    return result(linkat(from.dir, from.name, to.dir, to.name, (int)flags));
}

/* ---- moves ---- */

/* What is at 'from' is to be at 'to', with all that is in it. */
static int judge_move(struct desk *desk, const struct place *from, const struct place *to)
{
    SCOPED_FD dir = -1;

    if (!is_dir(from))
        return is_link(from) ? place_judge_link(desk, to) : place_judge(desk, to, false);
    dir = openat(from->dir, from->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir < 0 ? -EACCES : place_judge_move(desk, to, dir, from);
}

static long rename_at(struct desk *desk, const struct ask *ask, int olddirfd, uint64_t old,
                      int newdirfd, uint64_t new, uint64_t flags)
{
    SCOPED_PLACE from = PLACE_NONE;
    SCOPED_PLACE to = PLACE_NONE;
    long r;

    if (flags & ~(uint64_t)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        place_ask(desk, ask, olddirfd, old, &from) < 0 ||
        place_ask(desk, ask, newdirfd, new, &to) < 0)
        return CLERK_PASS;
    if ((from.slash || to.slash) && !is_dir(&from))
        return CLERK_PASS;
    r = judge_move(desk, &from, &to);
    /* What has a frozen name keeps it; in an exchange something else comes there, too. */
    if (r == 0)
        r = flags & RENAME_EXCHANGE ? judge_move(desk, &to, &from)
                                    : place_judge(desk, &from, is_dir(&from));
    if (r < 0)
        return r;
    r = result(syscall(SYS_renameat2, from.dir, from.name, to.dir, to.name, (unsigned)flags));
    if (r == 0 && place_follow(desk) < 0)
        desk->frozen_at[0] = '\0';
    return r;
}

/* ---- sockets ---- */

/* By the caller's own text, which is what the socket will be called, if that means the same for us;
 * by the last part alone otherwise.  Moved away meanwhile it cannot be: who moves waits for us. */
static int go_beside(const struct desk *desk, const struct place *place, int base,
                     const char *text, struct sockaddr_un *name)
{
    if (place_is_text(desk, place, base, text))
        return base < 0 ? 0 : fchdir(base);
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (str_copy(name->sun_path, sizeof name->sun_path, place->name) < 0)
        return -1;
    return fchdir(place->dir);
}

/* Its peers' names are the caller's: it listens, or connects, itself. */
static long bind_socket(struct desk *desk, const struct ask *ask, int fd, uint64_t address,
                        uint64_t length)
{
    struct sockaddr_un name = {0};
    SCOPED_PLACE place = PLACE_NONE;
    SCOPED_FD base = -1;
    SCOPED_FD socket = -1;
    const size_t head = offsetof(struct sockaddr_un, sun_path);
    char text[sizeof name.sun_path + 1] = "";
    int r;

    if (length <= head || length > sizeof name ||
        ask_bytes(desk, ask, address, &name, length) < 0 || name.sun_family != AF_UNIX ||
        !name.sun_path[0])
        return CLERK_PASS;
    memcpy(text, name.sun_path, length - head);
    if (text[0] != '/')
        base = ask_base(desk, ask, AT_FDCWD);
    socket = ask_descriptor(desk, ask, fd);
    if (socket < 0 || (text[0] != '/' && base < 0) || !ask_holds(desk, ask) ||
        place_find(desk, base, text, &place) < 0 || place.slash)
        return CLERK_PASS;
    if (exists(&place))
        return -EADDRINUSE;
    r = place_judge(desk, &place, false);
    if (r < 0)
        return r;
    if (ask_umask(desk, ask) < 0 || go_beside(desk, &place, base, text, &name) < 0)
        return CLERK_PASS;
    r = bind(socket, (const struct sockaddr *)&name, sizeof name) < 0 ? -errno : 0;
    (void)!chdir("/");
    return r;
}

/* ---- the table ---- */

static long note_umask(struct desk *desk, uint64_t mask)
{
    desk->umask_moves |= (mask & 0777u) != desk->umask;
    return CLERK_PASS;
}

long make_name(struct desk *desk, const struct ask *ask)
{
    const uint64_t *a = (const uint64_t *)ask->data->args;
    const int d0 = (int)a[0], d1 = (int)a[1], d2 = (int)a[2];

    switch (ask->data->nr) {
    case __NR_openat: return open_at(desk, ask, d0, a[1], a[2], a[3]);
    case __NR_mkdirat: return mkdir_at(desk, ask, d0, a[1], a[2]);
    case __NR_mknodat: return mknod_at(desk, ask, d0, a[1], a[2], a[3]);
    case __NR_symlinkat: return symlink_at(desk, ask, a[0], d1, a[2]);
    case __NR_linkat: return link_at(desk, ask, d0, a[1], d2, a[3], a[4]);
    case __NR_renameat2: return rename_at(desk, ask, d0, a[1], d2, a[3], a[4]);
#ifdef __NR_renameat
    case __NR_renameat: return rename_at(desk, ask, d0, a[1], d2, a[3], 0);
#endif
#ifdef __NR_open
    case __NR_open: return open_at(desk, ask, AT_FDCWD, a[0], a[1], a[2]);
    case __NR_creat:
        return open_at(desk, ask, AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1]);
    case __NR_mkdir: return mkdir_at(desk, ask, AT_FDCWD, a[0], a[1]);
    case __NR_mknod: return mknod_at(desk, ask, AT_FDCWD, a[0], a[1], a[2]);
    case __NR_symlink: return symlink_at(desk, ask, a[0], AT_FDCWD, a[1]);
    case __NR_link: return link_at(desk, ask, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
    case __NR_rename: return rename_at(desk, ask, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
#endif
    case __NR_bind: return bind_socket(desk, ask, d0, a[1], a[2]);
    case __NR_umask: return note_umask(desk, a[0]);
    default: return CLERK_PASS;
    }
}
