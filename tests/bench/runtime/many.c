/*
 * many.c - coroutines by the hundred thousand: their time, their memory, their sleep
 */
#include "bench/runtime/contender.h"
#include "coop/coop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* A line of /proc/self/status, in bytes. */
static double status_bytes(const char *key)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    double bytes = 0;

    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, key, strlen(key)) == 0)
            bytes = strtod(line + strlen(key), NULL) * 1024;
    if (status)
        fclose(status);
    return bytes;
}

/* What the process costs: its pages, and the tables that say where they are. */
static double memory(void)
{
    return status_bytes("VmRSS:") + status_bytes("VmPTE:");
}

static double mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    double lines = 0;

    for (int c; maps && (c = fgetc(maps)) != EOF;)
        lines += c == '\n';
    if (maps)
        fclose(maps);
    return lines;
}

/* ---- skynet: each starts ten until there are 'count' of them, who count themselves ---- */

struct node {
    struct coop_chan *up;
    long first, size;
};

static int skynet(void *arg)
{
    struct node self = *(struct node *)arg, children[10];
    long sum = 0, part;

    if (self.size == 1)
        return coop_send(self.up, &self.first, COOP_FOREVER);
    struct coop_chan *sums = coop_chan_new(sizeof(long), 0);
    for (int i = 0; i < 10; i++) {
        long size = self.size / 10;

        children[i] = (struct node){sums, self.first + i * size, size};
        must(coop_go(NULL, skynet, &children[i]), "coop_go");
    }
    for (int i = 0; i < 10; i++) {
        coop_recv(sums, &part, COOP_FOREVER);
        sum += part;
    }
    coop_chan_unref(sums);
    return coop_send(self.up, &sum, COOP_FOREVER);
}

int work_skynet(long count)
{
    struct node root = {coop_chan_new(sizeof(long), 0), 0, count};
    coop_nsec before = coop_now();
    long sum;

    must(coop_go(NULL, skynet, &root), "coop_go");
    coop_recv(root.up, &sum, COOP_FOREVER);
    say("ms", (double)(coop_now() - before) / 1e6);
    say("rss_mb", status_bytes("VmHWM:") / 1e6);
    coop_chan_unref(root.up);
    return sum == count * (count - 1) / 2 ? 0 : -EBADMSG;
}

/* ---- parked: all wait on one channel, which is closed ---- */

struct crowd {
    struct coop_chan *gate;
    struct coop_wg there;
};

static int wait_at_gate(void *arg)
{
    struct crowd *crowd = arg;
    long v;

    coop_wg_done(&crowd->there);
    coop_recv(crowd->gate, &v, COOP_FOREVER);
    return 0;
}

int work_parked(long count)
{
    struct crowd crowd = {.gate = coop_chan_new(sizeof(long), 0)};
    double empty = memory();
    struct coop_scope scope;
    coop_nsec before;

    coop_scope_init(&scope, "crowd", 0);
    coop_wg_add(&crowd.there, count);
    for (long i = 0; i < count; i++)
        must(coop_go(&scope, wait_at_gate, &crowd), "coop_go");
    coop_wg_wait(&crowd.there);
    say("bytes", (memory() - empty) / (double)count);
    say("vmas", mappings());
    before = coop_now();
    coop_close(crowd.gate);
    coop_scope_wait(&scope);
    say("wake_ns", (double)(coop_now() - before) / (double)count);
    coop_chan_unref(crowd.gate);
    return 0;
}

/* ---- sleep: each 50 to 149 ms, once ---- */

struct sleeper {
    coop_nsec delay;
    double late_us;
};

static int sleep_once(void *arg)
{
    struct sleeper *self = arg;
    coop_nsec before = coop_now();

    coop_sleep_until(coop_after(before, self->delay));
    self->late_us = (double)(coop_now() - before - self->delay) / 1e3;
    return 0;
}

static int by_lateness(const void *a, const void *b)
{
    double left = ((const struct sleeper *)a)->late_us,
           right = ((const struct sleeper *)b)->late_us;

    return (left > right) - (left < right);
}

static double cpu_ns(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e9 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e3;
}

int work_sleep(long count)
{
    struct sleeper *sleepers = calloc((size_t)count, sizeof *sleepers);
    double before = cpu_ns();
    struct coop_scope scope;

    if (!sleepers)
        return -ENOMEM;
    coop_scope_init(&scope, "sleepers", 0);
    for (long i = 0; i < count; i++) {
        sleepers[i].delay = (50 + i % 100) * COOP_NSEC_PER_MSEC;
        must(coop_go(&scope, sleep_once, &sleepers[i]), "coop_go");
    }
    coop_scope_wait(&scope);
    say("cpu_ns", (cpu_ns() - before) / (double)count);
    qsort(sleepers, (size_t)count, sizeof *sleepers, by_lateness);
    say("late_p99_us", sleepers[count * 99 / 100].late_us);
    free(sleepers);
    return 0;
}
