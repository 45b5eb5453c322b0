/*
 * lock_crowd.c - many threads at one short lock (lib/rt/lock.c)
 *
 * Part 1: hundreds of threads wait for a lock that is held for long.  They sleep till it is opened:
 * in a span of 20 ms nobody is seen to look.  Then each of them gets it, though nobody wakes more
 * than one.
 *
 * Part 2: one thread opens the lock in the moments in which the other falls asleep beside it, and
 * does not touch it again before the other has it.  A wake-up that is lost is lost for ever.
 *
 * Both before the runtime begins, when who opens has a fence of his own, and after, when only who
 * falls asleep has.  Built with COOP_MUTANT_NO_LOCK_FENCE (tests/mutation) it must fail.
 */
#include "rt/lock.h"
#include "stress/stress.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

enum { CROWD = 300, THREAD_STACK = 64 * 1024 };
enum { SPUN = 30000 }; /* ns, about: so long one looks before one sleeps */

static uint32_t lock;
static long taken; /* guarded by it */

static unsigned sleepers(void)
{
    return __atomic_load_n(coop__sleepers_at(&lock), __ATOMIC_RELAXED) & ~LOCK_CALM;
}

/* ---- a crowd ---- */

static void *take_once(void *arg)
{
    coop__lock(&lock);
    taken++;
    coop__unlock(&lock);
    return arg;
}

static long waits(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return used.ru_nvcsw;
}

/* How often somebody went to sleep while we computed for 20 ms. */
static long waits_in_a_span(void)
{
    coop_nsec end = coop_after(coop_now(), 20 * COOP_NSEC_PER_MSEC);
    long before = waits();

    while (coop_now() < end)
        ;
    return waits() - before;
}

static void crowd(void)
{
    coop_nsec patience = in_seconds(PATIENCE);
    pthread_t threads[CROWD];
    pthread_attr_t attr;

    taken = 0;
    coop__lock(&lock);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    for (int i = 0; i < CROWD; i++)
        HOLDS(pthread_create(&threads[i], &attr, take_once, NULL) == 0);
    pthread_attr_destroy(&attr);
    while (sleepers() != CROWD) {
        HOLDS(coop_now() < patience);
        sched_yield();
    }
    while (waits_in_a_span() > 0) /* the last are on their way to bed */
        HOLDS(coop_now() < patience);
    coop__unlock(&lock);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    HOLDS(taken == CROWD && sleepers() == 0);
}

/* ---- opening beside one who falls asleep ---- */

static _Atomic(long) asked, got;
static long rounds;

static void *take_when_asked(void *arg)
{
    for (long n = 1; n <= rounds; n++) {
        while (atomic_load(&asked) != n)
            sched_yield();
        coop__lock(&lock);
        coop__unlock(&lock);
        atomic_store(&got, n);
    }
    return arg;
}

static void open_beside_the_sleeper(void)
{
    unsigned chance = 7;
    pthread_t other;

    atomic_store(&asked, 0);
    atomic_store(&got, 0);
    HOLDS(pthread_create(&other, NULL, take_when_asked, NULL) == 0);
    for (long n = 1; n <= rounds; n++) {
        coop_nsec patience = in_seconds(PATIENCE), open_at;

        coop__lock(&lock);
        atomic_store(&asked, n);
        open_at = coop_after(coop_now(), draw(&chance, 2 * SPUN));
        while (coop_now() < open_at)
            coop__pause();
        coop__unlock(&lock);
        while (atomic_load(&got) != n) {
            if (coop_now() > patience) {
                fprintf(stderr, "lost wake-up: the lock is open, and its waiter sleeps\n");
                _Exit(1);
            }
            sched_yield();
        }
    }
    pthread_join(other, NULL);
}

int main(int argc, char **argv)
{
    rounds = 3000L * times_more(argc, argv);
    crowd();
    open_beside_the_sleeper();
    HOLDS(coop__fence_start());
    crowd();
    open_beside_the_sleeper();
    return 0;
}
