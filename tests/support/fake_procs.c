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

/* ---- state ---- */

struct proc fake_procs[FAKE_PID_MAX];
pid_t fake_last_pid = FAKE_PID_FIRST - 1;
bool fake_subreaper;
static uint64_t pending;   /* signals for us, bit signo - 1 */
static pid_t sigchld_from; /* whose death the pending SIGCHLD tells */

unsigned fake_signal_events;

/* ---- helpers ---- */

struct proc *fake_proc(pid_t pid)
{
    if (pid < FAKE_PID_FIRST || pid >= FAKE_PID_MAX || fake_procs[pid].life == GONE)
        return NULL;
    return &fake_procs[pid];
}

/* The process a pidfd means; NULL when it was reaped, even if its number lives on. */
static struct proc *pidfd_proc(const struct file *pidfd)
{
    struct proc *proc = fake_proc(pidfd->pid);

    return proc && proc->birth == pidfd->count ? proc : NULL;
}

/* Children of one that has ended: killed with their namespace, or handed on. */
static void hand_on_children(pid_t parent, bool kill_them)
{
    for (pid_t pid = FAKE_PID_FIRST; pid <= fake_last_pid; pid++) {
        struct proc *proc = &fake_procs[pid];

        if (proc->life == GONE || proc->parent != parent)
            continue;
        proc->parent = fake_subreaper && !kill_them ? FAKE_SELF : 1;
        if (kill_them && proc->life != ZOMBIE)
            fake_proc_end(pid, CLD_KILLED, SIGKILL);
        if (proc->parent == 1 && proc->life == ZOMBIE)
            *proc = (struct proc){0};
        else if (proc->parent == FAKE_SELF && proc->life == ZOMBIE)
            fake_raise(SIGCHLD);
    }
}

void fake_proc_end(pid_t pid, int code, int status)
{
    struct proc *proc = fake_proc(pid);

    if (!proc || proc->life == ZOMBIE)
        return;
    proc->life = ZOMBIE;
    proc->code = code;
    proc->status = status;
    for (size_t i = 0; i < FAKE_HELD_MAX; i++) {
        if (proc->held[i].file)
            fake_file_unref(proc->held[i].file);
        proc->held[i].file = NULL;
    }
    hand_on_children(pid, proc->is_init);
    fake_signal_events++; /* pidfds become readable */
    if (proc->parent == FAKE_SELF) {
        if (!(pending & UINT64_C(1) << (SIGCHLD - 1)))
            sigchld_from = pid;
        fake_raise(SIGCHLD);
    } else if (proc->parent == 1) {
        *proc = (struct proc){0};
    }
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
    struct proc *proc = &fake_procs[pid];

    proc->last_signal = signo;
    if (signo == SIGCONT && proc->life == STOPPED)
        proc->life = ALIVE;
    if (signo == SIGKILL && !proc->unkillable)
        fake_proc_end(pid, CLD_KILLED, SIGKILL);
    if (signo == SIGSTOP && !fake_proc_is_dead(proc))
        proc->life = STOPPED;
    if (signo == SIGKILL || signo == SIGSTOP || fake_proc_is_dead(proc))
        return;
    if (proc->on_signal && proc->on_signal(pid, signo, proc->on_signal_arg))
        return;
    if (is_stop(signo))
        proc->life = STOPPED;
    else if (!is_harmless(signo))
        fake_proc_end(pid, CLD_KILLED, signo);
}

static int send_signal(pid_t pid, int signo)
{
    struct proc *proc = fake_proc(pid);

    if (signo < 0 || signo > 64)
        return -EINVAL;
    if (pid == FAKE_SELF && signo)
        fake_raise(signo);
    if (pid == FAKE_SELF)
        return 0;
    if (!proc)
        return -ESRCH;
    if (signo && !fake_proc_is_dead(proc))
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
        struct proc *proc = fake_proc(only);

        *ret_any = proc && proc->parent == FAKE_SELF;
        return *ret_any && proc->life == ZOMBIE ? only : 0;
    }
    for (pid_t pid = FAKE_PID_FIRST; pid <= fake_last_pid; pid++) {
        if (fake_procs[pid].life == GONE || fake_procs[pid].parent != FAKE_SELF)
            continue;
        *ret_any = true;
        if (fake_procs[pid].life == ZOMBIE)
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

void fake_raise(int signo)
{
    pending |= UINT64_C(1) << (signo - 1);
    fake_signal_events++;
}

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
    return !pidfd_proc(pidfd) || fake_procs[pidfd->pid].life == ZOMBIE;
}

void fake_procs_reset(void)
{
    memset(fake_procs, 0, sizeof fake_procs);
    fake_last_pid = FAKE_PID_FIRST - 1;
    fake_subreaper = false;
    pending = 0;
    sigchld_from = 0;
}

void fake_procs_show(void)
{
    static const char *const words[] = {"gone", "alive", "stopped", "zombie"};

    for (pid_t pid = FAKE_PID_FIRST; pid <= fake_last_pid; pid++)
        if (fake_procs[pid].life != GONE)
            fprintf(stderr, "  process %d: %s, parent %d, last signal %d\n", pid,
                    words[fake_procs[pid].life], fake_procs[pid].parent,
                    fake_procs[pid].last_signal);
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
    ret_info->si_code = fake_procs[pid].code;
    ret_info->si_status = fake_procs[pid].status;
    if (!(options & WNOWAIT))
        fake_procs[pid] = (struct proc){0};
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
        *ret_status = wait_status(&fake_procs[info.si_pid]);
    if (ret_usage)
        memset(ret_usage, 0, sizeof *ret_usage);
    fake_procs[info.si_pid] = (struct proc){0};
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

    if (!fake_proc(pid))
        return -ESRCH;
    file = fake_file_new(FILE_PIDFD, (int)flags);
    file->pid = pid;
    file->count = fake_procs[pid].birth;
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
