/*
 * io_message.c - reading and writing in parts, in full, and as datagrams (io.h)
 */
#include "coop/io.h"

#include "base/sys.h"
#include "rt/parking.h"

#include <errno.h>

ssize_t coop_readv(int fd, const struct iovec *parts, int count, coop_nsec deadline)
{
    ssize_t r;

    PARKING(DIR_IN, sys_readv(fd, parts, count));
    return r;
}

ssize_t coop_writev(int fd, const struct iovec *parts, int count, coop_nsec deadline)
{
    ssize_t r;

    PARKING(DIR_OUT, sys_writev(fd, parts, count));
    return r;
}

ssize_t coop_read_full(int fd, void *ret_buf, size_t size, size_t *done, coop_nsec deadline)
{
    size_t at = done ? *done : 0;
    ssize_t n = 1;

    while (at < size && n > 0) {
        n = coop_read(fd, (char *)ret_buf + at, size - at, deadline);
        if (n > 0)
            at += (size_t)n;
    }
    if (done)
        *done = at;
    return n < 0 ? n : (ssize_t)at;
}

ssize_t coop_write_full(int fd, const void *buf, size_t size, size_t *done, coop_nsec deadline)
{
    size_t at = done ? *done : 0;
    ssize_t n = 0;

    while (at < size && n >= 0) {
        n = coop_write(fd, (const char *)buf + at, size - at, deadline);
        if (n >= 0)
            at += (size_t)n;
    }
    if (done)
        *done = at;
    return n < 0 ? n : (ssize_t)at;
}

ssize_t coop_sendmsg(int fd, const struct msghdr *msg, int flags, coop_nsec deadline)
{
    ssize_t r;

    PARKING(DIR_OUT, sys_sendmsg(fd, msg, flags | MSG_NOSIGNAL));
    return r;
}

ssize_t coop_recvmsg(int fd, struct msghdr *ret_msg, int flags, coop_nsec deadline)
{
    ssize_t r;

    PARKING(DIR_IN, sys_recvmsg(fd, ret_msg, flags | MSG_CMSG_CLOEXEC));
    return r;
}

ssize_t coop_sendto(int fd, const void *buf, size_t size, int flags,
                    const struct sockaddr *addr, socklen_t len, coop_nsec deadline)
{
    struct iovec part = {(void *)(uintptr_t)buf, size};
    struct msghdr msg = {.msg_name = (void *)(uintptr_t)addr,
                         .msg_namelen = addr ? len : 0,
                         .msg_iov = &part,
                         .msg_iovlen = 1};

    return coop_sendmsg(fd, &msg, flags, deadline);
}

ssize_t coop_recvfrom(int fd, void *ret_buf, size_t size, int flags, struct sockaddr *ret_addr,
                      socklen_t *ret_len, coop_nsec deadline)
{
    struct iovec part = {ret_buf, size};
    struct msghdr msg = {.msg_name = ret_addr,
                         .msg_namelen = ret_addr && ret_len ? *ret_len : 0,
                         .msg_iov = &part,
                         .msg_iovlen = 1};
    ssize_t n = coop_recvmsg(fd, &msg, flags, deadline);

    if (n >= 0 && ret_len)
        *ret_len = msg.msg_namelen;
    return n;
}
