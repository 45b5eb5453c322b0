#ifndef COOP_TEXT_UNITS_H
#define COOP_TEXT_UNITS_H

#include <stdint.h>

#include "coop/time.h"

/*
 * units.h - durations, sizes and points in time, as people write them
 *
 *     "90"  "1min 30s"  "500ms"  "infinity"     durations, systemd's spelling; a bare number is
 *                                               seconds, a fraction is allowed ("1.5h")
 *     "64K" "10M" "1.5G" "infinity"             sizes, powers of 1024
 *     "2026-11-23T03:23:45Z"                    points in time, RFC 3339, written in UTC
 *
 * Units of time: ns us (or the micro sign) ms s sec second(s) m min minute(s) h hr hour(s)
 * d day(s) w week(s).  Units of size: B K M G T P, also with B or iB behind; case does not
 * count.
 *
 * Errors    0, -EINVAL (does not parse) or -ERANGE (too large).  Nothing is ever negative.
 * Memory    The renderers write into an array of UNITS_TEXT bytes and return it.  Rendering
 *           and parsing again gives the same value.
 */
#define UNITS_TEXT     64
#define UNITS_INFINITY INT64_MAX

int units_parse_duration(const char *text, coop_nsec *ret_duration);
int units_parse_size(const char *text, int64_t *ret_bytes);

/* Nanoseconds since 1970, from "YYYY-MM-DDTHH:MM:SS[.fraction](Z|+HH:MM|-HH:MM)". */
int units_parse_time(const char *text, coop_nsec *ret_realtime);

/* Exact: "1min 30s", "1h 500ms", "0", "infinity". */
const char *units_render_duration(coop_nsec duration, char ret_text[UNITS_TEXT]);

/* For tables: the two largest units only, "3d 4h", "12s"; never parsed again. */
const char *units_render_age(coop_nsec duration, char ret_text[UNITS_TEXT]);

/* Exact: "64M" where it divides evenly, else plain bytes; "infinity". */
const char *units_render_size(int64_t bytes, char ret_text[UNITS_TEXT]);

/* "2026-11-23T03:23:45.123Z" (milliseconds, cut). */
const char *units_render_time(coop_nsec realtime, char ret_text[UNITS_TEXT]);

#endif
