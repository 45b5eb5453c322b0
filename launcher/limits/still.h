#ifndef LAUNCHER_LIMITS_STILL_H
#define LAUNCHER_LIMITS_STILL_H

#include <stdbool.h>

#include "coop/time.h"
#include "launcher/cgroup.h"

/*
 * still.h - a group of processes that stands still while it is looked at; private to limits/
 *
 *     struct still still = {0};
 *
 *     if (still_begin(&still, &groups, leaf))
 *         ... nobody in it does anything ...
 *     still_end(&still);
 *
 * Who is stopped this way (cgroup.freeze) can be killed, and needs no SIGCONT afterwards.  But
 * calls that a stop interrupts, like epoll_wait(2), return EINTR: it is not for every look.
 *
 * Time      still_begin() waits for at most STILL_WAIT: who waits for a disk cannot be stopped.
 * Errors    Not to be had is false.
 */

#define STILL_WAIT (20 * COOP_NSEC_PER_MSEC)

struct still {
    int leaf; /* its directory; meaningful while 'holds' */
    bool holds;
    coop_nsec since; /* monotonic */
};

bool still_begin(struct still *still, const struct launch_cgroups *groups, const char *leaf);
void still_end(struct still *still);

#endif
