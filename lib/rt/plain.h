#ifndef COOP_RT_PLAIN_H
#define COOP_RT_PLAIN_H

#include "coop/time.h"

/*
 * plain.h - waiting in a thread that runs no coroutine
 *
 * For the calls that programs without the runtime make as well (queue.h, shared_sem.h).
 */

/* Blocks the thread until 'fd' has one of 'events' (POLLIN, POLLOUT) or an error. 0, -ETIMEDOUT,
 * -EAGAIN for COOP_NOW. */
int coop__plain_wait(int fd, short events, coop_nsec deadline);

#endif
