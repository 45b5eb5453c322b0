#ifndef COOP_DAEMON_INSIDE_H
#define COOP_DAEMON_INSIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "adopt.h"
#include "base/map.h"
#include "config/load.h"
#include "coop/chan.h"
#include "coop/sync.h"
#include "daemon.h"
#include "group/group.h"
#include "options.h"
#include "service/machine.h"
#include "service/svc.h"
#include "timers/timers.h"

/*
 * daemon_inside.h - what daemon.c, reload.c and places.c of the daemon share
 *
 * The table of services is read by control's sessions, so it has a lock; everything else
 * belongs to the daemon's first coroutine and, under 'reloading', to a reload.
 */
struct control;
struct journal;

struct daemon {
    const struct options *options;
    struct config *config; /* in force */
    struct coop_mutex lock;
    struct map services; /* name -> struct svc, one reference each; under 'lock' */
    struct map groups;   /* name -> struct group, the same */
    struct coop_mutex reloading;
    struct svc_world world;
    struct machine machine;
    struct journal *journal;
    struct survivors survivors; /* services of an earlier coopd, until they are restored */
    struct saved_group *saved_groups; /* the same of groups */
    size_t saved_group_count;
    struct control *control;
    struct timers *timers;
    struct coop_chan *asks; /* of int: signal numbers, ASK_SHUTDOWN, ASK_OVER */
    atomic_int exit_status; /* of coopd; the first service it is not to outlive sets it */
    int lock_fd, state_lock_fd;
    char run_dir[512];
    int64_t started_wall;
    atomic_ulong reloads;
};

enum { ASK_SHUTDOWN = 0, ASK_OVER = -1 };

/* Who asked for the end, for the log. 'sender' is 0 for the kernel, which sends for a terminal's
 * keys, and for processes outside our PID namespace. */
int daemon_sender_text(int signo, pid_t sender, char *ret_text, size_t size);

/* places: the directories and the lock. */
int daemon_open_places(struct daemon *daemon, struct coop_err *err);
void daemon_close_places(struct daemon *daemon);

/* reload.c: makes, links and removes services. */
int daemon_first_services(struct daemon *daemon, struct coop_err *err);
void daemon_start_all(struct daemon *daemon);
void daemon_set_timers(struct daemon *daemon); /* those of the configuration in force */

/* daemon_groups.c: the groups of a configuration, before and after its services are told.  The
 * array has a place for each of config->groups, with a reference each. */
int daemon_plan_groups(struct daemon *daemon, const struct config *config,
                       struct group ***ret_groups, struct coop_err *err);
struct group *daemon_group_of(const struct config *config, struct group *const *groups,
                              unsigned service); /* NULL: in none */
void daemon_enter_groups(struct daemon *daemon, const struct config *config,
                         struct group *const *groups, struct svc *const *services);
void daemon_drop_groups(const struct config *config, struct group **groups);
void daemon_save_group(void *arg,
                       const struct saved_group *group); /* for journal_read_groups */
void daemon_groups_go_on(struct daemon *daemon);
void daemon_let_go_of_groups(struct daemon *daemon);

#endif
