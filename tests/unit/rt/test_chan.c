/* Channels: schedulers.md's points 1 to 30, in sentences. */
#include "rt_test.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

struct pair {
    struct coop_chan *ch;
    int value, result, done;
};

static int send_one(void *arg)
{
    struct pair *p = arg;

    p->result = coop_send(p->ch, &p->value, COOP_FOREVER);
    p->done = 1;
    return 0;
}

static int recv_one(void *arg)
{
    struct pair *p = arg;

    p->result = coop_recv(p->ch, &p->value, COOP_FOREVER);
    p->done = 1;
    return 0;
}

CORO_TEST_ON_ONE(chan, unbuffered_send_completes_when_a_receiver_took_the_value)
{
    struct pair p = {.ch = coop_chan_new(sizeof(int), 0), .value = 7};
    int got = 0;

    coop_go(NULL, send_one, &p);
    settle();
    CHECK(!p.done);
    CHECK(coop_recv(p.ch, &got, COOP_FOREVER) == 1 && got == 7);
    settle();
    CHECK(p.done && p.result == 0);
    coop_chan_unref(p.ch);
    return 0;
}

CORO_TEST_ON_ONE(chan, send_with_room_does_not_wait_and_send_on_full_does)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 2);
    struct pair p = {.ch = ch, .value = 3};
    int v = 1;

    CHECK(coop_send(ch, &v, COOP_NOW) == 0);
    v = 2;
    CHECK(coop_send(ch, &v, COOP_NOW) == 0);
    CHECK(coop_send(ch, &v, COOP_NOW) == -EAGAIN);
    CHECK(coop_chan_len(ch) == 2 && coop_chan_cap(ch) == 2);
    coop_go(NULL, send_one, &p);
    settle();
    CHECK(!p.done);
    /* The waiting sender's value goes to the tail. */
    for (int i = 1; i <= 3; i++)
        CHECK(coop_recv(ch, &v, COOP_FOREVER) == 1 && v == i);
    settle();
    CHECK(p.done && coop_chan_len(ch) == 0);
    coop_chan_unref(ch);
    return 0;
}

static int append_received(void *arg)
{
    struct pair *p = arg;
    static int turn;

    if (coop_recv(p->ch, &p->value, COOP_FOREVER) == 1)
        p->done = ++turn;
    return 0;
}

CORO_TEST_ON_ONE(chan, parked_receivers_are_served_first_come_first_served)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 4);
    struct pair p[5];

    for (int i = 0; i < 5; i++) {
        p[i] = (struct pair){.ch = ch};
        coop_go(NULL, append_received, &p[i]);
        settle();
    }
    for (int i = 0; i < 5; i++) {
        CHECK(coop_send(ch, &i, COOP_FOREVER) == 0);
        CHECK(coop_chan_len(ch) == 0); /* handed over directly, past the empty buffer */
    }
    settle();
    for (int i = 0; i < 5; i++)
        CHECK(p[i].value == i);
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(chan, parked_senders_are_served_first_come_first_served)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    struct pair p[5];
    int v;

    for (int i = 0; i < 5; i++) {
        p[i] = (struct pair){.ch = ch, .value = i};
        coop_go(NULL, send_one, &p[i]);
        settle();
    }
    for (int i = 0; i < 5; i++)
        CHECK(coop_recv(ch, &v, COOP_FOREVER) == 1 && v == i);
    settle();
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(chan, close_delivers_what_was_queued_then_zeroes)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 4);
    int v;

    for (v = 1; v <= 3; v++)
        coop_send(ch, &v, COOP_NOW);
    CHECK(coop_close(ch) == 0);
    CHECK(coop_chan_len(ch) == 3 && coop_chan_cap(ch) == 4);
    for (int i = 1; i <= 3; i++)
        CHECK(coop_recv(ch, &v, COOP_FOREVER) == 1 && v == i);
    for (int i = 0; i < 3; i++) {
        v = 99;
        CHECK(coop_recv(ch, &v, i ? COOP_FOREVER : COOP_NOW) == 0 && v == 0);
    }
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(chan, close_wakes_all_receivers_and_all_senders)
{
    struct coop_chan *in = coop_chan_new(sizeof(int), 0), *out = coop_chan_new(sizeof(int), 0);
    struct pair r[10], s[10];

    for (int i = 0; i < 10; i++) {
        r[i] = (struct pair){.ch = in, .value = 5, .result = -1};
        s[i] = (struct pair){.ch = out, .result = -1};
        coop_go(NULL, recv_one, &r[i]);
        coop_go(NULL, send_one, &s[i]);
    }
    settle();
    CHECK(coop_close(in) == 0 && coop_close(out) == 0);
    settle();
    for (int i = 0; i < 10; i++) {
        CHECK(r[i].done && r[i].result == 0 && r[i].value == 0);
        CHECK(s[i].done && s[i].result == -EPIPE);
    }
    coop_chan_unref(in);
    coop_chan_unref(out);
    return 0;
}

