/* The simulated kernel: time, chance, deadlocks and failures. */
#include "fake_kernel.h"

#include "sim/failing.h"

#include <signal.h>

FAKE_SUITE(fake_kernel);

Test(fake_kernel, sleeping_takes_no_time)
{
    int ep = sys_epoll_create1(EPOLL_CLOEXEC);
    coop_nsec before = sys_now();
    struct epoll_event event;

    cr_expect_eq(wait_for(ep, 3600 * SEC, &event), 0);
    cr_expect_eq(sys_now() - before, 3600 * SEC);
    cr_expect_eq(wait_for(ep, 0, &event), 0);
    cr_expect_eq(sys_now() - before, 3600 * SEC);
    sys_close(ep);
}

static int order[4], order_count;

static void note(void *arg)
{
    order[order_count++] = *(int *)arg;
}

Test(fake_kernel, events_come_by_time_then_by_planning)
{
    static int numbers[] = {1, 2, 3};

    coop_sim_at(coop_sim_now() + 2 * SEC, note, &numbers[1]);
    coop_sim_at(coop_sim_now() + 2 * SEC, note, &numbers[2]);
    coop_sim_at(coop_sim_now() + 1 * SEC, note, &numbers[0]);
    coop_sim_advance(SEC);
    cr_expect_eq(order_count, 1);
    coop_sim_advance(SEC);
    cr_expect(order_count == 3 && order[0] == 1 && order[1] == 2 && order[2] == 3);
}

Test(fake_kernel, same_seed_same_chance)
{
    uint64_t first = sys_random();

    coop_sim_begin(1);
    cr_expect_eq(sys_random(), first);
    coop_sim_begin(2);
    cr_expect_neq(sys_random(), first);
}

Test(fake_kernel, the_wall_clock_jumps_alone)
{
    struct timespec before, after;
    coop_nsec mono = sys_now();

    sys_clock_gettime(CLOCK_REALTIME, &before);
    coop_sim_shift_wall_clock(86400 * SEC);
    sys_clock_gettime(CLOCK_REALTIME, &after);
    cr_expect_eq(after.tv_sec - before.tv_sec, 86400);
    cr_expect_eq(sys_now(), mono);
}

static void end_the_wait(void *arg)
{
    coop_sim_exit(*(pid_t *)arg, 0);
}

Test(fake_kernel, a_wait_for_nothing_asks_the_test)
{
    pid_t pid = coop_sim_spawn(0);
    siginfo_t info;

    coop_sim_on_stuck(end_the_wait, &pid);
    cr_expect_eq(sys_waitid(P_ALL, 0, &info, WEXITED), 0);
    cr_expect_eq(info.si_pid, pid);
}

Test(fake_kernel, a_deadlock_aborts_with_a_list, .signal = SIGABRT, .fini = NULL)
{
    struct epoll_event event;
    int ep = sys_epoll_create1(0);

    wait_for(ep, COOP_FOREVER, &event);
}

Test(fake_kernel, who_polls_for_ever_without_letting_time_go_on_aborts, .signal = SIGABRT,
     .fini = NULL, .timeout = 50)
{
    struct epoll_event event;
    int ep = sys_epoll_create1(0);

    for (;;)
        wait_for(ep, COOP_NOW, &event);
}

Test(fake_kernel, naming_a_process_that_is_not_there_aborts, .signal = SIGABRT, .fini = NULL)
{
    pid_t pid = coop_sim_spawn(0);

    coop_sim_exit(pid + 1, 0); /* harmless, it may have been reaped */
    coop_sim_on_signal(pid + 1, NULL, NULL);
}

Test(fake_kernel, the_nth_call_fails_on_top)
{
    int ends[2];

    failing_kernel_arm(FAIL_pipe2, 2, ENFILE);
    cr_expect_eq(sys_pipe2(ends, 0), 0);
    sys_close(ends[0]);
    sys_close(ends[1]);
    cr_expect_eq(sys_pipe2(ends, 0), -ENFILE);
    cr_expect_eq(failing_kernel_count(FAIL_pipe2), 2);
    cr_expect_str_eq(coop_sim_failed(), "pipe2");
    cr_expect(coop_sim_fail_end());
    failing_kernel_arm(FAIL_ANY, 3, EIO);
    cr_expect_eq(sys_pipe2(ends, 0), 0);
    cr_expect_eq(sys_close(ends[0]), 0);
    cr_expect_eq(sys_close(ends[1]), -EIO, "fails, and has closed");
    coop_sim_fail_end();
    failing_kernel_arm(FAIL_ANY, 1000, EIO);
    sys_now();
    cr_expect_not(coop_sim_fail_end(), "it never got that far");
}
