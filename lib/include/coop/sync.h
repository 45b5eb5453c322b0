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
 * All of them are valid when zeroed, need no destruction, and serve waiters first come first
 * served.  Prefer a channel or an actor: these are for data that several coroutines must
 * touch in place.
 *
 *     static struct coop_mutex lock;
 *
 *     coop_mutex_lock(&lock);
 *     count++;
 *     coop_mutex_unlock(&lock);
 *
 * Time      The _until forms take an absolute deadline; COOP_NOW is a try (-EAGAIN).
 * Errors    -ETIMEDOUT, -EAGAIN, -ECANCELED.  coop_mutex_lock() and coop_wg_wait() cannot fail:
 *           they wait although the caller is cancelled.  Misuse (unlock of what is not locked,
 *           a negative count) aborts with one line.
 * Threads   Coroutines.  From foreign threads: coop_sem_release(), coop_wg_add/done(), try
 *           forms.
 * Memory    The caller's; it must not go away while somebody waits on it.
 * Limits    Not recursive: a coroutine that locks twice waits for itself.
 */

/* All fields are private. */
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
    struct coop_waitq waiters;
};
int coop_rwlock_rdlock(struct coop_rwlock *l, coop_nsec deadline);
int coop_rwlock_wrlock(struct coop_rwlock *l, coop_nsec deadline);
void coop_rwlock_unlock(struct coop_rwlock *l);

/* Wait and signal under a mutex. No spurious wake-ups. */
struct coop_cond {
    uint32_t lock, reserved;
    struct coop_waitq waiters;
};
/* Unlocks, waits, and locks again, whatever it returns. */
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
int coop_sem_acquire(struct coop_sem *s, int64_t n, coop_nsec deadline);
void coop_sem_release(struct coop_sem *s, int64_t n);

/* Waits till a count is back at zero. */
struct coop_wg {
    uint32_t lock, reserved;
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
int coop_once(struct coop_once *o, int (*fn)(void *), void *arg);

#ifdef __cplusplus
}
#endif

#endif
