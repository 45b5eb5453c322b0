/*
 * lock.c - the slow half of the short lock (see lock.h)
 *
 * Three states: free, held, held and somebody sleeps.  A sleeper that gets the lock leaves it in
 * the third state, for it cannot know whether it was the only one; the price is one
 * needless wake.
 *
 * THE ONE RACE
 *   unlock looks for the third state and then stores "free", two instructions that others can
 *   come between: a mark set there is wiped out, and its sleeper would not be woken.  So
 *   nobody sleeps longer than PATIENCE before he looks again.  It takes a holder that lost its
 *   CPU for the whole spin and got it back in that very moment: not worth the locked instruction
 *   that every unlock would cost without it.
 */
#include "rt/lock.h"

enum { SPINS = 100, PATIENCE = 1000 * 1000 /* ns */ };

void coop__lock_slowly(uint32_t *lock)
{
    for (int i = 0; i < SPINS; i++) {
        coop__pause();
        if (__atomic_load_n(lock, __ATOMIC_RELAXED) == LOCK_FREE && coop__trylock(lock))
            return;
    }
    while (__atomic_exchange_n(lock, LOCK_WANTED, __ATOMIC_ACQUIRE) != LOCK_FREE)
        coop__futex_wait(lock, LOCK_WANTED, &(struct timespec){.tv_nsec = PATIENCE});
}

void coop__unlock_slowly(uint32_t *lock)
{
    __atomic_store_n(lock, LOCK_FREE, __ATOMIC_RELEASE);
    coop__futex_wake(lock);
}
