/* Calls that block their thread: points 100 to 103. */
#include "rt_test.h"

#include "rt/sched.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

static int ticks, stop, awaited[2];

/* Has run on, for who is blocked till then. */
static int tick(__attribute__((unused)) void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        if (++ticks == 100)
            CHECK(write(awaited[1], "x", 1) == 1);
        coop_yield();
    }
    return 0;
}

static void block_for(int ms)
{
    poll(NULL, 0, ms);
}

static void block_till_the_other_has_run(void)
{
    char c;

    CHECK(read(awaited[0], &c, 1) == 1);
}

static void open_ticker(struct coop_scope *scope)
{
    CHECK(pipe2(awaited, O_CLOEXEC) == 0);
    coop_scope_init(scope, "ticker", 0);
    coop_go(scope, tick, NULL);
    coop_yield();
}

static void close_ticker(struct coop_scope *scope)
{
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    CHECK(coop_scope_wait(scope) == 0);
    close(awaited[0]);
    close(awaited[1]);
}

CORO_TEST_ON_ONE(blocking, an_eager_bracket_lets_the_others_run)
{
    struct coop_scope scope;

    open_ticker(&scope);
    coop_block_begin();
    block_till_the_other_has_run();
    coop_block_end();
    close_ticker(&scope);
    return 0;
}

CORO_TEST_ON_ONE(blocking, the_processor_is_retaken_from_a_long_optimistic_bracket)
{
    struct coop_scope scope;

    open_ticker(&scope);
    coop_syscall_begin();
    block_till_the_other_has_run();
    coop_syscall_end();
    for (int i = 0; i < 1000; i++) { /* short ones keep it */
        coop_syscall_begin();
        coop_syscall_end();
    }
    close_ticker(&scope);
    return 0;
}

static int block_often(void *arg)
{
    for (int i = 0; i < 5; i++) {
        coop_block_begin();
        block_for(2);
        coop_block_end();
    }
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
    return 0;
}

CORO_TEST(blocking, fifty_blockers_end_and_lose_nothing)
{
    struct coop_scope scope;
    int done = 0;

    coop_scope_init(&scope, "blockers", 0);
    for (int i = 0; i < 50; i++)
        coop_go(&scope, block_often, &done);
    CHECK(coop_scope_wait(&scope) == 0 && done == 50);
    return 0;
}

static int keep_a_processor(void *arg)
{
    while (__atomic_load_n((int *)arg, __ATOMIC_RELAXED) < 50)
        coop_yield();
    return 0;
}

CORO_TEST(blocking, who_comes_back_and_finds_no_idle_processor_waits_for_one)
{
    struct coop_scope scope;
    int done = 0;

    coop_scope_init(&scope, "blockers", 0);
    for (int i = 0; i < 4; i++)
        coop_go(&scope, keep_a_processor, &done);
    for (int i = 0; i < 50; i++)
        coop_go(&scope, block_often, &done);
    CHECK(coop_scope_wait(&scope) == 0 && done == 50);
    return 0;
}

/* ---- what is left for those that compute ---- */

static int pieces, kept_over;

static int compute(__attribute__((unused)) void *arg)
{
    while (!__atomic_load_n(&kept_over, __ATOMIC_RELAXED)) {
        for (int i = 0; i < 10000; i++)
            __asm__ volatile("");
        __atomic_fetch_add(&pieces, 1, __ATOMIC_RELAXED);
        coop_yield();
    }
    return 0;
}

static int call_often(void *arg)
{
    while (!__atomic_load_n((int *)arg, __ATOMIC_RELAXED)) {
        coop_block_begin();
        block_for(10);
        coop_block_end();
        coop_yield();
    }
    return 0;
}

/* Pieces computed in 50 ms beside so many that are in calls of 10 ms. */
static int computed_beside(int callers)
{
    struct coop_scope scope;
    int before, done, over = 0;

    coop_scope_init(&scope, "callers", 0);
    for (int i = 0; i < callers; i++)
        CHECK(coop_go(&scope, call_often, &over) == 0);
    coop_sleep_until(in_ms(10));
    before = __atomic_load_n(&pieces, __ATOMIC_RELAXED);
    coop_sleep_until(in_ms(50));
    done = __atomic_load_n(&pieces, __ATOMIC_RELAXED) - before;
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    CHECK(coop_scope_wait(&scope) == 0);
    return done;
}

/* Other programs may take the CPU in one of the two: then both are done again.  Without brackets a
 * round of the callers lasts a second, and four pieces are computed in it, however often it is
 * tried. */
