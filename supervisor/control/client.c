/*
 * client.c - the caller's end of the control socket, for blocking programs
 *
 * The PID at the other end is taken, and held by a pidfd, when the connection is made: later it
 * may be gone, and "gone" is what the caller of a shutdown wants to be sure of.
 */
#include "control/client.h"

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

enum { READ_STEP = 64 * 1024 };

struct ctl_client {
    int fd;
    int pidfd; /* of the process that listens; -1 when it cannot be had */
    pid_t peer;
    struct buf in;
    size_t done; /* bytes of 'in' that were handed out */
};

coop_nsec ctl_client_now(void)
{
    return sys_now();
}

/* Waits for 'events'. 1, 0 at the deadline, or -errno. */
static int wait_for(int fd, short events, coop_nsec deadline)
{
    struct pollfd poll = {.fd = fd, .events = events};
    int r;

    do {
        coop_nsec rest = deadline == COOP_FOREVER ? 0 : deadline - sys_now();
        struct timespec timeout = {.tv_sec = rest / COOP_NSEC_PER_SEC,
                                   .tv_nsec = rest % COOP_NSEC_PER_SEC};

        if (rest < 0)
            return 0;
        r = sys_ppoll(&poll, 1, deadline == COOP_FOREVER ? NULL : &timeout, NULL);
    } while (r == -EINTR);
    return r;
}

static int too_late(struct coop_err *err)
{
    return coop_fail(err, COOP_E_TIMEOUT, "coopd did not answer in time");
}

/* ---- opening ---- */

/* connect() to a unix socket whose queue is full waits as long as SO_SNDTIMEO says. */
static int connect_until(int fd, const struct sockaddr_un *address, coop_nsec deadline)
{
    int r;

    if (deadline != COOP_FOREVER) {
        coop_nsec rest = deadline - sys_now();
        struct timeval limit = {.tv_sec = rest / COOP_NSEC_PER_SEC,
                                .tv_usec = rest % COOP_NSEC_PER_SEC / COOP_NSEC_PER_USEC};

        if (rest < COOP_NSEC_PER_USEC)
            return -ETIMEDOUT;
        sys_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    }
    do
        r = sys_connect(fd, (const struct sockaddr *)address, sizeof *address);
    while (r == -EINTR);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}

static void look_at_peer(struct ctl_client *client)
{
    struct ucred peer = {0};
    socklen_t length = sizeof peer;

    client->pidfd = -1;
    if (sys_getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0) {
        client->peer = peer.pid;
        if (peer.pid > 0)
            client->pidfd = sys_pidfd_open(peer.pid, 0);
    }
}

int ctl_client_open(struct ctl_client **ret_client, const char *socket_path, coop_nsec deadline,
                    struct coop_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ctl_client *client;
    int r;
    SCOPED_SYS_FD fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return coop_fail_sys(err, fd, "socket");
    if (str_copy(address.sun_path, sizeof address.sun_path, socket_path) < 0)
        return coop_fail(err, COOP_E_LIMIT, "socket '%s': the path is too long", socket_path);
    r = connect_until(fd, &address, deadline);
    if (r == -ETIMEDOUT)
        return too_late(err);
    if (r < 0)
        return coop_fail_sys(err, r, "connect to coopd at '%s'", socket_path);
    client = calloc(1, sizeof *client);
    if (!client)
        return coop_fail_sys(err, ENOMEM, "connect");
    client->fd = fd_take(&fd);
    buf_init(&client->in, CTL_REPLY_MAX);
    look_at_peer(client);
    *ret_client = client;
    return 0;
}

void ctl_client_close(struct ctl_client *client)
{
    if (!client)
        return;
    sys_close(client->fd);
    if (client->pidfd >= 0)
        sys_close(client->pidfd);
    buf_done(&client->in);
    free(client);
}

pid_t ctl_client_peer(const struct ctl_client *client)
{
    return client->peer;
}

/* ---- calls and replies ---- */

int ctl_client_call(struct ctl_client *client, const char *method, json_t *parameters,
                    bool more, struct coop_err *err)
{
    struct buf out = BUF_INIT(CTL_REPLY_MAX);
    size_t sent = 0;
    int r = varlink_add_call(&out, method, parameters, more);

    if (r == 0 && out.len > VARLINK_FRAME_MAX)
        r = -EMSGSIZE;
    while (r == 0 && sent < out.len) {
        struct iovec piece = {out.data + sent, out.len - sent};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        ssize_t n = sys_sendmsg(client->fd, &message, MSG_NOSIGNAL);

        if (n >= 0)
            sent += (size_t)n;
        else if (n != -EINTR)
            r = n == -EAGAIN ? -ETIMEDOUT : (int)n;
    }
    buf_done(&out);
    if (r == -ETIMEDOUT)
        return too_late(err);
    if (r == -EMSGSIZE)
        return coop_fail(err, COOP_E_LIMIT, "too much for one call: name fewer services");
    /* Turned away: the reason may be waiting to be read. */
    return r < 0 && r != -EPIPE ? coop_fail_sys(err, r, "send to coopd") : 0;
}

/* Reads more. 1, 0 when the other side has hung up, -1. */
static int read_more(struct ctl_client *client, coop_nsec deadline, struct coop_err *err)
{
    ssize_t n;
    int r;

    buf_drop(&client->in, client->done);
    client->done = 0;
    r = buf_reserve(&client->in, READ_STEP);
    if (r < 0)
        return coop_fail_sys(err, r, "a reply of coopd");
    r = wait_for(client->fd, POLLIN, deadline);
    if (r == 0)
        return too_late(err);
    n = r < 0 ? r : sys_read(client->fd, client->in.data + client->in.len, READ_STEP);
    if (n == -ECONNRESET)
        n = 0;
    if (n < 0 && n != -EINTR)
        return coop_fail_sys(err, (int)n, "read from coopd");
    client->in.len += n > 0 ? (size_t)n : 0;
    return n != 0;
}

int ctl_client_next(struct ctl_client *client, struct varlink_reply *ret_reply,
                    coop_nsec deadline, struct coop_err *err)
{
    size_t looked = client->done;

    for (;;) {
        const char *end = NULL;
        int r;

        if (looked < client->in.len)
            end = memchr(client->in.data + looked, '\0', client->in.len - looked);
        if (end) {
            const char *start = client->in.data + client->done;

            client->done = (size_t)(end - client->in.data) + 1;
            return varlink_reply_parse(start, (size_t)(end - start), ret_reply, err);
        }
        looked = client->in.len - client->done;
        r = read_more(client, deadline, err);
        if (r == 0)
            return coop_fail_sys(err, EPIPE, "coopd hung up");
        if (r < 0)
            return -1;
    }
}

int ctl_client_wait_gone(struct ctl_client *client, coop_nsec deadline, struct coop_err *err)
{
    int r;

    if (client->pidfd >= 0) {
        r = wait_for(client->pidfd, POLLIN, deadline);
        return r == 0  ? too_late(err)
               : r < 0 ? coop_fail_sys(err, r, "wait for coopd's end")
                       : 0;
    }
    do
        r = read_more(client, deadline, err);
    while (r > 0);
    return r;
}
