/*
 * listen.c - from an address to a descriptor (see listen.h)
 */
#include "service/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

static int type_of(enum listen_kind kind)
{
    static const int types[LISTEN_KINDS] = {[LISTEN_STREAM] = SOCK_STREAM,
                                            [LISTEN_DATAGRAM] = SOCK_DGRAM,
                                            [LISTEN_SEQPACKET] = SOCK_SEQPACKET};

    return types[kind] | SOCK_CLOEXEC;
}

/* ---- options ---- */

struct option {
    bool wanted;
    int level, name, value;
    const char *key;
};

static int seconds(coop_nsec length)
{
    return (int)((length + COOP_NSEC_PER_SEC - 1) / COOP_NSEC_PER_SEC);
}

static int set_options(int fd, const struct option *options, size_t count, struct coop_err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct option *o = &options[i];
        int r =
            o->wanted ? sys_setsockopt(fd, o->level, o->name, &o->value, sizeof o->value) : 0;

        if (r < 0)
            return coop_fail_sys(err, r, "%s=", o->key);
    }
    return 0;
}

/* More than the ceiling (net.core.rmem_max) is for root; others get what there is. */
static int set_buffer(int fd, int64_t bytes, int forced, int name, const char *key,
                      struct coop_err *err)
{
    const int value = (int)bytes;
    int r;

    if (bytes == 0)
        return 0;
    r = sys_setsockopt(fd, SOL_SOCKET, forced, &value, sizeof value);
    if (r == -EPERM)
        r = sys_setsockopt(fd, SOL_SOCKET, name, &value, sizeof value);
    return r < 0 ? coop_fail_sys(err, r, "%s=", key) : 0;
}

static int set_internet(int fd, const struct socket_spec *spec, int family, bool stream,
                        struct coop_err *err)
{
    const bool v6 = family == AF_INET6;
    const struct option options[] = {
        {v6 && spec->bind_ipv6_only != BIND_IPV6_DEFAULT, IPPROTO_IPV6, IPV6_V6ONLY,
         spec->bind_ipv6_only == BIND_IPV6_ONLY, "BindIPv6Only"},
        {stream, SOL_SOCKET, SO_REUSEADDR, 1, "ListenStream"},
        {spec->reuse_port, SOL_SOCKET, SO_REUSEPORT, 1, "ReusePort"},
        {spec->free_bind, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, 1,
         "FreeBind"},
        {spec->transparent, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
         v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1, "Transparent"},
        {spec->ip_ttl > 0, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL,
         spec->ip_ttl, "IPTTL"},
        {stream && spec->no_delay, IPPROTO_TCP, TCP_NODELAY, 1, "NoDelay"},
        {stream && spec->keep_alive_time > 0, IPPROTO_TCP, TCP_KEEPIDLE,
         seconds(spec->keep_alive_time), "KeepAliveTimeSec"},
        {stream && spec->keep_alive_interval > 0, IPPROTO_TCP, TCP_KEEPINTVL,
         seconds(spec->keep_alive_interval), "KeepAliveIntervalSec"},
        {stream && spec->keep_alive_probes > 0, IPPROTO_TCP, TCP_KEEPCNT,
         spec->keep_alive_probes, "KeepAliveProbes"},
        {stream && spec->defer_accept > 0, IPPROTO_TCP, TCP_DEFER_ACCEPT,
         seconds(spec->defer_accept), "DeferAcceptSec"},
    };
    int r = 0;

    if (set_options(fd, options, COOP_COUNT(options), err) < 0)
        return -1;
    if (spec->device)
        r = sys_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, spec->device,
                           (socklen_t)strlen(spec->device) + 1);
    return r < 0 ? coop_fail_sys(err, r, "BindToDevice=%s", spec->device) : 0;
}

static int set_all(int fd, const struct socket_spec *spec, int family, bool stream,
                   struct coop_err *err)
{
    const struct option options[] = {
        {spec->keep_alive, SOL_SOCKET, SO_KEEPALIVE, 1, "KeepAlive"},
        {spec->broadcast, SOL_SOCKET, SO_BROADCAST, 1, "Broadcast"},
        {spec->priority > 0, SOL_SOCKET, SO_PRIORITY, spec->priority, "Priority"},
        {spec->mark > 0, SOL_SOCKET, SO_MARK, spec->mark, "Mark"},
        {spec->pass_credentials && family == AF_UNIX, SOL_SOCKET, SO_PASSCRED, 1,
         "PassCredentials"},
        {spec->pass_security && family == AF_UNIX, SOL_SOCKET, SO_PASSSEC, 1, "PassSecurity"},
    };

    if (set_options(fd, options, COOP_COUNT(options), err) < 0 ||
        set_buffer(fd, spec->receive_buffer, SO_RCVBUFFORCE, SO_RCVBUF, "ReceiveBuffer", err) <
            0 ||
        set_buffer(fd, spec->send_buffer, SO_SNDBUFFORCE, SO_SNDBUF, "SendBuffer", err) < 0)
        return -1;
    return family == AF_UNIX ? 0 : set_internet(fd, spec, family, stream, err);
}

