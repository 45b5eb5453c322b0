/*
 * explain.c - a plan as a person reads it
 */
#include "launcher/recipe.h"

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "launcher/caps_text.h"
#include "launcher/filter/tell.h"
#include "launcher/kernel.h"
#include "launcher/landlock.h"
#include "launcher/limits/group.h"
#include "text/units.h"

#include <inttypes.h>
#include <string.h>

/* ---- the data of each step ---- */

static void explain_map(const char *what, const struct launch_plan *p,
                        const struct plan_vec *map, uint32_t inside, uint32_t outside,
                        FILE *out)
{
    const struct plan_id_map *lines = plan_at(p, map->at);

    if (map->count == 0)
        fprintf(out, "    %s %u inside is %u outside\n", what, inside, outside);
    for (uint32_t i = 0; i < map->count; i++)
        fprintf(out, "    %s %u and on inside are %u and on outside, %u of them\n", what,
                lines[i].inside, lines[i].outside, lines[i].count);
}

static void explain_maps(const struct launch_plan *p, FILE *out)
{
    if (p->flags & PLAN_HOLD_MAPS) {
        fprintf(out, "    somebody else maps the ids\n");
        return;
    }
    if (p->uid_map.count == 0 && p->gid_map.count == 0) {
        fprintf(out, "    uid %u inside is %u outside, gid %u is %u; setgroups denied\n",
                p->map_inside_uid, p->map_outside_uid, p->map_inside_gid, p->map_outside_gid);
        return;
    }
    explain_map("uid", p, &p->uid_map, p->map_inside_uid, p->map_outside_uid, out);
    explain_map("gid", p, &p->gid_map, p->map_inside_gid, p->map_outside_gid, out);
    if (p->gid_map.count == 0)
        fprintf(out, "    setgroups denied\n");
    if (p->flags & PLAN_UNMAPPED)
        fprintf(out, "    and becomes %u:%u, as its own id is not among them\n",
                p->map_inside_uid, p->map_inside_gid);
}

static void print_attributes(uint64_t set, uint64_t clear, FILE *out)
{
    static const struct {
        uint64_t bit;
        const char *on, *off;
    } names[] = {{MOUNT_ATTR_RDONLY, "read-only", "writable"},
                 {MOUNT_ATTR_NOSUID, "nosuid", "suid"},
                 {MOUNT_ATTR_NODEV, "nodev", "dev"},
                 {MOUNT_ATTR_NOEXEC, "noexec", "exec"}};

    for (size_t i = 0; i < COOP_COUNT(names); i++) {
        if (set & names[i].bit)
            fprintf(out, " %s", names[i].on);
        if (clear & names[i].bit)
            fprintf(out, " %s", names[i].off);
    }
}

static void explain_proc(uint32_t how, FILE *out)
{
    if (how & PLAN_PROC_HIDEPID)
        fprintf(out, " hidepid=%u", how & PLAN_PROC_HIDEPID);
    if (how & PLAN_PROC_SUBSET)
        fprintf(out, " subset=pid");
}

static void explain_propagation(const struct launch_plan *p, FILE *out)
{
    static const char *const words[] = {
        [LAUNCH_SLAVE] = "what the host mounts later shows here",
        [LAUNCH_PRIVATE] = "what the host mounts later does not show here",
        [LAUNCH_SHARED] = "what the host mounts later shows here and in namespaces below"};

    fprintf(out, "    %s\n", words[p->propagation]);
}

#define BIT(kind) (UINT32_C(1) << (kind))

