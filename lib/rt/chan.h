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
    _Atomic(unsigned) turns; /* grows before anything makes it ready, either way: for select */
    struct coop_waitq senders, receivers;
    _Alignas(16) unsigned char values[];
};

/* What a look at a channel found, with its lock held. */
enum { CHAN_WAIT = -1000 }; /* not ready */

/* Try, under the lock. CHAN_WAIT, or what the call returns; *ret_wake is to be fired after the
 * unlock. */
int coop__send_locked(struct coop_chan *ch, const void *value, struct coro **ret_wake);
int coop__recv_locked(struct coop_chan *ch, void *ret_value, struct coro **ret_wake);

/* Somebody may find it ready from now on. Under the lock. */
static inline void coop__chan_turn(struct coop_chan *ch)
{
    atomic_store_explicit(&ch->turns,
                          atomic_load_explicit(&ch->turns, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline bool coop__chan_awaited(struct coop_waitq *q)
{
    return __atomic_load_n(&q->head, __ATOMIC_ACQUIRE) != NULL;
}

/* Without the lock: false = surely not ready at some moment during the call. */
static inline bool coop__may_send(struct coop_chan *ch)
{
    return atomic_load_explicit(&ch->closed, memory_order_acquire) ||
           atomic_load_explicit(&ch->count, memory_order_acquire) < ch->capacity ||
           coop__chan_awaited(&ch->receivers);
}

static inline bool coop__may_recv(struct coop_chan *ch)
{
    return atomic_load_explicit(&ch->count, memory_order_acquire) > 0 ||
           coop__chan_awaited(&ch->senders) ||
           atomic_load_explicit(&ch->closed, memory_order_acquire);
}

#endif
