/* Starting programs, and children that stop: points 117 to 120; select over everything: 51. */
#include "rt_test.h"

#include "sim/failing.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What it says is in 'said'. */
static int run(char *const *argv, const char *dir, char said[2048], struct coop_exit *ret_exit)
{
    struct coop_child child;
    int out[2], fds[3], r;
    size_t done = 0;

    CHECK(pipe2(out, O_CLOEXEC | O_NONBLOCK) == 0);
    fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fds[1] = out[1];
    fds[2] = STDERR_FILENO;
    r = coop_child_spawn(
        &child, &(struct coop_spawn){.argv = argv, .dir = dir, .fds = fds, .fd_count = 3}, NULL,
        0);
    close(out[1]);
    close(fds[0]);
    CHECK(r < 0 || coop_read_full(out[0], said, 2047, &done, soon()) >= 0);
    said[done] = '\0';
    coop_fd_close(out[0]);
    if (r == 0) {
        CHECK(coop_child_wait(&child, soon()) == 0);
        *ret_exit = child.exit;
    }
    return r;
}

static int shell(const char *text, const char *dir, char said[2048], struct coop_exit *ret_exit)
{
    char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", (char *)(uintptr_t)text,
                    NULL};

    return run(argv, dir, said, ret_exit);
}

CORO_TEST_WITH(spawn, a_child_begins_with_nothing_but_what_it_was_given, .procs = 1,
               .signals = COOP_SIGNALS_ALL)
{
    struct coop_exit exit;
    char said[2048];
    int leaked = open("/dev/null", O_RDONLY); /* inheritable, but not named */
    /* Without a shell, which may open what is blocked. */
    char *grep[] = {(char *)(uintptr_t) "grep", (char *)(uintptr_t) "-E",
                    (char *)(uintptr_t) "^Sig(Blk|Ign)",
                    (char *)(uintptr_t) "/proc/self/status", NULL};

    signal(SIGPIPE, SIG_IGN);
    CHECK(shell("grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; pwd; ls /proc/self/fd | wc -l; "
                "exit 3",
                "/tmp", said, &exit) == 0);
    CHECK(exit.code == CLD_EXITED && exit.status == 3);
    CHECK(strstr(said, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
    CHECK(strstr(said, "/tmp\n4\n")); /* three, and the folder that ls reads */
    CHECK(run(grep, NULL, said, &exit) == 0 && exit.status == 0);
    CHECK(strcmp(said, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n") == 0);
    close(leaked);
    return 0;
}

CORO_TEST(spawn, descriptors_may_change_places)
{
    char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t) "echo three >&3; echo four >&4; exec 3>&- 4>&-", NULL};
    int three[2], four[2], fds[40] = {-1, 1, 2};
    struct coop_child child;
    char buf[16] = {0};

    CHECK(pipe2(three, O_CLOEXEC | O_NONBLOCK) == 0 &&
          pipe2(four, O_CLOEXEC | O_NONBLOCK) == 0);
    fds[3] = three[1];
    fds[4] = four[1];
    for (int i = 5; i < 40; i++) /* each stands in another's place */
        fds[i] = i % 2 ? four[1] : three[1];
    CHECK(coop_child_spawn(&child,
                           &(struct coop_spawn){.argv = argv, .fds = fds, .fd_count = 40}, NULL,
                           0) == 0);
    CHECK(coop_child_wait(&child, soon()) == 0 && child.exit.status == 0);
    CHECK(coop_read(three[0], buf, 16, soon()) == 6 && memcmp(buf, "three\n", 6) == 0);
    CHECK(coop_read(four[0], buf, 16, soon()) == 5 && memcmp(buf, "four\n", 5) == 0);
    return 0;
}

/* It would read for ever: its end is seen by that of its standard output. */
static int start_reader(void *ret_answer)
{
    char *argv[] = {(char *)(uintptr_t) "cat", NULL}, c;
    int in[2], out[2];
    struct coop_child child;

    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC | O_NONBLOCK) == 0);
    *(int *)ret_answer = coop_child_spawn(
        &child,
        &(struct coop_spawn){
            .argv = argv, .fds = (int[]){in[0], out[1], STDERR_FILENO}, .fd_count = 3},
        NULL, 0);
    close(out[1]);
    CHECK(coop_read(out[0], &c, 1, soon()) == 0);
    coop_fd_close(out[0]);
    close(in[0]);
    close(in[1]);
    return 0;
}

