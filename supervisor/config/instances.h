#ifndef COOP_CONFIG_INSTANCES_H
#define COOP_CONFIG_INSTANCES_H

#include "config/raw.h"
#include "config/wishes.h"

/*
 * instances.h - templates, and the services that are made of them
 *
 * An instance is there because the files have a section for it, because its template says so
 * (Instances=, DefaultInstance=), because another service names it, or because somebody has asked
 * for it (wishes.h).  From there on it is a service like any other.
 *
 * Memory    Templates are kept as they were read, so that an instance can be made later; a
 *           configuration without templates keeps nothing.
 * Limits    BOARD_MAX services, instances among them.
 */
struct config;
struct templates;

/* Is this section a service of its own?  Else it is a template, or what an instance has over
 * one. */
bool instances_is_service(const struct raw_config *raw, const struct raw_section *section);

/* Takes out of 'raw' what instances are made of, and checks it.  NULL and no error: there is
 * nothing of the kind.  0 or -1, told to 'complain'. */
int templates_take(struct templates **ret_templates, struct raw_config *raw,
                   raw_complain *complain, void *arg);

/* What 'raw' had of templates, sandboxes and groups. */
const struct raw_config *templates_raw(const struct templates *templates);
struct templates *templates_ref(struct templates *templates); /* accepts NULL */
void templates_unref(struct templates *templates);            /* accepts NULL */

/* Adds all instances to 'config', which has its other services and its templates.  What 'old' made
 * of the same templates is shared.  0 or -1, told to 'complain'. */
int instances_make(struct config *config, const struct config *old, const struct wishes *wishes,
                   raw_complain *complain, void *arg);

/* Could there be a service of that name, if somebody asked for it?  0, or -1 and why not. */
int instances_may_be(const struct config *config, const char *name, struct coop_err *err);

/* How many the files want of a set; 0: there is no such set. */
unsigned instances_written(const struct config *config, const char *set);

#endif