/* ---- paths ---- */

static int make_parents(const struct socket_spec *spec, const char *path, struct coop_err *err)
{
    char part[LISTEN_TEXT_MAX + 1];
    int r;

    str_copy(part, sizeof part, path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        r = sys_mkdirat(AT_FDCWD, part, spec->directory_mode);
        if (r < 0 && r != -EEXIST)
            return coop_fail_sys(err, r, "directory '%s'", part);
        if (r == 0) /* whatever the umask is */
            sys_fchmodat(AT_FDCWD, part, spec->directory_mode, 0);
        *slash = '/';
    }
    return 0;
}

/* To its owner first: whoever may open it must find it as it is to stay. */
static int open_to_others(const struct socket_spec *spec, const char *path,
                          struct coop_err *err)
{
    int r = 0;

    if (spec->uid != (uid_t)-1 || spec->gid != (gid_t)-1)
        r = sys_fchownat(AT_FDCWD, path, spec->uid, spec->gid, AT_SYMLINK_NOFOLLOW);
    if (r < 0)
        return coop_fail_sys(err, r, "SocketUser=, SocketGroup=");
    r = sys_fchmodat(AT_FDCWD, path, spec->mode, 0);
    return r < 0 ? coop_fail_sys(err, r, "SocketMode=") : 0;
}

static bool is_ours(const struct socket_spec *spec, const struct stat *st)
{
    return st->st_uid == geteuid() || (spec->uid != (uid_t)-1 && st->st_uid == spec->uid);
}

/* ---- who is in the way ---- */

static void name_of(pid_t pid, char *ret, size_t size)
{
    char path[64];
    SCOPED_SYS_FD fd = -1;
    ssize_t n;

    str_format(path, sizeof path, "/proc/%d/comm", (int)pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    n = fd < 0 ? -1 : sys_read(fd, ret, size - 1);
    ret[n > 0 ? n - 1 : 0] = '\0'; /* without its newline */
}

/* 1: nobody listens there any more, and the path is ours; it may go.  0: told why not. */
static int is_stale(const struct socket_spec *spec, const struct listen_address *address,
                    struct coop_err *err)
{
    SCOPED_SYS_FD fd = sys_socket(AF_UNIX, type_of(address->kind) | SOCK_NONBLOCK, 0);
    struct ucred who = {0};
    socklen_t len = sizeof who;
    struct stat st;
    char name[32] = "";
    int r;

    r = sys_fstatat(AT_FDCWD, address->text, &st, AT_SYMLINK_NOFOLLOW);
    if (fd < 0 || r < 0)
        return coop_fail_sys(err, fd < 0 ? fd : r, "bind");
    if (!S_ISSOCK(st.st_mode) || !is_ours(spec, &st))
        return coop_fail(err, COOP_E_BUSY, "there is %s already",
                         S_ISSOCK(st.st_mode) ? "somebody else's socket" : "another file");
    r = sys_connect(fd, (const struct sockaddr *)&address->at, address->len);
    if (r == -ECONNREFUSED)
        return 1;
    /* Who called listen(2); that may be long gone, and its child have the socket. */
    if (r == 0 && sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.pid > 0)
        name_of(who.pid, name, sizeof name);
    if (name[0])
        return coop_fail(err, COOP_E_BUSY, "in use by process %d (%s)", (int)who.pid, name);
    return coop_fail(err, COOP_E_BUSY, "in use: somebody listens there");
}

/* ---- sockets ---- */

static int bind_path(int fd, const struct socket_spec *spec,
                     const struct listen_address *address, struct coop_err *err)
{
    const struct sockaddr *at = (const struct sockaddr *)&address->at;
    int r;

    if (make_parents(spec, address->text, err) < 0)
        return -1;
    r = sys_fchmod(fd, 0); /* the path is made with that mode: until it listens, for nobody */
    if (r == 0)
        r = sys_bind(fd, at, address->len);
    if (r == -EADDRINUSE) {
        if (is_stale(spec, address, err) != 1)
            return -1;
        r = sys_unlinkat(AT_FDCWD, address->text, 0);
        if (r == 0)
            r = sys_bind(fd, at, address->len);
    }
    return r < 0 ? coop_fail_sys(err, r, "bind") : 0;
}

static int start_listening(int fd, const struct socket_spec *spec, enum listen_kind kind,
                           struct coop_err *err)
{
    int backlog = spec->backlog > INT32_MAX ? INT32_MAX : (int)spec->backlog;
    int r = kind == LISTEN_DATAGRAM ? 0 : sys_listen(fd, backlog);

    return r < 0 ? coop_fail_sys(err, r, "listen") : 0;
}

/* A port alone is of IPv6 and IPv4; where there is no IPv6, of IPv4. */
static int make_socket(const struct listen_address *address, struct listen_address *ret_at,
                       int *ret_fd, struct coop_err *err)
{
    struct sockaddr_in any = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)address->port)};
    int fd;

    *ret_at = *address;
    if (address->family == 0)
        ret_at->family = AF_INET6;
    fd = sys_socket(ret_at->family, type_of(address->kind), 0);
    if (fd == -EAFNOSUPPORT && address->family == 0) {
        ret_at->family = AF_INET;
        ret_at->len = sizeof any;
        memcpy(&ret_at->at, &any, sizeof any);
        fd = sys_socket(AF_INET, type_of(address->kind), 0);
    }
    if (fd < 0)
        return coop_fail_sys(err, fd, "socket");
    *ret_fd = fd;
    return 0;
}

