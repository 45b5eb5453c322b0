#ifndef TESTS_UNIT_RT_TEST_H
#define TESTS_UNIT_RT_TEST_H

#include "coop/coop.h"
#include "coop/debug.h"
#include "support/usual_policy.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * rt_test.h - tests whose body is a coroutine
 *
 *     CORO_TEST(chan, values_keep_their_order) { ...; return 0; }
 *
 * Criterion's own assertions jump, which a coroutine's stack does not survive: inside, CHECK()
 * prints the line and aborts, and the test is red all the same (each has a process of its own).
 */
#define CHECK(what)                                                                            \
    do {                                                                                       \
        if (!(what)) {                                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                 \
            abort();                                                                           \
        }                                                                                      \
    } while (0)

#define CORO_TEST_WITH(room, sentence, ...)                                                    \
    static int room##_##sentence(void *arg);                                                   \
    Test(room, sentence, .timeout = 50)                                                        \
    {                                                                                          \
        struct coop_options options = {.name = #room, __VA_ARGS__};                            \
                                                                                               \
        cr_assert_eq(coop_main(&options, room##_##sentence, NULL), 0);                         \
    }                                                                                          \
    static int room##_##sentence(__attribute__((unused)) void *arg)

/* On two processors; _ON_ONE where the order of events matters. */
#define CORO_TEST(room, sentence)        CORO_TEST_WITH(room, sentence, .procs = 2)
#define CORO_TEST_ON_ONE(room, sentence) CORO_TEST_WITH(room, sentence, .procs = 1)

static inline coop_nsec in_ms(int ms)
{
    return coop_after(coop_now(), ms * COOP_NSEC_PER_MSEC);
}

/* Lets the others run until they have nothing left to do (on one processor). */
static inline void settle(void)
{
    for (int i = 0; i < 20; i++)
        coop_yield();
}

static inline int times_slower(void)
{
    const char *slower = getenv("COOP_SLOWER");
    int times = slower ? atoi(slower) : 1;

    return times > 1 ? times : 1;
}

/* How many of what an emulator is slow at: under valgrind a fork takes 7 ms and the child's first
 * and last steps 50, because each copies what valgrind itself has in memory. */
static inline int emulated_less(int many)
{
    return many / times_slower();
}

/* The deadline of what must happen: a bound, not a plan.  The slowest machine may take its time. */
static inline coop_nsec soon(void)
{
    return in_ms(40000 * times_slower());
}

/* Waits till a counter that others move has a value. */
static inline void await(const int *counter, int value)
{
    coop_nsec deadline = soon();

    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) != value) {
        CHECK(coop_now() < deadline);
        coop_yield();
    }
}

/* Waits till nobody but the caller is there: handlers that were running have ended. */
static inline void await_rest(void)
{
    coop_nsec deadline = soon();
    struct coop_stats s;

    for (coop_stats_get(&s); s.coroutines > 1; coop_stats_get(&s)) {
        CHECK(coop_now() < deadline);
        coop_yield();
    }
}

#endif
