#ifndef LAUNCHER_RUN_SAY_H
#define LAUNCHER_RUN_SAY_H

#include <stdbool.h>

#include "coop/err.h"

/*
 * run_say.h - what coop-run says on standard error, unless it was told to be quiet; private to
 * coop-run
 */
void run_be_quiet(void);

/* From now on messages are those of bubblewrap: its name, and before it the level, as a journal
 * wants it, if that is asked for. */
void run_speak_as_bwrap(bool with_level);
bool run_speaks_as_bwrap(void);

/* One line, after our name; the format has no newline at its end. */
void run_say(const char *fmt, ...) COOP_FMT(1, 2);
void run_hint(const char *hint);

#endif
