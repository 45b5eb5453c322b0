#ifndef COOP_SERVICE_BACKOFF_H
#define COOP_SERVICE_BACKOFF_H

#include <stdbool.h>

#include "coop/time.h"

/*
 * backoff.h - may it start once more?
 *
 * Pure: the caller owns the clock.  A sliding window over the last starts: within any
 * StartLimitIntervalSec there are at most StartLimitBurst of them.  The window counts starts,
 * not deaths, so how long a service was up does not matter (Supervisor's startsecs=0 loop).
 *
 *     struct start_window window = {0};
 *     if (!window_allows(&window, when_it_would_start, interval, burst))
 *         give_up();
 *     window_note(&window, now, burst);
 *
 * Memory    'burst' times, allocated at the first note; window_done frees.
 * Limits    burst <= START_BURST_MAX; 0 means no limit.
 * Source    Erlang/OTP's intensity and period; systemd's names.
 */
enum { START_BURST_MAX = 1000 };

struct start_window {
    coop_nsec *starts; /* a ring of 'burst' times */
    unsigned burst, next, count;
};

/* Would a start at 'when' still be within the limit? */
bool window_allows(const struct start_window *window, coop_nsec when, coop_nsec interval,
                   unsigned burst);

/* Remembers a start.  0 or -ENOMEM, and then it is not counted. */
int window_note(struct start_window *window, coop_nsec when, unsigned burst);

void window_clear(struct start_window *window);
void window_done(struct start_window *window);

#endif
