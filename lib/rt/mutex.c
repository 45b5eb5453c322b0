/*
 * mutex.c - a lock that parks the coroutine
 *
 * THE TENSION
 *   Handing the mutex to the first waiter at each unlock is fair, and slow: between the unlock
 *   and the moment the waiter runs nobody may have it, so one collision makes a convoy.  Letting
 *   whoever comes take it is fast, and a loop of lock and unlock starves the waiters.
 *
 * WHAT WE DO
 *   Two modes.  Normally unlock opens the mutex and wakes the first waiter, who competes with
 *   those that come; when he loses he stands first in line again.  Who has waited for 1 ms
 *   turns the mutex to starving: then unlock hands it over, and nobody else can take it.  A
 *   waiter that gets it so turns it back if he was the last, or had not waited that long.
 *
 * THE WORD
 *   LOCKED    somebody has it
 *   WAITERS   the queue is not empty; changes under the short lock
 *   WOKEN     a woken waiter is on his way to compete: unlock wakes no other
 *   STARVING  unlock hands over; only beside LOCKED; set under the short lock
 *   above     in debug builds, its number among the locks (lockorder.c); else zero
 *
 *   Locking and unlocking without a rival is one locked instruction each.
 *
 * LAST TOUCH
 *   Whoever finds it unlocked may free it at once.  So an unlock first takes the waiter whom it
 *   will wake out of the queue, and what opens the mutex is the last thing it does to it.
 *
 * Source   Go's sync.Mutex for the two modes; no code taken.
 */
#include "coop/sync.h"

#include "base/sys.h"
#include "rt/lockorder.h"
#include "rt/park.h"
#include "rt/stand.h"

#include <errno.h>

enum { LOCKED = 1, WAITERS = 2, WOKEN = 4, STARVING = 8 };
enum { TOOK_PART, HANDED_OVER }; /* what a woken waiter is told */
enum { SPIN_ROUNDS = 4, SPIN_PAUSES = 30 };

#define STARVED_AFTER COOP_NSEC_PER_MSEC

/* ---- taking it ---- */

