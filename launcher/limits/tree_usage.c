/*
 * tree_usage.c - a walk over /proc from one process down (contract in tree_usage.h)
 */
#include "launcher/limits/tree_usage.h"

#include "base/scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAT_BYTES 1024 /* of a stat file: a name and fifty numbers */
#define CHUNK      4096

struct pids {
    pid_t *items;
    size_t count, room;
};

/* ---- one process ---- */

struct process {
    uint64_t user, system, waited_user, waited_system, born; /* clock ticks */
    int64_t threads, pages;
};

static ssize_t read_whole(const char *path, char *ret_text, size_t size)
{
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, ret_text, size - 1);

    ret_text[got > 0 ? got : 0] = '\0';
    return got;
}

/* Field 3 is the first behind the name, which may hold anything, even ") 1 2 3". */
static int parse_stat(const char *text, struct process *ret_process)
{
    const char *at = strrchr(text, ')');
    uint64_t fields[25] = {0};
    char *end;

    if (!at || at[1] != ' ' || !at[2])
        return -EPROTO;
    at += 3; /* behind the state, which is field 3 */
    for (unsigned field = 4; field < 25; field++) {
        fields[field] = strtoull(at, &end, 10);
        if (end == at)
            return -EPROTO;
        at = end;
    }
    *ret_process = (struct process){
        .user = fields[14],
        .system = fields[15],
        .waited_user = fields[16],
        .waited_system = fields[17],
        .threads = (int64_t)fields[20],
        .born = fields[22],
        .pages = (int64_t)fields[24],
    };
    return 0;
}

static int look_at(pid_t pid, struct process *ret_process)
{
    char path[32], text[STAT_BYTES];

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    return read_whole(path, text, sizeof text) <= 0 ? -ENOENT : parse_stat(text, ret_process);
}

/* ---- who is below ---- */

static int add_pid(struct pids *pids, pid_t pid)
{
    if (pids->count >= TREE_USAGE_MAX)
        return 0;
    if (pids->count == pids->room) {
        size_t room = pids->room ? pids->room * 2 : 64;
        pid_t *grown = realloc(pids->items, room * sizeof *grown);

        if (!grown)
            return -ENOMEM;
        pids->items = grown;
        pids->room = room;
    }
    pids->items[pids->count++] = pid;
    return 0;
}

/* Numbers, each followed by a blank; a chunk may cut one in two. */
static int add_children_file(struct pids *pids, int fd)
{
    char chunk[CHUNK];
    ssize_t got;
    pid_t pid = 0;

    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] >= '0' && chunk[i] <= '9') {
                pid = pid * 10 + (chunk[i] - '0');
                continue;
            }
            if (pid > 0 && add_pid(pids, pid) < 0)
                return -ENOMEM;
            pid = 0;
        }
    }
    return 0;
}

