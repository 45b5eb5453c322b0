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
 *   Wake a worker per wake. A pair that talks would wake a thread for each word; so a coroutine that is woken
 *                           into an empty queue is left to its waker's worker.  If that one
 *                           computes on instead of waiting, the monitor notices (monitor.c).
 *
 * WHAT WE DO
 *   A parking coroutine picks its successor and jumps there at once, on its own stack; only when
 *   nothing is ready it jumps to the worker's own stack, which looks around (find_work): the
 *   clock, the global queue, the poller, the other processors' queues.  A worker that looks at others'
 *   queues is "spinning"; at most half of the busy ones do.  Whoever makes work wakes one sleeper, unless
 *   one is spinning already; a spinner that finds something wakes the next.
 *
 * THE ONE RACE
 *   making work                           falling asleep
 *     1. push the coroutine                 1. put the processor in the idle list, spinning--
 *     2. full fence                         2. full fence
 *     3. nobody spins, a processor is       3. look into every queue once more
 *        idle: wake one
 *   Either the maker sees the idle processor and wakes somebody, or the sleeper sees the work.  Remove a
 *   fence and both may look away at once: tests/stress/lost_wakeup shows it (built with
 *   COOP_MUTANT_NO_FENCE it must fail).
 *
 * ALWAYS TRUE
 *   I1  A coroutine is in exactly one place: a run queue, a wait, or running.
 *   I2  Who wakes it has claimed it (park.c), so it is pushed once.
 *   I3  No switch happens while a short lock is held.
 *   I4  A worker without a processor touches no run queue but the global ones, under the lock.
 */
#include "rt/sched.h"

#include "base/sys.h"
#include "rt/coro.h"
#include "rt/park.h"
#include "rt/poller.h"
#include "rt/runq.h"
#include "rt/switch.h"
#include "rt/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct runtime coop__rt;

static _Thread_local struct worker *this_worker;

__attribute__((noinline)) struct worker *coop__worker(void)
{
    struct worker *w = this_worker;

    __asm__ volatile("" : "+r"(w));
    return w;
}

void coop__set_worker(struct worker *w)
{
    this_worker = w;
}

struct coro *coop__self(void)
{
    struct worker *w = coop__worker();

    return w && w->current != &w->root ? w->current : NULL;
}

_Noreturn void coop__misuse(const char *what)
{
    struct coro *g = coop__self();

    dprintf(STDERR_FILENO, "coop: %s (coroutine %llu '%s')\n", what,
            (unsigned long long)(g ? g->id : 0), g && g->name ? g->name : "");
    abort();
}

/* ---- global and urgent queues, under the lock ---- */

static void queue_put(struct coro_queue *q, struct coro *g)
{
    g->next = NULL;
    if (q->tail)
        q->tail->next = g;
    else
        q->head = g;
    q->tail = g;
}

static struct coro *queue_get(struct coro_queue *q)
{
    struct coro *g = q->head;

    if (g && !(q->head = g->next))
        q->tail = NULL;
    return g;
}

void coop__global_put(struct coro *g)
{
    queue_put(&coop__rt.global, g);
    atomic_fetch_add(&coop__rt.global_count, 1);
}

static struct coro *global_get(void)
{
    struct coro *g = queue_get(&coop__rt.global);

    if (g)
        atomic_fetch_sub(&coop__rt.global_count, 1);
    return g;
}

static struct coro *urgent_get(void)
{
    struct coro *g;

    coop__lock(&coop__rt.lock);
    g = queue_get(&coop__rt.urgent);
    if (g)
        atomic_fetch_sub(&coop__rt.urgent_count, 1);
    coop__unlock(&coop__rt.lock);
    return g;
}

/* A share of the global queue for this processor; one of them is returned. */
static struct coro *global_share(struct proc *p, int most)
{
    struct coro *g, *more;
    int share;

    if (!atomic_load_explicit(&coop__rt.global_count, memory_order_relaxed))
        return NULL;
    coop__lock(&coop__rt.lock);
    g = global_get();
    share = coop__rt.global_count / coop__rt.procs_count;
    for (int i = 0; g && i < share && i < most && (more = global_get()); i++)
        coop__runq_put(p, more, false);
    coop__unlock(&coop__rt.lock);
    return g;
}

/* ---- processors and workers at rest, under the lock ---- */

void coop__idle_proc_put(struct proc *p)
{
    if (p->id >= coop__rt.procs_count) {
        atomic_store(&p->status, PROC_OFF);
        return;
    }
    atomic_store(&p->status, PROC_IDLE);
    p->idle_next = coop__rt.idle_procs;
    coop__rt.idle_procs = p;
    if (atomic_fetch_add(&coop__rt.idle_procs_count, 1) + 1 == coop__rt.procs_count)
        coop__monitor_disarm();
}