static void explain_op(const struct launch_plan *p, const struct plan_op *op, FILE *out)
{
    static const char *const words[PLAN_OP_KINDS] = {
        [PLAN_OP_BIND] = "bind",       [PLAN_OP_TMPFS] = "tmpfs",
        [PLAN_OP_PROC] = "proc",       [PLAN_OP_DEVPTS] = "devpts",
        [PLAN_OP_MQUEUE] = "mqueue",   [PLAN_OP_DIR] = "dir",
        [PLAN_OP_SYMLINK] = "symlink", [PLAN_OP_FILE] = "file",
        [PLAN_OP_COPY] = "copy",       [PLAN_OP_MIRROR] = "mirror",
        [PLAN_OP_MASK] = "hide",       [PLAN_OP_SETATTR] = "change",
        [PLAN_OP_SELF] = "cover",      [PLAN_OP_CGROUP] = "cgroups",
        [PLAN_OP_DATA] = "data",       [PLAN_OP_CHMOD] = "chmod",
        [PLAN_OP_LOWER] = "layer",     [PLAN_OP_OVERLAY] = "overlay",
    };
    static const uint32_t has_mode = BIT(PLAN_OP_TMPFS) | BIT(PLAN_OP_DIR) | BIT(PLAN_OP_FILE) |
                                     BIT(PLAN_OP_DATA) | BIT(PLAN_OP_CHMOD);
    static const uint32_t has_attributes =
        ~(BIT(PLAN_OP_SYMLINK) | BIT(PLAN_OP_COPY) | BIT(PLAN_OP_DIR) | BIT(PLAN_OP_CHMOD) |
          BIT(PLAN_OP_LOWER));
    const char *src = plan_str(p, op->src), *dst = plan_str(p, op->dst);

    fprintf(out, "    %-8s%s", words[op->kind], dst ? dst : "");
    if (src)
        fprintf(out, " %s %s",
                op->kind == PLAN_OP_SYMLINK   ? "->"
                : op->kind == PLAN_OP_OVERLAY ? "written to"
                                              : "from",
                src);
    if (BIT(op->kind) & has_attributes)
        print_attributes(op->attr_set, op->attr_clear, out);
    if (BIT(op->kind) & has_mode)
        fprintf(out, " mode %04o", op->perms);
    if (op->size)
        fprintf(out, " %" PRIu64 " bytes", op->size);
    if (op->inodes)
        fprintf(out, " %" PRIu64 " files", op->inodes);
    if (op->kind == PLAN_OP_PROC)
        explain_proc(op->data, out);
    if (op->flags & PLAN_MNT_ALONE)
        fprintf(out, " alone");
    fprintf(out, "%s\n", op->flags & PLAN_MNT_TRY ? " (if there)" : "");
}

static void explain_mounts(const struct launch_plan *p, FILE *out)
{
    const struct plan_op *ops = plan_at(p, p->ops.at);

    for (uint32_t i = p->flags & PLAN_ROOT_BIND ? p->root_ops : 0; i < p->ops.count; i++)
        explain_op(p, &ops[i], out);
    if (p->flags & PLAN_ROOT_READ_ONLY)
        fprintf(out, "    change  / read-only\n");
}

static void explain_root(const struct launch_plan *p, FILE *out)
{
    const struct plan_op *ops = plan_at(p, p->ops.at);

    for (uint32_t i = 0; p->flags & PLAN_ROOT_BIND && i < p->root_ops; i++)
        explain_op(p, &ops[i], out);
    if (!(p->flags & PLAN_ROOT_BIND))
        fprintf(out, "    empty, at most %" PRIu64 " bytes\n", p->root_size);
}

static void explain_locks(const struct launch_plan *p, FILE *out)
{
    const plan_off *paths = plan_at(p, p->lock_files.at);

    for (uint32_t i = 0; i < p->lock_files.count; i++)
        fprintf(out, "    %s\n", plan_str(p, paths[i]));
}

static void explain_time(const struct launch_plan *p, FILE *out)
{
    const struct {
        const char *clock;
        int64_t offset;
    } all[] = {{"monotonic", p->time_monotonic}, {"boottime", p->time_boottime}};
    char text[UNITS_TEXT];

    for (size_t i = 0; i < COOP_COUNT(all); i++)
        fprintf(
            out, "    %s clock shifted by %s%s\n", all[i].clock, all[i].offset < 0 ? "-" : "",
            units_render_duration(all[i].offset < 0 ? -all[i].offset : all[i].offset, text));
}

static void explain_hostname(const struct launch_plan *p, FILE *out)
{
    fprintf(out, "    %s\n", plan_str(p, p->hostname));
}

static void explain_limits(const struct launch_plan *p, FILE *out)
{
    const struct plan_limit *limits = plan_at(p, p->limits.at);

    for (uint32_t i = 0; i < p->limits.count; i++)
        fprintf(out, "    %s soft %" PRId64 " hard %" PRId64 "\n", plan_str(p, limits[i].name),
                (int64_t)limits[i].soft, (int64_t)limits[i].hard);
}

static void explain_umask(const struct launch_plan *p, FILE *out)
{
    fprintf(out, "    %04o\n", p->umask);
}

static void explain_nice(const struct launch_plan *p, FILE *out)
{
    fprintf(out, "    %d\n", p->nice);
}

static void explain_oom(const struct launch_plan *p, FILE *out)
{
    fprintf(out, "    %d\n", p->oom_score);
}

static void print_caps(const char *what, uint64_t set, FILE *out)
{
    struct buf text = BUF_INIT((size_t)4096);

    caps_render(&text, set);
    fprintf(out, "    %s %s\n", what, buf_text(&text));
    buf_done(&text);
}