CORO_TEST_ON_ONE(blocking, a_hundred_in_calls_leave_sixty_percent_to_those_that_compute)
{
    coop_nsec deadline = soon();
    struct coop_scope scope;

    coop_scope_init(&scope, "computers", 0);
    for (int i = 0; i < 4; i++)
        CHECK(coop_go(&scope, compute, NULL) == 0);
    while (computed_beside(emulated_less(100)) * 10 < computed_beside(0) * 6)
        CHECK(coop_now() < deadline);
    __atomic_store_n(&kept_over, 1, __ATOMIC_RELAXED);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

static int block_for_ever(void *arg)
{
    while (!__atomic_load_n((int *)arg, __ATOMIC_RELAXED)) {
        coop_block_begin();
        block_for(1);
        coop_block_end();
    }
    return 0;
}

/* As many loops of brackets as there may be threads: none of them ever waits. */
CORO_TEST_WITH(blocking, at_the_limit_of_threads_the_others_have_turns, .procs = 2,
               .max_workers = 3)
{
    struct coop_scope scope;
    int over = 0;

    coop_scope_init(&scope, "blockers", 0);
    for (int i = 0; i < 6; i++)
        coop_go(&scope, block_for_ever, &over);
    coop_sleep_until(in_ms(5));
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

/* ---- a processor with work and without a thread ---- */

static int left_there, has_run;

static int run_once(__attribute__((unused)) void *arg)
{
    __atomic_store_n(&has_run, 1, __ATOMIC_RELAXED);
    CHECK(write(awaited[1], "x", 1) == 1);
    return 0;
}

/* Its processor has the other one in its queue, and gets no thread any more. */
static int leave_a_processor_with_work(void *arg)
{
    CHECK(coop_go(arg, run_once, NULL) == 0);
    __atomic_store_n(&left_there, 1, __ATOMIC_RELEASE);
    coop_block_begin();
    block_till_the_other_has_run();
    coop_block_end();
    return 0;
}

/* However often we come back to a processor, the other one has its turn. */
static int come_back_until_it_has_run(void (*begin)(void), void (*end)(void))
{
    struct coop_scope scope;
    coop_nsec deadline = soon();

    CHECK(pipe2(awaited, O_CLOEXEC) == 0);
    coop_scope_init(&scope, "left", 0);
    CHECK(coop_go(&scope, leave_a_processor_with_work, &scope) == 0);
    while (!__atomic_load_n(&left_there, __ATOMIC_ACQUIRE) || coop__rt.idle_procs_count == 0)
        CHECK(coop_now() < deadline);
    for (int i = 0; !__atomic_load_n(&has_run, __ATOMIC_RELAXED); i++) {
        CHECK(i < 1000);
        begin();
        end();
    }
    CHECK(coop_scope_wait(&scope) == 0);
    close(awaited[0]);
    close(awaited[1]);
    return 0;
}

CORO_TEST_WITH(blocking, work_of_a_processor_without_a_thread_is_reached_by_eager_brackets,
               .procs = 2, .max_workers = 2)
{
    return come_back_until_it_has_run(coop_block_begin, coop_block_end);
}

CORO_TEST_WITH(blocking, work_of_a_processor_without_a_thread_is_reached_by_optimistic_ones,
               .procs = 2, .max_workers = 2)
{
    return come_back_until_it_has_run(coop_syscall_begin, coop_syscall_end);
}

/* ---- a thread for many processors ---- */

/* Brackets of a millisecond; a look takes up to 10 ms.  The monitor may have a timer in its hands
 * when it loses its CPU, in an emulated machine for long: a bound, no plan.  A mutant is meant to
 * fail by it. */
#ifdef COOP_MUTANT
enum { SOON = 100 };
#else
enum { SOON = 5000 };
#endif
enum { PIPES = 8, SPREAD = 5 };

static int ends[PIPES][2], heard;

static void bracket(void)
{
    coop_block_begin();
    block_for(1);
    coop_block_end();
}

/* Each comes back to the next processor. */
static void go_elsewhere(void)
{
    for (int i = 0; i < SPREAD; i++) {
        coop_block_begin();
        coop_block_end();
    }
}

static int hear(void *arg)
{
    char c;

    while (coop_read(*(int *)arg, &c, 1, COOP_FOREVER) == 1 && c != '.')
        heard++;
    return 0;
}

CORO_TEST_WITH(blocking, with_a_single_thread_descriptors_are_heard_beside_brackets,
               .procs = 16, .max_workers = 1)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "readers", 0);
    for (int i = 0; i < PIPES; i++) {
        CHECK(pipe2(ends[i], O_CLOEXEC | O_NONBLOCK) == 0);
        CHECK(coop_go(&scope, hear, &ends[i][0]) == 0);
        go_elsewhere();
    }
    for (int i = 0; i < PIPES; i++) {
        CHECK(write(ends[i][1], "x", 1) == 1);
        for (int brackets = 0; heard == i; brackets++) {
            CHECK(brackets < SOON);
            bracket();
        }
    }
    for (int i = 0; i < PIPES; i++)
        CHECK(write(ends[i][1], ".", 1) == 1);
    CHECK(coop_scope_wait(&scope) == 0);
    for (int i = 0; i < PIPES; i++)
        CHECK(coop_fd_close(ends[i][0]) == 0 && close(ends[i][1]) == 0);
    return 0;
}

