#ifndef COOP_RT_READY_H
#define COOP_RT_READY_H

#include "rt/sched.h"
#include "rt/switch.h"

/*
 * ready.h - what the two halves of the scheduler share (ready.c, sched.c)
 */

/* On x86 only a locked instruction keeps a store from being overtaken by a later load. */
static inline void coop__full_fence(void)
{
#if RT_TSAN
    static _Atomic(int) word;

    atomic_fetch_add(&word, 1);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* The first of the urgent queue, or NULL. */
struct coro *coop__urgent_get(void);

/* A share of the global queue for this processor (at most 'most' more into its ring); one of
 * them is returned. */
struct coro *coop__global_share(struct proc *p, int most);

/* A worker that was woken is about to rest (ready.c, "worth it"). */
void coop__note_worth(struct worker *w);
/* The gap after 'gap', when who was woken has worked so long. */
coop_nsec coop__next_gap(coop_nsec gap, coop_nsec worked);

/* What was made ready while w->collecting was set goes into run queues. */
void coop__inject(struct worker *w);

/* Whether any queue has something in it, or the runtime is over. */
bool coop__work_in_sight(void);

/* Every coroutine waits: reports it if nothing can ever wake one (deadlock.c). */
void coop__check_deadlock(coop_nsec first_timer);
void coop__recheck_deadlock(void);

#endif
