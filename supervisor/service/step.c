/*
 * step.c - the commands beside ExecStart=, and what they are told
 *
 * Two sorts.  What runs when main does not (ExecCondition=, ExecStartPre=, ExecStopPost=) is a life
 * like any other: launch.c begins it, svc->holder holds it, the journal has it.  What runs beside
 * main (ExecStartPost=, ExecReload=, ExecStop=) is a *step*: here, with a holder of its own, so
 * that its end is its own and all it leaves behind is found.  There is one at a time.
 *
 * A step of a killed coopd has a name in the journal that no service has, so the next coopd ends it
 * before it does anything else, and runs the commands of that place once more from the first one.
 */
#include "service/svc.h"

#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "journal.h"
#include "text/signames.h"

#define NO_EVENT SVC_EVENT_COUNT

/* ---- what a command is told ---- */

/* systemd's words. */
static const char *result_word(const struct svc *svc)
{
    static const char *const words[ENDING_CLASSES] = {
        [ENDING_SUCCESS] = "success",   [ENDING_CODE] = "exit-code",
        [ENDING_SIGNAL] = "signal",     [ENDING_CORE] = "core-dump",
        [ENDING_TIMEOUT] = "timeout",   [ENDING_PROTOCOL] = "protocol",
        [ENDING_BOUND] = "resources",   [ENDING_WATCHDOG] = "watchdog",
        [ENDING_UNKNOWN] = "resources",
    };
    const struct ending *ending = &svc->ending;

    if (ending->skipped)
        return "exec-condition";
    if (ending->out_of_memory)
        return "oom-kill";
    if (!ending->unborn && ending->kind == EXIT_NONE) /* main runs */
        return ending->timed_out ? "timeout" : "success";
    return words[policy_class(svc->spec, ending)];
}

static void put_exit(const struct ending *ending, struct svc_told *told)
{
    char name[SIGNAME_TEXT];

    if (ending->kind != EXIT_CODE && ending->kind != EXIT_SIGNAL)
        return;
    str_format(told->code, sizeof told->code, "EXIT_CODE=%s",
               ending->kind == EXIT_CODE ? "exited"
               : ending->core            ? "dumped"
                                         : "killed");
    if (ending->kind == EXIT_CODE)
        str_format(told->status, sizeof told->status, "EXIT_STATUS=%d", ending->value);
    else /* "TERM" */
        str_format(told->status, sizeof told->status, "EXIT_STATUS=%s",
                   signame_render(ending->value, name) + strlen("SIG"));
    told->env[told->count++] = told->code;
    told->env[told->count++] = told->status;
}

/* In a PID namespace of its own a command would take the number for another process's. */
static bool sees_main(const struct svc *svc)
{
    return svc->holder.main_pid > 0 && !svc->holder.main_gone &&
           (!svc->spec->launch.private_pids ||
            svc->holder.lost & LAUNCH_BIT(LAUNCH_GUARD_PIDS));
}

void svc_tell_command(const struct svc *svc, enum exec_kind kind, struct svc_told *told)
{
    bool beside = kind == EXEC_START_POST || kind == EXEC_RELOAD || kind == EXEC_STOP;

    told->count = 0;
    if (kind == EXEC_START && svc->spec->watchdog > 0) {
        str_format(told->watchdog, sizeof told->watchdog, "WATCHDOG_USEC=%lld",
                   (long long)(svc->spec->watchdog / COOP_NSEC_PER_USEC));
        told->env[told->count++] = told->watchdog;
        told->env[told->count++] = LAUNCH_WATCHDOG_PID;
    }
    if (beside && sees_main(svc)) {
        str_format(told->main_pid, sizeof told->main_pid, "MAINPID=%d", svc->holder.main_pid);
        told->env[told->count++] = told->main_pid;
    }
    if (kind == EXEC_STOP || kind == EXEC_STOP_POST) {
        str_format(told->result, sizeof told->result, "SERVICE_RESULT=%s", result_word(svc));
        told->env[told->count++] = told->result;
        put_exit(&svc->ending, told);
    }
    told->env[told->count] = NULL;
}

