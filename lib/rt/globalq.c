/*
 * globalq.c - the global queue
 *
 * A hundred thousand coroutines may stand here.  A list through their structs would be shorter,
 * but to take the first off it one must read the first, to know the second: each costs a miss of
 * all caches, under the runtime's lock.  So it is a list of arrays of pointers, and the miss is
 * had (by who runs the coroutine) without the lock.
 *
 *      head                                         tail
 *      [. . . a b c]  ->  [d e f g h i]  ->  [j k . . . .]          spare -> [ ] -> [ ]
 *             ^ get                               ^ put
 *
 * NO FAILURE   Waking somebody must not fail, so the room is made where a coroutine may fail to
 *              be born: when the slots of a slab are mapped.  A coroutine is in at most one queue
 *              (I1 in sched.c), so n of them need no more than n; as the first chunk is used up
 *              from the front and the last one filled from the front, that is one chunk more than
 *              n fill: 'first', which is always there.
 * LOCKS        All is under the runtime's lock but 'fresh': who makes room holds the lock of the
 *              stacks, which is taken after the runtime's.  The whole of it is taken over at once,
 *              so there is nothing that could be pushed and popped and pushed meanwhile.
 */
#include "rt/globalq.h"

#include <stdlib.h>

struct chunk {
    struct chunk *next;
    struct coro *at[CHUNK];
};

static struct chunk first;

static struct {
    struct chunk *head, *tail, *spare;
    unsigned get, put;             /* places in the head and in the tail  */
    _Atomic(struct chunk *) fresh; /* spare ones, by who made them        */
    size_t chunks;                 /* but 'first'; under the stacks' lock */
} queue = {.head = &first, .tail = &first};

static struct chunk *take_spare(void)
{
    struct chunk *c = queue.spare;

    if (!c)
        c = atomic_exchange_explicit(&queue.fresh, NULL, memory_order_acquire);
    queue.spare = c->next;
    return c;
}

void coop__globalq_put(struct coro *g)
{
    if (queue.put == CHUNK) {
        queue.tail = queue.tail->next = take_spare();
        queue.put = 0;
    }
    queue.tail->at[queue.put++] = g;
    /* Only who has the lock writes it. */
    atomic_store_explicit(&coop__rt.global_count, coop__rt.global_count + 1,
                          memory_order_release);
}

struct coro *coop__globalq_get(void)
{
    struct chunk *c = queue.head;
    struct coro *g;

    if (c == queue.tail && queue.get == queue.put)
        return NULL;
    g = c->at[queue.get++];
    if (c == queue.tail && queue.get == queue.put) {
        queue.get = queue.put = 0;
    } else if (queue.get == CHUNK) {
        queue.head = c->next;
        queue.get = 0;
        c->next = queue.spare;
        queue.spare = c;
    }
    atomic_store_explicit(&coop__rt.global_count, coop__rt.global_count - 1,
                          memory_order_release);
    return g;
}

bool coop__globalq_reserve(size_t slots)
{
    while (queue.chunks * CHUNK < slots) {
        struct chunk *c = malloc(sizeof *c);

        if (!c)
            return false;
        do
            c->next = queue.fresh;
        while (!atomic_compare_exchange_weak(&queue.fresh, &c->next, c));
        queue.chunks++;
    }
    return true;
}

static void free_all(struct chunk *c)
{
    struct chunk *next;

    for (; c; c = next) {
        next = c->next;
        if (c != &first)
            free(c);
    }
}

void coop__globalq_end(void)
{
    queue.tail->next = NULL;
    free_all(queue.head);
    free_all(queue.spare);
    free_all(queue.fresh);
    queue.head = queue.tail = &first;
    queue.spare = NULL;
    queue.fresh = NULL;
    queue.get = queue.put = 0;
    queue.chunks = 0;
}