Test(spawn, one_that_cannot_be_announced_is_no_child_either, .timeout = 50)
{
    int answer = 0;

    failing_kernel_arm(FAIL_waitid, 1, EIO);
    cr_assert_eq(coop_main(NULL, start_reader, &answer), 0);
    cr_assert(coop_sim_fail_end());
    cr_assert_eq(answer, -EIO);
}

CORO_TEST_ON_ONE(spawn, what_cannot_be_executed_is_told_and_leaves_no_child)
{
    char *argv[] = {(char *)(uintptr_t) "/nowhere/to/be/found", NULL}, *none[] = {NULL};
    struct coop_child_stats stats;
    struct coop_child child;

    CHECK(coop_child_spawn(&child, &(struct coop_spawn){.argv = argv}, NULL, 0) == -ENOENT);
    CHECK(coop_child_spawn(&child, &(struct coop_spawn){.argv = argv, .path = "/etc/passwd"},
                           NULL, 0) == -EACCES);
    CHECK(coop_child_spawn(
              &child, &(struct coop_spawn){.argv = argv, .path = "/bin/true", .dir = "/nope"},
              NULL, 0) == -ENOENT);
    CHECK(coop_child_spawn(&child, &(struct coop_spawn){.argv = none}, NULL, 0) == -EINVAL);
    CHECK(coop_child_spawn(&child,
                           &(struct coop_spawn){.argv = argv,
                                                .fds = (int[]){0},
                                                .fd_count = COOP_SPAWN_FDS_MAX + 1},
                           NULL, 0) == -EINVAL);
    coop_child_stats(&stats);
    CHECK(stats.alive == 0 && stats.reaped == 0 && stats.orphans == 0);
    CHECK(waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG) < 0);
    return 0;
}

/* A child that copies its input, until that ends with the test. */
static int start_cat(struct coop_child *child, const struct coop_spawn *more, int *ret_gate)
{
    char *argv[] = {(char *)(uintptr_t) "cat", NULL};
    struct coop_spawn what = *more;
    int gate[2], fds[3], r;

    CHECK(pipe2(gate, O_CLOEXEC) == 0);
    fds[0] = gate[0];
    fds[1] = fds[2] = STDERR_FILENO;
    what.argv = argv;
    what.fds = fds;
    what.fd_count = 3;
    r = coop_child_spawn(child, &what, NULL, 0);
    close(gate[0]);
    *ret_gate = gate[1];
    return r;
}

CORO_TEST(spawn, groups_and_sessions_are_its_own_when_asked_for)
{
    static const unsigned flags[] = {0, COOP_SPAWN_GROUP, COOP_SPAWN_SESSION};

    for (int i = 0; i < 3; i++) {
        struct coop_child child;
        int gate;

        CHECK(start_cat(&child, &(struct coop_spawn){.flags = flags[i]}, &gate) == 0);
        CHECK((getpgid(child.pid) == child.pid) == (flags[i] != 0));
        CHECK((getsid(child.pid) == child.pid) == (flags[i] == COOP_SPAWN_SESSION));
        close(gate);
        CHECK(coop_child_wait(&child, soon()) == 0 && child.exit.status == 0);
    }
    return 0;
}

/* ---- stops ---- */

static int told;

static void on_stop(struct coop_actor *actor, struct coop_msg *msg)
{
    (void)actor;
    (void)msg;
    __atomic_fetch_add(&told, 1, __ATOMIC_RELEASE);
}

static void await_stopped(const struct coop_child *c, int signo)
{
    coop_nsec limit = soon();

    while (coop_child_stopped(c) != signo) {
        CHECK(coop_now() < limit);
        coop_yield();
    }
}

CORO_TEST(child, stops_are_told_on_request_only)
{
    struct coop_child quiet, told_of;
    struct coop_actor actor;
    struct coop_msg msg = {0};
    int gates[2];

    coop_actor_init(&actor, "stops", on_stop, NULL);
    CHECK(start_cat(&quiet, &(struct coop_spawn){0}, &gates[0]) == 0);
    CHECK(start_cat(&told_of, &(struct coop_spawn){0}, &gates[1]) == 0);
    CHECK(coop_child_kill(&told_of, SIGSTOP) == 0);
    CHECK(coop_child_kill(&quiet, SIGSTOP) == 0);
    CHECK(coop_child_on_stop(&told_of, &actor, &msg) == 0); /* perhaps stopped already */
    await_stopped(&told_of, SIGSTOP);
    /* One at a time: a note that still lies in the mailbox would stand for the next one, too. */
    await(&told, 1);
    CHECK(coop_child_kill(&told_of, SIGCONT) == 0);
    await_stopped(&told_of, 0);
    await(&told, 2);
    CHECK(coop_child_kill(&told_of, SIGSTOP) == 0);
    await_stopped(&told_of, SIGSTOP);
    await(&told, 3);
    CHECK(coop_child_stopped(&quiet) == 0 && coop_child_wait(&quiet, in_ms(5)) == -ETIMEDOUT);
    CHECK(coop_child_kill(&told_of, SIGKILL) == 0 && coop_child_kill(&quiet, SIGKILL) == 0);
    CHECK(coop_child_wait(&told_of, soon()) == 0 && coop_child_wait(&quiet, soon()) == 0);
    CHECK(told_of.exit.status == SIGKILL && quiet.exit.status == SIGKILL);
    CHECK(coop_child_on_stop(&told_of, &actor, &msg) == -ESRCH);
    close(gates[0]);
    close(gates[1]);
    return 0;
}

