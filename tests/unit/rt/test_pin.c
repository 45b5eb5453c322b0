/* Coroutines that stay on their thread: point 109; and one processor for all: the N:1 model. */
#include "rt_test.h"

#include "rt/sched.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static int mine; /* the thread of the pinned one, or 0 */
static int stop, strangers_runs;

static int thread(void)
{
    return (int)syscall(SYS_gettid);
}

/* Whoever is not pinned is never on the pinned one's thread. */
static int stranger(__attribute__((unused)) void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        CHECK(thread() != __atomic_load_n(&mine, __ATOMIC_ACQUIRE));
        __atomic_fetch_add(&strangers_runs, 1, __ATOMIC_RELAXED);
        coop_yield();
    }
    return 0;
}

static int ping(void *arg)
{
    struct coop_chan **ch = arg;
    int v;

    while (coop_recv(ch[0], &v, COOP_FOREVER) == 1)
        CHECK(coop_send(ch[1], &v, soon()) == 0);
    return 0;
}

static int nothing(__attribute__((unused)) void *arg)
{
    return 0;
}

/* Every way to wait, and to come back. */
static void wait_in_every_way(struct coop_chan **ch)
{
    int v = 7, before = __atomic_load_n(&strangers_runs, __ATOMIC_RELAXED);

    CHECK(coop_yield() == 0);
    CHECK(coop_sleep_until(in_ms(1)) == 0);
    CHECK(coop_send(ch[0], &v, soon()) == 0 && coop_recv(ch[1], &v, soon()) == 1);
    coop_block_begin();
    coop_block_end();
    coop_syscall_begin();
    coop_syscall_end();
    CHECK(coop_offload(nothing, NULL) == 0);
    while (__atomic_load_n(&strangers_runs, __ATOMIC_RELAXED) == before)
        CHECK(coop_yield() == 0); /* they go on while we wait */
}

static int stays(void *arg)
{
    int here;

    CHECK(coop_pin() == 0 && coop_pin() == 0);
    here = thread();
    __atomic_store_n(&mine, here, __ATOMIC_RELEASE);
    for (int i = 0; i < 30; i++) {
        wait_in_every_way(arg);
        CHECK(thread() == here);
    }
    CHECK(coop_unpin() == 0); /* the inner one */
    wait_in_every_way(arg);
    CHECK(thread() == here);
    __atomic_store_n(&mine, 0, __ATOMIC_RELEASE);
    CHECK(coop_unpin() == 0 && coop_unpin() == -EPERM);
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    return 0;
}

static int pinned_among_strangers(void)
{
    struct coop_chan *ch[2] = {coop_chan_new(sizeof(int), 0), coop_chan_new(sizeof(int), 0)};
    struct coop_scope scope;

    coop_scope_init(&scope, "pinned", 0);
    for (int i = 0; i < 5; i++)
        coop_go(&scope, stranger, NULL);
    coop_go(&scope, ping, ch);
    CHECK(stays(ch) == 0);
    coop_close(ch[0]);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(ch[0]);
    coop_chan_unref(ch[1]);
    return 0;
}

CORO_TEST(pin, a_pinned_coroutine_stays_on_its_thread_and_is_alone_there)
{
    return pinned_among_strangers();
}

CORO_TEST_ON_ONE(pin, on_one_processor_the_others_go_on_while_it_waits)
{
    return pinned_among_strangers();
}

static int end_pinned(void *arg)
{
    CHECK(coop_pin() == 0);
    *(int *)arg = thread();
    return 0;
}

static void await_end_of(int tid)
{
    coop_nsec deadline = soon();

    while (syscall(SYS_tgkill, getpid(), tid, 0) == 0) {
        CHECK(coop_now() < deadline);
        coop_yield();
    }
}

enum { ENDS = 40 }; /* more than idle workers are kept */

CORO_TEST(pin, who_ends_pinned_takes_the_thread_along)
{
    coop_nsec deadline = soon();
    struct coop_scope scope;
    struct coop_stats s;
    int tid = 0;

    coop__idle_worker_life = 5 * COOP_NSEC_PER_MSEC;
    /* The first may be on the thread of coop_main(), which cannot end. */
    CHECK(coop_pin() == 0);
    for (int i = 0; i < ENDS; i++) {
        coop_scope_init(&scope, "ends", 0);
        CHECK(coop_go(&scope, end_pinned, &tid) == 0);
        CHECK(coop_scope_wait(&scope) == 0);
        CHECK(tid != thread());
        await_end_of(tid);
    }
    /* They are not counted.  Beside others more may have been made, which retire. */
    for (coop_stats_get(&s); s.workers >= ENDS; coop_stats_get(&s)) {
        CHECK(coop_now() < deadline);
        coop_sleep_until(in_ms(5));
    }
    CHECK(coop_unpin() == 0);
    return 0;
}

