#ifndef LAUNCHER_MOUNT_OPS_H
#define LAUNCHER_MOUNT_OPS_H

#include "launcher/recipe.h"

/*
 * mount_ops.h - the operations of step "mounts", by the file they live in; private to those files
 *
 * Each carries out one operation: 0, or -errno with c->call and c->path saying more.
 */
typedef int op_fn(struct child *c, const struct plan_op *op);

/* steps_file.c: single files */
op_fn op_file, op_data, op_copy, op_chmod;
/* steps_overlay.c */
op_fn op_lower, op_overlay;
/* steps_mask.c */
op_fn op_mask;
/* steps_mount.c: all others */
op_fn op_bind;

/* The overlay of the layers opened so far, not attached anywhere yet. */
long overlay_make(struct child *c, const struct plan_op *op);

/* What a cover lies over (O_PATH). */
long cover_target(struct child *c, const struct plan_op *op);

/* Puts a tree where the operation says. */
int tree_attach_at(struct child *c, const struct plan_op *op, long tree);

#endif
