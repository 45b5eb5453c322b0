/*
 * select.c - wait for the first of several things
 *
 * HOW
 *   1. look  at each case, in an order drawn at random: channels first without their lock (a
 *            closed, filled or waited-for channel shows), and lock only the one that seems ready
 *   2. lock  all channels in the order of their addresses, so that two selects over the same
 *            channels cannot lock each other out; look again; stand in all queues; unlock
 *   3. stand in the queues of descriptors and children, each under its own lock
 *   4. park; whoever claims the coroutine decides the case
 *   5. leave the other queues
 *
 * Step 2 needs all locks at once: two selects that would meet on two channels must not each
 * wait in one and look at the other.  Steps 3 may claim the own coroutine when a descriptor is
 * ready already: nobody else is needed for that, so one lock at a time is enough.
 *
 * "default" (COOP_NOW) is taken only if all channels were seen not ready at one and the same
 * moment: either nothing has happened to any of them during step 1, or they are looked at once
 * more under all locks.
 */
#include "coop/select.h"

#include "base/sys.h"
#include "coop/child.h"
#include "rt/chan.h"
#include "rt/park.h"
#include "rt/poller.h"
#include "rt/stand.h"
#include "rt/waitable.h"

#include <errno.h>
#include <string.h>

struct selection {
    struct coop_case *cases;
    int count;
    struct coro *coro;
    struct coop_chan *order[COOP_SELECT_MAX]; /* by address, without doubles */
    int channels;
    coop_nsec deadline;
    int timer; /* the case of the earliest COOP_TIMER before the deadline, or -1 */
    struct waiter waiters[COOP_SELECT_MAX];
    struct desc *descs[COOP_SELECT_MAX];
};

enum { NOT_READY = CHAN_WAIT };

/* ---- in which order ---- */

/* All orders have the same chance.  It would not do to begin at a random case and go round: of
 * two neighbours that are ready the first would have the chances of all before it.  Who takes
 * the first case has paid for one draw. */
struct draw {
    uint32_t *rng;
    int count;
    uint8_t order[COOP_SELECT_MAX]; /* what was drawn, then what was not */
};

static inline void draw_begin(struct draw *d, struct worker *w, int count)
{
    static const uint8_t cases[COOP_SELECT_MAX] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

    d->rng = w ? &w->rng : coop__thread_rng();
    d->count = count;
    memcpy(d->order, cases, sizeof cases);
}

/* The k-th; after the one before it, or from the first on anew. */
static inline int draw_next(struct draw *d, int k)
{
    uint64_t left = (uint64_t)(d->count - k);
    int at = k + (int)(coop__random_next(d->rng) * left >> 32);
    uint8_t i = d->order[at];

    d->order[at] = d->order[k];
    d->order[k] = i;
    return i;
}

/* ---- one case ---- */

static int try_channel(struct coop_case *c, struct coro **ret_wake)
{
    return c->kind == COOP_CASE_RECV ? coop__recv_locked(c->ch, c->value, ret_wake)
                                     : coop__send_locked(c->ch, c->value, ret_wake);
}

static inline int look_at_channel(struct coop_case *c)
{
    struct coro *wake = NULL;
    int r;

    if (!c->ch || !(c->kind == COOP_CASE_RECV ? coop__may_recv(c->ch) : coop__may_send(c->ch)))
        return NOT_READY;
    coop__lock(&c->ch->lock);
    r = try_channel(c, &wake);
    coop__unlock(&c->ch->lock);
    if (wake)
        coop__wait_fire(wake);
    return r;
}

static int look_at(struct coop_case *c, struct desc **ret_desc)
{
    int r;

    switch (c->kind) {
    case COOP_CASE_RECV:
    case COOP_CASE_SEND: return look_at_channel(c);
    case COOP_CASE_FD:
        r = coop__desc_look(c->fd, c->events, ret_desc);
        return r ? r : NOT_READY;
    case COOP_CASE_CHILD: r = coop__child_look(c->child); return r != -EAGAIN ? r : NOT_READY;
    case COOP_CASE_TIMER: return sys_now() >= c->when ? 0 : NOT_READY;
    }
    return NOT_READY;
}

static bool is_channel(const struct coop_case *c)
{
    return c->kind == COOP_CASE_RECV || c->kind == COOP_CASE_SEND;
}

/* ---- all channels at once ---- */

