#ifndef COOP_SERVICE_FSM_H
#define COOP_SERVICE_FSM_H

#include <stdbool.h>

/*
 * fsm.h - what a service may do next
 *
 * Pure: no clock, no process, no log.  service.c turns what happened into one event, asks
 * svc_step() for the edge, performs its action and publishes where it led.
 *
 *     const struct svc_edge *edge = svc_step(place, EV_WANT_UP);
 *     if (edge) { place = edge->to; perform(edge->act); publish(edge->why); }
 *
 * A *place* is a state with its substate: `stopping` is four places (order, main, tree,
 * final-kill) that answer the same event differently.  People and scripts see the nine states;
 * the table sees places.
 *
 * Threads   Constant data; from anywhere.
 * Source    The drawing-above-the-table habit is SQLite's pager.c; the table is s6-supervise's,
 *           with words instead of letters.
 */

/* The nine states of the contract: enum, word. */
#define SVC_STATES(X)                                                                          \
    X(ST_DOWN, "down")                                                                         \
    X(ST_WAITING, "waiting")                                                                   \
    X(ST_STARTING, "starting")                                                                 \
    X(ST_UP, "up")                                                                             \
    X(ST_RELOADING, "reloading")                                                               \
    X(ST_STOPPING, "stopping")                                                                 \
    X(ST_BACKOFF, "backoff")                                                                   \
    X(ST_DONE, "done")                                                                         \
    X(ST_FAILED, "failed")

/* Every place: enum, state, substate word. */
#define SVC_PLACES(X)                                                                          \
    X(AT_DOWN, ST_DOWN, "")                                                                    \
    X(AT_WAITING, ST_WAITING, "dependencies")                                                  \
    X(AT_START_PRE, ST_STARTING, "pre")                                                        \
    X(AT_START_MAIN, ST_STARTING, "main")                                                      \
    X(AT_START_TREE, ST_STARTING, "tree")                                                      \
    X(AT_START_POST, ST_STARTING, "post")                                                      \
    X(AT_UP, ST_UP, "main")                                                                    \
    X(AT_UP_EXITED, ST_UP, "exited")                                                           \
    X(AT_RELOADING, ST_RELOADING, "main")                                                      \
    X(AT_RELOAD_SIGNAL, ST_RELOADING, "signal")                                                \
    X(AT_RELOAD_STEP, ST_RELOADING, "command")                                                 \
    X(AT_STOP_ORDER, ST_STOPPING, "order")                                                     \
    X(AT_STOP_STEP, ST_STOPPING, "command")                                                    \
    X(AT_STOP_MAIN, ST_STOPPING, "main")                                                       \
    X(AT_STOP_TREE, ST_STOPPING, "tree")                                                       \
    X(AT_STOP_KILL, ST_STOPPING, "final-kill")                                                 \
    X(AT_STOP_STUCK, ST_STOPPING, "stuck")                                                     \
    X(AT_STOP_POST, ST_STOPPING, "post")                                                       \
    X(AT_BACKOFF, ST_BACKOFF, "")                                                              \
    X(AT_DONE, ST_DONE, "")                                                                    \
    X(AT_FAILED, ST_FAILED, "")

