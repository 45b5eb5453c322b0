/*
 * run_options.c - coop-run's command line (see run_options.h)
 *
 * The command line is walked three times, because order matters in some things and must not in
 * others: first for --profile alone (whatever comes before it on the line is still laid over it),
 * then for everything but the environment, and last, once it is known what is inherited, for
 * --setenv and its sisters in their order.
 */
#include "launcher/run_options.h"

#include "base/str.h"
#include "launcher/run_cwd.h"
#include "launcher/run_flags.h"

#include <errno.h>
#include <string.h>

#define ARGS_MAX  (4u << 20) /* bytes that --args may bring */
#define WORDS_MAX 100000

static const struct run_flag *find_flag(const char *name)
{
    for (const struct run_flag *flag = run_flags; flag->name; flag++)
        if (strcmp(flag->name, name) == 0)
            return flag;
    return NULL;
}

static const struct mount_word *find_mount_flag(const char *name)
{
    const struct mount_word *word = mount_word_find(name);

    return word && word->help ? word : NULL;
}

/* ---- walking ---- */

/* How many words one flag takes, itself included; 0 for a word that is no flag of anybody. */
static size_t flag_length(const char *word)
{
    const struct run_flag *flag = find_flag(word + 2);
    const struct mount_word *mount = flag ? NULL : find_mount_flag(word + 2);
    const struct setting *row;
    char name[SETTING_FLAG_MAX];

    if (flag)
        return 1 + flag->arguments;
    if (mount)
        return 1 + mount->arguments;
    if (strcspn(word + 2, "=") >= sizeof name)
        return 0;
    str_format(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    row = setting_find_flag(&launch_settings, name);
    if (!row)
        return 0;
    return strchr(word, '=') || row->type == &setting_bool ? 1 : 2;
}

static int handle(struct run_parser *p, enum run_walk walk, struct strlist *words, size_t at)
{
    const char *word = words->items[at];
    const struct run_flag *flag = find_flag(word + 2);
    const struct mount_word *mount = flag ? NULL : find_mount_flag(word + 2);
    int index = (int)at, r;

    p->arg = words->items + at + 1;
    if (flag)
        return flag->walk == walk ? flag->handle(p) : 0;
    if (walk != WALK_OPTIONS)
        return 0;
    if (mount)
        return run_mount_flag(p, mount);
    r = settings_flag(&launch_settings, &p->options->spec, (int)words->count, words->items,
                      &index, p->err);
    return r < 0 ? -1 : 0;
}

static int unknown(const char *word, struct coop_err *err)
{
    if (word[1] != '-')
        return coop_fail(err, COOP_E_UNKNOWN, "'%s' is no option", word),
               coop_hint(err, "options have two dashes; '--' ends them");
    return settings_unknown_flag(&launch_settings, word, err);
}

/* One walk over the options; *ret_command is the index of the first word behind them. */
static int walk_words(struct run_options *o, enum run_walk walk, size_t *ret_command,
                      struct coop_err *err)
{
    struct run_parser p = {.options = o, .err = err};
    size_t at = 0, length;

    for (; at < o->words.count && o->words.items[at][0] == '-' && o->words.items[at][1];
         at += length) {
        const char *word = o->words.items[at];

        if (strcmp(word, "--") == 0) {
            at++;
            break;
        }
        length = word[1] == '-' ? flag_length(word) : 0;
        if (length == 0)
            return unknown(word, err);
        if (at + length > o->words.count)
            return coop_fail(err, COOP_E_SYNTAX, "%s needs %zu argument%s", word, length - 1,
                             length == 2 ? "" : "s");
        if (handle(&p, walk, &o->words, at) < 0)
            return coop_while(err, "%s", word);
    }
    if (p.next.has_perms || p.next.has_size)
        return coop_fail(err, COOP_E_SYNTAX, "--perms or --size without an option to apply to");
    *ret_command = at;
    return 0;
}

/* ---- --args: the words of a descriptor take its place ---- */

static int splice(struct strlist *words, const char *fd, struct coop_err *err)
{
    struct buf bytes;
    int r = run_read_fd(fd, ARGS_MAX, &bytes, err);

    for (size_t from = 0; r >= 0 && from < bytes.len;) {
        size_t length = strnlen(bytes.data + from, bytes.len - from);

        if (words->count >= WORDS_MAX || strlist_add_n(words, bytes.data + from, length) < 0)
            r = coop_fail(err, COOP_E_LIMIT, "--args: more than %d words", WORDS_MAX);
        from += length + 1;
    }
    buf_done(&bytes);
    return r;
}

/* Each option must find its arguments among the spliced words: the last one would swallow the
 * '--' of the command line otherwise, and the command's words were options. */
static int check_spliced(const struct strlist *words, size_t at, struct coop_err *err)
{
    for (size_t length; at < words->count; at += length) {
        const char *word = words->items[at];

        if (word[0] != '-' || word[1] != '-' || !word[2])
            return 0; /* no option: walk_words() judges it */
        length = flag_length(word);
        if (length == 0)
            return 0;
        if (at + length > words->count)
            return coop_fail(err, COOP_E_SYNTAX, "--args: %s needs %zu argument%s", word,
                             length - 1, length == 2 ? "" : "s");
    }
    return 0;
}

/* The words of `--args FD` take its place. */
static int splice_args(struct run_options *o, const char *fd, struct coop_err *err)
{
    size_t before = o->words.count;

    return splice(&o->words, fd, err) < 0 ? -1 : check_spliced(&o->words, before, err);
}

static bool ends_options(const char *word)
{
    return word[0] != '-' || !word[1] || strcmp(word, "--") == 0;
}

static int collect_words(struct run_options *o, int argc, char *const *argv,
                         struct coop_err *err)
{
    bool in_options = true;
    size_t skip = 0;

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (skip == 0 && in_options && ends_options(word))
            in_options = false;
        if (skip == 0 && in_options && strcmp(word, "--args") == 0 && i + 1 < argc) {
            if (splice_args(o, argv[++i], err) < 0)
                return -1;
            continue;
        }
        if (skip > 0)
            skip--;
        else if (in_options && word[1] == '-')
            skip = flag_length(word) > 0 ? flag_length(word) - 1 : 0;
        if (strlist_add(&o->words, word) < 0)
            return coop_fail_sys(err, ENOMEM, "the command line");
    }
    return 0;
}