static void sort_channels(struct selection *s)
{
    for (int i = 0; i < s->count; i++) {
        struct coop_chan *ch = is_channel(&s->cases[i]) ? s->cases[i].ch : NULL;
        int at = s->channels;
        bool known = !ch;

        for (int k = 0; k < s->channels; k++)
            known = known || s->order[k] == ch;
        if (known)
            continue;
        for (; at > 0 && (uintptr_t)s->order[at - 1] > (uintptr_t)ch; at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = ch;
        s->channels++;
    }
}

static void lock_all(struct selection *s)
{
    for (int i = 0; i < s->channels; i++)
        coop__lock(&s->order[i]->lock);
}

static void unlock_all(struct selection *s)
{
    for (int i = 0; i < s->channels; i++)
        coop__unlock(&s->order[i]->lock);
}

static struct coop_waitq *queue_of(struct selection *s, int i)
{
    struct coop_case *c = &s->cases[i];

    return c->kind == COOP_CASE_RECV ? &c->ch->receivers : &c->ch->senders;
}

/* All channels at the same moment. The index of a ready one, unlocked; or -1, locked. */
static int try_all_channels(struct selection *s, struct draw *d)
{
    struct coro *wake = NULL;

    sort_channels(s);
    lock_all(s);
    for (int k = 0; k < s->count; k++) {
        int i = draw_next(d, k);
        struct coop_case *c = &s->cases[i];
        int r = is_channel(c) && c->ch ? try_channel(c, &wake) : NOT_READY;

        if (r == NOT_READY)
            continue;
        unlock_all(s);
        if (wake)
            coop__wait_fire(wake);
        c->result = r;
        return i;
    }
    return -1;
}

/* Step 2. The index of a case that was ready after all, or -1: standing in all channels' queues. */
static int stand_in_channels(struct selection *s, struct draw *d)
{
    int ready = try_all_channels(s, d);

    if (ready >= 0)
        return ready;
    coop__wait_begin(s->coro, true);
    for (int i = 0; i < s->count; i++) {
        struct coop_case *c = &s->cases[i];

        s->waiters[i] = (struct waiter){.coro = s->coro, .value = c->value, .index = i};
        if (is_channel(c) && c->ch) {
            coop__chan_turn(c->ch);
            coop__waitq_push(queue_of(s, i), &s->waiters[i]);
        }
    }
    unlock_all(s);
    return -1;
}

/* ---- descriptors and children ---- */

/* It is ready already: wakes ourselves, unless somebody was faster. */
static void claim_self(struct selection *s, int i, int result)
{
    if (!coop__wait_claim(s->coro))
        return;
    s->waiters[i].result = result;
    s->coro->woken_by = &s->waiters[i];
    coop__wait_fire(s->coro);
}

static void stand_at_desc(struct selection *s, int i)
{
    struct coop_case *c = &s->cases[i];
    int r = coop__desc_stand(s->descs[i], c->events, &s->waiters[i]);

    if (r != 0)
        claim_self(s, i, r);
}

/* Step 3. */
static void stand_elsewhere(struct selection *s)
{
    for (int i = 0; i < s->count; i++) {
        struct coop_case *c = &s->cases[i];

        if (c->kind == COOP_CASE_FD)
            stand_at_desc(s, i);
        else if (c->kind == COOP_CASE_CHILD && !coop__child_enqueue(c->child, &s->waiters[i]))
            claim_self(s, i, coop__child_look(c->child));
    }
}

/* Step 5: all but the one by which we were woken ('won', or -1). */
static void leave_queues(struct selection *s, int won)
{
    for (int i = 0; i < s->count; i++) {
        struct coop_case *c = &s->cases[i];

        if (is_channel(c) && c->ch && i != won) {
            coop__lock(&c->ch->lock);
            coop__waitq_remove(queue_of(s, i), &s->waiters[i]);
            coop__unlock(&c->ch->lock);
        } else if (c->kind == COOP_CASE_FD) {
            coop__desc_leave(s->descs[i], &s->waiters[i]);
        } else if (c->kind == COOP_CASE_CHILD) {
            coop__child_dequeue(c->child, &s->waiters[i]);
        }
    }
}

/* ---- looking and waiting ---- */

static int look_at_all(struct selection *s, struct draw *d)
{
    for (int k = 0; k < s->count; k++) {
        int i = draw_next(d, k);
        int r = look_at(&s->cases[i], &s->descs[i]);

        if (r == NOT_READY)
            continue;
        s->cases[i].result = r;
        return i;
    }
    return -1;
}

static void note_timers(struct selection *s)
{
    s->timer = -1;
    for (int i = 0; i < s->count; i++) {
        if (s->cases[i].kind != COOP_CASE_TIMER || s->cases[i].when >= s->deadline)
            continue;
        s->timer = i;
        s->deadline = s->cases[i].when;
    }
}

static bool has_fds(const struct selection *s)
{
    for (int i = 0; i < s->count; i++)
        if (s->cases[i].kind == COOP_CASE_FD)
            return true;
    return false;
}

static int park_and_tell(struct selection *s)
{
    bool outside = has_fds(s);
    struct waiter *w;
    int r;

    if (outside)
        coop__outside_add(1);
    r = coop__wait(s->coro, WAIT_FOR_SELECT, s, s->deadline);
    if (outside)
        coop__outside_add(-1);
    w = r == 0 ? s->coro->woken_by : NULL;
    leave_queues(s, w ? w->index : -1);
    if (w) {
        s->cases[w->index].result = w->result;
        return w->index;
    }
    if (r == -ETIMEDOUT && s->timer >= 0 && sys_now() >= s->deadline) { /* not a shield's end */
        s->cases[s->timer].result = 0;
        return s->timer;
    }
    return r;
}

/* COOP_NOW, and one after the other was not ready: of several channels one may have become ready
 * behind us while another ceased to be before us. */
static int look_at_once(struct selection *s, struct draw *d)
{
    int channels = 0, i = -1;

    for (int k = 0; k < s->count; k++)
        channels += is_channel(&s->cases[k]) && s->cases[k].ch;
    if (channels > 1 && (i = try_all_channels(s, d)) < 0)
        unlock_all(s);
    return i < 0 ? -EAGAIN : i;
}

/* ---- only channels, and no need to wait ---- */

/* The index of a case that was ready, -1: none was, or UNDECIDED at a case that is no channel. */
enum { UNDECIDED = -2 };

static inline int take_a_ready_one(struct coop_case *cases, int count, struct draw *d)
{
    for (int k = 0; k < count; k++) {
        int i = draw_next(d, k), r;

        if (unlikely(!is_channel(&cases[i])))
            return UNDECIDED;
        r = look_at_channel(&cases[i]);
        RT_DELAY();
        if (r == NOT_READY)
            continue;
        cases[i].result = r;
        return i;
    }
    return -1;
}

static inline unsigned turns(const struct coop_case *c)
{
    return is_channel(c) && c->ch ? atomic_load_explicit(&c->ch->turns, memory_order_acquire)
                                  : 0;
}

/* COOP_NOW.  A channel counts what may make it ready (chan.h).  When none has counted on between a
 * look before and one after, then none was ready at the moment between the two, all at once.
 * UNDECIDED: one has. */
static int take_one_now(struct coop_case *cases, int count, struct draw *d)
{
    unsigned before[COOP_SELECT_MAX];
    int i;

    for (i = 0; i < count; i++)
        before[i] = turns(&cases[i]);
    i = take_a_ready_one(cases, count, d);
    if (i != -1)
        return i;
    for (i = 0; i < count; i++)
        if (before[i] != turns(&cases[i]))
            return UNDECIDED;
    return -EAGAIN;
}

/* ---- the whole ---- */

static __attribute__((noinline)) int select_slowly(struct coop_case *cases, int count,
                                                   coop_nsec deadline, struct coro *g,
                                                   struct draw *d)
{
    struct selection s;
    int i;

    s.cases = cases;
    s.count = count;
    s.coro = g;
    s.deadline = deadline;
    s.channels = 0;
    for (int k = 0; k < count; k++)
        s.descs[k] = NULL;
    if (!coop__worker() && has_fds(&s))
        return -EPERM; /* a thread that is not ours must not poll for us */
    i = look_at_all(&s, d);
    if (i >= 0)
        return i;
    if (deadline == COOP_NOW)
        return look_at_once(&s, d);
    if (!g)
        return -EPERM;
    i = stand_in_channels(&s, d);
    if (i >= 0)
        return i;
    note_timers(&s);
    RT_DELAY();
    stand_elsewhere(&s);
    return park_and_tell(&s);
}

int coop_select(struct coop_case *cases, int count, coop_nsec deadline)
{
    struct worker *w = coop__worker();
    struct coro *g = coop__waiter();
    struct draw d;
    int r;

    if (count < 0 || count > COOP_SELECT_MAX)
        return -EINVAL;
    if (deadline != COOP_NOW && g && (r = coop__may_wait(g)) < 0)
        return r;
    draw_begin(&d, w, count);
    r = deadline == COOP_NOW ? take_one_now(cases, count, &d)
                             : take_a_ready_one(cases, count, &d);
    if (r >= 0 || r == -EAGAIN)
        return r;
    return select_slowly(cases, count, deadline, g, &d);
}
