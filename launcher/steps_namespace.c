/*
 * steps_namespace.c - furnishing the namespaces the child was born in
 */
#include "launcher/kernel.h"
#include "launcher/raw.h"
#include "launcher/spawn.h"
#include "launcher/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/socket.h>

int step_write_file(struct child *c, const char *path, const char *text, size_t len)
{
    long r, fd = raw4(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);

    if (fd < 0)
        return step_fail(c, fd, "openat", path);
    r = raw3(SYS_write, fd, text, len);
    raw1(SYS_close, fd);
    return step_fail(c, r, "write", path);
}

int step_write_own_file(struct child *c, const char *path, const char *text, size_t len)
{
    long dumpable = raw1(SYS_prctl, PR_GET_DUMPABLE);
    int r;

    if (dumpable != 1)
        raw2(SYS_prctl, PR_SET_DUMPABLE, 1);
    r = step_write_file(c, path, text, len);
    if (dumpable != 1)
        raw2(SYS_prctl, PR_SET_DUMPABLE, 0);
    return r;
}

/* "inside outside 1": the one line that a process may write into its own map. */
static int write_map(struct child *c, const char *path, uint32_t inside, uint32_t outside)
{
    char line[64];
    size_t n = raw_number(line, inside);

    line[n++] = ' ';
    n += raw_number(line + n, outside);
    raw_copy_text(line + n, sizeof line - n, " 1");
    return step_write_file(c, path, line, n + 2);
}

/* Born with borrowed effective ids, we still have root's as real and saved ones; and an id that is
 * in no map can own no file. */
static int take_ids(struct child *c)
{
    uint32_t uid = c->plan->map_inside_uid, gid = c->plan->map_inside_gid;
    long r = raw3(SYS_setresgid, gid, gid, gid);

    if (r < 0)
        return step_fail(c, r, "setresgid", NULL);
    return step_fail(c, raw3(SYS_setresuid, uid, uid, uid), "setresuid", NULL);
}

static bool is_mapped_by_others(const struct launch_plan *plan)
{
    return plan->uid_map.count > 0 || plan->gid_map.count > 0 || plan->flags & PLAN_HOLD_MAPS;
}

/* What is the own id alone, a process may map itself, and groups are denied for it. */
static int map_ourselves(struct child *c)
{
    const struct launch_plan *plan = c->plan;
    int r = 0;

    if (plan->gid_map.count == 0) {
        r = step_write_file(c, "/proc/self/setgroups", "deny", 4);
        if (r >= 0)
            r = write_map(c, "/proc/self/gid_map", plan->map_inside_gid, plan->map_outside_gid);
    }
    if (r >= 0 && plan->uid_map.count == 0)
        r = write_map(c, "/proc/self/uid_map", plan->map_inside_uid, plan->map_outside_uid);
    return r;
}

int step_user_maps(struct child *c)
{
    const struct launch_plan *plan = c->plan;
    long dumpable = raw1(SYS_prctl, PR_GET_DUMPABLE);
    int r = 0;

    if (!(plan->flags & PLAN_MAP_IDS)) /* one that was joined has its maps */
        return plan->flags & PLAN_UNMAPPED ? take_ids(c) : 0;
    /* The files of a process that is not dumpable belong to root, whoever runs it; and newuidmap
     * looks whose they are. */
    if (dumpable != 1)
        raw2(SYS_prctl, PR_SET_DUMPABLE, 1);
    if (!(plan->flags & PLAN_HOLD_MAPS))
        r = map_ourselves(c);
    if (r >= 0 && is_mapped_by_others(plan))
        r = spawn_await_maps(c);
    if (r >= 0 && plan->flags & (PLAN_BORROW_IDS | PLAN_UNMAPPED))
        r = take_ids(c);
    if (dumpable != 1)
        raw2(SYS_prctl, PR_SET_DUMPABLE, 0);
    return r;
}

