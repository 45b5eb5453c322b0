#ifndef COOP_SUPERVISOR_TREE_H
#define COOP_SUPERVISOR_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coop/err.h"

/*
 * tree.h - the processes of the machine, and those below a service
 *
 * One scan of /proc makes a table of every process; any number of services are then cut out of
 * it, so a listing of a thousand services costs one scan and not a thousand:
 *
 *     struct proc_table table = {0};
 *     struct proc_tree tree = {0};
 *     if (proc_table_scan(&table, "/proc", err) < 0) ...
 *     proc_tree_cut(&tree, &table, &service_pid, 1);
 *     proc_tree_describe(&tree, "/proc");
 *     for (size_t i = 0; i < tree.count; i++) ... tree.at[i].depth, tree.at[i].proc.pid ...
 *     proc_tree_done(&tree);
 *     proc_table_done(&table);
 *
 * Errors    A process that ends between two reads is left out or keeps "?" as its command; that
 *           is no error.  Only a /proc that cannot be listed is.
 * Threads   No globals; a table belongs to its caller.  Reading /proc blocks: inside coopd wrap
 *           it in coop_block_begin/end.
 * Memory    Tables own their arrays; _done() frees them and accepts an all-zero struct.
 * Limits    PROC_SCAN_MAX processes in a table, PROC_TREE_MAX in one tree; what is beyond is
 *           counted in left_out, never silently lost.
 */

#define PROC_SCAN_MAX    (1u << 22) /* the kernel's own PID_MAX_LIMIT                         */
#define PROC_TREE_MAX    1024u      /* processes of one service that are shown                */
#define PROC_DEPTH_MAX   64u        /* deeper ones are drawn at this depth                    */
#define PROC_COMMAND_MAX 256u       /* bytes of a command line that are kept, with the NUL    */
#define PROC_NAME_MAX    64u /* bytes of a name; the kernel's are 15, its threads' more */

struct proc {
    pid_t pid, ppid;
    pid_t inside; /* its PID in its own namespace; the same as pid on the host's       */
    char state;   /* R running, S sleeping, D in the kernel, T stopped, Z zombie, ...  */
    uint64_t start_ticks; /* since boot; with the pid it names a process for good */
    char name[PROC_NAME_MAX];
};

struct proc_table {
    struct proc *at;    /* sorted by pid */
    uint32_t *families; /* the same by parent: places in 'at', so that children are one block */
    size_t count, room;
};

struct proc_node {
    struct proc proc;
    unsigned depth; /* 0 for the roots */
    bool last;      /* no sibling comes after it: the line drawn down to it ends there */
    char command[PROC_COMMAND_MAX]; /* one line, arguments joined by blanks; "[name]" for one
                                       that has no command line (a zombie) */
};

struct proc_tree {
    struct proc_node *at; /* parents before children, siblings by pid */
    size_t count, room;
    size_t left_out;
};

/* Reads the text of /proc/PID/stat.  The name may hold anything, blanks, parentheses and
 * newlines too: it ends at the *last* ')'.  0, or -EINVAL (then '*ret_proc' is untouched).
 * 'inside' is set to the pid itself. */
int proc_parse_stat(const char *text, size_t size, struct proc *ret_proc);

/* Finds the innermost PID in the text of /proc/PID/status (its NSpid line).  0 or -EINVAL. */
int proc_parse_inside(const char *text, size_t size, pid_t *ret_inside);

/* Makes one line of the bytes of /proc/PID/cmdline: arguments joined by blanks, control bytes
 * as '?', cut at PROC_COMMAND_MAX.  Returns its length; 0 when there is no command line. */
size_t proc_join_command(const char *bytes, size_t size, char *ret_line, size_t room);

/* Fills '*ret_table' with every process below 'proc_dir'.  0 or -1. */
int proc_table_scan(struct proc_table *ret_table, const char *proc_dir, struct coop_err *err);

/* NULL when there is no such process. */
const struct proc *proc_table_find(const struct proc_table *table, pid_t pid);

/* Makes a table of processes by hand (tests). 0 or -ENOMEM. */
int proc_table_make(struct proc_table *ret_table, const struct proc *procs, size_t count);

void proc_table_done(struct proc_table *table);

/* Cuts out the processes 'pids' and everything below them.  A pid below another of the list is
 * shown once, at its place; one that does not exist is skipped.  0 or -ENOMEM. */
int proc_tree_cut(struct proc_tree *ret_tree, const struct proc_table *table, const pid_t *pids,
                  size_t count);

/* Looks up what the scan does not read: the PID inside and the command line. */
void proc_tree_describe(struct proc_tree *tree, const char *proc_dir);

void proc_tree_done(struct proc_tree *tree);

#endif
