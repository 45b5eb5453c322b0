/*
 * setting_numbers.c - kinds of settings that are numbers or words out of a list (see setting.h)
 *
 * Each kind is parse and render.  Parsers answer with what they expected; setting_apply() puts
 * "Key=value: " in front.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "base/str.h"
#include "text/setting.h"
#include "text/signames.h"
#include "text/units.h"

/* ---- bool ---- */

static const char *const yes_words[] = {"yes", "y", "true", "t", "on", "1", NULL};
static const char *const no_words[] = {"no", "n", "false", "f", "off", "0", NULL};

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

static int parse_bool(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    (void)row;
    if (is_one_of(text, yes_words))
        *(bool *)field = true;
    else if (is_one_of(text, no_words))
        *(bool *)field = false;
    else
        return coop_fail(err, COOP_E_SYNTAX, "expected yes or no");
    return 0;
}

static void render_bool(const struct setting *row, const void *field, struct buf *out)
{
    (void)row;
    buf_add_text(out, *(const bool *)field ? "yes" : "no");
}

/* ---- numbers, sizes, durations ---- */

typedef const char *amount_fn(int64_t amount, char ret_text[UNITS_TEXT]);

static const char *render_number(int64_t number, char ret_text[UNITS_TEXT])
{
    str_format(ret_text, UNITS_TEXT, "%" PRId64, number);
    return ret_text;
}

/* Is 'amount' within the row's bounds?  The message shows them in the unit of the value. */
static int within(const struct setting *row, int64_t amount, amount_fn *show,
                  struct coop_err *err)
{
    char min[UNITS_TEXT], max[UNITS_TEXT];

    if ((row->min == 0 && row->max == 0) || (amount >= row->min && amount <= row->max))
        return 0;
    show(row->min, min);
    if (row->max == INT64_MAX)
        return coop_fail(err, COOP_E_RANGE, "expected at least %s", min);
    return coop_fail(err, COOP_E_RANGE, "expected %s to %s", min, show(row->max, max));
}

static int parse_int64(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    long long number;

    if (row->max == INT64_MAX && strcasecmp(text, "infinity") == 0)
        number = INT64_MAX;
    else if (str_to_int(text, INT64_MIN, INT64_MAX, &number) < 0)
        return coop_fail(err, COOP_E_SYNTAX, "expected a whole number");
    if (within(row, number, render_number, err) < 0)
        return -1;
    *(int64_t *)field = number;
    return 0;
}

static void render_int64(const struct setting *row, const void *field, struct buf *out)
{
    int64_t number = *(const int64_t *)field;

    if (number == INT64_MAX && row->max == INT64_MAX)
        buf_add_text(out, "infinity");
    else
        buf_addf(out, "%" PRId64, number);
}

static int parse_int(const struct setting *row, const char *text, void *field,
                     struct coop_err *err)
{
    long long number;
    int r = str_to_int(text, INT32_MIN, INT32_MAX, &number);

    if (r < 0)
        return coop_fail(err, COOP_E_SYNTAX, "expected a whole number");
    if (within(row, number, render_number, err) < 0)
        return -1;
    *(int *)field = (int)number;
    return 0;
}

static void render_int(const struct setting *row, const void *field, struct buf *out)
{
    (void)row;
    buf_addf(out, "%d", *(const int *)field);
}

static int parse_bytes(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    int64_t bytes;
    int r = units_parse_size(text, &bytes);

    if (r == -ERANGE)
        return coop_fail(err, COOP_E_RANGE, "too large");
    if (r < 0)
        return coop_fail(err, COOP_E_SYNTAX,
                         "expected a size such as 512K, 64M, 1G or infinity");
    if (within(row, bytes, units_render_size, err) < 0)
        return -1;
    *(int64_t *)field = bytes;
    return 0;
}

static void render_bytes(const struct setting *row, const void *field, struct buf *out)
{
    char text[UNITS_TEXT];

    (void)row;
    buf_add_text(out, units_render_size(*(const int64_t *)field, text));
}

static int parse_duration(const struct setting *row, const char *text, void *field,
                          struct coop_err *err)
{
    coop_nsec duration;
    int r = units_parse_duration(text, &duration);

