#ifndef COOP_RT_PARK_H
#define COOP_RT_PARK_H

#include "rt/sched.h"

/*
 * park.h - waiting, and being woken exactly once
 *
 *     coop__wait_begin(g, true);           // from here on a waker may claim us
 *     w = (struct waiter){.coro = g, ...};
 *     coop__waitq_push(&object->waiters, &w);
 *     unlock(object);
 *     r = coop__wait(g, WAIT_FOR_OBJECT, object, deadline);
 *     if (r < 0) { lock(object); coop__waitq_remove(&object->waiters, &w); unlock(object); }
 *
 *     // the waker, with the object locked:
 *     w = coop__waitq_claim(&object->waiters, NULL);   // the first that nobody else has woken
 *     ...write what it waits for...
 *     unlock(object);
 *     coop__wait_fire(w->coro);            // afterwards *w may be gone
 *
 * park.c tells why this cannot lose or double a wake-up.
 */

/* Under a shield whose time is not up? Reads the clock. */
bool coop__is_shielded(const struct coro *g);

/* Whether the caller may wait now: 0, or why not (cancelled and not shielded). */
static inline int coop__may_wait(struct coro *g)
{
    int why = atomic_load_explicit(&g->cancel, memory_order_relaxed);

    return likely(!why) || coop__is_shielded(g) ? 0 : why;
}

/* The same for a call with a deadline, whether it will have to wait or not: who never has to wait
 * must hear of it, too.  A poll is not affected. */
static inline int coop__may_begin(struct coro *g, coop_nsec deadline)
{
    return deadline == COOP_NOW || !g ? 0 : coop__may_wait(g);
}

static inline void coop__wait_begin(struct coro *g, bool cancellable)
{
    if (unlikely(g->shield_on) && coop__is_shielded(g))
        cancellable = false;
    g->wake_result = 0;
    g->woken_by = NULL;
    atomic_store_explicit(&g->wait, WAIT_OPEN | (cancellable ? WAIT_CANCELLABLE : 0U),
                          memory_order_release);
}

/* The wait is not needed after all; only when it is not cancellable and stands in no queue, or
 * is over. */
void coop__wait_abandon(struct coro *g);
/* The same when it may have been claimed: waits for who did, if so. */
void coop__wait_withdraw(struct coro *g);
/* Parks until fired. 0 when a waker did it, else -ETIMEDOUT or why the coroutine is cancelled. */
int coop__wait(struct coro *g, enum wait_reason reason, const void *object, coop_nsec deadline);
/* The same for the stand-in of a foreign thread (foreign.c). */
int coop__wait_in_thread(struct coro *g, coop_nsec deadline);

/* One wait more (1) or less (-1) that something outside may end: a descriptor, a signal, a child.
 * It is counted with the processor where that happens, so the sum of all is what counts: one
 * count for all would travel between the CPUs with every message. */
static inline void coop__outside_add(int n)
{
    struct worker *w = coop__worker();
    struct proc *p = w ? w->proc : NULL;

    if (likely(p))
        atomic_store_explicit(&p->outside,
                              atomic_load_explicit(&p->outside, memory_order_relaxed) + n,
                              memory_order_relaxed);
    else
        atomic_fetch_add(&coop__rt.outside, n);
}

/* True: the caller, and nobody else, may wake it now, and must (coop__wait_fire).
 * 'flags' must be set in the word, at the moment of the claim: the wait that a canceller has
 * seen may be over, and the next one may be one that cannot be cancelled. */
static inline bool coop__wait_claim_if(struct coro *g, uint32_t flags)
{
    uint32_t word = atomic_load(&g->wait);

    while ((word & WAIT_STATE) == WAIT_OPEN && (word & flags) == flags)
        if (likely(atomic_compare_exchange_weak(&g->wait, &word, WAIT_CLAIMED)))
            return true;
    return false;
}

static inline bool coop__wait_claim(struct coro *g)
{
    return coop__wait_claim_if(g, 0);
}

/* Ends the claim of a thread's stand-in. */
void coop__wait_fire_thread(struct coro *g);

static inline void coop__wait_fire(struct coro *g)
{
    RT_DELAY();
    if (unlikely(g->flags & CORO_THREAD))
        coop__wait_fire_thread(g);
    else
        coop__ready(g);
}

/* A list of claimed ones, linked by next: they will run in that order. */
void coop__wait_fire_all(struct waiter *first);

/* Wakes it with 'why' if it is in a wait that may be cancelled.  Between the writing of why and
 * this stands coop__wait_fence(), once for all whom it concerns. */
void coop__wait_cancel(struct coro *g, int why);
void coop__wait_fence(void);
/* The other side of that fence: between what the caller of coop__wait_fence() must see, and the
 * look at what it has written. */
extern __attribute__((visibility("hidden"))) bool coop__fenced_by_kernel;
void coop__fence_own(void);
static inline void coop__fence_met(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    if (unlikely(!coop__fenced_by_kernel))
        coop__fence_own();
}
/* Asks the kernel for that fence. */
void coop__wait_start(void);

/* ---- queues of waiters, under the lock of what they wait for ---- */

static inline void coop__waitq_push(struct coop_waitq *q, struct waiter *w)
{
    struct waiter *last = q->tail;

    w->next = NULL;
    w->prev = last;
    w->queued = true;
    if (last)
        last->next = w;
    else
        __atomic_store_n(&q->head, w, __ATOMIC_RELEASE); /* read without the lock by select */
    q->tail = w;
}

/* Before all others. */
static inline void coop__waitq_push_first(struct coop_waitq *q, struct waiter *w)
{
    struct waiter *first = q->head;

    w->next = first;
    w->prev = NULL;
    w->queued = true;
    if (first)
        first->prev = w;
    else
        q->tail = w;
    __atomic_store_n(&q->head, w, __ATOMIC_RELEASE);
}

static inline void coop__waitq_remove(struct coop_waitq *q, struct waiter *w)
{
    if (!w->queued)
        return;
    w->queued = false;
    if (w->prev)
        w->prev->next = w->next;
    else
        __atomic_store_n(&q->head, w->next, __ATOMIC_RELEASE);
    if (w->next)
        w->next->prev = w->prev;
    else
        q->tail = w->prev;
}

/* The first that could be claimed, removed; others that somebody else has woken are removed on
 * the way.  NULL: nobody waits. */
static inline struct waiter *coop__waitq_claim(struct coop_waitq *q)
{
    struct waiter *w;

    while ((w = q->head)) {
        coop__waitq_remove(q, w);
        if (likely(coop__wait_claim(w->coro))) {
            w->coro->woken_by = w;
            return w;
        }
    }
    return NULL;
}

#endif
