/*
 * blocking.c - calls that hold their thread, and what becomes of the others meanwhile
 *
 *   eager       coop_block_begin() gives the processor away at once
 *   optimistic  coop_syscall_begin() leaves it where it is, marked; the monitor takes it when
 *               the call lasts
 *   offload     a bounded pool of threads, for callers in thousands
 *
 * Coming back, the worker takes its old processor if that is still marked, else an idle one, else
 * the coroutine goes into the global queue and its worker to sleep.
 *
 * At the limit of threads ('crowded') idle processors may have work, in a queue that only their own
 * worker looks into.  So they wait in line, who comes back takes the first one, also instead of
 * its own, looks at timers and descriptors that nobody has looked at for long, and lets what is
 * ready there run before it goes on.
 *
 * In simulation there is one thread, so brackets do nothing and offload calls directly.
 */
#include "coop/block.h"

#include "base/sys.h"
#include "rt/coro.h"
#include "rt/globalq.h"
#include "rt/park.h"
#include "rt/reaper.h"
#include "rt/sched.h"
#include "rt/trace.h"

#include <errno.h>

/* ---- brackets ---- */

static struct worker *bracket_worker(void)
{
    struct worker *w = coop__worker();

    return w && w->current != &w->root && !coop__rt.sim ? w : NULL;
}

static void leave_proc(struct worker *w)
{
    if (!w->proc)
        coop__misuse("blocking brackets do not nest");
    coop__trace(w, TRACE_BRACKET, w->current->id, 0);
    w->blocked = true;
    w->left = w->proc;
    w->proc = NULL;
    atomic_fetch_add(&w->left->brackets, 1);
    atomic_fetch_add(&coop__rt.blocked, 1);
}

static void came_back(struct worker *w)
{
    if (w->proc)
        coop__trace(w, TRACE_RUN, w->current->id, 0);
    w->blocked = false;
    atomic_fetch_sub(&coop__rt.blocked, 1);
}

/* On the worker's own stack, with g's left: it waits for a processor like everybody. */
static void queue_up(struct worker *w, struct coro *g)
{
    struct proc *p;

    atomic_store_explicit(&g->state, CORO_READY, memory_order_relaxed);
    coop__lock(&coop__rt.lock);
    p = coop__idle_proc_get();
    coop__globalq_put(g);
    came_back(w);
    coop__unlock(&coop__rt.lock);
    if (p)
        coop__proc_acquire(w, p);
}

/* No thread can be had for processors that may have work: whoever comes back goes on with the one
 * that has waited longest, and leaves its own behind all others. */
static void change_proc(struct worker *w)
{
    struct proc *mine = w->proc, *p = NULL;

    coop__lock(&coop__rt.lock);
    if (mine->id < coop__rt.procs_count) /* else what it has is to be finished first */
        p = coop__idle_proc_get();
    if (p)
        coop__idle_proc_put_last(mine);
    coop__unlock(&coop__rt.lock);
    if (p)
        coop__proc_acquire(w, p);
}

static void get_proc_back(struct worker *w)
{
    struct proc *p = w->left;
    struct coro *g = w->current;
    int expected = PROC_SYSCALL;

    coop__trace(w, TRACE_RETURN, g->id, 0);
    w->left = NULL;
    RT_DELAY();
    if (p && atomic_compare_exchange_strong(&p->status, &expected, PROC_RUNNING)) {
        w->proc = p;
        if (unlikely(atomic_load_explicit(&coop__rt.crowded, memory_order_relaxed)))
            change_proc(w);
        came_back(w);
        return;
    }
    if (coop__rt.idle_procs_count) {
        coop__lock(&coop__rt.lock);
        p = coop__idle_proc_get();
        coop__unlock(&coop__rt.lock);
        if (p) {
            coop__proc_acquire(w, p);
            came_back(w);
            return;
        }
    }
    coop__leave_to_root(w, g, queue_up);
}

void coop_block_begin(void)
{
    struct worker *w = bracket_worker();
    struct proc *p;

    if (!w)
        return;
    leave_proc(w);
    p = w->left;
    w->left = NULL;
    atomic_store(&p->status, PROC_IDLE);
    RT_DELAY();
    coop__hand_off(p);
}

