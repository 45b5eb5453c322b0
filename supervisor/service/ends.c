/*
 * ends.c - how processes of a service have ended, and the event that it means
 */
#include "service/svc.h"

#include "base/log.h"
#include "base/str.h"

static void record_end(struct svc *svc)
{
    struct event event = {.kind = EVENT_EXIT, .pid = svc->holder.main_pid};

    svc->view.exit_kind = (uint8_t)svc->ending.kind;
    svc->view.exit_value = svc->ending.value;
    svc->view.core = svc->ending.core;
    event.exit_kind = svc->view.exit_kind;
    event.exit_value = svc->ending.value;
    svc_keep_judge(svc);
    str_copy(event.service, sizeof event.service, svc->view.name);
    bus_publish(svc->world->bus, &event);
}

/* A command before the start, or after the end: the event that its end means. */
static enum svc_event command_event(struct svc *svc, const struct ending *ending)
{
    const struct exec_list *list = &svc->spec->execs[svc->kind];
    bool after = svc->kind == EXEC_STOP_POST;
    char text[120];

    if (svc_command_ended_well(&list->items[svc->command], ending))
        return after || !svc_is_running(svc) ? EV_MAIN_GONE : EV_CMD_DONE;
    policy_ending_text(ending, text, sizeof text);
    if (svc->kind == EXEC_CONDITION && ending->kind == EXIT_CODE && ending->value < 255 &&
        svc_is_running(svc)) {
        svc->ending.skipped = true;
        log_info("service", "%s: its start is skipped: ExecCondition= %s", svc->view.name,
                 text);
        return EV_MAIN_GONE;
    }
    svc_command_failed(svc, svc->kind, svc->command, text);
    if (after) {
        svc->command = (unsigned)list->count; /* the others are left out */
        return EV_MAIN_GONE;
    }
    svc->ending.step_failed = true;
    record_end(svc);
    return EV_MAIN_GONE;
}

/* The event that main's end means where we are. */
static enum svc_event main_event(struct svc *svc)
{
    const struct exec_list *list = &svc->spec->execs[EXEC_START];
    const struct exec_spec *exec = &list->items[svc->command];
    bool well;

    record_end(svc);
    svc->ending.never_ready =
        svc->ending.never_ready || (svc_spec_notifies(svc->spec) && !svc->was_ready);
    if (exec->may_fail && svc->ending.kind == EXIT_CODE)
        svc->ending.value = 0; /* only for the verdict; the board has the real one */
    well = policy_class(svc->spec, &svc->ending) == ENDING_SUCCESS;
    if (!well || !svc_is_running(svc))
        return EV_MAIN_GONE;
    if (svc->spec->type == TYPE_ONESHOT && svc->command + 1 < list->count)
        return EV_CMD_DONE;
    if (svc->view.place == AT_START_MAIN && svc->spec->execs[EXEC_START_POST].count > 0 &&
        svc->spec->type == TYPE_ONESHOT)
        return EV_POST;
    return svc->spec->remain ? EV_REMAINS : EV_MAIN_GONE;
}

void svc_on_news(struct svc *svc, const struct coop_msg *msg)
{
    struct spawn *spawn = svc->world->spawn;
    char detail[SVC_DETAIL_MAX] = "";

    svc_on_notify(svc); /* what it said before it died was said before it died */
    spawn->ops->news(spawn, &svc->holder, MSG_TOP, msg);
    if (svc->holder.main_gone && !svc->main_told) {
        struct ending ending = {0};
        enum svc_event event;

        svc->main_told = true;
        spawn->ops->learn_end(spawn, svc->spec, &svc->holder,
                              svc->kind == EXEC_STOP_POST ? &ending : &svc->ending);
        if (svc->kind == EXEC_START) {
            bool well = policy_class(svc->spec, &svc->ending) == ENDING_SUCCESS;

            if (svc_find_main(svc, well, &event)) {
                svc_feed(svc, event, NULL);
                svc_tree_news(svc);
                return;
            }
            event = main_event(svc);
            ending = svc->ending;
        } else {
            ending = svc->kind == EXEC_STOP_POST ? ending : svc->ending;
            event = command_event(svc, &ending);
        }
        policy_ending_text(&ending, detail, sizeof detail);
        svc_feed(svc, event, detail);
    }
    svc_tree_news(svc);
}

void svc_tree_news(struct svc *svc)
{
    struct spawn *spawn = svc->world->spawn;
    char detail[SVC_DETAIL_MAX] = "";

    if (svc->holder.held_by == HELD_BY_NOTHING && svc->view.place != AT_STOP_TREE &&
        svc->view.place != AT_STOP_KILL && svc->view.place != AT_STOP_STUCK)
        return;
    if (!svc->holder.empty) {
        if (svc->main_told &&
            (svc_place_state(svc->view.place) == ST_STOPPING || svc_lacks_main(svc)))
            spawn->ops->watch_rest(spawn, &svc->holder, &svc->actor, MSG_WATCH);
        return;
    }
    if (!svc->step.holder.empty)
        return;
    switch (svc->view.place) {
    case AT_STOP_TREE:
    case AT_STOP_KILL:
    case AT_STOP_STUCK:
    case AT_START_TREE: {
        enum svc_event event = svc_after_empty(svc, detail, sizeof detail);

        svc_feed(svc, event, detail);
        break;
    }
    case AT_UP_EXITED:
        svc_life_over(svc);
        svc_publish(svc);
        break;
    case AT_START_MAIN:
    case AT_START_POST:
    case AT_UP:
    case AT_RELOADING:
    case AT_RELOAD_SIGNAL:
    case AT_RELOAD_STEP:
        if (!svc_lacks_main(svc))
            break;
        record_end(svc);
        svc->ending.never_ready = !svc->was_ready && svc->spec->pid_file;
        svc_feed(svc, EV_MAIN_GONE, "no process of it is left");
        break;
    case AT_DOWN:
    case AT_WAITING:
    case AT_START_PRE:
    case AT_STOP_ORDER:
    case AT_STOP_STEP:
    case AT_STOP_MAIN:
    case AT_STOP_POST:
    case AT_BACKOFF:
    case AT_DONE:
    case AT_FAILED:
    case SVC_PLACE_COUNT: break;
    }
}
