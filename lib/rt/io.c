/*
 * io.c - calls that try, and park instead of blocking (io.h)
 *
 * Each is the same loop: note the edges seen so far, try, and when the kernel says EAGAIN wait
 * for an edge after those.  EINTR is tried again.  A read from a stream that the last one has
 * emptied waits first and tries then (poller.c, "dry").
 */
#include "coop/io.h"

#include "base/sys.h"
#include "rt/parking.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* One EAGAIN later: 0 = try again. */
static int wait_for(int fd, int dir, struct desc **d, uint32_t *turn, coop_nsec deadline)
{
    int r;

    if (deadline == COOP_NOW)
        return -EAGAIN;
    if (!coop__self()) /* a forked child shares its parent's epoll: it must not register */
        return -EPERM;
    r = coop__desc_open(fd, dir == DIR_IN ? COOP_IN : COOP_OUT, d);
    if (r > 0)
        *turn = coop__desc_turn(*d, dir);
    if (r != 0)
        return r > 0 ? 0 : r; /* it may have become ready before: try once more */
    r = coop__desc_wait(*d, dir, *turn, deadline);
    *turn = coop__desc_turn(*d, dir);
    return r;
}

bool coop__io_retry(ssize_t *r, int fd, int dir, struct desc **d, uint32_t *turn,
                    coop_nsec deadline)
{
    int w;

    if (*r == -EINTR)
        return true;
    if (*r != -EAGAIN)
        return false;
    w = wait_for(fd, dir, d, turn, deadline);
    if (w == 0)
        return true;
    *r = w;
    return false;
}

/* One try to read at 'turn'. */
static ssize_t read_once(int fd, struct desc *d, uint32_t turn, void *ret_buf, size_t size)
{
    struct iovec part = {.iov_base = ret_buf, .iov_len = size};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t r;

    if (!d || size == 0 || !coop__desc_is_stream(d, false)) {
        r = sys_read(fd, ret_buf, size);
        if (d && r > 0 && (size_t)r < size)
            coop__desc_is_stream(d, true); /* next time we know */
        return r;
    }
    r = sys_recvmsg(fd, &msg, 0);
    if (r > 0 && (size_t)r < size && !(msg.msg_flags & MSG_CTRUNC))
        coop__desc_set_dry(d, turn);
    return r;
}

ssize_t coop_read(int fd, void *ret_buf, size_t size, coop_nsec deadline)
{
    struct desc *known = coop__desc_find(fd);
    ssize_t r;
    int w = coop__may_begin(coop__self(), deadline);

    if (w < 0)
        return w;
    if (known && deadline != COOP_NOW && size > 0) {
        uint32_t turn = coop__desc_turn(known, DIR_IN);

        if (coop__desc_is_dry(known, turn))
            w = coop__desc_wait(known, DIR_IN, turn, deadline);
    }
    if (unlikely(w < 0)) {
        if (w == -EBADF) /* closed: the number may be another's by now */
            return w;
        deadline = COOP_NOW; /* what has come in the last moment wins all the same */
    }
    PARKING(DIR_IN, read_once(fd, d, turn, ret_buf, size));
    return w < 0 && r == -EAGAIN ? w : r;
}

ssize_t coop_write(int fd, const void *buf, size_t size, coop_nsec deadline)
{
    ssize_t r;

    PARKING(DIR_OUT, sys_write(fd, buf, size));
    return r;
}

int coop_accept(int fd, struct sockaddr *ret_addr, socklen_t *ret_len, coop_nsec deadline)
{
    ssize_t r;

    PARKING(DIR_IN, sys_accept4(fd, ret_addr, ret_len, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return (int)r;
}

int coop_pipe(int ret_fds[2], unsigned ours)
{
    static const unsigned ends[2] = {COOP_IN, COOP_OUT};
    int fds[2], r;

    if (ours & ~(unsigned)(COOP_IN | COOP_OUT))
        return -EINVAL;
    r = sys_pipe2(fds, O_CLOEXEC | (ours == (COOP_IN | COOP_OUT) ? O_NONBLOCK : 0));
    for (int i = 0; r == 0 && i < 2; i++) {
        if (ours == ends[i] && (r = coop_fd_nonblock(fds[i])) < 0) {
            sys_close(fds[0]);
            sys_close(fds[1]);
        }
    }
    if (r == 0)
        memcpy(ret_fds, fds, sizeof fds);
    return r;
}

int coop_connect(int fd, const struct sockaddr *addr, socklen_t len, coop_nsec deadline)
{
    bool waited = false;
    int r = coop__may_begin(coop__self(), deadline);

    /* A unix socket with a full backlog says EAGAIN and means it: there is no edge to wait for. */
    while (r >= 0) {
        r = sys_connect(fd, addr, len); /* the second one tells how the first one went */
        if (r == -EISCONN && waited)
            return 0;
        if (r != -EINPROGRESS && r != -EALREADY && r != -EINTR)
            return r;
        r = coop_fd_wait(fd, COOP_OUT, deadline);
        waited = true;
    }
    return r;
}
