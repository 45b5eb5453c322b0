/*
 * service.c - one service's life
 *
 * THE NOUNS
 *   place     where the service is: a state and its substate (fsm.h)
 *   wanted    what somebody asked for last; `place` follows it when it can
 *   life      from a launch until no process of it is left (holder.h); an ending sums it up
 *   waiter    a client that is told when its command has had its effect
 *
 * THE TENSION
 *   Commands, deaths, timers, readiness and the neighbours' news come in any order and at any
 *   time, from other threads.  Locks would make every pair of them a case of its own.  So they
 *   are messages to one handler, which runs for one message at a time and is the only writer of
 *   everything in struct svc.
 *
 * WHAT WE DID NOT DO
 *   A coroutine per service that waits for its next event: clear to read, but ten thousand
 *   parked stacks for ten thousand services that do nothing.
 *   Messages that carry a neighbour's state: they overtake each other, and a lost one is never
 *   made good.  A neighbour's message only says "look"; what is true stands on the board.
 *
 * THE ONE RACE
 *   At boot everybody is asked to start at once.  A service that looks at a dependency on the
 *   board may look before the dependency has read its own mail, and would take "down" for an
 *   answer.  So who posts a start or a stop first counts it in `coming` or `leaving`:
 *
 *     poster                         dependency                  the one who looks
 *       1. coming++                    1. publishes its state      1. coming == 0 ?
 *       2. posts                       2. coming--                 2. reads the board
 *                                      3. nudges its neighbours
 *   Either the looker sees coming > 0 and waits for the nudge, or it sees the new state.
 *
 * ALWAYS TRUE
 *   I1  While holder.empty is false nothing is launched.
 *   I2  Every move is on the board and on the bus before the next message is handled.
 *   I3  The timer belongs to the place: leaving the place stops it, unless the next place goes
 *       on under the same deadline (main to tree).
 *   I4  `wanted` is never lost: reaching down with wanted up leads straight to waiting.
 */
#include "service/svc.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/coro.h"
#include "journal.h"
#include "launcher/cgroup.h"

#define NO_EVENT SVC_EVENT_COUNT

/* Restarts in a row while a cooldown lasts: the start behind it is none, so it makes this 0. */
#define BEFORE_FIRST UINT_MAX

/* ---- publishing ---- */

static int64_t wall_now(void)
{
    struct timespec now = {0};

    sys_clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec;
}

void svc_publish(struct svc *svc)
{
    svc->view.held_by = (uint8_t)svc->holder.held_by;
    svc->view.main_pid = svc->holder.main_gone ? 0 : svc->holder.main_pid;
    svc->view.top_pid = svc->holder.empty ? 0 : svc->holder.top_pid;
    svc->view.cgroup_of = launch_cgroup_owner(svc->holder.cgroup);
    board_write(svc->world->board, svc->slot, &svc->view);
    svc_idle_count(svc);
    svc_note_state(svc);
}

void svc_set_deadline(struct svc *svc, coop_nsec deadline)
{
    svc->view.until = deadline == COOP_FOREVER ? 0 : deadline;
    if (deadline == COOP_FOREVER)
        coop_timer_stop(&svc->timer);
    else
        coop_timer_set(&svc->timer, deadline);
}

static void stop_timer(struct svc *svc)
{
    coop_timer_stop(&svc->timer);
    svc->view.until = 0;
}

/* I3 */
static bool keeps_timer(enum svc_place from, enum svc_place to)
{
    bool ends = to == AT_STOP_TREE && (from == AT_STOP_MAIN || from == AT_STOP_POST);

    return ends || from == to ||
           (svc_place_state(from) == ST_STARTING && svc_place_state(to) == ST_STARTING);
}

static void describe_move(struct svc *svc, const struct svc_edge *edge, const char *detail)
{
    if (detail && detail[0])
        str_format(svc->view.reason, sizeof svc->view.reason, "%s: %s", edge->why, detail);
    else
        str_copy(svc->view.reason, sizeof svc->view.reason, edge->why);
    svc->view.waiting_for[0] = '\0';
}

