#ifndef COOP_RT_WAITABLE_H
#define COOP_RT_WAITABLE_H

#include "coop/child.h"
#include "rt/poller.h"
#include "rt/sched.h"

/*
 * waitable.h - standing in the queue of a descriptor or a child, for select
 */

/* 0: standing there; else the events that are there already, or -EBADF. */
int coop__desc_stand(struct desc *d, unsigned events, struct waiter *w);
void coop__desc_leave(struct desc *d, struct waiter *w);

/* 0: it has ended; -EAGAIN: it lives; -ECHILD: nobody announced it. */
int coop__child_look(const struct coop_child *c);

/* False: it has ended, or is not a child of ours. */
bool coop__child_enqueue(struct coop_child *c, struct waiter *w);
void coop__child_dequeue(struct coop_child *c, struct waiter *w);

#endif
