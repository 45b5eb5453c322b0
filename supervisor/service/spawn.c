/*
 * spawn.c - from a command to a running program, through the launcher
 *
 * WHO CLONES.  A light plan (same user, no namespaces) is cloned by coopd itself with
 * CLONE_VM|CLONE_VFORK: the cheapest way there is, a few at a time.  Everything else goes
 * through the spawner, because a plain fork of a threaded coopd would copy its page tables and
 * could deadlock in the child.  Either way the child is coopd's own.
 *
 * THE GATE.  A coopd that is killed between a clone and the journal's line about it would leave
 * a process that its successor does not know.  What the spawner makes waits at a gate, set up
 * but not executed, until the line is written; if coopd dies before, the gate's pipe ends and so
 * does the process.  A light one has no gate (it shares our memory until exec), but a cgroup,
 * which is found by coopd's PID.
 *
 * WHO HOLDS.  A PID namespace holds by itself.  Otherwise the program is born in a cgroup leaf
 * of its service; where no cgroup is to be had, the plan gets a subreaper above the program.
 *
 * THE ONE RACE.  A program may end before anybody has heard of it.  Between spawn_begin and
 * spawn_end the runtime does not take a dead child that it does not know for an orphan, so its
 * end waits until coop_child_watch() has announced it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/block.h"
#include "coop/io.h"
#include "service/bounding.h"
#include "service/command.h"
#include "service/machine.h"

struct launch {
    struct machine *machine;
    const struct spawn_order *order;
    struct launch_spec spec;
    struct launch_plan *plan;
    struct launch_io io;
    char cgroup[LAUNCH_CGROUP_PATH];
    char *leaf; /* the same, for the holder */
    int note_fd, cgroup_fd;
    int note_end; /* where a subreaper's note comes out */
    enum svc_held_by held_by;
    bool lost_bounds; /* preferred, and not kept as they should be */
    bool polls;       /* memory and tasks among them */
    struct bounds *bounds;
};

/* ---- before ---- */

static bool gets_pid_namespace(const struct machine *machine, const struct launch_spec *spec)
{
    uint64_t pids = LAUNCH_BIT(LAUNCH_GUARD_PIDS) & ~spec->require.guards;

    return spec->private_pids && !(spec->prefer & machine->host.refused & pids);
}

/* Does the program see other mounts than we do? Then its notify socket must be put there. */
static bool sees_other_mounts(const struct launch_spec *spec)
{
    return spec->private_mounts || spec->root != LAUNCH_ROOT_HOST || spec->private_tmp ||
           spec->protect_system != LAUNCH_SYSTEM_NO || spec->protect_home != LAUNCH_HOME_NO ||
           spec->inaccessible.count || spec->temporary.count;
}

static int bind_notify(struct launch *l, struct coop_err *err)
{
    char pair[512];

    if (!l->order->notify || l->order->notify[0] == '@' || !sees_other_mounts(&l->spec))
        return 0;
    if (str_format(pair, sizeof pair, "%s:%s", l->order->notify, l->order->notify) < 0 ||
        strlist_add(&l->spec.bind, pair) < 0)
        return coop_fail(err, COOP_E_LIMIT, "the path of the notify socket is too long");
    return 0;
}

/* RuntimeDirectory= and its sisters: there before anything is started, writable inside. */
static int make_directories(struct launch *l, struct coop_err *err)
{
    const struct directories *all = &l->order->spec->directories;
    const struct launch_spec *spec = &l->order->spec->launch;
    struct directory_bases bases;
    int r;

    if (!directories_any(all))
        return 0;
    directories_bases(&bases);
    coop_block_begin();
    r = directories_make(all, &bases, spec->uid == LAUNCH_NO_ID ? geteuid() : spec->uid,
                         spec->gid == LAUNCH_NO_ID ? getegid() : spec->gid, err);
    coop_block_end();
    if (r == 0 && sees_other_mounts(spec) && directories_bind(all, &bases, &l->spec.bind) < 0)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the directories");
    return r;
}

/* What is launched leaves main behind: a reaper, which would go with it, stays. */
static bool goes_to_background(const struct launch *l)
{
    return l->order->spec->type == TYPE_FORKING && l->order->kind == EXEC_START &&
           gets_pid_namespace(l->machine, &l->spec);
}