static void explain_bounding(const struct launch_plan *p, FILE *out)
{
    print_caps("keep", p->cap_keep, out);
}

static void explain_caps(const struct launch_plan *p, FILE *out)
{
    print_caps("at most", p->cap_keep, out);
    if (p->cap_ambient)
        print_caps("ambient", p->cap_ambient, out);
}

static void explain_securebits(const struct launch_plan *p, FILE *out)
{
    fprintf(out, "    0x%x\n", p->securebits);
}

static void explain_identity(const struct launch_plan *p, FILE *out)
{
    const uint32_t *groups = plan_at(p, p->groups.at);

    fprintf(out, "    uid %u gid %u groups", p->uid, p->gid);
    for (uint32_t i = 0; i < p->groups.count; i++)
        fprintf(out, " %u", groups[i]);
    fprintf(out, "%s\n", p->groups.count ? "" : " none");
}

static void explain_fds(const struct launch_plan *p, FILE *out)
{
    if (p->flags & PLAN_KEEP_FDS)
        fprintf(out, "    all that the caller has open gets in\n");
}

static void explain_cwd(const struct launch_plan *p, FILE *out)
{
    fprintf(out, "    %s%s\n", plan_str(p, p->cwd),
            p->flags & PLAN_CWD_OPTIONAL ? " (or / if it is missing)" : "");
}

static void print_rights(uint64_t access, FILE *out)
{
    static const struct {
        uint64_t rights;
        const char *word;
    } words[] = {{LAND_READ_FILE, "read"},
                 {LAND_EXECUTE, "execute"},
                 {LAND_WRITE_FILE, "write"},
                 {LAND_MAKE_REG, "make and remove"}};

    for (size_t i = 0; i < COOP_COUNT(words); i++)
        if (access & words[i].rights)
            fprintf(out, " %s", words[i].word);
}

static void explain_landlock(const struct launch_plan *p, FILE *out)
{
    const struct plan_rule *rules = plan_at(p, p->land_rules.at);
    const struct plan_port *ports = plan_at(p, p->land_ports.at);

    for (uint32_t i = 0; i < p->land_rules.count; i++) {
        fprintf(out, "    allow   %s", plan_str(p, rules[i].path));
        print_rights(rules[i].access, out);
        if (rules[i].by_clerk)
            fprintf(out, " (made by the clerk)");
        fprintf(out, "\n");
    }
    if (p->land_fs)
        fprintf(out, "    allow   what is open as 0, 1, 2, as it is open; no other file\n");
    for (uint32_t i = 0; i < p->land_ports.count; i++)
        fprintf(out, "    allow   TCP %s %u\n",
                ports[i].access & LAND_BIND_TCP ? "bind" : "connect", ports[i].port);
    if (p->land_net)
        fprintf(out, "    refuse  TCP%s%s at other ports\n",
                p->land_net & LAND_BIND_TCP ? " bind" : "",
                p->land_net & LAND_CONNECT_TCP ? " connect" : "");
    if (p->land_scoped)
        fprintf(out, "    refuse  %s%s%s processes outside\n",
                p->land_scoped & LAND_ABSTRACT ? "abstract sockets of" : "",
                p->land_scoped == (LAND_ABSTRACT | LAND_SIGNAL) ? " and " : "",
                p->land_scoped & LAND_SIGNAL ? "signals to" : "");
}

static void explain_shared(const struct launch_plan *p, FILE *out)
{
    (void)p;
    fprintf(out, "    others in it can read the names of this sandbox's unix sockets; "
                 "nobody could in one of its own (PrivateNetwork=yes)\n");
}

static void explain_clerk(const struct launch_plan *p, FILE *out)
{
    fprintf(out,
            "    a process outside makes the names that are asked for, but not those that "
            "are frozen in %s\n",
            plan_str(p, p->frozen_at));
}

static void explain_terminal(const struct launch_plan *p, FILE *out)
{
    fprintf(out, "    a pty of the sandbox's own; %s\n",
            p->flags & PLAN_REAPER ? "PID 1 leads its session, the program its first group"
                                   : "the program leads its session");
}

static void explain_filter(const struct launch_plan *p, FILE *out)
{
    const struct plan_filter *filters = plan_at(p, p->filters.at);

    for (uint32_t i = 0; i < p->filters.count; i++) {
        fprintf(out, "    %s, %u instructions\n", plan_str(p, filters[i].from),
                filters[i].code.count);
        filter_tell(plan_at(p, filters[i].code.at), filters[i].code.count, "      ", out);
    }
}

