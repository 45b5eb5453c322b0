/*
 * block_storm.c - processors handed from worker to worker, and descriptors under load
 *
 * Coroutines in eager and optimistic brackets of all lengths, offloads, and pairs that talk
 * over sockets, all at once: processors are handed off, retaken and taken back while the poller
 * works.
 */
#include "stress/stress.h"

#include <poll.h>
#include <sys/socket.h>

enum { BLOCKERS = 12, PAIRS = 6 };

static int rounds;
static _Atomic(long) echoed;

static int nap(void *arg)
{
    return poll(NULL, 0, (int)(intptr_t)arg);
}

static int block(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;

    for (int n = 0; n < rounds; n++) {
        switch (draw(&chance, 4)) {
        case 0:
            coop_block_begin();
            nap((void *)(intptr_t)draw(&chance, 3));
            coop_block_end();
            break;
        case 1:
            coop_syscall_begin();
            nap((void *)(intptr_t)draw(&chance, 2));
            coop_syscall_end();
            break;
        case 2: HOLDS(coop_offload(nap, (void *)(intptr_t)draw(&chance, 2)) == 0); break;
        default: coop_yield();
        }
    }
    return 0;
}

static int echo(void *arg)
{
    int fd = *(int *)arg;
    char buf[64];
    ssize_t n;

    while ((n = coop_read(fd, buf, sizeof buf, in_seconds(PATIENCE))) > 0)
        HOLDS(coop_write_full(fd, buf, (size_t)n, NULL, in_seconds(PATIENCE)) == n);
    HOLDS(n == 0);
    return 0;
}

static int talk(__attribute__((unused)) void *arg)
{
    struct coop_attr copy = {.name = "echo", .copy = sizeof(int)};
    struct coop_scope s;
    int fds[2];

    HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    coop_scope_init(&s, "pair", 0);
    HOLDS(coop_go_with(&s, &copy, echo, &fds[1]) == 0);
    for (int n = 0; n < 20 * rounds; n++) {
        char buf[64] = "ping";

        HOLDS(coop_write_full(fds[0], buf, 4, NULL, in_seconds(PATIENCE)) == 4);
        HOLDS(coop_read(fds[0], buf, sizeof buf, in_seconds(PATIENCE)) == 4);
        atomic_fetch_add(&echoed, 1);
    }
    coop_fd_close(fds[0]);
    HOLDS(coop_scope_wait(&s) == 0);
    coop_fd_close(fds[1]);
    return 0;
}

static int storm(__attribute__((unused)) void *arg)
{
    struct coop_scope s;

    coop_scope_init(&s, "storm", 0);
    for (int i = 0; i < BLOCKERS; i++)
        HOLDS(coop_go(&s, block, (void *)(intptr_t)(i + 1)) == 0);
    for (int i = 0; i < PAIRS; i++)
        HOLDS(coop_go(&s, talk, NULL) == 0);
    return coop_scope_wait(&s);
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "block-storm", .procs = 2, .max_workers = 20};

    rounds = 40 * times_more(argc, argv);
    HOLDS(coop_main(&o, storm, NULL) == 0);
    HOLDS(echoed == 20L * rounds * PAIRS);
    return 0;
}
