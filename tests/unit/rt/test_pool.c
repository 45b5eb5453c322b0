/* Object pools: point 79. */
#include "rt_test.h"

#include <pthread.h>

struct object {
    int out; /* somebody has it */
    int filler[3];
};

static int made, dropped;

static void *make(void *arg)
{
    CHECK(arg == &made);
    __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
    return calloc(1, sizeof(struct object));
}

static void drop(void *object, void *arg)
{
    CHECK(arg == &made);
    CHECK(((struct object *)object)->out == 0);
    __atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
    free(object);
}

static struct coop_pool pool = {.make = make, .drop = drop, .arg = &made};

static struct object *take(void)
{
    struct object *o = coop_pool_get(&pool);

    CHECK(o && __atomic_exchange_n(&o->out, 1, __ATOMIC_RELAXED) == 0);
    return o;
}

static void give(struct object *o)
{
    CHECK(__atomic_exchange_n(&o->out, 0, __ATOMIC_RELAXED) == 1);
    coop_pool_put(&pool, o);
}

CORO_TEST_ON_ONE(pool, gives_what_was_put_and_makes_only_when_empty)
{
    struct object *o = take();

    give(o);
    CHECK(take() == o && made == 1);
    give(o);
    CHECK(coop_pool_trim(&pool) == 1 && dropped == 1);
    CHECK(coop_pool_trim(&pool) == 0);
    o = take();
    CHECK(made == 2);
    give(o);
    coop_pool_done(&pool);
    CHECK(dropped == 2);
    return 0;
}

CORO_TEST_ON_ONE(pool, keeps_no_more_than_it_says)
{
    enum { MANY = COOP_POOL_OWN + COOP_POOL_SHARED + 100 };
    static struct object *all[MANY];

    for (int i = 0; i < MANY; i++)
        all[i] = take();
    for (int i = 0; i < MANY; i++)
        give(all[i]);
    CHECK(made == MANY);
    CHECK(dropped >= 100 && dropped <= 100 + COOP_POOL_OWN);
    for (int i = 0; i < COOP_POOL_SHARED; i++)
        all[i] = take();
    CHECK(made == MANY);
    for (int i = 0; i < COOP_POOL_SHARED; i++)
        give(all[i]);
    coop_pool_done(&pool);
    CHECK(dropped == made);
    return 0;
}

Test(pool, works_without_a_runtime_and_without_functions)
{
    struct coop_pool plain = {0};
    void *object = malloc(10);

    cr_assert_null(coop_pool_get(&plain));
    coop_pool_put(&plain, NULL);
    coop_pool_put(&plain, object);
    cr_assert_eq(coop_pool_get(&plain), object);
    coop_pool_put(&plain, object); /* freed by done */
    coop_pool_done(&plain);
    cr_assert_null(coop_pool_get(&plain));
}

/* ---- a storm: coroutines on two processors, threads, and one that trims all the time ---- */

enum { PLAYERS = 20, ROUNDS = 2000, HANDS = 5 };

static int playing;

static int play(__attribute__((unused)) void *arg)
{
    struct object *hand[HANDS];

    for (int i = 0; i < ROUNDS; i++) {
        int n = 1 + i % HANDS;

        for (int k = 0; k < n; k++)
            hand[k] = take();
        if (coop_inside() && i % 16 == 0)
            coop_yield();
        for (int k = 0; k < n; k++)
            give(hand[k]);
    }
    __atomic_fetch_sub(&playing, 1, __ATOMIC_RELEASE);
    return 0;
}

static void *play_in_thread(void *arg)
{
    play(NULL);
    return arg;
}

CORO_TEST_WITH(pool, hands_nothing_out_twice, .procs = 2, .foreign_wakes = true)
{
    pthread_t thread;
    int trims = 0;

    playing = PLAYERS + 1;
    CHECK(pthread_create(&thread, NULL, play_in_thread, NULL) == 0);
    for (int i = 0; i < PLAYERS; i++)
        coop_go(NULL, play, NULL);
    for (; __atomic_load_n(&playing, __ATOMIC_ACQUIRE); trims++) {
        coop_pool_trim(&pool);
        coop_yield();
    }
    pthread_join(thread, NULL);
    coop_pool_done(&pool);
    CHECK(trims > 0 && made == dropped);
    return 0;
}

static struct coop_sem drops;

static void drop_and_tell(void *object, __attribute__((unused)) void *arg)
{
    free(object);
    coop_sem_release(&drops, 1);
}

/* Two of them: the first one's end must not lose the second. */
CORO_TEST_WITH(pool, what_lies_in_it_is_dropped_at_rest, .procs = 2, .foreign_wakes = true)
{
    struct coop_pool other = {.drop = drop_and_tell}, one = {.drop = drop_and_tell};
    enum { MANY = COOP_POOL_OWN + 6 };

    for (int i = 0; i < MANY; i++) {
        coop_pool_put(&one, malloc(1));
        coop_pool_put(&other, malloc(1));
    }
    CHECK(coop_sem_acquire(&drops, 2 * MANY, soon()) == 0);
    CHECK(!coop_pool_get(&one) && !coop_pool_get(&other));
    coop_pool_done(&one);
    coop_pool_put(&other, malloc(1));
    CHECK(coop_sem_acquire(&drops, 1, soon()) == 0);
    CHECK(coop_pool_trim(&other) == 0);
    coop_pool_done(&other);
    return 0;
}
