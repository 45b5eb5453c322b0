/*
 * steps_identity.c - who the program is, and what it may do
 */
#include "launcher/raw.h"
#include "launcher/steps.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static long cap_call(long nr, uint64_t sets[3])
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)sets[0], (uint32_t)sets[1], (uint32_t)sets[2]},
        {(uint32_t)(sets[0] >> 32), (uint32_t)(sets[1] >> 32), (uint32_t)(sets[2] >> 32)},
    };
    long r = raw2(nr, &head, data);

    sets[0] = data[0].effective | (uint64_t)data[1].effective << 32;
    sets[1] = data[0].permitted | (uint64_t)data[1].permitted << 32;
    sets[2] = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return r;
}

int step_bounding(struct child *c)
{
    if (!(c->plan->flags & PLAN_DROP_BOUNDING))
        return 0;
    for (unsigned cap = 0; cap < 64; cap++) {
        long r;

        if (c->plan->cap_keep >> cap & 1)
            continue;
        r = raw2(SYS_prctl, PR_CAPBSET_DROP, cap);
        if (r == -EINVAL) /* past the last one this kernel has */
            break;
        if (r < 0)
            return step_fail(c, r, "prctl", "PR_CAPBSET_DROP");
    }
    return 0;
}

int step_identity(struct child *c)
{
    const struct launch_plan *plan = c->plan;
    long r = 0;

    if (plan->flags & PLAN_SET_IDS && plan->cap_ambient)
        raw2(SYS_prctl, PR_SET_KEEPCAPS, 1);
    if (plan->flags & PLAN_SET_GROUPS) {
        r = raw2(SYS_setgroups, plan->groups.count, plan_at(plan, plan->groups.at));
        if (r < 0)
            return step_fail(c, r, "setgroups", NULL);
    }
    if (!(plan->flags & PLAN_SET_IDS))
        return 0;
    r = raw3(SYS_setresgid, plan->gid, plan->gid, plan->gid);
    if (r < 0)
        return step_fail(c, r, "setresgid", NULL);
    r = raw3(SYS_setresuid, plan->uid, plan->uid, plan->uid);
    return step_fail(c, r, "setresuid", NULL);
}

int step_caps(struct child *c)
{
    const struct launch_plan *plan = c->plan;
    uint64_t sets[3] = {0, 0, 0}; /* effective, permitted, inheritable */
    long r;

    if (!(plan->flags & PLAN_SET_CAPS))
        return 0;
    r = cap_call(SYS_capget, sets);
    if (r < 0)
        return step_fail(c, r, "capget", NULL);
    if ((sets[1] & plan->cap_ambient) != plan->cap_ambient)
        return step_fail(c, -EPERM, "capset", "AmbientCapabilities");
    sets[1] &= plan->cap_keep;
    sets[0] = sets[1];
    sets[2] = plan->cap_ambient;
    r = cap_call(SYS_capset, sets);
    if (r < 0)
        return step_fail(c, r, "capset", NULL);
    r = raw5(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned cap = 0; cap < 64 && r >= 0; cap++)
        if (plan->cap_ambient >> cap & 1)
            r = raw5(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
    return step_fail(c, r, "prctl", "PR_CAP_AMBIENT");
}

/* Before the ids change: what the change does to capabilities is among them. */
int step_securebits(struct child *c)
{
    if (!(c->plan->flags & PLAN_SECUREBITS))
        return 0;
    return step_fail(c, raw5(SYS_prctl, PR_SET_SECUREBITS, c->plan->securebits, 0, 0, 0),
                     "prctl", "PR_SET_SECUREBITS");
}

int step_keyring(struct child *c)
{
    long r;

    if (!(c->plan->flags & PLAN_KEYRING))
        return 0;
    r = raw2(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
    if (r >= 0 && c->plan->keyring == LAUNCH_KEYRING_SHARED)
        r = raw3(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
    if (r == -ENOSYS) /* a kernel without keys has nothing to keep apart */
        return 0;
    return r < 0 ? step_fail(c, r, "keyctl", "KeyringMode") : 0;
}

int step_personality(struct child *c)
{
    long r;

    if (!(c->plan->flags & PLAN_PERSONALITY))
        return 0;
    r = raw1(SYS_personality, 0);
    return r < 0 ? step_fail(c, r, "personality", NULL) : 0;
}

/* It stays with the memory and with what is executed in its place; a kernel before 6.3 has only
 * our filter. */
int step_no_wx(struct child *c)
{
    if (c->plan->flags & PLAN_NO_WX)
        c->filter_wx = raw5(SYS_prctl, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0;
    return 0;
}

int step_no_new_privs(struct child *c)
{
    if (!(c->plan->flags & PLAN_NO_NEW_PRIVS))
        return 0;
    return step_fail(c, raw5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl",
                     "PR_SET_NO_NEW_PRIVS");
}
