/*
 * run_options.c - coop-run's command line (see run_options.h)
 *
 * The command line is walked three times, because order matters in some things and must not in
 * others: first for --profile alone (whatever comes before it on the line is still laid over it),
 * then for everything but the environment, and last, once it is known what is inherited, for
 * --setenv and its sisters in their order.
 */
#include "launcher/run_options.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/caps_text.h"
#include "launcher/mount_words.h"
#include "launcher/run_cwd.h"
#include "text/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX  (4u << 20) /* bytes that --args may bring */
#define WORDS_MAX 100000

enum walk { WALK_PROFILE, WALK_OPTIONS, WALK_ENVIRONMENT };

/* What --perms and --size leave behind for the next file-system flag. */
struct pending {
    mode_t perms;
    uint64_t size;
    bool has_perms, has_size;
};

struct parser {
    struct run_options *options;
    struct pending next;
    char *const *arg; /* the arguments of the flag that is handled */
    struct coop_err *err;
};

typedef int flag_fn(struct parser *p);

/* ---- numbers and descriptors ---- */

static int parse_id(struct parser *p, uint32_t *field)
{
    long long id;

    if (str_to_int(p->arg[0], 0, UINT32_MAX - 1, &id) < 0)
        return coop_fail(p->err, COOP_E_RANGE, "'%s' is not an id", p->arg[0]);
    *field = (uint32_t)id;
    p->options->spec.private_users = true;
    return 0;
}

static int read_fd(const char *text, size_t ceiling, struct buf *out, struct coop_err *err)
{
    long long fd;

    if (str_to_int(text, 0, INT32_MAX, &fd) < 0)
        return coop_fail(err, COOP_E_RANGE, "'%s' is not a descriptor", text);
    buf_init(out, ceiling);
    for (;;) {
        ssize_t n;

        if (buf_reserve(out, 4096) < 0)
            break;
        n = read((int)fd, out->data + out->len, 4096);
        if (n < 0)
            return coop_fail_sys(err, errno, "reading descriptor %lld", fd);
        if (n == 0)
            break;
        out->len += (size_t)n;
    }
    if (out->error)
        return coop_fail_sys(err, out->error, "reading descriptor %lld (at most %zu bytes)", fd,
                             ceiling);
    return 0;
}

/* ---- file-system flags ---- */

static void start_own_files(struct parser *p)
{
    struct launch_spec *spec = &p->options->spec;
    struct launch_spec old = {0};

    if (p->options->own_files)
        return;
    p->options->own_files = true;
    old.mounts = spec->mounts; /* freed with the rest of an otherwise empty spec */
    spec->mounts = (struct launch_mounts){0};
    spec->root = LAUNCH_ROOT_EMPTY;
    spec->root_read_only = false;
    launch_spec_done(&old);
}

/* A source is taken relative to where we are; the program's paths are absolute. */
static int absolute(const char *path, char *ret_path, size_t size, struct coop_err *err)
{
    char here[4096];

    if (path[0] == '/')
        return str_copy(ret_path, size, path);
    if (!getcwd(here, sizeof here))
        return coop_fail_sys(err, errno, "'%s': finding the working directory", path);
    return str_format(ret_path, size, "%s/%s", here, path);
}

static int apply_mount_word(struct parser *p, const struct mount_word *word)
{
    char src[8192];
    const char *first = p->arg[0];
    int r;

    start_own_files(p);
    if (word->kind == LAUNCH_MOUNT_BIND) {
        if (absolute(first, src, sizeof src, p->err) < 0)
            return coop_fail(p->err, COOP_E_RANGE, "'%s': path too long", first);
        first = src;
    }
    r = mount_word_apply(&p->options->spec, word, first, word->arguments > 1 ? p->arg[1] : NULL,
                         p->next.has_perms ? &p->next.perms : NULL,
                         p->next.has_size ? &p->next.size : NULL, p->err);
    p->next = (struct pending){0};
    return r;
}

