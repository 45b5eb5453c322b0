#ifndef LAUNCHER_PASS_H
#define LAUNCHER_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * pass.h - one message over a unix socket, with descriptors along
 *
 *     pass_send(socket, &request, sizeof request, fds, count, 0);
 *     ...
 *     struct passed came;
 *     if (pass_receive(socket, &request, sizeof request, 1, &came, 0) == sizeof request)
 *         fd = came.count ? came.fds[0] : -1;
 *
 * libc only, so that the small static programs can have it.
 *
 * Errors    -errno; -E2BIG for more descriptors than PASS_MAX.  Interrupted calls are begun again,
 *           and nobody gets a SIGPIPE.
 * Memory    What arrives is the caller's to close, close-on-exec; also when the bytes are not
 *           what was expected.
 * Limits    PASS_MAX descriptors in a message.
 */
enum { PASS_MAX = 64 };

struct passed {
    int fds[PASS_MAX];
    unsigned count;
    bool cut; /* there were more than there was room for, here or at the limit of the process */
};

/* 'flags' as in sendmsg(2).  0 or -errno. */
int pass_send(int socket, const void *bytes, size_t size, const int *fds, unsigned count,
              int flags);

/* Takes at most 'room' descriptors.  Bytes, 0 for the end, or -errno and no descriptor. */
ssize_t pass_receive(int socket, void *ret_bytes, size_t size, unsigned room,
                     struct passed *ret_passed, int flags);

#endif
