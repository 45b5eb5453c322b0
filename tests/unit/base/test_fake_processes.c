/* The simulated kernel: children, signals, pids and namespaces. */
#include "fake_kernel.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

FAKE_SUITE(fake_processes);

static int sigchld_fd(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    return sys_signalfd(-1, &mask, SFD_NONBLOCK);
}

Test(fake_processes, a_child_lives_its_time_and_is_reaped_once)
{
    int sig = sigchld_fd(), ep = sys_epoll_create1(0);
    pid_t pid = coop_sim_spawn(0);
    coop_nsec start = sys_now();
    struct signalfd_siginfo told;
    struct epoll_event event;
    siginfo_t info;

    watch(ep, sig, EPOLLIN | EPOLLET);
    coop_sim_exit_at(pid, start + 5 * SEC, 3);
    cr_expect_eq(sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
    cr_expect_eq(info.si_pid, 0);
    cr_expect_eq(wait_for(ep, COOP_FOREVER, &event), 1);
    cr_expect_eq(sys_now() - start, 5 * SEC);
    cr_expect_eq(sys_read(sig, &told, sizeof told), (ssize_t)sizeof told);
    cr_expect(told.ssi_signo == SIGCHLD && told.ssi_pid == (uint32_t)pid);
    cr_expect_eq(sys_waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    cr_expect_eq(coop_sim_zombies(), 1);
    cr_expect_eq(sys_waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0);
    cr_expect(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 3);
    cr_expect_eq(coop_sim_zombies(), 0);
    cr_expect_eq(sys_waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), -ECHILD);
    cr_expect_eq(sys_kill(pid, 0), -ESRCH);
    sys_close(sig);
    sys_close(ep);
}

Test(fake_processes, deaths_coalesce_into_one_sigchld)
{
    int sig = sigchld_fd(), reaped = 0;
    struct signalfd_siginfo told[4];
    siginfo_t info;

    for (int i = 0; i < 100; i++)
        coop_sim_exit(coop_sim_spawn(0), i);
    cr_expect_eq(sys_read(sig, told, sizeof told), (ssize_t)sizeof told[0]);
    while (sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) == 0 && info.si_pid)
        cr_expect_eq(info.si_status, reaped++);
    cr_expect_eq(reaped, 100);
    sys_close(sig);
}

Test(fake_processes, wait4_tells_the_same_in_the_old_way)
{
    pid_t pid = coop_sim_spawn(0);
    int status = 0;

    coop_sim_die(pid, SIGSEGV, true);
    cr_expect_eq(sys_wait4(-1, &status, WNOHANG | __WALL, NULL), pid);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && WCOREDUMP(status));
    cr_expect_eq(sys_wait4(-1, &status, WNOHANG, NULL), -ECHILD);
}

static bool ignore_term(pid_t pid, int signo, void *arg)
{
    (void)pid;
    ++*(int *)arg;
    return signo == SIGTERM;
}

Test(fake_processes, signals_do_what_the_process_wants)
{
    pid_t meek = coop_sim_spawn(0), stubborn = coop_sim_spawn(0), stuck = coop_sim_spawn(0);
    int asked = 0;

    coop_sim_on_signal(stubborn, ignore_term, &asked);
    coop_sim_make_unkillable(stuck, true);
    cr_expect_eq(sys_kill(meek, SIGTERM), 0);
    cr_expect_eq(sys_kill(stubborn, SIGTERM), 0);
    cr_expect(!coop_sim_is_alive(meek) && coop_sim_is_alive(stubborn) && asked == 1);
    cr_expect_eq(sys_kill(stubborn, SIGSTOP), 0);
    cr_expect(coop_sim_is_stopped(stubborn));
    cr_expect_eq(sys_kill(stubborn, SIGKILL), 0);
    cr_expect_not(coop_sim_is_alive(stubborn));
    sys_kill(stuck, SIGKILL);
    cr_expect(coop_sim_is_alive(stuck));
    coop_sim_make_unkillable(stuck, false);
    cr_expect_not(coop_sim_is_alive(stuck), "the kill was only late");
    cr_expect_eq(sys_kill(4242, SIGTERM), -ESRCH);
    cr_expect_eq(sys_kill(meek, 0), 0, "a zombie is still there");
}

Test(fake_processes, a_pidfd_means_one_process_for_ever)
{
    pid_t pid = coop_sim_spawn(0);
    int fd = sys_pidfd_open(pid, 0), ep = sys_epoll_create1(0);
    struct epoll_event event;
    siginfo_t info;

    watch(ep, fd, EPOLLIN);
    cr_expect_eq(wait_for(ep, 0, &event), 0);
    coop_sim_exit(pid, 0);
    cr_expect_eq(wait_for(ep, 0, &event), 1);
    cr_expect_eq(sys_waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0);
    coop_sim_next_pid(pid);
    cr_expect_eq(coop_sim_spawn(0), pid, "the number is used again");
    cr_expect_eq(sys_pidfd_send_signal(fd, SIGKILL, NULL, 0), -ESRCH);
    cr_expect(coop_sim_is_alive(pid));
    sys_close(fd);
    sys_close(ep);
}