int step_no_nesting(struct child *c)
{
    int r;

    if (!(c->plan->flags & PLAN_NO_NESTING))
        return 0;
    r = step_write_file(c, "/proc/sys/user/max_user_namespaces", "0", 1);
    /* In some containers /proc/sys is read-only. The filter refuses nesting by itself. */
    if (r < 0 && c->plan->filters.count > 0)
        return 0;
    return r;
}

int step_loopback(struct child *c)
{
    struct ifreq lo = {.ifr_name = "lo"};
    long r, fd;

    if (!(c->plan->flags & PLAN_LOOPBACK))
        return 0;
    fd = raw3(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -EAFNOSUPPORT) /* a kernel without IPv4 has nothing to bring up */
        return 0;
    if (fd < 0)
        return step_fail(c, fd, "socket", NULL);
    lo.ifr_flags = IFF_UP;
    r = raw3(SYS_ioctl, fd, SIOCSIFFLAGS, &lo);
    raw1(SYS_close, fd);
    return step_fail(c, r, "ioctl", "lo");
}

/* One line of /proc/net/dev: is that interface up? What cannot be asked counts as up. */
static bool is_up(long fd, const char *name, size_t length)
{
    struct ifreq device;

    raw_zero(&device, sizeof device);
    if (length >= sizeof device.ifr_name)
        return true;
    for (size_t i = 0; i < length; i++)
        device.ifr_name[i] = name[i];
    return raw3(SYS_ioctl, fd, SIOCGIFFLAGS, &device) < 0 || device.ifr_flags & IFF_UP;
}

/* Names stand before a ':', with blanks before them; two lines of headings have none. */
static bool any_is_up(long fd, const char *text)
{
    for (const char *at = text; *at;) {
        size_t blanks = 0, length = 0;

        while (at[blanks] == ' ')
            blanks++;
        while (at[blanks + length] && at[blanks + length] != ':' && at[blanks + length] != '\n')
            length++;
        if (at[blanks + length] == ':' && is_up(fd, at + blanks, length))
            return true;
        at += blanks + length;
        while (*at && *at++ != '\n')
            continue;
    }
    return false;
}

int step_empty_network(struct child *c)
{
    char text[4096] = ""; /* the analyzer cannot see raw3() fill it */
    long fd, list, r;
    bool up;

    if (!c->plan->empty_network)
        return 0;
    list = raw4(SYS_openat, AT_FDCWD, "/proc/self/net/dev", O_RDONLY | O_CLOEXEC, 0);
    if (list < 0)
        return step_fail(c, list, "openat", "/proc/self/net/dev");
    r = raw3(SYS_read, list, text, sizeof text - 1);
    raw1(SYS_close, list);
    if (r < 0)
        return step_fail(c, r, "read", "/proc/self/net/dev");
    if (r == (long)sizeof text - 1) /* so many that not all are seen */
        return step_fail(c, -E2BIG, "read", "/proc/self/net/dev");
    fd = raw3(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return step_fail(c, fd, "socket", NULL);
    up = any_is_up(fd, text);
    raw1(SYS_close, fd);
    return up ? step_fail(c, -EBUSY, "ioctl", "an interface that is up") : 0;
}

int step_hostname(struct child *c)
{
    const char *name = plan_str(c->plan, c->plan->hostname);

    if (!name)
        return 0;
    return step_fail(c, raw2(SYS_sethostname, name, raw_strlen(name)), "sethostname", name);
}

int step_second_users(struct child *c)
{
    const char *path = plan_str(c->plan, c->plan->second_users);
    long r;

    if (!path)
        return 0;
    r = raw2(SYS_setns, c->second_users, CLONE_NEWUSER);
    raw1(SYS_close, c->second_users);
    return step_fail(c, r, "setns", path);
}

/* Nothing is lost by trying: what succeeds is the end of it. */
int step_assert_alone(struct child *c)
{
    if (!(c->plan->flags & PLAN_ASSERT_NESTING))
        return 0;
    if (raw1(SYS_unshare, CLONE_NEWUSER) < 0)
        return 0;
    return step_fail(c, -EEXIST, "unshare", "a further user namespace");
}
