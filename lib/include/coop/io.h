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
 * must be O_NONBLOCK (coop_fd_nonblock sets it); it joins an epoll of the runtime at the
 * first wait.  Pipes, FIFOs, terminals, sockets of every kind, eventfds, pidfds: whatever epoll
 * takes.
 *
 *     ssize_t n = coop_read(fd, buf, sizeof buf, coop_after(coop_now(), timeout));
 *     if (n < 0)
 *         return coop_fail_sys(err, (int)n, "read '%s'", name);
 *
 * coop_read() and coop_write() move what there is, or what there is room for, as the kernel
 * does.  The _full forms go on until all is moved, and tell how far they came when it is not:
 *
 *     size_t done = 0;
 *     while ((n = coop_write_full(fd, buf, size, &done, in_a_second())) == -ETIMEDOUT)
 *         warn("%zu of %zu bytes so far", done, size);      // the next call goes on from there
 *
 * Regular files are always "ready" for epoll, and block all the same while the disk works.  The
 * coop_file_ calls hold their thread, but not their processor (block.h): other coroutines run
 * meanwhile.
 *
 * Time      Absolute deadline, COOP_NOW polls (-EAGAIN).  The coop_file_ calls have none: a
 *           disk cannot be interrupted.
 * Errors    What the call itself says, as -errno; -ETIMEDOUT, -ECANCELED; -EBADF when the
 *           descriptor was closed with coop_fd_close() during the wait; -EPERM when it would
 *           have to wait outside of a coroutine, or for what epoll does not take (a regular
 *           file, /dev/null).
 * Misuse    What is no descriptor is -EBADF, closed twice too; no event to wait for, and an
 *           end that a pipe does not have, -EINVAL.  A
 *           descriptor without O_NONBLOCK holds its worker, which nobody notices.  A coop_file_
 *           call inside a bracket (block.h) aborts: it is one itself.
 * Threads   Several coroutines may wait on one descriptor, also in one direction.
 * Memory    A few words per descriptor number ever waited on.
 * Limits    A descriptor that was ever waited on here must be closed with coop_fd_close(), not
 *           close(): the runtime remembers numbers.  coop_write() to a pipe nobody reads raises
 *           SIGPIPE unless the program ignores it; the socket calls never do.
 *           coop_connect() to a unix socket whose backlog is full says -EAGAIN and means it:
 *           the kernel offers nothing to wait for.
 * Source    Go's netpoller: edge-triggered, registered once.  read_full: Go's io.ReadFull.
 */

enum { COOP_IN = 1, COOP_OUT = 2, COOP_HUP = 4, COOP_ERR = 8 };

/* Bytes moved, at least one unless 'size' is 0; coop_read: 0 is the end. */
ssize_t coop_read(int fd, void *ret_buf, size_t size, coop_nsec deadline);
ssize_t coop_write(int fd, const void *buf, size_t size, coop_nsec deadline);
ssize_t coop_readv(int fd, const struct iovec *parts, int count, coop_nsec deadline);
ssize_t coop_writev(int fd, const struct iovec *parts, int count, coop_nsec deadline);

/* All of it.  'done' (NULL: starts at 0) is where to begin, and tells afterwards how much is
 * moved, also when the call fails; so the same call again goes on.  Returns '*done': less than
 * 'size' only from coop_read_full(), when the end came before; or -errno. */
ssize_t coop_read_full(int fd, void *ret_buf, size_t size, size_t *done, coop_nsec deadline);
ssize_t coop_write_full(int fd, const void *buf, size_t size, size_t *done, coop_nsec deadline);

/* The new descriptor: non-blocking and close-on-exec. 'ret_addr' and 'ret_len' may be NULL. */
int coop_accept(int fd, struct sockaddr *ret_addr, socklen_t *ret_len, coop_nsec deadline);
int coop_connect(int fd, const struct sockaddr *addr, socklen_t len, coop_nsec deadline);
/* Datagrams, and flags (MSG_PEEK...).  'addr' NULL: to or from the peer.  'ret_len' is room and
 * then length of the address. */
ssize_t coop_sendto(int fd, const void *buf, size_t size, int flags,
                    const struct sockaddr *addr, socklen_t len, coop_nsec deadline);
ssize_t coop_recvfrom(int fd, void *ret_buf, size_t size, int flags, struct sockaddr *ret_addr,
                      socklen_t *ret_len, coop_nsec deadline);
/* With control data.  Received descriptors are close-on-exec; queue.h has the safe way. */
ssize_t coop_sendmsg(int fd, const struct msghdr *msg, int flags, coop_nsec deadline);
ssize_t coop_recvmsg(int fd, struct msghdr *ret_msg, int flags, coop_nsec deadline);

/* Waits for COOP_IN, COOP_OUT or both; returns those seen (COOP_HUP and COOP_ERR come with
 * them).  An edge is told once: read (or write) till -EAGAIN before the next wait.  What a
 * coop_read() has used up meanwhile may still be told. */
int coop_fd_wait(int fd, unsigned events, coop_nsec deadline);

/* Wakes everybody who waits on it (-EBADF), forgets it, closes it. 0 or -errno of close. */
int coop_fd_close(int fd);

/* The same without closing, for a descriptor that leaves the program another way. */
void coop_fd_forget(int fd);

/* Sets O_NONBLOCK. 0 or -errno. */
int coop_fd_nonblock(int fd);

/* A pipe, close-on-exec: read from the first, write to the second.  'ours' are the ends for the
 * calls above (COOP_IN, COOP_OUT, or both); another one blocks, as a child that is started with it
 * expects.  Other than pipe(2) it is there in simulation, too. 0 or -errno. */
int coop_pipe(int ret_fds[2], unsigned ours);

/* Regular files.  Opened close-on-exec; 'dir' as in openat(2).  Opening a FIFO here waits for
 * its other end; with O_NONBLOCK it does not, and coop_read() and coop_write() wait for it. */
int coop_file_open(int dir, const char *path, int flags, mode_t mode);
ssize_t coop_file_read(int fd, void *ret_buf, size_t size, off_t at);
ssize_t coop_file_write(int fd, const void *buf, size_t size, off_t at);
/* Waits until all that was written is on the disk. */
int coop_file_sync(int fd);

#ifdef __cplusplus
}
#endif

#endif
