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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/scope.h"

enum { FIRST = 3, TEXT_MAX = 256 };

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

/* "ADDRESS=TEXT", cut in two. */
static const char *cut(const char *words, char address[TEXT_MAX])
{
    const char *equals = strchr(words, '=');

    if (!equals || (size_t)(equals - words) >= TEXT_MAX)
        exit(2);
    memcpy(address, words, (size_t)(equals - words));
    address[equals - words] = '\0';
    return equals + 1;
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
