#ifndef LAUNCHER_RUN_CWD_H
#define LAUNCHER_RUN_CWD_H

#include "launcher/run_options.h"

/*
 * run_cwd.h - where the command starts when nobody says so; private to coop-run
 *
 * With a root of the user's making, or the host's: where we are, if that exists inside, else "/".
 * In the closed box of profile 'default': the working directory is shown read-only, unless showing
 * it would open what the box is there to hide: a home itself or something above one, a hidden
 * directory in a home (~/.ssh), or the system's own places.  Then the command starts in "/", and a
 * note says so.
 */
int run_choose_cwd(struct run_options *options, struct coop_err *err);

/* Pure, for tests: may 'cwd' be shown? 'homes' are home directories, plain paths. NULL: yes;
 * otherwise why not ("it is a home directory"). */
const char *run_cwd_refused(const char *cwd, const struct strlist *homes);

#endif
