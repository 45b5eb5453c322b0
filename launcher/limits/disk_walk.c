/*
 * disk_walk.c - a walk that can be interrupted (contract in disk_walk.h)
 *
 * The program changes what we walk while we walk it.  So names are opened one at a time, never
 * through a link.
 */
#include "launcher/limits/disk_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 4096

struct disk_level {
    int fd;
    long at, got;
    _Alignas(struct dirent64) char chunk[CHUNK];
};

coop_nsec disk_clock(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (coop_nsec)time.tv_sec * COOP_NSEC_PER_SEC + time.tv_nsec;
}

static void add_file(struct disk_sum *sum, const struct stat *st)
{
    int64_t names = st->st_nlink > 0 ? (int64_t)st->st_nlink : 1;

    if (S_ISDIR(st->st_mode))
        names = 1;
    sum->bytes += (int64_t)st->st_blocks * DISK_BLOCK / names;
    sum->files++;
}

static void descend(struct disk_walk *walk, int above, const char *name)
{
    struct disk_level *level = walk->depth < DISK_DEPTH ? malloc(sizeof *level) : NULL;
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

static void visit(struct disk_walk *walk, int dir, const char *name)
{
    struct stat st;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return;
    add_file(&walk->sum, &st);
    if (S_ISDIR(st.st_mode))
        descend(walk, dir, name);
}

static void ascend(struct disk_walk *walk)
{
    struct disk_level *level = walk->levels[--walk->depth];

    (void)close(level->fd);
    free(level);
}

void disk_walk_begin(struct disk_walk *ret_walk, int fd)
{
    struct stat st;

    *ret_walk = (struct disk_walk){0};
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        add_file(&ret_walk->sum, &st);
    else
        descend(ret_walk, fd, ".");
}

bool disk_walk_go(struct disk_walk *walk, coop_nsec deadline)
{
    while (walk->depth > 0) {
        struct disk_level *level = walk->levels[walk->depth - 1];
        const struct dirent64 *entry = (const void *)(level->chunk + level->at);

        if (level->at < level->got) {
            level->at += entry->d_reclen;
            visit(walk, level->fd, entry->d_name);
            continue;
        }
        level->at = 0;
        level->got = syscall(SYS_getdents64, level->fd, level->chunk, sizeof level->chunk);
        if (level->got <= 0)
            ascend(walk);
        else if (deadline != COOP_FOREVER && disk_clock() >= deadline)
            return false;
    }
    return true;
}

void disk_walk_end(struct disk_walk *walk)
{
    while (walk->depth > 0)
        ascend(walk);
}
