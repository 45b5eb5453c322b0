/*
 * bounds.c - the decisions about a tree's bounds (contract in bounds.h)
 */
#include "launcher/limits/bounds.h"

#include "base/scope.h"

#include <unistd.h>

#define LOOK_LEAST (10 * COOP_NSEC_PER_MSEC) /* /proc counts CPU time in steps of 10 ms */
#define LOOK_MOST  COOP_NSEC_PER_SEC
#define LOOK_TASKS (20 * COOP_NSEC_PER_MSEC)
#define DISK_SHARE 10 /* a look at the disk costs a tenth of the time at most */
#define DISK_PIECE                                                                             \
    (4 * COOP_NSEC_PER_MSEC) /* ... and is made in pieces, or the others waited */
#define STILL_MOST (500 * COOP_NSEC_PER_MSEC) /* nobody is stopped for longer */
#define FILL_RATE  2 /* bytes a nanosecond that a machine can fill at most, about */

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
    still_end(&bounds->still);
    tree_usage_done(&bounds->tree);
}

coop_nsec bounds_next(const struct bounds *bounds)
{
    return bounds->deadline < bounds->next ? bounds->deadline : bounds->next;
}

void bounds_use_group(struct bounds *bounds, const struct launch_cgroups *groups,
                      const char *leaf)
{
    bounds->groups = groups;
    bounds->leaf = leaf;
}

void bounds_poll_all(struct bounds *bounds, coop_nsec now)
{
    bounds->poll_memory = bounds->limit.memory_max != LAUNCH_UNBOUND;
    bounds->poll_tasks = bounds->limit.tasks_max != LAUNCH_UNBOUND;
    if (bounds->poll_memory || bounds->poll_tasks)
        bounds->next = now;
}

bool bounds_tasks_reached(const struct bounds *bounds)
{
    return bounds->poll_tasks && bounds->tasks_peak >= bounds->limit.tasks_max;
}

bool bounds_disk_reached(const struct bounds *bounds)
{
    return bounds->disk && bounds->disk->full;
}

void bounds_use_disk(struct bounds *bounds, struct disk_usage *disk, bool may_stop,
                     coop_nsec now)
{
    bounds->disk = disk;
    bounds->may_stop = may_stop;
    bounds->disk_next = bounds->next = now;
}

static void raise_to(int64_t *peak, int64_t value)
{
    if (value > *peak)
        *peak = value;
}

void bounds_account(struct bounds *bounds)
{
    struct group_usage usage;

    if (bounds->groups && group_read(bounds->groups, bounds->leaf, &usage) == 0) {
        raise_to(&bounds->cpu, usage.user + usage.system);
        raise_to(&bounds->memory_peak, usage.memory_peak);
        raise_to(&bounds->tasks_peak, usage.tasks_peak);
        if (!bounds->poll_memory && !bounds->poll_tasks)
            return;
    }
    if (tree_usage_look(&bounds->tree) < 0)
        return;
    raise_to(&bounds->cpu, bounds->tree.cpu);
    raise_to(&bounds->memory_peak, bounds->tree.memory);
    raise_to(&bounds->tasks_peak, bounds->tree.tasks);
}

static coop_nsec clamp(coop_nsec delay)
{
    return delay < LOOK_LEAST ? LOOK_LEAST : delay > LOOK_MOST ? LOOK_MOST : delay;
}

static coop_nsec delay_until_used_up(const struct bounds *bounds)
{
    coop_nsec delay = LOOK_MOST;

    if (bounds->limit.cpu_time != LAUNCH_UNBOUND)
        delay = (bounds->limit.cpu_time - bounds->cpu) / bounds->processors;
    if (bounds->poll_memory) {
        coop_nsec fill = (bounds->limit.memory_max - bounds->tree.memory) / FILL_RATE;

        delay = fill < delay ? fill : delay;
    }
    if (bounds->poll_tasks && delay > LOOK_TASKS)
        delay = LOOK_TASKS;
    return clamp(delay);
}

/* ---- disk ---- */

/* Who may hold what is deleted: a group counts only, and without a reaper its orphans have left
 * the tree. */
static void find_members(struct bounds *bounds)
{
    SCOPED_FD file = -1;

    if (!bounds->groups)
        return; /* looked at just now */
    (void)tree_usage_look(&bounds->tree);
    file = group_open_members(bounds->groups, bounds->leaf);
    if (file >= 0)
        tree_usage_add(&bounds->tree, file);
}

static int64_t files_most(const struct launch_bounds *limit)
{
    return limit->disk_files_max != LAUNCH_UNBOUND ? limit->disk_files_max : BOUNDS_FILES_MOST;
}

