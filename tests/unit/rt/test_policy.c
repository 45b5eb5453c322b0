/* Who runs next: the policies, each with the same promises (points 93 to 96) and its own. */
#include "rt_test.h"

#include "rt/policy.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int run_under(int policy, int (*fn)(void *), void *arg)
{
    struct coop_options o = {.procs = 1, .policy = policy};

    return coop_main(&o, fn, arg);
}

static int nothing(__attribute__((unused)) void *arg)
{
    return 0;
}

Test(policy, an_unknown_one_is_refused)
{
    cr_assert_eq(run_under(COOP_POLICY_PRIORITY + 1, nothing, NULL), -EINVAL);
    cr_assert_eq(run_under(-1, nothing, NULL), -EINVAL);
    cr_assert_eq(run_under(COOP_POLICY_PRIORITY, nothing, NULL), 0);
}

CORO_TEST(policy, priorities_out_of_range_are_refused)
{
    struct coop_attr attr = {.priority = COOP_PRIORITY_LAST + 1};

    CHECK(coop_go_with(NULL, &attr, nothing, NULL) == -EINVAL);
    attr.priority = COOP_PRIORITY_FIRST - 1;
    CHECK(coop_go_with(NULL, &attr, nothing, NULL) == -EINVAL);
    attr.priority = COOP_PRIORITY_FIRST;
    CHECK(coop_go_with(NULL, &attr, nothing, NULL) == 0);
    return 0;
}

/* ---- what every policy promises ---- */

enum { YIELDERS = 20 };
static long runs;
static int stop;
static struct coop_sem *urgent; /* who yields lets an urgent one run before the next, or NULL */

static void run_and_yield(void)
{
    runs++;
    if (urgent)
        coop_sem_release(urgent, 1);
    coop_yield();
}

static int yielder(__attribute__((unused)) void *arg)
{
    while (!stop)
        run_and_yield();
    return 0;
}

static int be_urgent(void *arg)
{
    while (!stop)
        CHECK(coop_sem_acquire(arg, 1, soon()) == 0);
    return 0;
}

static void start_yielders(struct coop_scope *scope, int count)
{
    runs = stop = 0;
    coop_scope_init(scope, "yielders", 0);
    for (int i = 0; i < count; i++)
        CHECK(coop_go(scope, yielder, NULL) == 0);
}

static coop_nsec due;
static long runs_when_due;

/* Notes how many runs there were when the time came: time passes, runs are counted. */
static int note_when_due(__attribute__((unused)) void *arg)
{
    while (coop_now() < due)
        run_and_yield();
    runs_when_due = runs;
    return 0;
}

static int reader(void *arg)
{
    char c;

    CHECK(coop_read(((int *)arg)[0], &c, 1, soon()) == 1);
    return (int)(runs - runs_when_due);
}

/* How often this thread has lost its CPU.  Meanwhile the monitor may take what is due into its own
 * hands, and lose the CPU as well: such a round says nothing about the policy. */
static long lost_cpu(void)
{
    struct rusage usage;

    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
    return usage.ru_nivcsw;
}

/* How many others ran between the time and us. */
static long timer_late(void)
{
    struct coop_scope one;
    long late;

    coop_scope_init(&one, "one", 0);
    due = in_ms(2);
    runs_when_due = LONG_MAX; /* not noted before we are back: so much the better */
    CHECK(coop_go(&one, note_when_due, NULL) == 0);
    CHECK(coop_sleep_until(due) == 0);
    late = runs - runs_when_due;
    CHECK(coop_scope_wait(&one) == 0);
    return late;
}

static long descriptor_late(int fds[2])
{
    const struct coop_attr first = {.priority = COOP_PRIORITY_FIRST};
    struct coop_scope one;

    coop_scope_init(&one, "one", 0);
    CHECK(coop_go_with(&one, &first, reader, fds) == 0);
    CHECK(coop_sleep_until(in_ms(1)) == 0);
    runs_when_due = runs;
    CHECK(write(fds[1], "x", 1) == 1);
    return coop_scope_wait(&one);
}

/* Timers are looked at every TIMERS_EVERY picks and descriptors every POLL_EVERY, however busy
 * the processor is; who was woken then waits for those before it, or for the global queue. */
