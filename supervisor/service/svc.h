#ifndef COOP_SERVICE_SVC_H
#define COOP_SERVICE_SVC_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "config/spec.h"
#include "coop/actor.h"
#include "coop/chan.h"
#include "coop/sync.h"
#include "events/board.h"
#include "events/bus.h"
#include "graph/graph.h"
#include "service/backoff.h"
#include "service/notify.h"
#include "service/output.h"
#include "service/saved.h"
#include "service/service.h"
#include "service/spawn.h"

/*
 * svc.h - the inside of a service; private to service/ and to the daemon that makes them
 *
 * Everything here belongs to the service's own handler, but for the fields marked "anyone".
 */

struct group;
struct journal;
struct json_t;

/* What all services share. Lives longer than any of them. */
struct svc_world {
    struct board *board;
    struct bus *bus;
    struct spawn *spawn;
    struct journal *journal; /* NULL in unit tests */
    const char *run_dir;     /* NULL: no outputs and no notify sockets (unit tests) */
    const char *log_dir;
    struct coop_wg alive; /* services not freed yet */
    atomic_bool closing;  /* coopd is stopping: nothing is started any more */
    atomic_ulong asked;   /* starts so far, of all */
    struct fdstore
        *store; /* keeps copies of descriptors, under 'storing'; NULL: nothing does */
    struct coop_mutex storing;
    struct coop_wg opening; /* services whose sockets are not open yet */
    atomic_uint moving;     /* services on their way up or down, and commands not handled yet */
    _Atomic(struct svc *) idlers; /* Type=idle: told when nothing moves; linked by next_idler */
    atomic_bool quiet;            /* nobody listens to the world outside (quiet.c) */
    atomic_ulong handled;         /* messages meanwhile, of all */
    /* A service that coopd is not to outlive has ended for good; from any handler, does not wait.
     * NULL in unit tests. */
    void (*over)(struct svc_world *world, const char *name, int exit_status);
};

/* Its neighbours in the graph. Holds a reference on each. */
struct svc_link {
    struct svc *peer;
    unsigned is; /* enum link_is */
};

struct svc_links {
    struct group *group; /* that it is a member of, with a reference; NULL: none */
    unsigned count;
    struct svc_link at[];
};

struct waiter {
    struct coop_chan *reply;
    uint64_t tag;
    enum waits_for { WAIT_UP, WAIT_DOWN, WAIT_RELOAD } what;
};

enum svc_msg_kind {
    MSG_COMMAND = 1,  /* struct command_msg, ours to free                            */
    MSG_RESTORE,      /* struct restore_msg, ours to free: what an earlier coopd knew */
    MSG_QUIET,        /* struct quiet_msg, ours to free: a re-execution               */
    MSG_CHANGE,       /* struct change_msg, ours to free: new spec, new links         */
    MSG_TIMER,        /* the place's timer                                           */
    MSG_NUDGE,        /* a neighbour has changed: look at the board                  */
    MSG_PULL,         /* a neighbour that needs us is starting                       */
    MSG_PUSH_STOP,    /* what we require is being stopped by hand                    */
    MSG_PUSH_RESTART, /* what we require is being restarted by hand                  */
    MSG_PUSH_OUT,     /* what we are in conflict with is starting                    */
    MSG_PUSH_END,     /* what we are bound to has ended                              */
    MSG_TOP,          /* the child that holds the tree has ended                     */
    MSG_WATCH,        /* main's pidfd, or the cgroup, has news                       */
    MSG_STEP_TOP,     /* the same of a command beside main                           */
    MSG_STEP_WATCH,
    MSG_BOUND,        /* time to look whether a bound is used up                     */
    MSG_OVER,         /* the output has passed its bound                             */
    MSG_MAIN,         /* main, which was not launched, has news                       */
    MSG_PID_FILE,     /* something has changed where PIDFile= will be                 */
    MSG_NOTIFY,       /* the notify socket has something                             */
    MSG_WATCHDOG,     /* it has not said in time that it is alive                    */
    MSG_LISTEN,       /* open what it listens on                                     */
    MSG_SOCKET,       /* something may wait there                                    */
    MSG_SOCKET_PAUSE, /* clients may start it again                              */
    MSG_HURRY,        /* kill what still runs                                        */
    MSG_DISCARD,      /* taken out of the configuration, and down                    */
    MSG_FREE          /* the last reference is gone                                  */
};

