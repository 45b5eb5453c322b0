/*
 * backoff.c - the sliding window of starts (see backoff.h)
 *
 * Only the oldest of the last 'burst' starts matters: if that one is still inside the interval
 * at 'when', the window is full.
 *
 *      burst = 3, interval = 10 s        starts at   1   4   9
 *      a start at 10: 1 is inside  -> no             |-------|..10
 *      a start at 11.1: 1 is out   -> yes                |---|....11.1
 */
#include "service/backoff.h"

#include <errno.h>
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

void window_clear(struct start_window *window)
{
    window->count = window->next = 0;
}

void window_done(struct start_window *window)
{
    free(window->starts);
    *window = (struct start_window){0};
}
