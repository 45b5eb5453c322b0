/*
 * A plain program, so that thread sanitizer can run it: readers must never see half of a write.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/seqlock.h"

#define ROUNDS  200000
#define READERS 3

struct view {
    uint64_t a, b;
    uint32_t c[5];
};

static struct seqlock lock;
static SEQ_WORDS(words, struct view);
static _Atomic int stop;

static void *reader(void *arg)
{
    uint64_t last = 0, *ret_seen = arg;

    while (!atomic_load(&stop)) {
        struct view v = {0};

        if (!seq_copy(&lock, words, &v, sizeof v))
            continue;
        for (int i = 0; i < 5; i++) {
            if (v.a != v.b || v.c[i] != (uint32_t)v.a || v.a < last) {
                fprintf(stderr, "torn: %llu %llu\n", (unsigned long long)v.a,
                        (unsigned long long)v.b);
                abort();
            }
        }
        last = v.a;
        ++*ret_seen;
    }
    return NULL;
}

static _Atomic int sure_has_it;

static void *sure_reader(void *arg)
{
    seq_copy_sure(&lock, words, arg, sizeof(struct view));
    atomic_store(&sure_has_it, 1);
    return NULL;
}

/* A writer that loses its CPU in the middle of a write for longer than SEQ_TRIES: a reader in the
 * same process must wait for it, and not take "not now" for "nothing there". */
static int sure_reader_waits(void)
{
    struct view seen = {0};
    struct timespec used = {0};
    clockid_t its_clock;
    pthread_t thread;
    int early;

    atomic_fetch_add(&lock.number, 1);
    if (pthread_create(&thread, NULL, sure_reader, &seen) != 0 ||
        pthread_getcpuclockid(thread, &its_clock) != 0)
        return 1;
    while (used.tv_nsec < 20000000 && used.tv_sec == 0 && !atomic_load(&sure_has_it)) {
        sched_yield();
        clock_gettime(its_clock, &used);
    }
    early = atomic_load(&sure_has_it);
    atomic_fetch_add(&lock.number, 1);
    pthread_join(thread, NULL);
    return early || seen.a != ROUNDS || seen.b != ROUNDS;
}

int main(void)
{
    pthread_t threads[READERS];
    uint64_t seen[READERS] = {0};

    if (seq_is_written(&lock))
        return 1;
    for (int i = 0; i < READERS; i++)
        if (pthread_create(&threads[i], NULL, reader, &seen[i]) != 0)
            return 1;
    for (uint64_t n = 1; n <= ROUNDS; n++) {
        struct view v = {.a = n, .b = n};

        for (int i = 0; i < 5; i++)
            v.c[i] = (uint32_t)n;
        seq_publish(&lock, words, &v, sizeof v);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    if (sure_reader_waits())
        return 2;
    /* A writer that died inside a write: the reader gives up instead of spinning for ever. */
    atomic_fetch_add(&lock.number, 1);
    return seq_copy(&lock, words, &(struct view){0}, sizeof(struct view)) ||
           !seq_is_written(&lock);
}
