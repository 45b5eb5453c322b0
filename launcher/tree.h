#ifndef LAUNCHER_TREE_H
#define LAUNCHER_TREE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "launcher/recipe.h"

/*
 * tree.h - mounts and mount points as descriptors; private to the mounting steps
 *
 * A *tree* is a detached mount: a copy of something (open_tree) or a file system just made
 * (fsmount).  A *target* is a place in the new root, resolved with RESOLVE_IN_ROOT.  The rules
 * are recipe.h's; results are descriptors, or -errno.
 */

/* Directories that lead to a target, and targets, when they have to be made. */
#define TARGET_MODE 0755

#define NULL_DEVICE 0x103u /* makedev(1, 3) */

struct fs_option {
    const char *key, *value; /* value NULL: leave out, unless it is a flag */
    bool is_flag;
};

void tree_close(long fd); /* negative: nothing */
bool tree_is_missing(long r);
long tree_stat(long fd, struct stat *ret_st);
/* 'fd', if it is the character device 'number'; else it is closed, and -ENODEV: the caller's /dev
 * may be anybody's work.  Neither is a device that is missing taken for a place that is: -ENODEV.
 */
long tree_check_device(long fd, uint64_t number);

/* O_PATH of a place in the new root. */
long target_open(struct child *c, const char *path, int flags);
/* The thing itself, opened as 'flags' say. */
long target_open_file(struct child *c, const char *path, int flags);
/* Of the directory that holds it, made on the way on file systems of our own. */
long target_open_parent(struct child *c, const char *path);
/* Of the place itself; a missing one becomes a file or a directory, if it may be made: -EROFS. */
long target_make(struct child *c, const char *path, bool as_file, uint32_t perms);
/* Mount points may be made in the file system of 'fd' from now on. */
void tree_own(struct child *c, long fd);
/* Was the file system of 'dir' made by this launch? */
bool target_is_own(const struct child *c, long dir);
/* The last part of an absolute plain path. */
const char *target_name(const char *path);

/* A detached copy of what dir/path shows; path "": dir itself. */
long tree_copy(struct child *c, long dir, const char *path, bool recursive);
/* A new file system. On failure c->call and c->path say which step of making it failed. */
long tree_make(struct child *c, const char *type, const struct fs_option *options,
               unsigned count, uint64_t attributes);
/* 'size' 0: the kernel's default. */
long tree_make_tmpfs(struct child *c, uint32_t perms, uint64_t size, uint64_t inode_count,
                     uint64_t attributes);

long tree_set_attributes(struct child *c, long fd, uint64_t set, uint64_t clear,
                         bool recursive);
/* Whether a copy of what it is mounted on may have it in, and whether it may be copied itself. */
long tree_set_copyable(struct child *c, long fd, bool copyable);
long tree_attach(struct child *c, long tree, long target);
/* Over the "/" of the caller, and over what lies over that already. */
long tree_attach_over_root(struct child *c, long tree);

#endif