static int find_scope(struct listen_address *at, struct coop_err *err)
{
    struct sockaddr_in6 in6;
    long long number;

    if (!at->scope[0])
        return 0;
    memcpy(&in6, &at->at, sizeof in6);
    in6.sin6_scope_id = if_nametoindex(at->scope);
    if (in6.sin6_scope_id == 0 && str_to_int(at->scope, 1, INT32_MAX, &number) == 0)
        in6.sin6_scope_id = (uint32_t)number;
    memcpy(&at->at, &in6, sizeof in6);
    return in6.sin6_scope_id
               ? 0
               : coop_fail(err, COOP_E_MISSING, "there is no interface '%s'", at->scope);
}

static int open_socket(const struct socket_spec *spec, const struct listen_address *address,
                       int *ret_fd, struct coop_err *err)
{
    const char *path = listen_path(address);
    struct listen_address at;
    SCOPED_SYS_FD fd = -1;
    int r = 0;

    if (make_socket(address, &at, &fd, err) < 0 || find_scope(&at, err) < 0 ||
        set_all(fd, spec, at.family, at.kind == LISTEN_STREAM, err) < 0)
        return -1;
    if (path && bind_path(fd, spec, &at, err) < 0)
        return -1;
    if (!path)
        r = sys_bind(fd, (const struct sockaddr *)&at.at, at.len);
    if (r < 0)
        return coop_fail_sys(err, r, "bind");
    if (start_listening(fd, spec, at.kind, err) < 0 ||
        (path && open_to_others(spec, path, err) < 0))
        return -1;
    *ret_fd = fd_take(&fd);
    return 0;
}

/* ---- FIFOs ---- */

/* Open for writing, too: it has no end when the last writer leaves. */
static int open_fifo(const struct socket_spec *spec, const char *path, int *ret_fd,
                     struct coop_err *err)
{
    SCOPED_SYS_FD fd = -1;
    struct stat st;
    int r;

    if (make_parents(spec, path, err) < 0)
        return -1;
    r = sys_mkfifoat(AT_FDCWD, path, 0);
    if (r < 0 && r != -EEXIST)
        return coop_fail_sys(err, r, "mkfifo");
    if (r == 0)
        sys_fchmodat(AT_FDCWD, path, 0600, 0);
    fd = sys_openat(AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return coop_fail_sys(err, fd, "open");
    r = sys_fstat(fd, &st);
    if (r < 0)
        return coop_fail_sys(err, r, "stat");
    if (!S_ISFIFO(st.st_mode) || !is_ours(spec, &st))
        return coop_fail(err, COOP_E_BUSY, "there is %s already",
                         S_ISFIFO(st.st_mode) ? "somebody else's FIFO" : "another file");
    if (spec->pipe_size > 0)
        r = sys_fcntl_int(fd, F_SETPIPE_SZ, (int)spec->pipe_size);
    if (r < 0)
        return coop_fail_sys(err, r, "PipeSize=");
    if (open_to_others(spec, path, err) < 0)
        return -1;
    *ret_fd = fd_take(&fd);
    return 0;
}

/* ---- the public calls ---- */

int listen_open(const struct socket_spec *spec, const struct listen_address *address,
                int *ret_fd, struct coop_err *err)
{
    int r = address->kind == LISTEN_FIFO ? open_fifo(spec, address->text, ret_fd, err)
                                         : open_socket(spec, address, ret_fd, err);

    return r < 0 ? coop_while(err, "%s:%u: %s=%s", spec->file, address->line,
                              listen_key(address->kind), address->text)
                 : 0;
}

bool listen_has_news(int fd)
{
    const struct timespec at_once = {0};
    struct pollfd look = {.fd = fd, .events = POLLIN};

    return sys_ppoll(&look, 1, &at_once, NULL) > 0 && (look.revents & POLLIN);
}

void listen_remove(const struct listen_address *address)
{
    const char *path = listen_path(address);

    if (path)
        sys_unlinkat(AT_FDCWD, path, 0);
}