static int serve_all(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;
    coop_nsec limit = soon();
    int fds[2];

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    start_yielders(&scope, YIELDERS);
    for (int timers = 0, descriptors = 0; timers < 20 || descriptors < 20;) {
        long before = lost_cpu(), late = timer_late();

        CHECK(coop_now() < limit);
        if (lost_cpu() == before) {
            CHECK(late <= TIMERS_EVERY + GLOBAL_EVERY + 2 * YIELDERS);
            timers++;
        }
        before = lost_cpu();
        late = descriptor_late(fds);
        if (lost_cpu() == before) {
            CHECK(late >= 0 && late <= POLL_EVERY + GLOBAL_EVERY + 2 * YIELDERS);
            descriptors++;
        }
    }
    stop = 1;
    CHECK(coop_scope_wait(&scope) == 0);
    coop_fd_close(fds[0]);
    close(fds[1]);
    return 0;
}

Test(policy, timers_and_descriptors_are_served_after_so_many_runs_by_default, .timeout = 50)
{
    cr_assert_eq(run_under(COOP_POLICY_DEFAULT, serve_all, NULL), 0);
}

static int serve_all_beside_urgent(__attribute__((unused)) void *arg)
{
    struct coop_attr attr = {.name = "urgent", .flags = COOP_URGENT};
    struct coop_scope scope;
    struct coop_sem sem;

    coop_sem_init(&sem, 0);
    coop_scope_init(&scope, "urgent", 0);
    CHECK(coop_go_with(&scope, &attr, be_urgent, &sem) == 0);
    urgent = &sem;
    CHECK(serve_all(NULL) == 0);
    urgent = NULL;
    coop_sem_release(&sem, 1);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

/* Every second pick is an urgent one: what is due must not depend on which number it has. */
Test(policy, timers_and_descriptors_are_served_between_urgent_ones, .timeout = 50)
{
    cr_assert_eq(run_under(COOP_POLICY_DEFAULT, serve_all_beside_urgent, NULL), 0);
}

/* Who has used up his slice waits for a round: on a slow machine that may be us, unless we come
 * first. */
static int serve_all_first(__attribute__((unused)) void *arg)
{
    struct coop_attr attr = {.priority = COOP_PRIORITY_FIRST};

    return coop_go_with(NULL, &attr, serve_all, NULL);
}

Test(policy, timers_and_descriptors_are_served_after_so_many_runs_by_priority, .timeout = 50)
{
    cr_assert_eq(run_under(COOP_POLICY_PRIORITY, serve_all_first, NULL), 0);
}

/* ---- priorities ---- */

static void compute(coop_nsec delay)
{
    coop_nsec end = coop_after(coop_now(), delay);

    while (coop_now() < end)
        ;
}

static int order[64], ran;

static int note(void *arg)
{
    order[ran++] = (int)(intptr_t)arg;
    return 0;
}

CORO_TEST_WITH(policy, the_best_priority_runs_first_and_equals_in_their_order, .procs = 1,
               .policy = COOP_POLICY_PRIORITY)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "all", 0);
    compute(100 * COOP_NSEC_PER_MSEC); /* nobody waits meanwhile: that is no long round */
    for (int i = 0; i < 40; i++) {
        struct coop_attr attr = {.priority = COOP_PRIORITY_FIRST + (i * 7) % 40};

        CHECK(coop_go_with(&scope, &attr, note, (void *)(intptr_t)attr.priority) == 0);
    }
    CHECK(coop_scope_wait(&scope) == 0 && ran == 40);
    for (int i = 0; i < 40; i++)
        CHECK(order[i] == COOP_PRIORITY_FIRST + i);
    ran = 0;
    coop_scope_init(&scope, "equals", 0);
    for (int i = 0; i < 10; i++)
        CHECK(coop_go(&scope, note, (void *)(intptr_t)i) == 0);
    CHECK(coop_scope_wait(&scope) == 0 && ran == 10);
    for (int i = 0; i < 8; i++) /* the one in the slot comes first, the others in turn */
        CHECK(order[i + 1] < order[i + 2]);
    return 0;
}

/* ---- slices ---- */

struct hog {
    coop_nsec piece;
    long pieces;
};

static int hog(void *arg)
{
    struct hog *h = arg;

    while (!stop) {
        compute(h->piece);
        h->pieces++;
        coop_yield();
    }
    return 0;
}

