#ifndef TESTS_SUPPORT_FAILING_MEMORY_H
#define TESTS_SUPPORT_FAILING_MEMORY_H

#include <stdbool.h>

/*
 * failing_memory.h - the n-th allocation fails
 *
 * Link with coop_test_memory: the linker then sends malloc, calloc, realloc, strdup and strndup of
 * our own objects (not of shared libraries) through here.
 *
 *     for (unsigned n = 1;; n++) {
 *         failing_memory_arm(n);
 *         r = code_under_test();
 *         if (!failing_memory_disarm()) break;    it needed fewer than n: all paths were taken
 *         cr_assert(r < 0);
 *     }
 */
void failing_memory_arm(unsigned nth);

/* True when an allocation has failed. */
bool failing_memory_disarm(void);

#endif
