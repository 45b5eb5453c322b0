#ifndef COOP_POOL_H
#define COOP_POOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * pool.h - objects that are made once and used by many, one after the other
 *
 *     static void *make_buffer(void *arg) { return malloc(*(size_t *)arg); }
 *
 *     static size_t size = 65536;
 *     static struct coop_pool buffers = {.make = make_buffer, .arg = &size};
 *
 *     char *buf = coop_pool_get(&buffers);
 *     ...
 *     coop_pool_put(&buffers, buf);
 *
 * Each processor keeps a few objects of its own, so that get and put seldom meet another thread;
 * what is too many there goes to a shelf that all share, and what is too many there is dropped.
 * An object that was put may be given to anybody, or be dropped at any time: a pool saves
 * making, it stores nothing.  A second after all coroutines have gone to rest, what lies in pools
 * is dropped (not in simulation).
 *
 * Time      No deadlines: get and put wait for nobody but 'make' and 'drop'.
 * Errors    coop_pool_get() returns NULL when the pool is empty and 'make' is NULL or returns
 *           NULL.  Putting NULL does nothing.
 * Misuse    An object put while it lies in the pool aborts [debug], or is handed out twice.
 *           'drop' must not end a pool: it waits for itself.
 * Threads   Any. 'make' runs in the caller of get and may wait.  'drop' runs in the caller of put,
 *           trim or done, and at rest in a thread of the runtime that looks after the others:
 *           it must not wait.  coop_pool_done() waits till such a one is over.
 * Memory    Valid when zeroed but for 'make', 'drop' and 'arg', which stay as they are.  Ends with
 *           coop_pool_done(). Objects belong to who got them, until they are put.
 * Limits    COOP_POOL_OWN objects per processor, COOP_POOL_SHARED on the shelf.  About 10 KiB once
 *           something was put; without memory for that, what is put is dropped.
 * Source    Go's sync.Pool.
 */
struct coop_pool {
    void *(*make)(void *arg);              /* NULL: get only returns what was put */
    void (*drop)(void *object, void *arg); /* NULL: free()                        */
    void *arg;
    void *room; /* private */
};

#define COOP_POOL_OWN    14
#define COOP_POOL_SHARED 256

void *coop_pool_get(struct coop_pool *pool);
void coop_pool_put(struct coop_pool *pool, void *object);

/* Drops what lies in the pool, at any time; returns how many. */
size_t coop_pool_trim(struct coop_pool *pool);

/* The same, and gives the pool's own memory back. Nobody else may use it any more (or it begins
 * anew). */
void coop_pool_done(struct coop_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
