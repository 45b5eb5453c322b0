/*
 * files.c - the fake kernel's descriptors, pipes and reading and writing (see coop/sim.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sim/internal.h"

/* ---- state ---- */

static struct file *fds[COOP_SIM_FD_MAX];
static size_t fd_limit = COOP_SIM_FD_MAX, fds_open;
static int fd_lowest = COOP_SIM_FD_FIRST; /* none below it is free */

/* ---- files ---- */

/* NULL: it has none of that number. */
static struct held *held_of_running(int fd)
{
    struct proc *proc = fake_proc(fake_running());

    for (size_t i = 0; proc && i < FAKE_HELD_MAX; i++)
        if (proc->held[i].file && proc->held[i].number == fd)
            return &proc->held[i];
    return NULL;
}

struct file *fake_file(int fd)
{
    if (fake_running()) {
        struct held *held = held_of_running(fd);

        return held ? held->file : NULL;
    }
    return fd >= COOP_SIM_FD_FIRST && fd < COOP_SIM_FD_MAX ? fds[fd] : NULL;
}

struct file *fake_file_new(enum file_kind kind, int flags)
{
    struct file *file = calloc(1, sizeof *file);

    if (!file)
        abort();
    file->kind = kind;
    file->flags = flags;
    file->refs = 1;
    return file;
}

static void close_end(struct file *file)
{
    if (file->in) {
        if (!(file->shut & SHUT_READS) && --file->in->readers == 0)
            file->in->out_events++;
        fake_stream_unref(file->in);
    }
    if (file->out) {
        if (!(file->shut & SHUT_WRITES) && --file->out->writers == 0)
            file->out->in_events++;
        fake_stream_unref(file->out);
    }
}

void fake_file_unref(struct file *file)
{
    if (--file->refs > 0)
        return;
    fake_epoll_forget(file);
    if (file->kind == FILE_EPOLL)
        fake_epoll_done(file);
    if (file->kind == FILE_LISTENER || file->kind == FILE_SOCKET)
        fake_socket_close(file);
    close_end(file);
    if (file->node && file->node->locked_by == file)
        file->node->locked_by = NULL;
    if (file->node)
        fake_node_unref(file->node);
    if (file->timer)
        fake_timer_done(file);
    free(file->told);
    free(file);
}

/* The lowest number that is free there, as outside. */
static int fd_of_running(struct file *file)
{
    struct proc *proc = fake_proc(fake_running());
    int fd = 0;

    while (held_of_running(fd))
        fd++;
    for (size_t i = 0; proc && i < FAKE_HELD_MAX; i++) {
        if (!proc->held[i].file) {
            proc->held[i] = (struct held){fd, file};
            return fd;
        }
    }
    fake_file_unref(file);
    return -EMFILE;
}

int fake_fd_new(struct file *file)
{
    if (fake_running())
        return fd_of_running(file);
    while (fd_lowest < COOP_SIM_FD_MAX && fds[fd_lowest])
        fd_lowest++;
    if (fd_lowest == COOP_SIM_FD_MAX || fds_open >= fd_limit) {
        fake_file_unref(file);
        return -EMFILE;
    }
    fds_open++;
    fds[fd_lowest] = file;
    return fd_lowest++;
}

/* Joins a file to a stream, at one end of it or at both. */
void fake_file_join(struct file *file, struct stream *in, struct stream *out)
{
    if (in) {
        file->in = in;
        in->readers++;
        in->refs++;
    }
    if (out) {
        file->out = out;
        out->writers++;
        out->refs++;
        out->had_writer = true;
    }
}

static unsigned poll_streams(const struct file *file)
{
    unsigned mask = 0;

    if (file->in) {
        if (file->in->bytes.len || file->in->sizes.len)
            mask |= EPOLLIN | EPOLLRDNORM;
        if (file->in->writers == 0 && file->in->had_writer)
            mask |= file->out && file->out != file->in ? EPOLLIN | EPOLLRDHUP : EPOLLHUP;
    }
    if (file->out) {
        if (file->out->readers == 0)
            mask |= EPOLLERR | EPOLLOUT;
        else if (file->out->bytes.len + 4096 <= file->out->room)
            mask |= EPOLLOUT | EPOLLWRNORM;
    }
    if (!file->out && file->type == SOCK_DGRAM)
        mask |= EPOLLOUT | EPOLLWRNORM;
    if (file->in && file->out && file->in != file->out && file->in->writers == 0 &&
        file->out->readers == 0)
        mask |= EPOLLHUP;
    return mask;
}

unsigned fake_poll(struct file *file)
{
    switch (file->kind) {
    case FILE_PIPE:
    case FILE_SOCKET: return poll_streams(file);
    case FILE_LISTENER: return file->waiting_count ? EPOLLIN : 0;
    case FILE_NODE: return EPOLLIN | EPOLLOUT;
    case FILE_EPOLL: return 0;
    case FILE_TIMER: return file->count || file->timer->cancelled ? EPOLLIN : 0;
    case FILE_EVENT: return (file->count ? EPOLLIN : 0) | EPOLLOUT;
    case FILE_SIGNAL: return fake_pending_signals() & file->signals ? EPOLLIN : 0;
    case FILE_PIDFD: return fake_pidfd_ready(file) ? EPOLLIN : 0;
    }
    return 0;
}

