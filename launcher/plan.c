/*
 * plan.c - compile: from what is wanted to what will be done
 *
 * Runs in the parent: may allocate and explain.  It decides everything that can be decided without
 * the child: which namespaces to be born in, which ids to map, where exec looks, what is left
 * out because it is only preferred and this machine refuses it.  It looks at nothing but the spec
 * and struct launch_host, so a plan is the same wherever it is compiled (tests/golden).
 */
#include "launcher/plan.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/blob.h"
#include "launcher/filter/compile.h"
#include "launcher/filter/restrict.h"
#include "launcher/kernel.h"
#include "launcher/limits/group.h"
#include "launcher/protect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ROOT_SIZE    (64u << 20) /* an empty root holds directories and copied files of /etc */

/* ---- guards ---- */

static bool wants_own_proc(const struct launch_spec *spec)
{
    return spec->protect_proc != LAUNCH_PROC_DEFAULT || spec->proc_subset != LAUNCH_PROC_ALL;
}

static bool wants_mounts(const struct launch_spec *spec)
{
    return spec->private_mounts || spec->root != LAUNCH_ROOT_HOST || spec->mounts.count > 0 ||
           spec->protect_system != LAUNCH_SYSTEM_NO || spec->protect_home != LAUNCH_HOME_NO ||
           spec->private_tmp || spec->private_devices || spec->protect_kernel ||
           spec->read_only.count || spec->read_write.count || spec->inaccessible.count ||
           spec->exec.count || spec->no_exec.count || spec->root_directory ||
           wants_own_proc(spec) || protect_hides(spec) ||
           spec->protect_cgroups != LAUNCH_CONTROL_GROUPS_NO || spec->bind.count ||
           spec->bind_read_only.count || spec->temporary.count;
}

static bool wants_limits(const struct launch_spec *spec)
{
    for (size_t i = 0; i < LAUNCH_LIMITS; i++)
        if (spec->limits[i].set)
            return true;
    return spec->nice.set || bounds_need_group(&spec->bounds) ||
           spec->bounds.wall_time != LAUNCH_UNBOUND ||
           spec->bounds.cpu_time != LAUNCH_UNBOUND || spec->bounds.output != LAUNCH_UNBOUND ||
           spec->bounds.disk_max != LAUNCH_UNBOUND ||
           spec->bounds.disk_files_max != LAUNCH_UNBOUND;
}

