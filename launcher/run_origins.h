#ifndef LAUNCHER_RUN_ORIGINS_H
#define LAUNCHER_RUN_ORIGINS_H

#include "launcher/run_options.h"

/*
 * run_origins.h - where each value of a sandbox comes from, for `coop-run --explain`; private
 *
 * Nothing is kept unless --explain is given.  Running out of memory loses lines, nothing else.
 */

/* For struct launch_profile_how: 'arg' is the struct run_options. */
void run_origin_of_profile(void *arg, const char *key, const char *value, const char *file,
                           int line);

/* A flag and its arguments: 'key' is that of its row, or NULL for one that has none. */
void run_origin_of_flag(struct run_options *options, const char *key, char *const *words,
                        size_t count);

/* The list of file-system operations begins anew: what was said of it does not count. */
void run_origins_drop(struct run_options *options, const char *key);

void run_origins_print(const struct run_options *options, FILE *out);

#endif
