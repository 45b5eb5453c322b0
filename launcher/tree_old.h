#ifndef LAUNCHER_TREE_OLD_H
#define LAUNCHER_TREE_OLD_H

#include "launcher/tree.h"

/*
 * tree_old.h - trees by mount(2), where the newer calls are refused; private to tree.c and stage.c
 *
 * A container's filter or a kernel before 5.12 has no mount_setattr, open_tree or fsopen.  Then a
 * tree is made on the stage, in a place of its own that nobody else can see, and moved from there.
 * Paths are /proc/self/fd/N throughout, so that nothing is looked up twice here either; it needs a
 * /proc in the caller's view.
 */

/* Asks the kernel, with calls that do nothing. */
bool old_calls_needed(void);

/* stage_open(), tree_make(), tree_copy(), tree_set_attributes(). */
int old_stage_open(struct child *c);
long old_make(struct child *c, const char *type, const struct fs_option *options,
              unsigned count, uint64_t attributes);
long old_copy(struct child *c, long dir, const char *path, bool recursive);
long old_set_attributes(const struct child *c, long fd, uint64_t set, uint64_t clear,
                        bool recursive);

long old_set_propagation(long fd, uint64_t kind);

/* 'target' negative: over "/". */
long old_move(long tree, long target);

#endif
