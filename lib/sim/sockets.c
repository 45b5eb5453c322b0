/*
 * sockets.c - the fake kernel's unix sockets (see coop/sim.h)
 *
 * A connected socket is two streams, one each way.  Those of a pair differ only in whether lengths
 * are kept; datagram sockets with names have one stream each (datagrams.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/scope.h"
#include "sim/internal.h"

/* ---- helpers ---- */

static int file_flags(int type)
{
    return O_RDWR | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0);
}

static bool keeps_packets(int type)
{
    return (type & 0xf) != SOCK_STREAM;
}

static void connect_pair(struct file *a, struct file *b)
{
    struct stream *there = fake_stream_new(a->packets), *back = fake_stream_new(a->packets);

    fake_file_join(a, back, there);
    fake_file_join(b, there, back);
}

const char *fake_socket_name(const struct sockaddr *addr, socklen_t len)
{
    static char name[sizeof(struct sockaddr_un) + 1];
    size_t size = len - offsetof(struct sockaddr_un, sun_path);

    if (len <= offsetof(struct sockaddr_un, sun_path) || addr->sa_family != AF_UNIX ||
        size >= sizeof name)
        return NULL;
    memcpy(name, (const char *)addr + offsetof(struct sockaddr_un, sun_path), size);
    name[size] = '\0';
    if (name[0] == '\0')
        name[0] = '@';
    return name;
}

static size_t copy_in(const struct msghdr *msg, struct buf *out)
{
    for (size_t i = 0; i < msg->msg_iovlen; i++)
        buf_add(out, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
    return out->len;
}

/* Spreads bytes over the parts of a message. */
static void copy_out(const char *bytes, size_t len, struct msghdr *ret_msg)
{
    for (size_t i = 0; i < ret_msg->msg_iovlen && len > 0; i++) {
        struct iovec *part = &ret_msg->msg_iov[i];
        size_t some = len < part->iov_len ? len : part->iov_len;

        memcpy(part->iov_base, bytes, some);
        bytes += some;
        len -= some;
    }
}

/* ---- inside ---- */

/* Nobody will accept what still waits; a listener's name stays, as outside. */
void fake_socket_close(struct file *file)
{
    for (size_t i = 0; i < file->waiting_count; i++)
        fake_file_unref(file->waiting[i]);
    file->waiting_count = 0;
    if (file->node && file->node->listener == file)
        file->node->listener = NULL;
    if (file->node && file->node->path[0] == '@')
        fake_node_unlink(file->node); /* an abstract name goes with its socket */
}

/* ---- the calls ---- */

int fake_sys_socketpair(int domain, int type, int protocol, int ret_fds[2])
{
    struct file *a = fake_file_new(FILE_SOCKET, file_flags(type));
    struct file *b = fake_file_new(FILE_SOCKET, file_flags(type));
    int first, second;

    (void)protocol;
    a->packets = b->packets = keeps_packets(type);
    a->type = b->type = type & 0xf;
    connect_pair(a, b);
    first = fake_fd_new(a);
    second = fake_fd_new(b);
    if (domain == AF_UNIX && first >= 0 && second >= 0) {
        ret_fds[0] = first;
        ret_fds[1] = second;
        return 0;
    }
    if (first >= 0)
        fake_sys_close(first);
    if (second >= 0)
        fake_sys_close(second);
    return domain == AF_UNIX ? -EMFILE : -EAFNOSUPPORT;
}

int fake_sys_socket(int domain, int type, int protocol)
{
    struct file *file;

    (void)protocol;
    if (domain != AF_UNIX)
        return -EAFNOSUPPORT;
    file = fake_file_new(FILE_SOCKET, file_flags(type));
    file->packets = keeps_packets(type);
    file->type = type & 0xf;
    if (file->type == SOCK_DGRAM)
        fake_datagrams_open(file);
    return fake_fd_new(file);
}

int fake_sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct file *file = fake_file(fd);
    const char *path = fake_socket_name(addr, len);

    if (!file)
        return -EBADF;
    if (file->kind != FILE_SOCKET || !path || file->node)
        return -EINVAL;
    if (fake_node_find(path))
        return -EADDRINUSE;
    file->node = fake_node_make_socket(path);
    file->node->refs++;
    if (file->type == SOCK_DGRAM)
        file->node->listener = file;
    return 0;
}

