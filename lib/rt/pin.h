#ifndef COOP_RT_PIN_H
#define COOP_RT_PIN_H

#include "rt/sched.h"

/*
 * pin.h - coroutines that stay on their thread (private half of coop_pin())
 *
 * The scheduler asks only when runtime.unusual is not zero, and looks after it has picked: who
 * pinned itself did that before it was pushed, so whoever picks it sees the count.
 */

/* Is 'picked' (or NULL) for this worker, and to be run now?  NULL: no; the worker's own stack
 * sees to it. */
struct coro *coop__pin_sort(struct worker *w, struct coro *picked);
/* g leaves its stack for ever. */
void coop__pin_ends(struct worker *w, struct coro *g);

/* ---- on the worker's own stack ---- */

/* A worker set apart: gives its processor away and waits to be called for its coroutine, which is
 * returned; NULL: its thread may end. */
struct coro *coop__pin_await(struct worker *w);
/* Gives w's processor to the worker that g is pinned to. */
void coop__pin_call(struct worker *w, struct coro *g);
/* The thread of coop_main() cannot end before it: set apart for ever, it waits for the release,
 * after the end of the runtime.  By then the list of workers may be gone: hence two calls. */
struct worker *coop__pin_first(void);
void coop__pin_release(struct worker *first);

#endif
