/*
 * restore.c - a service's state into the journal, and out of it again under the next coopd
 *
 * WHAT IS WRITTEN.  Whatever leads on from here: the place, the wish, what is known of the life.
 * It is written before anybody is told of it (svc_publish), so that no client hears of a stop that
 * a killed coopd's successor knows nothing of.  The times go along, but are no reason to write.
 *
 * WHAT IS NOT.  Who waits, what is pending in mailboxes, and places in which nothing has happened
 * yet that cannot happen again: a launch that has not begun is begun anew.
 *
 * HOW IT GOES ON.  A life is held again (spawn_ops.adopt) at the place where it was.  What has
 * ended meanwhile is told as its end is always told, by a message.
 */
#include "service/svc.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/coro.h"
#include "handover.h"
#include "journal.h"

/* ---- writing ---- */

static struct saved_state state_of(const struct svc *svc)
{
    const struct svc_view *view = &svc->view;
    struct saved_state state = {.place = view->place,
                                .wanted_up = view->wanted_up,
                                .stop_asked = svc->stop_asked,
                                .again = svc->again,
                                .was_ready = svc->was_ready,
                                .main_told = svc->main_told,
                                .watchdog_every = svc->watchdog_every,
                                .kind = svc->kind,
                                .command = svc->command,
                                .restarts = view->restarts,
                                .in_a_row = svc->in_a_row,
                                .revive = atomic_load(&svc->revive),
                                .over = svc->over,
                                .ending = svc->ending,
                                .since = view->since,
                                .since_wall = view->since_wall,
                                .up_since = view->up_since,
                                .up_at = svc->up_at,
                                .until = view->until};

    if (state.place != AT_START_MAIN && state.place != AT_START_PRE)
        return state;
    state.until = 0; /* it follows from when the life began */
    /* Between two commands the first one counts until the second one runs. */
    if (svc->holder.empty && svc->noted.place == AT_START_TREE) {
        state.place = AT_START_TREE;
        state.kind = svc->noted.kind;
        state.command = svc->noted.command;
        state.main_told = true;
        state.ending = svc->noted.ending;
    } else if (svc->holder.empty) {
        state.place = AT_WAITING;
    }
    return state;
}

static bool same_ending(const struct ending *a, const struct ending *b)
{
    return a->kind == b->kind && a->value == b->value && a->core == b->core &&
           a->unborn == b->unborn && a->timed_out == b->timed_out &&
           a->never_ready == b->never_ready && a->broken == b->broken &&
           a->out_of_memory == b->out_of_memory && a->out_of_tasks == b->out_of_tasks &&
           a->out_of_disk == b->out_of_disk && a->step_failed == b->step_failed &&
           a->skipped == b->skipped && a->watchdog == b->watchdog;
}

static bool same_state(const struct saved_state *a, const struct saved_state *b)
{
    return a->place == b->place && a->wanted_up == b->wanted_up &&
           a->stop_asked == b->stop_asked && a->again == b->again &&
           a->was_ready == b->was_ready && a->main_told == b->main_told && a->kind == b->kind &&
           a->command == b->command && a->restarts == b->restarts &&
           a->in_a_row == b->in_a_row && a->revive == b->revive && a->over == b->over &&
           a->watchdog_every == b->watchdog_every && same_ending(&a->ending, &b->ending);
}

void svc_note_state(struct svc *svc)
{
    struct saved_state state;
    struct saved_starts starts;

    if (!svc->world->journal)
        return;
    /* When coopd ends nothing is wanted any more; what runs is all that counts. */
    if (atomic_load(&svc->world->closing) &&
        (svc->holder.empty || svc->view.place == AT_STOP_ORDER))
        return;
    state = state_of(svc);
    if (same_state(&state, &svc->noted) && state.until == svc->noted.until)
        return;
    svc->noted = state;
    starts.count = window_last(&svc->window, starts.at, SAVED_STARTS_MAX);
    journal_at(svc->world->journal, svc->view.name, &state, &starts);
}

/* ---- reading ---- */

void svc_take_state(struct svc *svc, const struct survivor *was)
{
    const struct saved_state *state = &was->state;
    struct svc_view *view = &svc->view;

    view->place = state->place;
    view->wanted_up = state->wanted_up;
    view->restarts = state->restarts;
    view->since = state->since ? state->since : view->since;
    view->since_wall = state->since_wall ? state->since_wall : view->since_wall;
    view->up_since = state->up_since;
    view->exit_kind = (uint8_t)state->ending.kind;
    view->exit_value = state->ending.value;
    view->core = state->ending.core;
    svc->in_a_row = state->in_a_row;
    for (unsigned i = 0; i < was->starts.count; i++)
        window_note(&svc->window, was->starts.at[i], (unsigned)svc->spec->limit_burst);
    svc->up_at = state->up_at;
    svc->watchdog_every = state->watchdog_every;
    if (svc->spec->essential || svc->spec->limit_action == LIMIT_EXIT)
        svc->over = state->over;
    atomic_store(&svc->revive, state->revive);
    svc->stop_asked = state->stop_asked;
    svc->again = state->again;
    svc->was_ready = state->was_ready;
    svc->main_told = state->main_told;
    svc->ending = state->ending;
    svc->directories =
        view->place != AT_DOWN && view->place != AT_DONE && view->place != AT_FAILED;
    svc->noted = *state;
    svc->kind = svc->spec->execs[state->kind].count > 0 ? state->kind : EXEC_START;
    svc->command = state->command;
    if (svc->command >= svc->spec->execs[svc->kind].count)
        svc->command = (unsigned)svc->spec->execs[svc->kind].count - 1;
    if (svc->ending.kind != EXIT_NONE || svc->ending.unborn)
        svc_keep_judge(svc); /* the word for it */
    str_copy(view->reason, sizeof view->reason,
             was->has_life ? "found running after the end of an earlier coopd"
                           : "as an earlier coopd left it");
}

