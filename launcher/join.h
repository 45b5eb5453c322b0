#ifndef LAUNCHER_JOIN_H
#define LAUNCHER_JOIN_H

#include "launcher/clone.h"
#include "launcher/spawn.h"

/*
 * join.h - children that are born in namespaces of others; private to the spawning side
 *
 * Errors    -errno; of a namespace that cannot be entered 'told' has call and path besides (step
 *           SPAWN_STEP_JOIN).
 * Threads   From a single-threaded process: it forks.
 * Source    bubblewrap (--userns, --pidns), nsenter(1), which enters the user namespace before or
 *           after the others as their owners demand.
 */

/* As clone_child(), in the namespaces of plan->joins, and with the ids that the plan borrows. */
pid_t join_clone(const struct launch_plan *plan, const struct clone_order *order,
                 struct launch_report *told, int *ret_pidfd);

/* Whether the child is born among the PIDs of others.  Then the go-between sets its OOM score and
 * its clocks. */
bool join_has_pids(const struct launch_plan *plan);

#endif
