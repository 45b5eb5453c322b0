#ifndef LAUNCHER_LIMITS_GROUP_H
#define LAUNCHER_LIMITS_GROUP_H

#include "launcher/cgroup.h"
#include "launcher/launch.h"

/*
 * group.h - the bounds that a cgroup's controllers keep: memory, tasks, CPU, input and output
 *
 *     if (bounds_need_group(bounds)) {
 *         launch_cgroup_make(&groups, "web", path, err);
 *         if (group_limit(&groups, path, bounds, err) < 0)
 *             ... this machine cannot keep them, and err says which and why ...
 *     }
 *     ...
 *     group_read(&groups, path, &usage);            before launch_cgroup_remove()
 *
 * A controller must be handed down from the group that we are in, and a group that hands down must
 * hold no process (the kernel's rule; its root may).  So where we are alone in it, we step aside
 * into <our group>/coop-<pid>/%self: the leaf dance.  Others who are in it stay where they are,
 * and then it is refused.  group_step_back() undoes it, if nobody else depends on it by then.
 * A launcher dances when a bound asks for it; a supervisor before it has children, which would be
 * in the way later (aside.c).  A process of ours beside us (groups.beside) goes with us both times.
 *
 * A group that runs out of memory is killed as a whole (memory.oom.group).
 *
 * Errors    0 or -1 with 'err', or -errno.
 * Source    isolate's cg.c, crun's cgroup-utils.c; the key names and units are systemd's.
 */

/* One row per bound that a controller keeps. */
struct group_row {
    const char *key;        /* "MemoryMax"                          */
    const char *controller; /* "memory"                             */
    const char *file;       /* "memory.max"                         */
    const char *unit;       /* for the receipt                      */
    size_t field;           /* in struct launch_bounds, an int64_t; LAUNCH_UNBOUND: not asked */
};
extern const struct group_row group_rows[]; /* ends with key == NULL */

int64_t group_row_value(const struct group_row *row, const struct launch_bounds *bounds);

/* One row per bound of disks, in io.max. */
struct group_io_row {
    const char *key;  /* "IOReadBandwidthMax" */
    const char *word; /* "rbps"               */
    const char *unit;
    size_t field; /* in struct launch_bounds, a struct launch_io_list */
};
extern const struct group_io_row group_io_rows[]; /* ends with key == NULL */

const struct launch_io_list *group_io_list(const struct group_io_row *row,
                                           const struct launch_bounds *bounds);

/* Whether any of them is asked for. */
bool bounds_need_group(const struct launch_bounds *bounds);

/* Hands the controllers down and writes the leaf's files. On failure the leaf has none or some. */
int group_limit(struct launch_cgroups *groups, const char *path,
                const struct launch_bounds *bounds, struct coop_err *err);

/* Whether stepping aside is of any use: there are controllers, and this is not the root. */
bool group_can_step_aside(const struct launch_cgroups *groups);
/* 'with_those_above': where the group is there for us, who started us comes along; else it is
 * refused (-EBUSY), as it is when anybody else is in it. */
int group_step_aside(struct launch_cgroups *groups, bool with_those_above);
/* Before launch_cgroups_close(): out of %self, which goes away then. */
void group_step_back(struct launch_cgroups *groups);
/* Whoever has taken over (launch_cgroups_take_over()) sees whether there is a way back to go. */
void group_see_aside(struct launch_cgroups *groups);

struct group_usage {
    coop_nsec user, system;
    int64_t memory_peak, tasks_peak; /* -1: this kernel does not tell */
    uint64_t oom_kills;              /* processes killed for lack of memory       */
    uint64_t tasks_refused;          /* forks that TasksMax refused               */
};
int group_read(const struct launch_cgroups *groups, const char *path,
               struct group_usage *ret_usage);

/* The processes of a leaf, a number a line; the caller closes it. Or -errno. */
int group_open_members(const struct launch_cgroups *groups, const char *path);

#endif