struct proc *coop__idle_proc_get(void)
{
    struct proc *p = coop__rt.idle_procs;

    if (p) {
        coop__rt.idle_procs = p->idle_next;
        if (atomic_fetch_sub(&coop__rt.idle_procs_count, 1) == coop__rt.procs_count)
            coop__monitor_arm(MONITOR_DELAY);
    }
    return p;
}

void coop__proc_acquire(struct worker *w, struct proc *p)
{
    w->proc = p;
    w->left = NULL;
    atomic_store(&p->status, PROC_RUNNING);
}

/* ---- making work ---- */

/* Hands 'p' (NULL: any idle one) to a sleeping worker, the poller's, or a new one. */
static void start_worker(struct proc *p, bool spinning)
{
    struct worker *w;
    bool taken = false;

    coop__lock(&coop__rt.lock);
    if (!p)
        p = coop__idle_proc_get();
    if (p && (w = coop__rt.idle_workers)) {
        coop__rt.idle_workers = w->next;
        atomic_fetch_sub(&coop__rt.idle_workers_count, 1);
        w->spinning = spinning;
        w->handed = p;
        coop__unlock(&coop__rt.lock);
        __atomic_store_n(&w->wake, 1, __ATOMIC_SEQ_CST);
        coop__futex_wake(&w->wake);
        return;
    }
    if (p && (w = coop__rt.poller) && !coop__rt.poller_handed) {
        w->spinning = spinning;
        w->handed = p;
        coop__rt.poller_handed = true;
        coop__unlock(&coop__rt.lock);
        coop__poll_kick();
        return;
    }
    if (p && !(taken = coop__worker_new(p, spinning)))
        coop__idle_proc_put(p); /* the next worker that comes back takes it up */
    if (!taken && spinning)
        atomic_fetch_sub(&coop__rt.spinning, 1);
    coop__unlock(&coop__rt.lock);
}

