#ifndef COOP_ADOPT_TREE_H
#define COOP_ADOPT_TREE_H

#include "base/map.h"
#include "service/machine.h"

/*
 * adopt_tree.h - ending what lives in the cgroups that a dead coopd left
 *
 * It may have died between a start and the journal's line about it: then only the leaf that it had
 * made for the service tells of the process.
 *
 * A coopd holds a lock on its tree (flock), and so does a child of it from the moment it is cloned
 * until it is executed.  A child that was being cloned when its coopd was killed may be in its leaf
 * already or only on its way there, so what is in the tree is looked at when nobody holds it any
 * more.  Whoever does not let go is named.
 *
 * Time      At most ADOPT_PATIENCE for the lock, and as long for each leaf.
 * Threads   In the daemon's coroutine, before any service exists.
 */

#define ADOPT_PATIENCE (5 * COOP_NSEC_PER_SEC)

/* Ends what is in the leaves of the coopd with that PID, but for those in 'kept' (leaf ->
 * anything).  How many could not be emptied, or -1 when the tree stays in somebody's hands.  0
 * where there are no cgroups. */
int adopt_tree_end(const struct machine *machine, pid_t coopd, const struct map *kept,
                   struct coop_err *err);

#endif
