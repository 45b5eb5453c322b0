/* Descriptors: points 111 to 115. */
#include "rt_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fds[2];
static long total;

static int read_some(__attribute__((unused)) void *arg)
{
    char buf[100];
    ssize_t n;

    while ((n = coop_read(fds[0], buf, sizeof buf, COOP_FOREVER)) > 0)
        __atomic_fetch_add(&total, n, __ATOMIC_RELAXED);
    return (int)n;
}

CORO_TEST(io, several_readers_of_one_descriptor_are_all_served)
{
    struct coop_scope scope;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    coop_scope_init(&scope, "readers", 0);
    for (int i = 0; i < 4; i++)
        coop_go(&scope, read_some, NULL);
    for (int i = 0; i < 20000; i++)
        CHECK(coop_write_full(fds[1], "0123456789abcdef", 16, NULL, soon()) == 16);
    coop_fd_close(fds[1]);
    CHECK(coop_scope_wait(&scope) == 0 && total == 320000);
    coop_fd_close(fds[0]);
    return 0;
}

static int read_result;

static int read_once(__attribute__((unused)) void *arg)
{
    char c;

    read_result = (int)coop_read(fds[0], &c, 1, COOP_FOREVER);
    return 0;
}

CORO_TEST(io, close_wakes_waiters_and_the_number_can_be_used_again)
{
    int taken = 0; /* by the epoll of the other processor: one that is made just then */

    for (int i = 0; i < 50; i++) {
        struct coop_scope scope;
        int again[2];
        char c;

        CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
        coop_scope_init(&scope, "reader", 0);
        coop_go(&scope, read_once, NULL);
        coop_sleep_until(coop_after(coop_now(), 100 * COOP_NSEC_PER_USEC));
        coop_fd_close(fds[0]);
        CHECK(coop_scope_wait(&scope) == 0 && read_result == -EBADF);
        CHECK(pipe2(again, O_CLOEXEC | O_NONBLOCK) == 0);
        CHECK(again[0] == fds[0] || ++taken == 1);
        CHECK(coop_read(again[0], &c, 1, in_ms(1)) == -ETIMEDOUT);
        CHECK(write(again[1], "x", 1) == 1);
        CHECK(coop_read(again[0], &c, 1, soon()) == 1);
        coop_fd_close(again[0]);
        coop_fd_close(again[1]);
        coop_fd_close(fds[1]);
    }
    return 0;
}

/* The edge has woken the reader; before its turn the number is another's. */
CORO_TEST_ON_ONE(io, closing_between_the_edge_and_the_readers_turn_is_told)
{
    struct coop_scope scope;
    int again[2], other[2];
    char c;

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2(other, O_CLOEXEC | O_NONBLOCK) == 0);
    coop_scope_init(&scope, "reader", 0);
    CHECK(coop_go(&scope, read_once, NULL) == 0);
    settle();
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(coop_fd_wait(other[0], COOP_IN, COOP_NOW) == -EAGAIN); /* looks into the poller */
    CHECK(coop_fd_close(fds[0]) == 0);
    CHECK(pipe2(again, O_CLOEXEC | O_NONBLOCK) == 0 && again[0] == fds[0]);
    CHECK(write(again[1], "y", 1) == 1);
    CHECK(coop_scope_wait(&scope) == 0 && read_result == -EBADF);
    CHECK(coop_read(again[0], &c, 1, COOP_NOW) == 1 && c == 'y');
    for (int i = 0; i < 2; i++) {
        coop_fd_close(again[i]);
        coop_fd_close(other[i]);
    }
    coop_fd_close(fds[1]);
    return 0;
}

static int shovel(__attribute__((unused)) void *arg)
{
    char block[64];
    ssize_t n;

    while ((n = coop_read(fds[0], block, sizeof block, COOP_FOREVER)) > 0)
        n = coop_write(fds[1], block, (size_t)n, COOP_FOREVER);
    return (int)n;
}

