/*
 * watch.c - edges of a descriptor as messages to an actor (coop/actor.h, the part on descriptors)
 *
 * A watch is linked to its descriptor (poller.c) and posts at each edge; events that were not
 * taken yet gather in it.  At the start it posts once if there may have been an edge before.
 */
#include "rt/poller.h"

#include <errno.h>

int coop_fdwatch_start(struct coop_fdwatch *w, int fd, unsigned want, struct coop_actor *actor,
                       int kind)
{
    struct desc *d;
    int r;

    if (w->armed)
        return -EEXIST;
    r = coop__desc_open(fd, want & (COOP_IN | COOP_OUT), &d);
    if (r < 0)
        return r;
    *w = (struct coop_fdwatch){.actor = actor, .fd = fd, .want = want, .armed = 1};
    coop_msg_init(&w->msg, kind);
    coop__lock(&d->lock);
    w->next = d->watches;
    d->watches = w;
    if (!d->internal)
        atomic_fetch_add(&coop__rt.outside, 1);
    if (r == 0 || d->turn[DIR_IN] || d->turn[DIR_OUT])
        coop__desc_tell(d, want); /* the first edge may be long past: let it look */
    coop__unlock(&d->lock);
    return 0;
}

unsigned coop_fdwatch_take(struct coop_fdwatch *w)
{
    return __atomic_exchange_n(&w->events, 0, __ATOMIC_ACQUIRE);
}

void coop_fdwatch_stop(struct coop_fdwatch *w)
{
    struct desc *d = coop__desc_at(w->fd);

    if (!w->actor)
        return; /* never started */
    if (!w->armed || !d) {
        coop_msg_unlink(w->actor, &w->msg);
        return;
    }
    coop__lock(&d->lock);
    for (struct coop_fdwatch **at = &d->watches; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    if (!d->internal)
        atomic_fetch_sub(&coop__rt.outside, 1);
    coop__unlock(&d->lock);
    w->armed = 0;
    coop_msg_unlink(w->actor, &w->msg);
}