Test(fake_processes, orphans_go_to_the_subreaper_or_away)
{
    pid_t parent = coop_sim_spawn(0), child = coop_sim_spawn(parent);
    siginfo_t info;

    coop_sim_be_subreaper(true);
    coop_sim_exit(parent, 0);
    sys_waitid(P_PID, (id_t)parent, &info, WEXITED);
    coop_sim_exit(child, 7);
    cr_expect_eq(sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
    cr_expect_eq(info.si_pid, child);
    coop_sim_be_subreaper(false);
    parent = coop_sim_spawn(0);
    child = coop_sim_spawn(parent);
    coop_sim_exit(parent, 0);
    coop_sim_exit(child, 7);
    cr_expect_eq(coop_sim_zombies(), 1, "only the parent is ours");
}

Test(fake_processes, a_namespace_dies_with_its_init)
{
    pid_t init = coop_sim_spawn(0), child = coop_sim_spawn(init), deep = coop_sim_spawn(child);

    coop_sim_make_init(init);
    coop_sim_exit(child, 0);
    cr_expect(coop_sim_is_alive(deep));
    cr_expect_eq(coop_sim_alive(), 2);
    coop_sim_make_init(init);
    coop_sim_die(init, SIGKILL, false);
    cr_expect_eq(coop_sim_zombies(), 1);
}

Test(fake_processes, real_time_signals_queue_with_their_values)
{
    int sig = sigchld_fd();
    struct signalfd_siginfo told[4];
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGRTMIN);
    cr_assert_eq(sys_signalfd(sig, &mask, 0), sig);
    coop_sim_queue_signal(SIGRTMIN, 7);
    coop_sim_queue_signal(SIGUSR1, 1);
    coop_sim_queue_signal(SIGRTMIN, 8);
    coop_sim_queue_signal(SIGUSR1, 2);
    cr_assert_eq(sys_read(sig, told, sizeof told), (ssize_t)(3 * sizeof told[0]));
    cr_expect(told[0].ssi_signo == SIGUSR1 && told[0].ssi_int == 1);
    cr_expect(told[1].ssi_signo == (uint32_t)SIGRTMIN && told[1].ssi_int == 7);
    cr_expect(told[2].ssi_signo == (uint32_t)SIGRTMIN && told[2].ssi_int == 8);
    cr_expect_eq(sys_read(sig, told, sizeof told), -EAGAIN);
    sys_close(sig);
}

Test(fake_processes, stops_and_continues_are_told_to_who_asks)
{
    pid_t pid = coop_sim_spawn(0);
    siginfo_t info;

    sys_kill(pid, SIGSTOP);
    cr_expect_eq(sys_waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0);
    cr_expect_eq(info.si_pid, 0, "who asks for ends only hears of ends");
    cr_expect_eq(sys_waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG), 0);
    cr_expect(info.si_pid == pid && info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
    cr_expect_eq(sys_waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG), 0);
    cr_expect_eq(info.si_pid, 0, "told once");
    sys_kill(pid, SIGCONT);
    cr_expect_eq(sys_waitid(P_PID, (id_t)pid, &info, WCONTINUED | WEXITED), 0);
    cr_expect_eq(info.si_code, CLD_CONTINUED);
    coop_sim_exit(pid, 0);
    cr_expect_eq(sys_waitid(P_ALL, 0, &info, WSTOPPED | WEXITED | WNOHANG), 0);
    cr_expect(info.si_pid == pid && info.si_code == CLD_EXITED && coop_sim_zombies() == 0);
}

Test(fake_processes, a_script_forks_writes_and_ends)
{
    static char much[100000];
    struct coop_sim_act grandchild[] = {{COOP_SIM_SLEEP, .delay = SEC},
                                        {COOP_SIM_WRITE, .text = much},
                                        {COOP_SIM_EXIT, .number = 5}};
    struct coop_sim_act child[] = {{COOP_SIM_IGNORE, .number = SIGTERM},
                                   {.kind = COOP_SIM_EXEC},
                                   {COOP_SIM_FORK, .child = grandchild},
                                   {COOP_SIM_SLEEP, .delay = 10 * SEC},
                                   {COOP_SIM_DIE, .number = SIGSEGV}};
    pid_t pid = coop_sim_spawn(0);
    coop_nsec start = sys_now();
    char text[4096];
    size_t got = 0;
    ssize_t n;
    int ends[2];
    siginfo_t info;

    memset(much, 'x', sizeof much - 1);
    sys_pipe2(ends, 0);
    grandchild[1].number = ends[1];
    coop_sim_give_fd(pid, ends[1]);
    sys_close(ends[1]);
    coop_sim_script(pid, child);
    coop_sim_advance(SEC / 2);
    sys_kill(pid, SIGTERM);
    cr_expect(coop_sim_is_alive(pid) && coop_sim_alive() == 2);
    while ((n = sys_read(ends[0], text, sizeof text)) > 0)
        got += (size_t)n;
    cr_expect_eq(got, sizeof much - 1);
    cr_expect_eq(sys_now() - start, 10 * SEC, "the end of the pipe is that of its last writer");
    cr_expect_eq(sys_waitid(P_ALL, 0, &info, WEXITED), 0);
    cr_expect(info.si_code == CLD_KILLED && info.si_status == SIGSEGV);
    sys_close(ends[0]);
}

Test(fake_processes, a_pid_comes_again_after_all_others)
{
    pid_t pid = coop_sim_spawn(0), next;
    siginfo_t info;
    long births = 0;

    coop_sim_exit(pid, 0);
    sys_waitid(P_ALL, 0, &info, WEXITED);
    do {
        next = coop_sim_spawn(0);
        coop_sim_exit(next, 0);
        sys_waitid(P_PID, (id_t)next, &info, WEXITED);
        births++;
    } while (next != pid && births < 100000);
    cr_expect_gt(births, 60000);
    cr_expect_eq(next, pid);
}
