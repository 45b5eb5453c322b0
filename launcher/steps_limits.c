/*
 * steps_limits.c - how much the program may use
 */
#include "launcher/join.h"
#include "launcher/raw.h"
#include "launcher/steps.h"

#include <sys/prctl.h>
#include <sys/resource.h>

int step_set_oom_score(struct child *c)
{
    char text[24];

    return step_write_own_file(c, "/proc/self/oom_score_adj", text,
                               raw_number(text, c->plan->oom_score));
}

int step_oom_score(struct child *c)
{
    return c->plan->flags & PLAN_SET_OOM && !join_has_pids(c->plan) ? step_set_oom_score(c) : 0;
}

int step_umask(struct child *c)
{
    if (c->plan->flags & PLAN_SET_UMASK)
        raw1(SYS_umask, c->plan->umask);
    return 0;
}

int step_nice(struct child *c)
{
    if (!(c->plan->flags & PLAN_SET_NICE))
        return 0;
    return step_fail(c, raw3(SYS_setpriority, PRIO_PROCESS, 0, c->plan->nice), "setpriority",
                     "Nice");
}

/* Nobody may raise a hard limit without a privilege: the nearest is what there is. */
static void set_nearest(uint32_t which, const uint64_t wanted[2])
{
    uint64_t now[2] = {0}, pair[2]; /* the analyzer cannot see raw4() fill it */

    if (raw4(SYS_prlimit64, 0, which, 0, now) < 0)
        return;
    for (int i = 0; i < 2; i++)
        pair[i] = wanted[i] < now[1] ? wanted[i] : now[1];
    raw4(SYS_prlimit64, 0, which, pair, 0);
}

int step_rlimits(struct child *c)
{
    const struct plan_limit *limits = plan_at(c->plan, c->plan->limits.at);

    for (uint32_t i = 0; i < c->plan->limits.count; i++) {
        const uint64_t pair[2] = {limits[i].soft, limits[i].hard}; /* struct rlimit64 */
        long r = raw4(SYS_prlimit64, 0, limits[i].which, pair, 0);

        if (r >= 0)
            continue;
        (void)step_fail(c, r, "prlimit64", plan_str(c->plan, limits[i].name));
        if (!recipe_may_lose(c, LAUNCH_GUARD_LIMITS))
            return (int)r;
        c->told->facts.lost_rlimits |= UINT32_C(1) << limits[i].which;
        set_nearest(limits[i].which, pair);
    }
    return 0;
}
