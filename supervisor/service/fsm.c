/*
 * fsm.c - the life of a service, as one table
 *
 *      WANT_UP                 DEPS_UP                READY
 *  down ------> waiting ----------------> starting ----------> up <------> reloading
 *   ^  ^           |  ^                    |  |  \              |  \ RELOADING,  |
 *   |  |           |  |                    |  |   \ MAIN_GONE   |   \ READY or   |
 *   |  |           |  | TIMEOUT,   DIED    |  |    \            |    \ TIMEOUT   |
 *   |  | WANT_DOWN |  | WANT_UP  (no birth)|  |     \           |     \          |
 *   |  +-----------+  |                    |  |TIMEOUT,\        |      \         |
 *   |  |              +-- backoff <--------+  |WANT_DOWN\       |WANT_DOWN       |
 *   |  |                   |   ^              |          \      |     MAIN_GONE  |
 *   |  +-------------------+   |              v           v     v        v       v
 *   |      WANT_DOWN           |           +----------------------------------------+
 *   |                          |           | stopping   order -> main -> tree       |
 *   |                          |           |                       \      |         |
 *   |                          |           |            TIMEOUT     v     v         |
 *   |                          |           |                     final-kill         |
 *   |                          |           |                          | TIMEOUT     |
 *   |                          |           |                        stuck           |
 *   |                          |           +----------------------------------------+
 *   |                          |   DIED          |        |           |
 *   |                          +-----------------+        |           |
 *   |            TREE_GONE (a stop that was asked for)    |           |
 *   +-----------------------------------------------------+           |
 *                       SUCCEEDED -> done       HOPELESS -> failed <--+
 *
 *  The commands besides ExecStart=.  Those that run when main does not are lives of their own, and
 *  each is followed by an empty tree; those beside main (*) have a holder of their own.
 *
 *  waiting --PREPARE--> starting/pre --CMD_DONE--> tree --NEXT_PRE--> pre ... --NEXT--> main
 *  starting/main --POST--> starting/post * --READY--> up      any failure --> stopping
 *  up --RELOAD--> reloading/command * --STEP_DONE, STEP_FAILED--> up
 *  up --RELOAD_SIG--> reloading/signal --RELOADING--> reloading/main --READY--> up
 *  up, stopping/order --STOP_STEP--> stopping/command * --STEP_...--> stopping/main
 *  stopping/tree --STOP_POST--> stopping/post --MAIN_GONE--> stopping/tree ... --> at rest
 *
 *  Not drawn: DEPS_FAILED leads from waiting to failed; REMAINS from starting and up to
 *  up/exited; LEAVING (STOPPING=1) to stopping/main without a signal; WANT_UP leads from done
 *  and failed to waiting, WANT_DOWN from them to down; BOUND from wherever processes live to
 *  stopping/final-kill, BOUND_ASK and WATCHDOG (while it is up) to stopping/main.
 *
 *  What is true:
 *   - Every way out of a running service leads through `stopping`, and only an empty process
 *     tree leads on from there.  So nothing is ever started over a living grandchild.
 *   - Which of TREE_GONE, SUCCEEDED, DIED and HOPELESS an empty tree means is decided by
 *     service.c from the exit status and Restart= (policy.c); the table never sees a status.
 *   - A wish that finds no edge is not lost: service.c keeps the last one as `wanted` and
 *     repeats it on reaching down.
 */
#include "service/fsm.h"

#include "base/scope.h"

#include <stddef.h>
#ifdef COOP_MUTATION
#include <stdlib.h>
#endif

/* ---- the table ---- */

