/*
 * outside.c - waiting for the kernel: sockets, and calls that hold their thread
 */
#include "bench/runtime/contender.h"
#include "coop/coop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/select.h>

/* ---- echo: 'count' pairs of sockets, each 50 times 64 bytes there and back ---- */

enum { TRIPS = 50, MESSAGE = 64, BUFFER = 128 };

static int answer(void *arg)
{
    int fd = *(const int *)arg;
    char bytes[BUFFER];

    for (int i = 0; i < TRIPS; i++) {
        ssize_t n = coop_read(fd, bytes, sizeof bytes, COOP_FOREVER);

        if (n <= 0 || coop_write(fd, bytes, (size_t)n, COOP_FOREVER) != n)
            return -EIO;
    }
    return 0;
}

static int ask(void *arg)
{
    int fd = *(const int *)arg;
    char bytes[BUFFER] = "";

    for (int i = 0; i < TRIPS; i++)
        if (coop_write(fd, bytes, MESSAGE, COOP_FOREVER) != MESSAGE ||
            coop_read(fd, bytes, sizeof bytes, COOP_FOREVER) != MESSAGE)
            return -EIO;
    return 0;
}

int work_echo(long count)
{
    int(*ends)[2] = calloc((size_t)count, sizeof *ends), r = ends ? 0 : -ENOMEM;
    struct coop_scope scope;
    coop_nsec before;
    long made = 0;

    for (; r == 0 && made < count; made++)
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends[made]) < 0)
            return -errno; /* the program ends: so do its sockets */
    before = coop_now();
    coop_scope_init(&scope, "echo", 0);
    for (long i = 0; i < made; i++) {
        must(coop_go(&scope, answer, &ends[i][0]), "coop_go");
        must(coop_go(&scope, ask, &ends[i][1]), "coop_go");
    }
    r = coop_scope_wait(&scope);
    say("trips_per_s", (double)count * TRIPS * 1e9 / (double)(coop_now() - before));
    for (long i = 0; i < made; i++) {
        coop_fd_close(ends[i][0]);
        coop_fd_close(ends[i][1]);
    }
    free(ends);
    return r;
}

/* ---- blocking: how much a hundred blocked threads leave to four coroutines that compute ---- */

enum { BLOCKERS = 100, COMPUTERS = 4, BLOCK_US = 10000, STEPS = 2000 };

static atomic_bool stop;
static atomic_long done;

static int block(void *arg)
{
    while (!atomic_load(&stop)) {
        struct timeval delay = {.tv_usec = BLOCK_US};

        coop_block_begin();
        select(0, NULL, NULL, NULL, &delay);
        coop_block_end();
    }
    return arg ? 1 : 0;
}

static int compute(void *arg)
{
    volatile int sum = 0;

    while (!atomic_load(&stop)) {
        for (int i = 0; i < STEPS; i++)
            sum += i * i % 7;
        atomic_fetch_add(&done, 1);
        coop_yield();
    }
    (void)sum;
    return arg ? 1 : 0;
}

/* Pieces of work a second, over 'ms'. */
static double speed(int blockers, long ms)
{
    struct coop_scope scope;
    coop_nsec before;
    double result;

    atomic_store(&stop, false);
    atomic_store(&done, 0);
    coop_scope_init(&scope, "blocking", 0);
    for (int i = 0; i < blockers; i++)
        must(coop_go(&scope, block, NULL), "coop_go");
    for (int i = 0; i < COMPUTERS; i++)
        must(coop_go(&scope, compute, NULL), "coop_go");
    before = coop_now();
    coop_sleep_until(coop_after(before, ms * COOP_NSEC_PER_MSEC));
    result = (double)atomic_load(&done) * 1e9 / (double)(coop_now() - before);
    atomic_store(&stop, true);
    coop_scope_wait(&scope);
    return result;
}

int work_blocking(long count)
{
    double alone = speed(0, count), beside = speed(BLOCKERS, count);

    say("kept_percent", 100 * beside / alone);
    return 0;
}
