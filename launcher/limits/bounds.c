/*
 * bounds.c - the decisions about a tree's bounds (contract in bounds.h)
 */
#include "launcher/limits/bounds.h"

#include <unistd.h>

#define LOOK_LEAST (10 * COOP_NSEC_PER_MSEC) /* /proc counts CPU time in steps of 10 ms */
#define LOOK_MOST  COOP_NSEC_PER_SEC

void bounds_begin(struct bounds *ret_bounds, const struct launch_bounds *limit, pid_t root,
                  bool root_counts, coop_nsec now)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    *ret_bounds = (struct bounds){
        .limit = *limit,
        .deadline = coop_after(now, limit->wall_time),
        .next = COOP_FOREVER,
        .processors = processors > 0 ? (int)processors : 1,
        .tree = {.root = root, .root_counts = root_counts},
    };
    if (limit->cpu_time != LAUNCH_UNBOUND)
        ret_bounds->next = now;
}

void bounds_done(struct bounds *bounds)
{
    tree_usage_done(&bounds->tree);
}

coop_nsec bounds_next(const struct bounds *bounds)
{
    return bounds->deadline < bounds->next ? bounds->deadline : bounds->next;
}

void bounds_account(struct bounds *bounds)
{
    if (tree_usage_look(&bounds->tree) < 0)
        return;
    if (bounds->tree.memory > bounds->memory_peak)
        bounds->memory_peak = bounds->tree.memory;
    if (bounds->tree.tasks > bounds->tasks_peak)
        bounds->tasks_peak = bounds->tree.tasks;
}

static coop_nsec clamp(coop_nsec delay)
{
    return delay < LOOK_LEAST ? LOOK_LEAST : delay > LOOK_MOST ? LOOK_MOST : delay;
}

static coop_nsec delay_until_used_up(const struct bounds *bounds)
{
    coop_nsec delay = LOOK_MOST;

    if (bounds->limit.cpu_time != LAUNCH_UNBOUND)
        delay = (bounds->limit.cpu_time - bounds->tree.cpu) / bounds->processors;
    return clamp(delay);
}

enum launch_result bounds_look(struct bounds *bounds, coop_nsec now)
{
    if (now >= bounds->deadline)
        return LAUNCH_RESULT_WALL_TIME;
    if (now < bounds->next)
        return LAUNCH_RESULT_EXIT;
    bounds_account(bounds);
    if (bounds->tree.cpu >= bounds->limit.cpu_time)
        return LAUNCH_RESULT_CPU_TIME;
    bounds->next = coop_after(now, delay_until_used_up(bounds));
    return LAUNCH_RESULT_EXIT;
}
