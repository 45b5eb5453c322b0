#ifndef COOP_RT_SCHED_H
#define COOP_RT_SCHED_H

#include "coop/actor.h"
#include "coop/coop.h"
#include "rt/lock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * sched.h - the runtime's own structs: coroutine, worker, processor, and the one runtime
 *
 * Private to lib/rt.  sched.c opens with how they play together.
 */

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define COLD        __attribute__((cold, noinline))

enum {
    PROCS_MAX = 64,
    RING = 256,            /* coroutines in a processor's own queue       */
    GLOBAL_EVERY = 61,     /* picks between looks into the global queue   */
    TIMERS_EVERY = 32,     /* picks between looks at the clock            */
    POLL_EVERY = 256,      /* picks between looks at the poller           */
    URGENT_IN_A_ROW = 16,  /* then one ordinary coroutine gets its turn   */
    NEXT_IN_A_ROW = 8,     /* picks of the slot before the ring gets one  */
    STACKS_PER_PROC = 128, /* free stacks a processor keeps               */
    WORKERS_MAX = 10000,
    IDLE_WORKERS_KEPT = 16, /* more than these retire when idle for long */
    IDLE_LISTS = 64,        /* of idle workers, by the CPU they slept on */
    OUTERMOST = 2,          /* scopes: the root's and the daemons' */
};

#define MONITOR_DELAY (10 * COOP_NSEC_PER_MSEC) /* how long a busy processor goes unwatched */
#define TIMER_LATE    COOP_NSEC_PER_MSEC        /* then it is for others to fire it */

enum wait_reason {
    WAIT_FOR_NOTHING,
#define X(name, word) name,
#include "rt/wait_reasons.def"
#undef X
    WAIT_REASONS
};

extern const char *const coop__wait_words[WAIT_REASONS]; /* dump.c */

/* The word of a wait (park.c draws its life). */
enum {
    WAIT_NONE,
    WAIT_OPEN,
    WAIT_CLAIMED,
    WAIT_FIRED, /* of foreign threads only */
    WAIT_STATE = 3,
    WAIT_CANCELLABLE = 4, /* flag beside the state */
};

/* Flags of a coroutine beside the public ones (coop/coro.h). */
#define CORO_THREAD (1U << 31) /* the stand-in of a foreign thread (foreign.c) */

/* In debug builds: a lock and where it was taken (lockorder.c). */
enum { HELD_MAX = 8 };
struct held_lock {
    const void *lock;
    uint32_t *word;
    const char *site;   /* "file:line", or NULL */
    const void *caller; /* a return address     */
};

enum coro_state { CORO_FREE, CORO_READY, CORO_RUNNING, CORO_WAITING };

/* What the priority policy knows of a coroutine (policy_priority.c); of another one before 'id' is
 * its own. */
struct coro_share {
    _Atomic(uint64_t) id;
    _Atomic(coop_nsec) left;         /* of its slice                              */
    _Atomic(coop_nsec) slept;        /* of late, less what it has run             */
    _Atomic(coop_nsec) asleep_since; /* 0: it does not wait; negative: till then  */
};

/* A coroutine. It lives at the top end of its own stack's slot, which after a long wait is in no
 * cache: what its waits and switches look at lies in the first two lines, what its birth and end
 * need beside that in the third. */
struct coro {
    void *sp;          /* where to go on; valid while it does not run */
    struct coro *next; /* in a queue                                  */
    int (*fn)(void *);
    void *arg;
    struct waiter *woken_by;
    _Atomic(uint32_t) wait;
    int wake_result;     /* what the wait returns, written by the claimer     */
    _Atomic(int) cancel; /* 0, or why it is cancelled (a negative errno)      */
    _Atomic(int) state;  /* CORO_...; for dumps                              */
    unsigned flags;
    _Atomic(bool) left;  /* nobody is on its stack: it may be jumped to      */
    bool fresh;          /* has not run yet (switch.h)                       */
    uint8_t stack_class; /* its size, for stack.c                            */
    bool canary;         /* at the low end of its stack, instead of a guard  */
    struct coop_timer_node timer;
    int shield_on;
    int pins; /* coop_pin() less coop_unpin()                                 */
    coop_nsec shield_deadline;
    _Atomic(struct coop_scope *) scope; /* member of; read by who cancels the outermost ones */
    struct coop_scope *inner;           /* innermost it has open */
    struct coro *scope_next, *scope_prev;
    void *local;
    struct coop_actor *actor; /* whose handler it runs; NULL when that is gone   */
    struct worker *pin;       /* the thread it is tied to, or NULL               */
    const void *born_at;      /* the line after the coop_go(); an actor's: its handler */
    /* for dumps: written by its worker, read by anybody */
    _Atomic(uint64_t) id;
    _Atomic(const char *) name;
    _Atomic(int) reason;
    int8_t priority; /* coop_attr's                                     */
    _Atomic(const void *) object;
    _Atomic(coop_nsec) since, deadline;
    /* its slot */
    char *stack_low;
    size_t stack_size;
    void *fake_stack, *tsan_fiber; /* the sanitizers' views of it (switch.h) */
    unsigned valgrind_id;
    struct coro_share share;
#ifdef COOP_DEBUG
    struct held_lock held[HELD_MAX];
    int held_count, held_more;
    const char *site; /* of the call that is about to take a lock */
#endif
};

