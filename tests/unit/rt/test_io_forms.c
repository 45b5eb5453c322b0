/* Descriptors of every kind, and calls in every form: full, in parts, datagrams, files. */
#include "rt_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int fds[2];

static int write_slowly(void *arg)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    const int *fd = arg;

    for (int i = 0; i < 26; i++) {
        CHECK(coop_write(*fd, text + i, 1, soon()) == 1);
        coop_yield();
    }
    return coop_fd_close(*fd);
}

CORO_TEST(io, full_reads_and_writes_tell_how_far_they_came)
{
    char buf[32] = {0};
    size_t done = 0;

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(coop_write(fds[1], "0123", 4, soon()) == 4);
    CHECK(coop_read_full(fds[0], buf, 10, &done, in_ms(2)) == -ETIMEDOUT && done == 4);
    CHECK(coop_go(NULL, write_slowly, &fds[1]) == 0);
    CHECK(coop_read_full(fds[0], buf, 10, &done, soon()) == 10 && done == 10);
    CHECK(memcmp(buf, "0123abcdef", 10) == 0);
    CHECK(coop_read_full(fds[0], buf, 30, NULL, soon()) == 20); /* the end comes before */
    CHECK(coop_read_full(fds[0], buf, 5, NULL, soon()) == 0);
    coop_fd_close(fds[0]);
    return 0;
}

enum { FLOOD = 1 << 20 };

CORO_TEST_ON_ONE(io, a_full_write_that_ran_out_of_time_goes_on_where_it_was)
{
    char *out = malloc(FLOOD), *in = malloc(FLOOD);
    size_t sent = 0, got = 0;

    CHECK(out && in);
    for (int i = 0; i < FLOOD; i++)
        out[i] = (char)(i * 7 + i / 251);
    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    while (sent < FLOOD) {
        ssize_t n = coop_write_full(fds[1], out, FLOOD, &sent, in_ms(1));

        CHECK(n == -ETIMEDOUT ? sent < FLOOD : n == FLOOD);
        if (n > 0)
            coop_fd_close(fds[1]);
        n = coop_read_full(fds[0], in, sent, &got, soon());
        CHECK(n == (ssize_t)sent && got == sent);
    }
    CHECK(memcmp(in, out, FLOOD) == 0);
    coop_fd_close(fds[0]);
    free(out);
    free(in);
    return 0;
}

CORO_TEST(io, parts_are_gathered_and_scattered)
{
    char one[3], two[4], none[1];
    char text[] = "abcdefg";
    struct iovec out[] = {{text, 2}, {text, 0}, {text + 2, 5}};
    struct iovec in[] = {{one, 3}, {none, 0}, {two, 4}};

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    CHECK(coop_readv(fds[0], in, 3, COOP_NOW) == -EAGAIN);
    CHECK(coop_writev(fds[1], out, 3, soon()) == 7);
    CHECK(coop_readv(fds[0], in, 3, soon()) == 7);
    CHECK(memcmp(one, "abc", 3) == 0 && memcmp(two, "defg", 4) == 0);
    coop_fd_close(fds[0]);
    coop_fd_close(fds[1]);
    return 0;
}

static struct sockaddr_in loopback(int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    return address;
}

static int echo_once(void *arg)
{
    int fd = coop_accept(*(int *)arg, NULL, NULL, soon());
    char buf[64];
    ssize_t n;

    CHECK(fd >= 0);
    while ((n = coop_read(fd, buf, sizeof buf, soon())) > 0)
        CHECK(coop_write_full(fd, buf, (size_t)n, NULL, soon()) == n);
    CHECK(n == 0);
    return coop_fd_close(fd);
}

