/*
 * tree.c - mounts and mount points as descriptors (see tree.h)
 */
#include "launcher/tree.h"

#include "base/scope.h"
#include "launcher/kernel.h"
#include "launcher/raw.h"
#include "launcher/steps.h"
#include "launcher/tree_old.h"

#include <errno.h>

#define PATH_CEILING 4096
/* Of mount(2); <sys/mount.h> cannot be included here (kernel.h). */
#define TREE_UNBINDABLE (1u << 17)
#define TREE_PRIVATE    (1u << 18)
#define LOOKUP_TRIES    10000 /* each takes about a microsecond */

void tree_close(long fd)
{
    if (fd >= 0)
        raw1(SYS_close, fd);
}

bool tree_is_missing(long r)
{
    return r == -ENOENT || r == -ENOTDIR;
}

long tree_stat(long fd, struct stat *ret_st)
{
    return raw4(SYS_newfstatat, fd, "", ret_st, AT_EMPTY_PATH);
}

long tree_check_device(long fd, uint64_t number)
{
    struct stat st = {0};

    if (tree_is_missing(fd))
        return -ENODEV;
    if (fd < 0 || (tree_stat(fd, &st) >= 0 && S_ISCHR(st.st_mode) && st.st_rdev == number))
        return fd;
    tree_close(fd);
    return -ENODEV;
}

/* ---- targets ---- */

/* Where openat2 is refused (an outer filter; systemd's RestrictSUIDSGID= does it): part by part,
 * and a symlink on the way is an error, because following one safely is what openat2 is for. */
