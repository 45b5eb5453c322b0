/*
 * launch.c - the beginning and the end of one life
 */
#include "service/svc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/block.h"
#include "coop/coro.h"
#include "journal.h"

/* Datagrams read in one go; more than a socket's queue holds (net.unix.max_dgram_qlen). */
enum { NOTIFY_BURST = 1024 };

/* ---- descriptors ---- */

static uid_t uid_of(const struct svc_spec *spec)
{
    return spec->launch.uid == LAUNCH_NO_ID ? geteuid() : spec->launch.uid;
}

/* A descriptor for 1 or 2, which the caller closes; -1 for none. */
static int open_one(struct svc *svc, const struct output_spec *where, int inherited,
                    int *ret_fd, struct coop_err *err)
{
    const struct svc_world *world = svc->world;
    int fd = -1;

    switch (where->kind) {
    case OUTPUT_NULL: break;
    case OUTPUT_INHERIT: fd = sys_fcntl_int(inherited, F_DUPFD_CLOEXEC, 3); break;
    case OUTPUT_FILE:
    case OUTPUT_APPEND:
    case OUTPUT_TRUNCATE:
        fd = output_file_fd(where, err);
        if (fd < 0)
            return -1;
        break;
    case OUTPUT_SAME:
    case OUTPUT_LOG:
        if (!world->run_dir)
            break;
        if (output_open(&svc->output, world->run_dir, world->log_dir, svc->spec->name,
                        uid_of(svc->spec), err) < 0)
            return -1;
        fd = output_child_fd(svc->output, err);
        if (fd < 0)
            return -1;
        break;
    }
    *ret_fd = fd < 0 ? -1 : fd;
    return 0;
}

static void close_stdio(struct spawn_order *order)
{
    if (order->stdio[2] >= 0 && order->stdio[2] != order->stdio[1])
        sys_close(order->stdio[2]);
    if (order->stdio[1] >= 0)
        sys_close(order->stdio[1]);
}

static int open_stdio(struct svc *svc, struct spawn_order *order, struct coop_err *err)
{
    const struct svc_spec *spec = svc->spec;
    bool same = spec->err.kind == OUTPUT_SAME ||
                (spec->err.kind == spec->out.kind &&
                 str_equal(spec->err.path, spec->out.path) && spec->err.kind != OUTPUT_INHERIT);

    if (open_one(svc, &spec->out, STDOUT_FILENO, &order->stdio[1], err) < 0)
        return -1;
    if (same)
        order->stdio[2] = order->stdio[1];
    else if (open_one(svc, &spec->err, STDERR_FILENO, &order->stdio[2], err) < 0)
        return -1;
    return 0;
}

static int open_notify(struct svc *svc, struct spawn_order *order, struct coop_err *err)
{
    struct notify_message stale;

    if (order->beside) { /* main's, if it may be used */
        order->notify =
            svc->spec->notify_access >= NOTIFY_EXEC ? svc->notify.address : order->notify;
        return 0;
    }
    if (svc->spec->notify_access == NOTIFY_NONE || !svc->world->run_dir) {
        notify_close(&svc->notify);
        return 0;
    }
    if (notify_open(&svc->notify, svc->world->run_dir, svc->spec->name,
                    svc->spec->launch.private_network, &svc->actor, MSG_NOTIFY, err) < 0)
        return -1;
    for (int i = 0; i < NOTIFY_BURST && notify_next(&svc->notify, &stale); i++)
        notify_message_done(&stale); /* last words of an earlier life */
    order->notify = svc->notify.address;
    return 0;
}

/* ---- the beginning ---- */

/* The keys whose commands come before main and with it, in their order. */
static const enum exec_kind start_kinds[] = {EXEC_CONDITION, EXEC_START_PRE, EXEC_START};

static void first_of(struct svc *svc, size_t from)
{
    while (svc->spec->execs[start_kinds[from]].count == 0 && start_kinds[from] != EXEC_START)
        from++;
    svc->kind = start_kinds[from];
    svc->command = 0;
}

void svc_first_command(struct svc *svc)
{
    first_of(svc, 0);
}

void svc_next_command(struct svc *svc)
{
    size_t at = svc->kind == EXEC_CONDITION ? 0 : svc->kind == EXEC_START_PRE ? 1 : 2;

    if (++svc->command >= svc->spec->execs[svc->kind].count && at < 2)
        first_of(svc, at + 1);
}

