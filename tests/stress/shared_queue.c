/*
 * shared_queue - messages between processes: whole, in order, bounded, and the dead are noticed
 */
#include "stress/processes.h"

#include "coop/queue.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { MANY = 2000 };

static int times, ends[2];

struct note {
    int number, of;
    char text[64];
};

static struct coop_queue_message receive(int end, void *data, size_t room)
{
    struct coop_queue_message m = {.data = data, .room = room};

    HOLDS(coop_queue_recv(end, &m, in_seconds(PATIENCE)) == 1);
    return m;
}

/* Without a runtime: the same calls, in a plain process. */
static int send_many(void)
{
    int pipe_ends[2];

    for (int i = 0; i < MANY; i++) {
        struct note note = {.number = i, .of = MANY};

        snprintf(note.text, sizeof note.text, "%d", i);
        if (i % 10) {
            CHILD_HOLDS(coop_queue_send(ends[1], &note, sizeof note, NULL, 0, COOP_FOREVER) ==
                        0);
            continue;
        }
        CHILD_HOLDS(pipe(pipe_ends) == 0);
        CHILD_HOLDS(write(pipe_ends[1], &i, sizeof i) == sizeof i);
        CHILD_HOLDS(coop_queue_send(ends[1], &note, sizeof note, pipe_ends, 1, COOP_FOREVER) ==
                    0);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
    }
    return 0;
}

static void messages_come_whole_in_order_and_signed(void)
{
    struct coop_queue_message m = {0};
    struct note note;
    pid_t pid;

    HOLDS(coop_queue_pair(ends, 0) == 0);
    pid = child_begin();
    if (pid == 0)
        _exit(close(ends[0]) == 0 ? send_many() : 1);
    coop_fd_close(ends[1]);
    for (int i = 0; i < MANY; i++) {
        int told = -1;

        m = receive(ends[0], &note, sizeof note);
        HOLDS(m.size == sizeof note && note.number == i && atoi(note.text) == i);
        HOLDS(m.pid == pid && m.uid == getuid() && m.gid == getgid());
        HOLDS(m.fd_count == (i % 10 ? 0 : 1));
        if (!m.fd_count)
            continue;
        HOLDS(fcntl(m.fds[0], F_GETFD) & FD_CLOEXEC);
        HOLDS(read(m.fds[0], &told, sizeof told) == sizeof told && told == i);
        close(m.fds[0]);
    }
    m.data = &note;
    m.room = sizeof note;
    HOLDS(coop_queue_recv(ends[0], &m, in_seconds(PATIENCE)) == 0);
    HOLDS(coop_queue_recv(ends[0], &m, COOP_NOW) == 0); /* for ever */
    HOLDS(coop_queue_send(ends[0], "x", 1, NULL, 0, in_seconds(PATIENCE)) == -EPIPE);
    HOLDS(child_end(pid) == 0);
    coop_fd_close(ends[0]);
}

/* ---- full ---- */

static _Atomic(int) waited;

static int send_one_more(void *arg)
{
    char block[4096] = {0};

    (void)arg;
    HOLDS(coop_queue_send(ends[0], block, sizeof block, NULL, 0, in_seconds(PATIENCE)) == 0);
    waited = 1;
    return 0;
}

static void a_full_queue_holds_its_ceiling(void)
{
    char block[4096] = {0};
    struct coop_scope scope;
    int count = 0, r;

    HOLDS(coop_queue_pair(ends, 32768) == 0);
    while ((r = coop_queue_send(ends[0], block, sizeof block, NULL, 0, COOP_NOW)) == 0)
        count++;
    HOLDS(r == -EAGAIN && count >= 4 && count <= 16);
    r = coop_queue_send(ends[0], block, sizeof block, NULL, 0,
                        coop_after(coop_now(), 2 * COOP_NSEC_PER_MSEC));
    HOLDS(r == -ETIMEDOUT);
    coop_scope_init(&scope, "sender", 0);
    coop_go(&scope, send_one_more, NULL);
    for (int i = 0; i < 10; i++)
        coop_yield();
    HOLDS(!waited);
    for (int i = 0; i < count + 1; i++)
        receive(ends[1], block, sizeof block);
    HOLDS(coop_scope_wait(&scope) == 0 && waited);
    HOLDS(coop_queue_send(ends[0], block, COOP_QUEUE_MESSAGE_MAX + 1, NULL, 0, COOP_NOW) ==
          -EMSGSIZE);
    HOLDS(coop_queue_send(ends[0], block, 0, NULL, 0, COOP_NOW) == -EINVAL);
    coop_fd_close(ends[0]);
    coop_fd_close(ends[1]);
}

/* ---- killed in the middle ---- */

static int send_for_ever(void)
{
    struct note note = {0};

    for (;; note.number++)
        CHILD_HOLDS(coop_queue_send(ends[1], &note, sizeof note, NULL, 0, COOP_FOREVER) == 0);
}

static void a_killed_sender_leaves_whole_messages_and_an_end(void)
{
    struct coop_queue_message m;
    struct note note;
    int next = 0, r;
    pid_t pid;

    HOLDS(coop_queue_pair(ends, 0) == 0);
    pid = child_begin();
    if (pid == 0)
        send_for_ever();
    coop_fd_close(ends[1]);
    /* What it will never read: its death then is a reset. */
    HOLDS(coop_queue_send(ends[0], "unread", 6, NULL, 0, in_seconds(PATIENCE)) == 0);
    for (; next < 100; next++) {
        receive(ends[0], &note, sizeof note);
        HOLDS(note.number == next);
    }
    HOLDS(child_kill(pid) == 128 + SIGKILL);
    m = (struct coop_queue_message){.data = &note, .room = sizeof note};
    while ((r = coop_queue_recv(ends[0], &m, in_seconds(PATIENCE))) == 1)
        HOLDS(m.size == sizeof note && note.number == next++);
    HOLDS(r == 0);
    coop_fd_close(ends[0]);
}

