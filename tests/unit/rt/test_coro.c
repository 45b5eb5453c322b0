/* Coroutines and the scheduler: points 92 to 110. */
#include "rt_test.h"

#include "rt/sched.h"
#include "rt/switch.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int count;

static int inc(__attribute__((unused)) void *arg)
{
    __atomic_fetch_add(&count, 1, __ATOMIC_RELEASE);
    return 0;
}

CORO_TEST_ON_ONE(coro, yield_with_an_empty_queue_returns)
{
    for (int i = 0; i < 1000; i++)
        CHECK(coop_yield() == 0);
    return 0;
}

static int respawn(void *arg)
{
    int *left = arg;

    if (--*left > 0)
        coop_go(NULL, respawn, left);
    return 0;
}

static void *post_from_outside(void *arg)
{
    coop_post(arg, (struct coop_msg *)((struct coop_actor *)arg)->arg);
    return NULL;
}

static void mark(__attribute__((unused)) struct coop_actor *a,
                 __attribute__((unused)) struct coop_msg *m)
{
    __atomic_store_n(&count, 1, __ATOMIC_RELEASE);
}

CORO_TEST_WITH(coro, a_pair_that_respawns_does_not_starve_the_global_queue, .procs = 1,
               .foreign_wakes = true)
{
    static int left[2] = {1000000000, 1000000000};
    struct coop_msg msg = {0};
    struct coop_actor actor;
    struct coop_scope scope;
    pthread_t thread;

    coop_actor_init(&actor, "outside", mark, &msg);
    coop_scope_init(&scope, "pair", 0);
    coop_go(&scope, respawn, &left[0]);
    coop_go(&scope, respawn, &left[1]);
    CHECK(pthread_create(&thread, NULL, post_from_outside, &actor) == 0);
    await(&count, 1);
    left[0] = left[1] = 0;
    coop_scope_cancel(&scope, 0);
    coop_scope_wait(&scope);
    coop_block_begin();
    pthread_join(thread, NULL);
    coop_block_end();
    return 0;
}

static int ping_pong(void *arg)
{
    struct coop_chan **ch = arg;
    int v = 0;

    while (coop_recv(ch[0], &v, COOP_FOREVER) == 1 && coop_send(ch[1], &v, COOP_FOREVER) == 0)
        ;
    return 0;
}

CORO_TEST_ON_ONE(coro, a_pair_that_wakes_each_other_does_not_starve_a_third)
{
    struct coop_chan *a = coop_chan_new(sizeof(int), 0), *b = coop_chan_new(sizeof(int), 0);
    struct coop_chan *ab[] = {a, b}, *ba[] = {b, a};
    struct coop_scope scope;
    int v = 0;

    coop_scope_init(&scope, "pair", 0);
    coop_go(&scope, ping_pong, ab);
    coop_go(&scope, ping_pong, ba);
    coop_send(a, &v, COOP_FOREVER);
    for (int i = 0; i < 1000; i++)
        coop_yield(); /* comes back each time, or the test times out */
    coop_scope_end(&scope);
    coop_chan_unref(a);
    coop_chan_unref(b);
    return 0;
}

static int spin;

static int compute(__attribute__((unused)) void *arg)
{
    while (__atomic_load_n(&spin, __ATOMIC_RELAXED))
        coop_yield();
    return 0;
}

CORO_TEST(coro, descriptors_and_timers_are_served_while_all_processors_are_busy)
{
    struct coop_scope scope;
    coop_nsec worst = 0;
    int fds[2];

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    spin = 1;
    coop_scope_init(&scope, "busy", 0);
    for (int i = 0; i < 8; i++)
        coop_go(&scope, compute, NULL);
    for (int i = 0; i < 20; i++) {
        coop_nsec deadline = in_ms(1), late;
        char c;

        CHECK(coop_sleep_until(deadline) == 0);
        late = coop_now() - deadline;
        worst = late > worst ? late : worst;
        CHECK(write(fds[1], "x", 1) == 1);
        CHECK(coop_fd_wait(fds[0], COOP_IN, soon()) > 0);
        CHECK(coop_read(fds[0], &c, 1, soon()) == 1);
    }
    __atomic_store_n(&spin, 0, __ATOMIC_RELAXED);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(worst < 10000 * COOP_NSEC_PER_MSEC);
    coop_fd_close(fds[0]);
    close(fds[1]);
    return 0;
}

