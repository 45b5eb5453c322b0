/*
 * signal.c - one signalfd, read by an urgent actor
 *
 * The signals that the program announced, and SIGCHLD, are blocked in all our threads, so that
 * they stay pending till the signalfd is read: real-time ones in a queue, with their values.
 * A thread that is not ours (a test runner's) may have them open and would take them: so each
 * also gets a handler, which puts what it was given into a ring and kicks the poller.
 *
 *      kernel --> signalfd --> watch --> actor "signals" --> channels, actors
 *      handler in a foreign thread -> ring --^         `--> SIGCHLD: child.c
 *
 * Signals that may tell of a fault of our own (SIGSEGV...) stay open in all threads, because a
 * blocked one ends the process without a word: what others send comes the second way too.
 *
 * The signalfd is opened at the first use, so that a program without signals has one descriptor
 * less.
 *
 * THE RING has many writers, in handlers, and one reader, the actor.  A place is taken by moving
 * "taken" on, and is readable when its own number says so; a full ring loses the newest, counted.
 */
#include "coop/signal.h"

#include "base/sys.h"
#include "coop/actor.h"
#include "rt/chan.h"
#include "rt/leaks.h"
#include "rt/poller.h"
#include "rt/reaper.h"
#include "rt/sched.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

enum { SIGNALS = 64, MSG_READABLE = 1, MSG_STRAY = 2, STRAYS = 256 };

/* What an actor has not taken yet. */
struct untaken {
    unsigned first, count;
    struct coop_signal_info items[COOP_SIGNALS_UNTAKEN];
};

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
    } channels[COOP_SIGNAL_CHANNELS];
    struct {
        struct coop_actor *actor;
        struct coop_msg *msg;
        struct untaken *untaken;
    } actors[SIGNALS + 1];
    pid_t senders[SIGNALS + 1];
    struct coop_signal_stats stats;
} signals = {.fd = -1};

/* Taken by threads that are not ours. */
static struct {
    _Atomic(unsigned) taken, read;
    _Atomic(uint64_t) lost;
    struct {
        _Atomic(unsigned) number; /* one more than the turn it holds */
        struct coop_signal_info info;
    } places[STRAYS];
} strays;

static bool is_wanted(int signo)
{
    return signo >= 1 && signo <= SIGNALS && (signals.wanted & COOP_SIGNAL(signo));
}

static bool is_fault(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE;
}

/* ---- handing on ---- */

/* True: there was room. */
static bool keep_untaken(struct untaken *u, const struct coop_signal_info *info)
{
    if (u->count == COOP_SIGNALS_UNTAKEN)
        return false;
    u->items[(u->first + u->count++) % COOP_SIGNALS_UNTAKEN] = *info;
    return true;
}

static void deliver(const struct coop_signal_info *info)
{
    int signo = info->signo;

    if (signo == SIGCHLD)
        coop__reap(info->pid);
    coop__lock(&signals.lock);
    signals.senders[signo] = info->pid;
    signals.stats.arrived += signo != SIGCHLD;
    /* The kernel had no room for who and what: all that is left is that it came. */
    signals.stats.bare += signo >= SIGRTMIN && info->code == SI_USER && !info->pid;
    for (int i = 0; i < COOP_SIGNAL_CHANNELS; i++) {
        struct coop_chan *ch = signals.channels[i].ch;

        if (!ch || signals.channels[i].signo != signo)
            continue;
        signals.stats.missed +=
            coop_send(ch, ch->size == sizeof signo ? (const void *)&signo : info, COOP_NOW) < 0;
    }
    if (signals.actors[signo].msg) {
        signals.stats.missed += !keep_untaken(signals.actors[signo].untaken, info);
        coop_post(signals.actors[signo].actor, signals.actors[signo].msg);
    }
    coop__unlock(&signals.lock);
}

