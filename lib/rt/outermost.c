/*
 * outermost.c - the root scope and the daemons'
 *
 * Most coroutines of a program are born in one of these two, as Go's are born in none.  A list
 * of members would be kept for the one moment in the runtime's life when it is cancelled; each
 * birth and death would touch two neighbours in it, which in a crowd are in no cache, under a lock
 * that all processors want.  So these two count, each processor for itself; when one is cancelled
 * after all, every slot is looked at (coop__stacks_each).  A scope that a program opens has a list
 * (scope.c): it may be cancelled often, and that must not cost more than it has members.
 *
 * THE COUNT
 *   is the word, and what each processor keeps beside it ("members": births less deaths that
 *   its worker has seen to; it may be negative).  So most births and deaths write their own
 *   processor's line only, and just read the word.
 *
 *        holds (62 bits)                                       CLOSING  CANCELLED
 *      [ OWNER, till it waits  +  1 per member counted here ] [   0       0     ]
 *
 *   HOLD      Whoever has one may add another: the caller is a member, or the owner that has not
 *             waited yet.  Others (foreign threads, actors, who starts a daemon) add one only to
 *             a word that holds anything, by compare-and-swap.  So zero is the end: nothing comes
 *             after it.
 *   CLOSING   The owner is about to wait.  From here on all count in the word.  The owner adds
 *             up what the processors keep; only then does it give up OWNER, which is more than
 *             all members: before that the word cannot come to zero, whatever the order.
 *   LAST      Who takes away the last one wakes the owner, whose wait nobody can cancel.
 *             It has opened its wait before it gave up OWNER, so the claim cannot fail.  If
 *             nothing else is left by then, it does not wait.
 *
 *     birth, death (one processor)        owner
 *       1. members += 1 or -= 1             1. lock
 *       2. fence (the owner pays)           2. word |= CLOSING
 *       3. CLOSING was set:                 3. fence in every thread
 *          lock, settle, unlock             4. settle for each processor, unlock
 *                                           5. word -= OWNER
 *
 *   If step 3 does not find the bit, the owner's step 4 sees step 1, since one fence lies between
 *   (park.c, "cancelling").  If it does, the owner may or may not have seen it: 'settled' says
 *   how much of 'members' the word has.  Till then a death is counted as a member that is
 *   still there; a birth that is not yet counted has a mother who is.  Who finds the bit before
 *   step 1 counts in the word at once, as do threads that have no processor.
 *
 * CANCELLED, AND WHO IS THERE
 *   The canceller holds the scope's lock from before it sets the bit till it has told everybody.
 *
 *     birth                      canceller                       death
 *       1. g->scope = scope        1. lock, write why              1. g->scope = NULL
 *       2. one hold more           2. word |= CANCELLED            2. one hold less
 *       3. bit was set:            3. fence in every thread        3. bit was set:
 *          lock, g->scope = NULL,  4. look at every slot: those       lock, unlock
 *          unlock, refused            with g->scope == scope       4. the slot may be used again
 *                                  5. unlock
 *
 *   The fence stands between steps 1 and 3 of the others as above; where they have changed the
 *   word itself there is one order of that.  A birth that does not find the bit is seen.  So is
 *   such a death: the canceller does not take the slot for a member, nor a later life of it.
 *   Birth and death that find it wait for the lock, so the canceller never tells a slot that has
 *   become somebody else's.
 *
 *   tests/stress/root_storm.c cancels and closes the root while births and deaths go on.  It fails
 *   without the waiting in either step 3 (COOP_MUTANT_NO_MEETING), without settling, with a
 *   processor that the owner forgets, and with one whose step 1 is seen only after its step 3;
 *   tests/stress/late_stores.c fails without the fence in every thread.
 */
#include "rt/outermost.h"

#include "rt/park.h"

#include <errno.h>

enum { CANCELLED = 1, CLOSING = 2, HOLD = 4 };

#define OWNER ((uint64_t)HOLD << 60)

/* Each in a cache line of its own: all processors read it. */
static struct {
    _Atomic(uint64_t) word;
} __attribute__((aligned(128))) counts[OUTERMOST];

static int index_of(const struct coop_scope *scope)
{
    return scope == &coop__rt.daemon_scope;
}

static _Atomic(uint64_t) *word_of(const struct coop_scope *scope)
{
    return &counts[index_of(scope)].word;
}

