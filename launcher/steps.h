#ifndef LAUNCHER_STEPS_H
#define LAUNCHER_STEPS_H

#include "launcher/recipe.h"

/*
 * steps.h - the steps of the recipe, by the file they live in; private to launcher/
 *
 * Rules for all of them: recipe.h.  A step that the plan does not use returns 0 at once.
 */

/* steps_life.c */
step_fn step_guard_parent, step_session, step_pdeathsig, step_signals, step_cwd, step_exec;
/* steps_fd.c */
step_fn step_keep_fds, step_stdio, step_close_fds;
/* steps_namespace.c */
step_fn step_user_maps, step_no_nesting, step_loopback, step_hostname, step_second_users,
    step_assert_alone, step_empty_network;
/* steps_time.c */
step_fn step_time;
/* steps_mount.c */
step_fn step_private_view, step_new_root, step_mounts, step_pivot_root;
/* steps_terminal.c: 0 or -errno, like steps */
step_fn terminal_lead; /* a new session, with the terminal if there is one         */
step_fn terminal_join; /* a group of its own in that session, and in the foreground */
/* steps_lock.c */
step_fn step_lock_files;
/* steps_limits.c */
step_fn step_oom_score, step_umask, step_nice, step_rlimits;
/* steps_identity.c */
step_fn step_keyring, step_securebits, step_personality, step_no_wx, step_bounding,
    step_identity, step_caps, step_no_new_privs;
/* steps_landlock.c */
step_fn step_landlock;
/* steps_clerk.c */
step_fn step_clerk;
/* The mount namespace goes to the clerk as long as the caller's /proc is there. */
step_fn step_tell_clerk;
/* steps_seccomp.c */
step_fn step_seccomp;

/* Notes what failed and passes the result through, so that one line does both. */
static inline int step_fail(struct child *c, long r, const char *call, const char *path)
{
    c->call = call;
    c->path = path;
    return (int)r;
}

/* One byte and a descriptor over a socket. 0 or more, or -errno. In steps_fd.c. */
long step_send_fd(int socket, char word, int fd);

/* Writes 'len' bytes of text to a file of /proc. */
int step_write_file(struct child *c, const char *path, const char *text, size_t len);
/* The same for one of /proc/self that belongs to root as long as we are not dumpable. */
int step_write_own_file(struct child *c, const char *path, const char *text, size_t len);

/* What step oom-score and the first half of step time do; the go-between of a join does it for the
 * child (join.c).  Children to come are born with it. */
step_fn step_set_oom_score, step_make_clocks;

/* The number in "pid:[4026531836]", which is what /proc/self/ns/pid links to. 0: none. */
uint64_t step_namespace_inode(const char *path);

#endif