static uint64_t wanted_guards(const struct launch_spec *spec)
{
    const struct {
        enum launch_guard guard;
        bool wanted;
    } all[] = {
        {LAUNCH_GUARD_USERS, spec->private_users || spec->uid_map.count || spec->gid_map.count},
        {LAUNCH_GUARD_PIDS, spec->private_pids},
        {LAUNCH_GUARD_MOUNTS, wants_mounts(spec)},
        {LAUNCH_GUARD_NETWORK, spec->private_network && !spec->network},
        {LAUNCH_GUARD_IPC, spec->private_ipc && !spec->ipc},
        {LAUNCH_GUARD_UTS, spec->protect_hostname && !spec->uts},
        {LAUNCH_GUARD_CGROUP,
         !spec->cgroup &&
             (spec->private_cgroup || spec->protect_cgroups >= LAUNCH_CONTROL_GROUPS_PRIVATE)},
        {LAUNCH_GUARD_TIME, !spec->time && (spec->private_time || spec->time_monotonic != 0 ||
                                            spec->time_boottime != 0)},
        {LAUNCH_GUARD_ROOT, spec->root == LAUNCH_ROOT_EMPTY || spec->root_directory},
        {LAUNCH_GUARD_SYSTEM, spec->protect_system != LAUNCH_SYSTEM_NO},
        {LAUNCH_GUARD_HOME, spec->protect_home != LAUNCH_HOME_NO},
        {LAUNCH_GUARD_TMP, spec->private_tmp},
        {LAUNCH_GUARD_DEVICES, spec->private_devices},
        {LAUNCH_GUARD_KERNEL, spec->protect_kernel},
        {LAUNCH_GUARD_PATHS, spec->read_only.count || spec->inaccessible.count ||
                                 spec->no_exec.count || protect_hides(spec)},
        {LAUNCH_GUARD_FROZEN, spec->frozen.count && spec->frozen_at},
        {LAUNCH_GUARD_NO_NEW_PRIVS, spec->no_new_privs},
        {LAUNCH_GUARD_CAPS, protect_dropped_caps(spec) != 0},
        {LAUNCH_GUARD_FILTER, spec->filter.count || spec->filter_log.count ||
                                  spec->filter_abis || spec->filter_profile.path ||
                                  spec->filter_code_count || filter_restricts(spec)},
        {LAUNCH_GUARD_NESTING, spec->restrict_namespaces},
        {LAUNCH_GUARD_WRITE_EXECUTE, spec->deny_write_execute},
        {LAUNCH_GUARD_SECUREBITS, spec->securebits.set},
        {LAUNCH_GUARD_TERMINAL, spec->terminal == LAUNCH_TERMINAL_OWN},
        {LAUNCH_GUARD_KEYRING, spec->keyring != LAUNCH_KEYRING_INHERIT},
        {LAUNCH_GUARD_LANDLOCK, spec->landlock},
        {LAUNCH_GUARD_TRUNCATE, spec->landlock},
        {LAUNCH_GUARD_IOCTLS, spec->landlock},
        {LAUNCH_GUARD_ABSTRACT, spec->restrict_abstract},
        {LAUNCH_GUARD_SIGNALS, spec->restrict_signals},
        {LAUNCH_GUARD_BIND_TCP, spec->bind_tcp.count > 0},
        {LAUNCH_GUARD_CONNECT_TCP, spec->connect_tcp.count > 0},
        {LAUNCH_GUARD_AUDIT, spec->landlock_audit},
        {LAUNCH_GUARD_LIMITS, wants_limits(spec)},
        {LAUNCH_GUARD_OOM_SCORE, spec->oom_score.set},
        {LAUNCH_GUARD_PROC, wants_own_proc(spec)},
        {LAUNCH_GUARD_CONTROL_GROUPS, spec->protect_cgroups != LAUNCH_CONTROL_GROUPS_NO},
    };
    uint64_t guards = 0;

    for (size_t i = 0; i < COOP_COUNT(all); i++)
        if (all[i].wanted)
            guards |= LAUNCH_BIT(all[i].guard);
    return guards;
}

/* Who requires a wall by name takes it for built: without this line in the spec it is not. */
static int check_required(const struct launch_spec *spec, struct coop_err *err)
{
    uint64_t missing = spec->require.named & ~wanted_guards(spec);
    char names[512];

    if (!missing)
        return 0;
    (void)coop_fail(err, COOP_E_RANGE, "Require=%s: nothing asks for it",
                    launch_guards_text(missing, names, sizeof names));
    return coop_hint(err, "Require= refuses to go without; the key itself puts it up");
}

/* What goes with a namespace that is not to be had. */
static uint64_t spread_loss(uint64_t lost, uint64_t guards)
{
    static const enum launch_guard in_mounts[] = {
        LAUNCH_GUARD_ROOT,  LAUNCH_GUARD_SYSTEM,  LAUNCH_GUARD_HOME,
        LAUNCH_GUARD_TMP,   LAUNCH_GUARD_DEVICES, LAUNCH_GUARD_KERNEL,
        LAUNCH_GUARD_PATHS, LAUNCH_GUARD_PROC,    LAUNCH_GUARD_CONTROL_GROUPS,
    };

    if (lost & LAUNCH_BIT(LAUNCH_GUARD_MOUNTS))
        for (size_t i = 0; i < COOP_COUNT(in_mounts); i++)
            lost |= guards & LAUNCH_BIT(in_mounts[i]);
    return lost;
}

static bool has(const struct launch_plan *plan, enum launch_guard guard)
{
    return plan->guards & ~plan->lost & LAUNCH_BIT(guard);
}

/* ---- parts of the plan ---- */

/* Why no clerk could keep the names (clerk/clerk.h), or NULL. */
static const char *no_clerk(const struct launch_spec *spec, const struct launch_plan *plan)
{
    if (!(plan->clone_flags & CLONE_NEWNS))
        return "PrivateMounts";
    if (!has(plan, LAUNCH_GUARD_LANDLOCK))
        return "Landlock=yes";
    if (plan->flags & (PLAN_SET_IDS | PLAN_SET_GROUPS | PLAN_BORROW_IDS | PLAN_UNMAPPED))
        return "the caller's own ids";
    return ~protect_dropped_caps(spec) || spec->cap_ambient ? "CapabilityBoundingSet=none"
                                                            : NULL;
}

