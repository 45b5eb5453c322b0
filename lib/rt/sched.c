/*
 * sched.c - who runs next, and on which thread
 *
 * THE NOUNS
 *   coroutine      a function with its own stack that gives up the thread only by asking
 *   worker         a kernel thread; it runs coroutines, but only while it holds a processor
 *   processor      the right to run coroutines, with a run queue (runq.c); there are as many as
 *                  coroutines may run at the same time
 *   global queue   what anyone may push to: foreign threads, full run queues
 *   urgent queue   the same, picked first: signals, the reaper, control; a handful
 *   poller         where one worker without a processor sleeps, till a descriptor or a time
 *
 * THE TENSION
 *   Too few awake workers and ready coroutines wait; too many and they steal from each other
 *   and burn the battery of an idle machine.  A supervisor is idle almost always, so when in
 *   doubt we sleep: waking a sleeping CPU costs as much as twenty thousand switches.
 *
 * WHAT WE DID NOT DO
 *   One global queue.       Simple, and every wake-up would fight for one lock.
 *   Hand the thread over.   Running the woken coroutine elsewhere at once loses its warm cache.
 *   Wake a worker per wake. A pair that talks would wake a thread for each word; so a coroutine
 *   that is woken
 *                           into an empty queue is left to its waker's worker.  If that one
 *                           computes on instead of waiting, the monitor notices (monitor.c).
 *
 * WHAT WE DO
 *   A parking coroutine picks its successor and jumps there at once, on its own stack; only when
 *   nothing is ready it jumps to the worker's own stack, which looks around (find_work): the
 *   clock, the global queue, its epoll and another one (epolls.c), the other processors' queues.
 *   A worker that looks at others' queues is "spinning"; at most half of the busy ones do.
 *   Whoever makes work wakes one sleeper, unless one is spinning already, or the last ones were
 *   hardly worth waking (ready.c); a spinner that finds something wakes the next.
 *
 * THE ONE RACE
 *   making work                           falling asleep
 *     1. push the coroutine                 1. put the processor in the idle list, spinning--
 *     2. full fence                         2. full fence
 *     3. nobody spins, a processor is       3. look into every queue once more
 *        idle: wake one
 *   Either the maker sees the idle processor and wakes somebody, or the sleeper sees the work.
 *   Remove a fence and both may look away at once: tests/stress/lost_wakeup shows it (built
 *   with COOP_MUTANT_NO_FENCE it must fail).
 *
 * ALWAYS TRUE
 *   I1  A coroutine is in exactly one place: a run queue, a wait, or running.
 *   I2  Who wakes it has claimed it (park.c), so it is pushed once.
 *   I3  No switch happens while a short lock is held.
 *   I4  A worker without a processor touches no run queue but the global ones, under the lock.
 */

#include "base/sys.h"
#include "rt/coro.h"
#include "rt/lockorder.h"
#include "rt/pin.h"
#include "rt/policy.h"
#include "rt/poller.h"
#include "rt/runq.h"
#include "rt/switch.h"
#include "rt/timer.h"
#include "rt/trace.h"

#include <sched.h>
#include <time.h>

enum { PAUSES_BEFORE_YIELD = 100 };

struct runtime coop__rt;

__attribute__((visibility("hidden"), tls_model("initial-exec"))) //
_Thread_local struct worker *coop__this_worker;

#if !defined(__x86_64__)
__attribute__((noinline)) struct worker *coop__worker(void)
{
    struct worker *w = coop__this_worker;

    __asm__ volatile("" : "+r"(w));
    return w;
}
#endif

void coop__set_worker(struct worker *w)
{
    coop__this_worker = w;
}

/* ---- picking ---- */

/* Timers wake in the order of their times: last in line, not into the slot. */
static void fire_timers(struct worker *w, struct proc *p)
{
    if (!atomic_load_explicit(&p->first_timer, memory_order_relaxed))
        return;
    w->collecting = true;
    coop__timers_run(p);
    coop__inject(w);
}

void coop__look_around(struct worker *w, struct proc *p)
{
    p->clock = sys_now();
    fire_timers(w, p);
    if (atomic_load_explicit(&p->head, memory_order_relaxed) !=
        atomic_load_explicit(&p->tail, memory_order_relaxed)) /* the slot alone is ours */
        coop__work_made(p);
    if ((int)(p->tick - p->poll_at) >= 0 &&
        atomic_load_explicit(&coop__rt.fd_registered, memory_order_relaxed)) {
        p->poll_at = p->tick + POLL_EVERY;
        w->collecting = true;
        coop__poll_own(p, true);
        coop__inject(w);
    }
}

