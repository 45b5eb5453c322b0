/*
 * options.c - coop-init's command line (contract in options.h)
 */
#include "launcher/init/options.h"

#include "launcher/init/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HIGHEST_FD (1 << 20)

_Noreturn static void fail_usage(const char *what, const char *which)
{
    init_say(STDERR_FILENO, "coop-init: ", what, which, "\nTry 'coop-init --help'.\n", NULL);
    _exit(EXIT_LAUNCHER);
}

/* ---- values ---- */

/* A decimal number and nothing behind it but 'end'; -1 when it is none, or above 'most'. */
static int number(const char *text, char end, int most)
{
    char *behind;
    long value;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    value = strtol(text, &behind, 10);
    return *behind != end || errno || value > most ? -1 : (int)value;
}

/* Whether these letters are that name; libc's comparison would bring its locales along. */
static bool is_name(const char *text, size_t length, const char *name)
{
    size_t i = 0;

    for (; i < length && name[i]; i++)
        if (text[i] != name[i] && text[i] - ('a' - 'A') != name[i])
            return false;
    return i == length && !name[i];
}

/* "TERM", "SIGTERM", "15", in any case, followed by 'end'; 0 is no signal. -1: none such. */
static int signal_number(const char *text, char end)
{
    size_t length = strcspn(text, (char[]){end, '\0'});
    const char *name = text;

    if (text[length] != end)
        return -1;
    if (*text >= '0' && *text <= '9')
        return number(text, end, INIT_SIGNALS - 1);
    if (length > 3 && is_name(text, 3, "SIG")) {
        name += 3;
        length -= 3;
    }
    for (int sig = 1; sig < INIT_SIGNALS; sig++) {
        const char *known = sigabbrev_np(sig);

        if (known && is_name(name, length, known))
            return sig;
    }
    return -1;
}

/* ---- the rows ---- */

typedef void option_fn(struct init_options *o, const char *value);

static option_fn set_help, set_version, set_license; /* they look at the rows, or end us */

static void set_group(struct init_options *o, const char *value)
{
    (void)value;
    o->signal_group = true;
    if (o->place == INIT_SAME_GROUP)
        o->place = INIT_OWN_GROUP;
}

static void set_subreaper(struct init_options *o, const char *value)
{
    (void)o, (void)value; /* where we are not PID 1 we are one in any case */
}

static void set_tree(struct init_options *o, const char *value)
{
    (void)value;
    o->tree = true;
}

static void set_single_child(struct init_options *o, const char *value)
{
    (void)value;
    o->place = INIT_SAME_GROUP;
    o->signal_group = false;
}

static void set_new_session(struct init_options *o, const char *value)
{
    (void)value;
    o->place = INIT_OWN_SESSION;
    o->signal_group = true;
}

static void set_parent_death_signal(struct init_options *o, const char *value)
{
    o->parent_death_signal = signal_number(value, '\0');
    if (o->parent_death_signal <= 0)
        fail_usage("not a signal: ", value);
}

static void set_remap(struct init_options *o, const char *value)
{
    int code = number(value, '\0', 255);

    if (code < 0)
        fail_usage("not an exit code (0 to 255): ", value);
    o->to_zero[code / 64] |= UINT64_C(1) << code % 64;
}

static void set_rewrite(struct init_options *o, const char *value)
{
    const char *colon = strchr(value, ':');
    int from = signal_number(value, ':');
    int to = colon ? signal_number(colon + 1, '\0') : -1;

    if (from <= 0 || to < 0)
        fail_usage("not SIGNAL:SIGNAL, like 15:3 or TERM:QUIT: ", value);
    o->rewrite[from] = (uint8_t)to;
}

static void set_respawn(struct init_options *o, const char *value)
{
    if (!value || strcmp(value, "on-failure") == 0)
        o->respawn = INIT_RESPAWN_ON_FAILURE;
    else if (strcmp(value, "always") == 0)
        o->respawn = INIT_RESPAWN_ALWAYS;
    else
        fail_usage("--respawn is on-failure or always, not ", value);
}

static void set_respawn_limit(struct init_options *o, const char *value)
{
    o->respawn_limit = number(value, '\0', 1000000);
    if (o->respawn_limit <= 0)
        fail_usage("not a number of restarts: ", value);
    if (o->respawn == INIT_RESPAWN_NEVER)
        o->respawn = INIT_RESPAWN_ON_FAILURE;
}

static void set_warn(struct init_options *o, const char *value)
{
    (void)value;
    o->warn_on_reap = true;
}

static void set_verbose(struct init_options *o, const char *value)
{
    (void)value;
    o->verbosity++;
}

static int open_fd(const char *value)
{
    int fd = number(value, '\0', HIGHEST_FD);

    if (fd < 0)
        fail_usage("not a descriptor number: ", value);
    if (fcntl(fd, F_GETFD) < 0)
        init_fail("no such open descriptor: ", value, 0);
    return fd;
}

