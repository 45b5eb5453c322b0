#ifndef LAUNCHER_SPAWNER_H
#define LAUNCHER_SPAWNER_H

#include <stdint.h>
#include <sys/socket.h>

#include "launcher/launch.h"

/*
 * spawner.h - the wire between a threaded process and its spawner; private to launcher/
 *
 * One SOCK_SEQPACKET connection; one message asks, one message answers, in order.
 *
 *     asks      struct spawner_request + SCM_RIGHTS: a descriptor per bit of 'slots', lowest
 *               bit first, then 'extra' more (launch_io.fds).  The plan is a sealed memfd.
 *     answers   struct spawner_reply + SCM_RIGHTS: the child's pidfd, when it has one.
 *
 * The answer says only that the child was cloned (or why not); what becomes of it goes over the
 * report channel, whose far end the caller kept, and its memory.  So the spawner never waits for
 * a child.
 */

#define SPAWNER_MAGIC                                                                          \
    UINT32_C(0x53706178) /* "Spax": a mismatch is another build's coop-init  \
                                            */

enum spawner_slot {
    SPAWNER_PLAN,   /* always */
    SPAWNER_REPORT, /* always */
    SPAWNER_TOLD,   /* always: the memory of struct launch_report */
    SPAWNER_STDIN,
    SPAWNER_STDOUT,
    SPAWNER_STDERR,
    SPAWNER_EXIT_NOTE,
    SPAWNER_LIVENESS,
    SPAWNER_GATE,
    SPAWNER_CGROUP,
    SPAWNER_SYNC,
    SPAWNER_SLOTS
};

#define SPAWNER_MAX_FDS (SPAWNER_SLOTS + LAUNCH_MAX_FDS)

struct spawner_request {
    uint32_t magic;
    uint32_t slots; /* bit per enum spawner_slot */
    uint32_t extra;
    uint32_t pad;
    uint64_t plan_size;
};

struct spawner_reply {
    uint32_t magic;
    int32_t pid; /* or -errno */
};

/* Runs coop-init in a hidden mode ("--spawner"), with this descriptor and no other. */
int launch_helper_start(const char *helper, const char *mode, int fd, pid_t *ret_pid,
                        struct coop_err *err);

/* The spawner's life (in coop-init): serves 'socket' until it is closed. An exit code. */
int spawner_serve(int socket);

#endif
