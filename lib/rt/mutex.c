/*
 * mutex.c - a lock that parks the coroutine
 *
 * The word: bit 0 locked, bit 1 somebody waits.  Locking and unlocking without a rival is one
 * locked instruction each.  With waiters, unlock hands the mutex to the first of them: no
 * barging, so nobody starves and a loop of lock and unlock cannot keep the others out.
 *
 *   unlocked --lock--> LOCKED --others--> LOCKED|WAITERS --unlock--> handed to the first (stays
 *   LOCKED)
 */
#include "coop/sync.h"

#include "rt/park.h"
#include "rt/sched.h"

#include <errno.h>

enum { LOCKED = 1, WAITERS = 2 };

static bool try_free(struct coop_mutex *m)
{
    uint32_t free = 0;

    return __atomic_compare_exchange_n(&m->state, &free, LOCKED, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* Under m->lock: takes it, or sets WAITERS so that the holder must come by the lock. */
static bool take_or_mark(struct coop_mutex *m)
{
    uint32_t word = __atomic_load_n(&m->state, __ATOMIC_RELAXED);

    for (;;) {
        uint32_t want = word & LOCKED ? word | WAITERS : word | LOCKED;

        if (__atomic_compare_exchange_n(&m->state, &word, want, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return !(word & LOCKED);
    }
}

static int lock_slowly(struct coop_mutex *m, coop_nsec deadline, bool cancellable)
{
    struct waiter w = {.coro = coop__self()};
    int r;

    if (!w.coro)
        coop__misuse("locking a mutex outside of a coroutine");
    if (cancellable && (r = coop__may_wait(w.coro)) < 0)
        return r;
    coop__lock(&m->lock);
    if (take_or_mark(m)) {
        coop__unlock(&m->lock);
        return 0;
    }
    coop__wait_begin(w.coro, cancellable);
    coop__waitq_push(&m->waiters, &w);
    coop__unlock(&m->lock);
    r = coop__wait(w.coro, WAIT_FOR_MUTEX, m, deadline);
    if (r < 0) {
        coop__lock(&m->lock);
        coop__waitq_remove(&m->waiters, &w);
        coop__unlock(&m->lock);
    }
    return r;
}

void coop_mutex_lock(struct coop_mutex *m)
{
    struct coro *g;
    int shield;

    if (likely(try_free(m)))
        return;
    g = coop__self();
    shield = g ? g->shield_on : 0;
    if (g)
        g->shield_on = 0; /* its deadline is not ours */
    lock_slowly(m, COOP_FOREVER, false);
    if (g)
        g->shield_on = shield;
}

int coop_mutex_lock_until(struct coop_mutex *m, coop_nsec deadline)
{
    if (likely(try_free(m)))
        return 0;
    return deadline == COOP_NOW ? -EAGAIN : lock_slowly(m, deadline, true);
}

bool coop_mutex_trylock(struct coop_mutex *m)
{
    return try_free(m);
}

/* Whoever finds it unlocked may free it at once.  So when the waiters have all given up, the mutex
 * is marked as ours alone under its short lock, and the last touch is the one that opens it. */
static void unlock_slowly(struct coop_mutex *m)
{
    for (;;) {
        uint32_t alone = LOCKED;
        struct waiter *w;

        coop__lock(&m->lock);
        w = coop__waitq_claim(&m->waiters);
        if (!w || !m->waiters.head)
            __atomic_store_n(&m->state, LOCKED, __ATOMIC_RELEASE);
        coop__unlock(&m->lock);
        if (w) {
            coop__wait_fire(w->coro);
            return;
        }
        if (__atomic_compare_exchange_n(&m->state, &alone, 0, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
            return;
    }
}

void coop_mutex_unlock(struct coop_mutex *m)
{
    uint32_t alone = LOCKED;

    if (likely(__atomic_compare_exchange_n(&m->state, &alone, 0, false, __ATOMIC_RELEASE,
                                           __ATOMIC_RELAXED)))
        return;
    if (!(alone & LOCKED))
        coop__misuse("unlock of a mutex that is not locked");
    unlock_slowly(m);
}
