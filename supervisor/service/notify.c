/*
 * notify.c - datagrams in, facts out (see notify.h)
 */
#include "service/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/io.h"

void notify_init(struct notify *notify)
{
    *notify = (struct notify){.fd = -1};
}

/* ---- opening ---- */

static int bind_at(int fd, const char *address, struct coop_err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address));
    const int on = 1;
    int r;

    if (str_copy(at.sun_path, sizeof at.sun_path, address) < 0) {
        coop_fail(err, COOP_E_LIMIT, "notify socket '%s': the name is longer than %zu bytes",
                  address, sizeof at.sun_path - 1);
        return coop_hint(err, "put coopd's socket (--socket) into a shorter directory");
    }
    if (address[0] == '@')
        at.sun_path[0] = '\0';
    else
        sys_unlinkat(AT_FDCWD, address, 0);
    r = sys_setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    if (r == 0)
        r = sys_bind(fd, (const struct sockaddr *)&at, len + (address[0] != '@'));
    if (r == 0 && address[0] != '@') /* any user may write; who counts is decided by the PID */
        r = sys_fchmodat(AT_FDCWD, address, 0666, 0);
    return r < 0 ? coop_fail_sys(err, r, "notify socket '%s'", address) : 0;
}

/* An abstract name has no owner: chance keeps others from taking it before us. */
static int make_address(char *address, size_t size, const char *run_dir, const char *name,
                        bool as_path)
{
    if (as_path)
        return str_format(address, size, "%s/notify/%s", run_dir, name);
    return str_format(address, size, "@coop/%016llx/%s", (unsigned long long)sys_random(),
                      name);
}

int notify_open_again(struct notify *notify, const char *address, struct coop_actor *actor,
                      int kind, struct coop_err *err)
{
    SCOPED_FREE char *copy = strdup(address);
    SCOPED_SYS_FD fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r;

    if (!copy || fd < 0)
        return coop_fail_sys(err, copy ? fd : -ENOMEM, "notify socket");
    if (bind_at(fd, address, err) < 0)
        return -1;
    r = coop_fdwatch_start(&notify->watch, fd, COOP_IN, actor, kind);
    if (r < 0)
        return coop_fail_sys(err, r, "notify socket '%s'", address);
    notify->fd = fd_take(&fd);
    notify->address = ptr_take(&copy);
    return 0;
}

int notify_open(struct notify *notify, const char *run_dir, const char *name, bool as_path,
                struct coop_actor *actor, int kind, struct coop_err *err)
{
    char text[512];

    if (notify->fd >= 0 && as_path == (notify->address[0] != '@'))
        return 0;
    notify_close(notify);
    if (make_address(text, sizeof text, run_dir, name, as_path) < 0)
        return coop_fail(err, COOP_E_LIMIT, "notify socket: the path is too long");
    return notify_open_again(notify, text, actor, kind, err);
}

int notify_take(struct notify *notify, int fd, const char *address, struct coop_actor *actor,
                int kind, struct coop_err *err)
{
    SCOPED_SYS_FD owned = fd;
    SCOPED_FREE char *copy = strdup(address);
    int r = copy ? coop_fdwatch_start(&notify->watch, fd, COOP_IN, actor, kind) : -ENOMEM;

    if (r < 0)
        return coop_fail_sys(err, r, "notify socket '%s'", address);
    notify->fd = fd_take(&owned);
    notify->address = ptr_take(&copy);
    return 0;
}

void notify_close(struct notify *notify)
{
    if (notify->fd < 0)
        return;
    coop_fdwatch_stop(&notify->watch);
    coop_fd_close(notify->fd);
    if (notify->address[0] != '@')
        sys_unlinkat(AT_FDCWD, notify->address, 0);
    free(notify->address);
    notify_init(notify);
}

/* ---- reading ---- */

/* Microseconds, to ns; 0 when it is no such number. */
static coop_nsec usec(const char *text)
{
    long long number;

    if (str_to_int(text, 1, INT64_MAX / COOP_NSEC_PER_USEC, &number) < 0)
        return 0;
    return number * COOP_NSEC_PER_USEC;
}

