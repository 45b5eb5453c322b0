/*
 * run_frozen.c - see run_frozen.h
 */
#include "launcher/run_frozen.h"

#include "base/scope.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* ---- what is there ---- */

static int bind_at(struct launch_spec *spec, const char *cwd, const char *path, uint32_t flags,
                   struct coop_err *err)
{
    char src[PATH_SIZE], dst[PATH_SIZE];
    struct launch_mount mount = {.kind = LAUNCH_MOUNT_BIND,
                                 .flags = flags,
                                 .guard = LAUNCH_GUARD_ROOT,
                                 .src = src,
                                 .dst = dst};

    if (str_format(src, sizeof src, "./%s", path) < 0 ||
        str_format(dst, sizeof dst, "%s/%s", cwd, path) < 0)
        return coop_fail(err, COOP_E_LIMIT, "FrozenPaths=%s: path too long", path);
    for (size_t i = 0; i < spec->mounts.count; i++)
        if (strcmp(spec->mounts.items[i].dst, dst) == 0)
            return 0; /* pinned, or named twice */
    return launch_spec_mount(spec, &mount, err);
}

/* ---- what is missing, or a link ---- */

static int find_dir(struct run_frozen *f, const char *path)
{
    for (int i = 0; i < f->dir_count; i++)
        if (strcmp(f->dirs[i].path, path) == 0)
            return i;
    if (f->dir_count == FROZEN_DIRS)
        return -1;
    f->dirs[f->dir_count] = (struct run_frozen_dir){
        .path = strdup(path), .fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), .watch = -1};
    return f->dirs[f->dir_count].path && f->dirs[f->dir_count].fd >= 0 ? f->dir_count++ : -1;
}

static int keep_away(struct run_frozen *f, const char *dir, const char *name,
                     struct coop_err *err)
{
    struct run_frozen_name *slot = &f->names[f->name_count];
    char target[PATH_SIZE];
    ssize_t length;
    int at = find_dir(f, dir);

    if (at < 0 || f->name_count == FROZEN_MAX)
        return coop_fail(err, COOP_E_LIMIT,
                         "FrozenPaths=: more than %d names, or in more than %d directories",
                         FROZEN_MAX, FROZEN_DIRS);
    for (int i = 0; i < f->name_count; i++)
        if (f->names[i].dir == at && strcmp(f->names[i].name, name) == 0)
            return 0;
    length = readlinkat(f->dirs[at].fd, name, target, sizeof target - 1);
    *slot = (struct run_frozen_name){at, strdup(name),
                                     length >= 0 ? strndup(target, (size_t)length) : NULL};
    if (!slot->name || (length >= 0 && !slot->target))
        return coop_fail_sys(err, ENOMEM, "FrozenPaths=");
    f->name_count++;
    return 0;
}

/* ---- one path ---- */

static int freeze(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                  const char *path, struct coop_err *err);

/* What a link leads to is frozen as well, if it lies where the program may write. */
static int freeze_target(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                         const char *link, const char *rest, struct coop_err *err)
{
    SCOPED_FREE char *real = realpath(link, NULL);
    size_t length = strcmp(cwd, "/") == 0 ? 0 : strlen(cwd);
    char path[PATH_SIZE];

    if (!real || strncmp(real, cwd, length) != 0 || real[length] != '/')
        return 0;
    if (str_format(path, sizeof path, "%s%s%s", real + length + 1, *rest ? "/" : "", rest) < 0)
        return coop_fail(err, COOP_E_LIMIT, "FrozenPaths=%s: path too long", link);
    return freeze(f, spec, cwd, path, err);
}

/* From the left: each directory on the way is pinned, up to what is no directory. */
static int freeze(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                  const char *path, struct coop_err *err)
{
    char at[PATH_SIZE] = ".", dir[PATH_SIZE] = ".";

    for (const char *from = path; *from;) {
        size_t length = strcspn(from, "/");
        const char *rest = from + length + (from[length] == '/');
        struct stat st;

        if (str_format(at, sizeof at, "%.*s", (int)(from - path) + (int)length, path) < 0)
            return coop_fail(err, COOP_E_LIMIT, "FrozenPaths=%s: path too long", path);
        if (lstat(at, &st) < 0 || S_ISLNK(st.st_mode)) {
            char name[256];

            (void)str_format(name, sizeof name, "%.*s", (int)length, from);
            if (keep_away(f, dir, name, err) < 0)
                return -1;
            if (!strlist_has(&spec->frozen, path)) /* ".*": a link like others */
                return 0;
            return freeze_target(f, spec, cwd, at, rest, err);
        }
        if (!*rest || !S_ISDIR(st.st_mode) || strlist_has(&spec->frozen, at))
            return bind_at(spec, cwd, at, LAUNCH_MOUNT_RO, err);
        if (bind_at(spec, cwd, at, 0, err) < 0)
            return -1;
        (void)str_copy(dir, sizeof dir, at);
        from = rest;
    }
    return 0;
}

