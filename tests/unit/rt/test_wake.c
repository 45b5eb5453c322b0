/* Whom making work wakes, and when: ready.c, "worth it". */
#include "rt_test.h"

#include "rt/ready.h"

#include <sched.h>

#define USEC COOP_NSEC_PER_USEC

enum { FEW = 3, CROWD = 100, TRIES = 10 };

Test(wake, the_gap_grows_when_it_was_not_worth_it_and_shrinks_when_it_was)
{
    coop_nsec gap = 0, before = 0;

    cr_assert_eq(coop__next_gap(0, COOP_NSEC_PER_SEC), 0);
    for (int i = 0; i < 4; i++) {
        gap = coop__next_gap(before, USEC);
        cr_assert(gap > before);
        before = gap;
    }
    for (int i = 0; i < 100; i++)
        gap = coop__next_gap(gap, USEC);
    cr_assert_leq(gap, 10 * COOP_NSEC_PER_MSEC); /* the monitor's round: it has an end */
    for (int i = 0; gap > 0 && i < 20; i++)
        gap = coop__next_gap(gap, COOP_NSEC_PER_MSEC);
    cr_assert_eq(gap, 0);
}

#define LONG (3600 * COOP_NSEC_PER_SEC)

static atomic_int ran;

static int count(__attribute__((unused)) void *arg)
{
    atomic_fetch_add(&ran, 1);
    return 0;
}

/* As after many who were woken for nothing, but longer. */
static coop_nsec set_gap(coop_nsec gap)
{
    while (coop__rt.idle_procs_count != 1 || coop__rt.spinning != 0)
        coop__pause();
    atomic_store(&coop__rt.wake_gap, gap);
    atomic_store(&coop__rt.last_wake, coop_now());
    return coop__rt.last_wake;
}

/* How often of TRIES making 'n' at once wakes the other worker.  The monitor does that, too, after
 * a while, and that one may look round of its own accord: so it need not be all or none. */
static int woken(int n, coop_nsec gap)
{
    int times = 0;

    for (int i = 0; i < TRIES; i++) {
        struct coop_scope scope;
        coop_nsec before;

        coop_scope_init(&scope, "made", 0);
        before = set_gap(gap);
        for (int k = 0; k < n; k++)
            CHECK(coop_go(&scope, count, NULL) == 0);
        times += coop__rt.last_wake != before;
        CHECK(coop_scope_wait(&scope) == 0);
    }
    return times;
}

CORO_TEST(wake, work_made_in_the_gap_wakes_nobody_unless_there_is_much_of_it)
{
    CHECK(woken(FEW, 0) > 0);
    CHECK(woken(FEW, LONG) < TRIES);
    CHECK(woken(CROWD, LONG) > 0);
    return 0;
}

CORO_TEST(wake, work_behind_one_that_computes_on_is_not_left_there)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "made", 0);
    set_gap(LONG);
    for (int i = 0; i < FEW; i++)
        CHECK(coop_go(&scope, count, NULL) == 0);
    while (atomic_load(&ran) < FEW)
        coop__pause();
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

/* ---- which sleeper ---- */

/* Two CPUs that we may run on; false: there is one only. */
static bool two_cpus(int ret_cpus[2])
{
    cpu_set_t may;
    int n = 0;

    cr_assert_eq(sched_getaffinity(0, sizeof may, &may), 0);
    for (int i = 0; i < IDLE_LISTS && n < 2; i++)
        if (CPU_ISSET((size_t)i, &may))
            ret_cpus[n++] = i;
    return n == 2;
}

static void fall_asleep_on(int cpu, struct worker *w)
{
    cpu_set_t only;

    CPU_ZERO(&only);
    CPU_SET((size_t)cpu, &only);
    cr_assert_eq(sched_setaffinity(0, sizeof only, &only), 0);
    coop__idle_worker_put(w);
}

Test(wake, a_sleeper_of_the_same_cpu_is_woken_but_of_none_that_is_taken)
{
    static struct worker here, newer, there;
    int cpus[2];
    uint64_t bits[2];

    if (!two_cpus(cpus))
        return; /* with one there is no choice */
    for (int i = 0; i < 2; i++)
        bits[i] = UINT64_C(1) << cpus[i];
    for (int turn = 0; turn < 2; turn++) {
        unsigned cpu = (unsigned)cpus[turn];

        fall_asleep_on(cpus[turn], &here);
        fall_asleep_on(cpus[turn], &newer);
        fall_asleep_on(cpus[!turn], &there);
        cr_assert_eq(coop__idle_worker_get(cpu, bits[!turn]), &newer);
        cr_assert_eq(coop__idle_worker_get(cpu, bits[turn]), &there);
        cr_assert_null(coop__idle_worker_get(cpu, bits[turn])); /* there is one, but taken */
        fall_asleep_on(cpus[!turn], &there);
        cr_assert_eq(coop__idle_worker_get(cpu, 0), &here);
        cr_assert_eq(coop__idle_worker_get(cpu, 0), &there); /* better than none */
        cr_assert_null(coop__idle_worker_get(cpu, 0));
    }
}
