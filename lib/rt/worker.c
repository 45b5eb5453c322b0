/*
 * worker.c - threads: making them, retiring them, and coop_main()
 *
 * The thread that calls coop_main() is the first worker.  Others are made when a processor has work and no worker
 * (sched.c), up to a limit.  The kernel may refuse a thread: then the processor stays in the idle list with
 * its queue, and the next worker that comes back takes it up.  Nothing is lost, it is only later.
 *
 * Every thread of ours blocks all signals but those that mean "this instruction failed"; the first one
 * leaves open what the program did not ask for, so that their default actions still work.
 */
#include "base/sys.h"
#include "rt/coro.h"
#include "rt/park.h"
#include "rt/poller.h"
#include "rt/reaper.h"
#include "rt/stack.h"
#include "rt/switch.h"
#include "rt/timer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIGNAL_STACK = 32 * 1024, THREAD_STACK = RT_ASAN || RT_TSAN ? 1024 * 1024 : 256 * 1024 };

_Atomic(bool) coop__refuse_threads;

/* ---- stack overflow: name the coroutine ---- */

static struct sigaction old_segv;

static void on_segv(int signo, siginfo_t *info, void *context)
{
    struct coro *g = coop__stack_of_guard(info->si_addr);

    (void)context;
    if (g) {
        dprintf(STDERR_FILENO, "coop: coroutine %llu '%s' has overflowed its stack\n",
                (unsigned long long)g->id, g->name);
        abort();
    }
    /* Not ours: let it happen again under the handler that was there before. */
    sigaction(signo, &old_segv, NULL);
}

static void signal_stack_start(struct worker *w)
{
    stack_t stack = {.ss_size = SIGNAL_STACK};

    if (RT_ASAN || RT_TSAN)
        return; /* they have handlers and stacks of their own */
    w->signal_stack = stack.ss_sp = malloc(SIGNAL_STACK);
    if (w->signal_stack)
        sigaltstack(&stack, NULL);
}

static void signal_stack_end(struct worker *w)
{
    stack_t off = {.ss_flags = SS_DISABLE};

    if (!w->signal_stack)
        return;
    sigaltstack(&off, NULL);
    free(w->signal_stack);
    w->signal_stack = NULL;
}

/* ---- a thread's life ---- */

/* Which stack this thread has: the address sanitizer wants to know whereto we jump back. */
static void note_own_stack(struct worker *w)
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
    (void)w;
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;

    coop__set_worker(w);
    note_own_stack(w);
    signal_stack_start(w);
    coop__proc_acquire(w, w->handed);
    w->handed = NULL;
    coop__worker_loop(w);
    signal_stack_end(w);
    coop__set_worker(NULL);
    return NULL;
}

static struct worker *worker_alloc(void)
{
    size_t size = (sizeof(struct worker) + 127) & ~(size_t)127;
    struct worker *w = aligned_alloc(128, size);

    if (!w)
        return NULL;
    memset(w, 0, size);
    w->id = atomic_fetch_add(&coop__rt.workers_count, 1);
    w->current = &w->root;
    w->rng = (uint32_t)(coop__rt.sim ? coop__rt.seed : sys_random()) | 1;
    w->all_next = coop__rt.all_workers;
    coop__rt.all_workers = w;
    return w;
}