static bool is_up_place(enum svc_place at)
{
    return svc_place_state(at) == ST_UP || svc_place_state(at) == ST_RELOADING;
}

/* Essential=, StartLimitAction=exit: nothing follows any more, so coopd ends, too.  1 + its exit
 * code, or 0: it goes on. */
static unsigned ends_coopd(const struct svc *svc, const struct svc_edge *edge)
{
    bool ran = edge->from != AT_WAITING; /* dependency-failed: the ending is an older one */
    bool lost = edge->to == AT_DOWN && svc->lost && !svc->view.wanted_up;
    int status = ran ? policy_exit_status(&svc->ending) : EXIT_FAILURE;

    if (edge->to == AT_FAILED && status == EXIT_SUCCESS)
        status = EXIT_FAILURE; /* it exited with 0 before it was ready, or too often */
    if (lost)                  /* its own end was an orderly one, but nobody had asked for it */
        return svc->spec->essential ? 1U + EXIT_FAILURE : 0;
    if ((edge->to != AT_DONE && edge->to != AT_FAILED) ||
        (!svc->spec->essential && !svc->ends_all) ||
        (edge->to == AT_DONE &&
         (svc->ending.unborn || svc->ending.skipped))) /* there was nothing to start */
        return 0;
    return 1U + (unsigned)status;
}

void svc_tell_over(struct svc *svc)
{
    if (svc->over && svc->world->over)
        svc->world->over(svc->world, svc->view.name, (int)svc->over - 1);
}

void svc_lose(struct svc *svc)
{
    svc->lost = true;
    if (svc->view.place != AT_DOWN || !svc->spec->essential)
        return;
    svc->over = 1U + EXIT_FAILURE;
    svc_publish(svc);
    svc_tell_over(svc);
}

static void move(struct svc *svc, const struct svc_edge *edge, const char *detail)
{
    struct event event = {.kind = EVENT_STATE, .from = edge->from, .to = edge->to};
    struct svc_view *view = &svc->view;
    char text[320];

    if (!keeps_timer(edge->from, edge->to))
        stop_timer(svc);
    if (edge->from == AT_WAITING)
        svc->idle_until = 0;
    if (edge->to != AT_WAITING)
        atomic_store(&svc->held, false);
    svc_remove_directories(svc, edge->to); /* before anybody reads that it is down */
    svc_stored_follow(svc, edge->to);
    if (svc_place_state(edge->from) != svc_place_state(edge->to)) {
        view->since = coop_now();
        view->since_wall = wall_now();
    }
    if (is_up_place(edge->to) && !is_up_place(edge->from))
        view->up_since = svc->up_at = view->since;
    else if (!is_up_place(edge->to))
        view->up_since = 0;
    view->place = edge->to;
    svc_watchdog_follow(svc, edge->from);
    svc_sockets_follow(svc);
    svc->over = ends_coopd(svc, edge);
    describe_move(svc, edge, detail);
    svc_publish(svc);
    str_copy(event.service, sizeof event.service, view->name);
    str_copy(event.why, sizeof event.why, view->reason);
    bus_publish(svc->world->bus, &event);
    event_text(&event, text, sizeof text);
    log_info("service", "%s", text);
    svc->stir = true;
    if (edge->from == AT_WAITING && edge->to == AT_FAILED) /* a start, too, though none of it */
        window_note(&svc->window, coop_now(), (unsigned)svc->spec->limit_burst);
    svc_tell_over(svc);
    svc_tell_end(svc, edge->to);
    if (edge->to == AT_BACKOFF || (edge->to == AT_FAILED && svc->gave_up))
        svc_tell_group(svc);
}

bool svc_is_running(const struct svc *svc)
{
    enum svc_state state = svc_place_state(svc->view.place);

    return state == ST_STARTING || is_up_place(svc->view.place);
}

/* ---- what an empty tree means ---- */

