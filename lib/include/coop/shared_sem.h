#ifndef COOP_SHARED_SEM_H
#define COOP_SHARED_SEM_H

#include "coop/time.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * shared_sem.h - a number of permits that processes share, and get back from the dead
 *
 * At most so many holders at a time, over any number of processes: licences, slots on a device,
 * or with one permit a lock.  When a process dies, however it does, its permits go to who asks
 * next, who is told.
 *
 *     coop_shared_sem_new(&sem, 4);
 *     coop_shared_sem_fds(sem, fds);             // to others: inherited, or in a message (queue.h)
 *     ...
 *     coop_shared_sem_attach(&sem, fds[0], fds[1]);
 *     if ((r = coop_shared_sem_acquire(sem, deadline)) >= 0) {
 *         if (r == COOP_SEM_INHERITED)
 *             repair();                          // its holder died in the middle of the work
 *         work();
 *         coop_shared_sem_release(sem);
 *     }
 *
 * A coroutine that waits holds neither thread nor processor: it waits in the poller for an
 * eventfd, and for the pidfds of the holders.  A thread of a program without coroutines makes the
 * same calls, and waits in an epoll of its own.  (A futex can do neither.)
 *
 * Time      Absolute deadline; COOP_NOW polls (-EAGAIN).  Without contention: no wait, one system
 *           call (getpid).
 * Errors    -ETIMEDOUT, -EAGAIN, -ECANCELED; -EPERM from release: this process holds none.
 *           attach: -EINVAL, not a semaphore; -EXDEV, made in another pid namespace, where
 *           nobody could tell who is dead.
 * Misuse    A number of permits that cannot be: -EINVAL.  Releasing what another process holds:
 *           -EPERM.
 * Threads   Any coroutine, any thread, any process that has the descriptors.  A permit belongs to
 *           the process: another coroutine of it may release it.
 * Memory    A page, two descriptors; waiting: an epoll and a pidfd per process that holds one.
 * Limits    COOP_SHARED_SEM_MAX permits.  Not fair: who comes at the right moment overtakes; all
 *           who wait are woken by a release.  Who must not hold a permit for ever gives it back:
 *           there is no release by others.  A permit is not inherited by fork(), and kept by exec.
 *           To count things that happen, use a queue.  Not in simulation.
 *           A process is known by pid and time of birth, which a handle reads from /proc when it is
 *           first used.  One that cannot (no /proc, no descriptor free) goes by the pid alone: what
 *           it takes is released through that handle only (-EPERM through one that could), and a
 *           pid that came again passes for its dead predecessor.
 * Source    POSIX semaphores for the calls, robust mutexes for the dead.
 */

#define COOP_SHARED_SEM_MAX 64

/* What acquire returns when the permit was taken from a dead process. */
#define COOP_SEM_INHERITED 1

struct coop_shared_sem; /* one process's handle */

/* A new one with 1 to COOP_SHARED_SEM_MAX permits. */
int coop_shared_sem_new(struct coop_shared_sem **ret_sem, int permits);

/* Memory and eventfd, for attach: the handle's own, close-on-exec. */
void coop_shared_sem_fds(const struct coop_shared_sem *sem, int ret_fds[2]);

/* On success the descriptors belong to the handle; on failure to the caller, still. */
int coop_shared_sem_attach(struct coop_shared_sem **ret_sem, int memory_fd, int wake_fd);

/* 0, or COOP_SEM_INHERITED. */
int coop_shared_sem_acquire(struct coop_shared_sem *sem, coop_nsec deadline);
int coop_shared_sem_release(struct coop_shared_sem *sem);

/* A snapshot: permits that nobody holds. The dead count as holders until somebody asks. */
int coop_shared_sem_free_permits(const struct coop_shared_sem *sem);

/* Accepts NULL; nobody may be inside a call.  Permits that this process still holds, it holds
 * until it ends. */
void coop_shared_sem_close(struct coop_shared_sem *sem);

#ifdef __cplusplus
}
#endif

#endif
