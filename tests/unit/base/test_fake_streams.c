/* The simulated kernel: pipes, sockets, files, and who waits for them. */
#include "fake_kernel.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>

FAKE_SUITE(fake_streams);

Test(fake_streams, a_pipe_keeps_order_and_ends)
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

Test(fake_streams, a_full_pipe_says_so_and_wakes_its_writer)
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

Test(fake_streams, an_edge_is_told_once)
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

Test(fake_streams, levels_last_and_one_shots_do_not)
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

Test(fake_streams, a_fifo_outlives_its_readers)
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

Test(fake_streams, files_are_written_renamed_and_full)
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

Test(fake_streams, clients_connect_talk_and_hang_up)
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

Test(fake_streams, seqpacket_keeps_boundaries)
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

Test(fake_streams, descriptors_travel_with_their_packet_or_byte)
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

Test(fake_streams, descriptors_run_out_at_the_limit)
{
    int ends[2] = {-1, -1};

    coop_sim_fd_limit(3);
    cr_assert_eq(sys_pipe2(ends, 0), 0);
    cr_expect_eq(sys_pipe2(ends, 0), -EMFILE);
    cr_expect_eq(coop_sim_fds_open(), 2);
    sys_close(ends[0]);
    sys_close(ends[1]);
}