/* It tries again: when? */
static void set_pace(struct svc *svc)
{
    const struct svc_spec *spec = svc->spec;

    if (svc->up_at &&
        coop_after(svc->up_at, backoff_steady_after(&spec->pace, spec->limit_interval)) <=
            coop_now())
        svc->in_a_row = 0;
    svc->delay = backoff_delay(&spec->pace, svc->in_a_row, sys_random());
}

/* EV_DIED, or what StartLimitAction= makes of one start too many. */
static enum svc_event start_again(struct svc *svc, char *detail, size_t size)
{
    const struct svc_spec *spec = svc->spec;
    char text[SVC_DETAIL_MAX];

    set_pace(svc);
    svc->gave_up = false;
    if (window_allows(&svc->window, coop_after(coop_now(), svc->delay), spec->limit_interval,
                      (unsigned)spec->limit_burst))
        return EV_DIED;
    str_copy(text, sizeof text, detail);
    str_format(detail, size, "start-limit-hit, %s", text);
    svc->ends_all = spec->limit_action == LIMIT_EXIT;
    svc->gave_up = spec->limit_action != LIMIT_COOLDOWN;
    if (svc->gave_up)
        return EV_HOPELESS;
    svc->delay = spec->limit_cooldown;
    svc->in_a_row = BEFORE_FIRST;
    window_clear(&svc->window);
    return EV_DIED;
}

/* "cpu-time", "timeout": what of ours led to the end, "" for nothing. */
static const char *why_ended(const struct svc *svc)
{
    const struct ending *ending = &svc->ending;

    if (ending->broken != LAUNCH_RESULT_EXIT)
        return launch_result_name(ending->broken);
    if (policy_class(svc->spec, ending) == ENDING_BOUND)
        return launch_result_name(LAUNCH_RESULT_MEMORY);
    if (ending->watchdog)
        return "watchdog";
    if (ending->never_ready && svc->spec->type == TYPE_FORKING)
        return "left no main process";
    return ending->timed_out ? "timeout" : "";
}

/* The event that follows when no process is left, and its detail. */
enum svc_event svc_verdict(struct svc *svc, char *detail, size_t size)
{
    enum svc_event event;
    char text[120];

    if (svc->stop_asked) {
        if (!svc->view.wanted_up && svc->stopped_by)
            svc_group_text(svc->stopped_by, "has failed", detail, size);
        return EV_TREE_GONE;
    }
    event = policy_verdict(svc->spec, &svc->ending);
    if (svc->ending.step_failed || (svc->ending.unborn && svc->kind == EXEC_STOP_POST)) {
        str_format(detail, size, "%s%s", svc->ending.timed_out ? "timeout, " : "",
                   svc->view.step);
    } else if (!svc->ending.unborn) {
        policy_ending_text(&svc->ending, text, sizeof text);
        str_format(detail, size, "%s%s%s", why_ended(svc), why_ended(svc)[0] ? ", " : "", text);
    }
    return event == EV_DIED ? start_again(svc, detail, size) : event;
}

bool svc_is_empty(const struct svc *svc)
{
    return svc->holder.empty && svc->step.holder.empty;
}

/* ExecStopPost= comes when nothing is left, and before it is said what that means. */
static bool cleans_up(struct svc *svc)
{
    size_t count = svc->hurried ? 0 : svc->spec->execs[EXEC_STOP_POST].count;

    if (svc->kind != EXEC_STOP_POST) {
        svc->command = 0;
        svc->kind = count > 0 ? EXEC_STOP_POST : svc->kind;
        return count > 0;
    }
    return ++svc->command < count;
}

enum svc_event svc_after_empty(struct svc *svc, char *detail, size_t size)
{
    enum svc_event event;

    svc_remove_pid_file(svc);
    if (svc->view.place == AT_START_TREE) {
        svc_next_command(svc);
        event = svc->kind == EXEC_START ? EV_NEXT : EV_NEXT_PRE;
    } else {
        event = cleans_up(svc) ? EV_STOP_POST : svc_verdict(svc, detail, size);
    }
    svc_life_over(svc);
    return event;
}

/* ---- the actions ---- */

static coop_nsec in(coop_nsec delay)
{
    return coop_after(coop_now(), delay);
}

