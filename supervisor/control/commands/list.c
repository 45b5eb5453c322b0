/*
 * list.c - List: what the board shows, one service in each answer
 */
#include "control/room.h"
#include "control/view_json.h"

#include "coop/coro.h"
#include "daemon.h"
#include "events/board.h"

static int tell(struct ctl_call *call, const struct svc_view *view)
{
    return ctl_stream(
        call, json_pack("{s:o}", "service", ctl_service_json(view, coop_now(), NULL, NULL)));
}

static int tell_all(struct ctl_call *call, struct board *board)
{
    struct svc_view view;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < board_limit(board); i++)
        if (board_read(board, i, &view))
            r = tell(call, &view);
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
            r = tell(call, &view);
    return r < 0 ? r : ctl_stream_end(call, NULL);
}
