#ifndef COOP_SERVICE_BOUNDING_H
#define COOP_SERVICE_BOUNDING_H

#include "service/machine.h"

/*
 * bounding.h - bounds of everything in a service together: what coopd keeps of them
 *
 * Memory, tasks, CPU and IO are kept by the controllers of the service's own cgroup, which needs no
 * looking and stops no coroutine.  Time, CPU time and output of a service are nobody's yet: asked
 * for, they are refused, and preferred they are lost.
 */

/* Before the plan is compiled. 1: bounds that are preferred are lost; 0: none; -1: refused. */
int bounding_check(const struct launch_spec *spec, struct coop_err *err);

/* Whether the service needs a cgroup for its bounds. */
bool bounding_needs_group(const struct launch_spec *spec);

/* Writes the leaf's limits; an answer like that of bounding_check(). */
int bounding_apply(struct machine *machine, const struct launch_spec *spec, const char *leaf,
                   struct coop_err *err);

/* Says in the log what the leaf's bounds have ended. */
void bounding_tell(const struct machine *machine, const char *name, const char *leaf);

#endif
