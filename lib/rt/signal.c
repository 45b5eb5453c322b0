/*
 * signal.c - one signalfd, read by an urgent actor
 *
 * The signals that the program announced, and SIGCHLD, are blocked in all our threads, so that
 * they stay pending till the signalfd is read.  A thread that is not ours (a test runner's) may
 * have them open and would take them: so each also gets a handler, which does nothing but kick
 * the signal again into the runtime, through a flag and the poller's eventfd.
 *
 *      kernel --> signalfd --> watch --> actor "signals" --> channels, actors
 *                                                     `--> SIGCHLD: child.c
 *
 * The signalfd is opened at the first use, so that a program without signals has one descriptor
 * less.
 */
#include "coop/signal.h"

#include "base/sys.h"
#include "coop/actor.h"
#include "coop/chan.h"
#include "rt/poller.h"
#include "rt/reaper.h"
#include "rt/sched.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

enum { SIGNALS = 64, REGISTRATIONS = 64, MSG_READABLE = 1, MSG_STRAY = 2 };

static struct {
    uint32_t lock;
    uint64_t wanted; /* the announced ones and SIGCHLD */
    sigset_t old_mask;
    struct sigaction old_actions[SIGNALS + 1];
    int fd;
    _Atomic(bool) open;
    struct coop_actor actor;
    struct coop_fdwatch watch;
    struct coop_msg stray_msg;
    struct {
        struct coop_chan *ch;
        int signo;
    } channels[REGISTRATIONS];
    struct {
        struct coop_actor *actor;
        struct coop_msg *msg;
    } actors[SIGNALS + 1];
    pid_t senders[SIGNALS + 1];
} signals = {.fd = -1};

static _Atomic(uint64_t) stray; /* taken by threads that are not ours */

static bool is_wanted(int signo)
{
    return signo >= 1 && signo <= SIGNALS && (signals.wanted & COOP_SIGNAL(signo));
}

/* ---- handing on ---- */

static void deliver(int signo, pid_t sender)
{
    if (signo == SIGCHLD) {
        coop__reap(sender);
        return;
    }
    coop__lock(&signals.lock);
    signals.senders[signo] = sender;
    for (int i = 0; i < REGISTRATIONS; i++)
        if (signals.channels[i].ch && signals.channels[i].signo == signo)
            coop_send(signals.channels[i].ch, &signo, COOP_NOW);
    if (signals.actors[signo].msg)
        coop_post(signals.actors[signo].actor, signals.actors[signo].msg);
    coop__unlock(&signals.lock);
}

static void read_all(void)
{
    struct signalfd_siginfo info[16];
    ssize_t n;

    while ((n = sys_read(signals.fd, info, sizeof info)) > 0)
        for (size_t i = 0; i < (size_t)n / sizeof info[0]; i++)
            deliver((int)info[i].ssi_signo, (pid_t)info[i].ssi_pid);
}

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    uint64_t strays;

    (void)actor;
    (void)msg;
    strays = atomic_exchange(&stray, 0);
    for (int signo = 1; strays && signo <= SIGNALS; signo++)
        if (strays & COOP_SIGNAL(signo))
            deliver(signo, 0);
    read_all();
}

/* In a thread that is not ours. coop_post() is not for signal handlers; a write is. */
static void on_stray(int signo)
{
    uint64_t one = 1;

    atomic_fetch_or(&stray, COOP_SIGNAL(signo));
    sys_write_in_handler(coop__rt.kick_fd, &one, sizeof one);
}

void coop__signals_look(void)
{
    if (unlikely(atomic_load_explicit(&stray, memory_order_relaxed)) &&
        atomic_load(&signals.open))
        coop_post(&signals.actor, &signals.stray_msg);
}

/* ---- start and end ---- */

void coop__signals_start(uint64_t wanted)
{
    sigset_t mask;

    memset(&signals, 0, sizeof signals);
    signals.fd = -1;
    atomic_store(&stray, 0);
    signals.wanted = wanted | COOP_SIGNAL(SIGCHLD);
    signals.wanted &= ~(COOP_SIGNAL(SIGKILL) | COOP_SIGNAL(SIGSTOP));
    if (coop__rt.sim)
        return;
    sigemptyset(&mask);
    for (int signo = 1; signo <= SIGNALS; signo++) {
        struct sigaction action = {.sa_flags = SA_RESTART};

        if (!is_wanted(signo))
            continue;
        sigaddset(&mask, signo);
        action.sa_handler = on_stray;
        sigaction(signo, &action, &signals.old_actions[signo]);
    }
    pthread_sigmask(SIG_BLOCK, &mask, &signals.old_mask);
}

