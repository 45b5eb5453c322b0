/*
 * spawn.c - from a plan to a running child: clone it, listen to it, explain it
 *
 * THE NOUNS
 *   attempt    one launch that is under way: a child was cloned and carries out the recipe
 *   report     memory that the child shares with us: what it had to do without, what failed
 *   channel    SOCK_SEQPACKET, close-on-exec at the child's end: says when to look
 *
 * WHAT THE PARENT HEARS AND FINDS                          ... AND CONCLUDES
 *   hello, end of file                                       exec has succeeded: it runs
 *   end of file, a failure in the report                     a step failed; the report says which
 *   hello, end of file, a failure in the report              filter or exec failed
 *   end of file                                              it was killed before it could speak
 *   hello, silence                                           it waits at the gate
 *
 * End of file is the only proof of exec, and it needs every copy of the child's end closed: ours
 * is closed right after the clone, the reaper's when it lets go of its descriptors.
 */
#include "launcher/launch.h"

#include "base/scope.h"
#include "launcher/borrow.h"
#include "launcher/clone.h"
#include "launcher/identity/id_map.h"
#include "launcher/join.h"
#include "launcher/recipe.h"
#include "launcher/spawn.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct launch_attempt {
    const struct launch_plan *plan;
    struct launch_child child;
    struct launch_report *told; /* shared with the child                        */
    struct launch_report own;   /* what told is for a child that shares all     */
    int report;                 /* our end, or -1 when all has been said        */
    bool gated, hello;
};

/* ---- cloning ---- */

static void child_main(void *arg, int join)
{
    spawn_child_main(arg, join);
}

/* Until its exec the child runs in our memory, and we wait that long. */
static bool shares_memory(const struct launch_plan *plan, const struct launch_io *io)
{
    return launch_plan_is_light(plan) && io->gate < 0 && clone_can_share_memory();
}

static int clone_here(struct spawn_order *order, struct spawn_result *ret_result,
                      struct coop_err *err)
{
    const struct clone_order clone_order = {
        .namespaces = order->plan->clone_flags,
        .share_memory = shares_memory(order->plan, order->io),
        .cgroup = order->io->cgroup,
        .run = child_main,
        .arg = order,
    };
    struct borrowed own;
    int pidfd = -1;
    pid_t pid;

    if (order->plan->joins.count > 0) {
        pid = join_clone(order->plan, &clone_order, order->told, &pidfd);
    } else if ((pid = borrow_ids(order->plan, order->io->cgroup, order->told, &own)) >= 0) {
        pid = clone_child(&clone_order, &pidfd);
        return_ids(&own);
    }
    if (pid < 0)
        return spawn_explain_clone(-pid, order->plan, order->io, err);
    *ret_result = (struct spawn_result){.pid = pid, .pidfd = pidfd};
    return 0;
}

/* ---- explaining ---- */

/* What a refused clone most likely means, by errno and by what was asked for. */
static const char *clone_hint(int sys, const struct launch_plan *plan,
                              const struct launch_io *io)
{
    bool users = plan->clone_flags & CLONE_NEWUSER;

    switch (sys) {
    case EPERM:
        return users
                   ? "user namespaces are refused here: by kernel.unprivileged_userns_clone=0, "
                     "by kernel.apparmor_restrict_unprivileged_userns=1, or by the container "
                     "around us"
                   : "namespaces need root or a user namespace (PrivateUsers=yes)";
    case EINVAL: return "this kernel lacks one of the namespaces that were asked for";
    case EACCES:
    case EBUSY:
    case EOPNOTSUPP:
    case ENODEV:
        return io->cgroup >= 0 ? "the cgroup cannot take processes: it is being removed, is "
                                 "threaded, or belongs to somebody else"
                               : NULL;
    default: return recipe_limit_hint(sys);
    }
}

int spawn_explain_clone(int sys, const struct launch_plan *plan, const struct launch_io *io,
                        struct coop_err *err)
{
    const char *hint = clone_hint(sys, plan, io);

    (void)coop_fail_sys(err, sys, "step 'clone': clone");
    if (hint)
        (void)coop_hint(err, "%s", hint);
    return -1;
}

/* A namespace that cannot be entered. */
static int explain_join(const struct launch_report *told, struct coop_err *err)
{
    (void)coop_fail_sys(err, told->sys, "step 'join': %s '%s'", told->call, told->path);
    if (told->sys == EPERM)
        return coop_hint(err, "it takes root, or power over the user namespace that it belongs "
                              "to: join that one as well (UserNamespacePath=, --userns)");
    if (strcmp(told->call, "connect") == 0)
        return coop_hint(err, "nobody holds that network: coop-run --hold-network SOCKET does");
    if (told->sys == EACCES && strcmp(told->call, "open") == 0)
        return coop_hint(err, "it is another user's, or a sandbox's reaper, which cannot be "
                              "looked into: name the PID of the program itself");
    if (told->sys == EINVAL)
        return coop_hint(err, "it must be a namespace of the named kind, and user and PID "
                              "namespaces must lie below our own");
    return -1;
}