unsigned fake_edges(const struct file *file)
{
    unsigned edges = file->events;

    if (file->in)
        edges += file->in->in_events;
    if (file->out)
        edges += file->out->out_events;
    if (file->kind == FILE_SIGNAL || file->kind == FILE_PIDFD)
        edges += fake_signal_events;
    return edges;
}

/* ---- reading and writing ---- */

static ssize_t event_get(struct file *file, void *ret_buf, size_t size)
{
    if (size < 8)
        return -EINVAL;
    if (file->count == 0)
        return -EAGAIN;
    memcpy(ret_buf, &file->count, 8);
    file->count = 0;
    return 8;
}

static ssize_t signal_get(struct file *file, void *ret_buf, size_t size)
{
    struct signalfd_siginfo info;
    char *at = ret_buf;

    if (size < sizeof info)
        return -EINVAL;
    while (size >= sizeof info && fake_take_signal(file->signals, &info)) {
        memcpy(at, &info, sizeof info);
        at += sizeof info;
        size -= sizeof info;
    }
    return at == (char *)ret_buf ? -EAGAIN : at - (char *)ret_buf;
}

static ssize_t file_get(struct file *file, void *ret_buf, size_t size)
{
    switch (file->kind) {
    case FILE_PIPE:
    case FILE_SOCKET: return file->in ? fake_stream_get(file->in, ret_buf, size) : -EBADF;
    case FILE_NODE: return fake_node_get(file, ret_buf, size);
    case FILE_TIMER:
        if (fake_timer_cancelled(file))
            return -ECANCELED;
        return event_get(file, ret_buf, size);
    case FILE_EVENT: return event_get(file, ret_buf, size);
    case FILE_SIGNAL: return signal_get(file, ret_buf, size);
    case FILE_LISTENER:
    case FILE_EPOLL:
    case FILE_PIDFD: break;
    }
    return -EINVAL;
}

static ssize_t event_put(struct file *file, const void *bytes, size_t size)
{
    uint64_t more;

    if (size < 8)
        return -EINVAL;
    memcpy(&more, bytes, 8);
    file->count += more;
    file->events++;
    return 8;
}

static ssize_t put_once(struct file *file, const void *bytes, size_t size)
{
    switch (file->kind) {
    case FILE_PIPE:
    case FILE_SOCKET:
        if (!file->out)
            return file->kind == FILE_SOCKET ? -ENOTCONN : -EBADF;
        return size == 0 && !file->out->packets ? 0 : fake_stream_put(file->out, bytes, size);
    case FILE_NODE: return fake_node_put(file, bytes, size);
    case FILE_EVENT: return event_put(file, bytes, size);
    case FILE_LISTENER:
    case FILE_EPOLL:
    case FILE_SIGNAL:
    case FILE_TIMER:
    case FILE_PIDFD: break;
    }
    return -EINVAL;
}

/* One write of all parts: gathered first, so that it is as atomic as outside. */
ssize_t fake_file_put(struct file *file, const struct iovec *iov, int count)
{
    struct buf all = BUF_INIT((size_t)1 << 26);
    ssize_t r;

    for (int i = 0; i < count; i++)
        buf_add(&all, iov[i].iov_base, iov[i].iov_len);
    r = all.error ? all.error : put_once(file, buf_text(&all), all.len);
    buf_done(&all);
    return r;
}

struct transfer {
    struct file *file;
    void *ret_buf;
    const struct iovec *iov;
    size_t size;
    int count;
    ssize_t result;
};

static bool try_get(void *arg)
{
    struct transfer *t = arg;

    t->result = file_get(t->file, t->ret_buf, t->size);
    return t->result != -EAGAIN;
}

static bool try_put(void *arg)
{
    struct transfer *t = arg;

    t->result = fake_file_put(t->file, t->iov, t->count);
    return t->result != -EAGAIN;
}

/* Once, or until it works if the descriptor blocks (and this call does not say otherwise). */
static ssize_t transfer(struct transfer *t, bool (*attempt)(void *arg), bool may_block)
{
    if (!attempt(t) && may_block && !(t->file->flags & O_NONBLOCK) && !fake_block(attempt, t))
        fake_give_up("a read or write waits for ever");
    return t->result;
}

ssize_t fake_get(int fd, void *ret_buf, size_t size, bool may_block)
{
    struct transfer t = {.file = fake_file(fd), .ret_buf = ret_buf, .size = size};

    return t.file ? transfer(&t, try_get, may_block) : -EBADF;
}

