#ifndef COOP_IO_H
#define COOP_IO_H

#include "coop/time.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * io.h - read and write without holding a thread
 *
 * Each call tries at once and parks its coroutine when the kernel says EAGAIN.  The descriptor
 * must be O_NONBLOCK (coop_fd_nonblock sets it); it joins the runtime's epoll at the first
 * wait.
 *
 *     ssize_t n = coop_read(fd, buf, sizeof buf, coop_after(coop_now(), timeout));
 *     if (n < 0)
 *         return coop_fail_sys(err, (int)n, "read '%s'", name);
 *
 * Time      Absolute deadline, COOP_NOW polls (-EAGAIN).
 * Errors    What the call itself says, as -errno; -ETIMEDOUT, -ECANCELED; -EBADF when the
 *           descriptor was closed with coop_fd_close() during the wait.
 * Threads   Several coroutines may wait on one descriptor, also in one direction.
 * Memory    A few words per descriptor number ever waited on.
 * Limits    A descriptor that was ever waited on here must be closed with coop_fd_close(), not
 *           close(): the runtime remembers numbers.  Regular files never wait: use the brackets
 *           of block.h.  A write may be partial; coop_write_all() is not.
 * Source    Go's netpoller: edge-triggered, registered once.
 */

enum { COOP_IN = 1, COOP_OUT = 2, COOP_HUP = 4, COOP_ERR = 8 };

ssize_t coop_read(int fd, void *ret_buf, size_t size, coop_nsec deadline);
ssize_t coop_write(int fd, const void *buf, size_t size, coop_nsec deadline);
/* All of it: 'size', or -errno when something of it may have been written. */
ssize_t coop_write_all(int fd, const void *buf, size_t size, coop_nsec deadline);
/* The new descriptor: non-blocking and close-on-exec. 'ret_addr' and 'ret_len' may be NULL. */
int coop_accept(int fd, struct sockaddr *ret_addr, socklen_t *ret_len, coop_nsec deadline);
int coop_connect(int fd, const struct sockaddr *addr, socklen_t len, coop_nsec deadline);
ssize_t coop_sendmsg(int fd, const struct msghdr *msg, int flags, coop_nsec deadline);
ssize_t coop_recvmsg(int fd, struct msghdr *ret_msg, int flags, coop_nsec deadline);

/* Waits for COOP_IN, COOP_OUT or both; returns those seen (COOP_HUP and COOP_ERR come with
 * them).  Edge: ready again means new data, or none was ever consumed; read till -EAGAIN. */
int coop_fd_wait(int fd, unsigned events, coop_nsec deadline);

/* Wakes everybody who waits on it (-EBADF), forgets it, closes it. 0 or -errno of close. */
int coop_fd_close(int fd);

/* The same without closing, for a descriptor that leaves the program another way. */
void coop_fd_forget(int fd);

/* Sets O_NONBLOCK. 0 or -errno. */
int coop_fd_nonblock(int fd);

#ifdef __cplusplus
}
#endif

#endif
