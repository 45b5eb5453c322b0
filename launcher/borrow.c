/*
 * borrow.c - cloning in the name of another user, or in another network (see borrow.h)
 */
#include "launcher/borrow.h"

#include "launcher/kernel.h"
#include "launcher/network/take.h"
#include "launcher/raw.h"

#include <errno.h>
#include <linux/capability.h>

#define LEAVE (-1L) /* "this id stays as it is" */

int join_refused(struct launch_report *told, long r, const char *call, const char *path)
{
    told->step = SPAWN_STEP_JOIN;
    told->sys = (int)-r;
    raw_copy_text(told->call, sizeof told->call, call);
    raw_copy_text(told->path, sizeof told->path, path);
    told->failed = 1;
    return (int)r;
}

static long open_namespace(const char *path)
{
    return raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
}

/* From a file of it, or from a holder's socket (network/take.h). */
static long open_network(const char *path, struct launch_report *told)
{
    struct held_network held;
    const char *call;
    long fd = open_namespace(path);

    if (fd >= 0)
        return fd;
    if (fd != -ENXIO)
        return join_refused(told, fd, "open", path);
    fd = network_take(path, &held, &call);
    if (fd < 0)
        return join_refused(told, fd, call, path);
    if (held.users >= 0)
        raw1(SYS_close, held.users); /* who may do without it */
    return held.network;
}

/* Into that network, with a way back in own->network. */
static long enter_network(const char *path, struct launch_report *told, struct borrowed *own)
{
    static const char own_file[] = "/proc/thread-self/ns/net";
    long here = open_namespace(own_file), there, r;

    if (here < 0)
        return join_refused(told, here, "open", own_file);
    r = there = open_network(path, told);
    if (there >= 0) {
        r = raw2(SYS_setns, there, CLONE_NEWNET);
        raw1(SYS_close, there);
        if (r < 0)
            (void)join_refused(told, r, "setns", path);
    }
    if (r < 0)
        raw1(SYS_close, here);
    else
        own->network = (int)here;
    return r;
}

static void leave_network(const struct borrowed *own)
{
    if (own->network < 0)
        return;
    /* Whoever cannot go back would do all that follows in somebody else's network. */
    if (raw2(SYS_setns, own->network, CLONE_NEWNET) < 0)
        for (;;)
            raw1(SYS_exit_group, 125);
    raw1(SYS_close, own->network);
}

static void return_user(const struct borrowed *own)
{
    if (!own->active)
        return;
    /* The uid first: it brings back the right to change the others. None of these can fail, as our
     * real and saved ids never left. */
    raw3(SYS_setresuid, LEAVE, own->euid, LEAVE);
    raw3(SYS_setresgid, LEAVE, own->egid, LEAVE);
    raw2(SYS_setgroups, own->group_count, own->groups);
}

/* The user may not write to a cgroup of root's, and its ids are what the kernel asks the clone for.
 * Without that capability (a container's root) the clone says what is refused. */
static void keep_right_to_enter(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];

    raw_zero(sets, sizeof sets);
    if (raw2(SYS_capget, &head, sets) < 0)
        return;
    sets[0].effective |= sets[0].permitted & 1u << CAP_DAC_OVERRIDE;
    raw2(SYS_capset, &head, sets);
}

static int borrow_user(const struct launch_plan *plan, int cgroup, struct borrowed *ret_own)
{
    struct borrowed *own = ret_own;
    long r;

    if (!(plan->flags & PLAN_BORROW_IDS))
        return 0;
    own->euid = (uint32_t)raw0(SYS_geteuid);
    own->egid = (uint32_t)raw0(SYS_getegid);
    r = raw2(SYS_getgroups, LAUNCH_MAX_GROUPS, own->groups);
    if (r < 0)
        return (int)r;
    own->group_count = (int)r;

    r = raw2(SYS_setgroups, plan->groups.count, plan_at(plan, plan->groups.at));
    if (r < 0)
        return (int)r;
    own->active = true;
    r = raw3(SYS_setresgid, LEAVE, plan->map_outside_gid, LEAVE);
    if (r >= 0)
        r = raw3(SYS_setresuid, LEAVE, plan->map_outside_uid, LEAVE);
    if (r < 0)
        return_user(own);
    else if (cgroup >= 0)
        keep_right_to_enter();
    return (int)r;
}

int borrow_ids(const struct launch_plan *plan, int cgroup, struct launch_report *told,
               struct borrowed *ret_own)
{
    const char *network = plan_str(plan, plan->network);
    int r = 0;

    ret_own->active = false;
    ret_own->network = -1;
    if (network)
        r = (int)enter_network(network, told, ret_own); /* while we still may */
    if (r >= 0)
        r = borrow_user(plan, cgroup, ret_own);
    if (r < 0)
        leave_network(ret_own);
    return r;
}

void return_ids(const struct borrowed *own)
{
    return_user(own);
    leave_network(own);
}