CORO_TEST(io, tcp_accepts_connects_and_refuses)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), fd;
    struct sockaddr_in address = loopback(listener);
    char buf[8];

    CHECK(coop_accept(listener, NULL, NULL, COOP_NOW) == -EINVAL); /* does not listen yet */
    CHECK(listen(listener, 8) == 0);
    CHECK(coop_accept(listener, NULL, NULL, in_ms(2)) == -ETIMEDOUT);
    CHECK(coop_go(NULL, echo_once, &listener) == 0);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(coop_connect(fd, (struct sockaddr *)&address, sizeof address, soon()) == 0);
    CHECK(coop_write_full(fd, "seven 7", 7, NULL, soon()) == 7);
    CHECK(coop_read_full(fd, buf, 7, NULL, soon()) == 7 && memcmp(buf, "seven 7", 7) == 0);
    CHECK(shutdown(fd, SHUT_WR) == 0);
    CHECK(coop_read(fd, buf, 7, soon()) == 0);
    coop_fd_close(fd);
    coop_fd_close(listener);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(coop_connect(fd, (struct sockaddr *)&address, sizeof address, soon()) ==
          -ECONNREFUSED);
    coop_fd_close(fd);
    return 0;
}

CORO_TEST(io, datagrams_tell_who_sent_them)
{
    struct sockaddr_in to, from = {0};
    socklen_t len = sizeof from;
    char buf[16];

    for (int i = 0; i < 2; i++)
        fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    to = loopback(fds[0]);
    CHECK(coop_recvfrom(fds[0], buf, sizeof buf, 0, NULL, NULL, in_ms(1)) == -ETIMEDOUT);
    CHECK(coop_sendto(fds[1], "to you", 6, 0, (struct sockaddr *)&to, sizeof to, soon()) == 6);
    CHECK(coop_recvfrom(fds[0], buf, sizeof buf, MSG_PEEK, NULL, NULL, soon()) == 6);
    CHECK(coop_recvfrom(fds[0], buf, sizeof buf, 0, (struct sockaddr *)&from, &len, soon()) ==
          6);
    CHECK(len == sizeof from && from.sin_family == AF_INET);
    CHECK(coop_sendto(fds[0], "back", 4, 0, (struct sockaddr *)&from, len, soon()) == 4);
    CHECK(coop_recvfrom(fds[1], buf, sizeof buf, 0, NULL, NULL, soon()) == 4);
    coop_fd_close(fds[0]);
    coop_fd_close(fds[1]);
    return 0;
}

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s", "/tmp/coop-io-XXXXXX");
    CHECK(mkdtemp(folder));
}

CORO_TEST(io, a_fifo_is_a_pipe_with_a_name)
{
    char c;

    make_folder();
    CHECK(mkfifo(in_folder("fifo"), 0600) == 0);
    fds[0] = coop_file_open(AT_FDCWD, in_folder("fifo"), O_RDONLY | O_NONBLOCK, 0);
    CHECK(fds[0] >= 0);
    CHECK(coop_read(fds[0], &c, 1, soon()) == 0); /* nobody has it open for writing */
    fds[1] = coop_file_open(AT_FDCWD, in_folder("fifo"), O_WRONLY | O_NONBLOCK, 0);
    CHECK(fds[1] >= 0 && (fcntl(fds[1], F_GETFD) & FD_CLOEXEC));
    CHECK(coop_read(fds[0], &c, 1, in_ms(2)) == -ETIMEDOUT);
    CHECK(coop_go(NULL, write_slowly, &fds[1]) == 0);
    for (int i = 0; i < 26; i++)
        CHECK(coop_read(fds[0], &c, 1, soon()) == 1 && c == 'a' + i);
    CHECK(coop_read(fds[0], &c, 1, soon()) == 0);
    coop_fd_close(fds[0]);
    unlink(in_folder("fifo"));
    rmdir(folder);
    return 0;
}

static int spins;
static bool stop_spinning;

static int spin(__attribute__((unused)) void *arg)
{
    while (!__atomic_load_n(&stop_spinning, __ATOMIC_ACQUIRE)) {
        spins++;
        coop_yield();
    }
    return 0;
}

