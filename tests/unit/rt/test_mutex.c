/* Mutexes. */
#include "rt_test.h"

#include "coop/sim.h"

static struct coop_mutex mutex;
static long guarded;
static int order[16], order_count;

static int add_guarded(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 1000; i++) {
        coop_mutex_lock(&mutex);
        long seen = guarded;

        if (i % 100 == 0)
            coop_yield();
        guarded = seen + 1;
        coop_mutex_unlock(&mutex);
    }
    return 0;
}

CORO_TEST(mutex, excludes_a_hundred_coroutines_on_two_processors)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "adders", 0);
    for (int i = 0; i < 100; i++)
        coop_go(&scope, add_guarded, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(guarded == 100000);
    return 0;
}

static int lock_and_note(void *arg)
{
    coop_mutex_lock(&mutex);
    order[order_count++] = (int)(intptr_t)arg;
    coop_mutex_unlock(&mutex);
    return 0;
}

static int lock_with_deadline(void *arg)
{
    return coop_mutex_lock_until(&mutex, *(coop_nsec *)arg) == -ETIMEDOUT ? 0 : 1;
}

static int counted;

static int count_me(__attribute__((unused)) void *arg)
{
    counted++;
    return 0;
}

CORO_TEST_ON_ONE(mutex, trylock_fails_when_held_and_waiters_come_in_order)
{
    struct coop_scope scope;

    CHECK(coop_mutex_trylock(&mutex));
    coop_scope_init(&scope, "waiters", 0);
    coop_go(&scope, count_me, NULL);
    CHECK(!coop_mutex_trylock(&mutex));
    CHECK(coop_mutex_lock_until(&mutex, COOP_NOW) == -EAGAIN);
    CHECK(counted == 0); /* and did not wait: the other one would have run */
    for (int i = 0; i < 5; i++) {
        coop_go(&scope, lock_and_note, (void *)(intptr_t)i);
        settle();
    }
    coop_mutex_unlock(&mutex);
    CHECK(coop_scope_wait(&scope) == 0);
    for (int i = 0; i < 5; i++)
        CHECK(order[i] == i);
    return 0;
}

/* 'out': the one that gives up has left the queue when the mutex is opened, or not yet. */
static void give_up_before_others(bool out)
{
    struct coop_scope first, second;
    coop_nsec soon = in_ms(3), never = COOP_FOREVER;

    order_count = 0;
    coop_scope_init(&second, "behind", 0);
    coop_mutex_lock(&mutex);
    coop_scope_init(&first, "timed", 0);
    coop_go(&first, lock_with_deadline, &soon);
    if (out)
        coop_go(&second, lock_and_note, (void *)1);
    CHECK(coop_scope_wait(&first) == 0);
    coop_scope_init(&first, "cancelled", 0);
    coop_go(&first, lock_with_deadline, &never);
    settle();
    coop_go(&second, lock_and_note, (void *)1);
    settle();
    coop_scope_cancel(&first, 0);
    if (out)
        CHECK(coop_scope_wait(&first) == -ECANCELED);
    coop_mutex_unlock(&mutex);
    if (!out)
        CHECK(coop_scope_wait(&first) == -ECANCELED);
    CHECK(coop_scope_wait(&second) == 0 && order_count == 1 + out);
    CHECK(coop_mutex_trylock(&mutex));
    coop_mutex_unlock(&mutex);
}

CORO_TEST_ON_ONE(mutex, a_timed_out_or_cancelled_waiter_leaves_the_queue)
{
    give_up_before_others(false);
    give_up_before_others(true);
    return 0;
}

Test(mutex, unlock_of_unlocked_aborts, .signal = SIGABRT)
{
    struct coop_mutex m = {0};

    coop_mutex_unlock(&m);
}

/* ---- the two modes ---- */

static int lock_and_open(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&mutex);
    order[order_count++] = 1;
    coop_mutex_unlock(&mutex);
    return 0;
}

CORO_TEST_ON_ONE(mutex, who_runs_may_take_it_before_a_waiter_that_was_only_woken)
{
    coop_mutex_lock(&mutex);
    coop_go(NULL, lock_and_open, NULL);
    settle();
    coop_mutex_unlock(&mutex);
    CHECK(coop_mutex_trylock(&mutex));
    settle(); /* he has found it taken, and stands in line again */
    CHECK(order_count == 0);
    coop_mutex_unlock(&mutex);
    settle();
    CHECK(order_count == 1);
    return 0;
}

static int stop_hogging;

static int hog(__attribute__((unused)) void *arg)
{
    while (!__atomic_load_n(&stop_hogging, __ATOMIC_RELAXED)) {
        coop_mutex_lock(&mutex);
        coop_sleep_until(coop_after(coop_now(), 100 * COOP_NSEC_PER_USEC));
        coop_mutex_unlock(&mutex);
    }
    return 0;
}

CORO_TEST(mutex, a_waiter_is_not_starved_by_a_loop_of_lock_and_unlock)
{
    coop_go(NULL, hog, NULL);
    for (int i = 0; i < 20; i++) {
        CHECK(coop_mutex_lock_until(&mutex, soon()) == 0);
        coop_mutex_unlock(&mutex);
        coop_yield();
    }
    __atomic_store_n(&stop_hogging, 1, __ATOMIC_RELAXED);
    return 0;
}

/* In virtual time, where the bound is exact. */
static int compete_with_a_hog(__attribute__((unused)) void *arg)
{
    coop_go(NULL, hog, NULL);
    settle();
    for (int i = 0; i < 100; i++) {
        coop_nsec since = coop_now();

        coop_mutex_lock(&mutex);
        CHECK(coop_now() - since < 10 * COOP_NSEC_PER_MSEC);
        coop_mutex_unlock(&mutex);
        coop_sleep_until(coop_after(coop_now(), 50 * COOP_NSEC_PER_USEC));
    }
    stop_hogging = 1;
    return 0;
}

Test(mutex, a_starving_waiter_has_it_within_10_ms, .timeout = 20)
{
    struct coop_options o = {.sim = true};

    coop_sim_begin(1);
    cr_assert_eq(coop_main(&o, compete_with_a_hog, NULL), 0);
    coop_sim_end();
}

/* Two waiters of old and one that comes: while it starves nobody takes it out of turn. */
static int starve_two(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "two", 0);
    coop_mutex_lock(&mutex);
    coop_go(&scope, lock_and_note, (void *)1);
    settle();
    coop_go(&scope, lock_and_note, (void *)2);
    settle();
    coop_sleep_until(in_ms(2));
    coop_mutex_unlock(&mutex);
    CHECK(coop_mutex_trylock(&mutex)); /* the first is woken, loses, and is starving now */
    settle();
    coop_mutex_unlock(&mutex);
    CHECK(!coop_mutex_trylock(&mutex));
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(order_count == 2 && order[0] == 1 && order[1] == 2);
    CHECK(coop_mutex_trylock(&mutex));
    coop_mutex_unlock(&mutex);
    return 0;
}

Test(mutex, a_starving_one_is_handed_over_in_order, .timeout = 20)
{
    struct coop_options o = {.sim = true};

    coop_sim_begin(1);
    cr_assert_eq(coop_main(&o, starve_two, NULL), 0);
    coop_sim_end();
}
