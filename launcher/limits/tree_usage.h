#ifndef LAUNCHER_LIMITS_TREE_USAGE_H
#define LAUNCHER_LIMITS_TREE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coop/time.h"

/*
 * tree_usage.h - what a tree of processes uses, where no cgroup counts it
 *
 * The tree is a process and everything below it, found through /proc/PID/task/TID/children.  It
 * is whole when its root is a reaper (a PID 1 or a subreaper): then no orphan leaves it.
 *
 *     struct tree_usage tree = {.root = reaper};
 *
 *     if (tree_usage_look(&tree) == 0)
 *         ... tree.cpu, tree.memory, tree.tasks ...
 *     tree_usage_done(&tree);
 *
 * CPU time is what the living have used, what they have waited for, and what those had used who
 * were seen once and are gone.  A process that ignores SIGCHLD waits for nobody: its children are
 * counted only as far as they were seen, so short ones may escape.  A cgroup counts them all.
 *
 * Time      About 30 us for each process, more for those with many threads.
 * Errors    0 or -errno: -ENOENT when the root is gone, -ENOMEM, what /proc says.
 * Memory    Owned; freed by tree_usage_done().
 * Limits    TREE_USAGE_MAX processes; those beyond are not counted.
 */

#define TREE_USAGE_MAX 32768

struct tree_member {
    pid_t pid;
    uint64_t born; /* clock ticks since boot: tells a number that is used again */
    coop_nsec own; /* CPU time of its own                                       */
};

struct tree_usage {
    pid_t root;
    bool root_counts; /* the root is no reaper, but the program itself */
    /* as of the last look */
    coop_nsec cpu;      /* of all that ever ran; never goes back                    */
    int64_t memory;     /* bytes resident, counted once for each process that maps them */
    int64_t largest;    /* bytes resident of the largest process ever seen          */
    int64_t tasks;      /* threads, the root's among them                           */
    coop_nsec waited;   /* private: what the living have waited for                 */
    coop_nsec vanished; /* private: what those had used who are gone               */
    struct tree_member *members; /* private: by PID                                */
    size_t count;
};

int tree_usage_look(struct tree_usage *tree);
/* After a look: more members, out of a file with numbers (cgroup.procs).  They use nothing. */
void tree_usage_add(struct tree_usage *tree, int file);
void tree_usage_done(struct tree_usage *tree);

/* Bytes that the members of the last look really use: shared pages are divided by those who share
 * them (smaps_rollup), so this is slower.  Members that cannot be looked into count in full. */
int64_t tree_usage_memory(const struct tree_usage *tree);

#endif
