/*
 * sync.c - semaphore, wait group, condition, once; and how to stand in a queue
 *
 * All the same shape: a short lock, a count, and a queue of waiters (park.h).  What is waited
 * for is handed over to the woken coroutine by the one that wakes it: nobody wakes up to find
 * that another was faster.  mutex.c differs, since its uncontended path must not take the short
 * lock; rwlock.c has two queues.
 */
#include "coop/sync.h"

#include "rt/coro.h"
#include "rt/lockorder.h"
#include "rt/stand.h"

#include <errno.h>

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

int coop__stand(uint32_t *lock, struct coop_waitq *q, struct waiter *w, enum wait_reason reason,
                coop_nsec deadline)
{
    return stand(lock, q, w, reason, deadline, true);
}

void coop__stand_firmly(uint32_t *lock, struct coop_waitq *q, struct waiter *w,
                        enum wait_reason reason)
{
    int shield = w->coro->shield_on;

    w->coro->shield_on = 0;
    stand(lock, q, w, reason, COOP_FOREVER, false);
    w->coro->shield_on = shield;
}

int coop__may_stand(uint32_t *lock, struct coro *g, coop_nsec deadline)
{
    int r = deadline == COOP_NOW ? -EAGAIN : !g ? -EPERM : coop__may_wait(g);

    if (r < 0)
        coop__unlock(lock);
    return r;
}

int coop__wake_all(uint32_t *lock, struct coop_waitq *q, int result)
{
    struct waiter *first = NULL, **end = &first, *w;
    int count = 0;

    for (; (w = coop__waitq_claim(q)); count++) {
        w->result = result;
        *end = w;
        end = &w->next;
    }
    *end = NULL;
    coop__unlock(lock);
    coop__wait_fire_all(first);
    return count;
}

/* ---- semaphore ---- */

void coop_sem_init(struct coop_sem *s, int64_t count)
{
    if (count < 0)
        coop__misuse("a semaphore starts with a negative count");
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
    struct waiter w = {.coro = coop__waiter(), .need = n};
    int r;

    if (n < 0)
        return -EINVAL;
    if ((r = coop__may_begin(w.coro, deadline)) < 0)
        return r;
    coop__lock(&s->lock);
    if (!s->waiters.head && s->count >= n) {
        s->count -= n;
        coop__unlock(&s->lock);
        return 0;
    }
    if ((r = coop__may_stand(&s->lock, w.coro, deadline)) < 0)
        return r;
    r = coop__stand(&s->lock, &s->waiters, &w, WAIT_FOR_SEM, deadline);
    if (r < 0) { /* we may have stood before smaller ones */
        coop__lock(&s->lock);
        sem_serve(s);
    }
    return r;
}

void coop_sem_release(struct coop_sem *s, int64_t n)
{
    coop__lock(&s->lock);
    if (n < 0 || __builtin_add_overflow(s->count, n, &s->count))
        coop__misuse("a semaphore is released by a negative count, or beyond all bounds");
    sem_serve(s);
}

/* ---- wait group ---- */

#ifdef COOP_DEBUG
/* Who is in a wait when the count is zero is on his way out.  An add then is either a second use
 * before the first is over, or runs beside a wait and may or may not be waited for. */
#define MAY_ADD(wg, n)                                                                         \
    ((wg)->count == 0 && (n) > 0 && (wg)->inside                                               \
         ? coop__misuse("a wait group is added to while waiters leave it")                     \
         : (void)0)

/* A wait that finds zero lasts till the others have run, so that an add beside it is seen. */
static void wait_at_zero(struct coop_wg *wg)
{
    struct worker *w = coop__worker();

    wg->inside++;
    coop__unlock(&wg->lock);
    if (coop__self() && w->proc)
        coop__let_others();
    else
        coop__pause();
    coop__lock(&wg->lock);
    wg->inside--;
    coop__unlock(&wg->lock);
}

/* Before standing, with the lock held; and after it. */
#define WG_IN(wg) (void)(wg)->inside++
static void wg_out(struct coop_wg *wg)
{
    coop__lock(&wg->lock);
    wg->inside--;
    coop__unlock(&wg->lock);
}
#define WG_OUT(wg) wg_out(wg)
#else
#define MAY_ADD(wg, n)   (void)0
#define wait_at_zero(wg) coop__unlock(&(wg)->lock)
#define WG_IN(wg)        (void)0
#define WG_OUT(wg)       (void)0
#endif

void coop_wg_add(struct coop_wg *w, int64_t n)
{
    coop__lock(&w->lock);
    MAY_ADD(w, n);
    if (__builtin_add_overflow(w->count, n, &w->count) || w->count < 0)
        coop__misuse("a wait group's count went below zero");
    if (w->count == 0)
        coop__wake_all(&w->lock, &w->waiters, 0);
    else
        coop__unlock(&w->lock);
}

