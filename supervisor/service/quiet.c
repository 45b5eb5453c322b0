/*
 * quiet.c - a service before a re-execution, and in the program after it
 *
 * BEFORE.  The world outside goes on: processes die, timers run out, sockets fill.  Whatever comes
 * from there is put off, as one bit for its kind: the kernel still has what it was about.  What
 * services say to each other is not put off, because nobody has that but their mailboxes.  A round
 * of messages that are only answered shows when no mailbox holds anything else: nobody has handled
 * one meanwhile, so nobody has posted one.
 *
 * THEN what a service knows is on the board, in its struct, or in the kernel, and it writes down
 * what of it the journal has not.
 *
 * AFTER.  It takes that back.  Nothing is done once more: where a crash leaves a doubt whether a
 * signal was sent or a command begun (restore.c), here there is none.
 *
 * A new field of struct svc that lives longer than one message stands in the record, too.
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
#include "coop/io.h"
#include "handover.h"
#include "service/handed.h"

/* ---- putting off ---- */

#define BIT(kind) (UINT32_C(1) << (kind))

/* What the kernel or a clock has sent. */
#define FROM_OUTSIDE                                                                           \
    (BIT(MSG_TIMER) | BIT(MSG_TOP) | BIT(MSG_WATCH) | BIT(MSG_STEP_TOP) |                      \
     BIT(MSG_STEP_WATCH) | BIT(MSG_BOUND) | BIT(MSG_OVER) | BIT(MSG_NOTIFY) |                  \
     BIT(MSG_WATCHDOG) | BIT(MSG_MAIN) | BIT(MSG_PID_FILE) | BIT(MSG_SOCKET) |                 \
     BIT(MSG_SOCKET_PAUSE))

/* Their holders tell it again by themselves. */
#define TOLD_AGAIN (BIT(MSG_TOP) | BIT(MSG_STEP_TOP) | BIT(MSG_MAIN))

/* Where the news of main, and of a step, go. */
static struct holder_news main_news(struct svc *svc)
{
    return (struct holder_news){&svc->actor, MSG_TOP, MSG_WATCH, MSG_MAIN};
}

static struct holder_news step_news(struct svc *svc)
{
    return (struct holder_news){&svc->actor, MSG_STEP_TOP, MSG_STEP_WATCH, MSG_MAIN};
}

_Static_assert(MSG_FREE < 32, "a bit for each kind of message");

static void hear_again(struct svc *svc)
{
    const struct holder_news news = main_news(svc), beside = step_news(svc);
    uint32_t missed = svc->missed & ~TOLD_AGAIN;

    svc->missed = 0;
    holder_return(&svc->holder, &news);
    holder_return(&svc->step.holder, &beside);
    output_go(svc->output);
    for (int kind = 0; kind <= MSG_FREE; kind++)
        if (missed & BIT(kind)) {
            struct coop_msg again;

            coop_msg_init(&again, kind);
            svc->actor.handler(&svc->actor, &again);
        }
}

/* ---- the record ---- */

static json_t *step_record(const struct svc_step *step)
{
    const struct ending *ending = &step->ending;

    return json_pack("{s:i, s:i, s:b, s:b, s:i, s:i, s:b, s:b, s:b, s:o}", "kind",
                     (int)step->kind, "command", (int)step->command, "waits", step->waits,
                     "told", step->told, "end_kind", (int)ending->kind, "end_value",
                     ending->value, "core", ending->core, "unborn", ending->unborn, "timed_out",
                     ending->timed_out, "holder", holder_record(&step->holder));
}

static json_t *notify_record(const struct notify *notify)
{
    if (notify->fd < 0)
        return json_null();
    return json_pack("{s:o, s:o}", "socket", handover_fd(notify->fd), "address",
                     handover_text(notify->address));
}

static json_t *texts_record(const struct svc *svc)
{
    const struct svc_view *view = &svc->view;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "reason", handover_text(view->reason),
                     "waiting_for", handover_text(view->waiting_for), "status",
                     handover_text(view->status), "failed", handover_text(view->step), "hint",
                     handover_text(svc->launch_hint), "result", handover_text(view->result));
}

