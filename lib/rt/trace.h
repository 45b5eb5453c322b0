#ifndef COOP_RT_TRACE_H
#define COOP_RT_TRACE_H

#include "rt/sched.h"

/*
 * trace.h - what happened, thread by thread (private half of coop/debug.h)
 *
 * Off, it costs nothing where it counts: the scheduler and coop__ready() test something else
 * there anyway (trace.c).  The rest are slow paths, with a branch each.
 */

enum trace_kind {
    TRACE_NOTHING,
    TRACE_BIRTH,   /* arg: its function; with its name             */
    TRACE_RUN,     /* from here on it runs on this processor       */
    TRACE_PARK,    /* it waits; arg: reason, more: object          */
    TRACE_YIELD,   /* it lets others run                           */
    TRACE_END,     /* its function has returned; as TRACE_BIRTH    */
    TRACE_READY,   /* somebody made it runnable; arg: who, 0: none */
    TRACE_STEAL,   /* arg: the processor it was taken from         */
    TRACE_BRACKET, /* it gives the processor away, keeps the thread */
    TRACE_RETURN,  /* and wants one back                           */
    TRACE_TIMER,   /* one has fired; arg: its time                 */
    TRACE_POLL,    /* arg: events; more: when it began             */
    TRACE_TRIM,    /* a stack has given its memory back; arg: bytes */
};

/* Notes it in the thread's own ring.  'w' may be NULL. */
void coop__trace_note(struct worker *w, enum trace_kind kind, uint64_t id, uint64_t arg,
                      uint64_t more);
void coop__trace_birth(const struct coro *g);
/* w leaves its coroutine's stack for 'to'; NULL: for its own. */
void coop__trace_switch(struct worker *w, const struct coro *to);

static inline bool coop__tracing(void)
{
    return unlikely(atomic_load_explicit(&coop__rt.tracing, memory_order_relaxed));
}

static inline void coop__trace(struct worker *w, enum trace_kind kind, uint64_t id,
                               uint64_t arg)
{
    if (coop__tracing())
        coop__trace_note(w, kind, id, arg, 0);
}

/* A new worker gets a ring if a trace runs.  Under the runtime's lock. */
void coop__trace_worker(struct worker *w);
/* Traces the whole run into this file (NULL: no trace): 0 or -errno. */
int coop__trace_into(const char *path);
/* At the end of the runtime: nobody notes anything any more. */
void coop__trace_end(void);

/* One note, as the exporter reads it. */
struct trace_event {
    coop_nsec time;
    uint64_t id, arg, more;
    uint64_t at; /* counts the ring's notes */
    int ring, proc;
    enum trace_kind kind;
    char name[24]; /* TRACE_BIRTH, TRACE_END */
};

/* The notes of the trace that was stopped, in the order of time: malloc'ed, NULL when there is
 * no memory. */
struct trace_event *coop__trace_collect(size_t *ret_count, uint64_t *ret_dropped);
/* Writes them (trace_json.c): 0 or -errno. */
int coop__trace_write(int fd, const struct trace_event *events, size_t count, uint64_t dropped);

#endif
