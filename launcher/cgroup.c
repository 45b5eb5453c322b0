/*
 * cgroup.c - leaf groups of a v2 hierarchy, without any controller (contract in cgroup.h)
 *
 * Everything is relative to one directory descriptor, so nothing here can be led astray by a path
 * that somebody renames; names from outside are escaped before they become a directory.
 */
#include "launcher/cgroup.h"

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "launcher/cgroup_find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define KILL_ROUNDS 64 /* of the fallback, each over every process: a bomb outgrows no more */

/* ---- our own directory ---- */

/* "coop-<pid>" */
static bool is_tree(const char *name)
{
    size_t digits = strncmp(name, "coop-", 5) == 0 ? strspn(name + 5, "0123456789") : 0;

    return digits > 0 && !name[5 + digits];
}

/* Started by what a killed coopd has left in its %self?  Then the group above is ours. */
static void leave_cradle(struct launch_cgroups *groups)
{
    char *self = strrchr(groups->where, '/'), *tree;
    SCOPED_FD old = -1, above = -1;

    if (!self || strcmp(self + 1, LAUNCH_CGROUP_SELF) != 0)
        return;
    *self = '\0';
    tree = strrchr(groups->where, '/');
    old = sys_openat(groups->parent, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    above = sys_openat(groups->parent, "../..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (!tree || !is_tree(tree + 1) || old < 0 || above < 0 ||
        faccessat(above, "cgroup.procs", W_OK, AT_EACCESS) < 0 ||
        flock(old, LOCK_EX | LOCK_NB) < 0) {
        *self = '/';
        return;
    }
    *tree = '\0';
    groups->cradle = groups->parent;
    groups->parent = fd_take(&above);
}

int launch_cgroups_find(struct launch_cgroups *ret_groups, struct coop_err *err)
{
    struct launch_cgroups groups = {.parent = -1, .own = -1, .cradle = -1};

    if (cgroup_find(&groups.parent, groups.where, sizeof groups.where, &groups.delegated, err) <
        0)
        return -1;
    leave_cradle(&groups);
    (void)snprintf(groups.name, sizeof groups.name, "coop-%d", (int)getpid());
    *ret_groups = groups;
    return 0;
}

static void let_go(struct launch_cgroups *groups)
{
    fd_closep(&groups->own);
    fd_closep(&groups->parent);
    fd_closep(&groups->cradle);
    groups->own = groups->parent = groups->cradle = -1;
}

int launch_cgroups_take_over(struct launch_cgroups *groups)
{
    groups->own =
        sys_openat(groups->parent, groups->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    return groups->own < 0 ? groups->own : 0;
}

int launch_cgroups_make(struct launch_cgroups *groups, struct coop_err *err)
{
    int r = sys_mkdirat(groups->parent, groups->name, 0755);

    if (r >= 0 || r == -EEXIST) /* the leftover of a dead coopd with our PID: taken over */
        r = launch_cgroups_take_over(groups);
    if (r >= 0 && flock(groups->own, LOCK_EX | LOCK_NB) < 0)
        r = -errno;
    if (r >= 0)
        return 0;
    let_go(groups);
    return coop_fail_sys(err, r, "make cgroup '%s/%s'", groups->where, groups->name);
}

int launch_cgroups_open(struct launch_cgroups *ret_groups, struct coop_err *err)
{
    struct launch_cgroups groups;

    if (launch_cgroups_find(&groups, err) < 0 || launch_cgroups_make(&groups, err) < 0)
        return -1;
    *ret_groups = groups;
    return 0;
}

void launch_cgroups_close(struct launch_cgroups *groups)
{
    (void)sys_unlinkat(groups->parent, groups->name, AT_REMOVEDIR);
    let_go(groups);
}

/* ---- names ---- */

int launch_cgroup_escape(const char *name, char *ret_text, size_t size)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_@:";
    static const char hex[] = "0123456789ABCDEF";
    size_t used = 0;

    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;

        if (used + 4 > size)
            return -ENAMETOOLONG;
        if (strchr(plain, c)) {
            ret_text[used++] = (char)c;
            continue;
        }
        ret_text[used++] = '%';
        ret_text[used++] = hex[c >> 4];
        ret_text[used++] = hex[c & 15];
    }
    ret_text[used] = '\0';
    return 0;
}

/* ---- one leaf ---- */

/* "coop-<pid>/<leaf>" and nothing else.  Paths come back from a journal: a damaged one, "." say,
 * must never mean the group that the whole machine is in. */
static bool is_leaf(const char *path)
{
    size_t tree = path && strncmp(path, "coop-", 5) == 0 ? strspn(path + 5, "0123456789") : 0;
    const char *leaf = tree > 0 && path[5 + tree] == '/' ? path + 5 + tree + 1 : "";

    return *leaf && *leaf != '.' && !strchr(leaf, '/');
}

pid_t launch_cgroup_owner(const char *path)
{
    return is_leaf(path) ? (pid_t)strtol(path + strlen("coop-"), NULL, 10) : 0;
}

