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

enum { LOCK_FREE, LOCK_HELD, LOCK_WANTED };

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

void coop__unlock_slowly(uint32_t *lock);

/* A look and a store cost less than one locked instruction.  Who marks the lock as wanted in
 * between is not seen, and sleeps till its patience ends (lock.c).  The store is the last touch:
 * whoever finds the lock free may free what it is part of. */
static inline void coop__unlock(uint32_t *lock)
{
    if (__builtin_expect(__atomic_load_n(lock, __ATOMIC_RELAXED) == LOCK_HELD, 1))
        __atomic_store_n(lock, LOCK_FREE, __ATOMIC_RELEASE);
    else
        coop__unlock_slowly(lock);
}

#endif