static bool is_first(const struct svc *svc)
{
    const struct exec_list *execs = svc->spec->execs;

    if (svc->command > 0 || svc->kind == EXEC_STOP_POST)
        return false;
    return svc->kind == EXEC_CONDITION ||
           (execs[EXEC_CONDITION].count == 0 &&
            (svc->kind == EXEC_START_PRE || execs[EXEC_START_PRE].count == 0));
}

static void begin_life(struct svc *svc)
{
    svc->main_told = svc->refusal_told = false;
    svc->looks = 0;
    if (svc->kind == EXEC_STOP_POST) { /* how main ended is still to be judged */
        svc_set_deadline(svc, coop_after(coop_now(), svc->spec->stop_timeout));
        return;
    }
    svc->ending = (struct ending){0};
    svc->up_at = 0;
    svc->view.adopted = false;
    svc->stop_asked = svc->was_ready = false;
    svc->view.error = 0;
    svc->watchdog_every = svc->spec->watchdog;
    svc->view.status[0] = svc->launch_hint[0] = '\0';
    if (is_first(svc))
        svc->view.step[0] = '\0';
    if (is_first(svc))
        window_note(&svc->window, coop_now(), (unsigned)svc->spec->limit_burst);
    if (svc->view.until == 0)
        svc_set_deadline(svc, coop_after(coop_now(), svc->spec->start_timeout));
}

static void tell_lost(struct svc *svc)
{
    struct event event = {.kind = EVENT_LOST};

    if (!svc->holder.lost)
        return;
    str_copy(event.service, sizeof event.service, svc->view.name);
    launch_guards_text(svc->holder.lost, event.why, sizeof event.why);
    bus_publish(svc->world->bus, &event);
    log_warn("service", "%s: runs without %s: this machine refuses", svc->view.name, event.why);
}

static void tell_started(struct svc *svc)
{
    struct event event = {.kind = EVENT_SPAWN, .pid = svc->holder.main_pid};

    str_copy(event.service, sizeof event.service, svc->view.name);
    bus_publish(svc->world->bus, &event);
    log_info("service", "%s: process %d runs %s", svc->view.name, svc->holder.main_pid,
             svc->spec->execs[svc->kind].items[svc->command].argv.items[0]);
    tell_lost(svc);
}

void svc_write_down(struct svc *svc, const char *name, const struct holder *holder)
{
    struct saved_life life = {.held_by = holder->held_by,
                              .top_pid = holder->top_pid,
                              .main_pid = holder->main_pid,
                              .kind = svc->kind,
                              .command = svc->command,
                              .notes = holder->notes,
                              .polls = holder->polls,
                              .lost = holder->lost,
                              .began = coop_now()};

    if (!svc->world->journal)
        return;
    if (journal_start_ticks(holder->top_pid, &life.start_ticks) < 0)
        life.start_ticks = 0; /* the next coopd cannot prove anything by it */
    life.digest = svc_spec_digest(svc->spec);
    str_copy(life.cgroup, sizeof life.cgroup, holder->cgroup ? holder->cgroup : "");
    if (svc->notify.fd >= 0 && svc->notify.address[0] == '@')
        str_copy(life.notify, sizeof life.notify, svc->notify.address);
    journal_run(svc->world->journal, name, &life);
}

static void write_down(void *arg, const struct holder *holder)
{
    struct svc *svc = arg;

    svc_write_down(svc, svc->view.name, holder);
}

int svc_launch_one(struct svc *svc, struct spawn_order *order, struct holder *holder,
                   struct coop_err *err)
{
    struct spawn *spawn = svc->world->spawn;
    struct svc_told told;
    int failed;

    svc_tell_command(svc, order->kind, &told);
    order->env = told.env;
    order->stdio[0] = order->stdio[1] = order->stdio[2] = -1;
    order->actor = &svc->actor;
    order->born_arg = svc;
    failed = open_stdio(svc, order, err) < 0 || open_notify(svc, order, err) < 0 ||
             (!order->beside && svc_keep_open(svc, err) < 0) ||
             (!order->beside && order->kind == EXEC_START &&
              svc_sockets_give(svc, order, err) < 0) ||
             spawn->ops->launch(spawn, order, holder, err) < 0;
    close_stdio(order);
    order->env = NULL; /* it was ours */
    free(order->fd_names);
    order->fd_names = NULL;
    return failed ? -1 : 0;
}

