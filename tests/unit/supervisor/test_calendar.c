/*
 * Calendar expressions: what is read, what is refused, and when the next moment is, in zones whose
 * clocks change.
 */
#include "config/calendar.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- times as text, so that a table can be read ---- */

static int64_t moment(const char *text)
{
    struct tm tm = {0};

    cr_assert_eq(sscanf(text, "%d-%d-%d %d:%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                        &tm.tm_hour, &tm.tm_min, &tm.tm_sec),
                 6, "%s", text);
    tm.tm_year -= 1900;
    tm.tm_mon--;
    return timegm(&tm);
}

static const char *text_of(int64_t at)
{
    static char text[32];
    time_t when = (time_t)at;
    struct tm tm;

    if (at < 0)
        return "never";
    gmtime_r(&when, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    return text;
}

static int64_t no_offset(void *arg, int64_t at)
{
    (void)arg;
    (void)at;
    return 0;
}

/* An hour ahead, and two from 2030-03-31 01:00 UTC until 2030-10-27 01:00 UTC. */
static int64_t summer_offset(void *arg, int64_t at)
{
    (void)arg;
    return at >= moment("2030-03-31 01:00:00") && at < moment("2030-10-27 01:00:00") ? 7200
                                                                                     : 3600;
}

static void expect(const char *expression, const char *after, const char *next,
                   calendar_offset *offset)
{
    struct calendar calendar;
    struct coop_err err = {0};
    int64_t found;

    cr_assert_eq(calendar_parse(&calendar, expression, &err), 0, "%s: %s", expression,
                 err.text);
    found = calendar_next(&calendar, moment(after), offset, NULL);
    cr_expect_str_eq(text_of(found), next, "%s after %s: %s instead of %s", expression, after,
                     text_of(found), next);
}

/* ---- what is meant ---- */

static const char *const meant[][3] = {
    /* clang-format off */
    {"minutely",                  "2030-05-05 10:00:00", "2030-05-05 10:01:00"},
    {"hourly",                    "2030-05-05 10:00:00", "2030-05-05 11:00:00"},
    {"Hourly",                    "2030-05-05 10:59:59", "2030-05-05 11:00:00"},
    {"daily",                     "2030-05-05 00:00:00", "2030-05-06 00:00:00"},
    {"daily",                     "2030-05-04 23:59:59", "2030-05-05 00:00:00"},
    {"weekly",                    "2030-05-05 10:00:00", "2030-05-06 00:00:00"},
    {"monthly",                   "2030-05-05 10:00:00", "2030-06-01 00:00:00"},
    {"quarterly",                 "2030-05-05 10:00:00", "2030-07-01 00:00:00"},
    {"semiannually",              "2030-08-05 10:00:00", "2031-01-01 00:00:00"},
    {"yearly",                    "2030-05-05 10:00:00", "2031-01-01 00:00:00"},
    {"annually",                  "2030-12-31 23:59:59", "2031-01-01 00:00:00"},
    {"06:30",                     "2030-05-05 06:30:00", "2030-05-06 06:30:00"},
    {"06:30:15",                  "2030-05-05 06:30:00", "2030-05-05 06:30:15"},
    {"*:0/10",                    "2030-05-05 06:51:00", "2030-05-05 07:00:00"},
    {"*:5/10",                    "2030-05-05 06:51:00", "2030-05-05 06:55:00"},
    {"*:*/7",                     "2030-05-05 06:57:00", "2030-05-05 07:00:00"},
    {"*:*:0/20",                  "2030-05-05 06:51:41", "2030-05-05 06:52:00"},
    {"8..17:00",                  "2030-05-05 17:00:00", "2030-05-06 08:00:00"},
    {"8..17/3:30",                "2030-05-05 09:00:00", "2030-05-05 11:30:00"},
    {"8,20:15,45",                "2030-05-05 08:15:00", "2030-05-05 08:45:00"},
    {"Mon",                       "2030-05-05 10:00:00", "2030-05-06 00:00:00"},
    {"sunday",                    "2030-05-05 10:00:00", "2030-05-12 00:00:00"},
    {"Mon..Fri 06:30",            "2030-05-03 10:00:00", "2030-05-06 06:30:00"},
    {"Sat..Mon 06:30",            "2030-05-03 10:00:00", "2030-05-04 06:30:00"},
    {"Sat..Mon 06:30",            "2030-05-06 06:30:00", "2030-05-11 06:30:00"},
    {"Tue,Thu..Fri 12:00",        "2030-05-07 12:00:00", "2030-05-09 12:00:00"},
    {"*-*-01 04:00:00",           "2030-05-05 10:00:00", "2030-06-01 04:00:00"},
    {"*-12-24",                   "2030-12-24 00:00:00", "2031-12-24 00:00:00"},
    {"12-24 18:00",               "2030-05-05 00:00:00", "2030-12-24 18:00:00"},
    {"2031-02-03 04:05:06",       "2030-05-05 00:00:00", "2031-02-03 04:05:06"},
    {"2031-02-03 04:05:06",       "2031-02-03 04:05:06", "never"},
    {"31-02-03",                  "2030-05-05 00:00:00", "2031-02-03 00:00:00"},
    {"2031..2033-02-03",          "2031-02-03 00:00:00", "2032-02-03 00:00:00"},
    {"*-*-31",                    "2030-05-31 00:00:00", "2030-07-31 00:00:00"},
    {"*-02-29",                   "2030-05-05 00:00:00", "2032-02-29 00:00:00"},
    {"Mon *-02-29",               "2030-05-05 00:00:00", "2044-02-29 00:00:00"},
    {"*-02-30",                   "2030-05-05 00:00:00", "never"},
    {"*-*~01",                    "2030-02-05 00:00:00", "2030-02-28 00:00:00"},
    {"*-02~03",                   "2032-02-05 00:00:00", "2032-02-27 00:00:00"},
    {"Fri *-*~1..7",              "2030-05-05 00:00:00", "2030-05-31 00:00:00"},
    {"Mon *-*-1..7 UTC",          "2030-05-05 00:00:00", "2030-05-06 00:00:00"},
    {"*-1/3-01",                  "2030-05-05 00:00:00", "2030-07-01 00:00:00"},
    {"  Mon   06:30  ",           "2030-05-05 00:00:00", "2030-05-06 06:30:00"},
    {"2199-12-31 23:59:59",       "2030-05-05 00:00:00", "2199-12-31 23:59:59"},
    /* clang-format on */
};

Test(calendar, what_is_written_is_meant)
{
    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++)
        expect(meant[i][0], meant[i][1], meant[i][2], no_offset);
}

/* ---- clocks that change: moments are UTC ---- */

static const char *const changing[][3] = {
    /* clang-format off */
    {"06:30",        "2030-03-30 10:00:00", "2030-03-31 04:30:00"}, /* from an hour ahead to two */
    {"06:30",        "2030-10-26 10:00:00", "2030-10-27 05:30:00"},
    {"02:30",        "2030-03-30 10:00:00", "2030-03-31 01:00:00"}, /* leapt over: at the leap */
    {"02:00",        "2030-03-30 10:00:00", "2030-03-31 01:00:00"},
    {"02:30",        "2030-03-31 00:59:59", "2030-03-31 01:00:00"},
    {"02:30",        "2030-03-31 01:00:00", "2030-04-01 00:30:00"},
    {"03:00",        "2030-03-30 10:00:00", "2030-03-31 01:00:00"},
    {"02:30",        "2030-10-26 10:00:00", "2030-10-27 00:30:00"}, /* shown twice: the first time */
    {"02:30",        "2030-10-27 00:30:00", "2030-10-28 01:30:00"},
    {"02:30",        "2030-10-27 01:10:00", "2030-10-28 01:30:00"}, /* asked in the second hour */
    {"03:00",        "2030-10-27 00:30:00", "2030-10-27 02:00:00"},
    {"*:30",         "2030-03-31 00:30:00", "2030-03-31 01:30:00"}, /* every hour: by the clock that runs */
    {"*:30",         "2030-10-27 00:30:00", "2030-10-27 01:30:00"},
    {"*:0/10",       "2030-10-27 00:50:00", "2030-10-27 01:00:00"},
    {"02:30 UTC",    "2030-03-31 00:00:00", "2030-03-31 02:30:00"},
    {"Sun 02:30",    "2030-03-30 10:00:00", "2030-03-31 01:00:00"},
    {"*-04-01",      "2030-01-01 00:00:00", "2030-03-31 22:00:00"},
    {"*-01-01",      "2030-01-01 00:00:00", "2030-12-31 23:00:00"},
    /* clang-format on */
};

Test(calendar, clocks_that_change)
{
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++)
        expect(changing[i][0], changing[i][1], changing[i][2], summer_offset);
}