_Static_assert(offsetof(struct coro, timer) == 64 && offsetof(struct coro, scope) == 128,
               "whole lines");

/* One entry in a queue of waiters; on the waiting coroutine's stack. */
struct waiter {
    struct waiter *next, *prev;
    struct coro *coro;
    void *value;  /* channels: where to, or what  */
    int64_t need; /* semaphores: how many        */
    int index;    /* select: which case           */
    int result;   /* written by who wakes it      */
    bool queued;  /* under the lock of the object */
};

/* A queue of runnable coroutines under somebody's lock. */
struct coro_queue {
    struct coro *head, *tail;
};

/* A place in a processor's heap of timers. */
struct timer_entry {
    coop_nsec when; /* the node's */
    struct coop_timer_node *node;
};

/* The right to run coroutines, with a queue.  Only its worker pushes; anyone may steal (runq.c). */
struct proc {
    _Atomic(unsigned) head, tail;
    _Atomic(struct coro *) next; /* runs before the ring: the one that was just woken */
    _Atomic(struct coro *) ring[RING];
    unsigned tick, look_at; /* picks, and when to look beyond the own queue */
    unsigned next_run, urgent_run;
    int id;
    _Atomic(int) status;
    _Atomic(unsigned) brackets; /* entered                          */
    unsigned seen_brackets;     /* the monitor's last look at it    */
    struct proc *idle_next;
    coop_nsec clock; /* as of the last look */
    struct coro *stacks;
    int stacks_count;
    _Atomic(uint64_t) switches, steals;
    _Atomic(uint64_t) births, ends; /* of coroutines, by its worker */
    /* of the two outermost scopes (outermost.c); the second under the scope's lock */
    _Atomic(int64_t) members[OUTERMOST];
    int64_t settled[OUTERMOST];
    _Atomic(int) outside;  /* coop__outside_add() by its worker */
    int poll_next;         /* whose epoll it has looked into beside its own */
    uint64_t last_id;      /* given out; see new_id() */
    _Atomic(int) tid;      /* of the thread that has it */
    _Atomic(uint64_t) cpu; /* the bit of where that is as far as known; 0: idle */
    /* picks at which these are due */
    unsigned global_at, clock_at, poll_at;
    /* timers (timer.c) */
    uint32_t timer_lock;
    struct timer_entry *heap;
    int heap_size;
    _Atomic(coop_nsec) first_timer; /* 0: none */
    _Atomic(int) timers_count;      /* heap_size, for those without the lock */
} __attribute__((aligned(128)));

enum proc_status { PROC_IDLE, PROC_RUNNING, PROC_SYSCALL, PROC_OFF };

/* A kernel thread. */
struct worker {
    struct coro root; /* the thread's own stack: looks for work */
    struct coro *current;
    struct proc *proc;   /* NULL: may not run coroutines */
    struct proc *handed; /* given by whoever wakes it    */
    struct proc *left;   /* in an optimistic bracket     */
    coop_nsec called_at; /* by coop__wake_one(), or 0    */
    uint32_t wake;       /* futex                        */
    struct worker *next; /* among the idle               */
    struct worker *prev;
    struct worker *all_next, *all_prev;
    void (*after)(struct worker *, struct coro *); /* once the old stack is left */
    struct coro *after_coro;
    struct coro_queue batch; /* made ready while polling without a processor */
    /* What takes coop__ready() off its straight path, looked at as one. */
    union {
        struct {
            bool collecting; /* ours                            */
            bool traced;     /* atomic: set from other threads  */
        };
        uint16_t unusual;
    };
    bool spinning;
    bool blocked;        /* inside a bracket */
    bool idle;           /* in a list of idle ones, under the lock */
    unsigned cpu;        /* that of its list                       */
    struct coro *pinned; /* runs here and nowhere else, and nobody else does (pin.c) */
    struct coro *passed; /* picked, but not to be run by us now                      */
    bool spoiled;        /* the one that was pinned has ended: nobody runs here      */
    uint32_t rng;
    int id;
    int tid; /* the kernel's number of it */
    pthread_t thread;
    struct trace_ring *ring; /* its events (trace.c) */
};

