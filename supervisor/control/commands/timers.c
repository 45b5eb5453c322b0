/*
 * timers.c - Timers: when what is started next
 */
#include "control/room.h"

#include "base/scope.h"
#include "base/sys.h"
#include "daemon.h"
#include "text/units.h"
#include "timers/timers.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static int64_t wall_now(void)
{
    struct timespec now = {0};

    sys_clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec;
}

static json_t *time_or_null(int64_t wall)
{
    char text[UNITS_TEXT];

    return wall ? json_string(units_render_time(wall, text)) : json_null();
}

static json_t *seconds_or_null(int64_t wall, int64_t span)
{
    return wall ? json_integer(span / COOP_NSEC_PER_SEC) : json_null();
}

static json_t *timer_json(const struct timer_view *timer, int64_t now)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", timer->name, "service",
                     timer->service, "next", time_or_null(timer->next), "left_s",
                     seconds_or_null(timer->next, timer->next - now), "last",
                     time_or_null(timer->last), "passed_s",
                     seconds_or_null(timer->last, now - timer->last));
}

int ctl_timers(struct ctl_call *call)
{
    size_t count;
    SCOPED_FREE struct timer_view *timers = daemon_timers(call->control->daemon, &count);
    json_t *list = json_array();

    if (!timers) {
        struct coop_err err = {0};

        json_decref(list);
        coop_fail_sys(&err, ENOMEM, "timers");
        return ctl_fail(call, &err);
    }
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, timer_json(&timers[i], wall_now()));
    return ctl_reply(call, json_pack("{s:o}", "timers", list));
}
