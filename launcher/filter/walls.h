#ifndef LAUNCHER_FILTER_WALLS_H
#define LAUNCHER_FILTER_WALLS_H

#include "launcher/filter/compile.h"

/*
 * walls.h - filters that complete or replace a wall of another kind; private to launcher/
 *
 * Beside Landlock's TCP ports: what leads round them.  MemoryDenyWriteExecute= where the kernel has
 * no call for it.  Both are written in the language of SystemCallFilter= (word.h) and are programs
 * of their own, so that they hold whatever that key allows.
 */

/* 'judge_tcp': Landlock judges TCP ports. Appends to 'all' at most two programs. */
int filter_walls_compile(const struct launch_spec *spec, bool judge_tcp,
                         struct filter_programs *all, struct coop_err *err);

#endif
