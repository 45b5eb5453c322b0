#ifndef LAUNCHER_LIMITS_DISK_WALK_H
#define LAUNCHER_LIMITS_DISK_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "coop/time.h"

/*
 * disk_walk.h - what lies below a directory, counted a piece at a time
 *
 *     struct disk_walk walk;
 *
 *     disk_walk_begin(&walk, fd);
 *     while (!disk_walk_go(&walk, deadline))
 *         ... walk.sum is a part, and there are other things to do ...
 *     disk_walk_end(&walk);
 *
 * Whoever is inside changes what is walked, and decides how long it takes.  So a walk stops at a
 * deadline and goes on later; it holds a descriptor for each level meanwhile, because a directory
 * that has been moved has another "..".
 *
 * Time      About 2 us for each file and directory; the clock is looked at after some hundred.
 * Errors    None: what is gone when we come is nothing, what cannot be opened is 'hidden'.
 * Memory    4 KiB and a descriptor for each level; disk_walk_end() at any time, also twice.
 * Limits    A file that is renamed meanwhile may be counted twice, or not at all, each time anew:
 *           only a walk while all who could move it stand still (still.h), or have ended, misses
 *           nothing.
 */

#define DISK_DEPTH 200
#define DISK_BLOCK 512 /* of st_blocks */

struct disk_sum {
    int64_t bytes, files;
    int64_t hidden; /* places that could not be looked into */
    bool full;      /* of a file system that is asked       */
};

struct disk_walk {
    struct disk_level *levels[DISK_DEPTH]; /* private */
    int depth;                             /* private */
    struct disk_sum sum;
};

/* Of a file: counts it. 'fd' is borrowed, and only for this call. */
void disk_walk_begin(struct disk_walk *ret_walk, int fd);
/* True: it is whole.  Goes on at least a little, also when 'deadline' (monotonic) is over. */
bool disk_walk_go(struct disk_walk *walk, coop_nsec deadline);
void disk_walk_end(struct disk_walk *walk);

coop_nsec disk_clock(void); /* monotonic */

#endif
