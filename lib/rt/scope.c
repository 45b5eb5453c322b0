/*
 * scope.c - coroutines in scopes, and the -ECANCELED contract
 *
 * THE NOUNS
 *   scope    has members (coroutines) and inner scopes, which members have opened
 *   owner    the coroutine that opened it, in whose frame it lives
 *   reason   why it is cancelled: a negative errno; the first one stays
 *
 * Cancelling writes the reason into every member, wakes those that wait (park.c), and goes on
 * with the inner scopes.  It is a level: a member's reason is never cleared, and who joins
 * later inherits it.  The owner is not a member of what it opened: it must be able to wait for
 * the end.
 *
 * LOCKS
 *   Each scope has one, for its members, its inner scopes and its reason; taken from the
 *   outside inward. A scope leaves its parent before its frame ends, under the parent's lock,
 *   so that a canceller on its way inward never meets a dead one.
 *
 * THE OUTERMOST TWO
 *   have no list: they count (outermost.c).  Who cancels one looks at every slot.
 *
 * LAST ONE OUT
 *   The last member wakes the owner and must not touch the scope after that: the owner's frame
 *   may be gone.  So it claims the owner under the lock, unlocks, and fires.
 */
#include "rt/coro.h"

#include "base/sys.h"
#include "rt/outermost.h"
#include "rt/park.h"
#include "rt/stack.h"
#include "rt/timer.h"

#include <errno.h>

/* ---- members ---- */

int coop__scope_join(struct coop_scope *scope, struct coro *g, bool held)
{
    struct coro *first;
    int why;

    if (likely(coop__is_outermost(scope)))
        return coop__outermost_join(scope, g, held);
    coop__lock(&scope->lock);
    why = scope->why;
    if (!why) {
        first = scope->members;
        atomic_store_explicit(&g->scope, scope, memory_order_relaxed);
        g->scope_prev = NULL;
        g->scope_next = first;
        if (first)
            first->scope_prev = g;
        scope->members = g;
        scope->alive++;
    }
    coop__unlock(&scope->lock);
    return why;
}

static void cancel_locked(struct coop_scope *scope, int why);

/* A member has failed: the others need not go on. */
static void fail_locked(struct coop_scope *scope, int result)
{
    if (scope->result || scope->why || scope == &coop__rt.daemon_scope)
        return;
    scope->result = result;
    cancel_locked(scope, -ECANCELED);
}

static void leave_listed(struct coop_scope *scope, struct coro *g, int result)
{
    struct coro *owner = NULL;

    coop__lock(&scope->lock);
    if (g->scope_prev)
        g->scope_prev->scope_next = g->scope_next;
    else
        scope->members = g->scope_next;
    if (g->scope_next)
        g->scope_next->scope_prev = g->scope_prev;
    atomic_store_explicit(&g->scope, NULL, memory_order_relaxed);
    if (result)
        fail_locked(scope, result);
    if (--scope->alive == 0 && scope->waiter && coop__wait_claim(scope->waiter)) {
        owner = scope->waiter;
        scope->waiter = NULL;
    }
    coop__unlock(&scope->lock);
    RT_DELAY();
    if (owner)
        coop__wait_fire(owner);
}

void coop__scope_leave(struct coro *g, int result)
{
    struct coop_scope *scope = atomic_load_explicit(&g->scope, memory_order_relaxed);

    if (unlikely(!coop__is_outermost(scope))) {
        leave_listed(scope, g, result);
        return;
    }
    if (unlikely(result)) {
        coop__lock(&scope->lock);
        fail_locked(scope, result);
        coop__unlock(&scope->lock);
    }
    coop__outermost_leave(scope, g);
}

/* ---- cancelling ---- */

static void tell(struct coro *g, int why)
{
    int none = 0;

    atomic_compare_exchange_strong(&g->cancel, &none, why);
}

static void wake(struct coro *g, __attribute__((unused)) int why)
{
    coop__wait_cancel(g, g->cancel);
}

struct visit {
    const struct coop_scope *scope;
    void (*fn)(struct coro *g, int why);
    int why;
};

static int visit_member(struct coro *g, void *arg)
{
    const struct visit *v = arg;

    /* acquire: whoever lived on this slot before is not told */
    if (atomic_load_explicit(&g->scope, memory_order_acquire) == v->scope) {
        RT_DELAY();
        v->fn(g, v->why);
    }
    return 0;
}

static void each_member(struct coop_scope *scope, void (*fn)(struct coro *g, int why), int why)
{
    if (coop__is_outermost(scope))
        coop__stacks_each(visit_member, &(struct visit){scope, fn, why});
    for (struct coro *g = scope->members; g; g = g->scope_next)
        fn(g, why);
}

static void cancel_locked(struct coop_scope *scope, int why)
{
    bool outermost = coop__is_outermost(scope);

    if (scope->why)
        return;
    scope->why = why;
    if (outermost)
        coop__outermost_shut(scope);
    each_member(scope, tell, why);
    if (outermost || scope->members)
        coop__wait_fence();
    each_member(scope, wake, why);
    for (struct coop_scope *in = scope->inner; in; in = in->next) {
        coop__lock(&in->lock);
        cancel_locked(in, why);
        coop__unlock(&in->lock);
    }
}

