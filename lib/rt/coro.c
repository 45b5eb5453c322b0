/*
 * coro.c - the birth and death of coroutines, and what one may ask about itself
 *
 * A coroutine is born on a free stack (its struct is part of it), joins its scope, and goes to
 * the slot of its maker's processor: it runs next, while what it was given is in the cache.
 * When its function returns it leaves the scope and picks a successor (coop__born(), sched.c); the
 * successor puts the stack back, since nobody can free the ground he stands on.
 */
#include "rt/coro.h"

#include "base/sys.h"
#include "rt/lockorder.h"
#include "rt/park.h"
#include "rt/runq.h"
#include "rt/stack.h"
#include "rt/switch.h"
#include "rt/trace.h"

#include <errno.h>
#include <string.h>

enum { ID_BLOCK = 64 };

/* ---- counting ---- */

/* Counters that all processors write are the dearest part of a short life: each has its own. */
static void count(_Atomic(uint64_t) *own, _Atomic(uint64_t) *common)
{
    if (own)
        atomic_store_explicit(own, atomic_load_explicit(own, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    else
        atomic_fetch_add_explicit(common, 1, memory_order_relaxed);
}

uint64_t coop__births(void)
{
    uint64_t sum = coop__rt.births;

    for (int i = 0; i < coop__rt.procs_made; i++)
        sum += coop__rt.procs[i].births;
    return sum;
}

uint64_t coop__alive(void)
{
    uint64_t ends = coop__rt.ends; /* first: who is counted as ended was born before */

    for (int i = 0; i < coop__rt.procs_made; i++)
        ends += coop__rt.procs[i].ends;
    return coop__births() - ends;
}

/* A processor takes numbers by the block. */
static uint64_t new_id(struct proc *p)
{
    if (!p)
        return atomic_fetch_add(&coop__rt.ids, ID_BLOCK) + 1;
    if (p->last_id % ID_BLOCK == 0)
        p->last_id = atomic_fetch_add(&coop__rt.ids, ID_BLOCK);
    return ++p->last_id;
}

/* ---- birth ---- */

struct coro *coop__coro_new(const struct coop_attr *attr, int (*fn)(void *), void *arg,
                            const void *born_at)
{
    struct worker *w = coop__worker();
    struct proc *p = w ? w->proc : NULL;
    struct coro *g = coop__stack_get(w, attr ? attr->stack_size : 0);

    if (!g)
        return NULL;
    g->fn = fn;
    g->arg = arg;
    g->born_at = born_at;
    g->flags = attr ? attr->flags : 0;
    g->priority = (int8_t)(attr ? attr->priority : 0);
    g->inner = NULL;
    g->shield_on = 0;
    g->local = NULL;
    g->actor = NULL;
    ORDER_BORN(g);
    atomic_store_explicit(&g->cancel, 0, memory_order_relaxed);
    atomic_store_explicit(&g->left, true, memory_order_relaxed);
    atomic_store_explicit(&g->name, attr && attr->name ? attr->name : "", memory_order_relaxed);
    atomic_store_explicit(&g->id, new_id(p), memory_order_relaxed);
    atomic_store_explicit(&g->reason, WAIT_FOR_NOTHING, memory_order_relaxed);
    atomic_store_explicit(&g->state, CORO_READY, memory_order_relaxed);
    count(p ? &p->births : NULL, &coop__rt.births);
    g->fresh = true;
    coop__plant(g, g);
    if (unlikely(atomic_load_explicit(&coop__rt.tracing, memory_order_relaxed)))
        coop__trace_birth(g);
    return g;
}

/* ---- death ---- */

void coop__bury(struct worker *w, struct coro *g)
{
    count(w && w->proc ? &w->proc->ends : NULL, &coop__rt.ends);
    if (unlikely(coop__rt.starved_count) && coop__actor_feed(g))
        return;
    coop__stack_put(w, g);
}

void coop__coro_drop(struct coro *g)
{
    atomic_store_explicit(&g->state, CORO_FREE, memory_order_relaxed);
    coop__bury(coop__worker(), g);
}

/* ---- the calls ---- */

static struct coop_scope *default_scope(const struct coro *self)
{
    return self->inner ? self->inner : atomic_load_explicit(&self->scope, memory_order_relaxed);
}

static bool is_held(const struct coop_scope *scope, const struct coro *self)
{
    return scope == self->inner ||
           scope == atomic_load_explicit(&self->scope, memory_order_relaxed);
}

static bool within_bounds(const struct coop_attr *attr, const void *arg)
{
    return attr->copy <= COOP_COPY_MAX && (arg || !attr->copy) &&
           !(attr->flags & ~(unsigned)(COOP_URGENT | COOP_DAEMON)) &&
           attr->stack_size <= STACK_MOST && attr->priority >= COOP_PRIORITY_FIRST &&
           attr->priority <= COOP_PRIORITY_LAST;
}

/* 'w' is NULL in a foreign thread. */
static int start(struct worker *w, struct coop_scope *scope, const struct coop_attr *attr,
                 int (*fn)(void *), void *arg, const void *born_at)
{
    struct coro *g;
    int r;

    if (!fn || (attr && !within_bounds(attr, arg)))
        return -EINVAL;
    if (attr && (attr->flags & COOP_DAEMON))
        scope = &coop__rt.daemon_scope;
    if (!scope)
        scope = w ? default_scope(w->current) : &coop__rt.root_scope;
    g = coop__coro_new(attr, fn, arg, born_at);
    if (!g)
        return -ENOMEM;
    if (attr && attr->copy) {
        coop__stack_write_top(g, 2 * COOP_COPY_MAX);
        g->arg = memcpy((char *)g - COOP_COPY_MAX, arg, attr->copy);
        coop__plant(g, g->arg);
    }
    r = coop__scope_join(scope, g, w && is_held(scope, w->current));
    if (r < 0) {
        coop__coro_drop(g);
        return r;
    }
    if (!w || (g->flags & COOP_URGENT)) {
        coop__ready(g);
    } else {
        coop__runq_put(w->proc, g, true);
        coop__work_made(w->proc);
    }
    return 0;
}

static int go(struct coop_scope *scope, const struct coop_attr *attr, int (*fn)(void *),
              void *arg, const void *born_at)
{
    struct worker *w = coop__worker();
    int r = -EPERM;

    if (likely(w != NULL))
        return w->current != &w->root && w->proc ? start(w, scope, attr, fn, arg, born_at) : r;
    if (coop__foreign_enter()) {
        r = start(NULL, scope, attr, fn, arg, born_at);
        coop__foreign_leave();
    }
    return r;
}

int coop_go_with(struct coop_scope *scope, const struct coop_attr *attr, int (*fn)(void *),
                 void *arg)
{
    return go(scope, attr, fn, arg, __builtin_return_address(0));
}

int coop_go(struct coop_scope *scope, int (*fn)(void *), void *arg)
{
    return go(scope, NULL, fn, arg, __builtin_return_address(0));
}

static void back_in_line(struct worker *w, struct coro *g)
{
    atomic_store_explicit(&g->state, CORO_READY, memory_order_relaxed);
    coop__runq_put(w->proc, g, false);
}

void coop__let_others(void)
{
    struct worker *w = coop__worker();
    struct proc *p = w->proc;

    /* Alone: nothing to do but to look at the clock and the poller now and then. */
    if (coop__runq_is_empty(p) && !coop__rt.global_count && !coop__rt.urgent_count &&
        (int)(p->tick + 1 - p->look_at) < 0) {
        p->tick++;
        coop__count_switch(p);
        return;
    }
    coop__leave(w, w->current, back_in_line);
}

int coop_yield(void)
{
    struct worker *w = coop__worker();
    int r;

    if (unlikely(!w || !w->proc || w->current == &w->root))
        return -EPERM;
    r = coop__may_wait(w->current);
    coop__let_others();
    return r;
}

int coop_sleep_until(coop_nsec deadline)
{
    struct coro *g = coop__self();
    int r;

    if (!g)
        return -EPERM;
    if (deadline <= 0)
        return coop_yield();
    do {
        r = coop__may_wait(g);
        if (r < 0)
            return r;
        coop__wait_begin(g, true);
        r = coop__wait(g, WAIT_FOR_TIME, NULL, deadline);
    } while (r == -ETIMEDOUT && g->shield_on && sys_now() < deadline);
    if (r != -ETIMEDOUT)
        return r;
    /* A scope whose time is over cancels with the same word. */
    return coop_cancelled() == r && sys_now() < deadline ? r : 0;
}

coop_nsec coop_now(void)
{
    return sys_now();
}

uint64_t coop_id(void)
{
    struct coro *g = coop__self();

    return g ? g->id : 0;
}

const char *coop_name(void)
{
    struct coro *g = coop__self();

    return g ? g->name : "";
}

void coop_set_local(void *value)
{
    struct coro *g = coop__self();

    if (g)
        g->local = value;
}

void *coop_local(void)
{
    struct coro *g = coop__self();

    return g ? g->local : NULL;
}

int coop_inside(void)
{
    return coop__self() != NULL;
}
