#ifndef COOP_RT_OUTERMOST_H
#define COOP_RT_OUTERMOST_H

#include "rt/coro.h"

/*
 * outermost.h - the root scope and the daemons': scopes whose members are counted, not listed
 */

static inline bool coop__is_outermost(const struct coop_scope *scope)
{
    return scope == &coop__rt.root_scope || scope == &coop__rt.daemon_scope;
}

/* At the runtime's start: open, and held by its owner-to-be. */
void coop__outermost_start(void);

/* As coop__scope_join() and coop__scope_leave(). */
int coop__outermost_join(struct coop_scope *scope, struct coro *g, bool held);
void coop__outermost_leave(struct coop_scope *scope, struct coro *g);

/* Under its lock: from here on nobody comes in, and who leaves waits for the lock. */
void coop__outermost_shut(struct coop_scope *scope);

/* Lets nobody in when the last one has left, and waits for that, cancelled or not. The caller gives
 * up the owner's hold: once. */
void coop__outermost_close(struct coop_scope *scope);

#endif
