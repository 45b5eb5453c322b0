#ifndef SCN_WORLD_H
#define SCN_WORLD_H

#include "scn.h"

/*
 * world.h - the private place where a scenario is played
 *
 * As root: a PID namespace of its own (the runner is PID 1 there, so the kernel ends whatever a
 * scenario leaves behind), a mount namespace with a fresh /proc, a tmpfs on /mnt as the
 * scenario's folder, and an ordinary user `scn` that exists nowhere else.  Otherwise: a folder
 * below $TMPDIR, and the runner is a subreaper that ends its descendants at the end.
 */
struct world {
    bool is_private; /* namespaces of our own */
    char dir[64];    /* the scenario's folder: $DIR */
    char bin[200];   /* the programs under test: $BIN */
    uid_t user_uid;  /* of `as user` */
    gid_t user_gid;
};

/* Makes it.  As root this forks: the caller goes on as PID 1 of the new namespace, and the
 * process that called waits outside and exits with its exit code. */
int world_open(struct world *w, const char *bin, struct coop_err *err);

/* Ends what is left and removes the folder. */
void world_close(struct world *w);

/* In a child: become the ordinary user, in its home. */
int world_become_user(const struct world *w);

#endif
