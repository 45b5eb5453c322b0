#ifndef COOP_CTL_OPTIONS_H
#define COOP_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "control/verbs.h"
#include "coop/err.h"
#include "coop/time.h"

/*
 * options.h - coopctl's command line
 *
 *     coopctl [--socket PATH] [--json] VERB [SERVICE...]
 *
 * Options may stand before or after the verb; "--" ends them.  An option that the verb does not
 * know is an error, not ignored.
 *
 * Memory    Names point into argv; ctl_options_done() frees the array.
 */
struct ctl_options {
    const char *socket; /* NULL: the default */
    bool json, no_wait, follow;
    bool help, version;
    int64_t lines;      /* -1: as many as is usual */
    const char *signal; /* NULL: SIGTERM */
    coop_nsec timeout;  /* COOP_FOREVER: none given */
    const struct ctl_verb *verb;
    const char **names;
    size_t count;
    bool all;
};

/* 0, or -1: the error says what is wrong with the command line. */
int ctl_options_parse(struct ctl_options *ret_options, int argc, char *const *argv,
                      struct coop_err *err);
void ctl_options_done(struct ctl_options *options);

/* "usage: ..." in one line per form. */
void ctl_print_usage(FILE *out);
/* The whole help. */
void ctl_print_help(FILE *out);

#endif