/* Who runs next (policy.h). */
struct policy {
    void (*start)(void);                   /* or NULL */
    struct coro *(*pick)(struct worker *); /* NULL: nothing in the processor's queue      */
    struct coro *(*steal)(struct proc *p, struct proc *victim, bool slot); /* as in runq.h */
};

/* The runtime. There is one at a time. */
struct runtime {
    uint32_t lock; /* idle lists, global queues, poller's seat */
    _Atomic(bool) running, closing, over;
    _Atomic(int) unusual; /* over, traced, or some are pinned: look twice at what was picked */
    bool sim;
    _Atomic(bool)
        crowded; /* a thread was wanted, and could not be had: who has one shares it */
    bool foreign_wakes;
    void (*on_deadlock)(void);
    const char *name;
    uint64_t seed;
    _Atomic(int) procs_count;
    _Atomic(int) procs_made; /* grows; read by all who look round */
    int workers_max;
    struct proc *procs;
    struct policy policy;
    uint64_t chaos; /* its seed, or 0 */
    /* under lock; the counts may be read without */
    struct proc *idle_procs;
    _Atomic(int) idle_procs_count, spinning;
    _Atomic(coop_nsec) wake_gap, last_wake; /* ready.c, "worth it" */
    struct worker *idle_workers[IDLE_LISTS], *all_workers;
    uint64_t idle_lists;    /* a bit for each that is not empty */
    struct worker *retired; /* the last that did: the next one joins its thread */
    _Atomic(int) workers_count, idle_workers_count, blocked;
    int apart;                       /* workers that are pinned or spoiled */
    _Atomic(struct worker *) poller; /* the worker that sleeps in the poller, or is about to */
    _Atomic(bool) poller_handed;     /* it has been given a processor                        */
    struct coro_queue urgent;
    _Atomic(int) global_count, urgent_count; /* of the queues that anyone may push to */
    struct coop_actor *starved;              /* wait for a stack */
    _Atomic(int) starved_count;
    /* poller */
    int kick_fd;
    _Atomic(coop_nsec) poll_until; /* 0: nobody sleeps there; FOREVER: without limit */
    _Atomic(int) fd_registered;
    _Atomic(int) outside; /* see coop__outside_add() */
    /* counters */
    _Atomic(uint64_t) ids;          /* given to processors, or singly */
    _Atomic(uint64_t) births, ends; /* by threads without a processor */
    _Atomic(bool) tracing;          /* beside what each birth writes anyway */
    _Atomic(uint64_t) polls, create_failures;
    struct coop_scope root_scope, daemon_scope;
    /* monitor */
    int monitor_fd;
    _Atomic(int) monitor_armed;
    pthread_t monitor;
    bool monitor_runs;
};

extern __attribute__((visibility("hidden"))) struct runtime coop__rt;

/* The worker this thread is, or NULL in a foreign thread.  Never keep the answer across a call
 * that may park: the coroutine may go on elsewhere.  A compiler may keep the address of a
 * thread-local across such a call, and then reads another thread's: so it must not see that this
 * is one.  On x86-64 the read is an instruction of its own here, elsewhere a call. */
#if defined(__x86_64__)
extern __attribute__((visibility("hidden"))) _Thread_local struct worker *coop__this_worker;

static inline struct worker *coop__worker(void)
{
    struct worker *w;

    __asm__ volatile("movq coop__this_worker@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0"
                     : "=r"(w));
    return w;
}
#else
struct worker *coop__worker(void);
#endif
void coop__set_worker(struct worker *w);

/* This process is a forked child of a running one: nothing works here. */
extern __attribute__((visibility("hidden"))) _Atomic(bool) coop__forked;

/* A foreign thread is about to touch the runtime; false: there is none.  Each true needs a
 * leave.  open: from now on they may; close: not any more, and nobody is inside when it returns.
 * (foreign.c) */
bool coop__foreign_enter(void);
void coop__foreign_leave(void);
void coop__foreign_open(void);
void coop__foreign_close(void);
/* In the child of a fork(). */
void coop__foreign_in_child(bool running);

/* Says what was misused, and aborts. */
_Noreturn void coop__misuse(const char *what);