static int explain(const struct launch_attempt *attempt, struct coop_err *err)
{
    const struct launch_report *failure = attempt->told;

    if (!failure->failed) {
        (void)coop_fail(err, COOP_E_CHILD, "the child ended while it was being set up");
        return coop_hint(err, "somebody killed it: for lack of memory, or the filter of a "
                              "container around us");
    }
    if (failure->step == SPAWN_STEP_BEFORE_RECIPE) {
        (void)coop_fail_sys(err, failure->sys, "step 'join-cgroup': %s '%s'", failure->call,
                            failure->path);
        return coop_hint(err,
                         "moving between cgroups needs write access to the cgroup.procs of "
                         "both, and of the group above both");
    }
    return recipe_explain_failure(failure, attempt->plan, err);
}

/* ---- listening ---- */

union ancillary {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
};

/* Who has sent it, and a descriptor that came along; what is not there is left alone. */
static void read_ancillary(struct msghdr *msg, pid_t *ret_sender, int *ret_fd)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        struct ucred who;

        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&who, CMSG_DATA(c), sizeof who);
            *ret_sender = who.pid;
        }
        if (c->cmsg_type == SCM_RIGHTS && *ret_fd < 0)
            memcpy(ret_fd, CMSG_DATA(c), sizeof *ret_fd);
    }
}

/* One message. What it says, 0: end of file, or -errno (-EAGAIN: nothing yet). */
static int receive(struct launch_attempt *attempt)
{
    char said = SPAWN_HELLO;
    union ancillary control;
    struct iovec iov = {.iov_base = &said, .iov_len = sizeof said};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t got;
    pid_t sender = 0;

    do
        got = recvmsg(attempt->report, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got < 0 ? -errno : 0;
    read_ancillary(&msg, &sender, &attempt->child.terminal);
    if (said != SPAWN_HELLO)
        return said;
    attempt->hello = true;
    if (sender > 0)
        attempt->child.main_pid = sender;
    return said;
}

/* ---- attempts ---- */

void launch_attempt_free(struct launch_attempt *attempt)
{
    if (!attempt)
        return;
    if (attempt->told && attempt->told != &attempt->own) /* mapped by open_told() */
        (void)munmap(attempt->told, sizeof *attempt->told);
    fd_closep(&attempt->report);
    fd_closep(&attempt->child.pidfd);
    fd_closep(&attempt->child.terminal);
    free(attempt);
}

static void attempt_freep(struct launch_attempt **attempt)
{
    launch_attempt_free(*attempt);
}

/* The report channel: *ret_ours learns its peers' PIDs, *ret_childs goes to the child. */
static int open_report(int *ret_ours, int *ret_childs, struct coop_err *err)
{
    const int on = 1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return coop_fail_sys(err, errno, "report channel: socketpair");
    if (setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
        (void)coop_fail_sys(err, errno, "report channel: SO_PASSCRED");
        (void)close(pair[0]);
        (void)close(pair[1]);
        return -1;
    }
    *ret_ours = pair[0];
    *ret_childs = pair[1];
    return 0;
}

/* Zeroed memory for child and parent; with a descriptor where a spawner has to map it, too. */
static int open_told(bool for_spawner, struct spawn_order *order, int *ret_fd,
                     struct coop_err *err)
{
    SCOPED_FD fd = -1;
    void *at;

    if (for_spawner) {
        fd = memfd_create("coop-report", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, sizeof *order->told) < 0)
            return coop_fail_sys(err, errno, "the report's memfd");
    }
    at = mmap(NULL, sizeof *order->told, PROT_READ | PROT_WRITE,
              MAP_SHARED | (for_spawner ? 0 : MAP_ANONYMOUS), fd, 0);
    if (at == MAP_FAILED)
        return coop_fail_sys(err, errno, "the report's memory");
    order->told = at;
    order->told_fd = *ret_fd = fd_take(&fd);
    return 0;
}

int launch_attempt_start(struct launch_attempt **ret_attempt, struct launch_spawner *spawner,
                         const struct launch_plan *plan, const struct launch_io *io,
                         struct coop_err *err)
{
    SCOPED(struct launch_attempt *, attempt_freep) attempt = calloc(1, sizeof *attempt);
    struct spawn_order order = {.plan = plan, .io = io, .told_fd = -1};
    struct spawn_result cloned = {.pidfd = -1};
    SCOPED_FD childs = -1;
    SCOPED_FD told = -1;

