#ifndef COOP_RT_GLOBALQ_H
#define COOP_RT_GLOBALQ_H

#include "rt/sched.h"

/*
 * globalq.h - the global queue: first in, first out, without an end to its room
 *
 * Put and get under the runtime's lock; how many are in it is coop__rt.global_count.
 */

enum { CHUNK = 255 }; /* coroutines in a piece of it: 2 KiB with the link */

/* Cannot fail: there is room for as many as there are slots for coroutines. */
void coop__globalq_put(struct coro *g);
/* The oldest, or NULL. */
struct coro *coop__globalq_get(void);

/* Makes room for so many in all, before there are so many slots; under the lock of the stacks.
 * false: out of memory. */
bool coop__globalq_reserve(size_t slots);
/* Gives all room back, when no coroutine is left. */
void coop__globalq_end(void);

#endif
