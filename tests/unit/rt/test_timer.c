/* Time: points 80 to 91. */
#include "rt_test.h"

#include "rt/sched.h"
#include "rt/switch.h"

#include <malloc.h>
#include <stdint.h>

enum { TICK = 1 };

struct clock_actor {
    struct coop_actor actor;
    struct coop_timer timer;
    int ticks;
};

static void on_tick(struct coop_actor *actor, __attribute__((unused)) struct coop_msg *msg)
{
    struct clock_actor *c = actor->arg;

    __atomic_fetch_add(&c->ticks, 1, __ATOMIC_RELEASE);
}

static void clock_init(struct clock_actor *c)
{
    *c = (struct clock_actor){0};
    coop_actor_init(&c->actor, "clock", on_tick, c);
    coop_timer_init(&c->timer, &c->actor, TICK);
}

CORO_TEST(timer, sleep_is_never_early)
{
    for (int i = 1; i < 50; i++) {
        coop_nsec deadline = coop_after(coop_now(), i * 37 * COOP_NSEC_PER_USEC);

        CHECK(coop_sleep_until(deadline) == 0 && coop_now() >= deadline);
    }
    return 0;
}

static coop_nsec common;
static int woken[64], woken_count;

static int sleep_common(void *arg)
{
    CHECK(coop_sleep_until(common) == 0);
    woken[woken_count++] = (int)(intptr_t)arg;
    return 0;
}

CORO_TEST_ON_ONE(timer, equal_deadlines_fire_first_come_first_served)
{
    struct coop_scope scope;
    bool in_time = false;

    /* All must sleep before the first is due: a slow machine needs more than one try. */
    for (int ms = 5; !in_time; ms *= 2) {
        woken_count = 0;
        common = in_ms(ms);
        coop_scope_init(&scope, "sleepers", 0);
        for (int i = 0; i < 64; i++) {
            coop_go(&scope, sleep_common, (void *)(intptr_t)i);
            settle();
        }
        in_time = coop_now() < common;
        CHECK(coop_scope_wait(&scope) == 0);
    }
    /* All became ready in this order; who of them runs first is the policy's. */
    for (int i = 0; i < 64; i++)
        CHECK(woken[i] == i || coop__usual_policy != COOP_POLICY_DEFAULT);
    return 0;
}

CORO_TEST_ON_ONE(timer, stop_tells_whether_it_was_pending_and_nothing_comes_after)
{
    struct clock_actor c;

    clock_init(&c);
    CHECK(!coop_timer_stop(&c.timer));
    CHECK(!coop_timer_set(&c.timer, in_ms(2)));
    CHECK(coop_timer_set(&c.timer, in_ms(3)));
    CHECK(coop_timer_stop(&c.timer));
    CHECK(!coop_timer_stop(&c.timer));
    coop_sleep_until(in_ms(6));
    CHECK(c.ticks == 0);
    return 0;
}

static void count_and_stop_other(struct coop_actor *actor,
                                 __attribute__((unused)) struct coop_msg *msg)
{
    struct clock_actor *both = actor->arg;

    both->ticks++;
    /* The other fired at the same instant: its message waits behind this one. */
    coop_timer_stop(&both[0].timer);
    coop_timer_stop(&both[1].timer);
}

CORO_TEST_ON_ONE(timer, a_firing_that_was_not_handled_yet_is_taken_back_by_stop)
{
    struct clock_actor both[2] = {0};
    coop_nsec deadline = in_ms(2);

    coop_actor_init(&both[0].actor, "both", count_and_stop_other, both);
    for (int i = 0; i < 2; i++) {
        coop_timer_init(&both[i].timer, &both[0].actor, TICK);
        coop_timer_set(&both[i].timer, deadline);
    }
    coop_sleep_until(in_ms(8));
    CHECK(both[0].ticks == 1);
    return 0;
}

CORO_TEST_ON_ONE(timer, past_and_zero_deadlines_fire_at_once)
{
    struct clock_actor c;

    clock_init(&c);
    coop_timer_set(&c.timer, 0);
    await(&c.ticks, 1);
    coop_timer_set(&c.timer, coop_now() - COOP_NSEC_PER_SEC);
    await(&c.ticks, 2);
    coop_timer_set(&c.timer, COOP_FOREVER);
    CHECK(!coop_timer_stop(&c.timer));
    CHECK(coop_after(coop_now(), INT64_MAX - 5) == COOP_FOREVER);
    return 0;
}

CORO_TEST_ON_ONE(timer, a_fired_timer_can_be_set_again)
{
    struct clock_actor c;

    clock_init(&c);
    for (int i = 1; i <= 5; i++) {
        CHECK(!coop_timer_set(&c.timer, in_ms(1)));
        await(&c.ticks, i);
    }
    return 0;
}

static struct coop_chan *gate;

static void slow_tick(struct coop_actor *actor, __attribute__((unused)) struct coop_msg *msg)
{
    struct clock_actor *c = actor->arg;

    c->ticks++;
    CHECK(coop_recv(gate, NULL, COOP_FOREVER) == 1);
}

CORO_TEST_ON_ONE(timer, ticks_for_a_slow_receiver_are_dropped)
{
    struct clock_actor c;

    clock_init(&c);
    gate = coop_chan_new(0, 0);
    coop_actor_init(&c.actor, "slow", slow_tick, &c);
    coop_timer_set_periodic(&c.timer, in_ms(1), COOP_NSEC_PER_MSEC);
    await(&c.ticks, 1);
    coop_sleep_until(in_ms(20)); /* at least twenty periods */
    CHECK(c.ticks == 1);
    CHECK(coop_send(gate, NULL, soon()) == 0);
    await(&c.ticks, 2);
    coop_timer_stop(&c.timer);
    CHECK(coop_send(gate, NULL, soon()) == 0); /* this one is allowed to end */
    await_rest();
    CHECK(c.ticks == 2);
    coop_chan_unref(gate);
    return 0;
}

