#ifndef COOP_SERVICE_ADOPTED_H
#define COOP_SERVICE_ADOPTED_H

#include "service/machine.h"

/*
 * adopted.h - the top process of an adopted life, which is no child of ours
 *
 * Its end is told by a pidfd.  How it ended is asked of the kernel, which knows it for a moment
 * (until its parent has reaped it: /proc/PID/stat) or for as long as the pidfd is open (Linux 6.15:
 * PIDFD_GET_INFO).  Where neither is to be had, it stays unknown; a reaper's note is better anyway.
 *
 * Threads   As the rest of the holder: from the service's own handler.
 */

/* After news of its pidfd: has it ended?  Then holder->end_known and end_status are set. */
bool adopted_top_is_gone(struct holder *holder);

/* How a process ended whose pidfd says so. False: nobody knows. */
bool adopted_ask_end(int pidfd, pid_t pid, uint64_t start_ticks, int *ret_status);

/* Lets go of the pidfd. Nothing to do for a holder that is not adopted. */
void adopted_done(struct holder *holder);

/* Pure: the start time and, of a dead process, the wait status out of a line of /proc/PID/stat.
 * False when it is not such a line. */
bool adopted_parse_stat(const char *text, char *ret_state, uint64_t *ret_start_ticks,
                        int *ret_status);

#endif
