/*
 * pool.c - objects that are made once and used by many (pool.h)
 *
 * A shelf per processor and one for all, each with a short lock.  A processor's lock is taken by
 * its own worker and, seldom, by who trims or finds everything else empty: so it is free, and
 * its cache line is at home.  A coroutine does not change processors between choosing a shelf and
 * leaving it, and if it did the lock would keep things right.
 *
 * Objects leave one shelf before they enter another, so no two locks are held at once and none
 * while 'make' or 'drop' run.
 *
 * At rest the monitor trims all pools.  It finds them by their rooms, which copy what it needs:
 * the pool itself may be in a frame that is gone.  Who ends a pool waits till a trimming is over.
 */
#include "coop/pool.h"

#include "rt/leaks.h"
#include "rt/pool.h"
#include "rt/sched.h"

#include <stdlib.h>
#include <string.h>

enum { HALF = COOP_POOL_OWN / 2 };

struct shelf {
    uint32_t lock;
    int count;
    void *objects[COOP_POOL_OWN];
} __attribute__((aligned(128)));

struct room {
    struct shelf own[PROCS_MAX];
    struct room *next, **link; /* in the list of all, and what points to it */
    void (*drop)(void *, void *);
    void *arg;
    uint32_t lock;
    int count;
    void *shared[COOP_POOL_SHARED];
};

static struct {
    uint32_t lock;
    struct room *first;
    uint32_t trimming;    /* a lock: held while the monitor walks the list */
    _Atomic(bool) filled; /* something was put since it did so last        */
} rooms;

static struct room *room_of(struct coop_pool *pool)
{
    return __atomic_load_n(&pool->room, __ATOMIC_ACQUIRE);
}

static struct room *room_made(struct coop_pool *pool)
{
    void *room = room_of(pool);
    struct room *mine;

    if (room)
        return room;
    mine = aligned_alloc(_Alignof(struct room), sizeof(struct room));
    if (!mine)
        return NULL;
    memset(mine, 0, sizeof(struct room));
    mine->drop = pool->drop;
    mine->arg = pool->arg;
    if (!__atomic_compare_exchange_n(&pool->room, &room, mine, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        free(mine); /* somebody was faster */
        return room;
    }
    coop__lock(&rooms.lock);
    if ((mine->next = rooms.first))
        mine->next->link = &mine->next;
    mine->link = &rooms.first;
    rooms.first = mine;
    coop__unlock(&rooms.lock);
    return mine;
}

/* The caller's own shelf; NULL: it has no processor. */
static struct shelf *own_shelf(struct room *room)
{
    struct worker *w = coop__worker();

