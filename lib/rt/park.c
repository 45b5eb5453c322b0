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

#define TURNS (~(WAIT_TURN - 1U)) /* WAIT_NONE is 0: what is left is the count */

/* 'flags' must be set in the word, at the moment of the claim: the wait that a canceller has
 * seen may be over, and the next one may be one that cannot be cancelled. */
static bool claim(struct coro *g, uint32_t flags)
{
    uint32_t word = atomic_load(&g->wait);

    for (;;) {
        uint32_t state = word & WAIT_STATE, claimed = word & TURNS;

        if ((word & flags) != flags)
            return false;
        if (state == WAIT_ARMED)
            claimed |= WAIT_CLAIMED;
        else if (state == WAIT_PARKED)
            claimed |= WAIT_CLAIMED_PARKED;
        else
            return false;
        if (atomic_compare_exchange_weak(&g->wait, &word, claimed))
            return true;
    }
}

bool coop__wait_claim(struct coro *g)
{
    return claim(g, 0);
}

/* True: it has left its stack, and must be put into a run queue. */
static bool fired_parked(struct coro *g)
{
    uint32_t word = atomic_load_explicit(&g->wait, memory_order_acquire);

    /* Claimed by us: only commit may still change it, to CLAIMED_PARKED. */
    if ((word & WAIT_STATE) != WAIT_CLAIMED_PARKED) {
        bool thread = g->flags & CORO_THREAD; /* once fired it may be gone */

        word = atomic_exchange(&g->wait, (word & TURNS) | WAIT_FIRED);
        if (unlikely(thread))
            coop__futex_wake((uint32_t *)(uintptr_t)&g->wait);
    }
    return (word & WAIT_STATE) == WAIT_CLAIMED_PARKED;
}

void coop__wait_fire(struct coro *g)
{
    RT_DELAY();
    if (fired_parked(g))
        coop__ready(g);
}

void coop__wait_fire_all(struct waiter *first)
{
    struct waiter *next;

    for (; first; first = next) {
        next = first->next; /* its frame may be gone after the fire */
        if (fired_parked(first->coro))
            coop__ready_last(first->coro);
    }
}

void coop__wait_cancel(struct coro *g, int why)
{
    if (!claim(g, WAIT_CANCELLABLE))
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

static bool is_shielded(const struct coro *g)
{
    return g->shield_on && sys_now() < g->shield_deadline;
}

int coop__may_wait(struct coro *g)
{
    int why = atomic_load_explicit(&g->cancel, memory_order_relaxed);

    if (likely(!why))
        return 0;
    return is_shielded(g) ? 0 : why;
}

void coop__wait_begin(struct coro *g, bool cancellable)
{
    uint32_t turn = atomic_load_explicit(&g->wait, memory_order_relaxed) & TURNS;

    g->wake_result = 0;
    g->woken_by = NULL;
    atomic_store_explicit(&g->wait,
                          (turn + WAIT_TURN) | WAIT_ARMED |
                              (cancellable && !is_shielded(g) ? WAIT_CANCELLABLE : 0U),
                          memory_order_release);
}

void coop__wait_abandon(struct coro *g)
{
    atomic_store_explicit(&g->wait,
                          atomic_load_explicit(&g->wait, memory_order_relaxed) & TURNS,
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
    atomic_store_explicit(&g->state, CORO_RUNNING, memory_order_relaxed);
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

/* ---- queues of waiters, under the lock of what they wait for ---- */

void coop__waitq_push(struct coop_waitq *q, struct waiter *w)
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

void coop__waitq_push_first(struct coop_waitq *q, struct waiter *w)
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

void coop__waitq_remove(struct coop_waitq *q, struct waiter *w)
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

struct waiter *coop__waitq_claim(struct coop_waitq *q)
{
    struct waiter *w;

    while ((w = q->head)) {
        coop__waitq_remove(q, w);
        if (coop__wait_claim(w->coro)) {
            w->coro->woken_by = w;
            return w;
        }
    }
    return NULL;
}