struct command_msg {
    struct coop_msg msg;
    struct svc_command command;
};

/* What a command finds in its environment beyond what its service has. */
struct svc_told {
    char main_pid[32], result[48], code[24], status[32], watchdog[48];
    const char *env[8];
    unsigned count;
};

/* A command beside main (step.c). */
struct svc_step {
    struct holder holder;
    enum exec_kind kind;
    unsigned command;
    bool waits; /* another one must be gone before the first one of this place            */
    bool told;  /* its main process has ended, 'ending' says how                          */
    struct ending ending;
};

struct restore_msg {
    struct coop_msg msg;
    struct survivor was;
    struct json_t
        *record; /* of the program before in this process, ours; NULL: it was another */
};

/* Before a re-execution, and after one that failed (quiet.c). */
enum quiet_step {
    QUIET_ROUND, /* what came before this is done                                       */
    QUIET_HOLD,  /* nothing is on its way from its output to the log                    */
    QUIET_WRITE, /* nobody hears of its processes' ends any more; the reply has its record */
    QUIET_OVER   /* as before                                                           */
};

struct quiet_reply {
    char name[SVC_NAME_MAX + 1];
    struct json_t
        *record; /* the receiver's; NULL but for QUIET_WRITE, and when out of memory */
};

struct quiet_msg {
    struct coop_msg msg;
    enum quiet_step step;
    struct coop_chan *reply; /* of struct quiet_reply, with room for it */
};

struct change_msg {
    struct coop_msg msg;
    struct svc_spec *spec;   /* NULL: unchanged */
    struct svc_links *links; /* NULL: unchanged */
};

/* To its group: it has failed, and waits. */
struct svc_death {
    struct coop_msg msg;
    atomic_bool on_its_way; /* anyone */
    bool gave_up;           /* its own start limit is used up */
    coop_nsec at;
    struct svc *svc; /* a reference, while it is on its way */
};

struct svc {
    atomic_uint refs;   /* anyone */
    atomic_uint hold;   /* anyone: while there is one it does not leave `waiting` */
    atomic_bool revive; /* anyone: its group has stopped it, and may start it again */
    struct svc_death death;
    atomic_uint coming, leaving; /* anyone: start or stop messages not handled yet */
    atomic_bool pulled;          /* anyone: the embedded message is on its way */
    atomic_ulong asked;          /* anyone: which start of all its last one was */
    atomic_bool heard;           /* anyone: a command has been handled */
    atomic_bool held;            /* anyone: it waits for nothing but an idle moment */
    atomic_bool listed;          /* anyone: it is one of the world's idlers ... */
    struct svc *next_idler;      /* ... before this one */
    struct coop_actor actor;
    struct svc_push {
        struct coop_msg msg;
        atomic_bool on_its_way; /* anyone */
    } push[MSG_PUSH_END - MSG_PUSH_STOP + 1];
    struct coop_msg nudge, pull, hurry, discard, free_me, listen;
    struct coop_wg *discarded; /* NULL: nobody waits for that */
    struct coop_timer timer;
    struct svc_world *world;
    unsigned slot;
    struct svc_spec *spec;
    struct svc_spec *next; /* applies when no process is left; NULL: none */
    struct svc_links *links;
    struct svc_view view; /* our copy of what is on the board */
    struct holder holder;
    struct ending ending;
    char launch_hint
        [240]; /* why the last launch failed, in terms of what to do; "" when it did not */
    struct start_window window;
    unsigned
        in_a_row;    /* automatic restarts since it was last up for long, or started by hand */
    coop_nsec up_at; /* when this life was up; 0: it was not                                 */
    coop_nsec reload_asked; /* when ReloadSignal= was last sent                             */
    coop_nsec delay;  /* before the next automatic restart                                    */
    char *stopped_by; /* the group that has failed and stopped it; NULL: none, or not known  */
    bool gave_up;     /* it would start again, but its start limit is used up                 */
    bool lost;        /* it goes down because of another, and nothing brings it back          */
    bool ends_all;    /* StartLimitAction=exit has been reached                               */
    unsigned over;    /* 1 + the exit code with which coopd is to end; 0: it goes on          */
    struct coop_timer watchdog;
    coop_nsec watchdog_every; /* 0: none */
    coop_nsec watchdog_until;
    struct notify notify;
    struct output *output;
    struct svc_keep *keep;       /* NULL: it has never had bounds */
    struct svc_sockets *sockets; /* NULL: it has never had any */
    struct svc_stored *stored;   /* the same */
    struct waiter *waiters;
    unsigned waiter_count;
    uint32_t missed;          /* kinds of messages that came while all was quiet, as bits */
    struct saved_state noted; /* what the journal has, but for the times */
    struct svc_step step;
    struct {
        int fd; /* -1: it is not waited for */
        struct coop_fdwatch watch;
    } pid_file;
    unsigned looks;       /* for MAINPID=, in this life */
    enum exec_kind kind;  /* which commands 'holder' holds ... */
    unsigned command;     /* ... and which one of them runs */
    bool moves;           /* it is counted in the world's 'moving' */
    coop_nsec idle_until; /* Type=idle: when it has waited long enough; 0: it does not wait */
    bool again;           /* a restart was asked for: down is not the end */
    bool stop_asked;      /* this life ends because somebody wanted it */
    bool main_told;       /* the end of main has been turned into an event */
    bool was_ready;       /* in this life */
    bool directories;     /* made for it, not removed yet */
    bool hurried;         /* coopd is to end at once: no commands any more */
    bool refusal_told;    /* a notify message of a stranger, in this life */
    bool stir;            /* neighbours must look */
    bool crossed_out;     /* its lines in the journal, when it was discarded */
    bool relinked; /* its links are new and it waits: what is required is not pulled yet */
};

