/*
 * steps_lock.c - files that stay locked as long as the sandbox lives
 *
 * The lock belongs to the open file, not to the process that took it: the reaper keeps the
 * descriptor over the split, the program loses it at "close-fds", and the end of the reaper,
 * however it comes, is the end of the lock.
 */
#include "launcher/kernel.h"
#include "launcher/raw.h"
#include "launcher/steps.h"

#ifndef F_OFD_SETLK
#define F_OFD_SETLK 37
#endif

int step_lock_files(struct child *c)
{
    const plan_off *paths = plan_at(c->plan, c->plan->lock_files.at);

    for (uint32_t i = 0; i < c->plan->lock_files.count; i++) {
        const char *path = plan_str(c->plan, paths[i]);
        struct flock lock = {.l_type = F_RDLCK};
        long r, fd = raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

        if (fd < 0)
            return step_fail(c, fd, "openat", path);
        c->locks[c->lock_count++] = (int)fd;
        r = raw3(SYS_fcntl, fd, F_OFD_SETLK, &lock);
        if (r < 0)
            return step_fail(c, r, "fcntl", path);
    }
    return 0;
}
