/*
 * signals_all - every signal that can be caught arrives; real-time ones in order, with values
 *
 * A plain program: a test runner's second thread has all signals open, and would take some of
 * them, which costs their order (unit.rt.child looks at that).
 */
#include "stress/stress.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CATCHABLE = 60, LAST = 64, ROUND = 5, FLOOD = 64 };

static struct coop_chan *all;
static int times;

static int last_sent;

/* But the end of our own child, which comes when it likes. */
static struct coop_signal_info next_one(void)
{
    struct coop_signal_info info;

    do {
        if (coop_recv(all, &info, in_seconds(PATIENCE)) != 1) {
            fprintf(stderr, "a signal that was sent has not arrived, after %d\n", last_sent);
            HOLDS(false);
        }
    } while (info.signo == SIGCHLD && info.code != SI_USER);
    return info;
}

static void ask_for_all(void)
{
    int count = 0;

    all = coop_chan_new(sizeof(struct coop_signal_info), 1024);
    for (int signo = 1; signo <= LAST; signo++) {
        int r = coop_signal_notify(all, signo);

        if (signo == SIGKILL || signo == SIGSTOP || (signo > SIGSYS && signo < SIGRTMIN))
            HOLDS(r == -EINVAL);
        else
            HOLDS(r == 0);
        count += r == 0;
    }
    HOLDS(count == CATCHABLE);
}

static void each_by_kill(void)
{
    struct coop_signal_info info;

    for (int signo = 1; signo <= LAST; signo++) {
        if (signo == SIGKILL || signo == SIGSTOP || (signo > SIGSYS && signo < SIGRTMIN))
            continue;
        last_sent = signo;
        HOLDS(kill(getpid(), signo) == 0);
        info = next_one();
        HOLDS(info.signo == signo && info.code == SI_USER);
        HOLDS(info.pid == getpid() && info.uid == getuid());
        HOLDS(coop_signal_sender(signo) == getpid());
    }
}

/* The only processor is ours until we wait: all of them are pending before the first is read. */
static void real_time_in_order(void)
{
    for (int i = 0; i < ROUND; i++)
        for (int signo = SIGRTMAX; signo >= SIGRTMIN; signo--)
            HOLDS(sigqueue(getpid(), signo, (union sigval){.sival_int = i}) == 0);
    for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++) {
        for (int i = 0; i < ROUND; i++) {
            struct coop_signal_info info = next_one();

            HOLDS(info.signo == signo && info.value.sival_int == i);
            HOLDS(info.code == SI_QUEUE && info.pid == getpid());
        }
    }
}

static void from_another_process(void)
{
    pid_t parent = getpid(), pid = fork();
    struct coop_signal_info info;

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (uintptr_t i = 0; i < 200; i++)
            if (sigqueue(parent, SIGRTMIN + 3, (union sigval){.sival_ptr = (void *)i}) < 0)
                _exit(1);
        _exit(0);
    }
    HOLDS(pid > 0);
    for (uintptr_t i = 0; i < 200; i++) {
        info = next_one();
        HOLDS(info.signo == SIGRTMIN + 3 && info.pid == pid);
        HOLDS(info.value.sival_ptr == (void *)i);
    }
}

/* What the kernel has no room for is refused to sigqueue(3), and comes bare from kill(2). */
static void beyond_the_kernels_queue(void)
{
    struct rlimit limit, small;
    struct coop_signal_info info;
    struct coop_signal_stats stats;
    int accepted = 0;

    HOLDS(getrlimit(RLIMIT_SIGPENDING, &limit) == 0);
    small = limit;
    small.rlim_cur = FLOOD / 2;
    HOLDS(setrlimit(RLIMIT_SIGPENDING, &small) == 0);
    while (sigqueue(getpid(), SIGRTMAX, (union sigval){.sival_int = accepted}) == 0)
        HOLDS(++accepted <= FLOOD);
    HOLDS(errno == EAGAIN);
    small.rlim_cur = 0; /* the count is the user's: others may just have made room */
    HOLDS(setrlimit(RLIMIT_SIGPENDING, &small) == 0);
    HOLDS(kill(getpid(), SIGRTMIN) == 0 && kill(getpid(), SIGRTMIN) == 0);
    HOLDS(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
    info = next_one();
    HOLDS(info.signo == SIGRTMIN && info.pid == 0);
    for (int i = 0; i < accepted; i++) {
        info = next_one();
        HOLDS(info.signo == SIGRTMAX && info.value.sival_int == i);
    }
    coop_signal_stats(&stats);
    HOLDS(stats.bare == 1 && stats.missed == 0);
}

struct taker {
    struct coop_actor actor;
    struct coop_msg msg;
    int taken;
};

static void take_all(struct coop_actor *actor, struct coop_msg *msg)
{
    struct taker *t = actor->arg;
    struct coop_signal_info info;

    (void)msg;
    for (; coop_signal_take(SIGRTMIN + 1, &info); t->taken++)
        HOLDS(info.value.sival_int == t->taken);
}

static void to_an_actor(void)
{
    struct coop_signal_stats stats;
    struct taker t = {.taken = 0};
    coop_nsec limit = in_seconds(PATIENCE);

    coop_signal_stop(all);
    coop_actor_init(&t.actor, "taker", take_all, &t);
    HOLDS(coop_signal_post(SIGRTMIN + 1, &t.actor, &t.msg) == 0);
    for (int i = 0; i < COOP_SIGNALS_UNTAKEN + 3; i++)
        HOLDS(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}) == 0);
    do {
        HOLDS(coop_now() < limit);
        coop_yield();
        coop_signal_stats(&stats);
    } while ((uint64_t)t.taken + stats.missed < COOP_SIGNALS_UNTAKEN + 3);
    HOLDS(t.taken >= COOP_SIGNALS_UNTAKEN);
    HOLDS(coop_signal_post(SIGRTMIN + 1, NULL, NULL) == 0);
    HOLDS(!coop_signal_take(SIGRTMIN + 1, &(struct coop_signal_info){0}));
}

