#ifndef COOP_COOP_H
#define COOP_COOP_H

/*
 * coop.h - libcoop: thousands of coroutines on a few kernel threads
 *
 * Coroutines (functions with a stack of their own) run on workers (kernel threads); a worker
 * needs a processor (a run queue, and the right to run) to run one.  A coroutine that waits
 * costs no thread, so plain sequential code with deadlines replaces callbacks and state
 * machines.
 *
 *     static int hello(void *arg)
 *     {
 *         struct coop_chan *words = arg;
 *         const char *word = "hello";
 *
 *         coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_SEC));
 *         return coop_send(words, &word, COOP_FOREVER);
 *     }
 *
 *     static int root(void *arg)
 *     {
 *         struct coop_chan *words = coop_chan_new(sizeof(const char *), 0);
 *         const char *word;
 *
 *         coop_go(NULL, hello, words);
 *         if (coop_recv(words, &word, coop_after(coop_now(), 2 * COOP_NSEC_PER_SEC)) == 1)
 *             puts(word);
 *         coop_chan_unref(words);
 *         return 0;
 *     }
 *
 *     int main(void)
 *     {
 *         return coop_main(NULL, root, NULL);
 *     }
 *
 * Where to read on: coro.h (coroutines, scopes), chan.h, select.h, io.h, sync.h, pool.h, actor.h
 * (mailboxes and timers), child.h, signal.h, block.h, debug.h; between processes queue.h,
 * page.h, shared_sem.h; to simulate all that sim.h.  lib/README.md tells how the scheduler thinks.
 *
 * Time      Absolute monotonic nanoseconds (time.h); COOP_NOW polls, COOP_FOREVER never
 *           expires.
 * Errors    0 or positive is success, failure is -errno; errno itself is never an answer,
 *           because a coroutine may wake up on another thread.
 * Threads   One runtime per process at a time; coop_main() may be called again when it
 *           returned.
 * Misuse    Each page says what is noticed.  What a caller may want to handle is a -errno; a
 *           mistake in the program aborts with one line on stderr, "coop: WHAT (coroutine ID
 *           'NAME')".  Some mistakes take time to find: those are noticed by a library built
 *           with COOP_DEBUG (for your tests), and marked [debug].
 *           In a child forked from a running program nothing here works but exec and _exit:
 *           what would wait returns -EPERM or aborts, coop_main() too is -EPERM.
 * Memory    64 KiB of address space for each coroutine's stack, of which one page is there while it
 *           waits.  What the runtime made is given back when coop_main() returns; what the
 *           program made (channels, pools) is the program's.
 *           Descriptors: an epoll, an eventfd and a timerfd; a signalfd for signals and children;
 *           and where the program waits for descriptors an epoll for each further processor, all
 *           together at most a 32nd of RLIMIT_NOFILE.  They are close-on-exec.
 * Limits    Linux 6.1 or later, x86-64 and aarch64.  Nothing is preempted: a coroutine that
 *           computes for long keeps its processor (the others go on).  The headers are C17 without
 *           extensions, and C++17 (in which COOP_RECV() and its like are an extension).
 * Source    Go's scheduler: workers, processors, coroutines, and stealing between them.
 */

#include "coop/actor.h"
#include "coop/block.h"
#include "coop/chan.h"
#include "coop/child.h"
#include "coop/coro.h"
#include "coop/debug.h"
#include "coop/err.h"
#include "coop/io.h"
#include "coop/page.h"
#include "coop/pool.h"
#include "coop/queue.h"
#include "coop/select.h"
#include "coop/shared_sem.h"
#include "coop/signal.h"
#include "coop/sync.h"
#include "coop/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who of those that are ready runs next.  None of them preempts: the next one runs when one waits
 * or yields.  lib/README.md tells when which is worth it. */
enum coop_policy {
    /* First come, first served, but for the one that was woken last: it runs next, with what its
     * waker has left in the cache, a few times in a row. */
    COOP_POLICY_DEFAULT,
    /* By coop_attr.priority, better for those who wait much and worse for those who compute; who
     * has used up his slice (5 ms at priority 0, 40 ms at -20, 0.25 ms at 19) waits till all have.
     * Nobody waits for ever: when a round has lasted 40 ms for each who waits, newcomers stand
     * behind.
     * Priorities hold on each processor for itself.  Source: Linux's O(1) scheduler. */
    COOP_POLICY_PRIORITY,
};

/* A coroutine that has kept its processor for long.  All of it is gone after the call. */
struct coop_hog {
    uint64_t id; /* 0: its thread has not answered; name and frames are empty */
    const char *name;
    int thread;     /* the kernel's number of it                                       */
    int count;      /* of frames                                                       */
    coop_nsec busy; /* for at least so long                                            */
    void *const
        *frames; /* where it is, innermost first; for addr2line or backtrace_symbols() */
};

