/*
 * lock.c - the slow half of the short lock (see lock.h)
 *
 * Three states: free, held, held and somebody sleeps.  A sleeper that gets the lock leaves it in
 * the third state, for it cannot know whether it was the only one; the price is one
 * needless wake.
 */
#include "rt/lock.h"

enum { SPINS = 100 };

void coop__lock_slowly(uint32_t *lock)
{
    for (int i = 0; i < SPINS; i++) {
        coop__pause();
        if (__atomic_load_n(lock, __ATOMIC_RELAXED) == LOCK_FREE && coop__trylock(lock))
            return;
    }
    while (__atomic_exchange_n(lock, LOCK_WANTED, __ATOMIC_ACQUIRE) != LOCK_FREE)
        coop__futex_wait(lock, LOCK_WANTED, NULL);
}
