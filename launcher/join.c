/*
 * join.c - children that are born in namespaces of others (contract in join.h)
 *
 * THE NOUNS
 *   the go-between   a fork of ours that enters the namespaces, clones the child as its own sibling
 *                    (CLONE_PARENT), and ends.  It shares our table of descriptors, so the pidfd
 *                    it gets is one of ours.
 *
 * Why not ourselves: nobody comes back out of a user or a PID namespace, and a launcher needs its
 * power again, for a cgroup, for a receipt, for the next launch.  Why not the child: only who is
 * in a user namespace may be born in new ones below it, and in a PID namespace one must be born.
 */
#include "launcher/join.h"

#include "launcher/borrow.h"
#include "launcher/kernel.h"
#include "launcher/network/take.h"
#include "launcher/raw.h"
#include "launcher/steps.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

struct between {
    const struct clone_order *order;
    const struct launch_plan *plan;
    struct launch_report *told;
};

/* What is entered: a holder brings a user namespace along that no path names. */
#define DOORS_MAX (PLAN_JOINS_MAX + 1)

struct doors {
    struct door {
        int fd;
        uint32_t flag;
        const char *path;
    } at[DOORS_MAX];
    unsigned count;
};

static void add_door(struct doors *doors, int fd, uint32_t flag, const char *path)
{
    doors->at[doors->count++] = (struct door){fd, flag, path};
}

static int enter(const struct between *b, const struct door *door)
{
    long r = raw2(SYS_setns, door->fd, door->flag);

    return r < 0 ? join_refused(b->told, r, "setns", door->path) : 0;
}

static int ask_holder(const struct between *b, const char *path, struct doors *doors)
{
    struct held_network held;
    const char *call;
    int r = network_take(path, &held, &call);

    if (r < 0)
        return join_refused(b->told, r, call, path);
    if (held.users >= 0)
        add_door(doors, held.users, CLONE_NEWUSER, path);
    add_door(doors, held.network, CLONE_NEWNET, path);
    return 0;
}

/* All are opened first: behind another mount table their paths mean something else. */
static int open_all(const struct between *b, struct doors *doors)
{
    const struct plan_join *joins = plan_at(b->plan, b->plan->joins.at);

    doors->count = 0;
    for (uint32_t i = 0; i < b->plan->joins.count; i++) {
        const char *path = plan_str(b->plan, joins[i].path);
        long fd =
            raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);

        if (fd == -ENXIO && b->plan->empty_network && joins[i].flag == CLONE_NEWNET)
            fd = ask_holder(b, path, doors);
        else if (fd >= 0)
            add_door(doors, (int)fd, joins[i].flag, path);
        else
            fd = join_refused(b->told, fd, "open", path);
        if (fd < 0)
            return (int)fd;
    }
    return 0;
}

/* A namespace that belongs to our user namespace must be entered before that one is left, one that
 * belongs to the joined user namespace after that: what is refused before is tried again. */
static int enter_all(const struct between *b, const struct doors *doors)
{
    bool done[DOORS_MAX] = {false};
    int r = 0;

    for (unsigned i = 0; i < doors->count; i++)
        if (doors->at[i].flag != CLONE_NEWUSER)
            done[i] = raw2(SYS_setns, doors->at[i].fd, doors->at[i].flag) >= 0;
    for (unsigned i = 0; i < doors->count && r >= 0; i++)
        if (doors->at[i].flag == CLONE_NEWUSER)
            r = enter(b, &doors->at[i]);
    for (unsigned i = 0; i < doors->count && r >= 0; i++)
        if (doors->at[i].flag != CLONE_NEWUSER && !done[i])
            r = enter(b, &doors->at[i]);
    return r;
}

/* Born where we have gone. */
static void bear(const struct between *b)
{
    struct clone_order order = *b->order;
    struct borrowed own;
    int pidfd = -1;
    int r = borrow_ids(b->plan, order.cgroup, b->told, &own);

    order.for_parent = true;
    if (r >= 0)
        r = clone_child(&order, &pidfd);
    b->told->born = r;
    b->told->born_pidfd = pidfd;
}

static void await_end(int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};

    while (raw5(SYS_ppoll, &ended, 1, 0, 0, 0) == -EINTR)
        continue;
    raw1(SYS_close, pidfd);
}

_Noreturn static void leave(void)
{
    for (;;)
        raw1(SYS_exit_group, 0);
}

static void below_main(void *arg, int join_cgroup)
{
    (void)join_cgroup;
    bear(arg);
    leave();
}

#define BELOW_MOST_SEC 5 /* to be born: a matter of microseconds */

/* Who is in the namespace may stop it: nobody waits for that for ever. */
static void await_below(int pidfd)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int64_t most[2] = {BELOW_MOST_SEC, 0}; /* counted down by the kernel */
    long r;

    while ((r = raw5(SYS_ppoll, &ended, 1, most, 0, 8)) == -EINTR)
        continue;
    if (r == 0)
        raw4(SYS_pidfd_send_signal, pidfd, SIGKILL, 0, 0);
    await_end(pidfd);
}

