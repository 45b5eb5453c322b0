/*
 * Descriptors that go along with a message: all of them, fewer than came, too many.
 */
#include "base/scope.h"
#include "launcher/pass.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];

static void make_pair(void)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

TestSuite(pass, .init = make_pair);

static int fds_open(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(pass, they_arrive_in_their_order_and_close_on_exec)
{
    int fds[PASS_MAX], before;
    struct stat sent, got;
    struct passed came;
    char text[8];

    for (int i = 0; i < PASS_MAX; i++)
        fds[i] = open(i % 2 ? "/dev/null" : "/", O_RDONLY);
    before = fds_open();
    cr_assert_eq(pass_send(ends[0], "hello", 6, fds, PASS_MAX, 0), 0);
    cr_assert_eq(pass_receive(ends[1], text, sizeof text, PASS_MAX, &came, 0), 6);
    cr_expect_str_eq(text, "hello");
    cr_assert_eq(came.count, PASS_MAX);
    cr_expect_not(came.cut);
    cr_expect_eq(fds_open(), before + PASS_MAX);
    for (int i = 0; i < PASS_MAX; i++) {
        cr_assert(fstat(fds[i], &sent) == 0 && fstat(came.fds[i], &got) == 0);
        cr_expect_eq(sent.st_ino, got.st_ino);
        cr_expect(fcntl(came.fds[i], F_GETFD) & FD_CLOEXEC);
    }
}

Test(pass, none_go_along_when_there_are_none)
{
    struct passed came;
    char byte;

    cr_assert_eq(pass_send(ends[0], "x", 1, NULL, 0, 0), 0);
    cr_expect_eq(pass_receive(ends[1], &byte, 1, 4, &came, 0), 1);
    cr_expect(came.count == 0 && !came.cut);
    cr_expect_eq(pass_receive(ends[1], &byte, 1, 4, &came, MSG_DONTWAIT), -EAGAIN);
}

Test(pass, what_there_is_no_room_for_is_told_and_never_opened)
{
    const int fds[] = {ends[0], ends[0], ends[0]};
    int before = fds_open();
    struct passed came;
    char byte;

    cr_assert_eq(pass_send(ends[0], "x", 1, fds, COOP_COUNT(fds), 0), 0);
    cr_expect_eq(pass_receive(ends[1], &byte, 1, 1, &came, 0), 1);
    cr_expect(came.count == 1 && came.cut);
    cr_expect_eq(fds_open(), before + 1);
    cr_assert_eq(pass_send(ends[0], "x", 1, fds, COOP_COUNT(fds), 0), 0);
    cr_expect_eq(pass_receive(ends[1], &byte, 1, 0, &came, 0), 1);
    cr_expect(came.count == 0 && came.cut);
    cr_expect_eq(fds_open(), before + 1);
}

Test(pass, too_many_and_a_closed_socket_are_errors)
{
    int fds[PASS_MAX + 1] = {0};
    struct passed came;
    char byte;

    cr_expect_eq(pass_send(ends[0], "x", 1, fds, PASS_MAX + 1, 0), -E2BIG);
    close(ends[0]);
    cr_expect_eq(pass_receive(ends[1], &byte, 1, 1, &came, 0), 0);
    cr_expect_eq(pass_send(ends[1], "x", 1, fds, 1, 0), -EPIPE);
}
