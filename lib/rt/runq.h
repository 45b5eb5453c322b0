#ifndef COOP_RT_RUNQ_H
#define COOP_RT_RUNQ_H

#include "rt/sched.h"

/*
 * runq.h - a processor's own queue: one slot and a ring of 256
 *
 * The owner (the worker that holds the processor) pushes and pops; thieves take half.  The slot
 * "next" holds the coroutine that was woken last: it runs before the ring, with what its waker
 * left in the cache.  All calls but coop__runq_steal() and coop__runq_is_empty() are the
 * owner's.
 */

/* To the slot (what was there goes to the ring), or to the ring. A full ring sheds half of itself
 * to the global queue. */
void coop__runq_put(struct proc *p, struct coro *g, bool next);
struct coro *coop__runq_get(struct proc *p);
/* Half of the victim's ring into p's (empty) ring; one of them is returned. 'slot' allows to
 * take the victim's slot when its ring is empty. */
struct coro *coop__runq_steal(struct proc *p, struct proc *victim, bool slot);
bool coop__runq_is_empty(struct proc *p);
/* Does one more go in without shedding?  (The slot counts: its coroutine may be pushed out.) */
bool coop__runq_has_room(struct proc *p);
/* The simulation's pick: the k-th of the ring (k modulo length). */
struct coro *coop__runq_get_nth(struct proc *p, uint64_t k);

#endif