int launch_cgroup_enter(const struct launch_cgroups *groups, const char *path)
{
    if (!is_leaf(path))
        return -EINVAL;
    return sys_openat(groups->parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

/* A file of the kernel's in a leaf. */
static int open_file(int above, const char *path, const char *file, int flags)
{
    SCOPED_FD dir = sys_openat(above, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    return dir < 0 ? dir : sys_openat(dir, file, flags | O_CLOEXEC, 0);
}

static int watch_leaf(int above, const char *path)
{
    return open_file(above, path, "cgroup.events", O_RDONLY);
}

int launch_cgroup_populated(int watch)
{
    char text[256];
    ssize_t got = sys_pread(watch, text, sizeof text - 1, 0);
    const char *at;

    if (got == -ENODEV)
        return 0; /* removed since: nobody lives there */
    if (got < 0)
        return (int)got;
    text[got] = '\0';
    at = strstr(text, "populated ");
    return at ? at[strlen("populated ")] == '1' : -EPROTO;
}

int launch_cgroup_make(const struct launch_cgroups *groups, const char *name,
                       char ret_path[LAUNCH_CGROUP_PATH], struct coop_err *err)
{
    char leaf[256]; /* NAME_MAX + 1 */
    char path[LAUNCH_CGROUP_PATH];
    int r = *name ? launch_cgroup_escape(name, leaf, sizeof leaf) : -EINVAL;

    if (r >= 0)
        r = str_format(path, sizeof path, "%s/%s", groups->name, leaf);
    if (r >= 0)
        r = sys_mkdirat(groups->own, leaf, 0755);
    if (r == -EEXIST) {
        SCOPED_FD watch = watch_leaf(groups->own, leaf);

        /* What an earlier life has used up would be counted for this one. */
        r = launch_cgroup_populated(watch) == 1 ? -EBUSY : launch_cgroup_remove(groups, path);
        if (r >= 0)
            r = sys_mkdirat(groups->own, leaf, 0755);
    }
    if (r < 0)
        return coop_fail_sys(err, r, "make cgroup '%s/%s/%s'", groups->where, groups->name,
                             name);
    str_copy(ret_path, LAUNCH_CGROUP_PATH, path);
    return 0;
}

int launch_cgroup_watch(const struct launch_cgroups *groups, const char *path)
{
    return is_leaf(path) ? watch_leaf(groups->parent, path) : -EINVAL;
}

/* ---- walking what is below ---- */

/* What to do with each group, children before their parent. */
struct visitor {
    int (*group)(struct visitor *visitor, int dir); /* its directory is open         */
    int (*leave)(struct visitor *visitor, int above, const char *name); /* after it */
    int sig;
    pid_t *pids;
    size_t max, count;
};

static int visit(struct visitor *visitor, int above, const char *name, int depth);

static int visit_below(struct visitor *visitor, int dir, int depth)
{
    _Alignas(struct dirent64) char chunk[2048];
    ssize_t got;

    while ((got = sys_getdents64(dir, chunk, sizeof chunk)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(chunk + at);
            int r;

            at += entry->d_reclen;
            if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                continue;
            r = visit(visitor, dir, entry->d_name, depth - 1);
            if (r < 0 && r != -ENOENT)
                return r;
        }
    }
    return (int)got;
}

static int visit(struct visitor *visitor, int above, const char *name, int depth)
{
    SCOPED_FD dir = sys_openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int r = dir < 0 ? dir : 0;

    if (r >= 0 && depth > 0)
        r = visit_below(visitor, dir, depth);
    if (r >= 0 && visitor->group)
        r = visitor->group(visitor, dir);
    if (r >= 0 && visitor->leave)
        r = visitor->leave(visitor, above, name);
    return r;
}

static void count_pid(struct visitor *visitor, pid_t pid)
{
    if (visitor->sig > 0)
        (void)sys_kill(pid, visitor->sig);
    if (visitor->count < visitor->max)
        visitor->pids[visitor->count] = pid;
    visitor->count++;
}

static int visit_procs(struct visitor *visitor, int dir)
{
    SCOPED_FD fd = sys_openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC, 0);
    char chunk[1024];
    ssize_t got = fd;
    pid_t pid = 0;

    while (fd >= 0 && (got = sys_read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] >= '0' && chunk[i] <= '9') {
                pid = pid * 10 + (chunk[i] - '0');
                continue;
            }
            if (pid > 0) /* 0: a process that our PID namespace does not show */
                count_pid(visitor, pid);
            pid = 0;
        }
    }
    return got == -EOPNOTSUPP ? 0 : (int)got; /* a threaded group: its domain lists them */
}

static int remove_group(struct visitor *visitor, int above, const char *name)
{
    (void)visitor;
    return sys_unlinkat(above, name, AT_REMOVEDIR);
}

/* ---- the calls on a leaf and all below it ---- */