static int data_file(struct parser *p, uint32_t flags)
{
    struct buf data;
    struct launch_mount mount = {.kind = LAUNCH_MOUNT_FILE,
                                 .flags = flags | LAUNCH_MOUNT_PERMS,
                                 .guard = LAUNCH_GUARD_ROOT,
                                 .dst = p->arg[1],
                                 .perms = p->next.has_perms ? p->next.perms : 0666};
    int r;

    start_own_files(p);
    if (flags & LAUNCH_MOUNT_RO && !p->next.has_perms)
        mount.perms = 0600;
    r = read_fd(p->arg[0], LAUNCH_MAX_DATA, &data, p->err);
    if (r >= 0) {
        mount.data = data.data;
        mount.size = data.len;
        r = launch_spec_mount(&p->options->spec, &mount, p->err);
    }
    buf_done(&data);
    p->next = (struct pending){0};
    return r;
}

static int flag_file(struct parser *p)
{
    return data_file(p, 0);
}

static int flag_ro_bind_data(struct parser *p)
{
    return data_file(p, LAUNCH_MOUNT_RO);
}

static int flag_perms(struct parser *p)
{
    char *end;
    unsigned long mode = strtoul(p->arg[0], &end, 8);

    if (*end || end == p->arg[0] || mode > 07777)
        return coop_fail(p->err, COOP_E_SYNTAX, "'%s' is not an octal mode", p->arg[0]);
    p->next.perms = (mode_t)mode;
    p->next.has_perms = true;
    return 0;
}

static int flag_size(struct parser *p)
{
    int64_t size;

    if (units_parse_size(p->arg[0], &size) < 0 || size <= 0)
        return coop_fail(p->err, COOP_E_SYNTAX, "'%s' is not a size", p->arg[0]);
    p->next.size = (uint64_t)size;
    p->next.has_size = true;
    return 0;
}

/* ---- namespaces and identity ---- */

static int want(struct parser *p, bool *field, enum launch_guard guard, bool only_try)
{
    *field = true;
    if (only_try)
        p->options->spec.prefer |= LAUNCH_BIT(guard);
    return 0;
}

static int flag_unshare_user(struct parser *p)
{
    return want(p, &p->options->spec.private_users, LAUNCH_GUARD_USERS, false);
}

static int flag_unshare_user_try(struct parser *p)
{
    return want(p, &p->options->spec.private_users, LAUNCH_GUARD_USERS, true);
}

static int flag_unshare_pid(struct parser *p)
{
    return want(p, &p->options->spec.private_pids, LAUNCH_GUARD_PIDS, false);
}

static int flag_unshare_net(struct parser *p)
{
    return want(p, &p->options->spec.private_network, LAUNCH_GUARD_NETWORK, false);
}

static int flag_unshare_ipc(struct parser *p)
{
    return want(p, &p->options->spec.private_ipc, LAUNCH_GUARD_IPC, false);
}

static int flag_unshare_uts(struct parser *p)
{
    return want(p, &p->options->spec.protect_hostname, LAUNCH_GUARD_UTS, false);
}

static int flag_unshare_cgroup(struct parser *p)
{
    return want(p, &p->options->spec.private_cgroup, LAUNCH_GUARD_CGROUP, false);
}

static int flag_unshare_cgroup_try(struct parser *p)
{
    return want(p, &p->options->spec.private_cgroup, LAUNCH_GUARD_CGROUP, true);
}

static int flag_unshare_all(struct parser *p)
{
    struct launch_spec *spec = &p->options->spec;

    spec->private_users = spec->private_pids = spec->private_network = true;
    spec->private_ipc = spec->protect_hostname = spec->private_cgroup = true;
    spec->prefer |= LAUNCH_BIT(LAUNCH_GUARD_USERS) | LAUNCH_BIT(LAUNCH_GUARD_CGROUP);
    return 0;
}

static int flag_share_net(struct parser *p)
{
    p->options->spec.private_network = false;
    return 0;
}

static int flag_disable_userns(struct parser *p)
{
    p->options->spec.restrict_namespaces = true;
    return 0;
}

static int flag_hostname(struct parser *p)
{
    p->options->spec.protect_hostname = true;
    return launch_spec_set(&p->options->spec, "Hostname", p->arg[0], p->err);
}

static int flag_uid(struct parser *p)
{
    return parse_id(p, &p->options->spec.inside_uid);
}

static int flag_gid(struct parser *p)
{
    return parse_id(p, &p->options->spec.inside_gid);
}

static int flag_cap_add(struct parser *p)
{
    uint64_t set;

    if (caps_parse(p->arg[0], &set, p->err) < 0)
        return -1;
    set &= caps_known(); /* "ALL" names more than there are, and those cannot be raised */
    p->options->spec.cap_dropped &= ~set;
    p->options->spec.cap_ambient |= set;
    return 0;
}

