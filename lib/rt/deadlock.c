/*
 * deadlock.c - when all coroutines are asleep, and nothing can wake them
 *
 * Asked by the worker that is about to sleep in the poller without a timeout: it holds no lock
 * and no processor, and nobody else is awake.  What may still wake a coroutine is counted where
 * it waits (runtime.outside): descriptors, signals, children.  Daemons and actors do not count
 * on either side: a program that waits for an actor that waits for nothing is as dead as one
 * without.
 */
#include "rt/coro.h"
#include "rt/poller.h"
#include "rt/ready.h"
#include "rt/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Every coroutine waits.  Is there anything that could ever wake one? */
void coop__check_deadlock(coop_nsec first_timer)
{
    bool asleep;
    int off = 0;

    if (first_timer != COOP_FOREVER || coop__rt.foreign_wakes || coop__rt.outside ||
        coop__rt.blocked || coop__rt.over || coop__alive() == 0)
        return;
    coop__lock(&coop__rt.lock);
    asleep = !coop__rt.poller_handed && !coop__rt.blocked && !coop__rt.outside &&
             !coop__work_in_sight();
    /* A processor that is on its way to a worker is in no list, but not running yet. */
    for (int i = 0; i < coop__rt.procs_made; i++)
        off += coop__rt.procs[i].status == PROC_OFF;
    asleep = asleep && coop__rt.idle_procs_count + off == coop__rt.procs_made;
    coop__unlock(&coop__rt.lock);
    if (!asleep || coop__timers_first() != COOP_FOREVER)
        return;
    if (coop__rt.on_deadlock)
        coop__rt.on_deadlock();
    dprintf(STDERR_FILENO, "coop: all coroutines are asleep, and nothing can wake them\n");
    coop_dump(STDERR_FILENO);
    abort();
}

/* The sleep of the one worker that waits for descriptors and times. It has the seat and no
 * processor. */

/* The worker in the poller has looked while we still held a processor, and saw somebody awake:
 * it must look again, or nobody ever does. */
void coop__recheck_deadlock(void)
{
    if (coop__rt.foreign_wakes || coop__rt.outside || coop__rt.blocked || coop__rt.over ||
        coop__alive() == 0 || coop__rt.idle_procs_count < coop__rt.procs_count ||
        coop__timers_first() != COOP_FOREVER)
        return;
    coop__poll_kick();
}
