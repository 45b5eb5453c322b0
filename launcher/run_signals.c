/*
 * run_signals.c - what coop-run hears: signals, dead children, the reaper's notes (see run.h)
 */
#include "launcher/run.h"

#include "launcher/plan.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the terminal sends, it sends to all of the foreground group: the command has it already. */
static bool is_from_terminal(const struct signalfd_siginfo *info)
{
    return info->ssi_code == SI_KERNEL;
}

/* While we are stopped with our group a process outside of it keeps the clock. */
static pid_t start_guard(const struct run *run)
{
    pid_t guard = run->bounds.deadline == COOP_FOREVER ? -1 : fork();

    if (guard != 0)
        return guard;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    while (run_clock(CLOCK_MONOTONIC) < run->bounds.deadline)
        (void)run_wait_for(NULL, 0, run->bounds.deadline);
    if (run_has_own_pids(run->plan))
        kill(run->child.pid, SIGKILL);
    else
        (void)launch_tree_kill(run->child.pid);
    _exit(0);
}

/* With a terminal of its own the command was told to stop by that, not we by ours.  Then we ask for
 * it politely: the kernel does not stop us where no shell would notice. */
static void stop_ourselves(const struct run *run)
{
    sigset_t stop;

    if (!run->has_terminal) {
        raise(SIGSTOP);
        return;
    }
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL);
    sigprocmask(SIG_BLOCK, &stop, NULL);
}

static void stop_with_the_command(const struct run *run)
{
    pid_t guard = start_guard(run);

    stop_ourselves(run);
    if (guard <= 0)
        return;
    kill(guard, SIGKILL);
    run_reap_child(guard);
}

/* A value goes along; where the queue is full the signal goes without. */
static void send_on(const struct run *run, const struct signalfd_siginfo *info)
{
    siginfo_t value;

    memset(&value, 0, sizeof value);
    value.si_signo = (int)info->ssi_signo;
    value.si_code = SI_QUEUE;
    value.si_pid = (pid_t)info->ssi_pid;
    value.si_uid = info->ssi_uid;
    value.si_value.sival_ptr = (void *)(uintptr_t)info->ssi_ptr;
    if (info->ssi_code != SI_QUEUE ||
        syscall(SYS_rt_sigqueueinfo, run->child.pid, value.si_signo, &value) < 0)
        kill(run->child.pid, value.si_signo);
}

/* The command has stopped: our shell gets its terminal back, in the modes that it left it in. */
static void stop_terminal(struct run *run)
{
    run_terminal_leave(&run->terminal);
    stop_with_the_command(run);
    run_terminal_enter(&run->terminal);
    kill(run->child.pid, SIGCONT);
}

/* What the reaper writes: how the command ended, because it cannot die of its signal; and that it
 * has stopped. */
void run_take_notes(struct run *run)
{
    struct launch_exit_note note;

    while (read(run->note[0], &note, sizeof note) == (ssize_t)sizeof note) {
        if (note.magic == LAUNCH_STOP_MAGIC && run->has_terminal && !run->ended)
            stop_terminal(run);
        if (note.magic != LAUNCH_EXIT_MAGIC)
            continue;
        run->noted = true;
        run->noted_status = note.status;
        run->tasks_reached = note.tasks_reached;
    }
}

/* The signals of our own terminal that are not for the command. True: that was one. */
static bool is_for_us(struct run *run, int signo)
{
    if (!run->has_terminal)
        return false;
    if (signo == SIGWINCH)
        run_terminal_resize(&run->terminal);
    if (signo == SIGCONT)
        run_terminal_enter(&run->terminal);
    return signo == SIGWINCH;
}

static void pass_on(struct run *run, const struct signalfd_siginfo *info)
{
    int signo = (int)info->ssi_signo;
    bool stops = signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;

    if (signo == SIGPIPE && info->ssi_pid == (uint32_t)getpid())
        return; /* a reader of ours is gone */
    if (is_for_us(run, signo))
        return;
    if (!run->has_terminal && !run->options->spec.new_session && is_from_terminal(info)) {
        if (stops)
            stop_with_the_command(run); /* the shell waits for us to stop with the command */
    } else {
        send_on(run, info);
    }
    if (run_asks_to_end(signo))
        run_let_end(run);
}

bool run_reap(struct run *run)
{
    struct rusage usage;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG | __WALL, &usage)) > 0) {
        if (pid == run->keeper)
            run->keeper = 0; /* somebody has killed it: its number is free */
        if (pid == run->clerk.pid)
            run->clerk.pid = 0;
        if (pid != run->child.pid)
            continue;
        run->ended = true;
        run->status = status;
        run->usage = usage;
    }
    return pid == 0;
}

void run_take_signals(struct run *run)
{
    struct signalfd_siginfo info;

    while (read(run->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            (void)run_reap(run);
        else if (!run->ended)
            pass_on(run, &info);
    }
}
