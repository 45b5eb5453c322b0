/*
 * steps_overlay.c - several directories shown as one
 *
 * A layer is opened once, as every source is, and the kernel gets it as /proc/self/fd/N: no path is
 * walked twice, and no name needs an escape for the kernel's own separators.  The layers are opened
 * here and not by the launcher, because the kernel takes layers of our own mount table only.
 */
#include "base/scope.h"
#include "launcher/kernel.h"
#include "launcher/mount_ops.h"
#include "launcher/raw.h"
#include "launcher/stage.h"
#include "launcher/steps.h"
#include "launcher/tree.h"

#define LAYER_TEXT 48 /* "/proc/self/fd/N/upper:" */

static size_t add_text(char *to, size_t at, size_t size, const char *text)
{
    raw_copy_text(to + at, size - at, text);
    return at + raw_strlen(to + at);
}

/* "/proc/self/fd/FD" and what is below it. */
static size_t add_fd_path(char *to, size_t at, size_t size, long fd, const char *below)
{
    char number[24];

    raw_number(number, fd);
    at = add_text(to, at, size, "/proc/self/fd/");
    at = add_text(to, at, size, number);
    return add_text(to, at, size, below);
}

static long open_layer(const char *path)
{
    return raw4(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

int op_lower(struct child *c, const struct plan_op *op)
{
    const char *src = plan_str(c->plan, op->src);
    long fd = open_layer(src);

    if (fd < 0)
        return step_fail(c, fd, "openat", src);
    c->layers[c->layer_count++] = fd;
    return 0;
}

/* Where it is written to: descriptors of the upper and the work directory's parent, or of them. */
struct upper {
    long upper, work; /* negative: nowhere */
    const char *upper_name, *work_name;
    bool fresh;
};

static int fresh_upper(struct child *c, const struct plan_op *op, struct upper *ret_upper)
{
    long r, place,
        tree = tree_make_tmpfs(c, 0755, op->size, op->inodes,
                               MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

    if (tree < 0)
        return (int)tree;
    place = stage_directory(c);
    r = place < 0 ? place : tree_attach(c, tree, place);
    tree_close(place);
    if (r >= 0)
        r = raw3(SYS_mkdirat, tree, "upper", 0755);
    if (r >= 0)
        r = raw3(SYS_mkdirat, tree, "work", 0755);
    *ret_upper = (struct upper){tree, tree, "/upper", "/work", true};
    return step_fail(c, r, "mkdirat", "the layer that is written to");
}

static int given_upper(struct child *c, const struct plan_op *op, struct upper *ret_upper)
{
    const char *src = plan_str(c->plan, op->src), *work = plan_str(c->plan, op->data);

    *ret_upper = (struct upper){open_layer(src), -1, "", "", false};
    if (ret_upper->upper < 0)
        return step_fail(c, ret_upper->upper, "openat", src);
    ret_upper->work = open_layer(work);
    return step_fail(c, ret_upper->work < 0 ? ret_upper->work : 0, "openat", work);
}

static int find_upper(struct child *c, const struct plan_op *op, struct upper *ret_upper)
{
    if (op->src)
        return given_upper(c, op, ret_upper);
    if (op->attr_set & MOUNT_ATTR_RDONLY)
        return 0;
    return fresh_upper(c, op, ret_upper);
}

static long mount_layers(struct child *c, const struct plan_op *op, const struct upper *upper)
{
    char lower[LAUNCH_MAX_LAYERS * LAYER_TEXT], up[LAYER_TEXT], work[LAYER_TEXT];
    bool written = upper->upper >= 0;
    const struct fs_option options[] = {{"lowerdir", lower, false},
                                        {"upperdir", written ? up : NULL, false},
                                        {"workdir", written ? work : NULL, false},
                                        {"userxattr", NULL, true}};
    size_t at = 0;

    /* The kernel wants the highest first. */
    for (unsigned i = c->layer_count; i-- > 0;)
        at = add_fd_path(lower, at, sizeof lower, c->layers[i], i > 0 ? ":" : "");
    add_fd_path(up, 0, sizeof up, upper->upper, upper->upper_name);
    add_fd_path(work, 0, sizeof work, upper->work, upper->work_name);
    return tree_make(c, "overlay", options, COOP_COUNT(options), op->attr_set);
}

long overlay_make(struct child *c, const struct plan_op *op)
{
    struct upper upper = {-1, -1, "", "", false};
    long tree = find_upper(c, op, &upper);

    if (tree >= 0)
        tree = mount_layers(c, op, &upper);
    if (tree >= 0 && upper.fresh)
        tree_own(c, tree); /* what is made in it ends with us */
    tree_close(upper.upper);
    if (!upper.fresh)
        tree_close(upper.work);
    while (c->layer_count > 0)
        tree_close(c->layers[--c->layer_count]);
    return tree;
}

int op_overlay(struct child *c, const struct plan_op *op)
{
    long r, tree = overlay_make(c, op);

    if (tree < 0)
        return (int)tree;
    r = tree_attach_at(c, op, tree);
    tree_close(tree);
    return (int)r;
}