void coop__look_late(struct worker *w)
{
    coop_nsec now = sys_now();

    if (atomic_load(&coop__rt.poll_until)) /* somebody sleeps there, and does */
        return;
    w->collecting = true;
    if (coop__timers_first() <= now - TIMER_LATE)
        coop__timers_run_all();
    if (atomic_load_explicit(&coop__rt.fd_registered, memory_order_relaxed))
        coop__poll_late(now, MONITOR_DELAY);
    coop__inject(w);
}

/* One comparison per pick finds out whether anything else is due than the next in the queue.  Due
 * is what its number has passed: the very pick with that number may be an urgent one. */
static COLD struct coro *pick_elsewhere(struct worker *w, struct proc *p)
{
    struct coro *g = NULL;

    if ((int)(p->tick - p->global_at) >= 0) {
        p->global_at = p->tick + GLOBAL_EVERY;
        g = coop__global_share(p, 0);
    }
    if (!g && (int)(p->tick - p->clock_at) >= 0) {
        p->clock_at = p->tick + TIMERS_EVERY;
        coop__look_around(w, p);
    }
    p->look_at = (int)(p->global_at - p->clock_at) < 0 ? p->global_at : p->clock_at;
    return g;
}

static struct coro *pick_default(struct worker *w)
{
    struct proc *p = w->proc;
    struct coro *g;

    p->tick++;
    if ((g = coop__pick_urgent(p)))
        return g;
    if (unlikely((int)(p->tick - p->look_at) >= 0) && (g = pick_elsewhere(w, p)))
        return g;
    return coop__runq_get(p);
}

const struct policy coop__policy_default = {.pick = pick_default, .steal = coop__runq_steal};

static struct coro *pick(struct worker *w)
{
    return coop__rt.policy.pick(w);
}

/* ---- leaving a stack ---- */

static inline void after(struct worker *w)
{
    struct coro *g = w->after_coro;
    void (*then)(struct worker *, struct coro *) = w->after;

    if (unlikely(!g))
        return;
    w->after_coro = NULL;
    RT_DELAY();
    atomic_store_explicit(&g->left, true, memory_order_release);
    if (then) /* or it may be gone */
        then(w, g);
}

void coop__after(struct worker *w)
{
    after(w);
}

static inline void runs(struct coro *g)
{
    atomic_store_explicit(&g->left, false, memory_order_relaxed);
    atomic_store_explicit(&g->state, CORO_RUNNING, memory_order_relaxed);
}

static inline bool may_jump(const struct coro *g, const struct coro *from)
{
    return likely(atomic_load_explicit(&g->left, memory_order_acquire)) || g == from;
}

static inline struct coro *successor(struct worker *w, const struct coro *from)
{
    struct coro *g = pick(w);

    if (unlikely(atomic_load_explicit(&coop__rt.unusual, memory_order_relaxed))) {
        g = coop__pin_sort(w, g);
        if (g && !may_jump(g, from)) {
            w->passed = g;
            g = NULL;
        }
        coop__trace_switch(w, g);
    }
    if (!g)
        return &w->root;
    /* Woken in this moment: another worker is about to leave its stack.  That one may want ours,
     * so wait for it on a stack that nobody wants. */
    if (unlikely(!may_jump(g, from))) {
        w->passed = g;
        return &w->root;
    }
    coop__count_switch(w->proc);
    runs(g);
    return g;
}

/* 'from' is left for 'to'; when it goes on, it cleans up behind the one that was left for it. */
static inline __attribute__((always_inline)) void
leave(struct worker *w, struct coro *from, struct coro *to,
      void (*then)(struct worker *, struct coro *), int how)
{
    w->after = then;
    w->after_coro = from;
    w->current = to;
    w = coop__jump(w, from, to, how);
    after(w);
}

void coop__leave(struct worker *w, struct coro *g, void (*then)(struct worker *, struct coro *))
{
    struct coro *to = successor(w, g);

    if (likely(to != g))
        leave(w, g, to, then, SWITCH_LIVING);
}

/* The last switch is here and not in a function of its own: see switch_x86_64.S. */
_Noreturn void coop__born(struct worker *w, struct coro *g)
{
    int result;

#if RT_ASAN
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
    coop__after(w);
    result = g->fn(g->arg);
    if (unlikely(g->inner))
        coop__misuse("a coroutine ended with a scope still open");
    if (unlikely(!coop__worker()->proc))
        coop__misuse("a coroutine ended inside a blocking bracket");
    ORDER_ENDED(g);
    if (g->scope)
        coop__scope_leave(g, result);
    atomic_store_explicit(&g->state, CORO_FREE, memory_order_relaxed);
    w = coop__worker();
    if (unlikely(atomic_load_explicit(&coop__rt.unusual, memory_order_relaxed)))
        coop__pin_ends(w, g);
    leave(w, g, successor(w, g), coop__bury, SWITCH_DYING);
    __builtin_unreachable();
}

