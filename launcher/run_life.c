/*
 * run_life.c - one command's life under coop-run (contract in run_life.h)
 *
 * THE NOUNS
 *   the child   what we cloned: the reaper above the command, or the command itself
 *   the tree    everything below; it is gone when the child is gone (PID namespace), or when we,
 *               its last subreaper, have no child left
 *   ending      a bound is used up, or we were told to stop: SIGTERM, a grace, SIGKILL
 *
 * One loop waits for signals, for the command's output and for the next moment at which a bound
 * may be used up.  Nothing in it waits for anything else, so that neither a stopped command nor a
 * reader that does not read can keep it from ending what has to end.
 */
#include "launcher/run_life.h"

#include "base/scope.h"
#include "launcher/plan.h"
#include "launcher/run.h"
#include "launcher/run_say.h"
#include "launcher/run_status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define FLUSH_MOST                                                                             \
    COOP_NSEC_PER_SEC /* a reader's time to take the last output of an ended run */

coop_nsec run_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (coop_nsec)now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec;
}

static coop_nsec now(void)
{
    return run_clock(CLOCK_MONOTONIC);
}

int run_wait_for(struct pollfd *fds, unsigned count, coop_nsec deadline)
{
    coop_nsec rest = deadline - now();
    struct timespec time = {.tv_sec = (time_t)(rest / COOP_NSEC_PER_SEC),
                            .tv_nsec = (long)(rest % COOP_NSEC_PER_SEC)};

    if (rest <= 0)
        time = (struct timespec){0};
    return ppoll(fds, count, deadline == COOP_FOREVER ? NULL : &time, NULL);
}

/* ---- what the launch needs ---- */

bool run_has_own_pids(const struct launch_plan *plan)
{
    return plan->clone_flags & CLONE_NEWPID;
}

static bool has_tree_bounds(const struct launch_bounds *bounds)
{
    return bounds->wall_time != LAUNCH_UNBOUND || bounds->cpu_time != LAUNCH_UNBOUND ||
           bounds->output != LAUNCH_UNBOUND || bounds->disk_max != LAUNCH_UNBOUND ||
           bounds->disk_files_max != LAUNCH_UNBOUND || bounds->stop_grace != LAUNCH_UNBOUND ||
           bounds_need_group(bounds);
}

/* Every signal waits until we take it; the child starts with a clean mask. */
static int hold_signals(struct run *run, struct coop_err *err)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigaction(SIGCHLD, &standard, NULL); /* ignored, it would reap the child behind our back */
    run->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    return run->signals < 0 ? coop_fail_sys(err, errno, "signalfd") : 0;
}

static int open_disk(struct run *run, struct coop_err *err)
{
    const struct launch_bounds *bounds = launch_plan_bounds(run->plan);
    struct coop_err why = {0};

    if (bounds->disk_max == LAUNCH_UNBOUND && bounds->disk_files_max == LAUNCH_UNBOUND)
        return 0;
    run->has_disk = disk_usage_open(&run->disk, run->plan, &why) == 0;
    run->lost_disk = !run->has_disk;
    if (run->has_disk || run->plan->prefer & LAUNCH_BIT(LAUNCH_GUARD_LIMITS))
        return 0;
    *err = why;
    return -1;
}

