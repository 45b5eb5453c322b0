/*
 * end_storm.c - coop_main() ends while daemons post, timers fire and handlers run
 *
 * Whatever was started must have ended when coop_main() returns: no handler is left in the
 * middle, and none begins after the last one was waited for.  Then everything starts again.
 */
#include "stress/stress.h"

#include <errno.h>

enum { ACTORS = 8 };

static struct party {
    struct coop_actor actor;
    struct coop_timer timer;
    struct coop_msg msg;
    struct coop_chan *ch;
} parties[ACTORS];
static _Atomic(int) inside;

static void handle(struct coop_actor *a, __attribute__((unused)) struct coop_msg *m)
{
    struct party *p = a->arg;

    atomic_fetch_add(&inside, 1);
    coop_yield();
    coop_recv(p->ch, NULL, coop_after(coop_now(), 3000));
    coop_post(&parties[(p - parties + 1) % ACTORS].actor,
              &parties[(p - parties + 1) % ACTORS].msg);
    atomic_fetch_sub(&inside, 1);
}

static int post_till_the_end(void *arg)
{
    struct party *p = arg;
    int r;

    atomic_fetch_add(&inside, 1);
    do {
        r = coop_sleep_until(coop_after(coop_now(), 4000));
        coop_post(&p->actor, &p->msg);
    } while (r == 0);
    atomic_fetch_sub(&inside, 1);
    return r;
}

static int live_shortly(void *arg)
{
    static const struct coop_attr daemon = {.name = "poster", .flags = COOP_DAEMON};

    for (int i = 0; i < ACTORS; i++) {
        coop_timer_set_periodic(&parties[i].timer, 1, 20000);
        if (i % 2)
            coop_go_with(NULL, &daemon, post_till_the_end, &parties[i]);
    }
    return coop_sleep_until(coop_after(coop_now(), *(int *)arg * 1000));
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "end-storm"};
    int rounds = 400 * times_more(argc, argv);

    for (int i = 0; i < ACTORS; i++)
        parties[i].ch = coop_chan_new(0, 0);
    for (int n = 0; n < rounds; n++) {
        int us = n % 97 * 3;

        o.procs = 1 + n % 4;
        for (int i = 0; i < ACTORS; i++) {
            coop_actor_init(&parties[i].actor, "party", handle, &parties[i]);
            coop_timer_init(&parties[i].timer, &parties[i].actor, 1);
            coop_msg_init(&parties[i].msg, 2);
        }
        HOLDS(coop_main(&o, live_shortly, &us) == 0);
        HOLDS(atomic_load(&inside) == 0);
    }
    return 0;
}