static void read_all(void)
{
    struct signalfd_siginfo info[16];
    int refusals = 0;
    ssize_t n;

    /* There is an edge for each signal only once: what fails is tried again, or it is lost. */
    while ((n = sys_read(signals.fd, info, sizeof info)) > 0 ||
           (n < 0 && n != -EAGAIN && refusals++ < 3)) {
        for (ssize_t i = 0; i < n / (ssize_t)sizeof info[0]; i++) {
            struct coop_signal_info it = {.signo = (int)info[i].ssi_signo,
                                          .code = info[i].ssi_code,
                                          .pid = (pid_t)info[i].ssi_pid,
                                          .uid = info[i].ssi_uid};

            it.value.sival_ptr = (void *)(uintptr_t)info[i].ssi_ptr;
            deliver(&it);
        }
    }
}

static void read_strays(void)
{
    unsigned at = atomic_load(&strays.read);

    while (atomic_load(&strays.places[at % STRAYS].number) == at + 1) {
        struct coop_signal_info info = strays.places[at % STRAYS].info;

        atomic_store(&strays.read, ++at);
        deliver(&info);
    }
    coop__lock(&signals.lock);
    signals.stats.missed += atomic_exchange(&strays.lost, 0);
    coop__unlock(&signals.lock);
}

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    (void)actor;
    (void)msg;
    read_strays();
    read_all();
}

/* In a handler. coop_post() is not for those; a write is. */
static void keep_stray(const siginfo_t *info)
{
    unsigned at = atomic_load(&strays.taken);
    uint64_t one = 1;

    do {
        if (at - atomic_load(&strays.read) == STRAYS) {
            atomic_fetch_add(&strays.lost, 1);
            return;
        }
    } while (!atomic_compare_exchange_weak(&strays.taken, &at, at + 1));
    strays.places[at % STRAYS].info = (struct coop_signal_info){
        .signo = info->si_signo,
        .code = info->si_code,
        .pid = info->si_pid,
        .uid = info->si_uid,
        .value.sival_ptr = info->si_value.sival_ptr,
    };
    atomic_store(&strays.places[at % STRAYS].number, at + 1);
    sys_write_in_handler(coop__rt.kick_fd, &one, sizeof one);
}

bool coop__signal_was_sent(const siginfo_t *info)
{
    if (!is_wanted(info->si_signo) || info->si_code > 0)
        return false;
    keep_stray(info);
    return true;
}

static void on_stray(int signo, siginfo_t *info, void *context)
{
    (void)context;
    if (is_fault(signo) && info->si_code > 0) /* let it happen again as it would without us */
        sigaction(signo, &signals.old_actions[signo], NULL);
    else
        keep_stray(info);
}

void coop__signals_look(void)
{
    if (unlikely(atomic_load_explicit(&strays.taken, memory_order_relaxed) !=
                 atomic_load_explicit(&strays.read, memory_order_relaxed)) &&
        atomic_load(&signals.open))
        coop_post(&signals.actor, &signals.stray_msg);
}

/* ---- start and end ---- */

void coop__signals_block(sigset_t *mask)
{
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (is_wanted(signo) && !is_fault(signo))
            sigaddset(mask, signo);
}

