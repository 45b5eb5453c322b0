/* wire.c - bytes on a control socket; see wire.h */
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/scope.h"
#include "proc.h"

enum { HELD_MAX = 2000 };

static int held[HELD_MAX];
static unsigned held_count;

static int reach_with(const char *path, int flags)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    SCOPED_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (strlen(path) >= sizeof to.sun_path)
        return -1;
    strcpy(to.sun_path, path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        return -1;
    return fd_take(&fd);
}

static int reach(const char *path)
{
    return reach_with(path, 0);
}

bool wire_reaches(const char *socket_path)
{
    SCOPED_FD fd = reach(socket_path);

    return fd >= 0;
}

/* Sends what it can; false when the other side has had enough. */
static bool send_some(int fd, const char **at, size_t *left)
{
    ssize_t n = send(fd, *at, *left, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    *at += n;
    *left -= (size_t)n;
    return true;
}

/* Takes what there is; false at the end of the frame or of the stream. */
static bool take_some(int fd, struct text *reply)
{
    char piece[4096];
    ssize_t n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    text_add(reply, piece, strnlen(piece, (size_t)n));
    return memchr(piece, '\0', (size_t)n) == NULL;
}

static void compose(const struct wire_message *m, struct text *ret_bytes)
{
    text_add(ret_bytes, m->text, strlen(m->text));
    for (size_t i = 0; i < m->fill; i++)
        text_add(ret_bytes, "x", 1);
    for (size_t i = 0; i < m->depth; i++)
        text_add(ret_bytes, "[", 1);
    if (!m->no_end)
        text_add(ret_bytes, "", 1);
}

int wire_talk(struct scn *s, const char *socket_path, const struct wire_message *m,
              struct text *ret_reply, coop_nsec deadline)
{
    SCOPED_FD fd = reach(socket_path);
    struct text bytes = {0};
    bool open = true;

    if (fd < 0)
        return scn_fail(s, "connect to '%s': %s", socket_path, coop_strerror(errno));
    compose(m, &bytes);
    const char *at = bytes.data;
    size_t left = bytes.len;

    while (open && (left > 0 || !m->hang_up)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (left > 0)
            p.events |= POLLOUT;
        while (scn_pump(s, scn_now()) && scn_now() < deadline) {
        } /* coopd's log must not fill its pipe meanwhile */
        if (poll(&p, 1, 50) == 0 && scn_now() >= deadline)
            break;
        if (p.revents & (POLLIN | POLLHUP | POLLERR))
            open = take_some(fd, ret_reply);
        if (open && left > 0 && p.revents & POLLOUT)
            open = send_some(fd, &at, &left);
    }
    text_free(&bytes);
    return open && !m->hang_up ? scn_fail(s, "neither an answer nor a hang-up") : SCN_OK;
}

int wire_hold(struct scn *s, const char *socket_path, unsigned count, const char *text,
              unsigned *ret_held)
{
    *ret_held = 0;
    while (*ret_held < count && held_count < HELD_MAX) {
        int fd = reach_with(socket_path, SOCK_NONBLOCK); /* a full backlog refuses at once */

        if (fd < 0) {
            coop_nsec patience = scn_now() + 200 * COOP_NSEC_PER_MSEC;

            while (fd < 0 && scn_now() < patience) {
                scn_pump(s, scn_now() + COOP_NSEC_PER_MSEC);
                fd = reach_with(socket_path, SOCK_NONBLOCK);
            }
            if (fd < 0)
                break;
        }
        (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
        held[held_count++] = fd;
        ++*ret_held;
    }
    return SCN_OK;
}

void wire_release(void)
{
    while (held_count > 0)
        close(held[--held_count]);
}
