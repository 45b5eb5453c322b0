/* Conditions, semaphores, wait groups, once. */
#include "rt_test.h"

#include <signal.h>

static struct coop_mutex mutex;
static int order[16], order_count;

/* ---- condition ---- */

static struct coop_cond cond;

static int wait_cond(void *arg)
{
    coop_mutex_lock(&mutex);
    CHECK(coop_cond_wait(&cond, &mutex, COOP_FOREVER) == 0);
    order[order_count++] = (int)(intptr_t)arg;
    coop_mutex_unlock(&mutex);
    return 0;
}

CORO_TEST_ON_ONE(cond, signal_wakes_one_in_order_and_is_not_stored)
{
    struct coop_scope scope;

    coop_cond_signal(&cond); /* nobody waits: gone */
    coop_mutex_lock(&mutex);
    CHECK(coop_cond_wait(&cond, &mutex, in_ms(2)) == -ETIMEDOUT);
    CHECK(!coop_mutex_trylock(&mutex)); /* locked again, whatever it returns */
    coop_mutex_unlock(&mutex);
    coop_scope_init(&scope, "waiters", 0);
    for (int i = 0; i < 4; i++) {
        coop_go(&scope, wait_cond, (void *)(intptr_t)i);
        settle();
    }
    coop_cond_signal(&cond);
    settle();
    CHECK(order_count == 1 && order[0] == 0);
    coop_cond_broadcast(&cond);
    CHECK(coop_scope_wait(&scope) == 0 && order_count == 4);
    for (int i = 0; i < 4; i++)
        CHECK(order[i] == i);
    return 0;
}

static int wait_cond_cancelled(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&mutex);
    CHECK(coop_cond_wait(&cond, &mutex, COOP_FOREVER) == -ECANCELED);
    CHECK(!coop_mutex_trylock(&mutex)); /* ours again */
    coop_mutex_unlock(&mutex);
    return 0;
}

CORO_TEST_ON_ONE(cond, wait_locks_again_after_cancelling_and_a_broadcast_is_not_stored)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "cancelled", 0);
    coop_go(&scope, wait_cond_cancelled, NULL);
    settle();
    CHECK(coop_scope_end(&scope) == -ECANCELED);
    coop_mutex_lock(&mutex);
    coop_cond_broadcast(&cond);
    CHECK(coop_cond_wait(&cond, &mutex, in_ms(2)) == -ETIMEDOUT);
    coop_mutex_unlock(&mutex);
    return 0;
}

static int baton;

static int pass_baton(void *arg)
{
    int me = (int)(intptr_t)arg;

    for (int i = 0; i < 10000; i++) {
        coop_mutex_lock(&mutex);
        while (baton != me)
            CHECK(coop_cond_wait(&cond, &mutex, soon()) == 0);
        baton = 1 - me;
        coop_cond_signal(&cond);
        coop_mutex_unlock(&mutex);
    }
    return 0;
}

CORO_TEST(cond, unlock_and_park_are_one_step)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "baton", 0);
    coop_go(&scope, pass_baton, (void *)0);
    coop_go(&scope, pass_baton, (void *)1);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

static _Atomic(int) rounds_begun, rounds_ended;

static int begin_to_wait(void *arg)
{
    for (int i = 1; i <= *(int *)arg; i++) {
        coop_mutex_lock(&mutex);
        rounds_begun = i;
        while (rounds_ended < i)
            CHECK(coop_cond_wait(&cond, &mutex, soon()) == 0);
        coop_mutex_unlock(&mutex);
    }
    return 0;
}

