#ifndef COOP_CONTROL_ROOM_H
#define COOP_CONTROL_ROOM_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/list.h"
#include "control/control.h"
#include "control/lines.h"
#include "control/places.h"
#include "control/varlink.h"
#include "control/verbs.h"
#include "coop/chan.h"
#include "coop/coro.h"
#include "coop/sync.h"
#include "coop/time.h"

/*
 * room.h - what the files of the control room know of each other (nobody else includes it)
 *
 *     server.c     the socket: bind, accept, who is it, is there room
 *     session.c    one client = one coroutine: bytes -> call -> command -> replies -> bytes
 *     commands.c   which command answers which method
 *     commands/    the commands
 *     fifo.c       lines of text in, no answer out
 *
 * Threads   A session belongs to its coroutine.  Others touch only its link, its descriptor (to
 *           shut it down) and 'waiting_since', and only under control->lock, which holds a
 *           session in the list and its descriptor open.
 */

/* Ceilings, and what happens at them. */
enum {
    CTL_CLIENTS_MAX = 256, /* clients at a time; then the one that says nothing longest goes */
    CTL_OUT_MAX = 1 << 20, /* bytes of replies of one client not taken yet; then LimitReached */
    CTL_OUT_PAUSED_MAX = 1 << 26, /* ... while the room pauses                              */
    CTL_OUT_FLUSH = 65536, /* bytes of replies that are collected before they are written     */
    CTL_FDS_KEPT = 24,     /* descriptors below the limit that clients may not use up */
    CTL_FDS_GRACE = 8,     /* of these, for newcomers while others are leaving */
    CTL_BAD_FRAMES_MAX =
        8, /* calls that do not parse; then the connection is closed          */
};

#define CTL_FRAME_PATIENCE (10 * COOP_NSEC_PER_SEC) /* from a call's first byte to its last   */
#define CTL_WRITE_PATIENCE (10 * COOP_NSEC_PER_SEC) /* for a client that takes nothing        */
#define CTL_IDLE_PATIENCE  (600 * COOP_NSEC_PER_SEC) /* between two calls                      */
#define CTL_SILENCE_MIN    (50 * COOP_NSEC_PER_MSEC) /* before one may be sent away            */
#define CTL_LAST_PATIENCE  (1 * COOP_NSEC_PER_SEC) /* for last replies when coopd ends       */

struct control {
    struct daemon *daemon;
    char socket_path[CTL_PATH_MAX], fifo_path[CTL_PATH_MAX];
    int listen_fd, fifo_fd; /* each belongs to the coroutine that reads it */
    int spare_fd; /* given up to accept, and turn away, one more when descriptors run out */
    uid_t uid;    /* coopd's own: may do everything, as root may */
    dev_t socket_dev;
    ino_t socket_ino; /* what was bound: only that is removed at the end */

    struct coop_mutex lock; /* guards the list and the count */
    struct list sessions;
    unsigned clients;      /* in the list, or about to leave it */
    struct coop_cond left; /* one of them has left */

    struct coop_scope *scope; /* of all coroutines of the room; in control_life's frame  */
    struct coop_chan *stop;   /* closed: no new calls, say the last words                */
    struct coop_chan *reopen_socket, *reopen_fifo; /* a value each: make it anew         */
    struct coop_chan *pause, *paused, *resume;     /* a value each: a re-execution           */
    atomic_bool pausing;             /* who is cancelled now has not ended                 */
    struct line_cutter *fifo_cutter; /* the FIFO's                                        */
    struct coop_wg talking; /* sessions                                                */
    struct coop_wg alive;   /* control_life runs                                       */
};

struct session {
    struct control *control;
    struct list link;
    int fd;
    struct ucred peer;
    enum ctl_right right;
    struct buf in, out;
    struct varlink_scan scan;
    bool ended; /* the client sends no more: EOF was read                  */
    bool gone;  /* nothing can be sent any more                            */
    unsigned bad_frames;
    coop_nsec frame_deadline; /* for the call that has begun to arrive; 0: none has      */
    _Atomic(coop_nsec) waiting_since; /* waits for a call since; 0: works on one         */
    json_t *unanswered;    /* the call that was under way when the room paused; NULL: none  */
    struct action *action; /* ... and its command to services, if it is one                 */
    json_t *progress;      /* ... or how far it has come                                    */
};

