/*
 * borrow.c - cloning in the name of another user (see borrow.h)
 */
#include "launcher/borrow.h"

#include "launcher/raw.h"

#define LEAVE (-1L) /* "this id stays as it is" */

int borrow_ids(const struct launch_plan *plan, struct borrowed *ret_own)
{
    struct borrowed *own = ret_own;
    long r;

    own->active = false;
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
        return_ids(own);
    return (int)r;
}

void return_ids(const struct borrowed *own)
{
    if (!own->active)
        return;
    /* The uid first: it brings back the right to change the others. None of these can fail, as our
     * real and saved ids never left. */
    raw3(SYS_setresuid, LEAVE, own->euid, LEAVE);
    raw3(SYS_setresgid, LEAVE, own->egid, LEAVE);
    raw2(SYS_setgroups, own->group_count, own->groups);
}
