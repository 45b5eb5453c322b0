#ifndef COOP_RT_CORO_H
#define COOP_RT_CORO_H

#include "rt/sched.h"

/*
 * coro.h - the birth and death of coroutines (private half of coop/coro.h)
 */

/* A coroutine that is not in any queue yet; NULL: out of memory. Any thread. 'attr' may be NULL,
 * 'born_at' is for reports. */
struct coro *coop__coro_new(const struct coop_attr *attr, int (*fn)(void *), void *arg,
                            const void *born_at);

/* The end of one that nobody is on any more: its stack is free. */
void coop__bury(struct worker *w, struct coro *g);

/* Takes one back that nobody knows of. Any thread. */
void coop__coro_drop(struct coro *g);

/* How many were born since the runtime's start, and how many of them have not ended. */
uint64_t coop__births(void);
uint64_t coop__alive(void);

/* Yields, cancelled or not. */
void coop__let_others(void);

/* Adds it to the scope's members: 0, or why the scope is cancelled.  'held': the caller is a
 * member, or the owner that has it open. */
int coop__scope_join(struct coop_scope *scope, struct coro *g, bool held);
/* Takes a coroutine that returned 'result' out of its scope. Wakes who waits for the scope. */
void coop__scope_leave(struct coro *g, int result);

/* Actors that wait for a stack: gets them going with this one if there are any. True: it was
 * taken. */
bool coop__actor_feed(struct coro *g);
/* At the start: actors that were posted to before. */
void coop__actors_start(void);

#endif
