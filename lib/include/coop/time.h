#ifndef COOP_TIME_H
#define COOP_TIME_H

#include <stdint.h>

/*
 * time.h - the one unit of time
 *
 * Every time in coop is a coop_nsec: nanoseconds.  A point in time ("deadline", "since") is
 * counted on the monotonic clock; a length of time ("delay", "timeout") is a difference of two.
 * No other unit crosses a function.  Wall-clock time appears only where a person reads it.
 *
 *     coop_nsec deadline = coop_after(coop_now(), 5 * COOP_NSEC_PER_SEC);
 *
 * Time      Nanoseconds of CLOCK_MONOTONIC, which stands still while the machine is suspended.
 * Errors    None.
 * Threads   Any, and signal handlers: values only.
 * Memory    None.
 * Misuse    A negative deadline is past.  A length of time given as a deadline is a point soon
 *           after boot, so it is past, too: add it to coop_now().
 * Limits    292 years after boot; beyond, coop_after() gives COOP_FOREVER.
 * Source    Linux's ktime_t; Go's time.Duration for the constants.
 */
typedef int64_t coop_nsec;

#define COOP_NSEC_PER_SEC  INT64_C(1000000000)
#define COOP_NSEC_PER_MSEC INT64_C(1000000)
#define COOP_NSEC_PER_USEC INT64_C(1000)

/* As a deadline: never expires. */
#define COOP_FOREVER INT64_MAX
/* As a deadline: do not wait at all; a call that would wait returns -EAGAIN instead. */
#define COOP_NOW INT64_C(0)

/* The deadline 'delay' after 'now'.  Saturates: a huge delay is COOP_FOREVER, never the past.
 */
static inline coop_nsec coop_after(coop_nsec now, coop_nsec delay)
{
    coop_nsec sum;

    if (__builtin_add_overflow(now, delay, &sum))
        return delay > 0 ? COOP_FOREVER : 1;
    return sum;
}

#endif
