#ifndef LAUNCHER_FDSTORE_H
#define LAUNCHER_FDSTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "coop/err.h"

/*
 * fdstore.h - descriptors that outlive whoever uses them
 *
 * A small process (coop-init in a hidden mode) keeps copies of descriptors under names.  Who was
 * killed leaves them there; the next one, in the same directory, gets them back:
 *
 *     struct fdstore *store;
 *     if (fdstore_open("/var/lib/coop", helper, &store, err) < 0) ...
 *     fd = fdstore_take(store, "web");                  an earlier one's, or -1
 *     if (fd < 0 && (fd = make_one()) >= 0)
 *         fdstore_put(store, "web", fd, err);           the process is started when it is needed
 *     ...
 *     fdstore_drop(store, "web");                       before the descriptor is closed
 *     fdstore_close(store, true);                       an orderly end: the process ends, too
 *
 * A killed process that had sent a descriptor has stored it: what is in flight arrives.  A store
 * that was killed itself is replaced at the next call, with all that was put into it.
 *
 * Time      A call is one message, or a fork and exec of coop-init. fdstore_open() waits for an
 *           earlier one's list, at most FDSTORE_PATIENCE seconds.
 * Errors    0 or -1 with 'err'. What cannot be stored is as safe as it was without a store.
 * Threads   One call at a time; the caller sees to it.
 * Memory    The names are copied.  Descriptors stay the caller's, until they are dropped.
 * Limits    FDSTORE_MAX of them; names of FDSTORE_NAME_MAX - 1 bytes.
 */
enum { FDSTORE_MAX = 4096, FDSTORE_NAME_MAX = 384, FDSTORE_PATIENCE = 5 };

struct fdstore;

/* Finds what an earlier process has left in this directory; that one must have ended. */
int fdstore_open(const char *dir, const char *helper, struct fdstore **ret_store,
                 struct coop_err *err);

/* What was found under this name, from now on the caller's; -1: nothing. */
int fdstore_take(struct fdstore *store, const char *name);

/* A name that was found, begins like this, and is not taken yet; or NULL. */
const char *fdstore_found(const struct fdstore *store, const char *prefix);

/* Stores a copy; one of the same name is replaced. */
int fdstore_put(struct fdstore *store, const char *name, int fd, struct coop_err *err);
void fdstore_drop(struct fdstore *store, const char *name);

/* Drops what was found and nobody has taken. How many there were. */
unsigned fdstore_drop_found(struct fdstore *store);

/* With 'end' nothing is kept any more. Accepts NULL. */
void fdstore_close(struct fdstore *store, bool end);

/* ---- the wire; private to launcher/ ----
 *
 * SOCK_SEQPACKET at <dir>/descriptors.  Who connects is told all names (HAVE, each with its
 * descriptor), then READY; then it says PUT, DROP and END.
 */
#define FDSTORE_MAGIC UINT32_C(0x46645331)

enum fdstore_verb { FDSTORE_HAVE, FDSTORE_READY, FDSTORE_PUT, FDSTORE_DROP, FDSTORE_END };

struct fdstore_message {
    uint32_t magic;
    uint32_t verb; /* enum fdstore_verb */
    char name[FDSTORE_NAME_MAX];
};

/* One message, with 'fd' unless it is -1; another one's arrives close-on-exec. 0, 1 for the end, or
 * -errno. */
int fdstore_send(int socket, enum fdstore_verb verb, const char *name, int fd);
int fdstore_receive(int socket, struct fdstore_message *ret_message, int *ret_fd);

/* The process's life (in coop-init). An exit code. */
int fdstore_serve(int listener);

#endif