static int sequence[1000], sequence_count;

static int note(void *arg)
{
    sequence[sequence_count++] = (int)(intptr_t)arg;
    return 0;
}

CORO_TEST_ON_ONE(coro, a_full_ring_overflows_and_nobody_is_lost)
{
    struct coop_scope scope;
    char seen[1000] = {0};

    coop_scope_init(&scope, "overflow", 0);
    for (int i = 0; i < 1000; i++)
        coop_go(&scope, note, (void *)(intptr_t)i);
    CHECK(coop_scope_wait(&scope) == 0 && sequence_count == 1000);
    for (int i = 0; i < 1000; i++)
        seen[sequence[i]]++;
    for (int i = 0; i < 1000; i++)
        CHECK(seen[i] == 1);
    return 0;
}

CORO_TEST(coro, a_hundred_thousand_are_born_and_die)
{
    struct coop_stats s;

    for (int i = 0; i < 100; i++) {
        struct coop_scope scope;

        coop_scope_init(&scope, "batch", 0);
        for (int k = 0; k < 1000; k++)
            CHECK(coop_go(&scope, inc, NULL) == 0);
        CHECK(coop_scope_wait(&scope) == 0);
    }
    CHECK(count == 100000);
    do { /* the last ones have left the scope, but perhaps not yet their stacks */
        coop_yield();
        coop_stats_get(&s);
    } while (s.coroutines != 1);
    CHECK(s.born >= 100000 && s.stacks < 5000);
    return 0;
}

static int park(void *arg)
{
    coop_recv(arg, NULL, COOP_FOREVER);
    return 0;
}

CORO_TEST(coro, twenty_thousand_parked_ones_are_a_few_mappings)
{
    struct coop_chan *ch = coop_chan_new(0, 0);
    struct coop_scope scope;
    struct coop_stats s;
    int many = emulated_less(20000);

    coop_scope_init(&scope, "parked", 0);
    for (int i = 0; i < many; i++)
        CHECK(coop_go(&scope, park, ch) == 0);
    for (int i = 0; i < 100; i++)
        coop_yield();
    coop_stats_get(&s);
    CHECK(s.coroutines == (unsigned)many + 1 && s.stacks >= s.coroutines &&
          s.slabs <= s.stacks / 100);
    coop_close(ch);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(ch);
    return 0;
}

static int keep_name(void *arg)
{
    const int *copy = arg;

    CHECK(strcmp(coop_name(), "worker") == 0 && coop_id() > 0 && coop_inside());
    CHECK(((uintptr_t)copy & 15) == 0);
    CHECK(coop_local() == NULL);
    coop_set_local(arg);
    coop_yield();
    CHECK(coop_local() == arg && copy[0] == 11 && copy[9] == 99);
    count++;
    return 0;
}

CORO_TEST_ON_ONE(coro, arguments_are_copied_to_the_new_stack)
{
    int args[10] = {11, [9] = 99};
    struct coop_attr attr = {.name = "worker", .copy = sizeof args};

    CHECK(coop_go_with(NULL, &attr, keep_name, args) == 0);
    args[0] = args[9] = 0;
    settle();
    CHECK(count == 1);
    attr.copy = COOP_COPY_MAX + 1;
    CHECK(coop_go_with(NULL, &attr, keep_name, args) == -EINVAL);
    return 0;
}

CORO_TEST_ON_ONE(coro, urgent_ones_run_before_the_others)
{
    struct coop_attr urgent = {.name = "urgent", .flags = COOP_URGENT};
    struct coop_scope scope;

    coop_scope_init(&scope, "classes", 0);
    for (int i = 0; i < 100; i++)
        coop_go(&scope, note, (void *)(intptr_t)i);
    coop_go_with(&scope, &urgent, note, (void *)1000);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(sequence[0] == 1000);
    return 0;
}

