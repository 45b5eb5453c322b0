/*
 * disk_usage.c - walking, asking, and finding what is deleted (contract in disk_usage.h)
 *
 * The program changes what we walk while we walk it.  So names are opened one at a time, never
 * through a link, and what is gone when we come is nothing.
 */
#include "launcher/limits/disk_usage.h"

#include "base/scope.h"
#include "launcher/kernel.h"
#include "launcher/plan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK      512 /* of st_blocks */
#define CHUNK      4096
#define BYTES_MADE 262144 /* small files of /etc, and the like     */
#define FILES_MADE 8      /* directories on the way to mount points */

struct sum {
    int64_t bytes, files, hidden;
    bool full;
};

/* ---- walking ---- */

struct level {
    int fd;
    long at, got;
    _Alignas(struct dirent64) char chunk[CHUNK];
};

struct walk {
    struct level *levels[DISK_DEPTH];
    int depth;
    struct sum sum;
};

static void add_file(struct sum *sum, const struct stat *st)
{
    int64_t names = st->st_nlink > 0 ? (int64_t)st->st_nlink : 1;

    if (S_ISDIR(st->st_mode))
        names = 1;
    sum->bytes += (int64_t)st->st_blocks * BLOCK / names;
    sum->files++;
}

static void descend(struct walk *walk, int above, const char *name)
{
    struct level *level = walk->depth < DISK_DEPTH ? malloc(sizeof *level) : NULL;
    int fd = level ? openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

    if (fd < 0) {
        walk->sum.hidden += !level || (errno != ENOENT && errno != ENOTDIR && errno != ELOOP);
        free(level);
        return;
    }
    level->fd = fd;
    level->at = level->got = 0;
    walk->levels[walk->depth++] = level;
}

static void visit(struct walk *walk, int dir, const char *name)
{
    struct stat st;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return;
    add_file(&walk->sum, &st);
    if (S_ISDIR(st.st_mode))
        descend(walk, dir, name);
}

static void ascend(struct walk *walk)
{
    struct level *level = walk->levels[--walk->depth];

    (void)close(level->fd);
    free(level);
}

static struct sum walk_below(int fd)
{
    struct walk walk = {0};
    struct stat st;

    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        add_file(&walk.sum, &st);
    else
        descend(&walk, fd, ".");
    while (walk.depth > 0) {
        struct level *level = walk.levels[walk.depth - 1];
        const struct dirent64 *entry = (const void *)(level->chunk + level->at);

        if (level->at < level->got) {
            level->at += entry->d_reclen;
            visit(&walk, level->fd, entry->d_name);
            continue;
        }
        level->at = 0;
        level->got = syscall(SYS_getdents64, level->fd, level->chunk, sizeof level->chunk);
        if (level->got <= 0)
            ascend(&walk);
    }
    return walk.sum;
}

static struct sum ask(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return (struct sum){0};
    return (struct sum){.bytes = (int64_t)(fs.f_blocks - fs.f_bfree) * (int64_t)fs.f_bsize,
                        .files = (int64_t)(fs.f_files - fs.f_ffree),
                        .full = fs.f_bfree == 0 || fs.f_ffree == 0};
}

static struct sum measure(const struct disk_area *area)
{
    return area->is_fs ? ask(area->fd) : walk_below(area->fd);
}

/* ---- what is deleted and held open ---- */

struct held {
    uint64_t dev, ino;
    int64_t bytes;
};

struct holding {
    struct held *items;
    size_t count, room;
};

/* A fresh file system counts what is deleted; memory without a name (memfd) is no disk. */
static bool is_counted(const struct disk_usage *disk, uint64_t dev)
{
    for (size_t i = 0; i < disk->count; i++)
        if (disk->areas[i].is_fs && disk->areas[i].dev == dev)
            return true;
    return dev == disk->memory_dev;
}

static void hold(struct holding *all, const struct stat *st)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].ino == st->st_ino && all->items[i].dev == st->st_dev)
            return;
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 32;
        struct held *grown = realloc(all->items, room * sizeof *grown);

        if (!grown)
            return;
        all->items = grown;
        all->room = room;
    }
    all->items[all->count++] =
        (struct held){st->st_dev, st->st_ino, (int64_t)st->st_blocks * BLOCK};
}

