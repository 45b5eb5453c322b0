/*
 * lost_cancel.c - the race of park.c: cancelling against falling asleep
 *
 * A coroutine goes to sleep for ever, and in about that moment a foreign thread cancels its scope,
 * once: nobody repeats what was overlooked.
 *
 * tests/stress/CMakeLists.txt builds it a second time over a sleeper that looks whether it is
 * cancelled before others can see that it sleeps: then it must fail.
 */
#include "stress/stress.h"

#include <errno.h>
#include <pthread.h>

static struct coop_scope scope;
static _Atomic(long) goes_to_sleep, cancelled, woke; /* in round n: n */
static long rounds;

static int sleep_for_ever(void *round)
{
    int r;

    atomic_store(&goes_to_sleep, (long)(intptr_t)round);
    r = coop_sleep_until(COOP_FOREVER);
    atomic_store(&woke, (long)(intptr_t)round);
    return r;
}

static void await(_Atomic(long) *event, long round)
{
    coop_nsec deadline = in_seconds(PATIENCE);

    while (atomic_load(event) != round)
        if (coop_now() > deadline) {
            fprintf(stderr, "lost cancelling: round %ld is not over\n", round);
            _Exit(1);
        }
}

static void *cancel_all(__attribute__((unused)) void *arg)
{
    unsigned chance = 42;

    for (long n = 1; n <= rounds; n++) {
        await(&goes_to_sleep, n);
        for (unsigned k = draw(&chance, 2000); k; k--)
            __asm__ volatile("");
        coop_scope_cancel(&scope, -ECANCELED);
        atomic_store(&cancelled, n);
        await(&woke, n);
    }
    return NULL;
}

static int sleep_often(__attribute__((unused)) void *arg)
{
    pthread_t thread;

    HOLDS(pthread_create(&thread, NULL, cancel_all, NULL) == 0);
    for (long n = 1; n <= rounds; n++) {
        coop_scope_init(&scope, "sleeper", 0);
        HOLDS(coop_go(&scope, sleep_for_ever, (void *)(intptr_t)n) == 0);
        HOLDS(coop_scope_wait(&scope) == -ECANCELED);
        await(&cancelled, n); /* who cancels is inside till then */
    }
    coop_block_begin();
    pthread_join(thread, NULL);
    coop_block_end();
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "lost-cancel", .procs = 1, .foreign_wakes = true};

    rounds = (getenv("COOP_SLOWER") ? 400L : 4000L) * times_more(argc, argv);
    HOLDS(coop_main(&o, sleep_often, NULL) == 0);
    return 0;
}
