/*
 * park.c - waiting, and being woken exactly once
 *
 * THE TENSION
 *   A coroutine in a wait stands in several places at once: in the queue of a channel (with
 *   select, of many), in a heap of timers, in a scope that may be cancelled.  All of them may
 *   want to wake it at the same moment, from other threads, even before it has left its stack.
 *
 * WHAT WE DO
 *   One word per coroutine.  Who moves it from ARMED or PARKED to CLAIMED owns the wake-up; all
 *   others see that they came too late and go on to the next waiter.
 *
 *              begin            off its stack (commit)
 *      NONE ----------> ARMED ---------------------------> PARKED
 *                         | claim                             | claim
 *                         v            commit                 v
 *                      CLAIMED ------------------------> CLAIMED_PARKED
 *                         | fire                              | fire: back into a run queue
 *                         v                                   v
 *                       FIRED  (commit: back into a run queue,  FIRED
 *                               or it had not left yet)
 *
 *   Between claim and fire the claimer writes what the sleeper gets (a value, a result); the
 *   sleeper cannot run before fire, so the claimer may write into its frame.
 *   "commit" runs on the next coroutine's stack: only then may another worker jump onto
 *   the one that was left.
 *
 * CANCELLING
 *   The canceller writes cancel and then looks at the word; the sleeper writes the word and
 *   then, in commit, looks at cancel.  One of them sees the other.
 *   When commit has published PARKED the coroutine may be woken, end, and be born again as
 *   another one, before the look at cancel: so the word counts the waits, and commit claims
 *   only the one it has parked.
 *
 * WHAT WE DID NOT DO
 *   Park with the object's lock held and unlock from the next stack (Go, our prototype): fast, but
 *   it works for one lock only, and timers and cancellation need a second way.
 */
#include "rt/park.h"

#include "base/sys.h"
#include "rt/timer.h"

#include <errno.h>

/* ---- the word ---- */

bool coop__wait_fire_early(struct coro *g, uint32_t word)
{
    bool thread = g->flags & CORO_THREAD; /* once fired it may be gone */

    /* Claimed by us: only commit may still change it, to CLAIMED_PARKED. */
    word = atomic_exchange(&g->wait, (word & WAIT_TURNS) | WAIT_FIRED);
    if (unlikely(thread))
        coop__futex_wake((uint32_t *)(uintptr_t)&g->wait);
    return (word & WAIT_STATE) == WAIT_CLAIMED_PARKED;
}

void coop__wait_fire_all(struct waiter *first)
{
    struct waiter *next;

    for (; first; first = next) {
        next = first->next; /* its frame may be gone after the fire */
        if (coop__wait_fired_parked(first->coro))
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

#define CANCELLABLE_PARKED (WAIT_CANCELLABLE | WAIT_PARKED)

/* Runs when g's stack has been left. */
static void commit(struct worker *w, struct coro *g)
{
    uint32_t word = atomic_load(&g->wait), parked;
    int why;

    (void)w;
    for (;;) {
        uint32_t state = word & WAIT_STATE;

        if (state == WAIT_FIRED) {
            coop__ready(g);
            return;
        }
        parked = (word & ~(uint32_t)WAIT_STATE) |
                 (state == WAIT_ARMED ? WAIT_PARKED : WAIT_CLAIMED_PARKED);
        if (atomic_compare_exchange_weak(&g->wait, &word, parked))
            break;
    }
    RT_DELAY();
    why = atomic_load(&g->cancel);
    if (unlikely(why) && (parked & (WAIT_STATE | WAIT_CANCELLABLE)) == CANCELLABLE_PARKED &&
        atomic_compare_exchange_strong(&g->wait, &parked,
                                       parked + (WAIT_CLAIMED_PARKED - WAIT_PARKED))) {
        g->wake_result = why;
        coop__wait_fire(g);
    }
}

/* ---- the sleeper's side ---- */

bool coop__is_shielded(const struct coro *g)
{
    return g->shield_on && sys_now() < g->shield_deadline;
}

void coop__wait_abandon(struct coro *g)
{
    atomic_store_explicit(&g->wait,
                          atomic_load_explicit(&g->wait, memory_order_relaxed) & WAIT_TURNS,
                          memory_order_relaxed);
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
    if ((atomic_load_explicit(&g->wait, memory_order_acquire) & WAIT_STATE) != WAIT_FIRED) {
        atomic_store_explicit(&g->state, CORO_WAITING, memory_order_relaxed);
        coop__leave(w, g, commit);
    }
    if (timed)
        coop__timer_remove(&g->timer);
    coop__wait_abandon(g);
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
