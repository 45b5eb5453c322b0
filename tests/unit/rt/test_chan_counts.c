/* What lies in a channel, and in which order: points 8 and 22. */
#include "rt_test.h"

static struct coop_chan *ch;
static int first_got, second_got;

static int receive_into(void *arg)
{
    CHECK(coop_recv(ch, arg, soon()) == 1);
    return 0;
}

/* The one who waits gets the first although there is room for it; the second lies in the buffer. */
CORO_TEST_ON_ONE(chan, no_sender_overtakes_what_was_handed_over_or_stored)
{
    struct coop_scope scope;
    int values[] = {1, 2, 3};

    ch = coop_chan_new(sizeof(int), 2);
    coop_scope_init(&scope, "receivers", 0);
    CHECK(coop_go(&scope, receive_into, &first_got) == 0);
    settle();
    CHECK(coop_send(ch, &values[0], COOP_NOW) == 0 && coop_chan_len(ch) == 0);
    CHECK(coop_send(ch, &values[1], COOP_NOW) == 0 && coop_chan_len(ch) == 1);
    CHECK(coop_go(&scope, receive_into, &second_got) == 0);
    CHECK(coop_send(ch, &values[2], COOP_NOW) == 0 && coop_chan_len(ch) == 2);
    CHECK(coop_scope_wait(&scope) == 0 && first_got == 1 && second_got == 2);
    CHECK(coop_recv(ch, &first_got, COOP_NOW) == 1 && first_got == 3);
    coop_chan_unref(ch);
    return 0;
}

static void check_counts(size_t length, size_t capacity)
{
    CHECK(coop_chan_len(ch) == length && coop_chan_cap(ch) == capacity);
}

static int send_one(__attribute__((unused)) void *arg)
{
    return coop_send(ch, &(int){9}, soon()) == -EPIPE ? 0 : 1;
}

CORO_TEST_ON_ONE(chan, length_and_capacity_are_right_in_every_state)
{
    for (size_t capacity = 0; capacity < 4; capacity++) {
        struct coop_scope scope;
        int v = 0;

        ch = coop_chan_new(sizeof(int), capacity);
        coop_scope_init(&scope, "partners", 0);
        check_counts(0, capacity);
        CHECK(coop_go(&scope, receive_into, &first_got) == 0);
        settle();
        check_counts(0, capacity); /* a receiver waits */
        CHECK(coop_send(ch, &v, COOP_NOW) == 0);
        check_counts(0, capacity);
        for (size_t i = 1; i <= capacity; i++) {
            CHECK(coop_send(ch, &v, COOP_NOW) == 0);
            check_counts(i, capacity);
        }
        CHECK(coop_go(&scope, send_one, NULL) == 0);
        settle();
        check_counts(capacity, capacity); /* full, and a sender waits: he is not counted */
        CHECK(coop_close(ch) == 0);
        for (size_t i = capacity; i > 0; i--) {
            check_counts(i, capacity);
            CHECK(coop_recv(ch, &v, COOP_NOW) == 1);
        }
        CHECK(coop_recv(ch, &v, COOP_NOW) == 0);
        check_counts(0, capacity);
        CHECK(coop_scope_wait(&scope) == 0);
        coop_chan_unref(ch);
    }
    return 0;
}
