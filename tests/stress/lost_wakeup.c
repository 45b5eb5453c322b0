/*
 * lost_wakeup.c - the one race of sched.c: making work against falling asleep
 *
 * Part 1: a foreign thread posts to an actor again and again, each time just when the workers
 * fall asleep. A lost wake-up leaves the message lying till somebody else wakes a worker; here
 * nobody does, so the foreign thread sees that its deadline has passed.
 *
 * Part 2: a coroutine starts another one and then computes until that has run, without ever
 * giving up its processor: only a woken second worker can help.
 *
 * The same source is built a second time with COOP_MUTANT_NO_FENCE (tests/mutation): then it
 * must fail.
 */
#include "stress/stress.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

static _Atomic(long) answered;
static struct coop_actor actor;
static struct coop_msg question;
static struct coop_chan *finished;
static long rounds;

static void answer(__attribute__((unused)) struct coop_actor *a,
                   __attribute__((unused)) struct coop_msg *m)
{
    atomic_fetch_add(&answered, 1);
}

static void *ask(__attribute__((unused)) void *arg)
{
    unsigned chance = 42;

    for (long n = 1; n <= rounds; n++) {
        coop_nsec deadline;

        for (unsigned k = draw(&chance, 20000); k; k--)
            __asm__ volatile("");
        coop_post(&actor, &question);
        deadline = in_seconds(PATIENCE);
        for (; atomic_load(&answered) != n; sched_yield()) /* to who is awake without a CPU */
            if (coop_now() > deadline) {
                fprintf(stderr, "lost wake-up: message %ld lies unread\n", n);
                _Exit(1);
            }
    }
    while (coop_send(finished, NULL, COOP_NOW) == -EAGAIN)
        ;
    return NULL;
}

static int be_asked(__attribute__((unused)) void *arg)
{
    pthread_t thread;

    finished = coop_chan_new(0, 1);
    coop_actor_init(&actor, "answers", answer, NULL);
    HOLDS(pthread_create(&thread, NULL, ask, NULL) == 0);
    HOLDS(coop_recv(finished, NULL, COOP_FOREVER) == 1);
    coop_block_begin();
    pthread_join(thread, NULL);
    coop_block_end();
    coop_chan_unref(finished);
    return 0;
}

static _Atomic(int) ran;

static int run_elsewhere(__attribute__((unused)) void *arg)
{
    atomic_store(&ran, 1);
    return 0;
}

static int start_and_compute(__attribute__((unused)) void *arg)
{
    for (long n = 0; n < rounds / 4; n++) {
        coop_nsec deadline = in_seconds(PATIENCE);

        atomic_store(&ran, 0);
        HOLDS(coop_go(NULL, run_elsewhere, NULL) == 0);
        for (; !atomic_load(&ran); sched_yield())
            HOLDS(coop_now() < deadline);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "lost-wakeup", .foreign_wakes = true};

    rounds = 4000L * times_more(argc, argv);
    for (o.procs = 1; o.procs <= 2; o.procs++) {
        atomic_store(&answered, 0);
        HOLDS(coop_main(&o, be_asked, NULL) == 0);
    }
    o.procs = 2;
    HOLDS(coop_main(&o, start_and_compute, NULL) == 0);
    return 0;
}
