/*
 * bench_runtime.c - what a switch, a hop, a birth and a select cost
 *
 * Nanoseconds per operation on one processor and on two.  There is no other program to compare
 * with yet: the peer is the goal that the runtime has set itself (lib/README.md).
 */
#include "bench/bench.h"
#include "coop/coop.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 7, OPS = 100000 };

static int yielder(void *arg)
{
    for (int i = 0; i < OPS / 2; i++)
        coop_yield();
    return arg ? 1 : 0;
}

static int measure_yield(void *arg)
{
    struct coop_scope s;

    (void)arg;
    coop_scope_init(&s, "yield", 0);
    coop_go(&s, yielder, NULL);
    coop_go(&s, yielder, NULL);
    return coop_scope_wait(&s);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int measure_spawn(void *arg)
{
    (void)arg;
    for (int i = 0; i < OPS; i++) {
        struct coop_scope s;

        coop_scope_init(&s, "spawn", 0);
        coop_go(&s, nothing, NULL);
        coop_scope_wait(&s);
    }
    return 0;
}

static int measure_spawn_batch(void *arg)
{
    (void)arg;
    for (int i = 0; i < OPS / 1000; i++) {
        struct coop_scope s;

        coop_scope_init(&s, "spawn", 0);
        for (int k = 0; k < 1000; k++)
            coop_go(&s, nothing, NULL);
        coop_scope_wait(&s);
    }
    return 0;
}

static int receiver(void *arg)
{
    int v;

    while (coop_recv(arg, &v, COOP_FOREVER) == 1)
        ;
    return 0;
}

static int send_through(size_t capacity)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), capacity);
    struct coop_scope s;

    coop_scope_init(&s, "hop", 0);
    coop_go(&s, receiver, ch);
    for (int i = 0; i < OPS; i++)
        coop_send(ch, &i, COOP_FOREVER);
    coop_close(ch);
    coop_scope_wait(&s);
    coop_chan_unref(ch);
    return 0;
}

static int measure_hop(void *arg)
{
    (void)arg;
    return send_through(0);
}

static int measure_buffered(void *arg)
{
    (void)arg;
    return send_through(128);
}

static int select_ready(int count, int fill)
{
    struct coop_chan *ch[16];
    struct coop_case cases[16];
    int v = 0;

    for (int i = 0; i < count; i++) {
        ch[i] = coop_chan_new(sizeof(int), 1);
        if (fill)
            coop_send(ch[i], &v, COOP_NOW);
        cases[i] = COOP_RECV(ch[i], &v);
    }
    for (int i = 0; i < OPS; i++) {
        int at = coop_select(cases, count, COOP_NOW);

        if (at >= 0)
            coop_send(ch[at], &v, COOP_NOW);
    }
    for (int i = 0; i < count; i++)
        coop_chan_unref(ch[i]);
    return 0;
}

static int measure_select(void *arg)
{
    (void)arg;
    return select_ready(10, 1);
}

static int measure_select_idle(void *arg)
{
    (void)arg;
    return select_ready(10, 0);
}

static int measure_mutex(void *arg)
{
    static struct coop_mutex m;

    (void)arg;
    for (int i = 0; i < OPS; i++) {
        coop_mutex_lock(&m);
        coop_mutex_unlock(&m);
    }
    return 0;
}

struct echo {
    struct coop_actor actor;
    struct coop_msg msg;
    struct coop_sem answered;
};

static void answer(struct coop_actor *actor, struct coop_msg *msg)
{
    struct echo *e = actor->arg;

    (void)msg;
    coop_sem_release(&e->answered, 1);
}

static int measure_actor(void *arg)
{
    struct echo e = {0};

    (void)arg;
    coop_actor_init(&e.actor, "echo", answer, &e);
    for (int i = 0; i < OPS; i++) {
        coop_post(&e.actor, &e.msg);
        coop_sem_acquire(&e.answered, 1, COOP_FOREVER);
    }
    return 0;
}

static int measure_bracket(void *arg)
{
    (void)arg;
    for (int i = 0; i < OPS; i++) {
        coop_syscall_begin();
        coop_syscall_end();
    }
    return 0;
}

static const struct {
    const char *name;
    int (*fn)(void *);
    double goal;
} rows[] = {
    {"yield", measure_yield, 25},
    {"channel hop", measure_hop, 60},
    {"buffered send and receive", measure_buffered, 25},
    {"spawn, end and wait", measure_spawn, 100},
    {"spawn in batches of 1000", measure_spawn_batch, 100},
    {"select of 10 ready, refill", measure_select, 30},
    {"select of 10 idle, default", measure_select_idle, 30},
    {"mutex, uncontended", measure_mutex, 10},
    {"actor: post, handle, answer", measure_actor, 200},
    {"optimistic bracket", measure_bracket, 30},
};

struct measure {
    size_t row;
    double ns; /* per operation */
};

/* Inside the runtime: its start and end are not counted, nor the first touch of its stacks. */
static int timed(void *arg)
{
    struct measure *m = arg;
    double start;
    int r = rows[m->row].fn(NULL);

    if (r != 0)
        return r;
    start = bench_now_us();
    r = rows[m->row].fn(NULL);
    m->ns = (bench_now_us() - start) * 1000 / OPS;
    return r;
}

static double run(size_t row, int procs)
{
    struct coop_options o = {.name = "bench", .procs = procs};
    struct measure m = {.row = row};

    if (coop_main(&o, timed, &m) != 0)
        exit(EXIT_FAILURE);
    return m.ns;
}

int main(int argc, char **argv)
{
    static struct samples ours, goal;
    struct bench bench;

    bench_begin(&bench, argc, argv, RUNS);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (int procs = 1; procs <= 2; procs++) {
            char name[64];

            snprintf(name, sizeof name, "%s, %dP", rows[row].name, procs);
            ours.count = goal.count = 0;
            for (size_t i = 0; i < bench.rounds; i++)
                samples_add(&ours, run(row, procs));
            samples_add(&goal, rows[row].goal);
            bench_row(&bench, &(struct row){.name = name,
                                            .ours = &ours,
                                            .peer = &goal,
                                            .peer_name = "goal",
                                            .peer_version = "",
                                            .unit = "ns",
                                            .better = "lower"});
        }
    }
    return bench_end(&bench);
}
