#ifndef COOP_QUEUE_H
#define COOP_QUEUE_H

#include "coop/time.h"

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * queue.h - whole messages between processes, with descriptors and the sender's identity
 *
 * A queue is a pair of connected SEQPACKET sockets: what is sent into one end comes out of the
 * other, message by message, in order.  Each end is a plain descriptor that may be inherited,
 * handed over (through a queue, too) and put into a select; several processes may send into an
 * end, and several receive from it: each message goes to one of them.
 *
 *     coop_queue_pair(ends, 0);
 *     // the worker process
 *     coop_fd_close(ends[0]);
 *     while ((r = coop_queue_recv(ends[1], &msg, COOP_FOREVER)) == 1)
 *         work(msg.data, msg.size, msg.fds[0]);
 *     // the other one
 *     coop_fd_close(ends[1]);
 *     coop_queue_send(ends[0], &job, sizeof job, &log_fd, 1, deadline);
 *
 * Any other connected SEQPACKET socket (of an accept, a connect, a service manager) becomes an
 * end with coop_queue_adopt().  Programs without coroutines make the same calls: the thread
 * then waits in poll(2).
 *
 * Safety    A received descriptor is close-on-exec, and belongs to the caller; when a call
 *           fails, none is left open.  Sender and ids are the kernel's word, not the sender's.
 * Time      Absolute deadline; COOP_NOW polls (-EAGAIN).
 * Errors    -EPIPE: every process that held the other end has closed it or died.  -EMSGSIZE: too
 *           large for the queue, or for the receiver, who loses the message.  -EMFILE: no
 *           descriptor free for those that came; the message is lost.  -ETIMEDOUT, -ECANCELED,
 *           and what the socket calls say (-ETOOMANYREFS: descriptors of ours that nobody has
 *           received yet, above RLIMIT_NOFILE).
 * Misuse    An empty message, or a number of descriptors that cannot be: -EINVAL.  What is no end:
 *           -EBADF, -EPROTOTYPE.
 * Threads   Any coroutine; any thread.
 * Memory    Messages lie in the kernel.  A sender waits when the queue holds its ceiling.  That
 *           is one of messages, too: the kernel doubles the bytes asked for, and counts at least
 *           768 for each message.  COOP_QUEUE_BYTES take 555 messages of up to 100 bytes, 185 of
 *           1 000, 26 of 16 000 (Linux 6.18).
 * Limits    A message that was sent is in the queue or received, never half; what is in the queue
 *           when the last receiver dies is lost.  An end stays open until the last process that
 *           inherited it closes it: close the one you do not use, or nobody's death is seen.
 *           An empty message is none: 'size' must not be 0.
 * Source    POSIX message queues, without their names; OpenBSD's imsg for what goes along.
 */

#define COOP_QUEUE_MESSAGE_MAX 65536  /* bytes in a message                        */
#define COOP_QUEUE_FDS_MAX     16     /* descriptors in a message                  */
#define COOP_QUEUE_BYTES       212992 /* ceiling of a queue, unless told otherwise */

/* A received message. The caller sets data and room; the rest is written. */
struct coop_queue_message {
    void *data; /* where to                                           */
    size_t room;
    size_t size; /* bytes of it                                       */
    pid_t pid;   /* who sent it; 0: unknown (another pid namespace)   */
    uid_t uid;   /* his ids at that moment; (uid_t)-1: unknown        */
    gid_t gid;
    int fd_count;
    int fds[COOP_QUEUE_FDS_MAX]; /* now the caller's */
};

/* Both ends: non-blocking and close-on-exec.  'bytes' is the ceiling in each direction; 0:
 * COOP_QUEUE_BYTES.  More than net.core.wmem_max is cut to that. */
int coop_queue_pair(int ret_ends[2], size_t bytes);

/* Makes an end of a connected SEQPACKET socket.  Messages sent before this lack the sender.
 * -EPROTOTYPE: another kind of socket. */
int coop_queue_adopt(int fd, size_t bytes);

/* Waits while the queue is full.  0: the message is in the queue, with copies of the
 * descriptors; the caller's own stay open.  On failure nothing was sent. */
int coop_queue_send(int end, const void *data, size_t size, const int *fds, int fd_count,
                    coop_nsec deadline);

/* Waits while the queue is empty.  1: a message.  0: empty for ever, the other end is gone. */
int coop_queue_recv(int end, struct coop_queue_message *ret_message, coop_nsec deadline);

#ifdef __cplusplus
}
#endif

#endif
