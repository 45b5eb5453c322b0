/*
 * bench_policy.c - when the priority policy helps, and what it costs
 *
 * "ours" is COOP_POLICY_PRIORITY, the peer COOP_POLICY_DEFAULT, both on one processor, so that who
 * runs next decides everything.  Below 1 the policy helps (all rows: lower is better).
 *
 *   nap_among_hogs    lateness of one that sleeps and answers, beside 32 that compute in pieces
 *   call_among_hogs   one that is called through a channel: the default runs it next, here it has
 *                     its turn at first, and then the bonus that waiting for it has earned
 *   batch_behind      how long 4 of priority -10 need for their work beside 28 of priority 19
 *   equal_hogs        time of 32 equal ones that compute in pieces of 50 us
 *   equal_crumbs      the same in pieces of a microsecond: mostly switches
 *   yield, hop, spawn_exit   a switch, a word through a channel, a birth and a death
 */
#include "bench/bench.h"
#include "coop/coop.h"

#include <stdlib.h>

enum { HOGS = 32, SWITCHES = 20000, CALLS = 20 };

#define PIECE (50 * COOP_NSEC_PER_USEC)

static int stop, sizes; /* sizes: how much of everything, of 4 */

static void compute(coop_nsec delay)
{
    coop_nsec end = coop_after(coop_now(), delay);

    while (coop_now() < end)
        ;
}

static int hog(void *arg)
{
    (void)arg;
    while (!stop) {
        compute(PIECE);
        coop_yield();
    }
    return 0;
}

static void start_hogs(struct coop_scope *scope)
{
    stop = 0;
    coop_scope_init(scope, "hogs", 0);
    for (int i = 0; i < HOGS; i++)
        coop_go(scope, hog, NULL);
    coop_yield();
}

/* ---- answering soon: microseconds late, the middle one of some ---- */

static struct samples late;

static double nap_among_hogs(void)
{
    struct coop_scope scope;
    int naps = 3 * sizes;

    late.count = 0;
    start_hogs(&scope);
    for (int i = 0; i < 2 * naps; i++) { /* the first half earns the bonus */
        coop_nsec end = coop_after(coop_now(), 3 * COOP_NSEC_PER_MSEC);

        coop_sleep_until(end);
        if (i >= naps)
            samples_add(&late, (double)(coop_now() - end) / 1e3);
    }
    stop = 1;
    coop_scope_wait(&scope);
    return samples_median(&late);
}

static int answer(void *arg)
{
    coop_nsec called;

    while (coop_recv(arg, &called, COOP_FOREVER) == 1)
        samples_add(&late, (double)(coop_now() - called) / 1e3);
    return 0;
}

static double call_among_hogs(void)
{
    struct coop_chan *calls = coop_chan_new(sizeof(coop_nsec), 1);
    struct coop_scope scope, one;

    late.count = 0;
    coop_scope_init(&one, "one", 0);
    coop_go(&one, answer, calls);
    start_hogs(&scope);
    for (int i = 0; i < CALLS; i++) {
        coop_nsec now = coop_now();

        coop_send(calls, &now, COOP_FOREVER);
        coop_yield();
    }
    stop = 1;
    coop_close(calls);
    coop_scope_wait(&scope);
    coop_scope_wait(&one);
    coop_chan_unref(calls);
    return samples_median(&late);
}

/* ---- a batch behind others: milliseconds ---- */

static int pieces_of_work(void *arg)
{
    for (int i = *(int *)arg; i > 0; i--) {
        compute(PIECE);
        coop_yield();
    }
    return 0;
}

static double batch_behind(void)
{
    struct coop_attr first = {.name = "first", .priority = -10};
    struct coop_attr last = {.name = "last", .priority = COOP_PRIORITY_LAST};
    struct coop_scope batch, work;
    double start = bench_now_us();
    int pieces = 20 * sizes;

    stop = 0;
    coop_scope_init(&batch, "batch", 0);
    for (int i = 0; i < 28; i++)
        coop_go_with(&batch, &last, hog, NULL);
    coop_scope_init(&work, "work", 0);
    for (int i = 0; i < 4; i++)
        coop_go_with(&work, &first, pieces_of_work, &pieces);
    coop_scope_wait(&work);
    start = bench_now_us() - start;
    stop = 1;
    coop_scope_wait(&batch);
    return start / 1e3;
}

/* ---- nobody is better than others: milliseconds ---- */

