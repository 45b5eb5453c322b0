#ifndef COOP_DEBUG_H
#define COOP_DEBUG_H

#include "coop/time.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * debug.h - who is there, and what are they waiting for
 *
 *     coop_dump(STDERR_FILENO);
 *
 *     12 coroutines on 2 processors (1 idle), 4 workers (2 idle, 1 blocked)
 *     coroutine 7 web-session: waiting in recv on 0x55d0c0 for 12.031s, deadline in 4.200s
 *     coroutine 9 redis (daemon): running
 *
 * Threads   Any.  The dump is a snapshot: coroutines run on while it is taken.
 * Limits    coop_dump() writes with write(2) and allocates nothing.
 */

void coop_dump(int fd);

/* The same as data: calls fn for each coroutine; stops when it returns non-zero. */
struct coop_coro_info {
    uint64_t id;
    const char *name;
    const char *state;  /* "running", "ready", "waiting"          */
    const char *reason; /* when waiting: a word of wait_reasons.def */
    const void *object; /* what it waits on, or NULL              */
    coop_nsec since;    /* waiting since, 0 when unknown          */
    coop_nsec deadline; /* COOP_FOREVER: none                     */
    int daemon, cancelled;
};
void coop_each_coro(int (*fn)(const struct coop_coro_info *info, void *arg), void *arg);

struct coop_stats {
    int procs, procs_idle;
    int workers, workers_idle, workers_blocked;
    uint64_t coroutines; /* alive                                     */
    uint64_t born;       /* ever                                      */
    uint64_t switches;   /* picks, all processors                     */
    uint64_t steals, polls;
    uint64_t stacks, slabs;   /* slots ever made, mappings                 */
    uint64_t create_failures; /* threads that the kernel refused           */
    const char *guards;       /* "madvise", "mprotect" or "canary"         */
};
void coop_stats_get(struct coop_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
