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

/* Before the new root is laid over the old one. */
int stage_open(struct child *c);

/* A name that is not in use there. Returns ret_name. */
char *stage_name(struct child *c, char ret_name[24]);

/* A fresh directory there (O_PATH), or -errno. */
long stage_directory(struct child *c);

#endif
