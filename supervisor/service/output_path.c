/*
 * output_path.c - one component after the other (contract in output_path.h)
 *
 * What was looked at is what is opened: by descriptor, so that nobody can put something else there
 * in between.
 */
#include "service/output_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

#define LINKS_MOST 40
#define PATH_ROOM  1024 /* several lie on a coroutine's stack */
#define FILE_FLAGS (O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY)

struct walk {
    int dir;
    char rest[PATH_ROOM]; /* from 'dir' on */
    int links;
    dev_t proc; /* what /proc is on */
};

static bool is_trusted(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* Cuts the first name off what is left. */
static const char *next_name(struct walk *walk, char ret_name[NAME_MAX + 1])
{
    const char *at = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(at, "/");

    if (length > NAME_MAX)
        return NULL;
    memcpy(ret_name, at, length);
    ret_name[length] = '\0';
    at += length;
    at += strspn(at, "/");
    memmove(walk->rest, at, strlen(at) + 1);
    return ret_name;
}

static int enter(struct walk *walk, const char *name)
{
    int dir = sys_openat(walk->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

    if (dir < 0)
        return dir;
    sys_closep(&walk->dir);
    walk->dir = dir;
    return 0;
}

/* Puts what the link says before what is left. */
static int follow(struct walk *walk, const char *name, const struct stat *link)
{
    char text[PATH_ROOM], rest[PATH_ROOM];
    ssize_t length;

    if (!is_trusted(link->st_uid))
        return -EPERM;
    if (++walk->links > LINKS_MOST)
        return -ELOOP;
    length = sys_readlinkat(walk->dir, name, text, sizeof text - 1);
    if (length < 0)
        return (int)length;
    text[length] = '\0';
    str_copy(rest, sizeof rest, walk->rest);
    if (str_format(walk->rest, sizeof walk->rest, "%s/%s", text, rest) < 0)
        return -ENAMETOOLONG;
    if (!rest[0]) /* no slash that was not there */
        walk->rest[length] = '\0';
    return text[0] == '/' ? enter(walk, "/") : 0;
}

static int open_file(const struct walk *walk, const char *name, int flags)
{
    SCOPED_FD fd = sys_openat(walk->dir, name, FILE_FLAGS | O_NOFOLLOW | flags, 0644);
    struct stat file, dir;
    int r = fd;

    if (r >= 0)
        r = sys_fstat(fd, &file);
    if (r >= 0)
        r = sys_fstat(walk->dir, &dir);
    if (r < 0)
        return r;
    if (S_ISREG(file.st_mode) && file.st_nlink > 1 && !is_trusted(dir.st_uid) &&
        file.st_uid != dir.st_uid)
        return -EMLINK;
    return fd_take(&fd);
}

/* A descriptor, -EAGAIN when there is more to go, or -errno. */
static int step(struct walk *walk, int flags)
{
    char name[NAME_MAX + 1], path[PATH_ROOM];
    struct stat st = {0};
    int r;

    if (!next_name(walk, name))
        return -ENAMETOOLONG;
    if (!name[0])
        return -EISDIR;
    r = sys_fstatat(walk->dir, name, &st, AT_SYMLINK_NOFOLLOW);
    if (r < 0 && (r != -ENOENT || walk->rest[0]))
        return r;
    if (r >= 0 && S_ISLNK(st.st_mode) && st.st_dev == walk->proc) {
        r = str_format(path, sizeof path, "%s%s%s", name, walk->rest[0] ? "/" : "", walk->rest);
        return r < 0 ? -ENAMETOOLONG : sys_openat(walk->dir, path, FILE_FLAGS | flags, 0644);
    }
    if (r >= 0 && S_ISLNK(st.st_mode))
        r = follow(walk, name, &st);
    else if (walk->rest[0])
        r = enter(walk, name);
    else
        return open_file(walk, name, flags);
    return r < 0 ? r : -EAGAIN;
}

static int explain(int r, const char *path, struct coop_err *err)
{
    (void)coop_fail_sys(err, r, "output file '%s'", path);
    if (r == -EPERM)
        return coop_hint(err, "a link on the way there is neither root's nor coopd's own");
    if (r == -EMLINK)
        return coop_hint(err, "it has several names, and is not the folder's owner's");
    return -1;
}

int output_path_open(const char *path, int flags, struct coop_err *err)
{
    struct walk walk = {.dir = -1};
    struct stat proc;
    int r =
        sys_openat(AT_FDCWD, path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

    walk.dir = r;
    if (r >= 0 && str_format(walk.rest, sizeof walk.rest, "%s", path) < 0)
        r = -ENAMETOOLONG;
    if (r >= 0 && sys_fstatat(AT_FDCWD, "/proc/self", &proc, AT_SYMLINK_NOFOLLOW) >= 0)
        walk.proc = proc.st_dev;
    if (r >= 0)
        do
            r = step(&walk, flags);
        while (r == -EAGAIN);
    sys_closep(&walk.dir);
    return r < 0 ? explain(r, path, err) : r;
}
