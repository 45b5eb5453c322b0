/*
 * timer.c - points in time, in a heap per processor
 *
 * A 4-ary heap: half the depth of a binary one, and four children share a cache line.  An entry
 * carries its time: nodes lie in the pages of sleeping coroutines, and each look into one of
 * them would be a miss in every cache.  Equal times fire in the order in which they were set (a
 * running number breaks ties).  A heap never moves: it is a reservation of address space that
 * is touched as it grows, so that setting a timer cannot fail.
 *
 * WHO LOOKS
 *   A busy worker every 32 picks and whenever its queue is empty; the worker that sleeps in the
 *   poller has the earliest time of all heaps as its timeout, and wakes to fire what other,
 *   busy processors neglect. Who sets a timer that is earlier than the sleeper's timeout kicks
 *   it (poller.c): set, then read poll_until; the sleeper writes poll_until, then reads the
 *   heaps.  One of them sees the other.
 *
 * CROWDS
 *   Among ten thousand sleepers one is due every few microseconds, and to wake up for each would
 *   cost more than all that they do.  So the rounds of the sleeping worker keep a distance that
 *   grows with the number of timers, up to half a millisecond; a few hundred timers are served
 *   to the point.
 *
 * Also here: coop_timer, the public one, that posts to an actor.
 */
#include "rt/timer.h"

#include "base/sys.h"
#include "rt/leaks.h"
#include "rt/poller.h"
#include "rt/trace.h"

#include <errno.h>
#include <sys/mman.h>

enum { HEAP_MAX = 2 * 1024 * 1024, ARITY = 4 };

/* The distance of two rounds: so much for each timer that waits, and never more than that. */
#define PER_TIMER    INT64_C(100)
#define DISTANCE_MAX (COOP_NSEC_PER_MSEC / 2)

static _Atomic(uint64_t) turns;
static _Atomic(coop_nsec) last_round; /* of who sleeps in the poller */

/* ---- the heap, under the processor's timer_lock ---- */

static bool before(const struct timer_entry *a, const struct timer_entry *b)
{
    return a->when != b->when ? a->when < b->when : a->node->turn < b->node->turn;
}

static void place(struct proc *p, int at, struct timer_entry entry)
{
    p->heap[at] = entry;
    entry.node->slot = at + 1;
}

static void sift_up(struct proc *p, int at, struct timer_entry entry)
{
    while (at > 0) {
        int parent = (at - 1) / ARITY;

        if (!before(&entry, &p->heap[parent]))
            break;
        place(p, at, p->heap[parent]);
        at = parent;
    }
    place(p, at, entry);
}

static void sift_down(struct proc *p, int at, struct timer_entry entry)
{
    for (;;) {
        int child = at * ARITY + 1, best = child;

        if (child >= p->heap_size)
            break;
        for (int c = child + 1; c < child + ARITY && c < p->heap_size; c++)
            if (before(&p->heap[c], &p->heap[best]))
                best = c;
        if (!before(&p->heap[best], &entry))
            break;
        place(p, at, p->heap[best]);
        at = best;
    }
    place(p, at, entry);
}

static void publish_first(struct proc *p)
{
    atomic_store_explicit(&p->timers_count, p->heap_size, memory_order_relaxed);
    atomic_store(&p->first_timer, p->heap_size ? p->heap[0].when : 0);
}

static void put_in(struct proc *p, struct coop_timer_node *node)
{
    node->turn = atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed);
    sift_up(p, p->heap_size++, (struct timer_entry){node->when, node});
}

static void take_out(struct proc *p, struct coop_timer_node *node)
{
    int at = node->slot - 1;
    struct timer_entry last = p->heap[--p->heap_size];

    node->slot = 0;
    if (last.node == node)
        return;
    if (at > 0 && before(&last, &p->heap[(at - 1) / ARITY]))
        sift_up(p, at, last);
    else
        sift_down(p, at, last);
}

/* ---- the calls ---- */

void coop__timer_add(struct coop_timer_node *node, coop_nsec when,
                     void (*fire)(struct coop_timer_node *))
{
    struct worker *w = coop__worker();
    struct proc *p = w && w->proc ? w->proc : &coop__rt.procs[0];
    coop_nsec until;

    if (unlikely(!coop__rt.procs))
        coop__misuse("a timer was set while no runtime runs");
    node->when = when > 0 ? when : 1;
    node->fire = fire;
    node->home = p;
    coop__lock(&p->timer_lock);
    if (p->heap_size == HEAP_MAX)
        coop__misuse("more than two million timers on one processor");
    put_in(p, node);
    publish_first(p);
    coop__unlock(&p->timer_lock);
    RT_DELAY();
    until = atomic_load(&coop__rt.poll_until);
    if (unlikely(until && when < until))
        coop__poll_kick();
}

