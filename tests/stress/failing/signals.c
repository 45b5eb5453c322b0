/* Signals. */
#include "everything.h"

#include <signal.h>
#include <string.h>

enum { RANG = DESK_LAST + 1 };

static struct {
    struct desk desk;
    struct coop_msg msg;
} bell;

static void on_bell(struct coop_actor *actor, struct coop_msg *msg)
{
    struct coop_signal_info info;

    (void)actor;
    if (msg->kind == DESK_LAST) {
        desk_leave(&bell.desk);
        return;
    }
    while (coop_signal_take(SIGUSR2, &info))
        HOLDS(info.signo == SIGUSR2);
}

void be_signalled(void)
{
    struct coop_chan *ch = coop_chan_new(sizeof(struct coop_signal_info), 4);
    struct coop_signal_info info;
    struct coop_signal_stats stats;

    memset(&bell, 0, sizeof bell);
    desk_open(&bell.desk, "bell", on_bell);
    coop_msg_init(&bell.msg, RANG);
    if (ch && FINE(coop_signal_notify(ch, SIGUSR1), 0, 0) == 0) {
        world->raise(SIGUSR1);
        if (FINE(coop_recv(ch, &info, in_patience()), ETIMEDOUT, 0) == 1)
            HOLDS(info.signo == SIGUSR1);
        coop_signal_sender(SIGUSR1);
        coop_signal_stop(ch);
    }
    if (FINE(coop_signal_post(SIGUSR2, &bell.desk.actor, &bell.msg), 0, 0) == 0) {
        world->raise(SIGUSR2);
        coop_sleep_until(in_a_moment());
        coop_signal_post(SIGUSR2, NULL, NULL);
    }
    desk_close(&bell.desk);
    coop_signal_stats(&stats);
    coop_chan_unref(ch);
}
