/*
 * view_json.c - what the board shows of a service, in the words of the interface file
 */
#include "control/view_json.h"

#include "control/varlink.h"
#include "text/signames.h"
#include "text/units.h"

#include <string.h>

/* Text of ours or of a service: any bytes; "" is null. */
static json_t *text_or_null(const char *text)
{
    return text && text[0] ? varlink_string(text, strlen(text)) : json_null();
}

static json_t *pid_or_null(pid_t pid)
{
    return pid > 0 ? json_integer(pid) : json_null();
}

static json_t *holder_json(enum svc_held_by held_by)
{
    switch (held_by) {
    case HELD_BY_NOTHING: break;
    case HELD_BY_PIDNS: return json_string("pid_namespace");
    case HELD_BY_CGROUP: return json_string("cgroup");
    case HELD_BY_SUBREAPER: return json_string("subreaper");
    case HELD_BY_ITSELF: return json_string("direct");
    }
    return json_null();
}

/* Whole seconds of a length of time that may not be negative. */
static json_int_t seconds(coop_nsec length)
{
    return length > 0 ? length / COOP_NSEC_PER_SEC : 0;
}

json_t *ctl_exit_json(const struct svc_view *view)
{
    char signame[SIGNAME_TEXT];

    switch ((enum svc_exit_kind)view->exit_kind) {
    case EXIT_NONE:
    case EXIT_UNKNOWN: break;
    case EXIT_CODE: return json_pack("{s:i}", "code", view->exit_value);
    case EXIT_SIGNAL:
        return json_pack("{s:s, s:b}", "signal", signame_render(view->exit_value, signame),
                         "core", view->core);
    }
    return json_null();
}

json_t *ctl_service_json(const struct svc_view *view, coop_nsec now, const char *description,
                         const char *sandbox, const char *set, json_t *sockets)
{
    char since[UNITS_TEXT];
    bool timed = view->until != 0 && view->until != COOP_FOREVER;

    /* clang-format off */
    return json_pack(
        "{s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:I, s:I}",
        "name", varlink_string(view->name, strlen(view->name)),
        "description", text_or_null(description),
        "state", svc_state_word(svc_place_state(view->place)),
        "substate", svc_place_sub(view->place),
        "wanted", view->wanted_up ? "up" : "down",
        "pid", pid_or_null(view->main_pid),
        "top_pid", pid_or_null(view->top_pid),
        "holder", holder_json((enum svc_held_by)view->held_by),
        "since", units_render_time(view->since_wall, since),
        "uptime_s", view->up_since ? seconds(now - view->up_since) : (json_int_t)0,
        "restarts", (json_int_t)view->restarts,
        "last_exit", ctl_exit_json(view),
        "result", text_or_null(view->result),
        "waiting_for", text_or_null(view->waiting_for),
        "patience_s", timed ? json_integer(seconds(view->until - now)) : json_null(),
        "reason", varlink_string(view->reason, strlen(view->reason)),
        "status", text_or_null(view->status),
        "error", view->error > 0 ? json_integer(view->error) : json_null(),
        "failed_command", text_or_null(view->step),
        "adopted", view->adopted,
        "sandbox", text_or_null(sandbox),
        "set", text_or_null(set),
        "sockets", sockets ? sockets : json_array(),
        "listening", (json_int_t)view->listening,
        "stored", (json_int_t)view->stored);
    /* clang-format on */
}
