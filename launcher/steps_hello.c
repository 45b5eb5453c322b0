/*
 * steps_hello.c - the child's first act, and the two steps in which it talks to its parent
 * (see recipe.h for the rules)
 */
#include "launcher/raw.h"
#include "launcher/spawn.h"
#include "launcher/steps.h"

#include <errno.h>
#include <fcntl.h>

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
    const char hello = 'h';
    int r = await_reaper(c);

    /* A parent that is gone cannot be told: then nobody is left who needs to know. */
    if (r >= 0)
        (void)raw6(SYS_sendto, c->report, RAW_ARG(&hello), sizeof hello,
                   0x4000 /* MSG_NOSIGNAL */, 0, 0);
    return r;
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

    if (r < 0)
        recipe_fail(&c, (int)r);
    raw1(SYS_close, fd);
}

_Noreturn void spawn_child_main(const struct spawn_order *order, int join)
{
    if (join >= 0)
        join_cgroup(order, join);
    recipe_run(order->plan, order->io, order->told, order->report);
}
