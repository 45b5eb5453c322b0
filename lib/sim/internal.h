#ifndef COOP_SIM_INTERNAL_H
#define COOP_SIM_INTERNAL_H

#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/sys.h"
#include "coop/sim.h"

/*
 * internal.h - what the parts of the fake kernel know of each other
 *
 *   stream   bytes (or packets) on their way in one direction
 *   file     an open file description: what a descriptor points at; several may share it
 *   node     a name in the file system: a regular file, a directory, a FIFO or a socket
 *   watch    one registration of a file with an epoll
 */
#define FAKE_PIPE_ROOM ((size_t)65536)

#define FAKE_PARCEL_MAX 16

/* What travels with bytes of a socket: descriptors, and who sent them. */
struct parcel {
    struct list link;
    pid_t pid;   /* 0: us */
    uint64_t at; /* comes with this byte, or packet, of the stream */
    struct file *files[FAKE_PARCEL_MAX];
    size_t count;
};

struct stream {
    struct buf bytes;
    struct buf sizes;     /* packets only: their lengths, as size_t */
    uint64_t sent, taken; /* bytes, or packets, so far */
    struct list parcels;
    size_t room;
    int readers, writers, refs;
    bool packets, had_writer, starved; /* starved: a writer found no room */
    unsigned in_events, out_events;    /* edges, for epoll */
};

enum node_kind { NODE_FILE, NODE_DIR, NODE_FIFO, NODE_SOCKET };

struct node {
    struct list link;
    enum node_kind kind;
    char *path;
    mode_t mode;
    struct buf bytes;
    struct stream *fifo;
    struct file *listener;
    bool unlinked;
    struct file *locked_by;
    int refs;
    uint64_t number;
};

enum file_kind {
    FILE_PIPE, /* pipes, FIFOs, connected sockets: 'in' and 'out' */
    FILE_SOCKET,
    FILE_LISTENER,
    FILE_NODE,
    FILE_EPOLL,
    FILE_EVENT,
    FILE_SIGNAL,
    FILE_PIDFD,
    FILE_TIMER
};

#define SHUT_READS  1u
#define SHUT_WRITES 2u

struct file {
    enum file_kind kind;
    int refs, flags; /* flags: O_* */
    struct stream *in, *out;
    unsigned shut; /* SHUT_READS, SHUT_WRITES: ends it has given up already */
    struct node *node;
    size_t at;               /* FILE_NODE: where reading goes on */
    char *told;              /* FILE_NODE: of a directory, the last name it has told */
    uint64_t count;          /* FILE_EVENT, FILE_TIMER; FILE_PIDFD: the birth it means */
    struct timer *timer;     /* FILE_TIMER */
    pid_t peer;              /* FILE_SOCKET: who has connected to us; 0: ourselves */
    uint64_t signals;        /* FILE_SIGNAL: mask */
    pid_t pid;               /* FILE_PIDFD */
    unsigned events;         /* edges, for epoll */
    int type;                /* sockets: SOCK_* */
    bool packets;            /* sockets: keeps boundaries */
    bool tells_sender;       /* sockets: SO_PASSCRED */
    struct file *waiting[8]; /* FILE_LISTENER: connections nobody has accepted */
    size_t waiting_count;
    struct list watches; /* FILE_EPOLL: what it watches */
};

struct watch {
    struct list link;
    struct file *file;
    int fd;
    struct epoll_event event;
    unsigned seen;
    bool fresh, off; /* off: a one-shot that has fired */
};

struct timer {
    struct list link;
    struct file *file;
    uint64_t arming; /* 0: it is off */
    coop_nsec due, interval;
    bool wall, absolute; /* of the wall clock; for a time of day */
    bool cancels, cancelled;
};

#define FAKE_SELF      100 /* our own number */
#define FAKE_PID_FIRST 1000
#define FAKE_PID_MAX   65536
#define FAKE_HELD_MAX  16

enum life { GONE, ALIVE, STOPPED, ZOMBIE };

struct proc {
    enum life life;
    pid_t parent;
    int children;     /* that exist, dead or alive */
    struct list dead; /* ours: among those that wait to be reaped, oldest first */
    uint64_t birth;
    int code, status; /* as in siginfo_t */
    int report;       /* CLD_STOPPED or CLD_CONTINUED that nobody has asked for; 0: none */
    int last_signal;
    bool is_init, unkillable;
    uint64_t ignored; /* signals, bit signo - 1 */
    pid_t group;
    coop_sim_signal_fn *on_signal;
    void *on_signal_arg;
    struct held {
        int number;
        struct file *file;
    } held[FAKE_HELD_MAX];
};

/* ---- kernel.c ---- */

uint64_t fake_chance(void);
coop_nsec fake_wall_clock(void);

/* realloc() that does not fail. */
void *fake_grow(void *old, size_t size);

/* As coop_sim_at(); with 'owned', 'arg' is freed afterwards, also if the time never comes. */
void fake_plan(coop_nsec when, void (*fn)(void *arg), void *arg, bool owned);

/* Lets the next planned thing happen, if it is due by 'limit': the clock jumps there. */
bool fake_step(coop_nsec limit);

/* Waits until 'ready' says so. False when that can never be. */
bool fake_block(bool (*ready)(void *arg), void *arg);

_Noreturn void fake_give_up(const char *why);

/* ---- files.c ---- */

struct file *fake_file(int fd);
struct file *fake_file_new(enum file_kind kind, int flags);
void fake_file_unref(struct file *file);
int fake_fd_new(struct file *file); /* takes the reference, on failure too */
unsigned fake_poll(struct file *file);
unsigned fake_edges(const struct file *file);
ssize_t fake_file_put(struct file *file, const struct iovec *iov, int count);
void fake_file_join(struct file *file, struct stream *in, struct stream *out);
ssize_t fake_get(int fd, void *ret_buf, size_t size, bool may_block);
ssize_t fake_put(int fd, const struct iovec *iov, int count, bool may_block);
void fake_files_reset(void);
void fake_files_show(void);

