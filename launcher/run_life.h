#ifndef LAUNCHER_RUN_LIFE_H
#define LAUNCHER_RUN_LIFE_H

#include "launcher/run_options.h"

/*
 * run_life.h - one command's life under coop-run: started, watched, ended, told about; private to
 * coop-run
 */

#define RUN_EXIT_BWRAP          1 /* with --compat=bwrap, whatever failed */
#define RUN_EXIT_LAUNCHER       125
#define RUN_EXIT_NOT_EXECUTABLE 126
#define RUN_EXIT_NOT_FOUND      127
#define RUN_EXIT_SIGNAL         128

/* Says on standard error what went wrong. The exit code that goes with it. */
int run_report(const struct coop_err *err);

/* The same, and writes the receipt that was asked for: it never ran. */
int run_failed(const struct run_options *options, const struct coop_err *err);

/* Compiles options->spec, with what its bounds need besides. */
int run_compile(struct run_options *options, struct launch_plan **ret_plan,
                struct coop_err *err);

/* Starts the command, watches over it and its bounds, writes the receipt. Its exit code, or one
 * of the above. '*plan' may be replaced by one that this machine can keep. */
int run_command(struct run_options *options, struct launch_plan **plan);

#endif
