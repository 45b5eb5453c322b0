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
    return launch_spec_may_lose(spec, LAUNCH_GUARD_LIMITS);
}

int bounding_check(const struct svc_spec *spec, struct coop_err *err)
{
    if (spec->launch.bounds.output == LAUNCH_UNBOUND || svc_spec_prints_through_us(spec))
        return 0;
    if (may_lose(&spec->launch))
        return 1;
    return coop_fail(err, COOP_E_MISSING, "OutputMax= is not kept for this service");
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

/* What is there before does not count, so all of it is looked at: that may take a while. */
static int open_disk(struct bounds *bounds, const struct launch_plan *plan,
                     struct coop_err *err)
{
    struct disk_usage *disk = calloc(1, sizeof *disk);
    int r;

    if (!disk)
        return coop_fail(err, COOP_E_LIMIT, "no memory for its bounds");
    coop_block_begin();
    r = disk_usage_open(disk, plan, err);
    coop_block_end();
    if (r < 0)
        free(disk);
    else
        bounds->disk = disk;
    return r;
}

int bounding_open(const struct launch_spec *spec, const struct launch_plan *plan, bool lost,
                  struct bounds **ret_bounds, struct coop_err *err)
{
    const struct launch_bounds *limit = &spec->bounds;
    bool polls =
        lost && (limit->memory_max != LAUNCH_UNBOUND || limit->tasks_max != LAUNCH_UNBOUND);
    bool disk = limit->disk_max != LAUNCH_UNBOUND || limit->disk_files_max != LAUNCH_UNBOUND;
    struct coop_err why = {0};
    struct bounds *bounds;

    if (limit->wall_time == LAUNCH_UNBOUND && limit->cpu_time == LAUNCH_UNBOUND && !polls &&
        !disk)
        return 0;
    bounds = calloc(1, sizeof *bounds);
    if (!bounds)
        return coop_fail(err, COOP_E_LIMIT, "no memory for its bounds");
    bounds->limit = *limit;
    bounds->poll_memory = bounds->poll_tasks = polls;
    *ret_bounds = bounds;
    if (!disk || open_disk(bounds, plan, &why) == 0)
        return 0;
    if (may_lose(spec))
        return 1;
    *err = why;
    return -1;
}

static void begin(const struct machine *machine, struct holder *holder, bool has_reaper,
                  coop_nsec began)
{
    struct bounds *bounds = holder->bounds;
    const struct launch_bounds limit = bounds->limit;
    bool polls = bounds->poll_memory;

    bounds_begin(bounds, &limit, holder->top_pid, !has_reaper, began);
    if (holder->held_by == HELD_BY_CGROUP)
        bounds_use_group(bounds, &machine->cgroups, holder->cgroup);
    if (polls)
        bounds_poll_all(bounds, coop_now());
}

void bounding_begin(const struct machine *machine, struct holder *holder,
                    const struct launch_plan *plan)
{
    struct disk_usage *disk = holder->bounds->disk;
    coop_nsec now = coop_now();

    begin(machine, holder, launch_plan_has_reaper(plan), now);
    if (!disk)
        return;
    disk_usage_enter(disk, plan, holder->main_pid);
    bounds_use_disk(holder->bounds, disk, false, now);
}

int bounding_adopt(const struct machine *machine, const struct svc_spec *spec,
                   struct holder *holder, coop_nsec began, struct coop_err *err)
{
    struct launch_spec known = spec->launch; /* borrowed; who has a DiskMax= is not adopted */

    known.bounds.disk_max = known.bounds.disk_files_max = LAUNCH_UNBOUND;
    if (bounding_open(&known, NULL, holder->polls, &holder->bounds, err) < 0)
        return -1;
    if (holder->bounds)
        begin(machine, holder, holder->notes || holder->held_by == HELD_BY_SUBREAPER, began);
    return 0;
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
    if (!bounds)
        return;
    if (bounds->disk)
        disk_usage_done(bounds->disk);
    free(bounds->disk);
    bounds_done(bounds);
    free(bounds);
}

/* Who fills it and ends at once was not seen before. */
static void look_once_more(struct bounds *bounds, struct ending *ending)
{
    bool over;

    ending->out_of_disk = bounds_disk_reached(bounds);
    if (!bounds->disk || ending->broken != LAUNCH_RESULT_EXIT)
        return;
    coop_block_begin();
    over = bounds_disk_over(bounds);
    coop_block_end();
    if (over)
        ending->broken = LAUNCH_RESULT_DISK;
}

void bounding_learn(const struct machine *machine, const struct holder *holder,
                    struct ending *ending)
{
    struct group_usage used;

    if (holder->bounds) {
        ending->out_of_tasks = bounds_tasks_reached(holder->bounds);
        look_once_more(holder->bounds, ending);
    }
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
