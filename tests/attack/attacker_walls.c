/*
 * attacker_walls.c - attacks on the second wall: Landlock's files, ports and sockets (cases D), and
 * on the network (E); and on what single keys take away
 */
#include "attack/attacker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
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
}

/* ---- memory ---- */

#define CODE_SIZE 4096

/* With --memory-deny-write-execute. */
static void write_execute(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), id;
    void *at =
        mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED || fd < 0)
        cannot("no memory, or no file");
    shut(mprotect(at, CODE_SIZE, PROT_READ | PROT_EXEC), "executable after writable", EPERM,
         EACCES, 0);
    shut(mprotect(at, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC), "executable and writable",
         EPERM, EACCES, 0);
    shut(syscall(SYS_pkey_mprotect, at, CODE_SIZE, PROT_READ | PROT_EXEC, -1), "pkey_mprotect",
         EPERM, EACCES, ENOSYS, EINVAL, 0);
    shut(
        (long)mmap(NULL, CODE_SIZE, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        "mapped executable and writable", EPERM, EACCES, 0);
    shut((long)mmap(NULL, CODE_SIZE, PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0),
         "a file mapped executable and writable", EPERM, EACCES, 0);
    id = shmget(IPC_PRIVATE, CODE_SIZE, IPC_CREAT | 0700);
    if (id >= 0)
        shut((long)shmat(id, NULL, SHM_EXEC), "shared memory, executable", EPERM, EACCES, 0);
    shut(personality(READ_IMPLIES_EXEC), "READ_IMPLIES_EXEC", EPERM, ENOSYS, 0);
    shut(prctl(65 /* PR_SET_MDWE */, 0, 0, 0, 0), "the wall taken down again", 0);
}

static void odd_sockets(void)
{
    static const int families[] = {AF_INET, AF_INET6, AF_NETLINK,      AF_PACKET,
                                   AF_ALG,  AF_VSOCK, 44 /* AF_XDP */, AF_BLUETOOTH};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    door(fd < 0, "AF_UNIX is allowed");
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++)
            shut(socket(families[i], type | SOCK_CLOEXEC, 0), "a family that is not named",
                 EAFNOSUPPORT, 0);
    shut(socket(AF_UNIX + (1 << 16), SOCK_STREAM, 0), "an odd number", EAFNOSUPPORT, EINVAL, 0);
}

