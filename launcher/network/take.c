/*
 * take.c - see take.h
 */
#include "launcher/network/take.h"

#include "launcher/kernel.h"
#include "launcher/raw.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

static int set_address(struct sockaddr_un *address, const char *path)
{
    if (raw_strlen(path) >= sizeof address->sun_path)
        return -ENAMETOOLONG;
    raw_zero(address, sizeof *address);
    address->sun_family = AF_UNIX;
    raw_copy_text(address->sun_path, sizeof address->sun_path, path);
    return 0;
}

/* Who listens could give us a network of its choice: it must be us, or root. */
static long check_peer(long socket)
{
    struct ucred peer = {.uid = UINT32_MAX}; /* the analyzer cannot see raw5() fill it */
    unsigned size = sizeof peer;
    long r = raw5(SYS_getsockopt, socket, SOL_SOCKET, SO_PEERCRED, &peer, &size);

    if (r >= 0 && peer.uid != 0 && peer.uid != (uint32_t)raw0(SYS_geteuid))
        return -EPERM;
    return r;
}

union fds_message {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
};

/* One message with one descriptor or two, the network last. */
static long receive(long socket, struct held_network *held)
{
    union fds_message control;
    char byte;
    struct iovec part = {.iov_base = &byte, .iov_len = sizeof byte};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    const int *fds = (const int *)(const void *)CMSG_DATA(&control.align);
    long r;

    raw_zero(&control, sizeof control);
    do
        r = raw3(SYS_recvmsg, socket, &message, MSG_CMSG_CLOEXEC);
    while (r == -EINTR);
    if (r < 0)
        return r;
    if (control.align.cmsg_type != SCM_RIGHTS || control.align.cmsg_level != SOL_SOCKET)
        return -EPROTO;
    if (control.align.cmsg_len == CMSG_LEN(2 * sizeof(int)))
        held->users = *fds++;
    held->network = *fds;
    return 0;
}

static long ask(long socket, const char *path, struct held_network *held, const char **ret_call)
{
    const int64_t most[2] = {HOLDER_SEC, 0};
    struct sockaddr_un address;
    long r = set_address(&address, path);

    *ret_call = "connect";
    raw5(SYS_setsockopt, socket, SOL_SOCKET, SO_RCVTIMEO, most, sizeof most);
    raw5(SYS_setsockopt, socket, SOL_SOCKET, SO_SNDTIMEO, most, sizeof most);
    if (r >= 0)
        r = raw3(SYS_connect, socket, &address, sizeof address);
    if (r < 0)
        return r;
    *ret_call = "SO_PEERCRED";
    r = check_peer(socket);
    if (r < 0)
        return r;
    *ret_call = "recvmsg";
    return receive(socket, held);
}

int network_take(const char *path, struct held_network *ret_held, const char **ret_call)
{
    long socket = raw3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r;

    *ret_held = (struct held_network){-1, -1};
    *ret_call = "socket";
    if (socket < 0)
        return (int)socket;
    r = ask(socket, path, ret_held, ret_call);
    raw1(SYS_close, socket);
    return (int)r;
}