/* Whether a directory of this name has a path of its own in the list. */
static bool leads_to_others(const struct launch_spec *spec, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < spec->frozen.count; i++)
        if (strncmp(spec->frozen.items[i], name, length) == 0 &&
            spec->frozen.items[i][length] == '/')
            return true;
    return false;
}

/* ".*": the dotfiles that there are. */
static int freeze_dotfiles(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                           struct coop_err *err)
{
    DIR *here = opendir(".");
    struct dirent64 *entry;
    int r = 0;

    if (!here)
        return coop_fail_sys(err, errno, "reading the working directory");
    while (r >= 0 && (entry = readdir64(here))) {
        const char *name = entry->d_name;

        if (name[0] == '.' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            !leads_to_others(spec, name))
            r = freeze(f, spec, cwd, name, err);
    }
    closedir(here);
    return r;
}

static int check_path(const char *path, struct coop_err *err)
{
    if (path[0] == '/' || strstr(path, "..") || strstr(path, "//") || strlen(path) > 255)
        return coop_fail(err, COOP_E_RANGE,
                         "FrozenPaths=%s: expected a path in the working directory", path);
    return 0;
}

int run_frozen_show(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                    struct coop_err *err)
{
    f->news = -1;
    for (size_t i = 0; i < spec->frozen.count; i++) {
        const char *path = spec->frozen.items[i];

        if (check_path(path, err) < 0)
            return -1;
        if (strcmp(path, ".*") == 0 ? freeze_dotfiles(f, spec, cwd, err) < 0
                                    : freeze(f, spec, cwd, path, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- watching ---- */

int run_frozen_watch(struct run_frozen *f, struct coop_err *err)
{
    char path[64];

    f->news = -1;
    if (f->name_count == 0)
        return 0;
    f->news = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (int i = 0; i < f->dir_count && f->news >= 0; i++) {
        (void)str_format(path, sizeof path, "/proc/self/fd/%d", f->dirs[i].fd);
        f->dirs[i].watch = inotify_add_watch(
            f->news, path, IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM);
        if (f->dirs[i].watch < 0)
            return coop_fail_sys(err, errno, "watching '%s' for FrozenPaths=", f->dirs[i].path);
    }
    return f->news < 0 ? coop_fail_sys(err, errno, "inotify_init1 for FrozenPaths=") : 0;
}

static bool was_touched(struct run_frozen *f, const struct run_frozen_name *name)
{
    const struct run_frozen_dir *dir = &f->dirs[name->dir];
    char target[PATH_SIZE];
    ssize_t length;
    struct stat st;

    /* Who takes our right to look away has something to hide. */
    if (!name->target)
        return fstatat(dir->fd, name->name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
    length = readlinkat(dir->fd, name->name, target, sizeof target - 1);
    return length < 0 || strlen(name->target) != (size_t)length ||
           memcmp(name->target, target, (size_t)length) != 0;
}

/* The news only say when to look: names that came and went are not held against anybody, and a
 * queue that overflowed hides none. */
bool run_frozen_touched(struct run_frozen *f)
{
    char events[4096];

    while (read(f->news, events, sizeof events) > 0)
        continue;
    for (int i = 0; i < f->name_count && !f->touched; i++)
        if (was_touched(f, &f->names[i]))
            f->touched = f->names[i].name;
    return f->touched;
}

/* The program has our uid: it may have taken our right to the directory away. */
static void open_up(int dir)
{
    char path[64];
    struct stat st;

    (void)str_format(path, sizeof path, "/proc/self/fd/%d", dir);
    if (fstat(dir, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
        (void)chmod(path, (st.st_mode & 07777) | S_IRWXU);
}

static bool take_away(struct run_frozen *f, const struct run_frozen_name *name)
{
    int dir = f->dirs[name->dir].fd, r;
    char other[320];

    open_up(dir);
    (void)str_format(other, sizeof other, "%s.refused-%d", name->name, (int)getpid());
    r = renameat2(dir, name->name, dir, other, RENAME_NOREPLACE);
    for (unsigned i = 1; r < 0 && errno == EEXIST && i > 0; i++) { /* somebody guessed it */
        (void)str_format(other, sizeof other, "%s.refused-%d-%u", name->name, (int)getpid(), i);
        r = renameat2(dir, name->name, dir, other, RENAME_NOREPLACE);
    }
    if (name->target)
        r = symlinkat(name->target, dir, name->name);
    return r >= 0 || !was_touched(f, name);
}

const char *run_frozen_restore(struct run_frozen *f)
{
    for (int i = 0; i < f->name_count; i++)
        if (was_touched(f, &f->names[i])) {
            f->touched = f->names[i].name;
            if (!take_away(f, &f->names[i]))
                f->left = f->names[i].name;
        }
    return f->touched;
}

void run_frozen_done(struct run_frozen *f)
{
    for (int i = 0; i < f->name_count; i++) {
        free(f->names[i].name);
        free(f->names[i].target);
    }
    for (int i = 0; i < f->dir_count; i++) {
        free(f->dirs[i].path);
        close(f->dirs[i].fd);
    }
    if (f->news >= 0)
        close(f->news);
    f->name_count = f->dir_count = 0;
    f->news = -1;
}
