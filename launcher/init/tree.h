#ifndef LAUNCHER_INIT_TREE_H
#define LAUNCHER_INIT_TREE_H

#include <sys/types.h>

/*
 * tree.h - a signal to everything below a reaper; private to init.c
 *
 * WHY WE READ /proc/.../children
 *   kill(-1) is exact inside a PID namespace and murder outside.  Outside, the children files
 *   name our direct children exactly (they cannot be reused before we reap them) and deeper
 *   ones as of a moment ago; good enough for a polite signal, and for SIGKILL the exact part
 *   suffices: orphans come up to us and are direct children in the next round.
 */

/* Signals everything below us, as far as it can be seen.  'main_pid' is who gets it where there is
 * no /proc; 0 when main has been reaped: by now its number may be anybody's. */
void init_signal_tree(int sig, pid_t main_pid);

#endif
