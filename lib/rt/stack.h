#ifndef COOP_RT_STACK_H
#define COOP_RT_STACK_H

#include "rt/sched.h"

/*
 * stack.h - where coroutines live: slots of 64 KiB in big mappings
 *
 * A slot is a guard page, the stack growing down, and the struct coro at its top end, so that a
 * parked coroutine costs one page of memory and nothing from malloc.
 */

/* Prepares for stacks of 'size' bytes (0: the default); probes what kind of guard the kernel
 * has. */
void coop__stacks_start(size_t size);
/* For tests: if not 0, no guards by madvise, and so many by mprotect, as before Linux 6.13. */
extern _Atomic(unsigned) coop__old_guards;
/* Unmaps everything. */
void coop__stacks_end(void);

/* A slot with its coroutine, contents undefined; NULL: out of memory.  'w' may be NULL. */
struct coro *coop__stack_get(struct worker *w);
void coop__stack_put(struct worker *w, struct coro *g);

/* Gives the memory (not the addresses) of free stacks back to the kernel. */
void coop__stacks_trim(void);

/* Whether that is worth while. */
bool coop__stacks_to_trim(void);

/* Aborts with a message when the canary of a guardless stack was overwritten. */
void coop__stack_check(const struct coro *g);

/* Every slot ever used, for dumps. */
void coop__stacks_each(int (*fn)(struct coro *g, void *arg), void *arg);

/* The coroutine into whose guard 'address' falls, or NULL. For the SIGSEGV handler. */
struct coro *coop__stack_of_guard(const void *address);

void coop__stacks_stats(uint64_t *ret_stacks, uint64_t *ret_slabs, const char **ret_guards);

#endif
