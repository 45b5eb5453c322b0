#ifndef TESTS_SUPPORT_FAKE_KERNEL_H
#define TESTS_SUPPORT_FAKE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coop/time.h"

/*
 * fake_kernel.h - a small kernel of our own, behind the seam of base/sys.h
 *
 * Virtual time, seeded chance, pipes, FIFOs, sockets, files, epoll, eventfd, signalfd, and
 * processes that live as the test says.  The runtime runs over it with one processor and no
 * system monitor: its only idle wait is epoll_pwait2(), and there the clock *jumps* to the next
 * thing that happens.  An hour of backoff takes microseconds, and the same seed gives the same run.
 *
 *     fake_kernel_install(42);
 *     pid_t pid = fake_spawn(0);                              a child of ours...
 *     fake_exit_at(pid, fake_now() + 5 * SEC, 1);             ...that will exit with 1
 *     coop_main(...)                                          or any code over sys_*()
 *     cr_assert_eq(fake_zombies(), 0);
 *     fake_kernel_remove();
 *
 * Time      Moves only in epoll_pwait2(), in calls that block, and in fake_advance().  What is due
 *           at one instant happens in the order in which it was planned.
 * Errors    Calls that it does not know answer -ENOSYS.  Add failures on top with
 *           failing_kernel.h.  A wait that nothing can ever end calls the stuck hook, or aborts
 *           with a list of what there is; so does a program that polls ten million times without
 *           letting time go on.
 * Threads   One. There is one fake kernel per process.
 * Limits    Descriptors are numbers from FAKE_FD_FIRST on, so that they never hit a real one; 0 to
 *           2 are the real ones, for writing.  inotify, directory listings and timerfd are not
 *           there.  The file system has no permissions and no links.
 */
#define FAKE_FD_FIRST 512
#define FAKE_FD_MAX   32768

/* Empties the kernel and puts it in force. Same seed, same run. */
void fake_kernel_install(uint64_t seed);

/* Puts the real kernel back. Everything inside is freed. */
void fake_kernel_remove(void);

/* ---- time ---- */

coop_nsec fake_now(void);

/* Calls 'fn' when the clock reaches 'when' (at the next chance if that is past). */
void fake_at(coop_nsec when, void (*fn)(void *arg), void *arg);

/* For tests without a runtime: lets everything of the next 'delay' happen. */
void fake_advance(coop_nsec delay);

/* Somebody sets the wall clock; the monotonic one does not move. */
void fake_shift_realtime(coop_nsec by);

/* Called instead of abort() when everything waits for ever; it must make something happen. */
void fake_on_stuck(void (*fn)(void *arg), void *arg);

/* ---- processes ---- */

pid_t fake_self(void);

/* A new process. 'parent' 0: a child of ours. */
pid_t fake_spawn(pid_t parent);

/* The next fake_spawn() gets this number, which must be free: a pid is reused. */
void fake_next_pid(pid_t pid);

/* It ends: now, or at 'when'. Ending twice is harmless. */
void fake_exit(pid_t pid, int code);
void fake_die(pid_t pid, int signo, bool core);
void fake_exit_at(pid_t pid, coop_nsec when, int code);
void fake_die_at(pid_t pid, coop_nsec when, int signo);

/* What it does with signals: return true when that was all, false for the default (most signals
 * end it at once).  Nobody is asked about KILL and STOP. */
typedef bool fake_signal_fn(pid_t pid, int signo, void *arg);
void fake_on_signal(pid_t pid, fake_signal_fn *fn, void *arg);

/* It is PID 1 of a namespace: when it ends, all below it are killed. */
void fake_make_init(pid_t pid);

/* What a process does by itself, one after the other, beginning at the next chance; the last row
 * is an end.  The rows must outlive it. */
enum fake_act_kind {
    FAKE_DO_EXIT,
    FAKE_DO_DIE,
    FAKE_DO_SLEEP,
    FAKE_DO_WRITE, /* all of it, waiting for room; SIGPIPE where nobody reads */
    FAKE_DO_CLOSE,
    FAKE_DO_FORK, /* a child of it, with copies of its descriptors, that has its own rows */
    FAKE_DO_EXEC, /* its signal handlers are gone, what it ignores stays ignored */
    FAKE_DO_IGNORE
};
struct fake_act {
    enum fake_act_kind kind;
    int number; /* exit code, signal, or descriptor as it was given */
    coop_nsec delay;
    const char *text;
    const struct fake_act *child;
};
void fake_script(pid_t pid, const struct fake_act *acts);

/* Not even KILL ends it (a process in uninterruptible sleep), until told otherwise. */
void fake_make_unkillable(pid_t pid, bool unkillable);

/* Orphans come to us instead of to PID 1 of the machine. */
void fake_be_subreaper(bool subreaper);

/* A signal for us, from outside. SIGCHLD comes by itself. */
void fake_raise(int signo);

/* The same with a value: real-time signals (34 to 64) queue, each with its own. */
void fake_queue_signal(int signo, int value);

bool fake_is_alive(pid_t pid); /* neither dead nor a zombie */
bool fake_is_stopped(pid_t pid);
int fake_last_signal(pid_t pid); /* 0: none so far */
size_t fake_alive(void);         /* processes below us, at any depth */
size_t fake_zombies(void);       /* our children that nobody has reaped */

/* ---- descriptors ---- */

/* The process gets its own copy of our 'fd' (as after fork), closed when it ends. */
void fake_give_fd(pid_t pid, int fd);

/* It writes there, under the number it was given. The count, or -errno. */
ssize_t fake_write_as(pid_t pid, int fd, const char *text);

/* It closes its copy. */
void fake_close_as(pid_t pid, int fd);

size_t fake_fds_open(void); /* ours */
void fake_fd_limit(size_t most);
void fake_disk_limit(size_t bytes); /* all files together; beyond: -ENOSPC */

/* The content of a file, NULL when there is none. Valid until the file changes. */
const char *fake_file_text(const char *path);
void fake_file_write(const char *path, const char *text);

#endif
