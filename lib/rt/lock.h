#ifndef COOP_RT_LOCK_H
#define COOP_RT_LOCK_H

#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * lock.h - the short lock under everything, and the futex below it
 *
 * Held for a few dozen instructions, never across a switch of stacks (I3 in sched.c).  One
 * word, zero is free, so that it can sit in public structs.  Spins briefly, then sleeps in the
 * kernel: on a busy machine the holder may have lost its CPU.
 *
 * Futexes do not go through the seam (base/sys.h): they are how our own threads meet, not
 * something that a test could want to answer.
 */
static inline void coop__futex_wait(uint32_t *word, uint32_t seen, const struct timespec *delay)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, delay, NULL, 0);
}

static inline void coop__futex_wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline void coop__pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* A full fence in every running thread of this process: for who seldom does what must be seen by
 * others that often look.  False: the kernel refuses. */
bool coop__fence_others(void);
/* Asks the kernel for it, and rids coop__unlock() of its own.  Again is no harm. */
bool coop__fence_start(void);

enum { LOCK_FREE, LOCK_HELD };
enum { LOCK_TABLE = 256 };
#define LOCK_CALM 0x80000000U /* nobody sleeps, and no fence is needed */

static inline bool coop__trylock(uint32_t *lock)
{
    uint32_t expected = LOCK_FREE;

    return __atomic_compare_exchange_n(lock, &expected, LOCK_HELD, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

void coop__lock_slowly(uint32_t *lock);

static inline void coop__lock(uint32_t *lock)
{
    if (__builtin_expect(!coop__trylock(lock), 0))
        coop__lock_slowly(lock);
}

/* How many sleep at locks of this address and some others. */
extern __attribute__((visibility("hidden"))) uint32_t coop__sleepers[LOCK_TABLE];

static inline uint32_t *coop__sleepers_at(const uint32_t *lock)
{
    return &coop__sleepers[((uintptr_t)lock >> 4 ^ (uintptr_t)lock >> 12) % LOCK_TABLE];
}

void coop__wake_sleeper(uint32_t *lock);

#ifdef COOP_MUTANT_NO_LOCK_FENCE
/* For the mutation check: the look overtakes the store by far. */
static inline void coop__unlock(uint32_t *lock)
{
    bool calm = __atomic_load_n(coop__sleepers_at(lock), __ATOMIC_RELAXED) << 1 == 0;

    for (int i = 0; i < 500; i++)
        coop__pause();
    __atomic_store_n(lock, LOCK_FREE, __ATOMIC_RELEASE);
    if (!calm)
        coop__wake_sleeper(lock);
}
#else
/* The store is the last touch: whoever finds the lock free may free what it is part of. */
static inline void coop__unlock(uint32_t *lock)
{
    const uint32_t *sleepers = coop__sleepers_at(lock);

    __atomic_store_n(lock, LOCK_FREE, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* lock.c tells why that is enough */
    if (__builtin_expect(__atomic_load_n(sleepers, __ATOMIC_RELAXED) != LOCK_CALM, 0))
        coop__wake_sleeper(lock);
}
#endif

#endif
