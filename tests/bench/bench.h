#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * bench.h - samples, medians and rows, for every program in tests/bench
 *
 * A benchmark measures ours and its peers interleaved, one of each per round, so that a busy
 * moment of the machine hits all of them; a row compares two medians.
 *
 *     struct bench bench;
 *     struct samples ours = {0}, peer = {0};
 *     bench_begin(&bench, argc, argv, 200);
 *     for (size_t i = 0; i < bench.rounds; i++) {
 *         samples_add(&ours, measure(our_argv));
 *         samples_add(&peer, measure(peer_argv));
 *     }
 *     bench_row(&bench, &(struct row){.name = "launch", .ours = &ours, .peer = &peer, ...});
 *     return bench_end(&bench);
 *
 * Output    With --json stdout is one array of {"name","ours","peer","peer_name","peer_version",
 *           "ratio","unit","better","samples"}; ratio is ours/peer.  Otherwise a table.
 * Limits    SAMPLES_MAX samples of one kind; further ones are dropped.
 */

enum { SAMPLES_MAX = 4096 };

struct samples {
    double values[SAMPLES_MAX];
    size_t count;
};

struct row {
    const char *name;
    const struct samples *ours, *peer;
    const char *peer_name, *peer_version;
    const char *unit;
    const char *better; /* "lower" or "higher" */
};

struct bench {
    bool json;
    size_t rounds;
    size_t rows;
};

/* Wall clock since an arbitrary point, in microseconds. */
static inline double bench_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static inline void samples_add(struct samples *samples, double value)
{
    if (samples->count < SAMPLES_MAX)
        samples->values[samples->count++] = value;
}

static inline int samples_order(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* 0 without samples. */
static inline double samples_median(const struct samples *samples)
{
    double *sorted;
    double median = 0;

    if (samples->count == 0)
        return 0;
    sorted = calloc(samples->count, sizeof *sorted);
    if (!sorted)
        abort();
    memcpy(sorted, samples->values, samples->count * sizeof *sorted);
    qsort(sorted, samples->count, sizeof *sorted, samples_order);
    median = sorted[samples->count / 2];
    free(sorted);
    return median;
}

/* Understands --json and --samples=N. */
static inline void bench_begin(struct bench *bench, int argc, char **argv, size_t rounds)
{
    *bench = (struct bench){.rounds = rounds};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            bench->json = true;
        else if (strncmp(argv[i], "--samples=", 10) == 0)
            bench->rounds = (size_t)strtoul(argv[i] + 10, NULL, 10);
    }
    if (bench->rounds < 1 || bench->rounds > SAMPLES_MAX)
        bench->rounds = rounds;
    if (bench->json)
        printf("[");
    else
        printf("%-28s %12s %12s  %-16s %7s  %s\n", "", "ours", "peer", "", "ratio", "unit");
}

static inline void bench_row(struct bench *bench, const struct row *row)
{
    double ours = samples_median(row->ours), peer = samples_median(row->peer);
    double ratio = peer > 0 ? ours / peer : 0;

    if (bench->json)
        printf("%s\n  {\"name\":\"%s\",\"ours\":%.2f,\"peer\":%.2f,\"peer_name\":\"%s\","
               "\"peer_version\":\"%s\",\"ratio\":%.3f,\"unit\":\"%s\",\"better\":\"%s\","
               "\"samples\":%zu}",
               bench->rows ? "," : "", row->name, ours, peer, row->peer_name, row->peer_version,
               ratio, row->unit, row->better, row->ours->count);
    else
        printf("%-28s %12.1f %12.1f  %-16s %7.2f  %s, %s is better\n", row->name, ours, peer,
               row->peer_name, ratio, row->unit, row->better);
    bench->rows++;
}

static inline int bench_end(struct bench *bench)
{
    if (bench->json)
        printf("%s]\n", bench->rows ? "\n" : "");
    return fflush(stdout) == 0 ? 0 : 1;
}

#endif
