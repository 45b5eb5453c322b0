#ifndef TESTS_BENCH_ASK_H
#define TESTS_BENCH_ASK_H

#include <stddef.h>

/*
 * ask.h - which version of a peer this is
 *
 * Starts argv and takes the first word of what it prints that begins with a digit; "unknown" when
 * it cannot be started or prints none.  size counts the NUL.
 */
void ask_version(const char *const *argv, char *ret_version, size_t size);

#endif
