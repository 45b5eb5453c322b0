/*
 * units.c - durations, sizes and points in time (see units.h)
 *
 * Numbers may have a fraction ("1.5h"), and floating point would round 0.1s to something else;
 * so a number is kept as whole part and billionths, and multiplied in 128 bits.
 */
#include "text/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/scope.h"

#define BILLION INT64_C(1000000000)
#define MINUTE  (60 * COOP_NSEC_PER_SEC)
#define HOUR    (60 * MINUTE)
#define DAY     (24 * HOUR)
#define WEEK    (7 * DAY)

/* ---- types and tables ---- */

__extension__ typedef __int128 wide; /* whole * unit may need more than 64 bits */

struct number {
    int64_t whole, billionths;
};

static const struct time_unit {
    const char *name;
    coop_nsec length;
} time_units[] = {
    /* clang-format off */
    {"ns", 1}, {"nsec", 1},
    {"us", COOP_NSEC_PER_USEC}, {"usec", COOP_NSEC_PER_USEC},
    {"\xc2\xb5s", COOP_NSEC_PER_USEC}, {"\xce\xbcs", COOP_NSEC_PER_USEC},
    {"ms", COOP_NSEC_PER_MSEC}, {"msec", COOP_NSEC_PER_MSEC},
    {"s", COOP_NSEC_PER_SEC}, {"sec", COOP_NSEC_PER_SEC},
    {"second", COOP_NSEC_PER_SEC}, {"seconds", COOP_NSEC_PER_SEC},
    {"m", MINUTE}, {"min", MINUTE}, {"minute", MINUTE}, {"minutes", MINUTE},
    {"h", HOUR}, {"hr", HOUR}, {"hour", HOUR}, {"hours", HOUR},
    {"d", DAY}, {"day", DAY}, {"days", DAY},
    {"w", WEEK}, {"week", WEEK}, {"weeks", WEEK},
    /* clang-format on */
};

/* What is written, largest first; the names are read back by the table above. */
static const struct time_unit shown_units[] = {
    {"w", WEEK},
    {"d", DAY},
    {"h", HOUR},
    {"min", MINUTE},
    {"s", COOP_NSEC_PER_SEC},
    {"ms", COOP_NSEC_PER_MSEC},
    {"us", COOP_NSEC_PER_USEC},
    {"ns", 1},
};

static const char size_letters[] = "BKMGTPE";

/* ---- helpers ---- */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* Digits, with a fraction of at most nine. Moves '*at' behind them. */
static int read_number(const char **at, struct number *ret)
{
    struct number n = {0};
    int64_t worth = BILLION / 10;

    if (!isdigit((unsigned char)**at))
        return -EINVAL;
    for (; isdigit((unsigned char)**at); ++*at) {
        if (__builtin_mul_overflow(n.whole, 10, &n.whole) ||
            __builtin_add_overflow(n.whole, **at - '0', &n.whole))
            return -ERANGE;
    }
    if (**at == '.') {
        ++*at;
        if (!isdigit((unsigned char)**at))
            return -EINVAL;
        for (; isdigit((unsigned char)**at); ++*at, worth /= 10)
            n.billionths += worth * (**at - '0');
    }
    *ret = n;
    return 0;
}

/* n * unit, cut to a whole number, added to '*sum'. UNITS_INFINITY itself is out of range: that
 * number means something else. */
static int add_scaled(int64_t *sum, struct number n, int64_t unit)
{
    wide value = (wide)n.whole * unit + (wide)n.billionths * unit / BILLION + *sum;

    if (value >= INT64_MAX)
        return -ERANGE;
    *sum = (int64_t)value;
    return 0;
}

