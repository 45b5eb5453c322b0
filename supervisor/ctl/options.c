/*
 * options.c - coopctl's command line: one row per option
 */
#include "ctl/options.h"

#include "base/scope.h"
#include "base/str.h"
#include "text/signames.h"
#include "text/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef int option_fn(struct ctl_options *options, const char *value, struct coop_err *err);

struct option_row {
    const char *name;  /* without its dashes */
    char letter;       /* 0: none */
    const char *value; /* what stands for it in the help; NULL: takes none */
    unsigned param;    /* the verbs whose method has this parameter; 0: all verbs */
    option_fn *take;
    const char *help;
};

/* ---- what an option does ---- */

static int take_socket(struct ctl_options *options, const char *value, struct coop_err *err)
{
    if (!value[0])
        return coop_fail(err, COOP_E_RANGE, "--socket: the path is empty");
    options->socket = value;
    return 0;
}

static int take_json(struct ctl_options *options, const char *value, struct coop_err *err)
{
    (void)value, (void)err;
    options->json = true;
    return 0;
}

static int take_timeout(struct ctl_options *options, const char *value, struct coop_err *err)
{
    if (units_parse_duration(value, &options->timeout) < 0)
        return coop_fail(err, COOP_E_RANGE,
                         "--timeout: '%.40s' is no length of time like 10, 500ms or 2min",
                         value);
    return 0;
}

static int take_no_wait(struct ctl_options *options, const char *value, struct coop_err *err)
{
    (void)value, (void)err;
    options->no_wait = true;
    return 0;
}

static int take_follow(struct ctl_options *options, const char *value, struct coop_err *err)
{
    (void)value, (void)err;
    options->follow = true;
    return 0;
}

static int take_lines(struct ctl_options *options, const char *value, struct coop_err *err)
{
    long long number;

    if (str_to_int(value, 0, CTL_LINES_MAX, &number) < 0)
        return coop_fail(err, COOP_E_RANGE, "--lines: '%.40s' is no number from 0 to %d", value,
                         CTL_LINES_MAX);
    options->lines = number;
    return 0;
}

static int take_signal(struct ctl_options *options, const char *value, struct coop_err *err)
{
    if (signame_parse(value) < 0)
        return coop_fail(err, COOP_E_RANGE, "--signal: '%.40s' is no signal", value);
    options->signal = value;
    return 0;
}

static int take_help(struct ctl_options *options, const char *value, struct coop_err *err)
{
    (void)value, (void)err;
    options->help = true;
    return 0;
}

static int take_version(struct ctl_options *options, const char *value, struct coop_err *err)
{
    (void)value, (void)err;
    options->version = true;
    return 0;
}

/* clang-format off */
static const struct option_row rows[] = {
    {"socket",  0,   "PATH",   0,             take_socket,  "coopd's control socket (or COOP_SOCKET in the environment)"},
    {"json",    0,   NULL,     0,             take_json,    "answer as JSON"},
    {"timeout", 0,   "TIME",   0,             take_timeout, "give up after this long, with exit code 124"},
    {"no-wait", 0,   NULL,     CTL_P_WAIT,    take_no_wait, "start, stop, restart, reload: do not wait for what comes of it"},
    {"follow",  'f', NULL,     CTL_P_FOLLOW,  take_follow,  "logs: go on with the lines to come"},
    {"lines",   'n', "N",      CTL_P_LINES,   take_lines,   "logs: how many of the last lines (10)"},
    {"signal",  's', "SIGNAL", CTL_P_SIGNAL,  take_signal,  "kill: which signal (TERM)"},
    {"help",    'h', NULL,     0,             take_help,    "show this"},
    {"version", 'V', NULL,     0,             take_version, "show the version"},
};
/* clang-format on */

/* ---- finding ---- */

static const struct option_row *find_letter(char letter)
{
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (rows[i].letter && rows[i].letter == letter)
            return &rows[i];
    return NULL;
}

static const struct option_row *find_name(const char *name, size_t length)
{
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0)
            return &rows[i];
    return NULL;
}

static int unknown_option(const char *word, struct coop_err *err)
{
    const char *names[COOP_COUNT(rows) + 1] = {NULL};
    const char *near;

    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        names[i] = rows[i].name;
    near = str_nearest(word + strspn(word, "-"), names);
    coop_fail(err, COOP_E_UNKNOWN, "unknown option '%.40s'", word);
    return near ? coop_hint(err, "did you mean '--%s'?", near) : -1;
}

/* ---- parsing ---- */

struct parse {
    struct ctl_options *options;
    int argc, at;
    char *const *argv;
    unsigned used; /* parameters that options on the line belong to */
};

/* Takes the value of 'row' from the word itself or from the next one, and does what it says. */
static int take_row(struct parse *parse, const struct option_row *row, const char *attached,
                    struct coop_err *err)
{
    const char *value = attached;

    if (!row->value && attached)
        return coop_fail(err, COOP_E_RANGE, "--%s takes no value", row->name);
    if (row->value && !value) {
        if (parse->at + 1 >= parse->argc)
            return coop_fail(err, COOP_E_RANGE, "--%s wants a value: %s", row->name,
                             row->value);
        value = parse->argv[++parse->at];
    }
    parse->used |= row->param;
    return row->take(parse->options, value, err);
}

/* "--name", "--name=value" */
static int take_long(struct parse *parse, const char *word, struct coop_err *err)
{
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    const struct option_row *row = find_name(name, length);

    if (!row)
        return unknown_option(word, err);
    return take_row(parse, row, name[length] == '=' ? name + length + 1 : NULL, err);
}

