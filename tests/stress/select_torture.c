/*
 * select_torture.c - selects over the same channels from all sides, with deadlines and cancelling
 *
 * Players send and receive tokens over four channels (two of them buffered) by select, in random
 * order of cases, some with deadlines that are about to pass.  At the end what was sent is
 * what was received plus what is still in the buffers: nothing lost, nothing doubled.
 *
 * And "default" is no guess: while a value moves from one channel to another so that one of them
 * has one at every moment, a thread that looks at both always finds one.
 */
#include "stress/stress.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

enum { CHANNELS = 4, PLAYERS = 12 };

static struct coop_chan *ch[CHANNELS];
static _Atomic(long) sent, received, sum_sent, sum_received, timeouts;
static int moves;

static void count(const struct coop_case *c, int value_sent)
{
    if (c->kind == COOP_CASE_SEND && c->result == 0) {
        atomic_fetch_add(&sent, 1);
        atomic_fetch_add(&sum_sent, value_sent);
    } else if (c->kind == COOP_CASE_RECV && c->result == 1) {
        atomic_fetch_add(&received, 1);
        atomic_fetch_add(&sum_received, *(int *)c->value);
    }
}

static int play(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg * 7919u;
    int r = 0;

    for (int n = 0; n < moves && r != -ECANCELED; n++) {
        int out = (int)draw(&chance, 1000), in[CHANNELS];
        struct coop_case cases[CHANNELS];
        coop_nsec deadline;

        for (int i = 0; i < CHANNELS; i++) {
            struct coop_chan *c = ch[draw(&chance, CHANNELS)];

            cases[i] = draw(&chance, 2) ? COOP_RECV(c, &in[i]) : COOP_SEND(c, &out);
        }
        deadline = draw(&chance, 3) ? coop_after(coop_now(), draw(&chance, 30000)) : COOP_NOW;
        r = coop_select(cases, CHANNELS, deadline);
        if (r >= 0)
            count(&cases[r], out);
        else
            atomic_fetch_add(&timeouts, 1);
    }
    return 0;
}

static void drain(void)
{
    for (int i = 0; i < CHANNELS; i++) {
        int in;

        while (coop_recv(ch[i], &in, COOP_NOW) == 1) {
            atomic_fetch_add(&received, 1);
            atomic_fetch_add(&sum_received, in);
        }
    }
}

static int torture(__attribute__((unused)) void *arg)
{
    for (int round = 0; round < 4; round++) {
        struct coop_scope s;

        for (int i = 0; i < CHANNELS; i++)
            ch[i] = coop_chan_new(sizeof(int), i < 2 ? 0 : 3);
        coop_scope_init(&s, "players", 0);
        for (int i = 0; i < PLAYERS; i++)
            HOLDS(coop_go(&s, play, (void *)(intptr_t)(round * PLAYERS + i + 1)) == 0);
        if (round == 3) { /* the last game is broken off */
            coop_sleep_until(coop_after(coop_now(), 3 * COOP_NSEC_PER_MSEC));
            coop_scope_cancel(&s, 0);
        }
        coop_scope_wait(&s);
        drain();
        HOLDS(sent == received && sum_sent == sum_received);
        for (int i = 0; i < CHANNELS; i++)
            coop_chan_unref(ch[i]);
    }
    return 0;
}

/* ---- default ---- */

static struct coop_chan *from, *to;
static _Atomic(int) looks, answers, misses; /* rounds begun, rounds looked at, nothing found */

static void until(_Atomic(int) *count, int reached)
{
    for (int i = 0; *count < reached; i++)
        if (i % 1000 == 999)
            sched_yield();
}

static void *look_for_it(void *arg)
{
    for (int round = 1; round <= moves; round++) {
        struct coop_case cases[] = {COOP_RECV(to, NULL), COOP_RECV(from, NULL)};

        until(&looks, round);
        misses += coop_select(cases, 2, COOP_NOW) < 0;
        answers++;
    }
    return arg;
}

static int move_it(__attribute__((unused)) void *arg)
{
    pthread_t looker;
    unsigned chance = 1;
    int token = 1;

    from = coop_chan_new(sizeof token, 1);
    to = coop_chan_new(sizeof token, 1);
    HOLDS(pthread_create(&looker, NULL, look_for_it, NULL) == 0);
    for (int round = 1; round <= moves; round++) {
        HOLDS(coop_send(from, &token, COOP_NOW) == 0);
        looks++;
        for (unsigned i = draw(&chance, 600); i > 0 && answers < round; i--)
            ; /* till the other one is in the middle of it, sometimes */
        HOLDS(coop_send(to, &token, COOP_NOW) == 0);
        coop_recv(from, NULL, COOP_NOW);
        until(&answers, round);
        coop_recv(from, NULL, COOP_NOW);
        coop_recv(to, NULL, COOP_NOW);
    }
    pthread_join(looker, NULL);
    coop_chan_unref(from);
    coop_chan_unref(to);
    HOLDS(misses == 0);
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "select-torture", .procs = 3};

    moves = 2000 * times_more(argc, argv);
    HOLDS(coop_main(&o, torture, NULL) == 0);
    moves = getenv("COOP_SLOWER") ? 6000 : 60000;
    HOLDS(coop_main(&o, move_it, NULL) == 0);
    HOLDS(sent > 0 && timeouts > 0);
    return 0;
}
