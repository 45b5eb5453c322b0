#ifndef COOP_RT_TIMER_H
#define COOP_RT_TIMER_H

#include "rt/sched.h"

/*
 * timer.h - points in time, in a heap per processor
 *
 * A node is set and removed by one party at a time (its owner); firing races with both and
 * loses or wins cleanly: when coop__timer_remove() has returned, fire() has run or never will.
 */

/* Room for the heap of one more processor. */
int coop__timers_start(struct proc *p);
void coop__timers_end(void);

/* node->fire runs at 'when' or soon after, under the heap's lock: it must not block, nor touch
 * timers. */
void coop__timer_add(struct coop_timer_node *node, coop_nsec when,
                     void (*fire)(struct coop_timer_node *));
/* True: it was still to come. */
bool coop__timer_remove(struct coop_timer_node *node);

/* Fires what is due at this processor's heap; reads the clock only when there are timers. */
void coop__timers_run(struct proc *p);
void coop__timers_run_all(void);

/* The earliest of all processors; COOP_FOREVER: none. */
coop_nsec coop__timers_first(void);

/* When to wake up for 'first': then, or in a crowd up to half a millisecond later. */
coop_nsec coop__timers_round(coop_nsec first);

#endif
