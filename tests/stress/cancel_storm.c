/*
 * cancel_storm.c - cancelling, deadlines and wake-ups that arrive in the same instant
 *
 * Coroutines wait in every way there is, each with a deadline close to the moment when a
 * partner wakes them and their scope is cancelled.  Whoever wins, the coroutine goes on exactly
 * once, and no queue keeps a waiter of a frame that is gone.  Actors get timers set and stopped
 * in the same way.
 */
#include "stress/stress.h"

#include <errno.h>

enum { WAITERS = 16 };

static struct coop_chan *ch;
static struct coop_sem sem;
static struct coop_mutex mutex;
static struct coop_actor actor;
static struct coop_timer timers[4];
static _Atomic(long) went_on, ticks;

static int wait_somehow(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;
    coop_nsec deadline = coop_after(coop_now(), draw(&chance, 40000));
    int v = 0;

    switch (draw(&chance, 5)) {
    case 0: coop_recv(ch, &v, deadline); break;
    case 1: coop_send(ch, &v, deadline); break;
    case 2: coop_sem_acquire(&sem, 1, deadline); break;
    case 3:
        if (coop_mutex_lock_until(&mutex, deadline) == 0) {
            coop_yield();
            coop_mutex_unlock(&mutex);
        }
        break;
    default: coop_sleep_until(deadline);
    }
    coop_timer_set(&timers[draw(&chance, 4)], coop_after(coop_now(), draw(&chance, 20000)));
    coop_timer_stop(&timers[draw(&chance, 4)]);
    atomic_fetch_add(&went_on, 1);
    return 0;
}

static void tick(__attribute__((unused)) struct coop_actor *a,
                 __attribute__((unused)) struct coop_msg *m)
{
    atomic_fetch_add(&ticks, 1);
}

static int storm(void *arg)
{
    int rounds = 400 * *(int *)arg;
    unsigned chance = 4711;

    ch = coop_chan_new(sizeof(int), 0);
    coop_actor_init(&actor, "ticks", tick, NULL);
    for (int i = 0; i < 4; i++)
        coop_timer_init(&timers[i], &actor, i);
    for (int n = 1; n <= rounds; n++) {
        struct coop_scope s;
        int v = n;

        coop_scope_init(&s, "storm", coop_after(coop_now(), draw(&chance, 60000)));
        for (int i = 0; i < WAITERS; i++)
            if (coop_go(&s, wait_somehow, (void *)(intptr_t)draw(&chance, 100000)) < 0)
                atomic_fetch_add(&went_on, 1);
        coop_sleep_until(coop_after(coop_now(), draw(&chance, 30000)));
        coop_send(ch, &v, COOP_NOW);
        coop_sem_release(&sem, 1);
        if (n % 2)
            coop_scope_cancel(&s, -ECANCELED);
        coop_scope_wait(&s);
        HOLDS(atomic_load(&went_on) == (long)n * WAITERS);
        HOLDS(coop_recv(ch, &v, COOP_NOW) == -EAGAIN && coop_send(ch, &v, COOP_NOW) == -EAGAIN);
        HOLDS(coop_mutex_trylock(&mutex));
        coop_mutex_unlock(&mutex);
    }
    for (int i = 0; i < 4; i++)
        coop_timer_stop(&timers[i]);
    coop_chan_unref(ch);
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "cancel-storm", .procs = 3};
    int times = times_more(argc, argv);

    HOLDS(coop_main(&o, storm, &times) == 0);
    return 0;
}
