/*
 * aside.c - out of the group that hands controllers down, and back into it (contract in group.h)
 *
 *     <our group>               hands controllers down, so no process may be in it
 *        coop-4711/%self        we, and who stands above us in a container
 *        coop-4711/web          a service
 *
 * WHO COMES ALONG.  In a container, and in a unit with Delegate=yes, the group is there for us, but
 * what started us (an init, a respawner) is in it as well: it is taken along.  Elsewhere whoever is
 * in our group has business of its own there, and stays.
 *
 * AFTER A KILL.  Who respawns a coopd that was killed does so from the dead one's %self.  That is
 * found by its lock, which nobody holds any more (cgroup.h), and then the group above it counts as
 * ours; its %self is left, or its cleaning up would be the end of us.
 */
#include "launcher/limits/group.h"
#include "launcher/limits/group_file.h"

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ABOVE_MAX = 32 }; /* how far up we look: an init, a respawner, some shells */

/* ---- who is above us ---- */

/* 0 when it cannot be told. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[GROUP_FILE_MAX];
    const char *end;

    (void)str_format(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (group_file_read(AT_FDCWD, path, text) < 0)
        return 0;
    end = strrchr(text, ')'); /* the name before it may hold anything */
    return end && strlen(end) > 4 ? (pid_t)strtol(end + 4, NULL, 10) : 0;
}

static bool is_above_us(pid_t pid)
{
    pid_t above = getppid();

    for (int level = 0; level < ABOVE_MAX && above > 0; level++) {
        if (above == pid)
            return true;
        above = parent_of(above);
    }
    return false;
}

/* ---- aside ---- */

/* Calls 'fn' for each PID in cgroup.procs of 'dir' until it does not answer 0. */
static int each_process(int dir, int (*fn)(pid_t pid, void *arg), void *arg)
{
    SCOPED_FD fd = sys_openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC, 0);
    char chunk[GROUP_FILE_MAX];
    ssize_t got = fd;
    pid_t pid = 0;

    while (fd >= 0 && (got = sys_read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            int r = 0;

            if (chunk[i] != '\n') {
                pid = pid * 10 + (chunk[i] - '0');
                continue;
            }
            r = fn(pid, arg); /* 0: a process that our PID namespace does not show */
            if (r != 0)
                return r;
            pid = 0;
        }
    }
    return (int)got;
}

struct leaving {
    const struct launch_cgroups *groups;
    bool all; /* those above us, too */
    int to;   /* directory           */
};

static bool is_one_of_us(const struct leaving *leaving, pid_t pid)
{
    return pid == getpid() || (pid > 0 && pid == leaving->groups->beside) ||
           (leaving->all && is_above_us(pid));
}

static int may_leave(pid_t pid, void *arg)
{
    return is_one_of_us(arg, pid) ? 0 : -EBUSY;
}

static int move_to(int dir, pid_t pid)
{
    char text[24];

    (void)str_format(text, sizeof text, "%d", (int)pid);
    return group_file_write(dir, "cgroup.procs", text);
}

static int take_along(pid_t pid, void *arg)
{
    const struct leaving *leaving = arg;
    int r = is_one_of_us(leaving, pid) ? move_to(leaving->to, pid) : 0;

    return r == -ESRCH ? 0 : r; /* it has ended */
}

static int bring(pid_t pid, void *arg)
{
    const int *dir = arg;
    int r = move_to(*dir, pid);

    return r == -ESRCH ? 0 : r; /* it has ended */
}

static bool bring_back(struct launch_cgroups *groups, int to)
{
    SCOPED_FD self =
        sys_openat(groups->own, LAUNCH_CGROUP_SELF, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    return self >= 0 && each_process(self, bring, &to) == 0;
}

int group_step_aside(struct launch_cgroups *groups, bool with_those_above)
{
    struct leaving leaving = {.groups = groups,
                              .all = with_those_above &&
                                     (groups->delegated || groups->cradle >= 0)};
    int from = groups->cradle >= 0 ? groups->cradle : groups->parent;
    SCOPED_FD self = -1;
    int r = groups->cradle >= 0 ? 0 : each_process(from, may_leave, &leaving);

    if (r < 0)
        return r;
    r = sys_mkdirat(groups->own, LAUNCH_CGROUP_SELF, 0755);
    if (r < 0 && r != -EEXIST)
        return r;
    self = sys_openat(groups->own, LAUNCH_CGROUP_SELF, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (self < 0)
        return self;
    leaving.to = self;
    r = each_process(from, take_along, &leaving);
    groups->aside = r >= 0;
    if (r < 0) { /* some may have gone already */
        (void)bring_back(groups, from);
        (void)sys_unlinkat(groups->own, LAUNCH_CGROUP_SELF, AT_REMOVEDIR);
    }
    return r;
}

bool group_can_step_aside(const struct launch_cgroups *groups)
{
    char text[GROUP_FILE_MAX];

    if (groups->cradle >= 0)
        return true;
    return group_file_read(groups->parent, "cgroup.type", text) >= 0 &&
           group_file_read(groups->parent, "cgroup.controllers", text) >= 0 && text[0] > ' ';
}

/* ---- and back ---- */

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

void group_see_aside(struct launch_cgroups *groups)
{
    SCOPED_FD self =
        sys_openat(groups->own, LAUNCH_CGROUP_SELF, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    groups->aside = self >= 0;
}

void group_step_back(struct launch_cgroups *groups)
{
    char text[GROUP_FILE_MAX], order[32];

    if (!groups->aside || !is_empty_but(groups->parent, groups->name) ||
        group_file_read(groups->parent, "cgroup.subtree_control", text) < 0)
        return;
    for (const struct group_row *row = group_rows; row->key; row++) {
        (void)str_format(order, sizeof order, "-%s", row->controller);
        if (group_file_has(text, row->controller) &&
            (group_file_write(groups->own, "cgroup.subtree_control", order) < 0 ||
             group_file_write(groups->parent, "cgroup.subtree_control", order) < 0))
            return;
    }
    if (!bring_back(groups, groups->parent))
        return;
    groups->aside = false;
    (void)sys_unlinkat(groups->own, LAUNCH_CGROUP_SELF, AT_REMOVEDIR);
}
