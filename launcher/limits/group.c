/*
 * group.c - a leaf's limits through the controllers of cgroup v2 (contract in group.h)
 */
#include "launcher/limits/group.h"

#include "launcher/limits/group_file.h"

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct launch_bounds, name)
#define QUOTA_USEC  100000 /* the period of cpu.max */

const struct group_row group_rows[] = {
    /* clang-format off */
    {"MemoryMax",     "memory", "memory.max",      "bytes",     FIELD(memory_max)},
    {"MemoryHigh",    "memory", "memory.high",     "bytes",     FIELD(memory_high)},
    {"MemorySwapMax", "memory", "memory.swap.max", "bytes",     FIELD(memory_swap_max)},
    {"TasksMax",      "pids",   "pids.max",        "count",     FIELD(tasks_max)},
    {"CPUQuota",      "cpu",    "cpu.max",         "per-mille", FIELD(cpu_quota)},
    {"CPUWeight",     "cpu",    "cpu.weight",      "weight",    FIELD(cpu_weight)},
    {"IOWeight",      "io",     "io.weight",       "weight",    FIELD(io_weight)},
    {0},
    /* clang-format on */
};

const struct group_io_row group_io_rows[] = {
    {"IOReadBandwidthMax", "rbps", "bytes-per-second", FIELD(read_bytes)},
    {"IOWriteBandwidthMax", "wbps", "bytes-per-second", FIELD(write_bytes)},
    {"IOReadIOPSMax", "riops", "count-per-second", FIELD(read_ops)},
    {"IOWriteIOPSMax", "wiops", "count-per-second", FIELD(write_ops)},
    {0},
};

const struct launch_io_list *group_io_list(const struct group_io_row *row,
                                           const struct launch_bounds *bounds)
{
    return (const struct launch_io_list *)(const void *)((const char *)bounds + row->field);
}

int64_t group_row_value(const struct group_row *row, const struct launch_bounds *bounds)
{
    bool is_weight = strcmp(row->unit, "weight") == 0;
    int64_t value;

    memcpy(&value, (const char *)bounds + row->field, sizeof value);
    return is_weight && value == 0 ? LAUNCH_UNBOUND : value;
}

bool bounds_need_group(const struct launch_bounds *bounds)
{
    for (const struct group_row *row = group_rows; row->key; row++)
        if (group_row_value(row, bounds) != LAUNCH_UNBOUND)
            return true;
    for (const struct group_io_row *row = group_io_rows; row->key; row++)
        if (group_io_list(row, bounds)->at[0].most != 0)
            return true;
    return false;
}

/* ---- the kernel's small files ---- */

/* The number behind 'key' at the start of a line; 0 when there is none. */
static uint64_t number_of(const char *text, const char *key)
{
    size_t length = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return strtoull(line + length, NULL, 10);
    }
    return 0;
}

/* ---- handing controllers down ---- */

static int hand_down_from(int dir, const char *controller)
{
    char text[GROUP_FILE_MAX], order[32];
    int r = group_file_read(dir, "cgroup.subtree_control", text);

    if (r < 0 || group_file_has(text, controller))
        return r;
    (void)str_format(order, sizeof order, "+%s", controller);
    return group_file_write(dir, "cgroup.subtree_control", order);
}

/* A group with processes in it cannot hand down (memory, io), or becomes a threaded one below which
 * nothing can live (pids, cpu).  The root of all is exempt, and alone has no type. */
static int leave_alone(struct launch_cgroups *groups, const char *controller)
{
    char text[GROUP_FILE_MAX];
    int r = group_file_read(groups->parent, "cgroup.subtree_control", text);

    if (r < 0 || group_file_has(text, controller) ||
        group_file_read(groups->parent, "cgroup.type", text) == -ENOENT)
        return r;
    r = group_file_read(groups->parent, "cgroup.procs", text);
    if (r >= 0 && text[0] && !groups->aside) {
        r = group_step_aside(groups, false);
        if (r >= 0)
            r = group_file_read(groups->parent, "cgroup.procs", text);
    }
    return r < 0 ? r : text[0] ? -EBUSY : 0;
}

static int refuse(const struct launch_cgroups *groups, const struct group_row *row, int r,
                  struct coop_err *err)
{
    (void)coop_fail_sys(err, r, "%s= cannot be kept: controller '%s' of cgroup '%s'", row->key,
                        row->controller, groups->where);
    if (r == -EBUSY)
        return coop_hint(err, "other processes are in that cgroup; start in one of its own "
                              "(systemd-run --scope -p Delegate=yes), or go without: "
                              "Prefer=limits");
    return coop_hint(err, "it belongs to cgroup v1 here, or was not handed down; Prefer=limits "
                          "takes what comes nearest");
}

static int hand_down(struct launch_cgroups *groups, const struct group_row *row,
                     struct coop_err *err)
{
    char text[GROUP_FILE_MAX];
    int r = group_file_read(groups->parent, "cgroup.controllers", text);

