/*
 * setting_kinds.c - how the values that only sandboxes have are read and shown
 */
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "launcher/caps_text.h"
#include "launcher/launch.h"
#include "launcher/mount_words.h"
#include "text/units.h"
#include "text/words.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers that may be left alone ---- */

static int parse_number(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    struct launch_number *number = field;
    long long value;

    if (str_to_int(text, row->min, row->max, &value) < 0)
        return coop_fail(err, COOP_E_RANGE, "expected a number from %" PRId64 " to %" PRId64,
                         row->min, row->max);
    *number = (struct launch_number){true, (int)value};
    return 0;
}

static void render_number(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_number *number = field;

    (void)row;
    if (number->set)
        buf_addf(out, "%d", number->value);
}

const struct setting_type kind_number = {
    .metavar = "NUMBER",
    .size = sizeof(struct launch_number),
    .parse = parse_number,
    .render = render_number,
    .samples = "0 -5 10",
};

/* ---- how far a clock is shifted ---- */

static int parse_offset(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    bool back = text[0] == '-';
    coop_nsec duration;

    (void)row;
    if (units_parse_duration(text + (back || text[0] == '+'), &duration) < 0 ||
        duration == COOP_FOREVER)
        return coop_fail(err, COOP_E_SYNTAX, "expected a duration, with a '-' in front: back");
    *(coop_nsec *)field = back ? -duration : duration;
    return 0;
}

static void render_offset(const struct setting *row, const void *field, struct buf *out)
{
    coop_nsec offset = *(const coop_nsec *)field;
    char text[UNITS_TEXT];

    (void)row;
    if (offset)
        buf_addf(out, "%s%s", offset < 0 ? "-" : "",
                 units_render_duration(offset < 0 ? -offset : offset, text));
}

const struct setting_type kind_offset = {
    .metavar = "OFFSET",
    .size = sizeof(coop_nsec),
    .parse = parse_offset,
    .render = render_offset,
    .samples = "1d -30s +500ms",
};

static int parse_mode(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    struct launch_number *number = field;
    int value = 0;

    (void)row;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '7' || c - text > 4)
            return coop_fail(err, COOP_E_SYNTAX, "expected an octal number like 0022");
        value = value * 8 + (*c - '0');
    }
    if (value > 0777)
        return coop_fail(err, COOP_E_RANGE, "expected at most 0777");
    *number = (struct launch_number){true, value};
    return 0;
}

static void render_mode(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_number *number = field;

    (void)row;
    if (number->set)
        buf_addf(out, "%04o", (unsigned)number->value);
}

const struct setting_type kind_mode = {
    .metavar = "MODE",
    .size = sizeof(struct launch_number),
    .parse = parse_mode,
    .render = render_mode,
    .samples = "0022 0077 0",
};

/* ---- resource limits: "SOFT", "SOFT:HARD", "infinity"; sizes where the row says so ---- */

static int parse_bound(const struct setting *row, const char *text, uint64_t *ret_bound,
                       struct coop_err *err)
{
    int64_t size;
    long long number;

    if (strcmp(text, "infinity") == 0) {
        *ret_bound = UINT64_MAX;
        return 0;
    }
    if (row->max && units_parse_size(text, &size) >= 0) {
        *ret_bound = size == UNITS_INFINITY ? UINT64_MAX : (uint64_t)size;
        return 0;
    }
    if (!row->max && str_to_int(text, 0, INT64_MAX, &number) >= 0) {
        *ret_bound = (uint64_t)number;
        return 0;
    }
    return coop_fail(err, COOP_E_SYNTAX, "expected %s, 'infinity', or SOFT:HARD",
                     row->max ? "a size" : "a number");
}

static int parse_limit(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    struct launch_limit limit = {.set = true};
    size_t len = strcspn(text, ":");
    char soft[64];

    if (len >= sizeof soft)
        return coop_fail(err, COOP_E_SYNTAX, "too long for a limit");
    str_format(soft, sizeof soft, "%.*s", (int)len, text);
    if (parse_bound(row, soft, &limit.soft, err) < 0)
        return -1;
    limit.hard = limit.soft;
    if (text[len] && parse_bound(row, text + len + 1, &limit.hard, err) < 0)
        return -1;
    if (limit.soft > limit.hard)
        return coop_fail(err, COOP_E_RANGE, "the soft limit is above the hard one");
    *(struct launch_limit *)field = limit;
    return 0;
}

static void render_bound(uint64_t bound, struct buf *out)
{
    if (bound == UINT64_MAX)
        buf_add_text(out, "infinity");
    else
        buf_addf(out, "%" PRIu64, bound);
}

static void render_limit(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_limit *limit = field;

    (void)row;
    if (!limit->set)
        return;
    render_bound(limit->soft, out);
    if (limit->hard != limit->soft) {
        buf_add_char(out, ':');
        render_bound(limit->hard, out);
    }
}

const struct setting_type kind_limit = {
    .metavar = "LIMIT",
    .size = sizeof(struct launch_limit),
    .parse = parse_limit,
    .render = render_limit,
    .samples = "0 100 100:200 infinity",
};

/* ---- shares: "20%", "0.5%", "infinity" ---- */

static int parse_percent(const struct setting *row, const char *text, void *field,
                         struct coop_err *err)
{
    size_t whole = strspn(text, "0123456789"), digits = 0;
    char number[24];
    long long value = 0;