const struct svc_edge svc_edges[] = {
    /* clang-format off */
    {AT_DOWN,       EV_WANT_UP,     AT_WAITING,    DO_CHECK_DEPS,  "asked to start"},

    {AT_WAITING,    EV_DEPS_UP,     AT_START_MAIN, DO_SPAWN,       "dependencies are up"},
    {AT_WAITING,    EV_PREPARE,     AT_START_PRE,  DO_SPAWN,       "dependencies are up"},
    {AT_WAITING,    EV_DEPS_FAILED, AT_FAILED,     DO_NOTHING,     "dependency-failed"},
    {AT_WAITING,    EV_WANT_DOWN,   AT_DOWN,       DO_NOTHING,     "asked to stop before it started"},

    {AT_START_PRE,  EV_CMD_DONE,    AT_START_TREE, DO_CLEAN_TREE,  "a command before the start is done"},
    {AT_START_PRE,  EV_MAIN_GONE,   AT_STOP_TREE,  DO_CLEAN_TREE,  "a command before the start did not end well"},
    {AT_START_PRE,  EV_STOP_POST,   AT_STOP_POST,  DO_SPAWN_POST,  "could not be launched"},
    {AT_START_PRE,  EV_SUCCEEDED,   AT_DONE,       DO_NOTHING,     "nothing to start"},
    {AT_START_PRE,  EV_DIED,        AT_BACKOFF,    DO_ARM_BACKOFF, "could not be launched"},
    {AT_START_PRE,  EV_HOPELESS,    AT_FAILED,     DO_NOTHING,     "could not be launched"},
    {AT_START_PRE,  EV_TIMEOUT,     AT_STOP_MAIN,  DO_SIG_STOP,    "not ready in time"},
    {AT_START_PRE,  EV_WANT_DOWN,   AT_STOP_ORDER, DO_ORDER,       "asked to stop while starting"},
    {AT_START_PRE,  EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_START_PRE,  EV_BOUND_ASK,   AT_STOP_MAIN,  DO_SIG_BOUND,   "used up a bound"},

    {AT_START_MAIN, EV_READY,       AT_UP,         DO_SETTLE,      "started"},
    {AT_START_MAIN, EV_CMD_DONE,    AT_START_TREE, DO_CLEAN_TREE,  "a command is done"},
    {AT_START_MAIN, EV_REMAINS,     AT_UP_EXITED,  DO_SETTLE,      "finished, counts as up"},
    {AT_START_MAIN, EV_POST,        AT_START_POST, DO_STEP,        "started, commands follow"},
    {AT_START_MAIN, EV_STOP_POST,   AT_STOP_POST,  DO_SPAWN_POST,  "could not be launched"},
    {AT_START_MAIN, EV_MAIN_GONE,   AT_STOP_TREE,  DO_CLEAN_TREE,  "main process ended while starting"},
    {AT_START_MAIN, EV_SUCCEEDED,   AT_DONE,       DO_NOTHING,     "nothing to start"},
    {AT_START_MAIN, EV_DIED,        AT_BACKOFF,    DO_ARM_BACKOFF, "could not be launched"},
    {AT_START_MAIN, EV_HOPELESS,    AT_FAILED,     DO_NOTHING,     "could not be launched"},
    {AT_START_MAIN, EV_TIMEOUT,     AT_STOP_MAIN,  DO_SIG_STOP,    "not ready in time"},
    {AT_START_MAIN, EV_LEAVING,     AT_STOP_MAIN,  DO_ARM_STOP,    "said that it is stopping"},
    {AT_START_MAIN, EV_WANT_DOWN,   AT_STOP_ORDER, DO_ORDER,       "asked to stop while starting"},
    {AT_START_MAIN, EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_START_MAIN, EV_BOUND_ASK,   AT_STOP_MAIN,  DO_SIG_BOUND,   "used up a bound"},

    {AT_START_TREE, EV_NEXT,        AT_START_MAIN, DO_SPAWN,       "next command"},
    {AT_START_TREE, EV_NEXT_PRE,    AT_START_PRE,  DO_SPAWN,       "next command"},
    {AT_START_TREE, EV_TIMEOUT,     AT_STOP_KILL,  DO_KILL_TREE,   "a command left processes that do not end"},
    {AT_START_TREE, EV_WANT_DOWN,   AT_STOP_TREE,  DO_CLEAN_TREE,    "asked to stop while starting"},
    {AT_START_TREE, EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},

    {AT_START_POST, EV_STEP_NEXT,   AT_START_POST, DO_NEXT_STEP,   "next command"},
    {AT_START_POST, EV_READY,       AT_UP,         DO_SETTLE,      "started"},
    {AT_START_POST, EV_REMAINS,     AT_UP_EXITED,  DO_SETTLE,      "finished, counts as up"},
    {AT_START_POST, EV_MAIN_GONE,   AT_STOP_TREE,  DO_CLEAN_TREE,  "main process ended"},
    {AT_START_POST, EV_STEP_FAILED, AT_STOP_MAIN,  DO_SIG_STOP,    "a command after the start did not end well"},
    {AT_START_POST, EV_TIMEOUT,     AT_STOP_MAIN,  DO_SIG_STOP,    "not ready in time"},
    {AT_START_POST, EV_LEAVING,     AT_STOP_MAIN,  DO_ARM_STOP,    "said that it is stopping"},
    {AT_START_POST, EV_WANT_DOWN,   AT_STOP_ORDER, DO_ORDER,       "asked to stop while starting"},
    {AT_START_POST, EV_WATCHDOG,    AT_STOP_MAIN,  DO_SIG_WATCHDOG, "its watchdog ran out"},
    {AT_START_POST, EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_START_POST, EV_BOUND_ASK,   AT_STOP_MAIN,  DO_SIG_BOUND,   "used up a bound"},

    {AT_UP,         EV_RELOAD,      AT_RELOAD_STEP, DO_STEP,       "asked to reload"},
    {AT_UP,         EV_RELOAD_SIG,  AT_RELOAD_SIGNAL, DO_SIG_RELOAD, "asked to reload"},
    {AT_UP,         EV_STOP_STEP,   AT_STOP_STEP,  DO_STEP,        "main process ended"},
    {AT_UP,         EV_RELOADING,   AT_RELOADING,  DO_ARM_RELOAD,  "said that it is reloading"},
    {AT_UP,         EV_REMAINS,     AT_UP_EXITED,  DO_NOTHING,     "finished, counts as up"},
    {AT_UP,         EV_MAIN_GONE,   AT_STOP_TREE,  DO_CLEAN_TREE,  "main process ended"},
    {AT_UP,         EV_LEAVING,     AT_STOP_MAIN,  DO_ARM_STOP,    "said that it is stopping"},
    {AT_UP,         EV_WANT_DOWN,   AT_STOP_ORDER, DO_ORDER,       "asked to stop"},
    {AT_UP,         EV_WATCHDOG,    AT_STOP_MAIN,  DO_SIG_WATCHDOG, "its watchdog ran out"},
    {AT_UP,         EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_UP,         EV_BOUND_ASK,   AT_STOP_MAIN,  DO_SIG_BOUND,   "used up a bound"},

    {AT_UP_EXITED,  EV_WANT_DOWN,   AT_STOP_ORDER, DO_ORDER,       "asked to stop"},
    {AT_UP_EXITED,  EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_UP_EXITED,  EV_BOUND_ASK,   AT_STOP_MAIN,  DO_SIG_BOUND,   "used up a bound"},

    {AT_RELOADING,  EV_READY,       AT_UP,         DO_SETTLE,      "reloaded"},
    {AT_RELOADING,  EV_REMAINS,     AT_UP_EXITED,  DO_SETTLE,      "finished, counts as up"},
    {AT_RELOADING,  EV_MAIN_GONE,   AT_STOP_TREE,  DO_CLEAN_TREE,  "main process ended while reloading"},
    {AT_RELOADING,  EV_LEAVING,     AT_STOP_MAIN,  DO_ARM_STOP,    "said that it is stopping"},
    {AT_RELOADING,  EV_TIMEOUT,     AT_UP,         DO_SETTLE,      "did not confirm its reload in time"},
    {AT_RELOADING,  EV_WANT_DOWN,   AT_STOP_ORDER, DO_ORDER,       "asked to stop while reloading"},
    {AT_RELOADING,  EV_WATCHDOG,    AT_STOP_MAIN,  DO_SIG_WATCHDOG, "its watchdog ran out"},
    {AT_RELOADING,  EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_RELOADING,  EV_BOUND_ASK,   AT_STOP_MAIN,  DO_SIG_BOUND,   "used up a bound"},

    {AT_RELOADING,  EV_STOP_STEP,   AT_STOP_STEP,  DO_STEP,        "main process ended while reloading"},

    {AT_RELOAD_SIGNAL, EV_RELOADING, AT_RELOADING, DO_NOTHING,     "said that it is reloading"},
    {AT_RELOAD_SIGNAL, EV_TIMEOUT,  AT_UP,         DO_SETTLE,      "did not confirm its reload in time"},
    {AT_RELOAD_SIGNAL, EV_REMAINS,  AT_UP_EXITED,  DO_SETTLE,      "finished, counts as up"},
    {AT_RELOAD_SIGNAL, EV_MAIN_GONE, AT_STOP_TREE, DO_CLEAN_TREE,  "main process ended while reloading"},
    {AT_RELOAD_SIGNAL, EV_STOP_STEP, AT_STOP_STEP, DO_STEP,        "main process ended while reloading"},
    {AT_RELOAD_SIGNAL, EV_LEAVING,  AT_STOP_MAIN,  DO_ARM_STOP,    "said that it is stopping"},
    {AT_RELOAD_SIGNAL, EV_WANT_DOWN, AT_STOP_ORDER, DO_ORDER,      "asked to stop while reloading"},
    {AT_RELOAD_SIGNAL, EV_WATCHDOG,    AT_STOP_MAIN,  DO_SIG_WATCHDOG, "its watchdog ran out"},
    {AT_RELOAD_SIGNAL, EV_BOUND,    AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_RELOAD_SIGNAL, EV_BOUND_ASK, AT_STOP_MAIN, DO_SIG_BOUND,   "used up a bound"},

    {AT_RELOAD_STEP, EV_STEP_NEXT,  AT_RELOAD_STEP, DO_NEXT_STEP,  "next command"},
    {AT_RELOAD_STEP, EV_STEP_DONE,  AT_UP,         DO_SETTLE,      "reloaded"},
    {AT_RELOAD_STEP, EV_STEP_FAILED, AT_UP,        DO_SETTLE,      "did not reload"},
    {AT_RELOAD_STEP, EV_TIMEOUT,    AT_RELOAD_STEP, DO_KILL_STEP,  "a reload command did not end in time"},
    {AT_RELOAD_STEP, EV_REMAINS,    AT_UP_EXITED,  DO_KILL_STEP,   "finished, counts as up"},
    {AT_RELOAD_STEP, EV_MAIN_GONE,  AT_STOP_TREE,  DO_CLEAN_TREE,  "main process ended while reloading"},
    {AT_RELOAD_STEP, EV_STOP_STEP,  AT_STOP_STEP,  DO_STEP,        "main process ended while reloading"},
    {AT_RELOAD_STEP, EV_LEAVING,    AT_STOP_MAIN,  DO_ARM_STOP,    "said that it is stopping"},
    {AT_RELOAD_STEP, EV_WANT_DOWN,  AT_STOP_ORDER, DO_ORDER,       "asked to stop while reloading"},
    {AT_RELOAD_STEP, EV_WATCHDOG,    AT_STOP_MAIN,  DO_SIG_WATCHDOG, "its watchdog ran out"},
    {AT_RELOAD_STEP, EV_BOUND,      AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_RELOAD_STEP, EV_BOUND_ASK,  AT_STOP_MAIN,  DO_SIG_BOUND,   "used up a bound"},

    {AT_STOP_ORDER, EV_STOP_STEP,   AT_STOP_STEP,  DO_STEP,        "asked to stop"},
    {AT_STOP_ORDER, EV_ORDER_CLEAR, AT_STOP_MAIN,  DO_SIG_STOP,    "asked to stop"},
    {AT_STOP_ORDER, EV_MAIN_GONE,   AT_STOP_TREE,  DO_CLEAN_TREE,  "main process ended"},
    {AT_STOP_ORDER, EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},
    {AT_STOP_ORDER, EV_BOUND_ASK,   AT_STOP_MAIN,  DO_SIG_BOUND,   "used up a bound"},

    {AT_STOP_STEP,  EV_STEP_NEXT,   AT_STOP_STEP,  DO_NEXT_STEP,   "next command"},
    {AT_STOP_STEP,  EV_STEP_DONE,   AT_STOP_MAIN,  DO_SIG_STOP,    "the commands that stop it are done"},
    {AT_STOP_STEP,  EV_STEP_FAILED, AT_STOP_MAIN,  DO_SIG_STOP,    "a command that stops it did not end well"},
    {AT_STOP_STEP,  EV_TIMEOUT,     AT_STOP_MAIN,  DO_SIG_STOP,    "a command that stops it did not end in time"},
    {AT_STOP_STEP,  EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},

    {AT_STOP_MAIN,  EV_MAIN_GONE,   AT_STOP_TREE,  DO_CLEAN_TREE,  "main process ended"},
    {AT_STOP_MAIN,  EV_TIMEOUT,     AT_STOP_KILL,  DO_KILL_TREE,   "did not stop in time"},
    {AT_STOP_MAIN,  EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},

    {AT_STOP_TREE,  EV_STOP_POST,   AT_STOP_POST,  DO_SPAWN_POST,  "stopped, commands follow"},
    {AT_STOP_TREE,  EV_TREE_GONE,   AT_DOWN,       DO_NOTHING,     "stopped"},
    {AT_STOP_TREE,  EV_SUCCEEDED,   AT_DONE,       DO_NOTHING,     "finished"},
    {AT_STOP_TREE,  EV_DIED,        AT_BACKOFF,    DO_ARM_BACKOFF, "died"},
    {AT_STOP_TREE,  EV_HOPELESS,    AT_FAILED,     DO_NOTHING,     "gave up"},
    {AT_STOP_TREE,  EV_TIMEOUT,     AT_STOP_KILL,  DO_KILL_TREE,   "left processes that did not stop in time"},
    {AT_STOP_TREE,  EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},

    {AT_STOP_KILL,  EV_STOP_POST,   AT_STOP_POST,  DO_SPAWN_POST,  "killed, commands follow"},
    {AT_STOP_KILL,  EV_TREE_GONE,   AT_DOWN,       DO_NOTHING,     "killed"},
    {AT_STOP_KILL,  EV_SUCCEEDED,   AT_DONE,       DO_NOTHING,     "finished"},
    {AT_STOP_KILL,  EV_DIED,        AT_BACKOFF,    DO_ARM_BACKOFF, "died"},
    {AT_STOP_KILL,  EV_HOPELESS,    AT_FAILED,     DO_NOTHING,     "gave up"},
    {AT_STOP_KILL,  EV_TIMEOUT,     AT_STOP_STUCK, DO_NOTHING,     "has processes that SIGKILL does not end"},

    {AT_STOP_STUCK, EV_STOP_POST,   AT_STOP_POST,  DO_SPAWN_POST,  "killed at last, commands follow"},
    {AT_STOP_STUCK, EV_TREE_GONE,   AT_DOWN,       DO_NOTHING,     "killed at last"},
    {AT_STOP_STUCK, EV_SUCCEEDED,   AT_DONE,       DO_NOTHING,     "finished"},
    {AT_STOP_STUCK, EV_DIED,        AT_BACKOFF,    DO_ARM_BACKOFF, "died"},
    {AT_STOP_STUCK, EV_HOPELESS,    AT_FAILED,     DO_NOTHING,     "gave up"},

    {AT_STOP_POST,  EV_MAIN_GONE,   AT_STOP_TREE,  DO_CLEAN_TREE,  "a command after the end is done"},
    {AT_STOP_POST,  EV_TIMEOUT,     AT_STOP_KILL,  DO_KILL_TREE,   "a command after the end did not end in time"},
    {AT_STOP_POST,  EV_BOUND,       AT_STOP_KILL,  DO_KILL_TREE,   "used up a bound"},

    {AT_BACKOFF,    EV_TIMEOUT,     AT_WAITING,    DO_CHECK_DEPS,  "trying again"},
    {AT_BACKOFF,    EV_WANT_UP,     AT_WAITING,    DO_CHECK_DEPS,  "asked to start now"},
    {AT_BACKOFF,    EV_WANT_DOWN,   AT_DOWN,       DO_NOTHING,     "asked to stop"},

    {AT_DONE,       EV_WANT_UP,     AT_WAITING,    DO_CHECK_DEPS,  "asked to start again"},
    {AT_DONE,       EV_WANT_DOWN,   AT_DOWN,       DO_NOTHING,     "asked to stop"},

    {AT_FAILED,     EV_WANT_UP,     AT_WAITING,    DO_CHECK_DEPS,  "asked to start again"},
    {AT_FAILED,     EV_WANT_DOWN,   AT_DOWN,       DO_NOTHING,     "failure acknowledged"},
    /* clang-format on */
};

