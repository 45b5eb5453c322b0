#ifndef LAUNCHER_RUN_STATUS_H
#define LAUNCHER_RUN_STATUS_H

#include "launcher/launch.h"

/*
 * run_status.h - what --info-fd and --json-status-fd are told, in bubblewrap's words; private to
 * coop-run
 *
 * Nobody who does not read can stop us: what cannot be written without waiting is not written.
 */

/* To both, before the command starts. -1: no descriptor. 'info_fd' is closed.  A unix socket gets
 * the child's pidfd along with the text (SCM_RIGHTS): a number may be another's by the time it is
 * read. */
void run_status_started(int info_fd, int status_fd, const struct launch_child *child,
                        uint32_t clone_flags, const struct launch_facts *facts);
void run_status_ended(int status_fd, int exit_code);

#endif