static void explain_exec(const struct launch_plan *p, FILE *out)
{
    const plan_off *argv = plan_at(p, p->argv_off.at), *paths = plan_at(p, p->exec_paths.at);

    fprintf(out, "    argv ");
    for (uint32_t i = 0; i < p->argv_off.count; i++)
        fprintf(out, " '%s'", plan_str(p, argv[i]));
    fprintf(out, "\n    looked for at");
    for (uint32_t i = 0; i < p->exec_paths.count; i++)
        fprintf(out, " %s", plan_str(p, paths[i]));
    fprintf(out, "\n    with %u environment variables\n", p->env_off.count);
}

/* ---- which steps a plan uses, and how each shows its data ---- */

typedef void explain_fn(const struct launch_plan *plan, FILE *out);

static const struct explained {
    const char *step;
    uint32_t flag; /* used when any of these is set; 0: see 'vec' */
    size_t vec;    /* offset of a plan_vec that must not be empty; 0: always used */
    explain_fn *data;
} explained[] = {
    /* clang-format off */
    {"guard-parent", PLAN_PDEATHSIG,      0, NULL},
    {"tell",         PLAN_TELL,           0, NULL},
    {"user-maps",    PLAN_MAP_IDS,        0, explain_maps},
    {"oom-score",    PLAN_SET_OOM,        0, explain_oom},
    {"no-nesting",   PLAN_NO_NESTING,     0, NULL},
    {"time",         0, offsetof(struct launch_plan, own_time), explain_time},
    {"loopback",     PLAN_LOOPBACK,       0, NULL},
    {"empty-network", 0, offsetof(struct launch_plan, empty_network), explain_shared},
    {"hostname",     0, offsetof(struct launch_plan, hostname), explain_hostname},
    {"private-view", PLAN_PRIVATE_VIEW,   0, explain_propagation},
    {"new-root",     PLAN_NEW_ROOT,       0, explain_root},
    {"mounts",       0, offsetof(struct launch_plan, ops.count), explain_mounts},
    {"pivot-root",   PLAN_NEW_ROOT,       0, NULL},
    {"lock-files",   0, offsetof(struct launch_plan, lock_files.count), explain_locks},
    {"second-users", 0, offsetof(struct launch_plan, second_users), NULL},
    {"terminal",     0, offsetof(struct launch_plan, terminal), explain_terminal},
    {"split",        PLAN_REAPER,         0, NULL},
    {"session",      PLAN_SESSION,        0, NULL},
    {"close-fds",    0, 0, explain_fds},
    {"umask",        PLAN_SET_UMASK,      0, explain_umask},
    {"nice",         PLAN_SET_NICE,       0, explain_nice},
    {"rlimits",      0, offsetof(struct launch_plan, limits.count), explain_limits},
    {"bounding",     PLAN_DROP_BOUNDING,  0, explain_bounding},
    {"securebits",   PLAN_SECUREBITS,     0, explain_securebits},
    {"identity",     PLAN_SET_IDS | PLAN_SET_GROUPS, 0, explain_identity},
    {"keyring",      PLAN_KEYRING,        0, NULL},
    {"cwd",          0, 0, explain_cwd},
    {"caps",         PLAN_SET_CAPS,       0, explain_caps},
    {"pdeathsig",    PLAN_PDEATHSIG,      0, NULL},
    {"no-new-privs", PLAN_NO_NEW_PRIVS,   0, NULL},
    {"personality",  PLAN_PERSONALITY,    0, NULL},
    {"no-wx",        PLAN_NO_WX,          0, NULL},
    {"clerk",        0, offsetof(struct launch_plan, frozen_at), explain_clerk},
    {"landlock",     PLAN_LANDLOCK,       0, explain_landlock},
    {"assert-alone", PLAN_ASSERT_NESTING, 0, NULL},
    {"seccomp",      0, offsetof(struct launch_plan, filters.count), explain_filter},
    {"exec",         0, 0, explain_exec},
    /* clang-format on */
};

static const struct explained *find_explained(const char *step)
{
    for (size_t i = 0; i < COOP_COUNT(explained); i++)
        if (strcmp(explained[i].step, step) == 0)
            return &explained[i];
    return NULL; /* keep-fds, stdio, hello ...: in every launch, without data of its own */
}

static bool is_used(const struct launch_plan *plan, const struct explained *how)
{
    uint32_t count;

    if (!how || (!how->flag && !how->vec))
        return true;
    if (how->flag)
        return plan->flags & how->flag;
    memcpy(&count, (const char *)plan + how->vec, sizeof count);
    return count > 0;
}

