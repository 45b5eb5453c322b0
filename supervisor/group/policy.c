/*
 * policy.c - strategies as a table (see policy.h)
 */
#include "group/policy.h"

#include "base/scope.h"

bool group_counts(enum group_phase phase, const struct group_failure *failure)
{
    if (failure->answered || phase == GROUP_FAILING)
        return false;
    return phase != GROUP_ROUND || !failure->covered;
}

/* A group that has failed and of which somebody starts a member by hand is one like any other. */
enum group_answer group_answer(enum group_phase phase, enum group_strategy strategy,
                               const struct group_failure *failure)
{
    static const enum group_answer answers[GROUP_STRATEGIES] = {
        [ONE_FOR_ONE] = GROUP_GO,
        [ONE_FOR_ALL] = GROUP_GO_ROUND,
        [REST_FOR_ONE] = GROUP_GO_ROUND,
    };

    if (phase == GROUP_FAILING)
        return GROUP_LEAVE;
    if (phase == GROUP_ROUND && failure->covered)
        return GROUP_JOIN;
    if (failure->answered)
        return GROUP_GO; /* its round was over before that coopd was killed */
    if (failure->gave_up || !failure->within)
        return GROUP_FAIL;
    return answers[strategy];
}

unsigned group_first_of_round(enum group_strategy strategy, unsigned member)
{
    return strategy == REST_FOR_ONE ? member : 0;
}

const char *group_phase_word(enum group_phase phase)
{
    static const char *const words[GROUP_PHASES] = {
        [GROUP_STEADY] = "steady",
        [GROUP_ROUND] = "restarting",
        [GROUP_FAILING] = "failing",
        [GROUP_FAILED] = "failed",
    };

    return words[phase];
}
