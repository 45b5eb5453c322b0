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

void coop__runq_shed_half(struct proc *p, struct coro *g, unsigned head);

static inline bool coop__runq_has_thieves(void)
{
    return atomic_load_explicit(&coop__rt.procs_made, memory_order_relaxed) > 1;
}

/* Empties the slot. */
static inline struct coro *coop__runq_take_next(struct proc *p)
{
    struct coro *g = atomic_load_explicit(&p->next, memory_order_relaxed);

    if (!g)
        return NULL;
    if (coop__runq_has_thieves())
        return atomic_exchange(&p->next, NULL);
    atomic_store_explicit(&p->next, NULL, memory_order_relaxed);
    return g;
}

/* To the slot (what was there goes to the ring), or to the ring. A full ring sheds half of itself
 * to the global queue. */
static inline void coop__runq_put(struct proc *p, struct coro *g, bool next)
{
    unsigned head, tail;

    if (next) {
        struct coro *before = coop__runq_take_next(p);

        /* Only we fill the slot, so an empty one stays so. */
        atomic_store_explicit(&p->next, g, memory_order_release);
        if (!before)
            return;
        g = before;
    }
    head = atomic_load_explicit(&p->head, memory_order_acquire);
    tail = atomic_load_explicit(&p->tail, memory_order_relaxed);
    if (unlikely(tail - head >= RING)) {
        coop__runq_shed_half(p, g, head);
        return;
    }
    atomic_store_explicit(&p->ring[tail % RING], g, memory_order_relaxed);
    atomic_store_explicit(&p->tail, tail + 1, memory_order_release);
}

static inline struct coro *coop__runq_get_ring(struct proc *p)
{
    unsigned head = atomic_load_explicit(&p->head, memory_order_acquire);

    for (;;) {
        struct coro *g;

        if (head == atomic_load_explicit(&p->tail, memory_order_relaxed))
            return NULL;
        g = atomic_load_explicit(&p->ring[head % RING], memory_order_relaxed);
        if (!coop__runq_has_thieves()) {
            atomic_store_explicit(&p->head, head + 1, memory_order_relaxed);
            return g;
        }
        RT_DELAY();
        if (atomic_compare_exchange_weak_explicit(&p->head, &head, head + 1,
                                                  memory_order_acq_rel, memory_order_acquire))
            return g;
    }
}

static inline struct coro *coop__runq_get(struct proc *p)
{
    struct coro *g;

    if (p->next_run < NEXT_IN_A_ROW && (g = coop__runq_take_next(p))) {
        p->next_run++;
        return g;
    }
    /* A pair that wakes each other for ever lives in the slot: the ring gets its turn. */
    p->next_run = 0;
    g = coop__runq_get_ring(p);
    return likely(g != NULL) ? g : coop__runq_take_next(p);
}

/* Half of the victim's ring into p's (empty) ring; one of them is returned. 'slot' allows to
 * take the victim's slot when its ring is empty. */
struct coro *coop__runq_steal(struct proc *p, struct proc *victim, bool slot);
static inline bool coop__runq_is_empty(struct proc *p)
{
    return atomic_load(&p->head) == atomic_load(&p->tail) && !atomic_load(&p->next);
}

/* Does one more go in without shedding?  (The slot counts: its coroutine may be pushed out.) */
bool coop__runq_has_room(struct proc *p);
/* The simulation's pick: the k-th of the ring (k modulo length). */
struct coro *coop__runq_get_nth(struct proc *p, uint64_t k);

#endif
