#ifndef COOP_SIGNAL_H
#define COOP_SIGNAL_H

#include "coop/actor.h"

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * signal.h - signals as messages
 *
 * The runtime blocks the signals named in coop_options.signals in all its threads and reads
 * them from one signalfd; nothing ever runs in a signal handler.
 *
 *     struct coop_chan *stop = coop_chan_new(sizeof(int), 4);
 *     coop_signal_notify(stop, SIGTERM);
 *     coop_signal_notify(stop, SIGINT);
 *     coop_recv(stop, &signo, COOP_FOREVER);
 *
 * Errors    -EINVAL: the signal is not in coop_options.signals, or is SIGCHLD (see child.h).
 * Threads   From coroutines.
 * Memory    The channel is referenced until coop_signal_stop().
 * Limits    Like the kernel, several of one signal may arrive as one.  A full channel misses a
 *           signal: give it room.  64 registrations.
 * Source    Go's os/signal.
 */
struct coop_chan;

/* Sends the number (an int) to 'ch' each time; 'ch' must carry values of sizeof(int). */
int coop_signal_notify(struct coop_chan *ch, int signo);

/* Ends all of the channel's registrations. */
void coop_signal_stop(struct coop_chan *ch);

/* Posts 'msg' to an actor each time the signal arrives (once while it has not been handled).
 * msg == NULL ends it. */
int coop_signal_post(int signo, struct coop_actor *actor, struct coop_msg *msg);

/* Who sent the last one, for logs. 0 when unknown. */
pid_t coop_signal_sender(int signo);

#ifdef __cplusplus
}
#endif

#endif