    if (!attempt)
        return coop_fail_sys(err, ENOMEM, "launching");
    attempt->report = attempt->child.pidfd = attempt->child.terminal = -1;
    if (open_report(&attempt->report, &childs, err) < 0)
        return -1;
    order.told = &attempt->own;
    if ((spawner || !shares_memory(plan, io)) &&
        open_told(spawner != NULL, &order, &told, err) < 0)
        return -1;
    attempt->told = order.told;
    order.report = childs;
    order.far = attempt->report;
    if (spawner ? spawner_clone(spawner, &order, &cloned, err) < 0
                : clone_here(&order, &cloned, err) < 0)
        return order.told->failed && order.told->step == SPAWN_STEP_JOIN
                   ? explain_join(order.told, err)
                   : -1;

    attempt->plan = plan;
    attempt->child = (struct launch_child){.pid = cloned.pid,
                                           .main_pid = cloned.pid,
                                           .pidfd = cloned.pidfd,
                                           .terminal = -1,
                                           .lost = launch_plan_lost(plan)};
    attempt->gated = io->gate >= 0;
    *ret_attempt = ptr_take(&attempt);
    return 0;
}

int launch_attempt_fd(const struct launch_attempt *attempt)
{
    return attempt->report;
}

pid_t launch_attempt_pid(const struct launch_attempt *attempt)
{
    return attempt->child.pid;
}

const struct launch_facts *launch_attempt_facts(const struct launch_attempt *attempt)
{
    return &attempt->told->facts;
}

int launch_attempt_go(struct launch_attempt *attempt)
{
    const char done = SPAWN_MAPS_DONE;

    return send(attempt->report, &done, sizeof done, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The child waits for its maps: 1 when they are the caller's business, else as written. */
static int map_ids(struct launch_attempt *attempt, struct coop_err *err)
{
    int r;

    if (attempt->plan->flags & PLAN_HOLD_MAPS)
        return 1;
    r = id_maps_write(attempt->plan, attempt->child.pid, err);
    if (r >= 0)
        return launch_attempt_go(attempt) == -EPIPE ? 0 : r; /* its end will say why */
    (void)shutdown(attempt->report, SHUT_RDWR);              /* then it ends by itself */
    return -1;
}

static void take_told(struct launch_attempt *attempt)
{
    attempt->child.lost |= attempt->told->lost;
    attempt->child.landlock_abi = attempt->told->landlock;
}

int launch_attempt_step(struct launch_attempt *attempt, struct launch_child *ret_child,
                        struct coop_err *err)
{
    int r;

    while ((r = receive(attempt)) > 0) {
        take_told(attempt);
        if (r == SPAWN_MAPS_WAIT) {
            r = map_ids(attempt, err);
            if (r == 1)
                *ret_child = attempt->child;
            if (r != 0)
                return r;
            continue;
        }
        if (!attempt->gated || r == SPAWN_TERMINAL)
            continue;
        attempt->gated = false; /* the next answer is about exec */
        *ret_child = attempt->child;
        return 1;
    }
    if (r == -EAGAIN)
        return 0;
    take_told(attempt);
    if (attempt->told->failed || !attempt->hello)
        return explain(attempt, err);
    *ret_child = attempt->child;
    attempt->child.pidfd = attempt->child.terminal = -1; /* they are the caller's now */
    return 1;
}

/* ---- blocking ---- */

/* A failed child is on its way out: nothing may be left of it. */
static void reap_failed(pid_t pid)
{
    siginfo_t info;

    while (waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL) < 0 && errno == EINTR)
        continue;
}

static int spawn(struct launch_spawner *spawner, const struct launch_plan *plan,
                 const struct launch_io *io, struct launch_child *ret_child,
                 struct coop_err *err)
{
    SCOPED(struct launch_attempt *, attempt_freep) attempt = NULL;
    int r;

    if (launch_attempt_start(&attempt, spawner, plan, io, err) < 0 || !attempt)
        return -1;
    while ((r = launch_attempt_step(attempt, ret_child, err)) == 0) {
        struct pollfd wait = {.fd = attempt->report, .events = POLLIN};

        (void)poll(&wait, 1, -1);
    }
    if (r < 0)
        reap_failed(attempt->child.pid);
    else
        attempt->child.pidfd = -1;
    return r < 0 ? -1 : 0;
}

int launch_spawn(const struct launch_plan *plan, const struct launch_io *io,
                 struct launch_child *ret_child, struct coop_err *err)
{
    return spawn(NULL, plan, io, ret_child, err);
}

int launch_spawner_spawn(struct launch_spawner *spawner, const struct launch_plan *plan,
                         const struct launch_io *io, struct launch_child *ret_child,
                         struct coop_err *err)
{
    return spawn(spawner, plan, io, ret_child, err);
}