static int try_launch(struct svc *svc, struct coop_err *err)
{
    struct spawn_order order = {.spec = svc->spec,
                                .kind = svc->kind,
                                .command = svc->command,
                                .kind_top = MSG_TOP,
                                .kind_watch = MSG_WATCH,
                                .born = write_down};

    return svc_launch_one(svc, &order, &svc->holder, err);
}

static bool is_called_for(struct svc *svc, char *ret_which, size_t size)
{
    bool holds;

    coop_block_begin();
    holds = conditions_hold(&svc->spec->conditions, ret_which, size);
    coop_block_end();
    return holds;
}

/* One that may fail counts as done, and after the end nothing depends on it. */
static enum svc_event not_launched(struct svc *svc, struct coop_err *err, char *detail,
                                   size_t size)
{
    const struct exec_spec *exec = &svc->spec->execs[svc->kind].items[svc->command];
    enum svc_event event;

    if (svc->world->journal)
        journal_end(svc->world->journal, svc->view.name);
    if (svc->kind != EXEC_START || svc->spec->execs[EXEC_STOP_POST].count > 0)
        svc_command_failed(svc, svc->kind, svc->command, err->text);
    if (svc->kind == EXEC_STOP_POST) {
        svc->main_told = true;
        svc->command += exec->may_fail ? 0 : (unsigned)svc->spec->execs[svc->kind].count;
        return EV_MAIN_GONE;
    }
    if (svc->kind != EXEC_START && exec->may_fail)
        return EV_CMD_DONE;
    svc->ending.unborn = true;
    svc_keep_judge(svc);
    coop_while(err, "%s", svc->view.name);
    str_copy(svc->launch_hint, sizeof svc->launch_hint, err->hint);
    log_err(LOG_LEVEL_ERROR, "service", err);
    str_copy(detail, size, err->text + strlen(svc->view.name) + 2);
    if (svc->spec->execs[EXEC_STOP_POST].count > 0)
        return svc_after_empty(svc, detail, size);
    event = svc_verdict(svc, detail, size);
    return event == EV_DIED ? EV_DIED : EV_HOPELESS;
}

enum svc_event svc_launch(struct svc *svc, char *ret_detail, size_t size)
{
    struct coop_err err = {0};

    begin_life(svc);
    if (is_first(svc) && !is_called_for(svc, ret_detail, size)) {
        svc->ending.unborn = true;
        return EV_SUCCEEDED;
    }
    svc->directories = true;
    if (try_launch(svc, &err) < 0)
        return not_launched(svc, &err, ret_detail, size);
    tell_started(svc);
    svc_keep_begin(svc);
    if (svc->kind != EXEC_START || !svc_spec_starts_at_once(svc->spec))
        return SVC_EVENT_COUNT;
    svc->was_ready = true;
    return EV_READY;
}

/* ---- in between ---- */

/* May this sender speak for the service?  Its PID is the kernel's word. */
static bool may_speak(const struct svc *svc, const struct notify_message *message)
{
    enum notify_access access = (enum notify_access)svc->spec->notify_access;

    if (message->sender == svc->holder.main_pid && message->sender > 0)
        return svc->kind == EXEC_START || access != NOTIFY_MAIN;
    if (message->sender == svc->step.holder.main_pid && message->sender > 0)
        return access != NOTIFY_MAIN;
    return svc->spec->notify_access == NOTIFY_ALL && message->uid == uid_of(svc->spec);
}

/* A RELOADING=1 from before the signal tells of another reload. */
static bool answers_signal(const struct svc *svc, const struct notify_message *message)
{
    return svc->view.place != AT_RELOAD_SIGNAL ||
           (message->said_at > 0 && message->said_at >= svc->reload_asked);
}

/* What has a time limit may ask for more, as long as it is not being killed. */
static void extend(struct svc *svc, coop_nsec by)
{
    enum svc_state state = svc_place_state(svc->view.place);
    coop_nsec until = coop_after(coop_now(), by);

    if (svc->view.until == 0 || svc->view.until >= until || svc->view.place == AT_STOP_KILL ||
        (state != ST_STARTING && state != ST_RELOADING && state != ST_STOPPING))
        return;
    svc_set_deadline(svc, until);
    svc_publish(svc);
}