static int sleep_a_little(__attribute__((unused)) void *arg)
{
    CHECK(coop_sleep_until(in_ms(1)) == 0);
    heard++;
    return 0;
}

CORO_TEST_WITH(blocking, with_a_single_thread_timers_fire_beside_brackets, .procs = 16,
               .max_workers = 1)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "sleepers", 0);
    for (int i = 0; i < PIPES; i++) {
        CHECK(coop_go(&scope, sleep_a_little, NULL) == 0);
        go_elsewhere();
        for (int brackets = 0; heard == i; brackets++) {
            CHECK(brackets < SOON);
            bracket();
        }
    }
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

CORO_TEST_WITH(blocking, at_the_limit_of_threads_work_queues, .procs = 2, .max_workers = 3)
{
    struct coop_scope scope;
    struct coop_stats s;
    int done = 0;

    coop_scope_init(&scope, "blockers", 0);
    for (int i = 0; i < 20; i++)
        coop_go(&scope, block_often, &done);
    CHECK(coop_scope_wait(&scope) == 0 && done == 20);
    coop_stats_get(&s);
    CHECK(s.workers <= 3);
    return 0;
}

CORO_TEST(blocking, refused_threads_are_survived)
{
    struct coop_scope scope;
    struct coop_stats s;
    int done = 0;

    coop__refuse_threads = true;
    coop_scope_init(&scope, "blockers", 0);
    for (int i = 0; i < 10; i++)
        coop_go(&scope, block_often, &done);
    CHECK(coop_scope_wait(&scope) == 0 && done == 10);
    coop_stats_get(&s);
    CHECK(s.workers == 1 && s.create_failures > 0);
    coop__refuse_threads = false;
    coop_scope_init(&scope, "blockers", 0);
    for (int i = 0; i < 10; i++)
        coop_go(&scope, block_often, &done);
    CHECK(coop_scope_wait(&scope) == 0 && done == 20);
    return 0;
}

CORO_TEST(blocking, surplus_workers_retire_when_idle)
{
    struct coop_scope scope;
    struct coop_stats s;
    coop_nsec deadline = soon();
    int done = 0;

    coop__idle_worker_life = 5 * COOP_NSEC_PER_MSEC;
    for (int round = 0; round < 3; round++) {
        coop_scope_init(&scope, "blockers", 0);
        for (int i = 0; i < 60; i++)
            coop_go(&scope, block_often, &done);
        CHECK(coop_scope_wait(&scope) == 0);
        do {
            coop_sleep_until(in_ms(5));
            coop_stats_get(&s);
            CHECK(coop_now() < deadline);
        } while (s.workers > IDLE_WORKERS_KEPT + 3);
    }
    CHECK(done == 180);
    return 0;
}

static int answer(void *arg)
{
    block_for(2);
    return *(int *)arg * 2;
}

static int ask(void *arg)
{
    int n = (int)(intptr_t)arg;

    return coop_offload(answer, &n) == 2 * n ? 0 : 1;
}

CORO_TEST(blocking, two_hundred_offloads_share_the_pool)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "askers", 0);
    for (int i = 0; i < 200; i++)
        coop_go(&scope, ask, (void *)(intptr_t)i);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

CORO_TEST(blocking, offload_without_threads_uses_our_own)
{
    int n = 21;

    coop__refuse_threads = true;
    CHECK(coop_offload(answer, &n) == 42);
    coop__refuse_threads = false;
    return 0;
}

CORO_TEST(blocking, posting_from_inside_a_bracket_works)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 1);
    int v = 5;

    coop_block_begin();
    CHECK(coop_send(ch, &v, COOP_NOW) == 0);
    coop_block_end();
    CHECK(coop_recv(ch, &v, COOP_NOW) == 1 && v == 5);
    coop_chan_unref(ch);
    return 0;
}

static int wait_inside(__attribute__((unused)) void *arg)
{
    coop_block_begin();
    coop_sleep_until(COOP_FOREVER);
    return 0;
}

Test(blocking, waiting_inside_a_bracket_aborts, .signal = SIGABRT, .timeout = 20)
{
    coop_main(NULL, wait_inside, NULL);
}
