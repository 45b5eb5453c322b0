#ifndef COOP_EVENTS_BOARD_H
#define COOP_EVENTS_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coop/time.h"
#include "service/fsm.h"

/*
 * board.h - the state of every service, where anyone may read it
 *
 * One slot per service.  A slot has one writer, the service's own actor, which never waits for
 * a reader; a reader copies the slot and knows that the copy is of one moment.
 *
 *     struct svc_view view;
 *     for (unsigned i = 0; i < board_limit(board); i++)
 *         if (board_read(board, i, &view))
 *             print(view.name, svc_state_word(view.state));
 *
 * Time      Reading is a copy of half a kilobyte; it repeats when the writer was at work.
 * Threads   board_read and board_limit from anywhere; board_write by the slot's one writer;
 *           board_take and board_give by the daemon only.
 * Memory    A slot's place never moves and is never unmapped while the board lives, so a slot
 *           that goes out of use under a reader is harmless: the reader sees it empty.
 * Limits    BOARD_MAX services.
 * Source    The seqlock protocol is Linux's, with relaxed atomic copies as in Boehm's "Can
 *           seqlocks get along with programming language memory models?".
 */

enum {
    BOARD_MAX = 16384, /* services in one coopd, also its ceiling for configuration      */
    SVC_NAME_MAX = 79, /* bytes in a service's name                                       */
};

/* How the processes of a service are held together (docs/design.md, chapter 5). */
enum svc_held_by {
    HELD_BY_NOTHING,   /* nothing runs                                            */
    HELD_BY_PIDNS,     /* own PID namespace: top_pid is its reaper, PID 1 inside  */
    HELD_BY_CGROUP,    /* a cgroup v2 leaf: top_pid is the main process           */
    HELD_BY_SUBREAPER, /* coop-init -t: top_pid is the subreaper                  */
    HELD_BY_ITSELF     /* no more than the main process itself (unit tests)       */
};

/* How the last main process ended. */
enum svc_exit_kind { EXIT_NONE, EXIT_CODE, EXIT_SIGNAL, EXIT_UNKNOWN };

/* Plain data: copied whole, compared by tests, rendered by control. */
struct svc_view {
    char name[SVC_NAME_MAX + 1];
    enum svc_place place; /* svc_place_state() and svc_place_sub() give the words         */
    bool wanted_up;
    bool core;            /* with EXIT_SIGNAL: a core was dumped                            */
    bool adopted;         /* found alive by this coopd, started by an earlier one           */
    uint8_t held_by;      /* enum svc_held_by                                               */
    uint8_t exit_kind;    /* enum svc_exit_kind                                             */
    int exit_value;       /* exit code or signal number                                     */
    int error;            /* the last ERRNO= it sent, 0 for none                            */
    pid_t main_pid;       /* host PID of the main process, 0 for none                       */
    pid_t top_pid;        /* host PID of the direct child that holds the tree, 0 for none   */
    pid_t cgroup_of;      /* the coopd below whose cgroup its own one is, 0 for none        */
    uint32_t listening;   /* sockets that are open for it                                    */
    uint32_t stored;      /* descriptors that coopd keeps for it (FDSTORE=1)                 */
    uint32_t restarts;    /* automatic restarts since it was last asked to start            */
    coop_nsec since;      /* when it came to this state, monotonic                          */
    int64_t since_wall;   /* the same in ns since 1970                                      */
    coop_nsec up_since;   /* when it last became up, monotonic; 0 while it is not           */
    coop_nsec until;      /* when the timer of this state runs out, monotonic; 0 for none   */
    char waiting_for[80]; /* what this state waits for: a service's name or a sentence     */
    char reason[160];     /* why it is where it is                                          */
    char status[80];      /* the last STATUS= it sent, "" for none                          */
    char step[160];       /* the last ExecStartPre= and the like that failed, "" for none   */
    char result[16];      /* how the last life ended, in the receipt's word; "" for none    */
};

struct board;

/* NULL when out of memory. */
struct board *board_new(void);
void board_free(struct board *board); /* accepts NULL */

/* Takes a free slot for a service. -ENOSPC when BOARD_MAX are taken, -ENOMEM. */
int board_take(struct board *board, unsigned *ret_slot);
/* Empties the slot; its writer must be gone. */
void board_give(struct board *board, unsigned slot);

/* Publishes. Never waits, never fails. */
void board_write(struct board *board, unsigned slot, const struct svc_view *view);

/* One more than the highest slot ever taken. */
unsigned board_limit(const struct board *board);
/* False when the slot is empty. */
bool board_read(const struct board *board, unsigned slot, struct svc_view *ret_view);
/* The slot of a name: linear, for requests of people; false when there is none. */
bool board_find(const struct board *board, const char *name, struct svc_view *ret_view);

#endif
