#ifndef COOP_RT_DUMP_H
#define COOP_RT_DUMP_H

#include "rt/dump_text.h"
#include "rt/sched.h"

/*
 * dump.h - telling about coroutines in reports (private half of coop/debug.h)
 */

/* "coroutine 7 'web-session'"; NULL: coroutine 0 */
void coop__say_who(struct report *r, const struct coro *g);

/* Those that are cancelled and still there, one by one, as coop_dump() tells of them. */
void coop__say_cancelled(int fd, const char *headline);

/* What coop_stats_get() tells, less the stacks: takes no lock. */
void coop__counts(struct coop_stats *ret_stats);

/* A signal that writes a dump: from the start to the end of the runtime. */
int coop__dump_signal_start(int signo);
void coop__dump_signal_end(void);

enum { DUMP_NAME = 48 }; /* bytes of a name that are shown */

extern const char *const coop__state_words[]; /* by enum coro_state */

/* Its struct as it was in one moment, or nearly; false: there is no coroutine in this slot. */
bool coop__look_at(const struct coro *g, struct coro *ret_copy);
/* Of a copy.  What it runs: an actor's coroutine runs the loop around the handler, and has that as
 * its birthplace. */
const void *coop__function_of(const struct coro *g);
/* How deep its stack has been, in bytes. */
size_t coop__stack_deepest(const struct coro *g);

#endif
