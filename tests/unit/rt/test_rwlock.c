/* Read-write locks. */
#include "rt_test.h"

static int order[16], order_count;
static struct coop_rwlock rw;
static int readers_in, most_readers;

static int read_it(__attribute__((unused)) void *arg)
{
    CHECK(coop_rwlock_rdlock(&rw, COOP_FOREVER) == 0);
    if (++readers_in > most_readers)
        most_readers = readers_in;
    coop_yield();
    readers_in--;
    coop_rwlock_unlock(&rw);
    return 0;
}

static int write_it(__attribute__((unused)) void *arg)
{
    CHECK(coop_rwlock_wrlock(&rw, COOP_FOREVER) == 0);
    CHECK(readers_in == 0);
    order[order_count++] = 1;
    coop_rwlock_unlock(&rw);
    return 0;
}

static int read_too_late(__attribute__((unused)) void *arg)
{
    CHECK(coop_rwlock_rdlock(&rw, in_ms(2)) == -ETIMEDOUT);
    return 0;
}

CORO_TEST_ON_ONE(rwlock, readers_share_and_a_waiting_writer_stops_new_readers)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "readers", 0);
    for (int i = 0; i < 5; i++)
        coop_go(&scope, read_it, NULL);
    CHECK(coop_scope_wait(&scope) == 0 && most_readers == 5);

    CHECK(coop_rwlock_rdlock(&rw, COOP_NOW) == 0);
    coop_scope_init(&scope, "writer", 0);
    coop_go(&scope, write_it, NULL);
    settle();
    CHECK(coop_rwlock_rdlock(&rw, COOP_NOW) == -EAGAIN && !coop_rwlock_tryrdlock(&rw));
    coop_go(&scope, read_it, NULL);
    settle();
    CHECK(order_count == 0);
    coop_rwlock_unlock(&rw);
    CHECK(coop_scope_wait(&scope) == 0 && order_count == 1);
    CHECK(coop_rwlock_trywrlock(&rw));
    CHECK(!coop_rwlock_tryrdlock(&rw) && !coop_rwlock_trywrlock(&rw));
    coop_go(NULL, read_too_late, NULL);
    settle();
    coop_sleep_until(in_ms(4));
    coop_rwlock_unlock(&rw);
    return 0;
}

static int note_read(void *arg)
{
    CHECK(coop_rwlock_rdlock(&rw, COOP_FOREVER) == 0);
    order[order_count++] = (int)(intptr_t)arg;
    coop_yield();
    coop_rwlock_unlock(&rw);
    return 0;
}

CORO_TEST_ON_ONE(rwlock, waiting_readers_go_in_between_two_writers)
{
    struct coop_scope scope;

    CHECK(coop_rwlock_wrlock(&rw, COOP_NOW) == 0);
    coop_scope_init(&scope, "waiters", 0);
    coop_go(&scope, note_read, (void *)7);
    settle();
    coop_go(&scope, note_read, (void *)8);
    settle();
    coop_go(&scope, write_it, NULL);
    settle();
    coop_rwlock_unlock(&rw);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(order[0] == 7 && order[1] == 8 && order[2] == 1);
    return 0;
}

CORO_TEST_ON_ONE(rwlock, readers_that_came_behind_a_waiting_writer_go_before_it)
{
    struct coop_scope scope;

    CHECK(coop_rwlock_wrlock(&rw, COOP_NOW) == 0);
    coop_scope_init(&scope, "waiters", 0);
    coop_go(&scope, write_it, NULL);
    settle();
    coop_go(&scope, note_read, (void *)7);
    settle();
    coop_rwlock_unlock(&rw);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(order[0] == 7 && order[1] == 1);
    return 0;
}

static int give_up_writing(__attribute__((unused)) void *arg)
{
    return coop_rwlock_wrlock(&rw, COOP_FOREVER) == -ECANCELED ? 0 : 1;
}

CORO_TEST_ON_ONE(rwlock, a_writer_that_gives_up_lets_the_readers_behind_it_in)
{
    struct coop_scope writer, reader;

    CHECK(coop_rwlock_tryrdlock(&rw));
    coop_scope_init(&reader, "reader", 0);
    coop_scope_init(&writer, "writer", 0);
    coop_go(&writer, give_up_writing, NULL);
    settle();
    coop_go(&reader, note_read, (void *)7);
    settle();
    CHECK(order_count == 0);
    CHECK(coop_scope_end(&writer) == -ECANCELED);
    settle();
    CHECK(order_count == 1);
    coop_rwlock_unlock(&rw);
    CHECK(coop_scope_wait(&reader) == 0);
    return 0;
}
