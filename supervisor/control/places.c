/*
 * places.c - where coopd is met when nobody says otherwise
 */
#include "control/places.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>

int ctl_default_socket(uid_t uid, const char *runtime_dir, char *ret_path, size_t size)
{
    if (uid == 0)
        return str_format(ret_path, size, "/run/coop/control.sock");
    if (runtime_dir && runtime_dir[0])
        return str_format(ret_path, size, "%s/coop/control.sock", runtime_dir);
    return str_format(ret_path, size, "/run/user/%u/coop/control.sock", (unsigned)uid);
}

int ctl_fifo_path(const char *socket_path, char *ret_path, size_t size)
{
    const char *slash = strrchr(socket_path, '/');
    int length = slash ? (int)(slash - socket_path) + 1 : 0;

    if (slash && slash - socket_path > CTL_PATH_MAX)
        return -ENAMETOOLONG;
    return str_format(ret_path, size, "%.*scontrol.fifo", length, socket_path);
}