static void set_id_files(void)
{
    int fd = open("/tmp/mine", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

    if (fd < 0)
        cannot("nowhere to write");
    shut(chmod("/tmp/mine", 04755), "chmod", EPERM, 0);
    shut(fchmod(fd, 02755), "fchmod", EPERM, 0);
    shut(fchmodat(AT_FDCWD, "/tmp/mine", 06755, 0), "fchmodat", EPERM, 0);
    shut(syscall(452 /* fchmodat2 */, AT_FDCWD, "/tmp/mine", 06755, 0), "fchmodat2", EPERM,
         ENOSYS, 0);
    shut(open("/tmp/other", O_WRONLY | O_CREAT | O_CLOEXEC, 04755), "open", EPERM, 0);
    shut(openat(AT_FDCWD, "/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 04755), "O_TMPFILE", EPERM,
         0);
    shut(mknod("/tmp/fifo", S_IFIFO | 04755, 0), "mknod", EPERM, 0);
    door(chmod("/tmp/mine", 0700) < 0, "other modes can be set");
    close(fd);
}

static void real_time(void)
{
    struct sched_param one = {.sched_priority = 1}, none = {0};

    shut(sched_setscheduler(0, SCHED_FIFO, &one), "FIFO", EPERM, 0);
    shut(sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &one), "RR", EPERM, 0);
    shut(syscall(SYS_sched_setattr, 0, &one, 0), "sched_setattr", EPERM, 0);
    door(sched_setscheduler(0, SCHED_BATCH, &none) < 0, "batch is no real time");
}

/* ---- the network ---- */

/* Asks the kernel for a table; how many entries of it name a link other than the first. */
static int dump(int type, int *ret_others)
{
    struct {
        struct nlmsghdr head;
        struct rtgenmsg body;
    } ask = {{.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
              .nlmsg_type = (uint16_t)type,
              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             {.rtgen_family = AF_UNSPEC}};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), entries = 0;
    _Alignas(struct nlmsghdr) char answer[16384];
    ssize_t got;

    *ret_others = 0;
    if (fd < 0 || send(fd, &ask, ask.head.nlmsg_len, 0) < 0)
        return -1;
    got = recv(fd, answer, sizeof answer, 0);
    for (struct nlmsghdr *m = (void *)answer; got > 0 && NLMSG_OK(m, got);) {
        const struct ifinfomsg *link = NLMSG_DATA(m);
        size_t size = NLMSG_ALIGN(m->nlmsg_len);

        if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
            break;
        entries++;
        *ret_others += m->nlmsg_type == RTM_NEWLINK && link->ifi_index != 1;
        m = (void *)((char *)m + size);
        got -= (ssize_t)size;
    }
    close(fd);
    return entries;
}

static void send_out(const char *address, const char *what)
{
    struct sockaddr_in out = {.sin_family = AF_INET, .sin_port = htons(53)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        shut(fd, what, EPERM, EACCES, EAFNOSUPPORT, 0);
        return;
    }
    inet_pton(AF_INET, address, &out.sin_addr);
    shut(sendto(fd, "x", 1, 0, (struct sockaddr *)&out, sizeof out), what, ENETUNREACH, EPERM,
         EACCES, 0);
    close(fd);
}

static void see_network(void)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)fact_number("port"))};
    int others, fd;

    (void)dump(RTM_GETLINK, &others);
    door(others != 0, "%d links besides the loopback", others);
    door(dump(RTM_GETNEIGH, &others) > 0, "neighbours of the host");
    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    six.sin6_addr = in6addr_loopback;
    shut(connect(fd, (struct sockaddr *)&six, sizeof six), "connect to ::1", 0);
    inet_pton(AF_INET6, "fe80::1", &six.sin6_addr);
    six.sin6_scope_id = 2;
    shut(connect(fd, (struct sockaddr *)&six, sizeof six), "connect to a link-local address",
         0);
    close(fd);
    send_out("192.0.2.1", "a datagram to the world");
    send_out("169.254.169.254", "the cloud's metadata");
    for (int family = AF_UNIX + 1; family < 64; family++) {
        if (family == AF_INET || family == AF_INET6 || family == AF_NETLINK)
            continue;
        fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, 0);
        door(fd >= 0, "a raw socket of family %d", family);
        fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        door(fd >= 0, "a datagram socket of family %d", family);
    }
}

/* What execve() of 'path' says; where it works the program there ends at once. */
static long run_it(const char *path)
{
    static char name[] = "written", *argv[] = {name, NULL};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        execve(path, argv, argv + 1);
        _exit(errno == EACCES ? 100 : 101);
    }
    waitpid(pid, &status, 0);
    errno = WIFEXITED(status) && WEXITSTATUS(status) == 100 ? EACCES : EIO;
    return WIFEXITED(status) && WEXITSTATUS(status) >= 100 ? -1 : 0;
}

/* A copy of ourselves, in every place that can be written, in memory, and as mapped pages. */
static void run_written(void)
{
    static const char *const places[] = {"/tmp/written", "/dev/shm/written"};
    static char bytes[8 << 20];
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), tried = 0;
    ssize_t size = read(self, bytes, sizeof bytes);

    if (size < 64)
        cannot("our own program cannot be read");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int fd = open(places[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

        if (fd < 0)
            continue;
        tried++;
        door(write(fd, bytes, (size_t)size) != size, "%s takes nothing", places[i]);
        close(fd);
        shut(run_it(places[i]), places[i], EACCES, 0);
        fd = open(places[i], O_RDONLY | O_CLOEXEC);
        shut((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), "mapped", EPERM,
             EACCES, 0);
        close(fd);
    }
    filtered(syscall(SYS_memfd_create, "written", 0), "memfd_create");
    close(self);
    if (!tried)
        cannot("nowhere to write");
}

const struct attack attacks_on_walls[] = {
    {"reopen-stdin", reopen_stdin}, {"reach-abstract", reach_abstract},
    {"tcp-ports", tcp_ports},       {"write-execute", write_execute},
    {"odd-sockets", odd_sockets},   {"set-id-files", set_id_files},
    {"real-time", real_time},       {"see-network", see_network},
    {"run-written", run_written},   {NULL, NULL},
};