CORO_TEST(child, a_pidfd_is_there_on_request_and_goes_with_the_child)
{
    struct coop_child_stats stats;
    struct coop_child child;
    int gate, fd;

    CHECK(start_cat(&child, &(struct coop_spawn){0}, &gate) == 0);
    fd = coop_child_pidfd(&child);
    CHECK(fd >= 0 && coop_child_pidfd(&child) == fd && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    CHECK(coop_fd_wait(fd, COOP_IN, in_ms(1)) == -ETIMEDOUT);
    close(gate);
    CHECK(coop_child_wait(&child, soon()) == 0);
    CHECK(fcntl(fd, F_GETFD) < 0 && coop_child_pidfd(&child) == -ESRCH);
    coop_child_stats(&stats);
    CHECK(stats.pidfds == 0);
    return 0;
}

/* ---- all at once ---- */

enum { BY_CHANNEL, BY_FD, BY_CHILD, BY_SIGNAL, BY_TIMER, SOURCES };

static int other_end;
static struct coop_chan *values;
static struct coop_child awaited;
static int awaited_gate;

static int cause(void *arg)
{
    switch (*(int *)arg) {
    case BY_CHANNEL: return coop_send(values, &(int){42}, soon());
    case BY_FD: return coop_write(other_end, "x", 1, soon()) == 1 ? 0 : -1;
    case BY_CHILD: return close(awaited_gate);
    case BY_SIGNAL: return sigqueue(getpid(), SIGRTMIN + 4, (union sigval){.sival_int = 5});
    default: return 0;
    }
}

CORO_TEST_WITH(select, channels_fds_children_signals_and_time_in_one, .procs = 2,
               .signals = COOP_SIGNALS_ALL)
{
    struct coop_chan *signals = coop_chan_new(sizeof(struct coop_signal_info), 8);
    struct coop_signal_info info = {0};
    int kinds[SOURCES], fds[2], value = 0;
    char c;

    values = coop_chan_new(sizeof(int), 0);
    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    other_end = fds[1];
    CHECK(coop_signal_notify(signals, SIGRTMIN + 4) == 0);
    CHECK(start_cat(&awaited, &(struct coop_spawn){0}, &awaited_gate) == 0);
    for (int what = 0; what < SOURCES; what++) {
        struct coop_case cases[] = {COOP_RECV(values, &value), COOP_FD(fds[0], COOP_IN),
                                    COOP_CHILD(&awaited), COOP_RECV(signals, &info),
                                    COOP_TIMER(what == BY_TIMER ? in_ms(3) : COOP_FOREVER)};

        CHECK(coop_select(cases, what >= BY_CHILD ? 2 : SOURCES, COOP_NOW) == -EAGAIN);
        kinds[what] = what;
        if (what > BY_CHILD) /* once ended it stays so */
            cases[BY_CHILD] = COOP_RECV(NULL, NULL);
        CHECK(coop_go(NULL, cause, &kinds[what]) == 0);
        CHECK(coop_select(cases, SOURCES, soon()) == what);
        switch (what) {
        case BY_CHANNEL: CHECK(cases[what].result == 1 && value == 42); break;
        case BY_FD: CHECK(coop_read(fds[0], &c, 1, soon()) == 1 && c == 'x'); break;
        case BY_CHILD: CHECK(awaited.exit.code == CLD_EXITED); break;
        case BY_SIGNAL: CHECK(info.signo == SIGRTMIN + 4 && info.value.sival_int == 5); break;
        default: break;
        }
    }
    coop_signal_stop(signals);
    coop_chan_unref(signals);
    coop_chan_unref(values);
    coop_fd_close(fds[0]);
    coop_fd_close(fds[1]);
    return 0;
}
