/* Threads that are not workers: they wait, wake and start coroutines like everybody. */
#include "rt_test.h"

#include <pthread.h>

#define THREAD_TEST(room, sentence)                                                            \
    CORO_TEST_WITH(room, sentence, .procs = 2, .foreign_wakes = true)

static struct coop_chan *there, *back;
static struct coop_mutex mutex;
static struct coop_rwlock rw;
static struct coop_cond cond;
static struct coop_sem sem;
static struct coop_wg group;
static struct coop_once once;
static int shared, written, ended;

static pthread_t start_with(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, fn, arg) == 0);
    return thread;
}

static pthread_t start(void *(*fn)(void *))
{
    return start_with(fn, NULL);
}

static void *echo(void *arg)
{
    int v;

    while (coop_recv(there, &v, COOP_FOREVER) == 1)
        CHECK(coop_send(back, &v, COOP_FOREVER) == 0);
    __atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
    return arg;
}

THREAD_TEST(foreign, a_thread_sends_and_receives_like_a_coroutine)
{
    pthread_t thread;
    int v;

    there = coop_chan_new(sizeof(int), 0);
    back = coop_chan_new(sizeof(int), 0);
    thread = start(echo);
    for (int i = 0; i < 1000; i++) {
        CHECK(coop_send(there, &i, soon()) == 0);
        CHECK(coop_recv(back, &v, soon()) == 1 && v == i);
    }
    coop_close(there);
    await(&ended, 1);
    pthread_join(thread, NULL);
    coop_chan_unref(there);
    coop_chan_unref(back);
    return 0;
}

static void *draw(void *arg)
{
    int *drawn = arg, v;

    for (int i = 0; i < 1000; i++) {
        struct coop_case cases[] = {COOP_RECV(there, &v), COOP_RECV(back, &v)};
        int which = coop_select(cases, 2, COOP_FOREVER);

        CHECK(which >= 0 && cases[which].result == 1);
        drawn[which]++;
    }
    return NULL;
}

THREAD_TEST(foreign, what_is_ready_is_drawn_fairly_in_a_thread_too)
{
    int drawn[2] = {0}, v = 0;

    there = coop_chan_new(sizeof(int), 1000);
    back = coop_chan_new(sizeof(int), 1000);
    for (int i = 0; i < 1000; i++)
        CHECK(coop_send(there, &v, COOP_NOW) == 0 && coop_send(back, &v, COOP_NOW) == 0);
    pthread_join(start_with(draw, drawn), NULL);
    CHECK(drawn[0] > 350 && drawn[1] > 350);
    coop_chan_unref(there);
    coop_chan_unref(back);
    return 0;
}

static void *time_out(void *arg)
{
    coop_nsec until = in_ms(5);
    struct coop_case cases[2];
    int v;

    CHECK(coop_recv(there, &v, until) == -ETIMEDOUT && coop_now() >= until);
    CHECK(coop_recv(there, &v, COOP_NOW) == -EAGAIN);
    CHECK(coop_recv(NULL, &v, in_ms(2)) == -ETIMEDOUT);
    cases[0] = COOP_RECV(there, &v);
    cases[1] = COOP_TIMER(in_ms(2));
    CHECK(coop_select(cases, 2, COOP_FOREVER) == 1);
    cases[1] = COOP_FD(0, COOP_IN);
    CHECK(coop_select(cases, 2, COOP_FOREVER) == -EPERM);
    CHECK(coop_sem_acquire(&sem, 1, in_ms(2)) == -ETIMEDOUT);
    CHECK(coop_wg_wait_until(&group, in_ms(2)) == -ETIMEDOUT);
    CHECK(coop_mutex_lock_until(&mutex, in_ms(2)) == -ETIMEDOUT);
    CHECK(coop_rwlock_rdlock(&rw, in_ms(2)) == -ETIMEDOUT);
    __atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
    return arg;
}

