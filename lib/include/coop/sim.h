#ifndef COOP_SIM_H
#define COOP_SIM_H

#include "coop/err.h"
#include "coop/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * sim.h - a program simulated: a small kernel of our own under libcoop
 *
 * Virtual time, seeded chance, pipes, FIFOs, unix sockets, files, signals, and processes that live
 * as the test says.  With coop_options.sim the runtime has one processor and no helpers, and its
 * only idle wait is in this kernel: there the clock *jumps* to the next thing that happens.  An
 * hour of backoff takes microseconds, and the same seed gives the same run, call by call.
 *
 *     struct coop_options options = {.sim = true, .seed = seed};
 *
 *     coop_sim_begin(seed);
 *     pid_t pid = coop_sim_spawn(0);              // a child of ours...
 *     coop_sim_exit_at(pid, coop_after(coop_sim_now(), 5 * SEC), 1);   // ...that will exit with 1
 *     r = coop_main(&options, root, NULL);
 *     left = coop_sim_zombies();
 *     coop_sim_end();
 *
 * Link with libcoop-sim ("pkg-config --libs libcoop-sim"); nothing of it is in libcoop.
 *
 * Time      Moves only when the program waits, in calls that block, and in coop_sim_advance().
 *           What is due at one instant happens in the order in which it was planned.
 * Errors    As the kernel's; calls that are not there answer -ENOSYS.  coop_sim_fail() adds
 *           failures.
 * Misuse    A wait that nothing can ever end calls the stuck hook, or aborts with a list of what
 *           there is; so does a program that polls ten million times without letting time go on,
 *           and a test that names a process which is not there (but to end it: that is harmless).
 * Threads   One runs at a time; processes that are functions have one each, for its stack.  There
 *           is one simulation per process, and it begins before coop_main().
 * Memory    All of it is freed by coop_sim_end().  Without memory it aborts.
 * Limits    Descriptors of the program are numbers from COOP_SIM_FD_FIRST on, so that they never
 *           hit a real one; 0 to 2 are the real ones, for writing.  What a program opens around
 *           libcoop, by open(2) or socket(2), is real, and cannot be waited on here.  There is no
 *           inotify and no shared memory.  The file system has no permissions and no links.
 * Source    FoundationDB's simulation and TigerBeetle's: the whole world under one seed.
 */
#define COOP_SIM_FD_FIRST 512
#define COOP_SIM_FD_MAX   32768

/* Empties the simulated kernel and puts it in force. Same seed, same run. */
void coop_sim_begin(uint64_t seed);

/* Puts the real kernel back. Everything inside is freed. */
void coop_sim_end(void);

/* 0 to n - 1, by the seed: for the choices of a test. */
unsigned coop_sim_draw(unsigned n);

/* ---- time ---- */

coop_nsec coop_sim_now(void);

/* Calls 'fn' when the clock reaches 'when' (at the next chance if that is past). */
void coop_sim_at(coop_nsec when, void (*fn)(void *arg), void *arg);

/* For tests without a runtime: lets everything of the next 'delay' happen. */
void coop_sim_advance(coop_nsec delay);

/* Somebody sets the wall clock; the monotonic one does not move.  Timers for a time of day
 * (CLOCK_REALTIME, absolute) come when it is that time, and those that want to know are told. */
void coop_sim_shift_wall_clock(coop_nsec by);

/* Called instead of abort() when everything waits for ever; it must make something happen. */
void coop_sim_on_stuck(void (*fn)(void *arg), void *arg);

/* ---- processes ---- */

/* The program; in a process that is a function: that one. */
pid_t coop_sim_self(void);

/* A new process. 'parent' 0: a child of ours. */
pid_t coop_sim_spawn(pid_t parent);

/* The next coop_sim_spawn() gets this number, which must be free: a pid is reused. */
void coop_sim_next_pid(pid_t pid);

/* It ends: now, or at 'when'. Ending twice is harmless. */
void coop_sim_exit(pid_t pid, int code);
void coop_sim_die(pid_t pid, int signo, bool core);
void coop_sim_exit_at(pid_t pid, coop_nsec when, int code);
void coop_sim_die_at(pid_t pid, coop_nsec when, int signo);

/* What it does with signals: return true when that was all, false for the default (most signals
 * end it at once).  Nobody is asked about KILL and STOP. */
typedef bool coop_sim_signal_fn(pid_t pid, int signo, void *arg);
void coop_sim_on_signal(pid_t pid, coop_sim_signal_fn *fn, void *arg);

/* It is PID 1 of a namespace: when it ends, all below it are killed. */
void coop_sim_make_init(pid_t pid);

/* What a process does by itself, one after the other, beginning at the next chance; the last row
 * is an end.  The rows must outlive it. */
enum coop_sim_act_kind {
    COOP_SIM_EXIT,
    COOP_SIM_DIE,
    COOP_SIM_SLEEP,
    COOP_SIM_WRITE, /* all of it, waiting for room; SIGPIPE where nobody reads */
    COOP_SIM_CLOSE,
    COOP_SIM_FORK, /* a child of it, with copies of its descriptors, that has its own rows */
    COOP_SIM_SEND, /* 'text' as a datagram to the socket 'to'; lost where nobody receives */
    COOP_SIM_EXEC, /* its signal handlers are gone, what it ignores stays ignored */
    COOP_SIM_IGNORE,
    COOP_SIM_GROUP /* from here on it leads a process group of its own */
};
struct coop_sim_act {
    enum coop_sim_act_kind kind;
    int number; /* exit code, signal, or descriptor as it was given */
    coop_nsec delay;
    const char *text, *to;
    const struct coop_sim_act *child;
};
void coop_sim_script(pid_t pid, const struct coop_sim_act *acts);

