/* Stacks: guards, alignment, floating point across a switch. */
#include "rt_test.h"

#include "rt/stack.h"
#include "rt/switch.h"
#include "support/child.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

enum { LARGE = 256 * 1024, LARGE_GUARD = 64 * 1024 }; /* large stacks have large guards */

/* Nothing can be read in below the caller's stack, or there is a canary. */
static const struct coro *check_guard(void)
{
    const struct coro *g = coop__current();
    size_t slot = coop__stack_slot_size(g), size = slot < LARGE ? 4096 : LARGE_GUARD;

    /* (qemu says yes to all advice.) */
    for (size_t at = 4096; at <= size && !g->canary && !getenv("COOP_SLOWER"); at += 4096)
        CHECK(madvise(g->stack_low - at, 4096, MADV_POPULATE_READ) < 0);
    return g;
}

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

static int spawn_overflow(void *size)
{
    struct coop_attr attr = {.name = "eater", .stack_size = (size_t)(uintptr_t)size};

    return coop_go_with(NULL, &attr, overflow, NULL);
}

/* Ends by a signal, having said so. */
static void run_out(int report, void *size)
{
    struct rlimit none = {0};

    setrlimit(RLIMIT_CORE, &none);
    dup2(report, STDERR_FILENO);
    coop_main(NULL, spawn_overflow, size);
}

Test(stack, overflow_hits_the_guard_and_names_the_coroutine, .timeout = 20)
{
    static const size_t sizes[] = {0, 16 * 1024, 1024 * 1024};
    char said[CHILD_TEXT], size[32];

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(size, sizeof size, "of %zu KiB;", (sizes[i] ? sizes[i] : 64 * 1024) / 1024);
        cr_expect_eq(in_child(run_out, (void *)sizes[i], said), 128 + SIGSEGV, "%s", said);
        cr_expect_not_null(strstr(said, "'eater' has overflowed its stack"), "%s", said);
        cr_expect_not_null(strstr(said, size), "%s", said);
        cr_expect_not_null(strstr(said, "started at spawn_overflow+"), "%s", said);
    }
}

static int write_over_the_end(__attribute__((unused)) void *arg)
{
    struct coro *g = coop__self();

    CHECK(g);
    memset(g->stack_low, 1, 16);
    return 0;
}

static int spawn_two(__attribute__((unused)) void *arg)
{
    struct coop_attr attr = {.name = "writer"};
    struct coop_scope scope;

    coop_scope_init(&scope, "two", 0);
    coop_go_with(&scope, &attr, write_over_the_end, NULL);
    return coop_scope_wait(&scope);
}

static void spoil_a_canary(int report, __attribute__((unused)) void *arg)
{
    struct rlimit none = {0};

    setrlimit(RLIMIT_CORE, &none);
    dup2(report, STDERR_FILENO);
    coop__old_guards = 1; /* the root coroutine has that one */
    coop_main(NULL, spawn_two, NULL);
}

