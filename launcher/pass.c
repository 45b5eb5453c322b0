/*
 * pass.c - one message with descriptors along (see pass.h)
 */
#include "launcher/pass.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(PASS_MAX * sizeof(int))];
};

int pass_send(int socket, const void *bytes, size_t size, const int *fds, unsigned count,
              int flags)
{
    union control control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t sent;

    if (count > PASS_MAX)
        return -E2BIG;
    if (count > 0) {
        memset(&control, 0, sizeof control);
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(count * sizeof *fds);
        memcpy(CMSG_DATA(&control.align), fds, count * sizeof *fds);
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(count * sizeof *fds);
    }
    do
        sent = sendmsg(socket, &msg, MSG_NOSIGNAL | flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

ssize_t pass_receive(int socket, void *ret_bytes, size_t size, unsigned room,
                     struct passed *ret_passed, int flags)
{
    union control control;
    struct iovec iov = {.iov_base = ret_bytes, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
    struct cmsghdr *head;
    ssize_t got;

    *ret_passed = (struct passed){.count = 0};
    msg.msg_controllen = CMSG_LEN((room < PASS_MAX ? room : PASS_MAX) * sizeof(int));
    do
        got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | flags);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    head = CMSG_FIRSTHDR(&msg);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        ret_passed->count = (unsigned)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(ret_passed->fds, CMSG_DATA(head), ret_passed->count * sizeof(int));
    }
    ret_passed->cut = msg.msg_flags & MSG_CTRUNC;
    return got;
}