static enum svc_event check_dependencies(struct svc *svc, char *detail, size_t size)
{
    enum svc_event event;

    svc_first_command(svc);
    svc_pull_dependencies(svc);
    event = svc_check_dependencies(svc);
    if (event == EV_DEPS_FAILED)
        str_copy(detail, size, svc->view.waiting_for);
    return event;
}

/* It answers with RELOADING=1, and later READY=1. */
static void signal_reload(struct svc *svc)
{
    struct spawn *spawn = svc->world->spawn;

    svc->reload_asked = coop_now();
    svc_set_deadline(svc, in(svc->spec->start_timeout));
    spawn->ops->signal_main(spawn, &svc->holder, svc->spec->reload_signal);
}

enum svc_event svc_perform(struct svc *svc, enum svc_act act, char *detail, size_t size)
{
    const struct svc_spec *spec = svc->spec;

    switch (act) {
    case DO_NOTHING: return NO_EVENT;
    case DO_CHECK_DEPS: return check_dependencies(svc, detail, size);
    case DO_SPAWN:
    case DO_SPAWN_POST: return svc_launch(svc, detail, size);
    case DO_STEP: return svc_step_first(svc, detail, size);
    case DO_NEXT_STEP: return svc_step_next(svc, detail, size);
    case DO_KILL_STEP: svc_step_kill(svc); return NO_EVENT;
    case DO_SIG_RELOAD: signal_reload(svc); return NO_EVENT;
    case DO_ARM_RELOAD: svc_set_deadline(svc, in(svc->spec->start_timeout)); return NO_EVENT;
    case DO_SETTLE: return NO_EVENT;
    case DO_ORDER: svc->stop_asked = true; return svc_check_order(svc);
    case DO_SIG_STOP: return svc_signal_stop(svc, spec->kill_signal, spec->stop_timeout);
    case DO_SIG_WATCHDOG:
        return svc_signal_stop(svc, spec->watchdog_signal, spec->stop_timeout);
    case DO_SIG_BOUND:
        return svc_signal_stop(svc, spec->kill_signal, spec->launch.bounds.stop_grace);
    case DO_ARM_STOP: svc_set_deadline(svc, in(svc->spec->stop_timeout)); return NO_EVENT;
    case DO_CLEAN_TREE: return svc_clean_tree(svc, detail, size);
    case DO_KILL_TREE: svc_kill_tree(svc); return NO_EVENT;
    case DO_ARM_BACKOFF: svc_set_deadline(svc, in(svc->delay)); return NO_EVENT;
    }
    return NO_EVENT;
}

/* ---- one event ---- */

static void complain(const struct svc *svc, enum svc_event on)
{
    if (!svc_ignores(svc->view.place, on))
        log_error("service", "%s: event %s cannot happen at %s: a fault in coopd",
                  svc->view.name, svc_event_word(on), svc_place_word(svc->view.place));
}

/* What it says of its commands decides which step an event is. */
static enum svc_event refine(const struct svc *svc, enum svc_event on)
{
    const struct exec_list *execs = svc->spec->execs;
    enum svc_place at = svc->view.place;
    bool was_up = svc->up_at != 0 && execs[EXEC_STOP].count > 0 && !svc->hurried;

    if (on == EV_DEPS_UP && at == AT_WAITING && svc->kind != EXEC_START)
        return EV_PREPARE;
    if ((on == EV_READY || on == EV_REMAINS) && at == AT_START_MAIN &&
        execs[EXEC_START_POST].count > 0)
        return EV_POST;
    if (on == EV_ORDER_CLEAR && at == AT_STOP_ORDER && was_up)
        return EV_STOP_STEP;
    if (on == EV_MAIN_GONE && (is_up_place(at) || at == AT_STOP_ORDER) && was_up)
        return EV_STOP_STEP;
    return on;
}

/* Those who have asked for a reload hear of its end, also when it went on to something else. */
static void tell_reload(struct svc *svc, const struct svc_edge *edge)
{
    if (svc_place_state(edge->from) != ST_RELOADING ||
        svc_place_state(edge->to) == ST_RELOADING)
        return;
    if (edge->to == AT_UP && (edge->on == EV_READY || edge->on == EV_STEP_DONE))
        svc_reload_over(svc, NULL);
    else
        svc_reload_over(svc, svc->view.reason);
}