/* A call being answered: what a command sees. */
struct ctl_call {
    struct session *session;
    struct control *control;
    const struct ctl_verb *verb;
    struct ctl_args args;
    json_t *parameters;
    bool more, oneway;
    bool answered; /* the last reply has been given */
    bool again;    /* it was under way when the room paused:                             */
    const json_t *progress; /* how far it had come; NULL: session->action, or not at all */
};

/* ---- session.c ---- */

/* A zeroed one. */
void session_init(struct session *session, struct control *control, int fd);
/* Adopts 'fd'; the coroutine's function, with a struct session * that it frees. */
int session_life(void *arg);
/* The same when no coroutine could be had for it. */
void session_abandon(struct session *session);

/* Replies.  All take 'parameters' over; 0, or -errno when the client is gone (-EPIPE,
 * -ETIMEDOUT) and the command should end.  ctl_stream: one of several; without 'more' the first
 * is the only one.  ctl_stream_end: what closes a stream. */
int ctl_reply(struct ctl_call *call, json_t *parameters);
int ctl_stream(struct ctl_call *call, json_t *parameters);
int ctl_stream_end(struct ctl_call *call, json_t *empty);
int ctl_error(struct ctl_call *call, const char *error, json_t *parameters);
/* A struct coop_err as error Failed. */
int ctl_fail(struct ctl_call *call, const struct coop_err *err);
/* The same of what may have waited for its turn when the room paused: then -ECANCELED. */
int ctl_fail_turn(struct ctl_call *call, const struct coop_err *err);
/* Sends what was collected, now. */
int ctl_flush(struct ctl_call *call);

/* While a command waits: takes in what the client sends, as far as there is room.  Call it when
 * the descriptor is readable.  0, or -EPIPE when the client has gone. */
int session_take_in(struct session *session, int events);
/* Is it of use to wait for the descriptor? */
bool session_listens(const struct session *session);

/* Was the caller cancelled because the room pauses?  Then its call is to stay as it is: the
 * command returns -ECANCELED without an answer. */
bool ctl_pauses(const struct control *control, int r);

/* For a re-execution: out of the list of sessions, and into it. */
json_t *session_record(struct session *session);
struct session *session_take(struct control *control, json_t *record);

/* ---- commands.c ---- */

/* Answers a call. 0, or -errno when the client is gone. */
int ctl_dispatch(struct session *session, const struct varlink_call *asked, bool again,
                 const json_t *progress);

/* Does what a line of text says, without an answer.  'who' names the writer in the log.  0, or
 * -ECANCELED: nothing was done, because the room pauses. */
int ctl_obey(struct control *control, const char *line, const char *who);

/* Error replies that several commands need. */
int ctl_no_such_service(struct ctl_call *call, const char *name);

/* ---- commands/: each answers its call completely ---- */
typedef int ctl_command_fn(struct ctl_call *call);
ctl_command_fn ctl_list, ctl_act, ctl_scale, ctl_tree, ctl_logs, ctl_shutdown, ctl_daemon,
    ctl_coroutines, ctl_groups, ctl_timers, ctl_reexec;

/* Where a group is named its services stand then.  0 or -ENOMEM. */
int ctl_expand_groups(struct daemon *daemon, const struct ctl_verb *verb,
                      struct ctl_args *args);

/* Was it under way when the room paused, with its commands in the mailboxes? */
bool ctl_is_posted(const struct ctl_call *call);

/* What is left of a command to services, and its end without an answer. */
json_t *ctl_action_record(struct action *action);
void ctl_action_free(struct action *action);

/* The same for the FIFO: posts and does not wait. 0 or -1 with the reason. */
int ctl_act_blindly(struct control *control, const struct ctl_verb *verb, struct ctl_args *args,
                    struct coop_err *err);

/* ---- expand.c ---- */

/* Puts the names of instances in the place of names that mean several, and makes those that are
 * to be started and can be. 0 or -1 with the reason. */
int ctl_expand(struct control *control, const struct ctl_verb *verb, struct ctl_args *args,
               struct coop_err *err);

/* ---- fifo.c ---- */

/* Makes and opens the FIFO. 0 or -1. */
int ctl_fifo_open(struct control *control, struct coop_err *err);
int ctl_fifo_life(void *arg);

#endif
