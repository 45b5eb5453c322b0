#ifndef LAUNCHER_RUN_SAY_H
#define LAUNCHER_RUN_SAY_H

#include "coop/err.h"

/*
 * run_say.h - what coop-run says on standard error, unless it was told to be quiet; private to
 * coop-run
 */
void run_be_quiet(void);
void run_say(const char *fmt, ...) COOP_FMT(1, 2);

#endif
