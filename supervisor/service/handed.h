#ifndef COOP_SERVICE_HANDED_H
#define COOP_SERVICE_HANDED_H

#include <jansson.h>

#include "service/machine.h"

/*
 * handed.h - what the next program in the same process is told of a life, and what it makes of it
 *
 * The processes stay our children (or the adoptees that they were), so nothing is asked again: what
 * is known of a holder is written down, and read back as it was.  Three steps, all from the
 * service's own handler:
 *
 *     holder_leave(&holder);             its child may end, but is not reaped any more
 *     json = holder_record(&holder);
 *     holder_return(&holder, ...);       the program could not be replaced: as before
 *
 *     holder_take(machine, json, ...);   the next program: as before
 *
 * The caller holds coop_child_spawn_begin() meanwhile, so that a child that ends is no orphan.
 */
/* Where the news of a holder go. */
struct holder_news {
    struct coop_actor *actor;
    int kind_top, kind_watch, kind_main;
};

void holder_leave(struct holder *holder);
json_t *holder_record(const struct holder *holder);
void holder_return(struct holder *holder, const struct holder_news *news);

/* Reads it back, with the bounds that 'spec' sets and that began at 'began'. 0 or -1. */
int holder_take(struct spawn *spawn, const struct svc_spec *spec, const json_t *record,
                const struct holder_news *news, coop_nsec began, struct holder *holder,
                struct coop_err *err);

#endif
