/* Scopes and cancelling. */
#include "rt_test.h"

static int began, ended;

static int sleep_long(__attribute__((unused)) void *arg)
{
    int r;

    __atomic_fetch_add(&began, 1, __ATOMIC_RELEASE);
    r = coop_sleep_until(COOP_FOREVER);
    __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
    return r;
}

static int fail(__attribute__((unused)) void *arg)
{
    coop_yield();
    return -EIO;
}

CORO_TEST(scope, the_first_failure_cancels_the_siblings_and_is_returned)
{
    struct coop_scope s;

    coop_scope_init(&s, "siblings", 0);
    for (int i = 0; i < 10; i++)
        coop_go(&s, sleep_long, NULL);
    coop_go(&s, fail, NULL);
    CHECK(coop_scope_wait(&s) == -EIO && ended == 10);
    return 0;
}

static int note_sleep(void *arg)
{
    *(int *)arg = coop_sleep_until(in_ms(10000));
    return 0;
}

CORO_TEST(scope, a_sleep_that_its_deadline_ends_is_not_slept_to_the_end)
{
    struct coop_scope s;
    int slept = 1;

    /* Where other programs have the CPU the deadline may be over before anybody is in. */
    for (int ms = 5;; ms *= 2) {
        coop_scope_init(&s, "deadline", in_ms(ms));
        if (coop_go(&s, note_sleep, &slept) == 0)
            break;
        CHECK(coop_scope_wait(&s) == -ETIMEDOUT && ms < 5000);
    }
    CHECK(coop_scope_wait(&s) == -ETIMEDOUT && slept == -ETIMEDOUT);
    return 0;
}

CORO_TEST(scope, its_deadline_cancels_with_timed_out)
{
    struct coop_scope s;
    coop_nsec deadline = in_ms(5);

    coop_scope_init(&s, "deadline", deadline);
    coop_go(&s, sleep_long, NULL);
    CHECK(coop_scope_wait(&s) == -ETIMEDOUT && coop_now() >= deadline);
    coop_scope_init(&s, "early", in_ms(10000));
    CHECK(coop_scope_wait(&s) == 0);
    return 0;
}

static int compute_till_cancelled(__attribute__((unused)) void *arg)
{
    coop_nsec bound = in_ms(10000);

    while (!coop_cancelled())
        CHECK(coop_now() < bound);
    return coop_cancelled();
}

/* Nobody looks at timers here but the monitor. */
CORO_TEST_ON_ONE(scope, its_deadline_is_heard_by_who_computes_and_never_yields)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "computes", in_ms(100));
    CHECK(coop_go(&scope, compute_till_cancelled, NULL) == 0);
    CHECK(coop_scope_wait(&scope) == -ETIMEDOUT);
    return 0;
}

static int levels;

static int try_again(__attribute__((unused)) void *arg)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 1);
    struct coop_mutex m = {0};
    int v = 1;

    CHECK(coop_sleep_until(COOP_FOREVER) == -ECANCELED);
    CHECK(coop_sleep_until(COOP_FOREVER) == -ECANCELED);
    CHECK(coop_recv(ch, &v, COOP_FOREVER) == -ECANCELED);
    CHECK(coop_send(ch, &v, COOP_FOREVER) == -ECANCELED);
    CHECK(coop_yield() == -ECANCELED);
    CHECK(coop_cancelled() == -ECANCELED);
    CHECK(coop_send(ch, &v, COOP_NOW) == 0); /* does not wait: not affected */
    CHECK(coop_recv(ch, &v, COOP_NOW) == 1);
    coop_mutex_lock(&m); /* cannot fail */
    coop_mutex_unlock(&m);
    coop_chan_unref(ch);
    levels++;
    return 0;
}

CORO_TEST_ON_ONE(scope, cancelling_is_a_level_not_an_edge)
{
    struct coop_scope s;

    coop_scope_init(&s, "level", 0);
    coop_go(&s, try_again, NULL);
    settle();
    CHECK(coop_scope_end(&s) == -ECANCELED && levels == 1);
    return 0;
}

