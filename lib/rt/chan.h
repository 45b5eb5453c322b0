#ifndef COOP_RT_CHAN_H
#define COOP_RT_CHAN_H

#include "coop/chan.h"
#include "rt/sched.h"

/*
 * chan.h - the inside of a channel, shared by chan.c and select.c
 */
struct coop_chan {
    uint32_t lock;
    _Atomic(int) refs;
    size_t size; /* of a value                        */
    size_t capacity;
    _Atomic(size_t) count; /* values stored                     */
    size_t first;          /* where the oldest is               */
    _Atomic(bool) closed;
    struct coop_waitq senders, receivers;
    _Alignas(16) unsigned char values[];
};

/* What a look at a channel found, with its lock held. */
enum { CHAN_WAIT = -1000 }; /* not ready */

/* Try, under the lock. CHAN_WAIT, or what the call returns; *ret_wake is to be fired after the
 * unlock. */
int coop__send_locked(struct coop_chan *ch, const void *value, struct coro **ret_wake);
int coop__recv_locked(struct coop_chan *ch, void *ret_value, struct coro **ret_wake);

/* Without the lock: false = surely not ready at some moment during the call. */
bool coop__may_send(struct coop_chan *ch);
bool coop__may_recv(struct coop_chan *ch);

#endif
