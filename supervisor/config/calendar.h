#ifndef COOP_CONFIG_CALENDAR_H
#define COOP_CONFIG_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "coop/err.h"

/*
 * calendar.h - "Mon..Fri *-*-* 06:30": when is it next?
 *
 *     struct calendar calendar;
 *     if (calendar_parse(&calendar, "daily", err) < 0)
 *         return -1;
 *     next = calendar_next(&calendar, now, calendar_local_offset, NULL);
 *
 * The language is that of systemd.time(7): [WEEKDAYS] [DATE] [TIME] [UTC], or one word as hourly,
 * daily, weekly.  DATE is Y-M-D or M-D, TIME is H:M:S or H:M; each part is a star, or numbers and
 * ranges (1..5) with commas between, each with a step behind a slash; ~ instead of - before the
 * day counts from the end of the month.
 *
 * When clocks change, what a person means is kept, unlike with systemd:
 *
 *     put forward    a time that is leapt over comes at the moment of the leap
 *     put back       a time of day comes once, the first time; where the hour is a star (every
 *                    hour, every ten minutes) both hours count
 *
 * Time      Seconds since 1970.  A search takes microseconds, for a date as rare as a 29 February
 *           that is a Monday a hundred.
 * Errors    calendar_parse: what is wrong, with the words that are.  calendar_next: -1 when there
 *           is no such moment before the year 2200.
 * Threads   Pure, but for calendar_local_offset: localtime_r, with the zone of TZ or
 *           /etc/localtime.
 * Limits    Whole seconds; years 1970 to 2199; UTC or the machine's own zone, since the C library
 *           knows one at a time.
 * Source    systemd.time(7); Vixie cron for what people expect when clocks change.
 */

enum { CALENDAR_FIRST_YEAR = 1970, CALENDAR_YEARS = 230 };

/* Bit n stands for the number n; the year's for CALENDAR_FIRST_YEAR + n. */
struct calendar {
    uint64_t years[4];
    uint64_t minutes, seconds;
    uint32_t days; /* from 1 */
    uint32_t hours;
    uint16_t months;  /* from 1 */
    uint8_t weekdays; /* from Monday, 0 */
    bool from_end;    /* day 1 is the last one of the month */
    bool utc;
};

int calendar_parse(struct calendar *ret_calendar, const char *text, struct coop_err *err);

/* How many seconds local time is ahead of UTC at that moment. */
typedef int64_t calendar_offset(void *arg, int64_t moment);
calendar_offset calendar_local_offset;

/* The first moment after 'after' that is meant. */
int64_t calendar_next(const struct calendar *calendar, int64_t after, calendar_offset *offset,
                      void *arg);

#endif
