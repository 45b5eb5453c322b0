/*
 * keep.c - keeping a service within its bounds: time, CPU time, output, and what is looked for
 *
 * Who launches keeps the bounds of the tree from outside (launcher/limits/bounds.h).  Here that is
 * the service's own handler: a timer of its own says when to look next, and the output says when it
 * has passed on all that it may.  What is used up becomes one event, and the state table does the
 * rest.
 *
 * Most services have no bounds, so what is needed for them is made at the first launch that has.
 */
#include "service/svc.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "coop/coro.h"
#include "launcher/limits/result.h"

struct svc_keep {
    struct coop_timer timer;
    struct output_over over;
};

static bool has_bounds(const struct launch_bounds *bounds)
{
    return bounds->wall_time != LAUNCH_UNBOUND || bounds->cpu_time != LAUNCH_UNBOUND ||
           bounds->output != LAUNCH_UNBOUND || bounds->memory_max != LAUNCH_UNBOUND ||
           bounds->tasks_max != LAUNCH_UNBOUND || bounds->disk_max != LAUNCH_UNBOUND ||
           bounds->disk_files_max != LAUNCH_UNBOUND;
}

int svc_keep_open(struct svc *svc, struct coop_err *err)
{
    if (!svc->keep && !has_bounds(&svc->spec->launch.bounds))
        return 0;
    if (!svc->keep) {
        svc->keep = calloc(1, sizeof *svc->keep);
        if (!svc->keep)
            return coop_fail(err, COOP_E_LIMIT, "no memory for its bounds");
        coop_timer_init(&svc->keep->timer, &svc->actor, MSG_BOUND);
        output_over_init(&svc->keep->over, &svc->actor, MSG_OVER);
    }
    output_bound(svc->output, svc->spec->launch.bounds.output, &svc->keep->over);
    return 0;
}

void svc_keep_again(struct svc *svc)
{
    if (svc->keep)
        output_go_on(svc->output, &svc->keep->over);
}

/* ---- using up ---- */

/* Whether it is still to be asked: who is being stopped has been. */
static bool may_be_asked(const struct svc *svc)
{
    coop_nsec grace = svc->spec->launch.bounds.stop_grace;

    if (grace == 0 || grace == LAUNCH_UNBOUND)
        return false;
    return svc_step(svc->view.place, EV_BOUND_ASK) != NULL;
}

/* What it has left behind does not change how it ended, unless that was well. */
static bool has_ended_badly(const struct svc *svc)
{
    return svc->main_told && policy_class(svc->spec, &svc->ending) != ENDING_SUCCESS;
}

static void used_up(struct svc *svc, enum launch_result result)
{
    const struct ending before = svc->ending;
    char detail[40];
    bool badly;

    if (svc->holder.empty || svc->ending.broken != LAUNCH_RESULT_EXIT)
        return;
    badly = has_ended_badly(svc) || svc->kind == EXEC_STOP_POST; /* of main */
    svc->ending.broken = result;
    if (svc->main_told && !badly)
        str_copy(svc->view.result, sizeof svc->view.result, launch_result_name(result));
    coop_timer_stop(&svc->keep->timer);
    str_copy(detail, sizeof detail, launch_result_key(result));
    log_warn("service", "%s: ended, because %s is used up", svc->view.name, detail);
    svc_feed(svc, may_be_asked(svc) ? EV_BOUND_ASK : EV_BOUND, detail);
    if (badly) /* being killed now is no ending of its own either */
        svc->ending = before;
}

void svc_keep_look(struct svc *svc)
{
    struct spawn *spawn = svc->world->spawn;
    coop_nsec next = COOP_FOREVER;
    enum launch_result result;

    if (svc->holder.empty || svc->ending.broken != LAUNCH_RESULT_EXIT)
        return;
    result = spawn->ops->look(spawn, &svc->holder, &next);
    if (result != LAUNCH_RESULT_EXIT)
        used_up(svc, result);
    else
        coop_timer_set(&svc->keep->timer, next);
}

void svc_keep_begin(struct svc *svc)
{
    if (svc->keep)
        svc_keep_look(svc);
}

void svc_keep_over(struct svc *svc)
{
    output_over_take(&svc->keep->over);
    if (output_is_over(svc->output)) /* this life's, not the last one's */
        used_up(svc, LAUNCH_RESULT_OUTPUT);
}

/* ---- the end ---- */

void svc_keep_judge(struct svc *svc)
{
    struct ending *ending = &svc->ending;
    const struct launch_spec *spec = &svc->spec->launch;
    bool asked = svc->stop_asked; /* then a refusal some time ago is not why it ended */
    struct run_end end = {.out_of_memory = ending->out_of_memory && !asked,
                          .out_of_tasks = ending->out_of_tasks && !asked,
                          .out_of_disk = ending->out_of_disk && !asked,
                          .signal = ending->kind == EXIT_SIGNAL ? ending->value : 0,
                          .code = ending->kind == EXIT_CODE ? ending->value : 0};

    /* What it has printed last may not have been read yet. */
    if (svc->keep && ending->broken == LAUNCH_RESULT_EXIT && output_is_over(svc->output))
        ending->broken = LAUNCH_RESULT_OUTPUT;
    end.broken = ending->broken;
    if (ending->unborn)
        str_copy(svc->view.result, sizeof svc->view.result,
                 launch_result_name(LAUNCH_RESULT_SETUP_ERROR));
    else if (ending->kind == EXIT_UNKNOWN && end.broken == LAUNCH_RESULT_EXIT)
        svc->view.result[0] = '\0';
    else
        str_copy(svc->view.result, sizeof svc->view.result,
                 launch_result_name(run_end_result(&end, spec)));
}

void svc_keep_end(struct svc *svc)
{
    if (!svc->keep)
        return;
    coop_timer_stop(&svc->keep->timer);
    output_bound(svc->output, LAUNCH_UNBOUND, NULL);
}

void svc_keep_done(struct svc *svc)
{
    if (!svc->keep)
        return;
    coop_timer_stop(&svc->keep->timer);
    coop_timer_done(&svc->keep->timer);
}