/* A reaper sees coopd's death and takes its tree along: without a PID namespace, a subreaper. */
static int choose_owner(struct launch *l, struct coop_err *err)
{
    bool dies = l->order->spec->on_death == ON_DEATH_KILL;
    bool bounded = bounding_wants_group(&l->spec) && l->machine->has_cgroups;

    if (gets_pid_namespace(l->machine, &l->spec) && !bounded)
        l->held_by = HELD_BY_PIDNS;
    else if (l->machine->has_cgroups &&
             (bounded || !dies || gets_pid_namespace(l->machine, &l->spec)))
        l->held_by = HELD_BY_CGROUP;
    else
        l->held_by = HELD_BY_SUBREAPER;
    if (dies && l->held_by == HELD_BY_CGROUP && !gets_pid_namespace(l->machine, &l->spec))
        return coop_fail(err, COOP_E_MISSING,
                         "OnSupervisorDeath=kill together with bounds that a cgroup keeps "
                         "needs PrivatePIDs=yes");
    l->spec.subreaper = l->held_by == HELD_BY_SUBREAPER || goes_to_background(l);
    /* In coopd's own group a Ctrl-C would reach every service at once, and a service's kill(0)
     * would reach coopd and all the others. */
    l->spec.new_session = true;
    return 0;
}

/* What coopd was given, or less: somebody may have lowered coopd's limits since. */
static void limit_descriptors(struct launch *l)
{
    const struct rlimit *given = &l->machine->descriptors;
    struct launch_limit *limit = &l->spec.limits[RLIMIT_NOFILE];
    struct rlimit now;

    if (limit->set || sys_getrlimit(RLIMIT_NOFILE, &now) < 0)
        return;
    limit->set = true;
    limit->hard = given->rlim_max < now.rlim_max ? given->rlim_max : now.rlim_max;
    limit->soft = given->rlim_cur < limit->hard ? given->rlim_cur : limit->hard;
}

static int compile(struct launch *l, struct coop_err *err)
{
    int failed;

    coop_syscall_begin();
    failed = command_prepare(l->order, &l->spec, err);
    coop_syscall_end();
    if (failed)
        return -1;
    failed = bounding_check(l->order->spec, err);
    if (failed < 0)
        return -1;
    l->lost_bounds = failed > 0;
    if (choose_owner(l, err) < 0)
        return -1;
    limit_descriptors(l);
    if (bind_notify(l, err) < 0 || make_directories(l, err) < 0)
        return -1;
    coop_syscall_begin();
    failed = launch_compile(&l->spec, &l->machine->host, &l->plan, err);
    coop_syscall_end();
    return failed;
}

/* A reaper that lives on after main: its note must wake us, so it comes through a FIFO.  The reaper
 * holds it open both ways, so that a note outlives a coopd, and has a name for the next one. */
