#ifndef COOP_DEBUG_H
#define COOP_DEBUG_H

#include "coop/time.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * debug.h - who is there, what are they waiting for, and what has happened
 *
 *     coop_dump(STDERR_FILENO);
 *
 *     12 coroutines on 2 processors (1 idle), 4 workers (2 idle, 1 blocked)
 *     coroutine 7 web-session: waiting in recv on 0x55d0c0 for 12.031s, deadline in 4.200s
 *         runs session, made in accept_all+0x1c (server+0x4a1c), scope root/sessions, stack 1264
 *         of 61248 bytes, 7456 at its deepest
 *     coroutine 9 redis (daemon): running
 *         ...
 *
 * The numbers behind the file name are for addr2line(1): "addr2line -e server 0x4a1c".
 *
 * Time      A coroutine's times are points on the monotonic clock; the dump says how long ago.
 * Errors    None: what cannot be written is not shown.  coop_trace_start() and _stop(): -errno.
 * Threads   Any, and signal handlers.  The dump is a snapshot: coroutines run on while it is
 *           taken, and one may be shown with the scope of its former life.
 * Misuse    Without a runtime there is nobody to show; a bad descriptor shows nobody.
 * Memory    coop_dump() writes with write(2) and allocates nothing; it needs 16 KiB of stack.
 * Limits    More than 200 coroutines are told in groups: one line for all that have the same
 *           name, function and birthplace and do the same; at most 48 groups.  About a
 *           microsecond for each coroutine, a millisecond for each group.
 * Source    Go's SIGQUIT, with its goroutines of one stack told together.
 */

void coop_dump(int fd);

/* The same as data: calls fn for each coroutine; stops when it returns non-zero.  What the
 * pointers point to is valid inside fn only. */
struct coop_coro_info {
    uint64_t id;
    const char *name;
    const char *state;  /* "running", "ready", "waiting"          */
    const char *reason; /* when waiting: a word of wait_reasons.def */
    const void *object; /* what it waits on, or NULL              */
    coop_nsec since;    /* waiting since, 0 when unknown          */
    coop_nsec deadline; /* COOP_FOREVER: none                     */
    int daemon, cancelled;
    int urgent, pinned;
    const char *scope;    /* "root/sessions": the scopes that it is in, "" when unknown */
    const void *function; /* what it runs; an actor's: its handler                      */
    const void *born_at;  /* where coop_go() was called; NULL for an actor's            */
    size_t stack_size;    /* bytes                                                      */
    size_t stack_used;    /* now, 0 when it is running                                  */
    size_t stack_deepest; /* since the memory of this stack was last given back: those
                             who had it before count, too                               */
};
void coop_each_coro(int (*fn)(const struct coop_coro_info *info, void *arg), void *arg);

/* Where in the program: "accept_all+0x1c (server+0x4a1c)", or what is known of it; "?" for NULL.
 * Cut to 'size' bytes; reads the program's file. */
void coop_place(const void *code, char *ret_text, size_t size);

struct coop_stats {
    int procs, procs_idle;
    int workers, workers_idle, workers_blocked;
    uint64_t coroutines; /* alive                                     */
    uint64_t born;       /* ever                                      */
    uint64_t switches;   /* picks, all processors                     */
    uint64_t steals, polls;
    uint64_t stacks, slabs;   /* slots ever made, mappings                 */
    uint64_t stacks_warm;     /* free ones that still have memory, without */
                              /* what each processor keeps (128 at most)   */
    uint64_t create_failures; /* threads that the kernel refused           */
    const char *guards;       /* "madvise", "mprotect" or "canary"         */
};
void coop_stats_get(struct coop_stats *ret_stats);

/* ---- trace: what happened when, thread by thread ----
 *
 *     coop_trace_start();
 *     ...
 *     coop_trace_stop(fd);        // open it in chrome://tracing or ui.perfetto.dev
 *
 * The picture has a track per processor (a slice for each time that a coroutine ran, with what
 * it left for), a track per thread (brackets, looks into the poller), and points: births,
 * wake-ups with an arrow to the run they led to, steals, timers, trims of stacks.
 *
 * Time      While off: nothing that can be measured.  While on: 30 to 50 ns for each note.
 * Threads   From coroutines, or any thread while coop_main() runs.
 * Memory    1 MiB for each thread that notes something, till coop_main() returns.
 * Limits    Of each thread the youngest 16 384 notes, of 64 threads; what was lost is counted:
 *           otherData.dropped.  Names longer than 23 bytes are cut.
 */

/* 0; -EBUSY: one runs already; -EPERM: no runtime; -ENOMEM. */
int coop_trace_start(void);

/* Ends it and writes it to 'fd' (JSON; blocks: mind block.h), -1: to nowhere.  0; -EALREADY: none
 * runs; -ENOMEM, or what write(2) says. */
int coop_trace_stop(int fd);

#ifdef __cplusplus
}
#endif

#endif
