#ifndef COOP_CONTROL_VIEW_JSON_H
#define COOP_CONTROL_VIEW_JSON_H

#include <jansson.h>

#include "coop/time.h"
#include "events/board.h"

/*
 * view_json.h - what the board shows of a service, in the words of the interface file
 *
 * Pure. NULL when out of memory.
 */

/* Type Service.  'now' is monotonic; 'description', 'sandbox' and 'set' may be NULL.  Takes
 * 'sockets', an array of texts, over; NULL: none. */
json_t *ctl_service_json(const struct svc_view *view, coop_nsec now, const char *description,
                         const char *sandbox, const char *set, json_t *sockets);

/* Type Exit, or JSON null when no process has ended yet or nobody knows how. */
json_t *ctl_exit_json(const struct svc_view *view);

#endif