/* Of those nobody may see the table; they have none. */
static bool is_dead(int tasks, const char *tid)
{
    char path[32], text[256] = "";
    SCOPED_FD fd = -1;
    const char *state;

    (void)snprintf(path, sizeof path, "%.20s/stat", tid);
    fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return true;
    state = strrchr(text, ')');
    return state && (state[2] == 'Z' || state[2] == 'X');
}

/* The table of one thread: each may have its own. False: it may not be looked into. */
static bool look_into(const struct disk_usage *disk, int tasks, const char *tid,
                      struct holding *all)
{
    _Alignas(struct dirent64) char chunk[CHUNK];
    char path[32];
    SCOPED_FD dir = -1;
    long got;

    (void)snprintf(path, sizeof path, "%.20s/fd", tid);
    dir = openat(tasks, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return (errno != EACCES && errno != EPERM) || is_dead(tasks, tid);
    while (dir >= 0 && (got = syscall(SYS_getdents64, dir, chunk, sizeof chunk)) > 0) {
        for (long at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(chunk + at);
            struct stat st;

            at += entry->d_reclen;
            if (entry->d_name[0] != '.' && fstatat(dir, entry->d_name, &st, 0) == 0 &&
                S_ISREG(st.st_mode) && st.st_nlink == 0 && !is_counted(disk, st.st_dev))
                hold(all, &st);
        }
    }
    return true;
}

static bool look_into_threads(const struct disk_usage *disk, pid_t pid, struct holding *all)
{
    _Alignas(struct dirent64) char chunk[CHUNK];
    char path[32];
    SCOPED_FD tasks = -1;
    bool seen = true;
    long got;

    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (tasks >= 0 && (got = syscall(SYS_getdents64, tasks, chunk, sizeof chunk)) > 0) {
        for (long at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(chunk + at);

            at += entry->d_reclen;
            if (entry->d_name[0] != '.')
                seen = look_into(disk, tasks, entry->d_name, all) && seen;
        }
    }
    return seen;
}

static struct sum find_deleted(const struct disk_usage *disk, const struct tree_usage *tree)
{
    struct holding all = {0};
    struct sum sum = {0};

    for (size_t i = 0; i < tree->count; i++)
        if (!look_into_threads(disk, tree->members[i].pid, &all) &&
            (tree->members[i].pid != tree->root || tree->root_counts))
            sum.hidden++; /* it has made itself not dumpable, or is about to exec */
    for (size_t i = 0; i < all.count; i++)
        sum.bytes += all.items[i].bytes;
    sum.files = (int64_t)all.count;
    free(all.items);
    return sum;
}

/* ---- areas ---- */

/* Whether it lies in an area that is walked already. */
static bool is_covered(const struct disk_usage *disk, int fd)
{
    char path[64], new[PATH_MAX], old[PATH_MAX];
    ssize_t length, other;

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    length = readlink(path, new, sizeof new - 1);
    for (size_t i = 0; length > 0 && i < disk->count; i++) {
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", disk->areas[i].fd);
        other = disk->areas[i].is_fs ? -1 : readlink(path, old, sizeof old - 1);
        new[length] = '\0';
        if (other > 0 && other <= length && memcmp(new, old, (size_t)other) == 0 &&
            (new[other] == '/' || new[other] == '\0' || other == 1))
            return true;
    }
    return false;
}

/* What the launcher has made in it before the program began: but the program may have begun before
 * we look, so no more than that can be. */
static struct sum made_by_us(struct sum found, const struct launch_plan *plan)
{
    int64_t files = 2 * (int64_t)plan->ops.count + FILES_MADE;

    return (struct sum){.bytes = found.bytes < BYTES_MADE ? found.bytes : BYTES_MADE,
                        .files = found.files < files ? found.files : files};
}

static void add_area(struct disk_usage *disk, const struct launch_plan *plan, int fd,
                     bool is_fs)
{
    struct disk_area *area = &disk->areas[disk->count];
    struct stat st;
    struct sum sum;

    if (fd < 0)
        return;
    if (fstat(fd, &st) < 0 || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) ||
        (!is_fs && is_covered(disk, fd))) {
        (void)close(fd);
        return;
    }
    *area = (struct disk_area){.fd = fd, .is_fs = is_fs, .dev = st.st_dev};
    sum = is_fs ? made_by_us(measure(area), plan) : measure(area);
    area->bytes = sum.bytes;
    area->files = sum.files;
    area->hidden = sum.hidden;
    disk->count++;
}

