/*
 * reexec.c - Reexec: another program in coopd's place
 *
 * The call is the daemon's to carry out.  It pauses this room, and with it whoever asked; so the
 * answer is given when the room has opened again: by the next program, or by this one, when the
 * next one could not be had.
 */
#include "control/room.h"

#include "coop/select.h"
#include "daemon.h"

#include <errno.h>
#include <string.h>

int ctl_reexec(struct ctl_call *call)
{
    struct daemon *daemon = call->control->daemon;
    struct daemon_info info;
    struct coop_err err = {0};
    int r;

    if (call->progress) { /* the call was begun by another program */
        daemon_describe(daemon, &info);
        return ctl_reply(call, json_pack("{s:i, s:s, s:o}", "pid", info.pid, "version",
                                         info.version, "program",
                                         varlink_string(info.program, strlen(info.program))));
    }
    if (call->again || daemon_reexec(daemon, call->args.path, &err) < 0) {
        if (call->again)
            daemon_reexec_failure(daemon, &err);
        return ctl_fail(call, &err);
    }
    r = coop_recv(call->control->stop, NULL, COOP_FOREVER);
    if (ctl_pauses(call->control, r))
        return r;
    coop_fail(&err, COOP_E_BUSY, "coopd is ending");
    return ctl_fail(call, &err);
}