/* Every event: enum, word for logs and tests. */
#define SVC_EVENTS(X)                                                                          \
    X(EV_WANT_UP, "want-up")         /* somebody wants it up                                */ \
    X(EV_WANT_DOWN, "want-down")     /* somebody wants it down                              */ \
    X(EV_DEPS_UP, "deps-up")         /* all it is ordered after is up                       */ \
    X(EV_PREPARE, "prepare")         /* the same, and commands come before ExecStart=       */ \
    X(EV_DEPS_FAILED, "deps-failed") /* something it requires cannot come up                */ \
    X(EV_READY, "ready")             /* started in the sense of Type=                       */ \
    X(EV_RELOADING, "reloading")     /* it said RELOADING=1                                 */ \
    X(EV_LEAVING, "leaving")         /* it said STOPPING=1                                  */ \
    X(EV_CMD_DONE, "command-done")   /* a oneshot's command ended well and more follow      */ \
    X(EV_NEXT, "next")               /* ... and its processes are gone                      */ \
    X(EV_NEXT_PRE, "next-pre")   /* the same, and it is not ExecStart='s turn yet         */   \
    X(EV_REMAINS, "remains")     /* main ended well under RemainAfterExit=yes           */     \
    X(EV_POST, "post")           /* started, and ExecStartPost= follows                 */     \
    X(EV_MAIN_GONE, "main-gone") /* main ended in any other way                         */     \
    X(EV_STOP_STEP, "stop-command") /* it is to stop, and ExecStop= comes first            */  \
    X(EV_RELOAD, "reload")          /* asked to reload, by ExecReload=                     */  \
    X(EV_RELOAD_SIG, "reload-signal") /* asked to reload, by a signal that it answers       */ \
    X(EV_STEP_NEXT, "step-next")     /* a command beside main ended well and more follow    */ \
    X(EV_STEP_DONE, "step-done")     /* the last one did                                    */ \
    X(EV_STEP_FAILED, "step-failed") /* one of them did not                                 */ \
    X(EV_ORDER_CLEAR, "order-clear") /* all that must stop before it has stopped            */ \
    X(EV_STOP_POST, "stop-post")     /* tree empty, and ExecStopPost= follows               */ \
    X(EV_TREE_GONE, "tree-gone")     /* tree empty after a stop that was asked for          */ \
    X(EV_SUCCEEDED, "succeeded")     /* tree empty (or no birth needed), and that is fine   */ \
    X(EV_DIED, "died")               /* tree empty (or never born), Restart= tries again    */ \
    X(EV_HOPELESS, "hopeless")       /* tree empty (or never born), nothing tries again     */ \
    X(EV_WATCHDOG, "watchdog")       /* it did not say in time that it is alive             */ \
    X(EV_TIMEOUT, "timeout")         /* the timer of this place ran out                     */ \
    X(EV_BOUND, "bound")             /* a bound of its tree is used up                      */ \
    X(EV_BOUND_ASK, "bound-ask")     /* the same, and StopGrace= lets it end by itself      */

enum svc_state {
#define X(id, word) id,
    SVC_STATES(X)
#undef X
        SVC_STATE_COUNT
};

enum svc_place {
#define X(id, state, sub) id,
    SVC_PLACES(X)
#undef X
        SVC_PLACE_COUNT
};

enum svc_event {
#define X(id, word) id,
    SVC_EVENTS(X)
#undef X
        SVC_EVENT_COUNT
};

/* What service.c does on an edge. */
enum svc_act {
    DO_NOTHING,
    DO_CHECK_DEPS,   /* pull what it requires and wants, then look whether they are up   */
    DO_SPAWN,        /* launch the next command, arm TimeoutStartSec                      */
    DO_SPAWN_POST,   /* the same after the end, arm TimeoutStopSec                         */
    DO_STEP,         /* launch the first command beside main                               */
    DO_NEXT_STEP,    /* ... and the next one                                               */
    DO_KILL_STEP,    /* SIGKILL to it                                                      */
    DO_SIG_RELOAD,   /* ReloadSignal to main, arm TimeoutStartSec                          */
    DO_ARM_RELOAD,   /* arm TimeoutStartSec: a reload that is never confirmed ends there  */
    DO_SETTLE,       /* it is up: disarm the timer, tell those who wait for it            */
    DO_ORDER,        /* ask those who must stop first, then look whether they have        */
    DO_SIG_STOP,     /* KillSignal to the tree, arm TimeoutStopSec                        */
    DO_SIG_WATCHDOG, /* WatchdogSignal to the tree, arm TimeoutStopSec                   */
    DO_SIG_BOUND,    /* KillSignal to the tree, arm StopGrace                              */
    DO_ARM_STOP,     /* no signal, it leaves by itself; arm TimeoutStopSec                */
    DO_CLEAN_TREE,   /* main is gone: the same to what it left behind                     */
    DO_KILL_TREE,    /* SIGKILL to the whole tree, arm the last deadline                  */
    DO_ARM_BACKOFF   /* arm RestartSec                                                    */
};

struct svc_edge {
    enum svc_place from;
    enum svc_event on;
    enum svc_place to;
    enum svc_act act;
    const char *why; /* shown by `coopctl status`, kept in the event journal */
};

/* The edge for an event at a place; NULL when there is none. */
const struct svc_edge *svc_step(enum svc_place at, enum svc_event on);

/* An event without an edge that is expected here and changes nothing.  What neither steps nor
 * is ignored cannot happen; service.c logs it as a fault of coopd's own. */
bool svc_ignores(enum svc_place at, enum svc_event on);

/* The whole table, for tests and for mutation checks. */
extern const struct svc_edge svc_edges[];
extern const unsigned svc_edge_count;

enum svc_state svc_place_state(enum svc_place at);
const char *svc_place_sub(enum svc_place at);     /* the substate's word, "" for none */
const char *svc_place_word(enum svc_place at);    /* "AT_STOP_TREE", for tests         */
const char *svc_state_word(enum svc_state state); /* never NULL                        */
const char *svc_event_word(enum svc_event event); /* never NULL                        */

#endif
