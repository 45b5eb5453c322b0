#ifndef LAUNCHER_CGROUP_H
#define LAUNCHER_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "coop/err.h"

/*
 * cgroup.h - a kernel-kept set of processes per service: made, watched, killed, removed
 *
 * A cgroup knows every process of a service, however it forks, and can kill them all in one
 * write.  coop needs nothing else of it here: no controller, only a v2 hierarchy in which it
 * may make directories.  The layout below the group coopd itself is in:
 *
 *     <our group>/coop-4711/web            one leaf per service of the coopd with PID 4711
 *     <our group>/coop-4711/a%2Fb          names are escaped: launch_cgroup_escape()
 *
 *     struct launch_cgroups groups;
 *     char path[LAUNCH_CGROUP_PATH];
 *
 *     if (launch_cgroups_open(&groups, err) < 0)
 *         ... no cgroup to be had (err says why): use a subreaper instead ...
 *     launch_cgroup_make(&groups, "web", path, err);          "coop-4711/web"
 *     io.cgroup = launch_cgroup_enter(&groups, path, err);    for launch_spawn(); then close it
 *     ...
 *     int watch = launch_cgroup_watch(&groups, path);         POLLPRI: read it again
 *     while (launch_cgroup_populated(watch) == 1) { ... wait for POLLPRI ... }
 *     launch_cgroup_remove(&groups, path);
 *     launch_cgroups_close(&groups);
 *
 * A leaf is named by its path, not by a descriptor, so a service at rest costs no descriptor;
 * and the path can go into the state journal: the next coopd can kill or adopt by it.
 *
 * A coopd that dies leaves its tree behind.  It held a lock on its directory (flock), so
 * launch_cgroups_leftover() tells a dead coopd's tree from a living one's whatever has become of
 * the PID in the name.  The lock is gone with coopd and with the children that it was cloning just
 * then: they hold it until they are executed.
 *
 * Errors    All that take a path refuse (-EINVAL) one that is not "coop-<pid>/<leaf>".
 *           0 (or a count) or -errno; where 'err' is given, -1 and an error.
 * Threads   A struct launch_cgroups is read-only between open and close; the calls are blocking
 *           file operations on a file system without a disk.
 * Limits    LAUNCH_CGROUP_DEPTH levels below a leaf are listed and removed.  An ordinary user
 *           needs a delegated group (systemd: Delegate=yes); without one launch_cgroups_open()
 *           fails.
 * Source    isolate's cg.c, crun's cgroup-utils.c (cgroup.kill first, signals as the fallback).
 */

#define LAUNCH_CGROUP_PATH  512
#define LAUNCH_CGROUP_DEPTH 8
#define LAUNCH_CGROUP_SELF                                                                     \
    "%self" /* where who makes the leaves lives; no escaped name is this */

struct launch_cgroups {
    int parent;      /* directory of the group ours is made in       */
    int own;         /* directory coop-<pid>, locked while we live   */
    char name[32];   /* "coop-<pid>"                                 */
    bool aside;      /* we live in coop-<pid>/%self: group.h          */
    pid_t beside;    /* one of ours that moves with us then, or 0     */
    bool delegated;  /* 'parent' is a container's root, or Delegate=yes */
    int cradle;      /* %self of a dead coopd, in which we were started; -1: we were not */
    char where[512]; /* full path of 'parent', for messages          */
};

/* Finds a v2 hierarchy (through /proc/self/mountinfo, wherever it is mounted) in which
 * processes may be moved below our own group, and makes coop-<pid> there. */
int launch_cgroups_open(struct launch_cgroups *ret_groups, struct coop_err *err);

/* Its two halves: looking, which leaves nothing behind, and making. */
int launch_cgroups_find(struct launch_cgroups *ret_groups, struct coop_err *err);
int launch_cgroups_make(struct launch_cgroups *groups, struct coop_err *err);

/* For whoever cleans up after the process that has found and perhaps made it: -ENOENT when it has
 * not. */
int launch_cgroups_take_over(struct launch_cgroups *groups);

/* Removes coop-<pid> if it is empty, and lets go of it. */
void launch_cgroups_close(struct launch_cgroups *groups);

/* Makes (or takes over, when it is there and empty) the leaf for 'name'. 'ret_path' is what all
 * other calls take. */
int launch_cgroup_make(const struct launch_cgroups *groups, const char *name,
                       char ret_path[LAUNCH_CGROUP_PATH], struct coop_err *err);

/* A descriptor of the leaf's directory, for launch_io.cgroup, or -errno. The caller closes it.
 */
int launch_cgroup_enter(const struct launch_cgroups *groups, const char *path);

/* A descriptor on cgroup.events that polls POLLPRI when populated changes, or -errno. */
int launch_cgroup_watch(const struct launch_cgroups *groups, const char *path);

/* 1 while a process lives in it or below, 0 when there is none, or -errno. */
int launch_cgroup_populated(int watch);

/* SIGKILL to everything in it and below: by cgroup.kill, on kernels without it one by one until
 * none is left to signal.  The dead still have to be reaped and populated to become 0. */
int launch_cgroup_kill(const struct launch_cgroups *groups, const char *path);

/* 'sig' once to everything in it and below. The number signalled, or -errno. */
int launch_cgroup_signal(const struct launch_cgroups *groups, const char *path, int sig);

/* Stores up to 'max' PIDs of processes in it and below; returns how many there are. */
ssize_t launch_cgroup_pids(const struct launch_cgroups *groups, const char *path,
                           pid_t *ret_pids, size_t max);

/* Removes it and what the service made below. -EBUSY while it is populated; gone already: 0. */
int launch_cgroup_remove(const struct launch_cgroups *groups, const char *path);

/* Calls 'found' with the path ("coop-123/web") of each leaf in the tree ("coop-123") that a dead
 * coopd left, and removes it when it is empty then.  'found' may kill and remove.  The number of
 * leaves, -EWOULDBLOCK while somebody holds the tree, or -errno. */
int launch_cgroups_leftover(const struct launch_cgroups *groups, const char *tree,
                            void (*found)(const char *path, void *arg), void *arg);

/* Removes the trees of dead coopds that have no leaves, where nobody lives in them any more. */
void launch_cgroups_sweep(const struct launch_cgroups *groups);

/* Takes the tree of a dead coopd over, before its leaves are adopted: holds its lock, so that no
 * other coopd counts it as left over.  The descriptor that holds it, -EWOULDBLOCK when its coopd
 * lives or another has taken it, or -errno. */
int launch_cgroup_adopt(const struct launch_cgroups *groups, const char *path);

/* The PID of the coopd in whose tree a leaf is; 0: 'path' is NULL or no leaf. */
pid_t launch_cgroup_owner(const char *path);

/* A service's name as a directory's: letters, digits, '-', '_', '@', ':' stay, all else becomes
 * %XX, so no name can be a path, or one of the kernel's own files. -ENAMETOOLONG. */
int launch_cgroup_escape(const char *name, char *ret_text, size_t size);

/* Pure, for tests: the directory of group 'self' ("/a/b", from /proc/self/cgroup) in one line
 * of mountinfo, if that is a cgroup2 mount that shows it. */
bool launch_cgroup_locate(const char *mountinfo_line, const char *self, char *ret_dir,
                          size_t size);

#endif
