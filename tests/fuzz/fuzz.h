#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * fuzz.h - what a fuzz target offers
 *
 * One function takes any bytes and aborts when something that must hold does not.  libFuzzer calls
 * it (clang, -DCOOP_FUZZ=ON), or runner.c does: every file of the corpus, then a fixed number of
 * mutations of them from a fixed seed, so that the quick tests are the same everywhere.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert, but in every build. */
#define FUZZ_CHECK(condition)                                                                  \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);     \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

#endif
