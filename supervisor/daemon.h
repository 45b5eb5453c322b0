#ifndef COOP_DAEMON_H
#define COOP_DAEMON_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coop/err.h"
#include "coop/time.h"

/*
 * daemon.h - the rooms of coopd, brought up and taken down in order
 *
 * daemon_run() is the whole life of coopd.  The other calls are what control may ask of it.
 *
 * Threads   All calls but daemon_run from any coroutine of the daemon's runtime.
 */

struct daemon;
struct group_spec;
struct group_view;
struct board;
struct config;
struct svc;
struct svc_spec;
struct options;
struct json_t;
struct timer_view;
struct strlist;

/* What `coopctl daemon` tells. */
struct daemon_info {
    pid_t pid;
    const char *version;
    int64_t started_wall; /* ns since 1970 */
    unsigned services;
    unsigned fds;        /* open now                                                   */
    uint64_t memory_rss; /* bytes                                                       */
    uint64_t memory_pss; /* bytes, 0 where the kernel does not tell                     */
    uint64_t orphans_reaped;
    uint64_t reloads;
    const char *socket, *state_dir, *log_dir, *program; /* live as long as the daemon */
};

/* What a reload did. */
struct reload_report {
    unsigned added, removed, changed, unchanged;
};

struct board *daemon_board(struct daemon *daemon);

/* The service of that name with a reference for the caller, or NULL. */
struct svc *daemon_find(struct daemon *daemon, const char *name);

/* What is wanted of the service of that name, with a reference for the caller, or NULL.  The
 * search begins at '*hint' (0 at first; 'hint' may be NULL) and leaves it behind what it found,
 * so that asking for all of them in their order is one walk. */
struct svc_spec *daemon_spec(struct daemon *daemon, const char *name, size_t *hint);

/* The services of a group in its order, and of the groups in it: calls 'fn' for each.  0, or
 * -ENOENT when there is no group of that name.  'fn' may not ask the daemon anything. */
int daemon_group_services(struct daemon *daemon, const char *name,
                          void (*fn)(void *arg, const char *service), void *arg);

/* Somebody is about to start it by hand. */
void daemon_group_clear(struct daemon *daemon, const char *name);

/* Every group in the order of the configuration: calls 'fn' with what it is, what it does, and the
 * name of the group that it is in (NULL: none), and the same may not. */
void daemon_each_group(struct daemon *daemon,
                       void (*fn)(void *arg, const struct group_spec *spec,
                                  const struct group_view *view, const char *parent),
                       void *arg);

/* The names of all instances that a name means: of a set ("worker"), or of a template ("worker@").
 * 1; 0 when it means nothing of the kind; -ENOMEM. */
int daemon_members(struct daemon *daemon, const char *name, struct strlist *ret_names);

/* Makes the instance of that name, which its template says nothing of; it is gone once it has been
 * stopped and daemon_sweep() was called.  One that is there already stays.  Waits for a reload that
 * is under way.  0, or -1 and why there is none (COOP_E_UNKNOWN: no service, and no template). */
int daemon_make(struct daemon *daemon, const char *name, struct coop_err *err);
int daemon_sweep(struct daemon *daemon); /* 0, or -ECANCELED: while it waited for its turn */

/* From now on so many of a set, 1 to 'count'; what is too many is stopped, the highest numbers go.
 * Waits until those are down. 0 or -1. */
int daemon_scale(struct daemon *daemon, const char *set, unsigned count, struct coop_err *err);

/* Reads the configuration again and applies what changed; a broken one changes nothing, and the
 * error says where it is broken.  Waits for another reload that is under way, and until
 * services that were taken out are down.  0 or -1. */
int daemon_reload(struct daemon *daemon, struct reload_report *ret_report,
                  struct coop_err *err);

/* Asks for the orderly end: all services stop in order, then coopd exits.  Does not wait. The
 * second call hurries: what still runs is killed. */
void daemon_shutdown(struct daemon *daemon);

/* Asks for another program in coopd's place, the one at 'path' (NULL: as now).  0: the room of
 * control will pause, and who opens it again is the next program, or this one with a failure to be
 * told; -1: the next program could not take over, and nothing has happened. */
int daemon_reexec(struct daemon *daemon, const char *path, struct coop_err *err);
void daemon_reexec_failure(struct daemon *daemon, struct coop_err *ret_err);

void daemon_describe(struct daemon *daemon, struct daemon_info *ret_info);

/* All timers, in the order of the configuration; the caller frees them.  NULL: no memory. */
struct timer_view *daemon_timers(struct daemon *daemon, size_t *ret_count);

/* Where a service's output goes; -1 when it is not kept in a file. */
int daemon_log_path(struct daemon *daemon, const char *name, char *buf, size_t size);

/* The cgroup directory that holds a service's processes (HELD_BY_CGROUP); -1 for none. */
int daemon_cgroup_path(struct daemon *daemon, const char *name, char *buf, size_t size);

/* Runs until the last service is down.  Called in the runtime's first coroutine; 'config'
 * changes owner.  'kept' is what the program before in this process has left (handover.h), NULL:
 * nothing.  What coopd is to exit with, or -1 and 'err'. */
int daemon_run(const struct options *options, struct config *config, struct json_t *kept,
               struct coop_err *err);

#endif
