/*
 * lockorder.c - two orders of the same locks are found before they meet (debug builds)
 *
 * THE NOUNS
 *   held    the locks of a coroutine, in its struct, with the places where it took them
 *   order   "while holding FIRST somebody took THEN": an edge between two locks, with the
 *           coroutine and both places of the first time it was seen
 *   number  what a lock is called here.  It stands in the lock itself (lockorder.h), so memory
 *           that is zeroed and used again makes a new lock, and no order outlives its lock
 *
 * WHAT WE DO
 *   Who is about to wait for a lock while holding others adds an order for each of them that is
 *   new.  If a chain of known orders leads from the wanted lock back to the held one, the two
 *   can wait for each other for ever, on some other day: say so at once, and remember the
 *   order, so that it is said once.  It need not happen to be found.
 *
 *   Trying is no order (it does not wait), but what was got by trying is held like the rest. A
 *   reader counts like a writer: with a writer between, two readers deadlock as well.
 *
 * WHAT WE DID NOT DO
 *   Classes of locks (Linux' lockdep).  They find more with less memory, but need a name for
 *   each place where a lock is made, and our locks are made by zeroing; and parent before child
 *   of the same class needs annotations.  Single locks give no false reports.
 *
 * LIMITS
 *   ORDERS_MAX orders and HELD_MAX locks in one hand; beyond that nothing is learned, which is
 *   said once, and what is known goes on being checked.
 *
 * Source   Linux' lockdep (orders learned, reported before they deadlock), TSan's deadlock
 *          detector (single locks); no code taken.
 */
#include "rt/lockorder.h"

#include "coop/debug.h"
#include "coop/sync.h"
#include "rt/stand.h"

#ifdef COOP_DEBUG

#include <stdio.h>
#include <string.h>

const bool coop__mutex_watched = true;

enum { ORDERS_MAX = 16384, BUCKETS = 4096, NAME_KEPT = 32, PLACE_MAX = 200 };
enum { NUMBERS_MAX = (1 << (32 - ORDER_SHIFT)) - 1 };

struct order {
    uint32_t first, then;          /* numbers of locks                           */
    uint32_t next_pair, next_from; /* in their buckets; an index plus one        */
    uint32_t round, before;        /* of a search: seen in it; came from it here */
    struct held_lock held, taken;
    uint64_t coro;
    char name[NAME_KEPT];
};

static struct {
    uint32_t lock;
    uint32_t count, round;
    uint32_t pairs[BUCKETS], froms[BUCKETS]; /* an index plus one; 0: empty */
    struct order orders[ORDERS_MAX];
    uint32_t queue[ORDERS_MAX];
} graph;

static _Atomic(uint32_t) numbers;
static _Atomic(int) reports;
static _Atomic(bool) told_full, told_many;

/* ---- saying it ---- */

static const char *place(char *text, const struct held_lock *at)
{
    if (at->site)
        return at->site;
    coop_place(at->caller, text, PLACE_MAX);
    return text;
}

static void say_order(const struct order *o, const char *verb, const char *holding)
{
    char taken[PLACE_MAX], held[PLACE_MAX], who[NAME_KEPT + 40];

    if (o->coro)
        snprintf(who, sizeof who, "coroutine %llu '%s'", (unsigned long long)o->coro, o->name);
    else
        snprintf(who, sizeof who, "a thread");
    dprintf(STDERR_FILENO, "  %s %s %p at %s, %s %p, taken at %s\n", who, verb, o->taken.lock,
            place(taken, &o->taken), holding, o->held.lock, place(held, &o->held));
}

/* 'last' is the end of a chain that leads from the wanted lock to the held one. */
static void report(const struct order *now, const struct order *last)
{
    atomic_fetch_add(&reports, 1);
    dprintf(STDERR_FILENO, "coop: locks are taken in orders that can deadlock:\n");
    say_order(now, "takes", "while it holds");
    for (;;) {
        say_order(last, "took", "while it held");
        if (!last->before)
            return;
        last = &graph.orders[last->before - 1];
    }
}

/* ---- the graph, under its lock ---- */

static uint32_t bucket_of(uint32_t a, uint32_t b)
{
    return ((a * 2654435761U) ^ (b * 2246822519U)) >> 7 & (BUCKETS - 1);
}

static bool is_known(uint32_t first, uint32_t then)
{
    uint32_t i = graph.pairs[bucket_of(first, then)];

    while (i && (graph.orders[i - 1].first != first || graph.orders[i - 1].then != then))
        i = graph.orders[i - 1].next_pair;
    return i != 0;
}

/* All orders that begin at 'from' join the search; that one is returned which ends at 'to'. */
static struct order *spread(uint32_t from, uint32_t before, uint32_t to, uint32_t *end)
{
    for (uint32_t i = graph.froms[bucket_of(from, 0)]; i; i = graph.orders[i - 1].next_from) {
        struct order *o = &graph.orders[i - 1];

        if (o->first != from || o->round == graph.round)
            continue;
        o->round = graph.round;
        o->before = before;
        if (o->then == to)
            return o;
        graph.queue[(*end)++] = i;
    }
    return NULL;
}