/* ---- without a life ---- */

/* Main's end was told, and what follows it is due; 'at' is where that was. */
static bool has_ended(const struct svc *svc, const struct survivor *was, enum svc_place at)
{
    bool has_other_commands =
        svc->kind != was->state.kind || svc->command != was->state.command;

    if (at == AT_START_TREE && has_other_commands)
        return false; /* from the first one */
    return svc->main_told && at != AT_START_MAIN && at != AT_UP && at != AT_STOP_ORDER;
}

/* It was on its way, and nothing of it runs: what happens now? */
static enum svc_event next_without_life(struct svc *svc, const struct survivor *was,
                                        char *detail, size_t size)
{
    enum svc_place at = svc->view.place;

    switch (svc_place_state(at)) {
    case ST_DONE:
    case ST_FAILED: return SVC_EVENT_COUNT;
    case ST_BACKOFF:
        svc_set_deadline(svc, was->state.until ? was->state.until
                                               : coop_after(coop_now(), svc->spec->pace.delay));
        svc_tell_group(svc); /* it may never have had an answer */
        return SVC_EVENT_COUNT;
    case ST_STOPPING:
    case ST_STARTING:
    case ST_UP:
        if (at == AT_UP_EXITED)
            return SVC_EVENT_COUNT;
        if (at == AT_STOP_STEP)
            return svc_perform(svc, DO_STEP, detail, size);
        if (at == AT_STOP_POST || at == AT_STOP_MAIN)
            svc->view.place = AT_STOP_TREE;
        if (at == AT_STOP_POST && svc->kind == EXEC_STOP_POST) /* its launch had not begun */
            return EV_STOP_POST;
        if (has_ended(svc, was, at))
            return svc_after_empty(svc, detail, size);
        break;
    case ST_DOWN:
    case ST_WAITING:
    case ST_RELOADING:
    case SVC_STATE_COUNT: break;
    }
    svc->view.place = AT_DOWN; /* the launch had not begun */
    svc->view.up_since = 0;
    return svc->view.wanted_up ? EV_WANT_UP : SVC_EVENT_COUNT;
}

/* ---- with a life ---- */

static uid_t uid_of(const struct svc_spec *spec)
{
    return spec->launch.uid == LAUNCH_NO_ID ? geteuid() : spec->launch.uid;
}

static bool prints_to_us(const struct svc_spec *spec)
{
    return spec->out.kind == OUTPUT_LOG || spec->err.kind == OUTPUT_LOG ||
           (spec->err.kind == OUTPUT_SAME && spec->out.kind == OUTPUT_LOG);
}

/* What it prints, and what it says: both go on from where they were. */
static void listen_again(struct svc *svc, const struct saved_life *life)
{
    const struct svc_world *world = svc->world;
    struct coop_err err = {0};
    int r = 0;

    if (world->run_dir && prints_to_us(svc->spec))
        r = output_open(&svc->output, world->run_dir, world->log_dir, svc->view.name,
                        uid_of(svc->spec), &err);
    if (r == 0 && life->notify[0])
        r = notify_open_again(&svc->notify, life->notify, &svc->actor, MSG_NOTIFY, &err);
    else if (r == 0 && world->run_dir && svc->spec->notify_access != NOTIFY_NONE)
        r = notify_open(&svc->notify, world->run_dir, svc->view.name,
                        svc->spec->launch.private_network, &svc->actor, MSG_NOTIFY, &err);
    if (r == 0)
        r = svc_keep_open(svc, &err);
    if (r < 0) {
        coop_while(&err, "%s: is adopted, but", svc->view.name);
        log_err(LOG_LEVEL_WARN, "service", &err);
    }
}

static int hold_again(struct svc *svc, const struct saved_life *life)
{
    struct spawn *spawn = svc->world->spawn;
    const struct adoption what = {.spec = svc->spec,
                                  .life = life,
                                  .main_told = svc->main_told,
                                  .actor = &svc->actor,
                                  .kind_top = MSG_TOP,
                                  .kind_watch = MSG_WATCH,
                                  .kind_main = MSG_MAIN};
    struct coop_err err = {0};

    if (spawn->ops->adopt(spawn, &what, &svc->holder, &err) == 0)
        return 0;
    coop_while(&err, "%s: cannot be adopted", svc->view.name);
    log_err(LOG_LEVEL_ERROR, "service", &err);
    return -1;
}

