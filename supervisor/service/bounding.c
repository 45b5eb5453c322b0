/*
 * bounding.c - a service's bounds and its cgroup (contract in bounding.h)
 */
#include "service/bounding.h"

#include "base/log.h"
#include "base/scope.h"
#include "coop/block.h"
#include "launcher/limits/group.h"

static bool may_lose(const struct launch_spec *spec)
{
    return spec->prefer & ~spec->require.guards & LAUNCH_BIT(LAUNCH_GUARD_LIMITS);
}

int bounding_check(const struct launch_spec *spec, struct coop_err *err)
{
    const struct {
        const char *key;
        int64_t value;
    } nobodys[] = {
        {"WallTime", spec->bounds.wall_time},
        {"CPUTime", spec->bounds.cpu_time},
        {"OutputMax", spec->bounds.output},
    };

    for (size_t i = 0; i < COOP_COUNT(nobodys); i++) {
        if (nobodys[i].value == LAUNCH_UNBOUND)
            continue;
        if (may_lose(spec))
            return 1;
        (void)coop_fail(err, COOP_E_MISSING, "%s= is not kept for services", nobodys[i].key);
        return coop_hint(err, "coop-run keeps it; Prefer=limits starts without it");
    }
    return 0;
}

bool bounding_needs_group(const struct launch_spec *spec)
{
    return bounds_need_group(&spec->bounds);
}

int bounding_apply(struct machine *machine, const struct launch_spec *spec, const char *leaf,
                   struct coop_err *err)
{
    struct coop_err why = {0};
    int r;

    if (!bounding_needs_group(spec))
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
