/*
 * plan_files.c - compile the file-system part of a spec into operations
 *
 * Two kinds of view come out of here:
 *
 *   an empty root   spec->mounts in their order, as bubblewrap does it; the first may be a bind
 *                   of a whole tree to "/" and then is the root itself.
 *   the host's root systemd's keys laid over it: ProtectSystem, ProtectHome, PrivateTmp, ...
 *
 * The path keys (ReadOnlyPaths and its sisters, BindPaths, TemporaryFileSystem) come after both,
 * sorted so that a parent comes before its children: whichever is nearer to a file decides, as
 * in systemd, and their order in the configuration does not matter.
 */
#include "launcher/blob.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/kernel.h"
#include "launcher/mount_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ATTR_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ATTR_PROC (ATTR_SAFE | MOUNT_ATTR_NOEXEC)
#define DEV_SIZE  (64u << 20) /* /dev with its shm: as much as container engines give      */
#define TMP_SIZE  (1u << 30)  /* /tmp of a private one, unless a size is given             */

/* ---- collecting ---- */

struct files {
    const struct launch_spec *spec;
    struct launch_plan *plan;
    struct blob *blob;
    struct plan_op *ops;
    uint32_t count;
    bool full;
};

static struct plan_op *add(struct files *f, enum plan_op_kind kind, uint32_t guard,
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

static void add_tmpfs(struct files *f, uint32_t guard, const char *dst, uint32_t perms,
                      uint64_t size)
{
    struct plan_op *op = add(f, PLAN_OP_TMPFS, guard, NULL, dst);

    op->attr_set = ATTR_SAFE;
    op->perms = perms;
    op->size = size;
}

static void add_cover(struct files *f, enum plan_op_kind kind, enum launch_guard guard,
                      const char *dst, uint64_t set, uint64_t clear, bool optional)
{
    struct plan_op *op = add(f, kind, guard, NULL, dst);

    op->attr_set = set;
    op->attr_clear = clear;
    op->flags = (uint16_t)((optional ? PLAN_MNT_TRY : 0u) | PLAN_MNT_RECURSIVE);
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
        add_cover(f, cover->kind, LAUNCH_GUARD_KERNEL, path,
                  cover->kind == PLAN_OP_SELF ? MOUNT_ATTR_RDONLY : 0, 0, true);
        f->ops[f->count - 1].flags |= flags;
    }
}

static void add_proc(struct files *f, enum launch_guard guard, const char *at)
{
    struct plan_op *op;

    /* Mounting one needs a PID namespace of ours; without it the host's is what there is. */
    if (f->plan->clone_flags & CLONE_NEWPID)
        op = add(f, PLAN_OP_PROC, guard, NULL, at);
    else
        op = add(f, PLAN_OP_BIND, guard, "/proc", at);
    op->attr_set = ATTR_PROC;
    op->flags |= PLAN_MNT_HOLD;
    add_proc_covers(f, at, PLAN_MNT_HELD);
}