void coop_wg_done(struct coop_wg *w)
{
    coop_wg_add(w, -1);
}

void coop_wg_wait(struct coop_wg *wg)
{
    struct waiter w = {.coro = coop__waiter()};

    coop__lock(&wg->lock);
    if (wg->count == 0) {
        wait_at_zero(wg);
        return;
    }
    if (!w.coro)
        coop__misuse("coop_wg_wait where nothing may wait");
    WG_IN(wg);
    coop__stand_firmly(&wg->lock, &wg->waiters, &w, WAIT_FOR_GROUP);
    WG_OUT(wg);
}

int coop_wg_wait_until(struct coop_wg *wg, coop_nsec deadline)
{
    struct waiter w = {.coro = coop__waiter()};
    int r = coop__may_begin(w.coro, deadline);

    if (r < 0)
        return r;
    coop__lock(&wg->lock);
    if (wg->count == 0) {
        wait_at_zero(wg);
        return 0;
    }
    if ((r = coop__may_stand(&wg->lock, w.coro, deadline)) < 0)
        return r;
    WG_IN(wg);
    r = coop__stand(&wg->lock, &wg->waiters, &w, WAIT_FOR_GROUP, deadline);
    WG_OUT(wg);
    return r;
}

/* ---- condition ---- */

#ifdef COOP_DEBUG
/* With two of them a signal under the one is lost for who holds the other.  Under c->lock. */
static void check_mutex(struct coop_cond *c, const struct coop_mutex *m)
{
    uint32_t which = (uint32_t)((uintptr_t)m >> 3);

    if (c->waiters.head && c->mutex != which)
        coop__misuse("a condition is waited for with two mutexes");
    c->mutex = which;
}
#else
#define check_mutex(c, m) (void)0
#endif

int coop_cond_wait(struct coop_cond *c, struct coop_mutex *m, coop_nsec deadline)
{
    struct waiter w = {.coro = coop__waiter()};
    const void *caller = CALLER();
    int r;

    coop__lock(&c->lock);
    if ((r = coop__may_stand(&c->lock, w.coro, deadline)) < 0)
        return r;
    check_mutex(c, m);
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
    coop__mutex_lock(m, caller);
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
    coop__wake_all(&c->lock, &c->waiters, 0);
}

/* ---- once ---- */

enum { ONCE_FRESH, ONCE_RUNNING, ONCE_DONE };

/* Under the lock, while another runs it; unlocks. What he returned, or why we did not wait. */
static int await_once(struct coop_once *o, struct waiter *w, coop_nsec deadline, bool firmly)
{
    int r;

    if (w->coro && o->runner == w->coro)
        coop__misuse("coop_once waits for itself");
    if (firmly) {
        if (!w->coro)
            coop__misuse("coop_once where nothing may wait");
        coop__stand_firmly(&o->lock, &o->waiters, w, WAIT_FOR_ONCE);
        return w->result;
    }
    if ((r = coop__may_stand(&o->lock, w->coro, deadline)) < 0)
        return r;
    r = coop__stand(&o->lock, &o->waiters, w, WAIT_FOR_ONCE, deadline);
    return r < 0 ? r : w->result;
}

static int once(struct coop_once *o, int (*fn)(void *), void *arg, coop_nsec deadline,
                bool firmly)
{
    struct waiter w = {.coro = coop__waiter()};
    int r;

    if (likely(__atomic_load_n(&o->state, __ATOMIC_ACQUIRE) == ONCE_DONE))
        return 0;
    if (!fn)
        return -EINVAL;
    coop__lock(&o->lock);
    if (o->state == ONCE_DONE) {
        coop__unlock(&o->lock);
        return 0;
    }
    if (o->state == ONCE_RUNNING)
        return await_once(o, &w, deadline, firmly);
    o->state = ONCE_RUNNING;
    o->runner = w.coro;
    coop__unlock(&o->lock);
    r = fn(arg);
    coop__lock(&o->lock);
    o->runner = NULL;
    __atomic_store_n(&o->state, r ? ONCE_FRESH : ONCE_DONE, __ATOMIC_RELEASE);
    coop__wake_all(&o->lock, &o->waiters, r);
    return r;
}

int coop_once(struct coop_once *o, int (*fn)(void *), void *arg)
{
    return once(o, fn, arg, COOP_FOREVER, true);
}

int coop_once_until(struct coop_once *o, int (*fn)(void *), void *arg, coop_nsec deadline)
{
    int r = coop__may_begin(coop__waiter(), deadline);

    return r < 0 ? r : once(o, fn, arg, deadline, false);
}
