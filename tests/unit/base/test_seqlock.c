/*
 * A plain program, so that thread sanitizer can run it: readers must never see half of a write.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

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
    /* A writer that died inside a write: the reader gives up instead of spinning for ever. */
    atomic_fetch_add(&lock.number, 1);
    return seq_copy(&lock, words, &(struct view){0}, sizeof(struct view)) ||
           !seq_is_written(&lock);
}