static void set_note_fd(struct init_options *o, const char *value)
{
    o->note_fd = open_fd(value);
}

static void set_spawner(struct init_options *o, const char *value)
{
    o->spawner_fd = open_fd(value);
}

static void set_fdstore(struct init_options *o, const char *value)
{
    o->fdstore_fd = open_fd(value);
}

enum argument { NONE, NEEDED, OPTIONAL /* behind a '=' only */ };

static const struct row {
    char brief; /* 0: none */
    const char *full;
    option_fn *set;
    enum argument argument;
    const char *metavar, *help; /* help NULL: not for people */
} rows[] = {
    /* clang-format off */
    {'g', "group",               set_group,               NONE,     "",       "Give COMMAND a process group of its own, and the terminal if we have it; pass signals on to the group."},
    {'s', "subreaper",           set_subreaper,           NONE,     "",       "Reap orphans where this is not PID 1. That is done in any case; tini's word for it."},
    {'t', "tree",                set_tree,                NONE,     "",       "Stay until every process below has ended, not only COMMAND."},
    {'c', "single-child",        set_single_child,        NONE,     "",       "Pass signals on to COMMAND alone, in our own group and session: the default."},
    {0,   "no-new-session",      set_single_child,        NONE,     "",       "The same."},
    {0,   "new-session",         set_new_session,         NONE,     "",       "Give COMMAND a session of its own, with the terminal if that can be done; pass signals on to its group, a wish to stop as SIGSTOP, and SIGTERM to what is left of it when COMMAND ends."},
    {'r', "rewrite",             set_rewrite,             NEEDED,   "S:R",    "Pass signal S on as signal R; R is 0: do not pass it on. Numbers or names; can be repeated."},
    {'e', "remap-exit",          set_remap,               NEEDED,   "CODE",   "End with 0 where it would be CODE (143 is 128 + SIGTERM); can be repeated."},
    {'p', "parent-death-signal", set_parent_death_signal, NEEDED,   "SIGNAL", "Get SIGNAL when our parent ends; COMMAND gets it when we are gone."},
    {0,   "respawn",             set_respawn,             OPTIONAL, "[=WHEN]", "Start COMMAND again when it fails (on-failure), or whenever it ends (always), until it was passed SIGTERM, SIGINT or SIGQUIT. At once the first time, then after 100 ms, doubled up to 10 s; a life of 10 s forgets."},
    {0,   "respawn-limit",       set_respawn_limit,       NEEDED,   "N",      "Give up after N restarts in a row, with COMMAND's code."},
    {'w', "warn-on-reap",        set_warn,                NONE,     "",       "Tell of every orphan that is reaped."},
    {'v', "verbose",             set_verbose,             NONE,     "",       "Tell when COMMAND starts and ends; twice: of each signal, too."},
    {'n', "note-fd",             set_note_fd,             NEEDED,   "FD",     "Write COMMAND's wait status and resource use to FD when it ends."},
    {'l', "license",             set_license,             NONE,     "",       "Show the license."},
    {'h', "help",                set_help,                NONE,     "",       "Show this."},
    {'V', "version",             set_version,             NONE,     "",       "Show the version."},
    {0,   "spawner",             set_spawner,             NEEDED,   "FD",     NULL},
    {0,   "fdstore",             set_fdstore,             NEEDED,   "FD",     NULL},
    {0,   NULL,                  NULL,                    NONE,     NULL,     NULL},
    /* clang-format on */
};

/* ---- words about ourselves ---- */

static void set_help(struct init_options *o, const char *value)
{
    (void)o, (void)value;
    init_say(
        STDOUT_FILENO,
        "usage: coop-init [OPTION...] [--] COMMAND [ARGUMENT...]\n"
        "Runs COMMAND as its child, reaps every orphan, passes signals on, and ends with its\n"
        "exit code (128 + signal when a signal ended it). Made to be PID 1 of a container.\n\n",
        NULL);
    for (const struct row *row = rows; row->full; row++) {
        const char brief[] = {'-', row->brief, ',', ' ', '\0'};

        if (!row->help)
            continue;
        init_say(STDOUT_FILENO, "  ", row->brief ? brief : "    ", "--", row->full,
                 row->argument == NEEDED ? " " : "", row->metavar, "\n        ", NULL);
        init_say(STDOUT_FILENO, row->help, "\n", NULL);
    }
    init_say(STDOUT_FILENO,
             "\nEnvironment: TINI_SUBREAPER, TINI_KILL_PROCESS_GROUP (-g), TINI_VERBOSITY,\n"
             "DUMB_INIT_SETSID=0 (-c), DUMB_INIT_DEBUG=1 (-vv).\n"
             "Called 'tini' COMMAND gets a group of its own, called 'dumb-init' a session.\n\n"
             "Exit codes: COMMAND's, or 125 own failure, 126 COMMAND cannot be executed,\n"
             "127 COMMAND not found.\n",
             NULL);
    _exit(EXIT_SUCCESS);
}

