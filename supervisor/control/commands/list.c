/*
 * list.c - List: what the board shows, one service in each answer
 */
#include "control/room.h"
#include "control/view_json.h"

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

/* 'hint' as daemon_spec() has it. */
static int tell(struct ctl_call *call, const struct svc_view *view, size_t *hint)
{
    struct svc_spec *spec = daemon_spec(call->control->daemon, view->name, hint);
    json_t *service = ctl_service_json(view, coop_now(), spec ? spec->description : NULL,
                                       spec ? profile_of(spec) : NULL);

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
