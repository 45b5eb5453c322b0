/* Children, signals, pipes and sockets of the fake kernel: every exit once, every byte in order. */
#include "load.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "coop/sim.h"

/* ---- children that end by themselves ---- */

enum { CHILDREN = 30 };

struct family {
    struct coop_actor actor;
    struct kid {
        struct coop_child child; /* first: its msg is the actor's */
        pid_t pid;
        int status;
        coop_nsec end;
        bool by_actor;
        unsigned ends_seen;
    } kids[CHILDREN];
    struct coop_msg last;
    unsigned posted;
    bool over;
};

enum { ENDED = 1, LAST = 2 };

static void check_end(struct kid *kid)
{
    HOLDS(kid->ends_seen++ == 0);
    HOLDS(kid->child.exit.pid == kid->pid && coop_now() >= kid->end);
    HOLDS(kid->child.exit.status == kid->status);
    HOLDS(kid->child.exit.code == (kid->status == SIGSEGV ? CLD_KILLED : CLD_EXITED));
    HOLDS(coop_child_kill(&kid->child, SIGKILL) == -ESRCH);
}

static void on_end(struct coop_actor *actor, struct coop_msg *msg)
{
    struct family *f = actor->arg;

    if (msg->kind == LAST) {
        f->over = true;
        coop_actor_done(actor);
        return;
    }
    check_end((struct kid *)(void *)msg);
    f->posted++;
}

static void bear(struct family *f, struct kid *kid)
{
    coop_child_spawn_begin();
    kid->pid = coop_sim_spawn(0);
    kid->end = coop_after(coop_now(), draw(3) ? draw_delay() : 0);
    kid->status = draw(5) ? (int)draw(10) : SIGSEGV;
    if (kid->status == SIGSEGV)
        coop_sim_die_at(kid->pid, kid->end, SIGSEGV);
    else
        coop_sim_exit_at(kid->pid, kid->end, kid->status);
    if (draw(2))
        step(); /* it may end before it is announced */
    HOLDS(coop_child_watch(&kid->child, kid->pid, kid->by_actor ? &f->actor : NULL, ENDED) ==
          0);
    coop_child_spawn_end();
}

struct upbringing {
    struct family *family;
    struct kid *kid;
};

static int bring_up(void *arg)
{
    struct upbringing *u = arg;
    struct kid *kid = u->kid;
    struct coop_shield shield;
    int r;

    step();
    bear(u->family, kid);
    if (kid->by_actor)
        return 0;
    coop_shield_begin(&shield, COOP_FOREVER); /* who has a child sees to its end */
    if (draw(2)) {
        struct coop_case cases[] = {COOP_CHILD(&kid->child), COOP_TIMER(COOP_FOREVER)};

        r = coop_select(cases, 2, COOP_FOREVER);
        HOLDS(r == 0 && cases[0].result == 0);
    } else {
        do
            r = coop_child_wait(&kid->child, coop_after(coop_now(), draw_delay()));
        while (r == -ETIMEDOUT);
        HOLDS(r == 0);
    }
    coop_shield_end(&shield);
    check_end(kid);
    return 0;
}

int run_children(void *arg)
{
    struct family *f = must_have(sizeof *f);
    struct upbringing *u = must_have(CHILDREN * sizeof *u);
    struct coop_shield shield;
    struct coop_scope scope;
    unsigned by_actor = 0;
    int why;

    (void)arg;
    coop_actor_init(&f->actor, "family", on_end, f);
    coop_msg_init(&f->last, LAST);
    coop_scope_init(&scope, "children", 0);
    for (int i = 0; i < CHILDREN; i++) {
        u[i] = (struct upbringing){f, &f->kids[i]};
        f->kids[i].by_actor = draw(2);
        coop_go(&scope, bring_up, &u[i]);
    }
    why = coop_scope_wait(&scope);
    for (int i = 0; i < CHILDREN; i++)
        by_actor += f->kids[i].pid && f->kids[i].by_actor;
    coop_shield_begin(&shield, COOP_FOREVER);
    while (!f->over) {
        if (f->posted == by_actor)
            coop_post(&f->actor, &f->last);
        coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_MSEC));
    }
    coop_shield_end(&shield);
    for (int i = 0; i < CHILDREN; i++)
        HOLDS(f->kids[i].ends_seen == (f->kids[i].pid ? 1 : 0));
    free(f);
    free(u);
    return why;
}

