/*
 * commands.c - what people ask for, and what they are told
 *
 * A command changes what is wanted, feeds one event, and leaves a waiter behind if somebody
 * wants to know.  Two clients that ask for the same thing wait for the same thing: the second
 * restart that arrives while the first one is stopping joins it.
 */
#include "service/svc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "text/signames.h"
#include "text/units.h"

/* ---- replies ---- */

static void reply(struct svc *svc, struct coop_chan *to, uint64_t tag, enum svc_result result,
                  const char *text)
{
    struct svc_reply answer = {.tag = tag, .result = result, .place = svc->view.place};

    if (!to)
        return;
    str_copy(answer.name, sizeof answer.name, svc->view.name);
    str_copy(answer.text, sizeof answer.text, text);
    if (result == SVC_FAILED)
        str_copy(answer.hint, sizeof answer.hint, svc->launch_hint);
    coop_send(to, &answer, COOP_NOW);
}

static void add_waiter(struct svc *svc, const struct svc_command *command, enum waits_for what)
{
    struct waiter *grown;

    if (!command->reply)
        return;
    if (svc->waiter_count >= SVC_WAITERS_MAX) {
        reply(svc, command->reply, command->tag, SVC_BUSY,
              "too many are waiting for it already");
        return;
    }
    grown = realloc(svc->waiters, (svc->waiter_count + 1) * sizeof *grown);
    if (!grown) {
        reply(svc, command->reply, command->tag, SVC_BUSY, "out of memory");
        return;
    }
    svc->waiters = grown;
    grown[svc->waiter_count++] = (struct waiter){
        .reply = coop_chan_ref(command->reply), .tag = command->tag, .what = what};
}

static void answer(struct svc *svc, enum waits_for what, enum svc_result result,
                   const char *text)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < svc->waiter_count; i++) {
        struct waiter *waiter = &svc->waiters[i];

        if (waiter->what != what) {
            svc->waiters[kept++] = *waiter;
            continue;
        }
        reply(svc, waiter->reply, waiter->tag, result, text);
        coop_chan_unref(waiter->reply);
    }
    svc->waiter_count = kept;
    if (kept == 0) {
        free(svc->waiters);
        svc->waiters = NULL;
    }
}

void svc_drop_waiters(struct svc *svc)
{
    answer(svc, WAIT_DOWN, SVC_CANCELED, "it was taken out of the configuration");
    answer(svc, WAIT_RELOAD, SVC_CANCELED, "it was taken out of the configuration");
    answer(svc, WAIT_UP, SVC_CANCELED, "it was taken out of the configuration");
}

static void tell_backoff(struct svc *svc)
{
    char text[256], delay[UNITS_TEXT];

    str_format(text, sizeof text, "%s; trying again in %s", svc->view.reason,
               units_render_duration(svc->delay, delay));
    answer(svc, WAIT_UP, SVC_FAILED, text);
}

void svc_reload_over(struct svc *svc, const char *failure)
{
    answer(svc, WAIT_RELOAD, failure ? SVC_FAILED : SVC_OK, failure ? failure : "");
}

/* After every move: who has what it waited for? */
void svc_settle(struct svc *svc)
{
    if (svc->waiter_count == 0)
        return;
    switch (svc->view.place) {
    case AT_UP:
    case AT_UP_EXITED:
    case AT_DONE:
        if (!svc->again)
            answer(svc, WAIT_UP, SVC_OK, "");
        break;
    case AT_FAILED: answer(svc, WAIT_UP, SVC_FAILED, svc->view.reason); break;
    case AT_BACKOFF: tell_backoff(svc); break;
    case AT_DOWN:
        answer(svc, WAIT_DOWN, SVC_OK, "");
        if (!svc->view.wanted_up)
            answer(svc, WAIT_UP, SVC_CANCELED, "it was asked to stop");
        break;
    case AT_STOP_STUCK:
        answer(svc, WAIT_DOWN, SVC_FAILED, "it has processes that SIGKILL does not end");
        break;
    case AT_WAITING:
    case AT_START_MAIN:
    case AT_START_PRE:
    case AT_START_TREE:
    case AT_START_POST:
    case AT_RELOADING:
    case AT_RELOAD_SIGNAL:
    case AT_RELOAD_STEP:
    case AT_STOP_ORDER:
    case AT_STOP_STEP:
    case AT_STOP_MAIN:
    case AT_STOP_TREE:
    case AT_STOP_KILL:
    case AT_STOP_POST:
    case SVC_PLACE_COUNT: break;
    }
}