void svc_feed(struct svc *svc, enum svc_event on, const char *detail)
{
    char text[SVC_DETAIL_MAX];

    str_copy(text, sizeof text, detail ? detail : "");
    while (on != NO_EVENT) {
        const struct svc_edge *edge;

        on = refine(svc, on);
        edge = svc_step(svc->view.place, on);
        if (!edge) {
            complain(svc, on);
            return;
        }
        if (on == EV_STEP_FAILED && edge->from == AT_START_POST)
            svc->ending.step_failed = true;
        if (on == EV_TIMEOUT && svc_place_state(edge->to) == ST_STOPPING &&
            svc->kind != EXEC_STOP_POST)
            svc->ending.timed_out = true; /* a late reload or a backoff is no such end */
        if (on == EV_TIMEOUT && edge->from == AT_BACKOFF) {
            svc->view.restarts++;
            svc->in_a_row++;
        }
        move(svc, edge, text);
        tell_reload(svc, edge);
        text[0] = '\0';
        on = svc_perform(svc, edge->act, text, sizeof text);
        svc_publish(svc);
        svc_settle(svc);
        if (on == NO_EVENT && svc->view.place == AT_DOWN && svc->view.wanted_up) { /* I4 */
            svc->again = false;
            svc_take_next_spec(svc);
            on = EV_WANT_UP;
        }
    }
}

/* ---- neighbours and configuration ---- */

static void on_nudge(struct svc *svc)
{
    enum svc_event event = NO_EVENT;
    char detail[SVC_DETAIL_MAX] = "";

    if (svc->relinked && svc->view.place == AT_WAITING)
        svc_pull_dependencies(svc);
    svc->relinked = false;
    if (svc->view.place == AT_WAITING)
        event = svc_check_dependencies(svc);
    else if (svc->view.place == AT_STOP_ORDER)
        event = svc_check_order(svc);
    if (event == EV_DEPS_FAILED)
        str_copy(detail, sizeof detail, svc->view.waiting_for);
    if (event != NO_EVENT)
        svc_feed(svc, event, detail);
    else
        svc_publish(svc); /* waiting_for may have changed */
}

static void on_change(struct svc *svc, struct change_msg *change)
{
    if (change->links) {
        svc_links_free(svc->links);
        svc->links = change->links;
        svc->relinked = svc->view.place == AT_WAITING;
    }
    if (change->spec) {
        svc_spec_unref(svc->next);
        svc->next = change->spec;
        if (svc_is_empty(svc) || !svc_spec_needs_restart(svc->spec, svc->next))
            svc_take_next_spec(svc);
        else if (svc_is_running(svc) && svc->view.wanted_up)
            svc_on_command(svc, &(struct svc_command){.kind = CMD_RESTART});
    }
    free(change);
}

static void let_go(struct svc *svc)
{
    /* Once: the next one of this name may have lines of its own by the time this one is freed. */
    if (svc->world->journal && !atomic_load(&svc->world->closing) && !svc->crossed_out &&
        svc->holder.held_by == HELD_BY_NOTHING) {
        journal_gone(svc->world->journal, svc->view.name);
        svc->crossed_out = true;
    }
    coop_timer_stop(&svc->timer);
    coop_timer_stop(&svc->watchdog);
    svc_idle_leave(svc);
    svc_keep_end(svc);
    svc_pid_file_forget(svc);
    svc_sockets_close(svc);
    svc_stored_close(svc);
    notify_close(&svc->notify);
    output_close(svc->output);
    svc->output = NULL;
    svc_links_free(svc->links);
    svc->links = NULL;
    svc_drop_waiters(svc);
}

static void discard(struct svc *svc)
{
    let_go(svc);
    if (svc->discarded)
        coop_wg_done(svc->discarded);
}

