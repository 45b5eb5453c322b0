#ifndef COOP_SELECT_H
#define COOP_SELECT_H

#include "coop/time.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * select.h - wait for the first of several things
 *
 *     struct coop_case cases[] = {
 *         COOP_RECV(commands, &command),
 *         COOP_FD(sock, COOP_IN),
 *         COOP_CHILD(&child),
 *         COOP_TIMER(next_tick),
 *     };
 *     switch (coop_select(cases, 4, COOP_FOREVER)) {
 *     case 0: if (cases[0].result == 1) obey(&command); break;
 *     ...
 *
 * When several are ready one is drawn at random, all with the same chance: no case can starve
 * another.  Exactly one case happens; of the others nothing is consumed.
 *
 * Time      COOP_NOW: look once, -EAGAIN when nothing is ready (Go's default case).
 * Errors    -EAGAIN, -ETIMEDOUT, -ECANCELED, -EINVAL (more than COOP_SELECT_MAX cases, or
 *           fewer than none), -EPERM (it would have to wait where nothing may).
 * Threads   Any; a foreign thread is held, and may not name descriptors (-EPERM).
 * Misuse    A descriptor that is none: its case happens with -EBADF; one that epoll does not take
 *           (a regular file, /dev/null): with -EPERM; a child that nobody announced, or NULL:
 *           with -ECHILD.  A descriptor without events never happens.
 * Memory    The array is the caller's, read once; 'result' of the case that happened is
 *           written.
 * Limits    A descriptor's case is an edge, as in coop_fd_wait() (io.h): read till -EAGAIN.
 *           A child that has ended, a point in time that has passed, and a closed channel stay
 *           ready: put COOP_RECV(NULL, NULL), which never is, in the case's place.
 *           COOP_SELECT_MAX cases.  The same channel may stand in several of them.
 * Source    Go's select, over more than channels.
 */

struct coop_chan;
struct coop_child;

enum coop_case_kind {
    COOP_CASE_RECV,
    COOP_CASE_SEND,
    COOP_CASE_FD,
    COOP_CASE_CHILD,
    COOP_CASE_TIMER
};

struct coop_case {
    enum coop_case_kind kind;
    int fd;                   /* FD                                                    */
    unsigned events;          /* FD: COOP_IN, COOP_OUT or both                         */
    struct coop_chan *ch;     /* RECV, SEND; NULL: never ready                         */
    void *value;              /* RECV: where to; SEND: what (not written)              */
    struct coop_child *child; /* CHILD: ready when it has ended                        */
    coop_nsec when;           /* TIMER                                                 */
    int result;               /* RECV, SEND: what coop_recv or coop_send would return;
                                 FD: the events seen, or -errno; CHILD, TIMER: 0       */
};

#define COOP_SELECT_MAX 64

#define COOP_RECV(channel, out)                                                                \
    ((struct coop_case){.kind = COOP_CASE_RECV, .ch = (channel), .value = (out)})
#define COOP_SEND(channel, in)                                                                 \
    ((struct coop_case){.kind = COOP_CASE_SEND, .ch = (channel), .value = (in)})
#define COOP_FD(descriptor, what)                                                              \
    ((struct coop_case){.kind = COOP_CASE_FD, .fd = (descriptor), .events = (what)})
#define COOP_CHILD(which)    ((struct coop_case){.kind = COOP_CASE_CHILD, .child = (which)})
#define COOP_TIMER(deadline) ((struct coop_case){.kind = COOP_CASE_TIMER, .when = (deadline)})

/* The index of the case that happened, or -errno.  No cases: waits for the deadline. */
int coop_select(struct coop_case *cases, int count, coop_nsec deadline);

#ifdef __cplusplus
}
#endif

#endif