/* ---- how it ended ---- */

bool svc_command_ended_well(const struct exec_spec *exec, const struct ending *ending)
{
    return exec->may_fail ||
           (!ending->unborn && ending->kind == EXIT_CODE && ending->value == 0);
}

void svc_command_text(const struct svc *svc, enum exec_kind kind, unsigned command,
                      const char *what, char *text, size_t size)
{
    const struct exec_list *list = &svc->spec->execs[kind];
    const struct exec_spec *exec = command < list->count ? &list->items[command] : NULL;
    unsigned line = exec ? exec->line : 0;

    str_format(text, size, "%s= (%s:%u) %s", exec_key(kind),
               svc_spec_file(svc->spec, exec && exec->over), line ? line : svc->spec->line,
               what);
}

void svc_command_failed(struct svc *svc, enum exec_kind kind, unsigned command,
                        const char *what)
{
    svc_command_text(svc, kind, command, what, svc->view.step, sizeof svc->view.step);
    log_warn("service", "%s: %s", svc->view.name, svc->view.step);
}

/* ---- the step ---- */

static const struct exec_list *commands_of(const struct svc *svc)
{
    return &svc->spec->execs[svc->step.kind];
}

static const struct exec_spec *exec_of(const struct svc *svc)
{
    return &commands_of(svc)->items[svc->step.command];
}

static enum exec_kind kind_at(enum svc_place place)
{
    if (place == AT_START_POST)
        return EXEC_START_POST;
    return place == AT_RELOAD_STEP ? EXEC_RELOAD : EXEC_STOP;
}

static bool runs_steps(enum svc_place place)
{
    return place == AT_START_POST || place == AT_RELOAD_STEP || place == AT_STOP_STEP;
}

/* The last one ended well: what is it then? */
static enum svc_event all_done(const struct svc *svc)
{
    if (svc->view.place != AT_START_POST)
        return EV_STEP_DONE;
    if (!svc->main_told)
        return EV_READY;
    return svc->spec->remain ? EV_REMAINS : EV_MAIN_GONE;
}

/* It is over, well or not: what comes now? */
static enum svc_event after_step(struct svc *svc, bool well)
{
    if (!well)
        return EV_STEP_FAILED;
    if (svc->step.command + 1 == commands_of(svc)->count)
        return all_done(svc);
    svc->step.command++;
    return EV_STEP_NEXT;
}

static void journal_name(const struct svc *svc, char name[SVC_NAME_MAX + 2])
{
    str_format(name, SVC_NAME_MAX + 2, "%s%c", svc->view.name, STEP_MARK);
}

static void write_down(void *arg, const struct holder *holder)
{
    struct svc *svc = arg;
    char name[SVC_NAME_MAX + 2];

    journal_name(svc, name);
    svc_write_down(svc, name, holder);
}

static void forget(struct svc *svc)
{
    char name[SVC_NAME_MAX + 2];

    journal_name(svc, name);
    if (svc->world->journal)
        journal_gone(svc->world->journal, name);
}

static void arm(struct svc *svc)
{
    if (svc->view.place == AT_STOP_STEP)
        svc_set_deadline(svc, coop_after(coop_now(), svc->spec->stop_timeout));
    else if (svc->view.until == 0)
        svc_set_deadline(svc, coop_after(coop_now(), svc->spec->start_timeout));
}

static enum svc_event launch(struct svc *svc, char *detail, size_t size)
{
    struct svc_step *step = &svc->step;
    struct spawn_order order = {.spec = svc->spec,
                                .kind = step->kind,
                                .command = step->command,
                                .beside = true,
                                .kind_top = MSG_STEP_TOP,
                                .kind_watch = MSG_STEP_WATCH,
                                .born = write_down};
    struct coop_err err = {0};