int fake_sys_listen(int fd, int backlog)
{
    struct file *file = fake_file(fd);

    (void)backlog;
    if (!file)
        return -EBADF;
    if (!file->node || file->in)
        return -EINVAL;
    file->kind = FILE_LISTENER;
    file->node->listener = file;
    return 0;
}

int fake_sys_getsockopt(int fd, int level, int name, void *ret_value, socklen_t *ret_len)
{
    struct file *file = fake_file(fd);

    if (!file)
        return -EBADF;
    if (level != SOL_SOCKET)
        return -ENOPROTOOPT;
    if (name == SO_PEERCRED && *ret_len >= sizeof(struct ucred)) {
        struct ucred peer = {.pid = file->peer ? file->peer : FAKE_SELF};

        memcpy(ret_value, &peer, sizeof peer);
        *ret_len = sizeof peer;
        return 0;
    }
    if (name == SO_TYPE && *ret_len >= sizeof file->type) {
        memcpy(ret_value, &file->type, sizeof file->type);
        *ret_len = sizeof file->type;
        return 0;
    }
    if (name == SO_ERROR && *ret_len >= sizeof(int)) {
        memset(ret_value, 0, sizeof(int));
        return 0;
    }
    return -ENOPROTOOPT;
}

int fake_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    struct file *file = fake_file(fd);
    int on = 0;

    if (!file)
        return -EBADF;
    if (len >= sizeof on)
        memcpy(&on, value, sizeof on);
    if (level == SOL_SOCKET && name == SO_PASSCRED)
        file->tells_sender = on != 0;
    return 0;
}

int fake_sys_shutdown(int fd, int how)
{
    struct file *file = fake_file(fd);

    if (!file)
        return -EBADF;
    if (!file->in || !file->out)
        return -ENOTCONN;
    if (how != SHUT_RD && file->out->writers > 0) {
        file->out->writers--;
        file->out->in_events++;
        file->shut |= SHUT_WRITES;
    }
    if (how != SHUT_WR && file->in->readers > 0) {
        file->in->readers--;
        file->in->out_events++;
        file->shut |= SHUT_READS;
    }
    return 0;
}

static bool has_waiting(void *arg)
{
    return ((const struct file *)arg)->waiting_count > 0;
}

int fake_sys_accept4(int fd, struct sockaddr *ret_addr, socklen_t *ret_len, int flags)
{
    struct file *file = fake_file(fd), *peer;

    if (!file)
        return -EBADF;
    if (file->kind != FILE_LISTENER)
        return -EINVAL;
    if (!file->waiting_count && file->flags & O_NONBLOCK)
        return -EAGAIN;
    if (!fake_block(has_waiting, file))
        fake_give_up("accept() waits for ever");
    peer = file->waiting[0];
    peer->refs++;
    if (ret_addr && ret_len)
        *ret_len = 0;
    fd = fake_fd_new(peer);
    if (fd < 0)
        return fd; /* it goes on waiting, as outside */
    peer->refs--;
    peer->flags = file_flags(flags);
    memmove(&file->waiting[0], &file->waiting[1],
            --file->waiting_count * sizeof file->waiting[0]);
    return fd;
}

int fake_sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct file *file = fake_file(fd), *peer;
    const char *path = fake_socket_name(addr, len);
    struct node *node = path ? fake_node_find(path) : NULL;

    if (!file)
        return -EBADF;
    if (file->type == SOCK_DGRAM)
        return fake_datagrams_connect(file, path);
    if (file->in)
        return -EISCONN;
    if (!node)
        return -ENOENT;
    if (!node->listener)
        return -ECONNREFUSED;
    if (node->listener->type != file->type)
        return -EPROTOTYPE;
    if (node->listener->waiting_count == COOP_COUNT(node->listener->waiting))
        return -EAGAIN;
    peer = fake_file_new(FILE_SOCKET, O_RDWR);
    peer->packets = file->packets;
    peer->type = file->type;
    peer->peer = fake_running();
    connect_pair(file, peer);
    node->listener->waiting[node->listener->waiting_count++] = peer;
    node->listener->events++;
    return 0;
}

