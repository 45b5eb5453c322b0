/*
 * chan.c - typed queues between coroutines
 *
 * THE NOUNS
 *   ring       'capacity' values, the oldest at 'first'
 *   receivers  coroutines that found the ring empty
 *   senders    coroutines that found it full; their value waits in their frame
 *
 * ALWAYS TRUE, under the lock
 *   C1  receivers wait only while the ring is empty, senders only while it is full
 *   C2  so never both at once (but for entries that somebody else has woken already)
 *   C3  a closed channel has no waiters
 *
 * A sender that finds a receiver writes into the receiver's frame and never touches the ring; a
 * receiver that takes from a full ring moves the first waiting sender's value to the tail.  So
 * values keep their order, and nobody who comes later overtakes one who waits.
 *
 * Claimed is not yet running: between the claim (under the lock) and the fire (after it) the
 * partner is ours, and its frame cannot go away (park.c).
 *
 * Source   Go's chan.c for the semantics; no code taken.
 */
#include "rt/chan.h"

#include "rt/leaks.h"
#include "rt/park.h"
#include "rt/stand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WOKEN_AT_ONCE = 64 };

#define VALUE_MAX  ((size_t)64 * 1024)
#define VALUES_MAX ((size_t)1024 * 1024 * 1024)

/* Most values are a word. */
static inline void copy(void *to, const void *from, size_t size)
{
    if (!to)
        return;
    if (likely(size == sizeof(uint64_t)))
        memcpy(to, from, sizeof(uint64_t));
    else if (size)
        memcpy(to, from, size);
}

static void zero(void *to, size_t size)
{
    if (to && size)
        memset(to, 0, size);
}

static inline unsigned char *place(struct coop_chan *ch, size_t nth)
{
    size_t at = ch->first + nth;

    if (at >= ch->capacity)
        at -= ch->capacity;
    return ch->values + at * ch->size;
}

/* ---- one try, under the lock ---- */

static inline int send_locked(struct coop_chan *ch, const void *value, struct coro **ret_wake)
{
    struct waiter *w;
    size_t count;

    if (ch->closed)
        return -EPIPE;
    w = coop__waitq_claim(&ch->receivers);
    if (w) {
        copy(w->value, value, ch->size);
        w->result = 1;
        *ret_wake = w->coro;
        return 0;
    }
    count = atomic_load_explicit(&ch->count, memory_order_relaxed);
    if (count == ch->capacity)
        return CHAN_WAIT;
    copy(place(ch, count), value, ch->size);
    coop__chan_turn(ch);
    atomic_store_explicit(&ch->count, count + 1, memory_order_release);
    return 0;
}

static inline int recv_locked(struct coop_chan *ch, void *ret_value, struct coro **ret_wake)
{
    size_t count = atomic_load_explicit(&ch->count, memory_order_relaxed);
    struct waiter *w;

    if (count > 0) {
        copy(ret_value, place(ch, 0), ch->size);
        w = coop__waitq_claim(&ch->senders);
        if (w) /* the place of the oldest becomes the place of the newest */
            copy(place(ch, 0), w->value, ch->size);
        ch->first = ch->first + 1 == ch->capacity ? 0 : ch->first + 1;
        if (!w) {
            coop__chan_turn(ch);
            atomic_store_explicit(&ch->count, count - 1, memory_order_release);
            return 1;
        }
        w->result = 0;
        *ret_wake = w->coro;
        return 1;
    }
    w = coop__waitq_claim(&ch->senders);
    if (w) {
        copy(ret_value, w->value, ch->size);
        w->result = 0;
        *ret_wake = w->coro;
        return 1;
    }
    if (!ch->closed)
        return CHAN_WAIT;
    zero(ret_value, ch->size);
    return 0;
}

int coop__send_locked(struct coop_chan *ch, const void *value, struct coro **ret_wake)
{
    return send_locked(ch, value, ret_wake);
}

int coop__recv_locked(struct coop_chan *ch, void *ret_value, struct coro **ret_wake)
{
    return recv_locked(ch, ret_value, ret_wake);
}

/* ---- waiting ---- */

static COLD int wait_for_ever(enum wait_reason reason, coop_nsec deadline)
{
    struct coro *g = coop__waiter();
    int r;

    if (deadline == COOP_NOW)
        return -EAGAIN;
    if (!g)
        return -EPERM;
    if ((r = coop__may_wait(g)) < 0)
        return r;
    coop__wait_begin(g, true);
    return coop__wait(g, reason, NULL, deadline);
}

/* Joins 'q' with the lock held; returns unlocked. */
static int wait_in(struct coop_chan *ch, struct coop_waitq *q, struct coro *g, void *value,
                   enum wait_reason reason, coop_nsec deadline)
{
    struct waiter w = {.coro = g, .value = value};
    int r;

    coop__wait_begin(g, true);
    coop__chan_turn(ch);
    coop__waitq_push(q, &w);
    coop__unlock(&ch->lock);
    r = coop__wait(g, reason, ch, deadline);
    if (r == 0)
        return w.result;
    coop__lock(&ch->lock);
    coop__waitq_remove(q, &w);
    coop__unlock(&ch->lock);
    return r;
}