Test(stack, a_spoiled_canary_names_the_coroutine, .timeout = 20)
{
    char said[CHILD_TEXT];

    cr_expect_eq(in_child(spoil_a_canary, NULL, said), 128 + SIGABRT, "%s", said);
    cr_expect_not_null(strstr(said, "'writer' has overflowed its stack"), "%s", said);
    cr_expect_not_null(strstr(said, "started at spawn_two+"), "%s", said);
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

CORO_TEST(stack, frames_are_aligned_and_values_in_registers_survive_a_switch)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "aligned", 0);
    for (int i = 0; i < 20; i++)
        coop_go(&scope, check_alignment, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

/* Rounding mode and the like: mxcsr and the x87 control word, or fpcr. */
static unsigned long control_word(void)
{
    unsigned long word;
#if defined(__x86_64__)
    unsigned mxcsr;
    unsigned short x87;

    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    word = (mxcsr & 0xffc0) | (unsigned long)x87 << 32; /* without the flags of what happened */
#else
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
#endif
    return word;
}

static void set_control_word(unsigned long word)
{
#if defined(__x86_64__)
    unsigned mxcsr = (unsigned)word;
    unsigned short x87 = (unsigned short)(word >> 32);

    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    __asm__ volatile("fldcw %0" : : "m"(x87));
#else
    __asm__ volatile("msr fpcr, %0" : : "r"(word));
#endif
}

#if defined(__x86_64__)
#define ROUND_UP (0x4000UL | 0x800UL << 32) /* mxcsr, and the x87 word */
#else
#define ROUND_UP 0x400000UL
#endif

static int see_rounding(void *usual)
{
    CHECK(control_word() == ((uintptr_t)usual | ROUND_UP));
    return 0;
}

/* The header says so, and saving them would cost as much again as a switch. */
CORO_TEST_ON_ONE(stack, the_floating_point_control_word_belongs_to_the_thread)
{
    unsigned long usual = control_word();
    struct coop_scope scope;

    coop_scope_init(&scope, "rounding", 0);
    CHECK(coop_go(&scope, see_rounding, (void *)usual) == 0);
    set_control_word(usual | ROUND_UP);
    coop_yield();
    CHECK(control_word() == (usual | ROUND_UP));
    set_control_word(usual);
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

static int use_nearly_all(void *arg)
{
    size_t size = (size_t)(uintptr_t)arg;
    struct coro *g = coop__self();
    char here = 7;

    CHECK(g && coop__stack_slot_size(g) >= size && g->stack_size >= size / 3 * 2);
    check_guard();
    /* From the low end to just below what this and memset stand on. */
    memset(g->stack_low, 1, (size_t)(&here - g->stack_low) - 4096);
    coop_yield();
    return here - 7;
}

CORO_TEST(stack, each_coroutine_can_have_a_size_of_its_own)
{
    struct coop_attr attr = {0};
    struct coop_scope scope;

    coop_scope_init(&scope, "sizes", 0);
    for (int round = 0; round < 20; round++)
        for (size_t size = 16 * 1024; size <= STACK_MOST; size *= 2) {
            attr.stack_size = size - (unsigned)round;
            CHECK(coop_go_with(&scope, &attr, use_nearly_all, (void *)attr.stack_size) == 0);
        }
    CHECK(coop_scope_wait(&scope) == 0);
    attr.stack_size = STACK_MOST + 1;
    CHECK(coop_go_with(NULL, &attr, use_nearly_all, NULL) == -EINVAL);
    return 0;
}

static int wait_for_close(void *ch)
{
    check_guard();
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

static int look_at_guard(void *all_started)
{
    const struct coro *g = check_guard();

    CHECK(madvise(g->stack_low, 4096, MADV_POPULATE_READ) == 0);
    CHECK(coop_recv(all_started, NULL, soon()) == 0);
    return 0;
}

/* From the 32nd on they are made by the batch. */
static int look_at_all_guards(__attribute__((unused)) void *arg)
{
    struct coop_chan *all_started = coop_chan_new(0, 0);
    struct coop_scope scope;

    coop_scope_init(&scope, "batches", 0);
    for (int i = 0; i < 1100; i++) /* more than a slab */
        CHECK(coop_go(&scope, look_at_guard, all_started) == 0);
    coop_close(all_started);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(all_started);
    return 0;
}

CORO_TEST(stack, each_of_a_batch_has_a_guard_of_its_own)
{
    return look_at_all_guards(NULL);
}

/* As kernels before 6.15 do, and filters.  (qemu knows no filters.) */
Test(stack, each_of_a_batch_has_a_guard_where_many_at_once_are_refused, .timeout = 50)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_madvise, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    struct coop_options options = {.procs = 2};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    if (!getenv("COOP_SLOWER")) {
        cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
        cr_assert_lt(syscall(SYS_process_madvise, -1, NULL, 0, 0, 0), 0);
        cr_assert_eq(errno, EPERM);
    }
    cr_assert_eq(coop_main(&options, look_at_all_guards, NULL), 0);
}

static int touch(void *all_started)
{
    volatile char frame[24 * 1024];

    for (size_t i = 0; i < sizeof frame; i += 4096)
        frame[i] = 1;
    check_guard();
    CHECK(coop_recv(all_started, NULL, soon()) == 0);
    return frame[0] - 1;
}

/* So many at the same time. */
static void burst(int size)
{
    struct coop_chan *all_started = coop_chan_new(0, 0);
    struct coop_scope scope;

    coop_scope_init(&scope, "burst", 0);
    for (int i = 0; i < size; i++)
        CHECK(coop_go(&scope, touch, all_started) == 0);
    coop_close(all_started);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(all_started);
}

static uint64_t warm_stacks(void)
{
    struct coop_stats s;

    coop_stats_get(&s);
    return s.stacks_warm;
}

/* Of the memory at 'from': bytes that are there. */
static size_t resident(char *from, size_t size)
{
    static unsigned char pages[STACK_MOST / 4096];
    size_t there = 0;

    CHECK(mincore(from, size, pages) == 0);
    for (size_t i = 0; i < size / 4096; i++)
        there += pages[i] & 1U ? 4096 : 0;
    return there;
}

static int sum_resident(struct coro *g, void *sum)
{
    uintptr_t slot = (uintptr_t)g & ~(uintptr_t)(64 * 1024 - 1);

    *(size_t *)sum += resident((char *)slot, 64 * 1024);
    return 0;
}

CORO_TEST(stack, their_memory_goes_back_when_all_is_quiet)
{
    coop_nsec deadline = soon();
    size_t there = 0;

    burst(1000);
    while (warm_stacks() > 64) {
        CHECK(coop_now() < deadline);
        coop_sleep_until(in_ms(1100));
    }
    /* All of it, the struct's page too; a few dozen stay warm.  (A sanitizer's are larger, and
     * qemu does not know mincore.) */
    if (!RT_ASAN && !RT_TSAN && !getenv("COOP_SLOWER")) {
        coop__stacks_each(sum_resident, &there);
        CHECK(there < 200 * 32 * 1024);
    }
    burst(1000); /* from slots that were given back */
    return 0;
}

/* The same with nobody ever at rest. */
CORO_TEST(stack, what_nobody_wants_goes_back_under_load)
{
    coop_nsec deadline = soon();

    burst(1000);
    CHECK(warm_stacks() > 500);
    while (warm_stacks() > 64) {
        CHECK(coop_now() < deadline);
        coop_yield();
    }
    burst(1000);
    return 0;
}

static int burst_twice(__attribute__((unused)) void *arg)
{
    coop_nsec deadline = soon();

    burst(500);
    while (warm_stacks() > 64) {
        CHECK(coop_now() < deadline);
        coop_sleep_until(in_ms(1100));
    }
    burst(500);
    return 0;
}

/* What was given back comes again with the guard, or the canary, that it had. */
Test(stack, canaries_survive_it_when_memory_goes_back, .timeout = 50)
{
    struct coop_options o = {.procs = 1};

    coop__old_guards = 250;
    cr_assert_eq(coop_main(&o, burst_twice, NULL), 0);
}

#if !RT_ASAN && !RT_TSAN
/* Beside the table of descriptors (32 MiB) a slab of 64 does not fit: smaller ones do. */
Test(stack, little_address_space_is_enough, .timeout = 20)
{
    struct coop_options o = {.procs = 1};
    struct rlimit all, little;
    FILE *f = fopen("/proc/self/statm", "re");
    rlim_t pages = 0;

    if (getenv("COOP_SLOWER"))
        return; /* an emulator lives in the same address space */
    cr_assert(f && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    getrlimit(RLIMIT_AS, &all);
    little = (struct rlimit){.rlim_cur = pages * 4096 + (90 << 20), .rlim_max = all.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_AS, &little), 0);
    cr_expect_eq(coop_main(&o, burst_twice, NULL), 0);
    setrlimit(RLIMIT_AS, &all);
}
#endif

#if !RT_ASAN && !RT_TSAN /* they turn mlockall into nothing */
static int burst_locked(__attribute__((unused)) void *arg)
{
    struct coop_stats s;

    burst(20);
    coop_stats_get(&s);
    CHECK(strcmp(s.guards, "madvise") != 0); /* the kernel wants none in locked memory */
    return 0;
}

static void lock_memory(int report, __attribute__((unused)) void *arg)
{
    struct coop_options o = {.procs = 1};

    CHILD_CHECK(report, mlockall(MCL_FUTURE | MCL_ONFAULT) == 0);
    CHILD_CHECK(report, coop_main(&o, burst_locked, NULL) == 0);
}

Test(stack, locked_memory_is_guarded_otherwise, .timeout = 20)
{
    struct rlimit locked = {0, 0};
    char said[CHILD_TEXT];

    getrlimit(RLIMIT_MEMLOCK, &locked);
    if (geteuid() != 0 && locked.rlim_cur < (256 << 20)) {
        puts("SKIP: needs 256 MiB of locked memory");
        return;
    }
    cr_expect_eq(in_child(lock_memory, NULL, said), 0, "%s", said);
}
#endif

CORO_TEST(stack, the_kind_of_guard_is_told)
{
    struct coop_stats s;

    coop_stats_get(&s);
    CHECK(strcmp(s.guards, "madvise") == 0 || strcmp(s.guards, "mprotect") == 0);
    return 0;
}