static void begin_look(struct bounds *bounds)
{
    const struct launch_bounds *limit = &bounds->limit;

    if (bounds->groups && bounds->may_stop &&
        disk_usage_is_in_doubt(bounds->disk, limit->disk_max, files_most(limit)))
        (void)still_begin(&bounds->still, bounds->groups, bounds->leaf);
    find_members(bounds);
}

/* Whether the next piece may come at once: who stands still misses no time. */
static bool goes_on_standing_still(struct bounds *bounds, bool whole)
{
    if (!bounds->still.holds)
        return false;
    if (!whole && disk_clock() - bounds->still.since < STILL_MOST)
        return true;
    if (whole)
        disk_usage_be_sure(bounds->disk);
    still_end(&bounds->still);
    return false;
}

/* How long a look takes, who is inside decides: so it gets a share of the time and no more. */
static void look_at_disk(struct bounds *bounds, coop_nsec now)
{
    coop_nsec began = disk_clock(), cost;
    coop_nsec delay = LOOK_MOST;
    struct disk_usage *disk = bounds->disk;
    bool whole;

    if (!disk->looking)
        begin_look(bounds);
    if (bounds->still.holds)
        began = bounds->still.since;
    whole = disk_usage_look(disk, &bounds->tree, coop_after(disk_clock(), DISK_PIECE));
    raise_to(&bounds->disk_peak, disk->least_bytes);
    raise_to(&bounds->disk_files_peak, disk->least_files);
    if (goes_on_standing_still(bounds, whole)) {
        bounds->disk_next = now;
        return;
    }
    cost = disk_clock() - began;
    if (bounds->limit.disk_max != LAUNCH_UNBOUND)
        delay = (bounds->limit.disk_max - disk->bytes) / FILL_RATE;
    if (bounds->limit.disk_files_max != LAUNCH_UNBOUND && delay > LOOK_TASKS)
        delay = LOOK_TASKS;
    delay = whole ? clamp(delay) : LOOK_LEAST;
    bounds->disk_next = coop_after(now, delay > DISK_SHARE * cost ? delay : DISK_SHARE * cost);
}

static bool is_disk_used_up(const struct bounds *bounds)
{
    return bounds->disk &&
           (bounds->disk->hidden || bounds->disk->least_bytes > bounds->limit.disk_max ||
            bounds->disk->least_files > files_most(&bounds->limit));
}

bool bounds_disk_over(struct bounds *bounds)
{
    if (!bounds->disk)
        return false;
    still_end(&bounds->still);
    bounds->may_stop = false;
    disk_usage_restart(bounds->disk); /* much of what it has seen may be gone by now */
    do
        look_at_disk(bounds, 0);
    while (bounds->disk->looking && !is_disk_used_up(bounds));
    return is_disk_used_up(bounds);
}

/* The sum of what is resident counts shared pages once for each that shares them: enough to know
 * that there is no need to look closer. */
static bool is_memory_used_up(const struct bounds *bounds)
{
    return bounds->poll_memory && bounds->tree.memory > bounds->limit.memory_max &&
           tree_usage_memory(&bounds->tree) > bounds->limit.memory_max;
}

static enum launch_result look(struct bounds *bounds, coop_nsec now)
{
    if (now >= bounds->deadline)
        return LAUNCH_RESULT_WALL_TIME;
    if (now < bounds->next)
        return LAUNCH_RESULT_EXIT;
    bounds_account(bounds);
    if (bounds->cpu >= bounds->limit.cpu_time)
        return LAUNCH_RESULT_CPU_TIME;
    if (is_memory_used_up(bounds))
        return LAUNCH_RESULT_MEMORY;
    if (bounds->poll_tasks && bounds->tree.tasks > bounds->limit.tasks_max)
        return LAUNCH_RESULT_TASKS;
    if (bounds->disk && now >= bounds->disk_next)
        look_at_disk(bounds, now);
    if (is_disk_used_up(bounds))
        return LAUNCH_RESULT_DISK;
    bounds->next = coop_after(now, delay_until_used_up(bounds));
    if (bounds->disk && bounds->disk_next < bounds->next)
        bounds->next = bounds->disk_next;
    return LAUNCH_RESULT_EXIT;
}

enum launch_result bounds_look(struct bounds *bounds, coop_nsec now)
{
    enum launch_result used_up = look(bounds, now);

    if (used_up != LAUNCH_RESULT_EXIT)
        still_end(&bounds->still); /* or it would not hear that it is to end */
    return used_up;
}
