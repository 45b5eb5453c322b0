/*
 * init.c - the reaper's loop (contract in init.h)
 *
 * THE NOUNS
 *   main       the one child whose end counts
 *   orphan     a process below whose parent has died: the kernel gave it to us
 *   the tree   everything below; empty exactly when wait says ECHILD, because any descendant
 *              that lives hangs on a chain of parents that ends in a child of ours
 *
 * WHY sigtimedwait AND NOT HANDLERS
 *   A handler may run between "is there work?" and "then sleep", and all it could do is set a
 *   flag.  Here every signal is blocked for ever and taken from the queue by hand: one place,
 *   in order, with the siginfo that tells who sent it.
 *
 * THE ONE RACE
 *   SIGCHLD does not queue: ten deaths may be one signal, and a SIGCHLD that somebody sent may
 *   hide a real one.  So each SIGCHLD, whoever sent it, drains wait4 until it says "no more".
 *   Signals are blocked since before main was forked, so a main that dies at once leaves its
 *   SIGCHLD pending for the first turn of the loop.
 *
 * WHY WE READ /proc/.../children
 *   kill(-1) is exact inside a PID namespace and murder outside.  Outside, the children files
 *   name our direct children exactly (they cannot be reused before we reap them) and deeper
 *   ones as of a moment ago; good enough for a polite signal, and for SIGKILL the exact part
 *   suffices: orphans come up to us and are direct children in the next round.
 */
#include "launcher/init.h"

#include "launcher/recipe.h"
#include "launcher/steps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_SIGNAL 64  /* the kernel's _NSIG */
#define WALK_DEPTH  24  /* generations a polite signal reaches below us */
#define WALK_CHUNK  512 /* bytes of a children file, or of a directory, read at a time */

/* ---- signals, past glibc, which hides two of them ---- */

static void set_mask(int how, uint64_t mask, uint64_t *ret_old)
{
    (void)syscall(SYS_rt_sigprocmask, how, &mask, ret_old, sizeof mask);
}

void init_block_signals(uint64_t *ret_old)
{
    set_mask(SIG_SETMASK, ~UINT64_C(0), ret_old);
}

void init_unblock_signals(uint64_t old)
{
    set_mask(SIG_SETMASK, old, NULL);
}

void init_default_signals(void)
{
    /* The kernel's struct sigaction: handler, flags, restorer, mask; all zero is SIG_DFL. */
    static const struct {
        unsigned long handler, flags, restorer;
        uint64_t mask;
    } by_default;

    for (int sig = 1; sig <= LAST_SIGNAL; sig++)
        (void)syscall(SYS_rt_sigaction, sig, &by_default, NULL, sizeof by_default.mask);
}

/* Takes one signal from the queue, waiting for it unless 'timeout' says otherwise. 0: none. */
static int take_signal(siginfo_t *ret_info, const struct timespec *timeout)
{
    const uint64_t all = ~UINT64_C(0);
    long sig = syscall(SYS_rt_sigtimedwait, &all, ret_info, timeout, sizeof all);

    return sig > 0 ? (int)sig : 0;
}

/* Waits for a signal. 0: the liveness pipe has ended instead. The signalfd is only something to
 * poll; the signal itself is always taken the same way. */
static int next_signal(int life_fd, int signal_fd, siginfo_t *ret_info)
{
    static const struct timespec at_once;

    for (;;) {
        struct pollfd wait[] = {{.fd = signal_fd, .events = POLLIN},
                                {.fd = life_fd, .events = POLLIN}};
        int sig = take_signal(ret_info, life_fd < 0 ? NULL : &at_once);

        if (sig > 0)
            return sig;
        if (life_fd >= 0 && ppoll(wait, 2, NULL, NULL) > 0 && wait[1].revents)
            return 0;
    }
}

/* ---- the tree below ---- */

static void walk_tree(int sig, const char *pid, int depth);

