/* The simulated kernel: processes that are functions, groups, and the wall clock's timers. */
#include "fake_kernel.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

FAKE_SUITE(fake_lives);

static char heard[256];

static void hear(const char *what)
{
    strncat(heard, what, sizeof heard - strlen(heard) - 1);
}

/* Reads till the end. What is not as it should be is heard, too. */
static int listen_and_tell(__attribute__((unused)) void *arg)
{
    char buf[32];
    ssize_t n;

    while ((n = coop_sim_read(0, buf, sizeof buf - 1)) > 0) {
        buf[n] = '\0';
        hear(buf);
    }
    hear(n == 0 ? "." : "!");
    return 7;
}

static pid_t run(coop_sim_life_fn *fn, void *arg)
{
    pid_t pid = coop_sim_spawn(0);

    coop_sim_run(pid, fn, arg);
    return pid;
}

static int status_of(pid_t pid)
{
    siginfo_t info;

    if (sys_waitid(P_PID, (id_t)pid, &info, WEXITED) < 0)
        return -1;
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

Test(fake_lives, a_function_reads_while_we_write_and_exits_with_what_it_returns)
{
    pid_t pid = coop_sim_spawn(0);
    int pipe[2];

    cr_assert_eq(sys_pipe2(pipe, 0), 0);
    coop_sim_give_fd_as(pid, pipe[0], 0);
    sys_close(pipe[0]);
    coop_sim_run(pid, listen_and_tell, NULL);
    cr_expect_eq(sys_write(pipe[1], "one ", 4), 4);
    coop_sim_advance(SEC);
    cr_expect_str_eq(heard, "one ");
    cr_expect_eq(sys_write(pipe[1], "two", 3), 3);
    cr_expect(coop_sim_is_alive(pid));
    sys_close(pipe[1]);
    cr_expect_eq(status_of(pid), 7);
    cr_expect_str_eq(heard, "one two.");
}

static int answer(void *arg)
{
    char word[16] = "";
    int fd = coop_sim_connect("/run/control", SOCK_STREAM);

    if (fd != 0)
        return 1;
    coop_sim_pause(coop_after(coop_sim_now(), *(coop_nsec *)arg));
    coop_sim_write(fd, "who?", 4);
    coop_sim_read(fd, word, sizeof word - 1);
    hear(word);
    return coop_sim_close(fd) == 0 && coop_sim_read(fd, word, 1) == -EBADF ? 0 : 2;
}

Test(fake_lives, clients_connect_and_wait_for_their_answers)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "/run/control"};
    coop_nsec delays[] = {2 * SEC, SEC};
    int listener = sys_socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t pids[2];

    cr_assert_eq(sys_bind(listener, (struct sockaddr *)&addr, sizeof addr), 0);
    cr_assert_eq(sys_listen(listener, 4), 0);
    for (int i = 0; i < 2; i++)
        pids[i] = run(answer, &delays[i]);
    for (int i = 0; i < 2; i++) {
        int fd = sys_accept4(listener, NULL, NULL, 0);
        struct ucred peer = {.pid = 0};
        socklen_t len = sizeof peer;
        char word[16] = "";

        cr_expect_eq(sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len), 0);
        cr_expect_eq(peer.pid, pids[i]);
        cr_expect_eq(sys_read(fd, word, sizeof word), 4);
        cr_expect_eq(sys_write(fd, i == 0 ? "first " : "second ", i == 0 ? 6 : 7), 6 + i);
        cr_expect_eq(sys_now() - 1000 * SEC, 2 * SEC); /* the second one has asked by then */
        sys_close(fd);
        cr_expect_eq(status_of(pids[i]), 0);
    }
    cr_expect_str_eq(heard, "first second ");
    sys_close(listener);
}

static int sleep_long(__attribute__((unused)) void *arg)
{
    hear("sleeps ");
    coop_sim_pause(COOP_FOREVER);
    hear("never ");
    return 0;
}

Test(fake_lives, who_is_killed_goes_no_further_and_a_stopped_one_waits)
{
    pid_t victim = run(sleep_long, NULL), stopped = coop_sim_spawn(0);
    int pipe[2];

    coop_sim_advance(SEC);
    cr_expect_eq(sys_kill(victim, SIGKILL), 0);
    cr_expect_eq(status_of(victim), -SIGKILL);
    cr_assert_eq(sys_pipe2(pipe, 0), 0);
    coop_sim_give_fd_as(stopped, pipe[0], 0);
    coop_sim_run(stopped, listen_and_tell, NULL);
    sys_kill(stopped, SIGSTOP);
    sys_write(pipe[1], "late", 4);
    sys_close(pipe[0]);
    sys_close(pipe[1]);
    coop_sim_advance(SEC);
    cr_expect_str_eq(heard, "sleeps ");
    sys_kill(stopped, SIGCONT);
    cr_expect_eq(status_of(stopped), 7);
    cr_expect_str_eq(heard, "sleeps late.");
    run(sleep_long, NULL); /* one that is left when all ends */
    coop_sim_advance(SEC);
}

static bool take_it(pid_t pid, int signo, void *arg)
{
    (void)pid;
    *(int *)arg = signo;
    return signo != SIGKILL;
}

static int taken;

static int wait_for_hup(__attribute__((unused)) void *arg)
{
    coop_nsec start = coop_sim_now();

    if (coop_sim_pause(coop_after(start, SEC)) != 0 || coop_sim_now() != start + SEC)
        return 1;
    if (coop_sim_pause(COOP_FOREVER) != -EINTR || taken != SIGHUP)
        return 2;
    coop_sim_kill(coop_sim_self(), SIGKILL);
    hear("never");
    return 3;
}