static int be_daemon(__attribute__((unused)) void *arg)
{
    int r = coop_sleep_until(COOP_FOREVER);

    count = r == -ECANCELED ? 1 : 2;
    return 0;
}

static int leave_daemon(__attribute__((unused)) void *arg)
{
    struct coop_attr attr = {.flags = COOP_DAEMON};

    CHECK(coop_go_with(NULL, &attr, be_daemon, NULL) == 0);
    coop_yield();
    return 0;
}

Test(coro, daemons_are_cancelled_at_the_end, .timeout = 20)
{
    cr_assert_eq(coop_main(NULL, leave_daemon, NULL), 0);
    cr_assert_eq(count, 1);
}

Test(coro, calls_outside_of_a_coroutine_say_so)
{
    cr_assert_eq(coop_go(NULL, inc, NULL), -EPERM);
    cr_assert_eq(coop_yield(), -EPERM);
    cr_assert_eq(coop_sleep_until(COOP_FOREVER), -EPERM);
    cr_assert_eq(coop_id(), 0);
    cr_assert_eq(coop_inside(), 0);
}

CORO_TEST(coro, the_number_of_processors_can_change)
{
    struct coop_scope scope;

    CHECK(coop_set_procs(4) == 2);
    coop_scope_init(&scope, "four", 0);
    for (int i = 0; i < 2000; i++)
        coop_go(&scope, inc, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(coop_set_procs(1) == 4);
    coop_scope_init(&scope, "one", 0);
    for (int i = 0; i < 2000; i++)
        coop_go(&scope, inc, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(count == 4000 && coop_set_procs(2) == 1 && coop_set_procs(0) == -EINVAL);
    coop_sleep_until(in_ms(2));
    return 0;
}

/* ---- the monitor watches on when the number of processors has changed ---- */

static _Atomic(bool) elsewhere, alone, root_is_up;

static int sleep_a_little(__attribute__((unused)) void *arg)
{
    return coop_sleep_until(in_ms(20));
}

/* On a processor that is put out of use and back while the other one rests. */
static int change_elsewhere(void *arg)
{
    coop_nsec limit = soon();

    elsewhere = true;
    while (coop__rt.idle_procs_count == 0 && coop_now() < limit)
        ;
    CHECK(coop_set_procs(1) == 2);
    while (coop__rt.monitor_armed && coop_now() < limit)
        ;
    CHECK(!coop__rt.monitor_armed && coop_set_procs(2) == 1);
    alone = true;
    while (!root_is_up && coop_now() < limit)
        ;
    CHECK(root_is_up && coop_go(arg, sleep_a_little, NULL) == 0);
    CHECK(coop_sleep_until(in_ms(100)) == 0);
    __atomic_fetch_add(&count, 1, __ATOMIC_RELEASE);
    return 0;
}

CORO_TEST(coro, timers_of_a_processor_out_of_use_fire)
{
    struct coop_scope scope;
    coop_nsec limit = soon();

    coop_scope_init(&scope, "elsewhere", 0);
    CHECK(coop_go(&scope, change_elsewhere, &scope) == 0);
    while (!elsewhere && coop_now() < limit)
        ;
    while (!alone && coop_now() < limit)
        CHECK(coop_sleep_until(in_ms(50)) == 0);
    root_is_up = true;
    while (coop__rt.idle_procs_count == 0 && coop_now() < limit)
        ;
    CHECK(coop_set_procs(1) == 2);
    await(&count, 1); /* keeps the only processor, which looks at its own timers */
    return coop_scope_wait(&scope);
}

/* ---- deadlock ---- */

static void say_and_exit(void)
{
    fprintf(stderr, "deadlock\n");
    _exit(42);
}

static int wait_for_nobody(void *arg)
{
    struct coop_chan *ch = coop_chan_new(0, 0);
    struct coop_attr attr = {.flags = COOP_DAEMON};

    if (arg)
        coop_go_with(NULL, &attr, be_daemon, NULL);
    return coop_recv(ch, NULL, COOP_FOREVER);
}

Test(coro, a_deadlock_is_reported, .exit_code = 42, .timeout = 20)
{
    struct coop_options o = {.procs = 2, .on_deadlock = say_and_exit};

    coop_main(&o, wait_for_nobody, NULL);
}

Test(coro, daemons_do_not_hide_a_deadlock, .exit_code = 42, .timeout = 20)
{
    struct coop_options o = {.procs = 1, .on_deadlock = say_and_exit};

    coop_main(&o, wait_for_nobody, &count);
}

Test(coro, a_deadlock_without_a_hook_aborts_with_a_dump, .signal = SIGABRT, .timeout = 20)
{
    struct rlimit none = {0};

    setrlimit(RLIMIT_CORE, &none);
    coop_main(NULL, wait_for_nobody, NULL);
}

/* ---- the dump ---- */

static int find_waiter(const struct coop_coro_info *info, void *arg)
{
    if (strcmp(info->name, "waiter") == 0) {
        CHECK(strcmp(info->state, "waiting") == 0 && strcmp(info->reason, "recv") == 0);
        CHECK(info->object == arg);
        count++;
    }
    return 0;
}

CORO_TEST_ON_ONE(coro, the_dump_knows_what_everybody_waits_for)
{
    struct coop_chan *ch = coop_chan_new(0, 0);
    struct coop_attr attr = {.name = "waiter"};
    char text[4096] = "";
    int fds[2];
    ssize_t n;

    CHECK(pipe2(fds, O_CLOEXEC) == 0);
    coop_go_with(NULL, &attr, park, ch);
    settle();
    coop_each_coro(find_waiter, ch);
    CHECK(count == 1);
    coop_dump(fds[1]);
    n = read(fds[0], text, sizeof text - 1);
    CHECK(n > 0 && strstr(text, "waiter: waiting in recv on"));
    CHECK(strstr(text, "running"));
    coop_close(ch);
    settle();
    coop_chan_unref(ch);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

CORO_TEST(coro, an_idle_runtime_does_not_wake_up)
{
    struct rusage before, after;
    struct coop_stats a, b;

    for (int i = 0; i < 100; i++)
        coop_go(NULL, inc, NULL);
    coop_sleep_until(in_ms(100)); /* the burst and its aftermath */
    coop_stats_get(&a);
    getrusage(RUSAGE_SELF, &before);
    coop_sleep_until(in_ms(500));
    getrusage(RUSAGE_SELF, &after);
    coop_stats_get(&b);
    /* One sleep and one wake-up of ours; Criterion's own thread may stir, too. */
    CHECK(b.polls - a.polls <= 4);
    CHECK(after.ru_nvcsw - before.ru_nvcsw <= 12);
    return 0;
}

static int in_child(__attribute__((unused)) void *arg)
{
    int v = 0;

    if (coop_yield() != -EPERM || coop_go(NULL, inc, NULL) != -EPERM || coop_inside())
        return 1;
    return coop_recv(NULL, &v, COOP_FOREVER) == -EPERM ? 0 : 2;
}

CORO_TEST(coro, a_forked_child_finds_no_runtime)
{
    struct coop_child c;
    pid_t pid;

    coop_child_spawn_begin();
    pid = fork();
    if (pid == 0)
        _exit(in_child(NULL));
    CHECK(coop_child_watch(&c, pid, NULL, 0) == 0);
    coop_child_spawn_end();
    CHECK(coop_child_wait(&c, soon()) == 0);
    CHECK(c.exit.status == 0);
    return 0;
}

static long resident_kib(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && fscanf(f, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * 4;
}

CORO_TEST(coro, after_a_million_of_them_the_memory_is_small)
{
    int batches = emulated_less(500);

    for (int i = 0; i < batches; i++) {
        struct coop_scope scope;

        coop_scope_init(&scope, "batch", 0);
        for (int k = 0; k < 2000; k++)
            CHECK(coop_go(&scope, inc, NULL) == 0);
        CHECK(coop_scope_wait(&scope) == 0);
    }
    CHECK(count == batches * 2000);
    CHECK(resident_kib() <
          (RT_ASAN || RT_TSAN ? LONG_MAX : 100 * 1024)); /* theirs counts, too */
    return 0;
}
