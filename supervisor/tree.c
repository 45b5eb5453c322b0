/*
 * tree.c - reading /proc, and cutting a service's processes out of it
 *
 * A scan reads one small file per process, /proc/PID/stat, and nothing else; the two dearer
 * ones (status for the PID inside, cmdline) are read only for processes that will be shown.
 *
 * The race: a process may end, and its number be given to another, between scan and
 * description. The description holds /proc/PID open as a directory (which stays with the
 * process it was opened for), reads stat again through it and compares the start time before it
 * believes anything else.
 */
#include "tree.h"

#include "base/scope.h"
#include "base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* ---- files ---- */

/* Reads up to 'room' bytes of a small file.  The count, or -errno. */
static ssize_t read_small(int dir, const char *path, char *ret_bytes, size_t room)
{
    size_t used = 0;
    ssize_t got = 1;
    int fd = sys_openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);

    if (fd < 0)
        return fd;
    while (used < room && got > 0) {
        got = sys_read(fd, ret_bytes + used, room - used);
        used += got > 0 ? (size_t)got : 0;
    }
    sys_close(fd);
    return got < 0 ? got : (ssize_t)used;
}

static bool is_pid_name(const char *name)
{
    size_t length = strspn(name, "0123456789");

    return length > 0 && length < 11 && name[length] == '\0';
}

/* ---- the table ---- */

static int by_pid(const void *a, const void *b)
{
    pid_t left = ((const struct proc *)a)->pid, right = ((const struct proc *)b)->pid;

    return (left > right) - (left < right);
}

static int by_parent(const void *a, const void *b, void *table)
{
    const struct proc *at = ((const struct proc_table *)table)->at;
    const struct proc *left = &at[*(const uint32_t *)a], *right = &at[*(const uint32_t *)b];

    return left->ppid != right->ppid ? (left->ppid > right->ppid) - (left->ppid < right->ppid)
                                     : by_pid(left, right);
}

/* Puts a filled table in order. 0 or -ENOMEM. */
static int sort_table(struct proc_table *table)
{
    uint32_t *families = reallocarray(NULL, table->count + 1, sizeof *families);

    if (!families)
        return -ENOMEM;
    free(table->families);
    table->families = families;
    if (table->count > 0)
        qsort(table->at, table->count, sizeof *table->at, by_pid);
    for (size_t i = 0; i < table->count; i++)
        families[i] = (uint32_t)i;
    qsort_r(families, table->count, sizeof *families, by_parent, table);
    return 0;
}

