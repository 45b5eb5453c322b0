#ifndef COOP_SERVICE_LISTEN_H
#define COOP_SERVICE_LISTEN_H

#include <stdbool.h>

#include "config/socket_spec.h"
#include "coop/err.h"

/*
 * listen.h - one address of a socket, opened
 *
 * A path is made with a mode that lets nobody in, and opened to those that may connect when it
 * listens.  A path that is there already is replaced only when it is a socket of ours and nobody
 * listens there any more.
 *
 * Time      System calls that do not wait, but for the disk: in a bracket (coop/block.h).
 * Errors    0 or -1; what is said names file, line, key and address.
 */

/* The descriptor is close-on-exec and blocks; the caller closes it. */
int listen_open(const struct socket_spec *spec, const struct listen_address *address,
                int *ret_fd, struct coop_err *err);

/* Does something wait there to be taken? */
bool listen_has_news(int fd);

/* RemoveOnStop=: its path is removed. */
void listen_remove(const struct listen_address *address);

#endif
