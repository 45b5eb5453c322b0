/*
 * runtime.c - coop_main(): the runtime's life from start to end
 *
 * Starts stacks, processors, poller, signals and monitor, in that order; runs the root
 * coroutine on the calling thread's worker; when it, its scope and the daemons have ended,
 * everything is taken down the other way round, so that it can be started again.
 */
#include "base/sys.h"
#include "rt/coro.h"
#include "rt/dump.h"
#include "rt/hog.h"
#include "rt/leaks.h"
#include "rt/outermost.h"
#include "rt/overflow.h"
#include "rt/park.h"
#include "rt/pin.h"
#include "rt/policy.h"
#include "rt/poller.h"
#include "rt/reaper.h"
#include "rt/stack.h"
#include "rt/switch.h"
#include "rt/timer.h"
#include "rt/trace.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void procs_end(void)
{
    coop__timers_end();
    coop__rt.procs_made = 0;
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

/* All before the first is freed: one of them may still run the root coroutine, which walks the
 * list to its end (coop__pin_release). */
static void join_workers(void)
{
    struct worker *next;

    /* The last one, the oldest, is the caller itself. */
    for (struct worker *w = coop__rt.all_workers; w && w->all_next; w = w->all_next)
        pthread_join(w->thread, NULL);
    for (struct worker *w = coop__rt.all_workers; w; w = next) {
        next = w->all_next;
        free(w);
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
    const void *born_at;
    int result;
};

static int root_main(void *arg)
{
    struct root_call *call = arg;
    struct coro *g = coop__current();
    struct coop_scope *root = &coop__rt.root_scope;
    struct worker *first;

    g->inner = root;
    call->result = call->fn(call->arg);
    if (g->inner != root)
        coop__misuse("the root coroutine ended with a scope still open");
    if (call->result) {
        coop_scope_cancel(root, -ECANCELED);
        coop__leaks_await();
    }
    coop__outermost_close(root);
    if (!call->result)
        call->result = root->result;
    g->inner = NULL;
    coop__reaper_end();
    atomic_store(&coop__rt.closing, true);
    coop_scope_cancel(&coop__rt.daemon_scope, -ECANCELED);
    coop__leaks_await();
    coop__outermost_close(&coop__rt.daemon_scope);
    coop__leaks_await_end();
    first = coop__pin_first();
    coop__wake_everybody();
    coop__pin_release(first);
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
    r = coop__policy_choose(o);
    if (r < 0)
        return r;
    coop__outermost_start();
    coop__wait_start();
    coop__stacks_start(o->stack_size);
    r = procs_start(procs);
    if (r < 0)
        return r;
    r = coop__epolls_start();
    if (r < 0) {
        procs_end();
        return r;
    }
    coop__signals_start(o->signals);
    coop__hog_start(o);
    r = o->sim ? 0 : coop__monitor_start();
    if (r < 0) {
        coop__hog_end();
        coop__signals_end();
        coop__descs_end();
        coop__epolls_end();
        procs_end();
    }
    return r;
}

static void end_everything(void)
{
    coop__foreign_close();
    join_workers();
    coop__dump_signal_end();
    coop__offload_end();
    coop__monitor_end();
    coop__hog_end();
    coop__signals_end();
    coop__leaks_end();
    coop__descs_end();
    coop__epolls_end();
    procs_end();
    coop__stacks_end();
    coop__trace_end();
    coop__rt.starved = NULL;
    coop__rt.starved_count = 0;
    coop__rt.closing = false;
    coop__rt.running = false;
}

static void run(struct worker *w, struct root_call *call)
{
    const struct coop_attr attr = {.name = coop__rt.name};
    struct coro *g = coop__coro_new(&attr, root_main, call, call->born_at);

    if (!g) {
        call->result = -ENOMEM;
        atomic_store(&coop__rt.over, true);
        return;
    }
    coop__monitor_arm(MONITOR_DELAY);
    coop__foreign_open();
    coop__ready(g);
    coop__actors_start();
    coop__worker_loop(w);
}

/* fork() copies the calling thread only: whatever the child calls here must find no runtime. */
static void in_forked_child(void)
{
    coop__foreign_in_child(coop__rt.running);
    coop__rt.procs = NULL;
    coop__rt.procs_made = 0;
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

/* A signal that is read from the signalfd never comes to the handler that dumps. */
static bool is_sound(const struct coop_options *o)
{
    if (o->dump_signal == 0)
        return true;
    return o->dump_signal > 0 && o->dump_signal <= 64 &&
           !(o->signals & COOP_SIGNAL(o->dump_signal));
}

int coop_main(const struct coop_options *options, int (*fn)(void *), void *arg)
{
    struct coop_options o = options ? *options : (struct coop_options){0};
    struct root_call call = {.fn = fn, .arg = arg, .born_at = __builtin_return_address(0)};
    static pthread_once_t forks = PTHREAD_ONCE_INIT;
    struct worker *w;
    int r;

    if (!fn || !is_sound(&o))
        return -EINVAL;
    if (coop__forked)
        return -EPERM;
    if (atomic_exchange(&coop__rt.running, true))
        return -EBUSY;
    pthread_once(&forks, watch_for_forks);
    r = start_everything(&o);
    atomic_store(&coop__rt.running, r == 0);
    if (r < 0)
        return r;
    coop__leaks_start(o.leaks);
    r = coop__trace_into(o.trace);
    if (r == 0)
        r = coop__dump_signal_start(o.dump_signal);
    w = r == 0 ? coop__worker_alloc() : NULL;
    if (!w) {
        atomic_store(&coop__rt.over, true); /* the monitor runs already */
        end_everything();
        return r < 0 ? r : -ENOMEM;
    }
    coop__set_worker(w);
    coop__note_own_stack(w);
    coop__signal_stack_start(w);
    coop__overflow_start();
    coop__proc_acquire(w, &coop__rt.procs[0]);
    run(w, &call);
    coop__overflow_end();
    coop__signal_stack_end();
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
    /* Who holds a processor keeps the only one from popping without thieves in mind (runq.h). */
    if (coop__rt.sim || !coop__self() || !coop__worker()->proc)
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
    /* The caller is at work, and all may have looked idle: it was on a processor out of use. */
    coop__monitor_arm(MONITOR_DELAY);
    coop__unlock(&coop__rt.lock);
    coop__wake_one();
    return before;
}