static int open_note_pipe(struct launch *l, struct coop_err *err)
{
    char path[600];
    int r = machine_note_path(l->machine, l->order->spec, l->order->beside, path, sizeof path);

    if (r == 0) {
        sys_unlinkat(AT_FDCWD, path, 0);
        r = sys_mkfifoat(AT_FDCWD, path, 0600);
    }
    if (r == 0)
        r = l->note_end = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
    if (r >= 0)
        r = l->note_fd = sys_openat(AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
    if (r < 0)
        return coop_fail_sys(err, r, "exit note '%s'", path);
    l->io.exit_note = l->note_fd;
    return 0;
}

/* A reaper in a namespace ends with main: its note may be read at leisure, also by a later
 * coopd. */
static int open_note(struct launch *l, struct coop_err *err)
{
    char path[600];
    int r = machine_note_path(l->machine, l->order->spec, l->order->beside, path, sizeof path);

    if (r == 0) {
        sys_unlinkat(AT_FDCWD, path, 0); /* it may be a FIFO */
        r = l->note_fd =
            sys_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    if (r < 0)
        return coop_fail_sys(err, r, "exit note '%s'", path);
    l->io.exit_note = l->note_fd;
    return 0;
}

static int enter_cgroup(struct launch *l, struct coop_err *err)
{
    char name[SVC_NAME_MAX + 2];
    int r = holder_name(l->order->spec, l->order->beside, name, sizeof name);

    if (r < 0)
        return coop_fail_sys(err, r, "cgroup of '%s'", l->order->spec->name);
    if (launch_cgroup_make(&l->machine->cgroups, name, l->cgroup, err) < 0)
        return -1;
    l->leaf = strdup(l->cgroup);
    if (!l->leaf)
        return coop_fail(err, COOP_E_LIMIT, "cgroup '%s': no memory", l->cgroup);
    r = l->cgroup_fd = launch_cgroup_enter(&l->machine->cgroups, l->cgroup);
    if (r < 0)
        return coop_fail_sys(err, r, "cgroup '%s'", l->cgroup);
    l->io.cgroup = r;
    return 0;
}

static int keep_bounds(struct launch *l, struct coop_err *err)
{
    int r = bounding_apply(l->machine, &l->spec, l->cgroup, err);

    l->polls = r > 0;
    l->lost_bounds = l->lost_bounds || l->polls;
    return r < 0 ? -1 : 0;
}

static int open_bounds(struct launch *l, struct coop_err *err)
{
    int r = bounding_open(&l->spec, l->plan, l->polls, &l->bounds, err);

    l->lost_bounds = l->lost_bounds || r > 0;
    return r < 0 ? -1 : 0;
}

static int open_io(struct launch *l, struct coop_err *err)
{
    l->io = (struct launch_io)LAUNCH_IO_NULL;
    memcpy(l->io.stdio, l->order->stdio, sizeof l->io.stdio);
    memcpy(l->io.fds, l->order->fds, sizeof l->io.fds);
    l->io.fd_count = l->order->fd_count;
    if (l->order->spec->on_death == ON_DEATH_KILL) {
        if (!launch_plan_has_reaper(l->plan))
            return coop_fail(
                err, COOP_E_MISSING,
                "OnSupervisorDeath=kill needs a reaper, and this sandbox has none");
        l->io.liveness = l->machine->alive[0];
    }
    if (launch_plan_has_reaper(l->plan) &&
        (l->spec.subreaper ? open_note_pipe(l, err) : open_note(l, err)) < 0)
        return -1;
    if (l->held_by == HELD_BY_CGROUP && enter_cgroup(l, err) < 0)
        return -1;
    if (keep_bounds(l, err) < 0)
        return -1;
    return open_bounds(l, err);
}

/* ---- the clone ---- */

static int spawn_light(struct launch *l, struct launch_child *child, struct coop_err *err)
{
    int r = coop_sem_acquire(&l->machine->light, 1, COOP_FOREVER);

    if (r < 0)
        return coop_fail_sys(err, r, "waiting for a turn");
    coop_block_begin();
    r = launch_spawn(l->plan, &l->io, child, err);
    coop_block_end();
    coop_sem_release(&l->machine->light, 1);
    return r;
}

static int watch(struct launch *l, const struct launch_child *child, struct holder *holder,
                 struct coop_err *err)
{
    const struct spawn_order *order = l->order;
    int r = coop_child_watch(&holder->child, child->pid, order->actor, order->kind_top);

    if (r < 0) { /* nobody would hear of its end */
        if (l->held_by == HELD_BY_CGROUP)
            launch_cgroup_kill(&l->machine->cgroups, l->cgroup);
        sys_kill(child->pid, SIGKILL);
        return coop_fail_sys(err, r, "process %d", child->pid);
    }
    holder->held_by = l->held_by;
    holder->beside = order->beside;
    holder->top_pid = child->pid;
    holder->main_pid = child->main_pid;
    holder->lost = child->lost | launch_plan_lost(l->plan);
    if (l->lost_bounds)
        holder->lost |= LAUNCH_BIT(LAUNCH_GUARD_LIMITS);
    holder->polls = l->polls;
    holder->piped = l->note_fd >= 0 && l->spec.subreaper;
    holder->notes = l->note_fd >= 0 && !l->spec.subreaper;
    holder->cgroup = ptr_take(&l->leaf);
    if (!holder->piped)
        return 0;
    r = coop_fdwatch_start(&holder->watch, l->note_end, COOP_IN, order->actor,
                           order->kind_watch);
    if (r < 0) {
        log_warn("service", "%s: its end will be seen late: %s", order->spec->name,
                 coop_strerror(r));
        return 0;
    }
    holder->watch_fd = fd_take(&l->note_end);
    return 0;
}

/* A spawner that died (somebody killed it) is replaced once. */
static int start_attempt(struct launch *l, struct launch_attempt **ret_attempt,
                         struct coop_err *err)
{
    struct machine *machine = l->machine;

    for (int try = 0;; try++) {
        if (!machine->spawner &&
            launch_spawner_start(&machine->spawner, machine->helper, err) < 0)
            return -1;
        *err = (struct coop_err){0};
        if (launch_attempt_start(ret_attempt, machine->spawner, l->plan, &l->io, err) == 0)
            return 0;
        if (try > 0 || (err->sys != EPIPE && err->sys != ECONNRESET))
            return -1;
        launch_spawner_stop(machine->spawner);
        machine->spawner = NULL;
    }
}

static int ask_spawner(struct launch *l, struct launch_attempt **ret_attempt,
                       struct coop_err *err)
{
    int r;

    coop_mutex_lock(&l->machine->spawner_lock);
    coop_block_begin();
    r = start_attempt(l, ret_attempt, err);
    coop_block_end();
    coop_mutex_unlock(&l->machine->spawner_lock);
    return r;
}

/* The attempt's next answer: it waits at the gate, or it runs. */
static int answer(struct launch_attempt *attempt, struct launch_child *child,
                  struct coop_err *err)
{
    struct pollfd news = {.fd = launch_attempt_fd(attempt), .events = POLLIN};
    int r;

    coop_block_begin();
    while ((r = launch_attempt_step(attempt, child, err)) == 0)
        sys_ppoll(&news, 1, NULL, NULL);
    coop_block_end();
    return r < 0 ? -1 : 0;
}

static int tell_born(struct launch *l, const struct launch_child *child, struct holder *holder,
                     struct coop_err *err)
{
    if (watch(l, child, holder, err) < 0)
        return -1;
    if (l->order->born)
        l->order->born(l->order->born_arg, holder);
    return 0;
}

static int launch_light(struct launch *l, struct holder *holder, struct coop_err *err)
{
    struct launch_child child = {.pidfd = -1};
    int r = spawn_light(l, &child, err);

    if (r == 0)
        r = tell_born(l, &child, holder, err);
    if (child.pidfd >= 0)
        sys_close(child.pidfd);
    return r;
}

/* It was born, but it will not run: it ends by itself, and nobody shall wait for it. */
static void disown(struct launch *l, struct holder *holder)
{
    struct spawn *spawn = &l->machine->spawn;

    if (holder->top_pid != 0)
        coop_child_forget(&holder->child);
    spawn->ops->clear(spawn, l->order->spec, holder);
}

static int launch_heavy(struct launch *l, struct holder *holder, struct coop_err *err)
{
    struct launch_attempt *attempt = NULL;
    struct launch_child child = {.pidfd = -1};
    int gate[2];
    int r = sys_pipe2(gate, O_CLOEXEC);

    if (r < 0)
        return coop_fail_sys(err, r, "pipe for the gate");
    l->io.gate = gate[0];
    r = ask_spawner(l, &attempt, err);
    sys_close(gate[0]);
    if (r == 0)
        r = answer(attempt, &child, err);
    if (r == 0)
        r = tell_born(l, &child, holder, err);
    child.pidfd = -1; /* the attempt's, until it has answered twice */
    if (r == 0)
        sys_write(gate[1], "!", 1);
    sys_close(gate[1]); /* without that byte it ends */
    if (r == 0 && (r = answer(attempt, &child, err)) < 0)
        disown(l, holder);
    launch_attempt_free(attempt);
    if (child.pidfd >= 0)
        sys_close(child.pidfd);
    return r;
}

static int spawn_and_watch(struct launch *l, struct holder *holder, struct coop_err *err)
{
    struct coop_err why = {0};
    int r;

    coop_child_spawn_begin();
    r = launch_plan_is_light(l->plan) ? launch_light(l, holder, &why)
                                      : launch_heavy(l, holder, &why);
    coop_child_spawn_end();
    if (r < 0 && err)
        *err = why;
    return r;
}

/* A launch under way holds half a dozen descriptors: of a thousand services that start at once
 * only a few hold them at the same time. */
static int in_turn(struct launch *l, struct holder *holder, struct coop_err *err)
{
    int r = coop_sem_acquire(&l->machine->turns, 1, COOP_FOREVER);

    if (r < 0)
        return coop_fail_sys(err, r, "waiting for a turn");
    r = open_io(l, err) < 0 ? -1 : spawn_and_watch(l, holder, err);
    coop_sem_release(&l->machine->turns, 1);
    return r;
}

/* ---- the public calls ---- */

int holder_name(const struct svc_spec *spec, bool beside, char *ret_name, size_t size)
{
    return str_format(ret_name, size, "%s%.1s", spec->name, beside ? (char[2]){STEP_MARK} : "");
}

void holder_init(struct holder *holder)
{
    *holder = (struct holder){.empty = true, .watch_fd = -1, .pidfd = -1, .main_fd = -1};
}

int machine_launch(struct spawn *spawn, const struct spawn_order *order, struct holder *holder,
                   struct coop_err *err)
{
    struct launch l = {.machine = (struct machine *)(void *)spawn,
                       .order = order,
                       .note_fd = -1,
                       .note_end = -1,
                       .cgroup_fd = -1};
    int failed;

    holder_init(holder);
    launch_spec_init(&l.spec);
    failed = compile(&l, err) < 0 || in_turn(&l, holder, err) < 0;
    if (l.note_fd >= 0)
        sys_close(l.note_fd);
    if (l.note_end >= 0)
        sys_close(l.note_end);
    if (l.cgroup_fd >= 0)
        sys_close(l.cgroup_fd);
    if (failed && l.cgroup[0])
        launch_cgroup_remove(&l.machine->cgroups, l.cgroup);
    if (!failed && l.bounds) {
        holder->bounds = ptr_take(&l.bounds);
        bounding_begin(l.machine, holder, l.plan);
    }
    bounding_free(l.bounds);
    free(l.leaf);
    launch_plan_free(l.plan);
    launch_spec_done(&l.spec);
    if (failed)
        return -1;
    holder->empty = holder->main_gone = false;
    return 0;
}
