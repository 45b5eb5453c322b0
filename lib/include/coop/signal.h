#ifndef COOP_SIGNAL_H
#define COOP_SIGNAL_H

#include "coop/actor.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * signal.h - signals as values and messages
 *
 * The runtime blocks the signals named in coop_options.signals in all its threads and reads
 * them from one signalfd; nothing of yours ever runs in a signal handler.  All 60 that can be
 * caught may be named (COOP_SIGNALS_ALL): the standard ones, and the real-time ones (SIGRTMIN to
 * SIGRTMAX), each of which arrives as often as it was sent, in order, with its value.
 *
 *     struct coop_chan *stop = coop_chan_new(sizeof(int), 4);
 *     coop_signal_notify(stop, SIGTERM);
 *     coop_signal_notify(stop, SIGINT);
 *     coop_recv(stop, &signo, COOP_FOREVER);
 *
 * A channel whose values are struct coop_signal_info gets sender and value too.  In a select a
 * signal is a COOP_RECV() case on such a channel, beside descriptors, children and timers.
 *
 * Time      No deadlines here: whoever waits gives one to coop_recv() or coop_select().
 * Errors    -EINVAL: the signal is not in coop_options.signals, or the channel's values have
 *           another size; -ENOSPC: more than COOP_SIGNAL_CHANNELS registrations; -ENOMEM;
 *           -EMFILE and what else signalfd(2) says, at the first use.
 * Threads   From coroutines.  A signal sent to one of our threads alone (pthread_kill) is seen
 *           only if that thread happens to read.
 * Misuse    Without a runtime -EINVAL.  Stopping a channel that has no registration does nothing.
 * Memory    The channel is referenced until coop_signal_stop().
 * Limits    Several standard signals with one number may arrive as one, as everywhere.  A full
 *           channel misses a signal, counted: give it room.  The kernel queues RLIMIT_SIGPENDING
 *           real-time signals per user: beyond, sigqueue(3) fails for the sender with EAGAIN,
 *           and what kill(2) sends comes without sender (counted as bare), perhaps once for many.
 *           Signals taken by a thread that is not the runtime's keep their values, but not their
 *           order against others.  SIGSEGV, SIGBUS, SIGILL and SIGFPE are handed on when somebody
 *           sends them; a fault of the program itself ends it as ever.
 * Source    Go's os/signal; signalfd(2).
 */
struct coop_chan;

#define COOP_SIGNAL_CHANNELS 64 /* registrations of coop_signal_notify() at a time  */
#define COOP_SIGNALS_UNTAKEN 64 /* per signal: what an actor may leave, then missed */

/* What came with a signal. */
struct coop_signal_info {
    int signo;
    int code;  /* SI_USER: kill(2), SI_QUEUE: sigqueue(3)..., as in siginfo_t.si_code */
    pid_t pid; /* who sent it; 0: the kernel, or unknown                              */
    uid_t uid; /* his real user id                                                    */
    union {
        int sival_int;
        void *sival_ptr;
    } value; /* SI_QUEUE, SI_TIMER, SI_MESGQ: what was sent along; as sigval(3type)   */
};

/* Sends the number (values of sizeof(int)) or all of it (values of struct coop_signal_info) to
 * 'ch' each time.  SIGCHLD may be watched too: the runtime goes on reaping. */
int coop_signal_notify(struct coop_chan *ch, int signo);

/* Ends all of the channel's registrations. */
void coop_signal_stop(struct coop_chan *ch);

/* Posts 'msg' to an actor each time the signal arrives (once while it has not been handled).
 * msg == NULL ends it.  One actor per signal. */
int coop_signal_post(int signo, struct coop_actor *actor, struct coop_msg *msg);

/* For that actor's handler: the oldest one it has not taken; false: there is no more. */
bool coop_signal_take(int signo, struct coop_signal_info *ret_info);

/* Who sent the last one, for logs. 0 when unknown. */
pid_t coop_signal_sender(int signo);

struct coop_signal_stats {
    uint64_t arrived; /* without SIGCHLD                                        */
    uint64_t missed;  /* a channel was full, or an actor did not take           */
    uint64_t bare;    /* real-time ones for whose sender the kernel had no room */
};
void coop_signal_stats(struct coop_signal_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