/* One reference and a slot on the board, or NULL. */
struct svc *svc_new(struct svc_world *world, struct svc_spec *spec);

/* It was there under an earlier coopd: goes on from that, instead of being started.  Takes over the
 * pidfd.  With a 'record', which is borrowed, it goes on as if nothing had happened: the program
 * has been replaced in its process.  After its links, before any command.  0 or -ENOMEM. */
int svc_restore(struct svc *svc, const struct survivor *was, struct json_t *record);

/* A step of a re-execution; the reply comes when it is done.  Between the first QUIET_ROUND and
 * QUIET_OVER world->quiet is set.  0 or -ENOMEM. */
int svc_quiet(struct svc *svc, enum quiet_step step, struct coop_chan *reply);

/* Replaces spec (unless NULL) and links (unless NULL); both change owner. 0 or -ENOMEM. */
int svc_change(struct svc *svc, struct svc_spec *spec, struct svc_links *links);

/* Its neighbours' links have been changed, too: whom does it wait for now? */
void svc_look_again(struct svc *svc);

/* It is down, and neither has it been made just now nor is a start on its way. */
bool svc_is_over(struct svc *svc);

/* It has been asked to stop, and that takes too long: SIGKILL to all of it. */
void svc_hurry(struct svc *svc);

/* It is down and nobody will start it again: lets go of everything but the struct. */
void svc_discard(struct svc *svc, struct coop_wg *done); /* 'done' may be NULL */

/* Opens what coopd listens on for it; world->opening tells when it is done. */
void svc_listen(struct svc *svc);

struct svc_links *svc_links_new(unsigned count);
void svc_links_free(struct svc_links *links); /* accepts NULL */

/* ---- between the files of service/ ---- */

enum { SVC_DETAIL_MAX = 200 }; /* why a step was made, in words */

/* service.c */
void svc_feed(struct svc *svc, enum svc_event on, const char *detail);
void svc_publish(struct svc *svc);
void svc_set_deadline(struct svc *svc, coop_nsec deadline);
bool svc_is_running(const struct svc *svc); /* starting, up or reloading */
/* The event that an ending means: EV_TREE_GONE, EV_SUCCEEDED, EV_DIED or EV_HOPELESS. */
enum svc_event svc_verdict(struct svc *svc, char *ret_detail, size_t size);

