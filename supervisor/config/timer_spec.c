/*
 * timer_spec.c - the rows of [Timer], and building one (see timer_spec.h)
 */
#include "config/timer_spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "base/str.h"

/* ---- a list of calendar expressions ---- */

static int parse_calendar(const struct setting *row, const char *text, void *field,
                          struct coop_err *err)
{
    struct calendar_list *list = field;
    struct calendar_line line, *grown;

    if (calendar_parse(&line.calendar, text, err) < 0)
        return -1;
    line.text = strdup(text);
    grown = line.text ? reallocarray(list->items, list->count + 1, sizeof *grown) : NULL;
    if (!grown) {
        free(line.text);
        return coop_fail(err, COOP_E_LIMIT, "%s: no memory", row->key);
    }
    list->items = grown;
    list->items[list->count++] = line;
    return 0;
}

static void render_calendars(const struct setting *row, const void *field, struct buf *out)
{
    const struct calendar_list *list = field;

    (void)row;
    for (size_t i = 0; i < list->count; i++)
        buf_addf(out, "%s%s", i ? "\n" : "", list->items[i].text);
}

static void clear_calendars(void *field)
{
    struct calendar_list *list = field;

    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
    *list = (struct calendar_list){0};
}

static int copy_calendars(void *to, const void *from)
{
    const struct calendar_list *list = from;
    struct coop_err err = {0};
    const struct setting row = {.key = "OnCalendar"};

    for (size_t i = 0; i < list->count; i++)
        if (parse_calendar(&row, list->items[i].text, to, &err) < 0) {
            clear_calendars(to);
            return -ENOMEM;
        }
    return 0;
}

static const struct setting_type setting_calendars = {
    .metavar = "CALENDAR",
    .size = sizeof(struct calendar_list),
    .list = true,
    .parse = parse_calendar,
    .render = render_calendars,
    .clear = clear_calendars,
    .copy = copy_calendars,
    .samples = "daily *:0/10 *-*-01",
};

/* ---- rows ---- */

#define FIELD(name) .field = offsetof(struct timer_spec, name)

static const struct setting rows[] = {
    /* clang-format off */
    {"Unit", "Description", &setting_string, FIELD(description), .help = "What it is for, in a few words."},

    {"Timer", "OnCalendar", &setting_calendars, FIELD(calendars),
     .help = "When its service is started, in the language of systemd.time(7): hourly, daily, 'Mon..Fri 06:30', '*-*-01 04:00 UTC'. May stand several times. Without UTC the machine's own zone counts; what is leapt over when clocks are put forward comes at that moment, and what is shown twice when they are put back comes once, unless the hour is a star."},
    {"Timer", "OnActiveSec", &setting_duration, FIELD(after[TIMER_ACTIVE]),
     .help = "So long after the timer began, which is with coopd or with the reload that brought it."},
    {"Timer", "OnBootSec", &setting_duration, FIELD(after[TIMER_BOOT]),
     .help = "So long after the machine was booted, in a container after that was started; at once when that is past."},
    {"Timer", "OnStartupSec", &setting_duration, FIELD(after[TIMER_STARTUP]),
     .help = "So long after coopd was started."},
    {"Timer", "OnUnitActiveSec", &setting_duration, FIELD(after[TIMER_UNIT_ACTIVE]),
     .help = "So long after its service was last started, by anybody: again and again. It takes one of the others for the first time."},
    {"Timer", "OnUnitInactiveSec", &setting_duration, FIELD(after[TIMER_UNIT_INACTIVE]),
     .help = "So long after its service last came to rest."},
    {"Timer", "RandomizedDelaySec", &setting_duration, FIELD(random_delay), .fallback = "0",
     .help = "Up to so much is added by chance, each time anew, so that not all machines do it at once."},
    {"Timer", "FixedRandomDelay", &setting_bool, FIELD(fixed_delay), .fallback = "no",
     .help = "That delay is always the same for this timer on this machine."},
    {"Timer", "AccuracySec", &setting_duration, FIELD(accuracy), .fallback = "1min",
     .help = "How late it may be. Here it is in time, as far as the machine is."},
    {"Timer", "Persistent", &setting_bool, FIELD(persistent), .fallback = "no",
     .help = "Of OnCalendar=: what came while coopd did not run is made good for, once, when it runs again."},
    {"Timer", "Unit", &setting_string, FIELD(service),
     .help = "The service; by default the one with the timer's name."},

    {"Install", "WantedBy", &setting_words, FIELD(wanted_by),
     .help = "Of no effect: every timer in the configuration begins with coopd."},
    /* clang-format on */
};

const struct setting_table timer_settings = {rows, COOP_COUNT(rows)};

/* ---- building ---- */

struct builder {
    const struct raw_section *section;
    struct timer_spec *spec;
    raw_complain *complain;
    void *arg;
    int errors;
};

static void tell(struct builder *b, unsigned line, struct coop_err *err)
{
    coop_while(err, "%s:%u", b->section->file, line);
    b->complain(b->arg, err);
    b->errors++;
}