static json_t *record(const struct svc *svc)
{
    return json_pack(
        "{s:o, s:i, s:b, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:I, s:i, "
        "s:o, s:I, s:b, s:b}",
        "texts", texts_record(svc), "error", svc->view.error, "adopted", svc->view.adopted,
        "until", (json_int_t)svc->view.until, "delay", (json_int_t)svc->delay, "watchdog_until",
        (json_int_t)svc->watchdog_until, "reload_asked", (json_int_t)svc->reload_asked,
        "directories", svc->directories, "hurried", svc->hurried, "refusal_told",
        svc->refusal_told, "ends_all", svc->ends_all, "holder", holder_record(&svc->holder),
        "step", step_record(&svc->step), "notify", notify_record(&svc->notify), "output",
        svc->output ? output_record(svc->output) : json_null(), "asked",
        (json_int_t)atomic_load(&svc->asked), "looks", (int)svc->looks, "pid_file",
        handover_fd(svc->pid_file.fd), "idle_until", (json_int_t)svc->idle_until, "lost",
        svc->lost, "heard", atomic_load(&svc->heard));
}

/* ---- the steps ---- */

static void answer(struct coop_chan *to, const char *name, json_t *what)
{
    struct quiet_reply reply = {.record = what};

    str_copy(reply.name, sizeof reply.name, name);
    if (coop_send(to, &reply, COOP_NOW) < 0)
        json_decref(what);
}

static void on_held(void *arg)
{
    struct coop_chan *to = arg;

    answer(to, "", NULL);
    coop_chan_unref(to);
}

static void on_quiet(struct svc *svc, const struct quiet_msg *mail)
{
    switch (mail->step) {
    case QUIET_HOLD:
        if (svc->output) {
            output_hold(svc->output, on_held, coop_chan_ref(mail->reply));
            return;
        }
        break;
    case QUIET_WRITE:
        holder_leave(&svc->holder);
        holder_leave(&svc->step.holder);
        answer(mail->reply, svc->view.name, record(svc));
        return;
    case QUIET_OVER: hear_again(svc); break;
    case QUIET_ROUND: break;
    }
    answer(mail->reply, svc->view.name, NULL);
}

bool svc_is_quiet(struct svc *svc, struct coop_msg *msg)
{
    if (msg->kind == MSG_QUIET) {
        struct quiet_msg *mail = (struct quiet_msg *)(void *)msg;

        on_quiet(svc, mail);
        coop_chan_unref(mail->reply);
        free(mail);
        return true;
    }
    if (!atomic_load(&svc->world->quiet))
        return false;
    if (BIT(msg->kind) & FROM_OUTSIDE) {
        svc->missed |= BIT(msg->kind);
        return true;
    }
    atomic_fetch_add(&svc->world->handled, 1);
    return false;
}

int svc_quiet(struct svc *svc, enum quiet_step step, struct coop_chan *reply)
{
    struct quiet_msg *mail = calloc(1, sizeof *mail);

    if (!mail)
        return -ENOMEM;
    coop_msg_init(&mail->msg, MSG_QUIET);
    mail->step = step;
    mail->reply = coop_chan_ref(reply);
    coop_post(&svc->actor, &mail->msg);
    return 0;
}

/* ---- the program after it ---- */

static void take_view(struct svc *svc, const json_t *r)
{
    struct svc_view *view = &svc->view;

    const json_t *texts = json_object_get(r, "texts");

    handover_get_text(texts, "reason", view->reason, sizeof view->reason);
    handover_get_text(texts, "waiting_for", view->waiting_for, sizeof view->waiting_for);
    handover_get_text(texts, "status", view->status, sizeof view->status);
    handover_get_text(texts, "failed", view->step, sizeof view->step);
    handover_get_text(texts, "result", view->result, sizeof view->result);
    handover_get_text(texts, "hint", svc->launch_hint, sizeof svc->launch_hint);
    view->error = (int)handover_int(r, "error", 0);
    view->adopted = handover_bool(r, "adopted");
    svc->delay = handover_int(r, "delay", 0);
    svc->reload_asked = handover_int(r, "reload_asked", 0);
    svc->directories = handover_bool(r, "directories");
    svc->hurried = handover_bool(r, "hurried");
    svc->refusal_told = handover_bool(r, "refusal_told");
    svc->ends_all = handover_bool(r, "ends_all");
    svc->lost = handover_bool(r, "lost");
}

