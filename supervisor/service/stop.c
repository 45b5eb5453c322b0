/*
 * stop.c - how a service is ended: asked, its rest asked or killed, all killed
 *
 *     KillMode=        control-group            mixed                    process
 *     asked            all its processes        main                     main
 *     when main ends   what is left is asked    what is left is killed   nothing
 *     out of time      all is killed            all is killed            all is killed
 *
 * A stop is over when no process is left, so there is no KillMode= that leaves some.  With
 * SendSIGKILL=no nobody is killed, and the service is stuck until the last one has ended.
 */
#include "service/svc.h"

#include <signal.h>

#include "base/log.h"
#include "base/str.h"

/* How long processes may take to die of SIGKILL before the service is called stuck. */
#define KILL_TIMEOUT (10 * COOP_NSEC_PER_SEC)

/* KillMode=: all its processes, or the main one. */
static void signal_politely(struct svc *svc, int signo)
{
    struct spawn *spawn = svc->world->spawn;

    if (svc->spec->kill_mode == KILL_MODE_ALL) {
        spawn->ops->signal(spawn, &svc->holder, signo);
        return;
    }
    spawn->ops->signal_main(spawn, &svc->holder, signo);
    spawn->ops->signal_main(spawn, &svc->holder,
                            SIGCONT); /* a stopped one could not act on it */
}

enum svc_event svc_signal_stop(struct svc *svc, int signo, coop_nsec patience)
{
    if (svc_is_empty(svc))
        return EV_MAIN_GONE; /* nothing runs (up/exited): straight on to the empty tree */
    svc_set_deadline(svc, coop_after(coop_now(), patience));
    svc_step_signal(svc, SIGTERM);
    if (svc->holder.empty)
        return EV_MAIN_GONE;
    signal_politely(svc, signo);
    /* Main may be gone already: a oneshot that counts as up and left something running. */
    return svc->holder.main_gone ? EV_MAIN_GONE : SVC_EVENT_COUNT;
}

/* What main has left behind. */
static void end_rest(struct svc *svc)
{
    struct spawn *spawn = svc->world->spawn;

    if (svc->spec->kill_mode == KILL_MODE_PROCESS)
        return;
    if (svc->spec->kill_mode == KILL_MODE_MIXED && svc->spec->send_kill) {
        spawn->ops->kill(spawn, &svc->holder);
        return;
    }
    spawn->ops->signal(spawn, &svc->holder, svc->spec->kill_signal);
    if (svc->spec->kill_signal != SIGTERM) /* KillSignal= is main's language, not everybody's */
        spawn->ops->signal(spawn, &svc->holder, SIGTERM);
}

enum svc_event svc_clean_tree(struct svc *svc, char *detail, size_t size)
{
    struct spawn *spawn = svc->world->spawn;

    if (svc_is_empty(svc))
        return svc_after_empty(svc, detail, size);
    svc_step_signal(svc, SIGTERM);
    if (!svc->holder.empty) {
        spawn->ops->watch_rest(spawn, &svc->holder, &svc->actor, MSG_WATCH);
        end_rest(svc);
    }
    if (svc->view.until == 0)
        svc_set_deadline(svc, coop_after(coop_now(), svc->spec->stop_timeout));
    str_copy(svc->view.waiting_for, sizeof svc->view.waiting_for, "processes it left behind");
    return SVC_EVENT_COUNT;
}

void svc_kill_tree(struct svc *svc)
{
    struct spawn *spawn = svc->world->spawn;

    svc_step_kill(svc);
    svc_set_deadline(svc, coop_after(coop_now(), KILL_TIMEOUT));
    if (svc->holder.empty)
        return;
    if (svc->kind != EXEC_STOP_POST)
        svc->ending.timed_out = true;
    if (!svc->spec->send_kill && !svc->hurried && svc->ending.broken == LAUNCH_RESULT_EXIT) {
        log_warn("service", "%s: did not stop in time, and SendSIGKILL=no", svc->view.name);
        if (svc->holder.main_gone)
            spawn->ops->watch_rest(spawn, &svc->holder, &svc->actor, MSG_WATCH);
        return;
    }
    /* No step comes after this one: what is refused is asked once more. */
    if (spawn->ops->kill(spawn, &svc->holder) < 0)
        spawn->ops->kill(spawn, &svc->holder);
    if (svc->holder.main_gone)
        spawn->ops->watch_rest(spawn, &svc->holder, &svc->actor, MSG_WATCH);
}
