/*
 * plan_files.c - compile the file-system part of a spec into operations
 *
 * Three kinds of view come out of here:
 *
 *   an empty root   spec->mounts in their order, as bubblewrap does it; the first may be a bind
 *                   of a whole tree to "/" and then is the root itself.
 *   the host's root systemd's keys laid over it: ProtectSystem, ProtectHome, PrivateTmp, ...
 *
 *   a directory     RootDirectory=: bound as the root, and the same keys laid over it.
 *
 * The path keys come after all three (plan_paths.c).
 */
#include "launcher/plan_files.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/protect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define ATTR_PROC (FILES_ATTR_SAFE | MOUNT_ATTR_NOEXEC)
#define DEV_SIZE  (64u << 20) /* /dev with its shm: as much as container engines give      */
#define TMP_SIZE  (1u << 30)  /* PrivateTmp                                                 */

/* ---- collecting ---- */

struct plan_op *files_add(struct files *f, enum plan_op_kind kind, uint32_t guard,
                          const char *src, const char *dst)
{
    struct plan_op *op = &f->ops[f->count];

    if (f->count + 1 == LAUNCH_MAX_MOUNTS)
        f->full = true; /* the last slot takes the overflow; the caller reports it */
    else
        f->count++;
    *op = (struct plan_op){
        .kind = (uint16_t)kind,
        .guard = guard,
        .src = blob_text(f->blob, src),
        .dst = blob_text(f->blob, dst),
        .perms = 0755,
    };
    return op;
}

struct plan_op *files_add_tmpfs(struct files *f, uint32_t guard, const char *dst,
                                uint32_t perms, uint64_t size, uint64_t inodes)
{
    struct plan_op *op = files_add(f, PLAN_OP_TMPFS, guard, NULL, dst);

    op->attr_set = FILES_ATTR_SAFE;
    op->perms = perms;
    op->size = size; /* 0: the kernel's, half of the memory */
    op->inodes = inodes ? inodes : size ? plan_inodes(size) : FILES_INODES;
    return op;
}

struct plan_op *files_add_cover(struct files *f, enum plan_op_kind kind, uint32_t guard,
                                const char *dst, uint64_t set, uint64_t clear, bool optional)
{
    struct plan_op *op = files_add(f, kind, guard, NULL, dst);

    op->attr_set = set;
    op->attr_clear = clear;
    op->flags = (uint16_t)((optional ? PLAN_MNT_TRY : 0u) | PLAN_MNT_RECURSIVE);
    return op;
}

/* ---- /proc and /dev ---- */

/* Without capabilities an id of 0 may still write the host's sysctls: the files' owner decides. */
static const struct proc_cover {
    const char *name;
    enum plan_op_kind kind; /* SELF: read-only, MASK: hidden                       */
    bool only_root;         /* its mode keeps everybody else out: saves them a mount */
} proc_covers[] = {
    /* clang-format off */
    {"sys",           PLAN_OP_SELF, false}, {"sysrq-trigger", PLAN_OP_SELF, false},
    {"irq",           PLAN_OP_SELF, false}, {"bus",           PLAN_OP_SELF, false},
    {"fs",            PLAN_OP_SELF, false}, {"acpi",          PLAN_OP_SELF, false},
    {"scsi",          PLAN_OP_SELF, false}, {"asound",        PLAN_OP_SELF, true},
    {"driver",        PLAN_OP_SELF, true},  {"dynamic_debug", PLAN_OP_SELF, true},
    {"mtrr",          PLAN_OP_SELF, true},  {"apm",           PLAN_OP_SELF, true},
    {"kcore",         PLAN_OP_MASK, false}, {"keys",          PLAN_OP_MASK, false},
    {"key-users",     PLAN_OP_MASK, false}, {"timer_list",    PLAN_OP_MASK, false},
    {"kallsyms",      PLAN_OP_MASK, false}, {"sched_debug",   PLAN_OP_MASK, false},
    {"config.gz",     PLAN_OP_MASK, false}, {"latency_stats", PLAN_OP_MASK, false},
    {"kpagecgroup",   PLAN_OP_MASK, true},  {"kpagecount",    PLAN_OP_MASK, true},
    {"kpageflags",    PLAN_OP_MASK, true},  {"pagetypeinfo",  PLAN_OP_MASK, true},
    {"slabinfo",      PLAN_OP_MASK, true},  {"vmallocinfo",   PLAN_OP_MASK, true},
    {"vmcore",        PLAN_OP_MASK, true},
    /* clang-format on */
};

