/* Reads from a stream that the last read has emptied: nothing that is there may be waited for. */
#include "rt_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
    int mine, theirs;
};

static char got[64];

static ssize_t read_some(int fd)
{
    memset(got, 0, sizeof got);
    return coop_read(fd, got, sizeof got, soon());
}

static int say_later(void *arg)
{
    struct ends *ends = arg;

    return coop_write(ends->theirs, "hi", 2, soon()) == 2 ? 0 : 1;
}

/* Waits for words that come later, twice: it is registered, its kind is known, and it is dry. */
static void dry_up(struct ends *ends)
{
    for (int i = 0; i < 3; i++) {
        struct coop_scope scope;

        coop_scope_init(&scope, "later", 0);
        CHECK(coop_go(&scope, say_later, ends) == 0);
        CHECK(read_some(ends->mine) == 2 && strcmp(got, "hi") == 0);
        CHECK(coop_scope_wait(&scope) == 0);
    }
}

static void open_pair(struct ends *ends)
{
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    *ends = (struct ends){fds[0], fds[1]};
    dry_up(ends);
}

static void close_pair(const struct ends *ends)
{
    coop_fd_close(ends->mine);
    coop_fd_close(ends->theirs);
}

CORO_TEST_ON_ONE(dry, an_end_right_after_the_last_bytes_is_seen)
{
    struct ends ends;

    open_pair(&ends);
    CHECK(write(ends.theirs, "bye", 3) == 3);
    coop_fd_close(ends.theirs);
    CHECK(read_some(ends.mine) == 3 && read_some(ends.mine) == 0);
    coop_fd_close(ends.mine);
    return 0;
}

/* A read stops after a message that carries a descriptor, however much comes behind it. */
CORO_TEST_ON_ONE(dry, bytes_behind_a_passed_descriptor_are_not_waited_for)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char word[] = "one";
    struct iovec part = {word, 3};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    struct ends ends;

    open_pair(&ends);
    control.head = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(&control.head), &ends.theirs, sizeof(int));
    CHECK(sendmsg(ends.theirs, &msg, 0) == 3);
    CHECK(write(ends.theirs, "two", 3) == 3);
    CHECK(read_some(ends.mine) == 3 && strcmp(got, "one") == 0);
    CHECK(read_some(ends.mine) == 3 && strcmp(got, "two") == 0);
    close_pair(&ends);
    return 0;
}

static void open_tcp(struct ends *ends)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CHECK(bind(listener, (struct sockaddr *)&at, size) == 0 && listen(listener, 1) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &size) == 0);
    ends->theirs = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(coop_connect(ends->theirs, (struct sockaddr *)&at, size, soon()) == 0);
    ends->mine = coop_accept(listener, NULL, NULL, soon());
    CHECK(ends->mine >= 0);
    coop_fd_close(listener);
    dry_up(ends);
}

/* A read stops before an urgent byte. */
CORO_TEST_ON_ONE(dry, bytes_behind_an_urgent_one_are_not_waited_for)
{
    struct ends ends;

    open_tcp(&ends);
    CHECK(send(ends.theirs, "ab", 2, 0) == 2 && send(ends.theirs, "!", 1, MSG_OOB) == 1 &&
          send(ends.theirs, "cd", 2, 0) == 2);
    CHECK(read_some(ends.mine) == 2 && strcmp(got, "ab") == 0);
    CHECK(read_some(ends.mine) == 2 && strcmp(got, "cd") == 0);
    close_pair(&ends);
    return 0;
}

CORO_TEST_ON_ONE(dry, a_deadline_that_has_passed_does_not_hide_what_is_there)
{
    struct ends ends;

    open_pair(&ends);
    CHECK(write(ends.theirs, "now", 3) == 3);
    CHECK(coop_read(ends.mine, got, sizeof got, 1) == 3);
    CHECK(coop_read(ends.mine, got, sizeof got, 1) == -ETIMEDOUT);
    CHECK(write(ends.theirs, "now", 3) == 3);
    CHECK(coop_read(ends.mine, got, sizeof got, COOP_NOW) == 3);
    CHECK(coop_read(ends.mine, got, sizeof got, COOP_NOW) == -EAGAIN);
    close_pair(&ends);
    return 0;
}

/* One that so far was only read is not yet asked about for writing. */
static int fill(void *arg)
{
    const struct ends *ends = arg;
    static char block[4096];

    for (int i = 0; i < 1000; i++) {
        size_t done = 0;

        CHECK(coop_write_full(ends->mine, block, sizeof block, &done, soon()) >= 0 &&
              done == sizeof block);
    }
    return 0;
}

