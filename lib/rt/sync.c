/*
 * sync.c - semaphore, wait group, condition, once, read-write lock
 *
 * All the same shape: a short lock, a count, and a queue of waiters (park.h).  What is waited
 * for is handed over to the woken coroutine by the one that wakes it: nobody wakes up to find
 * that another was faster. mutex.c differs, since its uncontended path must not take the short
 * lock.
 */
#include "coop/sync.h"

#include "rt/park.h"
#include "rt/sched.h"

#include <errno.h>

/* Joins 'q' with 'lock' held; returns unlocked. 0, -ETIMEDOUT or the reason; then it has left
 * the queue. */
static int stand(uint32_t *lock, struct coop_waitq *q, struct waiter *w,
                 enum wait_reason reason, coop_nsec deadline, bool cancellable)
{
    int r;

    coop__wait_begin(w->coro, cancellable);
    coop__waitq_push(q, w);
    coop__unlock(lock);
    r = coop__wait(w->coro, reason, q, deadline);
    if (r < 0) {
        coop__lock(lock);
        coop__waitq_remove(q, w);
        coop__unlock(lock);
    }
    return r;
}

/* For calls that cannot fail: neither cancelling nor a shield's end stops them. */
static void stand_firmly(uint32_t *lock, struct coop_waitq *q, struct waiter *w,
                         enum wait_reason reason)
{
    int shield = w->coro->shield_on;

    w->coro->shield_on = 0;
    stand(lock, q, w, reason, COOP_FOREVER, false);
    w->coro->shield_on = shield;
}

/* May the caller wait at all? With the lock held; unlocks if not. */
static int may_stand(uint32_t *lock, struct coro *g, coop_nsec deadline)
{
    int r = deadline == COOP_NOW ? -EAGAIN : !g ? -EPERM : coop__may_wait(g);

    if (r < 0)
        coop__unlock(lock);
    return r;
}

/* ---- semaphore ---- */

void coop_sem_init(struct coop_sem *s, int64_t count)
{
    *s = (struct coop_sem){.count = count};
}

/* Serves the queue from its head, as far as the count goes. Under the lock; unlocks. */
static void sem_serve(struct coop_sem *s)
{
    struct waiter *first = NULL, **end = &first, *w;

    while ((w = s->waiters.head) && w->need <= s->count) {
        coop__waitq_remove(&s->waiters, w);
        if (!coop__wait_claim(w->coro))
            continue;
        s->count -= w->need;
        *end = w;
        end = &w->next;
    }
    *end = NULL;
    coop__unlock(&s->lock);
    coop__wait_fire_all(first);
}

int coop_sem_acquire(struct coop_sem *s, int64_t n, coop_nsec deadline)
{
    struct waiter w = {.coro = coop__self(), .need = n};
    int r;

    if (n < 0)
        return -EINVAL;
    coop__lock(&s->lock);
    if (!s->waiters.head && s->count >= n) {
        s->count -= n;
        coop__unlock(&s->lock);
        return 0;
    }
    if ((r = may_stand(&s->lock, w.coro, deadline)) < 0)
        return r;
    r = stand(&s->lock, &s->waiters, &w, WAIT_FOR_SEM, deadline, true);
    if (r < 0) { /* we may have stood before smaller ones */
        coop__lock(&s->lock);
        sem_serve(s);
    }
    return r;
}

void coop_sem_release(struct coop_sem *s, int64_t n)
{
    coop__lock(&s->lock);
    s->count += n;
    sem_serve(s);
}

/* ---- wake all of a queue, under the lock; unlocks ---- */

static void wake_all(uint32_t *lock, struct coop_waitq *q, int result)
{
    struct waiter *first = NULL, **end = &first, *w;

    while ((w = coop__waitq_claim(q))) {
        w->result = result;
        *end = w;
        end = &w->next;
    }
    *end = NULL;
    coop__unlock(lock);
    coop__wait_fire_all(first);
}

/* ---- wait group ---- */

void coop_wg_add(struct coop_wg *w, int64_t n)
{
    coop__lock(&w->lock);
    w->count += n;
    if (w->count < 0)
        coop__misuse("a wait group's count went below zero");
    if (w->count == 0)
        wake_all(&w->lock, &w->waiters, 0);
    else
        coop__unlock(&w->lock);
}

void coop_wg_done(struct coop_wg *w)
{
    coop_wg_add(w, -1);
}

void coop_wg_wait(struct coop_wg *wg)
{
    struct waiter w = {.coro = coop__self()};

    coop__lock(&wg->lock);
    if (wg->count == 0) {
        coop__unlock(&wg->lock);
        return;
    }
    if (!w.coro)
        coop__misuse("coop_wg_wait outside of a coroutine");
    stand_firmly(&wg->lock, &wg->waiters, &w, WAIT_FOR_GROUP);
}

int coop_wg_wait_until(struct coop_wg *wg, coop_nsec deadline)
{
    struct waiter w = {.coro = coop__self()};
    int r;

    coop__lock(&wg->lock);
    if (wg->count == 0) {
        coop__unlock(&wg->lock);
        return 0;
    }
    if ((r = may_stand(&wg->lock, w.coro, deadline)) < 0)
        return r;
    return stand(&wg->lock, &wg->waiters, &w, WAIT_FOR_GROUP, deadline, true);
}

