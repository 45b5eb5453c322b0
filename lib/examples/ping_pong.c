/*
 * ping_pong.c - two coroutines and two channels
 *
 * A channel without room is a meeting: the send is over when the other side has the value.  So
 * at most one of the two runs, and the number goes up by one with each hit.
 *
 *     ping_pong [HITS]        (default 100000)
 */
#include <coop/coop.h>

#include <stdio.h>
#include <stdlib.h>

struct table {
    struct coop_chan *ping, *pong;
    int hits;
};

static int player(void *arg)
{
    struct table *table = arg;
    int ball;

    while (coop_recv(table->ping, &ball, COOP_FOREVER) == 1) {
        ball++;
        if (coop_send(table->pong, &ball, COOP_FOREVER) < 0)
            break;
    }
    return 0;
}

static int play(void *arg)
{
    struct table *table = arg;
    int ball = 0;

    table->ping = coop_chan_new(sizeof ball, 0);
    table->pong = coop_chan_new(sizeof ball, 0);
    if (!table->ping || !table->pong || coop_go(NULL, player, table) < 0)
        return 1;
    while (ball < table->hits) {
        ball++;
        coop_send(table->ping, &ball, COOP_FOREVER);
        coop_recv(table->pong, &ball, COOP_FOREVER);
    }
    coop_close(table->ping); /* the other player goes home */
    printf("the ball was hit %d times\n", ball);
    return 0;
}

int main(int argc, char **argv)
{
    struct table table = {.hits = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 100000};
    int r = coop_main(NULL, play, &table);

    coop_chan_unref(table.ping);
    coop_chan_unref(table.pong);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
