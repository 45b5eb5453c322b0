/* Select: points 31 to 52. */
#include "rt_test.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

CORO_TEST_ON_ONE(select, one_ready_case_is_taken)
{
    struct coop_chan *a = coop_chan_new(sizeof(int), 1), *b = coop_chan_new(sizeof(int), 1);
    int x = 0, y = 5;
    struct coop_case cases[] = {COOP_RECV(a, &x), COOP_RECV(b, &x)};

    coop_send(b, &y, COOP_NOW);
    CHECK(coop_select(cases, 2, COOP_FOREVER) == 1 && cases[1].result == 1 && x == 5);
    CHECK(coop_select(cases, 2, COOP_NOW) == -EAGAIN);
    coop_chan_unref(a);
    coop_chan_unref(b);
    return 0;
}

CORO_TEST_ON_ONE(select, ready_cases_are_drawn_fairly)
{
    enum { WAYS = 4, TRIES = 100000 };
    struct coop_chan *ch[WAYS];
    struct coop_case cases[WAYS];
    int hits[WAYS] = {0}, x = 0;

    for (int i = 0; i < WAYS; i++) {
        ch[i] = coop_chan_new(sizeof(int), 1);
        coop_send(ch[i], &x, COOP_NOW);
        cases[i] = COOP_RECV(ch[i], &x);
    }
    for (int n = 0; n < TRIES; n++) {
        int i = coop_select(cases, WAYS, COOP_FOREVER);

        CHECK(i >= 0);
        hits[i]++;
        coop_send(ch[i], &x, COOP_NOW);
    }
    for (int i = 0; i < WAYS; i++) {
        CHECK(hits[i] > TRIES / WAYS * 8 / 10 && hits[i] < TRIES / WAYS * 12 / 10);
        coop_chan_unref(ch[i]);
    }
    return 0;
}

/* Of ten, these are ready; each must be drawn as often as the others, wherever they stand. */
static void draws_fairly(const int *ready, int count)
{
    enum { WAYS = 10, TRIES = 20000 };
    struct coop_chan *ch[WAYS];
    struct coop_case cases[WAYS];
    int hits[WAYS] = {0}, x = 0;

    for (int i = 0; i < WAYS; i++) {
        ch[i] = coop_chan_new(sizeof(int), 1);
        cases[i] = COOP_RECV(ch[i], &x);
    }
    for (int k = 0; k < count; k++)
        coop_send(ch[ready[k]], &x, COOP_NOW);
    for (int n = 0; n < TRIES; n++) {
        int i = coop_select(cases, WAYS, n % 2 ? COOP_FOREVER : COOP_NOW);

        CHECK(i >= 0);
        hits[i]++;
        coop_send(ch[i], &x, COOP_NOW);
    }
    for (int k = 0; k < count; k++)
        CHECK(hits[ready[k]] > TRIES / count * 8 / 10 &&
              hits[ready[k]] < TRIES / count * 12 / 10);
    for (int i = 0; i < WAYS; i++)
        coop_chan_unref(ch[i]);
}

static void draw_neighbours(void)
{
    draws_fairly((const int[]){0, 1}, 2);
    draws_fairly((const int[]){9, 0, 1}, 3);
    draws_fairly((const int[]){2, 3, 4, 8}, 4);
}

CORO_TEST_ON_ONE(select, neighbours_that_are_ready_are_drawn_fairly)
{
    draw_neighbours();
    return 0;
}

static void *draw_in_thread(void *arg)
{
    draw_neighbours();
    return arg;
}

CORO_TEST_ON_ONE(select, a_foreign_thread_draws_fairly_too)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, draw_in_thread, NULL) == 0);
    coop_block_begin();
    pthread_join(thread, NULL);
    coop_block_end();
    return 0;
}

