#ifndef COOP_RT_LOCKORDER_H
#define COOP_RT_LOCKORDER_H

#include "rt/sched.h"

/*
 * lockorder.h - in debug builds: who holds what, and in which orders locks are taken
 *
 * Mutex and read-write lock tell it before they may wait for a lock, when they have got it, and
 * before they open it.  Each lock lends it a word: the low ORDER_SHIFT bits are the lock's own,
 * the rest is zero, or the lock's number once it was taken beside another.  So a lock in zeroed
 * memory is a new one, whatever has lived there before.
 *
 * Without COOP_DEBUG all of it is nothing.
 */
enum { ORDER_SHIFT = 4 };

/* sync.h has macros of these names: they give the calls their place in debug builds, else a short
 * way.  Here they are defined. */
#undef coop_mutex_lock
#undef coop_mutex_lock_until
#undef coop_mutex_trylock
#undef coop_mutex_unlock
#undef coop_rwlock_rdlock
#undef coop_rwlock_wrlock
#undef coop_rwlock_tryrdlock
#undef coop_rwlock_trywrlock
#undef coop_cond_wait

#ifdef COOP_DEBUG
void coop__order_before(const void *lock, uint32_t *word, const void *caller);
void coop__order_taken(const void *lock, uint32_t *word, const void *caller);
void coop__order_left(const void *lock);
/* A coroutine is born, has ended. */
void coop__order_born(struct coro *g);
void coop__order_ended(const struct coro *g);

#define CALLER()                         __builtin_return_address(0)
#define ORDER_BEFORE(lock, word, caller) coop__order_before(lock, word, caller)
#define ORDER_TAKEN(lock, word, caller)  coop__order_taken(lock, word, caller)
#define ORDER_LEFT(lock, is_locked)      ((is_locked) ? coop__order_left(lock) : (void)0)
#define ORDER_BORN(g)                    coop__order_born(g)
#define ORDER_ENDED(g)                   coop__order_ended(g)
#else
#define CALLER()                         NULL
#define ORDER_BEFORE(lock, word, caller) (void)(caller)
#define ORDER_TAKEN(lock, word, caller)  (void)(caller)
#define ORDER_LEFT(lock, is_locked)      (void)0
#define ORDER_BORN(g)                    (void)0
#define ORDER_ENDED(g)                   (void)0
#endif

#endif
