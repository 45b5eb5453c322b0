/*
 * move_storm.c - descriptors follow their coroutines from epoll to epoll, and are closed meanwhile
 *
 * Pairs of talkers, life after life with numbers used again, on processors whose number changes all
 * the time.  The seam to the kernel counts in how many epolls each descriptor is: never in none
 * while it is waited for, in no more than one but in the middle of a move, and in none when it is
 * closed.  It refuses every fourth move.  Each byte must arrive, and who waits for one that never
 * comes must hear of the close.
 */
#include "stress/stress.h"

#include "base/sys.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { PAIRS = 16, LIVES = 16, TRIPS = 200, NUMBERS = 1024 };

static struct sys_ops ops;
static _Atomic(int) having[NUMBERS], busy;
static _Atomic(unsigned) moves;
static struct coop_mutex numbers; /* held while one that is closed must not be used again */

static int count_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    int r;

    if (fd < 0 || fd >= NUMBERS || op == EPOLL_CTL_MOD)
        return sys_kernel.epoll_ctl(ep, op, fd, event);
    if (op == EPOLL_CTL_ADD && having[fd] && atomic_fetch_add(&moves, 1) % 4 == 0)
        return -ENOSPC;
    r = sys_kernel.epoll_ctl(ep, op, fd, event);
    if (r < 0)
        return r;
    if (op == EPOLL_CTL_ADD)
        HOLDS(atomic_fetch_add(&having[fd], 1) < 2);
    else
        HOLDS(atomic_fetch_sub(&having[fd], 1) > 0);
    return r;
}

static int check_close(int fd)
{
    HOLDS(!busy || fd < 0 || fd >= NUMBERS || having[fd] == 0); /* the runtime's end may */
    return sys_kernel.close(fd);
}

static int asker(void *arg)
{
    int fd = *(const int *)arg;

    for (int i = 0; i < TRIPS; i++) {
        char byte = (char)i;

        HOLDS(coop_write(fd, &byte, 1, in_seconds(60)) == 1);
        HOLDS(coop_read(fd, &byte, 1, in_seconds(60)) == 1 && byte == (char)(i + 1));
    }
    HOLDS(having[fd] <= 1); /* none: its kernel was so kind that it never had to wait */
    return 0;
}

static int answerer(void *arg)
{
    int fd = *(const int *)arg;
    char byte;

    for (int i = 0; i < TRIPS; i++) {
        HOLDS(coop_read(fd, &byte, 1, in_seconds(60)) == 1 && byte == (char)i);
        byte++;
        HOLDS(coop_write(fd, &byte, 1, in_seconds(60)) == 1);
    }
    HOLDS(coop_read(fd, &byte, 1, in_seconds(60)) == -EBADF);
    return 0;
}

static void live(void)
{
    struct coop_scope asking, answering;
    int ends[2];

    coop_mutex_lock(&numbers);
    HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    coop_mutex_unlock(&numbers);
    coop_scope_init(&answering, "answering", 0);
    HOLDS(coop_go(&answering, answerer, &ends[1]) == 0);
    coop_scope_init(&asking, "asking", 0);
    HOLDS(coop_go(&asking, asker, &ends[0]) == 0);
    HOLDS(coop_scope_wait(&asking) == 0);
    coop_mutex_lock(&numbers);
    HOLDS(coop_fd_close(ends[1]) == 0);
    HOLDS(coop_scope_wait(&answering) == 0);
    coop_mutex_unlock(&numbers);
    HOLDS(coop_fd_close(ends[0]) == 0);
}

static int pair(void *arg)
{
    for (int lives = *(const int *)arg; lives > 0; lives--)
        live();
    atomic_fetch_sub(&busy, 1);
    return 0;
}

static int changer(__attribute__((unused)) void *arg)
{
    unsigned chance = 5;

    while (atomic_load(&busy) > 0) {
        HOLDS(coop_set_procs(1 + (int)draw(&chance, 4)) > 0);
        coop_sleep_until(coop_after(coop_now(), draw(&chance, 200000)));
    }
    return 0;
}

static int storm(void *arg)
{
    struct coop_scope s;

    busy = PAIRS;
    coop_scope_init(&s, "storm", 0);
    for (int i = 0; i < PAIRS; i++)
        HOLDS(coop_go(&s, pair, arg) == 0);
    HOLDS(coop_go(&s, changer, NULL) == 0);
    HOLDS(coop_scope_wait(&s) == 0);
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "move-storm", .procs = 4};
    int lives = LIVES * times_more(argc, argv);

    ops = sys_kernel;
    ops.epoll_ctl = count_ctl;
    ops.close = check_close;
    sys_install(&ops);
    HOLDS(coop_main(&o, storm, &lives) == 0);
    HOLDS(atomic_load(&moves) > 0);
    return 0;
}