CORO_TEST_ON_ONE(chan, send_on_closed_and_second_close_are_told)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 1);
    int v = 0;

    CHECK(coop_close(ch) == 0);
    CHECK(coop_close(ch) == -EPIPE);
    CHECK(coop_send(ch, &v, COOP_FOREVER) == -EPIPE);
    CHECK(coop_send(ch, &v, COOP_NOW) == -EPIPE);
    CHECK(coop_close(NULL) == -EINVAL);
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(chan, null_channel_waits_for_ever_but_can_be_cancelled)
{
    struct pair r = {.result = 1}, s = {.result = 1};
    struct coop_scope scope;
    int v;

    coop_scope_init(&scope, "null", 0);
    coop_go(&scope, recv_one, &r);
    coop_go(&scope, send_one, &s);
    settle();
    CHECK(!r.done && !s.done);
    CHECK(coop_scope_end(&scope) == -ECANCELED);
    CHECK(r.result == -ECANCELED && s.result == -ECANCELED);
    CHECK(coop_recv(NULL, &v, in_ms(5)) == -ETIMEDOUT);
    CHECK(coop_recv(NULL, &v, COOP_NOW) == -EAGAIN);
    return 0;
}

CORO_TEST_ON_ONE(chan, elements_of_size_zero_are_counted)
{
    struct coop_chan *ch = coop_chan_new(0, 3);

    for (int i = 0; i < 3; i++)
        CHECK(coop_send(ch, NULL, COOP_NOW) == 0);
    CHECK(coop_send(ch, NULL, COOP_NOW) == -EAGAIN);
    for (int i = 0; i < 3; i++)
        CHECK(coop_recv(ch, NULL, COOP_NOW) == 1);
    CHECK(coop_recv(ch, NULL, COOP_NOW) == -EAGAIN);
    coop_chan_unref(ch);
    return 0;
}

Test(chan, elements_above_the_limit_are_refused)
{
    struct coop_chan *ch = coop_chan_new(64 * 1024, 1);

    cr_assert_not_null(ch);
    coop_chan_unref(ch);
    cr_assert_null(coop_chan_new(64 * 1024 + 1, 1));
    cr_assert_null(coop_chan_new(1024, SIZE_MAX / 512));
}

CORO_TEST_ON_ONE(chan, structs_are_copied_by_value)
{
    struct big {
        char text[300];
    } b, before, got = {{0}};
    struct coop_chan *ch = coop_chan_new(sizeof b, 1);

    for (size_t i = 0; i < sizeof b.text; i++)
        b.text[i] = (char)(i % 127 + 1);
    before = b;
    coop_send(ch, &b, COOP_NOW);
    memset(&b, 0, sizeof b);
    CHECK(coop_recv(ch, &got, COOP_NOW) == 1 && memcmp(&got, &before, sizeof got) == 0);
    coop_chan_unref(ch);
    return 0;
}

CORO_TEST_ON_ONE(chan, a_poll_meets_only_a_parked_partner)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    struct pair p = {.ch = ch};
    int v = 9;

    CHECK(coop_send(ch, &v, COOP_NOW) == -EAGAIN);
    CHECK(coop_recv(ch, &v, COOP_NOW) == -EAGAIN);
    coop_go(NULL, recv_one, &p);
    settle();
    CHECK(coop_send(ch, &v, COOP_NOW) == 0);
    settle();
    CHECK(p.done && p.value == 9);
    coop_chan_unref(ch);
    return 0;
}

static int keep_one_inside(void *arg)
{
    struct coop_chan *ch = arg;

    for (int i = 0; i < 20000; i++)
        CHECK(coop_send(ch, &i, COOP_FOREVER) == 0);
    return 0;
}

CORO_TEST(chan, a_poll_does_not_miss_a_value_that_is_there)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 1);
    int v;

    for (int i = 0; i < 20000; i++) {
        CHECK(coop_send(ch, &i, COOP_NOW) == 0);
        CHECK(coop_recv(ch, &v, COOP_NOW) == 1 && v == i);
    }
    coop_go(NULL, keep_one_inside, ch);
    for (int i = 0; i < 20000; i++)
        CHECK(coop_recv(ch, &v, COOP_FOREVER) == 1 && v == i);
    coop_chan_unref(ch);
    return 0;
}

static int taken_each;

static int take_what_is_there(void *arg)
{
    char v;

    for (int i = 0; i < taken_each; i++)
        CHECK(coop_recv(arg, &v, COOP_NOW) == 1);
    return 0;
}

