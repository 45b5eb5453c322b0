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
 */
#include "launcher/init.h"

#include "launcher/init/tree.h"
#include "launcher/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LAST_SIGNAL 64 /* the kernel's _NSIG */

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

/* ---- telling ---- */

static void tell(const struct init_reaper *reaper, enum init_event event, int what, int value)
{
    if (reaper->tell)
        reaper->tell(event, what, value);
}

/* ---- relaying ---- */

static bool stops(int sig)
{
    return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* The terminal sends to its whole foreground group: a main process in our group has it. */
static bool came_from_terminal(int sig, const siginfo_t *info, pid_t main_pid)
{
    if (info->si_code != SI_KERNEL)
        return false;
    if (sig != SIGINT && sig != SIGQUIT && sig != SIGWINCH && sig != SIGHUP && sig != SIGCONT &&
        !stops(sig))
        return false;
    return getpgid(main_pid) == getpgrp();
}

/* The signal that stands for 'sig', 0: none.  A session of its own has no process outside that
 * could continue it, so the kernel ignores the polite stops there. */
static int rewritten(const struct init_reaper *reaper, int sig)
{
    int other = reaper->rewrite ? reaper->rewrite[sig] : sig;

    return other == sig && stops(sig) && reaper->flags & INIT_SESSION ? SIGSTOP : other;
}

static void relay(struct init_reaper *reaper, int sig, siginfo_t *info)
{
    bool all = reaper->flags & (INIT_GROUP | INIT_SESSION) ||
               (reaper->flags & INIT_REPORT && sig == SIGCONT); /* they have stopped as one */
    pid_t to = all ? -reaper->main : reaper->main;
    int other = rewritten(reaper, sig);

    if (other != 0 && (sig == SIGTERM || sig == SIGINT || sig == SIGQUIT))
        reaper->asked = sig;
    if (came_from_terminal(sig, info, reaper->main))
        return;
    tell(reaper, INIT_PASSED, sig, other);
    if (other == 0)
        return;
    /* Only one process can be given a value; and a full queue must not lose the signal. */
    if (info->si_code == SI_QUEUE && to > 0 &&
        syscall(SYS_rt_sigqueueinfo, to, other, info) == 0)
        return;
    if (kill(to, other) < 0 && to < 0)
        (void)kill(-to, other); /* main has not made its group yet, or has left it */
}

/* ---- stopping ---- */

/* A shell that has started us waits for us to stop, and continues us, not main. */
static void stop_with_main(const struct init_reaper *reaper)
{
    pid_t own = getpgrp(), group = getpgid(reaper->main);

    (void)kill(getpid(), SIGSTOP); /* returns when we are continued */
    if (group <= 0 || group == own)
        return;
    if (tcgetpgrp(STDIN_FILENO) == own)
        (void)tcsetpgrp(STDIN_FILENO, group);
    (void)kill(-group, SIGCONT);
}

/* ---- the dead ---- */

static void write_note(const struct init_reaper *reaper, uint32_t magic, int status,
                       const struct rusage *usage, bool tasks_reached)
{
    int fd = reaper->note_fd;
    struct launch_exit_note note;
    ssize_t wrote;

    if (fd < 0)
        return;
    memset(&note, 0, sizeof note);
    note.magic = magic;
    note.status = status;
    note.tasks_reached = tasks_reached;
    note.usage = *usage;
    note.main = reaper->named;
    do
        wrote = write(fd, &note, sizeof note);
    while (wrote < 0 && errno == EINTR);
}

/* Nobody is told of a fork that the kernel refuses.  But the dead count until they are reaped: as
 * many as there were when main ended there still are, but for who ended since, and main's limit is
 * reached if we, under the same one, get no child. */
static bool is_full(const struct init_reaper *reaper)
{
    struct rlimit limit;
    siginfo_t info = {0};
    long pid;

    if (reaper->tasks_max == 0 || getrlimit(RLIMIT_NPROC, &limit) < 0 ||
        waitid(P_PID, (id_t)reaper->main, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
        info.si_pid != reaper->main || (info.si_code == CLD_EXITED && info.si_status == 0))
        return false;
    limit.rlim_cur = reaper->tasks_max;
    if (limit.rlim_cur > limit.rlim_max || setrlimit(RLIMIT_NPROC, &limit) < 0)
        return false;
    pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        (void)syscall(SYS_exit_group, 0);
    if (pid < 0)
        return errno == EAGAIN;
    while (wait4((pid_t)pid, NULL, __WALL, NULL) < 0 && errno == EINTR)
        continue;
    return false;
}

/* What one pass over the dead found. */
struct passed {
    bool main;    /* main was among them */
    bool stopped; /* main has stopped */
    bool empty;   /* nothing is left below us */
};

static struct passed reap_dead(const struct init_reaper *reaper, int *status_of_main)
{
    int options =
        WNOHANG | __WALL | (reaper->flags & (INIT_JOBS | INIT_REPORT) ? WUNTRACED : 0);
    struct passed passed = {0};
    bool full = is_full(reaper);

    for (;;) {
        struct rusage usage;
        int status;
        pid_t pid = wait4(-1, &status, options, &usage);

        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0) {
            passed.empty = pid < 0;
            return passed;
        }
        if (WIFSTOPPED(status)) {
            passed.stopped = passed.stopped || pid == reaper->main;
            if (pid == reaper->main && reaper->flags & INIT_REPORT)
                write_note(reaper, LAUNCH_STOP_MAGIC, status, &usage, false);
            continue;
        }
        tell(reaper, pid == reaper->main ? INIT_ENDED : INIT_REAPED, pid, status);
        if (pid == reaper->main) {
            passed.main = true;
            *status_of_main = status;
            write_note(reaper, LAUNCH_EXIT_MAGIC, status, &usage, full);
        }
    }
}

static bool is_end_tree(const struct init_reaper *reaper, int sig, const siginfo_t *info)
{
    return reaper->flags & INIT_TREE && sig == LAST_SIGNAL && info->si_code == SI_QUEUE &&
           info->si_value.sival_int == INIT_END_TREE;
}

/* The process that SIGRTMAX names as the new main one; 0: it says something else. */
static pid_t named_main(int sig, const siginfo_t *info)
{
    int value = info->si_value.sival_int;

    if (sig != LAST_SIGNAL || info->si_code != SI_QUEUE ||
        (value & ~INIT_MAIN_PID) != INIT_NEW_MAIN)
        return 0;
    return value & INIT_MAIN_PID;
}

static bool is_child(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
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
static void pass_on(struct init_reaper *reaper, int sig, siginfo_t *info, bool ending,
                    bool main_lives)
{
    pid_t main_pid = main_lives ? reaper->main : 0;

    if (ending)
        init_signal_tree(SIGKILL, main_pid);
    else if (sig == SIGCHLD && info->si_code > 0)
        return; /* the kernel's own, for us */
    else if (main_lives)
        relay(reaper, sig, info);
    else
        init_signal_tree(sig, main_pid);
}

/* Main has ended, and whatever else is in the session that was made for it shall end with it. */
static void end_session(const struct init_reaper *reaper)
{
    int sig = rewritten(reaper, SIGTERM);

    if (reaper->flags & INIT_SESSION && sig != 0)
        (void)kill(-reaper->main, sig);
}

/* Where the loop is. */
struct watch {
    bool main_lives, ending; /* ending: all below is killed */
    int status;              /* of main */
};

/* Reaps what is dead. True: that was all that was to be waited for. */
static bool take_dead(struct init_reaper *reaper, struct watch *watch)
{
    struct passed passed = reap_dead(reaper, &watch->status);

    watch->main_lives = watch->main_lives && !passed.main;
    if (passed.main)
        end_session(reaper);
    if (passed.stopped && watch->main_lives && reaper->flags & INIT_JOBS)
        stop_with_main(reaper);
    return passed.empty || !(watch->main_lives || reaper->flags & INIT_TREE);
}

/* Somebody has said who is main now.  True: it is. */
static bool take_main(struct init_reaper *reaper, pid_t pid)
{
    static const struct rusage none;

    if (is_child(pid)) {
        reaper->main = reaper->named = pid;
        return true;
    }
    if (reaper->flags & INIT_TREE) {
        struct init_reaper gone = *reaper;

        gone.named = pid;
        write_note(&gone, LAUNCH_EXIT_MAGIC, LAUNCH_STATUS_UNKNOWN, &none, false);
    }
    reaper->flags |= INIT_TREE;
    return false;
}

int init_reap(struct init_reaper *reaper)
{
    const uint64_t all = ~UINT64_C(0);
    struct watch watch = {.main_lives = reaper->main > 0};
    int life_fd = reaper->life_fd, signal_fd = -1;

    if (!watch.main_lives && take_dead(reaper, &watch))
        return watch.status;
    if (life_fd >= 0)
        signal_fd = (int)syscall(SYS_signalfd4, -1, &all, sizeof all, O_CLOEXEC);
    for (;;) {
        siginfo_t info = {0};
        int sig = next_signal(life_fd, signal_fd, &info);
        pid_t named = named_main(sig, &info);

        if (named > 0) {
            watch.main_lives = take_main(reaper, named) || watch.main_lives;
            continue;
        }
        if (sig == 0) {
            if (getpid() == 1)
                return SIGKILL; /* the wait status: and our end is the end of all */
            life_fd = -1;
            watch.ending = true;
        }
        /* The end of a main that was named is seen by others, too: what they send because of it
         * is meant for the rest, and may be taken before SIGCHLD. */
        if ((sig == SIGCHLD || reaper->named > 0) && take_dead(reaper, &watch))
            return watch.status;
        watch.ending = watch.ending || is_end_tree(reaper, sig, &info);
        pass_on(reaper, sig, &info, watch.ending, watch.main_lives);
    }
}

int init_pause(struct init_reaper *reaper, int64_t nsec)
{
    const int64_t second = 1000000000;
    struct timespec now;
    int64_t until;
    int status;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    until = now.tv_sec * second + now.tv_nsec + nsec;
    while ((void)clock_gettime(CLOCK_MONOTONIC, &now),
           (nsec = until - (now.tv_sec * second + now.tv_nsec)) > 0) {
        struct timespec rest = {.tv_sec = nsec / second, .tv_nsec = nsec % second};
        siginfo_t info;
        int sig = take_signal(&info, &rest);

        if (sig == SIGCHLD)
            (void)reap_dead(reaper, &status);
        if ((sig == SIGTERM || sig == SIGINT || sig == SIGQUIT) && rewritten(reaper, sig) != 0)
            return sig;
    }
    return 0;
}

int init_exit_code(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static siginfo_t message(int value)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    info.si_signo = LAST_SIGNAL;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = value;
    return info;
}

static int say(pid_t reaper, int value)
{
    siginfo_t info = message(value);

    return syscall(SYS_rt_sigqueueinfo, reaper, LAST_SIGNAL, &info) < 0 ? -errno : 0;
}

static int say_fd(int pidfd, int value)
{
    siginfo_t info = message(value);

    return syscall(SYS_pidfd_send_signal, pidfd, LAST_SIGNAL, &info, 0) < 0 ? -errno : 0;
}

int launch_tree_kill(pid_t reaper)
{
    return say(reaper, INIT_END_TREE);
}

int launch_tree_kill_fd(int pidfd)
{
    return say_fd(pidfd, INIT_END_TREE);
}

int launch_tree_main(pid_t reaper, pid_t main_inside)
{
    return say(reaper, INIT_NEW_MAIN | (main_inside & INIT_MAIN_PID));
}

int launch_tree_main_fd(int pidfd, pid_t main_inside)
{
    return say_fd(pidfd, INIT_NEW_MAIN | (main_inside & INIT_MAIN_PID));
}
