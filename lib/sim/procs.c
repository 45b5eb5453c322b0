/*
 * procs.c - the fake kernel's processes and their ends (see coop/sim.h)
 *
 * Children are known by number in one table.  A pid is free again only after it was reaped, as
 * outside.  What is often asked (is anybody dead, has it children) is counted, not searched: a
 * simulated day has millions of births.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "sim/internal.h"

/* ---- state ---- */

struct proc fake_procs[FAKE_PID_MAX];
pid_t fake_last_pid = FAKE_PID_FIRST - 1;
bool fake_subreaper;
static int our_children; /* that exist, dead or alive */
static struct list our_dead = LIST_INIT(our_dead);

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

static int *children_of(pid_t pid)
{
    static int strangers;

    if (pid == FAKE_SELF)
        return &our_children;
    return fake_proc(pid) ? &fake_procs[pid].children : &strangers;
}

static void adopt(struct proc *proc, pid_t parent)
{
    --*children_of(proc->parent);
    ++*children_of(parent);
    proc->parent = parent;
}

/* Its number is free. */
static void be_gone(struct proc *proc)
{
    --*children_of(proc->parent);
    if (proc->life == ZOMBIE && proc->parent == FAKE_SELF)
        list_remove(&proc->dead);
    *proc = (struct proc){0};
}

/* A dead one waits for its parent; nobody waits for the children of PID 1 outside. */
static void tell_parent(pid_t pid)
{
    struct proc *proc = &fake_procs[pid];

    if (proc->parent == FAKE_SELF) {
        list_push_back(&our_dead, &proc->dead);
        fake_raise_from(pid, SIGCHLD, 0);
    } else if (proc->parent == 1) {
        be_gone(proc);
    }
}

/* Children of one that has ended: killed with their namespace, or handed on. */
static void hand_on_children(pid_t parent, bool kill_them)
{
    for (pid_t pid = FAKE_PID_FIRST; fake_procs[parent].children > 0 && pid <= fake_last_pid;
         pid++) {
        struct proc *proc = &fake_procs[pid];

        if (proc->life == GONE || proc->parent != parent)
            continue;
        adopt(proc, fake_subreaper && !kill_them ? FAKE_SELF : 1);
        if (proc->life == ZOMBIE)
            tell_parent(pid);
        else if (kill_them)
            fake_proc_end(pid, CLD_KILLED, SIGKILL);
    }
}

static void drop_held(struct proc *proc)
{
    for (size_t i = 0; i < FAKE_HELD_MAX; i++) {
        if (proc->held[i].file)
            fake_file_unref(proc->held[i].file);
        proc->held[i].file = NULL;
    }
}

static pid_t fake_group(pid_t pid)
{
    return fake_proc(pid) ? fake_procs[pid].group : FAKE_SELF;
}

struct proc *fake_proc_new(pid_t pid, pid_t parent)
{
    struct proc *proc = &fake_procs[pid];

    *proc = (struct proc){.life = ALIVE, .parent = parent, .group = fake_group(parent)};
    ++*children_of(parent);
    if (pid > fake_last_pid)
        fake_last_pid = pid;
    return proc;
}

void fake_proc_end(pid_t pid, int code, int status)
{
    struct proc *proc = fake_proc(pid);

    if (!proc || proc->life == ZOMBIE)
        return;
    proc->life = ZOMBIE;
    proc->code = code;
    proc->status = status;
    proc->report = 0;
    drop_held(proc);
    hand_on_children(pid, proc->is_init);
    fake_signal_events++; /* pidfds become readable */
    tell_parent(pid);
    fake_running_end(pid);
}

static bool is_harmless(int signo)
{
    return signo == SIGCHLD || signo == SIGURG || signo == SIGWINCH || signo == SIGCONT;
}

