/* The fake kernel must behave as the real one where the runtime and the supervisor look. */
#include "coop/sim.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/un.h>

#include "base/sys.h"
#include "sim/failing.h"

#define SEC COOP_NSEC_PER_SEC

static void boot(void)
{
    coop_sim_begin(1);
}

static void halt(void)
{
    cr_expect_eq(coop_sim_fds_open(), 0, "%zu descriptors left", coop_sim_fds_open());
    coop_sim_end();
}

TestSuite(fake_kernel, .init = boot, .fini = halt, .timeout = 20);

static void watch(int ep, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    cr_assert_eq(sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
}

static int wait_for(int ep, coop_nsec delay, struct epoll_event *ret_event)
{
    struct timespec timeout = {delay / SEC, delay % SEC};

    return sys_epoll_pwait2(ep, ret_event, 1, delay == COOP_FOREVER ? NULL : &timeout, NULL);
}

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

Test(fake_kernel, a_pipe_keeps_order_and_ends)
{
    int ends[2];
    char text[16];

    cr_assert_eq(sys_pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    cr_expect_eq(sys_read(ends[0], text, sizeof text), -EAGAIN);
    cr_expect_eq(sys_write(ends[1], "hello", 5), 5);
    cr_expect_eq(sys_read(ends[0], text, 3), 3);
    cr_expect_eq(sys_read(ends[0], text, sizeof text), 2);
    cr_expect(memcmp(text, "lo", 2) == 0);
    sys_close(ends[1]);
    cr_expect_eq(sys_read(ends[0], text, sizeof text), 0);
    sys_close(ends[0]);
    cr_expect_eq(sys_read(ends[0], text, 1), -EBADF);
}

Test(fake_kernel, a_full_pipe_says_so_and_wakes_its_writer)
{
    static char block[4096];
    int ends[2], ep = sys_epoll_create1(0), written = 0;
    struct epoll_event event;

    sys_pipe2(ends, O_NONBLOCK);
    watch(ep, ends[1], EPOLLOUT | EPOLLET);
    cr_expect_eq(wait_for(ep, 0, &event), 1);
    while (sys_write(ends[1], block, sizeof block) > 0)
        written++;
    cr_expect_eq(written, 16);
    cr_expect_eq(wait_for(ep, 0, &event), 0);
    sys_read(ends[0], block, sizeof block);
    cr_expect_eq(wait_for(ep, 0, &event), 1, "the edge comes with room");
    sys_close(ends[0]);
    cr_expect_eq(sys_write(ends[1], "x", 1), -EPIPE);
    sys_close(ends[1]);
    sys_close(ep);
}

Test(fake_kernel, an_edge_is_told_once)
{
    int ends[2], ep = sys_epoll_create1(0);
    struct epoll_event event;
    char c;

    sys_pipe2(ends, O_NONBLOCK);
    watch(ep, ends[0], EPOLLIN | EPOLLET);
    cr_expect_eq(wait_for(ep, 0, &event), 0);
    sys_write(ends[1], "ab", 2);
    cr_expect_eq(wait_for(ep, COOP_FOREVER, &event), 1);
    cr_expect_eq(event.data.fd, ends[0]);
    sys_read(ends[0], &c, 1);
    cr_expect_eq(wait_for(ep, SEC, &event), 0, "what is left makes no new edge");
    sys_write(ends[1], "c", 1);
    cr_expect_eq(wait_for(ep, SEC, &event), 1);
    sys_close(ends[1]);
    cr_expect_eq(wait_for(ep, SEC, &event), 1, "the end is an edge too");
    cr_expect(event.events & EPOLLHUP);
    sys_close(ends[0]);
    sys_close(ep);
}

Test(fake_kernel, levels_last_and_one_shots_do_not)
{
    int fd = sys_eventfd(0, EFD_NONBLOCK), ep = sys_epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
    uint64_t count = 5;

    watch(ep, fd, EPOLLIN);
    sys_write(fd, &count, sizeof count);
    cr_expect_eq(wait_for(ep, 0, &event), 1);
    cr_expect_eq(wait_for(ep, 0, &event), 1);
    event.events = EPOLLIN | EPOLLONESHOT;
    cr_expect_eq(sys_epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event), 0);
    cr_expect_eq(wait_for(ep, 0, &event), 1);
    cr_expect_eq(wait_for(ep, 0, &event), 0);
    cr_expect_eq(sys_read(fd, &count, sizeof count), 8);
    cr_expect_eq(count, 5);
    cr_expect_eq(sys_read(fd, &count, sizeof count), -EAGAIN);
    sys_close(fd);
    cr_expect_eq(wait_for(ep, SEC, &event), 0, "a closed descriptor is not watched");
    sys_close(ep);
}

static int sigchld_fd(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    return sys_signalfd(-1, &mask, SFD_NONBLOCK);
}

Test(fake_kernel, a_child_lives_its_time_and_is_reaped_once)
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

Test(fake_kernel, deaths_coalesce_into_one_sigchld)
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

Test(fake_kernel, wait4_tells_the_same_in_the_old_way)
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

Test(fake_kernel, signals_do_what_the_process_wants)
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

Test(fake_kernel, a_pidfd_means_one_process_for_ever)
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

Test(fake_kernel, orphans_go_to_the_subreaper_or_away)
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

Test(fake_kernel, a_namespace_dies_with_its_init)
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

Test(fake_kernel, a_fifo_outlives_its_readers)
{
    pid_t child = coop_sim_spawn(0);
    char text[16] = "";
    int both, reader;

    cr_assert_eq(sys_mkfifoat(AT_FDCWD, "/run/web.log", 0600), 0);
    cr_expect_eq(sys_openat(AT_FDCWD, "/run/web.log", O_WRONLY | O_NONBLOCK, 0), -ENXIO);
    both = sys_openat(AT_FDCWD, "/run/web.log", O_RDWR | O_NONBLOCK, 0);
    coop_sim_give_fd(child, both);
    sys_close(both);
    cr_expect_eq(coop_sim_write_as(child, both, "words"), 5);
    reader = sys_openat(AT_FDCWD, "/run/web.log", O_RDONLY | O_NONBLOCK, 0);
    cr_expect_eq(sys_read(reader, text, sizeof text), 5);
    cr_expect_eq(sys_read(reader, text, sizeof text), -EAGAIN, "the child holds it open");
    coop_sim_exit(child, 0);
    cr_expect_eq(sys_read(reader, text, sizeof text), 0);
    sys_close(reader);
    cr_expect_eq(sys_unlinkat(AT_FDCWD, "/run/web.log", 0), 0);
}

Test(fake_kernel, files_are_written_renamed_and_full)
{
    int dir = sys_openat(AT_FDCWD, "/", O_DIRECTORY, 0);
    int fd = sys_openat(dir, "a", O_WRONLY | O_CREAT | O_APPEND, 0600);
    struct stat what;

    cr_expect_eq(sys_openat(AT_FDCWD, "/b", O_RDONLY, 0), -ENOENT);
    cr_expect_eq(sys_write(fd, "one", 3), 3);
    cr_expect_eq(sys_renameat(AT_FDCWD, "//a", AT_FDCWD, "/b"), 0);
    cr_expect_str_eq(coop_sim_file_text("/b"), "one");
    cr_expect_eq(sys_fstatat(AT_FDCWD, "/b", &what, 0), 0);
    cr_expect(S_ISREG(what.st_mode) && what.st_size == 3);
    coop_sim_disk_limit(4);
    cr_expect_eq(sys_write(fd, "two", 3), 1, "what goes in");
    cr_expect_eq(sys_write(fd, "wo", 2), -ENOSPC);
    cr_expect_eq(sys_unlinkat(AT_FDCWD, "/b", 0), 0);
    cr_expect_eq(coop_sim_file_text("/b"), NULL);
    sys_close(fd);
    sys_close(dir);
}

Test(fake_kernel, clients_connect_talk_and_hang_up)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/run/c.sock"};
    int server = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int client = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), ep, peer;
    struct epoll_event event;
    char text[8];

    ep = sys_epoll_create1(0);
    cr_expect_eq(sys_connect(client, (void *)&at, sizeof at), -ENOENT);
    cr_expect_eq(sys_bind(server, (void *)&at, sizeof at), 0);
    cr_expect_eq(sys_connect(client, (void *)&at, sizeof at), -ECONNREFUSED);
    cr_expect_eq(sys_listen(server, 8), 0);
    watch(ep, server, EPOLLIN | EPOLLET);
    cr_expect_eq(sys_accept4(server, NULL, NULL, 0), -EAGAIN);
    cr_expect_eq(sys_connect(client, (void *)&at, sizeof at), 0);
    cr_expect_eq(wait_for(ep, 0, &event), 1);
    peer = sys_accept4(server, NULL, NULL, SOCK_NONBLOCK);
    cr_expect_geq(peer, 0);
    sys_write(client, "hi", 2);
    cr_expect_eq(sys_read(peer, text, sizeof text), 2);
    sys_close(client);
    cr_expect_eq(sys_read(peer, text, sizeof text), 0);
    cr_expect_eq(sys_write(peer, "x", 1), -EPIPE);
    sys_close(peer);
    sys_close(server);
    sys_close(ep);
}

