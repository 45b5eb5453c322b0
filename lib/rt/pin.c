/*
 * pin.c - a coroutine and its thread, one to one
 *
 * A worker that has a pinned coroutine is set apart: it runs nothing else, sits in no list of idle
 * ones, and never in the poller.  When its coroutine waits, it gives its processor to another
 * worker and sleeps on its own futex.  The coroutine is woken into a run queue like everybody;
 * whoever picks it does not run it, but hands its own processor to the coroutine's worker, and
 * looks for another one.
 *
 *      pinned worker                         another worker
 *        coroutine waits
 *        hands its processor off               ... picks the coroutine
 *        sleeps                                gives the processor it has: handed, wake
 *        wakes up, runs it                     sleeps among the idle
 *
 *   The right side may come first: it has the coroutine from a queue, and 'handed' is not the
 *   processor that the left side still holds.
 *
 * ALWAYS TRUE
 *   While one worker is set apart, another one is not: coop_pin() makes a thread if need be, and
 *   fails if it cannot.  So what the pinned one waits for can happen.
 *
 * Source   Go's LockOSThread (stoplockedm, startlockedm), and its rule that a thread ends with the
 *          goroutine that had it locked; no code taken.
 */
#include "rt/pin.h"

#include "rt/ready.h"
#include "rt/runq.h"

#include <errno.h>

/* ---- the calls ---- */

/* Room for one more that is set apart? Under the lock. */
static bool another_worker(void)
{
    return coop__rt.workers_count - coop__rt.apart > 1 || coop__worker_new(NULL, false);
}

int coop_pin(void)
{
    struct coro *g = coop__self();
    struct worker *w = coop__worker();
    bool another;

    if (!g || !w->proc)
        return -EPERM;
    if (g->pins++ > 0)
        return 0;
    atomic_fetch_add(&coop__rt.unusual, 1);
    if (coop__rt.sim)
        return 0;
    coop__lock(&coop__rt.lock);
    another = another_worker();
    coop__rt.apart += another;
    coop__unlock(&coop__rt.lock);
    if (!another) {
        g->pins = 0;
        atomic_fetch_sub(&coop__rt.unusual, 1);
        return -EAGAIN;
    }
    g->pin = w;
    w->pinned = g;
    return 0;
}

int coop_unpin(void)
{
    struct coro *g = coop__self();

    if (!g || g->pins == 0)
        return -EPERM;
    if (--g->pins > 0)
        return 0;
    atomic_fetch_sub(&coop__rt.unusual, 1);
    if (coop__rt.sim)
        return 0;
    g->pin->pinned = NULL;
    g->pin = NULL;
    coop__lock(&coop__rt.lock);
    coop__rt.apart--;
    coop__unlock(&coop__rt.lock);
    return 0;
}

/* ---- what the scheduler asks ---- */

struct coro *coop__pin_sort(struct worker *w, struct coro *picked)
{
    bool apart = w->pinned || w->spoiled;

    if (!picked || picked->pin == w || (!picked->pin && !apart && !coop__rt.over))
        return picked;
    w->passed = picked;
    return NULL;
}

void coop__pin_ends(struct worker *w, struct coro *g)
{
    if (g->pins == 0)
        return;
    g->pins = 0;
    if (coop__rt.sim) {
        atomic_fetch_sub(&coop__rt.unusual, 1);
        return;
    }
    g->pin = NULL;
    w->pinned = NULL;
    w->spoiled = true; /* 'unusual' goes when it runs no more */
}

static void give_proc_away(struct worker *w)
{
    struct proc *p = w->proc;

    if (!p)
        return;
    if (w->passed)
        coop__runq_put(p, w->passed, true);
    w->passed = NULL;
    w->proc = NULL;
    atomic_store(&p->status, PROC_IDLE);
    coop__hand_off(p);
    /* The worker in the poller may have seen us awake when it looked for a deadlock. */
    coop__recheck_deadlock();
}

struct coro *coop__pin_await(struct worker *w)
{
    give_proc_away(w);
    if (w->spoiled) {
        atomic_fetch_sub(&coop__rt.unusual, 1);
        if (coop__worker_discard(w))
            return NULL;
    }
    while (!__atomic_load_n(&w->wake, __ATOMIC_SEQ_CST))
        coop__futex_wait(&w->wake, 0, NULL);
    __atomic_store_n(&w->wake, 0, __ATOMIC_SEQ_CST);
    if (!w->handed)
        return NULL;
    coop__proc_acquire(w, w->handed);
    w->handed = NULL;
    return w->pinned;
}

void coop__pin_call(struct worker *w, struct coro *g)
{
    struct worker *pinned = g->pin;

    pinned->handed = w->proc;
    w->proc = NULL;
    RT_DELAY();
    __atomic_store_n(&pinned->wake, 1, __ATOMIC_SEQ_CST);
    coop__futex_wake(&pinned->wake);
}

struct worker *coop__pin_first(void)
{
    struct worker *w;

    coop__lock(&coop__rt.lock);
    for (w = coop__rt.all_workers; w->id != 0; w = w->all_next)
        ;
    coop__unlock(&coop__rt.lock);
    return w;
}

void coop__pin_release(struct worker *first)
{
    __atomic_store_n(&first->wake, 1, __ATOMIC_SEQ_CST);
    coop__futex_wake(&first->wake);
}
