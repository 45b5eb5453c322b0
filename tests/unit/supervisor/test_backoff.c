/*
 * The sliding window of starts, at its edges.
 */
#include "service/backoff.h"

#include <criterion/criterion.h>

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
