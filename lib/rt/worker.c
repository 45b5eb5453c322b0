/*
 * worker.c - threads: making them, and retiring them
 *
 * The thread that calls coop_main() is the first worker.  Others are made when a processor has
 * work and no worker (sched.c), up to a limit.  The kernel may refuse a thread: then the
 * processor stays in the idle list with its queue, and the next worker that comes back takes it
 * up.  Nothing is lost, it is only later.
 *
 * Every thread of ours blocks all signals but those that mean "this instruction failed"; the
 * first one leaves open what the program did not ask for, so that their default actions still
 * work.
 */
#include "base/sys.h"
#include "rt/hog.h"
#include "rt/reaper.h"
#include "rt/switch.h"
#include "rt/trace.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A worker's signal stack lies behind its struct: a thread that allocates for itself gets an
 * arena of the C library's, 64 MiB of address space and two mappings. */
enum {
    WORKER_SIZE = (sizeof(struct worker) + 127) / 128 * 128,
    SIGNAL_STACK = 32 * 1024,
};

enum { THREAD_STACK = RT_ASAN || RT_TSAN ? 1024 * 1024 : 256 * 1024 };

_Atomic(bool) coop__refuse_threads;
_Atomic(coop_nsec) coop__idle_worker_life = 30 * COOP_NSEC_PER_SEC;

/* ---- a thread's life ---- */

void coop__signal_stack_start(struct worker *w)
{
    stack_t stack = {.ss_sp = (char *)w + WORKER_SIZE, .ss_size = SIGNAL_STACK};

    if (!RT_ASAN && !RT_TSAN) /* they have handlers and stacks of their own */
        sigaltstack(&stack, NULL);
}

void coop__signal_stack_end(void)
{
    stack_t off = {.ss_flags = SS_DISABLE};

    if (!RT_ASAN && !RT_TSAN)
        sigaltstack(&off, NULL);
}

/* Which stack this thread has: the address sanitizer wants to know whereto we jump back. */
void coop__note_own_stack(struct worker *w)
{
#if RT_ASAN
    pthread_attr_t attr;
    void *low;

    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &low, &w->root.stack_size);
        w->root.stack_low = low;
        pthread_attr_destroy(&attr);
    }
#endif
#if RT_TSAN
    w->root.tsan_fiber = __tsan_get_current_fiber();
#endif
    w->tid = (int)syscall(SYS_gettid);
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;

    coop__set_worker(w);
    coop__note_own_stack(w);
    coop__signal_stack_start(w);
    if (w->handed)
        coop__proc_acquire(w, w->handed);
    w->handed = NULL;
    coop__worker_loop(w);
    coop__signal_stack_end();
    coop__set_worker(NULL);
    return NULL;
}

struct worker *coop__worker_alloc(void)
{
    struct worker *w = aligned_alloc(128, WORKER_SIZE + SIGNAL_STACK);

    if (!w)
        return NULL;
    memset(w, 0, WORKER_SIZE);
    w->id = atomic_fetch_add(&coop__rt.workers_count, 1);
    w->current = &w->root;
    w->rng = (uint32_t)(coop__rt.sim ? coop__rt.seed : sys_random()) | 1;
    w->all_next = coop__rt.all_workers;
    if (w->all_next)
        w->all_next->all_prev = w;
    coop__rt.all_workers = w;
    if (coop__tracing())
        coop__trace_worker(w);
    return w;
}

static void forget(struct worker *w)
{
    if (w->all_prev)
        w->all_prev->all_next = w->all_next;
    else
        coop__rt.all_workers = w->all_next;
    if (w->all_next)
        w->all_next->all_prev = w->all_prev;
}

static void worker_unalloc(struct worker *w)
{
    forget(w);
    atomic_fetch_sub(&coop__rt.workers_count, 1);
    free(w);
}

/* ---- idle ones, under the lock ---- */

unsigned coop__this_cpu(void)
{
    int cpu = sched_getcpu();

    return cpu < 0 ? 0 : (unsigned)cpu % IDLE_LISTS;
}