static int flag_cap_drop(struct parser *p)
{
    uint64_t set;

    if (caps_parse(p->arg[0], &set, p->err) < 0)
        return -1;
    p->options->spec.cap_dropped |= set;
    p->options->spec.cap_ambient &= ~set;
    return 0;
}

/* ---- the program ---- */

static int keep_text(struct parser *p, char **slot, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        return coop_fail_sys(p->err, ENOMEM, "'%s'", text);
    free(*slot);
    *slot = copy;
    return 0;
}

static int flag_chdir(struct parser *p)
{
    return keep_text(p, &p->options->spec.cwd, p->arg[0]);
}

static int flag_argv0(struct parser *p)
{
    return keep_text(p, &p->options->spec.argv0, p->arg[0]);
}

static int flag_setenv(struct parser *p)
{
    if (!p->arg[0][0] || strchr(p->arg[0], '='))
        return coop_fail(p->err, COOP_E_SYNTAX, "'%s' cannot be the name of a variable",
                         p->arg[0]);
    if (launch_env_set(&p->options->spec, p->arg[0], p->arg[1]) < 0)
        return coop_fail_sys(p->err, ENOMEM, "'%s'", p->arg[0]);
    return 0;
}

static int flag_unsetenv(struct parser *p)
{
    launch_env_unset(&p->options->spec, p->arg[0]);
    return 0;
}

static int flag_clearenv(struct parser *p)
{
    /* PWD is where the program starts, and bubblewrap keeps it, too. */
    strlist_done(&p->options->spec.env);
    return 0;
}

/* ---- our own ---- */

static int flag_profile(struct parser *p)
{
    p->options->profile = p->arg[0];
    return 0;
}

static int flag_explain(struct parser *p)
{
    p->options->explain = true;
    return 0;
}

static int flag_help(struct parser *p)
{
    p->options->help = true;
    return 0;
}

static int flag_version(struct parser *p)
{
    p->options->version = true;
    return 0;
}

static int flag_args(struct parser *p)
{
    return coop_fail(p->err, COOP_E_SYNTAX, "--args cannot come out of --args");
}

static const struct flag {
    const char *name;
    unsigned arguments;
    enum walk walk;
    flag_fn *handle;
    const char *metavar, *help;
} flags[] = {
    /* clang-format off */
    {"help",               0, WALK_OPTIONS, flag_help,               "",          "Print this and end."},
    {"version",            0, WALK_OPTIONS, flag_version,            "",          "Print the version and end."},
    {"profile",            1, WALK_PROFILE, flag_profile,            "NAME",      "Start from this profile: default, service, none."},
    {"explain",            0, WALK_OPTIONS, flag_explain,            "",          "Print what would be done, step by step, and do nothing."},
    {"args",               1, WALK_OPTIONS, flag_args,               "FD",        "Read further options from FD, each ended by a NUL byte."},
    {"argv0",              1, WALK_OPTIONS, flag_argv0,              "TEXT",      "What the program sees as its own name."},
    {"chdir",              1, WALK_OPTIONS, flag_chdir,              "DIR",       "Start in this directory of the sandbox."},
    {"setenv",             2, WALK_ENVIRONMENT, flag_setenv,         "VAR VALUE", "Set an environment variable."},
    {"unsetenv",           1, WALK_ENVIRONMENT, flag_unsetenv,       "VAR",       "Remove an environment variable."},
    {"clearenv",           0, WALK_ENVIRONMENT, flag_clearenv,       "",          "Remove all environment variables."},
    {"hostname",           1, WALK_OPTIONS, flag_hostname,           "NAME",      "The host name inside."},
    {"uid",                1, WALK_OPTIONS, flag_uid,                "UID",       "The user id that the program sees as its own."},
    {"gid",                1, WALK_OPTIONS, flag_gid,                "GID",       "The group id that the program sees as its own."},
    {"unshare-all",        0, WALK_OPTIONS, flag_unshare_all,        "",          "All of the following."},
    {"unshare-user",       0, WALK_OPTIONS, flag_unshare_user,       "",          "Own user namespace."},
    {"unshare-user-try",   0, WALK_OPTIONS, flag_unshare_user_try,   "",          "The same, where it can be had."},
    {"unshare-pid",        0, WALK_OPTIONS, flag_unshare_pid,        "",          "Own process ids."},
    {"unshare-net",        0, WALK_OPTIONS, flag_unshare_net,        "",          "Own network, with loopback only."},
    {"unshare-ipc",        0, WALK_OPTIONS, flag_unshare_ipc,        "",          "Own IPC objects."},
    {"unshare-uts",        0, WALK_OPTIONS, flag_unshare_uts,        "",          "Own host name."},
    {"unshare-cgroup",     0, WALK_OPTIONS, flag_unshare_cgroup,     "",          "Own view of cgroups."},
    {"unshare-cgroup-try", 0, WALK_OPTIONS, flag_unshare_cgroup_try, "",          "The same, where it can be had."},
    {"share-net",          0, WALK_OPTIONS, flag_share_net,          "",          "The host's network after all."},
    {"disable-userns",     0, WALK_OPTIONS, flag_disable_userns,     "",          "Refuse further namespaces inside."},
    {"cap-add",            1, WALK_OPTIONS, flag_cap_add,            "CAP",       "Let the program have a capability (inside)."},
    {"cap-drop",           1, WALK_OPTIONS, flag_cap_drop,           "CAP",       "Take a capability away; ALL for all."},
    {"perms",              1, WALK_OPTIONS, flag_perms,              "OCTAL",     "Permissions of what the next option makes."},
    {"size",               1, WALK_OPTIONS, flag_size,               "BYTES",     "Size of the next --tmpfs."},
    {"file",               2, WALK_OPTIONS, flag_file,               "FD DST",    "A file at DST with what FD holds."},
    {"ro-bind-data",       2, WALK_OPTIONS, flag_ro_bind_data,       "FD DST",    "The same, not writable."},
    {"bind-data",          2, WALK_OPTIONS, flag_file,               "FD DST",    "The same as --file."},
    /* clang-format on */
};

