/*
 * park.c - waiting, and being woken exactly once
 *
 * THE TENSION
 *   A coroutine in a wait stands in several places at once: in the queue of a channel (with
 *   select, of many), in a heap of timers, in a scope that may be cancelled.  All of them may
 *   want to wake it at the same moment, from other threads, even before it has left its stack.
 *
 * WHAT WE DO
 *   One word per coroutine.  Who moves it from OPEN to CLAIMED owns the wake-up; all others see
 *   that they came too late and go on to the next waiter.
 *
 *            begin          claim             fire: into a run queue
 *      NONE ------> OPEN ---------> CLAIMED ------------------------> it runs, and begins anew
 *
 *   Between claim and fire the claimer writes what the sleeper gets (a value, a result); the
 *   sleeper does not look before fire, so the claimer may write into its frame.
 *
 *   The wait begins while the sleeper still stands on its stack, so it may be fired, and even
 *   picked, before it has left.  Who picks it looks at 'left', which the worker sets when it is
 *   on the next stack: then, and only then, another one may jump onto the one that was left
 *   (sched.c).  A worker that picks the coroutine it is about to leave just goes on with it.
 *
 * CANCELLING
 *   The canceller writes cancel, then looks at the word; the sleeper writes the word, then looks
 *   at cancel (the last thing before it leaves).  One of them sees the other, if each does its
 *   two steps in that order; but processors let a later load overtake a store, unless there is
 *   a full fence between them.  Cancelling is rare, so the canceller pays for both:
 *   membarrier(2) is a fence in every running thread of the process, and the sleeper needs only
 *   to keep the compiler from turning the two round.  Where the kernel refuses that call, each
 *   has a fence of its own.
 *
 * WHAT WE DID NOT DO
 *   Park with the object's lock held and unlock from the next stack (Go, our prototype): fast, but
 *   it works for one lock only, and timers and cancellation need a second way.
 *   Let the next stack publish that we have parked (as this did at first): one locked
 *   instruction more per wait, and three more states.
 *
 * Source   Linux' p->on_cpu for 'left'; the kernel's documentation of membarrier for the fence.
 */
#include "rt/park.h"

#include "base/sys.h"
#include "rt/ready.h"
#include "rt/timer.h"

#include <errno.h>

/* ---- the word ---- */

void coop__wait_fire_thread(struct coro *g)
{
    atomic_store(&g->wait, WAIT_FIRED); /* from here on it may be gone */
    coop__futex_wake((uint32_t *)(uintptr_t)&g->wait);
}

void coop__wait_fire_all(struct waiter *first)
{
    struct waiter *next;

    for (; first; first = next) {
        next = first->next; /* its frame may be gone after the fire */
        if (unlikely(first->coro->flags & CORO_THREAD))
            coop__wait_fire_thread(first->coro);
        else
            coop__ready_last(first->coro);
    }
}

void coop__wait_cancel(struct coro *g, int why)
{
    if (!coop__wait_claim_if(g, WAIT_CANCELLABLE))
        return;
    RT_DELAY();
    g->wake_result = why;
    coop__wait_fire(g);
}

/* ---- the fence between canceller and sleeper ---- */

bool coop__fenced_by_kernel;

void coop__wait_start(void)
{
    coop__fenced_by_kernel = coop__fence_start() || coop__rt.sim;
}

void coop__wait_fence(void)
{
    coop__full_fence();
    if (coop__fenced_by_kernel && !coop__rt.sim) /* one thread needs none */
        coop__fence_others();
}

COLD void coop__fence_own(void)
{
    coop__full_fence();
}

/* ---- the sleeper's side ---- */

bool coop__is_shielded(const struct coro *g)
{
    return g->shield_on && sys_now() < g->shield_deadline;
}

void coop__wait_abandon(struct coro *g)
{
    atomic_store_explicit(&g->wait, WAIT_NONE, memory_order_relaxed);
}

static void time_is_up(struct coop_timer_node *node)
{
    struct coro *g = (struct coro *)(void *)((char *)node - offsetof(struct coro, timer));

    if (!coop__wait_claim(g))
        return;
    RT_DELAY();
    g->wake_result = -ETIMEDOUT;
    coop__wait_fire(g);
}

/* The second half of "cancelling" above. True: it is we who end the wait. */
static inline bool cancelled_before_leaving(struct coro *g)
{
    int why;

    coop__fence_met();
    why = atomic_load_explicit(&g->cancel, memory_order_relaxed);
    if (likely(!why) || !coop__wait_claim_if(g, WAIT_CANCELLABLE))
        return false;
    g->wake_result = why;
    return true;
}

int coop__wait(struct coro *g, enum wait_reason reason, const void *object, coop_nsec deadline)
{
    struct worker *w = coop__worker();
    bool timed = deadline != COOP_FOREVER;
    int why;

    if (unlikely(!w))
        return coop__wait_in_thread(g, deadline);
    if (unlikely(!w->proc))
        coop__misuse("waiting inside a blocking bracket");
    /* What was begun under a shield is not cancellable: its deadline stands for that. */
    if (g->shield_on && g->shield_deadline < deadline &&
        !(atomic_load_explicit(&g->wait, memory_order_relaxed) & WAIT_CANCELLABLE)) {
        deadline = g->shield_deadline;
        timed = true;
    }
    atomic_store_explicit(&g->reason, (int)reason, memory_order_relaxed);
    atomic_store_explicit(&g->object, object, memory_order_relaxed);
    atomic_store_explicit(&g->deadline, deadline, memory_order_relaxed);
    atomic_store_explicit(&g->since, w->proc->clock, memory_order_relaxed);
    if (timed)
        coop__timer_add(&g->timer, deadline, time_is_up);
    RT_DELAY();
    if (likely(!cancelled_before_leaving(g))) {
        atomic_store_explicit(&g->state, CORO_WAITING, memory_order_relaxed);
        coop__leave(w, g, NULL);
    }
    if (timed)
        coop__timer_remove(&g->timer);
    if (g->wake_result == -ETIMEDOUT && g->shield_on) {
        why = atomic_load_explicit(&g->cancel, memory_order_relaxed);
        if (why && sys_now() >= g->shield_deadline)
            return why;
    }
    return g->wake_result;
}

void coop__wait_withdraw(struct coro *g)
{
    if (coop__wait_claim(g))
        coop__wait_abandon(g);
    else /* a canceller knows every coroutine of its scope: its wake-up is on the way */
        coop__wait(g, WAIT_FOR_NOTHING, NULL, COOP_FOREVER);
}
