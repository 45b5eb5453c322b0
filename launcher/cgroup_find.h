#ifndef LAUNCHER_CGROUP_FIND_H
#define LAUNCHER_CGROUP_FIND_H

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
 * the last place that was tried. */
int cgroup_find(int *ret_dir, char *ret_where, size_t size, struct coop_err *err);

#endif