void coop_scope_cancel(struct coop_scope *scope, int why)
{
    if (why > 0)
        coop__misuse("a scope is cancelled for a reason that is not a negative errno");
    coop__lock(&scope->lock);
    cancel_locked(scope, why ? why : -ECANCELED);
    coop__unlock(&scope->lock);
}

/* Under the heap's lock; a canceller wakes coroutines, which needs no timer lock. */
static void deadline_passed(struct coop_timer_node *node)
{
    struct coop_scope *scope =
        (struct coop_scope *)(void *)((char *)node - offsetof(struct coop_scope, deadline));

    coop_scope_cancel(scope, -ETIMEDOUT);
}

int coop_cancelled(void)
{
    struct coro *g = coop__self();

    return g ? atomic_load_explicit(&g->cancel, memory_order_relaxed) : 0;
}

void coop_shield_begin(struct coop_shield *shield, coop_nsec deadline)
{
    struct coro *g = coop__self();

    if (!g)
        return;
    shield->outer_on = g->shield_on;
    shield->outer_deadline = g->shield_deadline;
    if (!g->shield_on || deadline < g->shield_deadline)
        g->shield_deadline = deadline;
    g->shield_on = 1;
}

void coop_shield_end(const struct coop_shield *shield)
{
    struct coro *g = coop__self();

    if (!g)
        return;
    g->shield_on = shield->outer_on;
    g->shield_deadline = shield->outer_deadline;
}

/* ---- a scope's life ---- */

void coop_scope_init(struct coop_scope *scope, const char *name, coop_nsec deadline)
{
    struct coro *g = coop__self();
    struct coop_scope *parent;

    if (!g)
        coop__misuse("coop_scope_init outside of a coroutine");
    parent = g->inner ? g->inner : g->scope;
    *scope = (struct coop_scope){.name = name, .parent = parent, .outer = g->inner, .owner = g};
    g->inner = scope;
    if (parent) {
        coop__lock(&parent->lock);
        scope->why = parent->why;
        scope->next = parent->inner;
        if (parent->inner)
            parent->inner->prev = scope;
        parent->inner = scope;
        coop__unlock(&parent->lock);
    }
    if (deadline > 0 && deadline != COOP_FOREVER)
        coop__timer_add(&scope->deadline, deadline, deadline_passed);
}

static void leave_parent(struct coop_scope *scope)
{
    struct coop_scope *parent = scope->parent;

    if (!parent)
        return;
    coop__lock(&parent->lock);
    if (scope->prev)
        scope->prev->next = scope->next;
    else
        parent->inner = scope->next;
    if (scope->next)
        scope->next->prev = scope->prev;
    coop__unlock(&parent->lock);
}

static int wait_till_empty(struct coop_scope *scope, struct coro *g, bool cancellable)
{
    coop__lock(&scope->lock);
    if (scope->alive == 0) {
        coop__unlock(&scope->lock);
        return 0;
    }
    coop__wait_begin(g, cancellable);
    scope->waiter = g;
    coop__unlock(&scope->lock);
    return coop__wait(g, WAIT_FOR_SCOPE, scope, COOP_FOREVER);
}

static void forget_waiter(struct coop_scope *scope)
{
    coop__lock(&scope->lock);
    scope->waiter = NULL;
    coop__unlock(&scope->lock);
}

static void drain(struct coop_scope *scope)
{
    struct coro *g = coop__current();
    int shield = g->shield_on;

    g->shield_on = 0; /* a shield's deadline does not bound this */
    while (wait_till_empty(scope, g, false) < 0)
        forget_waiter(scope);
    g->shield_on = shield;
}

/* Waits till it is empty, cancelled or not, and lets nobody in after that.  Returns why it was
 * cancelled before, or 0. */
static int close_scope(struct coop_scope *scope)
{
    bool empty = false;
    int why = 0;

    while (!empty) {
        drain(scope);
        coop__lock(&scope->lock); /* the last member may be about to unlock: meet it */
        scope->waiter = NULL;
        empty = scope->alive == 0;
        why = scope->why;
        if (empty && !why)
            scope->why = -ECANCELED;
        coop__unlock(&scope->lock);
    }
    return why;
}

int coop_scope_wait(struct coop_scope *scope)
{
    struct coro *g = coop__self();
    int why;

    if (!g || scope->owner != g || g->inner != scope)
        coop__misuse("coop_scope_wait: not the innermost scope of this coroutine");
    why = coop__may_wait(g);
    if (!why && (why = wait_till_empty(scope, g, true)) < 0)
        forget_waiter(scope);
    if (why < 0)
        coop_scope_cancel(scope, why);
    why = close_scope(scope);
    coop__timer_remove(&scope->deadline);
    leave_parent(scope);
    g->inner = scope->outer;
    return scope->result ? scope->result : why;
}

int coop_scope_end(struct coop_scope *scope)
{
    coop_scope_cancel(scope, -ECANCELED);
    return coop_scope_wait(scope);
}
