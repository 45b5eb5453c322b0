#ifndef COOP_RT_STAND_H
#define COOP_RT_STAND_H

#include "rt/park.h"

/*
 * stand.h - standing in the one queue of an object, with its short lock in hand
 *
 * What semaphore, wait group, condition, once and read-write lock have in common (sync.c).
 */

/* The stand-in of a foreign thread; NULL in a forked child.  (foreign.c) */
struct coro *coop__thread_waiter(void);

/* What a foreign thread draws from. (foreign.c) */
uint32_t *coop__thread_rng(void);

/* Who waits: the calling coroutine; in a foreign thread a stand-in that holds the thread.  NULL
 * where nothing may wait: on a worker's own stack, in a forked child. */
static inline struct coro *coop__waiter(void)
{
    struct worker *w = coop__worker();

    if (unlikely(!w))
        return coop__thread_waiter();
    return w->current != &w->root ? w->current : NULL;
}

/* May it wait at all?  With the lock held; unlocks if not. */
int coop__may_stand(uint32_t *lock, struct coro *g, coop_nsec deadline);

/* Joins 'q' with 'lock' held; returns unlocked.  0, -ETIMEDOUT or the reason; then it has left
 * the queue. */
int coop__stand(uint32_t *lock, struct coop_waitq *q, struct waiter *w, enum wait_reason reason,
                coop_nsec deadline);

/* For calls that cannot fail: neither cancelling nor a shield's end stops them. */
void coop__stand_firmly(uint32_t *lock, struct coop_waitq *q, struct waiter *w,
                        enum wait_reason reason);

/* Claims all of a queue, unlocks, wakes them with 'result'. Returns how many. */
int coop__wake_all(uint32_t *lock, struct coop_waitq *q, int result);

/* coop_mutex_lock() for 'caller' (mutex.c). */
struct coop_mutex;
void coop__mutex_lock(struct coop_mutex *m, const void *caller);

#endif
