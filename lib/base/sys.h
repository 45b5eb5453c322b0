#ifndef COOP_BASE_SYS_H
#define COOP_BASE_SYS_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "coop/time.h"

/*
 * sys.h - the seam where the kernel is
 *
 * Everything the runtime and the supervisor ask of the kernel that a test may want to answer
 * goes through here: time, randomness, descriptors, processes, signals.  One table of function
 * pointers, the real kernel by default; a test puts its own table in with sys_install() before
 * the runtime starts: a fake kernel with processes, pipes and a clock of its own, or the real
 * one with the n-th call failing (tests/support).  The indirect call costs about a nanosecond
 * next to the 200 of a system call, so the build that ships is the build that is tested.
 *
 *     ssize_t n = sys_read(fd, buf, sizeof buf);
 *     if (n < 0)
 *         return coop_fail_sys(err, (int)n, "read '%s'", path);
 *
 * Errors    Every call returns the kernel's result, or -errno.  errno is never an answer.
 * Threads   sys_install() only while one thread exists; the rest from anywhere.
 * Limits    What a child does between clone and exec does not come through here: the launcher's
 *           recipe uses raw system calls (launcher/recipe.c says why).
 *
 * Source    dinit's base_process_sys layer: every error path reachable without root.
 */

/* What sys_spawn() hands to posix_spawn(3), which is the kernel's for a test. */
struct sys_spawn {
    const char *path; /* without a slash: looked up in PATH */
    const posix_spawn_file_actions_t *files;
    const posix_spawnattr_t *attr;
    char *const *argv, *const *envp;
    const int
        *fds; /* what 'files' makes of the first descriptors, for a kernel that is made up */
    int fd_count;
};