ssize_t fake_put(int fd, const struct iovec *iov, int count, bool may_block)
{
    struct transfer t = {.file = fake_file(fd), .iov = iov, .count = count};

    return t.file ? transfer(&t, try_put, may_block) : -EBADF;
}

/* ---- the calls ---- */

ssize_t fake_sys_read(int fd, void *ret_buf, size_t size)
{
    return fake_get(fd, ret_buf, size, true);
}

/* Into the first part that has room: a short read is a read. */
ssize_t fake_sys_readv(int fd, const struct iovec *iov, int count)
{
    for (int i = 0; i < count; i++)
        if (iov[i].iov_len)
            return fake_sys_read(fd, iov[i].iov_base, iov[i].iov_len);
    return fake_file(fd) ? 0 : -EBADF;
}

ssize_t fake_sys_writev(int fd, const struct iovec *iov, int count)
{
    if (!fake_running() && (fd == STDOUT_FILENO || fd == STDERR_FILENO))
        return sys_kernel.writev(fd, iov, count);
    return fake_put(fd, iov, count, true);
}

ssize_t fake_sys_write(int fd, const void *buf, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)buf, size};

    return fake_sys_writev(fd, &part, 1);
}

int fake_sys_close(int fd)
{
    struct file *file = fake_file(fd);

    if (!file)
        return -EBADF;
    if (fake_running()) {
        struct held *held = held_of_running(fd);

        if (held)
            held->file = NULL;
        fake_file_unref(file);
        return 0;
    }
    fds[fd] = NULL;
    fds_open--;
    if (fd < fd_lowest)
        fd_lowest = fd;
    fake_file_unref(file);
    return 0;
}

int fake_sys_pipe2(int ret_fds[2], int flags)
{
    struct file *reader = fake_file_new(FILE_PIPE, flags | O_RDONLY);
    struct file *writer = fake_file_new(FILE_PIPE, flags | O_WRONLY);
    struct stream *stream = fake_stream_new(false);
    int in, out;

    fake_file_join(reader, stream, NULL);
    fake_file_join(writer, NULL, stream);
    in = fake_fd_new(reader);
    out = fake_fd_new(writer);
    if (in >= 0 && out >= 0) {
        ret_fds[0] = in;
        ret_fds[1] = out;
        return 0;
    }
    if (in >= 0)
        fake_sys_close(in);
    if (out >= 0)
        fake_sys_close(out);
    return -EMFILE;
}

int fake_sys_getrlimit(__rlimit_resource_t what, struct rlimit *ret_limit)
{
    *ret_limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    if (what == RLIMIT_NOFILE)
        *ret_limit =
            (struct rlimit){COOP_SIM_FD_FIRST + fd_limit, COOP_SIM_FD_FIRST + fd_limit};
    return 0;
}

int fake_sys_setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
    (void)what;
    (void)limit;
    return -EPERM; /* whatever it may have, it has from the start */
}

int fake_sys_fcntl_int(int fd, int cmd, int arg)
{
    struct file *file = fake_file(fd);

    if (!file)
        return -EBADF;
    switch (cmd) {
    case F_GETFL: return file->flags;
    case F_SETFL:
        file->flags =
            (file->flags & ~(O_NONBLOCK | O_APPEND)) | (arg & (O_NONBLOCK | O_APPEND));
        return 0;
    case F_GETFD: return FD_CLOEXEC;
    case F_SETFD: return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: file->refs++; return fake_fd_new(file);
    case F_GETPIPE_SZ: return file->in ? (int)file->in->room : -EBADF;
    case F_SETPIPE_SZ:
        if (file->in)
            file->in->room = (size_t)arg;
        if (file->out)
            file->out->room = (size_t)arg;
        return arg;
    default: return -EINVAL;
    }
}

/* ---- inside ---- */

void fake_files_reset(void)
{
    bool cut;

    fake_parcel_drop(fake_parcel_take(&cut));
    for (int fd = COOP_SIM_FD_FIRST; fd < COOP_SIM_FD_MAX; fd++)
        if (fds[fd])
            fake_sys_close(fd);
    fd_limit = COOP_SIM_FD_MAX;
    fake_nodes_reset();
}

void fake_files_show(void)
{
    static const char *const kinds[] = {"pipe",    "socket",   "listener", "file",   "epoll",
                                        "eventfd", "signalfd", "pidfd",    "timerfd"};

    for (int fd = COOP_SIM_FD_FIRST; fd < COOP_SIM_FD_MAX; fd++)
        if (fds[fd])
            fprintf(stderr, "  fd %d: %s, ready %#x%s%s\n", fd, kinds[fds[fd]->kind],
                    fake_poll(fds[fd]), fds[fd]->node ? ", " : "",
                    fds[fd]->node ? fds[fd]->node->path : "");
}

/* ---- the public calls ---- */

size_t coop_sim_fds_open(void)
{
    return fds_open;
}

void coop_sim_fd_limit(size_t most)
{
    fd_limit = most;
}