void coop__signals_start(uint64_t wanted)
{
    sigset_t mask;

    memset(&signals, 0, sizeof signals);
    signals.fd = -1;
    memset(&strays, 0, sizeof strays);
    signals.wanted = wanted | COOP_SIGNAL(SIGCHLD);
    signals.wanted &= ~(COOP_SIGNAL(SIGKILL) | COOP_SIGNAL(SIGSTOP));
    for (int signo = SIGSYS + 1; signo < SIGRTMIN; signo++) /* libc's own */
        signals.wanted &= ~COOP_SIGNAL(signo);
    if (coop__rt.sim)
        return;
    sigemptyset(&mask);
    for (int signo = 1; signo <= SIGNALS; signo++) {
        struct sigaction action = {.sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK};

        if (!is_wanted(signo))
            continue;
        action.sa_sigaction = on_stray;
        sigfillset(&action.sa_mask); /* in order, also into the ring */
        sigaction(signo, &action, &signals.old_actions[signo]);
    }
    coop__signals_block(&mask);
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
    r = coop__desc_open(signals.fd, COOP_IN, &d);
    if (r >= 0) {
        d->internal = true;
        r = coop_fdwatch_start(&signals.watch, signals.fd, COOP_IN, &signals.actor,
                               MSG_READABLE);
    }
    if (r < 0) {
        coop_fd_close(signals.fd);
        signals.fd = -1;
        return r;
    }
    /* Opened by who asks first, and the runtime's own to the end: nobody has left them behind. */
    coop__leak_gone(LEAK_ACTOR, &signals.actor);
    coop__leak_gone(LEAK_DESCRIPTOR, (const void *)((uintptr_t)signals.fd + 1));
    signals.open = true;
    return 0;
}

int coop__signals_open(void)
{
    int r = 0;

    if (!coop__rt.running)
        return -EPERM;
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
    for (int i = 0; i < COOP_SIGNAL_CHANNELS; i++)
        coop_chan_unref(signals.channels[i].ch);
    for (int signo = 1; signo <= SIGNALS; signo++)
        free(signals.actors[signo].untaken);
    /* Who stops a channel, or takes a signal, after the end finds none. */
    memset(signals.channels, 0, sizeof signals.channels);
    memset(signals.actors, 0, sizeof signals.actors);
    if (signals.fd >= 0)
        sys_close(signals.fd);
    if (coop__rt.sim) {
        signals.wanted = 0;
        return;
    }
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
    signals.wanted = 0;
}

/* ---- the calls ---- */

int coop_signal_notify(struct coop_chan *ch, int signo)
{
    int r;

    if (!ch || !is_wanted(signo) ||
        (ch->size != sizeof(int) && ch->size != sizeof(struct coop_signal_info)))
        return -EINVAL;
    r = coop__signals_open();
    if (r < 0)
        return r;
    r = -ENOSPC;
    coop__lock(&signals.lock);
    for (int i = 0; i < COOP_SIGNAL_CHANNELS; i++) {
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
    for (int i = 0; ch && i < COOP_SIGNAL_CHANNELS; i++) {
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
    struct untaken *untaken;
    int r;

    if (!is_wanted(signo))
        return -EINVAL;
    r = coop__signals_open();
    if (r < 0)
        return r;
    untaken = msg ? calloc(1, sizeof *untaken) : NULL;
    if (msg && !untaken)
        return -ENOMEM;
    coop__lock(&signals.lock);
    if (msg && !signals.actors[signo].msg)
        atomic_fetch_add(&coop__rt.outside, 1);
    if (!msg && signals.actors[signo].msg)
        atomic_fetch_sub(&coop__rt.outside, 1);
    signals.actors[signo].actor = actor;
    signals.actors[signo].msg = msg;
    free(signals.actors[signo].untaken);
    signals.actors[signo].untaken = untaken;
    coop__unlock(&signals.lock);
    return 0;
}

bool coop_signal_take(int signo, struct coop_signal_info *ret_info)
{
    struct untaken *u;
    bool any;

    if (signo < 1 || signo > SIGNALS)
        return false;
    coop__lock(&signals.lock);
    u = signals.actors[signo].untaken;
    any = u && u->count > 0;
    if (any) {
        *ret_info = u->items[u->first];
        u->first = (u->first + 1) % COOP_SIGNALS_UNTAKEN;
        u->count--;
    }
    coop__unlock(&signals.lock);
    return any;
}

void coop_signal_stats(struct coop_signal_stats *ret_stats)
{
    coop__lock(&signals.lock);
    *ret_stats = signals.stats;
    coop__unlock(&signals.lock);
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