/* A children file: pids, each followed by a blank. A chunk may cut one in two. */
static void walk_children_file(int sig, int fd, int depth)
{
    char chunk[WALK_CHUNK], pid[16];
    size_t used = 0;
    ssize_t got;

    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] >= '0' && chunk[i] <= '9') {
                if (used < sizeof pid - 1)
                    pid[used++] = chunk[i];
                continue;
            }
            pid[used] = '\0';
            if (used > 0)
                walk_tree(sig, pid, depth - 1);
            used = 0;
        }
    }
}

/* Appends to a path of known size; what does not fit cannot be a path of ours. */
static void join(char *path, size_t size, const char *a, const char *b, const char *c)
{
    const char *parts[] = {a, b, c};
    size_t used = 0;

    for (size_t i = 0; i < 3; i++)
        for (const char *p = parts[i]; *p && used < size - 1; p++)
            path[used++] = *p;
    path[used] = '\0';
}

/* Every thread of 'pid' has children of its own. 0: the directory could be read. */
static int walk_threads(int sig, const char *pid, int depth)
{
    _Alignas(struct dirent64) char chunk[WALK_CHUNK];
    char path[64];
    long got;
    int dir;

    join(path, sizeof path, "/proc/", pid, "/task");
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    while ((got = syscall(SYS_getdents64, dir, chunk, sizeof chunk)) > 0) {
        for (long at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(chunk + at);
            int fd = -1;

            at += entry->d_reclen;
            if (entry->d_name[0] == '.')
                continue;
            join(path, sizeof path, entry->d_name, "/children", "");
            fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
            if (fd < 0)
                continue;
            walk_children_file(sig, fd, depth);
            (void)close(fd);
        }
    }
    (void)close(dir);
    return 0;
}

static pid_t number(const char *text)
{
    pid_t value = 0;

    while (*text >= '0' && *text <= '9')
        value = value * 10 + (*text++ - '0');
    return value;
}

/* Parents before children: a process that is gone, or going, makes no new ones. */
static void walk_tree(int sig, const char *pid, int depth)
{
    pid_t who = number(pid);

    if (who <= 1)
        return;
    (void)kill(who, sig);
    if (depth > 0)
        (void)walk_threads(sig, pid, depth);
}

/* Signals everything below us, as far as it can be seen.  A main that has been reaped is not
 * below us any more: by now its number may be anybody's. */
static void signal_tree(const struct init_reaper *reaper, int sig, bool main_lives)
{
    if (getpid() == 1)
        (void)kill(-1, sig);
    else if (walk_threads(sig, "self", WALK_DEPTH) < 0 && main_lives)
        (void)kill(reaper->main, sig);
}

/* ---- relaying ---- */

/* The terminal sends to its whole foreground group: a main process in our group has it. */
static bool came_from_terminal(int sig, const siginfo_t *info, pid_t main_pid)
{
    if (info->si_code != SI_KERNEL)
        return false;
    if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP && sig != SIGWINCH && sig != SIGHUP &&
        sig != SIGCONT)
        return false;
    return getpgid(main_pid) == getpgrp();
}

static void relay(const struct init_reaper *reaper, int sig, siginfo_t *info)
{
    pid_t to = reaper->flags & INIT_GROUP ? -reaper->main : reaper->main;

    if (came_from_terminal(sig, info, reaper->main))
        return;
    /* Only one process can be given a value; and a full queue must not lose the signal. */
    if (info->si_code == SI_QUEUE && to > 0 && syscall(SYS_rt_sigqueueinfo, to, sig, info) == 0)
        return;
    if (kill(to, sig) < 0 && to < 0)
        (void)kill(-to, sig); /* main has not made its group yet, or has left it */
}

/* ---- the end of main ---- */

static void write_note(int fd, int status, const struct rusage *usage)
{
    struct launch_exit_note note;
    ssize_t wrote;

    if (fd < 0)
        return;
    memset(&note, 0, sizeof note);
    note.magic = LAUNCH_EXIT_MAGIC;
    note.status = status;
    note.usage = *usage;
    do
        wrote = write(fd, &note, sizeof note);
    while (wrote < 0 && errno == EINTR);
}

/* What one pass over the dead found. */
struct passed {
    bool main;  /* main was among them */
    bool empty; /* nothing is left below us */
};