static int compile_frozen(const struct launch_spec *spec, struct launch_plan *plan,
                          struct blob *b, struct coop_err *err)
{
    const char *needs = has(plan, LAUNCH_GUARD_FROZEN) ? no_clerk(spec, plan) : NULL;

    if (needs && plan->prefer & LAUNCH_BIT(LAUNCH_GUARD_FROZEN)) {
        plan->lost |= LAUNCH_BIT(LAUNCH_GUARD_FROZEN);
    } else if (needs) {
        (void)coop_fail(err, COOP_E_RANGE, "FrozenPaths= needs %s", needs);
        return coop_hint(err, "--prefer FrozenPaths goes without the refusal: who makes such a "
                              "name is ended then, and the name taken away");
    }
    if (has(plan, LAUNCH_GUARD_FROZEN))
        plan->frozen_at = blob_text(b, spec->frozen_at);
    return 0;
}

static void compile_namespaces(const struct launch_spec *spec, const struct launch_host *host,
                               struct launch_plan *plan)
{
    static const struct {
        enum launch_guard guard;
        uint32_t flag;
    } rows[] = {
        {LAUNCH_GUARD_USERS, CLONE_NEWUSER},    {LAUNCH_GUARD_PIDS, CLONE_NEWPID},
        {LAUNCH_GUARD_MOUNTS, CLONE_NEWNS},     {LAUNCH_GUARD_NETWORK, CLONE_NEWNET},
        {LAUNCH_GUARD_IPC, CLONE_NEWIPC},       {LAUNCH_GUARD_UTS, CLONE_NEWUTS},
        {LAUNCH_GUARD_CGROUP, CLONE_NEWCGROUP},
    };

    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (has(plan, rows[i].guard))
            plan->clone_flags |= rows[i].flag;

    plan->own_time = has(plan, LAUNCH_GUARD_TIME);
    plan->time_monotonic = spec->time_monotonic;
    plan->time_boottime = spec->time_boottime;

    /* An ordinary user gets namespaces only inside one of its own user namespaces. */
    if ((plan->clone_flags || plan->own_time) && !host->privileged && !spec->users)
        plan->clone_flags |= CLONE_NEWUSER;
    if (plan->clone_flags & CLONE_NEWUSER)
        plan->flags |= PLAN_MAP_IDS;
    /* In a user namespace the kernel cuts the way back to the host itself. */
    plan->propagation = (uint32_t)spec->propagation;
    if (plan->clone_flags & CLONE_NEWNS &&
        (!(plan->clone_flags & CLONE_NEWUSER) || spec->propagation == LAUNCH_PRIVATE))
        plan->flags |= PLAN_PRIVATE_VIEW;
    if (plan->clone_flags & CLONE_NEWNET && spec->loopback)
        plan->flags |= PLAN_LOOPBACK;
    if (plan->clone_flags & CLONE_NEWPID && !spec->as_pid_1)
        plan->flags |= PLAN_REAPER;
    if (spec->subreaper)
        plan->flags |= PLAN_REAPER | PLAN_SUBREAPER;
    if (plan->clone_flags & CLONE_NEWUSER && has(plan, LAUNCH_GUARD_NESTING))
        plan->flags |= PLAN_NO_NESTING;
}

/* Offsets of the strings, and empty pointer slots behind them that plan_bind() fills. */
static void compile_list(struct blob *b, const struct strlist *list, const char *first,
                         struct plan_vec *ret_off, struct plan_vec *ret_slots)
{
    SCOPED_FREE plan_off *off = calloc(list->count + 1, sizeof *off);
    SCOPED_FREE char **none = calloc(list->count + 1, sizeof *none);

    if (!off || !none) {
        b->bytes.error = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        off[i] = blob_text(b, i == 0 && first ? first : list->items[i]);
    ret_off->count = ret_slots->count = (uint32_t)list->count;
    ret_off->at = blob_add(b, off, list->count * sizeof *off);
    ret_slots->at = blob_add(b, none, (list->count + 1) * sizeof *none);
}

/* Where the child writes its PID: it is the first to know what it is inside. */
static void compile_own_pid(struct blob *b, const struct launch_spec *spec,
                            struct launch_plan *plan)
{
    static const char *const names[] = {LAUNCH_LISTEN_PID, LAUNCH_WATCHDOG_PID};
    plan_off off;

