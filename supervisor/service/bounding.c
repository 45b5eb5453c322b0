/*
 * bounding.c - a service's bounds and its cgroup (contract in bounding.h)
 */
#include "service/bounding.h"

#include <stdlib.h>

#include "base/log.h"
#include "coop/block.h"
#include "coop/coro.h"
#include "launcher/limits/bounds.h"
#include "launcher/limits/group.h"

static bool may_lose(const struct launch_spec *spec)
{
    return spec->prefer & ~spec->require.guards & LAUNCH_BIT(LAUNCH_GUARD_LIMITS);
}

int bounding_check(const struct svc_spec *spec, struct coop_err *err)
{
    const struct launch_bounds *bounds = &spec->launch.bounds;
    bool disk = bounds->disk_max != LAUNCH_UNBOUND || bounds->disk_files_max != LAUNCH_UNBOUND;
    bool output = bounds->output != LAUNCH_UNBOUND && !svc_spec_prints_through_us(spec);

    if (!disk && !output)
        return 0;
    if (may_lose(&spec->launch))
        return 1;
    return coop_fail(err, COOP_E_MISSING, "%s= is not kept for this service",
                     disk ? "DiskMax" : "OutputMax");
}

bool bounding_wants_group(const struct launch_spec *spec)
{
    return bounds_need_group(&spec->bounds) || spec->bounds.cpu_time != LAUNCH_UNBOUND;
}

int bounding_apply(struct machine *machine, const struct launch_spec *spec, const char *leaf,
                   struct coop_err *err)
{
    struct coop_err why = {0};
    int r;

    if (!bounds_need_group(&spec->bounds))
        return 0;
    if (!machine->has_cgroups) {
        r = coop_fail(&why, COOP_E_MISSING,
                      "MemoryMax= and its like cannot be kept: there is "
                      "no cgroup here for services");
    } else {
        coop_mutex_lock(&machine->bounds_lock);
        coop_syscall_begin();
        r = group_limit(&machine->cgroups, leaf, &spec->bounds, &why);
        coop_syscall_end();
        coop_mutex_unlock(&machine->bounds_lock);
    }
    if (r >= 0)
        return 0;
    if (may_lose(spec))
        return 1;
    *err = why;
    return -1;
}

/* ---- looking ---- */

int bounding_open(const struct launch_spec *spec, bool lost, struct bounds **ret_bounds,
                  struct coop_err *err)
{
    const struct launch_bounds *limit = &spec->bounds;
    bool polls =
        lost && (limit->memory_max != LAUNCH_UNBOUND || limit->tasks_max != LAUNCH_UNBOUND);
    struct bounds *bounds;

    if (limit->wall_time == LAUNCH_UNBOUND && limit->cpu_time == LAUNCH_UNBOUND && !polls)
        return 0;
    bounds = calloc(1, sizeof *bounds);
    if (!bounds)
        return coop_fail(err, COOP_E_LIMIT, "no memory for its bounds");
    bounds->limit = *limit;
    bounds->poll_memory = bounds->poll_tasks = polls;
    *ret_bounds = bounds;
    return 0;
}

void bounding_begin(const struct machine *machine, struct holder *holder, bool has_reaper)
{
    struct bounds *bounds = holder->bounds;
    const struct launch_bounds limit = bounds->limit;
    bool polls = bounds->poll_memory;
    coop_nsec now = coop_now();

    bounds_begin(bounds, &limit, holder->top_pid, !has_reaper, now);
    if (holder->held_by == HELD_BY_CGROUP)
        bounds_use_group(bounds, &machine->cgroups, holder->cgroup);
    if (polls)
        bounds_poll_all(bounds, now);
}

enum launch_result bounding_look(struct spawn *spawn, struct holder *holder,
                                 coop_nsec *ret_next)
{
    enum launch_result result;

    (void)spawn;
    if (!holder->bounds)
        return LAUNCH_RESULT_EXIT;
    coop_syscall_begin();
    result = bounds_look(holder->bounds, coop_now());
    coop_syscall_end();
    *ret_next = bounds_next(holder->bounds);
    return result;
}

void bounding_free(struct bounds *bounds)
{
    if (bounds)
        bounds_done(bounds);
    free(bounds);
}

void bounding_learn(const struct machine *machine, const struct holder *holder,
                    struct ending *ending)
{
    struct group_usage used;

    if (holder->bounds)
        ending->out_of_tasks = bounds_tasks_reached(holder->bounds);
    if (!holder->cgroup || group_read(&machine->cgroups, holder->cgroup, &used) < 0)
        return;
    ending->out_of_memory = used.oom_kills > 0;
    ending->out_of_tasks |= used.tasks_refused > 0;
}

void bounding_tell(const struct machine *machine, const char *name, const char *leaf)
{
    struct group_usage used;

    if (group_read(&machine->cgroups, leaf, &used) < 0)
        return;
    if (used.oom_kills > 0)
        log_warn("service", "%s: ended, because MemoryMax= is used up", name);
    if (used.tasks_refused > 0)
        log_warn("service", "%s: TasksMax= has refused it a process %llu times", name,
                 (unsigned long long)used.tasks_refused);
}