/* The descriptors in a message's control part, as a parcel; NULL: none. */
static int pack(const struct msghdr *msg, struct parcel **ret_parcel)
{
    struct cmsghdr *c = msg->msg_controllen ? CMSG_FIRSTHDR(msg) : NULL;
    struct parcel *parcel;

    *ret_parcel = NULL;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return 0;
    parcel = fake_grow(NULL, sizeof *parcel);
    *parcel = (struct parcel){.count = 0};
    for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
        int fd;
        struct file *file;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        file = fake_file(fd);
        if (!file || i == FAKE_PARCEL_MAX) {
            fake_parcel_drop(parcel);
            return file ? -ETOOMANYREFS : -EBADF;
        }
        file->refs++;
        parcel->files[parcel->count++] = file;
    }
    *ret_parcel = parcel;
    return 0;
}

ssize_t fake_sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct buf all = BUF_INIT((size_t)1 << 26);
    struct iovec whole = {.iov_len = copy_in(msg, &all)};
    struct file *file = fake_file(fd);
    struct parcel *parcel;
    struct stream *to = file ? file->out : NULL;
    ssize_t r = pack(msg, &parcel);

    whole.iov_base = all.data;
    if (r == 0 && file && file->type == SOCK_DGRAM && msg->msg_name)
        r = fake_datagram_send(fake_socket_name(msg->msg_name, msg->msg_namelen), &whole,
                               !(file->flags & O_NONBLOCK) && !(flags & MSG_DONTWAIT), &to);
    else if (r == 0)
        r = fake_put(fd, &whole, 1, !(flags & MSG_DONTWAIT));
    buf_done(&all);
    if (parcel && to && r > 0) {
        parcel->at = to->sent - (to->packets ? 1 : (uint64_t)r);
        list_push_back(&to->parcels, &parcel->link);
    } else {
        fake_parcel_drop(parcel);
    }
    return r == -EPIPE && file && file->type == SOCK_DGRAM ? -ECONNREFUSED : r;
}

/* ---- what comes back beside the bytes ---- */

static void *add_control(struct msghdr *ret_msg, size_t *used, int type, size_t size)
{
    struct cmsghdr *c = (void *)((char *)ret_msg->msg_control + *used);

    if (*used + CMSG_SPACE(size) > ret_msg->msg_controllen) {
        ret_msg->msg_flags |= MSG_CTRUNC;
        return NULL;
    }
    *c = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = type};
    *used += CMSG_SPACE(size);
    return CMSG_DATA(c);
}

static void unpack(struct parcel *parcel, struct msghdr *ret_msg, size_t *used)
{
    size_t count = parcel->count;
    unsigned char *to;

    while (count && *used + CMSG_SPACE(count * sizeof(int)) > ret_msg->msg_controllen)
        count--;
    if (count < parcel->count)
        ret_msg->msg_flags |= MSG_CTRUNC;
    to = count ? add_control(ret_msg, used, SCM_RIGHTS, count * sizeof(int)) : NULL;
    for (size_t i = 0; to && i < count; i++) {
        int fd;

        parcel->files[i]->refs++;
        fd = fake_fd_new(parcel->files[i]);
        memcpy(to + i * sizeof fd, &fd, sizeof fd);
    }
}

ssize_t fake_sys_recvmsg(int fd, struct msghdr *ret_msg, int flags)
{
    static char bytes[FAKE_PIPE_ROOM];
    struct ucred sender = {.pid = coop_sim_self()};
    struct file *file = fake_file(fd);
    struct parcel *parcel;
    size_t room = 0, used = 0;
    ssize_t got;
    bool cut;
    void *to;

    for (size_t i = 0; i < ret_msg->msg_iovlen; i++)
        room += ret_msg->msg_iov[i].iov_len;
    got =
        fake_get(fd, bytes, room < sizeof bytes ? room : sizeof bytes, !(flags & MSG_DONTWAIT));
    if (got < 0)
        return got;
    copy_out(bytes, (size_t)got, ret_msg);
    parcel = fake_parcel_take(&cut);
    ret_msg->msg_flags = got > 0 && cut ? MSG_TRUNC : 0;
    if (parcel && parcel->pid)
        sender.pid = parcel->pid;
    if (got > 0 && file->tells_sender &&
        (to = add_control(ret_msg, &used, SCM_CREDENTIALS, sizeof sender)))
        memcpy(to, &sender, sizeof sender);
    if (got > 0 && parcel)
        unpack(parcel, ret_msg, &used);
    fake_parcel_drop(parcel);
    ret_msg->msg_controllen = used;
    return got;
}
