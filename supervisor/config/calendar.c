/*
 * calendar.c - reading calendar expressions, and finding the next moment (see calendar.h)
 *
 * THE SEARCH is over clock time, the number that a wall clock shows written as if it were UTC: a
 * plain count, since midnight follows midnight after 86 400 seconds.  Moments and clock time differ
 * by the zone's offset, which is the same for months:
 *
 *     moments      ----------- after ------------|----------------->
 *     offset              +1 h               change         +2 h
 *     clock time   ------- 01:30 ------ 02:00 -> 03:00 ---- 03:30 -->
 *
 * So we search with the offset of now; when the moment found lies behind a change of the offset,
 * the search goes on there with the new one.  Days are walked one by one, months and years that
 * do not match are leapt over.
 */
#include "config/calendar.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/scope.h"
#include "base/str.h"

#define DAY   ((int64_t)86400)
#define NEVER ((int64_t)-1)

/* ---- reading: parts ---- */

/* A part of an expression: what it is called, and its numbers. */
struct part {
    const char *what;
    int min, max;
    uint64_t *bits; /* bit n is number first + n */
    int first;
};

static void set_bit(const struct part *part, int number)
{
    int at = number - part->first;

    part->bits[at / 64] |= UINT64_C(1) << at % 64;
}

static int read_number(const char **at, const struct part *part, int *ret_number,
                       struct coop_err *err)
{
    char *end;
    long number;

    if (!isdigit((unsigned char)**at))
        return coop_fail(err, COOP_E_SYNTAX, "'%s' is no %s", *at, part->what);
    number = strtol(*at, &end, 10);
    if (part->first == CALENDAR_FIRST_YEAR && number < 100) /* as in systemd: 24 is 2024 */
        number += number < 70 ? 2000 : 1900;
    if (number < part->min || number > part->max)
        return coop_fail(err, COOP_E_RANGE, "%ld is no %s from %d to %d", number, part->what,
                         part->min, part->max);
    *ret_number = (int)number;
    *at = end;
    return 0;
}

static int read_step(const char **at, const struct part *part, int *ret_step,
                     struct coop_err *err)
{
    char *end;
    long step;

    *ret_step = 0;
    if (**at != '/')
        return 0;
    step = isdigit((unsigned char)(*at)[1]) ? strtol(*at + 1, &end, 10) : 0;
    if (step < 1 || step > part->max)
        return coop_fail(err, COOP_E_RANGE, "'%s' is no step of a %s", *at, part->what);
    *ret_step = (int)step;
    *at = end;
    return 0;
}

/* "*", "5", "1..5", "0/10", "1..30/2" */
static int read_range(const char **at, const struct part *part, struct coop_err *err)
{
    int from = part->min, to = part->max, step;
    bool star = **at == '*';

    if (star)
        (*at)++;
    else if (read_number(at, part, &from, err) < 0)
        return -1;
    if (!star && strncmp(*at, "..", 2) == 0) {
        *at += 2;
        if (read_number(at, part, &to, err) < 0)
            return -1;
        if (to < from)
            return coop_fail(err, COOP_E_RANGE, "%d..%d: the range ends before it begins", from,
                             to);
    } else if (!star && **at != '/') {
        to = from;
    }
    if (read_step(at, part, &step, err) < 0)
        return -1;
    for (int n = from; n <= to; n += step ? step : 1)
        set_bit(part, n);
    return 0;
}

