/*
 * disk_held.c - through the tables of descriptors, with a place to go on from (disk_held.h)
 */
#include "launcher/limits/disk_held.h"

#include "base/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK       4096
#define STAT_BYTES  1024 /* of a stat file: a name and fifty numbers */
#define FIELD_STATE 3    /* of proc(5) */
#define FIELD_FLAGS 9
#define FIELD_BORN  22
#define EXITING     0x4u /* PF_EXITING */

/* A directory of /proc, read name by name. */
struct listing {
    int fd; /* -1: none is open */
    long at, got;
    _Alignas(struct dirent64) char chunk[CHUNK];
};

struct file {
    uint64_t dev, ino; /* 0, 0: a free place; no file has inode 0 */
};

struct member {
    pid_t pid;
    uint64_t born; /* clock ticks since boot: tells a number that is used again */
    bool counts;   /* not a reaper of ours, whose table nobody may see          */
};

struct disk_tables {
    struct disk_devices skip;
    struct member *members;
    size_t count, at;
    struct listing tasks, names;
    int64_t looked;
    struct file *seen; /* a hash table, at most half full */
    size_t room, held;
};

/* ---- reading names ---- */

static void listing_close(struct listing *list)
{
    if (list->fd >= 0)
        (void)close(list->fd);
    list->fd = -1;
}

static void listing_open(struct listing *list, int dir, const char *path)
{
    list->fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    list->at = list->got = 0;
}

/* NULL: that was the last, and it is closed. */
static const char *listing_next(struct listing *list)
{
    const struct dirent64 *entry;

    for (;;) {
        if (list->at >= list->got) {
            list->at = 0;
            list->got = syscall(SYS_getdents64, list->fd, list->chunk, sizeof list->chunk);
        }
        if (list->got <= 0) {
            listing_close(list);
            return NULL;
        }
        entry = (const void *)(list->chunk + list->at);
        list->at += entry->d_reclen;
        if (entry->d_name[0] != '.')
            return entry->d_name;
    }
}

/* ---- what has been seen ---- */

static struct file *find_place(struct file *table, size_t room, struct file file)
{
    size_t at = (file.ino * 0x9e3779b97f4a7c15u + file.dev) % room;

    while (table[at].ino != 0 && (table[at].ino != file.ino || table[at].dev != file.dev))
        at = (at + 1) % room;
    return &table[at];
}

static bool grow(struct disk_tables *t)
{
    size_t room = t->room ? t->room * 2 : 64;
    struct file *grown = calloc(room, sizeof *grown);

    if (!grown)
        return false;
    for (size_t i = 0; i < t->room; i++)
        if (t->seen[i].ino != 0)
            *find_place(grown, room, t->seen[i]) = t->seen[i];
    free(t->seen);
    t->seen = grown;
    t->room = room;
    return true;
}

static bool is_skipped(const struct disk_tables *t, uint64_t dev)
{
    for (size_t i = 0; i < t->skip.count; i++)
        if (t->skip.at[i] == dev)
            return true;
    return false;
}

static void add_file(struct disk_held *held, const struct stat *st)
{
    struct disk_tables *t = held->tables;
    struct file *place;

    if (2 * t->held >= t->room && !grow(t)) {
        held->sum.hidden++;
        return;
    }
    place = find_place(t->seen, t->room, (struct file){st->st_dev, st->st_ino});
    if (place->ino != 0)
        return;
    *place = (struct file){st->st_dev, st->st_ino};
    t->held++;
    held->sum.files++;
    held->sum.bytes += (int64_t)st->st_blocks * DISK_BLOCK;
}

/* ---- one process, one thread, one descriptor ---- */

/* What follows the name in a stat file, from the state on; NULL: it is gone. */
static const char *read_state(int dir, const char *path, char *text, size_t size)
{
    SCOPED_FD fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    const char *state;

    if (got <= 0)
        return NULL;
    text[got] = '\0';
    state = strrchr(text, ')');
    return state && state[1] == ' ' ? state + 2 : NULL;
}

/* From the state on to a later field. */
static const char *find_field(const char *state, int wanted)
{
    for (int field = FIELD_STATE; state && field < wanted; field++) {
        state = strchr(state, ' ');
        state += state != NULL;
    }
    return state;
}

/* Of those nobody may see the table; they have none.  Who has much memory to give back is a while
 * on his way there. */