CORO_TEST_ON_ONE(select, timeout_fires_not_before_the_deadline)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    coop_nsec deadline = in_ms(5);
    int x;
    struct coop_case cases[] = {COOP_RECV(ch, &x), COOP_RECV(NULL, &x)};

    CHECK(coop_select(cases, 2, deadline) == -ETIMEDOUT && coop_now() >= deadline);
    CHECK(coop_select(cases, 2, 1) == -ETIMEDOUT); /* long past: a poll, more or less */
    CHECK(coop_recv(ch, &x, COOP_NOW) == -EAGAIN);
    CHECK(coop_send(ch, &x, COOP_NOW) == -EAGAIN); /* no stale waiter of ours */
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(select, a_timer_case_fires_like_any_other)
{
    int x;
    struct coop_case cases[] = {COOP_RECV(NULL, &x), COOP_TIMER(in_ms(3)),
                                COOP_TIMER(in_ms(100000))};

    CHECK(coop_select(cases, 3, COOP_FOREVER) == 1);
    CHECK(coop_now() >= cases[1].when);
    return 0;
}

static coop_nsec patience;

static int echo_select(void *arg)
{
    struct coop_chan *ch = arg;
    int in = 0, out = 1;
    struct coop_case cases[] = {COOP_RECV(ch, &in), COOP_SEND(ch, &out)};

    /* Both ends of one channel: it must not meet itself. */
    return coop_select(cases, 2, patience) == -ETIMEDOUT ? 0 : 1;
}

CORO_TEST_ON_ONE(select, both_ends_of_one_channel_do_not_meet)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    struct coop_scope scope;

    patience = in_ms(20);
    coop_scope_init(&scope, "self", 0);
    coop_go(&scope, echo_select, ch);
    CHECK(coop_scope_wait(&scope) == 0);
    patience = soon(); /* two of them do */
    coop_scope_init(&scope, "pair", 0);
    coop_go(&scope, echo_select, ch);
    coop_go(&scope, echo_select, ch);
    CHECK(coop_scope_wait(&scope) == 1);
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(select, the_same_channel_may_stand_in_several_cases)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 1);
    int a = 0, b = 0, out = 7;
    struct coop_case twice[] = {COOP_RECV(ch, &a), COOP_RECV(ch, &b)};
    struct coop_case both[] = {COOP_RECV(ch, &a), COOP_SEND(ch, &out)};

    CHECK(coop_select(twice, 2, in_ms(2)) == -ETIMEDOUT);
    CHECK(coop_select(both, 2, COOP_FOREVER) == 1);
    CHECK(coop_select(both, 2, COOP_FOREVER) == 0 && a == 7);
    CHECK(coop_select(twice, 2, COOP_NOW) == -EAGAIN);
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(select, no_cases_waits_for_the_deadline)
{
    coop_nsec deadline = in_ms(3);

    CHECK(coop_select(NULL, 0, deadline) == -ETIMEDOUT && coop_now() >= deadline);
    CHECK(coop_select(NULL, COOP_SELECT_MAX + 1, COOP_NOW) == -EINVAL);
    return 0;
}

static void say_deadlock(void)
{
    _exit(42);
}

static int wait_for_no_case(__attribute__((unused)) void *arg)
{
    return coop_select(NULL, 0, COOP_FOREVER);
}

Test(select, no_cases_for_ever_is_a_deadlock, .exit_code = 42, .timeout = 50)
{
    struct coop_options o = {.procs = 2, .on_deadlock = say_deadlock};

    coop_main(&o, wait_for_no_case, NULL);
}

struct blocked {
    struct coop_chan *in, *out;
    int index, result;
};

static int select_both(void *arg)
{
    struct blocked *b = arg;
    int x = 0;
    struct coop_case cases[] = {COOP_RECV(b->in, &x), COOP_SEND(b->out, &x)};

    b->index = coop_select(cases, 2, COOP_FOREVER);
    if (b->index >= 0)
        b->result = cases[b->index].result;
    return 0;
}

