/*
 * child_sockets.c - scn-child as a socket-activated service, by sd_listen_fds(3), and as its client
 *
 * An address is /PATH, @NAME or A.B.C.D:PORT.
 */
#include "child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/scope.h"

enum { FIRST = 3, TEXT_MAX = 256 };

/* "ADDRESS=TEXT", "NAME=TEXT", cut in two. */
static const char *cut(const char *words, char address[TEXT_MAX])
{
    const char *equals = strchr(words, '=');

    if (!equals || (size_t)(equals - words) >= TEXT_MAX)
        exit(2);
    memcpy(address, words, (size_t)(equals - words));
    address[equals - words] = '\0';
    return equals + 1;
}

/* ---- the service ---- */

/* What came, and whether it is as sd_listen_fds(3) says: our PID, open, not close-on-exec. */
void child_listens(const char *unused)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    bool inherited = true;

    (void)unused;
    for (int i = 0; count && i < atoi(count); i++)
        inherited = inherited && fcntl(FIRST + i, F_GETFD) == 0;
    printf("listens: %s %s, pid %s, %s\n", count ? count : "none", names ? names : "-",
           pid && atoi(pid) == getpid() ? "ours" : "wrong",
           inherited ? "inherited" : "not inherited");
    fflush(stdout);
}

/* Answers so many clients of the first socket, 0: until a signal ends us. */
void child_serve(const char *count)
{
    for (long i = 0, most = atol(count); most == 0 || i < most; i++) {
        SCOPED_FD fd = accept4(FIRST, NULL, NULL, SOCK_CLOEXEC);
        char text[TEXT_MAX];
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

        if (n < 0)
            continue;
        text[n] = '\0';
        printf("served %s\n", text);
        fflush(stdout);
        dprintf(fd, "heard %s", text);
    }
}

/* Reads so many messages from the first descriptor: datagrams, or what a FIFO has. */
void child_take(const char *count)
{
    for (long i = 0; i < atol(count); i++) {
        char text[TEXT_MAX];
        ssize_t n = read(FIRST, text, sizeof text - 1);

        if (n <= 0)
            return;
        text[n] = '\0';
        printf("took %s\n", text);
        fflush(stdout);
    }
}

/* ---- the descriptor store ---- */

/* Two copies of it, as a program that does not remember would send them. */
static void send_stored(const char *text, int fd)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char room[CMSG_SPACE(2 * sizeof(int))] = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr msg = {.msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1};
    const int twice[2] = {fd, fd};
    SCOPED_FD out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (!path || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    msg.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0) {
        struct cmsghdr *c;

        msg.msg_control = room;
        msg.msg_controllen = sizeof room;
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof twice);
        memcpy(CMSG_DATA(c), twice, sizeof twice);
    }
    if (sendmsg(out, &msg, MSG_NOSIGNAL) < 0)
        printf("not stored: %s\n", strerror(errno));
    fflush(stdout);
}

/* NAME=TEXT: a file with that text; NAME=| an end of a pipe that nobody writes to any more; NAME=/
 * a directory. */
void child_store(const char *words)
{
    char name[TEXT_MAX], message[2 * TEXT_MAX];
    const char *text = cut(words, name);
    int fd, ends[2];

    if (text[0] == '|' && pipe2(ends, O_CLOEXEC) == 0) {
        fd = ends[0];
        close(ends[1]);
    } else if (text[0] == '/') {
        fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } else {
        fd = memfd_create(name, MFD_CLOEXEC);
        dprintf(fd, "%s", text);
    }
    snprintf(message, sizeof message, "FDSTORE=1\nFDNAME=%s", name);
    send_stored(message, fd);
    close(fd);
}

void child_unstore(const char *name)
{
    char message[2 * TEXT_MAX];

    snprintf(message, sizeof message, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    send_stored(message, -1);
}

/* What came: "name:text" of each descriptor that is a file. */
void child_stored(const char *unused)
{
    const char *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");

    (void)unused;
    printf("stored: %s", names ? names : "-");
    for (int i = 0; count && i < atoi(count); i++) {
        char text[TEXT_MAX];
        ssize_t n = pread(FIRST + i, text, sizeof text - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        printf(" %s", n > 0 ? text : "?");
    }
    printf(".\n");
    fflush(stdout);
}

/* ---- the client ---- */

static socklen_t unix_address(const char *text, struct sockaddr_storage *ret)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(text);

    if (len >= sizeof at.sun_path)
        return 0;
    memcpy(at.sun_path, text, len + 1);
    if (text[0] == '@')
        at.sun_path[0] = '\0';
    memcpy(ret, &at, sizeof at);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
}

static socklen_t address_of(const char *text, struct sockaddr_storage *ret)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strchr(text, ':');

    if (text[0] == '/' || text[0] == '@')
        return unix_address(text, ret);
    if (!colon || (size_t)(colon - text) >= sizeof host)
        return 0;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    at.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1)
        return 0;
    memcpy(ret, &at, sizeof at);
    return sizeof at;
}

static int reach(const char *address, int type)
{
    struct sockaddr_storage at;
    socklen_t len = address_of(address, &at);
    int fd = len ? socket(at.ss_family, type | SOCK_CLOEXEC, 0) : -1;
    int sys;

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, len) == 0)
        return fd;
    sys = fd < 0 ? EINVAL : errno;
    if (fd >= 0)
        close(fd);
    return -sys;
}

/* How much of an answer came, or -errno of the connection. */
static ssize_t ask_once(const char *address, const char *text, char answer[TEXT_MAX])
{
    SCOPED_FD fd = reach(address, SOCK_STREAM);
    ssize_t n;

    if (fd < 0)
        return fd;
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return 0;
    n = recv(fd, answer, TEXT_MAX - 1, 0);
    answer[n > 0 ? n : 0] = '\0';
    return n > 0 ? n : 0;
}

/* ADDRESS=TEXT: one connection, one line, its answer. */
void child_ask(const char *words)
{
    char address[TEXT_MAX], answer[TEXT_MAX] = "";
    const char *text = cut(words, address);
    ssize_t n = ask_once(address, text, answer);

    printf("%s\n", n > 0 ? answer : n == 0 ? "no answer" : strerror((int)-n));
    fflush(stdout);
}

/* ADDRESS=TEXT: one datagram; +ADDRESS: one sequential packet. */
void child_send(const char *words)
{
    char address[TEXT_MAX];
    const char *text = cut(words, address);
    bool packet = address[0] == '+';
    SCOPED_FD fd = reach(address + packet, packet ? SOCK_SEQPACKET : SOCK_DGRAM);

    if (fd < 0 || send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        printf("not sent: %s\n", strerror(fd < 0 ? -fd : errno));
    else
        printf("sent\n");
    fflush(stdout);
}

/* ADDRESS=FILE: one client after the other while the file is there.  One whose server is killed
 * in between asks again; one that is refused is counted. */
void child_storm(const char *words)
{
    char address[TEXT_MAX], answer[TEXT_MAX];
    const char *path = cut(words, address);
    long answered = 0, refused = 0;

    while (access(path, F_OK) == 0) {
        ssize_t n = ask_once(address, "storm", answer);

        answered += n > 0;
        refused += n < 0;
    }
    printf("storm: %s, %ld refused\n", answered > 0 ? "answered" : "not answered", refused);
    fflush(stdout);
}
