#ifndef COOP_RT_POLICY_H
#define COOP_RT_POLICY_H

#include "rt/ready.h"

/*
 * policy.h - who runs next: a table of functions per answer
 *
 * All policies share the run queue (runq.c), so whoever makes work knows none of them; a policy
 * takes from the queue what it wants to order otherwise.  What it keeps for itself must show in
 * the queue: a processor whose ring and slot are empty has nothing to do (sched.c looks there
 * before it sleeps).
 *
 * The table is copied into the runtime at its start: a pick is one indirect call, and the default
 * knows nothing of the others.
 */

/* First in, first out, but for the slot (sched.c). */
extern const struct policy coop__policy_default;
/* Any ready one, drawn by the seed: simulation. */
extern const struct policy coop__policy_seeded;

/* Two arrays of priorities, active and expired (policy_priority.c). */
extern const struct policy coop__policy_priority;

/* Everything that may happen, often (policy_chaos.c). */
extern const struct policy coop__policy_chaos;

/* For tests: what options ask for that ask for nothing. */
extern int coop__usual_policy;
extern uint64_t coop__usual_chaos;

/* Before the processors are made: 0, or -EINVAL. */
int coop__policy_choose(const struct coop_options *o);

/* ---- for policies ---- */

/* What is urgent, at most URGENT_IN_A_ROW times; else NULL. */
static inline struct coro *coop__pick_urgent(struct proc *p)
{
    struct coro *g;

    if (unlikely(atomic_load_explicit(&coop__rt.urgent_count, memory_order_relaxed)) &&
        p->urgent_run++ < URGENT_IN_A_ROW && (g = coop__urgent_get()))
        return g;
    p->urgent_run = 0;
    return NULL;
}

/* The clock, timers that are due and, more rarely, the poller; every TIMERS_EVERY picks. */
void coop__look_around(struct worker *w, struct proc *p);

#endif