static int open_locked(void)
{
    sigset_t mask;
    struct desc *d;
    int r;

    sigemptyset(&mask);
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (is_wanted(signo))
            sigaddset(&mask, signo);
    signals.fd = sys_signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals.fd < 0)
        return signals.fd;
    coop_actor_init(&signals.actor, "signals", handle, NULL);
    coop_actor_set_urgent(&signals.actor);
    coop_msg_init(&signals.stray_msg, MSG_STRAY);
    r = coop__desc_open(signals.fd, &d);
    if (r == 0) {
        d->internal = true;
        r = coop_fdwatch_start(&signals.watch, signals.fd, COOP_IN, &signals.actor,
                               MSG_READABLE);
    }
    if (r < 0) {
        coop_fd_close(signals.fd);
        signals.fd = -1;
        return r;
    }
    signals.open = true;
    return 0;
}

int coop__signals_open(void)
{
    int r = 0;

    coop__lock(&signals.lock);
    if (!signals.open)
        r = open_locked();
    coop__unlock(&signals.lock);
    return r;
}

void coop__reaper_end(void)
{
    coop__lock(&signals.lock);
    signals.open = false;
    coop__unlock(&signals.lock);
}

void coop__signals_end(void)
{
    struct timespec now = {0};
    sigset_t mask;

    coop__children_end();
    for (int i = 0; i < REGISTRATIONS; i++)
        coop_chan_unref(signals.channels[i].ch);
    if (signals.fd >= 0)
        sys_close(signals.fd);
    if (coop__rt.sim)
        return;
    /* What is pending was meant for us: it must not hit the old disposition. */
    sigemptyset(&mask);
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (is_wanted(signo) && signo != SIGCHLD)
            sigaddset(&mask, signo);
    while (sigtimedwait(&mask, NULL, &now) > 0)
        ;
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (is_wanted(signo))
            sigaction(signo, &signals.old_actions[signo], NULL);
    pthread_sigmask(SIG_SETMASK, &signals.old_mask, NULL);
}

/* ---- the calls ---- */

int coop_signal_notify(struct coop_chan *ch, int signo)
{
    int r;

    if (!ch || !is_wanted(signo) || signo == SIGCHLD)
        return -EINVAL;
    r = coop__signals_open();
    if (r < 0)
        return r;
    r = -ENOSPC;
    coop__lock(&signals.lock);
    for (int i = 0; i < REGISTRATIONS; i++) {
        if (signals.channels[i].ch)
            continue;
        signals.channels[i].ch = coop_chan_ref(ch);
        signals.channels[i].signo = signo;
        atomic_fetch_add(&coop__rt.outside, 1);
        r = 0;
        break;
    }
    coop__unlock(&signals.lock);
    return r;
}

void coop_signal_stop(struct coop_chan *ch)
{
    coop__lock(&signals.lock);
    for (int i = 0; ch && i < REGISTRATIONS; i++) {
        if (signals.channels[i].ch != ch)
            continue;
        signals.channels[i].ch = NULL;
        atomic_fetch_sub(&coop__rt.outside, 1);
        coop_chan_unref(ch);
    }
    coop__unlock(&signals.lock);
}

int coop_signal_post(int signo, struct coop_actor *actor, struct coop_msg *msg)
{
    int r;

    if (!is_wanted(signo) || signo == SIGCHLD)
        return -EINVAL;
    r = coop__signals_open();
    if (r < 0)
        return r;
    coop__lock(&signals.lock);
    if (msg && !signals.actors[signo].msg)
        atomic_fetch_add(&coop__rt.outside, 1);
    if (!msg && signals.actors[signo].msg)
        atomic_fetch_sub(&coop__rt.outside, 1);
    signals.actors[signo].actor = actor;
    signals.actors[signo].msg = msg;
    coop__unlock(&signals.lock);
    return 0;
}

pid_t coop_signal_sender(int signo)
{
    pid_t sender;

    if (signo < 1 || signo > SIGNALS)
        return 0;
    coop__lock(&signals.lock);
    sender = signals.senders[signo];
    coop__unlock(&signals.lock);
    return sender;
}