/* On x86 only a locked instruction keeps a store from being overtaken by a later load. */
static inline void full_fence(void)
{
#if RT_TSAN
    static _Atomic(int) word;

    atomic_fetch_add(&word, 1);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

static inline bool somebody_should_wake(void)
{
    return atomic_load_explicit(&coop__rt.idle_procs_count, memory_order_relaxed) > 0 &&
           atomic_load_explicit(&coop__rt.spinning, memory_order_relaxed) == 0;
}

#ifdef COOP_MUTANT_NO_FENCE
/* For the mutation check: without the fence a processor may look before its push is seen by others.  The
 * mutant looks before it pushes, with a gap, so that thousands of rounds show it, not billions. */
static _Thread_local bool looked_early;
#define BEFORE_PUSH()                                                                          \
    do {                                                                                       \
        looked_early = somebody_should_wake();                                                 \
        for (int i_ = 0; i_ < 500; i_++)                                                       \
            coop__pause();                                                                     \
    } while (0)
#define LOOK() looked_early
#else
#define BEFORE_PUSH() (void)0
#define LOOK()        (full_fence(), somebody_should_wake())
#endif

void coop__wake_one(void)
{
    int nobody = 0;

    if (LOOK() && atomic_compare_exchange_strong(&coop__rt.spinning, &nobody, 1))
        start_worker(NULL, true);
}

static void put_and_wake(struct coro *g)
{
    BEFORE_PUSH();
    coop__lock(&coop__rt.lock);
    if (g->flags & COOP_URGENT) {
        queue_put(&coop__rt.urgent, g);
        atomic_fetch_add(&coop__rt.urgent_count, 1);
    } else {
        coop__global_put(g);
    }
    coop__unlock(&coop__rt.lock);
    coop__wake_one();
}

static void ready(struct coro *g, bool next)
{
    struct worker *w = coop__worker();
    bool alone;

    atomic_store_explicit(&g->state, CORO_READY, memory_order_relaxed);
    if (w && w->collecting) {
        queue_put(&w->batch, g);
    } else if (!w || !w->proc || unlikely(g->flags & COOP_URGENT)) {
        put_and_wake(g);
    } else {
        BEFORE_PUSH();
        alone = next && coop__runq_is_empty(w->proc);
        coop__runq_put(w->proc, g, next);
        if (!alone)
            coop__wake_one();
    }
}

void coop__ready(struct coro *g)
{
    ready(g, true);
}

void coop__ready_last(struct coro *g)
{
    ready(g, false);
}

/* What polling made ready, once there is a processor. */
static void inject(struct worker *w)
{
    struct coro *g;
    bool several = w->batch.head && w->batch.head->next;

    w->collecting = false;
    while ((g = queue_get(&w->batch))) {
        if (w->proc && !(g->flags & COOP_URGENT))
            coop__runq_put(w->proc, g, false);
        else
            put_and_wake(g);
    }
    if (several && w->proc)
        coop__wake_one();
}

/* ---- picking ---- */

/* Timers wake in the order of their times: last in line, not into the slot. */
static void fire_timers(struct worker *w, struct proc *p)
{
    if (!atomic_load_explicit(&p->first_timer, memory_order_relaxed))
        return;
    w->collecting = true;
    coop__timers_run(p);
    inject(w);
}

static void look_around(struct worker *w, struct proc *p)
{
    p->clock = sys_now();
    fire_timers(w, p);
    if (p->tick % POLL_EVERY == 0 &&
        atomic_load_explicit(&coop__rt.fd_registered, memory_order_relaxed)) {
        atomic_store_explicit(&coop__rt.last_poll, p->clock, memory_order_relaxed);
        w->collecting = true;
        coop__poll(COOP_NOW, false);
        inject(w);
    }
}

static struct coro *pick_default(struct worker *w)
{
    struct proc *p = w->proc;
    struct coro *g;

    p->tick++;
    if (unlikely(atomic_load_explicit(&coop__rt.urgent_count, memory_order_relaxed)) &&
        p->urgent_run++ < URGENT_IN_A_ROW && (g = urgent_get()))
        return g;
    p->urgent_run = 0;
    if (unlikely(p->tick % GLOBAL_EVERY == 0) && (g = global_share(p, 0)))
        return g;
    if (unlikely(p->tick % TIMERS_EVERY == 0))
        look_around(w, p);
    return coop__runq_get(p);
}

/* Simulation: any ready coroutine, drawn by the seed. */
static struct coro *pick_seeded(struct worker *w)
{
    struct proc *p = w->proc;
    struct coro *g;

    p->tick++;
    if (coop__rt.urgent_count && p->urgent_run++ < URGENT_IN_A_ROW && (g = urgent_get()))
        return g;
    p->urgent_run = 0;
    if (p->tick % TIMERS_EVERY == 0)
        look_around(w, p);
    while (coop__rt.global_count && (g = global_share(p, RING / 2)))
        coop__runq_put(p, g, false);
    return coop__runq_get_nth(p, coop__random(w));
}

static struct coro *pick(struct worker *w)
{
    return coop__rt.pick(w);
}

void coop__pick_policy(uint64_t seed)
{
    coop__rt.pick = seed ? pick_seeded : pick_default;
}

/* ---- leaving a stack ---- */

void coop__after(struct worker *w)
{
    void (*after)(struct worker *, struct coro *) = w->after;

    if (after) {
        w->after = NULL;
        after(w, w->after_coro);
    }
}

static inline struct coro *successor(struct worker *w)
{
    struct coro *g =
        atomic_load_explicit(&coop__rt.over, memory_order_relaxed) ? NULL : pick(w);

    if (!g)
        return &w->root;
    atomic_store_explicit(&w->proc->switches,
                          atomic_load_explicit(&w->proc->switches, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&g->state, CORO_RUNNING, memory_order_relaxed);
    return g;
}

void coop__leave(struct worker *w, struct coro *g,
                 void (*after)(struct worker *, struct coro *))
{
    struct coro *to = successor(w);

    w->after = after;
    w->after_coro = g;
    w->current = to;
    w = coop__jump(w, g, to, SWITCH_LIVING);
    coop__after(w);
}

_Noreturn void coop__leave_for_ever(struct worker *w, struct coro *g,
                                    void (*after)(struct worker *, struct coro *))
{
    struct coro *to = successor(w);

    w->after = after;
    w->after_coro = g;
    w->current = to;
    coop__jump(w, g, to, SWITCH_DYING);
    __builtin_unreachable();
}

void coop__leave_to_root(struct worker *w, struct coro *g,
                         void (*after)(struct worker *, struct coro *))
{
    w->after = after;
    w->after_coro = g;
    w->current = &w->root;
    w = coop__jump(w, g, &w->root, SWITCH_LIVING);
    coop__after(w);
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
            if (round == 3)
                fire_timers(w, victim);
            if ((g = coop__runq_steal(w->proc, victim, round == 3))) {
                atomic_fetch_add_explicit(&w->proc->steals, 1, memory_order_relaxed);
                return g;
            }
        }
        if ((g = coop__runq_get(w->proc)))
            return g; /* another's timer fired into ours */
        coop__pause();
    }
    return NULL;
}

static bool work_in_sight(void)
{
    if (coop__rt.global_count || coop__rt.urgent_count || coop__rt.over)
        return true;
    for (int i = 0; i < coop__rt.procs_made; i++)
        if (!coop__runq_is_empty(&coop__rt.procs[i]))
            return true;
    return false;
}