/* ---- start, stop, restart ---- */

static void want_up(struct svc *svc, bool by_group)
{
    svc->view.wanted_up = true;
    svc->lost = false;
    svc_forget_group_stop(svc);
    if (by_group)
        svc->view.restarts++;
    else if (!svc_is_running(svc) && svc->view.place != AT_BACKOFF)
        svc->view.restarts = svc->in_a_row = 0;
    svc_feed(svc, EV_WANT_UP, NULL);
}

/* Two handlers of each other's failures would go on for ever, so a start that nobody asked for
 * by hand is held to the limit as a restart is. */
static bool hits_limit(struct svc *svc, const struct svc_command *command)
{
    const struct svc_spec *spec = svc->spec;
    enum svc_state state = svc_place_state(svc->view.place);

    if (command->group[0])
        return false;
    if (!command->by_itself) {
        if (state == ST_FAILED)
            window_clear(&svc->window);
        return false;
    }
    if ((state != ST_DOWN && state != ST_DONE && state != ST_FAILED) ||
        window_allows(&svc->window, coop_now(), spec->limit_interval,
                      (unsigned)spec->limit_burst))
        return false;
    log_warn("service", "%s: is not started by what happened to another: start-limit-hit",
             svc_name(svc));
    return true;
}

/* The stop of everything has been posted, or is about to be: a start behind it would leave a
 * process that nobody ends. */
static bool refuses_start(struct svc *svc, const struct svc_command *command)
{
    if (!atomic_load(&svc->world->closing))
        return false;
    reply(svc, command->reply, command->tag, SVC_CANCELED, "coopd is stopping");
    return true;
}

static void restart(struct svc *svc, const struct svc_command *command);

static void start(struct svc *svc, const struct svc_command *command)
{
    enum svc_state state = svc_place_state(svc->view.place);

    if (refuses_start(svc, command) || hits_limit(svc, command) ||
        (command->group[0] && !atomic_load(&svc->revive)))
        return;
    /* It ends by itself, and Restart= might leave it at that. */
    if (state == ST_STOPPING && !svc->stop_asked && !command->by_itself) {
        log_info("service", "%s: asked to start while it ends: it is started again",
                 svc_name(svc));
        restart(svc, command);
        return;
    }
    add_waiter(svc, command, WAIT_UP);
    if (state == ST_WAITING || state == ST_STARTING) /* no move will tell that it was heard */
        log_info("service", "%s: asked to start, is %s already", svc_name(svc),
                 svc_state_word(state));
    want_up(svc, command->group[0] != '\0');
    svc_publish(svc);
    svc_settle(svc);
}

static void want_down(struct svc *svc, const char *why)
{
    svc->view.wanted_up = false;
    svc->again = false;
    svc->stop_asked = true;
    answer(svc, WAIT_UP, SVC_CANCELED, why ? why : "it was asked to stop");
    svc_push(svc, MSG_PUSH_STOP);
    svc_feed(svc, EV_WANT_DOWN, why);
}

/* What rests stays as it is, and who requires us goes on as after any other failure. */
static void stop_for_group(struct svc *svc, const struct svc_command *command)
{
    enum svc_state state = svc_place_state(svc->view.place);
    char why[SVC_DETAIL_MAX];

    if (!svc->view.wanted_up || state == ST_DONE || state == ST_FAILED) {
        if (command->for_good && atomic_load(&svc->revive))
            svc_lose(svc);
        return;
    }
    svc->lost = command->for_good;
    svc_group_text(command->group, "has failed", why, sizeof why);
    free(svc->stopped_by);
    svc->stopped_by = strdup(command->group);
    svc->view.wanted_up = svc->again = false;
    svc->stop_asked = true;
    answer(svc, WAIT_UP, SVC_FAILED, why);
    svc_feed(svc, EV_WANT_DOWN, why);
    svc_publish(svc);
    svc_settle(svc);
}