static struct passed reap_dead(const struct init_reaper *reaper, int *status_of_main)
{
    struct passed passed = {0};

    for (;;) {
        struct rusage usage;
        int status;
        pid_t pid = wait4(-1, &status, WNOHANG | __WALL, &usage);

        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0) {
            passed.empty = pid < 0;
            return passed;
        }
        if (pid == reaper->main) {
            passed.main = true;
            *status_of_main = status;
            write_note(reaper->note_fd, status, &usage);
        }
    }
}

static bool is_end_tree(const struct init_reaper *reaper, int sig, const siginfo_t *info)
{
    return reaper->flags & INIT_TREE && sig == LAST_SIGNAL && info->si_code == SI_QUEUE &&
           info->si_value.sival_int == INIT_END_TREE;
}

/* ---- the public calls ---- */

void init_let_go(const int *keep, unsigned count)
{
    unsigned from = 0;

    (void)!chdir("/");
    for (;;) {
        unsigned next = UINT32_MAX; /* the lowest kept one from 'from' on */

        for (unsigned i = 0; i < count; i++)
            if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        if (next == UINT32_MAX)
            break;
        if (next > from)
            (void)syscall(SYS_close_range, from, next - 1, 0);
        from = next + 1;
    }
    (void)syscall(SYS_close_range, from, UINT32_MAX, 0);
}

/* What a signal means for those who are left. */
static void pass_on(const struct init_reaper *reaper, int sig, siginfo_t *info, bool ending,
                    bool main_lives)
{
    if (ending)
        signal_tree(reaper, SIGKILL, main_lives);
    else if (sig == SIGCHLD && info->si_code > 0)
        return; /* the kernel's own, for us */
    else if (main_lives)
        relay(reaper, sig, info);
    else
        signal_tree(reaper, sig, main_lives);
}

int init_reap(const struct init_reaper *reaper)
{
    const uint64_t all = ~UINT64_C(0);
    bool main_lives = true, ending = false;
    int life_fd = reaper->life_fd, signal_fd = -1, status = 0;

    if (life_fd >= 0)
        signal_fd = (int)syscall(SYS_signalfd4, -1, &all, sizeof all, O_CLOEXEC);
    for (;;) {
        siginfo_t info = {0};
        int sig = next_signal(life_fd, signal_fd, &info);

        if (sig == 0) {
            if (getpid() == 1)
                return SIGKILL; /* the wait status: and our end is the end of all */
            life_fd = -1;
            ending = true;
        }
        if (sig == SIGCHLD) {
            struct passed passed = reap_dead(reaper, &status);

            main_lives = main_lives && !passed.main;
            if (passed.empty || !(main_lives || reaper->flags & INIT_TREE))
                return status;
        }
        ending = ending || is_end_tree(reaper, sig, &info);
        pass_on(reaper, sig, &info, ending, main_lives);
    }
}

int init_exit_code(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static siginfo_t end_tree(void)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    info.si_signo = LAST_SIGNAL;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = INIT_END_TREE;
    return info;
}

int launch_tree_kill(pid_t reaper)
{
    siginfo_t info = end_tree();

    return syscall(SYS_rt_sigqueueinfo, reaper, LAST_SIGNAL, &info) < 0 ? -errno : 0;
}

int launch_tree_kill_fd(int pidfd)
{
    siginfo_t info = end_tree();

    return syscall(SYS_pidfd_send_signal, pidfd, LAST_SIGNAL, &info, 0) < 0 ? -errno : 0;
}

/* ---- the recipe's step ---- */

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

#define REAPER_FDS 6

/* 'ready' ends when there is nothing left to be had from us: main waits for that at "hello". */
_Noreturn static void reap_for(struct child *c, pid_t main_pid, int ready)
{
    const struct init_reaper reaper = {
        .main = main_pid,
        .note_fd = c->io.exit_note,
        .life_fd = c->io.liveness,
        .flags = c->plan->flags & PLAN_SUBREAPER ? INIT_TREE : 0,
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
    c->call = "setsid";
    if (c->plan->flags & PLAN_SESSION && setsid() < 0)
        return -errno;
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