static bool is_dead(int tasks, const char *tid)
{
    char path[32], text[STAT_BYTES];
    const char *state, *flags;

    (void)snprintf(path, sizeof path, "%.20s/stat", tid);
    state = read_state(tasks, path, text, sizeof text);
    flags = find_field(state, FIELD_FLAGS);
    return !flags || *state == 'Z' || *state == 'X' || strtoul(flags, NULL, 10) & EXITING;
}

/* The same process, and not another one that got its number since. */
static bool is_member(const struct member *member, int tasks)
{
    char text[STAT_BYTES];
    const char *at = find_field(read_state(tasks, "../stat", text, sizeof text), FIELD_BORN);

    return at && strtoull(at, NULL, 10) == member->born;
}

static bool shares_table(pid_t pid, pid_t tid)
{
    return tid != pid && syscall(SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) == 0;
}

/* Each thread may have a table of its own, and most do not. */
static void enter_thread(struct disk_held *held, const char *tid)
{
    struct disk_tables *t = held->tables;
    const struct member *member = &t->members[t->at];
    char path[32];

    if (shares_table(member->pid, (pid_t)strtol(tid, NULL, 10)))
        return;
    (void)snprintf(path, sizeof path, "%.20s/fd", tid);
    listing_open(&t->names, t->tasks.fd, path);
    if (t->names.fd < 0 && (errno == EACCES || errno == EPERM) && member->counts &&
        !is_dead(t->tasks.fd, tid))
        held->dark++;
}

static void look_at(struct disk_held *held, const char *name)
{
    struct disk_tables *t = held->tables;
    struct stat st;

    held->sum.hidden += ++t->looked == DISK_HELD_MOST;
    if (fstatat(t->names.fd, name, &st, 0) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0 &&
        !is_skipped(t, st.st_dev))
        add_file(held, &st);
}

/* One small step. False: there is no more. */
static bool step(struct disk_held *held)
{
    struct disk_tables *t = held->tables;
    char path[32];
    const char *name;

    if (t->names.fd >= 0) {
        name = listing_next(&t->names);
        if (name)
            look_at(held, name);
        return true;
    }
    if (t->tasks.fd >= 0) {
        name = listing_next(&t->tasks);
        if (name)
            enter_thread(held, name);
        else
            t->at++;
        return true;
    }
    if (t->at >= t->count)
        return false;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)t->members[t->at].pid);
    listing_open(&t->tasks, AT_FDCWD, path);
    if (t->tasks.fd >= 0 && !is_member(&t->members[t->at], t->tasks.fd))
        listing_close(&t->tasks);
    t->at += t->tasks.fd < 0; /* it is gone */
    return true;
}

/* ---- the calls ---- */

static struct disk_tables *tables_new(const struct tree_usage *tree, struct disk_devices skip)
{
    struct disk_tables *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    *t = (struct disk_tables){.skip = skip, .tasks.fd = -1, .names.fd = -1};
    t->members = calloc(tree->count + 1, sizeof *t->members);
    if (!t->members) {
        free(t);
        return NULL;
    }
    for (size_t i = 0; i < tree->count; i++)
        t->members[t->count++] =
            (struct member){.pid = tree->members[i].pid,
                            .born = tree->members[i].born,
                            .counts = tree->members[i].pid != tree->root || tree->root_counts};
    return t;
}

void disk_held_begin(struct disk_held *ret_held, const struct tree_usage *tree,
                     struct disk_devices skip)
{
    *ret_held = (struct disk_held){.tables = tables_new(tree, skip)};
    ret_held->sum.hidden = !ret_held->tables;
}

bool disk_held_go(struct disk_held *held, coop_nsec deadline)
{
    enum { STEPS = 64 }; /* between two looks at the clock */

    while (held->tables && held->tables->looked < DISK_HELD_MOST) {
        for (int i = 0; i < STEPS; i++)
            if (!step(held))
                return true;
        if (deadline != COOP_FOREVER && disk_clock() >= deadline)
            return false;
    }
    return true;
}

void disk_held_end(struct disk_held *held)
{
    struct disk_tables *t = held->tables;

    if (!t)
        return;
    listing_close(&t->tasks);
    listing_close(&t->names);
    free(t->members);
    free(t->seen);
    free(t);
    held->tables = NULL;
}
