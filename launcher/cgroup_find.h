#ifndef LAUNCHER_CGROUP_FIND_H
#define LAUNCHER_CGROUP_FIND_H

#include <stdbool.h>
#include <stddef.h>

#include "coop/err.h"

/*
 * cgroup_find.h - finding a v2 group that may be divided; private to launcher/
 *
 * The hierarchy is where the machine has mounted it (/sys/fs/cgroup, .../unified, elsewhere in a
 * container), perhaps more than once, perhaps showing only a part: so mountinfo is matched
 * against /proc/self/cgroup, and the first place that may be written to is taken.
 */

/* Opens the directory of the group we are in. *ret_where is its path, for messages; on failure of
 * the last place that was tried.  *ret_delegated: it is there for us alone to divide, because it is
 * the root of our cgroup namespace or because systemd says so (Delegate=yes). */
int cgroup_find(int *ret_dir, char *ret_where, size_t size, bool *ret_delegated,
                struct coop_err *err);

#endif