static void add_dev(struct files *f, enum launch_guard guard, const char *at)
{
    static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
    static const char *const links[][2] = {
        {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
        {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
        {"core", "/proc/kcore"},       {"ptmx", "pts/ptmx"}};
    char from[64], path[4200];

    add_tmpfs(f, guard, at, 0755, DEV_SIZE);
    for (size_t i = 0; i < COOP_COUNT(nodes); i++) {
        struct plan_op *op;

        str_format(from, sizeof from, "/dev/%s", nodes[i]);
        str_format(path, sizeof path, "%s/%s", at, nodes[i]);
        op = add(f, PLAN_OP_BIND, guard, from, path);
        op->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
        op->flags = PLAN_MNT_TRY;
    }
    for (size_t i = 0; i < COOP_COUNT(links); i++) {
        str_format(path, sizeof path, "%s/%s", at, links[i][0]);
        add(f, PLAN_OP_SYMLINK, guard, links[i][1], path);
    }
    str_format(path, sizeof path, "%s/shm", at);
    add(f, PLAN_OP_DIR, guard, NULL, path)->perms = 01777;
    str_format(path, sizeof path, "%s/pts", at);
    add(f, PLAN_OP_DEVPTS, guard, NULL, path)->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
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
    struct plan_op *op = add(f, kind, m->guard, m->src, m->dst);

    op->attr_set = bind_attributes(m->flags);
    op->flags = m->flags & LAUNCH_MOUNT_TRY ? PLAN_MNT_TRY : 0;
    if (kind == PLAN_OP_FILE || kind == PLAN_OP_COPY)
        op->perms = m->flags & LAUNCH_MOUNT_PERMS ? m->perms : 0444;
    else if (m->flags & LAUNCH_MOUNT_PERMS)
        op->perms = m->perms;
    if (kind == PLAN_OP_FILE) {
        op->data = blob_add(f->blob, m->data, m->size);
        op->size = m->size;
    }
}

static void add_remount(struct files *f, const struct launch_mount *m)
{
    add_cover(f, PLAN_OP_SETATTR, m->guard, m->dst,
              m->flags & LAUNCH_MOUNT_RO ? MOUNT_ATTR_RDONLY : 0,
              m->flags & LAUNCH_MOUNT_RW ? MOUNT_ATTR_RDONLY : 0, false);
    if (!(m->flags & LAUNCH_MOUNT_RECURSIVE))
        f->ops[f->count - 1].flags = 0;
}

static void add_mount(struct files *f, const struct launch_mount *m)
{
    uint32_t perms = m->flags & LAUNCH_MOUNT_PERMS ? m->perms : 0755;

    switch (m->kind) {
    case LAUNCH_MOUNT_BIND: add_path_op(f, PLAN_OP_BIND, m); break;
    case LAUNCH_MOUNT_DIR: add_path_op(f, PLAN_OP_DIR, m); break;
    case LAUNCH_MOUNT_SYMLINK: add_path_op(f, PLAN_OP_SYMLINK, m); break;
    case LAUNCH_MOUNT_FILE: add_path_op(f, PLAN_OP_FILE, m); break;
    case LAUNCH_MOUNT_COPY: add_path_op(f, PLAN_OP_COPY, m); break;
    case LAUNCH_MOUNT_MIRROR: add_path_op(f, PLAN_OP_MIRROR, m); break;
    case LAUNCH_MOUNT_TMPFS: add_tmpfs(f, m->guard, m->dst, perms, m->size); break;
    case LAUNCH_MOUNT_PROC: add_proc(f, m->guard, m->dst); break;
    case LAUNCH_MOUNT_DEV: add_dev(f, m->guard, m->dst); break;
    case LAUNCH_MOUNT_MQUEUE:
        add(f, PLAN_OP_MQUEUE, m->guard, NULL, m->dst)->attr_set = ATTR_PROC;
        break;
    case LAUNCH_MOUNT_MASK:
        add_cover(f, PLAN_OP_MASK, m->guard, m->dst, 0, 0, m->flags & LAUNCH_MOUNT_TRY);
        break;
    case LAUNCH_MOUNT_REMOUNT: add_remount(f, m); break;
    }
}

static bool is_root_bind(const struct launch_mount *m)
{
    return m->kind == LAUNCH_MOUNT_BIND && strcmp(m->dst, "/") == 0;
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

    if (!mentions(f->spec, "/proc") && f->plan->clone_flags & CLONE_NEWPID)
        add_proc(f, LAUNCH_GUARD_ROOT, "/proc");
    if (!mentions(f->spec, "/dev") && !(root->flags & LAUNCH_MOUNT_DEVICES))
        add_dev(f, LAUNCH_GUARD_ROOT, "/dev");
    if (!mentions(f->spec, "/sys"))
        add_cover(f, PLAN_OP_SELF, LAUNCH_GUARD_KERNEL, "/sys", MOUNT_ATTR_RDONLY, 0, true);
    while (first < f->count)
        f->ops[first++].flags |= PLAN_MNT_AUTO;
}

static void add_empty_root(struct files *f)
{
    const struct launch_mounts *mounts = &f->spec->mounts;

    f->plan->flags |= PLAN_NEW_ROOT | (f->spec->root_read_only ? PLAN_ROOT_READ_ONLY : 0u);
    for (size_t i = 0; i < mounts->count; i++) {
        add_mount(f, &mounts->items[i]);
        if (i > 0 || !is_root_bind(&mounts->items[0]))
            continue;
        f->plan->flags |= PLAN_ROOT_BIND;
        furnish_bound_root(f, &mounts->items[0]);
    }
}

/* ---- systemd's keys over the host's root ---- */

static void add_read_only(struct files *f, enum launch_guard guard, const char *dst)
{
    add_cover(f, PLAN_OP_SELF, guard, dst, MOUNT_ATTR_RDONLY, 0, true);
}

static void add_protect_system(struct files *f)
{
    static const char *const system[] = {"/usr", "/boot", "/efi"};
    static const char *const api[] = {"/dev", "/proc", "/sys"};

    switch ((enum launch_system)f->spec->protect_system) {
    case LAUNCH_SYSTEM_NO: break;
    case LAUNCH_SYSTEM_STRICT:
        add_cover(f, PLAN_OP_SETATTR, LAUNCH_GUARD_SYSTEM, "/", MOUNT_ATTR_RDONLY, 0, false);
        for (size_t i = 0; i < COOP_COUNT(api); i++)
            add_cover(f, PLAN_OP_SELF, LAUNCH_GUARD_SYSTEM, api[i], 0, MOUNT_ATTR_RDONLY, true);
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
            add_cover(f, PLAN_OP_MASK, LAUNCH_GUARD_HOME, homes[i], 0, 0, true);
            break;
        case LAUNCH_HOME_READ_ONLY: add_read_only(f, LAUNCH_GUARD_HOME, homes[i]); break;
        case LAUNCH_HOME_TMPFS:
            add_tmpfs(f, LAUNCH_GUARD_HOME, homes[i], 0755, DEV_SIZE);
            f->ops[f->count - 1].flags = PLAN_MNT_TRY;
            break;
        }
    }
}

static void add_protections(struct files *f)
{
    bool own_proc = f->plan->clone_flags & CLONE_NEWPID && f->spec->root == LAUNCH_ROOT_HOST;

    add_protect_system(f);
    add_protect_home(f);
    if (f->spec->private_tmp) {
        add_tmpfs(f, LAUNCH_GUARD_TMP, "/tmp", 01777, TMP_SIZE);
        add_tmpfs(f, LAUNCH_GUARD_TMP, "/var/tmp", 01777, TMP_SIZE);
        f->ops[f->count - 1].flags = PLAN_MNT_TRY;
    }
    if (f->spec->private_devices)
        add_dev(f, LAUNCH_GUARD_DEVICES, "/dev");
    /* With PIDs of its own the program would be lost in the host's /proc. */
    if (own_proc && !mentions(f->spec, "/proc"))
        add(f, PLAN_OP_PROC, LAUNCH_GUARD_PIDS, NULL, "/proc")->attr_set = ATTR_PROC;
    if (f->spec->protect_kernel && f->spec->root == LAUNCH_ROOT_HOST) {
        add_proc_covers(f, "/proc", 0);
        add_read_only(f, LAUNCH_GUARD_KERNEL, "/sys");
    }
}

/* ---- the path keys ---- */

enum path_key {
    KEY_READ_ONLY,
    KEY_READ_WRITE,
    KEY_HIDDEN,
    KEY_BIND,
    KEY_BIND_RO,
    KEY_TEMPORARY
};

struct path_item {
    enum path_key key;
    const char *text; /* as configured                    */
    char *src, *dst;  /* owned, plain                     */
    bool optional, read_only;
    uint32_t perms;
    uint64_t size;
};

static int by_path(const void *a, const void *b)
{
    const struct path_item *left = a, *right = b;

    return strcmp(left->dst, right->dst);
}

static void add_path_item(struct files *f, const struct path_item *item)
{
    struct plan_op *op;

    switch (item->key) {
    case KEY_READ_ONLY:
        add_cover(f, PLAN_OP_SELF, LAUNCH_GUARD_PATHS, item->dst, MOUNT_ATTR_RDONLY, 0,
                  item->optional);
        break;
    case KEY_READ_WRITE:
        add_cover(f, PLAN_OP_SELF, LAUNCH_GUARD_PATHS, item->dst, 0, MOUNT_ATTR_RDONLY,
                  item->optional);
        break;
    case KEY_HIDDEN:
        add_cover(f, PLAN_OP_MASK, LAUNCH_GUARD_PATHS, item->dst, 0, 0, item->optional);
        break;
    case KEY_BIND:
    case KEY_BIND_RO:
        op = add(f, PLAN_OP_BIND, PLAN_NO_GUARD, item->src, item->dst);
        op->attr_set = item->key == KEY_BIND_RO ? MOUNT_ATTR_RDONLY : 0;
        op->flags = item->optional ? PLAN_MNT_TRY : 0;
        break;
    case KEY_TEMPORARY:
        add_tmpfs(f, PLAN_NO_GUARD, item->dst, item->perms, item->size);
        if (item->read_only)
            f->ops[f->count - 1].attr_set |= MOUNT_ATTR_RDONLY;
        break;
    }
}

static int parse_item(struct path_item *item, struct coop_err *err)
{
    switch (item->key) {
    case KEY_BIND:
    case KEY_BIND_RO:
        return launch_parse_bind(item->text, &item->src, &item->dst, &item->optional, err);
    case KEY_TEMPORARY:
        return launch_parse_temporary(item->text, &item->dst, &item->perms, &item->size,
                                      &item->read_only, err);
    case KEY_READ_ONLY:
    case KEY_READ_WRITE:
    case KEY_HIDDEN: break;
    }
    item->optional = item->text[0] == '-';
    item->dst = mount_path_plain(item->text + item->optional);
    if (!item->dst)
        return coop_fail(err, COOP_E_RANGE, "path '%s': must be absolute, without '..'",
                         item->text);
    return 0;
}

static int add_path_keys(struct files *f, struct coop_err *err)
{
    const struct launch_spec *s = f->spec;
    const struct strlist *lists[] = {&s->read_only, &s->read_write,     &s->inaccessible,
                                     &s->bind,      &s->bind_read_only, &s->temporary};
    size_t total = 0, count = 0;
    SCOPED_FREE struct path_item *items = NULL;
    int r = 0;

    for (size_t l = 0; l < COOP_COUNT(lists); l++)
        total += lists[l]->count;
    if (total == 0)
        return 0;
    items = calloc(total, sizeof *items);
    if (!items)
        return coop_fail_sys(err, ENOMEM, "compiling the sandbox");
    for (size_t l = 0; l < COOP_COUNT(lists) && r == 0; l++)
        for (size_t i = 0; i < lists[l]->count && r == 0; i++) {
            items[count] =
                (struct path_item){.key = (enum path_key)l, .text = lists[l]->items[i]};
            r = parse_item(&items[count++], err);
        }
    if (r == 0) {
        qsort(items, count, sizeof *items, by_path);
        for (size_t i = 0; i < count; i++)
            add_path_item(f, &items[i]);
    }
    for (size_t i = 0; i < count; i++) {
        free(items[i].src);
        free(items[i].dst);
    }
    return r;
}

/* ---- sources that something earlier would hide ---- */

static bool lies_below(const char *path, const char *dir)
{
    size_t length = dir ? strlen(dir) : 0;

    return length > 0 && strncmp(path, dir, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

/* Only over the host's root: an empty one is furnished while the host's stays as it was. */
static int mark_early_sources(struct files *f, struct coop_err *err)
{
    uint32_t early = 0;

    for (uint32_t i = 0; i < f->count; i++) {
        const char *src = blob_str(f->blob, f->ops[i].src);
        bool hidden = false;

        for (uint32_t j = 0; f->ops[i].kind == PLAN_OP_BIND && src && j < i && !hidden; j++)
            hidden = lies_below(src, blob_str(f->blob, f->ops[j].dst));
        if (!hidden)
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
    else
        for (size_t i = 0; i < spec->mounts.count; i++)
            add_mount(&f, &spec->mounts.items[i]);
    add_protections(&f);
    if (add_path_keys(&f, err) < 0)
        return -1;
    if (f.full)
        return coop_fail(err, COOP_E_LIMIT, "more than %d file-system operations",
                         LAUNCH_MAX_MOUNTS - 1);
    if (spec->root == LAUNCH_ROOT_HOST && mark_early_sources(&f, err) < 0)
        return -1;
    plan->ops = (struct plan_vec){blob_add(b, ops, f.count * sizeof *ops), f.count};
    return 0;
}