static void free_svc(struct svc *svc)
{
    struct svc_world *world = svc->world;

    let_go(svc);
    if (svc->holder.held_by != HELD_BY_NOTHING) { /* stuck: its line stays in the journal */
        coop_child_forget(&svc->holder.child);
        world->spawn->ops->clear(world->spawn, svc->spec, &svc->holder);
    }
    if (svc->step.holder.held_by != HELD_BY_NOTHING) {
        coop_child_forget(&svc->step.holder.child);
        world->spawn->ops->clear(world->spawn, svc->spec, &svc->step.holder);
    }
    coop_timer_done(&svc->timer);
    coop_timer_done(&svc->watchdog);
    svc_keep_done(svc);
    svc_sockets_free(svc);
    svc_stored_free(svc);
    coop_actor_done(&svc->actor);
    free(svc->stopped_by);
    free(svc->keep); /* MSG_OVER may have been in the mailbox until now */
    board_give(world->board, svc->slot);
    window_done(&svc->window);
    svc_spec_unref(svc->spec);
    svc_spec_unref(svc->next);
    free(svc);
    coop_wg_done(&world->alive);
}

static void on_timer(struct svc *svc)
{
    if (svc->view.place == AT_WAITING) /* Type=idle has waited long enough */
        on_nudge(svc);
    else
        svc_feed(svc, EV_TIMEOUT, NULL);
}

/* ---- the mailbox ---- */

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    struct svc *svc = actor->arg;

    if (svc_is_quiet(svc, msg))
        return;
    switch ((enum svc_msg_kind)msg->kind) {
    case MSG_COMMAND: {
        struct command_msg *mail = (struct command_msg *)(void *)msg;
        enum svc_command_kind kind = mail->command.kind;

        svc_on_command(svc, &mail->command);
        coop_chan_unref(mail->command.reply);
        free(mail);
        atomic_store(&svc->heard, true);
        if (kind == CMD_START || kind == CMD_RESTART)
            atomic_fetch_sub(&svc->coming, 1);
        if (kind == CMD_STOP || kind == CMD_RESTART)
            atomic_fetch_sub(&svc->leaving, 1);
        svc_idle_command(svc->world, false);
        svc->stir = true;
        break;
    }
    case MSG_RESTORE: {
        struct restore_msg *mail = (struct restore_msg *)(void *)msg;

        svc_on_restore(svc, &mail->was, mail->record);
        json_decref(mail->record);
        free(mail);
        atomic_fetch_sub(&svc->coming, 1);
        atomic_fetch_sub(&svc->leaving, 1);
        svc->stir = true;
        break;
    }
    case MSG_QUIET: return; /* handled above */
    case MSG_CHANGE: on_change(svc, (struct change_msg *)(void *)msg); break;
    case MSG_TIMER: on_timer(svc); break;
    case MSG_NUDGE: on_nudge(svc); break;
    case MSG_PULL:
        atomic_store(&svc->pulled, false);
        svc_on_pull(svc);
        atomic_fetch_sub(&svc->coming, 1);
        svc->stir = true;
        break;
    case MSG_PUSH_STOP:
    case MSG_PUSH_RESTART:
    case MSG_PUSH_OUT:
    case MSG_PUSH_END:
        atomic_store(&svc->push[msg->kind - MSG_PUSH_STOP].on_its_way, false);
        svc_on_push(svc, (enum svc_msg_kind)msg->kind);
        atomic_fetch_sub(&svc->leaving, 1);
        svc->stir = true;
        break;
    case MSG_TOP:
    case MSG_MAIN:
    case MSG_WATCH: svc_on_news(svc, msg); break;
    case MSG_STEP_TOP:
    case MSG_STEP_WATCH: svc_on_step_news(svc, msg); break;
    case MSG_BOUND: svc_keep_look(svc); break;
    case MSG_PID_FILE: svc_on_pid_file(svc); break;
    case MSG_OVER: svc_keep_over(svc); break;
    case MSG_NOTIFY: svc_on_notify(svc); break;
    case MSG_WATCHDOG: svc_on_watchdog(svc); break;
    case MSG_LISTEN: svc_on_listen(svc); break;
    case MSG_SOCKET: svc_on_socket(svc); break;
    case MSG_SOCKET_PAUSE: svc_on_socket_pause(svc); break;
    case MSG_HURRY:
        svc->hurried = true;
        if (!svc_is_empty(svc))
            svc_kill_tree(svc);
        break;
    case MSG_DISCARD: discard(svc); break;
    case MSG_FREE: free_svc(svc); return;
    }
    svc_take_next_spec(svc);
    if (svc->stir)
        svc_stir(svc);
}

