#ifndef COOP_SERVICE_BACKOFF_H
#define COOP_SERVICE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "coop/time.h"

/*
 * backoff.h - may it start once more, and when?
 *
 * Pure: the caller owns the clock and the dice.  A sliding window over the last starts: within any
 * StartLimitIntervalSec there are at most StartLimitBurst of them.  The window counts starts,
 * not deaths, so how long a service was up does not matter (Supervisor's startsecs=0 loop).
 *
 *     struct start_window window = {0};
 *     if (!window_allows(&window, when_it_would_start, interval, burst))
 *         give_up();
    wait_for(backoff_delay(&pace, restarts_in_a_row, sys_random()));
 *     window_note(&window, now, burst);
 *
 * Memory    'burst' times, allocated at the first note; window_done frees.
 * Limits    burst <= START_BURST_MAX; 0 means no limit.
 * Source    Erlang/OTP's intensity and period; systemd's names, and its curve for RestartSteps=
 *           (systemd.service(5)).  The first restart at once and the jitter are ours.
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

/* The last starts in it, at most 'max', the oldest one first.  How many. */
unsigned window_last(const struct start_window *window, coop_nsec *ret_starts, unsigned max);

void window_clear(struct start_window *window);
void window_done(struct start_window *window);

/* RestartFirst=: how long a service that was up for a while waits for its first restart. */
enum restart_first { RESTART_FIRST_WAITS, RESTART_FIRST_NOW };

/* How long to wait before a restart, as written. */
struct restart_pace {
    coop_nsec delay;     /* RestartSec=                                          */
    coop_nsec max_delay; /* RestartMaxDelaySec=; COOP_FOREVER: it does not grow  */
    int steps;           /* RestartSteps=; 0: it does not grow                   */
    int first;           /* enum restart_first                                   */
    int jitter;          /* RestartJitter=, in percent of the delay              */
};

/* How long to wait before the next restart, after 'restarts' of them in a row; 'random' is any
 * number, all of its bits used.  COOP_FOREVER only when RestartSec= is that. */
coop_nsec backoff_delay(const struct restart_pace *pace, unsigned restarts, uint64_t random);

/* How long a service must have been up for its restarts in a row to count from 0 again. */
coop_nsec backoff_steady_after(const struct restart_pace *pace, coop_nsec limit_interval);

#endif
