/*
 * io.c - calls that try, and park instead of blocking (io.h)
 *
 * Each is the same loop: note the edges seen so far, try, and when the kernel says EAGAIN wait
 * for an edge after those.  EINTR is tried again.
 */
#include "coop/io.h"

#include "base/sys.h"
#include "rt/parking.h"

#include <errno.h>
#include <limits.h>

/* One EAGAIN later: 0 = try again. */
static int wait_for(int fd, int dir, struct desc **d, uint32_t *turn, coop_nsec deadline)
{
    int r;

    if (deadline == COOP_NOW)
        return -EAGAIN;
    if (!coop__self()) /* a forked child shares its parent's epoll: it must not register */
        return -EPERM;
    if (!*d) {
        r = coop__desc_open(fd, d);
        if (r == 0)
            *turn = coop__desc_turn(*d, dir);
        return r; /* it may have become ready before it was registered: try once more */
    }
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

ssize_t coop_read(int fd, void *ret_buf, size_t size, coop_nsec deadline)
{
    ssize_t r;

    PARKING(DIR_IN, sys_read(fd, ret_buf, size));
    return r;
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

int coop_connect(int fd, const struct sockaddr *addr, socklen_t len, coop_nsec deadline)
{
    ssize_t r;
    int w;

    /* A unix socket with a full backlog says EAGAIN and means it: there is no edge to wait for. */
    r = sys_connect(fd, addr, len);
    if (r != -EINPROGRESS && r != -EINTR)
        return (int)r;
    w = coop_fd_wait(fd, COOP_OUT, deadline);
    if (w < 0)
        return w;
    r = sys_connect(fd, addr, len); /* tells how it went */
    return r == -EISCONN ? 0 : (int)r;
}