/* Nor because somebody else is at it in this moment. */
CORO_TEST(chan, a_poll_does_not_miss_what_is_there_for_two)
{
    struct coop_chan *ch;
    struct coop_scope scope;
    char v = 1;

    taken_each = emulated_less(500000);
    ch = coop_chan_new(sizeof v, (size_t)taken_each * 2);
    for (int i = 0; i < 2 * taken_each; i++)
        CHECK(coop_send(ch, &v, COOP_NOW) == 0);
    coop_scope_init(&scope, "pollers", 0);
    coop_go(&scope, take_what_is_there, ch);
    coop_go(&scope, take_what_is_there, ch);
    CHECK(coop_scope_wait(&scope) == 0 && coop_chan_len(ch) == 0);
    coop_chan_unref(ch);
    return 0;
}

static int send_a_hundred(void *arg)
{
    for (int i = 0; i < 100; i++)
        CHECK(coop_send(arg, &i, COOP_FOREVER) == 0);
    return 0;
}

CORO_TEST_ON_ONE(chan, values_of_one_sender_come_in_the_order_sent)
{
    for (size_t capacity = 0; capacity <= 16; capacity += 4) {
        struct coop_chan *ch = coop_chan_new(sizeof(int), capacity);
        int v;

        coop_go(NULL, send_a_hundred, ch);
        for (int i = 0; i < 100; i++) {
            if (i % 7 == 0)
                settle(); /* it is full, and the sender waits */
            CHECK(coop_recv(ch, &v, COOP_FOREVER) == 1 && v == i);
        }
        coop_chan_unref(ch);
    }
    return 0;
}

CORO_TEST_ON_ONE(chan, deadline_passes_and_leaves_no_waiter)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    coop_nsec deadline = in_ms(5);
    int v = 1;

    CHECK(coop_recv(ch, &v, deadline) == -ETIMEDOUT && coop_now() >= deadline);
    CHECK(coop_send(ch, &v, in_ms(1)) == -ETIMEDOUT);
    CHECK(coop_recv(ch, &v, COOP_NOW) == -EAGAIN);
    CHECK(coop_send(ch, &v, COOP_NOW) == -EAGAIN);
    coop_chan_unref(ch);
    return 0;
}

enum { CROWD = 8, EACH = 5000 };

struct crowd {
    struct coop_chan *ch;
    long sum;
    int numbered;
    struct coop_wg senders;
};

struct numbered {
    int who, n;
};

static int crowd_send(void *arg)
{
    struct crowd *c = arg;
    struct numbered v = {__atomic_fetch_add(&c->numbered, 1, __ATOMIC_RELAXED), 0};

    for (v.n = 1; v.n <= EACH; v.n++)
        CHECK(coop_send(c->ch, &v, COOP_FOREVER) == 0);
    coop_wg_done(&c->senders);
    return 0;
}

static int crowd_recv(void *arg)
{
    struct crowd *c = arg;
    int last[CROWD] = {0};
    struct numbered v;

    while (coop_recv(c->ch, &v, COOP_FOREVER) == 1) {
        CHECK(v.n > last[v.who]); /* what one sender sent stays in order */
        last[v.who] = v.n;
        __atomic_fetch_add(&c->sum, v.n, __ATOMIC_RELAXED);
    }
    return 0;
}

CORO_TEST(chan, many_producers_and_consumers_lose_nothing)
{
    for (size_t cap = 0; cap <= 16; cap += 16) {
        struct crowd c = {.ch = coop_chan_new(sizeof(struct numbered), cap)};
        struct coop_scope scope;

        coop_wg_add(&c.senders, CROWD);
        coop_scope_init(&scope, "crowd", 0);
        for (int i = 0; i < CROWD; i++)
            coop_go(&scope, crowd_recv, &c);
        for (int i = 0; i < CROWD; i++)
            coop_go(&scope, crowd_send, &c);
        coop_wg_wait(&c.senders);
        coop_close(c.ch);
        CHECK(coop_scope_wait(&scope) == 0);
        CHECK(c.sum == (long)CROWD * EACH * (EACH + 1) / 2);
        coop_chan_unref(c.ch);
    }
    return 0;
}

struct sieve {
    struct coop_chan *in, *out;
    int prime;
};

static int numbers(void *arg)
{
    for (int i = 2; coop_send(arg, &i, COOP_FOREVER) == 0; i++)
        ;
    return 0;
}

static int filter(void *arg)
{
    struct sieve *s = arg;
    int n;

    while (coop_recv(s->in, &n, COOP_FOREVER) == 1)
        if (n % s->prime && coop_send(s->out, &n, COOP_FOREVER) < 0)
            break;
    return 0;
}

