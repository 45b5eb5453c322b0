/*
 * setting_filter.c - the system-call keys: how they are read and shown
 */
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/filter/list.h"
#include "launcher/filter/word.h"
#include "launcher/launch.h"

#include <errno.h>
#include <string.h>

/* ---- lists of calls, line by line ---- */

static int keep_line(void *field, const char *text, struct coop_err *err)
{
    if (((struct strlist *)field)->count == FILTER_MAX_LINES)
        return coop_fail(err, COOP_E_LIMIT, "more than %d lines", FILTER_MAX_LINES);
    return strlist_add(field, text) < 0 ? coop_fail_sys(err, ENOMEM, "keep the list") : 0;
}

static int parse_filter(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    (void)row;
    if (strcmp(text, "none") == 0) {
        strlist_done(field);
        return 0;
    }
    return filter_line_check(text, err) < 0 ? -1 : keep_line(field, text, err);
}

static int parse_log(const struct setting *row, const char *text, void *field,
                     struct coop_err *err)
{
    (void)row;
    return filter_log_check(text, err) < 0 ? -1 : keep_line(field, text, err);
}

static void render_lines(const struct setting *row, const void *field, struct buf *out)
{
    setting_lines.render(row, field, out);
}

static void clear_lines(void *field)
{
    strlist_done(field);
}

static int copy_lines(void *to, const void *from)
{
    return strlist_copy(to, from);
}

const struct setting_type kind_filter = {
    .metavar = "CALL...",
    .size = sizeof(struct strlist),
    .list = true,
    .parse = parse_filter,
    .render = render_lines,
    .clear = clear_lines,
    .copy = copy_lines,
    .samples =
        "default none @system-service ~@mount ~ioctl(1=TIOCSTI):EPERM socket(0!=AF_UNIX)",
};

const struct setting_type kind_filter_log = {
    .metavar = "CALL...",
    .size = sizeof(struct strlist),
    .list = true,
    .parse = parse_log,
    .render = render_lines,
    .clear = clear_lines,
    .copy = copy_lines,
    .samples = "@mount ~@default ptrace",
};

/* ---- one answer ---- */

static int parse_answer(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    uint32_t answer = 0;

    (void)row;
    if (filter_answer_parse(text, &answer) < 0 || filter_passes(answer)) {
        (void)coop_fail(err, COOP_E_SYNTAX, "'%s' refuses nothing", text);
        return coop_hint(err, "an errno like EPERM or its number, kill, or trap");
    }
    *(struct launch_answer *)field = (struct launch_answer){true, answer};
    return 0;
}

static void render_answer(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_answer *answer = field;

    (void)row;
    if (answer->set)
        filter_answer_render(answer->answer, out);
}

const struct setting_type kind_answer = {
    .metavar = "ERRNO|kill|trap",
    .size = sizeof(struct launch_answer),
    .parse = parse_answer,
    .render = render_answer,
    .samples = "EPERM ENOSYS 13 kill trap",
};

/* ---- ABIs ---- */

static int add_abi(const char *word, uint32_t *bits, struct coop_err *err)
{
    bool known;
    int abi = filter_abi_find(word, &known);

    if (!known) {
        (void)coop_fail(err, COOP_E_UNKNOWN, "'%s' is no architecture", word);
        return coop_hint(err, "native, x86, x86-64, x32, arm, arm64, ...");
    }
    /* One that this machine cannot run is judged like every other that is not named. */
    *bits |= abi < 0 ? 1u << FILTER_NATIVE : 1u << abi | 1u << FILTER_NATIVE;
    return 0;
}

static int parse_abis(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    uint32_t *bits = field, added = 0;

    (void)row;
    for (size_t len; *text; text += len + (text[len] != '\0')) {
        char word[32];

        len = strcspn(text, " \t");
        if (len == 0)
            continue;
        (void)str_format(word, sizeof word, "%.*s", (int)len, text);
        if (add_abi(word, &added, err) < 0)
            return -1;
    }
    *bits |= added;
    return 0;
}

static void render_abis(const struct setting *row, const void *field, struct buf *out)
{
    const uint32_t *bits = field;

    (void)row;
    if (*bits)
        buf_add_text(out, "native");
    for (int abi = FILTER_NATIVE + 1; abi < FILTER_ABIS; abi++)
        if (*bits & 1u << abi)
            buf_addf(out, " %s", filter_abis[abi].name);
}

const struct setting_type kind_abis = {
    .metavar = "ABI...",
    .size = sizeof(uint32_t),
    .list = true,
    .parse = parse_abis,
    .render = render_abis,
    .samples = "native x86 x86-64 arm64",
};
