/*
 * lock.c - the slow half of the short lock (see lock.h)
 *
 * THE TENSION
 *   Every operation on a channel opens a short lock, and almost never does somebody sleep at it: a
 *   locked instruction that asks would cost as much as the rest of the operation.  But who falls
 *   asleep beside an open lock sleeps for ever.
 *
 * WHAT WE DO
 *   opening                               falling asleep
 *     1. the word is free                   1. count ourselves among the sleepers
 *     2. look whether anybody sleeps        2. a full fence in every thread (membarrier)
 *                                           3. is the word still not free?  Sleep till it changes
 *   The opener has no fence of its own, so its look may overtake its store; but not across the
 *   fence that the sleeper pays for.  Either the store came before that, and the sleeper sees a
 *   free word, or the look comes after it and sees the sleeper.
 *
 *   The count does not stand in the lock: whoever finds that free may free what it is part of, so
 *   the store is the opener's last touch of it.  Counts are kept in a table, by the lock's address.
 *   Two locks that share one only cost a system call more while somebody sleeps.
 *
 *   Until the kernel has agreed to that fence (coop__fence_start) every opener goes the slow way
 *   and looks with a locked instruction.  One word per count says both: FENCED and the sleepers.
 *   So who counts himself learns in one step which rule the openers keep who have not seen him.
 *
 * SPINNING
 *   The pauses grow.  Two processors that meet at one channel again and again do better to take
 *   turns of a few dozen operations each than to pull the channel from cache to cache for every
 *   single one.
 *
 * WHAT WE DID NOT DO
 *   A third state, "held and somebody sleeps".  Then opening is a swap; or a look and a store, and
 *   a mark that came between the two is lost (as this did at first: nobody slept longer than a
 *   millisecond, and hundreds of threads that looked every millisecond crowded out the holder).
 */
#include "rt/lock.h"

#include <linux/membarrier.h>
#include <sched.h>

enum { PAUSES_FIRST = 16, PAUSES_MOST = 256, LOOKS = 12 }; /* some 20 us in all */

#define FENCED LOCK_CALM

uint32_t coop__sleepers[LOCK_TABLE];

/* ---- the fence ---- */

static bool membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool coop__fence_others(void)
{
    return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

bool coop__fence_start(void)
{
    if (!membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
        return false;
    for (int i = 0; i < LOCK_TABLE; i++)
        __atomic_fetch_or(&coop__sleepers[i], FENCED, __ATOMIC_SEQ_CST);
    return true;
}

/* ---- the lock ---- */

static bool take_after_spinning(uint32_t *lock)
{
    for (int i = 0, pauses = PAUSES_FIRST; i < LOOKS; i++) {
        for (int k = 0; k < pauses; k++)
            coop__pause();
        if (__atomic_load_n(lock, __ATOMIC_RELAXED) == LOCK_FREE && coop__trylock(lock))
            return true;
        if (pauses < PAUSES_MOST)
            pauses *= 2;
    }
    return false;
}

void coop__lock_slowly(uint32_t *lock)
{
    uint32_t *sleepers = coop__sleepers_at(lock);
    bool fenced;

    if (take_after_spinning(lock))
        return;
    fenced = !(__atomic_fetch_add(sleepers, 1, __ATOMIC_ACQ_REL) & FENCED);
    while (!coop__trylock(lock))
        if (fenced || (fenced = coop__fence_others()))
            coop__futex_wait(lock, LOCK_HELD, NULL);
        else
            sched_yield(); /* the kernel had no memory for it */
    __atomic_fetch_sub(sleepers, 1, __ATOMIC_RELAXED);
}

/* It is open, and may be gone: only its address is used. */
void coop__wake_sleeper(uint32_t *lock)
{
    uint32_t *sleepers = coop__sleepers_at(lock);
    uint32_t seen = __atomic_load_n(sleepers, __ATOMIC_RELAXED);

    if (!(seen & FENCED)) /* comes before a sleeper's count, and he sees it free, or after it */
        seen = __atomic_fetch_add(sleepers, 0, __ATOMIC_ACQ_REL);
    if (seen & ~FENCED)
        coop__futex_wake(lock);
}