static void explain_birth(const struct launch_plan *plan, FILE *out)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{CLONE_NEWUSER, "user"},    {CLONE_NEWPID, "pid"}, {CLONE_NEWNS, "mount"},
                 {CLONE_NEWNET, "net"},      {CLONE_NEWIPC, "ipc"}, {CLONE_NEWUTS, "uts"},
                 {CLONE_NEWCGROUP, "cgroup"}};

    const struct plan_join *joins = plan_at(plan, plan->joins.at);

    fprintf(out, "clone: the child is born in new namespaces:");
    for (size_t i = 0; i < COOP_COUNT(names); i++)
        if (plan->clone_flags & names[i].flag)
            fprintf(out, " %s", names[i].name);
    fprintf(out, "%s\n", plan->clone_flags ? "" : " none");
    for (uint32_t i = 0; i < plan->joins.count; i++)
        fprintf(out, "    in the namespace of %s\n", plan_str(plan, joins[i].path));
    if (plan->network)
        fprintf(out, "    in the network of %s\n", plan_str(plan, plan->network));
}

static const char *render_count(int64_t value, char ret_text[UNITS_TEXT])
{
    (void)str_format(ret_text, UNITS_TEXT, "%" PRId64, value);
    return ret_text;
}

static const char *render_share(int64_t value, char ret_text[UNITS_TEXT])
{
    (void)str_format(ret_text, UNITS_TEXT, "%" PRId64 ".%" PRId64 "%%", value / 10, value % 10);
    return ret_text;
}

static void explain_bounds(const struct launch_bounds *bounds, FILE *out)
{
    const struct {
        const char *key;
        int64_t value;
        const char *(*render)(int64_t value, char ret_text[UNITS_TEXT]);
    } all[] = {
        {"WallTime", bounds->wall_time, units_render_duration},
        {"CPUTime", bounds->cpu_time, units_render_duration},
        {"OutputMax", bounds->output, units_render_size},
        {"DiskMax", bounds->disk_max, units_render_size},
        {"DiskFilesMax", bounds->disk_files_max, render_count},
        {"StopGrace", bounds->stop_grace, units_render_duration},
        {"MemoryMax", bounds->memory_max, units_render_size},
        {"MemoryHigh", bounds->memory_high, units_render_size},
        {"MemorySwapMax", bounds->memory_swap_max, units_render_size},
        {"TasksMax", bounds->tasks_max, render_count},
        {"CPUQuota", bounds->cpu_quota, render_share},
        {"CPUWeight", bounds->cpu_weight ? bounds->cpu_weight : LAUNCH_UNBOUND, render_count},
        {"IOWeight", bounds->io_weight ? bounds->io_weight : LAUNCH_UNBOUND, render_count},
    };
    const char *head = "kept from outside, for everything inside together:";
    char text[UNITS_TEXT];

    for (size_t i = 0; i < COOP_COUNT(all); i++) {
        if (all[i].value == LAUNCH_UNBOUND)
            continue;
        fprintf(out, "%s %s %s", head, all[i].key, all[i].render(all[i].value, text));
        head = ",";
    }
    for (const struct group_io_row *row = group_io_rows; row->key; row++)
        for (int i = 0; i < LAUNCH_IO_DEVICES && group_io_list(row, bounds)->at[i].most; i++) {
            const struct launch_disk *io = &group_io_list(row, bounds)->at[i];

            fprintf(out, "%s %s %u:%u %" PRId64, head, row->key, io->major, io->minor,
                    io->most);
            head = ",";
        }
    if (head[0] == ',')
        fprintf(out, "\n");
}

void launch_explain(const struct launch_plan *plan, FILE *out)
{
    char names[1024];
    const char *step;

    explain_birth(plan, out);
    explain_bounds(&plan->bounds, out);
    for (unsigned i = 0; (step = recipe_step_name(i)) != NULL; i++) {
        const struct explained *how = find_explained(step);

        if (!is_used(plan, how))
            continue;
        fprintf(out, "%s: %s\n", step, recipe_step_why(i));
        if (how && how->data)
            how->data(plan, out);
    }
    if (plan->guards & plan->prefer)
        fprintf(out, "preferred: %s\n",
                launch_guards_text(plan->guards & plan->prefer, names, sizeof names));
    if (plan->lost)
        fprintf(out, "refused by this machine: %s\n",
                launch_guards_text(plan->lost, names, sizeof names));
}