static bool is_stop(int signo)
{
    return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

/* Stopped or running on: reported to us if we are the parent. */
static void change_life(pid_t pid, enum life life, int report, int signo)
{
    struct proc *proc = &fake_procs[pid];

    if (proc->life == life)
        return;
    proc->life = life;
    proc->report = report;
    proc->status = signo;
    if (proc->parent == FAKE_SELF)
        fake_raise_from(pid, SIGCHLD, 0);
}

static void deliver(pid_t pid, int signo)
{
    struct proc *proc = &fake_procs[pid];

    proc->last_signal = signo;
    if (signo == SIGCONT && proc->life == STOPPED)
        change_life(pid, ALIVE, CLD_CONTINUED, SIGCONT);
    if (signo == SIGKILL && !proc->unkillable)
        fake_proc_end(pid, CLD_KILLED, SIGKILL);
    if (signo == SIGSTOP && !fake_proc_is_dead(proc))
        change_life(pid, STOPPED, CLD_STOPPED, SIGSTOP);
    if (signo == SIGKILL || signo == SIGSTOP || fake_proc_is_dead(proc))
        return;
    if (fake_ignores(proc, signo))
        return;
    if (proc->on_signal && proc->on_signal(pid, signo, proc->on_signal_arg)) {
        fake_running_signalled(pid);
        return;
    }
    if (is_stop(signo))
        change_life(pid, STOPPED, CLD_STOPPED, signo);
    else if (!is_harmless(signo))
        fake_proc_end(pid, CLD_KILLED, signo);
}

static int send_signal(pid_t pid, int signo)
{
    struct proc *proc = fake_proc(pid);

    if (signo < 0 || signo > 64)
        return -EINVAL;
    if (pid == FAKE_SELF && signo)
        fake_raise_from(FAKE_SELF, signo, 0);
    if (pid == FAKE_SELF)
        return 0;
    if (!proc)
        return -ESRCH;
    if (signo && !fake_proc_is_dead(proc))
        deliver(pid, signo);
    return 0;
}

/* To each of them; -ESRCH: there is none. */
static int send_to_group(pid_t group, int signo)
{
    int r = group == FAKE_SELF ? send_signal(FAKE_SELF, signo) : -ESRCH;

    for (pid_t pid = FAKE_PID_FIRST; pid <= fake_last_pid; pid++)
        if (fake_proc(pid) && fake_procs[pid].group == group)
            r = send_signal(pid, signo);
    return r;
}

struct wanted {
    idtype_t type;
    id_t id;
    int options;
};

/* Whether it has something to tell that is asked for. */
static bool has_news(const struct proc *proc, int options)
{
    return (proc->life == ZOMBIE && options & WEXITED) ||
           (proc->report == CLD_STOPPED && options & WSTOPPED) ||
           (proc->report == CLD_CONTINUED && options & WCONTINUED);
}

static pid_t find_reporting(int options)
{
    for (pid_t pid = FAKE_PID_FIRST; pid <= fake_last_pid; pid++)
        if (fake_procs[pid].parent == coop_sim_self() && has_news(&fake_procs[pid], options))
            return pid;
    return 0;
}

/* A child of ours that fits: *ret_any tells whether there is one at all, the result is one that has
 * news, or 0. */
static pid_t find_child(const struct wanted *wanted, bool *ret_any)
{
    pid_t only = wanted->type == P_PID ? (pid_t)wanted->id : 0;

    if (wanted->type == P_PIDFD) {
        struct file *file = fake_file((int)wanted->id);

        only = file && file->kind == FILE_PIDFD && pidfd_proc(file) ? file->pid : -1;
    }
    if (only) {
        struct proc *proc = fake_proc(only);

        *ret_any = proc && proc->parent == coop_sim_self();
        return *ret_any && has_news(proc, wanted->options) ? only : 0;
    }
    *ret_any = *children_of(coop_sim_self()) > 0;
    if (fake_running() || wanted->options & (WSTOPPED | WCONTINUED))
        return find_reporting(wanted->options);
    if (list_is_empty(&our_dead))
        return 0;
    return (pid_t)(list_entry(our_dead.next, struct proc, dead) - fake_procs);
}

static bool somebody_has_news(void *arg)
{
    bool any;

    return find_child(arg, &any) != 0 || !any;
}

static int wait_status(const struct proc *proc)
{
    if (proc->report == CLD_CONTINUED)
        return 0xffff;
    if (proc->report == CLD_STOPPED)
        return (proc->status & 0xff) << 8 | 0x7f;
    if (proc->code == CLD_EXITED)
        return (proc->status & 0xff) << 8;
    return proc->status | (proc->code == CLD_DUMPED ? 0x80 : 0);
}

/* ---- inside ---- */

pid_t fake_fork(pid_t parent)
{
    struct proc *from = fake_proc(parent), *proc;
    pid_t pid;

    if (!from)
        fake_give_up("a fork of what is no process here");
    pid = coop_sim_spawn(parent);
    proc = &fake_procs[pid];
    memcpy(proc->held, from->held, sizeof proc->held);
    for (size_t i = 0; i < FAKE_HELD_MAX; i++)
        if (proc->held[i].file)
            proc->held[i].file->refs++;
    proc->ignored = from->ignored;
    proc->on_signal = from->on_signal;
    proc->on_signal_arg = from->on_signal_arg;
    return pid;
}

bool fake_pidfd_ready(const struct file *pidfd)
{
    return !pidfd_proc(pidfd) || fake_procs[pidfd->pid].life == ZOMBIE;
}

void fake_procs_reset(void)
{
    size_t used = (size_t)fake_last_pid - FAKE_PID_FIRST + 1;

    for (pid_t pid = FAKE_PID_FIRST; pid <= fake_last_pid; pid++) {
        fake_running_end(pid);
        drop_held(&fake_procs[pid]);
    }
    memset(&fake_procs[FAKE_PID_FIRST], 0, used * sizeof fake_procs[0]);
    fake_last_pid = FAKE_PID_FIRST - 1;
    fake_subreaper = false;
    our_children = 0;
    list_init(&our_dead);
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

/* The news are taken: of a dead one, its number too. */
static void take_news(struct proc *proc)
{
    proc->report = 0;
    if (proc->life == ZOMBIE)
        be_gone(proc);
}

int fake_sys_waitid(idtype_t type, id_t id, siginfo_t *ret_info, int options)
{
    struct wanted wanted = {type, id, options};
    struct proc *proc;
    bool any;
    pid_t pid;

    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    pid = find_child(&wanted, &any);
    if (!any)
        return -ECHILD;
    if (!pid && !(options & WNOHANG)) {
        if (!fake_block(somebody_has_news, &wanted))
            fake_give_up("waitid() waits for ever");
        pid = find_child(&wanted, &any);
    }
    memset(ret_info, 0, sizeof *ret_info);
    if (!pid)
        return any ? 0 : -ECHILD;
    proc = &fake_procs[pid];
    ret_info->si_signo = SIGCHLD;
    ret_info->si_pid = pid;
    ret_info->si_code = proc->report ? proc->report : proc->code;
    ret_info->si_status = proc->status;
    if (!(options & WNOWAIT))
        take_news(proc);
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
                        WEXITED | WNOWAIT |
                            (options & (WNOHANG | WUNTRACED | WCONTINUED | __WALL)));
    if (r < 0 || info.si_pid == 0)
        return r;
    if (ret_status)
        *ret_status = wait_status(&fake_procs[info.si_pid]);
    if (ret_usage)
        memset(ret_usage, 0, sizeof *ret_usage);
    take_news(&fake_procs[info.si_pid]);
    return info.si_pid;
}

int fake_sys_kill(pid_t pid, int sig)
{
    if (pid == -1)
        return -EPERM;
    if (pid <= 0)
        return send_to_group(pid ? -pid : fake_group(coop_sim_self()), sig);
    return send_signal(pid, sig);
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