static bool take_if_free(struct coop_mutex *m)
{
    uint32_t word = 0;

    while (!__atomic_compare_exchange_n(&m->state, &word, word | LOCKED, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        if (word & LOCKED)
            return false;
    return true;
}

/* The holder runs on another processor, perhaps: then it is soon free. */
static bool take_after_spinning(struct coop_mutex *m)
{
    if (coop__worker() && coop__rt.procs_count - coop__rt.idle_procs_count < 2)
        return false;
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        for (int k = 0; k < SPIN_PAUSES; k++)
            coop__pause();
        if (__atomic_load_n(&m->state, __ATOMIC_RELAXED) & STARVING)
            return false;
        if (take_if_free(m))
            return true;
    }
    return false;
}

/* Under m->lock: takes it, or notes that somebody waits.  'off' and 'mode' are what the caller
 * has to say beside that: he is not on his way any more, he is starving. */
static bool take_or_mark(struct coop_mutex *m, uint32_t off, uint32_t mode)
{
    uint32_t word = __atomic_load_n(&m->state, __ATOMIC_RELAXED);

    for (;;) {
        uint32_t want = (word & LOCKED ? word | WAITERS | mode : word | LOCKED) & ~off;

        if (__atomic_compare_exchange_n(&m->state, &word, want, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return !(word & LOCKED);
    }
}

static void stop_waiting(struct coop_mutex *m, struct waiter *w)
{
    coop__lock(&m->lock);
    coop__waitq_remove(&m->waiters, w);
    if (!m->waiters.head)
        __atomic_fetch_and(&m->state, ~(uint32_t)(WAITERS | STARVING), __ATOMIC_RELAXED);
    coop__unlock(&m->lock);
}

/* It is ours. Does the next one need it handed over, too? */
static void take_over(struct coop_mutex *m, coop_nsec waited)
{
    if (waited < STARVED_AFTER || !(__atomic_load_n(&m->state, __ATOMIC_RELAXED) & WAITERS))
        __atomic_fetch_and(&m->state, ~(uint32_t)STARVING, __ATOMIC_RELAXED);
}

static int lock_slowly(struct coop_mutex *m, coop_nsec deadline, bool cancellable)
{
    struct waiter w = {.coro = coop__waiter()};
    uint32_t off = 0, mode = 0;
    coop_nsec since = 0;
    int r;

    if (!w.coro)
        coop__misuse("locking a mutex where nothing may wait");
    if (cancellable && (r = coop__may_wait(w.coro)) < 0)
        return r;
    if (take_after_spinning(m))
        return 0;
    for (;;) {
        coop__lock(&m->lock);
        if (take_or_mark(m, off, mode)) {
            coop__unlock(&m->lock);
            return 0;
        }
        coop__wait_begin(w.coro, cancellable);
        if (off)
            coop__waitq_push_first(&m->waiters, &w);
        else
            coop__waitq_push(&m->waiters, &w);
        coop__unlock(&m->lock);
        if (!since)
            since = sys_now();
        r = coop__wait(w.coro, WAIT_FOR_MUTEX, m, deadline);
        if (r < 0) {
            stop_waiting(m, &w);
            return r;
        }
        if (w.result == HANDED_OVER) {
            take_over(m, sys_now() - since);
            return 0;
        }
        off = WOKEN;
        mode = sys_now() - since >= STARVED_AFTER ? STARVING : 0;
    }
}

void coop__mutex_lock(struct coop_mutex *m, const void *caller)
{
    struct coro *g;
    int shield;

    ORDER_BEFORE(m, &m->state, caller);
    if (unlikely(!take_if_free(m))) {
        g = coop__waiter();
        shield = g ? g->shield_on : 0;
        if (g)
            g->shield_on = 0; /* its deadline is not ours */
        lock_slowly(m, COOP_FOREVER, false);
        if (g)
            g->shield_on = shield;
    }
    ORDER_TAKEN(m, &m->state, caller);
}

void coop_mutex_lock(struct coop_mutex *m)
{
    coop__mutex_lock(m, CALLER());
}

int coop_mutex_lock_until(struct coop_mutex *m, coop_nsec deadline)
{
    int r = coop__may_begin(coop__waiter(), deadline);

    if (r < 0)
        return r;
    if (deadline != COOP_NOW)
        ORDER_BEFORE(m, &m->state, CALLER());
    if (unlikely(!take_if_free(m)))
        r = deadline == COOP_NOW ? -EAGAIN : lock_slowly(m, deadline, true);
    if (r == 0)
        ORDER_TAKEN(m, &m->state, CALLER());
    return r;
}

bool coop_mutex_trylock(struct coop_mutex *m)
{
    if (!take_if_free(m))
        return false;
    ORDER_TAKEN(m, &m->state, CALLER());
    return true;
}

/* ---- opening it ---- */

/* Wakes the first waiter, or hands over to him; in both cases it is no longer ours.  False:
 * they have all given up, it is still ours. */
static bool call_the_first(struct coop_mutex *m)
{
    struct waiter *w;
    uint32_t starving, gone;

    coop__lock(&m->lock);
    starving = __atomic_load_n(&m->state, __ATOMIC_RELAXED) & STARVING;
    w = coop__waitq_claim(&m->waiters);
    gone = m->waiters.head ? 0 : WAITERS;
    if (!w)
        gone |= STARVING;
    else if (!starving)
        __atomic_fetch_or(&m->state, WOKEN, __ATOMIC_RELAXED);
    __atomic_fetch_and(&m->state, ~gone, __ATOMIC_RELAXED);
    coop__unlock(&m->lock);
    if (!w)
        return false;
    w->result = starving ? HANDED_OVER : TOOK_PART;
    if (!starving)
        __atomic_fetch_and(&m->state, ~(uint32_t)LOCKED, __ATOMIC_RELEASE);
    RT_DELAY();
    coop__wait_fire(w->coro);
    return true;
}

static void unlock_slowly(struct coop_mutex *m)
{
    uint32_t word = __atomic_load_n(&m->state, __ATOMIC_RELAXED);

    for (;;) {
        if ((word & STARVING) || (word & (WAITERS | WOKEN)) == WAITERS) {
            if (call_the_first(m))
                return;
            word = __atomic_load_n(&m->state, __ATOMIC_RELAXED);
        } else if (__atomic_compare_exchange_n(&m->state, &word, word & ~(uint32_t)LOCKED,
                                               false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            return;
        }
    }
}

void coop_mutex_unlock(struct coop_mutex *m)
{
    uint32_t alone = LOCKED;

    ORDER_LEFT(m, __atomic_load_n(&m->state, __ATOMIC_RELAXED) & LOCKED);
    if (likely(__atomic_compare_exchange_n(&m->state, &alone, 0, false, __ATOMIC_RELEASE,
                                           __ATOMIC_RELAXED)))
        return;
    if (!(alone & LOCKED))
        coop__misuse("unlock of a mutex that is not locked");
    unlock_slowly(m);
}