/* The last order of a shortest chain from one lock to another, or NULL. */
static struct order *chain(uint32_t from, uint32_t to)
{
    uint32_t at = 0, end = 0;
    struct order *o;

    graph.round++;
    o = spread(from, 0, to, &end);
    for (; !o && at < end; at++)
        o = spread(graph.orders[graph.queue[at] - 1].then, graph.queue[at], to, &end);
    return o;
}

static void remember(const struct order *o)
{
    uint32_t pair = bucket_of(o->first, o->then), from = bucket_of(o->first, 0);

    if (graph.count == ORDERS_MAX) {
        if (!atomic_exchange(&told_full, true))
            dprintf(STDERR_FILENO, "coop: lock orders: %d are known, no more are learned\n",
                    ORDERS_MAX);
        return;
    }
    graph.orders[graph.count] = *o;
    graph.orders[graph.count].next_pair = graph.pairs[pair];
    graph.orders[graph.count].next_from = graph.froms[from];
    graph.count++;
    graph.pairs[pair] = graph.froms[from] = graph.count;
}

static void learn(const struct order *o)
{
    coop__lock(&graph.lock);
    if (!is_known(o->first, o->then)) {
        const struct order *back = chain(o->then, o->first);

        if (back)
            report(o, back);
        remember(o);
    }
    coop__unlock(&graph.lock);
}

/* ---- what a coroutine holds ---- */

/* 0: there are no more. */
static uint32_t number_of(uint32_t *word)
{
    uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED), mine;

    if (seen >> ORDER_SHIFT)
        return seen >> ORDER_SHIFT;
    mine = atomic_load(&numbers);
    do
        if (mine == NUMBERS_MAX)
            return 0;
    while (!atomic_compare_exchange_weak(&numbers, &mine, mine + 1));
    mine++;
    while (!(seen >> ORDER_SHIFT))
        if (__atomic_compare_exchange_n(word, &seen, seen | mine << ORDER_SHIFT, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return mine;
    return seen >> ORDER_SHIFT;
}

static _Noreturn void taken_again(const struct held_lock *held, const struct held_lock *now)
{
    char text[2 * PLACE_MAX + 80], at[PLACE_MAX], since[PLACE_MAX];

    snprintf(text, sizeof text, "a lock is taken again by its holder, at %s; taken at %s",
             place(at, now), place(since, held));
    coop__misuse(text);
}

void coop__order_before(const void *lock, uint32_t *word, const void *caller)
{
    struct coro *g = coop__waiter();
    struct order o = {.taken = {lock, word, g ? g->site : NULL, caller}};

    if (!g || !g->held_count)
        return;
    o.coro = g->id;
    o.then = number_of(word);
    snprintf(o.name, sizeof o.name, "%s", g->name ? g->name : "");
    for (int i = 0; i < g->held_count; i++) {
        o.held = g->held[i];
        if (o.held.lock == lock)
            taken_again(&o.held, &o.taken);
        o.first = number_of(o.held.word);
        if (o.first && o.then)
            learn(&o);
    }
}

void coop__order_taken(const void *lock, uint32_t *word, const void *caller)
{
    struct coro *g = coop__waiter();

    if (!g)
        return;
    if (g->held_count == HELD_MAX) {
        g->held_more++;
        if (!atomic_exchange(&told_many, true))
            dprintf(STDERR_FILENO,
                    "coop: lock orders: a coroutine holds more than %d locks, "
                    "the others are not checked\n",
                    HELD_MAX);
        return;
    }
    g->held[g->held_count++] = (struct held_lock){lock, word, g->site, caller};
    g->site = NULL;
}

void coop__order_left(const void *lock)
{
    struct coro *g = coop__waiter();
    int i;

    if (!g)
        return;
    for (i = g->held_count - 1; i >= 0 && g->held[i].lock != lock; i--)
        ;
    if (i >= 0) {
        memmove(&g->held[i], &g->held[i + 1],
                (size_t)(--g->held_count - i) * sizeof g->held[0]);
        return;
    }
    if (g->held_more == 0)
        coop__misuse("a lock is opened by who does not hold it");
    g->held_more--;
}

void coop__order_born(struct coro *g)
{
    g->held_count = g->held_more = 0;
    g->site = NULL;
}

void coop__order_ended(const struct coro *g)
{
    char text[PLACE_MAX + 80], at[PLACE_MAX];

    if (g->held_count == 0)
        return;
    snprintf(text, sizeof text, "a coroutine ended while it holds a lock, taken at %s",
             place(at, &g->held[0]));
    coop__misuse(text);
}

void coop__site(const char *site)
{
    struct coro *g = coop__waiter();

    if (g)
        g->site = site;
}

int coop_lock_order_reports(void)
{
    return atomic_load(&reports);
}

#else

const bool coop__mutex_watched = false;

void coop__site(const char *site)
{
    (void)site;
}

int coop_lock_order_reports(void)
{
    return 0;
}

#endif