CORO_TEST(chan, a_prime_sieve_of_coroutines_ends_and_is_torn_down)
{
    enum { PRIMES = 300 };
    static struct sieve stages[PRIMES];
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    struct coop_scope scope;
    int prime = 0;

    coop_scope_init(&scope, "sieve", 0);
    coop_go(&scope, numbers, ch);
    for (int i = 0; i < PRIMES; i++) {
        CHECK(coop_recv(ch, &prime, COOP_FOREVER) == 1);
        stages[i] = (struct sieve){ch, coop_chan_new(sizeof(int), 0), prime};
        coop_go(&scope, filter, &stages[i]);
        ch = stages[i].out;
    }
    CHECK(prime == 1987);
    coop_scope_end(&scope);
    for (int i = 0; i < PRIMES; i++)
        coop_chan_unref(stages[i].in);
    coop_chan_unref(ch);
    return 0;
}

static int relay(void *arg)
{
    struct sieve *s = arg;
    int n;

    while (coop_recv(s->in, &n, COOP_FOREVER) == 1)
        if (coop_send(s->out, &n, COOP_FOREVER) < 0)
            break;
    return coop_close(s->out);
}

/* The end at the one end comes out at the other, behind all that went before it. */
CORO_TEST(chan, a_pipeline_of_thousands_ends_when_its_source_does)
{
    enum { STAGES = 3000, VALUES = 20 };
    static struct sieve stages[STAGES];
    int count = emulated_less(STAGES), n = -1;
    struct coop_chan *first = coop_chan_new(sizeof(int), VALUES), *ch = first;
    struct coop_scope scope;

    coop_scope_init(&scope, "pipeline", 0);
    for (int i = 0; i < count; i++) {
        stages[i] = (struct sieve){.in = ch, .out = coop_chan_new(sizeof(int), 0)};
        CHECK(coop_go(&scope, relay, &stages[i]) == 0);
        ch = stages[i].out;
    }
    for (int i = 0; i < VALUES; i++)
        CHECK(coop_send(first, &i, COOP_FOREVER) == 0);
    CHECK(coop_close(first) == 0);
    for (int i = 0; i < VALUES; i++)
        CHECK(coop_recv(ch, &n, soon()) == 1 && n == i);
    CHECK(coop_recv(ch, &n, soon()) == 0);
    CHECK(coop_scope_wait(&scope) == 0);
    for (int i = 0; i < count; i++)
        coop_chan_unref(stages[i].in);
    coop_chan_unref(ch);
    return 0;
}

static void *foreign_send(void *arg)
{
    int v = 42, r;

    while ((r = coop_send(arg, &v, COOP_NOW)) == -EAGAIN)
        ;
    return r == 0 ? arg : NULL;
}

CORO_TEST_WITH(chan, a_foreign_thread_can_poll_send, .procs = 2, .foreign_wakes = true)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    pthread_t thread;
    void *result;
    int v = 0;

    CHECK(pthread_create(&thread, NULL, foreign_send, ch) == 0);
    CHECK(coop_recv(ch, &v, soon()) == 1 && v == 42);
    coop_block_begin();
    pthread_join(thread, &result);
    coop_block_end();
    CHECK(result != NULL);
    coop_chan_unref(ch);
    return 0;
}

static int free_under_waiter(__attribute__((unused)) void *arg)
{
    struct pair p = {.ch = coop_chan_new(sizeof(int), 0)};

    coop_go(NULL, recv_one, &p);
    settle();
    coop_chan_unref(p.ch);
    _exit(0); /* or the report of the deadlock would abort */
}

Test(chan, freeing_it_under_a_waiter_aborts, .signal = SIGABRT, .timeout = 20)
{
    struct coop_options o = {.procs = 1};

    coop_main(&o, free_under_waiter, NULL);
}

CORO_TEST_ON_ONE(chan, a_million_sends_cost_no_memory)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 8);
    size_t before = mallinfo2().uordblks;
    int v;

    for (int i = 0; i < 1000000; i++) {
        CHECK(coop_send(ch, &i, COOP_FOREVER) == 0);
        CHECK(coop_recv(ch, &v, COOP_FOREVER) == 1 && v == i);
    }
    CHECK(mallinfo2().uordblks == before);
    coop_chan_unref(ch);
    return 0;
}

static int count_up(void *arg)
{
    for (int i = 0; i < 20000; i++)
        CHECK(coop_send(arg, &i, COOP_FOREVER) == 0);
    return 0;
}

CORO_TEST(chan, a_value_that_comes_together_with_the_timeout_is_not_lost)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    int next = 0, v;

    coop_go(NULL, count_up, ch);
    while (next < 20000) {
        int r = coop_recv(ch, &v, coop_after(coop_now(), next % 3 * 300));

        CHECK(r == 1 || r == -ETIMEDOUT);
        if (r == 1)
            CHECK(v == next++);
    }
    coop_chan_unref(ch);
    return 0;
}