bool coop__timer_remove(struct coop_timer_node *node)
{
    struct proc *p = node->home;
    bool pending;

    if (!p || !coop__rt.procs)
        return false;
    coop__lock(&p->timer_lock);
    pending = node->slot != 0;
    if (pending) {
        take_out(p, node);
        publish_first(p);
    }
    coop__unlock(&p->timer_lock);
    return pending;
}

void coop__timers_run(struct proc *p)
{
    coop_nsec first = atomic_load_explicit(&p->first_timer, memory_order_relaxed), now;

    if (first == 0)
        return;
    now = sys_now();
    if (first > now)
        return;
    coop__lock(&p->timer_lock);
    while (p->heap_size && p->heap[0].when <= now) {
        struct coop_timer_node *node = p->heap[0].node;

        take_out(p, node);
        if (p->heap_size) /* in the page of a sleeper: not in any cache */
            __builtin_prefetch(p->heap[0].node);
        coop__trace(coop__worker(), TRACE_TIMER, 0, (uint64_t)(now - node->when));
        if (node->period > 0) { /* ticks that were missed are dropped */
            node->when += (now - node->when) / node->period * node->period;
            node->when = coop_after(node->when, node->period);
            if (node->when != COOP_FOREVER)
                put_in(p, node);
        }
        publish_first(p);
        RT_DELAY();
        node->fire(node);
    }
    coop__unlock(&p->timer_lock);
}

void coop__timers_run_all(void)
{
    atomic_store_explicit(&last_round, sys_now(), memory_order_relaxed);
    for (int i = 0; i < coop__rt.procs_made; i++)
        coop__timers_run(&coop__rt.procs[i]);
}

coop_nsec coop__timers_first(void)
{
    coop_nsec first = COOP_FOREVER;

    for (int i = 0; i < coop__rt.procs_made; i++) {
        coop_nsec own = atomic_load(&coop__rt.procs[i].first_timer);

        if (own && own < first)
            first = own;
    }
    return first;
}

coop_nsec coop__timers_round(coop_nsec first)
{
    coop_nsec distance = 0, earliest;

    if (first == COOP_NOW || first == COOP_FOREVER || coop__rt.sim)
        return first;
    for (int i = 0; i < coop__rt.procs_made; i++)
        distance += PER_TIMER *
                    atomic_load_explicit(&coop__rt.procs[i].timers_count, memory_order_relaxed);
    if (distance > DISTANCE_MAX)
        distance = DISTANCE_MAX;
    earliest = atomic_load_explicit(&last_round, memory_order_relaxed) + distance;
    return first > earliest ? first : earliest;
}

int coop__timers_start(struct proc *p)
{
    void *heap = mmap(NULL, HEAP_MAX * sizeof(struct timer_entry), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (heap == MAP_FAILED)
        return -ENOMEM;
    p->heap = heap;
    return 0;
}

void coop__timers_end(void)
{
    for (int i = 0; i < coop__rt.procs_made; i++) {
        struct proc *p = &coop__rt.procs[i];

        /* Timers that were left running can be set again in the next runtime. */
        for (int k = 0; k < p->heap_size; k++) {
            p->heap[k].node->slot = 0;
            p->heap[k].node->home = NULL;
        }
        munmap(p->heap, HEAP_MAX * sizeof(struct timer_entry));
    }
}

/* ---- coop_timer: posts to an actor ---- */

static void post_timer(struct coop_timer_node *node)
{
    struct coop_timer *t =
        (struct coop_timer *)(void *)((char *)node - offsetof(struct coop_timer, node));

    coop_post(t->actor, &t->msg);
}

void coop_timer_init(struct coop_timer *t, struct coop_actor *actor, int kind)
{
    *t = (struct coop_timer){.actor = actor};
    coop_msg_init(&t->msg, kind);
}

static bool set(struct coop_timer *t, coop_nsec first, coop_nsec period, const void *caller)
{
    bool pending;

    coop__leak_made(LEAK_TIMER, t, caller);
    coop__lock(&t->lock);
    pending = coop__timer_remove(&t->node);
    pending = coop_recall(&t->msg) || pending;
    t->node.period = period;
    if (first != COOP_FOREVER)
        coop__timer_add(&t->node, first, post_timer);
    coop__unlock(&t->lock);
    return pending;
}

bool coop_timer_set_periodic(struct coop_timer *t, coop_nsec first, coop_nsec period)
{
    return set(t, first, period, __builtin_return_address(0));
}

bool coop_timer_set(struct coop_timer *t, coop_nsec deadline)
{
    return set(t, deadline, 0, __builtin_return_address(0));
}

bool coop_timer_stop(struct coop_timer *t)
{
    return set(t, COOP_FOREVER, 0, NULL);
}

void coop_timer_done(struct coop_timer *t)
{
    coop_timer_stop(t);
    coop_msg_unlink(t->actor, &t->msg);
}
