/* The simulated kernel: calls whose answers are compared with the real one's. */
#include "fake_kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

FAKE_SUITE(fake_calls);

/* Over the fake kernel, and then over the real one. */
static void over_both(void (*fn)(const char *dir))
{
    const struct sys_ops *fake = sys_current;
    char dir[] = "/tmp/coop-fake-XXXXXX";

    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(sys_mkdirat(AT_FDCWD, dir, 0700), 0);
    fn(dir);
    sys_install(NULL);
    fn(dir);
    sys_install(fake);
    cr_expect_eq(rmdir(dir), 0);
}

static const char *in(const char *dir, const char *name)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int make(const char *dir, const char *name)
{
    return sys_openat(AT_FDCWD, in(dir, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void cut_and_grow(const char *dir)
{
    int fd = make(dir, "file"), reader;
    char text[8] = "1234567";

    cr_assert_geq(fd, 0);
    cr_expect_eq(sys_pwrite(fd, "abcdef", 6, 0), 6);
    cr_expect_eq(sys_ftruncate(fd, 2), 0);
    cr_expect_eq(sys_ftruncate(fd, 4), 0);
    cr_expect_eq(sys_pread(fd, text, sizeof text, 0), 4);
    cr_expect_eq(memcmp(text, "ab\0\0", 4), 0);
    cr_expect_eq(sys_ftruncate(fd, -1), -EINVAL);
    reader = sys_openat(AT_FDCWD, in(dir, "file"), O_RDONLY | O_CLOEXEC, 0);
    cr_expect_eq(sys_ftruncate(reader, 0), -EINVAL);
    cr_expect_eq(sys_ftruncate(-1, 0), -EBADF);
    sys_close(reader);
    sys_close(fd);
    cr_expect_eq(sys_unlinkat(AT_FDCWD, in(dir, "file"), 0), 0);
}

Test(fake_calls, a_file_is_cut_and_grows_with_zeros)
{
    over_both(cut_and_grow);
}

static void count_what_waits(const char *dir)
{
    int ends[2], fifo, fd = make(dir, "file");
    char text[8];

    cr_assert_eq(sys_pipe2(ends, O_CLOEXEC), 0);
    cr_expect_eq(sys_waiting_bytes(ends[0]), 0);
    cr_expect_eq(sys_write(ends[1], "abcde", 5), 5);
    cr_expect_eq(sys_waiting_bytes(ends[0]), 5);
    cr_expect_eq(sys_read(ends[0], text, 2), 2);
    cr_expect_eq(sys_waiting_bytes(ends[0]), 3);
    cr_assert_eq(sys_mkfifoat(AT_FDCWD, in(dir, "fifo"), 0600), 0);
    fifo = sys_openat(AT_FDCWD, in(dir, "fifo"), O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
    cr_expect_eq(sys_write(fifo, "ab", 2), 2);
    cr_expect_eq(sys_waiting_bytes(fifo), 2);
    cr_expect_eq(sys_waiting_bytes(-1), -EBADF);
    sys_close(ends[0]);
    sys_close(ends[1]);
    sys_close(fifo);
    sys_close(fd);
    cr_expect_eq(sys_unlinkat(AT_FDCWD, in(dir, "fifo"), 0), 0);
    cr_expect_eq(sys_unlinkat(AT_FDCWD, in(dir, "file"), 0), 0);
}

Test(fake_calls, what_waits_in_a_pipe_is_counted)
{
    over_both(count_what_waits);
}

enum { FILES = 40 };

/* Reads what is left, and counts how often each of the numbered files is told. */
static int list(int fd, int told[FILES], size_t room)
{
    char buf[1024] __attribute__((aligned(8)));
    int others = 0;
    ssize_t n;

    while ((n = sys_getdents64(fd, buf, room)) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *e = (void *)(buf + at);
            int number = atoi(e->d_name);

            if (number > 0 && number < FILES && e->d_type == DT_REG)
                told[number]++;
            else
                others += strcmp(e->d_name, "sub") ? 1 : e->d_type == DT_DIR ? 100 : 10000;
            at += e->d_reclen;
        }
    cr_expect_eq(n, 0);
    return others;
}

static void list_all(const char *dir)
{
    int fd, told[FILES] = {0};
    char buf[8], name[8];

    for (int i = 1; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        cr_expect_eq(sys_close(make(dir, name)), 0);
    }
    cr_expect_eq(sys_mkdirat(AT_FDCWD, in(dir, "sub"), 0700), 0);
    cr_expect_eq(sys_close(make(dir, "sub/7")), 0);
    fd = sys_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    cr_expect_eq(sys_getdents64(fd, buf, sizeof buf), -EINVAL, "not one fits");
    cr_expect_eq(list(fd, told, 256), 102, "itself, its parent, and one directory");
    for (int i = 1; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        cr_expect_eq(told[i], 1, "%d", i);
        cr_expect_eq(sys_unlinkat(AT_FDCWD, in(dir, name), 0), 0);
    }
    sys_close(fd);
    cr_expect_eq(sys_unlinkat(AT_FDCWD, in(dir, "sub/7"), 0), 0);
    cr_expect_eq(sys_unlinkat(AT_FDCWD, in(dir, "sub"), AT_REMOVEDIR), 0);
    fd = make(dir, "file");
    cr_expect_eq(sys_getdents64(fd, buf, sizeof buf), -ENOTDIR);
    cr_expect_eq(sys_getdents64(-1, buf, sizeof buf), -EBADF);
    sys_close(fd);
    sys_unlinkat(AT_FDCWD, in(dir, "file"), 0);
}

Test(fake_calls, a_directory_tells_each_of_its_names_once)
{
    over_both(list_all);
}

static void poll_some(const char *dir)
{
    struct timespec now = {0};
    struct pollfd polled[3];
    int ends[2];

    (void)dir;
    cr_assert_eq(sys_pipe2(ends, O_CLOEXEC), 0);
    polled[0] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    polled[1] = (struct pollfd){.fd = ends[1], .events = POLLOUT};
    polled[2] = (struct pollfd){.fd = -1, .events = POLLIN, .revents = 7};
    cr_expect_eq(sys_ppoll(polled, 1, &now, NULL), 0);
    cr_expect_eq(sys_ppoll(polled, 3, NULL, NULL), 1);
    cr_expect(polled[0].revents == 0 && polled[1].revents == POLLOUT && polled[2].revents == 0);
    cr_expect_eq(sys_write(ends[1], "x", 1), 1);
    sys_close(ends[1]);
    cr_expect_eq(sys_ppoll(polled, 2, NULL, NULL), 2);
    cr_expect_eq(polled[0].revents, POLLIN | POLLHUP);
    cr_expect_eq(polled[1].revents, POLLNVAL);
    sys_close(ends[0]);
}

Test(fake_calls, poll_looks_at_several)
{
    over_both(poll_some);
}

static void write_in_an_hour(void *arg)
{
    cr_expect_eq(sys_write(*(int *)arg, "x", 1), 1);
}

Test(fake_calls, poll_lets_time_go_on)
{
    struct timespec hours = {2 * 3600, 0};
    struct pollfd polled = {.events = POLLIN};
    coop_nsec start = coop_sim_now();
    int ends[2];
    char c;

    cr_assert_eq(sys_pipe2(ends, 0), 0);
    polled.fd = ends[0];
    coop_sim_at(start + 3600 * SEC, write_in_an_hour, &ends[1]);
    cr_expect_eq(sys_ppoll(&polled, 1, &hours, NULL), 1);
    cr_expect_eq(coop_sim_now(), start + 3600 * SEC);
    cr_expect_eq(sys_read(ends[0], &c, 1), 1);
    cr_expect_eq(sys_ppoll(&polled, 1, &hours, NULL), 0);
    cr_expect_eq(coop_sim_now(), start + 3 * 3600 * SEC);
    sys_close(ends[0]);
    sys_close(ends[1]);
}

static struct itimerspec every(coop_nsec value, coop_nsec interval)
{
    return (struct itimerspec){.it_value = {value / SEC, value % SEC},
                               .it_interval = {interval / SEC, interval % SEC}};
}

static void time_it(const char *dir)
{
    int fd = sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec when = every(3600 * SEC, 7 * SEC), old;
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    uint64_t count = 0;

    (void)dir;
    cr_assert_geq(fd, 0);
    cr_expect_eq(sys_read(fd, &count, sizeof count), -EAGAIN);
    cr_expect_eq(sys_timerfd_settime(fd, 0, &when, &old), 0);
    cr_expect(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
    when = every(SEC / 1000, 0);
    cr_expect_eq(sys_timerfd_settime(fd, 0, &when, &old), 0);
    cr_expect(old.it_value.tv_sec >= 3599 && old.it_interval.tv_sec == 7);
    cr_expect_eq(sys_ppoll(&polled, 1, NULL, NULL), 1);
    cr_expect_eq(sys_read(fd, &count, sizeof count), 8);
    cr_expect_eq(count, 1);
    when = every(1, 0); /* long past */
    cr_expect_eq(sys_timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL), 0);
    cr_expect_eq(sys_ppoll(&polled, 1, NULL, NULL), 1);
    when = every(0, 0);
    cr_expect_eq(sys_timerfd_settime(fd, 0, &when, NULL), 0);
    cr_expect_eq(sys_read(fd, &count, sizeof count), -EAGAIN, "off, and nothing is kept");
    when.it_value.tv_nsec = SEC;
    cr_expect_eq(sys_timerfd_settime(fd, 0, &when, NULL), -EINVAL);
    sys_close(fd);
}

Test(fake_calls, a_timer_goes_off_and_is_set_anew)
{
    over_both(time_it);
}

Test(fake_calls, a_timer_counts_and_is_an_edge_each_time)
{
    int ep = sys_epoll_create1(0), fd = sys_timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec when = every(SEC, 10 * SEC);
    coop_nsec start = coop_sim_now();
    struct epoll_event event;
    uint64_t count;

    watch(ep, fd, EPOLLIN | EPOLLET);
    cr_expect_eq(sys_timerfd_settime(fd, 0, &when, NULL), 0);
    cr_expect_eq(wait_for(ep, COOP_FOREVER, &event), 1);
    cr_expect_eq(wait_for(ep, COOP_FOREVER, &event), 1);
    cr_expect_eq(coop_sim_now(), start + 11 * SEC);
    cr_expect_eq(sys_read(fd, &count, sizeof count), 8);
    cr_expect_eq(count, 2);
    coop_sim_advance(100 * SEC);
    cr_expect_eq(sys_read(fd, &count, sizeof count), 8);
    cr_expect_eq(count, 10);
    sys_close(fd);
    sys_close(ep);
    coop_sim_advance(100 * SEC); /* nobody is there any more */
}

/* ---- datagrams ---- */

static ssize_t send_to(int fd, const char *path, const char *text)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (path) {
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
        msg.msg_name = &at;
        msg.msg_namelen = sizeof at;
    }
    return sys_sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* What came, and from whom. */
static ssize_t take(int fd, char ret_text[16], pid_t *ret_pid)
{
    char control[64] __attribute__((aligned(8)));
    struct iovec part = {ret_text, 15};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    ssize_t n = sys_recvmsg(fd, &msg, MSG_DONTWAIT);
    const struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
    struct ucred who = {0};

    if (c && c->cmsg_type == SCM_CREDENTIALS)
        memcpy(&who, CMSG_DATA(c), sizeof who);
    ret_text[n > 0 ? n : 0] = '\0';
    *ret_pid = who.pid;
    return n;
}

static int receiver_at(const char *path)
{
    int fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    cr_assert_eq(sys_setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    cr_assert_eq(sys_bind(fd, (const void *)&at, sizeof at), 0);
    return fd;
}

static void notify(const char *dir)
{
    const char *path = in(dir, "notify");
    int fd = receiver_at(path), sender = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[16];
    pid_t pid;

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    cr_expect_eq(take(fd, text, &pid), -EAGAIN, "no sender is no end");
    cr_expect_eq(send_to(sender, path, "READY=1"), 7);
    cr_expect_eq(send_to(sender, path, "STOPPING=1"), 10);
    cr_expect_eq(take(fd, text, &pid), 7);
    cr_expect(strcmp(text, "READY=1") == 0 && pid > 0);
    cr_expect_eq(take(fd, text, &pid), 10);
    cr_expect_eq(send_to(sender, "/tmp/coop-nobody", "x"), -ENOENT);
    cr_expect_eq(sys_connect(sender, (const void *)&at, sizeof at), 0);
    cr_expect_eq(send_to(sender, NULL, "again"), 5);
    cr_expect_eq(take(fd, text, &pid), 5);
    sys_close(fd);
    cr_expect_eq(send_to(sender, NULL, "late"), -ECONNREFUSED);
    cr_expect_eq(send_to(sender, path, "late"), -ECONNREFUSED);
    sys_close(sender);
    cr_expect_eq(sys_unlinkat(AT_FDCWD, path, 0), 0);
}

Test(fake_calls, datagrams_have_an_address_and_no_end)
{
    over_both(notify);
}

Test(fake_calls, a_process_tells_that_it_is_ready)
{
    static const struct coop_sim_act acts[] = {
        {.kind = COOP_SIM_SLEEP, .delay = 5 * SEC},
        {.kind = COOP_SIM_SEND, .text = "READY=1", .to = "/run/notify"},
        {.kind = COOP_SIM_SEND, .text = "lost", .to = "/run/nobody"},
        {.kind = COOP_SIM_EXIT, .number = 0},
    };
    int fd = receiver_at("/run/notify"), ep = sys_epoll_create1(0);
    coop_nsec start = coop_sim_now();
    pid_t pid = coop_sim_spawn(0), sender;
    struct epoll_event event;
    siginfo_t info;
    char text[16];

    watch(ep, fd, EPOLLIN | EPOLLET);
    coop_sim_script(pid, acts);
    cr_expect_eq(wait_for(ep, COOP_FOREVER, &event), 1);
    cr_expect_eq(coop_sim_now(), start + 5 * SEC);
    cr_expect_eq(take(fd, text, &sender), 7);
    cr_expect(strcmp(text, "READY=1") == 0 && sender == pid);
    cr_expect_eq(sys_waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
    sys_close(fd);
    sys_close(ep);
}
