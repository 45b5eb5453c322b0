#ifndef COOP_CONFIG_BUILD_H
#define COOP_CONFIG_BUILD_H

#include "config/raw.h"
#include "config/spec.h"

/*
 * build.h - one raw service section to one spec
 *
 * Order: profile, then the section's own keys from top to bottom, then what depends on several
 * of them (ids, defaults of Type=, prefer or require).
 */

/* What a service is made from. */
struct build_from {
    const struct raw_config *all;      /* has the sandboxes */
    const struct raw_section *section; /* its own, or its template's */
    const struct raw_section *over; /* what an instance says over its template; NULL: nothing */
    const char *name;
    enum svc_origin origin;
};

/* Errors begin with "file:line: ".  Each problem is told to 'complain'; NULL is returned when
 * there was one. */
struct svc_spec *build_service(const struct build_from *from, raw_complain *complain,
                               void *arg);

/* What can be said of a template before it has an instance: keys and values without
 * specifiers. Returns the number of errors. */
int build_check_template(const struct raw_config *all, const struct raw_section *section,
                         raw_complain *complain, void *arg);

/* Whether this key of a sandbox is refused in a service, because it is about a caller. */
bool build_refuses(const char *key);

/* Checks every [Sandbox NAME], used or not. Returns the number of errors. */
int build_check_sandboxes(const struct raw_config *all, raw_complain *complain, void *arg);

#endif
