/* Pipes, sockets, files. */
#include "everything.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/sys.h"

int close_it(int fd)
{
    return fd >= 0 ? (int)FINE(coop_fd_close(fd), 0, 0) : 0;
}

/* The next run needs the name. */
static void remove_name(const char *path)
{
    if (sys_unlinkat(AT_FDCWD, path, 0) < 0)
        sys_unlinkat(AT_FDCWD, path, 0);
}

/* ---- pipes ---- */

static int write_all(void *arg)
{
    int fd = *(int *)arg;
    static const char text[] = "0123456789";
    struct iovec parts[2] = {{(void *)(uintptr_t)text, 5}, {(void *)(uintptr_t)(text + 5), 5}};

    FINE(coop_write_full(fd, text, 10, NULL, in_patience()), ETIMEDOUT, EPIPE);
    FINE(coop_writev(fd, parts, 2, in_patience()), ETIMEDOUT, EPIPE);
    close_it(fd);
    return 0;
}

void read_and_write(void)
{
    struct coop_scope scope;
    char text[ROOM];
    struct iovec parts[2] = {{text, 3}, {text + 3, ROOM - 3}};
    int ends[2];
    size_t done = 0;
    ssize_t n;

    if (FINE(coop_pipe(ends, COOP_IN), 0, 0) < 0)
        return;
    if (FINE(coop_fd_nonblock(ends[1]), 0, 0) < 0) {
        close_it(ends[0]);
        close_it(ends[1]); /* it would block */
        return;
    }
    coop_scope_init(&scope, "pipe", 0);
    if (FINE(coop_go(&scope, write_all, &ends[1]), 0, 0) < 0)
        close_it(ends[1]);
    FINE(coop_fd_wait(ends[0], COOP_IN, in_patience()), ETIMEDOUT, 0);
    n = FINE(coop_read_full(ends[0], text, 10, &done, in_patience()), ETIMEDOUT, 0);
    HOLDS(n < 10 || memcmp(text, "0123456789", 10) == 0);
    FINE(coop_readv(ends[0], parts, 2, in_patience()), ETIMEDOUT, 0);
    while ((n = FINE(coop_read(ends[0], text, sizeof text, in_patience()), ETIMEDOUT, 0)) > 0)
        continue;
    close_it(ends[0]);
    coop_scope_wait(&scope);
}

/* ---- sockets ---- */

struct line {
    struct sockaddr_un at;
    int listener;
};

static int answer(void *arg)
{
    const struct line *line = arg;
    int fd = (int)FINE(coop_accept(line->listener, NULL, NULL, in_patience()), ETIMEDOUT, 0);
    char text[ROOM];
    struct iovec part = {text, sizeof text};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd < 0)
        return 0;
    FINE(coop_recvmsg(fd, &msg, 0, in_patience()), ETIMEDOUT, 0);
    FINE(coop_recvfrom(fd, text, sizeof text, 0, NULL, NULL, in_patience()), ETIMEDOUT, 0);
    return close_it(fd);
}

static void call(const struct line *line)
{
    int fd =
        (int)FINE(sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 0, 0);
    char text[] = "hello";
    struct iovec part = {text, sizeof text};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd < 0)
        return;
    if (FINE(coop_connect(fd, (const void *)&line->at, sizeof line->at, in_patience()),
             ETIMEDOUT, 0) == 0) {
        FINE(coop_sendmsg(fd, &msg, 0, in_patience()), EPIPE, 0);
        FINE(coop_sendto(fd, text, sizeof text, 0, NULL, 0, in_patience()), EPIPE, ECONNRESET);
        FINE(coop_read(fd, text, sizeof text, in_patience()), ETIMEDOUT, ECONNRESET);
    }
    close_it(fd);
}

void use_sockets(void)
{
    struct line line = {.at = {.sun_family = AF_UNIX}};
    struct coop_scope scope;

    snprintf(line.at.sun_path, sizeof line.at.sun_path, "%s/socket", world->dir);
    line.listener =
        (int)FINE(sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 0, 0);
    if (line.listener < 0)
        return;
    if (FINE(sys_bind(line.listener, (const void *)&line.at, sizeof line.at), 0, 0) == 0 &&
        FINE(sys_listen(line.listener, 4), 0, 0) == 0) {
        coop_scope_init(&scope, "sockets", 0);
        FINE(coop_go(&scope, answer, &line), 0, 0);
        call(&line);
        coop_scope_wait(&scope);
    }
    coop_fd_forget(line.listener);
    FINE(sys_close(line.listener), 0, 0);
    remove_name(line.at.sun_path);
}

/* ---- files ---- */

void use_files(void)
{
    char path[200], text[ROOM];
    int fd;

    snprintf(path, sizeof path, "%s/file", world->dir);
    fd = (int)FINE(coop_file_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0600), 0, 0);
    if (fd < 0)
        return;
    if (FINE(coop_file_write(fd, "words", 5, 0), 0, 0) == 5)
        HOLDS(FINE(coop_file_read(fd, text, sizeof text, 0), 0, 0) != 0);
    FINE(coop_file_sync(fd), 0, 0);
    FINE(sys_close(fd), 0, 0);
    remove_name(path);
}