static bool is_root_outside(const struct launch_plan *plan)
{
    return (plan->flags & PLAN_MAP_IDS ? plan->map_outside_uid : plan->uid) == 0;
}

/* 'flags': PLAN_MNT_HELD after an operation with PLAN_MNT_HOLD. A path would be resolved again for
 * each cover, and whoever owns the directory could turn it elsewhere in between. */
static void add_proc_covers(struct files *f, const char *at, uint16_t flags)
{
    char path[4200];

    for (size_t i = 0; i < COOP_COUNT(proc_covers); i++) {
        const struct proc_cover *cover = &proc_covers[i];

        if (cover->only_root && !is_root_outside(f->plan))
            continue;
        str_format(path, sizeof path, "%s/%s", at, cover->name);
        files_add_cover(f, cover->kind, LAUNCH_GUARD_KERNEL, path,
                        cover->kind == PLAN_OP_SELF ? MOUNT_ATTR_RDONLY : 0, 0, true);
        f->ops[f->count - 1].flags |= flags;
    }
}

/* Of ours, or joined: its /proc shows no process of the host's. */
static bool has_own_pids(const struct files *f)
{
    return f->spec->pids || f->plan->clone_flags & CLONE_NEWPID;
}

static bool wants_own_proc(const struct launch_spec *spec)
{
    return spec->protect_proc != LAUNCH_PROC_DEFAULT || spec->proc_subset != LAUNCH_PROC_ALL;
}

static struct plan_op *add_fresh_proc(struct files *f, uint32_t guard, const char *at)
{
    static const plan_off hidepid[] = {
        [LAUNCH_PROC_NOACCESS] = 1, [LAUNCH_PROC_INVISIBLE] = 2, [LAUNCH_PROC_PTRACEABLE] = 4};
    struct plan_op *op = files_add(f, PLAN_OP_PROC, guard, NULL, at);

    op->attr_set = ATTR_PROC;
    op->data = hidepid[f->spec->protect_proc] |
               (f->spec->proc_subset == LAUNCH_PROC_PID ? PLAN_PROC_SUBSET : 0u);
    if (op->data)
        op->guard = LAUNCH_GUARD_PROC;
    return op;
}

static void add_proc(struct files *f, enum launch_guard guard, const char *at)
{
    struct plan_op *op;

    /* Without a PID namespace the host's is what there is. */
    if (has_own_pids(f) || wants_own_proc(f->spec))
        op = add_fresh_proc(f, guard, at);
    else
        op = files_add(f, PLAN_OP_BIND, guard, "/proc", at);
    op->attr_set = ATTR_PROC;
    op->flags |= PLAN_MNT_HOLD;
    add_proc_covers(f, at, PLAN_MNT_HELD);
}

