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
 *           "ratio","unit","better","samples"}; ratio is ours/peer.  Without a peer "peer" and
 *           "ratio" are null.  Otherwise a table, with the goal of a row that has one beside it.
 * Errors    A benchmark reports: a goal that is missed is no failure.
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
    double goal_ratio;  /* 0: none                                     */
    double goal_ours;   /* the same for the value itself, in its unit  */
};

struct bench {
    bool json;
    size_t rounds;
    size_t rows;
    const char *only; /* names of rows with commas between; NULL: all */
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

/* --json, --samples=N, --quick (a third of the rounds) and --only=ROW,ROW. */
static inline void bench_begin(struct bench *bench, int argc, char **argv, size_t rounds)
{
    *bench = (struct bench){.rounds = rounds};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            bench->json = true;
        else if (strcmp(argv[i], "--quick") == 0)
            bench->rounds = (rounds + 2) / 3;
        else if (strncmp(argv[i], "--samples=", 10) == 0)
            bench->rounds = (size_t)strtoul(argv[i] + 10, NULL, 10);
        else if (strncmp(argv[i], "--only=", 7) == 0)
            bench->only = argv[i] + 7;
    }
    if (bench->rounds < 1 || bench->rounds > SAMPLES_MAX)
        bench->rounds = rounds;
    if (bench->json)
        printf("[");
    else
        printf("%-25s %12s %12s %7s  %-25s %-16s %s\n", "", "ours", "peer", "ratio", "", "",
               "goal");
}

/* Whether --only allows the row. */
static inline bool bench_wants(const struct bench *bench, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = bench->only; at && *at; at += strspn(at, ",")) {
        size_t word = strcspn(at, ",");

        if (word == length && strncmp(at, name, length) == 0)
            return true;
        at += word;
    }
    return !bench->only;
}

static inline bool bench_reaches(const struct row *row, double value, double goal)
{
    return strcmp(row->better, "lower") == 0 ? value <= goal : value >= goal;
}

/* "0.40 met", "4505 us and 1.80 missed"; nothing for a row without a goal. */
static inline void bench_print_goal(const struct row *row, double ours, double ratio)
{
    const char *sign = strcmp(row->better, "lower") == 0 ? "<=" : ">=";
    bool met = true;

    if (row->goal_ours > 0) {
        printf(" %s %.0f %s", sign, row->goal_ours, row->unit);
        met = bench_reaches(row, ours, row->goal_ours);
    }
    if (row->goal_ratio > 0) {
        printf("%s ratio %s %.2f", row->goal_ours > 0 ? "," : "", sign, row->goal_ratio);
        met = met && ratio > 0 && bench_reaches(row, ratio, row->goal_ratio);
    }
    if (row->goal_ours > 0 || row->goal_ratio > 0)
        printf(": %s", met ? "met" : row->goal_ratio > 0 && ratio <= 0 ? "no peer" : "MISSED");
}

static inline void bench_row_json(const struct bench *bench, const struct row *row, double ours,
                                  double peer, double ratio)
{
    printf("%s\n  {\"name\":\"%s\",\"ours\":%.2f,", bench->rows ? "," : "", row->name, ours);
    if (peer > 0)
        printf("\"peer\":%.2f,", peer);
    else
        printf("\"peer\":null,");
    printf("\"peer_name\":\"%s\",\"peer_version\":\"%s\",", row->peer_name, row->peer_version);
    if (peer > 0)
        printf("\"ratio\":%.4f,", ratio);
    else
        printf("\"ratio\":null,");
    printf("\"unit\":\"%s\",\"better\":\"%s\",\"samples\":%zu}", row->unit, row->better,
           row->ours->count);
}

static inline void bench_row(struct bench *bench, const struct row *row)
{
    double ours = samples_median(row->ours), peer = samples_median(row->peer);
    double ratio = peer > 0 ? ours / peer : 0;
    char unit[64];

    if (!bench_wants(bench, row->name))
        return;
    if (bench->json) {
        bench_row_json(bench, row, ours, peer, ratio);
    } else {
        snprintf(unit, sizeof unit, "%s, %s is better", row->unit, row->better);
        printf("%-25s %12.1f ", row->name, ours);
        if (peer > 0)
            printf("%12.1f %7.2f", peer, ratio);
        else
            printf("%12s %7s", "-", "-");
        printf("  %-25s %-16s", unit, row->peer_name);
        bench_print_goal(row, ours, ratio);
        printf("\n");
    }
    bench->rows++;
    fflush(stdout);
}

static inline int bench_end(struct bench *bench)
{
    if (bench->json)
        printf("%s]\n", bench->rows ? "\n" : "");
    return fflush(stdout) == 0 ? 0 : 1;
}

#endif