CORO_TEST_WITH(policy, the_last_gets_its_turn_and_the_first_gets_more, .procs = 1,
               .policy = COOP_POLICY_PRIORITY)
{
    struct hog first = {.piece = 50000}, last = {.piece = 50000};
    struct coop_attr priority = {.priority = COOP_PRIORITY_FIRST};
    struct coop_scope scope;
    coop_nsec deadline = soon();

    coop_scope_init(&scope, "hogs", 0);
    CHECK(coop_go_with(&scope, &priority, hog, &first) == 0);
    priority.priority = COOP_PRIORITY_LAST;
    CHECK(coop_go_with(&scope, &priority, hog, &last) == 0);
    while (last.pieces < 50) {
        CHECK(coop_now() < deadline);
        CHECK(coop_yield() == 0);
    }
    stop = 1;
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(first.pieces > 10 * last.pieces);
    return 0;
}

static int respawn_first(void *arg)
{
    const struct coop_attr first = {.priority = COOP_PRIORITY_FIRST};

    return stop ? 0 : coop_go_with(NULL, &first, respawn_first, arg);
}

CORO_TEST_WITH(policy, newcomers_of_the_best_priority_do_not_starve_the_last, .procs = 1,
               .policy = COOP_POLICY_PRIORITY)
{
    struct coop_attr priority = {.priority = COOP_PRIORITY_LAST};
    struct hog last = {.piece = 1000};
    struct coop_scope scope;
    coop_nsec deadline = soon();

    coop_scope_init(&scope, "newcomers", 0);
    CHECK(coop_go_with(&scope, &priority, hog, &last) == 0);
    CHECK(coop_go(&scope, respawn_first, NULL) == 0);
    while (last.pieces < 3) {
        CHECK(coop_now() < deadline);
        CHECK(coop_yield() == 0);
    }
    stop = 1;
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

/* ---- the bonus ---- */

enum { HOGS = 60, NAPS = 20 };
static coop_nsec nap_end;
static long runs_after_nap;

static int counting_hog(__attribute__((unused)) void *arg)
{
    while (!stop) {
        compute(30000);
        runs_after_nap += nap_end && coop_now() > nap_end;
        coop_yield();
    }
    return 0;
}

static int nap_among_hogs(void *arg)
{
    struct coop_scope scope;
    long *ret_late = arg;

    stop = 0;
    coop_scope_init(&scope, "hogs", 0);
    for (int i = 0; i < HOGS; i++)
        CHECK(coop_go(&scope, counting_hog, NULL) == 0);
    for (int i = 0; i < NAPS; i++) {
        nap_end = in_ms(8);
        runs_after_nap = 0;
        CHECK(coop_sleep_until(nap_end) == 0);
        /* The first naps earn the bonus. */
        *ret_late += i < NAPS / 2 ? 0 : runs_after_nap;
        nap_end = 0;
    }
    stop = 1;
    return coop_scope_wait(&scope);
}

Test(policy, who_sleeps_much_runs_before_those_who_compute, .timeout = 50)
{
    long by_default = 0, by_priority = 0;

    cr_assert_eq(run_under(COOP_POLICY_DEFAULT, nap_among_hogs, &by_default), 0);
    cr_assert_eq(run_under(COOP_POLICY_PRIORITY, nap_among_hogs, &by_priority), 0);
    cr_assert_leq(by_priority, 2 * (NAPS / 2)); /* the hog that ran, and one more at most */
    cr_assert_gt(by_default, HOGS * (NAPS / 2) / 2);
}

/* ---- called, and called again ---- */

enum { CALLS = 40 };
static long late_calls;

static int answer(void *arg)
{
    int call;

    while (coop_recv(arg, &call, COOP_FOREVER) == 1) {
        late_calls += call < CALLS / 2 ? 0 : runs_after_nap; /* the first earn the bonus */
        nap_end = 0;
    }
    return 0;
}

static int call_among_hogs(__attribute__((unused)) void *arg)
{
    struct coop_chan *calls = coop_chan_new(sizeof(int), 1);
    struct coop_scope scope;

    stop = 0;
    coop_scope_init(&scope, "hogs", 0);
    CHECK(coop_go(&scope, answer, calls) == 0);
    for (int i = 0; i < HOGS; i++)
        CHECK(coop_go(&scope, counting_hog, NULL) == 0);
    for (int i = 0; i < CALLS; i++) {
        runs_after_nap = 0;
        nap_end = coop_now();
        CHECK(coop_send(calls, &i, COOP_FOREVER) == 0);
        CHECK(coop_yield() == 0);
    }
    stop = 1;
    coop_close(calls);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(calls);
    return 0;
}

Test(policy, who_is_called_again_and_again_runs_before_those_who_compute, .timeout = 50)
{
    cr_assert_eq(run_under(COOP_POLICY_PRIORITY, call_among_hogs, NULL), 0);
    cr_assert_leq(late_calls, CALLS / 2);
}