void coop__idle_worker_put(struct worker *w)
{
    unsigned at = coop__this_cpu();

    w->prev = NULL;
    w->next = coop__rt.idle_workers[at];
    if (w->next)
        w->next->prev = w;
    coop__rt.idle_workers[at] = w;
    coop__rt.idle_lists |= UINT64_C(1) << at;
    w->cpu = at;
    w->idle = true;
    if (unlikely(atomic_load_explicit(&coop__rt.crowded, memory_order_relaxed)))
        atomic_store_explicit(&coop__rt.crowded, false, memory_order_relaxed);
    atomic_fetch_add(&coop__rt.idle_workers_count, 1);
}

static void idle_worker_remove(struct worker *w)
{
    if (w->prev)
        w->prev->next = w->next;
    else
        coop__rt.idle_workers[w->cpu] = w->next;
    if (w->next)
        w->next->prev = w->prev;
    if (!coop__rt.idle_workers[w->cpu])
        coop__rt.idle_lists &= ~(UINT64_C(1) << w->cpu);
    w->idle = false;
    atomic_fetch_sub(&coop__rt.idle_workers_count, 1);
}

struct worker *coop__idle_worker_get(unsigned cpu, uint64_t taken)
{
    uint64_t lists = coop__rt.idle_lists & ~taken, from_cpu;
    struct worker *w;

    if (!lists)
        return NULL;
    from_cpu = lists >> cpu << cpu;
    w = coop__rt.idle_workers[__builtin_ctzll(from_cpu ? from_cpu : lists)];
    idle_worker_remove(w);
    return w;
}

/* ---- retiring ---- */

/* w's thread is about to end; the one that did so before it is for w to join. Under the lock. */
static struct worker *retire(struct worker *w)
{
    struct worker *before = coop__rt.retired;

    if (before)
        forget(before);
    coop__rt.retired = w;
    atomic_fetch_sub(&coop__rt.workers_count, 1);
    return before;
}

static void join(struct worker *w)
{
    if (!w)
        return;
    pthread_join(w->thread, NULL);
    free(w);
}

int coop__worker_retire(struct worker *w)
{
    struct worker *before;

    /* After a storm hundreds want to retire at once: no queue for the lock on that account. */
    if (!coop__trylock(&coop__rt.lock))
        return -EAGAIN;
    if (!w->idle) {
        coop__unlock(&coop__rt.lock);
        return 0;
    }
    idle_worker_remove(w);
    before = retire(w);
    coop__unlock(&coop__rt.lock);
    join(before);
    return 1;
}

bool coop__worker_discard(struct worker *w)
{
    struct worker *before = NULL;
    bool over;

    coop__lock(&coop__rt.lock);
    over = coop__rt.over;
    if (!over && w->id != 0) {
        before = retire(w);
        coop__rt.apart--;
    }
    coop__unlock(&coop__rt.lock);
    join(before);
    return over || w->id != 0;
}

static int create_thread(pthread_t *ret_thread, void *(*fn)(void *), void *arg)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int r;

    if (coop__refuse_threads)
        return EAGAIN;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGABRT);
    sigdelset(&all, SIGPROF);
    coop__signals_block(&all);
    coop__hog_unblock(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = pthread_create(ret_thread, &attr, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return r;
}

int coop__thread_new(pthread_t *ret_thread, void *(*fn)(void *), void *arg)
{
    return -create_thread(ret_thread, fn, arg);
}

bool coop__worker_new(struct proc *p, bool spinning)
{
    struct worker *w;

    if (coop__rt.over || coop__rt.workers_count >= coop__rt.workers_max || coop__rt.sim)
        return false;
    w = coop__worker_alloc();
    if (!w)
        return false;
    w->handed = p;
    w->spinning = spinning;
    if (create_thread(&w->thread, thread_main, w) != 0) {
        worker_unalloc(w);
        atomic_fetch_add(&coop__rt.create_failures, 1);
        return false;
    }
    return true;
}
