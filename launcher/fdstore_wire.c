/*
 * fdstore_wire.c - one message of a descriptor store (see fdstore.h); both sides, libc only
 */
#include "launcher/fdstore.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

int fdstore_send(int socket, enum fdstore_verb verb, const char *name, int fd)
{
    struct fdstore_message message = {.magic = FDSTORE_MAGIC, .verb = verb};
    union fdstore_control control;
    struct iovec iov = {.iov_base = &message, .iov_len = sizeof message};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    size_t length = name ? strlen(name) : 0;
    ssize_t sent;

    if (length >= sizeof message.name)
        return -ENAMETOOLONG;
    if (name)
        memcpy(message.name, name, length);
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(&control.align), &fd, sizeof fd);
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
    }
    do
        sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int fdstore_receive(int socket, struct fdstore_message *ret_message, int *ret_fd)
{
    union fdstore_control control;
    struct iovec iov = {.iov_base = ret_message, .iov_len = sizeof *ret_message};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    struct cmsghdr *head;
    ssize_t got;

    *ret_fd = -1;
    do
        got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got < 0 ? -errno : 1;
    head = CMSG_FIRSTHDR(&msg);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(head), sizeof *ret_fd);
    if (got == (ssize_t)sizeof *ret_message && ret_message->magic == FDSTORE_MAGIC &&
        memchr(ret_message->name, '\0', sizeof ret_message->name))
        return 0;
    if (*ret_fd >= 0)
        (void)close(*ret_fd);
    *ret_fd = -1;
    return -EPROTO;
}