static int take_step(struct svc *svc, const json_t *r, struct coop_err *err)
{
    const struct holder_news news = step_news(svc);
    struct svc_step *step = &svc->step;
    const struct exec_list *list;

    step->kind = (enum exec_kind)handover_int(r, "kind", EXEC_RELOAD);
    step->command = (unsigned)handover_int(r, "command", 0);
    list = &svc->spec->execs[step->kind];
    if (list->count > 0 && step->command >= list->count) /* another configuration */
        step->command = (unsigned)list->count - 1;
    step->waits = handover_bool(r, "waits");
    step->told = handover_bool(r, "told");
    step->ending.kind = (enum svc_exit_kind)handover_int(r, "end_kind", EXIT_NONE);
    step->ending.value = (int)handover_int(r, "end_value", 0);
    step->ending.core = handover_bool(r, "core");
    step->ending.unborn = handover_bool(r, "unborn");
    step->ending.timed_out = handover_bool(r, "timed_out");
    return holder_take(svc->world->spawn, svc->spec, json_object_get(r, "holder"), &news, 0,
                       &step->holder, err);
}

static int take_notify(struct svc *svc, const json_t *r, struct coop_err *err)
{
    char address[512];
    int fd = handover_take_fd(r, "socket");

    if (fd < 0)
        return 0;
    handover_get_text(r, "address", address, sizeof address);
    return notify_take(&svc->notify, fd, address, &svc->actor, MSG_NOTIFY, err);
}

static void take_all(struct svc *svc, const struct survivor *was, const json_t *r)
{
    const struct holder_news news = main_news(svc);
    const struct svc_world *world = svc->world;
    struct coop_err err = {0};

    if (take_notify(svc, json_object_get(r, "notify"), &err) < 0 ||
        svc_keep_open(svc, &err) < 0 ||
        (world->run_dir &&
         output_take(&svc->output, world->run_dir, world->log_dir, svc->view.name,
                     json_object_get(r, "output"), &err) < 0) ||
        holder_take(world->spawn, svc->spec, json_object_get(r, "holder"), &news,
                    was->life.began, &svc->holder, &err) < 0 ||
        take_step(svc, json_object_get(r, "step"), &err) < 0) {
        coop_while(&err, "%s: goes on, but", svc->view.name);
        log_err(LOG_LEVEL_ERROR, "service", &err);
    }
}

/* It may have come while nobody looked: a watch begins with a look. */
static void take_pid_file(struct svc *svc, const json_t *r)
{
    int fd = handover_take_fd(r, "pid_file");

    if (fd < 0)
        return;
    svc->pid_file.fd = fd;
    if (coop_fdwatch_start(&svc->pid_file.watch, fd, COOP_IN, &svc->actor, MSG_PID_FILE) < 0)
        coop_msg_init(&svc->pid_file.watch.msg, MSG_PID_FILE);
    coop_post(&svc->actor, &svc->pid_file.watch.msg);
}

static void set_watchdog(struct svc *svc, coop_nsec until)
{
    svc_watchdog_follow(svc, AT_DOWN);
    if (until == 0 || svc->watchdog_until == 0)
        return; /* nobody waits for it */
    svc->watchdog_until = until;
    coop_timer_set(&svc->watchdog, until);
}

/* Which of two that conflict was asked for later. */
static void take_asked(struct svc *svc, unsigned long asked)
{
    unsigned long most = atomic_load(&svc->world->asked);

    atomic_store(&svc->asked, asked);
    while (most < asked && !atomic_compare_exchange_weak(&svc->world->asked, &most, asked))
        continue;
}

void svc_take_record(struct svc *svc, const struct survivor *was, const json_t *r)
{
    coop_nsec until = handover_int(r, "until", 0);

    svc_take_state(svc, was);
    take_view(svc, r);
    take_asked(svc, (unsigned long)handover_int(r, "asked", 0));
    take_all(svc, was, r);
    if (until)
        svc_set_deadline(svc, until);
    svc->looks = (unsigned)handover_int(r, "looks", 0);
    take_pid_file(svc, r);
    set_watchdog(svc, handover_int(r, "watchdog_until", 0));
    svc_keep_again(svc);
    svc_publish(svc);
    svc_keep_begin(svc);
    if (!svc->holder.empty)
        svc_restart_if_changed(svc, &was->life);
    svc->idle_until = handover_int(r, "idle_until", 0);
    svc_idle_count(svc);
    svc_sockets_follow(svc);
    svc_look_again(svc); /* at its neighbours */
    svc_publish(svc);
}