/* ---- the public calls ---- */

static int take_command(struct run_options *o, size_t command, struct coop_err *err)
{
    for (size_t i = command; i < o->words.count; i++)
        if (strlist_add(&o->spec.argv, o->words.items[i]) < 0)
            return coop_fail_sys(err, ENOMEM, "the command");
    if (o->spec.argv.count > 0 || o->help || o->version)
        return 0;
    coop_fail(err, COOP_E_SYNTAX, "no command to run");
    return coop_hint(
        err, "coop-run [OPTION...] [--] COMMAND [ARGUMENT...]; --help lists the options");
}

int run_options_parse(struct run_options *ret_options, int argc, char *const *argv,
                      char *const *environment, struct coop_err *err)
{
    struct run_options *o = ret_options;
    size_t command = 0;

    *o = (struct run_options){.profile = "default"};
    launch_spec_init(&o->spec);
    if (collect_words(o, argc, argv, err) < 0 ||
        walk_words(o, WALK_PROFILE, &command, err) < 0 ||
        launch_spec_profile(&o->spec, o->profile, err) < 0 ||
        walk_words(o, WALK_OPTIONS, &command, err) < 0)
        return -1;
    if (launch_env_inherit(&o->spec, environment) < 0)
        return coop_fail_sys(err, ENOMEM, "the environment");
    if (walk_words(o, WALK_ENVIRONMENT, &command, err) < 0 || take_command(o, command, err) < 0)
        return -1;
    if (o->spec.cwd || o->help || o->version)
        return 0;
    return run_choose_cwd(o, err);
}

void run_options_done(struct run_options *options)
{
    launch_spec_done(&options->spec);
    strlist_done(&options->words);
    strlist_done(&options->notes);
}

void run_options_print_help(FILE *out)
{
    fprintf(out,
            "usage: coop-run [OPTION...] [--] COMMAND [ARGUMENT...]\n"
            "Runs COMMAND in a sandbox and returns its exit code.\n\n"
            "Without options: profile 'default'. Any file-system option starts from an empty\n"
            "root; everything else of the profile stays.\n\n"
            "File system, in order, later ones win:\n");
    for (const struct mount_word *w = mount_words(); w->word; w++)
        if (w->help)
            fprintf(out, "  --%s %s\n        %s\n", w->word,
                    w->arguments == 2 ? "SRC DST" : "DST", w->help);
    fprintf(out, "\nGeneral:\n");
    for (const struct run_flag *flag = run_flags; flag->name; flag++)
        fprintf(out, "  --%s %s\n        %s\n", flag->name, flag->metavar, flag->help);
    fprintf(out, "\nOne for each key of [Sandbox]:\n");
    settings_print_help(&launch_settings, out);
    fprintf(out, "\nExit code: the command's; 125 coop-run failed, 126 not executable, 127 not "
                 "found,\n128+n ended by signal n.\n");
}

void run_options_print_mdoc(FILE *out)
{
    for (const struct mount_word *w = mount_words(); w->word; w++)
        if (w->help)
            fprintf(out, ".It Fl -%s Ar %s\n%s\n", w->word,
                    w->arguments == 2 ? "SRC DST" : "DST", w->help);
    for (const struct run_flag *flag = run_flags; flag->name; flag++)
        fprintf(out, ".It Fl -%s%s%s\n%s\n", flag->name, flag->metavar[0] ? " Ar " : "",
                flag->metavar, flag->help);
    settings_print_mdoc_flags(&launch_settings, out);
}