CORO_TEST_ON_ONE(select, close_wakes_a_blocked_select)
{
    struct coop_chan *in = coop_chan_new(sizeof(int), 0), *out = coop_chan_new(sizeof(int), 0);
    struct blocked a = {in, NULL, -1, -1}, b = {NULL, out, -1, -1};

    coop_go(NULL, select_both, &a);
    coop_go(NULL, select_both, &b);
    settle();
    coop_close(in);
    coop_close(out);
    settle();
    CHECK(a.index == 0 && a.result == 0);
    CHECK(b.index == 1 && b.result == -EPIPE);
    coop_chan_unref(in);
    coop_chan_unref(out);
    return 0;
}

CORO_TEST_ON_ONE(select, losing_cases_leave_no_waiter_behind)
{
    struct coop_chan *a = coop_chan_new(sizeof(int), 0), *b = coop_chan_new(sizeof(int), 0);
    struct blocked w = {a, b, -1, -1};
    int x = 1;

    coop_go(NULL, select_both, &w);
    settle();
    CHECK(coop_send(a, &x, COOP_NOW) == 0);
    settle();
    CHECK(w.index == 0);
    CHECK(coop_send(a, &x, COOP_NOW) == -EAGAIN);
    CHECK(coop_recv(b, &x, COOP_NOW) == -EAGAIN);
    coop_chan_unref(a);
    coop_chan_unref(b);
    return 0;
}

static int select_both_and_sleep(void *arg)
{
    select_both(arg);
    CHECK(coop_sleep_until(COOP_FOREVER) == -ECANCELED);
    ((struct blocked *)arg)->in = NULL;
    return 0;
}

/* Who goes on to wait for something else is not found by those who come to the cases that lost. */
CORO_TEST_ON_ONE(select, who_lost_waits_elsewhere_and_is_not_found)
{
    struct coop_chan *a = coop_chan_new(sizeof(int), 0), *b = coop_chan_new(sizeof(int), 0);
    struct blocked twice = {a, a, -1, -1}, both = {a, b, -1, -1};
    struct blocked *const all[] = {&both, &twice};
    int x = 1;

    for (int i = 0; i < 2; i++) {
        struct coop_scope scope;

        coop_scope_init(&scope, "asleep", 0);
        coop_go(&scope, select_both_and_sleep, all[i]);
        settle();
        CHECK(coop_send(a, &x, COOP_NOW) == 0);
        settle();
        CHECK(all[i]->index == 0 && all[i]->in); /* it sleeps */
        CHECK(coop_recv(all[i]->out, &x, COOP_NOW) == -EAGAIN);
        CHECK(coop_send(a, &x, COOP_NOW) == -EAGAIN);
        CHECK(all[i]->in);
        coop_scope_cancel(&scope, 0);
        (void)coop_scope_wait(&scope);
        CHECK(!all[i]->in);
    }
    coop_chan_unref(a);
    coop_chan_unref(b);
    return 0;
}

static int select_ab(void *arg)
{
    struct coop_chan **ch = arg;
    int x = 0, y = 0;
    struct coop_case cases[] = {COOP_SEND(ch[0], &x), COOP_RECV(ch[1], &y)};

    for (int i = 0; i < 20000; i++)
        CHECK(coop_select(cases, 2, COOP_FOREVER) >= 0);
    return 0;
}

CORO_TEST(select, opposite_orders_never_lock_each_other_out)
{
    struct coop_chan *a = coop_chan_new(sizeof(int), 0), *b = coop_chan_new(sizeof(int), 0);
    struct coop_chan *ab[] = {a, b}, *ba[] = {b, a};
    struct coop_scope scope;

    coop_scope_init(&scope, "abba", 0);
    coop_go(&scope, select_ab, ab);
    coop_go(&scope, select_ab, ba);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(a);
    coop_chan_unref(b);
    return 0;
}

