#ifndef COOP_RT_HOG_H
#define COOP_RT_HOG_H

#include "rt/sched.h"

#include <signal.h>

/*
 * hog.h - who keeps a processor for too long, and where (coop_options.hog_after)
 */

/* Before the first thread is made. */
void coop__hog_start(const struct coop_options *o);
void coop__hog_end(void);

/* For the mask of a new worker: the signal that asks it must come through. */
void coop__hog_unblock(sigset_t *mask);

/* In each round of the monitor, for each processor. */
void coop__hog_look(struct proc *p);

#endif
