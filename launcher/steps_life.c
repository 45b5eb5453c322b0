/*
 * steps_life.c - whom the program belongs to, how it starts, and exec itself
 */
#include "base/scope.h"
#include "launcher/raw.h"
#include "launcher/steps.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

/* The kernel's struct sigaction; all zero is "the default action". */
struct kernel_sigaction {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

#define KERNEL_SIGNALS 64

static int die_with_parent(struct child *c)
{
    struct pollfd alive = {.fd = c->io.liveness, .events = 0};
    struct {
        int64_t sec, nsec;
    } now = {0, 0};
    long r;

    if (!(c->plan->flags & PLAN_PDEATHSIG))
        return 0;
    r = raw5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (r < 0)
        return step_fail(c, r, "prctl", "PR_SET_PDEATHSIG");
    /* It may have died before that line: then its end of the pipe is closed. */
    if (c->io.liveness >= 0 && raw5(SYS_ppoll, &alive, 1, &now, 0, 8) > 0)
        return step_fail(c, -EOWNERDEAD, "poll", "the launching process is gone");
    return 0;
}

int step_guard_parent(struct child *c)
{
    return die_with_parent(c);
}

int step_pdeathsig(struct child *c)
{
    return die_with_parent(c);
}

int step_session(struct child *c)
{
    if (c->terminal >= 0 && c->plan->flags & PLAN_REAPER)
        return terminal_join(c);
    return c->terminal >= 0 || c->plan->flags & PLAN_SESSION ? terminal_lead(c) : 0;
}

int step_signals(struct child *c)
{
    static const struct kernel_sigaction standard;
    uint64_t none = 0;

    for (int signo = 1; signo <= KERNEL_SIGNALS; signo++)
        if (signo != SIGKILL && signo != SIGSTOP)
            raw4(SYS_rt_sigaction, signo, &standard, 0, sizeof none);
    return step_fail(c, raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, sizeof none),
                     "rt_sigprocmask", NULL);
}

int step_cwd(struct child *c)
{
    const char *cwd = plan_str(c->plan, c->plan->cwd);
    long r = raw1(SYS_chdir, cwd ? cwd : "/");

    if (r < 0 && c->plan->flags & PLAN_CWD_OPTIONAL)
        r = raw1(SYS_chdir, "/");
    return step_fail(c, r, "chdir", cwd ? cwd : "/");
}

/* A PID has at most seven digits, and there are zeros for ten. */
static void write_own_pid(const struct launch_plan *plan, plan_off at)
{
    char *digits = (char *)(uintptr_t)plan_str(plan, at);
    uint32_t pid = (uint32_t)raw0(SYS_getpid);
    unsigned count = 1;

    for (uint32_t rest = pid; rest >= 10; rest /= 10)
        count++;
    digits[count] = '\0';
    for (; count > 0; pid /= 10)
        digits[--count] = (char)('0' + pid % 10);
}

/* Tries each place of PATH like execvp(3): a file that may not be executed is remembered,
 * because "not executable" tells the user more than "not found". */
int step_exec(struct child *c)
{
    const struct launch_plan *plan = c->plan;
    const plan_off *paths = plan_at(plan, plan->exec_paths.at);
    const char *const *argv = plan_at(plan, plan->argv.at);
    const char *shown = plan_str(plan, plan->program);
    long worst = -ENOENT, r;

    for (size_t i = 0; i < COOP_COUNT(plan->own_pid); i++)
        if (plan->own_pid[i])
            write_own_pid(plan, plan->own_pid[i]);
    for (uint32_t i = 0; i < plan->exec_paths.count; i++) {
        r = raw3(SYS_execve, plan_str(plan, paths[i]), argv, plan_at(plan, plan->env.at));
        if (r == -EACCES)
            worst = r;
        else if (r != -ENOENT && r != -ENOTDIR)
            return step_fail(c, r, "execve", shown);
    }
    return step_fail(c, worst, "execve", shown);
}