    if (strcmp(text, "infinity") == 0) {
        *(int64_t *)field = LAUNCH_UNBOUND;
        return 0;
    }
    if (text[whole] == '.')
        digits = strspn(text + whole + 1, "0123456789");
    if (whole == 0 || whole > 9 || digits > 1 || (text[whole] == '.' && digits == 0) ||
        strcmp(text + whole + (digits ? 1 + digits : 0), "%") != 0)
        return coop_fail(err, COOP_E_SYNTAX, "expected a percentage like 20%%, or 'infinity'");
    str_format(number, sizeof number, "%.*s%c", (int)whole, text,
               digits ? text[whole + 1] : '0');
    if (str_to_int(number, row->min, row->max, &value) < 0)
        return coop_fail(err, COOP_E_RANGE, "expected from %" PRId64 "%% to %" PRId64 "%%",
                         row->min / 10, row->max / 10);
    *(int64_t *)field = value;
    return 0;
}

static void render_percent(const struct setting *row, const void *field, struct buf *out)
{
    int64_t value = *(const int64_t *)field;

    (void)row;
    if (value == LAUNCH_UNBOUND)
        buf_add_text(out, "infinity");
    else if (value > 0)
        buf_addf(out, "%" PRId64 ".%" PRId64 "%%", value / 10, value % 10);
}

const struct setting_type kind_percent = {
    .metavar = "PERCENT",
    .size = sizeof(int64_t),
    .parse = parse_percent,
    .render = render_percent,
    .samples = "20% 0.5% 250% infinity",
};

/* ---- processes ---- */

static int64_t kernel_number(const char *path)
{
    char text[32];
    long long number;
    SCOPED_FD fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    ssize_t n = fd < 0 ? fd : sys_read(fd, text, sizeof text - 1);

    if (n <= 0)
        return INT64_MAX;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return str_to_int(text, 1, INT64_MAX, &number) < 0 ? INT64_MAX : number;
}

static int parse_tasks(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    char digits[8];
    size_t len = strlen(text);
    long long percent;
    int64_t most, threads;

    if (len < 2 || len > sizeof digits || text[len - 1] != '%')
        return setting_int64.parse(row, text, field, err);
    memcpy(digits, text, len - 1);
    digits[len - 1] = '\0';
    if (str_to_int(digits, 1, 100, &percent) < 0)
        return coop_fail(err, COOP_E_RANGE, "expected a number, or 1%% to 100%%");
    most = kernel_number("/proc/sys/kernel/pid_max");
    threads = kernel_number("/proc/sys/kernel/threads-max");
    most = threads < most ? threads : most;
    *(int64_t *)field = most == INT64_MAX ? LAUNCH_UNBOUND : (most * percent + 99) / 100;
    return 0;
}

static void render_tasks(const struct setting *row, const void *field, struct buf *out)
{
    setting_int64.render(row, field, out);
}

const struct setting_type kind_tasks = {
    .metavar = "NUMBER",
    .size = sizeof(int64_t),
    .parse = parse_tasks,
    .render = render_tasks,
    .samples = "64 1000 infinity",
};

static int parse_weight(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    long long value;

    if (str_to_int(text, row->min, row->max, &value) < 0)
        return coop_fail(err, COOP_E_RANGE, "expected a number from %" PRId64 " to %" PRId64,
                         row->min, row->max);
    *(int64_t *)field = value;
    return 0;
}

static void render_weight(const struct setting *row, const void *field, struct buf *out)
{
    int64_t value = *(const int64_t *)field;

    (void)row;
    if (value > 0)
        buf_addf(out, "%" PRId64, value);
}

const struct setting_type kind_weight = {
    .metavar = "NUMBER",
    .size = sizeof(int64_t),
    .parse = parse_weight,
    .render = render_weight,
    .samples = "1 100 10000",
};

/* ---- words of which two are yes and no: any spelling of those will do ---- */

static int parse_degree(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    bool yes;

    if (setting_bool.parse(row, text, &yes, NULL) >= 0)
        text = yes ? "yes" : "no";
    return setting_enum.parse(row, text, field, err);
}

static void render_degree(const struct setting *row, const void *field, struct buf *out)
{
    setting_enum.render(row, field, out);
}

const struct setting_type kind_degree = {
    .metavar = "WORD",
    .size = sizeof(int),
    .parse = parse_degree,
    .render = render_degree,
    .samples = "yes no true false",
};

/* ---- capabilities ---- */

static int parse_caps(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    uint64_t set;

    (void)row;
    if (caps_parse(text, &set, err) < 0)
        return -1;
    *(uint64_t *)field |= set;
    return 0;
}

static void render_caps(const struct setting *row, const void *field, struct buf *out)
{
    const uint64_t *set = field;

    (void)row;
    if (*set)
        caps_render(out, *set);
}

const struct setting_type kind_caps = {
    .metavar = "CAP...",
    .size = sizeof(uint64_t),
    .parse = parse_caps,
    .render = render_caps,
    .samples = "CAP_NET_BIND_SERVICE all",
};

/* systemd's rule: the first list says what is kept; a further one adds to it; "~" takes away. */
static int parse_caps_keep(const struct setting *row, const char *text, void *field,
                           struct coop_err *err)
{
    uint64_t *dropped = field, set;
    bool inverted = text[0] == '~';

    (void)row;
    if (caps_parse(text + inverted, &set, err) < 0)
        return -1;
    if (inverted)
        *dropped |= set;
    else if (*dropped == 0 || set == 0)
        *dropped = ~set;
    else
        *dropped &= ~set;
    return 0;
}

static void render_caps_keep(const struct setting *row, const void *field, struct buf *out)
{
    const uint64_t *dropped = field;

    (void)row;
    if (*dropped)
        caps_render(out, ~*dropped);
}

const struct setting_type kind_caps_keep = {
    .metavar = "CAP...",
    .size = sizeof(uint64_t),
    .parse = parse_caps_keep,
    .render = render_caps_keep,
    .samples = "CAP_NET_BIND_SERVICE ~CAP_SYS_ADMIN none",
};
