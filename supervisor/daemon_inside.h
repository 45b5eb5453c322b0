#ifndef COOP_DAEMON_INSIDE_H
#define COOP_DAEMON_INSIDE_H

#include <limits.h>
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
struct json_t;

struct daemon {
    const struct options *options;
    struct config *config; /* in force */
    struct coop_mutex lock;
    struct map services; /* name -> struct svc, one reference each; under 'lock' */
    struct map groups;   /* name -> struct group, the same */
    struct coop_mutex reloading;
    struct wishes wishes; /* in force; under 'reloading' */
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
    struct json_t *kept; /* what the program before in this process has left; NULL: nothing */
    char program[PATH_MAX]; /* that runs now                                              */
    atomic_bool replacing;  /* from the question to the end of a re-execution             */
    char next[PATH_MAX];
    struct coop_err reexec_failure;
};

enum { ASK_SHUTDOWN = 0, ASK_OVER = -1, ASK_REEXEC = -2 };

/* For the service manager that coopd is a Type=notify service of. */
void daemon_tell_manager(const char *text);

/* Who asked for the end, for the log. 'sender' is 0 for the kernel, which sends for a terminal's
 * keys, and for processes outside our PID namespace. */
int daemon_sender_text(int signo, pid_t sender, char *ret_text, size_t size);

/* reexec.c: returns when it has failed, and all goes on. */
void daemon_replace(struct daemon *daemon);
/* reexec_ask.c: whether that program can take over. 0 or -1. */
int daemon_ask_next(const struct daemon *daemon, const char *path, struct coop_err *err);

/* After daemon_first_services(): waits until each has looked at what it was before. */
int daemon_round(struct daemon *daemon, enum quiet_step step, struct json_t *ret_records,
                 coop_nsec deadline);

/* places: the directories and the lock. */
int daemon_open_places(struct daemon *daemon, struct coop_err *err);
void daemon_close_places(struct daemon *daemon);

/* reload.c: makes, links and removes services. */

/* Waits for 'reloading'.  -1: cancelled, because a re-execution holds it, and the next program is
 * asked instead. */
int daemon_take_turn(struct daemon *daemon, struct coop_err *err);

/* From the configuration in force to 'next', which changes owner with success.  Under
 * 'reloading'. */
int daemon_apply(struct daemon *daemon, struct config *next, struct reload_report *ret_report,
                 struct coop_err *err);

/* wish.c: a fresh configuration with what was asked for; '*ret_wishes' are those that still have a
 * meaning there.  '*config' is replaced, or stays as it was on failure. */
int daemon_wish(struct daemon *daemon, struct config **config, struct wishes *ret_wishes,
                struct coop_err *err);

/* They are in force from now on; what is not among them any more leaves the journal. */
void daemon_take_wishes(struct daemon *daemon, struct wishes *wishes);

/* What the journal of an earlier coopd says was asked for, into the configuration. */
void daemon_first_wishes(struct daemon *daemon);

int daemon_first_services(struct daemon *daemon, struct coop_err *err);
void daemon_start_all(struct daemon *daemon);
/* 'is_next': goes on from where a coopd before it was. */
int daemon_open_timers(struct daemon *daemon, bool is_next, struct coop_err *err);
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
