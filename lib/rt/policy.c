/*
 * policy.c - which policy picks, and the one of the simulation
 */
#include "rt/policy.h"

#include "rt/runq.h"

#include <errno.h>

static struct coro *pick_seeded(struct worker *w)
{
    struct proc *p = w->proc;
    struct coro *g;

    p->tick++;
    if ((g = coop__pick_urgent(p)))
        return g;
    if ((int)(p->tick - p->clock_at) >= 0) {
        p->clock_at = p->tick + TIMERS_EVERY;
        coop__look_around(w, p);
    }
    while (coop__rt.global_count && coop__runq_has_room(p) && (g = coop__global_share(p, 0)))
        coop__runq_put(p, g, false);
    return coop__runq_get_nth(p, coop__random(w));
}

const struct policy coop__policy_seeded = {.pick = pick_seeded, .steal = coop__runq_steal};

int coop__usual_policy;
uint64_t coop__usual_chaos;

static const struct policy *const policies[] = {
    [COOP_POLICY_DEFAULT] = &coop__policy_default,
    [COOP_POLICY_PRIORITY] = &coop__policy_priority,
};

int coop__policy_choose(const struct coop_options *o)
{
    unsigned wanted = (unsigned)(o->policy ? o->policy : coop__usual_policy);

    if (wanted >= sizeof policies / sizeof *policies || (o->chaos && (o->sim || o->policy)))
        return -EINVAL;
    coop__rt.chaos = o->chaos || o->sim || o->policy ? o->chaos : coop__usual_chaos;
    if (coop__rt.chaos)
        coop__rt.policy = coop__policy_chaos;
    else
        coop__rt.policy = o->sim && o->seed ? coop__policy_seeded : *policies[wanted];
    if (coop__rt.policy.start)
        coop__rt.policy.start();
    return 0;
}
