/*
 * steps_mount.c - the program's view of the file system, built operation by operation
 *
 * THE NOUNS
 *   source   a path in the old root, resolved exactly once: open_tree(2) gives a descriptor of a
 *            detached copy, and nobody can swap a symlink under a descriptor.
 *   target   a path in the new root, resolved with RESOLVE_IN_ROOT: a symlink that a bound
 *            directory brings along (work/a -> /etc) is followed inside the new root or not
 *            at all, never out into the host.
 *   own      file systems that this launch has made (tmpfs).  Missing mount points are made there
 *            and only there: a sandbox leaves no ghost directories in the user's files.
 *
 * WHAT WE DID NOT DO
 *   mount(2) with strings     each path is walked several times, by name: CVE-2026-87766 and
 *                             CVE-2024-42472 are what happens in between. Where there is nothing
 *                             else its strings are descriptors (tree_old.h).
 *   remount each submount     one mount_setattr(AT_RECURSIVE) on the detached copy does it before
 *                             anybody can see it.
 *   a second, temporary root  the new root is mounted on top of "/", which is where pivot_root
 *                             (or, on an initramfs, chroot) wants it anyway.
 */
#include "base/scope.h"
#include "launcher/kernel.h"
#include "launcher/mount_ops.h"
#include "launcher/raw.h"
#include "launcher/stage.h"
#include "launcher/steps.h"
#include "launcher/tree.h"

#include <errno.h>
#include <sys/stat.h>

#define PATH_CEILING 4096

/* Of mount(2); <sys/mount.h> cannot be included here (kernel.h). */
#define MS_REC_FLAG     (1ul << 14)
#define MS_PRIVATE_FLAG (1ul << 18)
#define MS_SLAVE_FLAG   (1ul << 19)
#define MS_SHARED_FLAG  (1ul << 20)

/* ---- helpers ---- */

/* Keeps a mount for those that lie inside it. */
static void hold(struct child *c, const struct plan_op *op, long tree)
{
    if (!(op->flags & PLAN_MNT_HOLD))
        return;
    tree_close(c->held);
    c->held = tree < 0 ? -1 : raw3(SYS_fcntl, tree, F_DUPFD_CLOEXEC, 0);
}