/* One row per call: result, name, parameters, arguments. Kept sorted by room. */
#define SYS_CALLS(X)                                                                           \
    /* time and chance */                                                                      \
    X(int, clock_gettime, (clockid_t clock, struct timespec * ret_now), (clock, ret_now))      \
    X(ssize_t, getrandom, (void *ret_buf, size_t size, unsigned flags),                        \
      (ret_buf, size, flags))                                                                  \
    /* descriptors */                                                                          \
    X(int, openat, (int dir, const char *path, int flags, mode_t mode),                        \
      (dir, path, flags, mode))                                                                \
    X(int, close, (int fd), (fd))                                                              \
    X(ssize_t, read, (int fd, void *ret_buf, size_t size), (fd, ret_buf, size))                \
    X(ssize_t, write, (int fd, const void *buf, size_t size), (fd, buf, size))                 \
    X(ssize_t, readv, (int fd, const struct iovec *iov, int count), (fd, iov, count))          \
    X(ssize_t, writev, (int fd, const struct iovec *iov, int count), (fd, iov, count))         \
    X(int, waiting_bytes, (int fd), (fd))                                                      \
    X(int, fcntl_int, (int fd, int cmd, int arg), (fd, cmd, arg))                              \
    X(int, pipe2, (int ret_fds[2], int flags), (ret_fds, flags))                               \
    X(int, mkfifoat, (int dir, const char *path, mode_t mode), (dir, path, mode))              \
    X(int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))               \
    X(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))               \
    X(int, renameat, (int odir, const char *opath, int ndir, const char *npath),               \
      (odir, opath, ndir, npath))                                                              \
    X(int, fdatasync, (int fd), (fd))                                                          \
    X(int, fsync, (int fd), (fd))                                                              \
    X(int, ftruncate, (int fd, off_t size), (fd, size))                                        \
    X(int, memfd_create, (const char *name, unsigned flags), (name, flags))                    \
    X(ssize_t, pread, (int fd, void *ret_buf, size_t size, off_t at), (fd, ret_buf, size, at)) \
    X(ssize_t, pwrite, (int fd, const void *buf, size_t size, off_t at), (fd, buf, size, at))  \
    X(int, fstat, (int fd, struct stat *ret_stat), (fd, ret_stat))                             \
    X(int, fstatat, (int dir, const char *path, struct stat *ret_stat, int flags),             \
      (dir, path, ret_stat, flags))                                                            \
    X(ssize_t, readlinkat, (int dir, const char *path, char *ret_text, size_t size),           \
      (dir, path, ret_text, size))                                                             \
    X(int, fchmod, (int fd, mode_t mode), (fd, mode))                                          \
    X(int, fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))                             \
    X(int, fchownat, (int dir, const char *path, uid_t uid, gid_t gid, int flags),             \
      (dir, path, uid, gid, flags))                                                            \
    X(int, fcntl_lock, (int fd, int cmd, struct flock *lock), (fd, cmd, lock))                 \
    X(int, fchmodat, (int dir, const char *path, mode_t mode, int flags),                      \
      (dir, path, mode, flags))                                                                \
    X(ssize_t, getdents64, (int fd, void *ret_buf, size_t size), (fd, ret_buf, size))          \
    X(int, inotify_init1, (int flags), (flags))                                                \
    X(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))     \
    /* sockets */                                                                              \
    X(int, socketpair, (int domain, int type, int protocol, int ret_fds[2]),                   \
      (domain, type, protocol, ret_fds))                                                       \
    X(int, socket, (int domain, int type, int protocol), (domain, type, protocol))             \
    X(int, bind, (int fd, const struct sockaddr *addr, socklen_t len), (fd, addr, len))        \
    X(int, shutdown, (int fd, int how), (fd, how))                                             \
    X(int, listen, (int fd, int backlog), (fd, backlog))                                       \
    X(int, getsockopt, (int fd, int level, int name, void *ret_value, socklen_t *ret_len),     \
      (fd, level, name, ret_value, ret_len))                                                   \
    X(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len),        \
      (fd, level, name, value, len))                                                           \
    X(int, accept4, (int fd, struct sockaddr *ret_addr, socklen_t *ret_len, int flags),        \
      (fd, ret_addr, ret_len, flags))                                                          \
    X(int, connect, (int fd, const struct sockaddr *addr, socklen_t len), (fd, addr, len))     \
    X(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags))       \
    X(ssize_t, recvmsg, (int fd, struct msghdr *ret_msg, int flags), (fd, ret_msg, flags))     \
    /* waiting */                                                                              \
    X(int, epoll_create1, (int flags), (flags))                                                \
    X(int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *event),                     \
      (ep, op, fd, event))                                                                     \
    X(int, epoll_pwait2,                                                                       \
      (int ep, struct epoll_event *ret_events, int max, const struct timespec *timeout,        \
       const sigset_t *mask),                                                                  \
      (ep, ret_events, max, timeout, mask))                                                    \
    X(int, epoll_pwait,                                                                        \
      (int ep, struct epoll_event *ret_events, int max, int timeout_ms, const sigset_t *mask), \
      (ep, ret_events, max, timeout_ms, mask))                                                 \
    X(int, ppoll,                                                                              \
      (struct pollfd * fds, nfds_t count, const struct timespec *timeout,                      \
       const sigset_t *mask),                                                                  \
      (fds, count, timeout, mask))                                                             \
    X(int, eventfd, (unsigned initial, int flags), (initial, flags))                           \
    X(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))             \
    X(int, timerfd_create, (clockid_t clock, int flags), (clock, flags))                       \
    X(int, timerfd_settime,                                                                    \
      (int fd, int flags, const struct itimerspec *when, struct itimerspec *ret_old),          \
      (fd, flags, when, ret_old))                                                              \
    /* processes */                                                                            \
    X(int, waitid, (idtype_t type, id_t id, siginfo_t * ret_info, int options),                \
      (type, id, ret_info, options))                                                           \
    X(pid_t, wait4, (pid_t pid, int *ret_status, int options, struct rusage *ret_usage),       \
      (pid, ret_status, options, ret_usage))                                                   \
    X(int, getrlimit, (__rlimit_resource_t what, struct rlimit * ret_limit),                   \
      (what, ret_limit))                                                                       \
    X(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit), (what, limit))   \
    X(int, spawn, (pid_t * ret_pid, const struct sys_spawn *what), (ret_pid, what))            \
    X(int, kill, (pid_t pid, int sig), (pid, sig))                                             \
    X(int, execve, (const char *path, char *const *argv, char *const *env), (path, argv, env)) \
    X(int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags))                              \
    X(int, pidfd_send_signal, (int pidfd, int sig, siginfo_t *info, unsigned flags),           \
      (pidfd, sig, info, flags))

struct sys_ops {
#define X(type, name, params, args) type(*name) params;
    SYS_CALLS(X)
#undef X
};

/* The table in force. Read it through the sys_*() calls below. */
extern const struct sys_ops *sys_current;

/* The real kernel's table: a test's own table starts as a copy of it. */
extern const struct sys_ops sys_kernel;

/* Puts 'ops' in force (NULL: the real kernel again). 'ops' must outlive its use. */
void sys_install(const struct sys_ops *ops);

#define X(type, name, params, args)                                                            \
    static inline type sys_##name params                                                       \
    {                                                                                          \
        return sys_current->name args;                                                         \
    }
SYS_CALLS(X)
#undef X

/* As SCOPED_FD of scope.h, but closed by the kernel in force. */
static inline void sys_closep(const int *fd)
{
    if (*fd >= 0)
        sys_close(*fd);
}
#define SCOPED_SYS_FD __attribute__((cleanup(sys_closep))) int

/* Monotonic time, from the clock in force. */
static inline coop_nsec sys_now(void)
{
    struct timespec now = {0};

    sys_clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec;
}

/* A write(2) for signal handlers: the errno of the code that was interrupted stays. */
void sys_write_in_handler(int fd, const void *bytes, size_t size);

/* A random number, from the source in force: the kernel's, or a test's seed. */
uint64_t sys_random(void);

#endif
