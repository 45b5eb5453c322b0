/* What comes from outside: actors with timers and watches, descriptors, children, signals. */
#include "everything.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sys.h"

static int close_it(int fd)
{
    return fd >= 0 ? (int)FINE(coop_fd_close(fd), 0, 0) : 0;
}

static int end_at_once(void *arg)
{
    return arg != NULL;
}

/* Without a stack an actor waits for one that becomes free: here it is. */
static void await_last(struct coop_sem *over)
{
    while (coop_sem_acquire(over, 1, in_a_moment()) < 0) {
        struct coop_scope scope;

        coop_scope_init(&scope, "spare", 0);
        FINE(coop_go(&scope, end_at_once, NULL), 0, 0);
        coop_scope_wait(&scope);
    }
}

/* The next run needs the name. */
static void remove_name(const char *path)
{
    if (sys_unlinkat(AT_FDCWD, path, 0) < 0)
        sys_unlinkat(AT_FDCWD, path, 0);
}

/* ---- an actor ---- */

enum { HELLO = 1, TICK, ONCE, NEVER, READABLE, LAST };

static struct {
    struct coop_actor actor;
    struct coop_timer ticks, once;
    struct coop_fdwatch watch;
    struct coop_msg hello, never, last;
    struct coop_sem over;
    int pipe[2], ticked, readable;
    bool recalled;
} office;

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    char c;

    switch (msg->kind) {
    case TICK: office.ticked++; break;
    case READABLE:
        coop_fdwatch_take(&office.watch);
        while (sys_read(office.pipe[0], &c, 1) == 1)
            office.readable++;
        break;
    case LAST:
        coop_timer_done(&office.ticks);
        coop_timer_done(&office.once);
        coop_fdwatch_stop(&office.watch);
        coop_msg_unlink(actor, &office.never);
        coop_actor_done(actor);
        coop_sem_release(&office.over, 1);
        break;
    default: HOLDS(msg->kind != NEVER || !office.recalled); break;
    }
}

void act(void)
{
    memset(&office, 0, sizeof office);
    coop_actor_init(&office.actor, "office", handle, NULL);
    coop_actor_set_urgent(&office.actor);
    coop_msg_init(&office.hello, HELLO);
    coop_msg_init(&office.never, NEVER);
    coop_msg_init(&office.last, LAST);
    coop_timer_init(&office.ticks, &office.actor, TICK);
    coop_timer_init(&office.once, &office.actor, ONCE);
    if (FINE(sys_pipe2(office.pipe, O_CLOEXEC | O_NONBLOCK), 0, 0) < 0)
        office.pipe[0] = office.pipe[1] = -1;
    else
        FINE(
            coop_fdwatch_start(&office.watch, office.pipe[0], COOP_IN, &office.actor, READABLE),
            0, 0);
    coop_post(&office.actor, &office.hello);
    coop_post(&office.actor, &office.never);
    office.recalled = coop_recall(&office.never);
    coop_timer_set_periodic(&office.ticks, in_a_moment(), world->moment);
    coop_timer_set(&office.once, in_a_moment());
    coop_timer_stop(&office.once);
    if (office.pipe[1] >= 0)
        FINE(coop_write(office.pipe[1], "x", 1, in_patience()), 0, 0);
    coop_sleep_until(coop_after(coop_now(), 3 * world->moment));
    coop_post(&office.actor, &office.last);
    await_last(&office.over);
    close_it(office.pipe[0]);
    close_it(office.pipe[1]);
}

/* ---- pipes ---- */

static int write_all(void *arg)
{
    int fd = *(int *)arg;
    static const char text[] = "0123456789";
    struct iovec parts[2] = {{(void *)(uintptr_t)text, 5}, {(void *)(uintptr_t)(text + 5), 5}};

    FINE(coop_write_full(fd, text, 10, NULL, in_patience()), ETIMEDOUT, EPIPE);
    FINE(coop_writev(fd, parts, 2, in_patience()), ETIMEDOUT, EPIPE);
    close_it(fd);
    return 0;
}