/* What a cover lies over. Inside a held mount nobody can turn the way there. */
long cover_target(struct child *c, const struct plan_op *op)
{
    const char *dst = plan_str(c->plan, op->dst);

    if (op->flags & PLAN_MNT_HELD && c->held >= 0)
        return raw4(SYS_openat, c->held, target_name(dst), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    return target_open(c, dst, 0);
}

int tree_attach_at(struct child *c, const struct plan_op *op, long tree)
{
    const char *dst = plan_str(c->plan, op->dst);
    struct stat st;
    long target, r;

    r = tree_stat(tree, &st);
    if (r < 0)
        return step_fail(c, r, "newfstatat", dst);
    target = target_make(c, dst, !S_ISDIR(st.st_mode), TARGET_MODE);
    if (target < 0)
        return step_fail(c, target, "openat2", dst);
    r = tree_attach(c, tree, target);
    tree_close(target);
    hold(c, op, r < 0 ? r : tree);
    return step_fail(c, r, "move_mount", dst);
}

/* ---- one function per kind of operation ---- */

/* A descriptor of the caller's names a file of the caller's mount table.  Ours is a copy, so what
 * it shows is found by path, and only the same file will do. */
static bool is_same(const struct plan_op *op, long tree)
{
    struct stat st = {0};

    return tree_stat(tree, &st) >= 0 && st.st_dev == op->dev && st.st_ino == op->ino;
}

static int bind_tree(struct child *c, const struct plan_op *op, long tree, const char *path)
{
    long r;

    if (tree < 0 && tree_is_missing(tree) && op->flags & PLAN_MNT_TRY)
        return 0;
    if (op->flags & PLAN_MNT_DEVICE)
        tree = tree_check_device(tree, op->dev);
    if (tree < 0)
        return step_fail(c, tree, "open_tree", path[0] ? path : plan_str(c->plan, op->dst));
    if (op->flags & PLAN_MNT_SAME && !is_same(op, tree)) {
        tree_close(tree);
        return step_fail(c, -ESTALE, "open_tree", path);
    }
    r = tree_set_attributes(c, tree, op->attr_set, op->attr_clear, true);
    if (r < 0)
        r = step_fail(c, r, "mount_setattr", path[0] ? path : plan_str(c->plan, op->dst));
    else
        r = tree_attach_at(c, op, tree);
    tree_close(tree);
    return (int)r;
}

int op_bind(struct child *c, const struct plan_op *op)
{
    const char *src = plan_str(c->plan, op->src);

    return bind_tree(c, op,
                     op->flags & PLAN_MNT_EARLY
                         ? c->early[op->data]
                         : tree_copy(c, AT_FDCWD, src, !(op->flags & PLAN_MNT_ALONE)),
                     src);
}

static int op_tmpfs(struct child *c, const struct plan_op *op)
{
    long tree, r;

    tree = tree_make_tmpfs(c, op->perms, op->size, op->inodes, op->attr_set);
    if (tree < 0)
        return (int)tree;
    r = tree_attach_at(c, op, tree);
    tree_close(tree);
    /* EROFS: it is missing, and not ours to make. */
    if ((tree_is_missing(r) || r == -EROFS) && op->flags & PLAN_MNT_TRY)
        return 0;
    return (int)r;
}

static int mount_plain(struct child *c, const struct plan_op *op, const char *type,
                       const struct fs_option *options, unsigned count)
{
    long tree = tree_make(c, type, options, count, op->attr_set), r;

    if (tree < 0)
        return (int)tree;
    r = tree_attach_at(c, op, tree);
    tree_close(tree);
    return (int)r;
}

static int op_proc(struct child *c, const struct plan_op *op)
{
    char hidepid[2] = {(char)('0' + (op->data & PLAN_PROC_HIDEPID)), '\0'};
    const struct fs_option options[] = {
        {"hidepid", op->data & PLAN_PROC_HIDEPID ? hidepid : NULL, false},
        {"subset", op->data & PLAN_PROC_SUBSET ? "pid" : NULL, false}};

    return mount_plain(c, op, "proc", options, COOP_COUNT(options));
}

static int op_cgroup(struct child *c, const struct plan_op *op)
{
    int r = mount_plain(c, op, "cgroup2", NULL, 0);

    return (tree_is_missing(r) || r == -EROFS) && op->flags & PLAN_MNT_TRY ? 0 : r;
}

static int op_mqueue(struct child *c, const struct plan_op *op)
{
    return mount_plain(c, op, "mqueue", NULL, 0);
}

static int op_devpts(struct child *c, const struct plan_op *op)
{
    /* Always an instance of its own; gid=tty is not mapped in a user namespace. */
    static const struct fs_option options[] = {{"mode", "0620", false},
                                               {"ptmxmode", "0666", false}};

    return mount_plain(c, op, "devpts", options, COOP_COUNT(options));
}

static int op_dir(struct child *c, const struct plan_op *op)
{
    long fd = target_make(c, plan_str(c->plan, op->dst), false, op->perms);

    tree_close(fd);
    return fd < 0 ? step_fail(c, fd, "mkdirat", plan_str(c->plan, op->dst)) : 0;
}

static bool links_to(long dir, const char *name, const char *to)
{
    char now[PATH_CEILING];
    long n = raw4(SYS_readlinkat, dir, name, now, sizeof now - 1);

    if (n < 0)
        return false;
    now[n] = '\0';
    for (size_t i = 0;; i++) {
        if (now[i] != to[i])
            return false;
        if (!to[i])
            return true;
    }
}

static int make_symlink(struct child *c, const char *to, const char *at)
{
    long r, dir = target_open_parent(c, at);

    if (dir < 0)
        return step_fail(c, dir, "openat2", at);
    r = target_is_own(c, dir) ? raw3(SYS_symlinkat, to, dir, target_name(at)) : -EROFS;
    if (r < 0 && links_to(dir, target_name(at), to))
        r = 0; /* it says so already: what was asked for */
    tree_close(dir);
    return step_fail(c, r, "symlinkat", at);
}

static int op_symlink(struct child *c, const struct plan_op *op)
{
    return make_symlink(c, plan_str(c->plan, op->src), plan_str(c->plan, op->dst));
}

static int op_mirror(struct child *c, const struct plan_op *op)
{
    char to[PATH_CEILING];
    long n = raw4(SYS_readlinkat, AT_FDCWD, plan_str(c->plan, op->src), to, sizeof to - 1);

    if (n < 0)
        return op_bind(c, op); /* no symlink: the thing itself */
    to[n] = '\0';
    return make_symlink(c, to, plan_str(c->plan, op->dst));
}

static int op_setattr(struct child *c, const struct plan_op *op)
{
    const char *dst = plan_str(c->plan, op->dst);
    long r, target = target_open(c, dst, 0);

    if (tree_is_missing(target) && op->flags & PLAN_MNT_TRY)
        return 0;
    if (target < 0)
        return step_fail(c, target, "openat2", dst);
    r = tree_set_attributes(c, target, op->attr_set, op->attr_clear,
                            op->flags & PLAN_MNT_RECURSIVE);
    tree_close(target);
    return step_fail(c, r, "mount_setattr", dst);
}

/* What is there, mounted on itself. The way there is gone once: a second time it may lead
 * elsewhere, and the cover would lie there. */
static int op_self(struct child *c, const struct plan_op *op)
{
    const char *dst = plan_str(c->plan, op->dst);
    long r, tree, target = cover_target(c, op);

    if (tree_is_missing(target) && op->flags & PLAN_MNT_TRY)
        return 0;
    if (target < 0)
        return step_fail(c, target, "openat2", dst);
    tree = tree_copy(c, target, "", true);
    if (tree < 0) {
        tree_close(target);
        return step_fail(c, tree, "open_tree", dst);
    }
    r = tree_set_attributes(c, tree, op->attr_set, op->attr_clear, true);
    c->call = r < 0 ? "mount_setattr" : "move_mount";
    r = r < 0 ? r : tree_attach(c, tree, target);
    tree_close(tree);
    tree_close(target);
    return step_fail(c, r, c->call, dst);
}

static op_fn *const op_table[] = {
    [PLAN_OP_BIND] = op_bind,       [PLAN_OP_TMPFS] = op_tmpfs,
    [PLAN_OP_PROC] = op_proc,       [PLAN_OP_DEVPTS] = op_devpts,
    [PLAN_OP_MQUEUE] = op_mqueue,   [PLAN_OP_DIR] = op_dir,
    [PLAN_OP_SYMLINK] = op_symlink, [PLAN_OP_FILE] = op_file,
    [PLAN_OP_COPY] = op_copy,       [PLAN_OP_MIRROR] = op_mirror,
    [PLAN_OP_MASK] = op_mask,       [PLAN_OP_SETATTR] = op_setattr,
    [PLAN_OP_SELF] = op_self,       [PLAN_OP_CGROUP] = op_cgroup,
    [PLAN_OP_DATA] = op_data,       [PLAN_OP_CHMOD] = op_chmod,
    [PLAN_OP_LOWER] = op_lower,     [PLAN_OP_OVERLAY] = op_overlay,
};

/* ---- the steps ---- */

/* What the compiler adds to a bound root (its own /proc) is for roots that have the place. */
static bool is_superfluous(const struct plan_op *op, int r)
{
    return op->flags & PLAN_MNT_AUTO && (tree_is_missing(r) || r == -EROFS);
}

static int set_propagation(struct child *c, unsigned long kind)
{
    return step_fail(c, raw5(SYS_mount, 0, "/", 0, kind | MS_REC_FLAG, 0), "mount", "/");
}

int step_private_view(struct child *c)
{
    if (!(c->plan->flags & PLAN_PRIVATE_VIEW))
        return 0;
    return set_propagation(c, c->plan->propagation == LAUNCH_PRIVATE ? MS_PRIVATE_FLAG
                                                                     : MS_SLAVE_FLAG);
}

/* PrivateTmp= and its like lie over what BindPaths= may name (a folder below /tmp), so such sources
 * are taken while the view is still the caller's. */
static void take_early_sources(struct child *c)
{
    const struct plan_op *ops = plan_at(c->plan, c->plan->ops.at);

    for (uint32_t i = 0; i < c->plan->ops.count; i++)
        if (ops[i].flags & PLAN_MNT_EARLY)
            c->early[ops[i].data] = tree_copy(c, AT_FDCWD, plan_str(c->plan, ops[i].src),
                                              !(ops[i].flags & PLAN_MNT_ALONE));
}

/* A tree of the host's, or layers of such. */
static long make_bound_root(struct child *c)
{
    const struct plan_op *ops = plan_at(c->plan, c->plan->ops.at);
    const struct plan_op *last = &ops[c->plan->root_ops - 1];
    const char *src = plan_str(c->plan, last->src);
    long root, r;

    for (uint32_t i = 0; i + 1 < c->plan->root_ops; i++)
        if ((r = op_lower(c, &ops[i])) < 0)
            return r;
    if (last->kind == PLAN_OP_OVERLAY)
        return overlay_make(c, last);
    root = tree_copy(c, AT_FDCWD, src, true);
    if (root < 0)
        return step_fail(c, root, "open_tree", src);
    if (last->flags & PLAN_MNT_SAME && !is_same(last, root))
        return step_fail(c, -ESTALE, "open_tree", src);
    r = tree_set_attributes(c, root, last->attr_set, last->attr_clear, true);
    return r < 0 ? step_fail(c, r, "mount_setattr", src) : root;
}

static long make_root(struct child *c)
{
    if (c->plan->flags & PLAN_ROOT_BIND)
        return make_bound_root(c);
    return tree_make_tmpfs(c, 0755, c->plan->root_size, plan_inodes(c->plan->root_size),
                           MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

/* The new root is mounted over "/"; we stay in the old one until pivot-root. */
int step_new_root(struct child *c)
{
    long root, r;

    if (c->plan->ops.count == 0 && !(c->plan->flags & PLAN_NEW_ROOT))
        return 0;
    r = stage_open(c);
    if (r < 0)
        return (int)r;
    take_early_sources(c);
    if (!(c->plan->flags & PLAN_NEW_ROOT)) {
        root = raw4(SYS_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        c->root = root < 0 ? -1 : (int)root;
        return step_fail(c, root, "openat", "/");
    }
    root = make_root(c);
    if (root < 0)
        return (int)root;
    c->root = (int)root;
    return step_fail(c, tree_attach_over_root(c, root), "move_mount", "/");
}

int step_mounts(struct child *c)
{
    const struct plan_op *ops = plan_at(c->plan, c->plan->ops.at);
    uint32_t first = c->plan->flags & PLAN_ROOT_BIND ? c->plan->root_ops : 0;
    long mask = raw1(SYS_umask, 0); /* the modes of the plan are meant as they stand */
    int r;

    for (uint32_t i = first; i < c->plan->ops.count; i++) {
        c->call = c->path = NULL;
        hold(c, &ops[i], -1);
        r = op_table[ops[i].kind](c, &ops[i]);
        if (r < 0 && !is_superfluous(&ops[i], r) && !recipe_may_lose(c, ops[i].guard))
            return r;
    }
    raw1(SYS_umask, mask);
    if (!(c->plan->flags & PLAN_NEW_ROOT))
        return stage_close(c);
    if (!(c->plan->flags & PLAN_ROOT_READ_ONLY))
        return 0;
    return step_fail(c, tree_set_attributes(c, c->root, MOUNT_ATTR_RDONLY, 0, false),
                     "mount_setattr", "/");
}

static int pivot(struct child *c)
{
    long r;

    r = raw1(SYS_fchdir, c->root);
    if (r < 0)
        return step_fail(c, r, "fchdir", "/");
    r = raw2(SYS_pivot_root, ".", ".");
    if (r == -EINVAL) {
        /* An initramfs cannot be pivoted away from; what lies over it hides it as well. */
        r = raw1(SYS_chroot, ".");
        return step_fail(c, r, "chroot", "/");
    }
    if (r < 0)
        return step_fail(c, r, "pivot_root", "/");
    /* The old root lies over the new one now, and the stage, if there is one, over the old root. */
    for (int left = c->stage < 0 ? 1 : 2; left > 0; left--) {
        r = raw2(SYS_umount2, ".", MNT_DETACH);
        if (r < 0)
            return step_fail(c, r, "umount2", "the old root");
    }
    return step_fail(c, raw1(SYS_chdir, "/"), "chdir", "/");
}

int step_pivot_root(struct child *c)
{
    if (c->plan->flags & PLAN_NEW_ROOT) {
        int r = pivot(c);

        if (r < 0)
            return r;
    }
    return c->plan->propagation == LAUNCH_SHARED ? set_propagation(c, MS_SHARED_FLAG) : 0;
}