CORO_TEST_ON_ONE(timer, a_period_beyond_all_time_ticks_once)
{
    struct clock_actor c;

    clock_init(&c);
    coop_timer_set_periodic(&c.timer, coop_now(), COOP_FOREVER);
    await(&c.ticks, 1);
    CHECK(!coop_timer_stop(&c.timer));
    coop_timer_set_periodic(&c.timer, 1, COOP_FOREVER - COOP_NSEC_PER_SEC);
    await(&c.ticks, 2);
    await_rest();
    CHECK(c.ticks == 2);
    CHECK(coop_timer_stop(&c.timer)); /* it is far away, and its struct ends with us */
    return 0;
}

static struct clock_actor contested;

static int set_and_stop(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 20000; i++) {
        coop_timer_set(&contested.timer, i % 3 ? in_ms(1000) : 1);
        if (i % 2)
            coop_timer_stop(&contested.timer);
        if (i % 64 == 0)
            coop_yield();
    }
    return 0;
}

CORO_TEST(timer, set_and_stop_from_two_processors_race_cleanly)
{
    struct coop_scope scope;
    int ticks;

    clock_init(&contested);
    coop_scope_init(&scope, "racers", 0);
    coop_go(&scope, set_and_stop, NULL);
    coop_go(&scope, set_and_stop, NULL);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_timer_stop(&contested.timer);
    await_rest(); /* a handler that was running */
    ticks = __atomic_load_n(&contested.ticks, __ATOMIC_ACQUIRE);
    coop_sleep_until(in_ms(5));
    CHECK(ticks == __atomic_load_n(&contested.ticks, __ATOMIC_ACQUIRE));
    return 0;
}

CORO_TEST_ON_ONE(timer, a_million_settings_cost_no_memory)
{
    struct clock_actor c;
    size_t before;
    int timers;

    clock_init(&c);
    before = mallinfo2().uordblks;
    timers = coop__rt.procs[0].heap_size;
    for (int i = 0; i < 1000000; i++)
        coop_timer_set(&c.timer, coop_after(COOP_NSEC_PER_SEC * 1000000, i));
    CHECK(coop__rt.procs[0].heap_size == timers + 1);
    CHECK(coop_timer_stop(&c.timer));
    CHECK(coop__rt.procs[0].heap_size == timers && mallinfo2().uordblks == before);
    CHECK(c.ticks == 0);
    return 0;
}

enum { SLEEPERS = 2000 };
static coop_nsec late[SLEEPERS];

static int sleep_a_bit(void *arg)
{
    int i = (int)(intptr_t)arg;
    coop_nsec deadline = in_ms(20 + i % 50);

    CHECK(coop_sleep_until(deadline) == 0);
    late[i] = coop_now() - deadline;
    return late[i] < 0 ? 1 : 0;
}

CORO_TEST(timer, thousands_of_sleepers_wake_none_early)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "sleepers", 0);
    for (int i = 0; i < SLEEPERS; i++)
        coop_go(&scope, sleep_a_bit, (void *)(intptr_t)i);
    CHECK(coop_scope_wait(&scope) == 0);
    return 0;
}

enum { CROWD = 10000, CROWD_SPREAD_MS = 100, CROWD_ROUNDS = CROWD_SPREAD_MS * 4 };
static coop_nsec crowd_start, crowd_late[CROWD];

static int sleep_in_crowd(void *arg)
{
    intptr_t i = (intptr_t)arg;
    coop_nsec deadline =
        crowd_start + i * (CROWD_SPREAD_MS * COOP_NSEC_PER_MSEC / CROWD); /* one every 10 us */

    CHECK(coop_sleep_until(deadline) == 0);
    crowd_late[i] = coop_now() - deadline;
    return crowd_late[i] < 0 ? 1 : 0;
}

static int by_time(const void *a, const void *b)
{
    coop_nsec left = *(const coop_nsec *)a, right = *(const coop_nsec *)b;

    return (left > right) - (left < right);
}

/* True: 99 of 100 were less than 5 ms late, and many of them shared a wake-up. */
static bool crowd_sleeps_well(int crowd)
{
    struct coop_stats before, after;
    struct coop_scope scope;

    crowd_start = in_ms(500);
    coop_scope_init(&scope, "crowd", 0);
    for (intptr_t i = 0; i < crowd; i++)
        CHECK(coop_go(&scope, sleep_in_crowd, (void *)i) == 0);
    coop_stats_get(&before);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_stats_get(&after);
    qsort(crowd_late, (size_t)crowd, sizeof *crowd_late, by_time);
    return crowd_late[crowd * 99 / 100] < 5 * COOP_NSEC_PER_MSEC &&
           after.polls - before.polls < CROWD_ROUNDS;
}

CORO_TEST_ON_ONE(timer, ten_thousand_sleepers_share_wake_ups_and_are_hardly_late)
{
    /* A machine that does other things meanwhile makes them late: then another time. */
    while (!crowd_sleeps_well(emulated_less(CROWD)))
        if (RT_ASAN || RT_TSAN) /* there every one is late */
            break;
    return 0;
}
