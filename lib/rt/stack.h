#ifndef COOP_RT_STACK_H
#define COOP_RT_STACK_H

#include "rt/guard.h"
#include "rt/sched.h"

/*
 * stack.h - where coroutines live: slots of a power of two in big mappings
 *
 * A slot is a guard, the stack growing down, and the struct coro at its top end, so that a
 * parked coroutine costs one page of memory and nothing from malloc.
 */

/* The largest that may be asked for. */
enum { STACK_MOST = 16 * 1024 * 1024 };

/* Prepares for stacks of 'size' bytes (0: the default; at most STACK_MOST) and finds out what kind
 * of guard there is. */
void coop__stacks_start(size_t size);
/* Unmaps everything. */
void coop__stacks_end(void);

/* A slot of 'size' bytes or more (0: the default) with its coroutine, contents undefined; NULL:
 * out of memory, or larger than STACK_MOST.  'w' may be NULL. */
struct coro *coop__stack_get(struct worker *w, size_t size);
/* So many bytes at the top of its stack are about to be written from elsewhere. */
void coop__stack_write_top(struct coro *g, size_t bytes);
void coop__stack_put(struct worker *w, struct coro *g);

/* Gives memory (not addresses) of free stacks back to the kernel: with 'at_rest' of all but a few,
 * else of those that nobody has wanted for a second.  At most some hundred at a time; true: there
 * are more. */
bool coop__stacks_trim(bool at_rest, coop_nsec now);
/* Whether that is worth while, now that all is at rest.  Under the runtime's lock. */
bool coop__stacks_to_trim(void);
/* Takes the stacks that idle processors keep.  Under the runtime's lock. */
void coop__stacks_gather(void);

/* Aborts with a message when the canary of a guardless stack was overwritten. */
void coop__stack_check(const struct coro *g);

/* Every slot ever used, for dumps. */
void coop__stacks_each(int (*fn)(struct coro *g, void *arg), void *arg);

/* The coroutine into whose guard 'address' falls, or NULL. For the SIGSEGV handler. */
struct coro *coop__stack_of_guard(const void *address);
/* Bytes of its slot, guard and struct included. */
size_t coop__stack_slot_size(const struct coro *g);

/* Slots ever made, mappings, and free slots that still have memory. */
void coop__stacks_stats(uint64_t *ret_stacks, uint64_t *ret_slabs, uint64_t *ret_warm);

#endif
