/*
 * steps_time.c - clocks of its own
 *
 * A time namespace takes offsets only as long as nobody is in it, and clone3(2) puts the child into
 * it at once.  unshare(2) makes one for the children to come; offsets can be written then, and
 * setns(2) enters what was made for the children, without a fork.
 */
#include "launcher/join.h"
#include "launcher/kernel.h"
#include "launcher/raw.h"
#include "launcher/steps.h"

#include "coop/time.h"

/* "monotonic -5 999999999\n"; the part behind the seconds is never negative. */
static size_t offset_line(char *line, size_t size, const char *clock, int64_t offset)
{
    int64_t rest = offset % COOP_NSEC_PER_SEC, seconds = offset / COOP_NSEC_PER_SEC;
    size_t n;

    if (rest < 0) {
        rest += COOP_NSEC_PER_SEC;
        seconds--;
    }
    raw_copy_text(line, size, clock);
    n = raw_strlen(line);
    n += raw_number(line + n, seconds);
    line[n++] = ' ';
    n += raw_number(line + n, rest);
    line[n++] = '\n';
    return n;
}

static int shift_clocks(struct child *c)
{
    char text[160];
    size_t n = offset_line(text, sizeof text, "monotonic ", c->plan->time_monotonic);

    n += offset_line(text + n, sizeof text - n, "boottime ", c->plan->time_boottime);
    return step_write_own_file(c, "/proc/self/timens_offsets", text, n);
}

int step_make_clocks(struct child *c)
{
    long r = raw1(SYS_unshare, CLONE_NEWTIME);

    return r < 0 ? step_fail(c, r, "unshare", "time namespace") : shift_clocks(c);
}

int step_time(struct child *c)
{
    long r, fd;

    if (!c->plan->own_time || join_has_pids(c->plan))
        return 0;
    r = step_make_clocks(c);
    if (r < 0)
        return (int)r;
    fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return step_fail(c, fd, "openat", "/proc/self/ns/time_for_children");
    r = raw2(SYS_setns, fd, CLONE_NEWTIME);
    raw1(SYS_close, fd);
    if (r < 0)
        return step_fail(c, r, "setns", "time namespace");
    if (c->plan->flags & PLAN_TELL)
        c->told->facts.namespaces[LAUNCH_NS_TIME] = step_namespace_inode("/proc/self/ns/time");
    return 0;
}
