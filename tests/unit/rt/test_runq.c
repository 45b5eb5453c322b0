/* The queues of the runnable, alone: order under overflow and theft, and room. */
#include "rt_test.h"

#include "rt/globalq.h"
#include "rt/runq.h"

enum { MANY = 300 };

static struct coro coros[MANY];
static struct proc owner, thief;

static long nth(const struct coro *g)
{
    return g ? g - coros : -1;
}

Test(runq, it_is_first_in_first_out_but_for_the_slot)
{
    for (int i = 0; i < 5; i++)
        coop__runq_put(&owner, &coros[i], false);
    coop__runq_put(&owner, &coros[10], true);
    coop__runq_put(&owner, &coros[11], true); /* the one before goes to the ring */
    cr_assert_eq(nth(coop__runq_get(&owner)), 11);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(nth(coop__runq_get(&owner)), i);
    cr_assert_eq(nth(coop__runq_get(&owner)), 10);
    cr_assert_null(coop__runq_get(&owner));
    cr_assert(coop__runq_is_empty(&owner));
}

Test(runq, the_257th_moves_half_to_the_global_queue_in_order)
{
    for (int i = 0; i < RING + 1; i++)
        coop__runq_put(&owner, &coros[i], false);
    cr_assert_eq(coop__rt.global_count, RING / 2 + 1);
    for (int i = 0; i < RING / 2; i++)
        cr_assert_eq(nth(coop__globalq_get()), i);
    cr_assert_eq(nth(coop__globalq_get()), RING);
    cr_assert_null(coop__globalq_get());
    for (int i = RING / 2; i < RING; i++)
        cr_assert_eq(nth(coop__runq_get(&owner)), i);
    cr_assert_null(coop__runq_get(&owner));
}

Test(runq, a_thief_takes_half_and_keeps_the_order)
{
    for (int i = 0; i < 101; i++)
        coop__runq_put(&owner, &coros[i], false);
    cr_assert_eq(nth(coop__runq_steal(&thief, &owner, false)), 0);
    for (int i = 1; i < 51; i++)
        cr_assert_eq(nth(coop__runq_get(&thief)), i);
    cr_assert_null(coop__runq_get(&thief));
    for (int i = 51; i < 101; i++)
        cr_assert_eq(nth(coop__runq_get(&owner)), i);
}

Test(runq, the_slot_is_stolen_only_when_asked_for)
{
    coop__runq_put(&owner, &coros[1], true);
    cr_assert_null(coop__runq_steal(&thief, &owner, false));
    cr_assert_eq(nth(coop__runq_steal(&thief, &owner, true)), 1);
    cr_assert(coop__runq_is_empty(&owner));
}

Test(runq, a_pair_in_the_slot_lets_the_ring_have_its_turn)
{
    int turns = 0;

    coop__runq_put(&owner, &coros[9], false);
    for (;; turns++) {
        coop__runq_put(&owner, &coros[turns % 2], true);
        if (nth(coop__runq_get(&owner)) == 9)
            break;
        cr_assert_lt(turns, 2 * NEXT_IN_A_ROW);
    }
    cr_assert_eq(turns, NEXT_IN_A_ROW);
}

/* Fills up and runs dry by turns; the counters tell what must come next. */
static void put_and_get(size_t room, unsigned *random)
{
    size_t put = 0, got = 0;

    for (int turn = 0; turn < 2000; turn++) {
        size_t n = coop__random_next(random) % (room + 1);

        for (; n > 0 && put - got < room; n--)
            coop__globalq_put(&coros[put++ % MANY]);
        cr_assert_eq((size_t)coop__rt.global_count, put - got);
        for (n = coop__random_next(random) % (room + 1); n > 0 && got < put; n--)
            cr_assert_eq(nth(coop__globalq_get()), (long)(got++ % MANY));
    }
    while (got < put)
        cr_assert_eq(nth(coop__globalq_get()), (long)(got++ % MANY));
    cr_assert_null(coop__globalq_get());
}

Test(globalq, it_keeps_the_order_and_never_needs_more_room_than_was_reserved)
{
    unsigned random = 1;

    for (size_t chunks = 0; chunks < 4; chunks++) {
        size_t room = chunks ? chunks * CHUNK : 1;

        cr_assert(coop__globalq_reserve(chunks * CHUNK));
        put_and_get(room, &random);
        put_and_get(room / 2 + 1, &random);
    }
    coop__globalq_end();
    cr_assert(coop__globalq_reserve(1));
    put_and_get(CHUNK, &random);
    coop__globalq_end();
}
