/*
 * run_start.c - a command is started: set up, held at its gates, told about (see run.h)
 */
#include "launcher/run.h"

#include "base/scope.h"
#include "launcher/plan.h"
#include "launcher/run_status.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

void run_reap_child(pid_t pid)
{
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        continue;
}

bool run_asks_to_end(int signo)
{
    return signo == SIGTERM || signo == SIGINT || signo == SIGHUP || signo == SIGQUIT;
}

/* Until 'fd' says go: it can be read, or has ended.  1, or 0 when the child has ended before. */
static int await_go(const struct run *run, const struct launch_attempt *attempt, int fd,
                    const char *option, struct coop_err *err)
{
    struct signalfd_siginfo info;
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                           {.fd = launch_attempt_fd(attempt), .events = POLLIN},
                           {.fd = run->signals, .events = POLLIN},
                           {.fd = run->options->life_fd}};

    for (;;) {
        if (run_wait_for(fds, 4, COOP_FOREVER) < 0)
            continue;
        if (fds[3].revents)
            return coop_fail(err, COOP_E_CHILD, "--life-fd was closed before %s said go",
                             option);
        if (fds[2].revents && read(run->signals, &info, sizeof info) == (ssize_t)sizeof info &&
            run_asks_to_end((int)info.ssi_signo))
            return coop_fail(err, COOP_E_CHILD, "ended by signal %u before %s said go",
                             info.ssi_signo, option);
        if (fds[1].revents) /* it was killed: the next step says so */
            return 0;
        if (fds[0].revents)
            return 1;
    }
}

/* The set-up child waits at its gate. */
static int open_gate(const struct run *run, const struct launch_attempt *attempt,
                     struct coop_err *err)
{
    int r = await_go(run, attempt, run->options->block_fd, "--block-fd", err);

    if (r > 0 && write(run->gate[1], "", 1) != 1)
        return coop_fail_sys(err, errno, "opening the gate");
    return r;
}

/* The child waits for its ids to be mapped by whoever holds the other end of --userns-block-fd. */
static int await_maps(struct run *run, struct launch_attempt *attempt, struct coop_err *err)
{
    int fd = run->options->userns_block_fd, r;
    char byte;

    r = await_go(run, attempt, fd, "--userns-block-fd", err);
    if (r <= 0)
        return r;
    (void)!read(fd, &byte, 1); /* its end is as good */
    r = launch_attempt_go(attempt);
    return r < 0 && r != -EPIPE ? coop_fail_sys(err, r, "telling that the ids are mapped") : 0;
}

static void tell_started(const struct run *run)
{
    const struct run_options *o = run->options;

    if (o->info_fd >= 0 || o->json_status_fd >= 0)
        run_status_started(o->info_fd, o->json_status_fd, &run->child, run->plan->clone_flags,
                           &run->facts);
}

static void attempt_freep(struct launch_attempt **attempt)
{
    launch_attempt_free(*attempt);
}

#define SETUP_MSEC 100 /* more than any launch takes */

