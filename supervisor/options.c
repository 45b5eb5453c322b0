/*
 * options.c - flags as rows, and where things are when nobody says
 *
 *                 root                     an ordinary user
 *     config      /etc/coop                $XDG_CONFIG_HOME/coop  (~/.config/coop)
 *     socket      /run/coop/control.sock   $XDG_RUNTIME_DIR/coop/control.sock
 *     state       /var/lib/coop            $XDG_STATE_HOME/coop   (~/.local/state/coop)
 *     logs        /var/log/coop            $XDG_STATE_HOME/coop/log
 *
 * Without HOME the home of the user database counts; without that one too, nothing is guessed.
 */
#include "options.h"

#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"
#include "control/places.h"
#include "text/setting.h"

enum { RECORD_MAX = 4096 }; /* of the user database */

#define FIELD(name) .field = offsetof(struct options, name)

static const struct setting rows[] = {
    /* clang-format off */
    {"Coopd", "Config", &setting_lines, FIELD(config), .metavar = "PATH",
     .help = "File, or directory of *.ini and *.service files; may be given several times."},
    {"Coopd", "Socket", &setting_string, FIELD(socket), .metavar = "PATH",
     .help = "Where coopctl reaches it; control.fifo is beside it."},
    {"Coopd", "StateDir", &setting_string, FIELD(state_dir), .metavar = "DIR",
     .help = "What the next coopd must know; made if missing, for its owner only."},
    {"Coopd", "LogDir", &setting_string, FIELD(log_dir), .metavar = "DIR",
     .help = "Where NAME.log files go; made if missing, for its owner only."},
    {"Coopd", "Check", &setting_bool, FIELD(check),
     .help = "Only check the configuration: print what is wrong, exit with 0 or 1."},
    {"Coopd", "StateFormat", &setting_bool, FIELD(state_format),
     .help = "Only check the configuration, and print which format of `coopctl reexec` is known."},
    {"Coopd", "Help", &setting_bool, FIELD(help), .help = "Show this."},
    {"Coopd", "Version", &setting_bool, FIELD(version), .help = "Show the version."},
    /* clang-format on */
};

static const struct setting_table table = {rows, COOP_COUNT(rows)};

/* ---- defaults ---- */

/* Where nobody else may write: what lies there is run. Yours to free; NULL: there is none. */
static char *home_of_user(void)
{
    const char *home = getenv("HOME");
    struct passwd entry, *found = NULL;
    char record[RECORD_MAX];

    if (home && home[0] == '/')
        return strdup(home);
    if (getpwuid_r(geteuid(), &entry, record, sizeof record, &found) != 0 || !found ||
        found->pw_dir[0] != '/')
        return NULL;
    return strdup(found->pw_dir);
}

/* $variable/tail, else $HOME/home/tail. */
static char *xdg(const char *variable, const char *home, const char *tail, struct coop_err *err)
{
    SCOPED_FREE char *own = NULL;
    const char *base = getenv(variable);
    char *path = NULL;
    int n;

    if (base && base[0] == '/') {
        n = asprintf(&path, "%s/%s", base, tail);
    } else {
        own = home_of_user();
        if (!own) {
            coop_fail(err, COOP_E_MISSING,
                      "HOME is not set: give --config, --state-dir and --log-dir");
            return NULL;
        }
        n = asprintf(&path, "%s/%s/%s", own, home, tail);
    }
    if (n < 0) {
        coop_fail(err, COOP_E_LIMIT, "no memory for the options");
        return NULL;
    }
    return path;
}

/* The fixed place of root, else that of the user; NULL with an error. */
static char *place(const char *of_root, const char *variable, const char *home,
                   const char *tail, struct coop_err *err)
{
    char *path = NULL;

    if (geteuid() != 0)
        return xdg(variable, home, tail, err);
    path = strdup(of_root);
    if (!path)
        coop_fail(err, COOP_E_LIMIT, "no memory for the options");
    return path;
}