/* There is always something to read, and always room: it never has to wait. */
CORO_TEST(io, a_coroutine_that_never_has_to_wait_is_cancelled_too)
{
    struct coop_scope scope;

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(write(fds[1], "round and round", 15) == 15);
    coop_scope_init(&scope, "shovel", in_ms(100)); /* more than the birth takes */
    CHECK(coop_go(&scope, shovel, NULL) == 0);
    CHECK(coop_scope_wait(&scope) == -ETIMEDOUT);
    coop_fd_close(fds[0]);
    coop_fd_close(fds[1]);
    return 0;
}

static int try_all(__attribute__((unused)) void *arg)
{
    struct iovec part = {(char[4]){0}, 4};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    struct coop_queue_message message = {.data = part.iov_base, .room = 4};
    struct coop_shield shield;
    int pair[2], queue[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(coop_queue_pair(queue, 0) == 0);
    CHECK(coop_write(pair[0], "0123456789", 10, COOP_NOW) == 10); /* is not affected */
    CHECK(coop_queue_send(queue[0], "x", 1, NULL, 0, COOP_NOW) == 0);
    CHECK(coop_read(pair[1], part.iov_base, 1, COOP_FOREVER) == -EIO);
    CHECK(coop_readv(pair[1], &part, 1, COOP_FOREVER) == -EIO);
    CHECK(coop_recvmsg(pair[1], &msg, 0, COOP_FOREVER) == -EIO);
    CHECK(coop_write(pair[1], "x", 1, COOP_FOREVER) == -EIO);
    CHECK(coop_writev(pair[1], &part, 1, COOP_FOREVER) == -EIO);
    CHECK(coop_sendmsg(pair[1], &msg, 0, COOP_FOREVER) == -EIO);
    CHECK(coop_accept(pair[1], NULL, NULL, COOP_FOREVER) == -EIO);
    CHECK(coop_connect(pair[1], NULL, 0, COOP_FOREVER) == -EIO);
    CHECK(coop_queue_send(queue[0], "x", 1, NULL, 0, COOP_FOREVER) == -EIO);
    CHECK(coop_queue_recv(queue[1], &message, COOP_FOREVER) == -EIO);
    CHECK(coop_read(pair[1], part.iov_base, 1, COOP_NOW) == 1);
    coop_shield_begin(&shield, soon());
    CHECK(coop_read(pair[1], part.iov_base, 1, COOP_FOREVER) == 1);
    coop_shield_end(&shield);
    for (int i = 0; i < 2; i++) {
        coop_fd_close(pair[i]);
        coop_fd_close(queue[i]);
    }
    return 0;
}

CORO_TEST_ON_ONE(io, a_cancelled_coroutine_moves_nothing_though_it_could)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "cancelled", 0);
    CHECK(coop_go(&scope, try_all, NULL) == 0);
    coop_scope_cancel(&scope, -EIO);
    CHECK(coop_scope_wait(&scope) == -EIO);
    return 0;
}

CORO_TEST_ON_ONE(io, a_hang_up_with_unread_data_delivers_the_data_first)
{
    char buf[16];

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(coop_read(fds[0], buf, 1, in_ms(1)) == -ETIMEDOUT);
    CHECK(write(fds[1], "last words", 10) == 10);
    close(fds[1]); /* data and hang-up in one edge */
    CHECK(coop_fd_wait(fds[0], COOP_IN, soon()) & COOP_IN);
    CHECK(coop_read(fds[0], buf, 4, soon()) == 4);
    CHECK(coop_read(fds[0], buf, 16, soon()) == 6);
    CHECK(coop_read(fds[0], buf, 16, soon()) == 0);
    coop_fd_close(fds[0]);
    return 0;
}

static int wait_out(__attribute__((unused)) void *arg)
{
    char block[4096] = {0};
    ssize_t n;

    while ((n = coop_write(fds[1], block, sizeof block, soon())) > 0)
        ;
    read_result = (int)n;
    return 0;
}

