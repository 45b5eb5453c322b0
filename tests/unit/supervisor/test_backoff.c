/*
 * The sliding window of starts, at its edges.
 */
#include "service/backoff.h"

#include <criterion/criterion.h>
#include <limits.h>

#define S COOP_NSEC_PER_SEC

/* Starts every 'gap' until refused; how many there were. */
static unsigned starts_until_refused(coop_nsec gap, coop_nsec interval, unsigned burst,
                                     unsigned at_most)
{
    struct start_window window = {0};
    unsigned starts = 0;

    for (coop_nsec now = 100 * S; starts < at_most; now += gap, starts++) {
        if (!window_allows(&window, now, interval, burst))
            break;
        cr_assert_eq(window_note(&window, now, burst), 0);
    }
    window_done(&window);
    return starts;
}

Test(backoff, a_crash_loop_gets_exactly_burst_starts)
{
    for (unsigned burst = 1; burst <= 20; burst++)
        cr_expect_eq(starts_until_refused(S / 10, 10 * S, burst, 1000), burst);
}

Test(backoff, slow_restarts_are_never_refused)
{
    cr_expect_eq(starts_until_refused(2 * S, 10 * S, 5, 1000), 1000, "5 in 10 s: each 2 s");
    cr_expect_eq(starts_until_refused(2 * S - 1, 10 * S, 5, 1000), 5, "a nanosecond faster");
}

Test(backoff, zero_burst_or_interval_means_no_limit)
{
    cr_expect_eq(starts_until_refused(0, 10 * S, 0, 1000), 1000);
    cr_expect_eq(starts_until_refused(0, 0, 5, 1000), 1000);
}

Test(backoff, an_endless_interval_never_forgets)
{
    cr_expect_eq(starts_until_refused(1000000 * S, COOP_FOREVER, 3, 100), 3);
}

Test(backoff, the_window_slides_start_by_start)
{
    struct start_window window = {0};
    const coop_nsec at[] = {1 * S, 4 * S, 9 * S};

    for (int i = 0; i < 3; i++)
        window_note(&window, at[i], 3);
    cr_expect_not(window_allows(&window, 10 * S, 10 * S, 3));
    cr_expect(window_allows(&window, 11 * S, 10 * S, 3));
    window_note(&window, 11 * S, 3);
    cr_expect_not(window_allows(&window, 13 * S, 10 * S, 3));
    cr_expect(window_allows(&window, 14 * S, 10 * S, 3));
    window_done(&window);
}

Test(backoff, the_last_starts_are_told_oldest_first)
{
    struct start_window window = {0};
    coop_nsec last[4] = {0};

    cr_expect_eq(window_last(&window, last, 4), 0);
    for (int i = 1; i <= 5; i++) { /* the ring goes round */
        window_note(&window, i * S, 3);
        cr_expect_eq(window_last(&window, last, 4), i < 3 ? (unsigned)i : 3U);
        cr_expect_eq(last[0], (i < 3 ? 1 : i - 2) * S);
    }
    cr_expect(last[0] == 3 * S && last[1] == 4 * S && last[2] == 5 * S);
    cr_expect_eq(window_last(&window, last, 2), 2);
    cr_expect(last[0] == 4 * S && last[1] == 5 * S);
    window_done(&window);
}

Test(backoff, clear_and_a_new_limit_begin_anew)
{
    struct start_window window = {0};

    window_note(&window, 1 * S, 1);
    cr_expect_not(window_allows(&window, 2 * S, 10 * S, 1));
    window_clear(&window);
    cr_expect(window_allows(&window, 2 * S, 10 * S, 1));
    window_note(&window, 2 * S, 1);
    cr_expect(window_allows(&window, 3 * S, 10 * S, 2), "a reload has raised the limit");
    window_done(&window);
}

/* ---- the wait ---- */

#define MS        COOP_NSEC_PER_MSEC
#define NO_CHANCE 0
#define ALL_OF_IT UINT64_MAX

static const struct restart_pace plain = {.delay = 100 * MS, .max_delay = COOP_FOREVER};
static const struct restart_pace growing = {.delay = 100 * MS, .max_delay = 10 * S, .steps = 4};
static const struct restart_pace at_once = {
    .delay = 100 * MS, .max_delay = 10 * S, .steps = 4, .first = RESTART_FIRST_NOW};