static int find_time_unit(const char **at, coop_nsec *ret_length)
{
    size_t len = 0;

    while (isalpha((unsigned char)(*at)[len]) || (unsigned char)(*at)[len] >= 0x80)
        len++;
    if (len == 0) {
        *ret_length = COOP_NSEC_PER_SEC;
        return 0;
    }
    for (size_t i = 0; i < COOP_COUNT(time_units); i++) {
        if (strlen(time_units[i].name) == len && strncmp(time_units[i].name, *at, len) == 0) {
            *ret_length = time_units[i].length;
            *at += len;
            return 0;
        }
    }
    return -EINVAL;
}

static bool is_infinity(const char *text)
{
    return strcasecmp(text, "infinity") == 0;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, after Howard Hinnant's
 * days_from_civil: years begin in March, so the leap day is the last one. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, year_of_era = y % 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - 719468;
}

static void date_of(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
    int64_t z = days + 719468;
    int64_t era = z / 146097, doe = z % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    *ret_day = doy - (153 * mp + 2) / 5 + 1;
    *ret_month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = yoe + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

/* Exactly 'digits' digits, a number in [min, max], followed by 'then' (0: anything). */
static int read_field(const char **at, int digits, int min, int max, char then, int *ret)
{
    int number = 0;

    for (int i = 0; i < digits; i++, ++*at) {
        if (!isdigit((unsigned char)**at))
            return -EINVAL;
        number = number * 10 + (**at - '0');
    }
    if (number < min || number > max || (then && **at != then))
        return -EINVAL;
    if (then)
        ++*at;
    *ret = number;
    return 0;
}

static int read_zone(const char *at, coop_nsec *ret_ahead)
{
    int hours, minutes, sign = *at == '-' ? -1 : 1;

    if ((*at == 'Z' || *at == 'z') && !at[1]) {
        *ret_ahead = 0;
        return 0;
    }
    if (*at != '+' && *at != '-')
        return -EINVAL;
    at++;
    if (read_field(&at, 2, 0, 23, ':', &hours) < 0 ||
        read_field(&at, 2, 0, 59, '\0', &minutes) < 0 || *at)
        return -EINVAL;
    *ret_ahead = sign * (hours * HOUR + minutes * MINUTE);
    return 0;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static const char *render_parts(coop_nsec duration, size_t parts, char ret_text[UNITS_TEXT])
{
    size_t used = 0;

    for (size_t i = 0; i < COOP_COUNT(shown_units) && parts > 0; i++) {
        int64_t count = duration / shown_units[i].length;

        if (!count)
            continue;
        used += (size_t)snprintf(ret_text + used, UNITS_TEXT - used, "%s%" PRId64 "%s",
                                 used ? " " : "", count, shown_units[i].name);
        duration %= shown_units[i].length;
        parts--;
    }
    return ret_text;
}

/* ---- the public calls ---- */

int units_parse_duration(const char *text, coop_nsec *ret_duration)
{
    const char *at = skip_blanks(text);
    coop_nsec sum = 0;

    if (is_infinity(at)) {
        *ret_duration = COOP_FOREVER;
        return 0;
    }
    do {
        struct number n;
        coop_nsec unit;
        int r = read_number(&at, &n);

        if (r < 0)
            return r;
        at = skip_blanks(at);
        if (find_time_unit(&at, &unit) < 0)
            return -EINVAL;
        if (add_scaled(&sum, n, unit) < 0)
            return -ERANGE;
        at = skip_blanks(at);
    } while (*at);
    *ret_duration = sum;
    return 0;
}

int units_parse_size(const char *text, int64_t *ret_bytes)
{
    const char *at = skip_blanks(text), *letter = size_letters;
    struct number n;
    int64_t bytes = 0;
    int r;

    if (is_infinity(at)) {
        *ret_bytes = UNITS_INFINITY;
        return 0;
    }
    r = read_number(&at, &n);
    if (r < 0)
        return r;
    at = skip_blanks(at);
    if (*at) {
        letter = strchr(size_letters, toupper((unsigned char)*at));
        if (!letter)
            return -EINVAL;
        at++;
        if (letter != size_letters && (strcasecmp(at, "b") == 0 || strcasecmp(at, "ib") == 0))
            at += strlen(at);
        at = skip_blanks(at);
    }
    if (*at)
        return -EINVAL;
    r = add_scaled(&bytes, n, INT64_C(1) << (10 * (letter - size_letters)));
    if (r < 0)
        return r;
    *ret_bytes = bytes;
    return 0;
}

int units_parse_time(const char *text, coop_nsec *ret_realtime)
{
    int year, month, day, hour, minute, second;
    struct number fraction = {0};
    coop_nsec ahead, total = 0;
    const char *at = text;

    if (read_field(&at, 4, 1970, 2200, '-', &year) < 0 ||
        read_field(&at, 2, 1, 12, '-', &month) < 0 ||
        read_field(&at, 2, 1, month_days(year, month), '\0', &day) < 0)
        return -EINVAL;
    if (*at != 'T' && *at != 't' && *at != ' ')
        return -EINVAL;
    at++;
    if (read_field(&at, 2, 0, 23, ':', &hour) < 0 ||
        read_field(&at, 2, 0, 59, ':', &minute) < 0 ||
        read_field(&at, 2, 0, 60, '\0', &second) < 0)
        return -EINVAL;
    if (*at == '.') {
        at--; /* the last digit of the seconds: a whole part that is thrown away */
        if (read_number(&at, &fraction) < 0)
            return -EINVAL;
    }
    if (read_zone(at, &ahead) < 0)
        return -EINVAL;
    total = days_of(year, month, day) * DAY + hour * HOUR + minute * MINUTE +
            second * COOP_NSEC_PER_SEC + fraction.billionths - ahead;
    if (total < 0)
        return -ERANGE;
    *ret_realtime = total;
    return 0;
}

const char *units_render_duration(coop_nsec duration, char ret_text[UNITS_TEXT])
{
    if (duration == COOP_FOREVER)
        snprintf(ret_text, UNITS_TEXT, "infinity");
    else if (duration <= 0)
        snprintf(ret_text, UNITS_TEXT, "0");
    else
        render_parts(duration, COOP_COUNT(shown_units), ret_text);
    return ret_text;
}

const char *units_render_age(coop_nsec duration, char ret_text[UNITS_TEXT])
{
    if (duration == COOP_FOREVER)
        snprintf(ret_text, UNITS_TEXT, "infinity");
    else if (duration < COOP_NSEC_PER_MSEC)
        snprintf(ret_text, UNITS_TEXT, "0s");
    else if (duration < COOP_NSEC_PER_SEC)
        render_parts(duration, 1, ret_text);
    else
        render_parts(duration / COOP_NSEC_PER_SEC * COOP_NSEC_PER_SEC, 2, ret_text);
    return ret_text;
}

const char *units_render_size(int64_t bytes, char ret_text[UNITS_TEXT])
{
    size_t letter = 0;

    if (bytes == UNITS_INFINITY) {
        snprintf(ret_text, UNITS_TEXT, "infinity");
        return ret_text;
    }
    while (bytes && bytes % 1024 == 0 && size_letters[letter + 1]) {
        bytes /= 1024;
        letter++;
    }
    if (letter == 0)
        snprintf(ret_text, UNITS_TEXT, "%" PRId64, bytes);
    else
        snprintf(ret_text, UNITS_TEXT, "%" PRId64 "%c", bytes, size_letters[letter]);
    return ret_text;
}

const char *units_render_time(coop_nsec realtime, char ret_text[UNITS_TEXT])
{
    int64_t year, month, day, rest = realtime % DAY;

    date_of(realtime / DAY, &year, &month, &day);
    snprintf(ret_text, UNITS_TEXT,
             "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64 ":%02" PRId64
             ".%03" PRId64 "Z",
             year, month, day, rest / HOUR, rest / MINUTE % 60, rest / COOP_NSEC_PER_SEC % 60,
             rest / COOP_NSEC_PER_MSEC % 1000);
    return ret_text;
}