/* A descriptor for the signals that end us; others stay for later. */
static int open_endings(void)
{
    sigset_t set;

    sigemptyset(&set);
    for (int signo = 1; signo < NSIG; signo++)
        if (run_asks_to_end(signo))
            sigaddset(&set, signo);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* It takes long: its files do not answer, or who is in a joined PID namespace has stopped it. */
static int await_child(const struct run *run, const struct launch_attempt *attempt,
                       struct coop_err *err)
{
    SCOPED_FD endings = open_endings();
    struct pollfd fds[] = {{.fd = launch_attempt_fd(attempt), .events = POLLIN},
                           {.fd = endings, .events = POLLIN},
                           {.fd = run->options->life_fd}};

    while (run_wait_for(fds, 3, COOP_FOREVER) < 0)
        continue;
    if (fds[0].revents || !(fds[1].revents || fds[2].revents))
        return 0;
    return coop_fail(err, COOP_E_CHILD, "told to end before the sandbox was set up");
}

static int listen_to(struct run *run, struct launch_attempt *attempt, struct coop_err *err)
{
    bool gated = run->gate[0] >= 0, held = run->options->userns_block_fd >= 0;
    bool told = false;
    int r;

    for (;;) {
        struct pollfd news = {.fd = launch_attempt_fd(attempt), .events = POLLIN};

        r = launch_attempt_step(attempt, &run->child, err);
        run->facts = *launch_attempt_facts(attempt);
        if (r < 0)
            return -1;
        if (r == 0) {
            if (poll(&news, 1, SETUP_MSEC) == 0 && await_child(run, attempt, err) < 0)
                return -1;
            continue;
        }
        if (!told)
            tell_started(run);
        told = true;
        if (!held && !gated)
            return 0;
        if ((held ? await_maps(run, attempt, err) : open_gate(run, attempt, err)) < 0)
            return -1;
        if (!held)
            gated = false;
        held = false;
    }
}

/* ---- the clerk ---- */

bool run_has_clerk(const struct run *run)
{
    return run->plan->frozen_at && !(run->child.lost & LAUNCH_BIT(LAUNCH_GUARD_FROZEN));
}

/* The shortest path at which Landlock leaves all names to the clerk. */
static const char *top_of(const struct launch_plan *plan)
{
    const struct plan_rule *rules = plan_at(plan, plan->land_rules.at);
    const char *top = plan_str(plan, plan->frozen_at);

    for (uint32_t i = 0; i < plan->land_rules.count && top; i++) {
        const char *path = plan_str(plan, rules[i].path);

        if (rules[i].by_clerk && strlen(path) < strlen(top))
            top = path;
    }
    return top;
}

static int start_clerk(struct run *run, struct coop_err *err)
{
    const struct launch_plan *plan = run->plan;
    const struct clerk_order order = {
        .names = &run->frozen,
        .were = &run->options->frozen.were,
        .frozen_at = plan_str(plan, plan->frozen_at),
        .umask = plan->flags & PLAN_SET_UMASK ? (int)plan->umask : -1,
        .top = top_of(plan),
    };

    clerk_done(&run->clerk);
    strlist_done(&run->frozen);
    if (!plan->frozen_at)
        return 0;
    if (run_frozen_names(&run->options->frozen, &run->options->spec, &run->frozen, err) < 0)
        return -1;
    return clerk_start(&run->clerk, &order, err);
}

/* ---- starting ---- */

static int start(struct run *run, struct coop_err *err)
{
    SCOPED(struct launch_attempt *, attempt_freep) attempt = NULL;
    struct launch_io io = LAUNCH_IO_INHERIT;
    SCOPED_FD cgroup = run->has_group ? launch_cgroup_enter(&run->groups, run->leaf) : -1;

    io.exit_note = run->note[1];
    io.liveness = run->alive[0];
    io.gate = run->gate[0];
    io.far[0] = run->gate[1];
    io.far[1] = run->alive[1];
    io.sync = run->options->sync_fd;
    io.drop = run->options->info_fd > STDERR_FILENO ? run->options->info_fd : -1;
    io.cgroup = cgroup;
    if (start_clerk(run, err) < 0)
        return -1;
    io.clerk = run->clerk.childs;
    for (int i = 0; i < RUN_OUTPUT_STREAMS && run->has_output; i++)
        if (run->output.childs[i] >= 0)
            io.stdio[1 + i] = run->output.childs[i];
    if (run->has_terminal)
        io.terminal = run_terminal_mask();
    if (launch_attempt_start(&attempt, NULL, run->plan, &io, err) < 0)
        return -1;
    clerk_let_go(&run->clerk);
    if (listen_to(run, attempt, err) < 0) {
        pid_t pid = launch_attempt_pid(attempt);

        kill(pid, SIGKILL);
        run_reap_child(pid);
        return -1;
    }
    return 0;
}

/* Asking the machine what it grants takes longer than a launch.  So we ask only after one has
 * failed, and only when something was merely preferred: then we may do without it. */
static int compile_for_this_machine(const struct run_options *options,
                                    struct launch_plan **plan)
{
    struct launch_plan *less = NULL;
    struct launch_host host;

    if (!options->spec.prefer || launch_host_probe(&host, NULL) < 0 ||
        launch_compile(&options->spec, &host, &less, NULL) < 0)
        return -1;
    if (launch_plan_lost(less) == 0) {
        launch_plan_free(less);
        return -1;
    }
    launch_plan_free(*plan);
    *plan = less;
    return 0;
}

int run_start(struct run *run, struct launch_plan **plan, struct coop_err *err)
{
    struct coop_err again = {0};

    if (start(run, err) == 0)
        return 0;
    if (run->child.pid > 0 || compile_for_this_machine(run->options, plan) < 0)
        return -1;
    run->plan = *plan;
    if (start(run, &again) == 0)
        return 0;
    *err = again;
    return -1;
}