void read_and_write(void)
{
    struct coop_scope scope;
    char text[ROOM];
    struct iovec parts[2] = {{text, 3}, {text + 3, ROOM - 3}};
    int ends[2];
    size_t done = 0;
    ssize_t n;

    if (FINE(sys_pipe2(ends, O_CLOEXEC), 0, 0) < 0)
        return;
    if (FINE(coop_fd_nonblock(ends[0]), 0, 0) < 0 ||
        FINE(coop_fd_nonblock(ends[1]), 0, 0) < 0) {
        close_it(ends[0]); /* they would block */
        close_it(ends[1]);
        return;
    }
    coop_scope_init(&scope, "pipe", 0);
    if (FINE(coop_go(&scope, write_all, &ends[1]), 0, 0) < 0)
        close_it(ends[1]);
    FINE(coop_fd_wait(ends[0], COOP_IN, in_patience()), ETIMEDOUT, 0);
    n = FINE(coop_read_full(ends[0], text, 10, &done, in_patience()), ETIMEDOUT, 0);
    HOLDS(n < 10 || memcmp(text, "0123456789", 10) == 0);
    FINE(coop_readv(ends[0], parts, 2, in_patience()), ETIMEDOUT, 0);
    while ((n = FINE(coop_read(ends[0], text, sizeof text, in_patience()), ETIMEDOUT, 0)) > 0)
        continue;
    close_it(ends[0]);
    coop_scope_wait(&scope);
}

/* ---- sockets ---- */

struct line {
    struct sockaddr_un at;
    int listener;
};

static int answer(void *arg)
{
    const struct line *line = arg;
    int fd = (int)FINE(coop_accept(line->listener, NULL, NULL, in_patience()), ETIMEDOUT, 0);
    char text[ROOM];
    struct iovec part = {text, sizeof text};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd < 0)
        return 0;
    FINE(coop_recvmsg(fd, &msg, 0, in_patience()), ETIMEDOUT, 0);
    FINE(coop_recvfrom(fd, text, sizeof text, 0, NULL, NULL, in_patience()), ETIMEDOUT, 0);
    return close_it(fd);
}

static void call(const struct line *line)
{
    int fd =
        (int)FINE(sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 0, 0);
    char text[] = "hello";
    struct iovec part = {text, sizeof text};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd < 0)
        return;
    if (FINE(coop_connect(fd, (const void *)&line->at, sizeof line->at, in_patience()),
             ETIMEDOUT, 0) == 0) {
        FINE(coop_sendmsg(fd, &msg, 0, in_patience()), EPIPE, 0);
        FINE(coop_sendto(fd, text, sizeof text, 0, NULL, 0, in_patience()), EPIPE, ECONNRESET);
        FINE(coop_read(fd, text, sizeof text, in_patience()), ETIMEDOUT, ECONNRESET);
    }
    close_it(fd);
}

void use_sockets(void)
{
    struct line line = {.at = {.sun_family = AF_UNIX}};
    struct coop_scope scope;

    snprintf(line.at.sun_path, sizeof line.at.sun_path, "%s/socket", world->dir);
    line.listener =
        (int)FINE(sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 0, 0);
    if (line.listener < 0)
        return;
    if (FINE(sys_bind(line.listener, (const void *)&line.at, sizeof line.at), 0, 0) == 0 &&
        FINE(sys_listen(line.listener, 4), 0, 0) == 0) {
        coop_scope_init(&scope, "sockets", 0);
        FINE(coop_go(&scope, answer, &line), 0, 0);
        call(&line);
        coop_scope_wait(&scope);
    }
    coop_fd_forget(line.listener);
    FINE(sys_close(line.listener), 0, 0);
    remove_name(line.at.sun_path);
}

/* ---- files ---- */

