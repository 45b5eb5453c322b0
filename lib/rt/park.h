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

/* Whether the caller may wait now: 0, or why not (cancelled and not shielded). */
int coop__may_wait(struct coro *g);

void coop__wait_begin(struct coro *g, bool cancellable);
/* The wait is not needed after all; only when it is not cancellable and stands in no queue, or
 * is over. */
void coop__wait_abandon(struct coro *g);
/* The same when it may have been claimed: waits for who did, if so. */
void coop__wait_withdraw(struct coro *g);
/* Parks until fired. 0 when a waker did it, else -ETIMEDOUT or why the coroutine is cancelled. */
int coop__wait(struct coro *g, enum wait_reason reason, const void *object, coop_nsec deadline);
/* The same for the stand-in of a foreign thread (foreign.c). */
int coop__wait_in_thread(struct coro *g, coop_nsec deadline);

/* True: the caller, and nobody else, may wake it now, and must (coop__wait_fire). */
bool coop__wait_claim(struct coro *g);
void coop__wait_fire(struct coro *g);
/* A list of claimed ones, linked by next: they will run in that order. */
void coop__wait_fire_all(struct waiter *first);

/* Wakes it with 'why' if it is in a wait that may be cancelled. */
void coop__wait_cancel(struct coro *g, int why);

void coop__waitq_push(struct coop_waitq *q, struct waiter *w);
/* Before all others. */
void coop__waitq_push_first(struct coop_waitq *q, struct waiter *w);
void coop__waitq_remove(struct coop_waitq *q, struct waiter *w);
/* The first that could be claimed, removed; others that somebody else has woken are removed on
 * the way.  NULL: nobody waits. */
struct waiter *coop__waitq_claim(struct coop_waitq *q);

#endif
