/*
 * groups.c - Groups: what groups there are; and what the name of one means in other calls
 *
 * Wherever services are named a group may stand for its services, in its order.  Which of them a
 * verb means is as with "all": restart leaves alone what nobody wants up (unless that is all of
 * them), reload and kill what does not run.
 */
#include "control/room.h"

#include "daemon.h"
#include "events/board.h"
#include "group/group.h"
#include "text/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- a group's name for its services ---- */

struct expansion {
    struct board *board;
    const struct ctl_verb *verb;
    struct strlist *names;
    bool whole; /* all of them, whatever the verb would leave alone */
    int r;
};

static bool is_meant(const struct expansion *to, const struct svc_view *view)
{
    enum svc_state state = svc_place_state(view->place);

    if (to->verb->id == CTL_RESTART)
        return view->wanted_up;
    if (to->verb->id == CTL_RELOAD)
        return state == ST_UP;
    return to->verb->id != CTL_KILL || view->main_pid != 0;
}

static void add_name(void *arg, const char *service)
{
    struct expansion *to = arg;
    struct svc_view view;

    if (to->r == 0 &&
        (to->whole || (board_find(to->board, service, &view) && is_meant(to, &view))))
        to->r = strlist_add(to->names, service);
}

/* 0; -ENOENT: no such group; -ENOMEM. */
static int expand(struct ctl_args *args, struct daemon *daemon, const struct ctl_verb *verb,
                  const char *name)
{
    struct expansion to = {
        .board = daemon_board(daemon), .verb = verb, .names = &args->expanded};
    size_t before = args->expanded.count;
    int r = daemon_group_services(daemon, name, add_name, &to);

    if (r == 0 && to.r == 0 && args->expanded.count == before && verb->id == CTL_RESTART) {
        to.whole = true;
        r = daemon_group_services(daemon, name, add_name, &to);
    }
    if (r == 0 && (verb->id == CTL_START || to.whole))
        daemon_group_clear(daemon, name);
    return r < 0 ? r : to.r;
}

static bool is_service(struct daemon *daemon, const char *name)
{
    struct svc_view view;

    return board_find(daemon_board(daemon), name, &view);
}

int ctl_expand_groups(struct daemon *daemon, const struct ctl_verb *verb, struct ctl_args *args)
{
    const char **services;
    int r = 0;

    if (!(verb->params & CTL_P_SERVICES))
        return 0;
    for (size_t i = 0; r == 0 && i < args->count; i++) {
        r = is_service(daemon, args->services[i])
                ? -ENOENT
                : expand(args, daemon, verb, args->services[i]);
        if (r == -ENOENT) /* a service, or what is told as one that is missing */
            r = strlist_add(&args->expanded, args->services[i]);
    }
    if (r < 0)
        return r;
    services = reallocarray(NULL, args->expanded.count + 1, sizeof *services);
    if (!services)
        return -ENOMEM;
    for (size_t i = 0; i < args->expanded.count; i++)
        services[i] = args->expanded.items[i];
    free(args->services);
    args->services = services;
    args->count = args->expanded.count;
    return 0;
}

/* ---- all of them ---- */

struct listing {
    struct daemon *daemon;
    json_t *groups;
};

/* What its services do, in one word: the worst of it first. */
static const char *state_of(struct board *board, const json_t *services)
{
    unsigned starting = 0, stopping = 0, up = 0, failed = 0;
    size_t i;
    json_t *service;

    json_array_foreach(services, i, service)
    {
        struct svc_view view;

        if (!board_find(board, json_string_value(service), &view))
            continue;
        switch (svc_place_state(view.place)) {
        case ST_WAITING:
        case ST_STARTING:
        case ST_BACKOFF: starting++; break;
        case ST_UP:
        case ST_RELOADING: up++; break;
        case ST_STOPPING: stopping++; break;
        case ST_FAILED: failed++; break;
        case ST_DOWN:
        case ST_DONE:
        case SVC_STATE_COUNT: break;
        }
    }
    return starting   ? "starting"
           : stopping ? "stopping"
           : up       ? (failed ? "degraded" : "up")
           : failed   ? "failed"
                      : "down";
}

static const char *group_state(const struct group_view *view, struct board *board,
                               const json_t *services)
{
    const char *word = state_of(board, services);

    if (view->phase == GROUP_ROUND)
        return "restarting";
    if (view->phase == GROUP_FAILING)
        return "failing";
    return view->phase == GROUP_FAILED && strcmp(word, "down") == 0 ? "failed" : word;
}

static json_t *text_or_null(const char *text)
{
    return text && text[0] ? varlink_string(text, strlen(text)) : json_null();
}

/* Its services by the board, which needs no lock of the daemon's. */
static void add_group(void *arg, const struct group_spec *spec, const struct group_view *view,
                      const char *parent)
{
    struct listing *to = arg;
    json_t *members = json_array(), *services = json_array();
    char since[UNITS_TEXT];

    for (size_t i = 0; i < spec->members.names.count; i++)
        json_array_append_new(members, json_string(spec->members.names.items[i]));
    json_array_append_new(
        to->groups,
        json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:s, s:o}", "name",
                  spec->name, "description", text_or_null(spec->description), "strategy",
                  group_strategy_word(view->strategy), "phase", group_phase_word(view->phase),
                  "parent", text_or_null(parent), "members", members, "services", services,
                  "intensity", view->intensity, "period_s",
                  view->period == COOP_FOREVER ? 0 : (int)(view->period / COOP_NSEC_PER_SEC),
                  "failures", (int)view->failures, "rounds", (int)view->rounds, "since",
                  units_render_time(view->since_wall, since), "reason",
                  text_or_null(view->reason)));
}

static void add_service(void *arg, const char *service)
{
    json_array_append_new(arg, json_string(service));
}

/* One more walk each, because the first one holds the daemon's lock. */
static void add_services(struct daemon *daemon, json_t *group)
{
    const char *name = json_string_value(json_object_get(group, "name"));
    json_t *services = json_object_get(group, "services");
    struct group_view view = {0};

    daemon_group_services(daemon, name, add_service, services);
    for (int phase = 0; phase < GROUP_PHASES; phase++)
        if (strcmp(group_phase_word((enum group_phase)phase),
                   json_string_value(json_object_get(group, "phase"))) == 0)
            view.phase = (enum group_phase)phase;
    json_object_set_new(group, "state",
                        json_string(group_state(&view, daemon_board(daemon), services)));
    json_object_del(group, "phase");
}

int ctl_groups(struct ctl_call *call)
{
    struct listing to = {.daemon = call->control->daemon, .groups = json_array()};
    size_t i;
    json_t *group;

    daemon_each_group(to.daemon, add_group, &to);
    json_array_foreach(to.groups, i, group) add_services(to.daemon, group);
    return ctl_reply(call, json_pack("{s:o}", "groups", to.groups));
}
