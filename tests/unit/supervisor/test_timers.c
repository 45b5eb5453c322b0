/*
 * Timers without a clock: what a section says, when one comes, what it remembers.
 */
#include "base/scope.h"
#include "timers/due.h"
#include "timers/memory.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define S COOP_NSEC_PER_SEC
#define H (3600 * S)

/* ---- sections ---- */

static char told[512];

static void tell(void *arg, const struct coop_err *err)
{
    (void)arg;
    snprintf(told, sizeof told, "%s", err->text);
}

/* From "Key=value" words; the section of a timer 'web' at t.ini:1. */
static struct timer_spec *build(const char *const *lines, size_t count)
{
    struct raw_key keys[16];
    static char name[] = "web", file[] = "t.ini";
    struct raw_section section = {
        .kind = RAW_TIMER, .name = name, .file = file, .line = 1, .keys = keys};
    struct timer_spec *spec;

    cr_assert_leq(count, COOP_COUNT(keys));
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(lines[i], '=');

        keys[i] = (struct raw_key){.key = strndup(lines[i], (size_t)(equals - lines[i])),
                                   .value = strdup(equals + 1),
                                   .line = (unsigned)i + 2};
    }
    section.count = count;
    told[0] = '\0';
    spec = timer_build(&section, tell, NULL);
    for (size_t i = 0; i < count; i++) {
        free(keys[i].key);
        free(keys[i].value);
    }
    return spec;
}

#define BUILD(...)                                                                             \
    build((const char *[]){__VA_ARGS__}, COOP_COUNT(((const char *[]){__VA_ARGS__})))

Test(timers, a_section_names_its_service_or_shares_its_name)
{
    struct timer_spec *spec = BUILD("OnCalendar=daily", "Unit=backup.service");

    cr_assert(spec, "%s", told);
    cr_expect_str_eq(spec->service, "backup");
    timer_spec_unref(spec);
    spec = BUILD("OnBootSec=5min", "OnUnitActiveSec=1h", "Documentation=man:x",
                 "RemainAfterElapse=true");
    cr_assert(spec, "%s", told);
    cr_expect_str_eq(spec->service, "web");
    cr_expect_eq(spec->after[TIMER_BOOT], 300 * S);
    timer_spec_unref(spec);
}

Test(timers, what_is_wrong_is_named_with_its_line)
{
    static const struct {
        const char *lines[3];
        const char *says;
    } rows[] = {
        {{"OnCalendar=dayly"}, "t.ini:2: OnCalendar=dayly: 'dayly' is no day"},
        {{"Unit=x"}, "t.ini:1: timer 'web' never comes"},
        {{"OnBootSec=0"}, "never comes"},
        {{"OnBootSec=x"}, "t.ini:2: OnBootSec"},
        {{"OnBootSec=5", "OnBootSec=10"}, "t.ini:3: OnBootSec= stands there twice"},
        {{"OnBootSec=5", "WakeSystem=yes"}, "WakeSystem=yes is not supported"},
        {{"OnBootSec=5", "OnClockChange=yes"}, "OnClockChange=yes is not supported"},
        {{"OnBootSec=5", "OnBotSec=6"}, "t.ini:3: OnBotSec: no such key in [Timer]"},
        {{"OnBootSec=5", "Persistent=maybe"}, "Persistent"},
    };

    for (size_t i = 0; i < COOP_COUNT(rows); i++) {
        size_t count = 0;

        while (count < 3 && rows[i].lines[count])
            count++;
        cr_expect_null(build(rows[i].lines, count), "%s", rows[i].says);
        cr_expect(strstr(told, rows[i].says) != NULL, "'%s' instead of '%s'", told,
                  rows[i].says);
    }
}

/* ---- when it comes ---- */

static int64_t utc(void *arg, int64_t at)
{
    (void)arg;
    (void)at;
    return 0;
}

/* 1000 s after boot, on a day at noon. */
static const int64_t noon = INT64_C(1904126400) * S;

static struct timer_now now_at(coop_nsec mono)
{
    return (struct timer_now){.wall = noon + mono - 1000 * S,
                              .mono = mono,
                              .boot = 10 * S,
                              .startup = 900 * S,
                              .offset = utc};
}

