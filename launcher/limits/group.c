/*
 * group.c - a leaf's limits through the controllers of cgroup v2 (contract in group.h)
 */
#include "launcher/limits/group.h"

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct launch_bounds, name)
#define SELF        "%self" /* no escaped name begins like this */
#define FILE_MAX    4096    /* of the kernel's small files      */
#define QUOTA_USEC  100000  /* the period of cpu.max            */

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
    return false;
}

/* ---- the kernel's small files ---- */

static int write_file(int dir, const char *file, const char *text)
{
    SCOPED_FD fd = sys_openat(dir, file, O_WRONLY | O_CLOEXEC, 0);
    ssize_t wrote = fd < 0 ? fd : sys_write(fd, text, strlen(text));

    return wrote < 0 ? (int)wrote : 0;
}

static int read_file(int dir, const char *file, char ret_text[FILE_MAX])
{
    SCOPED_FD fd = sys_openat(dir, file, O_RDONLY | O_CLOEXEC, 0);
    ssize_t got = fd < 0 ? fd : sys_read(fd, ret_text, FILE_MAX - 1);

    ret_text[got > 0 ? got : 0] = '\0';
    return got < 0 ? (int)got : 0;
}

/* Whether 'word' is one of those in a file like cgroup.controllers. */
static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (size_t len; *text; text += len) {
        text += strspn(text, " \n");
        len = strcspn(text, " \n");
        if (len == length && strncmp(text, word, len) == 0)
            return true;
    }
    return false;
}

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

/* Out of the group that is to hand down; the reverse is stepping back. */
static int step_aside(struct launch_cgroups *groups)
{
    SCOPED_FD self = -1;
    int r = sys_mkdirat(groups->own, SELF, 0755);

    if (r < 0 && r != -EEXIST)
        return r;
    self = sys_openat(groups->own, SELF, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (self < 0)
        return self;
    r = write_file(self, "cgroup.procs", "0");
    groups->aside = r >= 0;
    return r;
}

static int hand_down_from(int dir, const char *controller)
{
    char text[FILE_MAX], order[32];
    int r = read_file(dir, "cgroup.subtree_control", text);

    if (r < 0 || has_word(text, controller))
        return r;
    (void)str_format(order, sizeof order, "+%s", controller);
    return write_file(dir, "cgroup.subtree_control", order);
}

/* A group with processes in it cannot hand down (memory, io), or becomes a threaded one below which
 * nothing can live (pids, cpu).  The root of all is exempt, and alone has no type. */
static int leave_alone(struct launch_cgroups *groups, const char *controller)
{
    char text[FILE_MAX];
    int r = read_file(groups->parent, "cgroup.subtree_control", text);

    if (r < 0 || has_word(text, controller) ||
        read_file(groups->parent, "cgroup.type", text) == -ENOENT)
        return r;
    r = read_file(groups->parent, "cgroup.procs", text);
    if (r >= 0 && text[0] && !groups->aside) {
        r = step_aside(groups);
        if (r >= 0)
            r = read_file(groups->parent, "cgroup.procs", text);
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
    char text[FILE_MAX];
    int r = read_file(groups->parent, "cgroup.controllers", text);

    if (r >= 0 && !has_word(text, row->controller))
        r = -ENOENT;
    if (r >= 0)
        r = leave_alone(groups, row->controller);
    if (r >= 0)
        r = hand_down_from(groups->parent, row->controller);
    if (r >= 0)
        r = hand_down_from(groups->own, row->controller);
    return r < 0 ? refuse(groups, row, r, err) : 0;
}

static bool is_empty_but(int dir, const char *own)
{
    _Alignas(struct dirent64) char chunk[2048];
    SCOPED_FD fd = sys_openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    ssize_t got = fd;

    while (fd >= 0 && (got = sys_getdents64(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(chunk + at);

            at += entry->d_reclen;
            if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
                strcmp(entry->d_name, own) != 0)
                return false;
        }
    }
    return got == 0;
}

void group_step_back(struct launch_cgroups *groups)
{
    char text[FILE_MAX], order[32];

    if (!groups->aside || !is_empty_but(groups->parent, groups->name) ||
        read_file(groups->parent, "cgroup.subtree_control", text) < 0)
        return;
    for (const struct group_row *row = group_rows; row->key; row++) {
        (void)str_format(order, sizeof order, "-%s", row->controller);
        if (has_word(text, row->controller) &&
            (write_file(groups->own, "cgroup.subtree_control", order) < 0 ||
             write_file(groups->parent, "cgroup.subtree_control", order) < 0))
            return;
    }
    if (write_file(groups->parent, "cgroup.procs", "0") < 0)
        return;
    groups->aside = false;
    (void)sys_unlinkat(groups->own, SELF, AT_REMOVEDIR);
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
    return write_file(leaf, row->file, text);
}

int group_limit(struct launch_cgroups *groups, const char *path,
                const struct launch_bounds *bounds, struct coop_err *err)
{
    SCOPED_FD leaf = -1;
    int r;

    for (const struct group_row *row = group_rows; row->key; row++)
        if (group_row_value(row, bounds) != LAUNCH_UNBOUND && hand_down(groups, row, err) < 0)
            return -1;
    leaf = launch_cgroup_enter(groups, path);
    if (leaf < 0)
        return coop_fail_sys(err, leaf, "cgroup '%s/%s'", groups->where, path);
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
        (void)write_file(leaf, "memory.oom.group", "1"); /* Linux 4.19 */
    return 0;
}

/* ---- reading ---- */

static int64_t peak_of(int leaf, const char *file)
{
    char text[FILE_MAX];

    return read_file(leaf, file, text) < 0 ? -1 : (int64_t)strtoull(text, NULL, 10);
}

int group_read(const struct launch_cgroups *groups, const char *path,
               struct group_usage *ret_usage)
{
    SCOPED_FD leaf = launch_cgroup_enter(groups, path);
    struct group_usage usage = {0};
    char text[FILE_MAX];
    int r;

    if (leaf < 0)
        return leaf;
    r = read_file(leaf, "cpu.stat", text);
    if (r < 0)
        return r;
    usage.user = (coop_nsec)number_of(text, "user_usec") * COOP_NSEC_PER_USEC;
    usage.system = (coop_nsec)number_of(text, "system_usec") * COOP_NSEC_PER_USEC;
    usage.memory_peak = peak_of(leaf, "memory.peak");
    usage.tasks_peak = peak_of(leaf, "pids.peak");
    if (read_file(leaf, "memory.events", text) >= 0)
        usage.oom_kills = number_of(text, "oom_kill");
    if (read_file(leaf, "pids.events", text) >= 0)
        usage.tasks_refused = number_of(text, "max");
    *ret_usage = usage;
    return 0;
}

int group_freeze(const struct launch_cgroups *groups, const char *path, bool stop)
{
    SCOPED_FD leaf = launch_cgroup_enter(groups, path);

    return leaf < 0 ? leaf : write_file(leaf, "cgroup.freeze", stop ? "1" : "0");
}
