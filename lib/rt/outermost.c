/*
 * outermost.c - the root scope and the daemons'
 *
 * Most coroutines of a program are born in one of these two, as Go's are born in none.  A list
 * of members would be kept for the one moment in the runtime's life when it is cancelled; each
 * birth and death would touch two neighbours in it, which in a crowd are in no cache, under a lock
 * that all processors want.  So these two count, by one atomic addition each; when one is cancelled
 * after all, every slot is looked at (coop__stacks_each).  A scope that a program opens has a list
 * (scope.c): it may be cancelled often, and that must not cost more than it has members.
 *
 * THE WORD
 *
 *        holds (31 bits)                                  CANCELLED
 *      [ 1 of the owner, till it waits  +  1 per member ] [   0   ]
 *
 *   HOLD   Whoever has one may add another: the caller is a member, or the owner that has not
 *          waited yet.  Others (foreign threads, actors, who starts a daemon) add one only to what
 *          is not zero, by compare-and-swap.  So zero is the end: nothing comes after it.
 *   LAST   Who takes away the last one wakes the owner, whose wait nobody can cancel.
 *          It has opened its wait before it gave up its hold, so the claim cannot fail.  It takes
 *          away its own last: then it does not wait.
 *
 * CANCELLED, AND WHO IS THERE
 *   The canceller holds the scope's lock from before it sets the bit till it has told everybody.
 *
 *     birth                      canceller                       death
 *       1. g->scope = scope        1. lock, write why              1. g->scope = NULL
 *       2. word += HOLD            2. word |= CANCELLED            2. word -= HOLD
 *       3. bit was set:            3. look at every slot: those    3. bit was set:
 *          lock, g->scope = NULL,     with g->scope == scope          lock, unlock
 *          unlock, refused         4. unlock                       4. the slot may be used again
 *
 *   All three change one word, so there is one order of it.  A birth before the bit is seen: its
 *   step 1 was released by its step 2, which the canceller's acquires.  A death before the bit is
 *   seen, too: the canceller does not take the slot for a member, nor a later life of it.  Birth
 *   and death after the bit wait for the lock, so the canceller never tells a slot that has become
 *   somebody else's.  That is why the additions are acq_rel, and why births and deaths look at what
 *   they have added to.
 *
 *   tests/stress/root_storm.c cancels the root while births and deaths go on; without the waiting
 *   in either step 3 (COOP_MUTANT_NO_MEETING) coroutines of later lives are cancelled.
 */
#include "rt/outermost.h"

#include "rt/park.h"

#include <errno.h>

enum { CANCELLED = 1, HOLD = 2 };

/* Each in a cache line of its own: all processors write it. */
static struct {
    _Atomic(uint32_t) word;
} __attribute__((aligned(128))) counts[2];

static _Atomic(uint32_t) *word_of(const struct coop_scope *scope)
{
    return &counts[scope == &coop__rt.daemon_scope].word;
}

void coop__outermost_start(void)
{
    coop__rt.root_scope = (struct coop_scope){.name = "root"};
    coop__rt.daemon_scope = (struct coop_scope){.name = "daemons"};
    counts[0].word = counts[1].word = HOLD;
}

static bool take_hold(_Atomic(uint32_t) *word, bool held)
{
    uint32_t seen;

    if (likely(held)) {
        seen = atomic_fetch_add_explicit(word, HOLD, memory_order_acq_rel);
        if (likely(!(seen & CANCELLED)))
            return true;
        atomic_fetch_sub_explicit(word, HOLD, memory_order_acq_rel); /* not the last */
        return false;
    }
    seen = atomic_load_explicit(word, memory_order_relaxed);
    while (seen >= HOLD && !(seen & CANCELLED))
        if (atomic_compare_exchange_weak_explicit(word, &seen, seen + HOLD,
                                                  memory_order_acq_rel, memory_order_relaxed))
            return true;
    return false;
}

int coop__outermost_join(struct coop_scope *scope, struct coro *g, bool held)
{
    int why;

    atomic_store_explicit(&g->scope, scope, memory_order_relaxed);
    RT_DELAY();
    if (likely(take_hold(word_of(scope), held)))
        return 0;
    coop__lock(&scope->lock);
    atomic_store_explicit(&g->scope, NULL, memory_order_relaxed);
    why = scope->why;
    coop__unlock(&scope->lock);
    return why ? why : -ECANCELED;
}

/* The canceller may be about to tell us. */
static void meet_canceller(struct coop_scope *scope)
{
#ifdef COOP_MUTANT_NO_MEETING
    (void)scope;
#else
    coop__lock(&scope->lock);
    coop__unlock(&scope->lock);
#endif
}

void coop__outermost_leave(struct coop_scope *scope, struct coro *g)
{
    uint32_t seen;

    atomic_store_explicit(&g->scope, NULL, memory_order_relaxed);
    RT_DELAY();
    seen = atomic_fetch_sub_explicit(word_of(scope), HOLD, memory_order_acq_rel);
    if (unlikely(seen & CANCELLED))
        meet_canceller(scope);
    if (unlikely(seen < 2 * HOLD) && coop__wait_claim(scope->owner))
        coop__wait_fire(scope->owner);
}

void coop__outermost_shut(struct coop_scope *scope)
{
    atomic_fetch_or_explicit(word_of(scope), CANCELLED, memory_order_acq_rel);
    RT_DELAY();
}

void coop__outermost_close(struct coop_scope *scope)
{
    struct coro *g = coop__current();
    int shield = g->shield_on;

    scope->owner = g;
    g->shield_on = 0; /* a shield's deadline does not bound this */
    coop__wait_begin(g, false);
    RT_DELAY();
    if (atomic_fetch_sub_explicit(word_of(scope), HOLD, memory_order_acq_rel) < 2 * HOLD)
        coop__wait_abandon(g);
    else
        coop__wait(g, WAIT_FOR_SCOPE, scope, COOP_FOREVER);
    g->shield_on = shield;
}
