#ifndef LAUNCHER_STAGE_H
#define LAUNCHER_STAGE_H

#include "launcher/recipe.h"

/*
 * stage.h - a place that nobody sees, for what must lie somewhere; private to the mounting steps
 *
 * A small tmpfs between the old root and the new one.  It is part of our mount table, which is what
 * the kernel wants of a file that is to be mounted elsewhere and of the layers of an overlay; it
 * goes away with the old root, and what was mounted from it stays.  The rules are recipe.h's.
 */

#define STAGE_INODES (4 * LAUNCH_MAX_MOUNTS)

/* Before the new root is laid over the old one and anything is mounted: where the kernel has
 * the old calls only, every tree is put together here (tree_old.h). */
int stage_open(struct child *c);
/* Without a new root it has to be taken away. */
int stage_close(struct child *c);

/* A name that is not in use there. Returns ret_name. */
char *stage_name(struct child *c, char ret_name[24]);

/* A fresh directory there (O_PATH), or -errno. */
long stage_directory(struct child *c);

#endif