static int append(struct proc_table *table, const struct proc *proc)
{
    if (table->count == table->room) {
        size_t room = table->room ? table->room * 2 : 256;
        struct proc *more;

        if (room > PROC_SCAN_MAX)
            return -E2BIG;
        more = reallocarray(table->at, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        table->at = more;
        table->room = room;
    }
    table->at[table->count++] = *proc;
    return 0;
}

/* 0 also for a process that is gone by now. */
static int scan_one(struct proc_table *table, int proc_fd, const char *pid_name)
{
    char path[32], text[1024];
    struct proc proc;
    ssize_t got;

    snprintf(path, sizeof path, "%.20s/stat", pid_name);
    got = read_small(proc_fd, path, text, sizeof text);
    if (got < 0 || proc_parse_stat(text, (size_t)got, &proc) < 0)
        return 0;
    return append(table, &proc);
}

static int scan_entries(struct proc_table *table, int proc_fd, const char *entries, size_t size)
{
    for (size_t at = 0; at < size;) {
        const struct dirent64 *entry = (const void *)(entries + at);
        int r = is_pid_name(entry->d_name) ? scan_one(table, proc_fd, entry->d_name) : 0;

        if (r < 0)
            return r;
        at += entry->d_reclen;
    }
    return 0;
}

/* ---- cutting a tree ---- */

/* The i-th process in the order of the parents. */
static const struct proc *in_family(const struct proc_table *table, size_t i)
{
    return &table->at[table->families[i]];
}

/* Where the children of 'parent' begin in the order of the parents. */
static size_t first_child(const struct proc_table *table, pid_t parent)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (in_family(table, middle)->ppid < parent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_node(const struct proc_tree *tree, pid_t pid)
{
    for (size_t i = 0; i < tree->count; i++)
        if (tree->at[i].proc.pid == pid)
            return true;
    return false;
}

static int add_node(struct proc_tree *tree, const struct proc *proc, unsigned depth)
{
    struct proc_node *node;

    if (tree->count == PROC_TREE_MAX) {
        tree->left_out++;
        return 0;
    }
    if (tree->count == tree->room) {
        size_t room = tree->room ? tree->room * 2 : 8;
        struct proc_node *more = reallocarray(tree->at, room, sizeof *more);

        if (!more)
            return -ENOMEM;
        tree->at = more;
        tree->room = room;
    }
    node = &tree->at[tree->count++];
    *node = (struct proc_node){.proc = *proc, .depth = depth};
    snprintf(node->command, sizeof node->command, "[%s]", proc->name);
    return 0;
}

/* Adds 'proc' and what is below it.  The recursion is as deep as the tree is, and bounded:
 * a scan that raced with reparenting may show a process as its own ancestor. */
static int add_below(struct proc_tree *tree, const struct proc_table *table,
                     const struct proc *proc, unsigned depth)
{
    int r = add_node(tree, proc, depth);
    size_t i = first_child(table, proc->pid);

    for (; r == 0 && i < table->count && in_family(table, i)->ppid == proc->pid; i++) {
        if (depth == PROC_DEPTH_MAX || tree->count == PROC_TREE_MAX)
            tree->left_out++;
        else
            r = add_below(tree, table, in_family(table, i), depth + 1);
    }
    return r;
}

/* Is 'pid' below another one of the list?  Then it is drawn there. */
static bool is_below_another(const struct proc_table *table, pid_t pid, const pid_t *pids,
                             size_t count)
{
    const struct proc *proc = proc_table_find(table, pid);

    for (unsigned steps = 0; proc && steps < 2 * PROC_DEPTH_MAX; steps++) {
        for (size_t i = 0; i < count; i++)
            if (pids[i] == proc->ppid && proc->ppid != pid)
                return true;
        proc = proc_table_find(table, proc->ppid);
    }
    return false;
}

static void mark_last_siblings(struct proc_tree *tree)
{
    bool open[PROC_DEPTH_MAX + 2] = {false}; /* a later node continues this depth's line */

    for (size_t i = tree->count; i-- > 0;) {
        unsigned depth = tree->at[i].depth;

        tree->at[i].last = !open[depth];
        open[depth] = true;
        memset(open + depth + 1, 0, sizeof open - (depth + 1) * sizeof *open);
    }
}

/* ---- describing ---- */

static void describe_node(struct proc_node *node, int proc_fd)
{
    char name[16], text[4096];
    struct proc again;
    ssize_t got;
    SCOPED_SYS_FD dir = -1;

    snprintf(name, sizeof name, "%d", node->proc.pid);
    dir = sys_openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0)
        return;
    got = read_small(dir, "stat", text, sizeof text);
    if (got < 0 || proc_parse_stat(text, (size_t)got, &again) < 0 ||
        again.start_ticks != node->proc.start_ticks)
        return;
    node->proc.state = again.state;
    got = read_small(dir, "status", text, sizeof text);
    if (got > 0)
        proc_parse_inside(text, (size_t)got, &node->proc.inside);
    got = read_small(dir, "cmdline", text, sizeof text);
    if (got > 0)
        proc_join_command(text, (size_t)got, node->command, sizeof node->command);
}

/* ---- the public calls ---- */

int proc_table_make(struct proc_table *ret_table, const struct proc *procs, size_t count)
{
    struct proc_table table = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = append(&table, &procs[i]);
    if (r == 0)
        r = sort_table(&table);
    if (r == 0)
        *ret_table = table;
    else
        proc_table_done(&table);
    return r;
}

const struct proc *proc_table_find(const struct proc_table *table, pid_t pid)
{
    struct proc key = {.pid = pid};

    if (table->count == 0)
        return NULL;
    return bsearch(&key, table->at, table->count, sizeof *table->at, by_pid);
}

int proc_table_scan(struct proc_table *ret_table, const char *proc_dir, struct coop_err *err)
{
    _Alignas(struct dirent64) char entries[8192];
    struct proc_table table = {0};
    ssize_t got = 1;
    SCOPED_SYS_FD fd = sys_openat(AT_FDCWD, proc_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (fd < 0)
        return coop_fail_sys(err, fd, "open '%s'", proc_dir);
    while (got > 0) {
        got = sys_getdents64(fd, entries, sizeof entries);
        if (got > 0) {
            int r = scan_entries(&table, fd, entries, (size_t)got);

            got = r < 0 ? r : got;
        }
    }
    if (got == 0)
        got = sort_table(&table);
    if (got < 0) {
        proc_table_done(&table);
        return coop_fail_sys(err, (int)got, "list the processes in '%s'", proc_dir);
    }
    *ret_table = table;
    return 0;
}

void proc_table_done(struct proc_table *table)
{
    free(table->at);
    free(table->families);
    *table = (struct proc_table){0};
}

int proc_tree_cut(struct proc_tree *ret_tree, const struct proc_table *table, const pid_t *pids,
                  size_t count)
{
    struct proc_tree tree = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct proc *proc = proc_table_find(table, pids[i]);

        if (proc && !has_node(&tree, pids[i]) && !is_below_another(table, pids[i], pids, count))
            r = add_below(&tree, table, proc, 0);
    }
    if (r < 0) {
        proc_tree_done(&tree);
        return r;
    }
    mark_last_siblings(&tree);
    *ret_tree = tree;
    return 0;
}

void proc_tree_describe(struct proc_tree *tree, const char *proc_dir)
{
    SCOPED_SYS_FD fd = sys_openat(AT_FDCWD, proc_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    for (size_t i = 0; fd >= 0 && i < tree->count; i++)
        describe_node(&tree->at[i], fd);
}

void proc_tree_done(struct proc_tree *tree)
{
    free(tree->at);
    *tree = (struct proc_tree){0};
}
