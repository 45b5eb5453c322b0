/*
 * ready.c - making work: queues that anyone may push to, and waking somebody for what is in them
 *
 * The half of the scheduler that runs on the side of those who wake; sched.c has the essay and
 * the half that looks for work.  Here lives the first fence of "the one race".
 *
 * WORTH IT
 *   To wake a worker, and its falling asleep again, cost ten microseconds of CPU and more.  Where
 *   coroutines are short, whoever is woken has nothing left to do before the next one is made, and
 *   is woken for that again.  So each worker that was woken says, when it rests, how long it has
 *   worked: if that was less than WORTH the next one is woken after a gap at the earliest, twice as
 *   long as the last; if it was more, after half of that, soon at once.  Work made in the gap,
 *   unless there is much of it, waits for its maker, or till that one makes more or looks at the
 *   clock (every 32 picks); when it computes on instead, the monitor wakes somebody and ends the
 *   gaps.
 *
 * WHICH SLEEPER
 *   The kernel wakes a thread on the CPU where it fell asleep.  If somebody runs there it stands in
 *   line, even when the waker's own CPU falls idle a moment later: who ran not long ago is not
 *   pulled to another CPU.  A worker that gives its processor away is about to leave its CPU, so a
 *   sleeper of that CPU goes on with the processor.  But when another processor is on the same CPU,
 *   or a second one is woken, it is a sleeper from where none is: else two that once meet on a CPU
 *   stay there.  If all sleepers are of CPUs that others have, a new worker is the better one for a
 *   processor that is given away.  There are soon enough of them for that to be rare; and none is
 *   made for it when more sleep than are kept.
 */
#include "rt/ready.h"

#include "base/sys.h"
#include "rt/globalq.h"
#include "rt/poller.h"
#include "rt/runq.h"
#include "rt/trace.h"

enum { MANY = 64 };
#define WORTH     (100 * COOP_NSEC_PER_USEC)
#define GAP_FIRST (25 * COOP_NSEC_PER_USEC)
#define GAP_MOST  (2 * COOP_NSEC_PER_MSEC)

/* ---- queues linked through the coroutines, under somebody's lock ---- */

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

struct coro *coop__urgent_get(void)
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
struct coro *coop__global_share(struct proc *p, int most)
{
    struct coro *g, *more;
    int share;

    if (!atomic_load_explicit(&coop__rt.global_count, memory_order_relaxed))
        return NULL;
    coop__lock(&coop__rt.lock);
    g = coop__globalq_get();
    share = coop__rt.global_count / coop__rt.procs_count;
    for (int i = 0; g && i < share && i < most && (more = coop__globalq_get()); i++)
        coop__runq_put(p, more, false);
    coop__unlock(&coop__rt.lock);
    return g;
}

/* ---- processors and workers at rest, under the lock ---- */

/* What a processor at rest is, but for the list; false: it is out of use now. */
static bool rests(struct proc *p)
{
    atomic_store_explicit(&p->cpu, 0, memory_order_relaxed);
    if (p->id >= coop__rt.procs_count) {
        atomic_store(&p->status, PROC_OFF);
        return false;
    }
    atomic_store(&p->status, PROC_IDLE);
    if (atomic_fetch_add(&coop__rt.idle_procs_count, 1) + 1 == coop__rt.procs_count)
        coop__monitor_disarm();
    return true;
}

void coop__idle_proc_put(struct proc *p)
{
    if (!rests(p))
        return;
    p->idle_next = coop__rt.idle_procs;
    coop__rt.idle_procs = p;
}

/* It may have work, so each in the list is to have its turn. */
void coop__idle_proc_put_last(struct proc *p)
{
    struct proc **at = &coop__rt.idle_procs;

    if (!rests(p))
        return;
    while (*at)
        at = &(*at)->idle_next;
    p->idle_next = NULL;
    *at = p;
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
    atomic_store_explicit(&p->tid, w->tid, memory_order_relaxed);
    atomic_store_explicit(&p->cpu, UINT64_C(1) << coop__this_cpu(), memory_order_relaxed);
    p->clock = sys_now(); /* it may have slept for hours, and 'waiting since' is told by it */
    w->called_at = w->spinning ? p->clock : 0;
    atomic_store(&p->status, PROC_RUNNING);
}