/* Only who is in a PID namespace may make one below it, and only who is born there is in it. */
static void bear_below(const struct between *b)
{
    const struct clone_order order = {.for_parent = true,
                                      .share_files = true,
                                      .cgroup = -1,
                                      .run = below_main,
                                      .arg = (void *)(uintptr_t)b};
    int pidfd = -1;
    pid_t pid = clone_child(&order, &pidfd);

    b->told->below = pid;
    if (pid < 0)
        b->told->born = pid;
    else
        await_below(pidfd);
}

bool join_has_pids(const struct launch_plan *plan)
{
    const struct plan_join *joins = plan_at(plan, plan->joins.at);

    for (uint32_t i = 0; i < plan->joins.count; i++)
        if (joins[i].flag == CLONE_NEWPID)
            return true;
    return false;
}

/* ---- what takes a dumpable process ----
 *
 * To write these files of its own /proc a process must be dumpable for a moment.  A child among the
 * PIDs of others has the host's root and all power then: who is in there, in the same user
 * namespace, could enter it.  The go-between is not in there, only its children are, and what it
 * sets they are born with.
 */
static int refused_own(const struct between *b, const struct child *c, long r, int guard)
{
    if (b->plan->prefer & LAUNCH_BIT(guard)) {
        b->told->lost |= LAUNCH_BIT(guard);
        return 0;
    }
    return join_refused(b->told, r, c->call, c->path);
}

/* Before anything is entered: lowering it takes a power over the host. */
static int set_oom_score(const struct between *b, struct child *c)
{
    int r = b->plan->flags & PLAN_SET_OOM ? step_set_oom_score(c) : 0;

    return r < 0 ? refused_own(b, c, r, LAUNCH_GUARD_OOM_SCORE) : 0;
}

/* As root before, while /proc is ours; else in the user namespace that gives the power to. */
static int set_clocks(const struct between *b, struct child *c, bool entered, bool *done)
{
    int r;

    if (!b->plan->own_time || *done)
        return 0;
    r = step_make_clocks(c);
    *done = r >= 0;
    return r < 0 && entered ? refused_own(b, c, r, LAUNCH_GUARD_TIME) : 0;
}

static int enter_prepared(const struct between *b, const struct doors *doors)
{
    struct child c = {.plan = b->plan, .told = b->told};
    bool clocks = false;
    int r;

    if (!join_has_pids(b->plan))
        return enter_all(b, doors);
    r = set_oom_score(b, &c);
    if (r >= 0)
        r = set_clocks(b, &c, false, &clocks);
    if (r >= 0)
        r = enter_all(b, doors);
    return r < 0 ? r : set_clocks(b, &c, true, &clocks);
}

static void between_main(void *arg, int join_cgroup)
{
    const struct between *b = arg;
    struct doors doors;
    int r = open_all(b, &doors);

    (void)join_cgroup;
    if (r >= 0)
        r = enter_prepared(b, &doors);
    while (doors.count > 0)
        raw1(SYS_close, doors.at[--doors.count].fd); /* the table is not ours alone */
    if (r < 0)
        b->told->born = r;
    else if (b->plan->clone_flags & CLONE_NEWPID && join_has_pids(b->plan))
        bear_below(b);
    else
        bear(b);
    leave();
}

/* The PID behind a pidfd as this process sees it: "Pid:" of its fdinfo. -ESRCH without one. */
static pid_t pid_of(int pidfd)
{
    char path[48] = "/proc/self/fdinfo/";
    char text[512] = ""; /* the analyzer cannot see raw3() fill it */
    const char *at = NULL;
    long fd, got;
    pid_t pid = 0;

    raw_number(path + raw_strlen(path), pidfd);
    fd = raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    got = fd < 0 ? fd : raw3(SYS_read, fd, text, sizeof text - 1);
    if (fd >= 0)
        raw1(SYS_close, fd);
    for (long i = 0; i + 5 < got && !at; i++)
        if (text[i] == 'P' && text[i + 1] == 'i' && text[i + 2] == 'd' && text[i + 3] == ':')
            at = &text[i + 4];
    for (; at && at < text + got && *at != '\n'; at++)
        if (*at >= '0' && *at <= '9')
            pid = pid * 10 + (*at - '0');
    return pid > 0 ? pid : -ESRCH;
}

pid_t join_clone(const struct launch_plan *plan, const struct clone_order *order,
                 struct launch_report *told, int *ret_pidfd)
{
    struct between between = {.order = order, .plan = plan, .told = told};
    const struct clone_order go_between = {.for_parent = order->for_parent,
                                           .share_files = true,
                                           .cgroup = -1,
                                           .run = between_main,
                                           .arg = &between};
    int pidfd = -1;
    pid_t pid;

    told->born = -ECHILD; /* what stays when somebody kills it */
    told->born_pidfd = -1;
    pid = clone_child(&go_between, &pidfd);
    if (pid < 0)
        return pid;
    await_end(pidfd);
    if (!order->for_parent) { /* else they are our parent's children, like all that we clone */
        raw4(SYS_wait4, pid, 0, __WALL, 0);
        if (told->below > 0)
            raw4(SYS_wait4, told->below, 0, __WALL, 0);
    }
    *ret_pidfd = told->born_pidfd;
    if (told->born > 0 && told->below > 0)
        return pid_of(told->born_pidfd); /* it was counted inside */
    return told->born;
}
