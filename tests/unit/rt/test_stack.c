/* Stacks: guards, alignment, floating point across a switch. */
#include "rt_test.h"

#include "rt/stack.h"
#include "rt/switch.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

/* Under a sanitizer the report is the sanitizer's, and the end is an exit. */
#if !RT_ASAN && !RT_TSAN
static __attribute__((noinline)) int eat(int n)
{
    volatile char frame[1024];

    frame[0] = (char)n;
    return n > 100000 ? 0 : eat(n + 1) + frame[0];
}

static int overflow(__attribute__((unused)) void *arg)
{
    return eat(0);
}

static int spawn_overflow(__attribute__((unused)) void *arg)
{
    struct coop_attr attr = {.name = "eater"};

    coop_go_with(NULL, &attr, overflow, NULL);
    return 0;
}

Test(stack, overflow_hits_the_guard_and_aborts, .signal = SIGABRT, .timeout = 20)
{
    struct rlimit none = {0};

    setrlimit(RLIMIT_CORE, &none);
    coop_main(NULL, spawn_overflow, NULL);
}
#endif

static int check_alignment(__attribute__((unused)) void *arg)
{
    _Alignas(16) volatile char here[16];
    double third = 1.0 / 3.0, sum = 0;
    char text[64];

    CHECK(((uintptr_t)here & 15) == 0);
    for (int i = 0; i < 100; i++) {
        sum += third * i;
        coop_yield();
    }
    snprintf(text, sizeof text, "%.3f", sum); /* uses aligned vector stores */
    CHECK(strcmp(text, "1650.000") == 0);
    return 0;
}

CORO_TEST(stack, frames_are_aligned_and_registers_survive_a_switch)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "aligned", 0);
    for (int i = 0; i < 20; i++)
        coop_go(&scope, check_alignment, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

static int use_much(__attribute__((unused)) void *arg)
{
    volatile char frame[200 * 1024];

    for (size_t i = 0; i < sizeof frame; i += 4096)
        frame[i] = 1;
    coop_yield();
    return frame[0] == 1 ? 0 : 1;
}

CORO_TEST_WITH(stack, their_size_can_be_chosen, .procs = 2, .stack_size = 300 * 1024)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "large", 0);
    for (int i = 0; i < 20; i++)
        coop_go(&scope, use_much, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

static int wait_for_close(void *ch)
{
    CHECK(coop_recv(ch, NULL, COOP_FOREVER) == 0);
    return 0;
}

static int pass_the_limit(__attribute__((unused)) void *arg)
{
    struct coop_chan *ch = coop_chan_new(0, 0);
    struct coop_scope scope;
    struct coop_stats s;

    coop_scope_init(&scope, "many", 0);
    for (int i = 0; i < 100; i++)
        CHECK(coop_go(&scope, wait_for_close, ch) == 0);
    coop_stats_get(&s);
    CHECK(strcmp(s.guards, "canary") == 0);
    coop_close(ch);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(ch);
    return 0;
}

/* Those from before the limit have a guard and no canary: their end must not look for one. */
Test(stack, on_old_kernels_guards_and_canaries_live_side_by_side, .timeout = 20)
{
    coop__old_guards = 50;
    cr_assert_eq(coop_main(NULL, pass_the_limit, NULL), 0);
}

#if !RT_ASAN && !RT_TSAN
static int touch(__attribute__((unused)) void *arg)
{
    volatile char frame[24 * 1024];

    for (size_t i = 0; i < sizeof frame; i += 4096)
        frame[i] = 1;
    coop_yield();
    return frame[0] - 1;
}

static long resident_kib(void)
{
    long pages = 0, all;
    FILE *f = fopen("/proc/self/statm", "re");

    CHECK(f && fscanf(f, "%ld %ld", &all, &pages) == 2);
    fclose(f);
    return pages * 4;
}

CORO_TEST(stack, their_memory_goes_back_when_all_is_quiet)
{
    coop_nsec deadline = soon();
    struct coop_scope scope;
    long burst;

    coop_scope_init(&scope, "burst", 0);
    for (int i = 0; i < 1000; i++)
        CHECK(coop_go(&scope, touch, NULL) == 0);
    CHECK(coop_scope_wait(&scope) == 0);
    burst = resident_kib();
    while (resident_kib() > burst - 8 * 1024) { /* of about thirty MiB */
        CHECK(coop_now() < deadline);
        coop_sleep_until(in_ms(1100));
    }
    return 0;
}
#endif

CORO_TEST(stack, the_kind_of_guard_is_told)
{
    struct coop_stats s;

    coop_stats_get(&s);
    CHECK(strcmp(s.guards, "madvise") == 0 || strcmp(s.guards, "mprotect") == 0);
    return 0;
}