/* Every coroutine waits.  Is there anything that could ever wake one? */
static void check_deadlock(coop_nsec first_timer)
{
    bool asleep;

    if (first_timer != COOP_FOREVER || coop__rt.foreign_wakes || coop__rt.outside ||
        coop__rt.blocked || coop__rt.over || coop__rt.alive == 0)
        return;
    coop__lock(&coop__rt.lock);
    asleep =
        !coop__rt.poller_handed && !coop__rt.blocked && !coop__rt.outside && !work_in_sight();
    for (int i = 0; i < coop__rt.procs_made; i++)
        asleep = asleep && (coop__rt.procs[i].status == PROC_IDLE ||
                            coop__rt.procs[i].status == PROC_OFF);
    coop__unlock(&coop__rt.lock);
    if (!asleep || coop__timers_first() != COOP_FOREVER)
        return;
    if (coop__rt.on_deadlock)
        coop__rt.on_deadlock();
    dprintf(STDERR_FILENO, "coop: all coroutines are asleep, and nothing can wake them\n");
    coop_dump(STDERR_FILENO);
    abort();
}

/* The sleep of the one worker that waits for descriptors and times. It has the seat and no processor. */
static void sleep_in_poller(struct worker *w)
{
    coop_nsec first = coop__timers_first();

    atomic_store(&coop__rt.poll_until, first);
    first = coop__timers_first(); /* one may have come before it could see that we sleep */
    if (work_in_sight() || coop__rt.poller_handed)
        first = COOP_NOW;
    else
        check_deadlock(first);
    w->collecting = true;
    coop__poll(first, true);
    atomic_store(&coop__rt.poll_until, 0);
    coop__timers_run_all();
}

/* Takes a processor after the poller: the one handed over, or an idle one if there is something to
 * do with it.  False: none to be had. */
static bool return_from_poller(struct worker *w)
{
    struct proc *p;

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
        p->clock = sys_now();
        atomic_store_explicit(&coop__rt.last_poll, p->clock, memory_order_relaxed);
    }
    inject(w);
    return p != NULL;
}

bool coop__worker_sleep(struct worker *w)
{
    coop__lock(&coop__rt.lock);
    if (coop__rt.over) {
        coop__unlock(&coop__rt.lock);
        return false;
    }
    w->next = coop__rt.idle_workers;
    coop__rt.idle_workers = w;
    atomic_fetch_add(&coop__rt.idle_workers_count, 1);
    coop__unlock(&coop__rt.lock);
    while (!__atomic_load_n(&w->wake, __ATOMIC_SEQ_CST))
        coop__futex_wait(&w->wake, 0, NULL);
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
    coop__idle_proc_put(w->proc);
    w->proc = NULL;
    seat = !coop__rt.poller && !coop__rt.over;
    if (seat)
        coop__rt.poller = w;
    coop__unlock(&coop__rt.lock);
    full_fence();
    if (seat) {
        sleep_in_poller(w);
        if (return_from_poller(w))
            return true;
    } else if (work_in_sight() && !coop__rt.over) {
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
        if ((g = pick(w)) || (g = global_share(p, RING / 2)))
            return found(w, g);
        if (coop__rt.fd_registered && !coop__rt.poller && !coop__rt.sim) {
            w->collecting = true;
            coop__poll(COOP_NOW, false);
            inject(w);
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

void coop__worker_loop(struct worker *w)
{
    struct coro *g;

    for (;;) {
        coop__after(w);
        g = find_work(w);
        if (!g)
            return;
        atomic_store_explicit(&g->state, CORO_RUNNING, memory_order_relaxed);
        w->current = g;
        w = coop__jump(w, &w->root, g, SWITCH_LIVING);
    }
}

/* ---- hand-off ---- */

void coop__hand_off(struct proc *p)
{
    bool idle_is_fine;

    if (!coop__runq_is_empty(p) || coop__rt.global_count || coop__rt.urgent_count) {
        start_worker(p, false);
        return;
    }
    coop__lock(&coop__rt.lock);
    /* Somebody must be there to poll and to fire timers. */
    idle_is_fine = !coop__rt.global_count && !coop__rt.urgent_count && coop__rt.poller;
    if (idle_is_fine)
        coop__idle_proc_put(p);
    coop__unlock(&coop__rt.lock);
    if (!idle_is_fine) {
        start_worker(p, false);
        return;
    }
    if (atomic_load(&p->first_timer))
        coop__poll_kick();
}

void coop__wake_everybody(void)
{
    struct worker *w;

    coop__lock(&coop__rt.lock);
    atomic_store(&coop__rt.over, true);
    while ((w = coop__rt.idle_workers)) {
        coop__rt.idle_workers = w->next;
        atomic_fetch_sub(&coop__rt.idle_workers_count, 1);
        w->handed = NULL;
        __atomic_store_n(&w->wake, 1, __ATOMIC_SEQ_CST);
        coop__futex_wake(&w->wake);
    }
    coop__unlock(&coop__rt.lock);
    coop__poll_kick();
}