static int main_thread;

static int root_ends_pinned(__attribute__((unused)) void *arg)
{
    CHECK(coop_pin() == 0);
    return thread() == main_thread ? 5 : 6;
}

static int child_ends_pinned(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;
    int tid = 0;

    /* On one processor, before there is a second thread: the child gets coop_main()'s. */
    coop_scope_init(&scope, "ends", 0);
    CHECK(coop_go(&scope, end_pinned, &tid) == 0);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(tid == main_thread);
    for (int i = 0; i < 100; i++) {
        CHECK(coop_sleep_until(i % 10 ? COOP_NOW : in_ms(1)) == 0);
        CHECK(thread() != main_thread);
    }
    return 0;
}

Test(pin, the_thread_of_coop_main_comes_back_though_its_coroutine_ended_pinned, .timeout = 20)
{
    struct coop_options o = {.procs = 1};

    main_thread = thread();
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(coop_main(&o, root_ends_pinned, NULL), 5);
        cr_assert_eq(coop_main(&o, child_ends_pinned, NULL), 0);
    }
    cr_assert_eq(thread(), main_thread);
}

CORO_TEST(pin, without_another_thread_it_is_refused)
{
    coop__refuse_threads = true;
    CHECK(coop_pin() == -EAGAIN && coop_unpin() == -EPERM);
    coop__refuse_threads = false;
    CHECK(coop_pin() == 0 && coop_unpin() == 0);
    return 0;
}

CORO_TEST_WITH(pin, at_the_limit_of_threads_it_is_refused, .procs = 2, .max_workers = 1)
{
    CHECK(coop_pin() == -EAGAIN);
    return 0;
}

static int pin_and_talk(void *arg)
{
    struct coop_chan **ch = arg;
    int here, v = 0, r = coop_pin();

    if (r < 0)
        return r == -EAGAIN ? 0 : 1;
    here = thread();
    for (int i = 0; i < 20; i++) {
        CHECK(coop_send(ch[0], &v, soon()) == 0 && coop_recv(ch[1], &v, soon()) == 1);
        CHECK(thread() == here);
    }
    return coop_unpin();
}

CORO_TEST_WITH(pin, at_the_limit_those_that_are_pinned_lose_nobody, .procs = 2,
               .max_workers = 4)
{
    struct coop_chan *ch[2] = {coop_chan_new(sizeof(int), 0), coop_chan_new(sizeof(int), 0)};
    struct coop_scope scope, talker;

    coop_scope_init(&talker, "talker", 0);
    coop_go(&talker, ping, ch);
    coop_scope_init(&scope, "pinned", 0);
    for (int i = 0; i < 12; i++)
        coop_go(&scope, pin_and_talk, ch);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_close(ch[0]);
    CHECK(coop_scope_wait(&talker) == 0);
    coop_chan_unref(ch[0]);
    coop_chan_unref(ch[1]);
    return 0;
}

static void say_and_exit(void)
{
    _exit(42);
}

static int wait_pinned(void *arg)
{
    CHECK(coop_pin() == 0);
    return coop_recv(arg, NULL, COOP_FOREVER);
}

static int pinned_and_dead(__attribute__((unused)) void *arg)
{
    struct coop_chan *ch = coop_chan_new(0, 0);

    coop_go(NULL, wait_pinned, ch);
    coop_go(NULL, wait_pinned, ch);
    return coop_recv(ch, NULL, COOP_FOREVER);
}

Test(pin, pinned_ones_do_not_hide_a_deadlock, .exit_code = 42, .timeout = 20)
{
    struct coop_options o = {.procs = 2, .on_deadlock = say_and_exit};

    coop_main(&o, pinned_and_dead, NULL);
}

Test(pin, outside_of_a_coroutine_it_is_refused)
{
    cr_assert_eq(coop_pin(), -EPERM);
    cr_assert_eq(coop_unpin(), -EPERM);
}

/* ---- N:1: one processor runs everybody, one at a time ---- */

static int shared, seen_threads;

static int count_without_a_lock(__attribute__((unused)) void *arg)
{
    static int last;

    for (int i = 0; i < 1000; i++) {
        int v = shared;

        seen_threads += thread() != last;
        last = thread();
        shared = v + 1; /* nobody can have come between: there is no wait in between */
        coop_yield();
    }
    return 0;
}

CORO_TEST_ON_ONE(pin, with_one_processor_what_does_not_wait_is_not_interrupted)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "counters", 0);
    for (int i = 0; i < 50; i++)
        coop_go(&scope, count_without_a_lock, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(shared == 50000);
    CHECK(seen_threads == 1); /* nobody blocked: it was one thread all the time */
    return 0;
}
