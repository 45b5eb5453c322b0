/* Children and signals: points 116, 117, 120. */
#include "rt_test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t fork_and_exit(int code)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(code);
    CHECK(pid > 0);
    return pid;
}

/* A child that lives till the pipe is closed. */
static pid_t fork_and_wait(const int gate[2], int code)
{
    pid_t pid = fork();

    if (pid == 0) {
        char c;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(gate[1]);
        if (read(gate[0], &c, 1) < 0)
            _exit(99);
        _exit(code);
    }
    CHECK(pid > 0);
    return pid;
}

CORO_TEST(child, an_end_before_the_announcement_is_not_lost)
{
    for (int i = 0; i < emulated_less(50); i++) {
        struct coop_child c;
        pid_t pid;
        siginfo_t info;

        coop_child_spawn_begin();
        pid = fork_and_exit(i);
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT); /* it is dead for sure */
        coop_yield();
        CHECK(coop_child_watch(&c, pid, NULL, 0) == 0);
        coop_child_spawn_end();
        CHECK(coop_child_wait(&c, soon()) == 0);
        CHECK(c.exit.pid == pid && c.exit.code == CLD_EXITED && c.exit.status == i);
        CHECK(coop_child_kill(&c, SIGKILL) == -ESRCH);
    }
    return 0;
}

CORO_TEST(child, a_signal_that_killed_it_is_told)
{
    struct coop_child c;
    int gate[2];

    CHECK(pipe2(gate, 0) == 0);
    coop_child_spawn_begin();
    CHECK(coop_child_watch(&c, fork_and_wait(gate, 0), NULL, 0) == 0);
    coop_child_spawn_end();
    CHECK(coop_child_wait(&c, COOP_NOW) == -EAGAIN);
    CHECK(coop_child_wait(&c, in_ms(3)) == -ETIMEDOUT);
    CHECK(coop_child_kill(&c, SIGTERM) == 0);
    CHECK(coop_child_wait(&c, soon()) == 0);
    CHECK(c.exit.code == CLD_KILLED && c.exit.status == SIGTERM);
    close(gate[0]);
    close(gate[1]);
    return 0;
}

enum { CROWD = 500 };

struct crowd {
    struct coop_actor actor;
    struct coop_child children[CROWD];
    int ended;
};

static void on_end(struct coop_actor *actor, struct coop_msg *msg)
{
    struct crowd *c = actor->arg;
    struct coop_child *child = (struct coop_child *)msg;
    long nth = child - c->children;

    CHECK(child->exit.code == CLD_EXITED && child->exit.status == nth % 100);
    __atomic_fetch_add(&c->ended, 1, __ATOMIC_RELEASE);
}

CORO_TEST(child, hundreds_that_die_at_once_are_all_reaped_with_their_status)
{
    static struct crowd crowd;
    struct coop_child_stats stats;
    int gate[2], many = emulated_less(CROWD);

    CHECK(pipe2(gate, 0) == 0);
    coop_actor_init(&crowd.actor, "crowd", on_end, &crowd);
    for (int i = 0; i < many; i++) {
        coop_child_spawn_begin();
        CHECK(coop_child_watch(&crowd.children[i], fork_and_wait(gate, i % 100), &crowd.actor,
                               1) == 0);
        coop_child_spawn_end();
    }
    close(gate[0]);
    close(gate[1]); /* all at once */
    await(&crowd.ended, many);
    coop_child_stats(&stats);
    CHECK(stats.reaped == (uint64_t)many && stats.orphans == 0 && stats.alive == 0);
    CHECK(waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG) < 0); /* no zombie left */
    return 0;
}

static int orphans;
static pid_t orphan_pid;

static void on_orphan(const struct coop_exit *exit, __attribute__((unused)) void *arg)
{
    orphan_pid = exit->pid;
    __atomic_fetch_add(&orphans, 1, __ATOMIC_RELEASE);
}

CORO_TEST(child, unknown_ones_are_reaped_but_not_inside_a_spawn_bracket)
{
    struct coop_child c;
    siginfo_t info;
    pid_t pid;

    coop_child_on_orphan(on_orphan, NULL);
    pid = fork_and_exit(1);
    await(&orphans, 1);
    CHECK(orphan_pid == pid);
    coop_child_spawn_begin();
    pid = fork_and_exit(7);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    coop_sleep_until(in_ms(10)); /* the reaper has looked, and left it alone */
    CHECK(orphans == 1);
    CHECK(coop_child_watch(&c, pid, NULL, 0) == 0);
    coop_child_spawn_end();
    CHECK(coop_child_wait(&c, soon()) == 0 && c.exit.status == 7);
    coop_child_spawn_begin();
    fork_and_exit(2); /* nobody announces this one */
    coop_sleep_until(in_ms(5));
    coop_child_spawn_end();
    await(&orphans, 2);
    return 0;
}

CORO_TEST(child, what_is_not_a_child_cannot_be_watched)
{
    struct coop_child c;

    CHECK(coop_child_watch(&c, getppid(), NULL, 0) == -ECHILD);
    CHECK(coop_child_watch(&c, 0, NULL, 0) == -EINVAL);
    return 0;
}

/* ---- signals ---- */

CORO_TEST_WITH(signals, arrive_as_values_and_as_messages, .procs = 2,
               .signals = COOP_SIGNAL(SIGUSR1) | COOP_SIGNAL(SIGTERM))
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 4);
    int signo = 0;

    CHECK(coop_signal_notify(ch, SIGHUP) == -EINVAL);
    CHECK(coop_signal_notify(ch, SIGUSR1) == 0 && coop_signal_notify(ch, SIGTERM) == 0);
    for (int i = 0; i < 20; i++) {
        int sent = i % 2 ? SIGUSR1 : SIGTERM;

        CHECK(kill(getpid(), sent) == 0);
        CHECK(coop_recv(ch, &signo, soon()) == 1 && signo == sent);
    }
    CHECK(coop_signal_sender(SIGUSR1) == getpid() || coop_signal_sender(SIGUSR1) == 0);
    coop_signal_stop(ch);
    coop_chan_unref(ch);
    return 0;
}

static int got_message;

static void on_signal(__attribute__((unused)) struct coop_actor *a,
                      __attribute__((unused)) struct coop_msg *m)
{
    __atomic_fetch_add(&got_message, 1, __ATOMIC_RELEASE);
}

CORO_TEST_WITH(signals, are_posted_to_an_actor_until_ended, .procs = 1,
               .signals = COOP_SIGNAL(SIGUSR2))
{
    struct coop_msg msg = {0};
    struct coop_actor actor;

    coop_actor_init(&actor, "signals", on_signal, NULL);
    CHECK(coop_signal_post(SIGUSR2, &actor, &msg) == 0);
    CHECK(kill(getpid(), SIGUSR2) == 0);
    await(&got_message, 1);
    CHECK(coop_signal_post(SIGUSR2, NULL, NULL) == 0);
    CHECK(kill(getpid(), SIGUSR2) == 0);
    coop_sleep_until(in_ms(10));
    CHECK(got_message == 1);
    return 0;
}
