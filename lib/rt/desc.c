/*
 * desc.c - waiting for a descriptor without reading from it: coop_fd_wait() and select
 *
 * Each edge (poller.c) is reported once: "taken" follows "turn".  The first look at a
 * descriptor registers it, and then polls once, because epoll tells the state at registration
 * as a first edge.
 */
#include "rt/park.h"
#include "rt/poller.h"
#include "rt/waitable.h"

#include <errno.h>

/* An edge that coop_fd_wait() has not reported yet, in one of the directions of 'events'. */
static unsigned untold(struct desc *d, unsigned events)
{
    unsigned seen = 0;

    for (int dir = DIR_IN; dir <= DIR_OUT; dir++) {
        unsigned bit = dir == DIR_IN ? COOP_IN : COOP_OUT;

        if ((events & bit) && d->taken[dir] != d->turn[dir]) {
            d->taken[dir] = d->turn[dir];
            seen |= bit;
        }
    }
    return seen ? seen | d->sticky : 0;
}

static int register_and_look(int fd, unsigned events, struct desc **ret_desc)
{
    int r = coop__desc_open(fd, events, ret_desc), home;

    /* Epoll tells the state at registration as a first edge, after all that came before. */
    if (r > 0) {
        coop__lock(&(*ret_desc)->lock);
        home = (*ret_desc)->home;
        coop__unlock(&(*ret_desc)->lock);
        coop__poll_home(home);
    }
    return r;
}

int coop__desc_look(int fd, unsigned events, struct desc **ret_desc)
{
    struct desc *d;
    int r = register_and_look(fd, events, &d);

    if (r < 0)
        return r;
    coop__lock(&d->lock);
    r = d->registered ? (int)untold(d, events) : -EBADF;
    coop__unlock(&d->lock);
    *ret_desc = d;
    return r;
}

int coop__desc_stand(struct desc *d, unsigned events, struct waiter *w)
{
    int r;

    coop__lock(&d->lock);
    r = d->registered ? (int)untold(d, events) : -EBADF;
    if (r == 0) {
        w->need = events;
        coop__waitq_push(&d->selecting, w);
    }
    coop__unlock(&d->lock);
    return r;
}

void coop__desc_leave(struct desc *d, struct waiter *w)
{
    coop__lock(&d->lock);
    coop__waitq_remove(&d->selecting, w);
    coop__unlock(&d->lock);
}

int coop_fd_wait(int fd, unsigned events, coop_nsec deadline)
{
    struct coop_case only = COOP_FD(fd, events);
    int r;

    if (!(events & (COOP_IN | COOP_OUT)))
        return -EINVAL;
    r = coop_select(&only, 1, deadline);
    return r < 0 ? r : only.result;
}