/* Compiled with COOP_CHAOS (tests/stress) the thread loses its CPU now and then in the places
 * where a race would be: nothing in a library that ships. */
#ifdef COOP_CHAOS
void coop__chaos(void);
#define RT_DELAY() coop__chaos()
#else
#define RT_DELAY() (void)0
#endif

/* ---- sched.c ---- */

/* Makes a coroutine runnable that is in no queue. Any thread. */
void coop__ready(struct coro *g);
/* The same, last in line. */
void coop__ready_last(struct coro *g);
/* Somebody made work: wakes a worker unless one is looking for work already. */
void coop__wake_one(void);
/* The same for work in the queue of the caller's processor, unless it is not worth it. */
void coop__work_made(const struct proc *p);
/* Leaves the current stack for the next runnable coroutine; then(w, g) runs when it is left.
 * 'after' may be NULL; then g may be woken while it is still leaving, and may be the next
 * itself. */
void coop__leave(struct worker *w, struct coro *g,
                 void (*then)(struct worker *, struct coro *));
/* The same, to the worker's own stack. */
void coop__leave_to_root(struct worker *w, struct coro *g,
                         void (*then)(struct worker *, struct coro *));
/* Runs what the stack we came from left to do. */
void coop__after(struct worker *w);
void coop__worker_loop(struct worker *w);
/* Fires timers, and polls descriptors, that the monitor would have seen to. */
void coop__look_late(struct worker *w);
/* Gives a processor that has lost its worker to another one, or to the idle list. */
void coop__hand_off(struct proc *p);
void coop__proc_acquire(struct worker *w, struct proc *p);
struct proc *coop__idle_proc_get(void);        /* under lock */
void coop__idle_proc_put(struct proc *p);      /* under lock; the next one that is taken */
void coop__idle_proc_put_last(struct proc *p); /* under lock; after all others */
/* Sleeps in the idle list till somebody hands over a processor; false: the runtime is over. */
bool coop__worker_sleep(struct worker *w);
void coop__wake_everybody(void);

/* ---- worker.c ---- */

/* The struct of a worker, in the list of all. */
struct worker *coop__worker_alloc(void);
/* What each thread does first and last: alternate signal stack, bounds for the sanitizers. */
void coop__note_own_stack(struct worker *w);
void coop__signal_stack_start(struct worker *w);
void coop__signal_stack_end(void);
/* A new thread for 'p' (NULL: it sleeps among the idle), under the runtime's lock; false:
 * refused (the caller keeps p). */
bool coop__worker_new(struct proc *p, bool spinning);
/* A thread of ours with all signals blocked: 0 or -errno. */
int coop__thread_new(pthread_t *ret_thread, void *(*fn)(void *), void *arg);
/* The CPU of the caller, modulo IDLE_LISTS. */
unsigned coop__this_cpu(void);
/* The idle ones, under the lock. Get: of those that did not fall asleep on a CPU of 'taken' (a bit
 * for each) the newest of 'cpu', or else of one after it; NULL: there is none. */
void coop__idle_worker_put(struct worker *w);
struct worker *coop__idle_worker_get(unsigned cpu, uint64_t taken);
/* Takes an idle worker that nobody has called out of use: 1, its thread must end; 0, it was
 * called; -EAGAIN, not now. */
int coop__worker_retire(struct worker *w);
/* The same for a spoiled one that is in no list; false: it may not end before the runtime. */
bool coop__worker_discard(struct worker *w);
/* How long a surplus worker stays idle before it retires; for tests, too. */
extern _Atomic(coop_nsec) coop__idle_worker_life;
/* For tests: thread creation fails while it is true. */
extern _Atomic(bool) coop__refuse_threads;

/* ---- monitor.c ---- */

int coop__monitor_start(void);
void coop__monitor_end(void);
void coop__monitor_arm(coop_nsec delay);
void coop__monitor_disarm(void);
void coop__monitor_hurry(void);

/* The calling coroutine, or NULL (foreign thread). */
static inline struct coro *coop__self(void)
{
    struct worker *w = coop__worker();

    return likely(w) && w->current != &w->root ? w->current : NULL;
}

/* The same where it is one for certain. */
static inline struct coro *coop__current(void)
{
    return coop__worker()->current;
}

/* One more run of a coroutine; its worker's alone. Others look whether it stands still. */
static inline void coop__count_switch(struct proc *p)
{
    atomic_store_explicit(&p->switches,
                          atomic_load_explicit(&p->switches, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline uint32_t coop__random_next(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

static inline uint32_t coop__random(struct worker *w)
{
    return coop__random_next(&w->rng);
}

#endif
