/*
 * hands.c - what the monitor has in its hands is no deadlock
 *
 * One processor, and a coroutine that keeps it: so the monitor looks for signals, and holds on
 * at its n-th place in the runtime where a race would be (RT_DELAY()).  The program ends in
 * that very moment, and rests until the reader of signals has ended, too.  In some place that
 * one is in no queue yet, and nothing else is to come: it is no deadlock.
 */
#define COOP_CHAOS /* RT_DELAY() calls us, not chaos.c */
#include "rt/sched.h"
#include "stress/processes.h"
#include "stress/stress.h"

#include "coop/signal.h"

#include <signal.h>
#include <unistd.h>

enum { NOT_MET = 8, CALLED_DEADLOCK = 9, PLACES_AT_LEAST = 3 };

static const coop_nsec kept = 30 * COOP_NSEC_PER_MSEC, patience = COOP_NSEC_PER_SEC;
static _Atomic(int) place, watched;
static int wanted;

static void hold(coop_nsec how_long)
{
    coop_nsec until = coop_now() + how_long;

    while (coop_now() < until)
        sched_yield();
}

void coop__chaos(void)
{
    if (atomic_load(&watched) && !coop__worker() && atomic_fetch_add(&place, 1) + 1 == wanted)
        hold(kept);
}

static void say_deadlock(void)
{
    _exit(CALLED_DEADLOCK);
}

static int end_meanwhile(void *arg)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 1);
    coop_nsec until;

    (void)arg;
    HOLDS(ch && coop_signal_notify(ch, SIGUSR1) == 0);
    for (int i = 0; i < 100; i++) /* the reader of signals has looked once, and rests */
        coop_yield();
    HOLDS(kill(getpid(), SIGUSR1) == 0);
    atomic_store(&watched, 1);
    until = coop_now() + patience; /* a round has as many places as it meets */
    while (atomic_load(&place) < wanted && coop_now() < until)
        ;
    coop_signal_stop(ch);
    coop_chan_unref(ch);
    return 0;
}

static int run_once(void)
{
    struct coop_options o = {.name = "hands",
                             .procs = 1,
                             .signals = COOP_SIGNAL(SIGUSR1),
                             .on_deadlock = say_deadlock};

    HOLDS(coop_main(&o, end_meanwhile, NULL) == 0);
    return atomic_load(&place) < wanted ? NOT_MET : 0;
}

int main(void)
{
    int how = 0;

    for (wanted = 1; how == 0; wanted++) {
        pid_t pid = child_begin();

        if (pid == 0)
            _exit(run_once());
        how = child_end(pid);
    }
    HOLDS(how == NOT_MET); /* and no deadlock before */
    HOLDS(wanted - 2 >= PLACES_AT_LEAST);
    return 0;
}