/* Who gets the mutex finds the one that let go of it in the queue, in that very moment. */
CORO_TEST(cond, who_has_let_go_of_the_mutex_stands_already)
{
    int rounds = emulated_less(100000);
    coop_nsec deadline = soon();
    struct coop_scope scope;

    coop_scope_init(&scope, "waiter", 0);
    CHECK(coop_go(&scope, begin_to_wait, &rounds) == 0);
    while (rounds_ended < rounds) {
        CHECK(coop_now() < deadline);
        if (rounds_begun == rounds_ended) {
            coop_yield();
            continue;
        }
        while (!coop_mutex_trylock(&mutex))
            ;
        CHECK(cond.waiters.head);
        rounds_ended++;
        coop_cond_signal(&cond);
        coop_mutex_unlock(&mutex);
    }
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

/* ---- semaphore ---- */

static struct coop_sem sem;

static int take(void *arg)
{
    CHECK(coop_sem_acquire(&sem, (int64_t)(intptr_t)arg, COOP_FOREVER) == 0);
    order[order_count++] = (int)(intptr_t)arg;
    return 0;
}

CORO_TEST_ON_ONE(sem, a_large_request_is_not_overtaken_and_release_wakes_several)
{
    struct coop_scope scope;

    coop_sem_init(&sem, 2);
    coop_scope_init(&scope, "takers", 0);
    coop_go(&scope, take, (void *)3);
    settle();
    coop_go(&scope, take, (void *)1);
    settle();
    CHECK(order_count == 0);
    CHECK(coop_sem_acquire(&sem, 1, COOP_NOW) == -EAGAIN);
    coop_sem_release(&sem, 1);
    settle();
    CHECK(order_count == 1 && order[0] == 3);
    coop_sem_release(&sem, 5);
    CHECK(coop_scope_wait(&scope) == 0 && order_count == 2);
    CHECK(coop_sem_acquire(&sem, 4, COOP_NOW) == 0);
    CHECK(coop_sem_acquire(&sem, 1, in_ms(2)) == -ETIMEDOUT);
    coop_scope_init(&scope, "several", 0);
    for (int i = 1; i <= 3; i++) {
        coop_go(&scope, take, (void *)(intptr_t)i);
        settle();
    }
    coop_sem_release(&sem, 6); /* for all three */
    settle();
    CHECK(order_count == 5 && order[2] == 1 && order[3] == 2 && order[4] == 3);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

static int take_or_cancel(__attribute__((unused)) void *arg)
{
    return coop_sem_acquire(&sem, 10, COOP_FOREVER) == -ECANCELED ? 0 : 1;
}

CORO_TEST_ON_ONE(sem, when_the_large_one_gives_up_the_small_ones_go)
{
    struct coop_scope large, small;

    coop_sem_init(&sem, 1);
    coop_scope_init(&small, "small", 0);
    coop_scope_init(&large, "large", 0);
    coop_go(&large, take_or_cancel, NULL);
    settle();
    coop_go(&small, take, (void *)1);
    settle();
    CHECK(order_count == 0);
    coop_scope_cancel(&large, 0);
    CHECK(coop_scope_wait(&large) == -ECANCELED);
    CHECK(coop_scope_wait(&small) == 0 && order_count == 1);
    return 0;
}

/* ---- wait group ---- */

static struct coop_wg group;
static int group_done;

static int await_group(__attribute__((unused)) void *arg)
{
    coop_wg_wait(&group);
    __atomic_fetch_add(&group_done, 1, __ATOMIC_RELAXED);
    return 0;
}

CORO_TEST_ON_ONE(wg, releases_all_waiters_and_zero_waits_not)
{
    struct coop_scope scope;

    coop_wg_wait(&group);
    coop_wg_add(&group, 2);
    CHECK(coop_wg_wait_until(&group, in_ms(2)) == -ETIMEDOUT);
    coop_scope_init(&scope, "waiters", 0);
    for (int i = 0; i < 5; i++)
        coop_go(&scope, await_group, NULL);
    settle();
    coop_wg_done(&group);
    settle();
    CHECK(group_done == 0);
    coop_wg_done(&group);
    CHECK(coop_scope_wait(&scope) == 0 && group_done == 5);
    coop_wg_add(&group, 1); /* and again */
    coop_wg_done(&group);
    coop_wg_wait(&group);
    return 0;
}

Test(wg, a_negative_count_aborts, .signal = SIGABRT)
{
    struct coop_wg w = {0};

    coop_wg_done(&w);
}

/* ---- once ---- */

static struct coop_once once;
static int once_runs, once_ends, once_fails;

static int slow_start(__attribute__((unused)) void *arg)
{
    once_runs++;
    settle();
    once_ends++;
    return once_fails;
}

static int do_once(__attribute__((unused)) void *arg)
{
    int r = coop_once(&once, slow_start, NULL);

    CHECK(once_ends > 0);
    return r == once_fails ? 0 : 1;
}

CORO_TEST_ON_ONE(once, concurrent_callers_wait_for_the_first)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "callers", 0);
    for (int i = 0; i < 10; i++)
        coop_go(&scope, do_once, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(once_runs == 1);
    return 0;
}

CORO_TEST_ON_ONE(once, a_failure_is_told_and_the_next_caller_tries_again)
{
    struct coop_scope scope;

    once_fails = -EIO;
    coop_scope_init(&scope, "callers", 0);
    for (int i = 0; i < 3; i++)
        coop_go(&scope, do_once, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    once_fails = 0;
    once_runs = 0;
    CHECK(coop_once(&once, slow_start, NULL) == 0 && once_runs == 1);
    CHECK(coop_once(&once, slow_start, NULL) == 0 && once_runs == 1);
    return 0;
}

static int wait_a_little(__attribute__((unused)) void *arg)
{
    CHECK(coop_once_until(&once, slow_start, NULL, COOP_NOW) == -EAGAIN);
    CHECK(coop_once_until(&once, slow_start, NULL, in_ms(2)) == -ETIMEDOUT);
    __atomic_store_n(&group_done, 1, __ATOMIC_RELEASE);
    return coop_once_until(&once, slow_start, NULL, soon());
}

static int start_slowly(__attribute__((unused)) void *arg)
{
    once_runs++;
    coop_go(NULL, wait_a_little, NULL);
    await(&group_done, 1);
    return 0;
}

CORO_TEST(once, who_waits_for_another_may_give_up)
{
    CHECK(coop_once_until(&once, start_slowly, NULL, COOP_NOW) == 0); /* runs it himself */
    CHECK(coop_once_until(&once, slow_start, NULL, COOP_NOW) == 0 && once_runs == 1);
    return 0;
}

static int once_again(__attribute__((unused)) void *arg)
{
    return coop_once(&once, once_again, NULL);
}

static int recursive(__attribute__((unused)) void *arg)
{
    return coop_once(&once, once_again, NULL);
}

Test(once, recursion_is_detected, .signal = SIGABRT)
{
    coop_main(NULL, recursive, NULL);
}
