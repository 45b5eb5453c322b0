/*
 * fake_procs.c - the fake kernel's processes and signals (see fake_kernel.h)
 *
 * Children are known by number in one table.  A pid is free again only after it was reaped, as
 * outside.  SIGCHLD is one bit: deaths that come while it is pending are not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "support/fake_internal.h"

#define SELF      100 /* our own number */
#define PID_FIRST 1000
#define PID_MAX   65536
#define HELD_MAX  8

/* ---- types and state ---- */

enum life { GONE, ALIVE, STOPPED, ZOMBIE };

struct proc {
    enum life life;
    pid_t parent;
    uint64_t birth;
    int code, status; /* as in siginfo_t */
    int last_signal;
    bool is_init, unkillable;
    fake_signal_fn *on_signal;
    void *on_signal_arg;
    struct held {
        int number;
        struct file *file;
    } held[HELD_MAX];
};

static struct proc procs[PID_MAX];
static pid_t last_pid = PID_FIRST - 1, forced_pid;
static bool subreaper;
static uint64_t pending;   /* signals for us, bit signo - 1 */
static pid_t sigchld_from; /* whose death the pending SIGCHLD tells */
static uint64_t births;    /* a pid may come again, a birth does not */

unsigned fake_signal_events;
unsigned fake_signal_events;

struct ending {
    pid_t pid;
    int code, status;
};

/* ---- helpers ---- */

static struct proc *proc_of(pid_t pid)
{
    if (pid < PID_FIRST || pid >= PID_MAX || procs[pid].life == GONE)
        return NULL;
    return &procs[pid];
}

static struct proc *must_have(pid_t pid)
{
    struct proc *proc = proc_of(pid);

    if (!proc)
        fake_give_up("the test names a process that is not there");
    return proc;
}

/* The process a pidfd means; NULL when it was reaped, even if its number lives on. */
static struct proc *pidfd_proc(const struct file *pidfd)
{
    struct proc *proc = proc_of(pidfd->pid);

    return proc && proc->birth == pidfd->count ? proc : NULL;
}

static bool is_dead(const struct proc *proc)
{
    return proc->life == GONE || proc->life == ZOMBIE;
}

static void end(pid_t pid, int code, int status);

/* Children of one that has ended: killed with their namespace, or handed on. */
static void hand_on_children(pid_t parent, bool kill_them)
{
    for (pid_t pid = PID_FIRST; pid <= last_pid; pid++) {
        struct proc *proc = &procs[pid];

        if (proc->life == GONE || proc->parent != parent)
            continue;
        proc->parent = subreaper && !kill_them ? SELF : 1;
        if (kill_them && proc->life != ZOMBIE)
            end(pid, CLD_KILLED, SIGKILL);
        if (proc->parent == 1 && proc->life == ZOMBIE)
            *proc = (struct proc){0};
        else if (proc->parent == SELF && proc->life == ZOMBIE)
            fake_raise(SIGCHLD);
    }
}

static void end(pid_t pid, int code, int status)
{
    struct proc *proc = proc_of(pid);

    if (!proc || proc->life == ZOMBIE)
        return;
    proc->life = ZOMBIE;
    proc->code = code;
    proc->status = status;
    for (size_t i = 0; i < HELD_MAX; i++) {
        if (proc->held[i].file)
            fake_file_unref(proc->held[i].file);
        proc->held[i].file = NULL;
    }
    hand_on_children(pid, proc->is_init);
    fake_signal_events++; /* pidfds become readable */
    if (proc->parent == SELF) {
        if (!(pending & UINT64_C(1) << (SIGCHLD - 1)))
            sigchld_from = pid;
        fake_raise(SIGCHLD);
    } else if (proc->parent == 1) {
        *proc = (struct proc){0};
    }
}

static void end_planned(void *arg)
{
    struct ending *ending = arg;

    end(ending->pid, ending->code, ending->status);
    free(ending);
}

static void plan_end(pid_t pid, coop_nsec when, int code, int status)
{
    struct ending *ending = malloc(sizeof *ending);

    if (!ending)
        abort();
    *ending = (struct ending){pid, code, status};
    fake_at(when, end_planned, ending);
}

static bool is_harmless(int signo)
{
    return signo == SIGCHLD || signo == SIGURG || signo == SIGWINCH || signo == SIGCONT;
}

