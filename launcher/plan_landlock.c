/*
 * plan_landlock.c - compile: what Landlock is to grant
 *
 * Two cases.  Under a mount table of our own Landlock is the second wall: the rules say once more
 * what the operations say, by path inside.  Where there is none (refused here, and preferred) it is
 * the only wall: the rules are made from the sources, by path outside, and what is not named is
 * out of reach.
 *
 * ALWAYS TRUE
 *   A path without a rule is granted nothing, so a rule too few is a nuisance and never a hole.
 *   Rules only add: what is read-only below a writable path is so by its mount alone.
 */
#include "launcher/blob.h"

#include "base/scope.h"
#include "launcher/kernel.h"
#include "launcher/landlock.h"
#include "launcher/mount_words.h"
#include "launcher/protect.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

struct land {
    const struct launch_spec *spec;
    struct launch_plan *plan;
    struct blob *blob;
    struct plan_rule *rules;
    uint32_t count, room;
};

/* ---- rules ---- */

static bool is_below(const char *path, const char *above)
{
    size_t len = strlen(above);

    return strncmp(path, above, len) == 0 &&
           (path[len] == '\0' || path[len] == '/' || strcmp(above, "/") == 0);
}

/* 'path' is a string of the blob. What a rule above grants already needs none. */
static void allow_at(struct land *l, plan_off path, uint64_t access)
{
    const char *text = blob_str(l->blob, path);

    if (!access || !text || l->count == l->room)
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        const char *above = blob_str(l->blob, l->rules[i].path);

        if (above && is_below(text, above) && !(access & ~l->rules[i].access))
            return;
    }
    l->rules[l->count++] = (struct plan_rule){.path = path, .access = access};
}

static void allow(struct land *l, const char *path, uint64_t access)
{
    allow_at(l, blob_text(l->blob, path), access);
}

/* Nodes are for those who may make them. */
static uint64_t writing(const struct land *l)
{
    return LAND_WRITE | (protect_dropped_caps(l->spec) >> CAP_MKNOD & 1 ? 0 : LAND_NODES);
}

/* ---- the second wall ---- */

static uint64_t rights_at(const struct land *l, const struct plan_op *op)
{
    switch ((enum plan_op_kind)op->kind) {
    case PLAN_OP_BIND:
    case PLAN_OP_TMPFS:
    case PLAN_OP_DEVPTS:
    case PLAN_OP_MQUEUE:
    case PLAN_OP_DATA:
    case PLAN_OP_OVERLAY:
    case PLAN_OP_CGROUP: return op->attr_set & MOUNT_ATTR_RDONLY ? 0 : writing(l);
    case PLAN_OP_PROC: return LAND_CHANGE;
    case PLAN_OP_SETATTR:
    case PLAN_OP_SELF: return op->attr_clear & MOUNT_ATTR_RDONLY ? writing(l) : 0;
    case PLAN_OP_DIR:
    case PLAN_OP_SYMLINK:
    case PLAN_OP_FILE:
    case PLAN_OP_COPY:
    case PLAN_OP_MIRROR:
    case PLAN_OP_MASK:
    case PLAN_OP_CHMOD:
    case PLAN_OP_LOWER:
    case PLAN_OP_KINDS: break;
    }
    return 0;
}

/* The blob may move while we add to it. */
static struct plan_op op_at(const struct land *l, uint32_t which)
{
    struct plan_op op;

    memcpy(&op, l->blob->bytes.data + l->plan->ops.at + which * sizeof op, sizeof op);
    return op;
}

static bool root_is_read_only(const struct land *l)
{
    if (l->plan->flags & PLAN_ROOT_BIND)
        return op_at(l, l->plan->root_ops - 1).attr_set & MOUNT_ATTR_RDONLY;
    if (l->plan->flags & PLAN_NEW_ROOT)
        return l->plan->flags & PLAN_ROOT_READ_ONLY;
    return l->spec->protect_system == LAUNCH_SYSTEM_STRICT;
}