static int open_all(struct run *run, struct coop_err *err)
{
    int64_t ceiling = launch_plan_bounds(run->plan)->output;

    if (run->options->receipt && receipt_open(&run->receipt, run->options->receipt, err) < 0)
        return -1;
    if (pipe2(run->note, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(run->alive, O_CLOEXEC) < 0)
        return coop_fail_sys(err, errno, "pipe");
    if (run->options->block_fd >= 0 && pipe2(run->gate, O_CLOEXEC) < 0)
        return coop_fail_sys(err, errno, "pipe");
    run->has_output = ceiling != LAUNCH_UNBOUND;
    /* Whatever leaves the child's tree without a PID namespace comes to us. */
    if (!run_has_own_pids(run->plan) && has_tree_bounds(launch_plan_bounds(run->plan)) &&
        prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return coop_fail_sys(err, errno, "prctl");
    if (open_disk(run, err) < 0)
        return -1;
    run->has_terminal = run->plan->terminal;
    if (run->has_terminal && run_terminal_open(&run->terminal, err) < 0)
        return -1;
    return run->has_output ? run_output_open(&run->output, ceiling, err) : 0;
}

/* ---- starting ---- */

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
            return coop_fail(err, COOP_E_CHILD,
                             "--life-fd was closed before --block-fd said go");
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
            (void)poll(&news, 1, -1);
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

static int start(struct run *run, struct coop_err *err)
{
    SCOPED(struct launch_attempt *, attempt_freep) attempt = NULL;
    struct launch_io io = LAUNCH_IO_INHERIT;
    SCOPED_FD cgroup = run->has_group ? launch_cgroup_enter(&run->groups, run->leaf) : -1;

    io.exit_note = run->note[1];
    io.liveness = run->alive[0];
    io.gate = run->gate[0];
    io.sync = run->options->sync_fd;
    io.drop = run->options->info_fd > STDERR_FILENO ? run->options->info_fd : -1;
    io.cgroup = cgroup;
    for (int i = 0; i < RUN_OUTPUT_STREAMS && run->has_output; i++)
        io.stdio[1 + i] = run->output.childs[i];
    if (run->has_terminal)
        io.terminal = run_terminal_mask();
    if (launch_attempt_start(&attempt, NULL, run->plan, &io, err) < 0)
        return -1;
    if (listen_to(run, attempt, err) < 0) {
        pid_t pid = launch_attempt_pid(attempt);

        kill(pid, SIGKILL);
        run_reap_child(pid);
        return -1;
    }
    return 0;
}

static int compile_again(struct run *run, struct launch_plan **plan, struct coop_err *err)
{
    struct launch_plan *other;

    if (launch_compile(&run->options->spec, NULL, &other, err) < 0)
        return -1;
    launch_plan_free(*plan);
    run->plan = *plan = other;
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

static int start_somehow(struct run *run, struct launch_plan **plan, struct coop_err *err)
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

static void print_lost(struct run *run)
{
    char names[1024];

    if (run->replaced || run->lost_disk)
        run->child.lost |= LAUNCH_BIT(LAUNCH_GUARD_LIMITS);

    if (run->child.lost && !run->options->compat) /* bubblewrap says nothing of its -try */
        run_say("note: not in force here: %s\n",
                launch_guards_text(run->child.lost, names, sizeof names));
}

/* ---- ending ---- */

/* Everything below us, but not us: without a PID namespace there is no PID 1 whose end is all's. */
static void kill_one_by_one(struct run *run)
{
    struct tree_usage tree = {.root = getpid()};

    (void)launch_tree_kill(run->child.pid); /* the reaper does the same from nearer by */
    if (tree_usage_look(&tree) == 0)
        for (size_t i = 0; i < tree.count; i++)
            if (tree.members[i].pid != tree.root && tree.members[i].pid != run->child.pid)
                kill(tree.members[i].pid, SIGKILL);
    tree_usage_done(&tree);
}

#define KILL_AGAIN (20 * COOP_NSEC_PER_MSEC) /* what was forked while we looked */

static void kill_tree(struct run *run)
{
    if (!run->killed && run->options->receipt)
        bounds_account(
            &run->bounds); /* who is killed is not waited for, and shows nowhere else */
    run->killed = true;
    run->kill_at = COOP_FOREVER;
    if (run_has_own_pids(run->plan)) {
        kill(run->child.pid, SIGKILL);
        return;
    }
    kill_one_by_one(run);
    run->kill_at = now() + KILL_AGAIN;
}

/* SIGTERM has been sent, or is sent by 'signo'. */
void run_let_end(struct run *run)
{
    coop_nsec grace = launch_plan_bounds(run->plan)->stop_grace;

    if (run->kill_at == COOP_FOREVER && grace != LAUNCH_UNBOUND)
        run->kill_at = now() + grace;
}

static void end(struct run *run, enum launch_result why)
{
    coop_nsec grace = launch_plan_bounds(run->plan)->stop_grace;

    if (run->broken != LAUNCH_RESULT_EXIT)
        return;
    run->broken = why;
    run->bounds.deadline = run->bounds.next = COOP_FOREVER;
    if (grace == 0 || grace == LAUNCH_UNBOUND) {
        kill_tree(run);
        return;
    }
    kill(run->child.pid, SIGTERM);
    kill(run->child.pid, SIGCONT); /* a stopped program cannot end by itself */
    run_let_end(run);
}

/* ---- watching ---- */

#define FIXED_FDS 4 /* signals, --life-fd, the reaper's notes, FrozenPaths= */
#define MOST_FDS  (FIXED_FDS + RUN_OUTPUT_STREAMS + RUN_TERMINAL_FDS)
/* Nothing tells a process that it is in the foreground of its terminal again. */
#define LOOK_AGAIN (200 * COOP_NSEC_PER_MSEC)

static coop_nsec next_moment(const struct run *run)
{
    coop_nsec next = bounds_next(&run->bounds);

    next = run->kill_at < next ? run->kill_at : next;
    if (run->has_terminal && run_terminal_waits(&run->terminal) && now() + LOOK_AGAIN < next)
        next = now() + LOOK_AGAIN;
    return next;
}

static void enforce(struct run *run)
{
    coop_nsec time = now();
    enum launch_result used_up = bounds_look(&run->bounds, time);

    if (run->has_output && run->output.over)
        used_up = LAUNCH_RESULT_OUTPUT;
    if (used_up != LAUNCH_RESULT_EXIT)
        end(run, used_up);
    if (time >= run->kill_at)
        kill_tree(run);
}

/* Without a grace: nobody is there to care any more; or a name is there as long as its maker. */
static void kill_for_others(struct run *run, struct pollfd *life, const struct pollfd *frozen)
{
    if (life->revents && !run->ended) {
        life->fd = -1;
        kill_tree(run);
    }
    if (frozen->revents && !run->ended && run_frozen_touched(&run->options->frozen))
        kill_tree(run);
}

/* All that may wake us. */
struct watched {
    struct pollfd fds[MOST_FDS];
    unsigned output, terminal; /* how many of each, behind the fixed ones */
};

static void look_at(struct run *run, int life, struct watched *ret_watched)
{
    struct watched *w = ret_watched;

    *w = (struct watched){.fds = {{.fd = run->signals, .events = POLLIN},
                                  {.fd = life},
                                  {.fd = run->note[0], .events = POLLIN},
                                  {.fd = run->options->frozen.news, .events = POLLIN}}};
    if (run->has_output)
        w->output = run_output_poll(&run->output, w->fds + FIXED_FDS);
    if (run->has_terminal)
        w->terminal = run_terminal_poll(&run->terminal, w->fds + FIXED_FDS + w->output);
}

static void take_news(struct run *run, const struct watched *w)
{
    if (w->fds[0].revents)
        run_take_signals(run);
    if (w->output > 0)
        run_output_ready(&run->output, w->fds + FIXED_FDS, w->output);
    if (w->terminal > 0)
        run_terminal_ready(&run->terminal, w->fds + FIXED_FDS + w->output, w->terminal);
    if (w->fds[2].revents)
        run_take_notes(run);
}

static void watch(struct run *run)
{
    int life = run->options->life_fd;

    while (!run->ended) {
        struct watched w;
        bool news;

        look_at(run, life, &w);
        news = run_wait_for(w.fds, FIXED_FDS + w.output + w.terminal, next_moment(run)) > 0;
        if (news) {
            take_news(run, &w);
            kill_for_others(run, &w.fds[1], &w.fds[3]);
            life = w.fds[1].fd;
        } else if (run->has_terminal && run_terminal_waits(&run->terminal)) {
            run_terminal_enter(&run->terminal);
        }
        if (!run->ended)
            enforce(run);
    }
}

/* Nobody lives on: without a PID namespace whoever is left has become our child. */
static void end_rest(struct run *run)
{
    if (run_has_own_pids(run->plan) || !has_tree_bounds(launch_plan_bounds(run->plan)))
        return;
    while (waitpid(-1, NULL, WNOHANG | __WALL) >= 0) {
        struct pollfd fds = {.fd = run->signals, .events = POLLIN};

        kill_one_by_one(run);
        (void)run_wait_for(&fds, 1, now() + KILL_AGAIN);
        run_take_signals(run);
    }
}

/* The last output goes to whoever reads it, for as long as it takes; but who has used up a bound
 * has no claim on our waiting, and whoever tells us to end, or is gone, does not want to wait. */
static void flush_output(struct run *run)
{
    coop_nsec deadline = run->broken == LAUNCH_RESULT_EXIT ? COOP_FOREVER : now() + FLUSH_MOST;
    struct signalfd_siginfo info;

    for (;;) {
        struct pollfd fds[FIXED_FDS + RUN_OUTPUT_STREAMS] = {
            {.fd = run->signals, .events = POLLIN},
            {.fd = run->options->life_fd},
            {.fd = -1},
            {.fd = -1}};
        unsigned count;

        run_output_finish(&run->output);
        if (!run_output_holds(&run->output))
            break;
        count = run_output_poll(&run->output, fds + FIXED_FDS);
        if (run_wait_for(fds, FIXED_FDS + count, deadline) == 0 || fds[1].revents)
            break;
        if (fds[0].revents && read(run->signals, &info, sizeof info) == (ssize_t)sizeof info &&
            run_asks_to_end((int)info.ssi_signo))
            break;
        run_output_ready(&run->output, fds + FIXED_FDS, count);
    }
    if (run->output.over && run->broken == LAUNCH_RESULT_EXIT)
        run->broken = LAUNCH_RESULT_OUTPUT;
}

/* The same for what is left in the pty. */
static void flush_terminal(struct run *run)
{
    coop_nsec deadline = run->broken == LAUNCH_RESULT_EXIT ? COOP_FOREVER : now() + FLUSH_MOST;
    struct signalfd_siginfo info;

    while (run_terminal_finish(&run->terminal)) {
        struct pollfd fds[1 + RUN_TERMINAL_FDS] = {{.fd = run->signals, .events = POLLIN}};
        unsigned count = run_terminal_poll(&run->terminal, fds + 1);

        fds[2].fd = -1; /* only out of what is held */
        if (run_wait_for(fds, 1 + count, deadline) == 0)
            break;
        if (fds[0].revents && read(run->signals, &info, sizeof info) == (ssize_t)sizeof info &&
            run_asks_to_end((int)info.ssi_signo))
            break;
        run_terminal_ready(&run->terminal, fds + 1, count);
    }
    run_terminal_leave(&run->terminal);
}

/* ---- telling ---- */

int run_report(const struct coop_err *err)
{
    run_say("%s\n", err->text);
    run_hint(err->hint);
    if (run_speaks_as_bwrap())
        return RUN_EXIT_BWRAP;
    /* COOP_E_CHILD with an errno is what exec itself said. */
    if (err->code != COOP_E_CHILD || err->sys == 0)
        return RUN_EXIT_LAUNCHER;
    return err->sys == ENOENT ? RUN_EXIT_NOT_FOUND : RUN_EXIT_NOT_EXECUTABLE;
}

static void read_note(struct run *run)
{
    run_take_notes(run);
    if (run->noted)
        run->status = run->noted_status;
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? RUN_EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static void print_end(const struct run *run)
{
    static const char *const keys[LAUNCH_RESULT_COUNT] = {
        [LAUNCH_RESULT_MEMORY] = "MemoryMax",   [LAUNCH_RESULT_CPU_TIME] = "CPUTime",
        [LAUNCH_RESULT_WALL_TIME] = "WallTime", [LAUNCH_RESULT_OUTPUT] = "OutputMax",
        [LAUNCH_RESULT_TASKS] = "TasksMax",     [LAUNCH_RESULT_DISK] = "DiskMax",
    };
    enum launch_result result = run_result(run);

    if (run->options->frozen.touched)
        run_say("ended, because '%s' was made, which FrozenPaths= keeps away\n",
                run->options->frozen.touched);
    if (keys[result] && (run->killed || result == LAUNCH_RESULT_MEMORY))
        run_say("ended, because %s= is used up\n", keys[result]);
}

/* ---- the public calls ---- */

static void begin_bounds(struct run *run)
{
    bounds_begin(&run->bounds, launch_plan_bounds(run->plan), run->child.pid,
                 !launch_plan_has_reaper(run->plan), run->began);
    if (run->has_group)
        bounds_use_group(&run->bounds, &run->groups, run->leaf);
    if (run->replaced)
        bounds_poll_all(&run->bounds, run->began);
    if (!run->has_disk)
        return;
    disk_usage_enter(&run->disk, run->plan, run->child.main_pid);
    bounds_use_disk(&run->bounds, &run->disk, run->began);
}

/* The sandbox has a /dev in which a pty can be made. */
static bool has_devices(const struct launch_spec *spec)
{
    bool has =
        spec->private_devices || (spec->root == LAUNCH_ROOT_HOST && !spec->root_directory);

    for (size_t i = 0; i < spec->mounts.count && !has; i++)
        has = spec->mounts.items[i].kind == LAUNCH_MOUNT_DEV;
    return has;
}

/* A terminal of its own where we are at a keyboard and it can be had. */
static void choose_terminal(struct launch_spec *spec)
{
    bool own = run_terminal_at_keyboard() && has_devices(spec) &&
               spec->bounds.output == LAUNCH_UNBOUND;

    if (spec->terminal != LAUNCH_TERMINAL_AUTO)
        return;
    spec->terminal = own ? LAUNCH_TERMINAL_OWN : LAUNCH_TERMINAL_INHERIT;
    if (own)
        spec->prefer |= LAUNCH_BIT(LAUNCH_GUARD_TERMINAL);
}

int run_compile(struct run_options *options, struct launch_plan **ret_plan,
                struct coop_err *err)
{
    struct launch_spec *spec = &options->spec;

    choose_terminal(spec);
    if (spec->terminal == LAUNCH_TERMINAL_OWN && spec->bounds.output != LAUNCH_UNBOUND)
        return coop_fail(err, COOP_E_RANGE, "Terminal=own and OutputMax= do not go together");
    if (!spec->private_pids && has_tree_bounds(&spec->bounds))
        spec->subreaper = true; /* or an orphan would leave the tree that is bounded */
    return launch_compile(spec, NULL, ret_plan, err);
}

static void run_done(struct run *run)
{
    run_group_close(run);
    bounds_done(&run->bounds);
    disk_usage_done(&run->disk);
    if (run->has_output)
        run_output_done(&run->output);
    if (run->has_terminal)
        run_terminal_done(&run->terminal);
    receipt_close(&run->receipt);
}

int run_command(struct run_options *options, struct launch_plan **plan)
{
    SCOPED(struct run, run_done)
    run = {.options = options,
           .plan = *plan,
           .child = {.pidfd = -1, .terminal = -1},
           .gate = {-1, -1},
           .receipt = {.dir = -1, .fd = -1},
           .kill_at = COOP_FOREVER};
    struct coop_err err = {0};
    int code;

    if (hold_signals(&run, &err) < 0 || open_all(&run, &err) < 0)
        return receipt_is_open(&run.receipt) ? run_failed(options, &err) : run_report(&err);
    if (run_frozen_watch(&options->frozen, &err) < 0 || run_group_open(&run, &err) < 0 ||
        (run_group_replace(&run) && compile_again(&run, plan, &err) < 0))
        return run_failed(options, &err);
    if (start_somehow(&run, plan, &err) < 0)
        return run_failed(options, &err);
    run.began = now();
    run.began_real = run_clock(CLOCK_REALTIME);
    if (run.has_output)
        run_output_started(&run.output);
    if (run.has_terminal)
        run_terminal_start(&run.terminal, run.child.terminal);
    begin_bounds(&run);
    print_lost(&run);
    watch(&run);
    end_rest(&run);
    if (run_frozen_restore(&options->frozen))
        run.broken = LAUNCH_RESULT_POLICY;
    if (run.broken == LAUNCH_RESULT_EXIT && bounds_disk_over(&run.bounds))
        run.broken = LAUNCH_RESULT_DISK;
    run_group_close(&run);
    read_note(&run);
    if (run.has_output)
        flush_output(&run);
    if (run.has_terminal)
        flush_terminal(&run);
    print_end(&run);
    code = exit_code(run.status);
    run_status_ended(options->json_status_fd, code);
    if (options->receipt)
        run_receipt_write(&run, code);
    return code;
}