static void a_full_channel_is_counted(void)
{
    struct coop_chan *one = coop_chan_new(sizeof(int), 1);
    struct coop_chan *odd = coop_chan_new(3, 1);
    struct coop_signal_stats before, after;
    int signo = 0;

    coop_signal_stats(&before);
    HOLDS(coop_signal_notify(odd, SIGUSR1) == -EINVAL);
    HOLDS(coop_signal_notify(one, SIGUSR1) == 0 && coop_signal_notify(one, SIGUSR2) == 0);
    HOLDS(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGUSR2) == 0);
    do {
        coop_yield();
        coop_signal_stats(&after);
    } while (after.arrived < before.arrived + 2);
    HOLDS(after.missed == before.missed + 1);
    HOLDS(coop_recv(one, &signo, COOP_NOW) == 1 && signo == SIGUSR1);
    HOLDS(coop_recv(one, &signo, COOP_NOW) == -EAGAIN);
    coop_signal_stop(one);
    coop_chan_unref(one);
    coop_chan_unref(odd);
}

static int root(void *arg)
{
    (void)arg;
    ask_for_all();
    for (int i = 0; i < times; i++) {
        each_by_kill();
        real_time_in_order();
    }
    from_another_process();
    beyond_the_kernels_queue();
    to_an_actor();
    a_full_channel_is_counted();
    coop_chan_unref(all);
    return 0;
}

/* ---- a thread that is not the runtime's, with all of them open ---- */

static _Atomic(bool) over;
static pthread_barrier_t started;

static void *stranger(void *arg)
{
    sigset_t none;

    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    pthread_barrier_wait(&started);
    while (!atomic_load(&over))
        sched_yield();
    return arg;
}

static int values_survive_a_stranger(void *arg)
{
    bool seen[100] = {false};

    (void)arg;
    all = coop_chan_new(sizeof(struct coop_signal_info), 256);
    HOLDS(coop_signal_notify(all, SIGRTMIN + 2) == 0);
    for (int i = 0; i < 100; i++)
        HOLDS(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = i}) == 0);
    for (int i = 0; i < 100; i++) {
        struct coop_signal_info info = next_one();

        HOLDS(info.pid == getpid() && !seen[info.value.sival_int]);
        seen[info.value.sival_int] = true;
    }
    coop_signal_stop(all);
    coop_chan_unref(all);
    return 0;
}

static void beside_a_stranger(void)
{
    struct coop_options options = {.procs = 1, .signals = COOP_SIGNALS_ALL};
    pthread_t thread;

#ifdef __SANITIZE_THREAD__
    return; /* it puts handlers off, and keeps one of each signal only */
#endif
    HOLDS(pthread_barrier_init(&started, NULL, 2) == 0);
    HOLDS(pthread_create(&thread, NULL, stranger, NULL) == 0);
    pthread_barrier_wait(&started);
    HOLDS(coop_main(&options, values_survive_a_stranger, NULL) == 0);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}

/* ---- what was there before is there afterwards ---- */

struct state {
    sigset_t mask;
    void (*handlers[LAST + 1])(int);
};

static void on_usr1(int signo)
{
    (void)signo;
}

static void note(struct state *ret_state)
{
    memset(ret_state, 0, sizeof *ret_state);
    pthread_sigmask(SIG_SETMASK, NULL, &ret_state->mask);
    for (int signo = 1; signo <= LAST; signo++) {
        struct sigaction action;

        if (sigaction(signo, NULL, &action) == 0)
            ret_state->handlers[signo] = action.sa_handler;
    }
}

int main(int argc, char **argv)
{
    struct coop_options options = {.procs = 1, .signals = COOP_SIGNALS_ALL};
    struct sigaction action = {.sa_handler = on_usr1};
    struct state before, after;
    sigset_t mask;

    times = times_more(argc, argv);
    sigemptyset(&mask);
    sigaddset(&mask, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    HOLDS(sigaction(SIGUSR1, &action, NULL) == 0);
    action.sa_handler = SIG_IGN;
    HOLDS(sigaction(SIGRTMIN + 5, &action, NULL) == 0);
    note(&before);
    HOLDS(coop_main(&options, root, NULL) == 0);
    beside_a_stranger();
    note(&after);
    for (int signo = 1; signo <= LAST; signo++) {
        HOLDS(before.handlers[signo] == after.handlers[signo]);
        HOLDS(sigismember(&before.mask, signo) == sigismember(&after.mask, signo));
    }
    return 0;
}
