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
#include "launcher/run_origins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX  (4u << 20) /* bytes that --args may bring */
#define WORDS_MAX 100000

#define FLAG_SHOWN 80 /* of a refused word, so that what is wrong with it fits behind it */

/* ---- one option ---- */

/* A word with dashes, looked up in the three tables. */
struct option {
    const struct run_flag *flag; /* one of these, the others NULL */
    const struct mount_word *mount;
    const struct setting *row;
    char *value;   /* behind a '=', or NULL                                 */
    size_t length; /* how many words it takes, itself included; 0: unknown */
};

static void find_name(const char *name, struct option *ret_option)
{
    const struct mount_word *mount = mount_word_find(name);

    for (const struct run_flag *flag = run_flags; flag->name; flag++)
        if (strcmp(flag->name, name) == 0)
            ret_option->flag = flag;
    if (!ret_option->flag && mount && mount->help)
        ret_option->mount = mount;
    if (!ret_option->flag && !ret_option->mount)
        ret_option->row = setting_find_flag(&launch_settings, name);
}

/* A single argument may stand behind a '=', as getopt_long has it; two are two words. */
static struct option find_option(char *word)
{
    struct option o = {.value = strchr(word, '=')};
    size_t size = strcspn(word, "=") - 2, arguments;
    char name[SETTING_FLAG_MAX];

    if (size >= sizeof name)
        return o;
    str_format(name, sizeof name, "%.*s", (int)size, word + 2);
    find_name(name, &o);
    if (o.value)
        o.value++;
    if (o.row)
        o.length = o.value || o.row->type == &setting_bool ? 1 : 2;
    if (!o.flag && !o.mount)
        return o;
    arguments = o.flag ? o.flag->arguments : o.mount->arguments;
    if (!o.value)
        o.length = 1 + arguments;
    else if (arguments == 1)
        o.length = 1;
    return o;
}

/* ---- walking ---- */

static int handle(struct run_parser *p, enum run_walk walk, struct strlist *words, size_t at,
                  struct option *option)
{
    int index = (int)at;

    p->arg = option->value ? &option->value : words->items + at + 1;
    if (option->flag) {
        if (option->flag->walk != walk)
            return 0;
        run_origin_of_flag(p->options, NULL, words->items + at, option->length);
        return option->flag->handle(p);
    }
    if (walk != WALK_OPTIONS)
        return 0;
    run_origin_of_flag(p->options, option->row ? option->row->key : NULL, words->items + at,
                       option->length);
    if (option->mount)
        return run_mount_flag(p, option->mount);
    return settings_flag(&launch_settings, &p->options->spec, (int)words->count, words->items,
                         &index, p->err) < 0
               ? -1
               : 0;
}

/* "--private-network=$UNSET" must not take a wall down: what a key is without a value is for the
 * writers of profiles. */
static int check_value(const struct option *option, char *const *words, struct coop_err *err)
{
    const struct setting *row = option->row;
    const char *value = option->value ? option->value : option->length == 2 ? words[1] : NULL;
    char flag[SETTING_FLAG_MAX];

    if (!row || row->type->list || !value || value[0])
        return 0;
    return coop_fail(err, COOP_E_SYNTAX, "--%s=: a value is missing (%s)",
                     setting_flag_name(row, flag),
                     row->type == &setting_bool ? "yes or no"
                     : row->metavar             ? row->metavar
                                                : row->type->metavar);
}

/* One option, at its place behind the others. */
static int handle_in_turn(struct run_parser *p, enum run_walk walk, struct strlist *words,
                          size_t at, struct option *option)
{
    const char *name = option->flag    ? option->flag->name
                       : option->mount ? option->mount->word
                                       : "";
    int r = run_pending_check(&p->next, name, p->err);

    if (r >= 0 && handle(p, walk, words, at, option) >= 0)
        return 0;
    run_pending_done(&p->next);
    return r >= 0 && option->row ? -1 /* a setting names itself */
                                 : coop_while(p->err, "%.*s", FLAG_SHOWN, words->items[at]);
}

static int too_few(const char *word, const struct option *option, const char *where,
                   struct coop_err *err)
{
    return coop_fail(err, COOP_E_SYNTAX, "%s%s needs %zu argument%s", where, word,
                     option->length - 1, option->length == 2 ? "" : "s");
}

/* Of the flags that are no key's; NULL when none comes near. */
static const char *nearest_flag(const char *word)
{
    const char *best = NULL;

    for (const struct run_flag *flag = run_flags; flag->name; flag++)
        if (str_is_near(word, flag->name) &&
            (!best || str_distance(word, flag->name) < str_distance(word, best)))
            best = flag->name;
    for (const struct mount_word *mount = mount_words(); mount->word; mount++)
        if (mount->help && str_is_near(word, mount->word) &&
            (!best || str_distance(word, mount->word) < str_distance(word, best)))
            best = mount->word;
    return best;
}

