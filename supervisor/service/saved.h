#ifndef COOP_SERVICE_SAVED_H
#define COOP_SERVICE_SAVED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/wishes.h"
#include "coop/time.h"
#include "events/board.h"
#include "service/fsm.h"
#include "service/policy.h"

/*
 * saved.h - what the next coopd must know of a service to go on with it
 *
 * Plain data, written by the journal (journal.h) and read back from it.  Times are those of the
 * monotonic clock: they are good for one boot, and so is everything here.
 */

enum { SAVED_NOTIFY_MAX = 120, SAVED_CGROUP_MAX = 512, SAVED_STARTS_MAX = 16 };

/* The processes of one life. */
struct saved_life {
    enum svc_held_by held_by;
    pid_t top_pid, main_pid;
    uint64_t start_ticks;          /* of top: with it the PID is an identity            */
    uint64_t main_ticks;           /* of main, which is not what was launched; else 0   */
    pid_t main_inside;             /* ... and its number among the service's own        */
    char cgroup[SAVED_CGROUP_MAX]; /* "" for none                              */
    bool whole;          /* the fields below are known; an older coopd did not write them */
    enum exec_kind kind; /* which commands it runs,                              */
    unsigned command;    /* and which one of them                                 */
    bool notes;          /* a reaper writes into a file how main ended             */
    bool polls;          /* memory and tasks are bounded by looking                */
    uint64_t lost;       /* preferred protections that are not in force            */
    uint64_t digest;     /* svc_spec_digest() of what it was launched from         */
    coop_nsec began;
    char notify[SAVED_NOTIFY_MAX]; /* its notify socket's abstract address; "" for none */
    int pidfd; /* of top, compared with 'start_ticks'; -1: top is gone.  Not in the journal  */
};

/* Where it is, and what is wanted of it. */
struct saved_state {
    enum svc_place place;
    bool wanted_up, stop_asked, again, was_ready, main_told;
    bool revive; /* its group has stopped it, and may start it again */
    enum exec_kind kind;
    unsigned command, restarts, in_a_row;
    unsigned
        over; /* 1 + the exit code with which coopd was to end because of it; 0: it was not */
    struct ending ending;
    coop_nsec since, up_since, up_at, until; /* 0: none */
    coop_nsec watchdog_every;                /* 0: none */
    int64_t since_wall;
};

/* What counts for its start limit: the last starts, the oldest one first. */
struct saved_starts {
    unsigned count;
    coop_nsec at[SAVED_STARTS_MAX];
};

/* What the next coopd must know of a group ('phase' is an enum group_phase). */
struct saved_group {
    char name[SVC_NAME_MAX + 1];
    char from[SVC_NAME_MAX + 1]; /* the first member of its round, "-": there is none */
    unsigned phase;
    int exit_status; /* of the member that failed last */
    coop_nsec since;
    int64_t since_wall;
    struct saved_starts deaths; /* the last failures that were counted */
};

/* A service of an earlier coopd, or a set of instances that somebody has asked for. */
struct survivor {
    char name[SVC_NAME_MAX + 1];
    bool has_wish, has_state;
    struct wish wish;
    bool has_life;
    struct saved_life life;
    struct saved_state state;
    struct saved_starts starts;
};

#endif
