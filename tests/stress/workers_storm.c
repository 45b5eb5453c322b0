/*
 * workers_storm.c - threads on demand: as many as block, no more than the limit, few afterwards
 *
 * Blockers are held in their brackets by a gate till as many are in as can be: so the numbers are
 * exact, not a matter of luck.  Then the kernel "refuses" threads at random moments.
 */
#include "stress/stress.h"

#include "coop/block.h"
#include "rt/sched.h"

#include <pthread.h>

enum { PROCS = 2 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside, most, wanted; /* opens when so many are in */
    bool open;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int block_at_the_gate(__attribute__((unused)) void *arg)
{
    coop_block_begin();
    pthread_mutex_lock(&gate.lock);
    if (++gate.inside > gate.most)
        gate.most = gate.inside;
    if (gate.inside >= gate.wanted)
        gate.open = true;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.inside--;
    pthread_mutex_unlock(&gate.lock);
    coop_block_end();
    return 0;
}

static int block_all(void *arg)
{
    int blockers = *(int *)arg;
    coop_nsec deadline = in_seconds(100);
    struct coop_stats stats;
    struct coop_scope s;

    gate.inside = gate.most = 0;
    gate.open = false;
    coop_scope_init(&s, "blockers", 0);
    for (int i = 0; i < blockers; i++)
        HOLDS(coop_go(&s, block_at_the_gate, NULL) == 0);
    HOLDS(coop_scope_wait(&s) == 0 && gate.inside == 0);
    coop_stats_get(&stats);
    HOLDS(stats.create_failures == 0);
    do { /* the surplus goes home */
        HOLDS(coop_now() < deadline);
        coop_sleep_until(coop_after(coop_now(), 5 * COOP_NSEC_PER_MSEC));
        coop_stats_get(&stats);
    } while (stats.workers > IDLE_WORKERS_KEPT + PROCS + 1);
    return 0;
}

/* Every blocker has a thread of its own. */
static void on_demand(int blockers)
{
    struct coop_options o = {.name = "on-demand", .procs = PROCS};

    gate.wanted = blockers;
    HOLDS(coop_main(&o, block_all, &blockers) == 0);
    HOLDS(gate.most == blockers);
}

/* At the limit the others queue; when all threads are in the gate opens. */
static void at_the_limit(int limit, int blockers)
{
    struct coop_options o = {.name = "limit", .procs = PROCS, .max_workers = limit};

    gate.wanted = limit;
    HOLDS(coop_main(&o, block_all, &blockers) == 0);
    HOLDS(gate.most == limit);
}

static _Atomic(bool) done;

static void *refuse_now_and_then(__attribute__((unused)) void *arg)
{
    unsigned chance = 5;

    while (!atomic_load(&done)) {
        atomic_store(&coop__refuse_threads, draw(&chance, 2) == 0);
        for (unsigned n = draw(&chance, 100000); n; n--)
            __asm__ volatile("");
    }
    atomic_store(&coop__refuse_threads, false);
    return NULL;
}

static int block_often(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < 20; i++) {
        coop_block_begin();
        for (unsigned n = draw(&chance, 20000); n; n--)
            __asm__ volatile("");
        coop_block_end();
        if (i % 4 == 0)
            coop_sleep_until(coop_after(coop_now(), draw(&chance, 100000)));
    }
    return 0;
}

static int block_while_refused(__attribute__((unused)) void *arg)
{
    struct coop_scope s;

    coop_scope_init(&s, "refused", 0);
    for (int i = 0; i < 50; i++)
        HOLDS(coop_go(&s, block_often, (void *)(intptr_t)(i * 31 + 1)) == 0);
    return coop_scope_wait(&s);
}

static void refused_at_random(void)
{
    struct coop_options o = {.name = "refused", .procs = PROCS};
    pthread_t thread;

    atomic_store(&done, false);
    HOLDS(pthread_create(&thread, NULL, refuse_now_and_then, NULL) == 0);
    HOLDS(coop_main(&o, block_while_refused, NULL) == 0);
    atomic_store(&done, true);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    int times = times_more(argc, argv);

    atomic_store(&coop__idle_worker_life, 5 * COOP_NSEC_PER_MSEC);
    on_demand(200 * times);
    for (int n = 0; n < times; n++) {
        at_the_limit(5 + n, 60);
        refused_at_random();
    }
    return 0;
}
