/*
 * main.c - our side of `./dev bench runtime`: one work, measured once
 */
#include "bench/runtime/contender.h"
#include "coop/coop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 20 }; /* a twentieth of the operations run before the clock starts */

static const struct work {
    const char *name;
    work_ops *ops;
    work_whole *whole;
} works[] = {
    {.name = "yield", .ops = work_yield},
    {.name = "spawn_exit", .ops = work_spawn_exit},
    {.name = "hop", .ops = work_hop},
    {.name = "mutex", .ops = work_mutex},
    {.name = "mpmc", .ops = work_mpmc},
    {.name = "select2_ready", .ops = work_select2_ready},
    {.name = "select10_ready", .ops = work_select10_ready},
    {.name = "select10_idle", .ops = work_select10_idle},
    {.name = "select10_block", .ops = work_select10_block},
    {.name = "skynet", .whole = work_skynet},
    {.name = "parked", .whole = work_parked},
    {.name = "sleep", .whole = work_sleep},
    {.name = "echo", .whole = work_echo},
    {.name = "blocking", .whole = work_blocking},
};

struct order {
    const struct work *work;
    long count;
};

void say(const char *key, double value)
{
    printf("%s %.4f\n", key, value);
}

void must(int r, const char *what)
{
    if (r >= 0)
        return;
    fprintf(stderr, "bench_runtime_coop: %s: %s\n", what, strerror(-r));
    exit(EXIT_FAILURE);
}

static int carry_out(void *arg)
{
    const struct order *order = arg;
    coop_nsec before;

    if (order->work->whole)
        return order->work->whole(order->count);
    order->work->ops(order->count / WARM_UP);
    before = coop_now();
    order->work->ops(order->count);
    say("ns", (double)(coop_now() - before) / (double)order->count);
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options options = {.name = "bench"};
    struct order order = {0};

    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        puts("coop " COOP_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; argc == 4 && i < sizeof works / sizeof *works; i++)
        if (strcmp(argv[1], works[i].name) == 0)
            order.work = &works[i];
    if (!order.work) {
        fputs("usage: bench_runtime_coop WORK PROCS COUNT\n", stderr);
        return 2;
    }
    options.procs = (int)strtol(argv[2], NULL, 10);
    order.count = strtol(argv[3], NULL, 10);
    must(coop_main(&options, carry_out, &order), argv[1]);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