/* ---- the calls ---- */

struct coop_chan *coop_chan_new(size_t size, size_t capacity)
{
    struct coop_chan *ch;
    size_t bytes;

    if (size > VALUE_MAX || (size && capacity > VALUES_MAX / size))
        return NULL;
    bytes = sizeof *ch + size * capacity;
    ch = aligned_alloc(_Alignof(struct coop_chan), (bytes + _Alignof(struct coop_chan) - 1) &
                                                       ~(_Alignof(struct coop_chan) - 1));
    if (!ch)
        return NULL;
    memset(ch, 0, sizeof *ch);
    ch->refs = 1;
    ch->size = size;
    ch->capacity = capacity;
    coop__leak_made(LEAK_CHANNEL, ch, __builtin_return_address(0));
    return ch;
}

struct coop_chan *coop_chan_ref(struct coop_chan *ch)
{
    atomic_fetch_add_explicit(&ch->refs, 1, memory_order_relaxed);
    return ch;
}

void coop_chan_unref(struct coop_chan *ch)
{
    if (!ch || atomic_fetch_sub(&ch->refs, 1) != 1)
        return;
    if (ch->senders.head || ch->receivers.head)
        coop__misuse("a channel was freed while somebody waits on it");
    coop__leak_gone(LEAK_CHANNEL, ch);
    free(ch);
}

int coop_send(struct coop_chan *ch, const void *value, coop_nsec deadline)
{
    struct coro *g, *wake = NULL;
    int r;

    if (unlikely(!ch))
        return wait_for_ever(WAIT_FOR_NO_CHAN, deadline);
    g = coop__waiter();
    if (deadline != COOP_NOW && g && (r = coop__may_wait(g)) < 0)
        return r;
    if (deadline == COOP_NOW && !coop__may_send(ch))
        return -EAGAIN;
    coop__lock(&ch->lock);
    r = send_locked(ch, value, &wake);
    if (r == CHAN_WAIT && deadline != COOP_NOW && g)
        return wait_in(ch, &ch->senders, g, (void *)(uintptr_t)value, WAIT_FOR_SEND, deadline);
    coop__unlock(&ch->lock);
    if (wake)
        coop__wait_fire(wake);
    return r != CHAN_WAIT ? r : deadline == COOP_NOW ? -EAGAIN : -EPERM;
}

int coop_recv(struct coop_chan *ch, void *ret_value, coop_nsec deadline)
{
    struct coro *g, *wake = NULL;
    int r;

    if (unlikely(!ch))
        return wait_for_ever(WAIT_FOR_NO_CHAN, deadline);
    g = coop__waiter();
    if (deadline != COOP_NOW && g && (r = coop__may_wait(g)) < 0)
        return r;
    if (deadline == COOP_NOW && !coop__may_recv(ch))
        return -EAGAIN;
    coop__lock(&ch->lock);
    r = recv_locked(ch, ret_value, &wake);
    if (r == CHAN_WAIT && deadline != COOP_NOW && g)
        return wait_in(ch, &ch->receivers, g, ret_value, WAIT_FOR_RECV, deadline);
    coop__unlock(&ch->lock);
    if (wake)
        coop__wait_fire(wake);
    return r != CHAN_WAIT ? r : deadline == COOP_NOW ? -EAGAIN : -EPERM;
}

/* Some of those who wait, claimed, in their order; NULL: nobody is left. */
static struct waiter *claim_some(struct coop_chan *ch)
{
    struct waiter *w, *woken = NULL, **end = &woken;
    int count = 0;

    while (count++ < WOKEN_AT_ONCE) {
        if ((w = coop__waitq_claim(&ch->receivers))) {
            zero(w->value, ch->size);
            w->result = 0;
        } else if ((w = coop__waitq_claim(&ch->senders))) {
            w->result = -EPIPE;
        } else {
            break;
        }
        *end = w;
        end = &w->next;
    }
    *end = NULL;
    return woken;
}

/* A hundred thousand may wait: they are woken by the handful, while what was touched of each is
 * in the cache, and the lock is not held for all.  The last of them may drop the channel. */
int coop_close(struct coop_chan *ch)
{
    struct waiter *woken;

    if (!ch)
        return -EINVAL;
    coop__lock(&ch->lock);
    if (ch->closed) {
        coop__unlock(&ch->lock);
        return -EPIPE;
    }
    coop__chan_turn(ch);
    atomic_store(&ch->closed, true);
    coop_chan_ref(ch);
    while ((woken = claim_some(ch))) {
        coop__unlock(&ch->lock);
        coop__wait_fire_all(woken);
        coop__lock(&ch->lock);
    }
    coop__unlock(&ch->lock);
    coop_chan_unref(ch);
    return 0;
}

size_t coop_chan_len(const struct coop_chan *ch)
{
    return ch ? atomic_load_explicit(&ch->count, memory_order_relaxed) : 0;
}

size_t coop_chan_cap(const struct coop_chan *ch)
{
    return ch ? ch->capacity : 0;
}
