/* Actors: mailboxes, descriptors, what they cost at rest. */
#include "rt_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct box {
    struct coop_actor actor;
    int handled, inside, most, last;
};

struct letter {
    struct coop_msg msg;
    int number;
};

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    struct box *b = actor->arg;

    if (++b->inside > b->most)
        b->most = b->inside;
    if (msg->kind == 1)
        coop_yield();
    b->last = msg->kind;
    b->inside--;
    __atomic_fetch_add(&b->handled, 1, __ATOMIC_RELEASE);
}

static int in_order = 1, next_number;

static void check_order(struct coop_actor *actor, struct coop_msg *msg)
{
    struct letter *l = (struct letter *)msg;

    in_order = in_order && l->number == next_number;
    __atomic_fetch_add(&next_number, 1, __ATOMIC_RELEASE);
    (void)actor;
}

CORO_TEST(actor, messages_are_handled_in_order_and_one_at_a_time)
{
    static struct letter letters[1000];
    struct box b = {0};
    struct coop_msg ones[10];
    struct coop_actor ordered;

    coop_actor_init(&ordered, "ordered", check_order, NULL);
    for (int i = 0; i < 1000; i++) {
        letters[i].number = i;
        coop_post(&ordered, &letters[i].msg);
        if (i % 100 == 0)
            coop_yield();
    }
    await(&next_number, 1000);
    CHECK(in_order);
    coop_actor_init(&b.actor, "box", handle, &b);
    for (int i = 0; i < 10; i++) {
        coop_msg_init(&ones[i], 1);
        coop_post(&b.actor, &ones[i]);
    }
    await(&b.handled, 10);
    CHECK(b.most == 1);
    return 0;
}

CORO_TEST_ON_ONE(actor, a_message_posted_twice_is_handled_once)
{
    struct coop_msg m = {0};
    struct box b = {0};

    coop_actor_init(&b.actor, "box", handle, &b);
    coop_post(&b.actor, &m);
    coop_post(&b.actor, &m);
    settle();
    CHECK(b.handled == 1);
    coop_post(&b.actor, &m);
    settle();
    CHECK(b.handled == 2);
    return 0;
}

CORO_TEST_ON_ONE(actor, a_recalled_message_is_not_handled)
{
    struct coop_msg m = {0}, n;
    struct box b = {0};

    coop_msg_init(&n, 2);
    coop_actor_init(&b.actor, "box", handle, &b);
    coop_post(&b.actor, &m);
    coop_post(&b.actor, &n);
    CHECK(coop_recall(&m) && !coop_recall(&m));
    settle();
    CHECK(b.handled == 1 && b.last == 2 && !coop_recall(&n));
    coop_post(&b.actor, &m); /* and it can be used again */
    settle();
    CHECK(b.handled == 2);
    return 0;
}

CORO_TEST_ON_ONE(actor, at_rest_it_has_no_coroutine)
{
    static struct box boxes[1000];
    static struct coop_msg msgs[1000];
    struct coop_stats s;

    for (int i = 0; i < 1000; i++) {
        coop_actor_init(&boxes[i].actor, "box", handle, &boxes[i]);
        coop_post(&boxes[i].actor, &msgs[i]);
    }
    coop_stats_get(&s);
    CHECK(s.coroutines == 1001);
    for (int i = 0; i < 1000; i++)
        await(&boxes[i].handled, 1);
    settle();
    coop_stats_get(&s);
    CHECK(s.coroutines == 1);
    return 0;
}

struct mortal {
    struct coop_actor actor;
    struct coop_timer timer;
    struct coop_msg msgs[3];
};

static int funerals;

static void free_itself(struct coop_actor *actor, __attribute__((unused)) struct coop_msg *msg)
{
    struct mortal *m = actor->arg;

    coop_timer_done(&m->timer);
    coop_actor_done(actor);
    free(m);
    funerals++;
}