    return w && w->proc ? &room->own[w->proc->id] : NULL;
}

/* ---- taking ---- */

static void *take(struct shelf *s)
{
    void *object = NULL;

    if (__atomic_load_n(&s->count, __ATOMIC_RELAXED) == 0)
        return NULL;
    coop__lock(&s->lock);
    if (s->count > 0) {
        __atomic_store_n(&s->count, s->count - 1, __ATOMIC_RELAXED);
        object = s->objects[s->count];
    }
    coop__unlock(&s->lock);
    return object;
}

static int take_shared(struct room *room, void **ret_objects, int most)
{
    int n = 0;

    if (__atomic_load_n(&room->count, __ATOMIC_RELAXED) == 0)
        return 0;
    coop__lock(&room->lock);
    while (n < most && room->count > 0) {
        __atomic_store_n(&room->count, room->count - 1, __ATOMIC_RELAXED);
        ret_objects[n++] = room->shared[room->count];
    }
    coop__unlock(&room->lock);
    return n;
}

static void *take_from_anybody(struct room *room)
{
    void *object = NULL;

    for (int i = 0; !object && i < PROCS_MAX; i++)
        object = take(&room->own[i]);
    return object;
}

/* ---- putting ---- */

/* How many of them found room. */
static int put_on(struct shelf *s, void **objects, int count)
{
    int n = 0;

    coop__lock(&s->lock);
    while (n < count && s->count < COOP_POOL_OWN) {
        s->objects[s->count] = objects[n++];
        __atomic_store_n(&s->count, s->count + 1, __ATOMIC_RELAXED);
    }
    coop__unlock(&s->lock);
    return n;
}

static int put_shared(struct room *room, void **objects, int count)
{
    int n = 0;

    coop__lock(&room->lock);
    while (n < count && room->count < COOP_POOL_SHARED) {
        room->shared[room->count] = objects[n++];
        __atomic_store_n(&room->count, room->count + 1, __ATOMIC_RELAXED);
    }
    coop__unlock(&room->lock);
    return n;
}

static void drop(const struct room *room, void *object)
{
    if (room->drop)
        room->drop(object, room->arg);
    else
        free(object);
}

static void put_shared_or_drop(struct room *room, void **objects, int count)
{
    for (int n = put_shared(room, objects, count); n < count; n++)
        drop(room, objects[n]);
}

#ifdef COOP_DEBUG
static bool lies_in(uint32_t *lock, const int *count, void *const *objects, const void *object)
{
    bool found = false;

    coop__lock(lock);
    for (int i = 0; i < *count; i++)
        found = found || objects[i] == object;
    coop__unlock(lock);
    return found;
}

static void check_put(struct room *room, const void *object)
{
    bool found = lies_in(&room->lock, &room->count, room->shared, object);

    for (int i = 0; !found && i < PROCS_MAX; i++)
        found = lies_in(&room->own[i].lock, &room->own[i].count, room->own[i].objects, object);
    if (found)
        coop__misuse("an object was put into a pool that lies in it already");
}
#define CHECK_PUT(room, object) check_put(room, object)
#else
#define CHECK_PUT(room, object) (void)0
#endif

/* ---- the calls ---- */

static void *get(struct coop_pool *pool)
{
    struct room *room = room_of(pool);
    void *objects[1 + HALF], *object = NULL;
    struct shelf *own;
    int n;

    if (room) {
        own = own_shelf(room);
        if (own && (object = take(own)))
            return object;
        n = take_shared(room, objects, own ? 1 + HALF : 1);
        if (n > 1) { /* some more for the next time */
            int stay = 1 + put_on(own, objects + 1, n - 1);

            put_shared_or_drop(room, objects + stay, n - stay);
        }
        object = n ? objects[0] : take_from_anybody(room);
    }
    return object || !pool->make ? object : pool->make(pool->arg);
}

void *coop_pool_get(struct coop_pool *pool)
{
    void *object = get(pool);

    coop__leak_made(LEAK_POOLED, object, __builtin_return_address(0));
    return object;
}

void coop_pool_put(struct coop_pool *pool, void *object)
{
    struct room *room;
    struct shelf *own;
    void *objects[1 + HALF];
    int n = 1;

    if (!object)
        return;
    coop__leak_gone(LEAK_POOLED, object);
    room = room_made(pool);
    if (!room) {
        drop(&(struct room){.drop = pool->drop, .arg = pool->arg}, object);
        return;
    }
    if (!atomic_load_explicit(&rooms.filled, memory_order_relaxed))
        atomic_store(&rooms.filled, true);
    CHECK_PUT(room, object);
    own = own_shelf(room);
    if (own && put_on(own, &object, 1) == 1)
        return;
    objects[0] = object;
    while (own && n < 1 + HALF && (objects[n] = take(own)))
        n++;
    put_shared_or_drop(room, objects, n);
}

static size_t trim(struct room *room)
{
    size_t dropped = 0;
    void *object;

    for (; (object = take_from_anybody(room)); dropped++)
        drop(room, object);
    for (; take_shared(room, &object, 1); dropped++)
        drop(room, object);
    return dropped;
}

size_t coop_pool_trim(struct coop_pool *pool)
{
    struct room *room = room_of(pool);

    return room ? trim(room) : 0;
}

void coop_pool_done(struct coop_pool *pool)
{
    struct room *room = room_of(pool);

    if (!room)
        return;
    coop__lock(&rooms.lock);
    if ((*room->link = room->next))
        room->next->link = room->link;
    coop__unlock(&rooms.lock);
    coop__lock(&rooms.trimming); /* who walks there may stand on it */
    coop__unlock(&rooms.trimming);
    trim(room);
    free(room);
    pool->room = NULL;
}

/* ---- at rest ---- */

bool coop__pools_to_trim(void)
{
    return atomic_load_explicit(&rooms.filled, memory_order_relaxed);
}

void coop__pools_trim(void)
{
    struct room *room;

    atomic_store(&rooms.filled, false);
    coop__lock(&rooms.trimming);
    coop__lock(&rooms.lock);
    for (room = rooms.first; room; room = room->next) {
        coop__unlock(&rooms.lock);
        trim(room);
        coop__lock(&rooms.lock); /* those behind it may be gone */
    }
    coop__unlock(&rooms.lock);
    coop__unlock(&rooms.trimming);
}
