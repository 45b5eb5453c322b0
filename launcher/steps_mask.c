/*
 * steps_mask.c - nothing to be had at a path, whether there is something or not
 *
 * What exists is covered.  What does not exist cannot be mounted over, and making it in the host's
 * files, as a place for a mount, would leave a ghost behind that everybody sees.  So the directory
 * that it would appear in is asked:
 *
 *   ours        the place is made there, and covered;
 *   read-only   it is *frozen*: over it comes a directory of ours with everything that is in it,
 *               each thing a mount of the original, and the missing name as one that is covered.
 *               What the host adds later does not show;
 *   writable    there is no way: whoever makes the name has it.  Refused, so that nobody relies on
 *               it, unless the path was said to be optional.
 */
#include "launcher/kernel.h"
#include "launcher/mount_ops.h"
#include "launcher/raw.h"
#include "launcher/steps.h"
#include "launcher/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define FROZEN_ENTRIES 512 /* each is a mount */
#define FROZEN_BYTES   (1u << 20)
#define PATH_CEILING   4096
#define ST_READ_ONLY   1 /* ST_RDONLY of statfs(2) */

/* ---- covering what is there ---- */

static long make_cover(struct child *c, bool directory)
{
    long tree;

    if (directory) {
        unsigned own = c->own_count;

        tree = tree_make_tmpfs(c, 0, 4096, plan_inodes(0),
                               MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                   MOUNT_ATTR_NOEXEC);
        c->own_count = own; /* nothing is ever made in there */
        return tree;
    }
    /* A device node where device nodes do not work: opening it fails, for root as well.  A file or
     * a link in its place would show what it leads to (CVE-2025-31133). */
    tree = tree_check_device(tree_copy(c, AT_FDCWD, "/dev/null", false), NULL_DEVICE);
    if (tree >= 0)
        tree_set_attributes(c, tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                            0, false);
    return tree;
}

static int cover(struct child *c, const char *dst, long target)
{
    struct stat st = {0};
    long tree, r = tree_stat(target, &st);

    if (r < 0)
        return step_fail(c, r, "newfstatat", dst);
    tree = make_cover(c, S_ISDIR(st.st_mode));
    if (tree == -ENODEV)
        return step_fail(c, tree, "open_tree", "/dev/null");
    r = tree < 0 ? tree : tree_attach(c, tree, target);
    tree_close(tree);
    return step_fail(c, r, "move_mount", dst);
}

/* ---- freezing a directory ---- */

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static long freeze_link(long from, long to, const char *name)
{
    char text[PATH_CEILING];
    long n = raw4(SYS_readlinkat, from, name, text, sizeof text - 1);

    if (n < 0)
        return n;
    text[n] = '\0';
    return raw3(SYS_symlinkat, text, to, name);
}