/* ---- children that are killed, some of them deaf to TERM ---- */

static bool is_deaf(pid_t pid, int signo, void *arg)
{
    (void)pid;
    (void)arg;
    return signo == SIGTERM;
}

static int stop_one(void *arg)
{
    struct coop_child child;
    struct coop_shield shield;
    bool deaf = draw(2);
    pid_t pid;
    int r;

    (void)arg;
    coop_child_spawn_begin();
    pid = coop_sim_spawn(0);
    if (deaf)
        coop_sim_on_signal(pid, is_deaf, NULL);
    r = coop_child_watch(&child, pid, NULL, 0);
    coop_child_spawn_end();
    HOLDS(r == 0);
    step();
    coop_shield_begin(&shield, COOP_FOREVER);
    HOLDS(coop_child_kill(&child, SIGTERM) == 0);
    r = coop_child_wait(&child, coop_after(coop_now(), COOP_NSEC_PER_SEC));
    HOLDS(r == (deaf ? -ETIMEDOUT : 0));
    if (deaf)
        HOLDS(coop_child_kill(&child, SIGKILL) == 0 && coop_sim_last_signal(pid) == SIGKILL &&
              coop_child_wait(&child, COOP_FOREVER) == 0);
    HOLDS(child.exit.code == CLD_KILLED && child.exit.status == (deaf ? SIGKILL : SIGTERM));
    coop_shield_end(&shield);
    return coop_cancelled();
}

int run_kills(void *arg)
{
    struct coop_scope scope;

    (void)arg;
    coop_scope_init(&scope, "kills", 0);
    for (unsigned i = 5 + draw(10); i > 0; i--)
        coop_go(&scope, stop_one, NULL);
    return coop_scope_wait(&scope);
}

/* ---- signals ---- */

int run_signals(void *arg)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 2);
    unsigned raised = 0, seen = 0;
    int signo, r = 0;

    (void)arg;
    HOLDS(coop_signal_notify(ch, SIGUSR1) == 0);
    for (unsigned i = 5 + draw(10); i > 0 && r == 0; i--) {
        coop_sim_raise(SIGUSR1);
        raised++;
        /* Another load's may come too: one that is raised is always seen. */
        r = coop_recv(ch, &signo, coop_after(coop_now(), 3600 * COOP_NSEC_PER_SEC));
        if (CANCELLED(r))
            break;
        HOLDS(r == 1 && signo == SIGUSR1);
        seen++;
        r = step();
    }
    HOLDS(r != 0 || seen == raised);
    coop_signal_stop(ch);
    coop_chan_unref(ch);
    return r < 0 ? r : 0;
}

/* ---- a pipe between a child that writes, or a coroutine, and a coroutine that reads ---- */

enum { BYTES = 200000 };

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 31 + i / 251);
}

static int write_pipe(void *arg)
{
    int fd = *(int *)arg;
    unsigned char block[7001];
    size_t at = 0;
    ssize_t n = 0;

    while (at < BYTES) {
        size_t size = 1 + draw(sizeof block);

        size = size < BYTES - at ? size : BYTES - at;
        for (size_t i = 0; i < size; i++)
            block[i] = byte_at(at + i);
        n = draw(2) ? coop_write_full(fd, block, size, NULL, COOP_FOREVER)
                    : coop_write(fd, block, size, COOP_FOREVER);
        if (n < 0 || step() < 0)
            break;
        at += (size_t)n;
    }
    coop_fd_close(fd);
    HOLDS(at == BYTES || coop_cancelled());
    return coop_cancelled();
}