static void add_dev(struct files *f, enum launch_guard guard, const char *at)
{
    static const struct {
        const char *name;
        unsigned major, minor;
    } nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                 {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
    static const char *const links[][2] = {
        {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
        {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
        {"core", "/proc/kcore"},       {"ptmx", "pts/ptmx"}};
    char from[64], path[4200];

    files_add_tmpfs(f, guard, at, 0755, DEV_SIZE, 0);
    for (size_t i = 0; i < COOP_COUNT(nodes); i++) {
        struct plan_op *op;

        str_format(from, sizeof from, "/dev/%s", nodes[i].name);
        str_format(path, sizeof path, "%s/%s", at, nodes[i].name);
        op = files_add(f, PLAN_OP_BIND, guard, from, path);
        op->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
        op->flags = PLAN_MNT_TRY | PLAN_MNT_DEVICE;
        op->dev = makedev(nodes[i].major, nodes[i].minor);
    }
    for (size_t i = 0; i < COOP_COUNT(links); i++) {
        str_format(path, sizeof path, "%s/%s", at, links[i][0]);
        files_add(f, PLAN_OP_SYMLINK, guard, links[i][1], path);
    }
    if (f->spec->terminal == LAUNCH_TERMINAL_OWN) { /* it is the first there */
        str_format(path, sizeof path, "%s/console", at);
        files_add(f, PLAN_OP_SYMLINK, guard, "pts/0", path);
    }
    str_format(path, sizeof path, "%s/shm", at);
    files_add(f, PLAN_OP_DIR, guard, NULL, path)->perms = 01777;
    str_format(path, sizeof path, "%s/pts", at);
    files_add(f, PLAN_OP_DEVPTS, guard, NULL, path)->attr_set =
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
}

/* ---- the ordered list ---- */

static uint64_t bind_attributes(uint32_t flags)
{
    return MOUNT_ATTR_NOSUID | (flags & LAUNCH_MOUNT_DEVICES ? 0u : MOUNT_ATTR_NODEV) |
           (flags & LAUNCH_MOUNT_RO ? MOUNT_ATTR_RDONLY : 0u) |
           (flags & LAUNCH_MOUNT_NOEXEC ? MOUNT_ATTR_NOEXEC : 0u);
}

static void add_path_op(struct files *f, enum plan_op_kind kind, const struct launch_mount *m)
{
    struct plan_op *op = files_add(f, kind, m->guard, m->src, m->dst);

    op->attr_set = bind_attributes(m->flags);
    op->flags = (uint16_t)((m->flags & LAUNCH_MOUNT_TRY ? PLAN_MNT_TRY : 0u) |
                           (m->flags & LAUNCH_MOUNT_ALONE ? PLAN_MNT_ALONE : 0u) |
                           (m->flags & LAUNCH_MOUNT_SAME ? PLAN_MNT_SAME : 0u));
    op->dev = m->dev;
    op->ino = m->ino;
    if (kind == PLAN_OP_FILE || kind == PLAN_OP_DATA || kind == PLAN_OP_COPY)
        op->perms = m->flags & LAUNCH_MOUNT_PERMS ? m->perms : 0444;
    else if (m->flags & LAUNCH_MOUNT_PERMS)
        op->perms = m->perms;
    if (kind == PLAN_OP_FILE || kind == PLAN_OP_DATA) {
        op->data = blob_add(f->blob, m->data, m->size);
        op->size = m->size;
    }
}

static void add_remount(struct files *f, const struct launch_mount *m)
{
    files_add_cover(f, PLAN_OP_SETATTR, m->guard, m->dst,
                    m->flags & LAUNCH_MOUNT_RO ? MOUNT_ATTR_RDONLY : 0,
                    m->flags & LAUNCH_MOUNT_RW ? MOUNT_ATTR_RDONLY : 0, false);
    if (!(m->flags & LAUNCH_MOUNT_RECURSIVE))
        f->ops[f->count - 1].flags = 0;
}

static void add_overlay(struct files *f, const struct launch_mount *m)
{
    struct plan_op *op;

    for (size_t i = 0; i < m->layers.count; i++)
        files_add(f, PLAN_OP_LOWER, m->guard, m->layers.items[i], m->dst);
    op = files_add(f, PLAN_OP_OVERLAY, m->guard, m->src, m->dst);
    op->attr_set = FILES_ATTR_SAFE;
    if (m->src) {
        op->data = blob_text(f->blob, m->work);
        return;
    }
    if (m->flags & LAUNCH_MOUNT_RO) {
        op->attr_set |= MOUNT_ATTR_RDONLY;
        return;
    }
    op->size = m->size;
    op->inodes = m->inodes ? m->inodes : m->size ? plan_inodes(m->size) : FILES_INODES;
    f->plan->flags |= PLAN_STAGE;
}

static void add_mount(struct files *f, const struct launch_mount *m)
{
    uint32_t perms = m->flags & LAUNCH_MOUNT_PERMS ? m->perms : 0755;

    switch (m->kind) {
    case LAUNCH_MOUNT_BIND: add_path_op(f, PLAN_OP_BIND, m); break;
    case LAUNCH_MOUNT_DIR: add_path_op(f, PLAN_OP_DIR, m); break;
    case LAUNCH_MOUNT_SYMLINK: add_path_op(f, PLAN_OP_SYMLINK, m); break;
    case LAUNCH_MOUNT_FILE: add_path_op(f, PLAN_OP_FILE, m); break;
    case LAUNCH_MOUNT_DATA:
        add_path_op(f, PLAN_OP_DATA, m);
        f->plan->flags |= PLAN_STAGE;
        break;
    case LAUNCH_MOUNT_CHMOD: add_path_op(f, PLAN_OP_CHMOD, m); break;
    case LAUNCH_MOUNT_OVERLAY: add_overlay(f, m); break;
    case LAUNCH_MOUNT_COPY: add_path_op(f, PLAN_OP_COPY, m); break;
    case LAUNCH_MOUNT_MIRROR: add_path_op(f, PLAN_OP_MIRROR, m); break;
    case LAUNCH_MOUNT_TMPFS:
        files_add_tmpfs(f, m->guard, m->dst, perms, m->size, m->inodes);
        break;
    case LAUNCH_MOUNT_PROC: add_proc(f, m->guard, m->dst); break;
    case LAUNCH_MOUNT_DEV: add_dev(f, m->guard, m->dst); break;
    case LAUNCH_MOUNT_MQUEUE:
        files_add(f, PLAN_OP_MQUEUE, m->guard, NULL, m->dst)->attr_set = ATTR_PROC;
        break;
    case LAUNCH_MOUNT_MASK:
        files_add_cover(f, PLAN_OP_MASK, m->guard, m->dst, 0, 0, m->flags & LAUNCH_MOUNT_TRY);
        break;
    case LAUNCH_MOUNT_REMOUNT: add_remount(f, m); break;
    }
}

static bool is_root_tree(const struct launch_mount *m)
{
    return (m->kind == LAUNCH_MOUNT_BIND || m->kind == LAUNCH_MOUNT_OVERLAY) &&
           strcmp(m->dst, "/") == 0;
}

static bool mentions(const struct launch_spec *spec, const char *dst)
{
    for (size_t i = 0; i < spec->mounts.count; i++)
        if (strcmp(spec->mounts.items[i].dst, dst) == 0)
            return true;
    return false;
}

/* The host's whole tree brings the host's /proc and /sys along, and to an id of 0 those are
 * handles on the kernel, capabilities or not; and its devices, which do not work here. */
static void furnish_bound_root(struct files *f, const struct launch_mount *root)
{
    uint32_t first = f->count;

    if (!mentions(f->spec, "/proc") && has_own_pids(f))
        add_proc(f, LAUNCH_GUARD_ROOT, "/proc");
    if (!mentions(f->spec, "/dev") && !(root->flags & LAUNCH_MOUNT_DEVICES))
        add_dev(f, LAUNCH_GUARD_ROOT, "/dev");
    if (!mentions(f->spec, "/sys"))
        files_add_cover(f, PLAN_OP_SELF, LAUNCH_GUARD_KERNEL, "/sys", MOUNT_ATTR_RDONLY, 0,
                        true);
    while (first < f->count)
        f->ops[first++].flags |= PLAN_MNT_AUTO;
}

static void add_empty_root(struct files *f)
{
    const struct launch_mounts *mounts = &f->spec->mounts;

    f->plan->flags |= PLAN_NEW_ROOT | (f->spec->root_read_only ? PLAN_ROOT_READ_ONLY : 0u);
    for (size_t i = 0; i < mounts->count; i++) {
        add_mount(f, &mounts->items[i]);
        if (i > 0 || !is_root_tree(&mounts->items[0]))
            continue;
        f->plan->flags |= PLAN_ROOT_BIND;
        f->plan->root_ops = f->count;
        furnish_bound_root(f, &mounts->items[0]);
    }
}

/* ---- a directory of the host as root ---- */

static void add_host_part(struct files *f, const char *path, uint64_t attributes)
{
    files_add(f, PLAN_OP_BIND, LAUNCH_GUARD_ROOT, path, path)->attr_set = attributes;
}

/* Where it has the places: none is made in somebody's files. */
static void add_root_directory(struct files *f)
{
    const struct launch_spec *spec = f->spec;
    uint32_t first;

    f->plan->flags |= PLAN_NEW_ROOT | PLAN_ROOT_BIND;
    files_add(f, PLAN_OP_BIND, LAUNCH_GUARD_ROOT, spec->root_directory, "/");
    f->plan->root_ops = f->count;
    first = f->count;
    if (spec->mount_api_vfs) {
        add_proc(f, LAUNCH_GUARD_ROOT, "/proc");
        add_host_part(f, "/sys", ATTR_PROC);
        if (!spec->private_devices)
            add_host_part(f, "/dev", MOUNT_ATTR_NOSUID);
        files_add_tmpfs(f, LAUNCH_GUARD_ROOT, "/run", 0755, DEV_SIZE, 0);
    }
    while (first < f->count)
        f->ops[first++].flags |= PLAN_MNT_AUTO;
}

/* ---- systemd's keys over the host's root ---- */

static void add_read_only(struct files *f, enum launch_guard guard, const char *dst)
{
    files_add_cover(f, PLAN_OP_SELF, guard, dst, MOUNT_ATTR_RDONLY, 0, true);
}

static void add_protect_system(struct files *f)
{
    static const char *const system[] = {"/usr", "/boot", "/efi"};
    static const char *const api[] = {"/dev", "/proc", "/sys"};

    switch ((enum launch_system)f->spec->protect_system) {
    case LAUNCH_SYSTEM_NO: break;
    case LAUNCH_SYSTEM_STRICT:
        files_add_cover(f, PLAN_OP_SETATTR, LAUNCH_GUARD_SYSTEM, "/", MOUNT_ATTR_RDONLY, 0,
                        false);
        for (size_t i = 0; i < COOP_COUNT(api); i++)
            files_add_cover(f, PLAN_OP_SELF, LAUNCH_GUARD_SYSTEM, api[i], 0, MOUNT_ATTR_RDONLY,
                            true);
        break;
    case LAUNCH_SYSTEM_FULL:
        add_read_only(f, LAUNCH_GUARD_SYSTEM, "/etc");
        __attribute__((fallthrough));
    case LAUNCH_SYSTEM_YES:
        for (size_t i = 0; i < COOP_COUNT(system); i++)
            add_read_only(f, LAUNCH_GUARD_SYSTEM, system[i]);
        break;
    }
}

static void add_protect_home(struct files *f)
{
    static const char *const homes[] = {"/home", "/root", "/run/user"};

    for (size_t i = 0; i < COOP_COUNT(homes); i++) {
        switch ((enum launch_home)f->spec->protect_home) {
        case LAUNCH_HOME_NO: break;
        case LAUNCH_HOME_YES:
            files_add_cover(f, PLAN_OP_MASK, LAUNCH_GUARD_HOME, homes[i], 0, 0, true);
            break;
        case LAUNCH_HOME_READ_ONLY: add_read_only(f, LAUNCH_GUARD_HOME, homes[i]); break;
        case LAUNCH_HOME_TMPFS:
            files_add_tmpfs(f, LAUNCH_GUARD_HOME, homes[i], 0755, DEV_SIZE, 0);
            f->ops[f->count - 1].flags = PLAN_MNT_TRY;
            break;
        }
    }
}

/* Over /sys, which a key above may have covered. */
static void add_control_groups(struct files *f)
{
    static const char at[] = "/sys/fs/cgroup";
    struct plan_op *op;

    switch ((enum launch_control_groups)f->spec->protect_cgroups) {
    case LAUNCH_CONTROL_GROUPS_NO: break;
    case LAUNCH_CONTROL_GROUPS_YES: add_read_only(f, LAUNCH_GUARD_CONTROL_GROUPS, at); break;
    case LAUNCH_CONTROL_GROUPS_PRIVATE:
    case LAUNCH_CONTROL_GROUPS_STRICT:
        op = files_add(f, PLAN_OP_CGROUP, LAUNCH_GUARD_CONTROL_GROUPS, NULL, at);
        op->attr_set = ATTR_PROC;
        if (f->spec->protect_cgroups == LAUNCH_CONTROL_GROUPS_STRICT)
            op->attr_set |= MOUNT_ATTR_RDONLY;
        op->flags = PLAN_MNT_TRY;
        break;
    }
}

static void add_protections(struct files *f)
{
    bool over_host = f->spec->root == LAUNCH_ROOT_HOST && !f->spec->root_directory;
    bool own_proc =
        over_host && (f->plan->clone_flags & CLONE_NEWPID || wants_own_proc(f->spec));

    add_protect_system(f);
    add_protect_home(f);
    if (f->spec->private_tmp) {
        files_add_tmpfs(f, LAUNCH_GUARD_TMP, "/tmp", 01777, TMP_SIZE, 0);
        files_add_tmpfs(f, LAUNCH_GUARD_TMP, "/var/tmp", 01777, TMP_SIZE, 0);
        f->ops[f->count - 1].flags = PLAN_MNT_TRY;
    }
    if (f->spec->private_devices)
        add_dev(f, LAUNCH_GUARD_DEVICES, "/dev");
    /* With PIDs of its own the program would be lost in the host's /proc. */
    if (own_proc && !mentions(f->spec, "/proc"))
        add_fresh_proc(f, LAUNCH_GUARD_PIDS, "/proc");
    if (f->spec->protect_kernel && f->spec->root == LAUNCH_ROOT_HOST) {
        add_proc_covers(f, "/proc", 0);
        add_read_only(f, LAUNCH_GUARD_KERNEL, "/sys");
    }
    add_control_groups(f);
    protections_for_each (row, f->spec)
        for (size_t i = 0; row->hidden[i]; i++)
            files_add_cover(f, PLAN_OP_MASK, LAUNCH_GUARD_PATHS, row->hidden[i], 0, 0, true);
}

/* ---- sources that something earlier would hide ---- */

static bool lies_below(const char *path, const char *dir)
{
    size_t length = dir ? strlen(dir) : 0;

    return length > 0 && strncmp(path, dir, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

/* A root that is made read-only (ProtectSystem=strict) hides nothing, but what is copied from it
 * then is read-only as well. */
static bool changes_root(const struct files *f, const struct plan_op *op)
{
    const char *dst = blob_str(f->blob, op->dst);

    return op->kind == PLAN_OP_SETATTR && dst && strcmp(dst, "/") == 0;
}

/* Over the host's root, what lies below a covered path.  A new root is furnished while the host's
 * stays as it was, but for one thing: it lies over "/", and a copy of "/" would have it in. */
static bool is_hidden(const struct files *f, uint32_t which, const char *src)
{
    bool writable = !(f->ops[which].attr_set & MOUNT_ATTR_RDONLY);

    if (f->plan->flags & PLAN_NEW_ROOT)
        return which > 0 && strcmp(src, "/") == 0;
    for (uint32_t j = 0; j < which; j++)
        if ((writable && changes_root(f, &f->ops[j])) ||
            lies_below(src, blob_str(f->blob, f->ops[j].dst)))
            return true;
    return false;
}

static int mark_early_sources(struct files *f, struct coop_err *err)
{
    uint32_t early = 0;

    for (uint32_t i = 0; i < f->count; i++) {
        const char *src = blob_str(f->blob, f->ops[i].src);

        if (f->ops[i].kind != PLAN_OP_BIND || !src || !is_hidden(f, i, src))
            continue;
        if (early == PLAN_EARLY_MAX)
            return coop_fail(err, COOP_E_LIMIT,
                             "'%s': more than %d paths that are bound from below a covered one",
                             src, PLAN_EARLY_MAX);
        f->ops[i].flags |= PLAN_MNT_EARLY;
        f->ops[i].data = early++;
    }
    return 0;
}

/* DiskMax=: no fresh file system alone may hold more than all together. */
static void lower_sizes(struct files *f)
{
    const struct launch_bounds *bounds = &f->spec->bounds;
    /* We need some ourselves, for mount points and devices. */
    uint64_t bytes = (uint64_t)bounds->disk_max,
             inodes = (uint64_t)bounds->disk_files_max + 2u * f->count + 64;

    for (uint32_t i = 0; i < f->count; i++) {
        struct plan_op *op = &f->ops[i];

        if (op->kind != PLAN_OP_TMPFS && (op->kind != PLAN_OP_OVERLAY || op->src))
            continue;
        if (bounds->disk_max != LAUNCH_UNBOUND && (op->size == 0 || op->size > bytes))
            op->size = bytes;
        if (bounds->disk_files_max != LAUNCH_UNBOUND && op->inodes > inodes)
            op->inodes = inodes;
    }
}

/* ---- the public call ---- */

int plan_compile_files(const struct launch_spec *spec, struct launch_plan *plan, struct blob *b,
                       struct coop_err *err)
{
    SCOPED_FREE struct plan_op *ops = calloc(LAUNCH_MAX_MOUNTS, sizeof *ops);
    struct files f = {.spec = spec, .plan = plan, .blob = b, .ops = ops};

    if (!ops)
        return coop_fail_sys(err, ENOMEM, "compiling the sandbox");
    if (spec->root == LAUNCH_ROOT_EMPTY)
        add_empty_root(&f);
    else if (spec->root_directory)
        add_root_directory(&f);
    else
        for (size_t i = 0; i < spec->mounts.count; i++)
            add_mount(&f, &spec->mounts.items[i]);
    add_protections(&f);
    if (files_add_path_keys(&f, err) < 0)
        return -1;
    if (f.full)
        return coop_fail(err, COOP_E_LIMIT, "more than %d file-system operations",
                         LAUNCH_MAX_MOUNTS - 1);
    if (mark_early_sources(&f, err) < 0)
        return -1;
    lower_sizes(&f);
    plan->ops = (struct plan_vec){blob_add(b, ops, f.count * sizeof *ops), f.count};
    return 0;
}
