#ifndef COOP_RT_LEAKS_H
#define COOP_RT_LEAKS_H

#include "rt/sched.h"

/*
 * leaks.h - what was made and is still there (coop_options.leaks)
 *
 * Who makes something notes it with the place of the call, who takes it down forgets it.  While
 * nobody has asked for the report each is one test of a flag.
 */
enum leak_kind {
    LEAK_CHANNEL,
    LEAK_ACTOR,
    LEAK_TIMER,
    LEAK_DESCRIPTOR,
    LEAK_POOLED,
    LEAK_KINDS
};

extern _Atomic(bool) coop__leaks_on;

void coop__leak_note(enum leak_kind kind, const void *object, const void *made_at);
void coop__leak_drop(enum leak_kind kind, const void *object);

static inline void coop__leak_made(enum leak_kind kind, const void *object, const void *made_at)
{
    if (unlikely(atomic_load_explicit(&coop__leaks_on, memory_order_relaxed)) && object)
        coop__leak_note(kind, object, made_at);
}

static inline void coop__leak_gone(enum leak_kind kind, const void *object)
{
    if (unlikely(atomic_load_explicit(&coop__leaks_on, memory_order_relaxed)) && object)
        coop__leak_drop(kind, object);
}

void coop__leaks_start(bool wanted);
/* Coroutines were cancelled because all ends: those that stay too long are told of. */
void coop__leaks_await(void);
void coop__leaks_await_end(void);
/* Writes the report to stderr if there is anything to tell; while timers and descriptors are
 * still there to be looked at. */
void coop__leaks_end(void);

#endif
