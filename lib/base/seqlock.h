#ifndef COOP_BASE_SEQLOCK_H
#define COOP_BASE_SEQLOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * seqlock.h - one writer publishes a struct, any number of readers copy it
 *
 *     struct entry { struct seqlock lock; SEQ_WORDS(view, struct svc_view); };
 *
 *     seq_publish(&e->lock, e->view, &mine, sizeof mine);     // the writer, and only it
 *     seq_copy(&e->lock, e->view, &copy, sizeof copy);        // a reader: any thread, process
 *     seq_copy_sure(&e->lock, e->view, &copy, sizeof copy);   // a reader in the same process
 *
 * The writer never waits.  A reader that meets a write in progress tries again.
 *
 * WHY NO FENCES.  The textbook form puts plain copies between two fences; that is a data race
 * in C11, and thread sanitizer cannot see fences.  Here every word is an atomic: stored with
 * release, loaded with acquire.  If a reader sees one word of write N+1, it therefore also sees
 * the odd number that was stored before that word, and its second look at the number tells it
 * so.  On x86-64 all of this compiles to plain moves.
 *
 * Time      Publishing: one pass over the words.  Copying: the same, again while a write is
 *           under way; SEQ_TRIES bounds a reader whose writer was killed in the middle of a
 *           write.
 * Memory    Works in shared memory: no pointers, and zeroed memory is a valid, never written
 *           lock.
 * Limits    One writer.  The payload holds no pointers that readers follow.
 */
#define SEQ_TRIES 100000

struct seqlock {
    _Atomic uint32_t number; /* odd: a write is under way */
};

/* Room for one 'type', as whole atomic words. */
#define SEQ_WORDS(name, type) _Atomic uint64_t name[(sizeof(type) + 7) / 8]

static inline void seq_publish(struct seqlock *lock, _Atomic uint64_t *words, const void *from,
                               size_t size)
{
    uint32_t number = atomic_load_explicit(&lock->number, memory_order_relaxed);
    const char *bytes = from;

    atomic_store_explicit(&lock->number, number + 1, memory_order_relaxed);
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;

        memcpy(&word, bytes + at, size - at < 8 ? size - at : 8);
        atomic_store_explicit(&words[at / 8], word, memory_order_release);
    }
    atomic_store_explicit(&lock->number, number + 2, memory_order_release);
}

/* One look. False: a write was under way, and '*ret_to' may be torn. */
static inline bool seq_try_copy(const struct seqlock *lock, const _Atomic uint64_t *words,
                                void *ret_to, size_t size)
{
    uint32_t before = atomic_load_explicit(&lock->number, memory_order_acquire);
    char *bytes = ret_to;

    if (before & 1)
        return false;
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = atomic_load_explicit(&words[at / 8], memory_order_acquire);

        memcpy(bytes + at, &word, size - at < 8 ? size - at : 8);
    }
    return atomic_load_explicit(&lock->number, memory_order_relaxed) == before;
}

/* False when the writer seems to have died in the middle of a write; '*ret_to' is then torn. */
static inline bool seq_copy(const struct seqlock *lock, const _Atomic uint64_t *words,
                            void *ret_to, size_t size)
{
    for (int tries = 0; tries < SEQ_TRIES; tries++)
        if (seq_try_copy(lock, words, ret_to, size))
            return true;
    return false;
}

/* For readers in the writer's own process.  A write that does not end is there no death, only a
 * thread that has lost its CPU in the middle: the reader gives up its own until it has ended. */
static inline void seq_copy_sure(const struct seqlock *lock, const _Atomic uint64_t *words,
                                 void *ret_to, size_t size)
{
    while (!seq_copy(lock, words, ret_to, size))
        sched_yield();
}

/* Has anything been published yet? */
static inline bool seq_is_written(const struct seqlock *lock)
{
    return atomic_load_explicit(&lock->number, memory_order_acquire) >= 2;
}

#endif
