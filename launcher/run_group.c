/*
 * run_group.c - the cgroup of a run: made before it, read and removed after it (see run.h)
 *
 * A cgroup outlives all that was in it, and we may be killed at any moment.  So a process of its
 * own, the keeper, waits for our end and removes then what it finds; when we end in peace we do it
 * ourselves.  It is there before the group, and ends after it: there is no moment between.  It is
 * in a process group of its own, which we make, not it: who kills all of ours may come at once.
 */
#include "launcher/run.h"

#include "base/scope.h"
#include "launcher/plan.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LEAF       "run"
#define EMPTY_MSEC 5000 /* for the killed to be gone: they only have to be scheduled */

/* ---- removing ---- */

/* Kills whatever is left in it, waits until it is gone, removes it. */
static void remove_group(struct run *run)
{
    SCOPED_FD watch = launch_cgroup_watch(&run->groups, run->leaf);
    struct pollfd wait = {.fd = watch, .events = POLLPRI};

    (void)launch_cgroup_kill(&run->groups, run->leaf);
    while (watch >= 0 && launch_cgroup_populated(watch) == 1)
        if (poll(&wait, 1, EMPTY_MSEC) <= 0)
            break;
    (void)launch_cgroup_remove(&run->groups, run->leaf);
    group_step_back(&run->groups);
    launch_cgroups_close(&run->groups);
}

static void start_keeper(struct run *run)
{
    struct pollfd life = {.fd = run->alive[0], .events = 0};

    run->keeper = fork();
    if (run->keeper > 0)
        (void)setpgid(run->keeper, run->keeper); /* before there is anything to keep */
    if (run->keeper != 0)
        return;
    (void)prctl(PR_SET_NAME, "coop-keeper");
    (void)close(run->alive[1]); /* ours: the end of the launcher's is what we wait for */
    (void)close(run->note[1]);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)close(fd);
    while (poll(&life, 1, -1) < 0 && errno == EINTR)
        continue;
    if (launch_cgroups_take_over(&run->groups) == 0) {
        group_see_aside(&run->groups);
        (void)snprintf(run->leaf, sizeof run->leaf, "%s/" LEAF, run->groups.name);
        remove_group(run);
    }
    _exit(0);
}

static void stop_keeper(struct run *run)
{
    if (run->keeper <= 0)
        return;
    kill(run->keeper, SIGKILL);
    while (waitpid(run->keeper, NULL, 0) < 0 && errno == EINTR)
        continue;
    run->keeper = 0;
}

/* ---- making ---- */

static int make_group(struct run *run, const struct launch_bounds *bounds, struct coop_err *err)
{
    if (launch_cgroups_find(&run->groups, err) < 0)
        return -1;
    start_keeper(run);
    if (run->keeper < 0)
        return coop_fail_sys(err, errno, "a process to remove the cgroup");
    run->groups.beside = run->keeper;
    if (launch_cgroups_make(&run->groups, err) == 0) {
        if (launch_cgroup_make(&run->groups, LEAF, run->leaf, err) == 0) {
            if (!bounds_need_group(bounds) ||
                group_limit(&run->groups, run->leaf, bounds, err) == 0)
                return 0;
            (void)launch_cgroup_remove(&run->groups, run->leaf);
        }
        group_step_back(&run->groups);
        launch_cgroups_close(&run->groups);
    }
    stop_keeper(run);
    return -1;
}

int run_group_open(struct run *run, struct coop_err *err)
{
    const struct launch_bounds *bounds = launch_plan_bounds(run->plan);
    struct coop_err why = {0};

    /* CPU time can be looked up elsewhere, but nobody counts it like a cgroup; and no other group
     * stands still for a look at the disk. */
    if (!bounds_need_group(bounds) && bounds->cpu_time == LAUNCH_UNBOUND && !run->has_disk)
        return 0;
    if (make_group(run, bounds, &why) == 0) {
        run->has_group = true;
        return 0;
    }
    if (!bounds_need_group(bounds))
        return 0;
    run->replaced = true;
    if (run->plan->prefer & LAUNCH_BIT(LAUNCH_GUARD_LIMITS))
        return 0;
    for (const struct group_row *row = group_rows; row->key; row++)
        if (group_row_value(row, bounds) != LAUNCH_UNBOUND &&
            !strstr(why.text, "cannot be kept"))
            (void)coop_while(&why, "%s= cannot be kept", row->key);
    why.hint[0] = 0; /* a launcher has other ways than a daemon */
    (void)coop_hint(&why, "--prefer limits takes what comes nearest; a cgroup of its own keeps "
                          "it (systemd-run --user --scope -p Delegate=yes coop-run ...)");
    *err = why;
    return -1;
}

bool run_group_replace(struct run *run)
{
    struct launch_spec *spec = &run->options->spec;
    int64_t most = spec->bounds.tasks_max;

    /* Counted in a user namespace of its own, or it would count what the user does elsewhere. */
    if (!run->replaced || most == LAUNCH_UNBOUND || !spec->private_users ||
        spec->limits[RLIMIT_NPROC].set)
        return false;
    spec->limits[RLIMIT_NPROC] = (struct launch_limit){true, (uint64_t)most, (uint64_t)most};
    return true;
}

void run_group_close(struct run *run)
{
    if (!run->has_group)
        return;
    (void)group_read(&run->groups, run->leaf, &run->used);
    remove_group(run);
    stop_keeper(run);
    run->has_group = false;
    run->was_in_group = true;
}
