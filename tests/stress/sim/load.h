#ifndef TESTS_STRESS_SIM_LOAD_H
#define TESTS_STRESS_SIM_LOAD_H

#include "coop/coop.h"
#include "coop/sim.h"
#include "stress/holds.h"

#include <errno.h>

/*
 * load.h - pieces of work that check themselves, for the simulated runtime
 *
 * A load is a coroutine that starts others and knows what must come out.  All its choices are drawn
 * from the seed, so the same seed does the same again.  It may be cancelled in the middle: then it
 * cleans up and returns why, and only its sums need not be complete.
 *
 * What must hold at every moment is said with invariant_add(): it is looked at in each step() of
 * every coroutine.
 */
struct load {
    const char *name;
    int (*run)(void *);
};

extern const struct load loads[]; /* NULL name: the end */

/* 0 to n - 1, by the seed. */
static inline unsigned draw(unsigned n)
{
    return coop_sim_draw(n);
}

/* From a microsecond to half a second, short ones more often. */
coop_nsec draw_delay(void);

/* Goes on at once, lets others run, or sleeps. 0, or why the caller is cancelled. */
int step(void);

struct invariant {
    void (*look)(void *arg);
    void *arg;
    struct invariant *next;
};
void invariant_add(struct invariant *inv, void (*look)(void *arg), void *arg);
void invariant_remove(struct invariant *inv);

/* Memory that is there. */
void *must_have(size_t size);

/* A result that only a cancelled coroutine may see. */
#define CANCELLED(r) ((r) < 0 && coop_cancelled() == (r))

int run_relay(void *arg);
int run_rendezvous(void *arg);
int run_deadlines(void *arg);
int run_mutex(void *arg);
int run_rwlock(void *arg);
int run_sem(void *arg);
int run_buffer(void *arg);
int run_once(void *arg);
int run_scopes(void *arg);
int run_actors(void *arg);
int run_timers(void *arg);
int run_children(void *arg);
int run_kills(void *arg);
int run_signals(void *arg);
int run_pipes(void *arg);
int run_packets(void *arg);

#endif
