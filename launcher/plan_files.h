#ifndef LAUNCHER_PLAN_FILES_H
#define LAUNCHER_PLAN_FILES_H

#include "launcher/blob.h"
#include "launcher/kernel.h"

/*
 * plan_files.h - what the two compilers of the file-system part share; private to them
 *
 * plan_files.c compiles the view (an empty root, the host's, systemd's protections), plan_paths.c
 * the path keys that are laid over it.
 */
struct files {
    const struct launch_spec *spec;
    struct launch_plan *plan;
    struct blob *blob;
    struct plan_op *ops;
    uint32_t count;
    bool full;
};

#define FILES_ATTR_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define FILES_INODES    (1u << 20) /* of a file system whose size is left to the kernel */

/* Each appends one operation; it may be changed until the next one is appended. */
struct plan_op *files_add(struct files *f, enum plan_op_kind kind, uint32_t guard,
                          const char *src, const char *dst);
/* 'size' and 'inodes' 0: the defaults. */
struct plan_op *files_add_tmpfs(struct files *f, uint32_t guard, const char *dst,
                                uint32_t perms, uint64_t size, uint64_t inodes);
struct plan_op *files_add_cover(struct files *f, enum plan_op_kind kind, uint32_t guard,
                                const char *dst, uint64_t set, uint64_t clear, bool optional);

/* plan_paths.c: ReadOnlyPaths and its sisters, BindPaths, TemporaryFileSystem. */
int files_add_path_keys(struct files *f, struct coop_err *err);

#endif