/* ---- streams.c ---- */

struct stream *fake_stream_new(bool packets);
void fake_stream_unref(struct stream *stream);
ssize_t fake_stream_get(struct stream *s, void *ret_buf, size_t size);
ssize_t fake_stream_put(struct stream *s, const void *bytes, size_t size);

/* What came with the last fake_stream_get(): the parcel (the caller's from now on, or NULL), and
 * whether a packet did not fit. */
struct parcel *fake_parcel_take(bool *ret_cut);
void fake_parcel_drop(struct parcel *parcel);

/* ---- nodes.c ---- */

extern struct list fake_nodes;
struct node *fake_node_find(const char *path);
struct node *fake_node_make_socket(const char *path);
void fake_node_unlink(struct node *node);
void fake_node_unref(struct node *node);
void fake_nodes_reset(void);

/* ---- bytes.c ---- */

ssize_t fake_node_get(struct file *file, void *ret_buf, size_t size);
ssize_t fake_node_put(struct file *file, const void *bytes, size_t size);
void fake_disk_reset(void);

/* ---- timers.c ---- */

void fake_timer_done(struct file *file);
bool fake_timer_cancelled(struct file *file); /* told once */
void fake_timers_shift(coop_nsec by);         /* the wall clock was set */

/* ---- sockets.c ---- */

void fake_socket_close(struct file *file);

/* The name as our file system knows it: what is abstract outside begins with an @ here. */
const char *fake_socket_name(const struct sockaddr *addr, socklen_t len);

/* ---- datagrams.c ---- */

void fake_datagrams_open(struct file *file);
int fake_datagrams_connect(struct file *file, const char *name);
ssize_t fake_datagram_send(const char *name, const struct iovec *bytes, bool may_block,
                           struct stream **ret_to);

/* ---- wait.c ---- */

void fake_epoll_forget(struct file *file); /* its last descriptor is gone */
void fake_epoll_done(struct file *epoll);

/* ---- procs.c ---- */

extern struct proc fake_procs[FAKE_PID_MAX];
extern pid_t fake_last_pid; /* none beyond it has ever been used */
extern bool fake_subreaper;

struct proc *fake_proc(pid_t pid); /* NULL when there is none */
struct proc *fake_proc_new(pid_t pid, pid_t parent);
void fake_proc_end(pid_t pid, int code, int status);

static inline bool fake_proc_is_dead(const struct proc *proc)
{
    return proc->life == GONE || proc->life == ZOMBIE;
}

static inline bool fake_ignores(const struct proc *proc, int signo)
{
    return proc->ignored >> (signo - 1) & 1;
}

/* A child of it with copies of all that it holds, and its ways with signals. */
pid_t fake_fork(pid_t parent);

bool fake_pidfd_ready(const struct file *pidfd);
void fake_procs_reset(void);
void fake_procs_show(void);

/* ---- signals.c ---- */

extern unsigned fake_signal_events; /* edges of every signalfd and pidfd */
void fake_raise_from(pid_t from, int signo, int value);
uint64_t fake_pending_signals(void);
bool fake_take_signal(uint64_t mask, struct signalfd_siginfo *ret_info);
void fake_signals_reset(void);

/* ---- running.c ---- */

/* The process whose function runs now; 0: it is the program itself. */
pid_t fake_running(void);

/* Of that process: waits until 'ready' says so, or till then.  False: the time was up. */
bool fake_running_wait(bool (*ready)(void *arg), void *arg, coop_nsec until);

/* Plans a turn for each that has what it waits for. */
void fake_running_look(void);

void fake_running_signalled(pid_t pid); /* a handler of its has taken one */
void fake_running_end(pid_t pid);       /* its function goes no further */

/* ---- script.c ---- */

void fake_programs_reset(void);

/* ---- world.c ---- */

void fake_world_reset(void);

/*
 * ---- the calls ----
 *
 * Those that are here; every other row of SYS_CALLS answers -ENOSYS, so that a new row of the
 * seam is no work here until a test needs it.
 */
/* clang-format off */
#define FAKE_CALLS(Y)                                                                          \
    Y(clock_gettime) Y(getrandom) Y(openat) Y(close) Y(read) Y(write) Y(readv) Y(writev)       \
    Y(fcntl_int) Y(pipe2) Y(mkfifoat) Y(mkdirat) Y(unlinkat) Y(renameat) Y(fdatasync) Y(fsync) \
    Y(pread) Y(pwrite) Y(fstat) Y(fstatat) Y(fchmod) Y(fchmodat) Y(fchown) Y(fcntl_lock)       \
    Y(socketpair) Y(socket) Y(bind)                                                            \
    Y(listen) Y(getsockopt) Y(setsockopt) Y(accept4) Y(connect) Y(shutdown) Y(sendmsg)         \
    Y(recvmsg) Y(epoll_create1) Y(epoll_ctl) Y(epoll_pwait2) Y(eventfd) Y(signalfd) Y(waitid)  \
    Y(wait4) Y(kill) Y(pidfd_open) Y(pidfd_send_signal) Y(getrlimit) Y(setrlimit) Y(spawn)   \
    Y(ftruncate) Y(getdents64) Y(ppoll) Y(timerfd_create) Y(timerfd_settime) Y(waiting_bytes)
/* clang-format on */

#define X(type, name, params, args) type fake_sys_##name params;
SYS_CALLS(X)
#undef X

#endif