    _Static_assert(COOP_COUNT(names) == COOP_COUNT(plan->own_pid), "one place each");
    for (uint32_t i = 0; i < plan->env_off.count && b->bytes.error == 0; i++)
        for (size_t k = 0; k < COOP_COUNT(names); k++) {
            if (!str_equal(spec->env.items[i], names[k]))
                continue;
            memcpy(&off, b->bytes.data + plan->env_off.at + i * sizeof off, sizeof off);
            plan->own_pid[k] = off + (plan_off)strcspn(names[k], "0");
        }
}

/* The files that exec will try, in order. */
static int compile_exec_paths(const struct launch_spec *spec, struct launch_plan *plan,
                              struct blob *b, struct coop_err *err)
{
    const char *name = spec->argv.items[0], *path = strlist_env_get(&spec->env, "PATH");
    plan_off at[64];
    uint32_t count = 0;

    plan->program = blob_text(b, name);
    if (strchr(name, '/'))
        at[count++] = plan->program;
    for (const char *from = path ? path : DEFAULT_PATH; count == 0 || !strchr(name, '/');) {
        size_t len = strcspn(from, ":");
        char full[4096];

        if (count == COOP_COUNT(at))
            return coop_fail(err, COOP_E_LIMIT, "PATH has more than %zu directories",
                             COOP_COUNT(at));
        if (len + strlen(name) + 3 > sizeof full)
            return coop_fail(err, COOP_E_LIMIT, "PATH: a directory name is too long");
        memcpy(full, len ? from : ".", len ? len : 1);
        str_copy(full + (len ? len : 1), sizeof full - len - 1, "/");
        str_copy(full + (len ? len : 1) + 1, sizeof full - len - 2, name);
        at[count++] = blob_text(b, full);
        if (!from[len])
            break;
        from += len + 1;
    }
    plan->exec_paths = (struct plan_vec){blob_add(b, at, count * sizeof at[0]), count};
    return 0;
}

static void compile_limits(const struct launch_spec *spec, struct launch_plan *plan,
                           struct blob *b)
{
    struct plan_limit rows[LAUNCH_LIMITS] = {0};
    uint32_t count = 0;

    for (uint32_t i = 0; i < LAUNCH_LIMITS; i++) {
        if (!spec->limits[i].set)
            continue;
        rows[count++] = (struct plan_limit){i, blob_text(b, launch_limit_name(i)),
                                            spec->limits[i].soft, spec->limits[i].hard};
    }
    plan->limits = (struct plan_vec){blob_add(b, rows, count * sizeof rows[0]), count};

    plan->bounds = spec->bounds;

    if (spec->umask.set)
        plan->flags |= PLAN_SET_UMASK;
    if (spec->nice.set)
        plan->flags |= PLAN_SET_NICE;
    if (has(plan, LAUNCH_GUARD_OOM_SCORE))
        plan->flags |= PLAN_SET_OOM;
    plan->umask = (uint32_t)spec->umask.value;
    plan->nice = spec->nice.value;
    plan->oom_score = spec->oom_score.value;
}

static void compile_locks(const struct launch_spec *spec, struct launch_plan *plan,
                          struct blob *b)
{
    plan_off at[LAUNCH_MAX_LOCKS];

    for (size_t i = 0; i < spec->lock_files.count; i++)
        at[i] = blob_text(b, spec->lock_files.items[i]);
    plan->lock_files.count = (uint32_t)spec->lock_files.count;
    plan->lock_files.at = blob_add(b, at, spec->lock_files.count * sizeof at[0]);
}

static int compile_filters(const struct launch_spec *spec, const struct launch_host *host,
                           struct launch_plan *plan, struct blob *b, struct coop_err *err)
{
    struct filter_programs all;
    struct plan_filter rows[LAUNCH_MAX_FILTERS] = {0};

    if (filter_compile(spec, host, plan->land_net != 0, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        const struct filter_program *from = &all.items[i];

        rows[i] = (struct plan_filter){
            .code = {blob_add(b, from->code, from->count * sizeof *from->code),
                     (uint32_t)from->count},
            .from = blob_text(b, from->from),
            .flags = from->flags,
            .guards = from->guards,
            .fallback = from->fallback,
        };
    }
    plan->filters =
        (struct plan_vec){blob_add(b, rows, all.count * sizeof rows[0]), (uint32_t)all.count};
    filter_programs_done(&all);
    return 0;
}

static int compile_power(const struct launch_spec *spec, const struct launch_host *host,
                         struct launch_plan *plan, struct blob *b, struct coop_err *err)
{
    uint64_t dropped = protect_dropped_caps(spec);