static void on_message(struct svc *svc, struct notify_message *message)
{
    if (message->too_long || !may_speak(svc, message)) {
        if (svc->refusal_told)
            return; /* anybody may send, and as fast as they like: the log is not theirs */
        svc->refusal_told = true;
        log_warn("notify", "%s: a message from process %d is %s", svc->view.name,
                 message->sender,
                 message->too_long ? "too long, refused" : "refused (NotifyAccess=)");
        return;
    }
    if (message->has_status) {
        str_copy(svc->view.status, sizeof svc->view.status, message->status);
        svc_publish(svc);
    }
    if (message->error > 0) {
        svc->view.error = message->error;
        svc_publish(svc);
    }
    if (message->extend > 0)
        extend(svc, message->extend);
    svc_watchdog_hear(svc, message);
    svc_stored_hear(svc, message);
    if (message->main_pid > 0)
        svc_hear_main(svc, message->main_pid);
    if (message->reloading && answers_signal(svc, message))
        svc_feed(svc, EV_RELOADING, NULL);
    if (message->ready && svc_spec_notifies(svc->spec)) {
        svc->was_ready = true;
        svc_feed(svc, EV_READY, NULL);
    }
    if (message->stopping)
        svc_feed(svc, EV_LEAVING, NULL);
}

void svc_on_notify(struct svc *svc)
{
    struct notify_message message;
    int read = 0;

    if (svc->notify.fd < 0)
        return;
    coop_fdwatch_take(&svc->notify.watch);
    for (; read < NOTIFY_BURST && notify_next(&svc->notify, &message); read++) {
        if ((!svc->holder.empty && (!svc->holder.main_gone || svc_lacks_main(svc))) ||
            !svc->step.holder.empty)
            on_message(svc, &message);
        notify_message_done(&message); /* who waits for a barrier waits for this */
    }
    if (read == NOTIFY_BURST) /* who talks without end waits for its turn, like everybody */
        coop_post(&svc->actor, &svc->notify.watch.msg);
}

/* ---- the end ---- */

void svc_take_next_spec(struct svc *svc)
{
    enum svc_state state = svc_place_state(svc->view.place);
    struct svc_spec *old;

    if (!svc->next)
        return;
    if (svc->step.holder.held_by != HELD_BY_NOTHING || svc->view.place == AT_RELOAD_STEP ||
        svc->view.place == AT_STOP_STEP ||
        (state == ST_STOPPING && svc->kind == EXEC_STOP_POST))
        return; /* the command that runs is known by its number in the old one */
    if ((!svc_is_empty(svc) || state == ST_STARTING) &&
        svc_spec_needs_restart(svc->spec, svc->next))
        return;
    if (svc_is_empty(svc) && !strlist_equal(&svc->spec->directories.of[DIRECTORY_RUNTIME],
                                            &svc->next->directories.of[DIRECTORY_RUNTIME]))
        svc_remove_directories(svc, AT_DOWN); /* the next one does not know them */
    old = svc->spec;
    svc->spec = svc->next;
    svc->next = NULL;
    svc_sockets_change(svc);
    svc_spec_unref(old);
    if (svc->view.place == AT_WAITING) /* it may begin with another command */
        svc_first_command(svc);
}

/* Whether the runtime directories go when the service comes to this place. */
static bool gives_up_directories(const struct svc *svc, enum svc_place to)
{
    const struct directories *all = &svc->spec->directories;

    if (to == AT_DOWN && svc->view.wanted_up && all->preserve == PRESERVE_RESTART)
        return false; /* it is restarted by hand */
    if (all->of[DIRECTORY_RUNTIME].count == 0 || all->preserve == PRESERVE_YES)
        return false;
    return to == AT_DOWN || to == AT_DONE || to == AT_FAILED ||
           (to == AT_BACKOFF && all->preserve == PRESERVE_NO);
}

void svc_remove_directories(struct svc *svc, enum svc_place to)
{
    const struct directories *all = &svc->spec->directories;
    struct directory_bases bases;
    struct coop_err err = {0};
    int r;

    if (!svc->directories || !gives_up_directories(svc, to))
        return;
    svc->directories = false;
    directories_bases(&bases);
    coop_block_begin();
    r = directories_remove(all, &bases, &err);
    coop_block_end();
    if (r < 0) {
        coop_while(&err, "%s", svc->view.name);
        log_err(LOG_LEVEL_WARN, "service", &err);
    }
}

void svc_life_over(struct svc *svc)
{
    struct spawn *spawn = svc->world->spawn;

    svc_keep_end(svc);
    if (svc->holder.held_by != HELD_BY_NOTHING) {
        spawn->ops->clear(spawn, svc->spec, &svc->holder);
        if (svc->world->journal)
            journal_end(svc->world->journal, svc->view.name);
    }
    svc_take_next_spec(svc);
}