static int unknown(const char *word, const struct option *option, struct coop_err *err)
{
    static const char *const numbers[] = {"no argument", "one argument", "two arguments",
                                          "three arguments"};
    int name = (int)strcspn(word, "=");
    char bare[SETTING_FLAG_MAX];
    const char *best;

    if (option->flag || option->mount)
        return coop_fail(
            err, COOP_E_SYNTAX, "%.*s takes %s, and none behind a '='", name, word,
            numbers[option->flag ? option->flag->arguments : option->mount->arguments]);
    if (word[1] != '-')
        return coop_fail(err, COOP_E_UNKNOWN, "'%.200s' is no option", word),
               coop_hint(err, "options have two dashes; '--' ends them");
    str_format(bare, sizeof bare, "%.*s", name - 2, word + 2);
    if ((best = nearest_flag(bare)))
        return coop_fail(err, COOP_E_UNKNOWN, "unknown option '%.*s'", name, word),
               coop_hint(err, "did you mean --%s?", best);
    return settings_unknown_flag(&launch_settings, word, err);
}

/* One walk over the options; *ret_command is the index of the first word behind them. */
static int walk_words(struct run_options *o, enum run_walk walk, size_t *ret_command,
                      struct coop_err *err)
{
    struct run_parser p = {.options = o, .err = err};
    struct option option = {0};
    size_t at = 0;

    for (; at < o->words.count && o->words.items[at][0] == '-' && o->words.items[at][1];
         at += option.length) {
        char *word = o->words.items[at];

        if (strcmp(word, "--") == 0) {
            at++;
            break;
        }
        option = word[1] == '-' ? find_option(word) : (struct option){0};
        if (option.length == 0)
            return unknown(word, &option, err);
        if (at + option.length > o->words.count)
            return too_few(word, &option, "", err);
        if (check_value(&option, o->words.items + at, err) < 0)
            return -1;
        if (handle_in_turn(&p, walk, &o->words, at, &option) < 0)
            return -1;
    }
    if (p.next.has_perms || p.next.has_size || p.next.layers.count > 0) {
        run_pending_done(&p.next);
        return coop_fail(err, COOP_E_SYNTAX,
                         "--perms, --size or --overlay-src without an option to apply to");
    }
    *ret_command = at;
    return 0;
}

/* ---- --args: the words of a descriptor take its place ---- */

