#ifndef COOP_RT_OVERFLOW_H
#define COOP_RT_OVERFLOW_H

/*
 * overflow.h - a coroutine that runs out of stack is named before the process dies of it
 */
struct coro;

/* Watches for SIGSEGV in guards, on each worker's alternate signal stack.  Not under the
 * sanitizers, which have handlers of their own. */
void coop__overflow_start(void);
void coop__overflow_end(void);

/* Says on stderr whose stack it was, how large, and where it was started. */
void coop__overflow_report(const struct coro *g);

#endif