static bool is_about(coop_nsec a, coop_nsec b)
{
    return a >= b - b / 1000 && a <= b + b / 1000;
}

Test(backoff, the_wait_grows_by_one_factor_to_its_end)
{
    static const coop_nsec waits[] = {
        100 * MS, 316228 * MS / 1000, 1 * S, 3162278 * MS / 1000, 10 * S, 10 * S};

    for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        cr_expect(is_about(backoff_delay(&growing, i, NO_CHANCE), waits[i]), "%u", i);
        cr_expect(is_about(backoff_delay(&at_once, i + 1, NO_CHANCE), waits[i]), "%u", i);
        cr_expect_eq(backoff_delay(&plain, i, NO_CHANCE), 100 * MS);
    }
    cr_expect_eq(backoff_delay(&at_once, 0, NO_CHANCE), 0);
    cr_expect_eq(backoff_delay(&growing, UINT_MAX, NO_CHANCE), 10 * S);
}

Test(backoff, the_wait_never_shrinks_and_never_passes_its_end)
{
    struct restart_pace pace = {.delay = 1, .max_delay = COOP_FOREVER - 1, .steps = 1000};
    coop_nsec before = 0;

    for (unsigned i = 0; i < 1100; i++) {
        coop_nsec delay = backoff_delay(&pace, i, NO_CHANCE);

        cr_assert(delay >= before && delay <= pace.max_delay, "%u", i);
        before = delay;
    }
    cr_expect_eq(before, pace.max_delay);
}

Test(backoff, nothing_grows_from_nothing_or_for_ever)
{
    struct restart_pace zero = {.max_delay = 10 * S, .steps = 3};
    struct restart_pace never = {
        .delay = COOP_FOREVER, .max_delay = COOP_FOREVER, .jitter = 1000};

    cr_expect_eq(backoff_delay(&zero, 7, ALL_OF_IT), 0);
    cr_expect_eq(backoff_delay(&never, 7, ALL_OF_IT), COOP_FOREVER);
    never.first = RESTART_FIRST_NOW;
    cr_expect_eq(backoff_delay(&never, 0, ALL_OF_IT), 0);
}

Test(backoff, jitter_adds_up_to_its_part_of_the_wait)
{
    struct restart_pace pace = plain, first = at_once;

    pace.jitter = first.jitter = 50;
    cr_expect_eq(backoff_delay(&pace, 0, NO_CHANCE), 100 * MS);
    cr_expect(is_about(backoff_delay(&pace, 0, ALL_OF_IT / 2), 125 * MS));
    cr_expect(is_about(backoff_delay(&pace, 0, ALL_OF_IT), 150 * MS));
    cr_expect(is_about(backoff_delay(&first, 0, ALL_OF_IT), 50 * MS), "a part of RestartSec=");
    cr_expect(is_about(backoff_delay(&first, 5, ALL_OF_IT), 15 * S));
}

Test(backoff, a_thousand_that_die_at_once_come_back_spread_out)
{
    struct restart_pace pace = plain;
    uint64_t random = 1;
    unsigned tenth[10] = {0};

    pace.jitter = 100;
    for (int i = 0; i < 1000; i++) {
        coop_nsec extra;

        random = random * 6364136223846793005ull + 1442695040888963407ull;
        extra = backoff_delay(&pace, 3, random) - pace.delay;
        cr_assert(extra >= 0 && extra < pace.delay);
        tenth[extra * 10 / pace.delay]++;
    }
    for (int i = 0; i < 10; i++)
        cr_expect(tenth[i] > 50 && tenth[i] < 150, "%d: %u", i, tenth[i]);
}

Test(backoff, steady_is_longer_than_both_windows)
{
    cr_expect_eq(backoff_steady_after(&growing, 1 * S), 10 * S);
    cr_expect_eq(backoff_steady_after(&growing, 60 * S), 60 * S);
    cr_expect_eq(backoff_steady_after(&plain, 0), 100 * MS);
    cr_expect_eq(backoff_steady_after(&plain, COOP_FOREVER), COOP_FOREVER);
}
