#ifndef LAUNCHER_LIMITS_BOUNDS_H
#define LAUNCHER_LIMITS_BOUNDS_H

#include "launcher/launch.h"
#include "launcher/limits/disk_usage.h"
#include "launcher/limits/group.h"
#include "launcher/limits/still.h"
#include "launcher/limits/tree_usage.h"

/*
 * bounds.h - when to look at a tree of processes, and whether it has used up what it may
 *
 * Whoever launches keeps the bounds from outside, where a stopped or busy tree cannot hinder it.
 * Nothing here waits or kills: a blocking program and a coroutine ask the same two questions.
 *
 *     struct bounds bounds;
 *     bounds_begin(&bounds, launch_plan_bounds(plan), child.pid, now);
 *     ... wait for other things, at most until bounds_next(&bounds) ...
 *     result = bounds_look(&bounds, now);           LAUNCH_RESULT_EXIT: nothing is used up
 *     bounds_done(&bounds);
 *
 * How often it looks depends on what is left: a tree that has a second of CPU time left cannot
 * use it up before a second divided by the number of processors has gone by.
 *
 * Time      bounds_look() costs nothing before bounds_next(); then one tree_usage_look(), and a
 *           few milliseconds of a look at the disk, which goes on at the next one; up to STILL_WAIT
 *           more where the group is stopped for it.
 * Errors    None: a tree that cannot be seen any more uses nothing more.
 * Memory    Owned; bounds_done().
 */

/* With DiskMax= alone: who makes more files than this uses it up, or a look had no end. */
#define BOUNDS_FILES_MOST 1048576

struct bounds {
    struct launch_bounds limit;
    coop_nsec deadline; /* of the wall clock                                    */
    coop_nsec next;     /* look at the tree then; COOP_FOREVER: no need to      */
    int processors;
    struct tree_usage tree;
    /* A cgroup that holds the tree counts better than we can; NULL: there is none. */
    const struct launch_cgroups *groups;
    const char *leaf;
    bool poll_memory, poll_tasks;    /* kept by looking, because no controller keeps them   */
    coop_nsec cpu;                   /* of the tree, by whoever counts it                */
    int64_t memory_peak, tasks_peak; /* as far as seen; 0: never looked              */
    struct disk_usage *disk;         /* NULL: not bounded                            */
    coop_nsec disk_next;             /* look at it then                              */
    int64_t disk_peak, disk_files_peak;
    bool may_stop;
    struct still still; /* the group is stopped for the look under way */
};

/* After bounds_begin(): 'leaf' of 'groups' holds the tree. Borrowed. */
void bounds_use_group(struct bounds *bounds, const struct launch_cgroups *groups,
                      const char *leaf);
/* What it writes counts as well. Borrowed.  With 'may_stop' the group is stopped for a look where
 * the disks have grown by more than may be: for whoever kills it when we die in the middle. */
void bounds_use_disk(struct bounds *bounds, struct disk_usage *disk, bool may_stop,
                     coop_nsec now);
/* The last look, when all inside are gone: whether more was written than may be. */
bool bounds_disk_over(struct bounds *bounds);
/* No controller keeps MemoryMax and TasksMax: look for them as well. */
void bounds_poll_all(struct bounds *bounds, coop_nsec now);

/* 'root' is the process whose tree it is; it counts when it is the program itself, not a reaper
 * above it.  'now' is when it began to run. */
void bounds_begin(struct bounds *ret_bounds, const struct launch_bounds *limit, pid_t root,
                  bool root_counts, coop_nsec now);
void bounds_done(struct bounds *bounds);

/* Monotonic time; COOP_FOREVER when there is nothing to look for. */
coop_nsec bounds_next(const struct bounds *bounds);

/* What is used up, LAUNCH_RESULT_EXIT when nothing is. */
enum launch_result bounds_look(struct bounds *bounds, coop_nsec now);

/* TasksMax is kept by looking, and as many were seen: who then ends badly has most likely ended of
 * a fork that was refused. */
bool bounds_tasks_reached(const struct bounds *bounds);
bool bounds_disk_reached(const struct bounds *bounds); /* the same: a file system is full */

/* A last look at a tree that is stopped or about to end, for the receipt. */
void bounds_account(struct bounds *bounds);

#endif