static long walk_in_root(int root, const char *path)
{
    char part[PATH_CEILING];
    long dir = raw4(SYS_openat, root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

    while (dir >= 0) {
        size_t length = 0;
        struct stat st = {0};
        long next = -ENAMETOOLONG;

        while (*path == '/')
            path++;
        while (path[length] && path[length] != '/')
            length++;
        if (length == 0)
            break;
        if (length < sizeof part) {
            raw_copy_text(part, length + 1, path);
            next = raw4(SYS_openat, dir, part, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
        }
        if (next >= 0 && tree_stat(next, &st) >= 0 && S_ISLNK(st.st_mode)) {
            tree_close(next);
            next = -ELOOP;
        }
        tree_close(dir);
        dir = next;
        path += length;
    }
    return dir;
}

long target_open_file(struct child *c, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long r = -EAGAIN;

    /* A ".." (in a symlink on the way) is refused while anybody on this machine renames or mounts:
     * the kernel cannot tell whether it was led outside, and asks to try again. */
    for (int i = 0; i < LOOKUP_TRIES && r == -EAGAIN; i++)
        r = raw4(SYS_openat2, c->root, path, &how, sizeof how);
    return r == -ENOSYS ? walk_in_root(c->root, path) : r;
}

long target_open(struct child *c, const char *path, int flags)
{
    return target_open_file(c, path, flags | O_PATH);
}

void tree_own(struct child *c, long fd)
{
    struct stat st = {0};

    if (c->own_count < COOP_COUNT(c->own_dev) && tree_stat(fd, &st) >= 0)
        c->own_dev[c->own_count++] = st.st_dev;
}

bool target_is_own(const struct child *c, long dir)
{
    struct stat st = {0};

    if (tree_stat(dir, &st) < 0)
        return false;
    for (unsigned i = 0; i < c->own_count; i++)
        if (c->own_dev[i] == st.st_dev)
            return true;
    return false;
}

/* Length of the path's directory part ("/a/b" -> 2, "/a" -> 1). Paths come absolute and plain. */
static size_t parent_length(const char *path)
{
    size_t slash = 0;

    for (size_t i = 0; path[i]; i++)
        if (path[i] == '/')
            slash = i;
    return slash > 0 ? slash : 1;
}

const char *target_name(const char *path)
{
    const char *last = path;

    for (; *path; path++)
        if (*path == '/')
            last = path + 1;
    return last;
}

/* The directory that holds 'path', made on the way where that is allowed. */
long target_open_parent(struct child *c, const char *path)
{
    char part[PATH_CEILING];
    size_t want = parent_length(path), len = 0;
    long dir;

    if (want >= sizeof part)
        return -ENAMETOOLONG;
    raw_copy_text(part, want + 1, path);
    dir = target_open(c, part, O_DIRECTORY);
    if (dir != -ENOENT)
        return dir;

    dir = target_open(c, "/", O_DIRECTORY);
    while (dir >= 0 && len < want) {
        size_t start = len + 1;
        long next, r;

        for (len = start; len < want && path[len] != '/'; len++)
            part[len] = path[len];
        part[len] = '\0';
        next = target_open(c, part, O_DIRECTORY);
        if (next == -ENOENT) {
            r = target_is_own(c, dir) ? raw3(SYS_mkdirat, dir, part + start, TARGET_MODE)
                                      : -EROFS;
            next = r < 0 ? r : target_open(c, part, O_DIRECTORY);
        }
        tree_close(dir);
        dir = next;
        part[len] = '/';
    }
    return dir;
}

/* The target itself; a missing one becomes a directory, or a file, if it may be made. */
long target_make(struct child *c, const char *path, bool as_file, uint32_t perms)
{
    long dir, r, target = target_open(c, path, 0);

    if (target != -ENOENT)
        return target;
    dir = target_open_parent(c, path);
    if (dir < 0)
        return dir;
    if (!target_is_own(c, dir)) {
        r = -EROFS;
    } else if (as_file) {
        r = raw4(SYS_openat, dir, target_name(path), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
                 0444);
        tree_close(r);
    } else {
        r = raw3(SYS_mkdirat, dir, target_name(path), perms);
    }
    tree_close(dir);
    return r < 0 ? r : target_open(c, path, O_NOFOLLOW);
}

/* ---- mounting ---- */

long tree_set_attributes(struct child *c, long fd, uint64_t set, uint64_t clear, bool recursive)
{
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear};

    if (!set && !clear)
        return 0;
    if (c->old_calls)
        return old_set_attributes(c, fd, set, clear, recursive);
    return raw5(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
                &attr, sizeof attr);
}

long tree_set_copyable(struct child *c, long fd, bool copyable)
{
    struct mount_attr attr = {.propagation = copyable ? TREE_PRIVATE : TREE_UNBINDABLE};

    if (c->old_calls)
        return old_set_propagation(fd, attr.propagation);
    return raw5(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr);
}

long tree_attach(struct child *c, long tree, long target)
{
    if (c->old_calls)
        return old_move(tree, target);
    return raw5(SYS_move_mount, tree, "", target, "",
                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

long tree_attach_over_root(struct child *c, long tree)
{
    if (c->old_calls)
        return old_move(tree, -1);
    return raw5(SYS_move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
}

long tree_copy(struct child *c, long dir, const char *path, bool recursive)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT;

    if (c->old_calls)
        return old_copy(c, dir, path, recursive);
    return raw3(SYS_open_tree, dir, path,
                flags | (path[0] ? 0u : AT_EMPTY_PATH) | (recursive ? AT_RECURSIVE : 0u));
}

/* A new file system, configured and mounted, not yet attached anywhere. */
long tree_make(struct child *c, const char *type, const struct fs_option *options,
               unsigned count, uint64_t attributes)
{
    long mount, fs, r = 0;

    if (c->old_calls)
        return old_make(c, type, options, count, attributes);
    fs = raw2(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return step_fail(c, fs, "fsopen", type);
    for (unsigned i = 0; options && i < count && r >= 0; i++)
        if (options[i].value || options[i].is_flag)
            r = raw5(SYS_fsconfig, fs,
                     options[i].is_flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING,
                     options[i].key, options[i].value, 0);
    if (r >= 0)
        r = raw5(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
    if (r < 0) {
        tree_close(fs);
        return step_fail(c, r, "fsconfig", type);
    }
    mount = raw3(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
    tree_close(fs);
    if (mount < 0)
        return step_fail(c, mount, "fsmount", type);
    return mount;
}

long tree_make_tmpfs(struct child *c, uint32_t perms, uint64_t size, uint64_t inode_count,
                     uint64_t attributes)
{
    char mode[8] = "0000", bytes[24], inodes[24];
    struct fs_option options[] = {
        {"mode", mode, false}, {"size", bytes, false}, {"nr_inodes", inodes, false}};
    long fd;

    for (int i = 0; i < 4; i++)
        mode[i] = (char)('0' + (perms >> (9 - 3 * i) & 7));
    raw_number(bytes, (int64_t)size);
    raw_number(inodes, (int64_t)inode_count);
    if (size == 0)
        options[1].value = NULL;
    fd = tree_make(c, "tmpfs", options, COOP_COUNT(options), attributes);
    if (fd >= 0)
        tree_own(c, fd);
    return fd;
}
