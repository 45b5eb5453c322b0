/*
 * steal_storm.c - bursts of short coroutines on four processors: every one runs, once
 *
 * Bursts overflow the rings, so that owners, thieves and the global queue meet; a tree of
 * scopes grows and falls; processors come and go meanwhile.
 */
#include "stress/stress.h"

enum { BURST = 700, FAN = 4, DEPTH = 5 };

static _Atomic(long) ran;
static _Atomic(int) marks[BURST];

static int leaf(void *arg)
{
    atomic_fetch_add(&ran, 1);
    HOLDS(atomic_fetch_add(&marks[(intptr_t)arg], 1) == 0);
    return 0;
}

static int branch(void *arg)
{
    int depth = (int)(intptr_t)arg;
    struct coop_scope s;

    atomic_fetch_add(&ran, 1);
    if (depth == 0)
        return 0;
    coop_scope_init(&s, "branch", 0);
    for (int i = 0; i < FAN; i++)
        HOLDS(coop_go(&s, branch, (void *)(intptr_t)(depth - 1)) == 0);
    coop_yield();
    return coop_scope_wait(&s);
}

static int storm(void *arg)
{
    int times = *(int *)arg;

    for (int n = 0; n < 20 * times; n++) {
        struct coop_scope s;
        long before = atomic_load(&ran);

        for (int i = 0; i < BURST; i++)
            atomic_store(&marks[i], 0);
        coop_scope_init(&s, "burst", 0);
        for (int i = 0; i < BURST; i++)
            HOLDS(coop_go(&s, leaf, (void *)(intptr_t)i) == 0);
        HOLDS(coop_scope_wait(&s) == 0);
        HOLDS(atomic_load(&ran) == before + BURST);
        for (int i = 0; i < BURST; i++)
            HOLDS(atomic_load(&marks[i]) == 1);
        if (n % 5 == 0)
            HOLDS(coop_set_procs(1 + n / 5 % 4) > 0);
    }
    coop_set_procs(4);
    for (int n = 0; n < times; n++) {
        long before = atomic_load(&ran);

        HOLDS(branch((void *)(intptr_t)DEPTH) == 0);
        HOLDS(atomic_load(&ran) - before == 1365); /* 1 + 4 + ... + 4^5 */
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "steal-storm", .procs = 4};
    int times = times_more(argc, argv);

    HOLDS(coop_main(&o, storm, &times) == 0);
    return 0;
}