static void follow_the_mounts(struct land *l)
{
    const uint32_t first = l->plan->flags & PLAN_ROOT_BIND ? l->plan->root_ops : 0;

    if (l->plan->ops.count > 0)
        allow(l, "/", LAND_READ | LAND_EXECUTE | (root_is_read_only(l) ? 0 : writing(l)));
    for (uint32_t i = first; i < l->plan->ops.count; i++) {
        struct plan_op op = op_at(l, i);

        allow_at(l, op.dst, rights_at(l, &op));
    }
    if (l->plan->ops.count == 0)
        allow(l, "/", LAND_ALL);
}

/* Landlock adds up what it grants on the way to a name: so what lies above the frozen directory may
 * not be granted either. */
static void leave_to_clerk(struct land *l)
{
    const char *frozen = blob_str(l->blob, l->plan->frozen_at);

    for (uint32_t i = 0; i < l->count && frozen; i++) {
        const char *path = blob_str(l->blob, l->rules[i].path);

        l->rules[i].by_clerk = path && l->rules[i].access & LAND_MAKE &&
                               (is_below(frozen, path) || is_below(path, frozen));
    }
}

/* ---- the only wall ---- */

static void allow_mount(struct land *l, const struct launch_mount *m)
{
    static const char *const nodes[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                        "/dev/random", "/dev/urandom", "/dev/tty"};
    uint64_t look = LAND_READ | (m->flags & LAUNCH_MOUNT_NOEXEC ? 0 : LAND_EXECUTE);

    switch (m->kind) {
    case LAUNCH_MOUNT_BIND:
        allow(l, m->src, look | (m->flags & LAUNCH_MOUNT_RO ? 0 : writing(l)));
        break;
    case LAUNCH_MOUNT_MIRROR:
    case LAUNCH_MOUNT_COPY: allow(l, m->src, look); break;
    case LAUNCH_MOUNT_PROC: allow(l, "/proc", LAND_READ); break;
    case LAUNCH_MOUNT_DEV:
        for (size_t i = 0; i < COOP_COUNT(nodes); i++)
            allow(l, nodes[i], LAND_READ_FILE | LAND_CHANGE | LAND_IOCTL_DEV);
        break;
    case LAUNCH_MOUNT_TMPFS: /* the host's is no substitute: others use it */
    case LAUNCH_MOUNT_MQUEUE:
    case LAUNCH_MOUNT_DIR:
    case LAUNCH_MOUNT_SYMLINK:
    case LAUNCH_MOUNT_FILE:
    case LAUNCH_MOUNT_DATA:
    case LAUNCH_MOUNT_CHMOD:
    case LAUNCH_MOUNT_OVERLAY:
    case LAUNCH_MOUNT_MASK:
    case LAUNCH_MOUNT_REMOUNT: break;
    }
}

/* Of the keys over the host's files only ProtectSystem=strict can be said by granting. */
static void allow_host(struct land *l)
{
    static const char *const api[] = {"/dev", "/proc", "/sys"};
    const struct strlist *writable = &l->spec->read_write;

    if (l->spec->protect_system != LAUNCH_SYSTEM_STRICT) {
        allow(l, "/", LAND_ALL);
        return;
    }
    allow(l, "/", LAND_READ | LAND_EXECUTE);
    for (size_t i = 0; i < COOP_COUNT(api); i++)
        allow(l, api[i], LAND_ALL);
    for (size_t i = 0; i < writable->count; i++) {
        SCOPED_FREE char *plain =
            mount_path_plain(writable->items[i] + (writable->items[i][0] == '-'));

        if (plain)
            allow(l, plain, LAND_ALL);
    }
}

static void stand_alone(struct land *l)
{
    if (l->spec->root == LAUNCH_ROOT_HOST)
        allow_host(l);
    for (size_t i = 0; i < l->spec->mounts.count; i++)
        allow_mount(l, &l->spec->mounts.items[i]);
}

/* ---- ports ---- */