/* A program: coop_child_spawn() of this path starts a child of ours that does this, with the
 * descriptors it is given.  The rows must outlive the simulation, NULL: it only lives.  What is no
 * program is -ENOENT, as is a path that differs; PATH is not searched. */
void coop_sim_program(const char *path, const struct coop_sim_act *acts);

/* ---- processes that are functions ---- */

/* The process does fn(arg), on a stack of its own, and exits with what that returns.  It begins at
 * the next chance, and runs as plain blocking code: while it waits, everything else goes on, and
 * time.  It calls what stands here (and coop_sim_now(), coop_sim_draw()), nothing of libcoop.  One
 * that is killed goes no further: what is on its stack is not cleaned up.
 * Outside of such a function the calls are the program's own, as its system calls. */
typedef int coop_sim_life_fn(void *arg);
void coop_sim_run(pid_t pid, coop_sim_life_fn *fn, void *arg);

/* As coop_sim_program(). */
void coop_sim_program_run(const char *path, coop_sim_life_fn *fn, void *arg);

/* A child of the caller, with copies of its descriptors, that does fn(arg). */
pid_t coop_sim_fork(coop_sim_life_fn *fn, void *arg);

/* Till then; -EINTR when a handler (coop_sim_on_signal) has taken a signal since the last time. */
int coop_sim_pause(coop_nsec until);

/* Descriptors are its own: numbers from 0, the lowest that is free.  -EMFILE beyond 16.  Writing
 * all, waiting for room; SIGPIPE where nobody reads. */
ssize_t coop_sim_read(int fd, void *ret_buf, size_t size);
ssize_t coop_sim_write(int fd, const void *bytes, size_t size);
int coop_sim_close(int fd);
int coop_sim_pipe(int ret_fds[2]);

/* A new socket of this type (SOCK_STREAM...) to the unix socket of that name, '@' for the first
 * byte of an abstract one.  The other side is told our pid (SO_PEERCRED).  Or -errno. */
int coop_sim_connect(const char *name, int type);

/* As kill(2) (0 and negative: groups; everybody, -1, is -EPERM) and waitpid(2): -1 any child. */
int coop_sim_kill(pid_t pid, int signo);
pid_t coop_sim_wait(pid_t pid, int *ret_status);

/* ---- more of processes ---- */

/* It leads a process group of its own; else it is in its parent's, as are its children in its. */
void coop_sim_make_group(pid_t pid);

/* Not even KILL ends it (a process in uninterruptible sleep), until told otherwise. */
void coop_sim_make_unkillable(pid_t pid, bool unkillable);

/* Orphans come to us instead of to PID 1 of the machine. */
void coop_sim_be_subreaper(bool subreaper);

/* A signal for us, from outside. SIGCHLD comes by itself. */
void coop_sim_raise(int signo);

/* The same with a value: real-time signals (34 to 64) queue, each with its own. */
void coop_sim_queue_signal(int signo, int value);

bool coop_sim_is_alive(pid_t pid); /* neither dead nor a zombie */
bool coop_sim_is_stopped(pid_t pid);
int coop_sim_last_signal(pid_t pid); /* 0: none so far */
size_t coop_sim_alive(void);         /* processes below us, at any depth */
size_t coop_sim_zombies(void);       /* our children that nobody has reaped */

/* ---- descriptors ---- */

/* The process gets its own copy of our 'fd' (as after fork), closed when it ends. */
void coop_sim_give_fd(pid_t pid, int fd);
void coop_sim_give_fd_as(pid_t pid, int fd, int number); /* as after dup2(2), too */

/* It writes there, under the number it was given. The count, or -errno. */
ssize_t coop_sim_write_as(pid_t pid, int fd, const char *text);

/* It sends a datagram to the socket of this name ('@' for the first byte of an abstract one), as
 * sd_notify(3) does; the receiver is told its pid (SO_PASSCRED).  The count, or -errno. */
ssize_t coop_sim_send_as(pid_t pid, const char *name, const char *text);

/* It closes its copy. */
void coop_sim_close_as(pid_t pid, int fd);

size_t coop_sim_fds_open(void); /* ours */
void coop_sim_fd_limit(size_t most);
void coop_sim_disk_limit(size_t bytes); /* all files together; beyond: -ENOSPC */

/* The content of a file, NULL when there is none. Valid until the file changes. */
const char *coop_sim_file_text(const char *path);
void coop_sim_file_write(const char *path, const char *text);

/* ---- what fails, and what was asked ---- */

/* The 'nth' call (from 1) of this kind from now on answers -error, once.  'call' is its name
 * ("pipe2", "epoll_ctl", ...), NULL: of any kind but the clock.  -EINVAL: no such call. */
int coop_sim_fail(const char *call, unsigned nth, int error);

/* No failures any more. True: one has happened; false: it never got that far, all were tried. */
bool coop_sim_fail_end(void);

/* The name of the call that has failed; "" for none. */
const char *coop_sim_failed(void);

/* From here on a line for each call that the kernel is asked, with its answer, goes to this
 * descriptor of the real kernel (-1: they are only summed up).  Two runs with one seed give the
 * same bytes. */
void coop_sim_trace_start(int fd);

/* Writes what is left and ends it. */
void coop_sim_trace_stop(void);

/* A line of the test's own; nothing when not tracing. */
void coop_sim_trace_note(const char *fmt, ...) COOP_FMT(1, 2);

/* Lines, and a sum over all their bytes, since the start. */
uint64_t coop_sim_trace_lines(void);
uint64_t coop_sim_trace_sum(void);

#ifdef __cplusplus
}
#endif

#endif