const unsigned svc_edge_count = COOP_COUNT(svc_edges);

#define ON(event) (1u << (event))

/* What a service may say at any time while a process of it lives, and what its neighbours may
 * say at any time at all. */
#define TALK  (ON(EV_READY) | ON(EV_RELOADING) | ON(EV_LEAVING))
#define NEWS  (ON(EV_DEPS_UP) | ON(EV_DEPS_FAILED) | ON(EV_ORDER_CLEAR))
#define WISH  (ON(EV_WANT_UP) | ON(EV_WANT_DOWN))
#define ENDED (ON(EV_MAIN_GONE))

/* Events that change nothing where they arrive.  What is in neither table cannot happen. */
static const unsigned harmless[SVC_PLACE_COUNT] = {
    [AT_DOWN] = NEWS | ON(EV_WANT_DOWN),
    [AT_WAITING] = ON(EV_WANT_UP) | ON(EV_ORDER_CLEAR),
    [AT_START_PRE] = NEWS | ON(EV_WANT_UP) | TALK,
    [AT_START_MAIN] = NEWS | ON(EV_WANT_UP) | ON(EV_RELOADING),
    [AT_START_TREE] = NEWS | ON(EV_WANT_UP) | TALK,
    [AT_START_POST] = NEWS | ON(EV_WANT_UP) | ON(EV_RELOADING),
    [AT_UP] = NEWS | ON(EV_WANT_UP) | ON(EV_READY),
    [AT_UP_EXITED] = NEWS | ON(EV_WANT_UP) | TALK,
    [AT_RELOADING] = NEWS | ON(EV_WANT_UP) | ON(EV_RELOADING),
    [AT_RELOAD_SIGNAL] = NEWS | ON(EV_WANT_UP) | ON(EV_READY),
    [AT_RELOAD_STEP] = NEWS | ON(EV_WANT_UP) | ON(EV_READY) | ON(EV_RELOADING),
    [AT_STOP_ORDER] = ON(EV_DEPS_UP) | ON(EV_DEPS_FAILED) | WISH | TALK,
    [AT_STOP_STEP] = NEWS | WISH | TALK | ENDED,
    [AT_STOP_MAIN] = NEWS | WISH | TALK,
    [AT_STOP_TREE] = NEWS | WISH | TALK,
    [AT_STOP_KILL] = NEWS | WISH | TALK | ENDED | ON(EV_BOUND),
    [AT_STOP_STUCK] = NEWS | WISH | TALK | ENDED | ON(EV_BOUND),
    [AT_STOP_POST] = NEWS | WISH | TALK,
    [AT_BACKOFF] = NEWS,
    [AT_DONE] = NEWS,
    [AT_FAILED] = NEWS,
};

