#ifndef COOP_EVENTS_EVENT_H
#define COOP_EVENTS_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coop/time.h"
#include "events/board.h"
#include "service/fsm.h"

/*
 * event.h - one thing that happened, as plain data
 *
 * Events are facts: they are made by the actor to which they happened and are never changed.
 */

enum event_kind {
#define X(id, sentence) id,
#include "events/events.def"
#undef X
    EVENT_KINDS
};

struct event {
    uint64_t seq;   /* counts from 1; given by the bus                                    */
    coop_nsec when; /* monotonic; given by the bus                                        */
    int64_t wall;   /* ns since 1970; given by the bus                                    */
    enum event_kind kind;
    char service[SVC_NAME_MAX + 1]; /* "" for an event of coopd itself                    */
    enum svc_place from, to;        /* EVENT_STATE                                        */
    pid_t pid;                      /* EVENT_SPAWN, EVENT_EXIT, EVENT_ADOPTED             */
    uint8_t exit_kind;              /* EVENT_EXIT: enum svc_exit_kind                     */
    int exit_value;
    char why[160];
};

/* One line for people, without a newline: "web: up -> stopping/tree: killed by SIGKILL".
 * Returns its length; what does not fit is cut. */
size_t event_text(const struct event *event, char *buf, size_t size);

#endif
