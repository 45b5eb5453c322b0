/*
 * directories.c - making and removing a service's directories (see directories.h)
 *
 * WHO MAY PLANT WHAT.  Below a base everything may belong to a service, also to another one that
 * wants us to write elsewhere: so each step of a path is opened in the one before, never through a
 * link, and what is removed is told by descriptors, on one file system.
 */
#include "config/directories.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

enum { DEPTH_MAX = 64, CHUNK = 2048 };
enum {
    OPEN_STEP = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, /* may be passed, not read */
    OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

static const struct {
    const char *key, *variable;
} words[DIRECTORY_KINDS] = {
#define X(id, key, variable) {key "Directory", variable "_DIRECTORY"},
    DIRECTORIES(X)
#undef X
};

/* ---- where ---- */

/* $NAME, or the home directory with what follows. */
static void place(char ret_base[512], const char *name, const char *below_home)
{
    const char *value = getenv(name), *home = getenv("HOME");

    if (value && value[0] == '/')
        str_copy(ret_base, 512, value);
    else if (below_home && home && home[0] == '/')
        str_format(ret_base, 512, "%s/%s", home, below_home);
    else
        ret_base[0] = '\0';
}

static const struct directory_bases of_root = {
    {"/run", "/var/lib", "/var/cache", "/var/log", "/etc"}};

void directories_bases(struct directory_bases *ret_bases)
{
    struct directory_bases *bases = ret_bases;

    *bases = of_root;
    if (geteuid() == 0)
        return;
    place(bases->of[DIRECTORY_RUNTIME], "XDG_RUNTIME_DIR", NULL);
    place(bases->of[DIRECTORY_STATE], "XDG_STATE_HOME", ".local/state");
    place(bases->of[DIRECTORY_CACHE], "XDG_CACHE_HOME", ".cache");
    place(bases->of[DIRECTORY_CONFIGURATION], "XDG_CONFIG_HOME", ".config");
    bases->of[DIRECTORY_LOGS][0] = '\0';
    if (bases->of[DIRECTORY_STATE][0])
        str_format(bases->of[DIRECTORY_LOGS], sizeof bases->of[0], "%.500s/log",
                   bases->of[DIRECTORY_STATE]);
}

/* ---- names ---- */

static bool is_plain(const char *name)
{
    for (const char *at = name; *at; at += strspn(at, "/")) {
        size_t length = strcspn(at, "/");

        if (length == 0 || (length == 1 && at[0] == '.') ||
            (length == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += length;
    }
    return *name && !strchr(name, ':');
}

int directories_check(const struct directories *all, char *ret_key, size_t size,
                      struct coop_err *err)
{
    for (int kind = 0; kind < DIRECTORY_KINDS; kind++)
        for (size_t i = 0; i < all->of[kind].count; i++) {
            const char *name = all->of[kind].items[i];

            if (is_plain(name))
                continue;
            str_copy(ret_key, size, words[kind].key);
            coop_fail(err, COOP_E_SYNTAX, "%s=%s: expected a name or a path below '%s'",
                      words[kind].key, name, of_root.of[kind]);
            return coop_hint(err, "neither / in front nor .. in it; links (NAME:LINK) are not "
                                  "made");
        }
    return 0;
}

bool directories_any(const struct directories *all)
{
    for (int kind = 0; kind < DIRECTORY_KINDS; kind++)
        if (all->of[kind].count > 0)
            return true;
    return false;
}

/* ---- making ---- */

/* One step of a path, made if it is missing. The descriptor, or -errno. */
static int step_into(int above, const char *name, int flags)
{
    int r = sys_mkdirat(above, name, 0755);

    return r < 0 && r != -EEXIST ? r : sys_openat(above, name, flags, 0);
}

/* Opens base and all of name but its last step, which *ret_last gets. */
static int open_above(const char *base, char *name, bool make, char **ret_last)
{
    SCOPED_SYS_FD dir = sys_openat(AT_FDCWD, base, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    char *at = name, *slash;

    for (; dir >= 0 && (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        int next;

        *slash = '\0';
        next = make ? step_into(dir, at, OPEN_STEP) : sys_openat(dir, at, OPEN_STEP, 0);
        sys_closep(&dir);
        dir = next;
    }
    *ret_last = at;
    return fd_take(&dir);
}

/* All of a path, of which everything but the last step may be read only by others. */
static int open_whole(const char *base, const char *name, int flags)
{
    SCOPED_FREE char *steps = strdup(name);
    SCOPED_SYS_FD above = -ENOMEM;
    char *last = NULL;

    if (steps)
        above = open_above(base, steps, true, &last);
    return above < 0 ? fd_take(&above) : step_into(above, last, flags);
}

static int give(int dir, enum directory_kind kind, mode_t mode, uid_t uid, gid_t gid)
{
    struct stat now;
    int r = sys_fstat(dir, &now);

    if (r == 0 && kind != DIRECTORY_CONFIGURATION && geteuid() == 0 &&
        (now.st_uid != uid || now.st_gid != gid))
        r = sys_fchown(dir, uid, gid);
    if (r == 0 && (now.st_mode & 07777) != mode)
        r = sys_fchmod(dir, mode);
    return r;
}

static int make_one(const char *base, const char *name, enum directory_kind kind, mode_t mode,
                    uid_t uid, gid_t gid)
{
    SCOPED_SYS_FD dir = -1;

    /* That of an ordinary user may be missing: ~/.local/state. */
    if (geteuid() != 0) {
        SCOPED_SYS_FD above = open_whole("/", base + 1, OPEN_STEP);

        if (above < 0 && above != -ENOTDIR && above != -ELOOP) /* a link among its steps */
            return above;
    }
    dir = open_whole(base, name, OPEN_DIR);
    return dir < 0 ? dir : give(dir, kind, mode, uid, gid);
}

/* Calls for each name of each kind. */
#define for_each_directory(kind, name, all)                                                    \
    for (enum directory_kind kind = 0; kind < DIRECTORY_KINDS; kind++)                         \
        for (size_t name##_at = 0; name##_at < (all)->of[kind].count; name##_at++)             \
            for (const char *name = (all)->of[kind].items[name##_at]; name; name = NULL)

int directories_make(const struct directories *all, const struct directory_bases *bases,
                     uid_t uid, gid_t gid, struct coop_err *err)
{
    for_each_directory(kind, name, all)
    {
        const char *base = bases->of[kind];
        int r;

        if (!base[0]) {
            coop_fail(err, COOP_E_MISSING, "%s=%s: this user has no place for it",
                      words[kind].key, name);
            return coop_hint(err, kind == DIRECTORY_RUNTIME ? "set XDG_RUNTIME_DIR for coopd"
                                                            : "set HOME for coopd");
        }
        r = make_one(base, name, kind, all->modes[kind], uid, gid);
        if (r < 0) {
            coop_fail_sys(err, r, "%s=%s: '%s/%s'", words[kind].key, name, base, name);
            return r == -ELOOP || r == -ENOTDIR
                       ? coop_hint(err, "something else is there: a link or a file")
                       : -1;
        }
    }
    return 0;
}

/* ---- telling ---- */

int directories_env(const struct directories *all, const struct directory_bases *bases,
                    struct strlist *env)
{
    for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
        struct buf value = BUF_INIT(1 << 16);
        int r = 0;

        if (all->of[kind].count == 0)
            continue;
        buf_addf(&value, "%s=", words[kind].variable);
        for (size_t i = 0; i < all->of[kind].count; i++)
            buf_addf(&value, "%s%s/%s", i ? ":" : "", bases->of[kind], all->of[kind].items[i]);
        r = value.error ? -ENOMEM : strlist_env_put(env, buf_text(&value));
        buf_done(&value);
        if (r < 0)
            return r;
    }
    return 0;
}

int directories_bind(const struct directories *all, const struct directory_bases *bases,
                     struct strlist *bind)
{
    for_each_directory(kind, name, all)
    {
        SCOPED_FREE char *pair = NULL;

        if (asprintf(&pair, "%s/%s:%s/%s", bases->of[kind], name, bases->of[kind], name) < 0) {
            pair = NULL;
            return -ENOMEM;
        }
        if (strlist_add(bind, pair) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* ---- removing ---- */

/* A directory that is being emptied.  On the heap: how deep a tree is decides the service, and a
 * handler's stack is small. */
struct level {
    struct level *above;
    const char *name; /* in what is above */
    int dir, depth;
    ssize_t at, got;
    _Alignas(struct dirent64) char chunk[CHUNK];
};

/* 1: a directory with something in it. */
static int remove_flat(int above, const char *name)
{
    int r = sys_unlinkat(above, name, 0);

    if (r == -EISDIR || r == -EPERM)
        r = sys_unlinkat(above, name, AT_REMOVEDIR);
    if (r == -ENOTEMPTY || r == -EEXIST)
        return 1;
    return r == -ENOENT ? 0 : r;
}

static int go_down(struct level **level, int above, const char *name, dev_t device)
{
    int depth = *level ? (*level)->depth + 1 : 0;
    SCOPED_SYS_FD dir =
        depth < DEPTH_MAX ? sys_openat(above, name, OPEN_DIR, 0) : -ENAMETOOLONG;
    struct level *below;
    struct stat there;
    int r = dir < 0 ? dir : sys_fstat(dir, &there);

    if (r < 0)
        return r;
    if (there.st_dev != device)
        return -EBUSY; /* mounted there */
    below = malloc(sizeof *below);
    if (!below)
        return -ENOMEM;
    below->above = *level;
    below->name = name;
    below->depth = depth;
    below->at = below->got = 0;
    below->dir = fd_take(&dir);
    *level = below;
    return 0;
}

/* NULL: it has been read to its end. */
static const struct dirent64 *next_entry(struct level *level)
{
    const struct dirent64 *entry;

    if (level->at >= level->got) {
        level->at = 0;
        level->got = sys_getdents64(level->dir, level->chunk, sizeof level->chunk);
        if (level->got <= 0)
            return NULL;
    }
    entry = (const void *)(level->chunk + level->at);
    level->at += entry->d_reclen;
    return entry;
}

static int step(struct level **level, int top, dev_t device)
{
    struct level *here = *level;
    const struct dirent64 *entry = next_entry(here);
    int r;

    if (!entry) {
        *level = here->above;
        r = sys_unlinkat(*level ? (*level)->dir : top, here->name, AT_REMOVEDIR);
        sys_close(here->dir);
        free(here);
        return r;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    r = remove_flat(here->dir, entry->d_name);
    return r == 1 ? go_down(level, here->dir, entry->d_name, device) : r;
}

/* The first failure, when all was tried. */
static int remove_tree(int top, const char *name, dev_t device)
{
    struct level *level = NULL;
    int failed = sys_unlinkat(top, name, AT_REMOVEDIR);

    if (failed == -ENOENT || failed == -ENOTDIR) /* a link, a file: not of our making */
        return 0;
    if (failed == -ENOTEMPTY || failed == -EEXIST)
        failed = go_down(&level, top, name, device);
    while (level) {
        int r = step(&level, top, device);

        failed = failed ? failed : r;
    }
    return failed;
}

static int remove_one(const char *base, const char *name)
{
    SCOPED_FREE char *steps = strdup(name);
    SCOPED_SYS_FD above = -1;
    char *last = NULL;
    struct stat there;

    if (!steps)
        return -ENOMEM;
    above = open_above(base, steps, false, &last);
    if (above < 0)
        return above == -ENOENT ? 0 : above;
    if (sys_fstat(above, &there) < 0)
        return -EIO;
    return remove_tree(above, last, there.st_dev);
}

int directories_remove(const struct directories *all, const struct directory_bases *bases,
                       struct coop_err *err)
{
    const struct strlist *names = &all->of[DIRECTORY_RUNTIME];
    int failed = 0;

    /* From the last to the first: what is below another one usually comes after it. */
    for (size_t i = names->count; i-- > 0;) {
        int r = remove_one(bases->of[DIRECTORY_RUNTIME], names->items[i]);

        if (r < 0)
            failed =
                coop_fail_sys(err, r, "RuntimeDirectory=%s: '%s/%s' cannot be removed",
                              names->items[i], bases->of[DIRECTORY_RUNTIME], names->items[i]);
    }
    return failed;
}
