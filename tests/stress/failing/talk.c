/* Channels and select. */
#include "everything.h"

static int send_some(void *arg)
{
    for (int i = 0; i < 5; i++)
        FINE(coop_send(arg, &i, COOP_FOREVER), ECANCELED, EPIPE);
    return 0;
}

void talk(void)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 2), *other = coop_chan_new(0, 0);
    struct coop_scope scope;
    int value, got = 0;

    coop_scope_init(&scope, "talk", 0);
    if (ch && other && FINE(coop_go(&scope, send_some, ch), 0, 0) == 0) {
        struct coop_case cases[] = {COOP_RECV(ch, &value), COOP_RECV(other, NULL),
                                    COOP_TIMER(COOP_FOREVER)};

        while (got < 4 && FINE(coop_recv(ch, &value, COOP_FOREVER), 0, 0) == 1)
            HOLDS(value == got++);
        HOLDS(coop_select(cases, 3, COOP_FOREVER) == 0 && cases[0].result == 1 && value == 4);
        HOLDS(coop_select(cases, 2, COOP_NOW) == -EAGAIN);
        HOLDS(coop_select(cases, 2, in_a_moment()) == -ETIMEDOUT);
        HOLDS(coop_recv(ch, &value, in_a_moment()) == -ETIMEDOUT);
        HOLDS(coop_chan_len(ch) == 0 && coop_chan_cap(ch) == 2);
        HOLDS(coop_close(ch) == 0 && coop_recv(ch, &value, COOP_FOREVER) == 0);
        HOLDS(coop_send(ch, &value, COOP_FOREVER) == -EPIPE);
    }
    HOLDS(coop_scope_wait(&scope) == 0);
    if (ch)
        coop_chan_unref(coop_chan_ref(ch));
    coop_chan_unref(ch);
    coop_chan_unref(other);
}