CORO_TEST(io, an_error_wakes_both_directions)
{
    struct coop_scope scope;

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    signal(SIGPIPE, SIG_IGN);
    coop_scope_init(&scope, "writer", 0);
    coop_go(&scope, wait_out, NULL);
    coop_sleep_until(in_ms(5)); /* full by now */
    coop_fd_close(fds[0]);
    CHECK(coop_scope_wait(&scope) == 0 && read_result == -EPIPE);
    coop_fd_close(fds[1]);
    return 0;
}

static int read_till_refused(void *arg)
{
    char c;

    read_result = (int)coop_read(*(int *)arg, &c, 1, soon());
    return 0;
}

/* A datagram to where nobody takes it: an error, and nothing to read. */
CORO_TEST_ON_ONE(io, an_error_with_nothing_to_read_wakes_the_reader)
{
    struct sockaddr_in addr = {.sin_family = AF_INET}, other = addr;
    socklen_t len = sizeof addr;
    struct coop_scope scope;
    int deaf, mine;

    other.sin_addr.s_addr = addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    other.sin_port = htons(9);
    deaf = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* keeps the port, hears another */
    mine = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(bind(deaf, (struct sockaddr *)&addr, len) == 0);
    CHECK(getsockname(deaf, (struct sockaddr *)&addr, &len) == 0);
    CHECK(connect(deaf, (struct sockaddr *)&other, len) == 0);
    CHECK(connect(mine, (struct sockaddr *)&addr, len) == 0);
    coop_scope_init(&scope, "reader", 0);
    CHECK(coop_go(&scope, read_till_refused, &mine) == 0);
    settle(); /* it waits */
    CHECK(send(mine, "x", 1, 0) == 1);
    CHECK(coop_scope_wait(&scope) == 0 && read_result == -ECONNREFUSED);
    coop_fd_close(mine);
    close(deaf);
    return 0;
}

static int reset_for_reader, reset_for_writer;

static int read_till_reset(void *arg)
{
    char c;

    reset_for_reader = (int)coop_read(*(int *)arg, &c, 1, soon());
    return 0;
}

static int write_till_reset(void *arg)
{
    static const char block[65536];
    ssize_t n;

    while ((n = coop_write(*(int *)arg, block, sizeof block, soon())) > 0)
        ;
    reset_for_writer = (int)n;
    return 0;
}

/* One of them hears of the error itself, the other one of what it left. */
CORO_TEST(io, a_reset_wakes_who_reads_and_who_writes)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    struct linger at_once = {.l_onoff = 1};
    socklen_t len = sizeof addr;
    struct coop_scope scope;
    int listener, mine, peer;

    signal(SIGPIPE, SIG_IGN);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&addr, len) == 0 && listen(listener, 1) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
    mine = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(coop_connect(mine, (struct sockaddr *)&addr, len, soon()) == 0);
    peer = accept(listener, NULL, NULL);
    CHECK(peer >= 0);
    coop_scope_init(&scope, "both", 0);
    coop_go(&scope, read_till_reset, &mine);
    coop_go(&scope, write_till_reset, &mine);
    coop_sleep_until(in_ms(5)); /* full by now, or soon */
    CHECK(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    close(peer);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(reset_for_reader == -ECONNRESET || reset_for_reader == 0);
    CHECK(reset_for_writer == -ECONNRESET || reset_for_writer == -EPIPE);
    coop_fd_close(mine);
    close(listener);
    return 0;
}