/* Every thread has children of its own. */
static int add_children(struct pids *pids, pid_t pid)
{
    _Alignas(struct dirent64) char chunk[CHUNK];
    char path[320];
    SCOPED_FD dir = -1;
    long got;

    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return 0; /* gone since */
    while ((got = syscall(SYS_getdents64, dir, chunk, sizeof chunk)) > 0) {
        for (long at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(chunk + at);
            SCOPED_FD fd = -1;

            at += entry->d_reclen;
            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof path, "%s/children", entry->d_name);
            fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
            if (fd >= 0 && add_children_file(pids, fd) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

/* ---- the look ---- */

static int by_pid(const void *a, const void *b)
{
    const struct tree_member *left = a, *right = b;

    return (left->pid > right->pid) - (left->pid < right->pid);
}

/* What members of the look before had used who are not there any more. Both are sorted. */
static coop_nsec count_vanished(const struct tree_usage *tree, const struct tree_member *now,
                                size_t count)
{
    coop_nsec sum = 0;
    size_t at = 0;

    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_member *old = &tree->members[i];

        while (at < count && now[at].pid < old->pid)
            at++;
        if (at >= count || now[at].pid != old->pid || now[at].born != old->born)
            sum += old->own;
    }
    return sum;
}

static coop_nsec ticks(uint64_t count)
{
    return (coop_nsec)count * (COOP_NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
}

static void add_up(struct tree_usage *tree, const struct process *process, bool counts)
{
    int64_t bytes = process->pages * sysconf(_SC_PAGESIZE);

    tree->waited += ticks(process->waited_user + process->waited_system);
    tree->tasks += process->threads;
    if (!counts)
        return;
    tree->memory += bytes;
    if (bytes > tree->largest)
        tree->largest = bytes;
}

/* The sums over all in 'pids', which grows while it is walked. */
static int walk(struct tree_usage *tree, struct pids *pids, struct tree_member **ret_members,
                size_t *ret_count)
{
    struct tree_member *members = NULL;
    size_t count = 0, room = 0;

    for (size_t i = 0; i < pids->count; i++) {
        bool counts = pids->items[i] != tree->root || tree->root_counts;
        struct process process;

        if (look_at(pids->items[i], &process) < 0)
            continue;
        if (count == room) {
            struct tree_member *grown;

            room = room ? room * 2 : 64;
            grown = realloc(members, room * sizeof *grown);
            if (!grown)
                break;
            members = grown;
        }
        members[count++] = (struct tree_member){
            pids->items[i], process.born, counts ? ticks(process.user + process.system) : 0};
        add_up(tree, &process, counts);
        if (add_children(pids, pids->items[i]) < 0)
            break;
    }
    *ret_members = members;
    *ret_count = count;
    return count > 0 ? 0 : -ENOENT;
}

int tree_usage_look(struct tree_usage *tree)
{
    struct tree_member *members = NULL;
    struct pids pids = {0};
    coop_nsec own = 0;
    size_t count = 0;
    int r = add_pid(&pids, tree->root);

    tree->waited = tree->memory = tree->tasks = 0;
    if (r >= 0)
        r = walk(tree, &pids, &members, &count);
    free(pids.items);
    if (r < 0) {
        free(members);
        return r;
    }
    qsort(members, count, sizeof *members, by_pid);
    for (size_t i = 0; i < count; i++)
        own += members[i].own;
    tree->vanished += count_vanished(tree, members, count);
    free(tree->members);
    tree->members = members;
    tree->count = count;
    /* What is gone has been waited for, or not; either sum alone may be short, none is too much. */
    if (own + tree->waited > tree->cpu)
        tree->cpu = own + tree->waited;
    if (own + tree->vanished > tree->cpu)
        tree->cpu = own + tree->vanished;
    return 0;
}

void tree_usage_add(struct tree_usage *tree, int file)
{
    struct pids pids = {0};
    struct tree_member *grown = NULL;
    size_t known = tree->count;

    if (add_children_file(&pids, file) == 0 && pids.count > 0)
        grown = realloc(tree->members, (known + pids.count) * sizeof *grown);
    if (grown)
        tree->members = grown;
    for (size_t i = 0; grown && i < pids.count; i++) {
        const struct tree_member key = {.pid = pids.items[i]};
        struct process process;

        if (!bsearch(&key, grown, known, sizeof *grown, by_pid) &&
            look_at(key.pid, &process) == 0)
            grown[tree->count++] = (struct tree_member){key.pid, process.born, 0};
    }
    free(pids.items);
    if (tree->count > known)
        qsort(tree->members, tree->count, sizeof *tree->members, by_pid);
}

void tree_usage_done(struct tree_usage *tree)
{
    free(tree->members);
    *tree = (struct tree_usage){0};
}

/* ---- memory, exactly ---- */

static int64_t proportional(pid_t pid)
{
    char path[48], text[CHUNK];
    const char *at;
    struct process process;

    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    if (read_whole(path, text, sizeof text) > 0 && (at = strstr(text, "\nPss:")))
        return (int64_t)strtoull(at + 5, NULL, 10) * 1024;
    return look_at(pid, &process) < 0 ? 0 : process.pages * sysconf(_SC_PAGESIZE);
}

int64_t tree_usage_memory(const struct tree_usage *tree)
{
    int64_t sum = 0;

    for (size_t i = 0; i < tree->count; i++)
        if (tree->members[i].pid != tree->root || tree->root_counts)
            sum += proportional(tree->members[i].pid);
    return sum;
}
