/*
 * attacker_walls.c - attacks on the second wall: Landlock's files, ports and sockets (cases D), and
 * on the network where it is shared (E)
 */
#include "attack/attacker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* ---- files handed in open ---- */

/* Our descriptor 0 is a file of the caller's, opened for reading; its mode would let us write. */
static void reopen_stdin(void)
{
    static const char *const ways[] = {"/proc/self/fd/0", "/dev/stdin",
                                       "/proc/thread-self/fd/0"};
    char byte;

    door(read(0, &byte, 1) != 1, "what the caller handed in can be read");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        refuse_open(ways[i], O_WRONLY);
        refuse_open(ways[i], O_RDWR);
        refuse_open(ways[i], O_WRONLY | O_APPEND);
        refuse_open(ways[i], O_RDONLY | O_TRUNC);
        shut(truncate(ways[i], 0), "truncate", 0);
        shut(linkat(AT_FDCWD, ways[i], AT_FDCWD, "/tmp/taken", AT_SYMLINK_FOLLOW), "linkat", 0);
    }
    shut(linkat(0, "", AT_FDCWD, "/tmp/taken", AT_EMPTY_PATH), "linkat of the descriptor", 0);
    shut(ftruncate(0, 0), "ftruncate", 0);
    shut(write(0, "x", 1), "write", 0);
}

/* ---- sockets ---- */

static socklen_t host_name(struct sockaddr_un *ret_name)
{
    const char *text = fact("socket");

    if (!text)
        cannot("no socket named");
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_name->sun_path + 1, text, strlen(text));
    return (socklen_t)(sizeof(sa_family_t) + 1 + strlen(text));
}

/* With the host's network: nothing but Landlock's scope is in the way. */
static void reach_abstract(void)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    struct sockaddr_un name;
    socklen_t length = host_name(&name);

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        shut(connect(fd, (struct sockaddr *)&name, length), "connect to an abstract socket",
             EPERM, EPROTOTYPE, ECONNREFUSED, 0);
        if (types[i] == SOCK_STREAM)
            shut(connect(fd, (struct sockaddr *)&name, length), "the stream socket", EPERM, 0);
        close(fd);
    }
}

static struct sockaddr_in host_port(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)fact_number("port"))};
    return to;
}

static void try_connect(int family, int protocol, const char *what)
{
    struct sockaddr_in four = host_port();
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = four.sin_port};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);

    inet_pton(AF_INET6, "::ffff:127.0.0.1", &six.sin6_addr);
    if (fd < 0) {
        door(0, "%s: no such socket: %s", what, strerrorname_np(errno));
        return;
    }
    shut(family == AF_INET ? connect(fd, (struct sockaddr *)&four, sizeof four)
                           : connect(fd, (struct sockaddr *)&six, sizeof six),
         what, EACCES, EPERM, 0);
    close(fd);
}

/* The connection that is made by sending. */
static void try_fast_open(void)
{
    struct sockaddr_in to = host_port();
    char byte = 0;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct mmsghdr many = {
        .msg_hdr = {
            .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1}};
    const int on = 1;
    int fds[4];

    for (size_t i = 0; i < 4; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    shut(sendto(fds[0], "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to),
         "sendto(MSG_FASTOPEN)", EACCES, EPERM, EOPNOTSUPP, 0);
    shut(sendmsg(fds[1], &many.msg_hdr, MSG_FASTOPEN | MSG_NOSIGNAL), "sendmsg(MSG_FASTOPEN)",
         EACCES, EPERM, EOPNOTSUPP, 0);
    shut(sendmmsg(fds[2], &many, 1, MSG_FASTOPEN | MSG_NOSIGNAL), "sendmmsg(MSG_FASTOPEN)",
         EACCES, EPERM, EOPNOTSUPP, 0);
    (void)setsockopt(fds[3], IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
    shut(connect(fds[3], (struct sockaddr *)&to, sizeof to), "connect, opened fast", EACCES,
         EPERM, 0);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
}

/* With the host's network, and --connect-tcp=none --bind-tcp=none. */
static void tcp_ports(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd;

    try_connect(AF_INET, 0, "TCP over IPv4");
    try_connect(AF_INET6, 0, "TCP over IPv6");
    try_connect(AF_INET, IPPROTO_MPTCP, "MPTCP over IPv4");
    try_connect(AF_INET6, IPPROTO_MPTCP, "MPTCP over IPv6");
    try_connect(AF_INET, 132 /* SCTP */, "SCTP");
    try_fast_open();
    for (int port = 0; port < 60002; port += 20000) {
        any.sin_port = htons((uint16_t)port);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        shut(bind(fd, (struct sockaddr *)&any, sizeof any), "bind", EACCES, EPERM, 0);
        close(fd);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
        if (fd >= 0)
            shut(bind(fd, (struct sockaddr *)&any, sizeof any), "bind of MPTCP", EACCES, EPERM,
                 0);
        close(fd);
    }
    /* listen(2) without bind takes a port, too */
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    shut(listen(fd, 1), "listen on a port of the kernel's choice", EACCES, EPERM, 0);
    close(fd);
}

const struct attack attacks_on_walls[] = {
    {"reopen-stdin", reopen_stdin},
    {"reach-abstract", reach_abstract},
    {"tcp-ports", tcp_ports},
    {NULL, NULL},
};