static void stop(struct svc *svc, const struct svc_command *command)
{
    if (command->group[0]) {
        stop_for_group(svc, command);
        return;
    }
    svc->lost = false;
    svc_forget_group_stop(svc);
    add_waiter(svc, command, WAIT_DOWN);
    want_down(svc, NULL);
    svc_publish(svc);
    svc_settle(svc);
}

static void restart(struct svc *svc, const struct svc_command *command)
{
    enum svc_state state = svc_place_state(svc->view.place);
    char why[SVC_DETAIL_MAX];

    if (refuses_start(svc, command) || hits_limit(svc, command))
        return;
    if (command->group[0] &&
        (!svc->view.wanted_up || state == ST_WAITING || state == ST_BACKOFF))
        return; /* it starts with the others when its own wait is over, or not at all */
    add_waiter(svc, command, WAIT_UP);
    if (!svc_is_running(svc)) {
        if (state == ST_STOPPING) {
            if (!svc->again)
                svc_push(svc, MSG_PUSH_RESTART);
            svc->again = svc->stop_asked = true;
            svc->view.wanted_up = true;
            svc_publish(svc);
        } else {
            want_up(svc, command->group[0] != '\0');
        }
        return;
    }
    svc->view.wanted_up = svc->again = svc->stop_asked = true;
    if (command->group[0])
        svc->view.restarts++;
    else
        svc->view.restarts = svc->in_a_row = 0;
    svc_push(svc, MSG_PUSH_RESTART);
    svc_feed(svc, EV_WANT_DOWN,
             command->group[0] ? svc_group_text(command->group, "restarts", why, sizeof why)
                               : "to be restarted");
}

/* ---- kill, reload ---- */

static void send_signal(struct svc *svc, const struct svc_command *command, int signo)
{
    struct spawn *spawn = svc->world->spawn;
    int r = svc->holder.empty ? -ESRCH : spawn->ops->signal_main(spawn, &svc->holder, signo);
    char text[128], name[SIGNAME_TEXT];

    if (r == 0) {
        reply(svc, command->reply, command->tag, SVC_OK, "");
        return;
    }
    str_format(text, sizeof text, r == -ESRCH ? "it does not run" : "%s: %s",
               signame_render(signo, name), coop_strerror(r));
    reply(svc, command->reply, command->tag, r == -ESRCH ? SVC_REFUSED : SVC_FAILED, text);
}

/* One that asks while a reload is under way waits for that one. */
static void reload(struct svc *svc, const struct svc_command *command)
{
    const struct svc_spec *spec = svc->spec;
    bool under_way = svc_place_state(svc->view.place) == ST_RELOADING;
    enum svc_event event = spec->execs[EXEC_RELOAD].count > 0 ? EV_RELOAD
                           : spec->type == TYPE_NOTIFY_RELOAD ? EV_RELOAD_SIG
                                                              : SVC_EVENT_COUNT;

    if (svc->view.place != AT_UP && !under_way) {
        reply(svc, command->reply, command->tag, SVC_REFUSED, "it is not up");
    } else if (event != SVC_EVENT_COUNT && !svc->step.holder.empty && !under_way) {
        reply(svc, command->reply, command->tag, SVC_BUSY, "its last reload is still ending");
    } else if (event != SVC_EVENT_COUNT) {
        add_waiter(svc, command, WAIT_RELOAD);
        if (!under_way)
            svc_feed(svc, event, NULL);
    } else if (spec->reload_signal == 0) {
        reply(svc, command->reply, command->tag, SVC_REFUSED,
              "it has no ExecReload= and no ReloadSignal=");
    } else {
        send_signal(svc, command, spec->reload_signal);
    }
}