/* ---- making work ---- */

/* Where other processors are: a bit for each CPU. */
static uint64_t taken_cpus(const struct proc *p)
{
    uint64_t taken = 0;

    for (int i = 0; i < coop__rt.procs_made; i++)
        if (&coop__rt.procs[i] != p)
            taken |= atomic_load_explicit(&coop__rt.procs[i].cpu, memory_order_relaxed);
    return taken;
}

/* A sleeper for 'p', or a new worker ('*ret_made'). */
static struct worker *find_worker(struct proc *p, bool spinning, bool *ret_made)
{
    unsigned cpu = coop__this_cpu();
    struct worker *w = coop__idle_worker_get(cpu, taken_cpus(p));
    int asleep = coop__rt.idle_workers_count;

    if (w || asleep == 0)
        return w;
    *ret_made = !spinning && asleep < IDLE_WORKERS_KEPT && coop__worker_new(p, false);
    return *ret_made ? NULL : coop__idle_worker_get(cpu, 0);
}

/* Hands 'p' (NULL: any idle one) to a sleeping worker, the poller's, or a new one. */
static void start_worker(struct proc *p, bool spinning)
{
    struct worker *w = NULL;
    bool made = false;

    coop__lock(&coop__rt.lock);
    if (!p)
        p = coop__idle_proc_get();
    if (p)
        w = find_worker(p, spinning, &made);
    if (w) {
        w->spinning = spinning;
        w->handed = p;
        atomic_store_explicit(&p->cpu, UINT64_C(1) << w->cpu, memory_order_relaxed);
        coop__unlock(&coop__rt.lock);
        RT_DELAY();
        __atomic_store_n(&w->wake, 1, __ATOMIC_SEQ_CST);
        coop__futex_wake(&w->wake);
        return;
    }
    if (p && !made && (w = coop__rt.poller) && !coop__rt.poller_handed) {
        w->spinning = spinning;
        w->handed = p;
        coop__rt.poller_handed = true;
        coop__unlock(&coop__rt.lock);
        RT_DELAY();
        coop__poll_kick();
        return;
    }
    if (p && !made && !(made = coop__worker_new(p, spinning))) {
        coop__idle_proc_put_last(p); /* a worker that comes back takes it up */
        atomic_store_explicit(&coop__rt.crowded, true, memory_order_relaxed);
    }
    if (!made && spinning)
        atomic_fetch_sub(&coop__rt.spinning, 1);
    coop__unlock(&coop__rt.lock);
}

static inline bool somebody_should_wake(void)
{
    return atomic_load_explicit(&coop__rt.idle_procs_count, memory_order_relaxed) > 0 &&
           atomic_load_explicit(&coop__rt.spinning, memory_order_relaxed) == 0;
}

#ifdef COOP_MUTANT_NO_FENCE
/* For the mutation check: without the fence a processor may look before its push is seen by
 * others.  The mutant looks before it pushes, with a gap, so that thousands of rounds show it,
 * not billions. */
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
#define LOOK()        (coop__full_fence(), somebody_should_wake())
#endif

static void wake(void)
{
    int nobody = 0;

    if (!atomic_compare_exchange_strong(&coop__rt.spinning, &nobody, 1))
        return;
    atomic_store_explicit(&coop__rt.last_wake, sys_now(), memory_order_relaxed);
    start_worker(NULL, true);
}

void coop__wake_one(void)
{
    if (LOOK())
        wake();
}

