/*
 * channels.c - many senders and receivers on one channel, and one coroutine on many channels
 */
#include "bench/runtime/contender.h"
#include "coop/coop.h"

enum { PEOPLE = 4, ROOM = 128, WAYS_MAX = 10 };

/* ---- four send, four receive, room for 128 ---- */

struct post {
    struct coop_chan *ch;
    long each;
};

static int produce(void *arg)
{
    const struct post *post = arg;

    for (long i = 0; i < post->each; i++)
        coop_send(post->ch, &i, COOP_FOREVER);
    return 0;
}

static int consume(void *arg)
{
    const struct post *post = arg;
    long v;

    while (coop_recv(post->ch, &v, COOP_FOREVER) == 1)
        ;
    return 0;
}

void work_mpmc(long count)
{
    struct post post = {coop_chan_new(sizeof(long), ROOM), count / PEOPLE};
    struct coop_scope producers, consumers;

    coop_scope_init(&consumers, "consumers", 0);
    for (int i = 0; i < PEOPLE; i++)
        must(coop_go(&consumers, consume, &post), "coop_go");
    coop_scope_init(&producers, "producers", 0);
    for (int i = 0; i < PEOPLE; i++)
        must(coop_go(&producers, produce, &post), "coop_go");
    coop_scope_wait(&producers);
    coop_close(post.ch);
    coop_scope_wait(&consumers);
    coop_chan_unref(post.ch);
}

/* ---- select ---- */

struct ways {
    struct coop_chan *ch[WAYS_MAX];
    struct coop_case cases[WAYS_MAX];
    long v;
    int count;
    long rounds;
};

static void open_ways(struct ways *ways, int count, size_t capacity)
{
    *ways = (struct ways){.count = count, .v = 1};
    for (int i = 0; i < count; i++) {
        ways->ch[i] = coop_chan_new(sizeof(long), capacity);
        ways->cases[i] = COOP_RECV(ways->ch[i], &ways->v);
    }
}

static void close_ways(struct ways *ways)
{
    for (int i = 0; i < ways->count; i++)
        coop_chan_unref(ways->ch[i]);
}

/* All are ready; the one that was taken is filled again. */
static void select_ready(int count, long rounds)
{
    struct ways ways;

    open_ways(&ways, count, 1);
    for (int i = 0; i < count; i++)
        coop_send(ways.ch[i], &ways.v, COOP_FOREVER);
    for (long i = 0; i < rounds; i++) {
        int at = coop_select(ways.cases, count, COOP_FOREVER);

        coop_send(ways.ch[at], &ways.v, COOP_FOREVER);
    }
    close_ways(&ways);
}

void work_select2_ready(long count)
{
    select_ready(2, count);
}

void work_select10_ready(long count)
{
    select_ready(10, count);
}

/* None is, and it does not wait. */
void work_select10_idle(long count)
{
    struct ways ways;

    open_ways(&ways, 10, 1);
    for (long i = 0; i < count; i++)
        coop_select(ways.cases, ways.count, COOP_NOW);
    close_ways(&ways);
}

static int send_round(void *arg)
{
    const struct ways *ways = arg;

    for (long i = 0; i < ways->rounds; i++)
        coop_send(ways->ch[i % ways->count], &i, COOP_FOREVER);
    return 0;
}

/* It waits for all ten, and one that sends to one after the other wakes it. */
void work_select10_block(long count)
{
    struct coop_scope sender;
    struct ways ways;

    open_ways(&ways, 10, 0);
    ways.rounds = count;
    coop_scope_init(&sender, "sender", 0);
    must(coop_go(&sender, send_round, &ways), "coop_go");
    for (long i = 0; i < count; i++)
        coop_select(ways.cases, ways.count, COOP_FOREVER);
    coop_scope_wait(&sender);
    close_ways(&ways);
}
