#ifndef COOP_SERVICE_COMMAND_H
#define COOP_SERVICE_COMMAND_H

#include "config/spec.h"
#include "coop/err.h"
#include "launcher/launch.h"

/*
 * command.h - one command of a service, ready to be compiled
 *
 * A copy of the service's launch_spec with the command's words and its whole environment put
 * in. The environment is made at each start, as systemd does: PATH and the user's own
 * variables, then PassEnvironment=, Environment=, EnvironmentFile= (read now), those of the
 * service's directories, NOTIFY_SOCKET and what this command is told ($MAINPID and the like).
 * Then $NAME and ${NAME} in the words are replaced.
 *
 * Time      Reads files and asks the user database: bracket it.
 */
struct spawn_order;
int command_prepare(const struct spawn_order *order, struct launch_spec *ret_launch,
                    struct coop_err *err);

/* systemd's rules: ${NAME} anywhere, $NAME only as a whole word (and then it is split at
 * blanks), $$ is a dollar sign, what is not set is empty.  In an INI file ('strict' false) only
 * a name that is set is replaced and everything else stays as it is, $$ too, so that a line for
 * a shell means what it says. */
int command_expand(const struct strlist *words, const struct strlist *env, bool strict,
                   struct strlist *ret_words, struct coop_err *err);

/* Adds the NAME=VALUE lines of a file: comments (# ;), quotes and continuation lines as in
 * systemd's EnvironmentFile=.  A '-' before the path: it may be missing. */
int command_read_env_file(const char *path, struct strlist *env, struct coop_err *err);

#endif
