#ifndef COOP_CTL_SHOW_H
#define COOP_CTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "coop/time.h"
#include "ctl/table.h"

/*
 * show.h - what coopd told, for people
 *
 * The JSON is that of the interface file (types Service, Tree, Process, method Daemon); members
 * that are missing are shown as "-".  'now' is nanoseconds since 1970.
 */

/* An array of Service as a table. */
void show_services(const json_t *services, coop_nsec now, FILE *out,
                   const struct screen *screen);

/* One Service in full; 'tree' (a Tree or NULL) and 'lines' (strings or NULL) go below. */
void show_service(const json_t *service, const json_t *tree, const json_t *lines, coop_nsec now,
                  FILE *out, const struct screen *screen);

/* An array of Tree. */
void show_trees(const json_t *trees, FILE *out, const struct screen *screen);

/* The parameters of Daemon's reply. */
void show_daemon(const json_t *daemon, FILE *out, const struct screen *screen);

/* An array of Timer as a table. */
void show_timers(const json_t *timers, FILE *out, const struct screen *screen);

/* The parameters of Coroutines' reply, as a table. */
void show_coroutines(const json_t *reply, FILE *out, const struct screen *screen);

/* An array of Group as a table. */
void show_groups(const json_t *groups, FILE *out, const struct screen *screen);

/* Does a Service run, in the sense of exit code 3?  It does from its start to its last process,
 * and while it is up without one (RemainAfterExit). */
bool service_runs(const json_t *service);

/* A member that is a string; "" when it is none. */
const char *show_text(const json_t *object, const char *name);

#endif