static int splice(struct strlist *words, const char *fd, struct coop_err *err)
{
    struct buf bytes;
    int r = run_read_fd(fd, ARGS_MAX, &bytes, err);

    if (r < 0)
        (void)coop_while(err, "--args");
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
    for (struct option option; at < words->count; at += option.length) {
        char *word = words->items[at];

        if (word[0] != '-' || word[1] != '-' || !word[2])
            return 0; /* no option: walk_words() judges it */
        option = find_option(word);
        if (option.length == 0)
            return 0;
        if (at + option.length > words->count)
            return too_few(word, &option, "--args: ", err);
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

/* `--args FD` or `--args=FD`. */
static bool is_args(const char *word, const char *next)
{
    return strncmp(word, "--args=", 7) == 0 || (strcmp(word, "--args") == 0 && next);
}

static size_t words_behind(char *word)
{
    size_t length = find_option(word).length;

    return length ? length - 1 : 0;
}

static int collect_words(struct run_options *o, int argc, char *const *argv,
                         struct coop_err *err)
{
    bool in_options = true;
    size_t skip = 0;

    for (int i = 1; i < argc; i++) {
        char *word = argv[i];

        if (skip == 0 && in_options && ends_options(word))
            in_options = false;
        if (skip == 0 && in_options && is_args(word, argv[i + 1])) {
            const char *fd = word[6] ? word + 7 : argv[++i];

            if (splice_args(o, fd, err) < 0)
                return -1;
            continue;
        }
        if (skip > 0)
            skip--;
        else if (in_options && word[1] == '-')
            skip = words_behind(word);
        if (strlist_add(&o->words, word) < 0)
            return coop_fail_sys(err, ENOMEM, "the command line");
    }
    return 0;
}

/* ---- the public calls ---- */

/* Who is to map ids must learn whose, and there must be a namespace to map them in. */
static int check_maps(const struct run_options *o, struct coop_err *err)
{
    if (o->userns_block_fd < 0)
        return 0;
    if (!o->spec.private_users)
        return coop_fail(err, COOP_E_SYNTAX, "--userns-block-fd requires --unshare-user");
    if (o->info_fd < 0 && o->json_status_fd < 0)
        return coop_fail(err, COOP_E_SYNTAX, "--userns-block-fd requires --info-fd");
    return 0;
}

static int take_command(struct run_options *o, size_t command, struct coop_err *err)
{
    for (size_t i = command; i < o->words.count; i++)
        if (strlist_add(&o->spec.argv, o->words.items[i]) < 0)
            return coop_fail_sys(err, ENOMEM, "the command");
    if (o->spec.argv.count > 0 && o->hold_network)
        return coop_fail(err, COOP_E_SYNTAX, "--hold-network takes no command");
    if (o->spec.argv.count > 0 || o->help || o->version || o->hold_network)
        return 0;
    coop_fail(err, COOP_E_SYNTAX, "no command to run");
    return coop_hint(
        err, "coop-run [OPTION...] [--] COMMAND [ARGUMENT...]; --help lists the options");
}

static void note_alone(void *arg, const char *file)
{
    struct run_options *o = arg;
    char note[512];

    (void)str_format(note, sizeof note,
                     "profile '%.400s' has no Extends=: what it does not name is not protected",
                     file);
    strlist_add(&o->notes, note);
}

/* The user's own profiles lie where other programs keep their configuration. */
static int apply_profile(struct run_options *o, struct coop_err *err)
{
    const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
    struct launch_profile_how how = {
        .told = run_origin_of_profile, .alone = note_alone, .arg = o};
    char folder[4096] = "";

    if (config && config[0] == '/')
        (void)str_format(folder, sizeof folder, "%s/coop/profiles", config);
    else if (home && home[0] == '/')
        (void)str_format(folder, sizeof folder, "%s/.config/coop/profiles", home);
    how.folder = folder[0] ? folder : NULL;
    if (launch_spec_profile_how(&o->spec, o->profile, &how, err) < 0)
        return -1;
    if (o->compat)
        run_compat_begin(o);
    return 0;
}

/* PWD is where the program starts, not where its caller is.  Where that is seen inside only, who
 * wants to know has to ask the kernel.  bubblewrap always sets it, and leaves OLDPWD. */
static int name_cwd(struct run_options *o)
{
    const char *cwd = o->spec.cwd ? o->spec.cwd : "/";
    bool may_be_missing =
        cwd[0] == '-' && (o->spec.root != LAUNCH_ROOT_HOST || o->spec.root_directory);

    if (o->compat)
        return launch_env_set(&o->spec, "PWD", cwd[0] == '-' ? cwd + 1 : cwd);
    launch_env_unset(&o->spec, "OLDPWD");
    if (!strlist_env_get(&o->spec.env, "PWD"))
        return 0;
    if (!may_be_missing)
        return launch_env_set(&o->spec, "PWD", cwd[0] == '-' ? cwd + 1 : cwd);
    launch_env_unset(&o->spec, "PWD");
    return 0;
}

int run_options_parse(struct run_options *ret_options, int argc, char *const *argv,
                      char *const *environment, struct coop_err *err)
{
    struct run_options *o = ret_options;
    size_t command = 0;

    *o = (struct run_options){.profile = "default",
                              .frozen = {.news = -1},
                              .info_fd = -1,
                              .json_status_fd = -1,
                              .block_fd = -1,
                              .userns_block_fd = -1,
                              .sync_fd = -1,
                              .life_fd = -1};
    launch_spec_init(&o->spec);
    run_compat_by_name(o, argc > 0 ? argv[0] : "");
    if (collect_words(o, argc, argv, err) < 0 ||
        walk_words(o, WALK_PROFILE, &command, err) < 0 || apply_profile(o, err) < 0 ||
        walk_words(o, WALK_OPTIONS, &command, err) < 0)
        return -1;
    if (launch_env_inherit(&o->spec, environment) < 0)
        return coop_fail_sys(err, ENOMEM, "the environment");
    if (walk_words(o, WALK_ENVIRONMENT, &command, err) < 0 || check_maps(o, err) < 0 ||
        take_command(o, command, err) < 0)
        return -1;
    if (o->help || o->version || o->hold_network)
        return 0;
    if (!o->spec.cwd && run_choose_cwd(o, err) < 0)
        return -1;
    return name_cwd(o) < 0 ? coop_fail_sys(err, ENOMEM, "the environment") : 0;
}

void run_options_done(struct run_options *options)
{
    launch_spec_done(&options->spec);
    run_frozen_done(&options->frozen);
    strlist_done(&options->words);
    strlist_done(&options->notes);
    strlist_done(&options->origins);
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
    fprintf(out, "\nOne for each key of [Sandbox] (defaults: those of profile none):\n");
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
