/*
 * deadlock.c - when all coroutines are asleep, and nothing can wake them
 *
 * Asked by the worker that is about to sleep in the poller without a timeout: it holds no lock
 * and no processor, and nobody else is awake.  What may still wake a coroutine is counted where
 * it waits (runtime.outside): descriptors, signals, children.  Daemons and actors do not count
 * on either side: a program that waits for an actor that waits for nothing is as dead as one
 * without.
 *
 * The report says who waits for whom where that is known: who runs a once, who is left in a
 * scope, and in debug builds who holds a lock (lockorder.c); then everybody, as the dump does.
 */
#include "rt/coro.h"
#include "rt/dump.h"
#include "rt/poller.h"
#include "rt/ready.h"
#include "rt/stack.h"
#include "rt/timer.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- who waits for whom ---- */

enum { TOLD_MOST = 50, CIRCLE_MOST = 64 };

struct search {
    const void *object;
    const struct coro *found;
};

static int is_in_scope(struct coro *g, void *arg)
{
    struct search *s = arg;

    if (g->state != CORO_FREE && g->scope == s->object)
        s->found = g;
    return s->found != NULL;
}

#ifdef COOP_DEBUG
static int holds(struct coro *g, void *arg)
{
    struct search *s = arg;

    for (int i = 0; g->state != CORO_FREE && i < g->held_count; i++)
        if (g->held[i].lock == s->object)
            s->found = g;
    return s->found != NULL;
}

static const struct coro *holder_of(const void *lock, const char **ret_why)
{
    struct search s = {.object = lock};

    *ret_why = "held by";
    coop__stacks_each(holds, &s);
    return s.found;
}
#endif

/* Without whom g cannot go on, and why; NULL: not known. */
static const struct coro *waits_for(const struct coro *g, const char **ret_why)
{
    struct search s = {.object = g->object};
    const char *at = s.object;

    switch ((int)g->reason) {
    case WAIT_FOR_SCOPE:
        *ret_why = "where there is still";
        coop__stacks_each(is_in_scope, &s);
        return s.found;
    case WAIT_FOR_ONCE: /* in its queue */
        *ret_why = "which is run by";
        at -= offsetof(struct coop_once, waiters);
        return ((const struct coop_once *)(const void *)at)->runner;
#ifdef COOP_DEBUG
    case WAIT_FOR_MUTEX: return holder_of(at, ret_why);
    case WAIT_FOR_RWLOCK_R:
        return holder_of(at - offsetof(struct coop_rwlock, readers_waiting), ret_why);
    case WAIT_FOR_RWLOCK_W:
        return holder_of(at - offsetof(struct coop_rwlock, writers_waiting), ret_why);
#endif
    default: return NULL;
    }
}

/* Told at the one with the smallest id. */
static void say_circle(struct report *r, const struct coro *first)
{
    const struct coro *g = first;
    const char *why;
    int n = 0;

    do {
        g = waits_for(g, &why);
    } while (g && g->state == CORO_WAITING && g != first && g->id > first->id &&
             n++ < CIRCLE_MOST);
    if (g != first)
        return;
    coop__say(r, "a circle: %lu", (unsigned long)first->id);
    for (g = waits_for(first, &why); g && g != first; g = waits_for(g, &why))
        coop__say(r, " -> %lu", (unsigned long)g->id);
    coop__say(r, " -> %lu\n", (unsigned long)first->id);
}

struct telling {
    struct report out;
    int left;
};

static int say_wait(struct coro *g, void *arg)
{
    struct telling *t = arg;
    const struct coro *other;
    const char *why = "";

    if (g->state != CORO_WAITING || !(other = waits_for(g, &why)))
        return 0;
    coop__say_who(&t->out, g);
    coop__say(&t->out, " waits in %s on %p, %s ", coop__wait_words[g->reason], g->object, why);
    coop__say_who(&t->out, other);
    coop__say(&t->out, "\n");
    say_circle(&t->out, g);
    return --t->left == 0;
}

static _Noreturn void report(void)
{
    struct telling t = {.out.fd = STDERR_FILENO, .left = TOLD_MOST};

    coop__say(&t.out, "coop: all coroutines are asleep, and nothing can wake them\n");
    coop__stacks_each(say_wait, &t);
    coop__say_end(&t.out);
    coop_dump(STDERR_FILENO);
    abort();
}

/* ---- is it one? ---- */

/* Exact when all processors are at rest; one that works on may have counted since. */
static int waits_for_outside(void)
{
    int n = coop__rt.outside;

    for (int i = 0; i < coop__rt.procs_made; i++)
        n += atomic_load_explicit(&coop__rt.procs[i].outside, memory_order_relaxed);
    return n;
}

/* Every coroutine waits.  Is there anything that could ever wake one? */
void coop__check_deadlock(coop_nsec first_timer)
{
    bool asleep;
    int off = 0;

    if (first_timer != COOP_FOREVER || coop__rt.foreign_wakes || waits_for_outside() ||
        coop__rt.blocked || coop__rt.over || coop__alive() == 0)
        return;
    coop__lock(&coop__rt.lock);
    asleep = !coop__rt.poller_handed && !coop__rt.blocked && !waits_for_outside() &&
             !coop__work_in_sight();
    /* A processor that is on its way to a worker is in no list, but not running yet. */
    for (int i = 0; i < coop__rt.procs_made; i++)
        off += coop__rt.procs[i].status == PROC_OFF;
    asleep = asleep && coop__rt.idle_procs_count + off == coop__rt.procs_made;
    coop__unlock(&coop__rt.lock);
    if (!asleep || coop__timers_first() != COOP_FOREVER)
        return;
    if (coop__rt.on_deadlock)
        coop__rt.on_deadlock();
    report();
}

/* The worker in the poller has looked while we still held a processor, and saw somebody awake:
 * it must look again, or nobody ever does. */
void coop__recheck_deadlock(void)
{
    if (coop__rt.foreign_wakes || waits_for_outside() || coop__rt.blocked || coop__rt.over ||
        coop__alive() == 0 || coop__rt.idle_procs_count < coop__rt.procs_count ||
        coop__timers_first() != COOP_FOREVER)
        return;
    coop__poll_kick();
}