static int feed(void *arg)
{
    struct coop_chan **ch = arg;

    for (int i = 0; i < 30000; i++)
        CHECK(coop_send(ch[i % 2], &i, COOP_FOREVER) == 0);
    coop_close(ch[0]);
    coop_close(ch[1]);
    return 0;
}

CORO_TEST(select, exactly_one_case_happens_and_nothing_is_lost)
{
    struct coop_chan *ch[2] = {coop_chan_new(sizeof(int), 0), coop_chan_new(sizeof(int), 3)};
    int x, got = 0, open = 2;
    struct coop_case cases[] = {COOP_RECV(ch[0], &x), COOP_RECV(ch[1], &x)};

    coop_go(NULL, feed, ch);
    while (open) {
        int i = coop_select(cases, 2, soon());

        CHECK(i >= 0);
        if (cases[i].result == 1) {
            got++;
        } else {
            cases[i].ch = NULL;
            open--;
        }
    }
    CHECK(got == 30000);
    coop_chan_unref(ch[0]);
    coop_chan_unref(ch[1]);
    return 0;
}

CORO_TEST_ON_ONE(select, cancelled_while_waiting_consumes_nothing)
{
    struct coop_chan *a = coop_chan_new(sizeof(int), 1);
    struct blocked w = {a, NULL, -1, -1};
    struct coop_scope scope;
    int x = 3;

    coop_scope_init(&scope, "cancel", 0);
    coop_go(&scope, select_both, &w);
    settle();
    coop_scope_cancel(&scope, 0);
    coop_send(a, &x, COOP_NOW);
    coop_scope_wait(&scope);
    CHECK(w.index == -ECANCELED && coop_chan_len(a) == 1);
    coop_chan_unref(a);
    return 0;
}

CORO_TEST(select, waits_for_descriptors_children_channels_and_time_at_once)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    struct coop_child child;
    int fds[2], x, seen_child = 0, seen_fd = 0;
    pid_t pid;

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    coop_child_spawn_begin();
    pid = fork();
    if (pid == 0) {
        ssize_t n = write(fds[1], "x", 1);

        _exit(n == 1 ? 3 : 4);
    }
    CHECK(coop_child_watch(&child, pid, NULL, 0) == 0);
    coop_child_spawn_end();
    while (!seen_child || !seen_fd) {
        struct coop_case cases[] = {COOP_RECV(ch, &x), COOP_FD(fds[0], COOP_IN),
                                    COOP_CHILD(&child), COOP_TIMER(soon())};
        int i = coop_select(cases, seen_child ? 2 : 4, soon());

        CHECK(i == 1 || i == 2);
        seen_fd |= i == 1 && (cases[1].result & COOP_IN);
        seen_child |= i == 2;
    }
    CHECK(child.exit.code == CLD_EXITED && child.exit.status == 3);
    coop_fd_close(fds[0]);
    close(fds[1]);
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(select, one_case_is_the_plain_call_and_a_past_deadline_polls_once)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 1);
    int x = 4;
    struct coop_case send = COOP_SEND(ch, &x), recv = COOP_RECV(ch, &x);

    CHECK(coop_select(&send, 1, COOP_FOREVER) == 0 && send.result == 0);
    CHECK(coop_select(&send, 1, 1) == -ETIMEDOUT);
    x = 0;
    CHECK(coop_select(&recv, 1, 1) == 0 && recv.result == 1 && x == 4); /* past, but there */
    coop_close(ch);
    CHECK(coop_select(&recv, 1, COOP_FOREVER) == 0 && recv.result == 0);
    CHECK(coop_select(&send, 1, COOP_FOREVER) == 0 && send.result == -EPIPE);
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(select, a_null_channel_is_never_ready_and_macros_evaluate_once)
{
    struct coop_chan *ch[2] = {coop_chan_new(sizeof(int), 1), coop_chan_new(sizeof(int), 1)};
    int x[2] = {1, 2}, i = 0, k = 0;
    struct coop_case cases[4] = {COOP_RECV(NULL, &x[0]), COOP_SEND(NULL, &x[0])};

    cases[2] = COOP_SEND(ch[i++], &x[k++]);
    cases[3] = COOP_RECV(ch[i++], &x[k++]);
    CHECK(i == 2 && k == 2);
    for (int n = 0; n < 100; n++) {
        CHECK(coop_select(cases, 4, COOP_NOW) == 2);
        CHECK(coop_select(cases, 4, COOP_NOW) == -EAGAIN);
        CHECK(coop_recv(ch[0], &x[0], COOP_NOW) == 1);
    }
    coop_chan_unref(ch[0]);
    coop_chan_unref(ch[1]);
    return 0;
}