static void a_killed_receiver_is_told_to_a_waiting_sender(bool plain)
{
    char block[4096] = {0};
    pid_t pid;
    int r;

    HOLDS(coop_queue_pair(ends, 16384) == 0);
    pid = child_begin();
    if (pid == 0) {
        CHILD_HOLDS(close(ends[0]) == 0);
        CHILD_HOLDS(pause() == 0);
    }
    coop_fd_close(ends[1]);
    if (plain) { /* another child waits to send, and tells by its exit */
        pid_t sender = child_begin();

        if (sender == 0) {
            do
                r = coop_queue_send(ends[0], block, sizeof block, NULL, 0, COOP_FOREVER);
            while (r == 0);
            _exit(r == -EPIPE ? 7 : 1);
        }
        /* It waits when the queue is full: then we cannot send either. */
        do
            r = coop_queue_send(ends[0], block, 1, NULL, 0, COOP_NOW);
        while (r == 0);
        HOLDS(r == -EAGAIN && child_kill(pid) == 128 + SIGKILL && child_end(sender) == 7);
    } else {
        while ((r = coop_queue_send(ends[0], block, sizeof block, NULL, 0, COOP_NOW)) == 0)
            ;
        HOLDS(r == -EAGAIN);
        HOLDS(kill(pid, SIGKILL) == 0);
        r = coop_queue_send(ends[0], block, sizeof block, NULL, 0, in_seconds(PATIENCE));
        HOLDS(r == -EPIPE && child_end(pid) == 128 + SIGKILL);
    }
    coop_fd_close(ends[0]);
}

/* ---- what does not fit ---- */

/* As a stranger would: 'count' descriptors at once. */
static void send_raw(int count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } control = {0};
    int fds[64];
    struct iovec part = {&count, sizeof count};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
    size_t length = (size_t)count * sizeof(int);

    for (int i = 0; i < count; i++)
        fds[i] = STDERR_FILENO;
    msg.msg_controllen = CMSG_SPACE(length);
    control.align.cmsg_level = SOL_SOCKET;
    control.align.cmsg_type = SCM_RIGHTS;
    control.align.cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(&control.align), fds, length);
    HOLDS(sendmsg(ends[0], &msg, 0) == sizeof count);
}

static void what_does_not_fit_leaves_no_descriptor(void)
{
    struct rlimit limit, small;
    char byte;
    int number, open_before;
    struct coop_queue_message m = {.data = &number, .room = sizeof number};

    HOLDS(coop_queue_pair(ends, 0) == 0);
    HOLDS(coop_queue_recv(ends[1], &m, COOP_NOW) ==
          -EAGAIN); /* all that it will need is open */
    open_before = fds_open();
    send_raw(COOP_QUEUE_FDS_MAX + 1);
    HOLDS(coop_queue_recv(ends[1], &m, in_seconds(PATIENCE)) == -EMSGSIZE && m.fd_count == 0);
    HOLDS(fds_open() == open_before);
    send_raw(3);
    m.data = &byte;
    m.room = 1;
    HOLDS(coop_queue_recv(ends[1], &m, in_seconds(PATIENCE)) == -EMSGSIZE);
    HOLDS(fds_open() == open_before);
    m.data = &number;
    m.room = sizeof number;
    send_raw(COOP_QUEUE_FDS_MAX);
    HOLDS(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    small = limit;
    small.rlim_cur = (rlim_t)open_before + 2;
    HOLDS(setrlimit(RLIMIT_NOFILE, &small) == 0);
    HOLDS(coop_queue_recv(ends[1], &m, in_seconds(PATIENCE)) == -EMFILE);
    HOLDS(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    HOLDS(fds_open() == open_before);
    HOLDS(send(ends[0], "", 0, 0) == 0); /* empty: neither a message nor the end */
    send_raw(COOP_QUEUE_FDS_MAX);
    HOLDS(coop_queue_recv(ends[1], &m, in_seconds(PATIENCE)) == 1);
    HOLDS(m.fd_count == COOP_QUEUE_FDS_MAX && m.pid == getpid());
    while (m.fd_count)
        close(m.fds[--m.fd_count]);
    coop_fd_close(ends[0]);
    coop_fd_close(ends[1]);
}

static void only_message_sockets_become_queues(void)
{
    int pair[2];

    HOLDS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    HOLDS(coop_queue_adopt(pair[0], 0) == -EPROTOTYPE);
    close(pair[0]);
    close(pair[1]);
    HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    HOLDS(coop_queue_adopt(pair[0], 0) == 0);
    HOLDS((fcntl(pair[0], F_GETFL) & O_NONBLOCK) && (fcntl(pair[0], F_GETFD) & FD_CLOEXEC));
    close(pair[0]);
    close(pair[1]);
}

static int root(void *arg)
{
    (void)arg;
    for (int i = 0; i < times; i++) {
        messages_come_whole_in_order_and_signed();
        a_killed_sender_leaves_whole_messages_and_an_end();
        a_killed_receiver_is_told_to_a_waiting_sender(false);
        a_killed_receiver_is_told_to_a_waiting_sender(true);
        waited = 0;
        a_full_queue_holds_its_ceiling();
    }
    what_does_not_fit_leaves_no_descriptor();
    only_message_sockets_become_queues();
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options options = {.procs = 2};

    times = times_more(argc, argv);
    return coop_main(&options, root, NULL);
}