static double equal_hogs(void)
{
    struct coop_scope work;
    double start = bench_now_us();
    int pieces = 5 * sizes;

    coop_scope_init(&work, "work", 0);
    for (int i = 0; i < HOGS; i++)
        coop_go(&work, pieces_of_work, &pieces);
    coop_scope_wait(&work);
    return (bench_now_us() - start) / 1e3;
}

static int crumbs(void *arg)
{
    for (int i = *(int *)arg; i > 0; i--) {
        compute(COOP_NSEC_PER_USEC);
        coop_yield();
    }
    return 0;
}

static double equal_crumbs(void)
{
    struct coop_scope work;
    double start = bench_now_us();
    int count = 50 * sizes;

    coop_scope_init(&work, "work", 0);
    for (int i = 0; i < HOGS; i++)
        coop_go(&work, crumbs, &count);
    coop_scope_wait(&work);
    return (bench_now_us() - start) / 1e3;
}

/* ---- the price of a switch: nanoseconds ---- */

static int yielder(void *arg)
{
    for (int i = *(int *)arg; i > 0; i--)
        coop_yield();
    return 0;
}

static double yield(void)
{
    int each = SWITCHES / 2 * sizes;
    struct coop_scope scope;
    double start = bench_now_us();

    coop_scope_init(&scope, "yielders", 0);
    coop_go(&scope, yielder, &each);
    coop_go(&scope, yielder, &each);
    coop_scope_wait(&scope);
    return (bench_now_us() - start) * 1e3 / (2.0 * each);
}

static int receiver(void *arg)
{
    int v;

    while (coop_recv(arg, &v, COOP_FOREVER) == 1)
        ;
    return 0;
}

static double hop(void)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    int count = SWITCHES * sizes;
    struct coop_scope scope;
    double start = bench_now_us();

    coop_scope_init(&scope, "hop", 0);
    coop_go(&scope, receiver, ch);
    for (int i = 0; i < count; i++)
        coop_send(ch, &i, COOP_FOREVER);
    coop_close(ch);
    coop_scope_wait(&scope);
    coop_chan_unref(ch);
    return (bench_now_us() - start) * 1e3 / count;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static double spawn_exit(void)
{
    int count = SWITCHES * sizes;
    double start = bench_now_us();

    for (int i = 0; i < count; i++) {
        struct coop_scope scope;

        coop_scope_init(&scope, "one", 0);
        coop_go(&scope, nothing, NULL);
        coop_scope_wait(&scope);
    }
    return (bench_now_us() - start) * 1e3 / count;
}

/* ---- rows ---- */

static const struct {
    const char *name, *unit;
    double (*measure)(void);
} rows[] = {
    {"nap_among_hogs", "us", nap_among_hogs},
    {"call_among_hogs", "us", call_among_hogs},
    {"batch_behind", "ms", batch_behind},
    {"equal_hogs", "ms", equal_hogs},
    {"equal_crumbs", "ms", equal_crumbs},
    {"yield", "ns", yield},
    {"hop", "ns", hop},
    {"spawn_exit", "ns", spawn_exit},
};

enum { ROWS = sizeof rows / sizeof *rows };

struct run {
    double (*measure)(void);
    double result;
};

static int run_one(void *arg)
{
    struct run *run = arg;

    run->result = run->measure();
    return 0;
}

static void sample(struct samples *samples, double (*measure)(void), int policy)
{
    struct coop_options options = {.name = "bench", .procs = 1, .policy = policy};
    struct run run = {.measure = measure};

    if (coop_main(&options, run_one, &run) == 0)
        samples_add(samples, run.result);
}

int main(int argc, char **argv)
{
    static struct samples ours[ROWS], peer[ROWS];
    struct bench bench;

    bench_begin(&bench, argc, argv, 9);
    sizes = bench.rounds < 3 ? 1 : 4;
    for (size_t round = 0; round < bench.rounds; round++)
        for (int i = 0; i < ROWS; i++) {
            if (!bench_wants(&bench, rows[i].name))
                continue;
            sample(&ours[i], rows[i].measure, COOP_POLICY_PRIORITY);
            sample(&peer[i], rows[i].measure, COOP_POLICY_DEFAULT);
        }
    for (int i = 0; i < ROWS; i++)
        bench_row(&bench, &(struct row){.name = rows[i].name,
                                        .ours = &ours[i],
                                        .peer = &peer[i],
                                        .peer_name = "default policy",
                                        .peer_version = COOP_VERSION,
                                        .unit = rows[i].unit,
                                        .better = "lower"});
    return bench_end(&bench);
}