static bool is_worth_it(const struct proc *p)
{
    coop_nsec gap = atomic_load_explicit(&coop__rt.wake_gap, memory_order_relaxed);
    unsigned waiting = atomic_load_explicit(&p->tail, memory_order_relaxed) -
                       atomic_load_explicit(&p->head, memory_order_relaxed);

    if (!gap || waiting >= MANY ||
        atomic_load_explicit(&coop__rt.global_count, memory_order_relaxed))
        return true;
    return sys_now() - atomic_load_explicit(&coop__rt.last_wake, memory_order_relaxed) >= gap;
}

/* Pushed to the own processor's queue: when there is no other one nobody needs to be told, and
 * the fence is saved. */
void coop__work_made(const struct proc *p)
{
    if (coop__runq_has_thieves() && LOOK() && is_worth_it(p))
        wake();
}

coop_nsec coop__next_gap(coop_nsec gap, coop_nsec worked)
{
    if (worked >= WORTH)
        return gap > GAP_FIRST ? gap / 2 : 0;
    gap = gap ? gap * 2 : GAP_FIRST;
    return gap < GAP_MOST ? gap : GAP_MOST;
}

void coop__note_worth(struct worker *w)
{
    coop_nsec gap = atomic_load_explicit(&coop__rt.wake_gap, memory_order_relaxed);

    if (w->called_at)
        atomic_store_explicit(&coop__rt.wake_gap, coop__next_gap(gap, sys_now() - w->called_at),
                              memory_order_relaxed);
    w->called_at = 0;
}

static void put_and_wake(struct coro *g)
{
    BEFORE_PUSH();
    coop__lock(&coop__rt.lock);
    if (g->flags & COOP_URGENT) {
        queue_put(&coop__rt.urgent, g);
        atomic_fetch_add(&coop__rt.urgent_count, 1);
    } else {
        coop__globalq_put(g);
    }
    coop__unlock(&coop__rt.lock);
    coop__wake_one();
}

/* Off the straight path: a foreign thread, a worker that polls, or one that is traced.  True: there
 * is nothing left to do. */
static COLD bool set_aside(struct worker *w, struct coro *g)
{
    coop__trace(w, TRACE_READY, g->id, 0);
    if (!w || !w->collecting)
        return false;
    queue_put(&w->batch, g);
    return true;
}

static inline void ready(struct coro *g, bool next)
{
    struct worker *w = coop__worker();
    struct proc *p;
    bool alone;

    atomic_store_explicit(&g->state, CORO_READY, memory_order_relaxed);
    if (unlikely(!w || __atomic_load_n(&w->unusual, __ATOMIC_RELAXED)) && set_aside(w, g))
        return;
    if (unlikely(!w || !w->proc || g->flags & COOP_URGENT)) {
        bool entered = !w && coop__foreign_enter();

        if (entered || !coop__forked) /* there its stack is a copy, and nobody runs it */
            put_and_wake(g);
        if (entered)
            coop__foreign_leave();
        return;
    }
    BEFORE_PUSH();
    p = w->proc;
    alone = next && coop__runq_is_empty(p);
    coop__runq_put(p, g, next);
    if (!alone)
        coop__work_made(p);
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
void coop__inject(struct worker *w)
{
    struct coro *g;
    bool several = w->batch.head && w->batch.head->next;

    RT_DELAY();
    w->collecting = false;
    while ((g = queue_get(&w->batch))) {
        if (w->proc && !(g->flags & COOP_URGENT))
            coop__runq_put(w->proc, g, false);
        else
            put_and_wake(g);
    }
    if (several && w->proc)
        coop__work_made(w->proc);
}

/* ---- hand-off ---- */

void coop__hand_off(struct proc *p)
{
    bool idle_is_fine;

    RT_DELAY();
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
    atomic_fetch_add(&coop__rt.unusual, 1);
    while ((w = coop__idle_worker_get(0, 0))) {
        w->handed = NULL;
        __atomic_store_n(&w->wake, 1, __ATOMIC_SEQ_CST);
        coop__futex_wake(&w->wake);
    }
    coop__unlock(&coop__rt.lock);
    coop__poll_kick();
}
