/*
 * reborn.c - a wake-up that is meant for one life must not hit the next
 *
 * Victims are cancelled in the very moment in which they go to sleep, end, and leave their slot
 * to coroutines of a scope that nobody cancels.  Those must never hear of it.  Half of the
 * victims begin waits that turn out to be needless (a child that is none), so that a canceller
 * may catch them there.
 */
#include "stress/stress.h"

#include "coop/child.h"

#include <errno.h>

static struct coop_scope safe;
static struct coop_child none;

static int victim(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;
    int r;

    do {
        if (draw(&chance, 2)) {
            r = coop_child_wait(&none, COOP_FOREVER);
            HOLDS(r == -ECHILD || r == -ECANCELED);
        }
        r = coop_sleep_until(draw(&chance, 2) ? COOP_FOREVER : coop_after(coop_now(), 2000));
    } while (r == 0);
    HOLDS(r == -ECANCELED);
    return 0;
}

static int innocent(void *arg)
{
    for (int i = (int)(intptr_t)arg % 3; i >= 0; i--)
        HOLDS(coop_sleep_until(coop_after(coop_now(), 5000)) == 0);
    return 0;
}

static int raid(void *arg)
{
    unsigned chance = 4711;

    for (int rounds = 2500 * *(int *)arg; rounds > 0; rounds--) {
        struct coop_scope s;

        coop_scope_init(&s, "victims", 0);
        for (int i = 0; i < 4; i++)
            coop_go(&s, victim, (void *)(intptr_t)draw(&chance, 100000));
        if (draw(&chance, 2))
            coop_yield();
        coop_scope_cancel(&s, -ECANCELED);
        HOLDS(coop_go(&safe, innocent, (void *)(intptr_t)rounds) == 0);
        HOLDS(coop_scope_wait(&s) == -ECANCELED);
    }
    return 0;
}

static int storm(void *times)
{
    coop_scope_init(&safe, "safe", 0);
    for (int i = 0; i < 3; i++)
        coop_go(&safe, raid, times);
    return coop_scope_wait(&safe);
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "reborn", .procs = 3};
    int times = times_more(argc, argv);

    HOLDS(coop_main(&o, storm, &times) == 0);
    return 0;
}