/* Does what an edge says. The event that follows, SVC_EVENT_COUNT for none. */
enum svc_event svc_perform(struct svc *svc, enum svc_act act, char *detail, size_t size);
bool svc_is_empty(const struct svc *svc); /* neither main nor a step has processes */
/* What has become of it when no process is left. */
enum svc_event svc_after_empty(struct svc *svc, char *detail, size_t size);

/* watchdog.c */
void svc_watchdog_follow(struct svc *svc, enum svc_place from); /* after a move */
void svc_watchdog_hear(struct svc *svc, const struct notify_message *message);
void svc_on_watchdog(struct svc *svc); /* MSG_WATCHDOG */

/* ends.c */
void svc_on_news(struct svc *svc, const struct coop_msg *msg); /* MSG_TOP, MSG_WATCH */
void svc_tree_news(struct svc *svc); /* main has news, or the last step is gone */

/* idle.c */
bool svc_idle_holds(struct svc *svc); /* it could start, but others are on their way */
void svc_idle_count(struct svc *svc); /* its place has changed, or whom it waits for  */
void svc_idle_command(struct svc_world *world, bool comes); /* one is posted, or handled */
void svc_idle_over(struct svc *svc);                        /* it does not wait (any more) */

void svc_idle_leave(struct svc *svc); /* it goes for good */

/* main_pid.c */
/* Main has ended: who is it now?  True: somebody is, or it is not known yet; then the event that
 * follows, or none. */
bool svc_find_main(struct svc *svc, bool well, enum svc_event *ret_event);
bool svc_lacks_main(const struct svc *svc);        /* it runs, and nobody is main (yet) */
void svc_on_pid_file(struct svc *svc);             /* MSG_PID_FILE */
void svc_hear_main(struct svc *svc, pid_t inside); /* MAINPID= */
void svc_pid_file_forget(struct svc *svc);
void svc_remove_pid_file(struct svc *svc); /* no process is left */

/* restore.c */
void svc_on_restore(struct svc *svc, struct survivor *was, const struct json_t *record);
void svc_note_state(struct svc *svc); /* what has changed, into the journal */
void svc_take_state(struct svc *svc, const struct survivor *was);
void svc_restart_if_changed(struct svc *svc, const struct saved_life *life);

/* quiet.c */
bool svc_is_quiet(struct svc *svc, struct coop_msg *msg); /* it is handled, or put off */
void svc_take_record(struct svc *svc, const struct survivor *was, const struct json_t *record);

/* neighbours.c */
void svc_pull_dependencies(struct svc *svc);
enum svc_event svc_check_dependencies(struct svc *svc); /* SVC_EVENT_COUNT: wait */
enum svc_event svc_check_order(struct svc *svc);        /* SVC_EVENT_COUNT: wait */
bool svc_must_yield(const struct svc *svc); /* to one in conflict that was asked later */
void svc_push(struct svc *svc, enum svc_msg_kind kind); /* those that go with us     */
void svc_lose(struct svc *svc);      /* it is down, and now that is for good */
void svc_tell_over(struct svc *svc); /* is coopd to end with it? */
void svc_tell_end(struct svc *svc, enum svc_place at); /* at rest, or about to try again */
void svc_stir(struct svc *svc);

/* membership.c */
void svc_hold(struct svc *svc);              /* by its group: it may not start ...        */
void svc_release(struct svc *svc);           /* ... until this                            */
bool svc_group_holds(struct svc *svc);       /* ... and whom it waits for, into the view  */
void svc_forget_group_stop(struct svc *svc); /* somebody else has decided since */
void svc_tell_group(struct svc *svc);
void svc_nudge_group(const struct svc *svc);
/* "its group 'shop' has failed".  Returns 'text'. */
const char *svc_group_text(const char *group, const char *what, char *text, size_t size);

/* commands.c */
void svc_on_command(struct svc *svc, const struct svc_command *command);
void svc_on_pull(struct svc *svc);
void svc_on_push(struct svc *svc, enum svc_msg_kind kind);
void svc_settle(struct svc *svc);
/* A reload has ended; NULL: well */
void svc_reload_over(struct svc *svc, const char *failure);
void svc_drop_waiters(struct svc *svc);