static bool is_stop(int signo)
{
    return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

static void deliver(pid_t pid, int signo)
{
    struct proc *proc = &procs[pid];

    proc->last_signal = signo;
    if (signo == SIGCONT && proc->life == STOPPED)
        proc->life = ALIVE;
    if (signo == SIGKILL && !proc->unkillable)
        end(pid, CLD_KILLED, SIGKILL);
    if (signo == SIGSTOP && !is_dead(proc))
        proc->life = STOPPED;
    if (signo == SIGKILL || signo == SIGSTOP || is_dead(proc))
        return;
    if (proc->on_signal && proc->on_signal(pid, signo, proc->on_signal_arg))
        return;
    if (is_stop(signo))
        proc->life = STOPPED;
    else if (!is_harmless(signo))
        end(pid, CLD_KILLED, signo);
}

static int send_signal(pid_t pid, int signo)
{
    struct proc *proc = proc_of(pid);

    if (signo < 0 || signo > 64)
        return -EINVAL;
    if (pid == SELF && signo)
        fake_raise(signo);
    if (pid == SELF)
        return 0;
    if (!proc)
        return -ESRCH;
    if (signo && !is_dead(proc))
        deliver(pid, signo);
    return 0;
}

/* A child of ours that fits: *ret_any tells whether there is one at all, the result is a dead
 * one, or 0. */
static pid_t find_dead(idtype_t type, id_t id, bool *ret_any)
{
    pid_t only = type == P_PID ? (pid_t)id : 0;

    *ret_any = false;
    if (type == P_PIDFD) {
        struct file *file = fake_file((int)id);

        only = file && file->kind == FILE_PIDFD && pidfd_proc(file) ? file->pid : -1;
    }
    if (only) {
        struct proc *proc = proc_of(only);

        *ret_any = proc && proc->parent == SELF;
        return *ret_any && proc->life == ZOMBIE ? only : 0;
    }
    for (pid_t pid = PID_FIRST; pid <= last_pid; pid++) {
        if (procs[pid].life == GONE || procs[pid].parent != SELF)
            continue;
        *ret_any = true;
        if (procs[pid].life == ZOMBIE)
            return pid;
    }
    return 0;
}

struct wanted {
    idtype_t type;
    id_t id;
};

static bool somebody_died(void *arg)
{
    const struct wanted *wanted = arg;
    bool any;

    return find_dead(wanted->type, wanted->id, &any) != 0 || !any;
}

static int wait_status(const struct proc *proc)
{
    if (proc->code == CLD_EXITED)
        return (proc->status & 0xff) << 8;
    return proc->status | (proc->code == CLD_DUMPED ? 0x80 : 0);
}

/* ---- inside ---- */

uint64_t fake_pending_signals(void)
{
    return pending;
}

bool fake_take_signal(uint64_t mask, struct signalfd_siginfo *ret_info)
{
    int signo = ffsll((long long)(pending & mask));

    if (!signo)
        return false;
    pending &= ~(UINT64_C(1) << (signo - 1));
    *ret_info = (struct signalfd_siginfo){.ssi_signo = (uint32_t)signo};
    if (signo == SIGCHLD)
        ret_info->ssi_pid = (uint32_t)sigchld_from;
    return true;
}

bool fake_pidfd_ready(const struct file *pidfd)
{
    return !pidfd_proc(pidfd) || procs[pidfd->pid].life == ZOMBIE;
}

void fake_procs_reset(void)
{
    memset(procs, 0, sizeof procs);
    last_pid = PID_FIRST - 1;
    forced_pid = 0;
    subreaper = false;
    pending = 0;
    sigchld_from = 0;
}

void fake_procs_show(void)
{
    static const char *const words[] = {"gone", "alive", "stopped", "zombie"};

    for (pid_t pid = PID_FIRST; pid <= last_pid; pid++)
        if (procs[pid].life != GONE)
            fprintf(stderr, "  process %d: %s, parent %d, last signal %d\n", pid,
                    words[procs[pid].life], procs[pid].parent, procs[pid].last_signal);
}

/* ---- the calls ---- */

int fake_sys_waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options)
{
    struct wanted wanted = {type, id};
    bool any;
    pid_t pid;

    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    pid = find_dead(type, id, &any);
    if (!any)
        return -ECHILD;
    if (!pid && !(options & WNOHANG)) {
        if (!fake_block(somebody_died, &wanted))
            fake_give_up("waitid() waits for ever");
        pid = find_dead(type, id, &any);
    }
    memset(ret_info, 0, sizeof *ret_info);
    if (!pid)
        return any ? 0 : -ECHILD;
    ret_info->si_signo = SIGCHLD;
    ret_info->si_pid = pid;
    ret_info->si_code = procs[pid].code;
    ret_info->si_status = procs[pid].status;
    if (!(options & WNOWAIT))
        procs[pid] = (struct proc){0};
    return 0;
}

pid_t fake_sys_wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage)
{
    idtype_t type = pid == -1 ? P_ALL : P_PID;
    siginfo_t info;
    int r;

    if (pid == 0 || pid < -1)
        return -ENOSYS; /* process groups are not there */
    r = fake_sys_waitid(type, (id_t)pid, &info,
                        WEXITED | WNOWAIT | (options & (WNOHANG | __WALL)));
    if (r < 0 || info.si_pid == 0)
        return r;
    if (ret_status)
        *ret_status = wait_status(&procs[info.si_pid]);
    if (ret_usage)
        memset(ret_usage, 0, sizeof *ret_usage);
    procs[info.si_pid] = (struct proc){0};
    return info.si_pid;
}