    arm(svc);
    step->ending = (struct ending){0};
    step->told = false;
    if (svc_launch_one(svc, &order, &step->holder, &err) == 0) {
        log_info("service", "%s: process %d runs %s=%s", svc->view.name, step->holder.main_pid,
                 exec_key(step->kind), exec_of(svc)->argv.items[0]);
        return NO_EVENT;
    }
    forget(svc);
    svc_command_failed(svc, step->kind, step->command, err.text);
    str_copy(detail, size, svc->view.step);
    return after_step(svc, exec_of(svc)->may_fail);
}

enum svc_event svc_step_first(struct svc *svc, char *detail, size_t size)
{
    struct svc_step *step = &svc->step;

    if (!step->holder.empty) { /* a reload is under way, and it is to stop */
        step->waits = true;
        arm(svc);
        svc_step_kill(svc);
        return NO_EVENT;
    }
    step->kind = kind_at(svc->view.place);
    step->command = 0;
    if (commands_of(svc)->count == 0) /* the configuration has changed since */
        return all_done(svc);
    return launch(svc, detail, size);
}

enum svc_event svc_step_next(struct svc *svc, char *detail, size_t size)
{
    return launch(svc, detail, size);
}

void svc_step_signal(struct svc *svc, int signo)
{
    struct spawn *spawn = svc->world->spawn;

    if (!svc->step.holder.empty)
        spawn->ops->signal(spawn, &svc->step.holder, signo);
}

void svc_step_kill(struct svc *svc)
{
    struct spawn *spawn = svc->world->spawn;
    struct holder *holder = &svc->step.holder;

    if (holder->empty)
        return;
    svc->step.ending.timed_out = true;
    if (spawn->ops->kill(spawn, holder) < 0)
        spawn->ops->kill(spawn, holder);
    if (holder->main_gone)
        spawn->ops->watch_rest(spawn, holder, &svc->actor, MSG_STEP_WATCH);
}

void svc_step_over(struct svc *svc)
{
    if (svc->step.holder.held_by == HELD_BY_NOTHING)
        return;
    svc->world->spawn->ops->clear(svc->world->spawn, svc->spec, &svc->step.holder);
    forget(svc);
}

/* What it leaves behind is asked to end; the place's timer sees to those who do not. */
static void learn(struct svc *svc)
{
    struct spawn *spawn = svc->world->spawn;
    struct svc_step *step = &svc->step;
    char text[120];

    step->told = true;
    spawn->ops->learn_end(spawn, svc->spec, &step->holder, &step->ending);
    if (!svc_command_ended_well(exec_of(svc), &step->ending))
        svc_command_failed(svc, step->kind, step->command,
                           policy_ending_text(&step->ending, text, sizeof text));
    if (step->holder.empty)
        return;
    spawn->ops->watch_rest(spawn, &step->holder, &svc->actor, MSG_STEP_WATCH);
    spawn->ops->signal(spawn, &step->holder, SIGTERM);
}

/* No process of it is left. */
static void finish(struct svc *svc)
{
    struct svc_step *step = &svc->step;
    bool well = svc_command_ended_well(exec_of(svc), &step->ending) && !step->ending.timed_out;
    bool waits = step->waits;
    enum svc_event event = NO_EVENT;
    char detail[160] = "";

    step->waits = false;
    svc_step_over(svc);
    if (!runs_steps(svc->view.place)) {
        svc_tree_news(svc); /* it may have been the last of all */
        return;
    }
    if (waits) {
        event = svc_step_first(svc, detail, sizeof detail);
    } else if (step->kind == kind_at(svc->view.place)) {
        if (!well)
            str_copy(detail, sizeof detail, svc->view.step);
        event = after_step(svc, well);
    }
    svc_feed(svc, event, detail);
}

void svc_on_step_news(struct svc *svc, const struct coop_msg *msg)
{
    struct spawn *spawn = svc->world->spawn;
    struct svc_step *step = &svc->step;

    if (step->holder.held_by == HELD_BY_NOTHING)
        return;
    spawn->ops->news(spawn, &step->holder, MSG_STEP_TOP, msg);
    if (step->holder.main_gone && !step->told)
        learn(svc);
    if (step->holder.empty)
        finish(svc);
}
