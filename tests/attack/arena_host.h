#ifndef ATTACK_ARENA_HOST_H
#define ATTACK_ARENA_HOST_H

#include "attack/arena.h"

/*
 * arena_host.h - somebody else's namespaces, for a sandbox to join
 *
 * A process of the arena's caller that has made namespaces, two more in them, the first of which is
 * PID 1 there, and words for coop-run that name them by path or by descriptor.  When the second one
 * dies, the process ends.
 *
 *     struct arena_host host;
 *     arena_host_start(&host, &arena, ARENA_HOST_ALL, false);
 *     ... host.words, NULL-terminated ...
 *     arena_host_end(&host);
 *
 * The descriptors are inherited by whom the arena starts meanwhile: that is how coop-run gets them.
 */

#define ARENA_HOST_KINDS 8

/* One of each kind; without the bit a sandbox makes its own, or stays where its caller is. */
enum {
    ARENA_HOST_USER = 1 << 0,
    ARENA_HOST_PIDS = 1 << 1,
    ARENA_HOST_NETWORK = 1 << 2,
    ARENA_HOST_MOUNTS = 1 << 7,
    ARENA_HOST_ALL = (1 << ARENA_HOST_KINDS) - 1
};

struct arena_host {
    pid_t pid;
    int fds[ARENA_HOST_KINDS];
    char text[ARENA_HOST_KINDS][96];
    const char *words[ARENA_HOST_KINDS + 2];
};

/* 'joined': the bits of what is joined.  An ordinary user has power over no namespace outside a
 * user namespace of its own, so that should be among them then. */
void arena_host_start(struct arena_host *host, const struct arena *arena, unsigned joined,
                      bool by_descriptor);

void arena_host_end(struct arena_host *host);

#endif
