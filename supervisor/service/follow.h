#ifndef COOP_SERVICE_FOLLOW_H
#define COOP_SERVICE_FOLLOW_H

#include "service/machine.h"

/*
 * follow.h - a main process that is not what was launched
 *
 * A program that goes to the background (Type=forking) leaves its main process behind, and one that
 * hands over to another says so (MAINPID=).  Either way that process is somewhere in the service's
 * tree and no child of ours:
 *
 *     its end       its pidfd
 *     how it ended  the reaper's note, when it is the reaper's own child; else what the kernel
 *                   tells (adopted.h); else nobody knows
 *     signals       through the pidfd
 *
 * Threads   As the rest of the holder: from the service's own handler.
 */

/* The ops of spawn.h. */
int machine_find(struct spawn *spawn, const struct holder *holder, pid_t inside,
                 struct successor *ret_found);
int machine_follow(struct spawn *spawn, struct holder *holder, const struct successor *main,
                   struct coop_actor *actor, int kind);

/* Is there a process of ours at the top that is none of the service's? */
bool follow_has_reaper(const struct holder *holder);

/* What an earlier coopd has followed.  When it is gone its news come at once. */
void follow_again(struct spawn *spawn, const struct adoption *what, struct holder *holder);

/* Tells the reaper above it who is main, if there is one and main is its child. */
void follow_tell(struct holder *holder);

/* News of its pidfd: brings main_gone up to date. */
void follow_news(struct holder *holder);

/* It has ended, whatever its pidfd says: with its namespace, or its whole tree. */
void follow_ended(struct holder *holder);

/* Lets go of it. Nothing to do when nothing is followed. */
void follow_done(struct holder *holder);

/* Pure: the second number of the line NSpid in the text of /proc/PID/status: a process's PID in the
 * namespace below ours.  0 or -EINVAL. */
int follow_parse_inside(const char *text, pid_t *ret_inside);

#endif
