#ifndef COOP_CHAN_H
#define COOP_CHAN_H

#include "coop/time.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * chan.h - typed queues between coroutines
 *
 * A channel carries values of one fixed size from senders to receivers, in order, by copying.
 * With capacity 0 a send and a receive meet ("rendezvous").
 *
 *     struct coop_chan *jobs = coop_chan_new(sizeof(struct job), 64);
 *     ...
 *     struct job job;
 *     while (coop_recv(jobs, &job, COOP_FOREVER) == 1)
 *         work(&job);                        // ends when 'jobs' is closed and drained
 *
 * Time      Every waiting call takes an absolute deadline; COOP_NOW makes it a poll that
 *           returns -EAGAIN.  A success that races the deadline wins.
 * Errors    -ETIMEDOUT, -EAGAIN, -EPIPE (closed), -ECANCELED or why else the caller is cancelled;
 *           -EPERM in a forked child. That is all.
 * Threads   Any: coroutines wait without holding their worker, a foreign thread is held.
 * Memory    Values are copied in and out.  A value that is a pointer changes owner when the
 *           send returns 0, and only then.  Channels are counted: new is one reference.
 * Misuse    Closing twice is -EPIPE, closing NULL -EINVAL; NULL is never ready.  Freed while
 *           somebody waits on it: aborts.  A 'value' may be NULL only where values have no size.
 *           One unref too many is a double free.
 * Limits    Waiting senders, and waiting receivers, are served first come first served.
 *           Capacity times size at most 1 GiB; a value at most 64 KiB.
 * Source    Go's channels, with errors instead of panics.
 */
struct coop_chan;

/* Values of 'size' bytes (0: only the event counts), up to 'capacity' of them stored.
 * NULL when out of memory or beyond the limits. */
struct coop_chan *coop_chan_new(size_t size, size_t capacity);

struct coop_chan *coop_chan_ref(struct coop_chan *ch);

/* Accepts NULL. The last reference frees it; nobody may wait on it then. */
void coop_chan_unref(struct coop_chan *ch);

/* Waits while the channel is full.  0; -EPIPE when it is or becomes closed.  On failure
 * '*value' still belongs to the caller.  A NULL channel is never ready. */
int coop_send(struct coop_chan *ch, const void *value, coop_nsec deadline);

/* Waits while the channel is empty.  1: '*ret_value' holds a value.  0: closed and drained,
 * '*ret_value' zeroed.  'ret_value' may be NULL: the value is thrown away. */
int coop_recv(struct coop_chan *ch, void *ret_value, coop_nsec deadline);

/* No more sends: every waiter wakes up, stored values stay receivable. -EPIPE when closed
 * already, -EINVAL for NULL. */
int coop_close(struct coop_chan *ch);

/* A snapshot: how many are stored, how many could be. 0 for NULL. */
size_t coop_chan_len(const struct coop_chan *ch);
size_t coop_chan_cap(const struct coop_chan *ch);

#ifdef __cplusplus
}
#endif

#endif