static void set_version(struct init_options *o, const char *value)
{
    (void)o, (void)value;
    init_say(STDOUT_FILENO, "coop-init ", COOP_VERSION, "\n", NULL);
    _exit(EXIT_SUCCESS);
}

static void set_license(struct init_options *o, const char *value)
{
    (void)o, (void)value;
    init_say(STDOUT_FILENO, "MIT License: use, copy, change, pass on; no warranty.\n",
             "Copyright (c) 2026 the coop maintainers\n", NULL);
    _exit(EXIT_SUCCESS);
}

/* ---- the words ---- */

/* One long word; returns how many words it took. */
static int take_long(struct init_options *o, char **words)
{
    const char *name = words[0] + 2, *value = strchr(name, '=');
    size_t length = strcspn(name, "=");

    for (const struct row *row = rows; row->full; row++) {
        if (strlen(row->full) != length || strncmp(row->full, name, length) != 0)
            continue;
        if (row->argument == NONE && value)
            fail_usage("no value can stand behind ", words[0]);
        if (value || row->argument != NEEDED) {
            row->set(o, value ? value + 1 : NULL);
            return 1;
        }
        if (!words[1])
            fail_usage("a value is missing behind ", words[0]);
        row->set(o, words[1]);
        return 2;
    }
    fail_usage("unknown option ", words[0]);
}

/* A dash and letters, as getopt(3) has it: -vg, -e143, -e 143. */
static int take_brief(struct init_options *o, char **words)
{
    for (const char *letter = words[0] + 1; *letter; letter++) {
        const struct row *row = rows;

        while (row->full && row->brief != *letter)
            row++;
        if (!row->full)
            fail_usage("unknown option ", words[0]);
        if (row->argument == NONE) {
            row->set(o, NULL);
            continue;
        }
        if (!letter[1] && !words[1])
            fail_usage("a value is missing behind ", words[0]);
        row->set(o, letter[1] ? letter + 1 : words[1]);
        return letter[1] ? 1 : 2;
    }
    return 1;
}

static const char *variable(char *const *environment, const char *name)
{
    size_t length = strlen(name);

    for (; *environment; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

static void take_environment(struct init_options *o, char *const *environment)
{
    const char *verbosity = variable(environment, "TINI_VERBOSITY");
    const char *setsid = variable(environment, "DUMB_INIT_SETSID");
    const char *debug = variable(environment, "DUMB_INIT_DEBUG");

    if (variable(environment, "TINI_KILL_PROCESS_GROUP"))
        set_group(o, NULL);
    if (verbosity)
        o->verbosity = number(verbosity, '\0', 9) < 0 ? 0 : number(verbosity, '\0', 9);
    if (setsid && strcmp(setsid, "0") == 0)
        set_single_child(o, NULL);
    if (debug && strcmp(debug, "1") == 0)
        o->verbosity = 3;
}

/* What a program of this name does without options. */
static bool take_name(struct init_options *o, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL, *name = slash ? slash + 1 : path;

    if (name && strcmp(name, "dumb-init") == 0)
        set_new_session(o, NULL);
    if (!name || (strcmp(name, "tini") != 0 && strcmp(name, "tini-static") != 0 &&
                  strcmp(name, "docker-init") != 0))
        return false;
    o->place = INIT_OWN_GROUP;
    return true;
}

void init_options_parse(struct init_options *ret_options, char **argv, char *const *environment)
{
    struct init_options *o = ret_options;
    bool as_tini;

    *o = (struct init_options){
        .verbosity = 1, .note_fd = -1, .spawner_fd = -1, .fdstore_fd = -1};
    for (int sig = 0; sig < INIT_SIGNALS; sig++)
        o->rewrite[sig] = (uint8_t)sig;
    as_tini = take_name(o, argv[0]);
    take_environment(o, environment);
    for (argv += argv[0] != NULL; *argv && argv[0][0] == '-' && argv[0][1];) {
        bool last = strcmp(*argv, "--") == 0;

        if (last)
            argv++;
        else
            argv += argv[0][1] == '-' ? take_long(o, argv) : take_brief(o, argv);
        if (last || o->spawner_fd >= 0 || o->fdstore_fd >= 0)
            break;
    }
    if (o->spawner_fd >= 0 || o->fdstore_fd >= 0)
        return;
    if (!*argv)
        fail_usage("no command given", "");
    if (as_tini && argv[1] && strcmp(argv[1], "--") == 0) { /* tini PROGRAM -- ARGUMENTS */
        argv[1] = argv[0];
        argv++;
    }
    o->command = argv;
}

bool init_to_zero(const struct init_options *options, int code)
{
    return options->to_zero[code / 64] >> code % 64 & 1;
}