void coop_block_end(void)
{
    struct worker *w = bracket_worker();

    if (!w || !w->blocked)
        return;
    get_proc_back(w);
    /* No thread for those who were ready meanwhile: or a loop of brackets would go before them. */
    if (unlikely(atomic_load_explicit(&coop__rt.crowded, memory_order_relaxed))) {
        coop__look_late(coop__worker());
        coop__let_others();
    }
}

void coop_syscall_begin(void)
{
    struct worker *w = bracket_worker();

    if (!w)
        return;
    leave_proc(w);
    atomic_store(&w->left->status, PROC_SYSCALL);
    coop__monitor_hurry();
}

void coop_syscall_end(void)
{
    coop_block_end();
}

/* ---- the pool ---- */

struct job {
    struct job *next;
    int (*fn)(void *);
    void *arg;
    int result;
    struct coro *coro;
};

static struct {
    uint32_t lock, wake; /* wake: futex, grows with each job */
    struct job *head, *tail;
    pthread_t threads[COOP_OFFLOAD_MAX];
    int count, idle, queued;
    bool over;
} pool;

static struct job *next_job(void)
{
    struct job *job;

    coop__lock(&pool.lock);
    while (!(job = pool.head) && !pool.over) {
        uint32_t seen = __atomic_load_n(&pool.wake, __ATOMIC_SEQ_CST);

        pool.idle++;
        coop__unlock(&pool.lock);
        coop__futex_wait(&pool.wake, seen, NULL);
        coop__lock(&pool.lock);
        pool.idle--;
    }
    if (job) {
        pool.queued--;
        if (!(pool.head = job->next))
            pool.tail = NULL;
    }
    coop__unlock(&pool.lock);
    return job;
}

static void *pool_main(void *arg)
{
    struct job *job;

    while ((job = next_job())) {
        struct coro *g = job->coro;

        job->result = job->fn(job->arg);
        if (coop__wait_claim(g))
            coop__wait_fire(g);
        atomic_fetch_sub(&coop__rt.blocked, 1);
    }
    return arg;
}

/* False: there is nobody to do it. */
static bool submit(struct job *job)
{
    bool somebody;

    coop__lock(&pool.lock);
    if (pool.queued >= pool.idle && pool.count < COOP_OFFLOAD_MAX &&
        coop__thread_new(&pool.threads[pool.count], pool_main, NULL) == 0)
        pool.count++;
    somebody = pool.count > 0;
    if (somebody) {
        job->next = NULL;
        if (pool.tail)
            pool.tail->next = job;
        else
            pool.head = job;
        pool.tail = job;
        pool.queued++;
        __atomic_fetch_add(&pool.wake, 1, __ATOMIC_SEQ_CST);
    }
    coop__unlock(&pool.lock);
    if (somebody)
        coop__futex_wake(&pool.wake);
    return somebody;
}

int coop_offload(int (*fn)(void *), void *arg)
{
    struct coro *g = coop__self();
    struct job job = {.fn = fn, .arg = arg, .coro = g};
    int shield, result;

    if (!g || coop__rt.sim)
        return fn(arg);
    atomic_fetch_add(&coop__rt.blocked, 1);
    shield = g->shield_on;
    g->shield_on = 0;
    coop__wait_begin(g, false);
    if (!submit(&job)) { /* no thread to be had: hold our own */
        coop__wait_abandon(g);
        g->shield_on = shield;
        atomic_fetch_sub(&coop__rt.blocked, 1);
        coop_block_begin();
        result = fn(arg);
        coop_block_end();
        return result;
    }
    coop__wait(g, WAIT_FOR_OFFLOAD, (const void *)&job, COOP_FOREVER);
    g->shield_on = shield;
    return job.result;
}

void coop__offload_end(void)
{
    coop__lock(&pool.lock);
    pool.over = true;
    __atomic_fetch_add(&pool.wake, 1, __ATOMIC_SEQ_CST);
    coop__unlock(&pool.lock);
    for (int i = 0; i < pool.count; i++)
        coop__futex_wake(&pool.wake);
    for (int i = 0; i < pool.count; i++)
        pthread_join(pool.threads[i], NULL);
    pool.count = 0;
    pool.over = false;
    pool.head = pool.tail = NULL;
    pool.queued = 0;
}