Test(fake_kernel, seqpacket_keeps_boundaries)
{
    int ends[2];
    char text[16];

    cr_assert_eq(sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    sys_write(ends[0], "one", 3);
    sys_write(ends[0], "three", 5);
    cr_expect_eq(sys_read(ends[1], text, 2), 2, "the rest of a packet is dropped");
    cr_expect_eq(sys_read(ends[1], text, sizeof text), 5);
    sys_close(ends[0]);
    cr_expect_eq(sys_read(ends[1], text, sizeof text), 0);
    sys_close(ends[1]);
}

static ssize_t send_with(int fd, const char *text, int with)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    memcpy(CMSG_DATA(&control.head), &with, sizeof with);
    if (with >= 0) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
    }
    return sys_sendmsg(fd, &msg, 0);
}

static ssize_t receive_with(int fd, char *ret_text, size_t size, int *ret_fd, int *ret_flags)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {ret_text, size};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t n = sys_recvmsg(fd, &msg, 0);

    *ret_fd = -1;
    *ret_flags = msg.msg_flags;
    if (msg.msg_controllen)
        memcpy(ret_fd, CMSG_DATA(&control.head), sizeof *ret_fd);
    return n;
}

Test(fake_kernel, descriptors_travel_with_their_packet_or_byte)
{
    static const int types[] = {SOCK_SEQPACKET, SOCK_STREAM};

    for (int i = 0; i < 2; i++) {
        int ends[2], pipe[2], fd, flags;
        char text[16], c;

        cr_assert_eq(sys_socketpair(AF_UNIX, types[i] | SOCK_NONBLOCK, 0, ends), 0);
        cr_assert_eq(sys_pipe2(pipe, O_NONBLOCK), 0);
        send_with(ends[0], "one", -1);
        cr_expect_eq(send_with(ends[0], "two", pipe[1]), 3);
        send_with(ends[0], "three", -1);
        cr_expect_eq(send_with(ends[0], "x", 499), -EBADF);
        sys_close(pipe[1]);
        cr_expect_eq(receive_with(ends[1], text, sizeof text, &fd, &flags), 3);
        cr_expect_eq(fd, -1, "only up to where the next ones stand");
        cr_expect_eq(receive_with(ends[1], text, 2, &fd, &flags), 2);
        cr_expect_eq(flags, i == 0 ? MSG_TRUNC : 0);
        cr_expect_eq(sys_read(pipe[0], &c, 1), -EAGAIN, "it is open on its way");
        cr_expect_eq(sys_write(fd, "y", 1), 1);
        cr_expect_eq(sys_read(pipe[0], &c, 1), 1);
        sys_close(fd);
        cr_expect_eq(sys_read(pipe[0], &c, 1), 0);
        send_with(ends[0], "lost", pipe[0]);
        sys_close(pipe[0]);
        sys_close(ends[0]);
        sys_close(ends[1]);
    }
}

Test(fake_kernel, real_time_signals_queue_with_their_values)
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

Test(fake_kernel, stops_and_continues_are_told_to_who_asks)
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

Test(fake_kernel, a_script_forks_writes_and_ends)
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

Test(fake_kernel, a_pid_comes_again_after_all_others)
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

Test(fake_kernel, descriptors_run_out_at_the_limit)
{
    int ends[2] = {-1, -1};

    coop_sim_fd_limit(3);
    cr_assert_eq(sys_pipe2(ends, 0), 0);
    cr_expect_eq(sys_pipe2(ends, 0), -EMFILE);
    cr_expect_eq(coop_sim_fds_open(), 2);
    sys_close(ends[0]);
    sys_close(ends[1]);
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