/* keep.c: bounds of one life */
int svc_keep_open(struct svc *svc, struct coop_err *err); /* before the launch        */
void svc_keep_begin(struct svc *svc);                     /* it runs                  */
void svc_keep_again(struct svc *svc);                     /* its output goes on with it */
void svc_keep_look(struct svc *svc);                      /* MSG_BOUND                */
void svc_keep_over(struct svc *svc);                      /* MSG_OVER                 */
void svc_keep_judge(struct svc *svc); /* main has ended: the word for it, into the view */
void svc_keep_end(struct svc *svc);   /* the life is over                             */
void svc_keep_done(struct svc *svc);  /* then the actor is done, then 'keep' is freed */

/* launch.c: the event that follows, SVC_EVENT_COUNT for none; 'ret_detail' says why */
enum svc_event svc_launch(struct svc *svc, char *ret_detail, size_t size);
void svc_life_over(struct svc *svc);

/* RuntimeDirectory=: removed when the service comes to rest there, or stays. */
void svc_remove_directories(struct svc *svc, enum svc_place to);
void svc_take_next_spec(struct svc *svc);
void svc_on_notify(struct svc *svc);
/* One process, with output, notify socket and bounds, into 'holder'. 0 or -1. */
int svc_launch_one(struct svc *svc, struct spawn_order *order, struct holder *holder,
                   struct coop_err *err);
void svc_write_down(struct svc *svc, const char *name, const struct holder *holder);
/* The first, or next, of the commands that come before ExecStart= and of it. */
void svc_first_command(struct svc *svc);
void svc_next_command(struct svc *svc);

/* sockets.c */
void svc_on_listen(struct svc *svc);       /* MSG_LISTEN */
void svc_on_socket(struct svc *svc);       /* MSG_SOCKET */
void svc_on_socket_pause(struct svc *svc); /* MSG_SOCKET_PAUSE */
void svc_sockets_follow(struct svc *svc);  /* after a move: do clients start it? */
void svc_sockets_change(struct svc *svc);  /* svc->spec is new, the old one still there */
int svc_sockets_give(struct svc *svc, struct spawn_order *order, struct coop_err *err);
void svc_sockets_close(struct svc *svc);
void svc_sockets_free(struct svc *svc); /* with the actor, after the last message */

/* stored.c */
void svc_stored_hear(struct svc *svc, struct notify_message *message); /* takes what it keeps */
void svc_stored_follow(struct svc *svc, enum svc_place to);            /* after a move */
void svc_stored_find(struct svc *svc); /* those of an earlier coopd */
int svc_stored_give(struct svc *svc, struct spawn_order *order, struct buf *names);
void svc_stored_close(struct svc *svc);
void svc_stored_free(struct svc *svc);

/* stop.c: asks it to end, asks or kills what main has left, kills all; the event that follows */
enum svc_event svc_signal_stop(struct svc *svc, int signo, coop_nsec patience);
enum svc_event svc_clean_tree(struct svc *svc, char *detail, size_t size);
void svc_kill_tree(struct svc *svc);

/* step.c */
enum svc_event svc_step_first(struct svc *svc, char *detail, size_t size);
enum svc_event svc_step_next(struct svc *svc, char *detail, size_t size);
void svc_step_signal(struct svc *svc, int signo);
void svc_step_kill(struct svc *svc);
void svc_step_over(struct svc *svc); /* lets go of it */
void svc_on_step_news(struct svc *svc, const struct coop_msg *msg);
void svc_tell_command(const struct svc *svc, enum exec_kind kind, struct svc_told *told);
bool svc_command_ended_well(const struct exec_spec *exec, const struct ending *ending);
/* "ExecReload= (web.ini:5) exited with code 1" */
void svc_command_text(const struct svc *svc, enum exec_kind kind, unsigned command,
                      const char *what, char *text, size_t size);
/* The same, to the log and the view. */
void svc_command_failed(struct svc *svc, enum exec_kind kind, unsigned command,
                        const char *what);

#endif