CORO_TEST_ON_ONE(actor, it_can_free_itself_with_messages_waiting)
{
    for (int i = 0; i < 100; i++) {
        struct mortal *m = calloc(1, sizeof *m);

        coop_actor_init(&m->actor, "mortal", free_itself, m);
        coop_timer_init(&m->timer, &m->actor, 1);
        for (int k = 0; k < 3; k++)
            coop_post(&m->actor, &m->msgs[k]);
        coop_timer_set(&m->timer, i % 2 ? 1 : in_ms(1000));
        if (i % 2)
            coop_sleep_until(in_ms(1));
    }
    settle();
    CHECK(funerals == 100);
    return 0;
}

static void *post_many(void *arg)
{
    struct box *b = arg;
    static struct coop_msg msgs[4][5000];
    static int next;
    int mine = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);

    for (int i = 0; i < 5000; i++)
        coop_post(&b->actor, &msgs[mine][i]);
    return NULL;
}

CORO_TEST_WITH(actor, four_foreign_threads_post_and_nothing_is_lost, .procs = 2,
               .foreign_wakes = true)
{
    static struct box b; /* the last handler may still be on its way out when we return */
    pthread_t threads[4];

    coop_actor_init(&b.actor, "box", handle, &b);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, post_many, &b) == 0);
    await(&b.handled, 20000);
    coop_block_begin();
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    coop_block_end();
    await_rest(); /* the handler has counted the last one, but not left the box */
    CHECK(b.most == 1);
    return 0;
}

static struct coop_msg early;
static struct box early_box;

static int see_early(__attribute__((unused)) void *arg)
{
    await(&early_box.handled, 1);
    return 0;
}

Test(actor, a_message_from_before_the_start_is_handled, .timeout = 20)
{
    coop_actor_init(&early_box.actor, "early", handle, &early_box);
    coop_post(&early_box.actor, &early);
    cr_assert_eq(coop_main(NULL, see_early, NULL), 0);
}

/* ---- descriptors ---- */

struct reader {
    struct coop_actor actor;
    struct coop_fdwatch watch;
    int bytes;
    int hup, calls;
};

static void drain(struct coop_actor *actor, struct coop_msg *msg)
{
    struct reader *r = actor->arg;
    unsigned events = coop_fdwatch_take(&r->watch);
    char buf[4096];
    ssize_t n;

    (void)msg;
    while ((n = coop_read(r->watch.fd, buf, sizeof buf, COOP_NOW)) > 0)
        r->bytes += (int)n;
    r->calls++;
    if (n == 0 && (events & COOP_HUP))
        __atomic_store_n(&r->hup, 1, __ATOMIC_RELEASE);
}

CORO_TEST(actor, a_descriptor_wakes_it_at_each_edge_and_at_the_end)
{
    struct reader r = {0};
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    CHECK(write(fds[1], "early", 5) == 5);
    coop_actor_init(&r.actor, "reader", drain, &r);
    CHECK(coop_fdwatch_start(&r.watch, fds[0], COOP_IN, &r.actor, 1) == 0);
    CHECK(coop_fdwatch_start(&r.watch, fds[0], COOP_IN, &r.actor, 1) == -EEXIST);
    for (int i = 0; i < 1000; i++)
        CHECK(coop_write_full(fds[1], "0123456789", 10, NULL, soon()) == 10);
    CHECK(coop_fd_close(fds[1]) == 0);
    await(&r.hup, 1);
    CHECK(r.bytes == 10005);
    coop_fdwatch_stop(&r.watch);
    coop_fd_close(fds[0]);
    return 0;
}

CORO_TEST(actor, after_stop_no_event_comes)
{
    struct reader r = {0};
    int fds[2];

    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    coop_actor_init(&r.actor, "reader", drain, &r);
    CHECK(coop_fdwatch_start(&r.watch, fds[0], COOP_IN, &r.actor, 1) == 0);
    coop_fdwatch_stop(&r.watch);
    CHECK(write(fds[1], "x", 1) == 1);
    coop_sleep_until(in_ms(5));
    CHECK(r.calls == 0);
    CHECK(coop_fdwatch_start(&r.watch, fds[0], COOP_IN, &r.actor, 1) == 0);
    await(&r.bytes, 1);
    coop_fdwatch_stop(&r.watch);
    coop_fd_close(fds[0]);
    coop_fd_close(fds[1]);
    return 0;
}
