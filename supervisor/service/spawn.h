#ifndef COOP_SERVICE_SPAWN_H
#define COOP_SERVICE_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/spec.h"
#include "coop/actor.h"
#include "coop/child.h"
#include "coop/err.h"
#include "events/board.h"
#include "service/policy.h"

/*
 * spawn.h - the seam between a service and the machine
 *
 * A service asks for five things: launch this command, signal it, kill all of it, is anything
 * of it left, and has it used up a bound?  The real answers are in spawn.c (over the launcher),
 * holder.c (PID namespaces, cgroups, subreapers) and bounding.c; unit tests put a fake kernel's
 * processes behind the same table and run an hour of crashes in a millisecond.
 *
 * A *holder* is what holds the processes of one life together, so that "all of them" has a
 * meaning whatever they fork:
 *
 *     own PID namespace   top is its PID 1; when it ends the kernel has ended everything
 *     cgroup leaf         top is main itself; the leaf says whether anything is left
 *     subreaper           top is a reaper of ours; it ends when nothing is left below it
 *
 * Threads   All calls from the service's own handler.  launch may block in a bracket.
 * Memory    A holder is part of its service.  launch fills it, clear empties it.
 */

struct bounds; /* launcher/limits/bounds.h */
struct spawn;

struct holder {
    enum svc_held_by held_by;
    pid_t top_pid, main_pid; /* host PIDs; 0: none                                        */
    bool main_gone;          /* its end is known: learn_end() tells how                   */
    bool empty;              /* no process is left                                        */
    bool notes;              /* a reaper writes into a file how main ended                */
    bool beside;             /* a command beside main holds by this one                   */
    bool piped;              /* ... or into watch_fd, as does what is named main later    */
    bool noted;              /* how main ended is known:                                  */
    int note_status;         /* main's wait status                                        */
    uint64_t lost;           /* preferred protections that are not in force               */
    struct coop_child child; /* top                                                       */
    int pidfd;               /* of top when it is no child of ours, adopted; else -1      */
    struct coop_fdwatch top_watch; /* ... and the watch on it                              */
    uint64_t start_ticks;      /* ... its second name                                       */
    bool end_known;            /* ... and how it ended could be learned:                    */
    int end_status;            /* its wait status                                           */
    bool polls;                /* memory and tasks are bounded by looking                   */
    struct coop_fdwatch watch; /* the note's pipe (subreaper) or cgroup.events (cgroup)  */
    int watch_fd;              /* -1: none                                                */
    bool followed;             /* main is not what was launched (follow.c):               */
    int main_fd;               /* ... its pidfd, or -1                                    */
    struct coop_fdwatch main_watch;
    uint64_t main_ticks;   /* ... its second name                                             */
    pid_t main_inside;     /* ... its number among the service's own                          */
    bool told;             /* ... and the reaper knows of it, and will note its end           */
    char *cgroup;          /* the leaf's path                                                 */
    struct bounds *bounds; /* of the tree, owned; NULL: none                          */
};

/* Another process of the tree, which is main from now on. */
struct successor {
    pid_t pid, inside; /* here, and in the service's own PID namespace */
    uint64_t start_ticks;
};

struct saved_life; /* saved.h */

/* What to launch and where its messages go. */
struct spawn_order {
    const struct svc_spec *spec;
    enum exec_kind kind;
    size_t command;          /* index into spec->execs[kind]                                  */
    bool beside;             /* main lives, or may live, in a holder of its own               */
    const char *const *env;  /* pairs beyond those of the spec, NULL-terminated; or NULL    */
    int stdio[3];            /* -1: /dev/null                                                 */
    int fds[LAUNCH_MAX_FDS]; /* become 3, 4, ...; $LISTEN_FDS and its sisters tell of them  */
    unsigned fd_count;
    char *fd_names;     /* "a:b", owned by whoever orders                               */
    const char *notify; /* the notify socket's address ($NOTIFY_SOCKET), or NULL         */
    struct coop_actor *actor;
    int kind_top, kind_watch; /* kinds of the messages that bring news                   */
    /* Told as soon as its identity is known and, where that can be, before it executes anything.
     * A launch may still fail afterwards. NULL: nobody wants to know. */
    void (*born)(void *arg, const struct holder *holder);
    void *born_arg;
};

/* Takes over 'life', whose pidfd changes owner.  News come as after a launch, at once when it has
 * ended meanwhile.  0, or -1 and then nothing is held. */
struct adoption {
    const struct svc_spec *spec;
    const struct saved_life *life;
    bool main_told; /* how main ended is known already */
    struct coop_actor *actor;
    int kind_top, kind_watch, kind_main;
};
typedef int spawn_adopt_fn(struct spawn *spawn, const struct adoption *what,
                           struct holder *holder, struct coop_err *err);

struct spawn_ops {
    /* On success the program is executed, and its end will be told.  On failure nothing is left
     * over and the holder is empty. */
    int (*launch)(struct spawn *spawn, const struct spawn_order *order, struct holder *holder,
                  struct coop_err *err);
    /* Takes over what another coopd has launched. */
    spawn_adopt_fn *adopt;
    /* A message of kind_top or kind_watch came: brings main_gone and empty up to date. */
    void (*news)(struct spawn *spawn, struct holder *holder, int kind_top,
                 const struct coop_msg *msg);
    /* The process of the tree that has the number 'inside' among the service's own; 0: the one
     * that was left behind by main, which is gone.  0; -ESRCH: there is none, -E2BIG: there are
     * several, or what kept the tree from being read.  NULL: no tree is known. */
    int (*find)(struct spawn *spawn, const struct holder *holder, pid_t inside,
                struct successor *ret_found);
    /* It is main from now on: news of its end come as 'kind'.  0 or -errno. */
    int (*follow)(struct spawn *spawn, struct holder *holder, const struct successor *main,
                  struct coop_actor *actor, int kind);
    /* After main_gone: how main ended. */
    void (*learn_end)(struct spawn *spawn, const struct svc_spec *spec, struct holder *holder,
                      struct ending *ret_ending);
    /* Asks politely: 'signo', then CONT, to all that can be reached. 0 or -errno. */
    int (*signal)(struct spawn *spawn, struct holder *holder, int signo);
    /* One signal to the main process. 0 or -errno. */
    int (*signal_main)(struct spawn *spawn, struct holder *holder, int signo);
    /* SIGKILL to everything. 0 or -errno. */
    int (*kill)(struct spawn *spawn, struct holder *holder);
    /* Main is gone and the tree is not empty: from now on kind_watch tells when it is. */
    void (*watch_rest)(struct spawn *spawn, struct holder *holder, struct coop_actor *actor,
                       int kind);
    /* The bound that is used up by now; EXIT: none, and look again at '*ret_next'. */
    enum launch_result (*look)(struct spawn *spawn, struct holder *holder, coop_nsec *ret_next);
    /* The life is over (holder->empty): removes what held it. */
    void (*clear)(struct spawn *spawn, const struct svc_spec *spec, struct holder *holder);
};

struct spawn {
    const struct spawn_ops *ops;
};

/* What a command beside main is known by: its service's name and this, which stands in no name. */
#define STEP_MARK '+'

/* The name of the exit note and of the cgroup leaf. -ENAMETOOLONG. */
int holder_name(const struct svc_spec *spec, bool beside, char *ret_name, size_t size);

/* An empty holder. */
void holder_init(struct holder *holder);

#endif