void use_files(void)
{
    char path[200], text[ROOM];
    int fd;

    snprintf(path, sizeof path, "%s/file", world->dir);
    fd = (int)FINE(coop_file_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC, 0600), 0, 0);
    if (fd < 0)
        return;
    if (FINE(coop_file_write(fd, "words", 5, 0), 0, 0) == 5)
        HOLDS(FINE(coop_file_read(fd, text, sizeof text, 0), 0, 0) != 0);
    FINE(coop_file_sync(fd), 0, 0);
    FINE(sys_close(fd), 0, 0);
    remove_name(path);
}

/* ---- children ---- */

static void note_orphan(const struct coop_exit *exit, void *arg)
{
    (void)exit;
    atomic_fetch_add((_Atomic int *)arg, 1);
}

static void have_one(bool kill)
{
    struct coop_child child = {0};
    int r = -ECHILD;
    pid_t pid;

    coop_child_spawn_begin();
    pid = kill ? world->sleeper() : world->child();
    if (pid > 0)
        r = (int)FINE(coop_child_watch(&child, pid, NULL, 0), 0, 0);
    coop_child_spawn_end();
    if (r < 0) { /* nobody will tell us: it is an orphan, if anything reaps at all */
        if (pid > 0 && kill)
            sys_kernel.kill(pid, SIGKILL);
        return;
    }
    if (kill && FINE(coop_child_kill(&child, SIGKILL), 0, 0) < 0)
        FINE(coop_child_kill(&child, SIGKILL), 0, 0);
    if (FINE(coop_child_wait(&child, in_patience()), ETIMEDOUT, 0) == 0) {
        HOLDS(coop_child_ended(&child) && child.exit.pid == pid);
        HOLDS(child.exit.status == (kill ? SIGKILL : CHILD_STATUS));
    }
    coop_child_forget(&child);
}

void have_children(void)
{
    static _Atomic int orphans;
    struct coop_child_stats stats;

    coop_child_on_orphan(note_orphan, &orphans);
    have_one(false);
    have_one(true);
    coop_child_stats(&stats);
    coop_child_on_orphan(NULL, NULL);
}

/* ---- signals ---- */

static struct {
    struct coop_actor actor;
    struct coop_msg msg, last;
    struct coop_sem over;
} bell;

static void on_bell(struct coop_actor *actor, struct coop_msg *msg)
{
    struct coop_signal_info info;

    if (msg->kind == LAST) {
        coop_actor_done(actor);
        coop_sem_release(&bell.over, 1);
        return;
    }
    while (coop_signal_take(SIGUSR2, &info))
        HOLDS(info.signo == SIGUSR2);
}

void be_signalled(void)
{
    struct coop_chan *ch = coop_chan_new(sizeof(struct coop_signal_info), 4);
    struct coop_signal_info info;
    struct coop_signal_stats stats;

    memset(&bell, 0, sizeof bell);
    coop_actor_init(&bell.actor, "bell", on_bell, NULL);
    coop_msg_init(&bell.msg, HELLO);
    coop_msg_init(&bell.last, LAST);
    if (ch && FINE(coop_signal_notify(ch, SIGUSR1), 0, 0) == 0) {
        world->raise(SIGUSR1);
        if (FINE(coop_recv(ch, &info, in_patience()), ETIMEDOUT, 0) == 1)
            HOLDS(info.signo == SIGUSR1);
        coop_signal_sender(SIGUSR1);
        coop_signal_stop(ch);
    }
    if (FINE(coop_signal_post(SIGUSR2, &bell.actor, &bell.msg), 0, 0) == 0) {
        world->raise(SIGUSR2);
        coop_sleep_until(in_a_moment());
        coop_signal_post(SIGUSR2, NULL, NULL);
    }
    coop_post(&bell.actor, &bell.last);
    await_last(&bell.over);
    coop_signal_stats(&stats);
    coop_chan_unref(ch);
}
