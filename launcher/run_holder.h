#ifndef LAUNCHER_RUN_HOLDER_H
#define LAUNCHER_RUN_HOLDER_H

#include "coop/err.h"
#include "launcher/launch.h"

/*
 * run_holder.h - a process that has an empty network, for all sandboxes of one user; private to
 * coop-run
 *
 * A network namespace lives as long as somebody is in it or has it open.  Root can pin one to a
 * file; an ordinary user cannot, and has power over a network only through a user namespace that
 * owns it.  So a small process holds both, and hands their descriptors to its own user over a unix
 * socket.  A launch enters the user namespace, then the network, and is born in a user namespace
 * of its own below (join.c): so it has no power over the network that it is in.
 *
 *     coop-run --hold-network /run/user/1000/net      until a signal ends it
 *     coop-run --empty-network COMMAND                starts one when there is none
 *
 * A holder that was started by the way ends when nobody has asked for HOLDER_IDLE_SEC seconds;
 * sandboxes that run keep their network, and the next launch starts another holder.
 *
 * Errors    0 or -1 with a struct coop_err.
 * Limits    The socket is at $XDG_RUNTIME_DIR/coop/empty-network, root's in /run/coop: a folder
 *           that nobody else may write.
 */
#define HOLDER_IDLE_SEC 60

/* EmptyNetwork=yes: spec->empty_network is the holder's socket from now on. */
int holder_choose(struct launch_spec *spec, struct coop_err *err);

/* Somebody holds it: starts a process that does, if nobody listens there. */
int holder_ensure(const char *path, struct coop_err *err);

/* Holds one, and returns only when it cannot. */
int holder_serve(const char *path, struct coop_err *err);

#endif