CORO_TEST(io, files_are_read_and_written_at_their_places)
{
    char buf[8] = {0};
    int fd;

    make_folder();
    fd = coop_file_open(AT_FDCWD, in_folder("file"), O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    CHECK(coop_file_open(AT_FDCWD, in_folder("file"), O_CREAT | O_EXCL, 0600) == -EEXIST);
    CHECK(coop_file_write(fd, "efgh", 4, 4) == 4);
    CHECK(coop_file_write(fd, "abcd", 4, 0) == 4);
    CHECK(coop_file_sync(fd) == 0);
    CHECK(coop_file_read(fd, buf, 8, 0) == 8 && memcmp(buf, "abcdefgh", 8) == 0);
    CHECK(coop_file_read(fd, buf, 8, 6) == 2 && coop_file_read(fd, buf, 8, 8) == 0);
    CHECK(coop_file_read(-1, buf, 8, 0) == -EBADF);
    coop_fd_close(fd);
    unlink(in_folder("file"));
    rmdir(folder);
    return 0;
}

static int open_fifo(__attribute__((unused)) void *arg)
{
    int fd = coop_file_open(AT_FDCWD, in_folder("fifo"), O_WRONLY, 0); /* blocks */

    CHECK(fd >= 0);
    __atomic_store_n(&stop_spinning, true, __ATOMIC_RELEASE);
    return coop_fd_close(fd);
}

CORO_TEST_ON_ONE(io, a_file_that_takes_its_time_holds_up_nobody)
{
    struct coop_scope scope;

    make_folder();
    CHECK(mkfifo(in_folder("fifo"), 0600) == 0);
    coop_scope_init(&scope, "files", 0);
    coop_go(&scope, open_fifo, NULL);
    coop_go(&scope, spin, NULL);
    while (spins < 100)
        coop_yield(); /* the only processor is not inside open() */
    fds[0] = open(in_folder("fifo"), O_RDONLY | O_NONBLOCK);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_fd_close(fds[0]);
    unlink(in_folder("fifo"));
    rmdir(folder);
    return 0;
}

static void *read_outside(__attribute__((unused)) void *arg)
{
    char c;

    CHECK(coop_read(fds[0], &c, 1, COOP_NOW) == -EAGAIN);
    CHECK(coop_read(fds[0], &c, 1, soon()) == -EPERM);
    return NULL;
}

/* Nobody answers as long as the listener's queue is full. */
CORO_TEST(io, a_connect_that_ran_out_of_time_goes_on_where_it_was)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr *to = (const struct sockaddr *)&at;
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int first = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int second = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), served;

    CHECK(bind(listener, to, size) == 0 && listen(listener, 0) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &size) == 0);
    CHECK(coop_connect(first, to, size, soon()) == 0);
    CHECK(coop_connect(second, to, size, COOP_NOW) == -EAGAIN);
    CHECK(coop_connect(second, to, size, COOP_NOW) == -EAGAIN);
    CHECK(coop_connect(second, to, size, in_ms(1)) == -ETIMEDOUT);
    served = coop_accept(listener, NULL, NULL, soon());
    CHECK(served >= 0);
    CHECK(coop_connect(second, to, size, soon()) ==
          0); /* its second try comes after a second */
    CHECK(coop_connect(second, to, size, soon()) == -EISCONN);
    coop_fd_close(served);
    coop_fd_close(first);
    coop_fd_close(second);
    coop_fd_close(listener);
    return 0;
}

Test(io, outside_of_the_runtime_nothing_waits)
{
    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    read_outside(NULL);
    CHECK(coop_fd_close(fds[0]) == 0 && coop_fd_close(fds[1]) == 0);
}

CORO_TEST_WITH(io, a_foreign_thread_does_not_wait_either, .procs = 1, .foreign_wakes = true)
{
    pthread_t thread;

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(pthread_create(&thread, NULL, read_outside, NULL) == 0);
    coop_block_begin();
    pthread_join(thread, NULL);
    coop_block_end();
    coop_fd_close(fds[0]);
    coop_fd_close(fds[1]);
    return 0;
}

CORO_TEST_ON_ONE(io, what_a_forked_child_closes_its_parent_still_hears_of)
{
    char c = 0;
    pid_t pid;
    int status;

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(coop_read(fds[0], &c, 1, in_ms(1)) == -ETIMEDOUT); /* now it is registered */
    pid = fork();
    if (pid == 0)
        _exit(coop_read(fds[0], &c, 1, soon()) == -EPERM && coop_fd_close(fds[0]) == 0 ? 0 : 1);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(coop_go(NULL, write_slowly, &fds[1]) == 0); /* begins when the caller waits */
    CHECK(coop_read(fds[0], &c, 1, soon()) == 1 && c == 'a');
    while (coop_read(fds[0], &c, 1, soon()) == 1)
        ;
    coop_fd_close(fds[0]);
    return 0;
}
