/*
 * still.c - stopping a cgroup and letting it go (contract in still.h)
 */
#include "launcher/limits/still.h"

#include "base/scope.h"
#include "base/sys.h"
#include "launcher/limits/disk_walk.h"
#include "launcher/limits/group_file.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static bool is_still(int events)
{
    char text[GROUP_FILE_MAX];
    ssize_t got = sys_pread(events, text, sizeof text - 1, 0);

    text[got > 0 ? got : 0] = '\0';
    return strstr(text, "frozen 1");
}

static bool wait_until_still(int leaf, coop_nsec deadline)
{
    SCOPED_FD events = sys_openat(leaf, "cgroup.events", O_RDONLY | O_CLOEXEC, 0);
    struct pollfd news = {.fd = events, .events = POLLPRI};

    while (events >= 0 && !is_still(events)) {
        coop_nsec left = deadline - disk_clock();

        if (left <= 0 || poll(&news, 1, (int)(left / COOP_NSEC_PER_MSEC) + 1) < 0)
            return false;
    }
    return events >= 0;
}

bool still_begin(struct still *still, const struct launch_cgroups *groups, const char *leaf)
{
    coop_nsec now = disk_clock();

    *still = (struct still){.leaf = launch_cgroup_enter(groups, leaf), .since = now};
    if (still->leaf < 0)
        return false;
    still->holds = true;
    if (group_file_write(still->leaf, "cgroup.freeze", "1") == 0 &&
        wait_until_still(still->leaf, now + STILL_WAIT))
        return true;
    still_end(still);
    return false;
}

void still_end(struct still *still)
{
    if (!still->holds)
        return;
    (void)group_file_write(still->leaf, "cgroup.freeze", "0");
    (void)close(still->leaf);
    still->holds = false;
}