    if (r == -ERANGE)
        return coop_fail(err, COOP_E_RANGE, "too long");
    if (r < 0)
        return coop_fail(err, COOP_E_SYNTAX,
                         "expected a time such as 500ms, 5s, 1min 30s or infinity");
    if (within(row, duration, units_render_duration, err) < 0)
        return -1;
    *(coop_nsec *)field = duration;
    return 0;
}

static void render_duration(const struct setting *row, const void *field, struct buf *out)
{
    char text[UNITS_TEXT];

    (void)row;
    buf_add_text(out, units_render_duration(*(const coop_nsec *)field, text));
}

static int parse_mode(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    int64_t max = row->max ? row->max : 07777;
    long mode = 0;

    if (strspn(text, "01234567") != strlen(text) || strlen(text) > 6)
        return coop_fail(err, COOP_E_SYNTAX, "expected an octal mode such as 0755");
    mode = strtol(text, NULL, 8);
    if (mode > max)
        return coop_fail(err, COOP_E_RANGE, "expected at most %04llo", (unsigned long long)max);
    *(mode_t *)field = (mode_t)mode;
    return 0;
}

static void render_mode(const struct setting *row, const void *field, struct buf *out)
{
    (void)row;
    buf_addf(out, "%04o", (unsigned)*(const mode_t *)field);
}

/* ---- words ---- */

static int hint_words(const struct setting *row, struct coop_err *err)
{
    struct buf all = BUF_INIT((size_t)200);

    for (int i = 0; row->names[i]; i++)
        buf_addf(&all, "%s%s", i ? ", " : "", row->names[i]);
    coop_hint(err, "%s can be: %s", row->key, buf_text(&all));
    buf_done(&all);
    return -1;
}

static int parse_enum(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    const char *near;

    for (int i = 0; row->names[i]; i++) {
        if (strcmp(text, row->names[i]) == 0) {
            *(int *)field = i;
            return 0;
        }
    }
    near = str_nearest(text, row->names);
    coop_fail(err, COOP_E_RANGE, "not one of its words");
    if (near)
        return coop_hint(err, "did you mean %s?", near);
    return hint_words(row, err);
}

static void render_enum(const struct setting *row, const void *field, struct buf *out)
{
    buf_add_text(out, row->names[*(const int *)field]);
}

static int parse_signal(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    int signo = signame_parse(text);

    (void)row;
    if (signo < 0)
        return coop_fail(err, COOP_E_SYNTAX,
                         "expected a signal such as SIGTERM, TERM, 15 or RTMIN+3");
    *(int *)field = signo;
    return 0;
}

static void render_signal(const struct setting *row, const void *field, struct buf *out)
{
    char name[SIGNAME_TEXT];

    (void)row;
    if (*(const int *)field)
        buf_add_text(out, signame_render(*(const int *)field, name));
}

/* ---- the kinds ---- */

/* clang-format off */
const struct setting_type setting_bool = {
    .metavar = "BOOL", .size = sizeof(bool), .parse = parse_bool, .render = render_bool,
    .samples = "yes no true off 1"};
const struct setting_type setting_int = {
    .metavar = "NUMBER", .size = sizeof(int), .parse = parse_int, .render = render_int,
    .samples = "0 1 -1 2147483647"};
const struct setting_type setting_int64 = {
    .metavar = "NUMBER", .size = sizeof(int64_t), .parse = parse_int64, .render = render_int64,
    .samples = "0 1 infinity 9223372036854775807"};
const struct setting_type setting_bytes = {
    .metavar = "SIZE", .size = sizeof(int64_t), .parse = parse_bytes, .render = render_bytes,
    .samples = "64K 10M 1.5G infinity"};
const struct setting_type setting_duration = {
    .metavar = "TIME", .size = sizeof(coop_nsec), .parse = parse_duration,
    .render = render_duration, .samples = "500ms 5s 2h 90 infinity"};
const struct setting_type setting_enum = {
    .metavar = "WORD", .size = sizeof(int), .parse = parse_enum, .render = render_enum};
const struct setting_type setting_signal = {
    .metavar = "SIGNAL", .size = sizeof(int), .parse = parse_signal, .render = render_signal,
    .samples = "SIGTERM KILL 15 RTMIN+3"};
const struct setting_type setting_mode = {
    .metavar = "MODE", .size = sizeof(mode_t), .parse = parse_mode, .render = render_mode,
    .samples = "0700 755 7777"};
/* clang-format on */