THREAD_TEST(foreign, a_thread_that_times_out_leaves_no_waiter)
{
    pthread_t thread;

    there = coop_chan_new(sizeof(int), 0);
    coop_wg_add(&group, 1);
    coop_mutex_lock(&mutex);
    CHECK(coop_rwlock_trywrlock(&rw));
    thread = start(time_out);
    await(&ended, 1);
    pthread_join(thread, NULL);
    CHECK(coop_send(there, &ended, COOP_NOW) == -EAGAIN);
    coop_sem_release(&sem, 1);
    CHECK(coop_sem_acquire(&sem, 1, COOP_NOW) == 0);
    coop_mutex_unlock(&mutex);
    coop_rwlock_unlock(&rw);
    CHECK(coop_rwlock_trywrlock(&rw));
    coop_rwlock_unlock(&rw);
    coop_chan_unref(there);
    return 0;
}

/* All the locks at once, from threads and coroutines. */
static int add_up(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 500; i++) {
        coop_mutex_lock(&mutex);
        shared++;
        coop_mutex_unlock(&mutex);
        CHECK(coop_rwlock_wrlock(&rw, COOP_FOREVER) == 0);
        written++;
        coop_rwlock_unlock(&rw);
        CHECK(coop_sem_acquire(&sem, 1, COOP_FOREVER) == 0);
        coop_sem_release(&sem, 1);
    }
    coop_wg_done(&group);
    return 0;
}

static void *add_in_thread(void *arg)
{
    add_up(NULL);
    coop_wg_wait(&group);
    return arg;
}

THREAD_TEST(foreign, locks_hold_between_threads_and_coroutines)
{
    pthread_t threads[3];

    coop_sem_init(&sem, 2);
    coop_wg_add(&group, 8);
    for (int i = 0; i < 3; i++)
        threads[i] = start(add_in_thread);
    for (int i = 0; i < 5; i++)
        coop_go(NULL, add_up, NULL);
    coop_wg_wait(&group);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK(shared == 4000 && written == 4000);
    return 0;
}

static int run_once(__attribute__((unused)) void *arg)
{
    shared++;
    return 0;
}

static void *await_turn(void *arg)
{
    CHECK(coop_once(&once, run_once, NULL) == 0);
    coop_mutex_lock(&mutex);
    while (!ended)
        CHECK(coop_cond_wait(&cond, &mutex, soon()) == 0);
    ended++;
    coop_cond_broadcast(&cond);
    coop_mutex_unlock(&mutex);
    return arg;
}

THREAD_TEST(foreign, a_condition_and_once_join_threads_and_coroutines)
{
    pthread_t thread = start(await_turn);

    CHECK(coop_once(&once, run_once, NULL) == 0);
    CHECK(shared == 1);
    coop_mutex_lock(&mutex);
    ended = 1;
    coop_cond_signal(&cond);
    while (ended != 2)
        CHECK(coop_cond_wait(&cond, &mutex, soon()) == 0);
    coop_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    return 0;
}

static int note(void *arg)
{
    CHECK(coop_inside());
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
    return 0;
}

static int note_copy(void *arg)
{
    return note(*(int **)arg);
}

static void *start_some(void *arg)
{
    struct coop_attr copied = {.name = "copied", .copy = sizeof(int *)};
    int *counter = &shared;

    for (int i = 0; i < 100; i++) {
        CHECK(coop_go(NULL, note, &shared) == 0);
        CHECK(coop_go_with(NULL, &copied, note_copy, &counter) == 0);
    }
    CHECK(coop_yield() == -EPERM && coop_sleep_until(in_ms(1)) == -EPERM);
    __atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
    return arg;
}

static int wait_for_starter(__attribute__((unused)) void *arg)
{
    pthread_t thread = start(start_some);

    await(&ended, 1);
    pthread_join(thread, NULL);
    return 0; /* what it started is in the root scope, and waited for */
}

Test(foreign, a_thread_starts_coroutines_in_the_root_scope, .timeout = 50)
{
    struct coop_options o = {.procs = 2, .foreign_wakes = true};

    cr_assert_eq(coop_go(NULL, note, &shared), -EPERM); /* no runtime yet */
    cr_assert_eq(coop_main(&o, wait_for_starter, NULL), 0);
    cr_assert_eq(shared, 200);
    cr_assert_eq(coop_go(NULL, note, &shared), -EPERM); /* no more */
}