void coop__leave_to_root(struct worker *w, struct coro *g,
                         void (*then)(struct worker *, struct coro *))
{
    leave(w, g, &w->root, then, SWITCH_LIVING);
}

/* ---- looking for work, on the worker's own stack ---- */

static void stop_spinning(struct worker *w)
{
    if (w->spinning) {
        w->spinning = false;
        atomic_fetch_sub(&coop__rt.spinning, 1);
    }
}

static struct coro *found(struct worker *w, struct coro *g)
{
    if (w->spinning) {
        stop_spinning(w);
        coop__wake_one(); /* where there was something there may be more */
    }
    return g;
}

static struct coro *steal(struct worker *w)
{
    int n = coop__rt.procs_made;
    struct coro *g;

    if (n == 1)
        return NULL;
    if (!w->spinning) {
        if (2 * coop__rt.spinning >= coop__rt.procs_count - coop__rt.idle_procs_count)
            return NULL;
        w->spinning = true;
        atomic_fetch_add(&coop__rt.spinning, 1);
    }
    for (int round = 0; round < 4; round++) {
        unsigned start = coop__random(w);

        for (int i = 0; i < n; i++) {
            struct proc *victim = &coop__rt.procs[(start + (unsigned)i) % (unsigned)n];

            if (victim == w->proc)
                continue;
            if (round == 3) {
                fire_timers(w, victim);
                if ((g = coop__runq_get(w->proc)))
                    return g; /* what they made ready is ours: the ring is not empty any more */
            }
            if ((g = coop__rt.policy.steal(w->proc, victim, round == 3))) {
                atomic_fetch_add_explicit(&w->proc->steals, 1, memory_order_relaxed);
                coop__trace(w, TRACE_STEAL, g->id, (uint64_t)victim->id);
                return g;
            }
        }
        coop__pause();
    }
    return NULL;
}

bool coop__work_in_sight(void)
{
    if (coop__rt.global_count || coop__rt.urgent_count || coop__rt.over)
        return true;
    for (int i = 0; i < coop__rt.procs_made; i++)
        if (!coop__runq_is_empty(&coop__rt.procs[i]))
            return true;
    return false;
}

static void sleep_in_poller(struct worker *w)
{
    coop_nsec first = coop__timers_first(), again;

    atomic_store(&coop__rt.poll_until, first);
    RT_DELAY();
    /* One may have come before it could see that we sleep.  But never sleep longer than what
     * poll_until says: who sets a timer later than that relies on our waking up then. */
    again = coop__timers_first();
    if (again < first)
        first = again;
    if (coop__work_in_sight() || coop__rt.poller_handed)
        first = COOP_NOW;
    else
        coop__check_deadlock(first);
    w->collecting = true;
    coop__poll_sleep(coop__timers_round(first));
    RT_DELAY();
    atomic_store(&coop__rt.poll_until, 0);
    coop__timers_run_all();
}

/* Takes a processor after the poller: the one handed over, or an idle one if there is something to
 * do with it.  False: none to be had. */
static bool return_from_poller(struct worker *w)
{
    struct proc *p;

    /* What we have collected stands in no queue before inject(), and without a processor nobody
     * sees us run: who rests meanwhile must not take that for a deadlock. */
    atomic_fetch_add(&coop__rt.outside, 1);
    coop__lock(&coop__rt.lock);
    coop__rt.poller = NULL;
    if (coop__rt.poller_handed) {
        coop__rt.poller_handed = false;
        p = w->handed;
    } else {
        p = coop__idle_proc_get();
    }
    w->handed = NULL;
    coop__unlock(&coop__rt.lock);
    if (p) {
        coop__proc_acquire(w, p);
        coop__poll_looked(p->clock);
    }
    RT_DELAY();
    coop__inject(w);
    atomic_fetch_sub(&coop__rt.outside, 1);
    return p != NULL;
}