int run_pipes(void *arg)
{
    struct coop_scope scope;
    unsigned char block[9001];
    size_t at = 0;
    int ends[2], why;
    ssize_t n;

    (void)arg;
    HOLDS(sys_pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    coop_scope_init(&scope, "pipe", 0);
    if (coop_go(&scope, write_pipe, &ends[1]) < 0)
        coop_fd_close(ends[1]);
    while ((n = coop_read(ends[0], block, 1 + draw(sizeof block), COOP_FOREVER)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            HOLDS(block[i] == byte_at(at + (size_t)i));
        at += (size_t)n;
        if (step() < 0)
            break;
    }
    why = coop_scope_wait(&scope);
    HOLDS(at == BYTES || coop_cancelled());
    coop_fd_close(ends[0]);
    return why;
}

/* ---- packets through a socket of the file system, with descriptors that travel along ---- */

union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

static struct sockaddr_un_path {
    sa_family_t family;
    char path[108];
} where(const void *unique)
{
    struct sockaddr_un_path at = {.family = AF_UNIX};

    (void)unique;
    memcpy(at.path, "/run/sim.0", sizeof "/run/sim.0");
    at.path[9] = (char)('a' + draw(20));
    return at;
}

struct line {
    struct sockaddr_un_path at;
    unsigned packets;
};

/* Sends packets; every third carries the reading end of a pipe with its number in it. */
static int call_up(void *arg)
{
    const struct line *line = arg;
    int fd = sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

    HOLDS(fd >= 0);
    r = coop_connect(fd, (const void *)&line->at, sizeof line->at, COOP_FOREVER);
    for (unsigned i = 0; i < line->packets && r >= 0; i++) {
        union control control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
        struct iovec part = {&i, sizeof i};
        struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
        int ends[2] = {-1, -1};

        if (i % 3 == 0) {
            HOLDS(sys_pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
            HOLDS(sys_write(ends[1], &i, sizeof i) == (ssize_t)sizeof i);
            memcpy(CMSG_DATA(&control.head), &ends[0], sizeof ends[0]);
            msg.msg_control = &control;
            msg.msg_controllen = sizeof control;
        }
        r = (int)coop_sendmsg(fd, &msg, 0, COOP_FOREVER);
        for (int k = 0; k < 2; k++)
            if (ends[k] >= 0)
                coop_fd_close(ends[k]);
        if (step() < 0)
            break;
    }
    coop_fd_close(fd);
    return coop_cancelled();
}

static void check_packet(const struct msghdr *msg, union control *control, unsigned number,
                         unsigned expected)
{
    unsigned inside = 0;
    int fd;

    HOLDS(number == expected && !(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)));
    HOLDS((msg->msg_controllen > 0) == (number % 3 == 0));
    if (number % 3)
        return;
    memcpy(&fd, CMSG_DATA(&control->head), sizeof fd);
    HOLDS(sys_read(fd, &inside, sizeof inside) == (ssize_t)sizeof inside && inside == number);
    coop_fd_close(fd);
}

static void receive_all(int fd, unsigned packets)
{
    for (unsigned expected = 0;; expected++) {
        unsigned number = 0;
        union control control;
        struct iovec part = {&number, sizeof number};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
        ssize_t n = coop_recvmsg(fd, &msg, 0, COOP_FOREVER);

        if (n <= 0) {
            HOLDS(coop_cancelled() || (n == 0 && expected == packets));
            return;
        }
        check_packet(&msg, &control, number, expected);
        step();
    }
}

int run_packets(void *arg)
{
    struct line line = {.at = where(arg), .packets = 3 + draw(20)};
    int listener = sys_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), fd;
    struct coop_scope scope;
    int why = 0;

    if (sys_bind(listener, (const void *)&line.at, sizeof line.at) < 0) {
        coop_fd_close(listener); /* another load has that name */
        return coop_cancelled();
    }
    HOLDS(sys_listen(listener, 8) == 0);
    coop_scope_init(&scope, "packets", 0);
    coop_go(&scope, call_up, &line);
    fd = coop_accept(listener, NULL, NULL, COOP_FOREVER);
    HOLDS(fd >= 0 || CANCELLED(fd));
    if (fd >= 0) {
        receive_all(fd, line.packets);
        coop_fd_close(fd);
    }
    why = coop_scope_wait(&scope);
    coop_fd_close(listener);
    HOLDS(sys_unlinkat(AT_FDCWD, line.at.path, 0) == 0);
    return why;
}
