/*
 * test_control_options.c - coopctl's command line
 */
#include "ctl/options.h"

#include "base/scope.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_LIMIT = 16 };

/* Parses "a b c" as "coopctl a b c". */
static int parse(const char *line, struct ctl_options *ret_options, struct coop_err *err)
{
    static char text[256];
    static char name[] = "coopctl";
    char *argv[WORDS_LIMIT] = {name}, *rest = text, *word;
    int argc = 1;

    str_copy(text, sizeof text, line);
    while ((word = strsep(&rest, " ")) && argc < WORDS_LIMIT)
        if (word[0])
            argv[argc++] = word;
    *err = (struct coop_err){0};
    return ctl_options_parse(ret_options, argc, argv, err);
}

Test(options, options_stand_anywhere)
{
    static const char *const lines[] = {"--json --socket /x status web",
                                        "status --json web --socket=/x",
                                        "--socket /x status --json -- web"};

    for (size_t i = 0; i < COOP_COUNT(lines); i++) {
        struct ctl_options options;
        struct coop_err err;

        cr_assert_eq(parse(lines[i], &options, &err), 0, "%s: %s", lines[i], err.text);
        cr_expect(options.json);
        cr_expect_str_eq(options.socket, "/x");
        cr_expect_eq(options.verb->id, CTL_STATUS);
        cr_expect_eq(options.count, 1);
        cr_expect_str_eq(options.names[0], "web");
        ctl_options_done(&options);
    }
}

Test(options, letters_take_their_value_attached_or_behind)
{
    static const char *const lines[] = {"logs -f -n 5 web", "logs -fn5 web", "logs -fn 5 web",
                                        "logs --follow --lines=5 web"};

    for (size_t i = 0; i < COOP_COUNT(lines); i++) {
        struct ctl_options options;
        struct coop_err err;

        cr_assert_eq(parse(lines[i], &options, &err), 0, "%s: %s", lines[i], err.text);
        cr_expect(options.follow);
        cr_expect_eq(options.lines, 5);
        ctl_options_done(&options);
    }
}

Test(options, all_is_a_word_of_the_verbs_that_know_it)
{
    struct ctl_options options;
    struct coop_err err;

    cr_assert_eq(parse("stop all", &options, &err), 0);
    cr_expect(options.all);
    cr_expect_eq(options.count, 0);
    ctl_options_done(&options);
    cr_assert_eq(parse("logs all", &options, &err), 0);
    cr_expect_not(options.all);
    cr_expect_str_eq(options.names[0], "all");
    ctl_options_done(&options);
}

Test(options, defaults_are_those_of_the_help)
{
    struct ctl_options options;
    struct coop_err err;

    cr_assert_eq(parse("status", &options, &err), 0);
    cr_expect_eq(options.timeout, COOP_FOREVER);
    cr_expect_eq(options.lines, -1);
    cr_expect_null(options.socket);
    cr_expect_null(options.signal);
    ctl_options_done(&options);
    cr_assert_eq(parse("start --timeout 500ms --no-wait web", &options, &err), 0);
    cr_expect_eq(options.timeout, 500 * COOP_NSEC_PER_MSEC);
    cr_expect(options.no_wait);
    ctl_options_done(&options);
}

Test(options, help_and_version_need_no_verb)
{
    struct ctl_options options;
    struct coop_err err;

    cr_assert_eq(parse("--help", &options, &err), 0);
    cr_expect(options.help);
    ctl_options_done(&options);
    cr_assert_eq(parse("-V", &options, &err), 0);
    cr_expect(options.version);
    ctl_options_done(&options);
}

Test(options, what_is_wrong_is_named)
{
    static const struct {
        const char *line, *text, *hint;
    } cases[] = {
        {"", "no command", ""},
        {"frobnicate", "'frobnicate'", "--help"},
        {"statsu", "'statsu'", "'status'"},
        {"--jsno status", "'--jsno'", "'--json'"},
        {"-x status", "'-x'", ""},
        {"status --socket", "--socket wants a value", ""},
        {"status --json=yes", "--json takes no value", ""},
        {"status --timeout soon", "'soon'", ""},
        {"logs -n many web", "'many'", ""},
        {"logs -n -1 web", "'-1'", ""},
        {"kill -s NONSENSE web", "'NONSENSE'", ""},
        {"status -f", "no option --follow", ""},
        {"logs --no-wait web", "no option --no-wait", ""},
        {"start", "start SERVICE", ""},
        {"kill", "kill [-s SIGNAL]", ""},
        {"logs a b", "logs [-f]", ""},
        {"daemon now", "usage: coopctl daemon", ""},
        {"stop all web", "'all'", ""},
        {"--socket= status", "--socket", ""},
    };

    for (size_t i = 0; i < COOP_COUNT(cases); i++) {
        struct ctl_options options = {.lines = -7};
        struct coop_err err;

        cr_expect_lt(parse(cases[i].line, &options, &err), 0, "%s", cases[i].line);
        cr_expect(strstr(err.text, cases[i].text), "%s: %s", cases[i].line, err.text);
        cr_expect(strstr(err.hint, cases[i].hint), "%s: %s", cases[i].line, err.hint);
        cr_expect_eq(options.lines, -7, "untouched on failure");
    }
}

Test(options, the_help_names_every_verb_and_every_option)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert(out);
    ctl_print_help(out);
    fclose(out);
    for (size_t i = 0; i < CTL_VERBS; i++)
        cr_expect(strstr(text, ctl_verbs[i].help), "%s", ctl_verbs[i].word);
    cr_expect(strstr(text, "--socket PATH"));
    cr_expect(strstr(text, "-s, --signal SIGNAL"));
    cr_expect(strstr(text, "111"));
    free(text);
}

Test(options, the_manual_page_names_every_verb_and_every_option)
{
    static const char *const names[] = {"socket", "json",   "timeout", "no-wait", "follow",
                                        "lines",  "signal", "help",    "version"};
    static char page[65536];
    FILE *file = fopen(SOURCE_DIR "/supervisor/coopctl.1", "re");
    char item[64];

    cr_assert(file);
    cr_assert_gt(fread(page, 1, sizeof page - 1, file), 0);
    fclose(file);
    for (size_t i = 0; i < CTL_VERBS; i++) {
        str_format(item, sizeof item, "\n.It Cm %s", ctl_verbs[i].word);
        cr_expect(strstr(page, item), "%s", item);
    }
    for (size_t i = 0; i < COOP_COUNT(names); i++) {
        str_format(item, sizeof item, "-%s", names[i]);
        cr_expect(strstr(page, item), "%s", item);
    }
}