static void tell_adopted(struct svc *svc, const struct saved_life *life)
{
    struct event event = {.kind = EVENT_ADOPTED, .pid = svc->holder.main_pid};

    str_copy(event.service, sizeof event.service, svc->view.name);
    bus_publish(svc->world->bus, &event);
    if (life->pidfd >= 0)
        log_info("service", "%s: process %d of an earlier coopd is adopted, %s", svc->view.name,
                 svc->holder.main_pid, svc_state_word(svc_place_state(svc->view.place)));
    else
        log_info("service", "%s: process %d ended while there was no coopd", svc->view.name,
                 svc->holder.main_pid);
}

/* Places in which processes live.  What was under way there is done once more where it cannot be
 * told whether it was done. */
static enum svc_event go_on(struct svc *svc, const struct survivor *was, char *detail,
                            size_t size)
{
    enum svc_event event = SVC_EVENT_COUNT;

    if (was->state.until)
        svc_set_deadline(svc, was->state.until);
    switch (svc->view.place) {
    case AT_START_PRE:
    case AT_START_MAIN:
        svc_set_deadline(svc, coop_after(was->life.began, svc->spec->start_timeout));
        if (svc->kind != EXEC_START)
            break;
        if (svc->spec->type == TYPE_FORKING && svc_lacks_main(svc)) {
            svc_find_main(svc, true, &event);
            return event;
        }
        if (!svc_spec_starts_at_once(svc->spec) &&
            !(svc->spec->type == TYPE_FORKING && svc->holder.followed))
            break;
        svc->was_ready = true;
        return EV_READY;
    case AT_START_POST:
    case AT_RELOAD_STEP:
    case AT_STOP_STEP: return svc_perform(svc, DO_STEP, detail, size);
    case AT_RELOAD_SIGNAL: return svc_perform(svc, DO_SIG_RELOAD, detail, size);
    case AT_STOP_ORDER: return svc_check_order(svc);
    case AT_STOP_MAIN:
        return was->state.until ? SVC_EVENT_COUNT : svc_perform(svc, DO_SIG_STOP, detail, size);
    case AT_START_TREE:
    case AT_STOP_TREE: return svc_perform(svc, DO_CLEAN_TREE, detail, size);
    case AT_STOP_KILL:
    case AT_STOP_STUCK: return svc_perform(svc, DO_KILL_TREE, detail, size);
    case AT_UP:
    case AT_UP_EXITED:
    case AT_RELOADING:
    case AT_STOP_POST:
    case AT_DOWN:
    case AT_WAITING:
    case AT_BACKOFF:
    case AT_DONE:
    case AT_FAILED:
    case SVC_PLACE_COUNT: break;
    }
    return SVC_EVENT_COUNT;
}

void svc_restart_if_changed(struct svc *svc, const struct saved_life *life)
{
    if (life->digest == svc_spec_digest(svc->spec) || !svc_is_running(svc) ||
        !svc->view.wanted_up)
        return;
    log_info("service", "%s: its configuration has changed since it was started",
             svc->view.name);
    svc_on_command(svc, &(struct svc_command){.kind = CMD_RESTART});
}

static void restore_life(struct svc *svc, const struct survivor *was)
{
    char detail[120] = "";
    enum svc_event event;

    listen_again(svc, &was->life);
    if (hold_again(svc, &was->life) < 0) { /* its line stays, and nothing is started over it */
        svc->view.place = AT_STOP_STUCK;
        svc->view.wanted_up = false;
        return;
    }
    if (svc->holder.main_fd >= 0)
        svc->main_told = false; /* the last word was about the one before it */
    svc->view.adopted = true;
    tell_adopted(svc, &was->life);
    svc_watchdog_follow(svc, AT_DOWN); /* all of its time again */
    event = go_on(svc, was, detail, sizeof detail);
    svc_publish(svc);
    svc_feed(svc, event, detail);
    svc_keep_begin(svc);
    svc_restart_if_changed(svc, &was->life);
}

void svc_on_restore(struct svc *svc, struct survivor *was, const json_t *record)
{
    enum svc_event event;
    char detail[120] = "";

    if (record) {
        svc_take_record(svc, was, record);
        return;
    }
    svc_take_state(svc, was);
    if (was->has_life) {
        restore_life(svc, was);
    } else {
        event = next_without_life(svc, was, detail, sizeof detail);
        svc_publish(svc);
        svc_tell_over(svc);
        svc_feed(svc, event, detail);
    }
    svc_sockets_follow(svc);
    svc_publish(svc);
}

int svc_restore(struct svc *svc, const struct survivor *was, json_t *record)
{
    struct restore_msg *mail = calloc(1, sizeof *mail);

    if (!mail)
        return -ENOMEM;
    coop_msg_init(&mail->msg, MSG_RESTORE);
    mail->was = *was;
    mail->record = json_incref(record);
    atomic_store(&svc->heard, !record || handover_bool(record, "heard"));
    atomic_fetch_add(&svc->coming, 1);
    atomic_fetch_add(&svc->leaving, 1);
    coop_post(&svc->actor, &mail->msg);
    return 0;
}