CORO_TEST_ON_ONE(select, a_million_of_them_cost_no_memory)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 1);
    size_t before = mallinfo2().uordblks;
    int x = 0;
    struct coop_case cases[] = {COOP_RECV(ch, &x), COOP_SEND(ch, &x), COOP_RECV(NULL, &x)};

    for (int i = 0; i < 1000000; i++)
        CHECK(coop_select(cases, 3, COOP_FOREVER) == (i % 2 ? 0 : 1));
    CHECK(mallinfo2().uordblks == before);
    coop_chan_unref(ch);
    return 0;
}

static int answer_each(void *arg)
{
    struct coop_chan **ch = arg;
    int x = 0;
    struct coop_case cases[] = {COOP_RECV(ch[0], &x), COOP_SEND(ch[2], &x)};

    while (coop_select(cases, 2, COOP_FOREVER) == 0 && cases[0].result == 1)
        CHECK(coop_send(ch[1], &x, COOP_FOREVER) == 0);
    return 0;
}

/* Each of them waits, at several channels, with a timer and a deadline. */
CORO_TEST_ON_ONE(select, those_that_wait_cost_no_memory)
{
    int rounds = emulated_less(100000), x = 0;
    struct coop_chan *ch[3];
    struct coop_scope scope;
    size_t before = 0;

    for (int i = 0; i < 3; i++)
        ch[i] = coop_chan_new(sizeof(int), 0);
    coop_scope_init(&scope, "answers", 0);
    CHECK(coop_go(&scope, answer_each, ch) == 0);
    for (int i = 0; i < rounds; i++) {
        struct coop_case cases[] = {COOP_RECV(ch[1], &x), COOP_RECV(ch[2], &x),
                                    COOP_TIMER(soon())};

        if (i == 1) /* what is made with the first one stays */
            before = mallinfo2().uordblks;
        coop_yield(); /* the other one waits again */
        CHECK(coop_send(ch[0], &i, COOP_FOREVER) == 0);
        CHECK(coop_select(cases, 3, soon() + 1) == 0 && x == i);
    }
    CHECK(mallinfo2().uordblks == before);
    coop_close(ch[0]);
    CHECK(coop_scope_wait(&scope) == 0);
    for (int i = 0; i < 3; i++)
        coop_chan_unref(ch[i]);
    return 0;
}

static struct coop_chan *early, *late, *verdicts;

static int must_find_one(__attribute__((unused)) void *arg)
{
    int x;
    struct coop_case cases[] = {COOP_RECV(early, &x), COOP_RECV(late, &x)};
    int found = coop_select(cases, 2, COOP_NOW) >= 0;

    return coop_send(verdicts, &found, COOP_FOREVER);
}