/* What it waits for may have come to be before we were asked. */
static void await(struct svc *svc, const struct svc_command *command)
{
    static const enum waits_for what[] = {WAIT_UP, WAIT_DOWN, WAIT_RELOAD};

    add_waiter(svc, command, what[command->kind - CMD_AWAIT_UP]);
    svc_settle(svc);
    if (svc_place_state(svc->view.place) != ST_RELOADING)
        svc_reload_over(svc, svc->view.place == AT_UP ? NULL : svc->view.reason);
}

/* ---- the doors ---- */

void svc_on_command(struct svc *svc, const struct svc_command *command)
{
    switch (command->kind) {
    case CMD_START: start(svc, command); break;
    case CMD_STOP: stop(svc, command); break;
    case CMD_RESTART: restart(svc, command); break;
    case CMD_RELOAD: reload(svc, command); break;
    case CMD_KILL: send_signal(svc, command, command->signo); break;
    case CMD_AWAIT_UP:
    case CMD_AWAIT_DOWN:
    case CMD_AWAIT_RELOAD: await(svc, command); break;
    }
}

/* Somebody who needs us is starting.  What is up, on its way up, or done stays as it is, and a
 * pause between restarts is not cut short. */
void svc_on_pull(struct svc *svc)
{
    enum svc_state state = svc_place_state(svc->view.place);
    bool rests = state == ST_DOWN || state == ST_FAILED ||
                 (state == ST_DONE && svc->spec->type != TYPE_ONESHOT);

    if ((svc->view.wanted_up && !rests) || atomic_load(&svc->world->closing))
        return;
    svc->view.wanted_up = true;
    svc->lost = false;
    svc_forget_group_stop(svc);
    if (rests)
        svc_feed(svc, EV_WANT_UP, "something needs it");
    svc_publish(svc);
}

static const char *push_text(enum svc_msg_kind kind)
{
    if (kind == MSG_PUSH_OUT)
        return "something in conflict with it is starting";
    return kind == MSG_PUSH_END ? "what it is bound to has ended"
                                : "what it requires is stopped";
}

/* What waits for its start is stopped by hand, too, or by a conflict.  When what it is bound to
 * ends, it hears of that as a dependency that has failed. */
void svc_on_push(struct svc *svc, enum svc_msg_kind kind)
{
    enum svc_state state = svc_place_state(svc->view.place);
    bool active = svc_is_running(svc) ||
                  (kind != MSG_PUSH_END &&
                   (state == ST_STOPPING || state == ST_WAITING || state == ST_BACKOFF));

    if (!active || (kind == MSG_PUSH_OUT && !svc_must_yield(svc)))
        return;
    if (kind == MSG_PUSH_RESTART) {
        if (svc_is_running(svc))
            restart(svc, &(struct svc_command){.kind = CMD_RESTART});
        return;
    }
    svc->lost = kind == MSG_PUSH_END;
    want_down(svc, push_text(kind));
    svc_publish(svc);
    svc_settle(svc);
}

void svc_announce(struct svc *svc, enum svc_command_kind kind)
{
    if (kind == CMD_START || kind == CMD_RESTART)
        atomic_fetch_add(&svc->coming, 1);
    if (kind == CMD_STOP || kind == CMD_RESTART)
        atomic_fetch_add(&svc->leaving, 1);
    svc_idle_command(svc->world, true);
}

static void unannounce(struct svc *svc, enum svc_command_kind kind)
{
    if (kind == CMD_START || kind == CMD_RESTART)
        atomic_fetch_sub(&svc->coming, 1);
    if (kind == CMD_STOP || kind == CMD_RESTART)
        atomic_fetch_sub(&svc->leaving, 1);
    svc_idle_command(svc->world, false);
}

int svc_command_announced(struct svc *svc, const struct svc_command *command)
{
    struct command_msg *mail = calloc(1, sizeof *mail);

    if (!mail) {
        unannounce(svc, command->kind);
        return -ENOMEM;
    }
    coop_msg_init(&mail->msg, MSG_COMMAND);
    mail->command = *command;
    if (command->reply)
        coop_chan_ref(command->reply);
    coop_post(&svc->actor, &mail->msg);
    return 0;
}

int svc_command(struct svc *svc, const struct svc_command *command)
{
    svc_announce(svc, command->kind);
    return svc_command_announced(svc, command);
}