    plan->cap_keep = ~dropped;
    plan->cap_ambient = spec->cap_ambient;
    /* Born in a user namespace the child has every capability in there: never hand them on
     * unasked. Exec would drop them for all ids but 0. */
    if (dropped)
        plan->flags |= PLAN_DROP_BOUNDING;
    if (dropped || spec->cap_ambient)
        plan->flags |= PLAN_SET_CAPS;
    if (compile_filters(spec, host, plan, b, err) < 0)
        return -1;
    if (spec->deny_write_execute)
        plan->flags |= PLAN_NO_WX;
    if (spec->lock_personality || spec->no_new_privs || plan->flags & PLAN_NEW_ROOT)
        plan->flags |= PLAN_PERSONALITY;
    if (spec->securebits.set)
        plan->flags |= PLAN_SECUREBITS;
    plan->securebits = (uint32_t)spec->securebits.value;
    if (spec->keyring != LAUNCH_KEYRING_INHERIT)
        plan->flags |= PLAN_KEYRING;
    plan->keyring = (uint32_t)spec->keyring;
    if (spec->no_new_privs || plan->filters.count > 0)
        plan->flags |= PLAN_NO_NEW_PRIVS; /* without it only CAP_SYS_ADMIN may load a filter */
    return 0;
}

/* The network alone is entered without a go-between (borrow.h), where that needs no user namespace:
 * an ordinary user's holder of an empty network brings one along. */
static void compile_joins(const struct launch_spec *spec, const struct launch_host *host,
                          struct launch_plan *plan, struct blob *b)
{
    const struct {
        const char *path;
        uint32_t flag;
    } all[] = {{spec->users, CLONE_NEWUSER},  {spec->pids, CLONE_NEWPID},
               {spec->ipc, CLONE_NEWIPC},     {spec->uts, CLONE_NEWUTS},
               {spec->time, CLONE_NEWTIME},   {spec->cgroup, CLONE_NEWCGROUP},
               {spec->network, CLONE_NEWNET}, {spec->mounts_of, CLONE_NEWNS}};
    struct plan_join joins[PLAN_JOINS_MAX] = {0};
    uint32_t count = 0;

    for (size_t i = 0; i < COOP_COUNT(all); i++)
        if (all[i].path)
            joins[count++] = (struct plan_join){blob_text(b, all[i].path), all[i].flag};
    plan->second_users = blob_text(b, spec->second_users);
    if (count == 1 && spec->network && !(spec->empty_network && host->uid != 0)) {
        plan->network = joins[0].path;
        return;
    }
    plan->joins = (struct plan_vec){blob_add(b, joins, count * sizeof joins[0]), count};
}

static void compile_life(const struct launch_spec *spec, const struct launch_host *host,
                         struct launch_plan *plan, struct blob *b)
{
    const char *cwd = spec->cwd;

    if (cwd && cwd[0] == '-') {
        plan->flags |= PLAN_CWD_OPTIONAL;
        cwd++;
    }
    plan->cwd = blob_text(b, cwd ? cwd : "/");
    if (has(plan, LAUNCH_GUARD_UTS))
        plan->hostname = blob_text(b, spec->hostname);
    compile_joins(spec, host, plan, b);
    plan->empty_network = spec->empty_network != NULL;
    if (spec->assert_no_nesting)
        plan->flags |= PLAN_ASSERT_NESTING;
    if (spec->inherit_descriptors)
        plan->flags |= PLAN_KEEP_FDS;
    if (spec->tell)
        plan->flags |= PLAN_TELL;
    if (spec->new_session)
        plan->flags |= PLAN_SESSION;
    if (has(plan, LAUNCH_GUARD_TERMINAL))
        plan->terminal = 1;
    if (spec->die_with_parent)
        plan->flags |= PLAN_PDEATHSIG;
}

/* ---- the finished block ---- */

static int finish(struct blob *b, struct launch_plan *head, struct launch_plan **ret_plan,
                  struct coop_err *err)
{
    struct launch_plan *plan;

