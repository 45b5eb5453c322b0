#ifndef COOP_SERVICE_OUTPUT_PATH_H
#define COOP_SERVICE_OUTPUT_PATH_H

#include "coop/err.h"

/*
 * output_path.h - opening a file whose folder may be somebody else's; private to service/
 *
 * coopd writes where its configuration says, with coopd's rights.  Who owns a folder on the way
 * can put a link there, or another name of somebody else's file, and would have coopd write to
 * it.  So links are followed that are root's or coopd's own, and no others; and a file with several
 * names is taken only where it belongs to whoever owns the folder, or the folder is root's or
 * coopd's.
 *
 * Errors    -1 and an error.
 * Limits    40 links, paths of 1000 bytes.  /proc's own links (/dev/stdout) are the kernel's.
 * Source    systemd's chase(), which calls it safe.
 */

/* Opens it for writing, or makes it; 'flags' besides. */
int output_path_open(const char *path, int flags, struct coop_err *err);

#endif