int fake_sys_kill(pid_t pid, int sig)
{
    if (pid == 0 || pid == -1)
        return -EPERM;
    return send_signal(pid < 0 ? -pid : pid, sig);
}

int fake_sys_pidfd_open(pid_t pid, unsigned flags)
{
    struct file *file;

    if (!proc_of(pid))
        return -ESRCH;
    file = fake_file_new(FILE_PIDFD, (int)flags);
    file->pid = pid;
    file->count = procs[pid].birth;
    return fake_fd_new(file);
}

int fake_sys_pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned flags)
{
    struct file *file = fake_file(pidfd);

    (void)info;
    (void)flags;
    if (!file || file->kind != FILE_PIDFD)
        return -EBADF;
    return pidfd_proc(file) ? send_signal(file->pid, sig) : -ESRCH;
}

/* ---- the public calls ---- */

pid_t fake_self(void)
{
    return SELF;
}

pid_t fake_spawn(pid_t parent)
{
    pid_t pid = forced_pid ? forced_pid : last_pid + 1;

    if (pid >= PID_MAX || procs[pid].life != GONE)
        fake_give_up("no pid for a new process");
    forced_pid = 0;
    if (pid > last_pid)
        last_pid = pid;
    procs[pid] =
        (struct proc){.life = ALIVE, .birth = ++births, .parent = parent ? parent : SELF};
    return pid;
}

void fake_next_pid(pid_t pid)
{
    forced_pid = pid;
}

void fake_exit(pid_t pid, int code)
{
    end(pid, CLD_EXITED, code);
}

void fake_die(pid_t pid, int signo, bool core)
{
    end(pid, core ? CLD_DUMPED : CLD_KILLED, signo);
}

void fake_exit_at(pid_t pid, coop_nsec when, int code)
{
    plan_end(pid, when, CLD_EXITED, code);
}

void fake_die_at(pid_t pid, coop_nsec when, int signo)
{
    plan_end(pid, when, CLD_KILLED, signo);
}

void fake_on_signal(pid_t pid, fake_signal_fn *fn, void *arg)
{
    struct proc *proc = must_have(pid);

    proc->on_signal = fn;
    proc->on_signal_arg = arg;
}

void fake_make_init(pid_t pid)
{
    must_have(pid)->is_init = true;
}

void fake_make_unkillable(pid_t pid, bool unkillable)
{
    struct proc *proc = must_have(pid);

    proc->unkillable = unkillable;
    if (!unkillable && proc->last_signal == SIGKILL)
        end(pid, CLD_KILLED, SIGKILL);
}

void fake_be_subreaper(bool yes)
{
    subreaper = yes;
}

void fake_raise(int signo)
{
    pending |= UINT64_C(1) << (signo - 1);
    fake_signal_events++;
}

bool fake_is_alive(pid_t pid)
{
    const struct proc *proc = proc_of(pid);

    return proc && !is_dead(proc);
}

bool fake_is_stopped(pid_t pid)
{
    const struct proc *proc = proc_of(pid);

    return proc && proc->life == STOPPED;
}

int fake_last_signal(pid_t pid)
{
    const struct proc *proc = proc_of(pid);

    return proc ? proc->last_signal : 0;
}

size_t fake_alive(void)
{
    size_t count = 0;

    for (pid_t pid = PID_FIRST; pid <= last_pid; pid++)
        count += is_dead(&procs[pid]) ? 0 : 1;
    return count;
}

size_t fake_zombies(void)
{
    size_t count = 0;

    for (pid_t pid = PID_FIRST; pid <= last_pid; pid++)
        count += procs[pid].life == ZOMBIE && procs[pid].parent == SELF ? 1 : 0;
    return count;
}

/* ---- descriptors of other processes ---- */

static struct held *held_by(pid_t pid, int fd)
{
    struct proc *proc = must_have(pid);

    for (size_t i = 0; i < HELD_MAX; i++)
        if (proc->held[i].file && proc->held[i].number == fd)
            return &proc->held[i];
    return NULL;
}

void fake_give_fd(pid_t pid, int fd)
{
    struct proc *proc = must_have(pid);
    struct file *file = fake_file(fd);

    for (size_t i = 0; file && i < HELD_MAX; i++) {
        if (!proc->held[i].file) {
            file->refs++;
            proc->held[i] = (struct held){fd, file};
            return;
        }
    }
    fake_give_up("a process cannot hold this descriptor");
}

ssize_t fake_write_as(pid_t pid, int fd, const char *text)
{
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    struct held *held = held_by(pid, fd);

    return held ? fake_file_put(held->file, &part, 1) : -EBADF;
}

void fake_close_as(pid_t pid, int fd)
{
    struct held *held = held_by(pid, fd);

    if (held) {
        fake_file_unref(held->file);
        held->file = NULL;
    }
}
