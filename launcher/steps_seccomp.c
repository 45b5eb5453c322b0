/*
 * steps_seccomp.c - loading the compiled filters
 *
 * The bytes come from the plan, in an order in which each can be loaded behind those before it
 * (filter/compile.h).  Whether a filter may be missing is asked for each protection that it bears.
 */
#include "launcher/raw.h"
#include "launcher/steps.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

static long load(const struct launch_plan *plan, const struct plan_filter *filter)
{
    union {
        const void *from;
        struct sock_filter *to;
    } code = {.from = plan_at(plan, filter->code.at)}; /* the kernel only reads it */
    struct sock_fprog program = {(unsigned short)filter->code.count, code.to};

    return raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program);
}

static bool may_lose_all(struct child *c, uint64_t guards)
{
    for (uint32_t guard = 0; guard < LAUNCH_GUARD_COUNT; guard++)
        if (guards & LAUNCH_BIT(guard) && !recipe_may_lose(c, guard))
            return false;
    return true;
}

int step_seccomp(struct child *c)
{
    const struct plan_filter *filters = plan_at(c->plan, c->plan->filters.at);

    for (uint32_t i = 0; i < c->plan->filters.count; i++) {
        long r = filters[i].fallback && !c->filter_wx ? 0 : load(c->plan, &filters[i]);

        if (r < 0 && !may_lose_all(c, filters[i].guards))
            return step_fail(c, r, "seccomp", plan_str(c->plan, filters[i].from));
    }
    return 0;
}