static struct timer_due due_of(const struct timer_spec *spec, const struct timer_past *past,
                               const struct timer_now *now)
{
    struct timer_due due;

    timer_due(spec, past, now, &due);
    return due;
}

Test(timers, relative_times_count_from_what_they_say)
{
    static const struct {
        const char *line;
        coop_nsec due;
    } rows[] = {
        {"OnActiveSec=5", 955 * S},       {"OnBootSec=5", 15 * S},
        {"OnStartupSec=5", 905 * S},      {"OnUnitActiveSec=5", 965 * S},
        {"OnUnitInactiveSec=5", 975 * S},
    };
    struct timer_past past = {.began = 950 * S, .started = 960 * S, .rested = 970 * S};
    struct timer_now now = now_at(1000 * S);

    for (size_t i = 0; i < COOP_COUNT(rows); i++) {
        struct timer_spec *spec = build(&rows[i].line, 1);

        cr_assert(spec, "%s", told);
        cr_expect_eq(due_of(spec, &past, &now).mono, rows[i].due, "%s", rows[i].line);
        cr_expect_eq(due_of(spec, &past, &now).wall, 0);
        timer_spec_unref(spec);
    }
}

Test(timers, what_comes_once_comes_once)
{
    struct timer_spec *spec = BUILD("OnActiveSec=5", "OnBootSec=2000");
    struct timer_past past = {.began = 990 * S};
    struct timer_now now = now_at(1000 * S);
    struct timer_due due = due_of(spec, &past, &now);

    cr_expect(timer_is_due(&due, &now));
    timer_comes(spec, &past, &now, 0);
    due = due_of(spec, &past, &now);
    cr_expect_not(timer_is_due(&due, &now));
    cr_expect_eq(due.mono, 2010 * S, "the other one is still to come");
    now = now_at(2010 * S);
    timer_comes(spec, &past, &now, 0);
    cr_expect_eq(due_of(spec, &past, &now).mono, COOP_FOREVER);
    timer_spec_unref(spec);
}

Test(timers, after_its_service_means_after_the_later_of_both)
{
    struct timer_spec *spec = BUILD("OnUnitActiveSec=100");
    struct timer_past past = {.began = 990 * S};
    struct timer_now now = now_at(1000 * S);

    cr_expect_eq(due_of(spec, &past, &now).mono, COOP_FOREVER, "nothing to count from");
    past.started = 950 * S;
    cr_expect_eq(due_of(spec, &past, &now).mono, 1050 * S);
    now = now_at(1050 * S);
    timer_comes(spec, &past, &now, 0);
    cr_expect_eq(due_of(spec, &past, &now).mono, 1150 * S, "it runs still: no storm");
    timer_spec_unref(spec);
    spec = BUILD("OnUnitInactiveSec=100");
    past.rested = 0;
    cr_expect_eq(due_of(spec, &past, &now).mono, COOP_FOREVER, "it runs");
    timer_spec_unref(spec);
}

Test(timers, times_of_day_that_were_missed_come_once)
{
    struct timer_spec *spec = BUILD("OnCalendar=hourly");
    struct timer_past past = {.seen = noon - 5 * H};
    struct timer_now now = now_at(1000 * S);
    struct timer_due due = due_of(spec, &past, &now);

    cr_expect_eq(due.wall, noon - 4 * H);
    cr_expect(timer_is_due(&due, &now));
    timer_comes(spec, &past, &now, 0);
    due = due_of(spec, &past, &now);
    cr_expect_eq(due.wall, noon + H);
    timer_spec_unref(spec);
}

Test(timers, a_delay_by_chance_is_kept_until_it_has_come)
{
    struct timer_spec *spec =
        BUILD("OnCalendar=hourly", "RandomizedDelaySec=60", "OnActiveSec=1");
    struct timer_past past = {.seen = noon - S, .began = 995 * S, .delay = 30 * S};
    struct timer_now now = now_at(1010 * S);

    cr_expect_eq(due_of(spec, &past, &now).wall, noon + 30 * S);
    past.delay = 0;
    timer_comes(spec, &past, &now, 17 * (uint64_t)S);
    cr_expect_eq(past.delay, 17 * S);
    cr_expect_eq(past.seen, now.wall, "the hour has come, too");
    past = (struct timer_past){.seen = noon - S, .began = 950 * S, .delay = 50 * S};
    timer_comes(spec, &past, &now, 17 * (uint64_t)S);
    cr_expect_eq(past.seen, noon - S, "the hour is still to come");
    cr_expect_eq(due_of(spec, &past, &now).wall, noon + 17 * S);
    timer_spec_unref(spec);
}