/* What is about time. True when it was. */
static bool parse_time(const char *text, struct notify_message *message)
{
    if (strcmp(text, "WATCHDOG=1") == 0)
        message->watchdog = WATCHDOG_PING;
    else if (strcmp(text, "WATCHDOG=trigger") == 0)
        message->watchdog = WATCHDOG_TRIGGER;
    else if (str_starts_with(text, "WATCHDOG_USEC="))
        message->watchdog_every = usec(text + strlen("WATCHDOG_USEC="));
    else if (str_starts_with(text, "EXTEND_TIMEOUT_USEC="))
        message->extend = usec(text + strlen("EXTEND_TIMEOUT_USEC="));
    else if (str_starts_with(text, "MONOTONIC_USEC="))
        message->said_at = usec(text + strlen("MONOTONIC_USEC="));
    else
        return false;
    return true;
}

/* As systemd has it: printable, and without what stands between two names; '/' is ours. */
static bool is_name(const char *text)
{
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == ':' || *at == '/')
            return false;
    return text[0] && strlen(text) < sizeof((struct notify_message *)0)->fd_name;
}

/* What is about descriptors. True when it was. */
static bool parse_store(const char *text, struct notify_message *message)
{
    if (strcmp(text, "FDSTORE=1") == 0)
        message->fd_store = true;
    else if (strcmp(text, "FDSTOREREMOVE=1") == 0)
        message->fd_remove = true;
    else if (strcmp(text, "FDPOLL=0") == 0)
        message->fd_unpolled = true;
    else if (!str_starts_with(text, "FDNAME="))
        return false;
    else if (is_name(text + strlen("FDNAME=")))
        str_copy(message->fd_name, sizeof message->fd_name, text + strlen("FDNAME="));
    return true;
}

static void parse_line(const char *line, size_t len, struct notify_message *message)
{
    char text[288];
    long long number;

    if (len >= sizeof text) {
        if (strncmp(line, "STATUS=", 7) != 0)
            return;
        len = sizeof text - 1;
    }
    memcpy(text, line, len);
    text[len] = '\0';
    if (parse_time(text, message) || parse_store(text, message))
        return;
    if (strcmp(text, "READY=1") == 0) {
        message->ready = true;
    } else if (strcmp(text, "RELOADING=1") == 0) {
        message->reloading = true;
    } else if (strcmp(text, "STOPPING=1") == 0) {
        message->stopping = true;
    } else if (str_starts_with(text, "STATUS=")) {
        message->has_status = true;
        str_copy(message->status, sizeof message->status, text + 7);
    } else if (str_starts_with(text, "ERRNO=")) {
        if (str_to_int(text + strlen("ERRNO="), 1, 4095, &number) == 0)
            message->error = (int)number;
    } else if (str_starts_with(text, "MAINPID=")) {
        if (str_to_int(text + 8, 1, INT32_MAX, &number) == 0)
            message->main_pid = (pid_t)number;
    }
}

void notify_parse(const char *text, size_t size, struct notify_message *ret_message)
{
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t len = end ? (size_t)(end - text) : size;

        parse_line(text, len, ret_message);
        text += len + (end ? 1 : 0);
        size -= len + (end ? 1 : 0);
    }
}

/* Who sent it, and what came along. */
static void read_control(struct msghdr *msg, struct notify_message *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;

            memcpy(&who, CMSG_DATA(c), sizeof who);
            message->sender = who.pid;
            message->uid = who.uid;
        } else if (c->cmsg_type == SCM_RIGHTS) {
            size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

            count = count < NOTIFY_FDS_MAX ? count : NOTIFY_FDS_MAX;
            memcpy(message->fds, CMSG_DATA(c), count * sizeof(int));
            message->fd_count = (unsigned)count;
        }
    }
}

void notify_message_done(struct notify_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        if (message->fds[i] >= 0)
            sys_close(message->fds[i]);
    message->fd_count = 0;
}

int notify_next(struct notify *notify, struct notify_message *ret_message)
{
    char text[NOTIFY_MAX];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(NOTIFY_FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = text, .iov_len = sizeof text};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    ssize_t n;

    *ret_message = (struct notify_message){0};
    if (notify->fd < 0)
        return 0;
    n = sys_recvmsg(notify->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return 0;
    read_control(&msg, ret_message);
    if (msg.msg_flags & MSG_TRUNC)
        ret_message->too_long = true;
    else
        notify_parse(text, (size_t)n, ret_message);
    return 1;
}
