#ifndef COOP_SYNC_H
#define COOP_SYNC_H

#include "coop/coro.h"
#include "coop/time.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * sync.h - locks and counters that park the coroutine, not the thread
 *
 * All of them are valid when zeroed and need no destruction; waiters are served first come first
 * served (a mutex may be taken by who comes before a waiter has woken up, but not once that has
 * waited for a millisecond).  Prefer a channel or an actor: these are for data that several
 * coroutines must touch in place.
 *
 *     static struct coop_mutex lock;
 *
 *     coop_mutex_lock(&lock);
 *     count++;
 *     coop_mutex_unlock(&lock);
 *
 * Time      The _until forms take an absolute deadline; COOP_NOW is a try (-EAGAIN).
 * Errors    -ETIMEDOUT, -EAGAIN, -ECANCELED.  coop_mutex_lock() and coop_wg_wait() cannot fail:
 *           they wait although the caller is cancelled, as does coop_once().
 * Threads   Any: coroutines wait without holding their worker, a foreign thread is held.  Who
 *           has locked unlocks.
 * Memory    The caller's; it must not go away while somebody waits on it or has not returned from
 *           waiting.  A mutex may be freed by who unlocked it last.
 * Misuse    Aborts: unlock of what is not locked; a negative count, or a release by one; once
 *           inside itself; waiting in a bracket; waiting in a forked child, but calls that take a
 *           deadline are -EPERM there.
 *           [debug], too: taking again what one holds (readers too: a writer may stand between; a
 *           writer cannot become a reader), else it waits for itself; unlocking what another has
 *           locked, else that works; ending with a lock, else it stays locked; waiting for one
 *           condition with two mutexes, else a signal may be lost; adding to a wait group at zero
 *           while somebody is in a wait (add before the wait, begin a second round when all have
 *           left the first), else it may or may not be waited for.
 * Limits    Not recursive.
 * Source    Go's sync package: the mutex's two modes, the read-write lock's turns.
 *
 * A library built with COOP_DEBUG notices more, see the end of this page.
 */

/* All fields are private.  'state' is compiled into programs all the same, by the short ways at
 * the end of this page: 0 is open and 1 locked, without anybody who waits; the rest is the
 * library's. */
struct coop_mutex {
    uint32_t state, lock;
    struct coop_waitq waiters;
};
void coop_mutex_lock(struct coop_mutex *m);
int coop_mutex_lock_until(struct coop_mutex *m, coop_nsec deadline);
bool coop_mutex_trylock(struct coop_mutex *m);
void coop_mutex_unlock(struct coop_mutex *m);

/* Many readers or one writer. A waiting writer stops new readers. */
struct coop_rwlock {
    uint32_t lock;
    int32_t readers; /* -1: a writer */
    uint32_t number, reserved;
    struct coop_waitq readers_waiting, writers_waiting;
};
int coop_rwlock_rdlock(struct coop_rwlock *l, coop_nsec deadline);
int coop_rwlock_wrlock(struct coop_rwlock *l, coop_nsec deadline);
bool coop_rwlock_tryrdlock(struct coop_rwlock *l);
bool coop_rwlock_trywrlock(struct coop_rwlock *l);
void coop_rwlock_unlock(struct coop_rwlock *l);

/* Wait and signal under a mutex. No spurious wake-ups. */
struct coop_cond {
    uint32_t lock, mutex; /* debug builds: which one is waited with */
    struct coop_waitq waiters;
};
/* Unlocks, waits, and locks again, whatever it returns; where it does not wait (COOP_NOW, a
 * cancelled caller) the mutex stays locked all the time. */
int coop_cond_wait(struct coop_cond *c, struct coop_mutex *m, coop_nsec deadline);
void coop_cond_signal(struct coop_cond *c);
void coop_cond_broadcast(struct coop_cond *c);

/* A count of things to take. A large request at the head is not overtaken by small ones. */
struct coop_sem {
    uint32_t lock, reserved;
    int64_t count;
    struct coop_waitq waiters;
};
void coop_sem_init(struct coop_sem *s, int64_t count);
/* -EINVAL for a negative count; none is there at once, unless others wait. */
int coop_sem_acquire(struct coop_sem *s, int64_t n, coop_nsec deadline);
void coop_sem_release(struct coop_sem *s, int64_t n);