/* "-f", "-fn5", "-n 5" */
static int take_letters(struct parse *parse, const char *word, struct coop_err *err)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct option_row *row = find_letter(*letter);
        bool rest = row && row->value && letter[1];

        if (!row)
            return unknown_option(word, err);
        if (take_row(parse, row, rest ? letter + 1 : NULL, err) < 0)
            return -1;
        if (row->value)
            break;
    }
    return 0;
}

static int take_verb(struct ctl_options *options, const char *word, struct coop_err *err)
{
    const char *near;

    options->verb = ctl_verb_find(word);
    if (options->verb)
        return 0;
    near = ctl_verb_nearest(word);
    coop_fail(err, COOP_E_UNKNOWN, "unknown command '%.40s'", word);
    return near ? coop_hint(err, "did you mean '%s'?", near)
                : coop_hint(err, "coopctl --help lists the commands");
}

static int take_word(struct ctl_options *options, const char *word, struct coop_err *err)
{
    if (!options->verb && strcmp(word, "help") == 0) /* what people type first */
        return options->help = true, 0;
    if (!options->verb)
        return take_verb(options, word, err);
    if (options->verb->all && strcmp(word, "all") == 0)
        options->all = true;
    else
        options->names[options->count++] = word;
    return 0;
}

static int take_all_words(struct parse *parse, struct coop_err *err)
{
    bool plain = false; /* after "--" */
    int r = 0;

    for (parse->at = 1; r == 0 && parse->at < parse->argc; parse->at++) {
        const char *word = parse->argv[parse->at];

        if (plain || word[0] != '-' || word[1] == '\0')
            r = take_word(parse->options, word, err);
        else if (strcmp(word, "--") == 0)
            plain = true;
        else if (word[1] == '-')
            r = take_long(parse, word, err);
        else
            r = take_letters(parse, word, err);
    }
    return r;
}

static int wants(const struct ctl_verb *verb, struct coop_err *err)
{
    coop_fail(err, COOP_E_RANGE, "usage: coopctl %s%s%s", verb->word, verb->usage[0] ? " " : "",
              verb->usage);
    return -1;
}

/* Do verb, names and options fit together? */
static int check(const struct parse *parse, struct coop_err *err)
{
    const struct ctl_options *options = parse->options;
    const struct ctl_verb *verb = options->verb;
    size_t length;
    int64_t number;

    if (!verb)
        return coop_fail(err, COOP_E_RANGE, "no command given");
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if ((parse->used & rows[i].param) && !(verb->params & rows[i].param))
            return coop_fail(err, COOP_E_RANGE, "'%s' has no option --%s", verb->word,
                             rows[i].name);
    if (options->all && options->count > 0)
        return coop_fail(err, COOP_E_RANGE, "'all' and names exclude each other");
    switch (verb->names) {
    case CTL_NAMES_ANY: return 0;
    case CTL_NAMES_NONE: return options->count ? wants(verb, err) : 0;
    case CTL_NAMES_SOME: return options->count || options->all ? 0 : wants(verb, err);
    case CTL_NAMES_ONE:
        if (options->count != 1)
            return wants(verb, err);
        return verb->params & CTL_P_COUNT
                   ? ctl_split_number(options->names[0], &length, &number, err)
                   : 0;
    case CTL_NAMES_PATH: return options->count <= 1 ? 0 : wants(verb, err);
    }
    return 0;
}

int ctl_options_parse(struct ctl_options *ret_options, int argc, char *const *argv,
                      struct coop_err *err)
{
    struct ctl_options options = {.lines = -1, .timeout = COOP_FOREVER};
    struct parse parse = {.options = &options, .argc = argc, .argv = argv};

    options.names = calloc((size_t)argc + 1, sizeof *options.names);
    if (!options.names)
        return coop_fail_sys(err, ENOMEM, "options");
    if (take_all_words(&parse, err) < 0 ||
        (!options.help && !options.version && check(&parse, err) < 0)) {
        ctl_options_done(&options);
        return -1;
    }
    *ret_options = options;
    return 0;
}

void ctl_options_done(struct ctl_options *options)
{
    free(options->names);
    *options = (struct ctl_options){0};
}

/* ---- help ---- */

void ctl_print_usage(FILE *out)
{
    fputs("usage: coopctl [--socket PATH] [--json] COMMAND [SERVICE...]\n", out);
}

void ctl_print_help(FILE *out)
{
    ctl_print_usage(out);
    fputs("\nAsks coopd to show, start and stop services.\n\nCommands:\n", out);
    for (size_t i = 0; i < CTL_VERBS; i++)
        fprintf(out, "  %s%s%s\n      %s\n", ctl_verbs[i].word,
                ctl_verbs[i].usage[0] ? " " : "", ctl_verbs[i].usage, ctl_verbs[i].help);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < COOP_COUNT(rows); i++) {
        char text[48];

        snprintf(text, sizeof text, "%c%c%s--%s%s%s", rows[i].letter ? '-' : ' ',
                 rows[i].letter ? rows[i].letter : ' ', rows[i].letter ? ", " : "  ",
                 rows[i].name, rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
        fprintf(out, "  %-24s%s\n", text, rows[i].help);
    }
    fputs("\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 not running (status SERVICE),\n"
          "4 no such service or no right, 111 coopd is not there, 124 not in time.\n",
          out);
}
