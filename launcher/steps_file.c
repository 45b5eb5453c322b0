/*
 * steps_file.c - operations on single files: made, copied, laid over another, given a mode
 */
#include "launcher/kernel.h"
#include "launcher/mount_ops.h"
#include "launcher/raw.h"
#include "launcher/stage.h"
#include "launcher/steps.h"
#include "launcher/tree.h"

#include <errno.h>
#include <sys/stat.h>

#define COPY_CEILING (1 << 20) /* larger files are bound, not copied */

/* A new file of our own at 'path', open for writing. */
static long create_file(struct child *c, const char *path, uint32_t perms)
{
    long fd, dir = target_open_parent(c, path);

    if (dir < 0)
        return dir;
    fd = -EROFS;
    if (target_is_own(c, dir))
        fd = raw4(SYS_openat, dir, target_name(path),
                  O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, perms);
    tree_close(dir);
    return fd;
}

static long write_data(struct child *c, const struct plan_op *op, long fd)
{
    const char *data = plan_at(c->plan, op->data);
    long n = 0;

    for (uint64_t done = 0; done < op->size && n >= 0; done += (uint64_t)n)
        n = raw3(SYS_write, fd, data + done, op->size - done);
    return n < 0 ? n : 0;
}

int op_file(struct child *c, const struct plan_op *op)
{
    const char *dst = plan_str(c->plan, op->dst);
    long n, fd = create_file(c, dst, op->perms);

    if (fd < 0)
        return step_fail(c, fd, "openat", dst);
    n = write_data(c, op, fd);
    tree_close(fd);
    return step_fail(c, n, "write", dst);
}

static int copy_contents(struct child *c, const struct plan_op *op, long from, off_t size)
{
    const char *dst = plan_str(c->plan, op->dst);
    long fd = create_file(c, dst, op->perms), n = 1;

    if (fd < 0)
        return step_fail(c, fd, "openat", dst);
    for (off_t left = size; left > 0 && n > 0; left -= n)
        n = raw4(SYS_sendfile, fd, from, 0, left);
    tree_close(fd);
    return step_fail(c, n < 0 ? n : 0, "sendfile", dst);
}

int op_copy(struct child *c, const struct plan_op *op)
{
    const char *src = plan_str(c->plan, op->src);
    long r,
        from = raw4(SYS_openat, AT_FDCWD, src, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;

    /* A file the caller may not read is, for the program, a file that is not there. */
    if (from < 0 && op->flags & PLAN_MNT_TRY && (tree_is_missing(from) || from == -EACCES))
        return 0;
    if (from < 0)
        return step_fail(c, from, "openat", src);
    r = tree_stat(from, &st);
    if (r >= 0 && S_ISREG(st.st_mode))
        r = st.st_size <= COPY_CEILING ? copy_contents(c, op, from, st.st_size)
                                       : op_bind(c, op);
    tree_close(from);
    return (int)r;
}

/* A file on the stage, mounted at dst: that may be a file of the host's, which is not touched. */
int op_data(struct child *c, const struct plan_op *op)
{
    const char *dst = plan_str(c->plan, op->dst);
    char name[24];
    long r, tree, fd;

    stage_name(c, name);
    fd = raw4(SYS_openat, c->stage, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, op->perms);
    if (fd < 0)
        return step_fail(c, fd, "openat", dst);
    r = write_data(c, op, fd);
    tree_close(fd);
    if (r < 0)
        return step_fail(c, r, "write", dst);
    r = tree_set_copyable(c, c->stage, true);
    tree = r < 0 ? r : tree_copy(c, c->stage, name, false);
    if (tree >= 0)
        tree_set_copyable(c, c->stage, false);
    if (tree < 0)
        return step_fail(c, tree, "open_tree", dst);
    r = tree_set_attributes(c, tree, op->attr_set, 0, false);
    r = r < 0 ? step_fail(c, r, "mount_setattr", dst) : tree_attach_at(c, op, tree);
    tree_close(tree);
    raw3(SYS_unlinkat, c->stage, name, 0); /* what has no name can be mounted no more */
    return (int)r;
}

/* The host's files keep the modes that they have. */
int op_chmod(struct child *c, const struct plan_op *op)
{
    const char *dst = plan_str(c->plan, op->dst);
    long r, fd = target_open_file(c, dst, O_RDONLY | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return step_fail(c, fd, "openat2", dst);
    r = target_is_own(c, fd) ? raw2(SYS_fchmod, fd, op->perms) : -EROFS;
    tree_close(fd);
    return step_fail(c, r, "fchmod", dst);
}