/* Waits till a count is back at zero. */
struct coop_wg {
    uint32_t lock, inside; /* debug builds: in a wait, or on the way out */
    int64_t count;
    struct coop_waitq waiters;
};
void coop_wg_add(struct coop_wg *w, int64_t n);
void coop_wg_done(struct coop_wg *w);
void coop_wg_wait(struct coop_wg *w);
int coop_wg_wait_until(struct coop_wg *w, coop_nsec deadline);

/* fn(arg) once, however many ask; all return when it is done.  A failure (non-zero) is returned
 * to those who waited, and the next caller tries again. */
struct coop_once {
    uint32_t state, lock;
    void *runner; /* the coroutine inside fn: calling again from there aborts */
    struct coop_waitq waiters;
};
/* -EINVAL without 'fn'. */
int coop_once(struct coop_once *o, int (*fn)(void *), void *arg);
/* The same, but who finds that another runs it waits no longer than that: -ETIMEDOUT, -EAGAIN,
 * -ECANCELED. Who runs it himself runs it to its end. */
int coop_once_until(struct coop_once *o, int (*fn)(void *), void *arg, coop_nsec deadline);

/* ---- debug builds ---- */

/* In a library built with COOP_DEBUG (the developers' builds; costs nothing in others) the order
 * in which locks are taken is watched.  Two orders that can deadlock are told on stderr, once,
 * with coroutines and places, whether they deadlock this time or not:
 *
 *     coop: locks are taken in orders that can deadlock:
 *       coroutine 4 'mover' takes 0x5640c0 at move.c:31, while it holds 0x564080, taken at ...
 *       coroutine 3 'counter' took 0x564080 at count.c:17, while it held 0x5640c0, taken at ...
 *
 * Trying is no order.  What is compiled with COOP_DEBUG, too, has its file and line shown, the
 * rest its address.  Limits: 16384 orders, 8 locks in one hand; beyond it says so, once, and
 * learns no more.  How many were told so far (0 in other builds): */
int coop_lock_order_reports(void);

/* Private: where the next lock is taken. */
void coop__site(const char *site);

#ifdef COOP_DEBUG
#define COOP__TEXT(line)            #line
#define COOP__LINE(line)            COOP__TEXT(line)
#define COOP__SITE()                coop__site(__FILE_NAME__ ":" COOP__LINE(__LINE__))
#define coop_mutex_lock(m)          (COOP__SITE(), coop_mutex_lock(m))
#define coop_mutex_lock_until(m, d) (COOP__SITE(), coop_mutex_lock_until(m, d))
#define coop_mutex_trylock(m)       (COOP__SITE(), coop_mutex_trylock(m))
#define coop_rwlock_rdlock(l, d)    (COOP__SITE(), coop_rwlock_rdlock(l, d))
#define coop_rwlock_wrlock(l, d)    (COOP__SITE(), coop_rwlock_wrlock(l, d))
#define coop_rwlock_tryrdlock(l)    (COOP__SITE(), coop_rwlock_tryrdlock(l))
#define coop_rwlock_trywrlock(l)    (COOP__SITE(), coop_rwlock_trywrlock(l))
#define coop_cond_wait(c, m, d)     (COOP__SITE(), coop_cond_wait(c, m, d))
#else
/* ---- a mutex that nobody contends: one locked instruction, without a call ---- */

/* Private: the library was built with COOP_DEBUG, and wants to see every one. */
extern const bool coop__mutex_watched;

static inline bool coop__mutex_turn(struct coop_mutex *m, uint32_t from, uint32_t to, int order)
{
    return !coop__mutex_watched &&
           __atomic_compare_exchange_n(&m->state, &from, to, false, order, __ATOMIC_RELAXED);
}

static inline void coop__mutex_lock_shortly(struct coop_mutex *m)
{
    if (!coop__mutex_turn(m, 0, 1, __ATOMIC_ACQUIRE))
        coop_mutex_lock(m);
}

static inline bool coop__mutex_trylock_shortly(struct coop_mutex *m)
{
    return coop__mutex_turn(m, 0, 1, __ATOMIC_ACQUIRE) || coop_mutex_trylock(m);
}

static inline void coop__mutex_unlock_shortly(struct coop_mutex *m)
{
    if (!coop__mutex_turn(m, 1, 0, __ATOMIC_RELEASE))
        coop_mutex_unlock(m);
}

#define coop_mutex_lock(m)    coop__mutex_lock_shortly(m)
#define coop_mutex_trylock(m) coop__mutex_trylock_shortly(m)
#define coop_mutex_unlock(m)  coop__mutex_unlock_shortly(m)
#endif

#ifdef __cplusplus
}
#endif

#endif