/* ---- the public calls ---- */

static void init_messages(struct svc *svc)
{
    coop_msg_init(&svc->nudge, MSG_NUDGE);
    coop_msg_init(&svc->pull, MSG_PULL);
    for (int i = 0; i < (int)COOP_COUNT(svc->push); i++)
        coop_msg_init(&svc->push[i].msg, MSG_PUSH_STOP + i);
    coop_msg_init(&svc->hurry, MSG_HURRY);
    coop_msg_init(&svc->discard, MSG_DISCARD);
    coop_msg_init(&svc->listen, MSG_LISTEN);
    coop_msg_init(&svc->free_me, MSG_FREE);
    coop_timer_init(&svc->timer, &svc->actor, MSG_TIMER);
    coop_timer_init(&svc->watchdog, &svc->actor, MSG_WATCHDOG);
}

struct svc *svc_new(struct svc_world *world, struct svc_spec *spec)
{
    struct svc *svc = calloc(1, sizeof *svc);

    if (!svc)
        return NULL;
    if (board_take(world->board, &svc->slot) < 0) {
        free(svc);
        return NULL;
    }
    atomic_init(&svc->refs, 1);
    svc->world = world;
    svc->spec = svc_spec_ref(spec);
    holder_init(&svc->holder);
    holder_init(&svc->step.holder);
    notify_init(&svc->notify);
    svc->pid_file.fd = -1;
    coop_actor_init(&svc->actor, svc->view.name, handle, svc);
    init_messages(svc);
    str_copy(svc->view.name, sizeof svc->view.name, spec->name);
    svc->view.since = coop_now();
    svc->view.since_wall = wall_now();
    str_copy(svc->view.reason, sizeof svc->view.reason, "never asked to start");
    svc_publish(svc);
    coop_wg_add(&world->alive, 1);
    return svc;
}

struct svc *svc_ref(struct svc *svc)
{
    atomic_fetch_add_explicit(&svc->refs, 1, memory_order_relaxed);
    return svc;
}

/* The last reference posts the last message: what is in the mailbox before it is handled, and
 * nobody is left who could post after it. */
void svc_unref(struct svc *svc)
{
    if (svc && atomic_fetch_sub_explicit(&svc->refs, 1, memory_order_acq_rel) == 1)
        coop_post(&svc->actor, &svc->free_me);
}

const char *svc_name(const struct svc *svc)
{
    return svc->view.name;
}

unsigned svc_slot(const struct svc *svc)
{
    return svc->slot;
}

int svc_change(struct svc *svc, struct svc_spec *spec, struct svc_links *links)
{
    struct change_msg *mail = calloc(1, sizeof *mail);

    if (!mail)
        return -ENOMEM;
    coop_msg_init(&mail->msg, MSG_CHANGE);
    mail->spec = spec;
    mail->links = links;
    coop_post(&svc->actor, &mail->msg);
    return 0;
}

void svc_look_again(struct svc *svc)
{
    coop_post(&svc->actor, &svc->nudge);
}

bool svc_is_over(struct svc *svc)
{
    struct svc_view view;

    return atomic_load(&svc->heard) && atomic_load(&svc->coming) == 0 &&
           board_read(svc->world->board, svc->slot, &view) && view.place == AT_DOWN &&
           !view.wanted_up;
}

void svc_hurry(struct svc *svc)
{
    coop_post(&svc->actor, &svc->hurry);
}

void svc_discard(struct svc *svc, struct coop_wg *done)
{
    svc->discarded = done;
    coop_post(&svc->actor, &svc->discard);
}
