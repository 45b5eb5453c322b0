/*
 * plain.c - waiting in a thread that runs no coroutine
 */
#include "rt/plain.h"

#include "base/sys.h"

#include <errno.h>

int coop__plain_wait(int fd, short events, coop_nsec deadline)
{
    struct pollfd poll = {.fd = fd, .events = events};
    int n;

    if (deadline == COOP_NOW)
        return -EAGAIN;
    do {
        coop_nsec left = deadline == COOP_FOREVER ? 0 : deadline - sys_now();
        struct timespec limit = {left / COOP_NSEC_PER_SEC, left % COOP_NSEC_PER_SEC};

        if (left < 0)
            return -ETIMEDOUT;
        n = sys_ppoll(&poll, 1, deadline == COOP_FOREVER ? NULL : &limit, NULL);
    } while (n == -EINTR);
    if (n < 0)
        return n;
    return n > 0 ? 0 : -ETIMEDOUT;
}