    if (r >= 0 && !group_file_has(text, row->controller))
        r = -ENOENT;
    if (r >= 0)
        r = leave_alone(groups, row->controller);
    if (r >= 0)
        r = hand_down_from(groups->parent, row->controller);
    if (r >= 0)
        r = hand_down_from(groups->own, row->controller);
    return r < 0 ? refuse(groups, row, r, err) : 0;
}

/* ---- the leaf ---- */

static int write_row(int leaf, const struct group_row *row, int64_t value)
{
    char text[64];

    if (strcmp(row->file, "cpu.max") == 0)
        (void)str_format(text, sizeof text, "%" PRId64 " %d", value * (QUOTA_USEC / 1000),
                         QUOTA_USEC);
    else
        (void)str_format(text, sizeof text, "%" PRId64, value);
    return group_file_write(leaf, row->file, text);
}

/* One line of io.max for each disk. */
static int limit_disks(struct launch_cgroups *groups, int leaf, const struct group_io_row *row,
                       const struct launch_bounds *bounds, struct coop_err *err)
{
    const struct launch_io_list *list = group_io_list(row, bounds);

    for (int i = 0; i < LAUNCH_IO_DEVICES && list->at[i].most != 0; i++) {
        const struct launch_disk *io = &list->at[i];
        char text[80];
        int r;

        if (io->most == LAUNCH_UNBOUND)
            (void)str_format(text, sizeof text, "%u:%u %s=max", io->major, io->minor,
                             row->word);
        else
            (void)str_format(text, sizeof text, "%u:%u %s=%" PRId64, io->major, io->minor,
                             row->word, io->most);
        r = group_file_write(leaf, "io.max", text);
        if (r < 0)
            return coop_fail_sys(err, r, "%s= cannot be kept: disk %u:%u in cgroup '%s'",
                                 row->key, io->major, io->minor, groups->where);
    }
    return 0;
}

static int hand_down_io(struct launch_cgroups *groups, const struct launch_bounds *bounds,
                        struct coop_err *err)
{
    for (const struct group_io_row *row = group_io_rows; row->key; row++) {
        const struct group_row io = {.key = row->key, .controller = "io"};

        if (group_io_list(row, bounds)->at[0].most != 0 && hand_down(groups, &io, err) < 0)
            return -1;
    }
    return 0;
}

int group_limit(struct launch_cgroups *groups, const char *path,
                const struct launch_bounds *bounds, struct coop_err *err)
{
    SCOPED_FD leaf = -1;
    int r;

    for (const struct group_row *row = group_rows; row->key; row++)
        if (group_row_value(row, bounds) != LAUNCH_UNBOUND && hand_down(groups, row, err) < 0)
            return -1;
    if (hand_down_io(groups, bounds, err) < 0)
        return -1;
    leaf = launch_cgroup_enter(groups, path);
    if (leaf < 0)
        return coop_fail_sys(err, leaf, "cgroup '%s/%s'", groups->where, path);
    for (const struct group_io_row *row = group_io_rows; row->key; row++)
        if (limit_disks(groups, leaf, row, bounds, err) < 0)
            return -1;
    for (const struct group_row *row = group_rows; row->key; row++) {
        int64_t value = group_row_value(row, bounds);

        if (value == LAUNCH_UNBOUND)
            continue;
        r = write_row(leaf, row, value);
        if (r < 0)
            return coop_fail_sys(err, r, "%s= cannot be kept: '%s' of cgroup '%s/%s'", row->key,
                                 row->file, groups->where, path);
    }
    if (bounds->memory_max != LAUNCH_UNBOUND)
        (void)group_file_write(leaf, "memory.oom.group", "1"); /* Linux 4.19 */
    return 0;
}

/* ---- reading ---- */

static int64_t peak_of(int leaf, const char *file)
{
    char text[GROUP_FILE_MAX];

    return group_file_read(leaf, file, text) < 0 ? -1 : (int64_t)strtoull(text, NULL, 10);
}

int group_read(const struct launch_cgroups *groups, const char *path,
               struct group_usage *ret_usage)
{
    SCOPED_FD leaf = launch_cgroup_enter(groups, path);
    struct group_usage usage = {0};
    char text[GROUP_FILE_MAX];
    int r;

    if (leaf < 0)
        return leaf;
    r = group_file_read(leaf, "cpu.stat", text);
    if (r < 0)
        return r;
    usage.user = (coop_nsec)number_of(text, "user_usec") * COOP_NSEC_PER_USEC;
    usage.system = (coop_nsec)number_of(text, "system_usec") * COOP_NSEC_PER_USEC;
    usage.memory_peak = peak_of(leaf, "memory.peak");
    usage.tasks_peak = peak_of(leaf, "pids.peak");
    if (group_file_read(leaf, "memory.events", text) >= 0)
        usage.oom_kills = number_of(text, "oom_kill");
    if (group_file_read(leaf, "pids.events", text) >= 0)
        usage.tasks_refused = number_of(text, "max");
    *ret_usage = usage;
    return 0;
}

int group_open_members(const struct launch_cgroups *groups, const char *path)
{
    SCOPED_FD leaf = launch_cgroup_enter(groups, path);

    return leaf < 0 ? leaf : sys_openat(leaf, "cgroup.procs", O_RDONLY | O_CLOEXEC, 0);
}
