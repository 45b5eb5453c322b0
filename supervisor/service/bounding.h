#ifndef COOP_SERVICE_BOUNDING_H
#define COOP_SERVICE_BOUNDING_H

#include "service/machine.h"

/*
 * bounding.h - bounds of everything in a service together: what the machine does for them
 *
 * Memory, tasks, CPU and IO are kept by the controllers of the service's own cgroup, which needs no
 * looking.  Time, CPU time, what it writes and, where they are preferred and no controller is to be
 * had, memory and tasks are looked for (launcher/limits/bounds.h); when, is keep.c's business.
 * Output is counted where it passes (output.h).
 */

/* Before the plan is compiled. 1: bounds that are preferred are lost; 0: none; -1: refused. */
int bounding_check(const struct svc_spec *spec, struct coop_err *err);

/* Whether a cgroup keeps or counts its bounds better than anything else. */
bool bounding_wants_group(const struct launch_spec *spec);

/* Writes the leaf's limits; an answer like that of bounding_check(). */
int bounding_apply(struct machine *machine, const struct launch_spec *spec, const char *leaf,
                   struct coop_err *err);

/* What the holder keeps to look at, NULL when nothing has to be looked for; 'lost': no controller
 * keeps memory and tasks.  Made before the launch (an answer like that of bounding_check()), told
 * of it afterwards. */
int bounding_open(const struct launch_spec *spec, const struct launch_plan *plan, bool lost,
                  struct bounds **ret_bounds, struct coop_err *err);
void bounding_begin(const struct machine *machine, struct holder *holder,
                    const struct launch_plan *plan);
/* Both for a tree that began at 'began', under another coopd. 0 or -1: no memory. */
int bounding_adopt(const struct machine *machine, const struct svc_spec *spec,
                   struct holder *holder, coop_nsec began, struct coop_err *err);
enum launch_result bounding_look(struct spawn *spawn, struct holder *holder,
                                 coop_nsec *ret_next);
void bounding_free(struct bounds *bounds); /* accepts NULL */

/* Main has ended: what of its end only the leaf or the last look can tell. */
void bounding_learn(const struct machine *machine, const struct holder *holder,
                    struct ending *ending);

/* Says in the log what the leaf's bounds have ended. */
void bounding_tell(const struct machine *machine, const char *name, const char *leaf);

#endif