CORO_TEST(select, the_default_is_not_taken_when_something_was_ready_all_the_time)
{
    verdicts = coop_chan_new(sizeof(int), 0);
    for (int i = 0; i < 20000; i++) {
        int x = 1, found = 0;

        early = coop_chan_new(sizeof(int), 1);
        late = coop_chan_new(sizeof(int), 1);
        coop_send(early, &x, COOP_NOW);
        coop_go(NULL, must_find_one, NULL);
        if (i % 4 == 0)
            coop_yield();
        coop_send(late, &x, COOP_NOW);  /* from here on this one is ready... */
        coop_recv(early, &x, COOP_NOW); /* ...and that one perhaps no more */
        CHECK(coop_recv(verdicts, &found, COOP_FOREVER) == 1 && found);
        coop_chan_unref(early);
        coop_chan_unref(late);
    }
    coop_chan_unref(verdicts);
    return 0;
}

static struct coop_chan *there[2];
static _Atomic(bool) enough;
static _Atomic(int) carried;

/* What is there is now in the one, now in the other; never, for a moment, in none of them. */
static int carry_to_and_fro(__attribute__((unused)) void *arg)
{
    int x = 1;

    for (int to = 1; !atomic_load(&enough); to = !to) {
        coop_send(there[to], &x, COOP_NOW); /* or it is full */
        coop_recv(there[!to], &x, COOP_NOW);
        carried++;
    }
    return 0;
}

/* Both were seen empty, one after the other: that does not say that they were so at once. */
CORO_TEST(select, what_moves_while_it_is_looked_for_is_found)
{
    int rounds = emulated_less(300000), x = 1;
    coop_nsec deadline = soon();
    struct coop_case cases[] = {COOP_RECV(NULL, &x), COOP_RECV(NULL, &x)};
    struct coop_scope scope;

    for (int i = 0; i < 2; i++)
        cases[i].ch = there[i] = coop_chan_new(sizeof(int), 1);
    coop_send(there[0], &x, COOP_NOW);
    coop_scope_init(&scope, "carrier", 0);
    CHECK(coop_go(&scope, carry_to_and_fro, NULL) == 0);
    for (int i = 0; i < rounds || carried < rounds / 10; i++) {
        int at = coop_select(cases, 2, COOP_NOW);

        CHECK(at >= 0 && (i < rounds || coop_now() < deadline));
        coop_send(there[at], &x, COOP_NOW); /* back, unless it is full again */
    }
    atomic_store(&enough, true);
    CHECK(coop_scope_wait(&scope) == 0);
    for (int i = 0; i < 2; i++)
        coop_chan_unref(there[i]);
    return 0;
}

/* However it was asked, and whichever was taken: the others keep what they have. */
CORO_TEST_ON_ONE(select, of_those_that_are_ready_only_one_gives_and_only_one_takes)
{
    enum { ROUNDS = 300 };
    struct coop_chan *full[3], *empty[3];
    int x = 1;

    for (int i = 0; i < 3; i++) {
        full[i] = coop_chan_new(sizeof(int), ROUNDS);
        empty[i] = coop_chan_new(sizeof(int), ROUNDS);
        for (int k = 0; k < ROUNDS; k++)
            CHECK(coop_send(full[i], &x, COOP_NOW) == 0);
    }
    for (size_t round = 1, left = 3 * ROUNDS, sent = 0; round <= ROUNDS; round++) {
        struct coop_case cases[] = {COOP_RECV(full[0], &x), COOP_SEND(empty[0], &x),
                                    COOP_RECV(full[1], &x), COOP_SEND(empty[1], &x),
                                    COOP_RECV(full[2], &x), COOP_SEND(empty[2], &x)};
        int at = coop_select(cases, 6, round % 2 ? COOP_NOW : COOP_FOREVER);

        CHECK(at >= 0);
        left -= at % 2 == 0;
        sent += at % 2 == 1;
        CHECK(coop_chan_len(full[0]) + coop_chan_len(full[1]) + coop_chan_len(full[2]) == left);
        CHECK(coop_chan_len(empty[0]) + coop_chan_len(empty[1]) + coop_chan_len(empty[2]) ==
              sent);
    }
    for (int i = 0; i < 3; i++) {
        coop_chan_unref(full[i]);
        coop_chan_unref(empty[i]);
    }
    return 0;
}
