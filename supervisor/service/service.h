#ifndef COOP_SERVICE_SERVICE_H
#define COOP_SERVICE_SERVICE_H

#include <stdint.h>

#include "service/fsm.h"

/*
 * service.h - one service: an actor with a mailbox
 *
 * Nobody calls into a service.  Everybody posts; the service's own coroutine, which exists only
 * while there is mail, decides and publishes.  What it publishes is read from the board
 * (events/board.h) or followed on the bus (events/bus.h).
 *
 *     struct svc *web = daemon_find(daemon, "web");
 *     struct coop_chan *replies = coop_chan_new(sizeof(struct svc_reply), 1);
 *     svc_command(web, &(struct svc_command){.kind = CMD_RESTART, .reply = replies});
 *     svc_unref(web);
 *     struct svc_reply reply;
 *     if (coop_recv(replies, &reply, deadline) == 1)
 *         printf("%s\n", reply.text);
 *     coop_chan_unref(replies);
 *
 * Time      svc_command never waits.  The reply comes when the command has had its effect:
 *           start when up, done or failed; stop when every process is gone; kill when
 *           the signal is sent; reload when it has ended, or the signal is sent.
 * Threads   All calls from any coroutine.
 * Memory    svc_command takes a reference on the reply channel; the service sends exactly one
 *           reply without waiting for room, so give the channel as many slots as it will get
 *           replies.  A client that goes away just drops its reference.
 * Limits    SVC_WAITERS_MAX clients wait on one service; one more is told "busy" at once.
 */

struct svc;
struct coop_chan;

enum { SVC_WAITERS_MAX = 256 };

enum svc_command_kind {
    CMD_START,
    CMD_STOP,
    CMD_RESTART,
    CMD_RELOAD,
    CMD_KILL,
    /* Only the reply, to a command that the program before in this process has carried out. */
    CMD_AWAIT_UP,
    CMD_AWAIT_DOWN,
    CMD_AWAIT_RELOAD
};

struct svc_command {
    enum svc_command_kind kind;
    int signo;    /* CMD_KILL: the signal, sent to the main process                 */
    uint64_t tag; /* comes back in the reply                                        */
    struct coop_chan *reply; /* of struct svc_reply; NULL: nobody waits (the FIFO) */
    bool
        by_itself; /* CMD_START: what happened to another asks for it (OnFailure=, OnSuccess=) */
    char group[80]; /* asks for it: what an operator has stopped stays; "": none does */
    bool for_good;  /* CMD_STOP by a group: nothing starts it again by itself */
};

enum svc_result {
    SVC_OK,
    SVC_FAILED,   /* it was tried and did not work                                       */
    SVC_CANCELED, /* another command took its place                                      */
    SVC_REFUSED,  /* not possible in this state (kill of what does not run)              */
    SVC_BUSY      /* too many are waiting already                                        */
};

struct svc_reply {
    uint64_t tag;
    enum svc_result result;
    enum svc_place place; /* where the service was when the reply was made               */
    char name[80];
    char text[400]; /* one sentence in the user's words; "" with SVC_OK                  */
    char hint[240]; /* what to do about a launch that failed; "" for none                */
};

/* Posts a command. 0; -ENOMEM (and then no reply comes). */
int svc_command(struct svc *svc, const struct svc_command *command);

/* Counts a command that is about to be posted, so that neighbours wait for it; then
 * svc_command_announced() posts it, or takes it back (-ENOMEM). For many services at once. */
void svc_announce(struct svc *svc, enum svc_command_kind kind);
int svc_command_announced(struct svc *svc, const struct svc_command *command);

const char *svc_name(const struct svc *svc);
unsigned svc_slot(const struct svc *svc); /* on the board */

struct svc *svc_ref(struct svc *svc);
void svc_unref(struct svc *svc); /* accepts NULL */

#endif
