#ifndef COOP_CORO_H
#define COOP_CORO_H

#include "coop/time.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * coro.h - coroutines, and the scopes that they cannot outlive
 *
 * Every coroutine belongs to a scope; a scope ends only when all its coroutines have ended. The
 * first coroutine of a scope that returns non-zero cancels its siblings.
 *
 *     struct coop_scope fetch;
 *
 *     coop_scope_init(&fetch, "fetch", coop_after(coop_now(), 5 * COOP_NSEC_PER_SEC));
 *     for (int i = 0; i < n; i++)
 *         if (coop_go(&fetch, fetch_one, &urls[i]) < 0)
 *             break;
 *     int r = coop_scope_wait(&fetch);     // 0, first failure, or -ETIMEDOUT
 *
 * Cancelling is an error return, never a teardown: in a cancelled coroutine every call with a
 * deadline returns the reason (-ECANCELED, or what the canceller gave) at once, even if what it
 * asks for is there, and it goes home through its own cleanup.  It is a level, not an edge: it
 * stays so until the coroutine ends.  Calls with COOP_NOW do not wait and are not affected.
 * coop_shield_begin() gives cleanup code a bounded time in which it may wait after all.
 *
 * Time      A scope's deadline cancels its coroutines with -ETIMEDOUT; 0 or COOP_FOREVER: none.
 * Errors    -errno.  Outside of a coroutine: -EPERM.
 * Threads   coop_scope_cancel() and coop_go() from any thread while the runtime runs (in a foreign
 *           one NULL is the root scope; coop_options.foreign_wakes says that there are such);
 *           the rest from coroutines.
 * Memory    A scope lives in its owner's frame and must be waited for before that frame ends. A
 *           coroutine costs one page of memory while it waits, and address space for its stack.
 *           Members of a scope that the program opened stand in a list under a lock, those of the
 *           root scope are only counted: a birth in the former takes some 15 ns longer.
 * Misuse    -ECANCELED: starting in a scope that has been waited for.
 *           Aborts: a scope opened outside of a coroutine; waited for by another than its owner,
 *           twice, or before one that was opened inside it; still open when its coroutine ends;
 *           cancelled for a positive reason.  A coroutine that ends inside a bracket (block.h)
 *           or holding a lock [debug].  What one may ask about oneself is 0, "" or NULL outside.
 * Limits    As many coroutines as there is memory for; coop_go() has -ENOMEM for the next one.
 *           Stacks from 16 KiB to 16 MiB, 1 to 64 processors.  A deadline is kept when its
 *           coroutine has its turn: what computes without a wait is not interrupted.
 * Source    libdill's bundles, Trio's nurseries and level-triggered cancellation.
 */

/* Private: a point in time in some processor's heap. */
struct coop_timer_node {
    coop_nsec when;
    coop_nsec period; /* set again by itself; 0: no */
    uint64_t turn;    /* equal times fire in the order of setting */
    int32_t slot;     /* place in the heap plus one; 0: not in it */
    int32_t reserved;
    void *home; /* the processor whose heap it is in        */
    void (*fire)(struct coop_timer_node *);
};

/* Private: the two ends of a queue of waiters. Zero is an empty one. */
struct coop_waitq {
    void *head, *tail;
};

/* All fields are private. */
struct coop_scope {
    const char *name;
    struct coop_scope *parent, *outer; /* cancelled with / opened inside    */
    struct coop_scope *next, *prev;    /* among the parent's inner scopes   */
    struct coop_scope *inner;          /* first inner scope                 */
    void *members;                     /* the first coroutine in it         */
    void *owner;                       /* the coroutine that opened it      */
    void *waiter;                      /* the coroutine in coop_scope_wait  */
    uint32_t lock;
    int alive, result, why; /* members, first failure, cancelled */
    struct coop_timer_node deadline;
};

/* Where and how a coroutine runs. Zero is the default everywhere. */
struct coop_attr {
    const char *name; /* for dumps; must outlive the coroutine */
    unsigned flags;
    size_t stack_size; /* 0: as coop_options says; else rounded up to a power of two from 16 KiB
                          to 16 MiB; the guard page and the coroutine's struct are part of it */
    size_t copy;       /* this many bytes at 'arg' (at most COOP_COPY_MAX) are copied to the new
                          stack and fn gets the copy */
    int priority; /* COOP_PRIORITY_FIRST to COOP_PRIORITY_LAST, else -EINVAL; 0 is the middle. What
                     it means depends on coop_options.policy; the default one ignores it */
};