static char *default_socket(void)
{
    char path[CTL_PATH_MAX];

    if (ctl_default_socket(geteuid(), getenv("XDG_RUNTIME_DIR"), path, sizeof path) < 0)
        return NULL;
    return strdup(path);
}

static int fill(struct options *options, struct coop_err *err)
{
    static const char state_home[] = ".local/state";

    if (!options->socket)
        options->socket = default_socket();
    if (!options->socket)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the options");
    if (!options->state_dir)
        options->state_dir = place("/var/lib/coop", "XDG_STATE_HOME", state_home, "coop", err);
    if (!options->log_dir && options->state_dir)
        options->log_dir =
            place("/var/log/coop", "XDG_STATE_HOME", state_home, "coop/log", err);
    if (!options->state_dir || !options->log_dir)
        return -1;
    if (options->config.count == 0) {
        char *path = place("/etc/coop", "XDG_CONFIG_HOME", ".config", "coop", err);

        if (!path)
            return -1;
        if (strlist_take(&options->config, path) < 0)
            return coop_fail(err, COOP_E_LIMIT, "no memory for the options");
    }
    return 0;
}

/* The daemon's directory may change; its paths must not change with it. */
static int make_absolute(char **path, struct coop_err *err)
{
    SCOPED_FREE char *here = NULL;
    char *whole = NULL;

    if (!*path || (*path)[0] == '/')
        return 0;
    here = getcwd(NULL, 0);
    if (!here || asprintf(&whole, "%s/%s", here, *path) < 0)
        return coop_fail(err, COOP_E_SYS, "'%s': the working directory is not known", *path);
    free(*path);
    *path = whole;
    return 0;
}

static int make_all_absolute(struct options *options, struct coop_err *err)
{
    for (size_t i = 0; i < options->config.count; i++)
        if (make_absolute(&options->config.items[i], err) < 0)
            return -1;
    if (make_absolute(&options->socket, err) < 0 || make_absolute(&options->state_dir, err) < 0)
        return -1;
    return make_absolute(&options->log_dir, err);
}

/* ---- the public calls ---- */

void options_done(struct options *options)
{
    settings_done(&table, options);
}

/* What a caller like this one gets. */
static void print_defaults(void)
{
    struct options options = {0};

    if (fill(&options, NULL) == 0 && options.config.items)
        printf("\nWhere nothing is said, for this user:\n"
               "  --config=%s\n  --socket=%s\n  --state-dir=%s\n  --log-dir=%s\n",
               options.config.items[0], options.socket, options.state_dir, options.log_dir);
    options_done(&options);
}

void options_print_help(void)
{
    printf(
        "usage: coopd [--config PATH]... [--socket PATH] [--state-dir DIR] [--log-dir DIR]\n"
        "             [--check]\n\n"
        "Starts services, keeps them alive, and answers coopctl.  Runs in the foreground and\n"
        "logs to stderr.\n\n");
    settings_print_help(&table, stdout);
    print_defaults();
    printf("\nSignals: TERM and INT stop all services in order, then coopd (twice: at once);\n"
           "HUP reads the configuration again; QUIT writes all coroutines to stderr.\n"
           "Exit: 0 all went well, 1 it did not, 2 wrong usage.\n");
}

int options_parse(struct options *ret_options, int argc, char *const *argv,
                  struct coop_err *err)
{
    struct options options = {.argv = argv};
    int index = 1, r = 0;

    while (index < argc && r == 0) {
        int taken = settings_flag(&table, &options, argc, argv, &index, err);

        if (taken == 0)
            settings_unknown_flag(&table, argv[index], err);
        r = taken == 1 ? 0 : -1;
    }
    if (r == 0 && fill(&options, err) == 0 && make_all_absolute(&options, err) == 0) {
        *ret_options = options;
        return 0;
    }
    options_done(&options);
    return -1;
}