Test(fake_lives, a_signal_that_a_handler_takes_ends_a_pause)
{
    pid_t pid = run(wait_for_hup, NULL);

    coop_sim_on_signal(pid, take_it, &taken);
    coop_sim_advance(10 * SEC);
    cr_expect_eq(sys_kill(pid, SIGHUP), 0);
    cr_expect_eq(status_of(pid), -SIGKILL);
    cr_expect_str_eq(heard, "");
}

static int write_to_parent(void *arg)
{
    int *pipe = arg;

    coop_sim_close(pipe[0]);
    return coop_sim_write(pipe[1], "child", 5) == 5 ? 4 : 1;
}

static int have_a_child(__attribute__((unused)) void *arg)
{
    char word[16] = "";
    int pipe[2], status = 0;
    pid_t child;

    if (coop_sim_pipe(pipe) < 0 || pipe[0] != 0 || pipe[1] != 1)
        return 1;
    child = coop_sim_fork(write_to_parent, pipe);
    coop_sim_close(pipe[1]);
    if (coop_sim_read(pipe[0], word, sizeof word) != 5 ||
        coop_sim_read(pipe[0], word + 5, 1) != 0) /* the end: the child is gone */
        return 2;
    hear(word);
    if (coop_sim_wait(-1, &status) != child || WEXITSTATUS(status) != 4)
        return 3;
    if (coop_sim_wait(-1, &status) != -ECHILD)
        return 4;
    child = coop_sim_fork(sleep_long, NULL); /* inherits the group */
    coop_sim_close(pipe[0]);
    coop_sim_pipe(pipe);
    coop_sim_close(pipe[0]);
    coop_sim_write(pipe[1], "x", 1); /* SIGPIPE */
    return 5;
}

Test(fake_lives, a_function_has_children_and_dies_of_sigpipe)
{
    pid_t pid = run(have_a_child, NULL);

    coop_sim_be_subreaper(true);
    cr_expect_eq(status_of(pid), -SIGPIPE);
    coop_sim_advance(SEC);
    cr_expect_str_eq(heard, "childsleeps ");
    cr_expect_eq(coop_sim_alive(), 1, "its child is ours now");
}

static const struct coop_sim_act sleeper[] = {
    {.kind = COOP_SIM_SLEEP, .delay = 1000 * SEC},
    {.kind = COOP_SIM_EXIT},
};
static const struct coop_sim_act of_its_own[] = {
    {.kind = COOP_SIM_GROUP},
    {.kind = COOP_SIM_SLEEP, .delay = 1000 * SEC},
    {.kind = COOP_SIM_EXIT},
};
static const struct coop_sim_act leader[] = {
    {.kind = COOP_SIM_FORK, .child = sleeper},
    {.kind = COOP_SIM_FORK, .child = of_its_own},
    {.kind = COOP_SIM_SLEEP, .delay = 1000 * SEC},
    {.kind = COOP_SIM_EXIT},
};

Test(fake_lives, a_signal_to_a_group_hits_its_members_and_nobody_else)
{
    pid_t first = coop_sim_spawn(0), second = coop_sim_spawn(0);

    coop_sim_make_group(first);
    coop_sim_script(first, leader);
    coop_sim_script(second, sleeper);
    coop_sim_advance(SEC);
    cr_expect_eq(coop_sim_alive(), 4);
    cr_expect_eq(sys_kill(-first, SIGTERM), 0);
    cr_expect_eq(coop_sim_alive(), 2);
    cr_expect(!coop_sim_is_alive(first) && coop_sim_is_alive(second));
    cr_expect_eq(status_of(first), -SIGTERM);
    cr_expect_eq(sys_kill(-first, SIGTERM), -ESRCH);
    cr_expect_eq(sys_kill(-second, SIGTERM), -ESRCH, "it is in ours");
    cr_expect_eq(sys_kill(-1, SIGTERM), -EPERM);
}

Test(fake_lives, a_timer_for_a_time_of_day_follows_the_wall_clock)
{
    int plain = sys_timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    int told = sys_timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    struct itimerspec at = {0};
    struct timespec now;
    uint64_t count;

    sys_clock_gettime(CLOCK_REALTIME, &now);
    at.it_value = (struct timespec){now.tv_sec + 3600, now.tv_nsec};
    cr_assert_eq(sys_timerfd_settime(plain, TFD_TIMER_ABSTIME, &at, NULL), 0);
    cr_assert_eq(
        sys_timerfd_settime(told, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL), 0);
    coop_sim_advance(1800 * SEC);
    cr_expect_eq(sys_read(plain, &count, sizeof count), -EAGAIN);
    coop_sim_shift_wall_clock(-600 * SEC); /* half an hour is 40 minutes now */
    cr_expect_eq(sys_read(told, &count, sizeof count), -ECANCELED);
    cr_expect_eq(sys_read(told, &count, sizeof count), -EAGAIN, "told once");
    coop_sim_advance(2399 * SEC);
    cr_expect_eq(sys_read(plain, &count, sizeof count), -EAGAIN);
    coop_sim_advance(SEC);
    cr_expect_eq(sys_read(plain, &count, sizeof count), 8);
    cr_expect_eq(sys_read(told, &count, sizeof count), 8);
    at.it_value.tv_sec += 7200;
    cr_assert_eq(sys_timerfd_settime(plain, TFD_TIMER_ABSTIME, &at, NULL), 0);
    coop_sim_shift_wall_clock(86400 * SEC); /* it is over */
    coop_sim_advance(0);
    cr_expect_eq(sys_read(plain, &count, sizeof count), 8);
    sys_close(plain);
    sys_close(told);
}
