#ifndef COOP_EVENTS_BUS_H
#define COOP_EVENTS_BUS_H

#include <stdint.h>

#include "coop/time.h"
#include "events/event.h"

/*
 * bus.h - what happened, to everyone who wants to know
 *
 * Publishing writes into a ring and never waits; each subscriber reads the ring at its own
 * pace.  One that is slower than BUS_RING events loses the oldest and is told how many.
 *
 *     struct bus_sub *sub = bus_subscribe(bus);
 *     struct event event; uint64_t lost;
 *     while (bus_next(sub, &event, &lost, COOP_FOREVER) == 1)
 *         render(&event);
 *     bus_unsubscribe(sub);
 *
 * Threads   All calls from any coroutine; one coroutine per subscription.
 * Errors    0 or 1, or -errno: -ETIMEDOUT, -ECANCELED from the runtime.
 * Limits    BUS_RING events kept, BUS_SUBS subscribers.
 */

enum { BUS_RING = 1024, BUS_SUBS = 64 };

struct bus;
struct bus_sub;

struct bus *bus_new(void); /* NULL when out of memory */
void bus_free(struct bus *bus);

/* Gives the event its number and its times, keeps it and wakes the subscribers. */
void bus_publish(struct bus *bus, struct event *event);

/* Events from now on. NULL: BUS_SUBS reached or out of memory. */
struct bus_sub *bus_subscribe(struct bus *bus);
void bus_unsubscribe(struct bus_sub *sub); /* accepts NULL */

/* 1: *ret_event is the next event, *ret_lost how many were lost before it.  0: the bus is
 * closed and drained. */
int bus_next(struct bus_sub *sub, struct event *ret_event, uint64_t *ret_lost,
             coop_nsec deadline);

/* Ends all subscriptions (at shutdown): bus_next then returns what is left, then 0. */
void bus_close(struct bus *bus);

#endif
