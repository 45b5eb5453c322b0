#ifndef TESTS_SUPPORT_FAILING_MEMORY_H
#define TESTS_SUPPORT_FAILING_MEMORY_H

#include <stdbool.h>

/*
 * failing_memory.h - the n-th allocation, mapping or new thread fails
 *
 * Link with coop_test_memory: the linker then sends what our own objects (not shared libraries)
 * ask of libc through here: malloc, calloc, realloc, aligned_alloc, strdup, strndup, free; mmap,
 * mprotect, madvise, munmap; pthread_create.
 *
 *     for (unsigned n = 1;; n++) {
 *         failing_memory_arm(n);
 *         r = code_under_test();
 *         if (!failing_memory_disarm()) break;    it needed fewer than n: all paths were taken
 *         cr_assert(r < 0);
 *     }
 *
 * Threads   Any; the n-th of all threads' together.
 */
enum failing_kind {
    FAILS_ALLOCATION, /* NULL                        */
    FAILS_MAPPING,    /* mmap: MAP_FAILED and ENOMEM; mprotect and madvise: -1 and ENOMEM */
    FAILS_THREAD,     /* pthread_create: EAGAIN      */
    FAILING_KINDS
};

/* From now on the 'nth' (from 1) of this kind fails, once. */
void failing_memory_arm_kind(enum failing_kind kind, unsigned nth);

/* The same for allocations. */
void failing_memory_arm(unsigned nth);

/* No failures any more. True when one has happened. */
bool failing_memory_disarm(void);

/* Between these nothing fails, in this thread: the test's own, or the fake kernel's. */
void failing_memory_spare_begin(void);
void failing_memory_spare_end(void);

/* The same round every call of the kernel in force, which has no memory of ours to run out of. */
void failing_memory_spare_kernel(void);

/* Allocations, and mappings, that exist now.  Meaningful only where nothing is freed that a shared
 * library has allocated, or the other way round. */
long failing_memory_allocations(void);
long failing_memory_mappings(void);

#endif
