#ifndef LAUNCHER_BORROW_H
#define LAUNCHER_BORROW_H

#include "launcher/spawn.h"

/*
 * borrow.h - cloning in the name of another user, or in another network; private to the spawning
 * side
 *
 *     struct borrowed own;
 *     int r = borrow_ids(plan, cgroup, told, &own);
 *     if (r >= 0) {
 *         pid = clone_child(...);
 *         return_ids(&own);
 *     }
 *
 * A user namespace belongs to the effective ids it was made with, and only an owner's own id can be
 * mapped into it by the child itself.  So for User= together with PrivateUsers= root takes that
 * user's effective ids and groups for the length of one clone.  Real and saved ids stay root's: no
 * process of that user may signal us meanwhile, and the way back is open.  The child sheds them as
 * soon as its map is written (step user-maps).
 *
 * With NetworkNamespacePath= the calling thread is in that network for the length of the clone: so
 * the child is born there, also into a user namespace of its own, which could not join it.
 *
 * Threads   The ids of the calling thread only (raw calls; libc would change all threads').
 * Limits    To be born in a cgroup that only root may enter takes clone3 and CAP_DAC_OVERRIDE: the
 *           calling thread has that one capability for the length of the clone, the child has not.
 */
struct borrowed {
    bool active;
    int network; /* our own, when we are in another; or -1 */
    uint32_t euid, egid;
    int group_count;
    uint32_t groups[LAUNCH_MAX_GROUPS];
};

/* 0 at once when the plan borrows nothing; or -errno, and nothing has changed.  'cgroup' is the one
 * to be born in, or -1.  Of a network that cannot be entered 'told' has call and path. */
int borrow_ids(const struct launch_plan *plan, int cgroup, struct launch_report *told,
               struct borrowed *ret_own);
void return_ids(const struct borrowed *own);

/* A namespace cannot be entered (SPAWN_STEP_JOIN): 'r', which is -errno. */
int join_refused(struct launch_report *told, long r, const char *call, const char *path);

#endif
