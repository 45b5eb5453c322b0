/* Channels and select: nothing lost, nothing doubled, in order, and never late. */
#include "load.h"

#include <stdlib.h>

struct item {
    unsigned from, number;
};

enum { MAKERS_MAX = 5, EATERS_MAX = 4 };

/* ---- makers -> channel -> relays -> channel -> eaters ---- */

struct relay {
    struct coop_chan *first, *second;
    struct coop_wg makers, relays;
    unsigned per_maker, makers_count, relays_count, eaters_count;
    unsigned sent, passed, eaten, sum_in, sum_out;
};

struct maker {
    struct relay *relay;
    unsigned id;
};

static void nothing_comes_from_nowhere(void *arg)
{
    const struct relay *r = arg;

    HOLDS(r->eaten <= r->passed && r->passed <= r->sent);
    HOLDS(coop_chan_len(r->first) <= coop_chan_cap(r->first));
}

static int make(void *arg)
{
    struct maker *m = arg;
    int r = 0;

    for (unsigned i = 0; i < m->relay->per_maker && r == 0; i++) {
        struct item item = {m->id, i};

        if ((r = step()) < 0)
            break;
        m->relay->sent++; /* before: a receiver may run before we do */
        r = coop_send(m->relay->first, &item, COOP_FOREVER);
        if (r == 0)
            m->relay->sum_in += (m->id + 1) * (i + 1);
    }
    coop_wg_done(&m->relay->makers);
    return r;
}

static int pass_on(void *arg)
{
    struct relay *relay = arg;
    struct item item;
    int r;

    while ((r = coop_recv(relay->first, &item, COOP_FOREVER)) == 1) {
        relay->passed++;
        if ((r = step()) < 0 || (r = coop_send(relay->second, &item, COOP_FOREVER)) < 0)
            break;
    }
    coop_wg_done(&relay->relays);
    return r;
}

/* By select, beside a timer: the timer must not eat a value. */
static int take(struct relay *relay, struct item *ret_item)
{
    for (;;) {
        struct coop_case cases[] = {COOP_TIMER(coop_after(coop_now(), draw_delay())),
                                    COOP_RECV(relay->second, ret_item)};
        int i = coop_select(cases, 2, COOP_FOREVER);

        if (i < 0)
            return i;
        if (i == 1)
            return cases[1].result;
        HOLDS(coop_now() >= cases[0].when);
    }
}

static int eat(void *arg)
{
    struct relay *relay = arg;
    unsigned next[MAKERS_MAX] = {0};
    struct item item;
    int r;

    while ((r = draw(2) ? take(relay, &item) : coop_recv(relay->second, &item, COOP_FOREVER)) ==
           1) {
        HOLDS(item.from < relay->makers_count && item.number < relay->per_maker);
        if (relay->relays_count == 1)
            HOLDS(item.number >= next[item.from]);
        next[item.from] = item.number + 1;
        relay->sum_out += (item.from + 1) * (item.number + 1);
        relay->eaten++;
        if ((r = step()) < 0)
            return r;
    }
    return r;
}

static int close_first(void *arg)
{
    struct relay *relay = arg;

    coop_wg_wait(&relay->makers);
    HOLDS(coop_close(relay->first) == 0);
    coop_wg_wait(&relay->relays);
    HOLDS(coop_close(relay->second) == 0);
    return 0;
}

