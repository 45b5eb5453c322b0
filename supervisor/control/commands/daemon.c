/*
 * daemon.c - Daemon and Shutdown: coopd itself
 */
#include "control/room.h"

#include "base/sys.h"
#include "coop/coro.h"
#include "daemon.h"
#include "text/units.h"

#include <time.h>

static json_int_t seconds_since(int64_t wall)
{
    struct timespec now = {0};

    sys_clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - wall / COOP_NSEC_PER_SEC;
}

static unsigned count_clients(struct control *control)
{
    unsigned count;

    coop_mutex_lock(&control->lock);
    count = control->clients;
    coop_mutex_unlock(&control->lock);
    return count;
}

int ctl_daemon(struct ctl_call *call)
{
    char started[UNITS_TEXT];
    struct daemon_info info;

    daemon_describe(call->control->daemon, &info);
    /* clang-format off */
    return ctl_reply(call, json_pack(
        "{s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:s, s:s, s:s}",
        "pid", info.pid,
        "version", info.version,
        "started", units_render_time(info.started_wall, started),
        "uptime_s", seconds_since(info.started_wall),
        "services", (json_int_t)info.services,
        "clients", (json_int_t)count_clients(call->control),
        "fds", (json_int_t)info.fds,
        "memory_rss", (json_int_t)info.memory_rss,
        "memory_pss", info.memory_pss ? json_integer((json_int_t)info.memory_pss) : json_null(),
        "orphans_reaped", (json_int_t)info.orphans_reaped,
        "reloads", (json_int_t)info.reloads,
        "socket", info.socket,
        "state_dir", info.state_dir,
        "log_dir", info.log_dir));
    /* clang-format on */
}

/* The answer leaves first: once the services are down nobody waits for slow readers. */
int ctl_shutdown(struct ctl_call *call)
{
    int r = ctl_reply(call, NULL);

    if (r == 0)
        r = ctl_flush(call);
    daemon_shutdown(call->control->daemon);
    return r;
}
