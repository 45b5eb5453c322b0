/*
 * bus.c - one ring, many readers with a place of their own in it
 *
 * A subscriber sleeps on a channel of one empty value: publishing offers a token without
 * waiting (a token that is there already says the same), the subscriber takes it and reads the
 * ring until it has caught up.  So a burst of a thousand events wakes a session once.
 *
 * The lock is held for the copy of one event only, never across a wait.
 */
#include "events/bus.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/sys.h"
#include "coop/chan.h"
#include "coop/sync.h"

struct bus_sub {
    struct bus *bus;
    struct coop_chan *wake;
    uint64_t next; /* the number of the event to read next */
};

struct bus {
    struct coop_mutex lock;
    uint64_t last; /* number of the newest event, 0: none yet */
    bool closed;
    struct bus_sub *subs[BUS_SUBS];
    struct event ring[BUS_RING];
};

struct bus *bus_new(void)
{
    return calloc(1, sizeof(struct bus));
}

void bus_free(struct bus *bus)
{
    free(bus);
}

static void wake_all(struct bus *bus)
{
    for (int i = 0; i < BUS_SUBS; i++)
        if (bus->subs[i])
            coop_send(bus->subs[i]->wake, NULL, COOP_NOW);
}

void bus_publish(struct bus *bus, struct event *event)
{
    struct timespec wall = {0};

    sys_clock_gettime(CLOCK_REALTIME, &wall);
    event->wall = wall.tv_sec * COOP_NSEC_PER_SEC + wall.tv_nsec;
    event->when = sys_now();
    coop_mutex_lock(&bus->lock);
    event->seq = ++bus->last;
    bus->ring[event->seq % BUS_RING] = *event;
    wake_all(bus);
    coop_mutex_unlock(&bus->lock);
}

struct bus_sub *bus_subscribe(struct bus *bus)
{
    struct bus_sub *sub = calloc(1, sizeof *sub);
    bool placed = false;

    if (!sub)
        return NULL;
    sub->bus = bus;
    sub->wake = coop_chan_new(0, 1);
    coop_mutex_lock(&bus->lock);
    sub->next = bus->last + 1;
    for (int i = 0; i < BUS_SUBS && sub->wake && !placed; i++)
        if (!bus->subs[i]) {
            bus->subs[i] = sub;
            placed = true;
        }
    coop_mutex_unlock(&bus->lock);
    if (placed)
        return sub;
    coop_chan_unref(sub->wake);
    free(sub);
    return NULL;
}

void bus_unsubscribe(struct bus_sub *sub)
{
    if (!sub)
        return;
    coop_mutex_lock(&sub->bus->lock);
    for (int i = 0; i < BUS_SUBS; i++)
        if (sub->bus->subs[i] == sub)
            sub->bus->subs[i] = NULL;
    coop_mutex_unlock(&sub->bus->lock);
    coop_chan_unref(sub->wake);
    free(sub);
}

/* 1: an event; 0: closed and nothing left; -EAGAIN: nothing yet. */
static int take(struct bus_sub *sub, struct event *ret_event, uint64_t *ret_lost)
{
    struct bus *bus = sub->bus;
    uint64_t oldest, lost = 0;
    int result = -EAGAIN;

    coop_mutex_lock(&bus->lock);
    oldest = bus->last >= BUS_RING ? bus->last - BUS_RING + 1 : 1;
    if (sub->next < oldest) {
        lost = oldest - sub->next;
        sub->next = oldest;
    }
    if (sub->next <= bus->last) {
        *ret_event = bus->ring[sub->next % BUS_RING];
        *ret_lost = lost;
        sub->next++;
        result = 1;
    } else if (bus->closed) {
        result = 0;
    }
    coop_mutex_unlock(&bus->lock);
    return result;
}

int bus_next(struct bus_sub *sub, struct event *ret_event, uint64_t *ret_lost,
             coop_nsec deadline)
{
    for (;;) {
        int r = take(sub, ret_event, ret_lost);

        if (r != -EAGAIN)
            return r;
        r = coop_recv(sub->wake, NULL, deadline);
        if (r < 0)
            return r;
    }
}

void bus_close(struct bus *bus)
{
    coop_mutex_lock(&bus->lock);
    bus->closed = true;
    wake_all(bus);
    coop_mutex_unlock(&bus->lock);
}
