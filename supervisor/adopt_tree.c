/*
 * adopt_tree.c - the cgroups of a dead coopd, and who still holds them (see adopt_tree.h)
 */
#include "adopt_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "launcher/launch.h"

#define LOCK_PAUSE (5 * COOP_NSEC_PER_MSEC) /* nothing tells that a lock is free */

/* ---- one leaf ---- */

/* Whether it is empty now. */
static bool end_leaf(const struct machine *machine, const char *path)
{
    SCOPED_FD watch = launch_cgroup_watch(&machine->cgroups, path);
    coop_nsec deadline = coop_after(coop_now(), ADOPT_PATIENCE);

    if (watch >= 0 && launch_cgroup_populated(watch) == 1) {
        log_warn("adopt", "cgroup '%s' of a dead coopd still has processes: killing them",
                 path);
        launch_cgroup_kill(&machine->cgroups, path);
    }
    while (watch >= 0 && launch_cgroup_populated(watch) == 1)
        if (coop_fd_wait(watch, COOP_IN, deadline) == -ETIMEDOUT)
            break;
    if (watch >= 0)
        coop_fd_forget(watch);
    return launch_cgroup_remove(&machine->cgroups, path) == 0;
}

struct leaves {
    const struct machine *machine;
    const struct map *kept;
    int left; /* that could not be emptied */
};

static void found_leaf(const char *path, void *arg)
{
    struct leaves *leaves = arg;

    if (!map_get(leaves->kept, path))
        leaves->left += !end_leaf(leaves->machine, path);
}

/* ---- who holds the tree ---- */

/* By the text of the links: a look through them could wait for a dead file server. */
static bool has_open(const char *pid, const char *path)
{
    char at[64], name[600];
    const struct dirent *entry;
    bool found = false;
    DIR *dir;

    (void)snprintf(at, sizeof at, "/proc/%.20s/fd", pid);
    dir = opendir(at);
    while (dir && !found && (entry = readdir(dir)) != NULL) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, name, sizeof name - 1);

        if (n < 0)
            continue; /* "." and "..", or closed since */
        name[n] = '\0';
        found = strcmp(name, path) == 0;
    }
    if (dir)
        closedir(dir);
    return found;
}

/* 0: nobody that we may look at. */
static pid_t find_holder(const char *path)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    pid_t found = 0;

    while (dir && found == 0 && (entry = readdir(dir)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && pid != getpid() && has_open(entry->d_name, path))
            found = pid;
    }
    if (dir)
        closedir(dir);
    return found;
}

static void read_name(pid_t pid, char *ret_name, size_t size)
{
    char path[64];
    SCOPED_SYS_FD fd = -1;
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    n = fd < 0 ? fd : sys_read(fd, ret_name, size - 1);
    ret_name[n > 0 ? n : 0] = '\0';
    ret_name[strcspn(ret_name, "\n")] = '\0';
}

static int fail_held(const struct machine *machine, const char *tree, struct coop_err *err)
{
    char path[600], name[32];
    pid_t holder;

    str_format(path, sizeof path, "%s/%s", machine->cgroups.where, tree);
    holder = find_holder(path);
    if (holder > 0) {
        read_name(holder, name, sizeof name);
        coop_fail(err, COOP_E_BUSY,
                  "process %d (%s) holds cgroup '%s' of an earlier coopd, whose services may "
                  "still run there",
                  (int)holder, name, path);
        return coop_hint(err, "end process %d, then start coopd again", (int)holder);
    }
    coop_fail(err, COOP_E_BUSY,
              "somebody holds cgroup '%s' of an earlier coopd, whose services may still run "
              "there",
              path);
    return coop_hint(err, "end who has that directory open ('fuser' finds them), then start "
                          "coopd again");
}

/* ---- the tree ---- */

int adopt_tree_end(const struct machine *machine, pid_t coopd, const struct map *kept,
                   struct coop_err *err)
{
    coop_nsec deadline = coop_after(coop_now(), ADOPT_PATIENCE);
    struct leaves leaves = {.machine = machine, .kept = kept};
    char tree[32];
    int r;

    if (!machine->has_cgroups || coopd <= 0)
        return 0;
    str_format(tree, sizeof tree, "coop-%d", (int)coopd);
    while ((r = launch_cgroups_leftover(&machine->cgroups, tree, found_leaf, &leaves)) ==
               -EWOULDBLOCK &&
           coop_now() < deadline)
        (void)coop_sleep_until(coop_after(coop_now(), LOCK_PAUSE));
    if (r == -EWOULDBLOCK)
        return fail_held(machine, tree, err);
    launch_cgroups_sweep(&machine->cgroups); /* those of coopds before that one, too */
    return leaves.left + (r < 0);
}
