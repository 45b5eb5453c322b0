/*
 * switch.c - giving up the processor, being born, handing a value over, a lock nobody else wants
 */
#include "bench/runtime/contender.h"
#include "coop/coop.h"

#include <stddef.h>

static int give_way(void *arg)
{
    for (long i = *(const long *)arg; i > 0; i--)
        coop_yield();
    return 0;
}

/* Two coroutines give way to each other. */
void work_yield(long count)
{
    struct coop_scope both;
    long each = count / 2;

    coop_scope_init(&both, "yield", 0);
    must(coop_go(&both, give_way, &each), "coop_go");
    must(coop_go(&both, give_way, &each), "coop_go");
    coop_scope_wait(&both);
}

static int send_one(void *arg)
{
    long one = 1;

    return coop_send(arg, &one, COOP_FOREVER);
}

/* One is started, says one word and ends; then the next. */
void work_spawn_exit(long count)
{
    struct coop_chan *words = coop_chan_new(sizeof(long), 0);
    long word;

    for (long i = 0; i < count; i++) {
        must(coop_go(NULL, send_one, words), "coop_go");
        coop_recv(words, &word, COOP_FOREVER);
    }
    coop_chan_unref(words);
}

struct line {
    struct coop_chan *there, *back;
};

static int send_back(void *arg)
{
    struct line *line = arg;
    long v;

    while (coop_recv(line->there, &v, COOP_FOREVER) == 1)
        coop_send(line->back, &v, COOP_FOREVER);
    return 0;
}

/* Ping and pong over two channels without room. Where the two run is left to the scheduler. */
void work_hop(long count)
{
    struct line line = {coop_chan_new(sizeof(long), 0), coop_chan_new(sizeof(long), 0)};
    struct coop_scope other;
    long v;

    coop_scope_init(&other, "hop", 0);
    must(coop_go(&other, send_back, &line), "coop_go");
    for (long i = 0; i < count / 2; i++) {
        coop_send(line.there, &i, COOP_FOREVER);
        coop_recv(line.back, &v, COOP_FOREVER);
    }
    coop_close(line.there);
    coop_scope_wait(&other);
    coop_chan_unref(line.there);
    coop_chan_unref(line.back);
}

void work_mutex(long count)
{
    static struct coop_mutex lock;

    for (long i = 0; i < count; i++) {
        coop_mutex_lock(&lock);
        coop_mutex_unlock(&lock);
    }
}