static const struct flag *find_flag(const char *name)
{
    for (size_t i = 0; i < COOP_COUNT(flags); i++)
        if (strcmp(flags[i].name, name) == 0)
            return &flags[i];
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
    const struct flag *flag = find_flag(word + 2);
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

static int handle(struct parser *p, enum walk walk, struct strlist *words, size_t at)
{
    const char *word = words->items[at];
    const struct flag *flag = find_flag(word + 2);
    const struct mount_word *mount = flag ? NULL : find_mount_flag(word + 2);
    int index = (int)at, r;

    p->arg = words->items + at + 1;
    if (flag)
        return flag->walk == walk ? flag->handle(p) : 0;
    if (walk != WALK_OPTIONS)
        return 0;
    if (mount)
        return apply_mount_word(p, mount);
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
static int walk_words(struct run_options *o, enum walk walk, size_t *ret_command,
                      struct coop_err *err)
{
    struct parser p = {.options = o, .err = err};
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
    int r = read_fd(fd, ARGS_MAX, &bytes, err);

    for (size_t from = 0; r >= 0 && from < bytes.len;) {
        size_t length = strnlen(bytes.data + from, bytes.len - from);

        if (words->count >= WORDS_MAX || strlist_add_n(words, bytes.data + from, length) < 0)
            r = coop_fail(err, COOP_E_LIMIT, "--args: more than %d words", WORDS_MAX);
        from += length + 1;
    }
    buf_done(&bytes);
    return r;
}

static int collect_words(struct run_options *o, int argc, char *const *argv,
                         struct coop_err *err)
{
    bool in_options = true;
    size_t skip = 0;

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (skip == 0 && in_options && (word[0] != '-' || !word[1] || strcmp(word, "--") == 0))
            in_options = false;
        if (skip == 0 && in_options && strcmp(word, "--args") == 0 && i + 1 < argc) {
            if (splice(&o->words, argv[++i], err) < 0)
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
    for (size_t i = 0; i < COOP_COUNT(flags); i++)
        fprintf(out, "  --%s %s\n        %s\n", flags[i].name, flags[i].metavar, flags[i].help);
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
    for (size_t i = 0; i < COOP_COUNT(flags); i++)
        fprintf(out, ".It Fl -%s%s%s\n%s\n", flags[i].name, flags[i].metavar[0] ? " Ar " : "",
                flags[i].metavar, flags[i].help);
    settings_print_mdoc_flags(&launch_settings, out);
}