CORO_TEST(dry, a_reader_that_begins_to_write_is_woken_for_that)
{
    static char block[4096];
    struct coop_scope scope;
    struct ends ends;
    size_t sum = 0;

    open_pair(&ends);
    coop_scope_init(&scope, "writer", 0);
    CHECK(coop_go(&scope, fill, &ends) == 0);
    while (sum < 1000 * sizeof block) {
        ssize_t n = coop_read(ends.theirs, block, sizeof block, soon());

        CHECK(n > 0);
        sum += (size_t)n;
    }
    CHECK(coop_scope_wait(&scope) == 0);
    close_pair(&ends);
    return 0;
}

static int read_result;

static int read_until_closed(void *arg)
{
    const struct ends *ends = arg;

    read_result = (int)read_some(ends->mine);
    return 0;
}

CORO_TEST_ON_ONE(dry, what_was_closed_is_not_read_though_another_has_its_number)
{
    struct coop_scope scope;
    struct ends ends;
    int again[2];

    open_pair(&ends);
    coop_scope_init(&scope, "reader", 0);
    CHECK(coop_go(&scope, read_until_closed, &ends) == 0);
    settle();
    CHECK(coop_fd_close(ends.mine) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, again) == 0);
    CHECK(again[0] == ends.mine && write(again[1], "not for you", 11) == 11);
    CHECK(coop_scope_wait(&scope) == 0 && read_result == -EBADF);
    CHECK(coop_read(again[0], got, sizeof got, COOP_NOW) == 11);
    coop_fd_close(ends.theirs);
    coop_fd_close(again[0]);
    coop_fd_close(again[1]);
    return 0;
}

/* The first look at a descriptor polls, in the caller: what has happened to others is known then,
 * though none of them has run. */
static void hear_of_all(void)
{
    struct ends news;

    CHECK(pipe2((int *)&news, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(coop_fd_wait(news.mine, COOP_IN, COOP_NOW) == -EAGAIN);
    close_pair(&news);
}

/* Woken, but not yet running: the number is another's by then, and what is there not his. */
CORO_TEST_ON_ONE(dry, who_was_woken_before_the_close_does_not_read_what_has_the_number_now)
{
    struct coop_scope scope;
    struct ends ends;
    int again[2];

    open_pair(&ends);
    coop_scope_init(&scope, "reader", 0);
    CHECK(coop_go(&scope, read_until_closed, &ends) == 0);
    settle();
    CHECK(write(ends.theirs, "late", 4) == 4);
    hear_of_all();
    CHECK(coop_fd_close(ends.mine) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, again) == 0);
    CHECK(again[0] == ends.mine && write(again[1], "not for you", 11) == 11);
    CHECK(coop_fd_wait(again[0], COOP_IN, COOP_NOW) > 0); /* known, as it would be in use */
    CHECK(coop_scope_wait(&scope) == 0 && read_result == -EBADF);
    CHECK(coop_read(again[0], got, sizeof got, COOP_NOW) == 11);
    coop_fd_close(ends.theirs);
    coop_fd_close(again[0]);
    coop_fd_close(again[1]);
    return 0;
}

/* A duplicate keeps a file alive that was closed under its number, and with it what the kernel was
 * asked to tell of that number: it tells it still when the number is another's. */
CORO_TEST_ON_ONE(dry, what_happens_to_a_file_of_the_past_is_no_event_of_the_present)
{
    struct ends old, between, now;
    int kept;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, (int *)&old) == 0);
    CHECK(coop_fd_wait(old.mine, COOP_IN, COOP_NOW) == -EAGAIN);
    kept = dup(old.mine);
    CHECK(kept >= 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, (int *)&between) ==
          0);
    CHECK(dup3(between.mine, old.mine, O_CLOEXEC) == old.mine); /* closed behind our back */
    CHECK(coop_fd_close(old.mine) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, (int *)&now) == 0);
    CHECK(now.mine == old.mine);
    CHECK(coop_fd_wait(now.mine, COOP_IN, COOP_NOW) == -EAGAIN);
    CHECK(write(old.theirs, "x", 1) == 1);
    hear_of_all();
    CHECK(coop_fd_wait(now.mine, COOP_IN, COOP_NOW) == -EAGAIN);
    CHECK(write(now.theirs, "x", 1) == 1);
    hear_of_all();
    CHECK(coop_fd_wait(now.mine, COOP_IN, COOP_NOW) == COOP_IN);
    close(kept);
    coop_fd_close(old.theirs);
    close_pair(&between);
    close_pair(&now);
    return 0;
}
