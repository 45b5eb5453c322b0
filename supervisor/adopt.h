#ifndef COOP_ADOPT_H
#define COOP_ADOPT_H

#include "config/load.h"
#include "journal.h"
#include "service/machine.h"

/*
 * adopt.h - what a dead coopd left running, and what becomes of it
 *
 * A service must never run twice, and what runs well goes on.  So before anything is started each
 * service of the journal is looked at:
 *
 *     its processes live or have just ended, and it is configured       it goes on: svc_restore()
 *     ... but not to outlive its coopd, or written by an older coopd    they are ended
 *     ... but with OutputMax= or DiskMax=: only its own coopd counted   they are ended
 *     ... and it is not configured any more                             they are ended
 *     nothing of it runs, and it is configured                          its state goes on
 *
 * "Ended" is the whole tree, politely first.  So is what else is left in the cgroups of the coopd
 * that wrote the journal (adopt_tree.h).  What another coopd left behind, one with a state
 * directory of its own, is for its successor.
 *
 * Time      Waits for the ends, at most ADOPT_PATIENCE (adopt_tree.h), then kills, and waits again.
 * Threads   In the daemon's coroutine, before any service exists.
 */
struct survivors {
    struct survivor *list;
    size_t count;
    struct wishes wishes; /* what somebody had asked for */
    bool partial;         /* there are more than the list has room for */
    pid_t coopd;          /* whose they were; 0: nobody's */
    bool closing;         /* ... and it was about to end: nobody wants anything of them */
};

enum fate {
    FATE_KEEP,   /* it goes on, with its processes if there are any */
    FATE_END,    /* its processes are ended, and it begins anew     */
    FATE_RENEW,  /* it begins anew                                  */
    FATE_FORGET, /* nobody asks for it any more                     */
};

/* Pure: what becomes of it.  'spec' is what is configured under its name, NULL: nothing; 'lives':
 * its top process is there; 'closing': its coopd was about to end. */
enum fate adopt_fate(const struct survivor *survivor, const struct svc_spec *spec, bool lives,
                     bool closing);

/* A pidfd of the recorded process; -ESRCH when it is gone (or somebody else has its number);
 * another error when that cannot be told, or it lives and the kernel gives no pidfd: then it must
 * not be taken for gone. */
int adopt_open(const struct saved_life *life);

/* For journal_read(): adds one. */
void survivors_add(void *arg, const struct survivor *survivor);

/* Ends what is to be ended, and leaves in the list what is configured: lives that go on with their
 * pidfds, the others as states without a life.  0, or -1 when some could not be ended (then nothing
 * may be started). */
int survivors_sort(struct survivors *all, const struct config *config, struct machine *machine,
                   struct coop_err *err);

/* The same in a process whose program was replaced: its children are still its own, so nothing is
 * left over.  What is not configured any more is ended, all else is kept. */
int survivors_go_on(struct survivors *all, const struct config *config, struct machine *machine,
                    struct coop_err *err);

/* Forgets the lines about commands beside main: who needs them has records of them. */
void survivors_drop_steps(struct survivors *all);

/* The pidfds are closed, where nobody has taken them (-1). */
void survivors_done(struct survivors *all);

#endif
