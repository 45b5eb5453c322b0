/*
 * look_storm.c - looking on while everything changes
 *
 * Two foreign threads dump all coroutines, and start and stop traces, as fast as they can,
 * while coroutines are born, open scopes, wait, are cancelled and die.  Nothing may crash, and
 * the thread sanitizer has nothing to say.
 */
#include "stress/stress.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static _Atomic(bool) enough;
static _Atomic(long) dumps, traces;
static struct coop_chan *crowded;

static void *dump(__attribute__((unused)) void *arg)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    while (!atomic_load(&enough)) {
        coop_dump(fd);
        dumps++;
    }
    close(fd);
    return NULL;
}

static void *trace(__attribute__((unused)) void *arg)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    while (!atomic_load(&enough)) {
        HOLDS(coop_trace_start() == 0);
        HOLDS(coop_trace_stop(traces % 2 ? fd : -1) == 0);
        traces++;
    }
    close(fd);
    return NULL;
}

static int leaf(__attribute__((unused)) void *arg)
{
    int v = 0;

    if (coop_id() % 2)
        coop_yield();
    else
        coop_recv(crowded, &v, in_seconds(60)); /* till it is cancelled */
    return 0;
}

static int branch(__attribute__((unused)) void *arg)
{
    char name[] = "a name that goes away with this frame";
    struct coop_attr attr = {.name = name};
    struct coop_scope scope;

    coop_scope_init(&scope, name, 0);
    for (int i = 0; i < 10; i++)
        coop_go_with(&scope, &attr, leaf, NULL);
    coop_yield();
    coop_scope_end(&scope);
    return 0;
}

static int grow(void *arg)
{
    int rounds = *(int *)arg;
    pthread_t threads[2];

    crowded = coop_chan_new(sizeof(int), 0);
    HOLDS(pthread_create(&threads[0], NULL, dump, NULL) == 0);
    HOLDS(pthread_create(&threads[1], NULL, trace, NULL) == 0);
    for (int i = 0; i < rounds || dumps < 5 || traces < 5; i++) {
        struct coop_scope scope;

        coop_scope_init(&scope, "trees", 0);
        for (int k = 0; k < 20; k++)
            coop_go(&scope, branch, NULL);
        HOLDS(coop_scope_wait(&scope) == 0);
    }
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++) {
        coop_block_begin();
        pthread_join(threads[i], NULL);
        coop_block_end();
    }
    coop_chan_unref(crowded);
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.procs = 2};
    int rounds = 20 * times_more(argc, argv);

    HOLDS(coop_main(&o, grow, &rounds) == 0);
    return 0;
}
