/*
 * run_life.c - one command's life under coop-run (contract in run_life.h)
 *
 * THE NOUNS
 *   the child   what we cloned: the reaper above the command, or the command itself
 *   the tree    everything below; it is gone when the child is gone (PID namespace), or when we,
 *               its last subreaper, have no child left
 *   ending      a bound is used up, or we were told to stop: SIGTERM, a grace, SIGKILL
 *
 * Here a run is opened, put together and told about; run_start.c starts it, run_watch.c has the
 * loop in which it is watched and ended.
 */
#include "launcher/run_life.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/plan.h"
#include "launcher/run.h"
#include "launcher/run_holder.h"
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

coop_nsec run_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (coop_nsec)now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec;
}

coop_nsec run_now(void)
{
    return run_clock(CLOCK_MONOTONIC);
}

int run_wait_for(struct pollfd *fds, unsigned count, coop_nsec deadline)
{
    coop_nsec rest = deadline - run_now();
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

bool run_has_tree_bounds(const struct launch_bounds *bounds)
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
    /* Whatever leaves the child's tree without a PID namespace comes to us. */
    if (!run_has_own_pids(run->plan) && run_has_tree_bounds(launch_plan_bounds(run->plan)) &&
        prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return coop_fail_sys(err, errno, "prctl");
    if (open_disk(run, err) < 0)
        return -1;
    run->has_terminal = run->plan->terminal;
    if (run->options->keeps_modes)
        run_modes_keep(&run->modes);
    if (run->has_terminal && run_terminal_open(&run->terminal, err) < 0)
        return -1;
    run->has_output = ceiling != LAUNCH_UNBOUND;
    if (!run->has_output)
        return 0;
    run->terminal.bound = run->has_terminal ? &run->output : NULL;
    return run_output_open(&run->output, ceiling, run->has_terminal ? run_terminal_mask() : 0,
                           err);
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

/* A list of names that grows; what finds no room is left out. */
static void add_name(char *names, size_t size, const char *key, const char *by)
{
    size_t used = strlen(names);

    (void)str_format(names + used, size - used, "%s%s%s%s%s", used ? ", " : "", key,
                     by ? " (" : "", by ? by : "", by ? ")" : "");
}

/* Bounds that are a cgroup's business, or counted in files, where they cannot be had. */
static void print_replaced(const struct run *run)
{
    const struct launch_bounds *bounds = launch_plan_bounds(run->plan);
    char kept[512] = "", not_kept[512] = "";

    for (const struct group_row *row = group_rows; row->key && run->replaced; row++) {
        const char *by = run_kept_by(run, row);

        if (group_row_value(row, bounds) != LAUNCH_UNBOUND)
            add_name(by ? kept : not_kept, sizeof kept, row->key, by);
    }
    for (const struct group_io_row *row = group_io_rows; row->key && run->replaced; row++)
        if (group_io_list(row, bounds)->at[0].most)
            add_name(not_kept, sizeof not_kept, row->key, NULL);
    if (run->lost_disk && bounds->disk_max != LAUNCH_UNBOUND)
        add_name(not_kept, sizeof not_kept, "DiskMax", NULL);
    if (run->lost_disk && bounds->disk_files_max != LAUNCH_UNBOUND)
        add_name(not_kept, sizeof not_kept, "DiskFilesMax", NULL);
    if (kept[0])
        run_say("note: kept by what comes nearest: %s", kept);
    if (not_kept[0])
        run_say("note: not kept: %s", not_kept);
}

static void print_lost(struct run *run)
{
    char names[1024];

    if (run->options->compat) /* bubblewrap says nothing of its -try */
        return;
    if (run->child.lost)
        run_say("note: not in force here: %s",
                launch_guards_text(run->child.lost, names, sizeof names));
    print_replaced(run);
}

/* ---- telling ---- */

int run_report(const struct coop_err *err)
{
    run_say("%s", err->text);
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
    enum launch_result result = run_result(run);
    const char *key = launch_result_key(result);
    const struct clerk_told *told = run->clerk.told;
    /* Given a grace it may have ended by itself, and even well. */
    bool begun = run->killed || run->kill_at != COOP_FOREVER;

    if (told && told->refused > 0)
        run_say("note: '%s' was not made%s: FrozenPaths= keeps it away", told->first,
                told->refused > 1 ? ", among others" : "");
    if (told && told->unseen > 0)
        run_say("WARNING: names could not be made in '%s': the kernel lets nobody look into "
                "what is run there",
                plan_str(run->plan, run->plan->frozen_at));
    if (run->options->frozen.touched)
        run_say("ended, because '%s' was made, which FrozenPaths= keeps away",
                run->options->frozen.touched);
    if (run->options->frozen.left)
        run_say("WARNING: '%s' could not be taken away and is still there",
                run->options->frozen.left);
    if (key && (begun || result == LAUNCH_RESULT_MEMORY))
        run_say("ended, because %s is used up", key);
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
    bounds_use_disk(&run->bounds, &run->disk, true, run->began);
}

/* By the clerk, or by watching. */
static void keep_frozen(struct run *run)
{
    if (run_has_clerk(run))
        run_frozen_leave(&run->options->frozen);
    else
        clerk_stop(&run->clerk);
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

/* A terminal of its own where we are at a keyboard and it can be had.  Where output counts it must
 * be, also in the background: standard input can be written to, and nobody would count that. */
static void choose_terminal(struct run_options *options)
{
    struct launch_spec *spec = &options->spec;
    bool counts = spec->bounds.output != LAUNCH_UNBOUND;
    bool own =
        (run_terminal_at_keyboard() || (counts && isatty(STDIN_FILENO))) && has_devices(spec);

    if (spec->terminal != LAUNCH_TERMINAL_AUTO)
        return;
    options->keeps_modes = !own;
    spec->terminal = own ? LAUNCH_TERMINAL_OWN : LAUNCH_TERMINAL_INHERIT;
    if (own && !counts)
        spec->prefer |= LAUNCH_BIT(LAUNCH_GUARD_TERMINAL);
    if (own && counts)
        spec->prefer &= ~LAUNCH_BIT(LAUNCH_GUARD_TERMINAL);
}

int run_compile(struct run_options *options, struct launch_plan **ret_plan,
                struct coop_err *err)
{
    struct launch_spec *spec = &options->spec;

    choose_terminal(options);
    if (holder_choose(spec, err) < 0)
        return -1;
    if (!spec->private_pids && run_has_tree_bounds(&spec->bounds))
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
    clerk_done(&run->clerk);
    strlist_done(&run->frozen);
    receipt_close(&run->receipt);
}

int run_command(struct run_options *options, struct launch_plan **plan)
{
    SCOPED(struct run, run_done)
    run = {.options = options,
           .plan = *plan,
           .child = {.pidfd = -1, .terminal = -1},
           .gate = {-1, -1},
           .clerk = CLERK_NONE,
           .receipt = {.dir = -1, .fd = -1},
           .modes = {.fd = -1},
           .kill_at = COOP_FOREVER};
    struct coop_err err = {0};
    int code;

    /* Before orphans become ours: it would end with them. */
    if (options->spec.own_empty_network && holder_ensure(options->spec.empty_network, &err) < 0)
        return run_failed(options, &err);
    if (hold_signals(&run, &err) < 0 || open_all(&run, &err) < 0)
        return receipt_is_open(&run.receipt) ? run_failed(options, &err) : run_report(&err);
    if (run_frozen_watch(&options->frozen, &err) < 0 || run_group_open(&run, &err) < 0 ||
        (run_group_replace(&run) && compile_again(&run, plan, &err) < 0))
        return run_failed(options, &err);
    if (run_start(&run, plan, &err) < 0)
        return run_failed(options, &err);
    run.began = run_now();
    run.began_real = run_clock(CLOCK_REALTIME);
    if (run.has_output)
        run_output_started(&run.output);
    if (run.has_terminal)
        run_terminal_start(&run.terminal, run.child.terminal);
    keep_frozen(&run);
    begin_bounds(&run);
    print_lost(&run);
    if (run.replaced || run.lost_disk)
        run.child.lost |= LAUNCH_BIT(LAUNCH_GUARD_LIMITS);
    run_watch(&run);
    run_end_rest(&run);
    if (run_frozen_restore(&options->frozen))
        run.broken = LAUNCH_RESULT_POLICY;
    if (run.broken == LAUNCH_RESULT_EXIT && bounds_disk_over(&run.bounds))
        run.broken = LAUNCH_RESULT_DISK;
    run_group_close(&run);
    read_note(&run);
    if (run.has_terminal)
        run_flush_terminal(&run);
    if (run.has_output)
        run_flush_output(&run);
    run_modes_restore(&run.modes);
    print_end(&run);
    code = exit_code(run.status);
    run_status_ended(options->json_status_fd, code);
    if (options->receipt)
        run_receipt_write(&run, code);
    return code;
}