/* ---- condition ---- */

int coop_cond_wait(struct coop_cond *c, struct coop_mutex *m, coop_nsec deadline)
{
    struct waiter w = {.coro = coop__self()};
    int r;

    coop__lock(&c->lock);
    if ((r = may_stand(&c->lock, w.coro, deadline)) < 0)
        return r;
    coop__wait_begin(w.coro, true);
    coop__waitq_push(&c->waiters, &w);
    coop__unlock(&c->lock);
    coop_mutex_unlock(m); /* from here on a signal finds us in the queue */
    r = coop__wait(w.coro, WAIT_FOR_COND, c, deadline);
    if (r < 0) {
        coop__lock(&c->lock);
        coop__waitq_remove(&c->waiters, &w);
        coop__unlock(&c->lock);
    }
    coop_mutex_lock(m);
    return r;
}

void coop_cond_signal(struct coop_cond *c)
{
    struct waiter *w;

    coop__lock(&c->lock);
    w = coop__waitq_claim(&c->waiters);
    coop__unlock(&c->lock);
    if (w)
        coop__wait_fire(w->coro);
}

void coop_cond_broadcast(struct coop_cond *c)
{
    coop__lock(&c->lock);
    wake_all(&c->lock, &c->waiters, 0);
}

/* ---- once ---- */

enum { ONCE_FRESH, ONCE_RUNNING, ONCE_DONE };

int coop_once(struct coop_once *o, int (*fn)(void *), void *arg)
{
    struct waiter w = {.coro = coop__self()};
    int r;

    if (likely(__atomic_load_n(&o->state, __ATOMIC_ACQUIRE) == ONCE_DONE))
        return 0;
    coop__lock(&o->lock);
    if (o->state == ONCE_DONE) {
        coop__unlock(&o->lock);
        return 0;
    }
    if (o->state == ONCE_RUNNING) {
        if (!w.coro || o->runner == w.coro)
            coop__misuse("coop_once waits for itself");
        stand_firmly(&o->lock, &o->waiters, &w, WAIT_FOR_ONCE);
        return w.result;
    }
    o->state = ONCE_RUNNING;
    o->runner = w.coro;
    coop__unlock(&o->lock);
    r = fn(arg);
    coop__lock(&o->lock);
    o->runner = NULL;
    __atomic_store_n(&o->state, r ? ONCE_FRESH : ONCE_DONE, __ATOMIC_RELEASE);
    wake_all(&o->lock, &o->waiters, r);
    return r;
}

/* ---- read-write lock ---- */

enum { WRITER = -1, FOR_READING = 0, FOR_WRITING = 1 };

/* Lets in what may come in: a writer alone, or all readers up to the next writer. Unlocks. */
static void rw_serve(struct coop_rwlock *l)
{
    struct waiter *first = NULL, **end = &first, *w;

    while ((w = l->waiters.head)) {
        if (l->readers == WRITER || (w->need == FOR_WRITING && l->readers > 0))
            break;
        coop__waitq_remove(&l->waiters, w);
        if (!coop__wait_claim(w->coro))
            continue;
        l->readers = w->need == FOR_WRITING ? WRITER : l->readers + 1;
        *end = w;
        end = &w->next;
    }
    *end = NULL;
    coop__unlock(&l->lock);
    coop__wait_fire_all(first);
}

static int rw_lock(struct coop_rwlock *l, int what, coop_nsec deadline)
{
    struct waiter w = {.coro = coop__self(), .need = what};
    int r;

    coop__lock(&l->lock);
    if (!l->waiters.head && (what == FOR_WRITING ? l->readers == 0 : l->readers >= 0)) {
        l->readers = what == FOR_WRITING ? WRITER : l->readers + 1;
        coop__unlock(&l->lock);
        return 0;
    }
    if ((r = may_stand(&l->lock, w.coro, deadline)) < 0)
        return r;
    r = stand(&l->lock, &l->waiters, &w,
              what == FOR_WRITING ? WAIT_FOR_RWLOCK_W : WAIT_FOR_RWLOCK_R, deadline, true);
    if (r < 0) { /* a writer that gives up lets the readers behind it go */
        coop__lock(&l->lock);
        rw_serve(l);
    }
    return r;
}

int coop_rwlock_rdlock(struct coop_rwlock *l, coop_nsec deadline)
{
    return rw_lock(l, FOR_READING, deadline);
}

int coop_rwlock_wrlock(struct coop_rwlock *l, coop_nsec deadline)
{
    return rw_lock(l, FOR_WRITING, deadline);
}

void coop_rwlock_unlock(struct coop_rwlock *l)
{
    coop__lock(&l->lock);
    if (l->readers == 0)
        coop__misuse("unlock of a read-write lock that nobody holds");
    l->readers = l->readers == WRITER ? 0 : l->readers - 1;
    rw_serve(l);
}
