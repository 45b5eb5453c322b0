/*
 * root_storm.c - the root scope is cancelled while coroutines are born into it and end
 *
 * Members start members and end, or wait for ever; daemons are born on the same stacks; a thread
 * starts members from outside.  Then one member fails.  All who wait must be told, or the round
 * never ends; nobody else may be: a daemon that hears of it before the last member is gone was
 * taken for somebody who lived on its stack before.
 *
 * In every third round nobody fails: the root ends when it is empty for the first time, and who
 * comes from outside after that is refused.  Members are born and end on all processors while it
 * begins to wait for that, and the number of processors changes.
 */
#include "stress/stress.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { FIRST = 20, CHILDREN = 2, BORN_MOST = 600, LIVES_AFTER = 40, PROCS = 4 };

static _Atomic(long) born, ended;
static _Atomic(int) daemons, failed, kept, open;
static _Atomic(unsigned) seeds;
static long fails_at; /* the birth with this number; 0: none */

static const struct coop_attr daemon_attr = {.name = "daemon", .flags = COOP_DAEMON};

static int haunt(__attribute__((unused)) void *arg)
{
    HOLDS(!coop_cancelled() || atomic_load(&kept));
    coop_yield();
    HOLDS(!coop_cancelled() || atomic_load(&kept));
    atomic_fetch_sub(&daemons, 1);
    return 0;
}

static void start_daemon(void)
{
    atomic_fetch_add(&daemons, 1);
    if (coop_go_with(NULL, &daemon_attr, haunt, NULL) < 0)
        atomic_fetch_sub(&daemons, 1);
}

static int live(void *arg);

static int start_member(void)
{
    long number = atomic_fetch_add(&born, 1) + 1;
    int r = number > BORN_MOST ? -1 : coop_go(NULL, live, (void *)number);

    if (r < 0)
        atomic_fetch_add(&ended, 1);
    return r;
}

static int live(void *arg)
{
    unsigned chance = atomic_fetch_add(&seeds, 1);
    int r = 0;

    if ((long)arg == fails_at) {
        atomic_store(&failed, 1);
        r = -1;
    } else if (fails_at == 0) {
        if (draw(&chance, 16) == 0)
            HOLDS(coop_set_procs(1 + (int)draw(&chance, PROCS)) > 0);
        if (draw(&chance, 8) != 0)
            start_member();
        r = coop_yield();
    } else if (draw(&chance, 4) == 0) {
        r = coop_sleep_until(COOP_FOREVER);
        HOLDS(r < 0 && atomic_load(&failed));
    } else {
        for (int i = 0; i < CHILDREN; i++)
            start_member();
        start_daemon();
    }
    atomic_fetch_add(&ended, 1);
    return r;
}

/* A member that ends last but for those who are told late: so long no daemon may hear. */
static int keep(__attribute__((unused)) void *arg)
{
    while (!coop_cancelled())
        coop_yield();
    for (int i = 0; i < LIVES_AFTER; i++) {
        start_daemon();
        coop_yield();
    }
    atomic_store(&kept, 1);
    return 0;
}

static int root(__attribute__((unused)) void *arg)
{
    HOLDS(fails_at == 0 || coop_go(NULL, keep, NULL) == 0);
    atomic_store(&open, 1);
    for (int i = 0; i < FIRST; i++)
        start_member();
    while (fails_at && !atomic_load(&failed)) {
        start_member();
        coop_yield();
    }
    if (fails_at == 0) { /* others have counted, too; now they are out of use */
        for (int i = 0; i < FIRST; i++)
            coop_yield();
        HOLDS(coop_set_procs(1) > 0);
    }
    return 0;
}

static void *start_from_outside(__attribute__((unused)) void *arg)
{
    while (!atomic_load(&open))
        ;
    while (start_member() == 0)
        ;
    return NULL;
}

static void never_ends(__attribute__((unused)) int signal)
{
    static const char words[] = "a round never ends\n";

    _Exit(write(2, words, sizeof words - 1) > 0);
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "root-storm", .foreign_wakes = true};
    int rounds = 60 * times_more(argc, argv);

    HOLDS(signal(SIGALRM, never_ends) != SIG_ERR);
    for (int n = 0; n < rounds; n++) {
        pthread_t outside;

        born = ended = 0;
        daemons = failed = kept = open = 0;
        fails_at = n % 3 ? 1 + n * 7 % 200 : 0;
        o.procs = 1 + n % PROCS;
        alarm(argc > 1 ? 10 : 60); /* mutants hang */
        HOLDS(pthread_create(&outside, NULL, start_from_outside, NULL) == 0);
        HOLDS((coop_main(&o, root, NULL) != 0) == (fails_at != 0));
        pthread_join(outside, NULL);
        HOLDS(atomic_load(&born) == atomic_load(&ended));
        HOLDS(atomic_load(&daemons) == 0 && atomic_load(&kept) == (fails_at != 0));
    }
    return 0;
}
