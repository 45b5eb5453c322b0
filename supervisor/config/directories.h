#ifndef COOP_CONFIG_DIRECTORIES_H
#define COOP_CONFIG_DIRECTORIES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/strlist.h"
#include "coop/err.h"

/*
 * directories.h - RuntimeDirectory= and its four sisters: directories that belong to a service
 *
 *     RuntimeDirectory=web web/cache      StateDirectory=web      LogsDirectoryMode=0750
 *
 * They are made before the service starts, belong to its User= (all but the configuration's, which
 * is root's), can be written inside its sandbox, and are in its environment with colons between:
 *
 *     key                      root         an ordinary user                variable
 *     RuntimeDirectory=        /run         $XDG_RUNTIME_DIR                RUNTIME_DIRECTORY
 *     StateDirectory=          /var/lib     $XDG_STATE_HOME, ~/.local/state STATE_DIRECTORY
 *     CacheDirectory=          /var/cache   $XDG_CACHE_HOME, ~/.cache       CACHE_DIRECTORY
 *     LogsDirectory=           /var/log     the one of state, with /log     LOGS_DIRECTORY
 *     ConfigurationDirectory=  /etc         $XDG_CONFIG_HOME, ~/.config     CONFIGURATION_DIRECTORY
 *
 * A runtime directory is removed with all that is in it when the service has ended
 * (RuntimeDirectoryPreserve=).  What is mounted in it stays.
 *
 * Errors    -1 and an error that names the key and the path.
 * Threads   They look into the file system and may wait there: in a blocking bracket.
 * Limits    Names are relative, without "..".  Links on the way below the base are not followed.
 *           What is in a directory keeps its owner, also when User= has changed.  What is deeper
 *           than 64 levels is not removed.
 * Source    systemd.exec(5), "RuntimeDirectory=".
 */

/* enum, what comes before "Directory=" in the key, and before "_DIRECTORY" in the environment */
#define DIRECTORIES(X)                                                                         \
    X(DIRECTORY_RUNTIME, "Runtime", "RUNTIME")                                                 \
    X(DIRECTORY_STATE, "State", "STATE")                                                       \
    X(DIRECTORY_CACHE, "Cache", "CACHE")                                                       \
    X(DIRECTORY_LOGS, "Logs", "LOGS")                                                          \
    X(DIRECTORY_CONFIGURATION, "Configuration", "CONFIGURATION")

enum directory_kind {
#define X(id, key, variable) id,
    DIRECTORIES(X)
#undef X
        DIRECTORY_KINDS
};

enum directory_preserve { PRESERVE_NO, PRESERVE_YES, PRESERVE_RESTART };

struct directories {
    struct strlist of[DIRECTORY_KINDS];
    mode_t modes[DIRECTORY_KINDS];
    int preserve; /* enum directory_preserve; of the runtime ones */
};

/* Where each kind is; "" when it cannot be said (no $XDG_RUNTIME_DIR). */
struct directory_bases {
    char of[DIRECTORY_KINDS][512];
};

/* For coopd's own user, from its environment. */
void directories_bases(struct directory_bases *ret_bases);

/* Are all names such that they can be made?  Else -1 and 'err', and 'ret_key' names the key. */
int directories_check(const struct directories *all, char *ret_key, size_t size,
                      struct coop_err *err);

bool directories_any(const struct directories *all);

/* Makes what is missing, and gives all their owner and mode. */
int directories_make(const struct directories *all, const struct directory_bases *bases,
                     uid_t uid, gid_t gid, struct coop_err *err);

/* Adds RUNTIME_DIRECTORY=... and its sisters. 0 or -ENOMEM. */
int directories_env(const struct directories *all, const struct directory_bases *bases,
                    struct strlist *env);

/* Adds PATH:PATH for each, as BindPaths= has them. 0 or -ENOMEM. */
int directories_bind(const struct directories *all, const struct directory_bases *bases,
                     struct strlist *bind);

/* Removes the runtime ones with what is in them. */
int directories_remove(const struct directories *all, const struct directory_bases *bases,
                       struct coop_err *err);

#endif
