/*
 * coopctl - asks coopd to show, start and stop services
 *
 * A plain blocking program: one connection, one call (two or three for details), one answer
 * printed.  What can be asked stands in control/verbs.c, what is printed in ctl/show.c.
 */
#include "base/scope.h"
#include "control/places.h"
#include "ctl/options.h"
#include "ctl/run.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --socket, else COOP_SOCKET, else the place where coopd listens by default. */
static const char *choose_socket(const struct ctl_options *options, char buf[CTL_PATH_MAX])
{
    const char *from_env = getenv("COOP_SOCKET");

    if (options->socket)
        return options->socket;
    if (from_env && from_env[0])
        return from_env;
    ctl_default_socket(geteuid(), getenv("XDG_RUNTIME_DIR"), buf, CTL_PATH_MAX);
    return buf;
}

static int usage_error(const struct coop_err *err)
{
    print_error(err);
    if (!err->hint[0])
        ctl_print_usage(stderr);
    return CTL_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    char socket_path[CTL_PATH_MAX];
    struct ctl_options options;
    struct screen screen;
    struct coop_err err = {0};
    int exit_code = CTL_EXIT_OK;

    setlocale(LC_CTYPE, "");
    if (ctl_options_parse(&options, argc, argv, &err) < 0)
        return usage_error(&err);
    screen_look(&screen, STDOUT_FILENO, getenv("NO_COLOR"), getenv("TERM"), getenv("COLUMNS"));
    if (options.help)
        ctl_print_help(stdout);
    else if (options.version)
        puts("coopctl " COOP_VERSION);
    else
        exit_code = (int)run_verb(&options, choose_socket(&options, socket_path), &screen);
    ctl_options_done(&options);
    if (fflush(stdout) != 0 && exit_code == CTL_EXIT_OK)
        exit_code = CTL_EXIT_FAILED;
    return exit_code;
}
