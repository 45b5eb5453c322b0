#ifndef COOP_CHILD_H
#define COOP_CHILD_H

#include "coop/actor.h"

#include <sys/resource.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * child.h - the ends of child processes, none lost, none confused
 *
 * The runtime owns SIGCHLD and reaps every child of the process.  A child is announced with a
 * struct coop_child; its end is posted to an actor, or waited for.  Unknown dead children
 * (orphans that came to a subreaper or PID 1) are reaped, counted and shown to a hook.
 *
 *     coop_child_spawn_begin();             // a child that dies now is left alone...
 *     pid = spawn(...);
 *     if (pid > 0)
 *         coop_child_watch(&svc->child, pid, &svc->actor, CHILD_ENDED);
 *     coop_child_spawn_end();               // ...until here
 *
 *     static void handle(struct coop_actor *actor, struct coop_msg *msg)
 *         case CHILD_ENDED: svc->child.exit.code, .status, .usage
 *
 * coop_child_spawn() starts a plain program; for one in a sandbox, start coop-run with it.
 *
 * Until its end has been delivered a pid is not reaped behind your back: coop_child_kill() can
 * never hit a stranger.
 *
 * Time      coop_child_wait() takes an absolute deadline.
 * Errors    -errno; -ECHILD: no such child (then its end is unknown); -EEXIST: watched already.
 * Threads   Any coroutine, and inside blocking brackets.  The spawn bracket may be held by
 *           several at once and across threads; it never blocks.
 * Misuse    Aborts: two waiters for one child; a spawn bracket's end without its begin.  What
 *           cannot be a pid is -EINVAL; without a runtime -EPERM (and nothing is started).
 * Memory    struct coop_child is the caller's and must stay until the end or
 *           coop_child_forget().
 * Limits    One waiter or one actor per child.  Coalesced SIGCHLDs are no problem: the reaper
 *           looks, it does not count.  Needs no descriptor per child; who wants one gets it, for
 *           COOP_CHILD_PIDFDS children at a time.
 * Source    waitid(2) and pidfd_open(2); no library's.
 */

/* How a child ended. */
struct coop_exit {
    pid_t pid;
    int code;            /* CLD_EXITED, CLD_KILLED or CLD_DUMPED, as in siginfo_t.si_code */
    int status;          /* exit code, or signal number                                  */
    coop_nsec when;      /* when it was reaped                                           */
    struct rusage usage; /* of the child and the descendants it waited for               */
};

struct coop_child {
    struct coop_msg msg; /* posted when it has ended */
    pid_t pid;
    struct coop_exit exit; /* valid when ended         */
    /* private */
    uint32_t state;
    struct coop_actor *actor;
    void *waiter;
    struct coop_child *next, *prev;
    int pidfd;   /* plus one; 0: none */
    int stopped; /* by which signal; 0: it runs */
    struct coop_actor *stop_actor;
    struct coop_msg *stop_msg;
    struct coop_child *stop_next;
};

/* A program to start. Zero is the default everywhere but in argv. */
struct coop_spawn {
    const char *path;  /* of the program; NULL: argv[0] is looked up in PATH             */
    char *const *argv; /* ends with NULL                                                 */
    char *const *envp; /* NULL: the caller's                                             */
    const char *dir;   /* where it starts; NULL: where the caller is                     */
    const int *fds;    /* fds[i] becomes its descriptor i, -1: closed; NULL: 0, 1, 2 stay */
    int fd_count;      /* at most COOP_SPAWN_FDS_MAX; it gets no others                  */
    unsigned flags;
};

enum {
    COOP_SPAWN_GROUP = 1,   /* leader of a process group of its own */
    COOP_SPAWN_SESSION = 2, /* leader of a session of its own       */
};

#define COOP_SPAWN_FDS_MAX 64
#define COOP_CHILD_PIDFDS  4096

/* Starts a program and announces it as coop_child_watch() does.  It begins with default signals, an
 * empty signal mask and no descriptors but those named.  Made by CLONE_VM and CLONE_VFORK, so the
 * caller's size does not matter; the thread waits for the exec, the processor does not.  0; -errno
 * of the exec or of what comes before it: then there is no child (one that cannot be announced is
 * killed); -EINVAL: no argv, too many descriptors. */
int coop_child_spawn(struct coop_child *child, const struct coop_spawn *what,
                     struct coop_actor *actor, int kind);

/* Between these, a dead child that nobody knows is not taken for an orphan. */
void coop_child_spawn_begin(void);
void coop_child_spawn_end(void);

/* Announces a child.  Its end is posted to 'actor' as child->msg; actor NULL: use
 * coop_child_wait or COOP_CHILD in a select.  Works for a child that is dead already. */
int coop_child_watch(struct coop_child *child, pid_t pid, struct coop_actor *actor, int kind);

/* No later delivery.  The child, if alive, becomes an unknown one. Own handler only. */
void coop_child_forget(struct coop_child *child);

/* 0 when it has ended (child->exit), -ETIMEDOUT, -EAGAIN, -ECANCELED; -ECHILD: it is not announced,
 * or was forgotten. */
int coop_child_wait(struct coop_child *child, coop_nsec deadline);

/* kill(2), but only as long as the pid is known to be this child. -ESRCH after its end. */
int coop_child_kill(struct coop_child *child, int signo);

/* A pidfd, the same at each call, as long as the child lives; the runtime closes it when the end
 * is delivered (dup it to keep it).  -EMFILE: COOP_CHILD_PIDFDS are open, or no descriptor is
 * free: do without, no other call needs it.  -ESRCH after its end. */
int coop_child_pidfd(struct coop_child *child);

/* Stops (SIGSTOP, SIGTSTP...) and continuations are told on request only: 'msg' is posted to
 * 'actor' at each, several unhandled ones as one; coop_child_stopped() tells what holds now.
 * NULL ends it.  Between announcement and end.  -ESRCH: it has ended. */
int coop_child_on_stop(struct coop_child *child, struct coop_actor *actor,
                       struct coop_msg *msg);

/* The signal that stopped it, 0: it runs, or nobody asked. */
int coop_child_stopped(const struct coop_child *child);

/* Whether the end is known. */
bool coop_child_ended(const struct coop_child *child);

/* Called for each unknown child that was reaped, in the reaper: it must not block, nor call
 * anything of this page. NULL: none. */
void coop_child_on_orphan(void (*fn)(const struct coop_exit *exit, void *arg), void *arg);

struct coop_child_stats {
    uint64_t reaped;  /* known children   */
    uint64_t orphans; /* unknown ones     */
    uint64_t sweeps;  /* passes over all  */
    size_t alive;     /* announced now    */
    size_t pidfds;    /* open now         */
};
void coop_child_stats(struct coop_child_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
