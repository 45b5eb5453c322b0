#ifndef LAUNCHER_NETWORK_TAKE_H
#define LAUNCHER_NETWORK_TAKE_H

/*
 * take.h - an empty network from its holder; private to the spawning side
 *
 * A holder (run_holder.h) has made one network, for an ordinary user together with the user
 * namespace that has power over it, and hands out descriptors of both to its own user and to nobody
 * else.
 *
 * Errors    -errno; *ret_call names the call.  -EPERM ("SO_PEERCRED"): somebody else listens there.
 *           A holder that says nothing for HOLDER_SEC seconds: -EAGAIN.
 * Threads   Raw calls only: in a fork of ours, or in the thread that clones.
 */
enum { HOLDER_SEC = 5 };

struct held_network {
    int users, network; /* close-on-exec; users: -1 where root holds it */
};

/* From the socket at 'path'. */
int network_take(const char *path, struct held_network *ret_held, const char **ret_call);

#endif
