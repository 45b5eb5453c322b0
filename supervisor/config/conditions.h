#ifndef COOP_CONFIG_CONDITIONS_H
#define COOP_CONFIG_CONDITIONS_H

#include <stdbool.h>

#include "base/strlist.h"
#include "coop/err.h"

/*
 * conditions.h - Condition...=: must this hold, or is there nothing to start here?
 *
 *     ConditionPathExists=/etc/web.conf      ConditionPathExists=!/run/maintenance
 *
 * Asked each time before a service starts.  A condition that does not hold is no failure: the
 * service is `done` without having run, and what requires it goes on.  "!" in front turns it
 * round.  "|" in front makes it one of a choice: of all with "|" one must hold.
 *
 * Threads   conditions_hold() looks into the file system and may wait there: call it in a
 *           blocking bracket.
 * Limits    16 KiB in all for what Condition...= says of one service, by the file's limit on lines.
 * Source    systemd.unit(5), "Conditions and Asserts".
 */

/* enum, what follows "Condition" in the key */
#define CONDITIONS(X)                                                                          \
    X(COND_PATH_EXISTS, "PathExists")                                                          \
    X(COND_PATH_EXISTS_GLOB, "PathExistsGlob")                                                 \
    X(COND_PATH_IS_DIRECTORY, "PathIsDirectory")                                               \
    X(COND_PATH_IS_LINK, "PathIsSymbolicLink")                                                 \
    X(COND_PATH_IS_MOUNT_POINT, "PathIsMountPoint")                                            \
    X(COND_PATH_IS_READ_WRITE, "PathIsReadWrite")                                              \
    X(COND_DIRECTORY_NOT_EMPTY, "DirectoryNotEmpty")                                           \
    X(COND_FILE_NOT_EMPTY, "FileNotEmpty")                                                     \
    X(COND_FILE_IS_EXECUTABLE, "FileIsExecutable")                                             \
    X(COND_ENVIRONMENT, "Environment")                                                         \
    X(COND_HOST, "Host")

enum condition_kind {
#define X(id, word) id,
    CONDITIONS(X)
#undef X
        COND_KINDS
};

struct conditions {
    struct strlist of[COND_KINDS]; /* values as written */
};

/* Are all values such that they can be asked?  Else -1 and 'err', and 'ret_key' names the key. */
int conditions_check(const struct conditions *conditions, char *ret_key, size_t size,
                     struct coop_err *err);

/* Do they hold now?  If not, 'ret_which' is the one that does not, as "ConditionHost=db1". */
bool conditions_hold(const struct conditions *conditions, char *ret_which, size_t size);

#endif
