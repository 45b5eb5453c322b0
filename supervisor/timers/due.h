#ifndef COOP_TIMERS_DUE_H
#define COOP_TIMERS_DUE_H

#include "config/timer_spec.h"

/*
 * due.h - from what a timer has seen to when it comes next
 *
 * Pure: no clock is read, nothing is written.
 *
 *     timer_due(spec, &past, &now, &due);
 *     if (timer_is_due(&due, &now)) {
 *         timer_comes(spec, &past, &now, random);      and its service is asked to start
 *
 * Wall times are ns since 1970, the others monotonic ns.
 */

/* What a timer remembers.  All but the last three outlive coopd. */
struct timer_past {
    int64_t seen;        /* wall: times of day until here are dealt with                */
    int64_t last;        /* wall: when it last came, 0: never                           */
    coop_nsec last_mono; /* the same                                                    */
    coop_nsec began;
    unsigned done;     /* bit (enum timer_base): has come, and comes once             */
    coop_nsec delay;   /* RandomizedDelaySec, drawn for the next time                 */
    coop_nsec started; /* when its service last left its rest, 0: not known           */
    coop_nsec rested;  /* when it came to rest; 0: it runs, or never did              */
};

struct timer_now {
    int64_t wall;
    coop_nsec mono, boot, startup;
    calendar_offset *offset;
};

struct timer_due {
    int64_t wall;   /* 0: none */
    coop_nsec mono; /* COOP_FOREVER: none */
};

void timer_due(const struct timer_spec *spec, const struct timer_past *past,
               const struct timer_now *now, struct timer_due *ret_due);

bool timer_is_due(const struct timer_due *due, const struct timer_now *now);

/* It has come.  'random' is for the next delay. */
void timer_comes(const struct timer_spec *spec, struct timer_past *past,
                 const struct timer_now *now, uint64_t random);

/* Somebody has set the wall clock by so much.  Up to an hour is a correction: no time of day comes
 * twice or is lost by it.  More is another time: what was leapt over is not made good for, but with
 * Persistent=yes. */
void timer_clock_set(const struct timer_spec *spec, struct timer_past *past,
                     const struct timer_now *now, int64_t by);

/* The next time of either sort as wall time, for people; 0: none. */
int64_t timer_due_wall(const struct timer_due *due, const struct timer_now *now);

#endif