/* A directory or file of the host that can be written to through this operation; NULL: none. */
static const char *host_area(const struct launch_plan *plan, const struct plan_op *op)
{
    bool writable = !(op->attr_set & MOUNT_ATTR_RDONLY);

    return writable && (op->kind == PLAN_OP_BIND || op->kind == PLAN_OP_OVERLAY)
               ? plan_str(plan, op->src)
               : NULL;
}

static bool is_fresh(const struct plan_op *op)
{
    return !(op->attr_set & MOUNT_ATTR_RDONLY) &&
           (op->kind == PLAN_OP_TMPFS || (op->kind == PLAN_OP_OVERLAY && !op->src));
}

static int refuse(struct coop_err *err)
{
    (void)coop_fail(err, COOP_E_MISSING,
                    "DiskMax= cannot be kept: it may write to all of the host's files");
    return coop_hint(err, "give it a root of its own (profile default, --ro-bind, --bind); "
                          "Prefer=limits starts without the bound");
}

static bool is_whole_host(int fd)
{
    struct stat here, root;

    return fstat(fd, &here) == 0 && stat("/", &root) == 0 && here.st_dev == root.st_dev &&
           here.st_ino == root.st_ino;
}

static uint64_t dev_of_memory(void)
{
    SCOPED_FD fd = memfd_create("coop", MFD_CLOEXEC);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 ? st.st_dev : 0;
}

/* ---- the public calls ---- */

int disk_usage_open(struct disk_usage *ret_disk, const struct launch_plan *plan,
                    struct coop_err *err)
{
    const struct plan_op *ops = plan_at(plan, plan->ops.at);
    struct disk_usage disk = {.areas = calloc(2 * plan->ops.count + 1, sizeof *disk.areas)};

    if (!disk.areas)
        return coop_fail(err, COOP_E_LIMIT, "no memory to look at what it writes");
    if (!(plan->flags & PLAN_NEW_ROOT)) {
        free(disk.areas);
        return refuse(err);
    }
    for (uint32_t i = 0; i < plan->ops.count; i++) {
        const char *path = host_area(plan, &ops[i]);
        int fd = path && *path ? open(path, O_PATH | O_CLOEXEC) : -1;

        if (fd >= 0 && is_whole_host(fd)) {
            (void)close(fd);
            disk_usage_done(&disk);
            return refuse(err);
        }
        add_area(&disk, plan, fd, false);
    }
    disk.memory_dev = dev_of_memory();
    *ret_disk = disk;
    return 0;
}

void disk_usage_enter(struct disk_usage *disk, const struct launch_plan *plan, pid_t main_pid)
{
    const struct plan_op *ops = plan_at(plan, plan->ops.at);
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    char path[32];
    SCOPED_FD root = -1;

    (void)snprintf(path, sizeof path, "/proc/%d/root", (int)main_pid);
    root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root >= 0 && !(plan->flags & (PLAN_ROOT_BIND | PLAN_ROOT_READ_ONLY)))
        add_area(disk, plan, fcntl(root, F_DUPFD_CLOEXEC, 0), true);
    for (uint32_t i = 0; root >= 0 && i < plan->ops.count; i++) {
        long fd = is_fresh(&ops[i])
                      ? syscall(SYS_openat2, root, plan_str(plan, ops[i].dst), &how, sizeof how)
                      : -1;

        add_area(disk, plan, (int)fd, true);
    }
}

void disk_usage_look(struct disk_usage *disk, const struct tree_usage *tree)
{
    struct sum all = find_deleted(disk, tree);

    for (size_t i = 0; i < disk->count; i++) {
        const struct disk_area *area = &disk->areas[i];
        struct sum now = measure(area);

        all.bytes += now.bytes - area->bytes;
        all.files += now.files - area->files;
        all.hidden += now.hidden > area->hidden;
        disk->full = disk->full || now.full;
    }
    disk->bytes = all.bytes;
    disk->files = all.files;
    disk->hidden = all.hidden > 0;
}

void disk_usage_done(struct disk_usage *disk)
{
    for (size_t i = 0; i < disk->count; i++)
        (void)close(disk->areas[i].fd);
    free(disk->areas);
    *disk = (struct disk_usage){0};
}