static int clean_up(__attribute__((unused)) void *arg)
{
    struct coop_shield outer, inner;
    coop_nsec end;

    CHECK(coop_sleep_until(COOP_FOREVER) == -ECANCELED);
    coop_shield_begin(&outer, COOP_FOREVER);
    CHECK(coop_sleep_until(in_ms(2)) == 0);
    coop_shield_end(&outer);
    coop_shield_begin(&outer, end = in_ms(5));
    coop_shield_begin(&inner, COOP_FOREVER); /* cannot outlast the outer one */
    CHECK(coop_sleep_until(COOP_FOREVER) == -ECANCELED && coop_now() >= end);
    coop_shield_end(&inner);
    coop_shield_end(&outer);
    CHECK(coop_sleep_until(in_ms(2)) == -ECANCELED);
    levels++;
    return 0;
}

CORO_TEST_ON_ONE(scope, a_shield_gives_cleanup_a_bounded_time)
{
    struct coop_scope s;

    coop_scope_init(&s, "shield", 0);
    coop_go(&s, clean_up, NULL);
    settle();
    coop_scope_end(&s);
    CHECK(levels == 1);
    return 0;
}

static int sleep_longer_than_the_shield(__attribute__((unused)) void *arg)
{
    struct coop_chan *ch = coop_chan_new(0, 0);
    struct coop_shield shield;
    coop_nsec end = in_ms(5), later = in_ms(10);
    struct coop_case cases[] = {COOP_RECV(ch, NULL), COOP_TIMER(COOP_FOREVER - 1)};

    coop_shield_begin(&shield, end);
    CHECK(coop_select(cases, 2, later) == -ETIMEDOUT && coop_now() >= end);
    CHECK(coop_sleep_until(later) == 0 && coop_now() >= later);
    levels++;
    CHECK(coop_sleep_until(COOP_FOREVER) == -ECANCELED); /* over: cancelled like any other */
    coop_shield_end(&shield);
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(scope, a_shield_that_is_over_makes_no_sleep_short)
{
    struct coop_scope s;

    coop_scope_init(&s, "over", 0);
    coop_go(&s, sleep_longer_than_the_shield, NULL);
    await(&levels, 1);
    coop_scope_end(&s);
    return 0;
}

static int nest(void *arg)
{
    int depth = (int)(intptr_t)arg;
    struct coop_scope s;

    coop_scope_init(&s, "nested", 0);
    for (int i = 0; i < 3; i++)
        coop_go(&s, depth ? nest : sleep_long, (void *)(intptr_t)(depth - 1));
    return coop_scope_wait(&s);
}

CORO_TEST(scope, cancelling_reaches_the_scopes_inside)
{
    struct coop_scope s;

    coop_scope_init(&s, "tree", 0);
    coop_go(&s, nest, (void *)3);
    await(&began, 81);
    coop_scope_cancel(&s, -ESHUTDOWN);
    CHECK(coop_scope_wait(&s) == -ESHUTDOWN);
    CHECK(ended == 81);
    return 0;
}

CORO_TEST_ON_ONE(scope, nobody_joins_a_cancelled_scope)
{
    struct coop_scope s, inside;

    coop_scope_init(&s, "closed", 0);
    coop_scope_cancel(&s, 0);
    CHECK(coop_go(&s, sleep_long, NULL) == -ECANCELED);
    coop_scope_init(&inside, "inside", 0);
    CHECK(coop_go(&inside, sleep_long, NULL) == -ECANCELED);
    CHECK(coop_scope_wait(&inside) == -ECANCELED);
    CHECK(coop_scope_wait(&s) == -ECANCELED);
    return 0;
}

static struct coop_scope *target;

static int wait_for_inner(__attribute__((unused)) void *arg)
{
    struct coop_scope s;

    coop_scope_init(&s, "inner", 0);
    coop_go(&s, sleep_long, NULL);
    return coop_scope_wait(&s);
}

CORO_TEST(scope, a_cancelled_waiter_cancels_its_scope_and_still_waits)
{
    struct coop_scope s;

    target = &s;
    coop_scope_init(&s, "outer", 0);
    coop_go(&s, wait_for_inner, NULL);
    await(&began, 1);
    coop_scope_cancel(&s, 0);
    CHECK(coop_scope_wait(&s) == -ECANCELED && ended == 1);
    return 0;
}

static int churn(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 2000; i++) {
        struct coop_scope s;

        coop_scope_init(&s, "churn", i % 2 ? in_ms(1000) : 0);
        for (int k = 0; k < 4; k++)
            coop_go(&s, k == 3 ? fail : sleep_long, NULL);
        CHECK(coop_scope_wait(&s) == -EIO);
    }
    return 0;
}