CORO_TEST_ON_ONE(io, a_pipe_blocks_at_the_ends_that_are_not_ours)
{
    for (unsigned ours = 0; ours <= (COOP_IN | COOP_OUT); ours++) {
        CHECK(coop_pipe(fds, ours) == 0);
        CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK) == !(ours & COOP_IN));
        CHECK(!(fcntl(fds[1], F_GETFL) & O_NONBLOCK) == !(ours & COOP_OUT));
        CHECK(fcntl(fds[0], F_GETFD) == FD_CLOEXEC && fcntl(fds[1], F_GETFD) == FD_CLOEXEC);
        CHECK(coop_fd_close(fds[0]) == 0 && coop_fd_close(fds[1]) == 0);
    }
    fds[0] = fds[1] = -7;
    CHECK(coop_pipe(fds, 1u << 9) == -EINVAL && fds[0] == -7 && fds[1] == -7);
    return 0;
}

CORO_TEST_ON_ONE(io, deadlines_and_polls)
{
    coop_nsec deadline = in_ms(3);
    char c;

    CHECK(coop_pipe(fds, COOP_IN) == 0);
    CHECK(coop_read(fds[0], &c, 1, COOP_NOW) == -EAGAIN);
    CHECK(coop_read(fds[0], &c, 1, deadline) == -ETIMEDOUT && coop_now() >= deadline);
    CHECK(coop_fd_wait(fds[0], COOP_IN, COOP_NOW) == -EAGAIN);
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(coop_fd_wait(fds[0], COOP_IN, soon()) == COOP_IN);
    CHECK(coop_fd_wait(-1, COOP_IN, COOP_NOW) == -EBADF);
    coop_fd_close(fds[0]);
    close(fds[1]);
    return 0;
}

/* More than one look into the poller tells. */
enum { CROWD = 200 };

CORO_TEST_ON_ONE(io, a_first_look_tells_the_truth_behind_a_crowd_of_events)
{
    static int crowd[CROWD][2];

    for (int i = 0; i < CROWD; i++) {
        CHECK(pipe2(crowd[i], O_CLOEXEC | O_NONBLOCK) == 0);
        CHECK(coop_fd_wait(crowd[i][0], COOP_IN, COOP_NOW) == -EAGAIN);
    }
    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 && write(fds[1], "x", 1) == 1);
    for (int i = 0; i < CROWD; i++)
        CHECK(write(crowd[i][1], "x", 1) == 1);
    CHECK(coop_fd_wait(fds[0], COOP_IN, COOP_NOW) == COOP_IN);
    for (int i = 0; i < CROWD; i++)
        CHECK(coop_fd_close(crowd[i][0]) == 0 && close(crowd[i][1]) == 0);
    CHECK(coop_fd_close(fds[0]) == 0 && close(fds[1]) == 0);
    return 0;
}

static struct sockaddr_un address;

static int serve(void *arg)
{
    int listener = *(int *)arg;

    for (int i = 0; i < 50; i++) {
        int fd = coop_accept(listener, NULL, NULL, soon());
        char buf[8];

        CHECK(fd >= 0);
        CHECK(coop_read(fd, buf, sizeof buf, soon()) == 4);
        CHECK(coop_write_full(fd, buf, 4, NULL, soon()) == 4);
        coop_fd_close(fd);
    }
    return 0;
}

CORO_TEST(io, accept_and_connect)
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct coop_scope scope;
    socklen_t len;

    /* An abstract name: no file to remove. */
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "coop-test-%d", getpid());
    len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1));
    CHECK(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 64) == 0);
    coop_scope_init(&scope, "server", 0);
    coop_go(&scope, serve, &listener);
    for (int i = 0; i < 50; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        char buf[8];

        CHECK(coop_connect(fd, (struct sockaddr *)&address, len, soon()) == 0);
        CHECK(coop_write_full(fd, "ping", 4, NULL, soon()) == 4);
        CHECK(coop_read(fd, buf, sizeof buf, soon()) == 4 && memcmp(buf, "ping", 4) == 0);
        coop_fd_close(fd);
    }
    CHECK(coop_scope_wait(&scope) == 0);
    coop_fd_close(listener);
    return 0;
}