void coop__outermost_start(void)
{
    coop__rt.root_scope = (struct coop_scope){.name = "root"};
    coop__rt.daemon_scope = (struct coop_scope){.name = "daemons"};
    counts[0].word = counts[1].word = OWNER;
}

/* Under the lock: the word has what the processor keeps.  True: that was the end. */
static bool settle(struct proc *p, int i)
{
    int64_t kept = atomic_load_explicit(&p->members[i], memory_order_acquire);
    uint64_t holds = (uint64_t)(kept - p->settled[i]) * HOLD;

    p->settled[i] = kept;
    if (!holds)
        return false;
    return atomic_fetch_add_explicit(&counts[i].word, holds, memory_order_acq_rel) + holds <
           HOLD;
}

static COLD bool settle_late(struct coop_scope *scope, struct proc *p)
{
    bool end;

    coop__lock(&scope->lock);
    end = settle(p, index_of(scope));
    coop__unlock(&scope->lock);
    return end;
}

static COLD uint64_t change_word(struct coop_scope *scope, int more, bool *ret_end)
{
    uint64_t holds = (uint64_t)more * HOLD, seen;

    seen = atomic_fetch_add_explicit(word_of(scope), holds, memory_order_acq_rel);
    *ret_end = seen + holds < HOLD;
    return seen;
}

/* One hold more (1) or less (-1); the caller has one, and a processor.  Returns the word as it
 * found it, and whether nothing is left. */
static inline __attribute__((always_inline)) uint64_t change(struct coop_scope *scope, int more,
                                                             bool *ret_end)
{
    struct proc *p = coop__worker()->proc;
    int i = index_of(scope);
    int64_t members;
    uint64_t seen;

    if (unlikely(atomic_load_explicit(&counts[i].word, memory_order_relaxed) & CLOSING))
        return change_word(scope, more, ret_end);
    RT_DELAY();
    members = atomic_load_explicit(&p->members[i], memory_order_relaxed);
    atomic_store_explicit(&p->members[i], members + more, memory_order_release);
    RT_DELAY();
    coop__fence_met();
    seen = atomic_load_explicit(&counts[i].word, memory_order_relaxed);
    *ret_end = unlikely(seen & CLOSING) && settle_late(scope, p);
    return seen;
}

static bool take_hold(struct coop_scope *scope, bool held)
{
    _Atomic(uint64_t) *word = word_of(scope);
    uint64_t seen;
    bool end;

    if (likely(held)) {
        if (likely(!(change(scope, 1, &end) & CANCELLED)))
            return true;
        change(scope, -1, &end); /* not the last */
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

    /* A canceller that sees this must see that the slot's last life is over. */
    atomic_store_explicit(&g->scope, scope, memory_order_release);
    RT_DELAY();
    if (likely(take_hold(scope, held)))
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
    uint64_t seen;
    bool end;

    atomic_store_explicit(&g->scope, NULL, memory_order_relaxed);
    RT_DELAY();
    seen = change(scope, -1, &end);
    if (unlikely(seen & CANCELLED))
        meet_canceller(scope);
    if (unlikely(end) && coop__wait_claim(scope->owner))
        coop__wait_fire(scope->owner);
}

/* Under the lock.  Whose birth or death does not find the bit, his first steps are seen now. */
static void set_bit(struct coop_scope *scope, uint64_t bit)
{
    atomic_fetch_or_explicit(word_of(scope), bit, memory_order_acq_rel);
    coop__wait_fence();
    RT_DELAY();
}

void coop__outermost_shut(struct coop_scope *scope)
{
    set_bit(scope, CANCELLED);
}

/* From here on the word alone counts. */
static void count_all(struct coop_scope *scope)
{
    coop__lock(&scope->lock);
    set_bit(scope, CLOSING);
    for (int i = 0; i < coop__rt.procs_made; i++)
        settle(&coop__rt.procs[i], index_of(scope));
    coop__unlock(&scope->lock);
}

void coop__outermost_close(struct coop_scope *scope)
{
    struct coro *g = coop__current();
    int shield = g->shield_on;

    scope->owner = g;
    g->shield_on = 0; /* a shield's deadline does not bound this */
    count_all(scope);
    coop__wait_begin(g, false);
    RT_DELAY();
    if (atomic_fetch_sub_explicit(word_of(scope), OWNER, memory_order_acq_rel) < OWNER + HOLD)
        coop__wait_abandon(g);
    else
        coop__wait(g, WAIT_FOR_SCOPE, scope, COOP_FOREVER);
    g->shield_on = shield;
}