/* Waits to be woken. False: retired instead, after a long time among too many. */
static bool await_call(struct worker *w)
{
    bool surplus = coop__rt.idle_workers_count > IDLE_WORKERS_KEPT && w->id != 0;
    coop_nsec life = coop__idle_worker_life, end = surplus ? sys_now() + life : COOP_FOREVER;
    struct timespec delay = {life / COOP_NSEC_PER_SEC, life % COOP_NSEC_PER_SEC};
    int retired;

    while (!__atomic_load_n(&w->wake, __ATOMIC_SEQ_CST)) {
        coop__futex_wait(&w->wake, 0, surplus ? &delay : NULL);
        if (!surplus || __atomic_load_n(&w->wake, __ATOMIC_SEQ_CST) || sys_now() < end)
            continue;
        retired = coop__worker_retire(w);
        if (retired > 0)
            return false;
        surplus = retired < 0; /* else somebody has called in this very moment */
    }
    return true;
}

bool coop__worker_sleep(struct worker *w)
{
    struct proc *p;

    coop__lock(&coop__rt.lock);
    if (coop__rt.over) {
        coop__unlock(&coop__rt.lock);
        return false;
    }
    /* While we were in no list somebody may have found no worker for it. */
    if (coop__work_in_sight() && (p = coop__idle_proc_get())) {
        coop__unlock(&coop__rt.lock);
        coop__proc_acquire(w, p);
        return true;
    }
    coop__idle_worker_put(w);
    coop__unlock(&coop__rt.lock);
    if (!await_call(w))
        return false;
    __atomic_store_n(&w->wake, 0, __ATOMIC_SEQ_CST);
    if (!w->handed)
        return false;
    coop__proc_acquire(w, w->handed);
    w->handed = NULL;
    return true;
}

/* Nothing anywhere: gives up the processor and sleeps, in the poller if its seat is free.
 * Returns with a processor, or false when the runtime is over. */
static bool rest(struct worker *w)
{
    bool seat, spun = w->spinning;

    stop_spinning(w);
    coop__lock(&coop__rt.lock);
    if (coop__rt.global_count || coop__rt.urgent_count) {
        coop__unlock(&coop__rt.lock);
        return true;
    }
    coop__note_worth(w);
    coop__idle_proc_put(w->proc);
    w->proc = NULL;
    seat = !coop__rt.poller && !coop__rt.over;
    if (seat)
        coop__rt.poller = w;
    coop__unlock(&coop__rt.lock);
    coop__full_fence();
    RT_DELAY();
    if (seat) {
        sleep_in_poller(w);
        if (return_from_poller(w))
            return true;
    } else if (coop__work_in_sight() && !coop__rt.over) {
        struct proc *p;

        coop__lock(&coop__rt.lock);
        p = coop__idle_proc_get();
        coop__unlock(&coop__rt.lock);
        if (p) {
            coop__proc_acquire(w, p);
            if (spun && !w->spinning) {
                w->spinning = true;
                atomic_fetch_add(&coop__rt.spinning, 1);
            }
            return true;
        }
    }
    if (!seat)
        coop__recheck_deadlock();
    return coop__worker_sleep(w);
}

static struct coro *find_work(struct worker *w)
{
    struct coro *g;

    if (!w->proc && !coop__worker_sleep(w))
        return NULL;
    while (!coop__rt.over) {
        struct proc *p = w->proc;

        fire_timers(w, p);
        if ((g = pick(w)) || (g = coop__global_share(p, RING / 2)))
            return found(w, g);
        if (coop__rt.fd_registered && !coop__rt.poller && !coop__rt.sim) {
            w->collecting = true;
            coop__poll_own(p, false);
            coop__inject(w);
            if ((g = pick(w)))
                return found(w, g);
        }
        if ((g = steal(w)))
            return found(w, g);
        if (p->id >= coop__rt.procs_count && !coop__runq_is_empty(p))
            continue;
        if (!rest(w))
            return NULL;
    }
    return NULL;
}

static struct coro *next(struct worker *w)
{
    struct coro *g = w->passed;

    if (unlikely(w->pinned || w->spoiled))
        return coop__pin_await(w);
    w->passed = NULL;
    return g && !coop__rt.over ? g : find_work(w);
}

/* A few dozen instructions, unless that worker has lost its CPU. */
static void await_left(struct coro *g)
{
    for (int i = 1; !atomic_load_explicit(&g->left, memory_order_acquire); i++) {
        coop__pause();
        if (i % PAUSES_BEFORE_YIELD == 0)
            sched_yield();
    }
}

void coop__worker_loop(struct worker *w)
{
    struct coro *g;

    for (;;) {
        coop__after(w);
        g = next(w);
        if (!g)
            return;
        if (unlikely(g->pin && g->pin != w)) {
            coop__pin_call(w, g);
            continue;
        }
        await_left(g);
        coop__trace(w, TRACE_RUN, g->id, 0);
        coop__count_switch(w->proc);
        runs(g);
        w->current = g;
        w = coop__jump(w, &w->root, g, SWITCH_LIVING);
    }
}