Test(timers, a_clock_that_is_set)
{
    struct timer_spec *plain = BUILD("OnCalendar=hourly");
    struct timer_spec *persistent = BUILD("OnCalendar=hourly", "Persistent=yes");
    const struct {
        struct timer_spec *spec;
        int64_t by, next;
        const char *what;
    } rows[] = {
        {plain, -2 * S, H, "two seconds back: the hour does not come twice"},
        {plain, 2 * S, H, "two seconds on"},
        {plain, 1000 * H, 1001 * H, "another time: nothing is made good for"},
        {persistent, 1000 * H, H, "but with Persistent=yes"},
        {plain, -1000 * H, -999 * H, "back by weeks: it goes on"},
        {persistent, -1000 * H, -999 * H, "the same"},
    };

    for (size_t i = 0; i < COOP_COUNT(rows); i++) {
        struct timer_past past = {.seen = noon}; /* the hour has just come */
        struct timer_now now = now_at(1000 * S);

        now.wall += rows[i].by;
        timer_clock_set(rows[i].spec, &past, &now, rows[i].by);
        cr_expect_eq(due_of(rows[i].spec, &past, &now).wall, noon + rows[i].next, "%s",
                     rows[i].what);
    }
    timer_spec_unref(plain);
    timer_spec_unref(persistent);
}

/* ---- what it remembers ---- */

static char dir[] = "/tmp/coop-timers-XXXXXX";

static void make_dir(void)
{
    cr_assert(mkdtemp(dir));
}

static void remove_dir(void)
{
    char path[128];

    timer_memory_forget(dir, "web");
    snprintf(path, sizeof path, "%s/timers", dir);
    (void)rmdir(path); /* not every test made one */
    cr_expect_eq(rmdir(dir), 0);
}

TestSuite(memory, .init = make_dir, .fini = remove_dir);

Test(memory, it_is_read_as_it_was_written)
{
    const struct timer_past was = {.seen = 1, .last = 2, .last_mono = 3, .began = 4, .done = 5};
    struct timer_past past = {0};

    cr_expect_eq(timer_memory_read(dir, "web", "boot", &past), 0);
    cr_assert_eq(timer_memory_write(dir, "web", "boot", &was, NULL), 0);
    cr_expect_eq(timer_memory_read(dir, "web", "boot", &past), 1);
    cr_expect_eq(memcmp(&past, &was, sizeof was), 0);
    past = (struct timer_past){0};
    cr_expect_eq(timer_memory_read(dir, "web", "another-boot", &past), 1);
    cr_expect(past.seen == 1 && past.last == 2 && past.began == 0 && past.done == 0);
    timer_memory_forget(dir, "web");
    cr_expect_eq(timer_memory_read(dir, "web", "boot", &past), 0);
}

Test(memory, what_is_broken_is_as_if_it_were_not_there)
{
    static const char *const texts[] = {
        "",
        "T1",
        "T2 boot 1 2 3 4 5\n",
        "T1 boot 1 2 3 4\n",
        "T1 boot 1 2 3 -4 5\n",
        "\n\n\n",
        "T1 boot a b c d e\n",
    };
    struct timer_past past = {.seen = 7};
    char path[128];

    cr_assert_eq(timer_memory_write(dir, "web", "boot", &past, NULL), 0);
    snprintf(path, sizeof path, "%s/timers/web", dir);
    for (size_t i = 0; i < COOP_COUNT(texts); i++) {
        FILE *file = fopen(path, "w");

        cr_assert(file && fputs(texts[i], file) >= 0 && fclose(file) == 0);
        cr_expect_eq(timer_memory_read(dir, "web", "boot", &past), 0, "%s", texts[i]);
        cr_expect_eq(past.seen, 7);
    }
}

Test(memory, what_cannot_be_written_is_told)
{
    struct timer_past past = {0};
    struct coop_err err = {0};

    cr_expect_lt(timer_memory_write("/no/such/place", "web", "boot", &past, &err), 0);
    cr_expect(strstr(err.text, "/no/such/place/timers/web") != NULL, "%s", err.text);
}
