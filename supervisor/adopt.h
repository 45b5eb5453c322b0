#ifndef COOP_ADOPT_H
#define COOP_ADOPT_H

#include "journal.h"
#include "service/machine.h"

/*
 * adopt.h - what a dead coopd left running, and what becomes of it
 *
 * A service must never run twice.  So before anything is started, every survivor in the journal
 * that is still the same process is ended with its whole tree, politely first; and so is
 * everything in a dead coopd's cgroups.  The log says so.
 *
 * Time      Waits for the ends, at most ADOPT_PATIENCE, then kills.
 * Threads   In the daemon's coroutine, before any service exists.
 */
struct survivors {
    struct survivor *list;
    size_t count;
};

/* For journal_open(): adds one. */
void survivors_add(void *survivors, const struct survivor *survivor);

/* Ends them all; 0, or -1 when some could not be ended (then nothing may be started). */
int survivors_end(struct survivors *survivors, struct machine *machine, struct coop_err *err);

void survivors_done(struct survivors *survivors);

#endif