int launch_cgroup_signal(const struct launch_cgroups *groups, const char *path, int sig)
{
    struct visitor visitor = {.group = visit_procs, .sig = sig};
    int r =
        is_leaf(path) ? visit(&visitor, groups->parent, path, LAUNCH_CGROUP_DEPTH) : -EINVAL;

    return r < 0 ? r : (int)visitor.count;
}

ssize_t launch_cgroup_pids(const struct launch_cgroups *groups, const char *path,
                           pid_t *ret_pids, size_t max)
{
    struct visitor visitor = {.group = visit_procs, .pids = ret_pids, .max = max};
    int r =
        is_leaf(path) ? visit(&visitor, groups->parent, path, LAUNCH_CGROUP_DEPTH) : -EINVAL;

    return r < 0 ? r : (ssize_t)visitor.count;
}

int launch_cgroup_kill(const struct launch_cgroups *groups, const char *path)
{
    SCOPED_FD fd =
        is_leaf(path) ? open_file(groups->parent, path, "cgroup.kill", O_WRONLY) : -EINVAL;
    ssize_t wrote = fd < 0 ? fd : sys_write(fd, "1", 1);
    int left = 1;

    if (wrote >= 0)
        return 0;
    if (wrote != -ENOENT)
        return (int)wrote;
    /* A killed process never forks again, so each round leaves only children of the race. */
    for (int round = 0; round < KILL_ROUNDS && left > 0; round++)
        left = launch_cgroup_signal(groups, path, SIGKILL);
    return left < 0 ? left : 0;
}

int launch_cgroup_remove(const struct launch_cgroups *groups, const char *path)
{
    struct visitor visitor = {.leave = remove_group};
    int r = is_leaf(path) ? sys_unlinkat(groups->parent, path, AT_REMOVEDIR) : -EINVAL;

    if (r == -EBUSY) /* groups below it, or processes: most leaves have neither any more */
        r = visit(&visitor, groups->parent, path, LAUNCH_CGROUP_DEPTH);
    return r == -ENOENT ? 0 : r;
}

/* ---- what a dead coopd left ---- */

struct leftover {
    struct visitor visitor;
    const char *tree;
    void (*found)(const char *path, void *arg);
    void *arg;
    int leaves;
};

/* A leaf of a dead coopd: told, and the caller may have removed it. */
static int found_leaf(struct visitor *visitor, int above, const char *name)
{
    struct leftover *left = (struct leftover *)(void *)visitor;
    char path[LAUNCH_CGROUP_PATH];

    /* No service: who lives there goes on living. */
    if (strcmp(name, LAUNCH_CGROUP_SELF) == 0) {
        (void)sys_unlinkat(above, name, AT_REMOVEDIR);
        return 0;
    }
    if (snprintf(path, sizeof path, "%s/%s", left->tree, name) >= (int)sizeof path)
        return 0;
    left->leaves++;
    left->found(path, left->arg);
    return 0;
}

int launch_cgroup_adopt(const struct launch_cgroups *groups, const char *path)
{
    char tree[LAUNCH_CGROUP_PATH];
    SCOPED_FD dir = -1;

    if (!is_leaf(path))
        return -EINVAL;
    (void)snprintf(tree, sizeof tree, "%.*s", (int)strcspn(path, "/"), path);
    dir = sys_openat(groups->parent, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0)
        return dir;
    if (flock(dir, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    return fd_take(&dir);
}

int launch_cgroups_leftover(const struct launch_cgroups *groups, const char *tree,
                            void (*found)(const char *path, void *arg), void *arg)
{
    struct leftover left = {
        .visitor = {.leave = found_leaf}, .tree = tree, .found = found, .arg = arg};
    bool ours = strcmp(tree, groups->name) == 0; /* our PID was that of the dead one, too */
    SCOPED_FD dir = -EINVAL;
    int r;

    if (is_tree(tree))
        dir = sys_openat(groups->parent, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0)
        return dir == -ENOENT ? 0 : dir;
    if (!ours && flock(dir, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    r = visit_below(&left.visitor, dir, 1);
    if (!ours)
        (void)sys_unlinkat(groups->parent, tree, AT_REMOVEDIR); /* empty by now, or it stays */
    return r < 0 ? r : left.leaves;
}

static int sweep_tree(struct visitor *visitor, int above, const char *name)
{
    SCOPED_FD dir = -1;

    (void)visitor;
    if (!is_tree(name))
        return 0;
    dir = sys_openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0)
        return 0;
    (void)sys_unlinkat(dir, LAUNCH_CGROUP_SELF, AT_REMOVEDIR);
    (void)sys_unlinkat(above, name, AT_REMOVEDIR);
    return 0;
}

void launch_cgroups_sweep(const struct launch_cgroups *groups)
{
    struct visitor visitor = {.leave = sweep_tree};
    SCOPED_FD dir = sys_openat(groups->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (dir >= 0)
        (void)visit_below(&visitor, dir, 1);
}