static void worker_unalloc(struct worker *w)
{
    coop__rt.all_workers = w->all_next;
    atomic_fetch_sub(&coop__rt.workers_count, 1);
    free(w);
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
    w = worker_alloc();
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

/* ---- start and end ---- */

static void procs_end(void)
{
    coop__timers_end();
    munmap(coop__rt.procs, PROCS_MAX * sizeof(struct proc));
    coop__rt.procs = NULL;
}

/* Makes processors up to 'count' ready for use; under the lock once the runtime runs. */
static int procs_make(int count)
{
    for (int i = coop__rt.procs_made; i < count; i++) {
        int r = coop__timers_start(&coop__rt.procs[i]);

        if (r < 0)
            return r;
        coop__rt.procs[i].id = i;
        coop__rt.procs[i].status = PROC_OFF;
        coop__rt.procs_made = i + 1;
    }
    return 0;
}

static int procs_start(int count)
{
    int r;

    /* Room for all there could ever be, touched as they are made. */
    coop__rt.procs = mmap(NULL, PROCS_MAX * sizeof(struct proc), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (coop__rt.procs == MAP_FAILED)
        return -ENOMEM;
    coop__rt.procs_count = count;
    r = procs_make(count);
    if (r < 0) {
        procs_end();
        return r;
    }
    for (int i = count - 1; i > 0; i--)
        coop__idle_proc_put(&coop__rt.procs[i]);
    return 0;
}

static void join_workers(void)
{
    struct worker *w = coop__rt.all_workers;

    while (w) {
        struct worker *next = w->all_next;

        if (next) /* the last one, the oldest, is the caller itself */
            pthread_join(w->thread, NULL);
        free(w);
        w = next;
    }
    coop__rt.all_workers = NULL;
}

static int processors_wanted(const struct coop_options *o)
{
    cpu_set_t set;
    int n = o->procs;

    if (o->sim)
        return 1;
    if (n <= 0)
        n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < PROCS_MAX ? n : PROCS_MAX;
}

/* What the root coroutine carries. */
struct root_call {
    int (*fn)(void *);
    void *arg;
    int result;
};

static int root_main(void *arg)
{
    struct root_call *call = arg;
    struct coro *g = coop__self();
    struct coop_scope *root = &coop__rt.root_scope;

    g->inner = root;
    root->owner = g;
    call->result = call->fn(call->arg);
    if (g->inner != root)
        coop__misuse("the root coroutine ended with a scope still open");
    if (call->result)
        coop_scope_cancel(root, -ECANCELED);
    coop__scope_drain(root);
    if (!call->result)
        call->result = root->result;
    g->inner = NULL;
    coop__reaper_end();
    atomic_store(&coop__rt.closing, true);
    coop_scope_cancel(&coop__rt.daemon_scope, -ECANCELED);
    coop__scope_drain(&coop__rt.daemon_scope);
    coop__wake_everybody();
    return 0;
}

static int start_everything(const struct coop_options *o)
{
    int procs = processors_wanted(o);
    int r;

    coop__rt = (struct runtime){
        .sim = o->sim,
        .seed = o->seed,
        .foreign_wakes = o->foreign_wakes,
        .on_deadlock = o->on_deadlock,
        .name = o->name ? o->name : "root",
        .workers_max = o->max_workers > 0 ? o->max_workers : WORKERS_MAX,
        .starved = coop__rt.starved, /* actors that were posted to before */
        .starved_count = coop__rt.starved_count,
        .monitor_fd = -1,
    };
    coop__pick_policy(o->sim ? o->seed : 0);
    coop__scope_root(&coop__rt.root_scope, "root");
    coop__scope_root(&coop__rt.daemon_scope, "daemons");
    coop__stacks_start(o->stack_size);
    r = procs_start(procs);
    if (r < 0)
        return r;
    r = coop__poller_start();
    if (r < 0) {
        procs_end();
        return r;
    }
    coop__signals_start(o->signals);
    r = o->sim ? 0 : coop__monitor_start();
    if (r < 0) {
        coop__signals_end();
        coop__poller_end();
        procs_end();
    }
    return r;
}

static void end_everything(void)
{
    join_workers();
    coop__offload_end();
    coop__monitor_end();
    coop__signals_end();
    coop__poller_end();
    procs_end();
    coop__stacks_end();
    coop__rt.starved = NULL;
    coop__rt.starved_count = 0;
    coop__rt.closing = false;
    coop__rt.running = false;
}

static void run(struct worker *w, struct root_call *call)
{
    struct coro *g = coop__coro_new(coop__rt.name, 0, root_main, call);

    if (!g) {
        call->result = -ENOMEM;
        atomic_store(&coop__rt.over, true);
        return;
    }
    coop__monitor_arm(MONITOR_DELAY);
    coop__ready(g);
    coop__actors_start();
    coop__worker_loop(w);
}

/* fork() copies the calling thread only: whatever the child calls here must find no runtime. */
static void in_forked_child(void)
{
    coop__set_worker(NULL);
    coop__rt.starved = NULL;
    coop__rt.starved_count = 0;
    coop__rt.closing = false;
    coop__rt.running = false;
}

static void watch_for_forks(void)
{
    pthread_atfork(NULL, NULL, in_forked_child);
}

int coop_main(const struct coop_options *options, int (*fn)(void *), void *arg)
{
    struct coop_options o = options ? *options : (struct coop_options){0};
    struct root_call call = {.fn = fn, .arg = arg};
    struct sigaction segv = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    static pthread_once_t forks = PTHREAD_ONCE_INIT;
    struct worker *w;
    int r;

    if (atomic_exchange(&coop__rt.running, true))
        return -EBUSY;
    pthread_once(&forks, watch_for_forks);
    r = start_everything(&o);
    atomic_store(&coop__rt.running, r == 0);
    if (r < 0)
        return r;
    w = worker_alloc();
    if (!w) {
        end_everything();
        return -ENOMEM;
    }
    coop__set_worker(w);
    note_own_stack(w);
    signal_stack_start(w);
    if (!RT_ASAN && !RT_TSAN) {
        segv.sa_sigaction = on_segv;
        sigaction(SIGSEGV, &segv, &old_segv);
    }
    coop__proc_acquire(w, &coop__rt.procs[0]);
    run(w, &call);
    if (!RT_ASAN && !RT_TSAN)
        sigaction(SIGSEGV, &old_segv, NULL);
    signal_stack_end(w);
    coop__set_worker(NULL);
    end_everything();
    return call.result;
}

int coop_set_procs(int count)
{
    struct proc **at;
    int before, r;

    if (count < 1 || count > PROCS_MAX)
        return -EINVAL;
    if (coop__rt.sim || !coop__self())
        return -EPERM;
    coop__lock(&coop__rt.lock);
    before = coop__rt.procs_count;
    r = procs_make(count);
    if (r < 0) {
        coop__unlock(&coop__rt.lock);
        return r;
    }
    coop__rt.procs_count = count;
    for (at = &coop__rt.idle_procs; *at;) {
        struct proc *p = *at;

        if (p->id < count) {
            at = &p->idle_next;
            continue;
        }
        *at = p->idle_next;
        atomic_store(&p->status, PROC_OFF);
        atomic_fetch_sub(&coop__rt.idle_procs_count, 1);
    }
    for (int i = before; i < count; i++) {
        int off = PROC_OFF;

        /* One that is still running dry simply stays. */
        if (atomic_compare_exchange_strong(&coop__rt.procs[i].status, &off, PROC_IDLE))
            coop__idle_proc_put(&coop__rt.procs[i]);
    }
    coop__unlock(&coop__rt.lock);
    coop__wake_one();
    return before;
}
