/*
 * list.c - List: what the board shows, one service in each answer
 */
#include "control/room.h"
#include "control/varlink.h"
#include "control/view_json.h"

#include <string.h>

#include "base/str.h"
#include "config/spec.h"
#include "coop/coro.h"
#include "daemon.h"
#include "events/board.h"

/* Not written out: a native section prefers all of 'service', a systemd unit has none. */
static const char *profile_of(const struct svc_spec *spec)
{
    if (spec->sandbox)
        return spec->sandbox;
    return spec->launch.prefer ? "service" : "none";
}

/* NULL: none. */
static json_t *sockets_of(const struct svc_spec *spec)
{
    json_t *all = spec->sockets.count > 0 ? json_array() : NULL;

    for (size_t i = 0; all && i < spec->sockets.count; i++) {
        const struct listen_list *listen = &spec->sockets.items[i]->listen;

        for (size_t k = 0; k < listen->count; k++) {
            char text[LISTEN_TEXT_MAX + 32];

            str_format(text, sizeof text, "%s=%s", listen_key(listen->items[k].kind),
                       listen->items[k].text);
            json_array_append_new(all, varlink_string(text, strlen(text)));
        }
    }
    return all;
}

/* 'hint' as daemon_spec() has it. */
static int tell(struct ctl_call *call, const struct svc_view *view, size_t *hint)
{
    struct svc_spec *spec = daemon_spec(call->control->daemon, view->name, hint);
    json_t *service = ctl_service_json(view, coop_now(), spec ? spec->description : NULL,
                                       spec ? profile_of(spec) : NULL, spec ? spec->set : NULL,
                                       spec ? sockets_of(spec) : NULL);

    svc_spec_unref(spec);
    return ctl_stream(call, json_pack("{s:o}", "service", service));
}

static int tell_all(struct ctl_call *call, struct board *board)
{
    struct svc_view view;
    size_t hint = 0;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < board_limit(board); i++)
        if (board_read(board, i, &view))
            r = tell(call, &view, &hint);
    return r;
}

int ctl_list(struct ctl_call *call)
{
    struct board *board = daemon_board(call->control->daemon);
    const struct ctl_args *args = &call->args;
    struct svc_view view;
    int r = 0;

    if (!args->named)
        r = tell_all(call, board);
    for (size_t i = 0; i < args->count;
         i++) /* all names first: an answer is whole or an error */
        if (!board_find(board, args->services[i], &view))
            return ctl_no_such_service(call, args->services[i]);
    for (size_t i = 0; r == 0 && i < args->count; i++)
        if (board_find(board, args->services[i], &view))
            r = tell(call, &view, NULL);
    return r < 0 ? r : ctl_stream_end(call, NULL);
}