/* Keys of systemd's that are understood in one way only, or mean nothing here. */
static const struct {
    const char *key, *accepted; /* NULL: anything */
} others[] = {
    {"Documentation", NULL},     {"RemainAfterElapse", "yes"},
    {"WakeSystem", "no"},        {"OnClockChange", "no"},
    {"OnTimezoneChange", "no"},  {"Alias", NULL},
    {"DeferReactivation", "no"}, {"Also", NULL},
};

/* True: it needs no row. */
static bool is_other(const struct raw_key *key, struct coop_err *err)
{
    static const char *const alike[][2] = {{"yes", "true"}, {"no", "false"}};

    for (size_t i = 0; i < COOP_COUNT(others); i++) {
        const char *wanted = others[i].accepted;

        if (strcmp(key->key, others[i].key) != 0)
            continue;
        if (!wanted || strcmp(key->value, wanted) == 0 ||
            strcmp(key->value, alike[strcmp(wanted, "no") == 0][1]) == 0)
            return true;
        coop_fail(err, COOP_E_MISSING, "%s=%s is not supported", key->key, key->value);
        return true;
    }
    return false;
}

static bool was_given_before(const struct builder *b, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(b->section->keys[i].key, b->section->keys[at].key) == 0)
            return true;
    return false;
}

static void apply_key(struct builder *b, size_t at)
{
    const struct raw_key *key = &b->section->keys[at];
    const struct setting *row = setting_find(&timer_settings, key->section, key->key);
    struct coop_err err = {0};

    if (row && row->type == &setting_duration && was_given_before(b, at)) {
        coop_fail(&err, COOP_E_RANGE, "%s= stands there twice", key->key);
        coop_hint(&err, "two timers may start the same service: the other with Unit=");
    } else if (row) {
        setting_apply(row, b->spec, key->value, &err);
    } else if (!is_other(key, &err)) {
        settings_apply(&timer_settings, b->spec, key->section ? key->section : "Timer",
                       key->key, key->value, &err);
    }
    if (err.code != COOP_OK)
        tell(b, key->line, &err);
}

/* Who is to be started? */
static void name_service(struct builder *b)
{
    struct timer_spec *spec = b->spec;
    static const char ending[] = ".service";
    struct coop_err err = {0};

    if (!spec->service)
        spec->service = strdup(spec->name);
    else if (str_ends_with(spec->service, ending))
        spec->service[strlen(spec->service) - strlen(ending)] = '\0';
    if (spec->service)
        return;
    coop_fail(&err, COOP_E_LIMIT, "no memory for timer '%s'", spec->name);
    tell(b, b->section->line, &err);
}

static void check(struct builder *b)
{
    const struct timer_spec *spec = b->spec;
    bool has_any = spec->calendars.count > 0;
    struct coop_err err = {0};

    for (int i = 0; i < TIMER_BASES; i++)
        has_any = has_any || spec->after[i] > 0;
    if (has_any)
        return;
    coop_fail(&err, COOP_E_SYNTAX, "timer '%s' never comes: it has no time", spec->name);
    coop_hint(&err, "OnCalendar=daily, or OnBootSec=5min with OnUnitActiveSec=1h");
    tell(b, b->section->line, &err);
}

struct timer_spec *timer_build(const struct raw_section *section, raw_complain *complain,
                               void *arg)
{
    struct builder b = {.section = section, .complain = complain, .arg = arg};
    struct coop_err err = {0};

    b.spec = calloc(1, sizeof *b.spec);
    if (b.spec) {
        atomic_init(&b.spec->refs, 1);
        b.spec->name = strdup(section->name);
        b.spec->file = strdup(section->file);
        b.spec->line = section->line;
    }
    if (!b.spec || !b.spec->name || !b.spec->file ||
        settings_defaults(&timer_settings, b.spec, &err) < 0) {
        coop_fail(&err, COOP_E_LIMIT, "no memory for timer '%s'", section->name);
        tell(&b, section->line, &err);
    } else {
        for (size_t i = 0; i < section->count; i++)
            apply_key(&b, i);
        name_service(&b);
        if (b.errors == 0)
            check(&b);
    }
    if (b.errors == 0)
        return b.spec;
    timer_spec_unref(b.spec);
    return NULL;
}

struct timer_spec *timer_spec_ref(struct timer_spec *spec)
{
    atomic_fetch_add(&spec->refs, 1);
    return spec;
}

void timer_spec_unref(struct timer_spec *spec)
{
    if (!spec || atomic_fetch_sub(&spec->refs, 1) != 1)
        return;
    settings_done(&timer_settings, spec);
    free(spec->name);
    free(spec->file);
    free(spec);
}

bool timer_spec_equal(const struct timer_spec *a, const struct timer_spec *b)
{
    settings_for_each (row, &timer_settings)
        if (setting_differs(row, a, b))
            return false;
    return true;
}
