#ifndef COOP_CONTROL_CLIENT_H
#define COOP_CONTROL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "control/varlink.h"
#include "coop/err.h"
#include "coop/time.h"

/*
 * client.h - the caller's end of the control socket, for blocking programs
 *
 *     struct ctl_client *client;
 *     struct varlink_reply reply;
 *     if (ctl_client_open(&client, path, deadline, &err) < 0) ...
 *     if (ctl_client_call(client, "io.coop.Supervisor.List", NULL, true, &err) < 0) ...
 *     do {
 *         if (ctl_client_next(client, &reply, deadline, &err) < 0) ...
 *         more = reply.continues;
 *         varlink_reply_done(&reply);
 *     } while (more);
 *     ctl_client_close(client);
 *
 * Time      Deadlines are absolute and monotonic; COOP_FOREVER waits as long as it takes.
 * Errors    0 or -1 with 'err': COOP_E_TIMEOUT at the deadline; COOP_E_SYS with err->sys from
 *           the socket (ENOENT and ECONNREFUSED: nobody listens; EACCES: not for us; EPIPE: the
 *           other side has hung up).
 * Threads   Plain blocking calls; never in a coroutine.
 * Limits    CTL_REPLY_MAX bytes in a reply.
 */
#define CTL_REPLY_MAX ((size_t)16 * 1024 * 1024)

struct ctl_client;

int ctl_client_open(struct ctl_client **ret_client, const char *socket_path, coop_nsec deadline,
                    struct coop_err *err);
void ctl_client_close(struct ctl_client *client); /* accepts NULL */

/* Sends a call; takes 'parameters' over (NULL: none). */
int ctl_client_call(struct ctl_client *client, const char *method, json_t *parameters,
                    bool more, struct coop_err *err);

/* Waits for the next reply.  An error reply is a reply, not an error. */
int ctl_client_next(struct ctl_client *client, struct varlink_reply *ret_reply,
                    coop_nsec deadline, struct coop_err *err);

/* Waits until the process at the other end is gone: by its pidfd where there is one, else until
 * it hangs up. */
int ctl_client_wait_gone(struct ctl_client *client, coop_nsec deadline, struct coop_err *err);

/* The PID of the process that listens, 0 when it is in another PID namespace. */
pid_t ctl_client_peer(const struct ctl_client *client);

/* Now, on the clock of the deadlines. */
coop_nsec ctl_client_now(void);

#endif
