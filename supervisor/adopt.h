#ifndef COOP_ADOPT_H
#define COOP_ADOPT_H

#include "journal.h"
#include "service/machine.h"

/*
 * adopt.h - what a dead coopd left running, and what becomes of it
 *
 * A service must never run twice.  So before anything is started, every survivor in the journal
 * that is still the same process is ended with its whole tree, politely first; and so is what is
 * left in the cgroups of the coopd that wrote the journal (it may have died between a start and
 * the line about it, adopt_tree.h).  What another coopd left behind, one with a state directory of
 * its own, is for its successor.  The log says so.
 *
 * Time      Waits for the ends, at most ADOPT_PATIENCE (adopt_tree.h), then kills, and waits again.
 * Threads   In the daemon's coroutine, before any service exists.
 */
struct survivors {
    struct survivor *list;
    size_t count;
    bool partial; /* there are more than the list has room for */
    pid_t coopd;  /* whose they were; 0: nobody's */
};

/* A pidfd of the recorded process; -ESRCH when it is gone (or somebody else has its number);
 * another error when that cannot be told, or it lives and the kernel gives no pidfd: then it must
 * not be taken for gone. */
int adopt_open(const struct survivor *survivor);

/* For journal_read(): adds one. */
void survivors_add(void *arg, const struct survivor *survivor);

/* Ends them all; 0, or -1 when some could not be ended (then nothing may be started). */
int survivors_end(struct survivors *all, struct machine *machine, struct coop_err *err);

void survivors_done(struct survivors *all);

#endif
