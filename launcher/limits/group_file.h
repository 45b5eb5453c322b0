#ifndef LAUNCHER_LIMITS_GROUP_FILE_H
#define LAUNCHER_LIMITS_GROUP_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * group_file.h - the kernel's small files in a cgroup's directory; private to limits/
 *
 * Errors    0 or -errno.
 * Limits    GROUP_FILE_MAX bytes are read, enough for all but a very full cgroup.procs.
 */

#define GROUP_FILE_MAX 4096

int group_file_write(int dir, const char *file, const char *text);
int group_file_read(int dir, const char *file, char ret_text[GROUP_FILE_MAX]);

/* Whether 'word' is one of those in a file like cgroup.controllers. */
bool group_file_has(const char *text, const char *word);

#endif
