/*
 * backoff.c - the sliding window of starts, and the growing wait (see backoff.h)
 *
 * Only the oldest of the last 'burst' starts matters: if that one is still inside the interval
 * at 'when', the window is full.
 *
 *      burst = 3, interval = 10 s        starts at   1   4   9
 *      a start at 10: 1 is inside  -> no             |-------|..10
 *      a start at 11.1: 1 is out   -> yes                |---|....11.1
 *
 * The wait grows by the same factor each time, so that the first steps are short and the last one
 * is RestartMaxDelaySec= exactly:
 *
 *      delay(n) = RestartSec * (RestartMaxDelaySec / RestartSec) ^ (n / RestartSteps)
 *
 *      100 ms to 10 s in 4 steps:   100 ms   316 ms   1 s   3.16 s   10 s   10 s ...
 */
#include "service/backoff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

bool window_allows(const struct start_window *window, coop_nsec when, coop_nsec interval,
                   unsigned burst)
{
    coop_nsec oldest;

    if (burst == 0 || interval == 0 || window->burst != burst || window->count < burst)
        return true;
    oldest = window->starts[window->next];
    return coop_after(oldest, interval) <= when && interval != COOP_FOREVER;
}

int window_note(struct start_window *window, coop_nsec when, unsigned burst)
{
    if (burst == 0 || burst > START_BURST_MAX)
        return 0;
    if (window->burst != burst) { /* the limit was changed by a reload: begin anew */
        coop_nsec *starts = calloc(burst, sizeof *starts);

        if (!starts)
            return -ENOMEM;
        free(window->starts);
        *window = (struct start_window){.starts = starts, .burst = burst};
    }
    window->starts[window->next] = when;
    window->next = (window->next + 1) % burst;
    if (window->count < burst)
        window->count++;
    return 0;
}

unsigned window_last(const struct start_window *window, coop_nsec *ret_starts, unsigned max)
{
    unsigned count = window->count < max ? window->count : max;

    for (unsigned i = 0; i < count; i++)
        ret_starts[i] =
            window->starts[(window->next + window->burst - count + i) % window->burst];
    return count;
}

void window_clear(struct start_window *window)
{
    window->count = window->next = 0;
}

void window_done(struct start_window *window)
{
    free(window->starts);
    *window = (struct start_window){0};
}

/* ---- the wait ---- */

static coop_nsec grown(const struct restart_pace *pace, unsigned n)
{
    double factor;

    if (n == 0 || pace->steps == 0 || pace->delay == 0 || pace->max_delay == COOP_FOREVER ||
        pace->delay >= pace->max_delay)
        return pace->delay;
    if (n >= (unsigned)pace->steps)
        return pace->max_delay;
    factor = pow((double)pace->max_delay / (double)pace->delay, (double)n / pace->steps);
    return (coop_nsec)((double)pace->delay * factor);
}

coop_nsec backoff_delay(const struct restart_pace *pace, unsigned restarts, uint64_t random)
{
    bool first_now = pace->first == RESTART_FIRST_NOW;
    coop_nsec delay = 0, reach;
    double chance = (double)(random >> 11) / (double)(1ull << 53); /* [0, 1) */

    if (!first_now || restarts > 0)
        delay = grown(pace, restarts - (first_now ? 1 : 0));
    if (delay == COOP_FOREVER || pace->delay == COOP_FOREVER || pace->jitter == 0)
        return delay;
    reach = delay > pace->delay ? delay : pace->delay;
    return coop_after(delay, (coop_nsec)((double)reach * pace->jitter / 100 * chance));
}

coop_nsec backoff_steady_after(const struct restart_pace *pace, coop_nsec limit_interval)
{
    coop_nsec longest = grown(pace, (unsigned)pace->steps);

    return longest > limit_interval ? longest : limit_interval;
}
