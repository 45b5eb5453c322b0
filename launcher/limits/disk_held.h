#ifndef LAUNCHER_LIMITS_DISK_HELD_H
#define LAUNCHER_LIMITS_DISK_HELD_H

#include "launcher/limits/disk_walk.h"
#include "launcher/limits/tree_usage.h"

/*
 * disk_held.h - files that have no name any more and are held open, counted a piece at a time
 *
 * No walk finds them; the tables of descriptors of the tree's processes lead to them.  The calls
 * are those of disk_walk.h.
 *
 * Time      About 2 us for each descriptor and 10 us for each thread.
 * Errors    None: a process that may not be looked into is 'hidden' (it has made itself not
 *           dumpable, or is about to exec), and so is what there is no memory for.
 * Limits    DISK_HELD_MOST descriptors of the whole tree: who has more hides something.
 */

#define DISK_HELD_MOST 1048576

struct disk_held {
    struct disk_sum sum;
    int64_t dark; /* processes that may not be looked into, which are not in 'sum' */
    struct disk_tables *tables; /* private */
};

/* File systems whose deleted files count already, or never. Borrowed until the end. */
struct disk_devices {
    const uint64_t *at;
    size_t count;
};

void disk_held_begin(struct disk_held *ret_held, const struct tree_usage *tree,
                     struct disk_devices skip);
bool disk_held_go(struct disk_held *held, coop_nsec deadline);
void disk_held_end(struct disk_held *held);

#endif
