#ifndef TESTS_STRESS_STRESS_H
#define TESTS_STRESS_STRESS_H

#include "coop/coop.h"
#include "support/usual_policy.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * stress.h - plain programs that try to break the runtime
 *
 * Not Criterion: it does not start under the thread sanitizer.  Each program takes an optional
 * number (or COOP_STRESS in the environment): how many times more work than in the quick run.
 * Exit 0: held; 1: broke, with a line that says how.
 */
#define HOLDS(what)                                                                            \
    do {                                                                                       \
        if (!(what)) {                                                                         \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);          \
            coop_dump(2);                                                                      \
            _Exit(1);                                                                          \
        }                                                                                      \
    } while (0)

static inline int times_more(int argc, char **argv)
{
    const char *more = argc > 1 ? argv[1] : getenv("COOP_STRESS");
    int n = more ? atoi(more) : 1;

    return n > 0 ? n : 1;
}

/* How many seconds what must happen may take beside others on few CPUs: a bound, no plan.  A mutant
 * is meant to fail by it. */
#ifdef COOP_MUTANT
enum { PATIENCE = 8 };
#else
enum { PATIENCE = 40 };
#endif

static inline coop_nsec in_seconds(int s)
{
    return coop_after(coop_now(), s * COOP_NSEC_PER_SEC);
}

/* A small generator, so that runs can be repeated. */
static inline unsigned draw(unsigned *state, unsigned below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

#endif
