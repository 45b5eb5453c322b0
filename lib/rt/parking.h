#ifndef COOP_RT_PARKING_H
#define COOP_RT_PARKING_H

#include "rt/park.h"
#include "rt/poller.h"

/*
 * parking.h - the loop round a call that may say EAGAIN (io.c)
 */

/* After a call that failed: true to try it again, now or after a wait; else '*r' is final. */
bool coop__io_retry(ssize_t *r, int fd, int dir, struct desc **d, uint32_t *turn,
                    coop_nsec deadline);

/* The loop, round any call whose result is 'r'. */
#define PARKING(dir, call)                                                                     \
    do {                                                                                       \
        struct desc *d = coop__desc_find(fd);                                                  \
        uint32_t turn = d ? coop__desc_turn(d, dir) : 0;                                       \
                                                                                               \
        if ((r = coop__may_begin(coop__self(), deadline)) < 0)                                 \
            break;                                                                             \
        do                                                                                     \
            r = (call);                                                                        \
        while (r < 0 && coop__io_retry(&r, fd, dir, &d, &turn, deadline));                     \
    } while (0)

#endif
