/*
 * queue.c - whole messages between processes (queue.h)
 *
 * The kernel does the work: a SEQPACKET socket keeps messages apart, bounds what lies in it, and
 * ends when the other side is gone.  What is left is to be careful with what comes along: room
 * for every descriptor that the kernel may install (SCM_MAX), so that a cut list can only mean
 * that our table is full; and all of them closed on every way out but the good one.
 *
 * A peer that dies with messages of ours unread leaves ECONNRESET behind, once, before what it
 * had sent itself: that is skipped, since the end is told when all of it has been received.
 */
#include "coop/queue.h"

#include "base/sys.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "rt/plain.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum {
    SCM_MAX = 253,
    PIDFD_SENT = 4, /* SCM_PIDFD, newer than our headers: a descriptor, too */
};

/* What goes along. A union, because control data must be aligned. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(SCM_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

/* ---- ends ---- */

int coop_queue_adopt(int fd, size_t bytes)
{
    int type = 0, on = 1, ceiling = COOP_QUEUE_BYTES, r;
    socklen_t len = sizeof type;

    if (bytes)
        ceiling = bytes < INT_MAX ? (int)bytes : INT_MAX;
    r = sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
    if (r == 0 && type != SOCK_SEQPACKET)
        r = -EPROTOTYPE;
    if (r == 0)
        r = sys_setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    if (r == 0)
        r = sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &ceiling, sizeof ceiling);
    if (r == 0)
        r = sys_fcntl_int(fd, F_SETFD, FD_CLOEXEC);
    return r == 0 ? coop_fd_nonblock(fd) : r;
}

int coop_queue_pair(int ret_ends[2], size_t bytes)
{
    int ends[2];
    int r = sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);

    if (r < 0)
        return r;
    for (int i = 0; i < 2 && r == 0; i++)
        r = coop_queue_adopt(ends[i], bytes);
    if (r < 0) {
        sys_close(ends[0]);
        sys_close(ends[1]);
        return r;
    }
    ret_ends[0] = ends[0];
    ret_ends[1] = ends[1];
    return 0;
}

/* ---- sending ---- */

static ssize_t send_waiting(int end, const struct msghdr *msg, coop_nsec deadline)
{
    ssize_t r;
    int w = 0;

    if (coop_inside())
        return coop_sendmsg(end, msg, 0, deadline);
    do
        r = sys_sendmsg(end, msg, MSG_NOSIGNAL);
    while (r == -EINTR ||
           (r == -EAGAIN && (w = coop__plain_wait(end, POLLOUT, deadline)) == 0));
    return r == -EAGAIN ? w : r;
}

int coop_queue_send(int end, const void *data, size_t size, const int *fds, int fd_count,
                    coop_nsec deadline)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    ssize_t r;

    if (!size || fd_count < 0 || fd_count > COOP_QUEUE_FDS_MAX)
        return -EINVAL;
    if (size > COOP_QUEUE_MESSAGE_MAX)
        return -EMSGSIZE;
    if (fd_count) {
        size_t length = (size_t)fd_count * sizeof(int);

        memset(&control, 0, CMSG_SPACE(length));
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(length);
        memcpy(CMSG_DATA(&control.align), fds, length);
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(length);
    }
    r = send_waiting(end, &msg, deadline);
    if (r == -ECONNRESET)
        return -EPIPE;
    return r < 0 ? (int)r : 0;
}

/* ---- receiving ---- */

static ssize_t recv_waiting(int end, struct msghdr *ret_msg, coop_nsec deadline)
{
    ssize_t r;
    int w = 0;

    if (coop_inside())
        return coop_recvmsg(end, ret_msg, 0, deadline);
    do
        r = sys_recvmsg(end, ret_msg, MSG_CMSG_CLOEXEC);
    while (r == -EINTR || (r == -EAGAIN && (w = coop__plain_wait(end, POLLIN, deadline)) == 0));
    return r == -EAGAIN ? w : r;
}

/* Descriptors that came, in the caller's list as far as it goes. False: it does not go so far. */
static bool take_fds(const struct cmsghdr *c, struct coop_queue_message *m)
{
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool fit = true;

    for (size_t i = 0; i < count; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (m->fd_count < COOP_QUEUE_FDS_MAX) {
            m->fds[m->fd_count++] = fd;
        } else {
            sys_close(fd);
            fit = false;
        }
    }
    return fit;
}

/* True: all that came along has been taken. '*ret_signed': a sender was named. */
static bool take_along(struct msghdr *msg, struct coop_queue_message *m, bool *ret_signed)
{
    bool fit = true;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        struct ucred who;

        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS) {
            fit = take_fds(c, m) && fit;
        } else if (c->cmsg_type == PIDFD_SENT) {
            int fd;

            memcpy(&fd, CMSG_DATA(c), sizeof fd);
            sys_close(fd);
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&who, CMSG_DATA(c), sizeof who);
            m->pid = who.pid;
            m->uid = who.pid ? who.uid : (uid_t)-1;
            m->gid = who.pid ? who.gid : (gid_t)-1;
            *ret_signed = true;
        }
    }
    return fit;
}

static void drop_fds(struct coop_queue_message *m)
{
    while (m->fd_count > 0)
        sys_close(m->fds[--m->fd_count]);
}

int coop_queue_recv(int end, struct coop_queue_message *ret_message, coop_nsec deadline)
{
    struct coop_queue_message *m = ret_message;
    union control control;
    bool fit, is_signed;
    ssize_t n;

    do {
        struct iovec part = {m->data, m->room};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};

        m->fd_count = 0;
        m->pid = 0;
        m->uid = (uid_t)-1;
        m->gid = (gid_t)-1;
        is_signed = false;
        n = recv_waiting(end, &msg, deadline);
        if (n == -ECONNRESET)
            continue;
        if (n < 0)
            return (int)n;
        fit = take_along(&msg, m, &is_signed);
        if (!fit || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
            drop_fds(m);
            return fit && (msg.msg_flags & MSG_CTRUNC) ? -EMFILE : -EMSGSIZE;
        }
        m->size = (size_t)n;
        if (n == 0)
            drop_fds(m);
    } while (n == -ECONNRESET ||
             (n == 0 && is_signed)); /* a stranger's empty one is not the end */
    return n > 0;
}
