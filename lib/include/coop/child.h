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
 * Until its end has been delivered a pid is not reaped behind your back: coop_child_kill() can
 * never hit a stranger.
 *
 * Time      coop_child_wait() takes an absolute deadline.
 * Errors    -errno; -ECHILD: no such child (then its end is unknown); -EEXIST: watched already.
 * Threads   Any coroutine, and inside blocking brackets.  The spawn bracket may be held by
 *           several at once and across threads; it never blocks.
 * Misuse    Aborts: two waiters for one child; a spawn bracket's end without its begin.  What
 *           cannot be a pid is -EINVAL; without a runtime -EPERM.
 * Memory    struct coop_child is the caller's and must stay until the end or
 *           coop_child_forget().
 * Limits    One waiter or one actor per child.  Coalesced SIGCHLDs are no problem: the reaper
 *           looks, it does not count. Needs no descriptor per child.
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
};

/* Between these, a dead child that nobody knows is not taken for an orphan. */
void coop_child_spawn_begin(void);
void coop_child_spawn_end(void);

/* Announces a child.  Its end is posted to 'actor' as child->msg; actor NULL: use
 * coop_child_wait or COOP_CHILD in a select.  Works for a child that is dead already. */
int coop_child_watch(struct coop_child *child, pid_t pid, struct coop_actor *actor, int kind);

/* No later delivery.  The child, if alive, becomes an unknown one. Own handler only. */
void coop_child_forget(struct coop_child *child);

/* 0 when it has ended (child->exit), -ETIMEDOUT, -EAGAIN, -ECANCELED. */
int coop_child_wait(struct coop_child *child, coop_nsec deadline);

/* kill(2), but only as long as the pid is known to be this child. -ESRCH after its end. */
int coop_child_kill(struct coop_child *child, int signo);

/* Whether the end is known. */
bool coop_child_ended(const struct coop_child *child);

/* Called for each unknown child that was reaped, in the reaper; must not block. NULL: none. */
void coop_child_on_orphan(void (*fn)(const struct coop_exit *exit, void *arg), void *arg);

struct coop_child_stats {
    uint64_t reaped;  /* known children   */
    uint64_t orphans; /* unknown ones     */
    uint64_t sweeps;  /* passes over all  */
    size_t alive;     /* announced now    */
};
void coop_child_stats(struct coop_child_stats *ret_stats);

#ifdef __cplusplus
}
#endif

#endif