static long make_place(long to, const char *name, bool directory)
{
    long r;

    if (directory)
        return raw3(SYS_mkdirat, to, name, TARGET_MODE);
    r = raw4(SYS_openat, to, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
    tree_close(r);
    return r;
}

static long open_here(long dir, const char *name)
{
    return raw4(SYS_openat, dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
}

static long freeze_mount(struct child *c, long thing, const struct stat *st, long to,
                         const char *name)
{
    long tree, place, r = make_place(to, name, S_ISDIR(st->st_mode));

    if (r < 0)
        return r;
    place = open_here(to, name);
    if (place < 0)
        return place;
    tree = tree_copy(c, thing, "", true);
    r = tree < 0 ? tree : tree_attach(c, tree, place);
    tree_close(tree);
    tree_close(place);
    return r;
}

static long freeze_entry(struct child *c, long from, long to, const char *name)
{
    struct stat st = {0};
    long r, thing = open_here(from, name);

    if (tree_is_missing(thing))
        return 0; /* gone since it was read */
    r = thing < 0 ? thing : tree_stat(thing, &st);
    if (r >= 0)
        r = S_ISLNK(st.st_mode) ? freeze_link(from, to, name)
                                : freeze_mount(c, thing, &st, to, name);
    tree_close(thing);
    return r;
}

static long freeze_entries(struct child *c, long from, long to)
{
    /* Zeroed, because the analyzer cannot see raw3() fill it. */
    _Alignas(struct dirent64) char bytes[8192] = {0};
    long got, r = 0, list;
    unsigned left = FROZEN_ENTRIES;

    list = raw4(SYS_openat, from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (list < 0)
        return list;
    while (r >= 0 && (got = raw3(SYS_getdents64, list, bytes, sizeof bytes)) != 0) {
        r = got;
        for (long at = 0; at < got && r >= 0;) {
            const struct dirent64 *entry = (const void *)(bytes + at);

            at += entry->d_reclen;
            if (!is_dots(entry->d_name))
                r = left-- == 0 ? -E2BIG : freeze_entry(c, from, to, entry->d_name);
        }
    }
    tree_close(list);
    return r;
}

/* 'name' is the one that is missing in 'dir'. */
static int freeze(struct child *c, const char *dst, long dir, const char *name)
{
    struct stat st = {0};
    unsigned own = c->own_count;
    long place, tree, r = tree_stat(dir, &st);

    if (r < 0)
        return step_fail(c, r, "newfstatat", dst);
    tree = tree_make_tmpfs(c, st.st_mode & 07777, FROZEN_BYTES, 2 * FROZEN_ENTRIES,
                           MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (tree < 0)
        return (int)tree;
    c->own_count = own;
    r = tree_attach(c, tree, dir);
    if (r >= 0)
        r = freeze_entries(c, dir, tree);
    place = open_here(tree, name);
    if (r >= 0 && tree_is_missing(place)) {
        r = make_place(tree, name, true);
        place = open_here(tree, name);
        if (r >= 0 && place >= 0)
            r = cover(c, dst, place);
    }
    tree_close(place);
    if (r >= 0)
        r = tree_set_attributes(c, tree, MOUNT_ATTR_RDONLY, 0, false);
    tree_close(tree);
    return step_fail(c, r, "freezing the directory of", dst);
}

/* ---- what is missing ---- */

/* The nearest directory above that exists; ret_name is the name that is missing in it. */
static long nearest_directory(struct child *c, const char *dst, char ret_name[256])
{
    char path[PATH_CEILING];
    size_t length = raw_strlen(dst);
    long dir = -ENOENT;

    if (length >= sizeof path)
        return -ENAMETOOLONG;
    while (tree_is_missing(dir) && length > 1) {
        size_t end = length;

        while (dst[length - 1] != '/')
            length--;
        raw_copy_text(ret_name, end - length < 255 ? end - length + 1 : 256, dst + length);
        if (length > 1)
            length--;
        raw_copy_text(path, length + 1, dst);
        dir = target_open(c, path, O_DIRECTORY);
    }
    return dir;
}

static bool is_read_only(long dir)
{
    struct statfs st = {0};

    return raw2(SYS_fstatfs, dir, &st) >= 0 && st.f_flags & ST_READ_ONLY;
}

static int mask_absent(struct child *c, const struct plan_op *op)
{
    const char *dst = plan_str(c->plan, op->dst);
    char name[256];
    long r, place, dir = nearest_directory(c, dst, name);

    if (dir < 0)
        return step_fail(c, dir, "openat2", dst);
    if (target_is_own(c, dir)) {
        place = target_make(c, dst, false, TARGET_MODE);
        r = place < 0 ? step_fail(c, place, "mkdirat", dst) : cover(c, dst, place);
        tree_close(place);
    } else if (is_read_only(dir)) {
        r = freeze(c, dst, dir, name);
    } else {
        r = op->flags & PLAN_MNT_TRY ? 0 : step_fail(c, -EROFS, "mkdirat", dst);
    }
    tree_close(dir);
    return (int)r;
}

int op_mask(struct child *c, const struct plan_op *op)
{
    const char *dst = plan_str(c->plan, op->dst);
    long target = cover_target(c, op);
    int r;

    if (tree_is_missing(target) && op->flags & PLAN_MNT_ABSENT)
        return mask_absent(c, op);
    if (tree_is_missing(target) && op->flags & PLAN_MNT_TRY)
        return 0;
    if (target < 0)
        return step_fail(c, target, "openat2", dst);
    r = cover(c, dst, target);
    tree_close(target);
    return r;
}
