/*
 * steps_hello.c - the child's first act, and the steps in which it talks to its parent
 * (see recipe.h for the rules)
 */
#include "launcher/raw.h"
#include "launcher/spawn.h"
#include "launcher/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>

/* ---- what is in force ---- */

uint64_t step_namespace_inode(const char *path)
{
    char text[64] = ""; /* the analyzer cannot see raw4() fill it */
    long got = raw4(SYS_readlinkat, AT_FDCWD, path, text, sizeof text);
    uint64_t inode = 0;

    for (long i = 0; i < got; i++)
        if (text[i] >= '0' && text[i] <= '9')
            inode = inode * 10 + (uint64_t)(text[i] - '0');
    return inode;
}

int step_tell(struct child *c)
{
    static const char *const paths[LAUNCH_NS_COUNT] = {
#define X(id, name) [LAUNCH_NS_##id] = "/proc/self/ns/" name,
        LAUNCH_NAMESPACES(X)
#undef X
    };
    struct launch_facts *facts = &c->told->facts;

    if (!(c->plan->flags & PLAN_TELL))
        return 0;
    for (unsigned i = 0; i < LAUNCH_NS_COUNT; i++)
        facts->namespaces[i] = step_namespace_inode(paths[i]);
    facts->has_namespaces = true;
    return 0;
}

/* The two sets that are asked for bit by bit. */
static uint64_t capability_bits(long option, long suboption)
{
    uint64_t set = 0;

    for (long cap = 0; cap < 64; cap++) {
        long r = suboption ? raw5(SYS_prctl, option, suboption, cap, 0, 0)
                           : raw2(SYS_prctl, option, cap);

        if (r == 1)
            set |= UINT64_C(1) << cap;
    }
    return set;
}

static void tell_power(struct child *c)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    struct launch_facts *facts = &c->told->facts;

    if (!(c->plan->flags & PLAN_TELL))
        return;
    raw_zero(sets, sizeof sets);
    raw2(SYS_capget, &head, sets);
    facts->cap_effective = sets[0].effective | (uint64_t)sets[1].effective << 32;
    facts->cap_permitted = sets[0].permitted | (uint64_t)sets[1].permitted << 32;
    facts->cap_inheritable = sets[0].inheritable | (uint64_t)sets[1].inheritable << 32;
    facts->cap_bounding = capability_bits(PR_CAPBSET_READ, 0);
    facts->cap_ambient = capability_bits(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET);
    facts->no_new_privs = raw5(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    facts->has_power = true;
}

/* ---- hello, and the gate ---- */

/* PID 1 drops its power while we walk the steps since "split", and has long done so by now.  But on
 * a busy machine it may not have run at all yet: then it would be a way to power for the
 * program. */
static int await_reaper(struct child *c)
{
    char byte;
    long r;

    if (c->reaper < 0)
        return 0;
    do
        r = raw3(SYS_read, c->reaper, &byte, 1);
    while (r == -EINTR);
    return r < 0 ? step_fail(c, r, "read", "waiting for PID 1") : 0;
}

/* The kernel adds SCM_CREDENTIALS with our PID as the parent sees it, because the parent has
 * asked for them (SO_PASSCRED): no number of ours could tell that from inside a PID namespace. */
int step_hello(struct child *c)
{
    const char hello = SPAWN_HELLO;
    int r = await_reaper(c);

    if (r >= 0)
        tell_power(c);
    /* A parent that is gone cannot be told: then nobody is left who needs to know. */
    if (r >= 0)
        (void)raw6(SYS_sendto, c->report, RAW_ARG(&hello), sizeof hello,
                   0x4000 /* MSG_NOSIGNAL */, 0, 0);
    return r;
}

int spawn_await_maps(struct child *c)
{
    const char waits = SPAWN_MAPS_WAIT;
    char byte = 0;
    long r = raw6(SYS_sendto, c->report, RAW_ARG(&waits), sizeof waits,
                  0x4000 /* MSG_NOSIGNAL */, 0, 0);

    while (r >= 0) {
        r = raw3(SYS_read, c->report, &byte, 1);
        if (r == 1 && byte == SPAWN_MAPS_DONE)
            return 0;
        if (r == 0) /* whoever was to map them is gone, or could not */
            r = -EPIPE;
        if (r == -EINTR)
            r = 0;
    }
    return step_fail(c, r, "read", "waiting for the maps of ids");
}

int step_gate(struct child *c)
{
    char byte;
    long r;

    if (c->io.gate < 0)
        return 0;
    do
        r = raw3(SYS_read, c->io.gate, &byte, 1);
    while (r == -EINTR);
    if (r == 1)
        return 0;
    /* End of file: whoever was to open the gate is gone, or has changed its mind. */
    return step_fail(c, r == 0 ? -EPIPE : r, "read", "gate");
}

/* Where clone3 is refused the child moves itself; "0" means the writing process. */
static void join_cgroup(const struct spawn_order *order, int dir)
{
    struct child c = {.plan = order->plan,
                      .told = order->told,
                      .step = SPAWN_STEP_BEFORE_RECIPE,
                      .call = "write",
                      .path = "cgroup.procs"};
    long fd = raw4(SYS_openat, dir, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0);
    long r = fd < 0 ? fd : raw3(SYS_write, fd, "0", 1);

    if (r < 0) {
        recipe_fail(&c, (int)r);
        recipe_leave();
    }
    raw1(SYS_close, fd);
}

_Noreturn void spawn_child_main(const struct spawn_order *order, int join)
{
    if (order->far >= 0) /* or we would not notice when the parent is gone */
        raw1(SYS_close, order->far);
    for (int i = 0; i < 2 && order->far >= 0; i++)
        if (order->io->far[i] >= 0)
            raw1(SYS_close, order->io->far[i]);
    if (order->far >= 0 && order->io->drop >= 0)
        raw1(SYS_close, order->io->drop);
    if (join >= 0)
        join_cgroup(order, join);
    recipe_run(order->plan, order->io, order->told, order->report);
}