/* ---- the words ---- */

enum svc_state svc_place_state(enum svc_place at)
{
    static const enum svc_state states[SVC_PLACE_COUNT] = {
#define X(id, state, sub) [id] = state,
        SVC_PLACES(X)
#undef X
    };

    return states[at];
}

const char *svc_place_sub(enum svc_place at)
{
    static const char *const subs[SVC_PLACE_COUNT] = {
#define X(id, state, sub) [id] = sub,
        SVC_PLACES(X)
#undef X
    };

    return subs[at];
}

const char *svc_place_word(enum svc_place at)
{
    static const char *const words[SVC_PLACE_COUNT] = {
#define X(id, state, sub) [id] = #id,
        SVC_PLACES(X)
#undef X
    };

    return words[at];
}

const char *svc_state_word(enum svc_state state)
{
    static const char *const words[SVC_STATE_COUNT] = {
#define X(id, word) [id] = word,
        SVC_STATES(X)
#undef X
    };

    return words[state];
}

const char *svc_event_word(enum svc_event event)
{
    static const char *const words[SVC_EVENT_COUNT] = {
#define X(id, word) [id] = word,
        SVC_EVENTS(X)
#undef X
    };

    return words[event];
}

/* ---- the public calls ---- */

bool svc_ignores(enum svc_place at, enum svc_event on)
{
    return harmless[at] >> on & 1u;
}

#ifdef COOP_MUTATION
/* Built into the mutation checks' copy only: the table without row COOP_SKIP_EDGE. */
static bool is_left_out(size_t row)
{
    const char *skip = getenv("COOP_SKIP_EDGE");

    return skip && (size_t)strtoul(skip, NULL, 10) == row;
}
#else
static bool is_left_out(size_t row)
{
    (void)row;
    return false;
}
#endif

const struct svc_edge *svc_step(enum svc_place at, enum svc_event on)
{
    for (size_t i = 0; i < COOP_COUNT(svc_edges); i++)
        if (svc_edges[i].from == at && svc_edges[i].on == on && !is_left_out(i))
            return &svc_edges[i];
    return NULL;
}