CORO_TEST(scope, thousands_come_and_go_on_two_processors)
{
    struct coop_scope s;

    coop_scope_init(&s, "churners", 0);
    coop_go(&s, churn, NULL);
    coop_go(&s, churn, NULL);
    CHECK(coop_scope_wait(&s) == 0);
    return 0;
}

CORO_TEST_ON_ONE(scope, who_comes_after_the_wait_is_not_let_in)
{
    struct coop_scope s;

    coop_scope_init(&s, "over", 0);
    CHECK(coop_go(&s, note_sleep, &ended) == 0);
    coop_scope_cancel(&s, 0);
    CHECK(coop_scope_wait(&s) == -ECANCELED && coop_go(&s, fail, NULL) == -ECANCELED);
    coop_scope_init(&s, "over", 0);
    CHECK(coop_scope_wait(&s) == 0 && coop_go(&s, fail, NULL) == -ECANCELED);
    return 0;
}

static int take_all(__attribute__((unused)) void *arg)
{
    struct coop_sem sem = {.count = 3};
    struct coop_mutex mutex = {0};
    struct coop_rwlock rw = {0};
    struct coop_wg group = {0};
    struct coop_once once = {0};
    struct coop_shared_sem *shared;

    CHECK(coop_shared_sem_new(&shared, 1) == 0);
    for (int i = 0; i < 2; i++) {
        coop_nsec deadline = i ? COOP_FOREVER : 1;

        CHECK(coop_sem_acquire(&sem, 1, deadline) == -EIO);
        CHECK(coop_mutex_lock_until(&mutex, deadline) == -EIO);
        CHECK(coop_rwlock_rdlock(&rw, deadline) == -EIO);
        CHECK(coop_rwlock_wrlock(&rw, deadline) == -EIO);
        CHECK(coop_wg_wait_until(&group, deadline) == -EIO);
        CHECK(coop_once_until(&once, fail, NULL, deadline) == -EIO);
        CHECK(coop_shared_sem_acquire(shared, deadline) == -EIO);
    }
    CHECK(coop_shared_sem_acquire(shared, COOP_NOW) == 0);
    CHECK(coop_sem_acquire(&sem, 1, COOP_NOW) == 0 && coop_rwlock_trywrlock(&rw));
    coop_rwlock_unlock(&rw);
    coop_mutex_lock(&mutex); /* cannot fail */
    coop_mutex_unlock(&mutex);
    coop_wg_wait(&group);
    coop_shared_sem_close(shared);
    ended = 1;
    return 0;
}

CORO_TEST_ON_ONE(scope, who_is_cancelled_takes_nothing_though_it_is_free)
{
    struct coop_scope s;

    coop_scope_init(&s, "cancelled", 0);
    CHECK(coop_go(&s, take_all, NULL) == 0);
    coop_scope_cancel(&s, -EIO);
    CHECK(coop_scope_wait(&s) == -EIO && ended == 1);
    return 0;
}

static int root_fails(__attribute__((unused)) void *arg)
{
    coop_go(NULL, sleep_long, NULL);
    coop_yield();
    return 5;
}

static int root_waits(void *arg)
{
    coop_go(NULL, fail, NULL);
    return *(int *)arg;
}

Test(scope, coop_main_returns_the_roots_result_and_cancels_the_rest, .timeout = 20)
{
    int zero = 0;

    cr_assert_eq(coop_main(NULL, root_fails, NULL), 5);
    cr_assert_eq(ended, 1);
    cr_assert_eq(coop_main(NULL, root_waits, &zero), -EIO);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(coop_main(NULL, root_fails, NULL), 5);
}
