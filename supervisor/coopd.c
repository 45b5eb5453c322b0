/*
 * coopd - starts services, keeps them alive, answers coopctl
 */
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "config/load.h"
#include "coop/coop.h"
#include "daemon.h"
#include "handover.h"
#include "options.h"

enum { EXIT_USAGE = 2 };

struct life {
    const struct options *options;
    struct config *config;
    json_t *kept; /* of the program before in this process; NULL: none */
    struct coop_err err;
    int status; /* what coopd ends with; -1: 'err' */
};

static int live(void *arg)
{
    struct life *life = arg;

    life->status = daemon_run(life->options, life->config, life->kept, &life->err);
    return 0;
}

static void print_problem(void *arg, const struct coop_err *err)
{
    (void)arg;
    fprintf(stderr, "%s\n", err->text);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
}

static int report(const char *while_doing, const struct coop_err *err)
{
    fprintf(stderr, "coopd: %s: %s\n", while_doing, err->text);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
    return EXIT_FAILURE;
}

/* The program before in this process has left something: NULL, or what it is.  What cannot be read
 * is as lost as after a crash, and dealt with in the same way. */
static json_t *take_handover(void)
{
    const char *text = getenv(HANDOVER_VARIABLE);
    struct coop_err err = {0};
    long long fd = -1;
    json_t *kept = NULL;

    if (!text)
        return NULL;
    if (str_to_int(text, 3, INT_MAX, &fd) < 0 || handover_open((int)fd, &kept, &err) < 0) {
        (void)report("going on", &err);
        (void)close_range(3, ~0U, 0);
    } else {
        (void)handover_keep(kept, false);
    }
    unsetenv(HANDOVER_VARIABLE);
    return kept;
}

static int supervise(const struct options *options, struct config *config)
{
    const struct coop_options runtime = {
        .name = "coopd",
        .signals = COOP_SIGNAL(SIGTERM) | COOP_SIGNAL(SIGINT) | COOP_SIGNAL(SIGHUP) |
                   COOP_SIGNAL(SIGUSR1) | COOP_SIGNAL(SIGUSR2),
        .dump_signal = SIGQUIT, /* heard even when all coroutines are stuck */
        .foreign_wakes = true,  /* signals and sockets may come after any silence */
    };
    struct life life = {.options = options, .config = config, .kept = take_handover()};
    int r;

    signal(SIGPIPE, SIG_IGN);
    /* The groups of whoever started us: inside a user namespace no service could drop them. */
    if (geteuid() == 0)
        (void)setgroups(0, NULL);
    r = coop_main(&runtime, live, &life);
    json_decref(life.kept);
    if (r < 0) {
        coop_fail_sys(&life.err, r, "the runtime");
        return report("starting", &life.err);
    }
    return life.status < 0 ? report("supervising", &life.err) : life.status;
}

static int run(const struct options *options)
{
    struct config *config = NULL;
    struct coop_err err = {0};

    if (options->help) {
        options_print_help();
        return EXIT_SUCCESS;
    }
    if (options->version) {
        printf("coopd %s\n", COOP_VERSION);
        return EXIT_SUCCESS;
    }
    if (config_load(&config, options->config.items, options->config.count, print_problem, NULL,
                    &err) < 0)
        return EXIT_FAILURE; /* every problem has been printed */
    if (options->state_format) {
        printf("coop-handover %d\n", HANDOVER_FORMAT);
        config_free(config);
        return EXIT_SUCCESS;
    }
    if (!options->check)
        return supervise(options, config);
    config_check_programs(config, print_problem, NULL);
    printf("%zu service%s, no errors\n", config->count, config->count == 1 ? "" : "s");
    config_free(config);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;
    struct coop_err err = {0};
    int code;

    if (options_parse(&options, argc, argv, &err) < 0) {
        report("command line", &err);
        fprintf(stderr, "Try 'coopd --help'.\n");
        return EXIT_USAGE;
    }
    code = run(&options);
    options_done(&options);
    return code;
}