int run_relay(void *arg)
{
    struct relay *r = must_have(sizeof *r);
    struct maker makers[MAKERS_MAX];
    struct invariant inv;
    struct coop_scope scope;
    int why;

    (void)arg;
    r->first = coop_chan_new(sizeof(struct item), draw(4));
    r->second = coop_chan_new(sizeof(struct item), draw(3));
    r->per_maker = 5 + draw(20);
    r->makers_count = 1 + draw(MAKERS_MAX);
    r->relays_count = 1 + draw(3);
    r->eaters_count = 1 + draw(EATERS_MAX);
    coop_wg_add(&r->makers, r->makers_count);
    coop_wg_add(&r->relays, r->relays_count);
    invariant_add(&inv, nothing_comes_from_nowhere, r);
    coop_scope_init(&scope, "relay", 0);
    for (unsigned i = 0; i < r->makers_count; i++) {
        makers[i] = (struct maker){r, i};
        if (coop_go(&scope, make, &makers[i]) < 0)
            coop_wg_done(&r->makers);
    }
    for (unsigned i = 0; i < r->relays_count; i++)
        if (coop_go(&scope, pass_on, r) < 0)
            coop_wg_done(&r->relays);
    for (unsigned i = 0; i < r->eaters_count; i++)
        coop_go(&scope, eat, r);
    coop_go(&scope, close_first, r);
    why = coop_scope_wait(&scope);
    invariant_remove(&inv);
    if (why == 0)
        HOLDS(r->eaten == r->makers_count * r->per_maker && r->sum_in == r->sum_out &&
              coop_chan_len(r->first) == 0 && coop_chan_len(r->second) == 0);
    coop_chan_unref(r->first);
    coop_chan_unref(r->second);
    free(r);
    return why;
}

/* ---- many who would send or receive, whichever comes first ---- */

enum { BALLS = 3 };

struct game {
    struct coop_chan *balls[BALLS];
    unsigned sent[BALLS], received[BALLS], rounds, players_left;
};

static int play(void *arg)
{
    struct game *game = arg;
    int r = 0;

    for (unsigned i = 0; i < game->rounds; i++) {
        unsigned value = i, out, a = draw(BALLS), b = draw(BALLS), c = draw(BALLS);
        struct coop_case cases[] = {COOP_SEND(game->balls[a], &value),
                                    COOP_RECV(game->balls[b], &out),
                                    COOP_RECV(game->balls[c], &out)};
        int got;

        if ((r = step()) < 0)
            break;
        got = coop_select(cases, 3, coop_after(coop_now(), draw_delay()));
        if (got == 0) {
            HOLDS(cases[0].result == 0);
            game->sent[a]++;
        } else if (got > 0) {
            HOLDS(cases[got].result == 1 && out < game->rounds);
            game->received[got == 1 ? b : c]++;
        } else {
            HOLDS(got == -ETIMEDOUT || CANCELLED(got));
        }
    }
    game->players_left--;
    return r;
}

int run_rendezvous(void *arg)
{
    struct game *game = must_have(sizeof *game);
    struct coop_scope scope;
    int why;

    (void)arg;
    for (int i = 0; i < BALLS; i++)
        game->balls[i] = coop_chan_new(sizeof(unsigned), 0);
    game->rounds = 5 + draw(15);
    coop_scope_init(&scope, "game", 0);
    for (unsigned n = 2 + draw(6); game->players_left < n; game->players_left++)
        if (coop_go(&scope, play, game) < 0)
            break;
    why = coop_scope_wait(&scope);
    HOLDS(game->players_left == 0);
    for (int i = 0; i < BALLS; i++) {
        HOLDS(game->sent[i] == game->received[i]); /* unbuffered: both sides, or none */
        coop_chan_unref(game->balls[i]);
    }
    free(game);
    return why;
}

/* ---- deadlines: never early, and in virtual time never late ---- */

static int meet_deadlines(void *arg)
{
    struct coop_chan *nobody = arg;

    for (int i = 0; i < 10; i++) {
        coop_nsec due = coop_after(coop_now(), draw_delay());
        struct coop_case cases[] = {COOP_RECV(nobody, NULL)};
        int r;

        switch (draw(4)) {
        case 0: r = coop_recv(nobody, NULL, due); break;
        case 1: r = coop_send(nobody, NULL, due); break;
        case 2: r = coop_select(cases, 1, due); break;
        default: r = coop_sleep_until(due) == 0 ? -ETIMEDOUT : coop_cancelled(); break;
        }
        if (CANCELLED(r))
            return r;
        HOLDS(r == -ETIMEDOUT && coop_now() == due);
    }
    return 0;
}

int run_deadlines(void *arg)
{
    struct coop_chan *nobody = coop_chan_new(0, 0);
    struct coop_scope scope;
    int why;

    (void)arg;
    /* One only: two of them would meet on the channel. */
    coop_scope_init(&scope, "deadlines", 0);
    coop_go(&scope, meet_deadlines, nobody);
    why = coop_scope_wait(&scope);
    coop_chan_unref(nobody);
    return why;
}
