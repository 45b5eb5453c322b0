/*
 * chaos.c - what RT_DELAY() does in a runtime built with COOP_CHAOS
 *
 * Mostly nothing; now and then the thread spins for some microseconds or gives up its CPU, so
 * that the others get through the window that it has opened.
 */
#include "rt/sched.h"

#include <sched.h>

void coop__chaos(void)
{
    static _Thread_local uint32_t chance;
    static _Atomic(uint32_t) threads;

    if (!chance)
        chance = (atomic_fetch_add(&threads, 1) + 1) * 2654435761u | 1;
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    if (chance % 32 == 0)
        sched_yield();
    else if (chance % 16 == 1)
        for (uint32_t i = chance >> 20; i > 0; i--)
            coop__pause();
}