/* Zero in every field is the default. */
struct coop_options {
    /* Of the root coroutine and of the worker threads; must outlive coop_main(). */
    const char *name;
    /* Processors: how many coroutines run at the same time; 0 = number of CPUs;
     * from 64 on 64. */
    int procs; /* 1: one at a time (N:1), what does not wait is not interrupted by others */
    /* Threads at most, 0 = 10 000. At the limit work queues, nothing fails. */
    int max_workers;
    /* Bytes of stack per coroutine, 0 = 64 KiB; rounded up to a power of two from 16 KiB to 16 MiB,
     * at most that.  coop_attr.stack_size asks for another one for a single coroutine.  It is
     * address space: only the pages that were touched are memory. */
    size_t stack_size;
    /* Signals the program will ask for with coop_signal_notify() or coop_signal_watch():
     * COOP_SIGNAL(SIGTERM) | COOP_SIGNAL(SIGHUP)...  They are blocked in every thread of the
     * runtime for the length of coop_main().  SIGCHLD is always among them. */
    uint64_t signals;
    /* Simulation: one processor, one thread, no monitor; the only place that waits is
     * sys_epoll_pwait2() of lib/base/sys.h, so a fake kernel behind it owns time. */
    bool sim;
    /* With sim: the order in which ready coroutines run is drawn from this seed; 0 = FIFO. */
    uint64_t seed;
    /* Foreign threads may wake coroutines: switches the deadlock report off. */
    bool foreign_wakes;
    /* All coroutines wait and nothing can wake them: called instead of the default, which is to
     * tell on stderr who waits for whom (who holds a lock is known to debug builds only), to
     * dump all of them, and to abort().  Must not return. */
    void (*on_deadlock)(void);
    /* Who runs next: an enum coop_policy; unknown ones are -EINVAL.  In simulation a seed comes
     * before it. */
    int policy;
    /* Not 0: chaos, for debugging.  Ready coroutines run in any order, move between processors and
     * are delayed at random, drawn from this seed, so that what a program does not say does not
     * hold by luck.  Instead of a policy; -EINVAL with one, or in simulation (there 'seed'). */
    uint64_t chaos;
    /* Not 0: a coroutine that neither waits nor yields for so many nanoseconds is reported, once
     * each time.  While its thread waits for a CPU it keeps nothing, and that does not count.
     * Looked at every 10 ms; for finding out, not for measuring.  The thread it is on gets a
     * SIGURG, so a call that it is in may return EINTR; without frames when 'signals' has that
     * one.  Not in simulation. */
    coop_nsec hog_after;
    /* Called with the report instead of writing it to stderr.  On a thread of the runtime that
     * looks after the others: it must not wait. */
    void (*on_hog)(const struct coop_hog *hog);
    /* This signal (SIGQUIT, say) writes coop_dump() to stderr and kills nobody, even when all
     * coroutines compute and none waits; 0: no such signal.  -EINVAL with one that is in
     * 'signals' or cannot be caught. */
    int dump_signal;
    /* At the end of coop_main() tells on stderr what was made during it and is still there, and
     * where it was made: channels, actors (coop_actor_done), pending timers, descriptors that were
     * waited on and not closed with coop_fd_close(), objects of pools that were not put back.
     * Coroutines that do not go keep coop_main() from returning: those that were cancelled for
     * its end (daemons; all, when 'fn' has failed) and are there 5 seconds later are told with
     * name, birthplace and what they wait for.  Costs a table entry for each; without it
     * nothing. */
    bool leaks;
    /* The whole run is traced (debug.h) into this file; NULL: no trace.  coop_main() returns what
     * open(2) says when it cannot be made. */
    const char *trace;
};

#define COOP_SIGNAL(signo) (UINT64_C(1) << ((signo)-1))
/* Every one that can be caught. */
#define COOP_SIGNALS_ALL UINT64_MAX

/* Starts the runtime, runs fn(arg) as the root coroutine and returns when it and every
 * coroutine in the root scope have ended: fn's result, or if that is 0 the first non-zero
 * result of the root scope.  A non-zero result of fn cancels the root scope.  Daemons and
 * actors are cancelled after that.  -errno when the runtime cannot start; -EBUSY when it runs
 * already, -EINVAL without 'fn'.  'options' may be NULL. */
int coop_main(const struct coop_options *options, int (*fn)(void *), void *arg);

#ifdef __cplusplus
}
#endif

#endif
