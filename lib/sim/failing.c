/*
 * failing.c - the kernel in force, with the n-th call failing (see failing.h)
 *
 * One wrapper per row of SYS_CALLS.  Counters are atomic: the code under test may have threads.
 */
#include "sim/failing.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static const struct sys_ops *below; /* the table that was in force; NULL: not armed */
static enum failing_call armed_call;
static unsigned armed_nth;
static bool armed_for_good;
static int armed_error;
static _Atomic unsigned counts[FAIL_CALLS], count_of_all;
static const char *_Atomic failed;

static bool must_fail(enum failing_call call, const char *name)
{
    unsigned nth = atomic_fetch_add(&counts[call], 1) + 1, nth_of_all;

    if (armed_call == FAIL_ANY && call == FAIL_clock_gettime)
        return false;
    nth_of_all = atomic_fetch_add(&count_of_all, 1) + 1;

    if (armed_call == FAIL_ANY)
        nth = nth_of_all;
    else if (armed_call != call)
        return false;
    if (nth != armed_nth && !(armed_for_good && nth > armed_nth))
        return false;
    atomic_store(&failed, name);
    return true;
}

#define X(type, name, params, args)                                                            \
    static type failing_##name params                                                          \
    {                                                                                          \
        if (must_fail(FAIL_##name, #name)) {                                                   \
            if ((int)FAIL_##name == (int)FAIL_close)                                           \
                (void)below->name args;                                                        \
            return (type)-armed_error;                                                         \
        }                                                                                      \
        return below->name args;                                                               \
    }
SYS_CALLS(X)
#undef X

static const struct sys_ops failing_kernel = {
#define X(type, name, params, args) .name = failing_##name,
    SYS_CALLS(X)
#undef X
};

static void arm(enum failing_call call, unsigned nth, int error, bool for_good)
{
    if (!below)
        below = sys_current;
    armed_call = call;
    armed_nth = nth;
    armed_error = error;
    armed_for_good = for_good;
    for (int i = 0; i < FAIL_CALLS; i++)
        atomic_store(&counts[i], 0);
    atomic_store(&count_of_all, 0);
    atomic_store(&failed, "");
    sys_install(&failing_kernel);
}

void failing_kernel_arm(enum failing_call call, unsigned nth, int error)
{
    arm(call, nth, error, false);
}

void failing_kernel_arm_from(enum failing_call call, unsigned nth, int error)
{
    arm(call, nth, error, true);
}

bool coop_sim_fail_end(void)
{
    if (below)
        sys_install(below);
    below = NULL;
    return *coop_sim_failed() != '\0';
}

const char *coop_sim_failed(void)
{
    const char *name = atomic_load(&failed);

    return name ? name : "";
}

unsigned failing_kernel_count(enum failing_call call)
{
    return call == FAIL_ANY ? atomic_load(&count_of_all) : atomic_load(&counts[call]);
}

int coop_sim_fail(const char *call, unsigned nth, int error)
{
    static const char *const names[] = {
#define X(type, name, params, args) #name,
        SYS_CALLS(X)
#undef X
    };
    int which = FAIL_ANY;

    if (nth == 0 || error <= 0)
        return -EINVAL;
    if (call) {
        for (which = 0; which < FAIL_CALLS; which++)
            if (strcmp(names[which], call) == 0)
                break;
        if (which == FAIL_CALLS)
            return -EINVAL;
    }
    failing_kernel_arm((enum failing_call)which, nth, error);
    return 0;
}
