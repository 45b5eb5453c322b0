/*
 * steps_split.c - PID 1 of a sandbox: it stays behind and reaps, the program goes on
 */
#include "launcher/init.h"
#include "launcher/recipe.h"
#include "launcher/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Root's programs with CAP_SYS_PTRACE over the user namespace that we come from, which may write to
 * our memory although we are not dumpable. */
static bool may_be_entered(const struct launch_plan *plan)
{
    const uint64_t ptrace = UINT64_C(1) << CAP_SYS_PTRACE;

    if (plan->clone_flags & CLONE_NEWUSER)
        return false;
    return plan->cap_ambient & ptrace || (plan->uid == 0 && plan->cap_keep & ptrace);
}

/* PID 1 needs nothing any more but to signal main and to write one note.  It may no longer be
 * looked into by what it guards, and of all power it keeps CAP_KILL, and that only when main
 * gets another uid than its own.  Who gets in all the same finds main's own walls: no exec gives
 * the power back, and the filter is main's. */
static void become_powerless(struct child *c)
{
    const struct launch_plan *plan = c->plan;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];

    memset(sets, 0, sizeof sets);
    if (plan->flags & PLAN_SET_IDS)
        sets[0].effective = sets[0].permitted = 1u << CAP_KILL;
    (void)syscall(SYS_capset, &head, sets);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NAME, "coop-reaper");
    recipe_forget();
    if (plan->flags & PLAN_NO_NEW_PRIVS)
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (may_be_entered(plan))
        (void)step_seccomp(c); /* where the kernel refuses, main's step says so */
}

/* 0: it has none. */
static uint64_t tasks_max(const struct launch_plan *plan)
{
    const struct plan_limit *limits = plan_at(plan, plan->limits.at);

    for (uint32_t i = 0; i < plan->limits.count; i++)
        if (limits[i].which == RLIMIT_NPROC)
            return limits[i].soft;
    return 0;
}

#define REAPER_FDS 6

/* 'ready' ends when there is nothing left to be had from us: main waits for that at "hello". */
_Noreturn static void reap_for(struct child *c, pid_t main_pid, int ready)
{
    struct init_reaper reaper = {
        .main = main_pid,
        .note_fd = c->io.exit_note,
        .life_fd = c->io.liveness,
        .tasks_max = tasks_max(c->plan),
        .flags = (c->plan->flags & PLAN_SUBREAPER ? INIT_TREE : 0) |
                 (c->terminal >= 0 ? INIT_REPORT : 0),
    };
    /* The log stays open here, too: what the tree wrote last is not lost with its writers. */
    int keep[REAPER_FDS + LAUNCH_MAX_LOCKS] = {c->io.stdio[1], c->io.stdio[2], reaper.note_fd,
                                               reaper.life_fd, ready,          c->io.sync};

    for (unsigned i = 0; i < c->lock_count; i++)
        keep[REAPER_FDS + i] = c->locks[i];
    init_let_go(keep, REAPER_FDS + c->lock_count);
    become_powerless(c);
    (void)close(ready);
    _exit(init_exit_code(init_reap(&reaper)));
}

int step_split(struct child *c)
{
    int ready[2];
    long pid;

    if (!(c->plan->flags & PLAN_REAPER))
        return 0;
    c->call = "prctl";
    if (c->plan->flags & PLAN_SUBREAPER && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return -errno;
    c->call = "pipe2";
    if (pipe2(ready, O_CLOEXEC) < 0)
        return -errno;
    init_default_signals();
    /* Out of our launcher's terminal and group, too, or we would pass on what is not meant for us;
     * the program makes a session of its own at "session". */
    if (c->terminal >= 0 || c->plan->flags & PLAN_SESSION) {
        int r = terminal_lead(c);

        if (r < 0)
            return r;
    }
    pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid > 0)
        reap_for(c, (pid_t)pid, ready[1]);
    c->call = "clone";
    if (pid < 0)
        return -errno;
    c->reaper = ready[0];
    (void)close(ready[1]);
    return 0;
}
