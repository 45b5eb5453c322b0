/*
 * world.c - what a test does with the processes of the fake kernel (see coop/sim.h)
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

struct ending {
    pid_t pid;
    int code, status;
};

static pid_t forced_pid; /* what the next one gets; 0: the next free */
static pid_t given_pid;  /* the last one */
static uint64_t births;  /* a pid may come again, a birth does not */

/* ---- helpers ---- */

static struct proc *must_have(pid_t pid)
{
    struct proc *proc = fake_proc(pid);

    if (!proc)
        fake_give_up("the test names a process that is not there");
    return proc;
}

static void end_planned(void *arg)
{
    const struct ending *ending = arg;

    fake_proc_end(ending->pid, ending->code, ending->status);
}

static void plan_end(pid_t pid, coop_nsec when, int code, int status)
{
    struct ending *ending = malloc(sizeof *ending);

    if (!ending)
        abort();
    *ending = (struct ending){pid, code, status};
    fake_plan(when, end_planned, ending, true);
}

void fake_world_reset(void)
{
    forced_pid = given_pid = 0;
}

/* ---- the public calls ---- */

pid_t coop_sim_self(void)
{
    return fake_running() ? fake_running() : FAKE_SELF;
}

/* The next free number after the last one given, from the beginning again at the end: as
 * outside, a number comes back as late as possible. */
static pid_t free_pid(void)
{
    for (pid_t tried = FAKE_PID_FIRST; tried < FAKE_PID_MAX; tried++) {
        if (++given_pid >= FAKE_PID_MAX || given_pid < FAKE_PID_FIRST)
            given_pid = FAKE_PID_FIRST;
        if (fake_procs[given_pid].life == GONE)
            return given_pid;
    }
    return FAKE_PID_MAX;
}

pid_t coop_sim_spawn(pid_t parent)
{
    pid_t pid = forced_pid ? forced_pid : free_pid();

    if (pid >= FAKE_PID_MAX || fake_procs[pid].life != GONE)
        fake_give_up("no pid for a new process");
    forced_pid = 0;
    fake_proc_new(pid, parent ? parent : FAKE_SELF)->birth = ++births;
    return pid;
}

void coop_sim_next_pid(pid_t pid)
{
    forced_pid = pid;
}

void coop_sim_exit(pid_t pid, int code)
{
    fake_proc_end(pid, CLD_EXITED, code);
}

void coop_sim_die(pid_t pid, int signo, bool core)
{
    fake_proc_end(pid, core ? CLD_DUMPED : CLD_KILLED, signo);
}

void coop_sim_exit_at(pid_t pid, coop_nsec when, int code)
{
    plan_end(pid, when, CLD_EXITED, code);
}

void coop_sim_die_at(pid_t pid, coop_nsec when, int signo)
{
    plan_end(pid, when, CLD_KILLED, signo);
}

void coop_sim_on_signal(pid_t pid, coop_sim_signal_fn *fn, void *arg)
{
    struct proc *proc = must_have(pid);

    proc->on_signal = fn;
    proc->on_signal_arg = arg;
}

void coop_sim_make_group(pid_t pid)
{
    must_have(pid)->group = pid;
}

void coop_sim_make_init(pid_t pid)
{
    must_have(pid)->is_init = true;
}

void coop_sim_make_unkillable(pid_t pid, bool unkillable)
{
    struct proc *proc = must_have(pid);

    proc->unkillable = unkillable;
    if (!unkillable && proc->last_signal == SIGKILL)
        fake_proc_end(pid, CLD_KILLED, SIGKILL);
}

void coop_sim_be_subreaper(bool subreaper)
{
    fake_subreaper = subreaper;
}

bool coop_sim_is_alive(pid_t pid)
{
    const struct proc *proc = fake_proc(pid);

    return proc && !fake_proc_is_dead(proc);
}

bool coop_sim_is_stopped(pid_t pid)
{
    const struct proc *proc = fake_proc(pid);

    return proc && proc->life == STOPPED;
}

int coop_sim_last_signal(pid_t pid)
{
    const struct proc *proc = fake_proc(pid);

    return proc ? proc->last_signal : 0;
}

size_t coop_sim_alive(void)
{
    size_t count = 0;

    for (pid_t pid = FAKE_PID_FIRST; pid <= fake_last_pid; pid++)
        count += fake_proc_is_dead(&fake_procs[pid]) ? 0 : 1;
    return count;
}

size_t coop_sim_zombies(void)
{
    size_t count = 0;

    for (pid_t pid = FAKE_PID_FIRST; pid <= fake_last_pid; pid++)
        count += fake_procs[pid].life == ZOMBIE && fake_procs[pid].parent == FAKE_SELF ? 1 : 0;
    return count;
}

/* ---- descriptors of other processes ---- */

static struct held *held_by(pid_t pid, int fd)
{
    struct proc *proc = must_have(pid);

    for (size_t i = 0; i < FAKE_HELD_MAX; i++)
        if (proc->held[i].file && proc->held[i].number == fd)
            return &proc->held[i];
    return NULL;
}

void coop_sim_give_fd(pid_t pid, int fd)
{
    coop_sim_give_fd_as(pid, fd, fd);
}

void coop_sim_give_fd_as(pid_t pid, int fd, int number)
{
    struct proc *proc = must_have(pid);
    struct file *file = fake_file(fd);

    for (size_t i = 0; file && i < FAKE_HELD_MAX; i++) {
        if (!proc->held[i].file) {
            file->refs++;
            proc->held[i] = (struct held){number, file};
            return;
        }
    }
    fake_give_up("a process cannot hold this descriptor");
}

ssize_t coop_sim_write_as(pid_t pid, int fd, const char *text)
{
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    struct held *held = held_by(pid, fd);

    return held ? fake_file_put(held->file, &part, 1) : -EBADF;
}

void coop_sim_close_as(pid_t pid, int fd)
{
    struct held *held = held_by(pid, fd);

    if (held) {
        fake_file_unref(held->file);
        held->file = NULL;
    }
}
