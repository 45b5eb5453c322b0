#ifndef COOP_CTL_RUN_H
#define COOP_CTL_RUN_H

#include <stdio.h>

#include "coop/err.h"
#include "ctl/options.h"
#include "ctl/table.h"

/*
 * run.h - one verb, from the call to what is printed
 *
 * The caller opened nothing and prints nothing but usage: run_verb() connects, asks, prints and
 * says with which code the program ends.
 */
enum ctl_exit {
    CTL_EXIT_OK = 0,
    CTL_EXIT_FAILED = 1,
    CTL_EXIT_USAGE = 2,
    CTL_EXIT_NOT_RUNNING = 3,
    CTL_EXIT_UNKNOWN = 4, /* no such service, or no right */
    CTL_EXIT_UNREACHED = 111,
    CTL_EXIT_TIMEOUT = 124
};

/* "coopctl: text" and "hint: hint" on stderr. */
void print_error(const struct coop_err *err);

enum ctl_exit run_verb(const struct ctl_options *options, const char *socket_path,
                       const struct screen *screen);

#endif
