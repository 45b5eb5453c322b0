#ifndef COOP_TIMERS_TIMERS_H
#define COOP_TIMERS_TIMERS_H

#include "config/timer_spec.h"
#include "coop/err.h"
#include "coop/time.h"
#include "events/board.h"
#include "events/bus.h"

/*
 * timers.h - services that are started when it is time
 *
 *     struct timers *timers;
 *     timers_start(&timers, &(struct timers_world){...}, err);
 *     timers_set(timers, specs, count, err);          at the start, and after each reload
 *     ...
 *     timers_stop(timers);
 *     timers_free(timers);
 *
 * One coroutine sleeps until the first of all times: for a time of day on a descriptor that the
 * kernel also wakes when the clock is set, else on its own deadline.  A second one listens to the
 * bus while a timer counts from what its service does.  Without timers there is neither.
 *
 * What a timer remembers is in <state_dir>/timers/NAME, one line: when it last came, when it
 * began.  It is written before the service is asked, so that a coopd that is killed in between
 * does not do it twice.  A coopd that ends in order removes it, unless Persistent=yes; one that
 * was killed leaves it, and the next one makes good for what came in between.
 *
 * Threads   All calls from coroutines.
 * Errors    What cannot be written down is told to the log, and the timer goes on.
 * Limits    Times of day are exact to a second, the others to the millisecond.
 * Source    systemd.timer(5) for what the keys mean.
 */

struct timers;

struct timers_world {
    struct bus *bus;
    struct board *board;
    const char *state_dir;
    /* Asks a service to start and does not wait for it; 0 or -errno. */
    int (*start)(void *arg, const char *service);
    void *arg;
    bool is_next; /* an earlier coopd was killed: what it has left is where we go on */
};

/* What is known of one, for people. */
struct timer_view {
    char name[SVC_NAME_MAX + 1], service[SVC_NAME_MAX + 1];
    int64_t next, last; /* ns since 1970; 0: never */
};

int timers_start(struct timers **ret_timers, const struct timers_world *world,
                 struct coop_err *err);

/* From now on these; each that was there before and says the same goes on. 0 or -1. */
int timers_set(struct timers *timers, struct timer_spec *const *specs, size_t count,
               struct coop_err *err);

/* A copy of all, in the order of the configuration; the caller frees it.  NULL: no memory. */
struct timer_view *timers_list(struct timers *timers, size_t *ret_count);

/* Nothing is started any more when this returns. */
void timers_stop(struct timers *timers);
void timers_free(struct timers *timers); /* stopped; accepts NULL */

#endif