    blob_add(b, "", 1); /* whatever string comes last, a NUL ends the block */
    if (b->bytes.error)
        return coop_fail_sys(err, b->bytes.error, "compiling the sandbox (at most %u MiB)",
                             LAUNCH_MAX_BLOB >> 20);
    plan = malloc(b->bytes.len);
    if (!plan)
        return coop_fail_sys(err, ENOMEM, "compiling the sandbox");
    head->magic = PLAN_MAGIC;
    head->version = PLAN_VERSION;
    head->size = (uint32_t)b->bytes.len;
    memcpy(plan, b->bytes.data, b->bytes.len);
    memcpy(plan, head, sizeof *head);
    plan_bind(plan);
    *ret_plan = plan;
    return 0;
}

static int compile_into(const struct launch_spec *spec, const struct launch_host *host,
                        struct launch_plan *plan, struct blob *b, struct coop_err *err)
{
    plan->guards = wanted_guards(spec);
    plan->prefer = spec->prefer & ~spec->require.guards;
    plan->lost = spread_loss(plan->guards & plan->prefer & host->refused, plan->guards);
    plan->root_size = ROOT_SIZE;

    compile_namespaces(spec, host, plan);
    if (plan_compile_identity(spec, host, plan, b, err) < 0)
        return -1;
    compile_list(b, &spec->argv, spec->argv0, &plan->argv_off, &plan->argv);
    compile_list(b, &spec->env, NULL, &plan->env_off, &plan->env);
    compile_own_pid(b, spec, plan);
    if (compile_exec_paths(spec, plan, b, err) < 0)
        return -1;
    if (has(plan, LAUNCH_GUARD_MOUNTS) && plan_compile_files(spec, plan, b, err) < 0)
        return -1;
    compile_locks(spec, plan, b);
    if (compile_frozen(spec, plan, b, err) < 0 || plan_compile_landlock(spec, plan, b, err) < 0)
        return -1;
    compile_limits(spec, plan, b);
    if (compile_power(spec, host, plan, b, err) < 0)
        return -1;
    compile_life(spec, host, plan, b);
    return 0;
}

/* ---- the public calls ---- */

static int compile(const struct launch_spec *spec, const struct launch_host *host,
                   struct launch_plan **ret_plan, struct coop_err *err)
{
    struct launch_plan head = {0};
    struct blob b = {.bytes = BUF_INIT(LAUNCH_MAX_BLOB)};
    struct launch_host here;
    int r;

    if (launch_spec_check(spec, err) < 0 || check_required(spec, err) < 0)
        return -1;
    if (!host) {
        launch_host_assume(&here);
        host = &here;
    }
    buf_add(&b.bytes, &head, sizeof head);
    r = compile_into(spec, host, &head, &b, err);
    if (r >= 0)
        r = finish(&b, &head, ret_plan, err);
    buf_done(&b.bytes);
    return r;
}

int launch_compile(const struct launch_spec *spec, const struct launch_host *host,
                   struct launch_plan **ret_plan, struct coop_err *err)
{
    struct launch_spec with;
    int r;

    if (!spec->empty_network)
        return compile(spec, host, ret_plan, err);
    if (plan_spec_empty(spec, &with, err) < 0)
        return -1;
    r = compile(&with, host, ret_plan, err);
    launch_spec_done(&with);
    return r;
}

void launch_plan_free(struct launch_plan *plan)
{
    free(plan);
}

const void *launch_plan_bytes(const struct launch_plan *plan, size_t *ret_size)
{
    *ret_size = plan->size;
    return plan;
}

uint64_t launch_plan_lost(const struct launch_plan *plan)
{
    return plan->lost;
}

const struct launch_bounds *launch_plan_bounds(const struct launch_plan *plan)
{
    return &plan->bounds;
}

bool launch_plan_is_light(const struct launch_plan *plan)
{
    return plan->joins.count == 0 && !plan->second_users &&
           !plan->own_time && /* only who has its memory for itself may change its clocks */
           !(plan->flags &
             (PLAN_NO_WX /* is the memory's */ | PLAN_REAPER | PLAN_SET_IDS | PLAN_SET_GROUPS |
              PLAN_BORROW_IDS | PLAN_HOLD_MAPS | PLAN_ASSERT_NESTING)) &&
           plan->uid_map.count == 0 && plan->gid_map.count == 0;
}

bool launch_plan_has_reaper(const struct launch_plan *plan)
{
    return plan->flags & PLAN_REAPER;
}