static int add_ports(struct land *l, const struct strlist *list, uint32_t access,
                     struct coop_err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        uint32_t first, last;

        if (launch_parse_ports(list->items[i], &first, &last, err) < 0)
            return -1;
        for (uint32_t port = first; port <= last; port++) {
            const struct plan_port one = {.port = port, .access = access};

            if (l->plan->land_ports.count++ == LAUNCH_MAX_PORTS)
                return coop_fail(err, COOP_E_LIMIT,
                                 "BindTCP and ConnectTCP: more than %d ports",
                                 LAUNCH_MAX_PORTS);
            buf_add(&l->blob->bytes, &one, sizeof one);
        }
    }
    if (list->count > 0)
        l->plan->land_net |= access;
    return 0;
}

static int compile_ports(struct land *l, bool no_network, struct coop_err *err)
{
    l->plan->land_ports.at = blob_add(l->blob, NULL, 0);
    if (no_network) /* the nearest there is to a network of its own */
        l->plan->land_net = LAND_BIND_TCP | LAND_CONNECT_TCP;
    return add_ports(l, &l->spec->bind_tcp, LAND_BIND_TCP, err) < 0 ||
                   add_ports(l, &l->spec->connect_tcp, LAND_CONNECT_TCP, err) < 0
               ? -1
               : 0;
}

/* ---- all of it ---- */

/* What a namespace keeps apart already needs no second wall to be in force. */
static void forget_what_is_done(struct launch_plan *plan)
{
    uint64_t done = 0;

    if (plan->clone_flags & CLONE_NEWNET)
        done |= LAUNCH_BIT(LAUNCH_GUARD_ABSTRACT);
    if (plan->clone_flags & CLONE_NEWPID)
        done |= LAUNCH_BIT(LAUNCH_GUARD_SIGNALS);
    if (plan->clone_flags & CLONE_NEWNS)
        done |= LAUNCH_BIT(LAUNCH_GUARD_TRUNCATE) | LAUNCH_BIT(LAUNCH_GUARD_IOCTLS);
    plan->guards &= ~done;
    plan->lost &= ~done;
}

static int compile_files(struct land *l)
{
    l->room = l->plan->ops.count + (uint32_t)l->spec->mounts.count * 8 +
              (uint32_t)l->spec->read_write.count + 8;
    l->rules = calloc(l->room, sizeof *l->rules);
    if (!l->rules)
        return -ENOMEM;
    if (l->plan->clone_flags & CLONE_NEWNS)
        follow_the_mounts(l);
    else
        stand_alone(l);
    leave_to_clerk(l);
    l->plan->land_fs = LAND_ALL;
    l->plan->land_rules.at = blob_add(l->blob, l->rules, l->count * sizeof *l->rules);
    l->plan->land_rules.count = l->count;
    free(l->rules);
    return 0;
}

int plan_compile_landlock(const struct launch_spec *spec, struct launch_plan *plan,
                          struct blob *b, struct coop_err *err)
{
    struct land land = {.spec = spec, .plan = plan, .blob = b};
    uint64_t wanted = plan->guards & ~plan->lost;
    bool no_network = plan->lost & LAUNCH_BIT(LAUNCH_GUARD_NETWORK);

    forget_what_is_done(plan);
    if (wanted & LAUNCH_BIT(LAUNCH_GUARD_LANDLOCK) && compile_files(&land) < 0)
        return coop_fail_sys(err, ENOMEM, "compiling the sandbox");
    if (compile_ports(&land, no_network, err) < 0)
        return -1;
    plan->land_scoped = (spec->restrict_abstract ? LAND_ABSTRACT : 0) |
                        (spec->restrict_signals ? LAND_SIGNAL : 0);
    if (spec->landlock_audit)
        plan->land_flags = LAND_LOG_NEW_EXEC;
    if (plan->land_fs || plan->land_net || plan->land_scoped)
        plan->flags |= PLAN_LANDLOCK | PLAN_NO_NEW_PRIVS; /* the kernel wants that first */
    return 0;
}
