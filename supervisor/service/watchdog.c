/*
 * watchdog.c - a service that must say in time that it is alive
 *
 * The time runs while it is up, from when it came to be, and begins anew with each WATCHDOG=1.  A
 * coopd that was stopped itself has not heard for a while what was said: so the socket is emptied
 * before anything is concluded, and who could not have been heard in time gets the same time again.
 */
#include "service/svc.h"

#include "base/log.h"
#include "base/str.h"
#include "text/units.h"

/* Who is looked at later than by this was not seen in time: coopd itself was stopped. */
#define LATE COOP_NSEC_PER_SEC

static bool is_watched(enum svc_place place)
{
    return place == AT_START_POST || place == AT_UP || place == AT_RELOADING ||
           place == AT_RELOAD_SIGNAL || place == AT_RELOAD_STEP;
}

static void arm(struct svc *svc)
{
    svc->watchdog_until = coop_after(coop_now(), svc->watchdog_every);
    coop_timer_set(&svc->watchdog, svc->watchdog_until);
}

void svc_watchdog_follow(struct svc *svc, enum svc_place from)
{
    bool watched = is_watched(svc->view.place);

    if (watched && svc->watchdog_every > 0 && !is_watched(from))
        arm(svc);
    else if (!watched)
        coop_timer_stop(&svc->watchdog);
}

static void bite(struct svc *svc, const char *why)
{
    coop_timer_stop(&svc->watchdog);
    svc->ending.watchdog = true;
    svc_feed(svc, EV_WATCHDOG, why);
}

void svc_watchdog_hear(struct svc *svc, const struct notify_message *message)
{
    if (message->watchdog_every > 0) {
        svc->watchdog_every = message->watchdog_every;
        svc_note_state(svc);
    }
    if (!is_watched(svc->view.place))
        return;
    if (message->watchdog == WATCHDOG_TRIGGER)
        bite(svc, "it said so itself");
    else if (svc->watchdog_every > 0 &&
             (message->watchdog == WATCHDOG_PING || message->watchdog_every > 0))
        arm(svc);
}

void svc_on_watchdog(struct svc *svc)
{
    coop_nsec deadline = svc->watchdog_until;
    char text[UNITS_TEXT + 32], every[UNITS_TEXT];

    svc_on_notify(svc); /* what was said in time */
    if (!is_watched(svc->view.place) || svc->watchdog_until != deadline)
        return;
    if (coop_now() >=
        coop_after(deadline, svc->watchdog_every > LATE ? svc->watchdog_every : LATE)) {
        log_warn("service", "%s: its watchdog was looked at late, it gets its time again",
                 svc->view.name);
        arm(svc);
        return;
    }
    str_format(text, sizeof text, "no WATCHDOG=1 in %s",
               units_render_duration(svc->watchdog_every, every));
    bite(svc, text);
}