enum {
    COOP_URGENT = 1, /* picked before the others, at most 16 in a row: for a handful only     */
    COOP_DAEMON = 2, /* not waited for: cancelled when the root scope is done; 'scope' unused */
};

#define COOP_COPY_MAX 256

enum { COOP_PRIORITY_FIRST = -20, COOP_PRIORITY_LAST = 19 };

/* Starts fn(arg) in 'scope'; NULL: in the innermost scope that the caller has open, else the
 * one it belongs to.  0, why the scope is cancelled, -ENOMEM; -EPERM where no runtime runs and
 * inside blocking brackets; -EINVAL without 'fn', when 'attr' is out of its bounds or has unknown
 * flags, or there is nothing at 'arg' to copy. */
int coop_go(struct coop_scope *scope, int (*fn)(void *), void *arg);
int coop_go_with(struct coop_scope *scope, const struct coop_attr *attr, int (*fn)(void *),
                 void *arg);

/* Opens a scope inside the innermost one open.  'deadline' absolute; 0 or COOP_FOREVER: none.
 */
void coop_scope_init(struct coop_scope *scope, const char *name, coop_nsec deadline);

/* Waits till every coroutine of the scope has ended, always; then closes it.  When the caller
 * is itself cancelled meanwhile, it cancels the scope and still waits.  Returns the first
 * failure of a member, else why the scope was cancelled, else 0.  Owner only, once. */
int coop_scope_wait(struct coop_scope *scope);

/* Cancels all coroutines in the scope and in scopes inside it: their waiting calls
 * return 'why' (a negative errno; 0 means -ECANCELED).  The first reason stays. */
void coop_scope_cancel(struct coop_scope *scope, int why);

/* cancel + wait, for error paths. */
int coop_scope_end(struct coop_scope *scope);

/* Lets others run. 0, or why the caller is cancelled. */
int coop_yield(void);

/* Waits till 'deadline'; never returns early but with why it is cancelled.  A past deadline
 * yields.  Among thousands of sleepers it may be half a millisecond late, because they share
 * wake-ups. */
int coop_sleep_until(coop_nsec deadline);

/* 0, or why this coroutine is cancelled (shield or not). */
int coop_cancelled(void);

/* Between these the caller may wait although it is cancelled, but no longer than 'deadline':
 * then calls return the reason again, or -ETIMEDOUT when there is none (coop_sleep_until goes on).
 * They nest; an inner shield cannot outlast an outer one. */
struct coop_shield {
    coop_nsec outer_deadline;
    int outer_on;
};
void coop_shield_begin(struct coop_shield *shield, coop_nsec deadline);
void coop_shield_end(const struct coop_shield *shield);

/* Monotonic time, fresh. */
coop_nsec coop_now(void);

/* Of the calling coroutine. 0 and "" outside of one. */
uint64_t coop_id(void);
const char *coop_name(void);

/* One pointer that belongs to the calling coroutine, NULL at its birth. */
void coop_set_local(void *value);
void *coop_local(void);

/* Whether the caller is a coroutine (and may wait). */
int coop_inside(void);

/* Ties the calling coroutine to the thread it is on, until as many coop_unpin(): it runs on no
 * other, and nobody else runs there.  For what belongs to a thread: namespaces, capabilities,
 * scheduling class, libraries with thread-locals.  While it waits its processor goes to another
 * worker, so each wait and each wake-up costs a switch of threads.
 *
 * A coroutine that ends pinned takes its thread with it: whatever it has changed there is gone.
 * (The thread that called coop_main() lives on, but runs no coroutine any more.)  Who unpins first
 * gives the thread back, and has undone his changes.
 *
 * 0; -EAGAIN: there is no other thread for the others (max_workers, or the kernel refuses);
 * -EPERM: outside of a coroutine, inside a bracket, not pinned.  In simulation there is but one
 * thread, and it is everybody's. */
int coop_pin(void);
int coop_unpin(void);

/* Sets the number of processors (1 to 64) while running; returns the number before, or
 * -EINVAL, -ENOMEM, -EPERM in simulation, inside a bracket and outside of a coroutine.
 * Fewer take effect as the surplus run dry. */
int coop_set_procs(int count);

#ifdef __cplusplus
}
#endif

#endif