static int read_part(const char **at, const struct part *part, struct coop_err *err)
{
    if (read_range(at, part, err) < 0)
        return -1;
    while (**at == ',') {
        (*at)++;
        if (read_range(at, part, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- reading: weekdays ---- */

static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

enum { WEEK = 7, SHORT_NAME = 3 };

static int read_day(const char **at, int *ret_day, struct coop_err *err)
{
    size_t len = 0;

    while (isalpha((unsigned char)(*at)[len]))
        len++;
    for (int i = 0; i < WEEK; i++)
        if ((len == SHORT_NAME || len == strlen(day_names[i])) &&
            strncasecmp(*at, day_names[i], len) == 0) {
            *ret_day = i;
            *at += len;
            return 0;
        }
    return coop_fail(err, COOP_E_SYNTAX, "'%.*s' is no day of the week", (int)(len ? len : 1),
                     *at);
}

/* Mon..Fri,Sun; Sat..Mon goes over the end of the week */
static int read_weekdays(const char *word, uint8_t *ret_days, struct coop_err *err)
{
    int from, to;

    *ret_days = 0;
    do {
        if (read_day(&word, &from, err) < 0)
            return -1;
        to = from;
        if (strncmp(word, "..", 2) == 0 || *word == '-') {
            word += *word == '-' ? 1 : 2;
            if (read_day(&word, &to, err) < 0)
                return -1;
        }
        for (int i = from; i != to; i = (i + 1) % WEEK)
            *ret_days |= (uint8_t)(1u << i);
        *ret_days |= (uint8_t)(1u << to);
    } while (*word++ == ',');
    if (word[-1])
        return coop_fail(err, COOP_E_SYNTAX, "'%s' behind the days of the week", word - 1);
    return 0;
}

/* ---- reading: date and time ---- */

struct reading {
    struct calendar *calendar;
    uint64_t months, days, hours;
    bool has_date, has_time;
};

static int expect_end(const char *at, const char *word, struct coop_err *err)
{
    if (!*at)
        return 0;
    if (*at == '.' && at[1] != '.')
        return coop_fail(err, COOP_E_RANGE, "'%s': there are no parts of a second here", word);
    return coop_fail(err, COOP_E_SYNTAX, "'%s': '%s' is not understood", word, at);
}

static int count_of(const char *text, const char *set)
{
    int count = 0;

    for (; *text; text++)
        count += strchr(set, *text) != NULL;
    return count;
}

/* Y-M-D, M-D, and ~ before D */
static int read_date(struct reading *r, const char *word, struct coop_err *err)
{
    struct calendar *c = r->calendar;
    struct part year = {"year", CALENDAR_FIRST_YEAR, CALENDAR_FIRST_YEAR + CALENDAR_YEARS - 1,
                        c->years, CALENDAR_FIRST_YEAR};
    struct part month = {"month", 1, 12, &r->months, 0}, day = {"day", 1, 31, &r->days, 0};
    const char *at = word;

    if (count_of(word, "-~") > 1) {
        if (read_part(&at, &year, err) < 0)
            return -1;
        if (*at++ != '-')
            return coop_fail(err, COOP_E_SYNTAX, "'%s' is no date like 2030-12-24", word);
    } else {
        memset(c->years, 0xff, sizeof c->years);
    }
    if (read_part(&at, &month, err) < 0)
        return -1;
    c->from_end = *at == '~';
    if (*at != '-' && *at != '~')
        return coop_fail(err, COOP_E_SYNTAX, "'%s' is no date like 2030-12-24 or *-12-24",
                         word);
    at++;
    if (read_part(&at, &day, err) < 0)
        return -1;
    r->has_date = true;
    return expect_end(at, word, err);
}

/* H:M:S, H:M */
static int read_time(struct reading *r, const char *word, struct coop_err *err)
{
    struct calendar *c = r->calendar;
    struct part hour = {"hour", 0, 23, &r->hours, 0},
                minute = {"minute", 0, 59, &c->minutes, 0},
                second = {"second", 0, 59, &c->seconds, 0};
    const char *at = word;

    if (read_part(&at, &hour, err) < 0)
        return -1;
    if (*at++ != ':')
        return coop_fail(err, COOP_E_SYNTAX, "'%s' is no time like 06:30", word);
    if (read_part(&at, &minute, err) < 0)
        return -1;
    if (*at == ':') {
        at++;
        if (read_part(&at, &second, err) < 0)
            return -1;
    } else {
        c->seconds = 1;
    }
    r->has_time = true;
    return expect_end(at, word, err);
}

/* ---- reading: the whole ---- */

static const struct {
    const char *word, *meaning;
} words[] = {
    /* clang-format off */
    {"minutely",     "*-*-* *:*:00"},
    {"hourly",       "*-*-* *:00:00"},
    {"daily",        "*-*-* 00:00:00"},
    {"weekly",       "Mon *-*-* 00:00:00"},
    {"monthly",      "*-*-01 00:00:00"},
    {"quarterly",    "*-01,04,07,10-01 00:00:00"},
    {"semiannually", "*-01,07-01 00:00:00"},
    {"semi-annually", "*-01,07-01 00:00:00"},
    {"biannually",   "*-01,07-01 00:00:00"},
    {"bi-annually",  "*-01,07-01 00:00:00"},
    {"yearly",       "*-01-01 00:00:00"},
    {"annually",     "*-01-01 00:00:00"},
    /* clang-format on */
};

static const char *meaning_of(const char *text)
{
    for (size_t i = 0; i < COOP_COUNT(words); i++)
        if (strcasecmp(text, words[i].word) == 0)
            return words[i].meaning;
    return text;
}

static bool is_zone(const char *word)
{
    return strchr(word, '/') && isalpha((unsigned char)word[0]);
}

static int read_word(struct reading *r, const char *word, bool first, struct coop_err *err)
{
    if (strcasecmp(word, "UTC") == 0) {
        r->calendar->utc = true;
        return 0;
    }
    if (is_zone(word)) {
        coop_fail(err, COOP_E_RANGE, "'%s': only UTC and the machine's own zone are known here",
                  word);
        return coop_hint(err, "start coopd with TZ=%s, or write the time in UTC", word);
    }
    if (first && isalpha((unsigned char)word[0]))
        return read_weekdays(word, &r->calendar->weekdays, err);
    if (strchr(word, ':') && !r->has_time)
        return read_time(r, word, err);
    if (strpbrk(word, "-~") && !r->has_date && !r->has_time)
        return read_date(r, word, err);
    return coop_fail(err, COOP_E_SYNTAX, "'%s' is not understood", word);
}

/* What is not written is every day, at midnight. */
static void fill_up(struct reading *r)
{
    struct calendar *c = r->calendar;

    if (!r->has_date) {
        memset(c->years, 0xff, sizeof c->years);
        r->months = UINT64_C(0x1ffe);
        r->days = UINT64_C(0xfffffffe);
    }
    if (!r->has_time)
        r->hours = c->minutes = c->seconds = 1;
    if (!c->weekdays)
        c->weekdays = 0x7f;
    c->months = (uint16_t)r->months;
    c->days = (uint32_t)r->days;
    c->hours = (uint32_t)r->hours;
}

static int parse(struct calendar *calendar, char *text, struct coop_err *err)
{
    struct reading r = {.calendar = calendar};
    char *rest = text, *word;
    int count = 0;

    while ((word = strsep(&rest, " \t")) != NULL)
        if (*word && read_word(&r, word, count++ == 0, err) < 0)
            return -1;
    if (!r.has_date && !r.has_time && !calendar->weekdays)
        return coop_fail(err, COOP_E_SYNTAX, "neither days nor a time");
    fill_up(&r);
    return 0;
}

int calendar_parse(struct calendar *ret_calendar, const char *text, struct coop_err *err)
{
    char copy[256];

    *ret_calendar = (struct calendar){0};
    if (str_copy(copy, sizeof copy, meaning_of(text)) < 0)
        return coop_fail(err, COOP_E_LIMIT, "longer than %zu bytes", sizeof copy - 1);
    if (parse(ret_calendar, copy, err) == 0)
        return 0;
    coop_hint(err, "like daily, 'Mon..Fri 06:30', '*-*-01 04:00:00 UTC', '*:0/10'");
    return -1;
}

/* ---- searching in clock time ---- */

static bool has(uint64_t bits, int number)
{
    return bits >> number & 1;
}

/* The lowest number in 'bits' that is at least 'from'; -1: there is none. */
static int at_least(uint64_t bits, int from)
{
    uint64_t rest = from > 63 ? 0 : bits >> from << from;

    return rest ? __builtin_ctzll(rest) : -1;
}

static int days_of_month(const struct tm *tm)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = tm->tm_year + 1900;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[tm->tm_mon] + (tm->tm_mon == 1 && leap);
}

static bool has_year(const struct calendar *c, const struct tm *tm)
{
    int at = tm->tm_year + 1900 - CALENDAR_FIRST_YEAR;

    return has(c->years[at / 64], at % 64);
}

static bool has_day(const struct calendar *c, const struct tm *tm)
{
    int day = c->from_end ? days_of_month(tm) - tm->tm_mday + 1 : tm->tm_mday;

    return has(c->days, day) && has(c->weekdays, (tm->tm_wday + 6) % WEEK);
}

/* The second of the day that is meant, at or after 'from'; -1: not on this day any more. */
static int64_t time_of_day(const struct calendar *c, int from)
{
    int hour = from / 3600, minute = from / 60 % 60, second = from % 60, h, m, s;

    h = at_least(c->hours, hour);
    if (h != hour)
        minute = second = 0;
    if (h < 0)
        return -1;
    m = at_least(c->minutes, minute);
    if (m != minute)
        second = 0;
    s = m < 0 ? -1 : at_least(c->seconds, second);
    if (m >= 0 && s < 0) { /* the next minute that is meant, if there is one in this hour */
        m = at_least(c->minutes, m + 1);
        s = at_least(c->seconds, 0);
    }
    if (m < 0) {
        h = at_least(c->hours, h + 1);
        m = at_least(c->minutes, 0);
        s = at_least(c->seconds, 0);
    }
    return h < 0 ? -1 : (int64_t)h * 3600 + m * 60 + s;
}

/* The first clock time at or after 'clock' that is meant. */
static int64_t next_clock(const struct calendar *c, int64_t clock)
{
    int64_t day = clock / DAY * DAY, found;
    int from = (int)(clock - day);
    time_t moment;
    struct tm tm;

    for (;; day += DAY, from = 0) {
        moment = (time_t)day;
        if (!gmtime_r(&moment, &tm) ||
            tm.tm_year + 1900 >= CALENDAR_FIRST_YEAR + CALENDAR_YEARS)
            return NEVER;
        if (!has_year(c, &tm))
            day += (int64_t)(days_of_month(&tm) - tm.tm_mday) * DAY;
        else if (!has(c->months, tm.tm_mon + 1))
            day += (int64_t)(days_of_month(&tm) - tm.tm_mday) * DAY;
        else if (has_day(c, &tm) && (found = time_of_day(c, from)) >= 0)
            return day + found;
    }
}

/* ---- searching in moments ---- */

int64_t calendar_local_offset(void *arg, int64_t moment)
{
    time_t at = (time_t)moment;
    struct tm tm;

    (void)arg;
    return localtime_r(&at, &tm) ? tm.tm_gmtoff : 0;
}

/* The first moment in (from, to] with another offset than 'from' has; 'to' has another one, or a
 * change there and back lies between, which no zone has within a day. */
static int64_t find_change(int64_t from, int64_t to, calendar_offset *offset, void *arg)
{
    int64_t before = offset(arg, from);

    while (to - from > 1) {
        int64_t middle = from + (to - from) / 2;

        if (offset(arg, middle) == before)
            from = middle;
        else
            to = middle;
    }
    return to;
}

/* The first change of the offset in (from, to]; NEVER: there is none. */
static int64_t first_change(int64_t from, int64_t to, calendar_offset *offset, void *arg)
{
    int64_t now = offset(arg, from);

    for (int64_t at = from; at < to;) {
        int64_t next = to - at > DAY ? at + DAY : to;

        if (offset(arg, next) != now)
            return find_change(at, next, offset, arg);
        at = next;
    }
    return NEVER;
}

static bool is_every_hour(const struct calendar *c)
{
    return c->hours == 0xffffff;
}

/* Until when clock times have been met already, because clocks were put back a short time ago. */
static int64_t met_before(int64_t moment, calendar_offset *offset, void *arg)
{
    int64_t change = first_change(moment - DAY, moment, offset, arg);
    int64_t before = offset(arg, moment - DAY);

    return change != NEVER && offset(arg, change) < before ? change + before : 0;
}

int64_t calendar_next(const struct calendar *c, int64_t after, calendar_offset *offset,
                      void *arg)
{
    int64_t from = after, first = after + 1; /* the offset is that of 'from' */
    int64_t zone, clock, change, met;

    if (c->utc)
        return next_clock(c, first);
    met = is_every_hour(c) ? 0 : met_before(after, offset, arg);
    for (;;) {
        zone = offset(arg, from);
        clock = next_clock(c, first + zone > met ? first + zone : met);
        if (clock == NEVER)
            return NEVER;
        change = first_change(from, clock - zone, offset, arg);
        if (change == NEVER)
            return clock - zone;
        if (!is_every_hour(c)) {
            if (clock < change + offset(arg, change))
                return change; /* leapt over */
            met = change + zone;
        }
        from = first = change;
    }
}
