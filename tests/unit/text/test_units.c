/* Durations, sizes and points in time, both directions. */
#include "text/units.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/scope.h"
#include "base/sys.h"

#define SEC COOP_NSEC_PER_SEC

static const struct {
    const char *text;
    coop_nsec nsec; /* or -errno */
} durations[] = {
    /* clang-format off */
    {"0", 0}, {"90", 90 * SEC}, {"90s", 90 * SEC}, {"500ms", SEC / 2}, {"1min 30s", 90 * SEC},
    {"1min30s", 90 * SEC}, {"2h", 7200 * SEC}, {"1.5h", 5400 * SEC}, {"0.1s", SEC / 10},
    {"1 d", 86400 * SEC}, {"2 weeks", 14 * 86400 * SEC}, {"3us", 3000}, {"3\xc2\xb5s", 3000},
    {"7ns", 7}, {" 5s ", 5 * SEC}, {"infinity", COOP_FOREVER}, {"Infinity", COOP_FOREVER},
    {"0.000000001", 1}, {"0.00000000001", 0}, {"1m", 60 * SEC},
    {"", -EINVAL}, {"s", -EINVAL}, {"-1s", -EINVAL}, {"5x", -EINVAL}, {"5s 5", 10 * SEC},
    {"1.s", -EINVAL}, {".5s", -EINVAL}, {"5 infinity", -EINVAL}, {"1e3", -EINVAL},
    {"9223372036", 9223372036 * SEC}, {"9223372037", -ERANGE}, {"99999999999999999999", -ERANGE},
    {"9223372036854775807ns", -ERANGE}, {"9223372036854775806ns", INT64_MAX - 1},
    {"9223372036s 1h", -ERANGE},
    /* clang-format on */
};

Test(units, durations_parse_as_people_write_them)
{
    for (size_t i = 0; i < COOP_COUNT(durations); i++) {
        coop_nsec nsec = -42;
        int r = units_parse_duration(durations[i].text, &nsec);

        if (durations[i].nsec < 0)
            cr_expect(r == durations[i].nsec && nsec == -42, "'%s': %d", durations[i].text, r);
        else
            cr_expect(r == 0 && nsec == durations[i].nsec, "'%s': %d, %lld", durations[i].text,
                      r, (long long)nsec);
    }
}

static const struct {
    const char *text;
    int64_t bytes;
} sizes[] = {
    /* clang-format off */
    {"0", 0}, {"1", 1}, {"64K", 65536}, {"64k", 65536}, {"10M", 10 << 20}, {"1G", 1 << 30},
    {"1.5G", 3LL << 29}, {"2T", 2LL << 40}, {"512B", 512}, {"64KB", 65536}, {"64KiB", 65536},
    {"64 K", 65536}, {"infinity", INT64_MAX}, {"7E", 7LL << 60},
    {"", -EINVAL}, {"K", -EINVAL}, {"-1", -EINVAL}, {"5X", -EINVAL}, {"5KK", -EINVAL},
    {"5BB", -EINVAL}, {"1,5G", -EINVAL}, {"8E", -ERANGE}, {"9223372036854775807", -ERANGE},
    {"99999999999999999999K", -ERANGE},
    /* clang-format on */
};

Test(units, sizes_parse_as_people_write_them)
{
    for (size_t i = 0; i < COOP_COUNT(sizes); i++) {
        int64_t bytes = -42;
        int r = units_parse_size(sizes[i].text, &bytes);

        if (sizes[i].bytes < 0)
            cr_expect(r == sizes[i].bytes && bytes == -42, "'%s': %d", sizes[i].text, r);
        else
            cr_expect(r == 0 && bytes == sizes[i].bytes, "'%s': %d, %lld", sizes[i].text, r,
                      (long long)bytes);
    }
}

Test(units, what_is_rendered_parses_back_to_the_same)
{
    char text[UNITS_TEXT];

    for (int i = 0; i < 20000; i++) {
        int64_t value = (int64_t)(sys_random() >> (1 + i % 60)), back;

        cr_assert_eq(units_parse_duration(units_render_duration(value, text), &back), 0);
        cr_assert_eq(back, value, "%s", text);
        cr_assert_eq(units_parse_size(units_render_size(value, text), &back), 0);
        cr_assert_eq(back, value, "%s", text);
    }
}

Test(units, longest_duration_fits_its_array)
{
    char text[UNITS_TEXT];

    cr_assert_str_eq(units_render_duration(INT64_MAX - 1, text),
                     "15250w 1d 23h 47min 16s 854ms 775us 806ns");
}

Test(units, ages_show_two_units)
{
    char text[UNITS_TEXT];

    cr_expect_str_eq(units_render_age(0, text), "0s");
    cr_expect_str_eq(units_render_age(12 * COOP_NSEC_PER_MSEC + 7, text), "12ms");
    cr_expect_str_eq(units_render_age(12 * SEC + 7, text), "12s");
    cr_expect_str_eq(units_render_age(3661 * SEC, text), "1h 1min");
    cr_expect_str_eq(units_render_age(86400 * SEC + 5, text), "1d");
    cr_expect_str_eq(units_render_age(COOP_FOREVER, text), "infinity");
}

static const struct {
    const char *text, *shown; /* shown NULL: refused */
} times[] = {
    /* clang-format off */
    {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"},
    {"2026-11-23T03:23:45.123456Z", "2026-11-23T03:23:45.123Z"},
    {"2026-11-23 03:23:45+01:30", "2026-11-23T01:53:45.000Z"},
    {"2024-02-29T23:59:59-00:01", "2024-03-01T00:00:59.000Z"},
    {"2000-02-29T00:00:00z", "2000-02-29T00:00:00.000Z"},
    {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"},
    {"2023-02-29T00:00:00Z", NULL}, {"2100-02-29T00:00:00Z", NULL}, {"2026-13-01T00:00:00Z", NULL},
    {"2026-11-31T00:00:00Z", NULL}, {"2026-11-23T24:00:00Z", NULL}, {"2026-11-23T03:23:45", NULL},
    {"2026-11-23T03:23:45.Z", NULL}, {"2026-11-23", NULL}, {"26-11-23T03:23:45Z", NULL},
    {"2026-11-23T03:23:45Zx", NULL}, {"", NULL}, {"1970-01-01T00:00:00+01:00", NULL},
    /* clang-format on */
};

Test(units, points_in_time_are_rfc_3339)
{
    char text[UNITS_TEXT];

    for (size_t i = 0; i < COOP_COUNT(times); i++) {
        coop_nsec when = -42;
        int r = units_parse_time(times[i].text, &when);

        if (!times[i].shown)
            cr_expect(r < 0 && when == -42, "'%s': %d", times[i].text, r);
        else
            cr_expect(r == 0 && strcmp(units_render_time(when, text), times[i].shown) == 0,
                      "'%s': %d, %s", times[i].text, r, text);
    }
}
