#ifndef COOP_GROUP_POLICY_H
#define COOP_GROUP_POLICY_H

#include <stdbool.h>

#include "config/groups.h"

/*
 * policy.h - what a member's failure means for its group
 *
 * Pure: no clock, no message.  group.c counts the failure and asks; the answer is a word that it
 * acts on.
 *
 *     if (group_counts(phase, covered)) ... the failure goes into the window
 *     switch (group_answer(phase, strategy, &failure)) ...
 *
 * Source    The restart strategies of Erlang/OTP's supervisor.
 */

/* Where a group is.  The number of each is in the journal. */
enum group_phase {
    GROUP_STEADY,
    GROUP_ROUND,   /* members are stopped because of another one; then all start again */
    GROUP_FAILING, /* all members are stopped: there were too many failures            */
    GROUP_FAILED,  /* ... and they are down                                            */
    GROUP_PHASES
};

/* A member that was to be started again, or a group that is a member and has failed. */
struct group_failure {
    bool covered;  /* the round that is under way stops and starts it anyway       */
    bool within;   /* Intensity= and Period= allow one more                        */
    bool gave_up;  /* it is not started again: its own start limit is used up      */
    bool answered; /* an earlier coopd has counted and answered it already         */
};

enum group_answer {
    GROUP_GO,       /* it starts again by itself, when its own wait is over           */
    GROUP_JOIN,     /* it starts with those of the round                              */
    GROUP_GO_ROUND, /* the others that the strategy names are stopped and started with it */
    GROUP_FAIL,     /* all members are stopped                                        */
    GROUP_LEAVE     /* it is being stopped already                                    */
};

/* Does this failure count for Intensity=?  What falls while the group itself is stopping it is
 * no failure of its own. */
bool group_counts(enum group_phase phase, const struct group_failure *failure);

enum group_answer group_answer(enum group_phase phase, enum group_strategy strategy,
                               const struct group_failure *failure);

/* The first member of a round that begins with this one's failure. */
unsigned group_first_of_round(enum group_strategy strategy, unsigned member);

const char *group_phase_word(enum group_phase phase);

#endif
