#ifndef TESTS_SUPPORT_USUAL_POLICY_H
#define TESTS_SUPPORT_USUAL_POLICY_H

#include "rt/policy.h"

#include <stdlib.h>
#include <string.h>

/*
 * usual_policy.h - the same tests under another policy
 *
 * COOP_TEST_POLICY in the environment (ctest sets it for the variants): priority or chaos.
 */
static __attribute__((constructor)) void use_policy_of_environment(void)
{
    const char *name = getenv("COOP_TEST_POLICY");

    if (name && strcmp(name, "priority") == 0)
        coop__usual_policy = COOP_POLICY_PRIORITY;
    else if (name && strcmp(name, "chaos") == 0)
        coop__usual_chaos = 1;
    else if (name)
        abort();
}

#endif
