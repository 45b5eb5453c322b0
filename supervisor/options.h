#ifndef COOP_OPTIONS_H
#define COOP_OPTIONS_H

#include <stdbool.h>

#include "base/strlist.h"
#include "coop/err.h"

/*
 * options.h - coopd's command line, with its defaults filled in
 *
 * The rows are at the same time `coopd --help` and the OPTIONS chapter of coopd(8).
 */
struct options {
    struct strlist config;
    char *socket, *state_dir, *log_dir;
    bool check, help, version, state_format;
    char *const *argv; /* as they were given, for the next program in this process */
};

/* 0; -1 with an error about the command line. */
int options_parse(struct options *ret_options, int argc, char *const *argv,
                  struct coop_err *err);
void options_done(struct options *options);
void options_print_help(void);

#endif
