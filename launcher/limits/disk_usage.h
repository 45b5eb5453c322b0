#ifndef LAUNCHER_LIMITS_DISK_USAGE_H
#define LAUNCHER_LIMITS_DISK_USAGE_H

#include "coop/err.h"
#include "launcher/launch.h"
#include "launcher/limits/disk_held.h"
#include "launcher/limits/disk_walk.h"
#include "launcher/limits/tree_usage.h"

/*
 * disk_usage.h - by how much the writable areas of a sandbox have grown
 *
 * A directory of the host that is bound writable is walked; a fresh file system inside is asked.
 * What was there at the start does not count, so the sum may go below zero.
 *
 *     struct disk_usage disk;
 *
 *     disk_usage_open(&disk, plan, err);              before the launch: the host's directories
 *     disk_usage_enter(&disk, plan, child.main_pid);  after it: the file systems inside
 *     while (!disk_usage_look(&disk, &tree, deadline))
 *         ... other things; disk.least_bytes, disk.least_files are known so far ...
 *     ... disk.bytes, disk.files ...
 *     disk_usage_done(&disk);
 *
 * How long a look takes, who is inside decides: so it is made in pieces, and its sums so far are
 * already the least that there can be.
 *
 * The program can hide from a walk what it has deleted and holds open: that is found among the
 * descriptors of the tree's processes (disk_held.h).  A directory that it makes unreadable, or
 * deeper than DISK_DEPTH levels, cannot be seen by anybody of its user: disk.hidden, as good as
 * used up.  A process that cannot be looked into is the same at the third look in a row: each is
 * for a moment in exec(2), where we may be woken by it.
 *
 * Time      About 2 us for each file, directory and descriptor.  disk_usage_open() walks without
 *           an end: what is there before is the caller's.
 * Errors    0 or -1 with 'err'.
 * Memory    Owned; disk_usage_done().  Between two pieces a descriptor for each level.
 * Limits    What is deleted, mapped and closed is not seen, nor a descriptor on its way through a
 *           socket.  A file that has names elsewhere counts by the part of its names that is here.
 */

struct disk_area {
    int fd;     /* O_PATH                                    */
    bool is_fs; /* a file system of its own, which is asked  */
    uint64_t dev;
    struct disk_sum before; /* at the start */
    struct disk_sum
        disk; /* what the file system held then, counted with the first area on it */
};

struct disk_usage {
    struct disk_area *areas; /* private */
    size_t count;
    uint64_t *devices;                /* private: whose deleted files are not looked for */
    int64_t bytes, files;             /* grown by, as of the last look that was whole    */
    int64_t least_bytes, least_files; /* at least, as of the look under way */
    bool hidden;
    int dark_looks; /* private: in a row */
    bool full;      /* a fresh file system was, at some look */
    int64_t sure_bytes,
        sure_files; /* private: seen when nothing moved, less the disks' growth */
    /* private: the look under way */
    bool looking, walking, holding;
    size_t at;
    struct disk_sum so_far; /* of areas that are done */
    struct disk_walk walk;
    struct disk_held held;
};

/* Fails when an area is a whole host (no root of its own), which nobody can walk. */
int disk_usage_open(struct disk_usage *ret_disk, const struct launch_plan *plan,
                    struct coop_err *err);
/* File systems that cannot be reached (the program has ended) are left out: each has DiskMax as its
 * own ceiling. */
void disk_usage_enter(struct disk_usage *disk, const struct launch_plan *plan, pid_t main_pid);
/* Begins a look, or goes on with it. True: it is whole. 'tree' matters at the beginning only. */
bool disk_usage_look(struct disk_usage *disk, const struct tree_usage *tree,
                     coop_nsec deadline);
/* Whether more may have been written than may be, by what the host's disks have grown by since they
 * were last looked at for sure; other people's writing looks the same.  The program can move
 * what it has written behind each look, but not this. */
bool disk_usage_is_in_doubt(const struct disk_usage *disk, int64_t most_bytes,
                            int64_t most_files);
/* Nothing moved while the last look was made. */
void disk_usage_be_sure(struct disk_usage *disk);
/* Drops the look under way: the next one begins anew. */
void disk_usage_restart(struct disk_usage *disk);
void disk_usage_done(struct disk_usage *disk);

#endif