/* Each moment comes once and after the one before, over a year of changes. */
Test(calendar, a_year_has_as_many_days_as_it_has)
{
    static const struct {
        const char *expression;
        int count;
    } rows[] = {{"02:30", 365}, {"*:30", 365 * 24}, {"Mon..Fri 02:15", 261}, {"2:0/30", 730}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t at = moment("2029-12-31 22:59:59"), end = moment("2030-12-31 22:59:59");
        struct calendar calendar;
        int count = -1;

        cr_assert_eq(calendar_parse(&calendar, rows[i].expression, NULL), 0);
        for (int64_t next = at; next <= end; count++) {
            next = calendar_next(&calendar, at, summer_offset, NULL);
            cr_assert_gt(next, at);
            at = next;
        }
        /* Two half hours that are leapt over come as one, at the leap. */
        cr_expect_eq(count, rows[i].count - (i == 3), "%s: %d", rows[i].expression, count);
    }
}

/* ---- what is refused, and in which words ---- */

static const char *const refused[][2] = {
    {"", "neither days nor a time"},
    {"dayly", "no day of the week"},
    {"25:00", "25 is no hour from 0 to 23"},
    {"12:60", "60 is no minute"},
    {"12:00:60", "60 is no second"},
    {"12:00:00.5", "no parts of a second"},
    {"12", "'12' is not understood"},
    {"*-13-01", "13 is no month"},
    {"*-00-01", "0 is no month"},
    {"*-12-32", "32 is no day"},
    {"1969-01-01", "1969 is no year from 1970 to 2199"},
    {"2200-01-01", "2200 is no year"},
    {"*-5..3-01", "ends before it begins"},
    {"*:0/0", "no step of a minute"},
    {"*:0/x", "no step of a minute"},
    {"*:", "is no minute"},
    {"Mon..", "no day of the week"},
    {"Mon,", "no day of the week"},
    {"Mon06:30", "behind the days"},
    {"06:30 Mon", "'Mon' is not understood"},
    {"06:30 07:30", "'07:30' is not understood"},
    {"06:30x", "'x' is not understood"},
    {"06:30 Europe/Berlin", "only UTC"},
    {"99999999999999999999:00", "is no hour"},
};

Test(calendar, what_is_not_understood_is_named)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct calendar calendar;
        struct coop_err err = {0};

        cr_expect_lt(calendar_parse(&calendar, refused[i][0], &err), 0, "%s", refused[i][0]);
        cr_expect(strstr(err.text, refused[i][1]) != NULL, "%s: %s", refused[i][0], err.text);
    }
}

Test(calendar, a_long_one_is_refused)
{
    struct calendar calendar;
    struct coop_err err = {0};
    char text[4096];

    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_expect_lt(calendar_parse(&calendar, text, &err), 0);
}
