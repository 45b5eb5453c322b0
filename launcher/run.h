#ifndef LAUNCHER_RUN_H
#define LAUNCHER_RUN_H

#include <sys/wait.h>
#include <time.h>

#include "launcher/clerk/clerk.h"
#include "launcher/limits/bounds.h"
#include "launcher/limits/group.h"
#include "launcher/receipt.h"
#include "launcher/run_options.h"
#include "launcher/run_output.h"
#include "launcher/run_terminal.h"

/*
 * run.h - what the files of one run share (run_life.c, run_start.c, run_watch.c, ...); private to
 * coop-run
 */

struct run {
    struct run_options *options;
    const struct launch_plan *plan;
    struct launch_child child;
    struct launch_facts facts;
    int note[2], alive[2], gate[2]; /* pipes: exit note; our being alive; --block-fd */
    int signals;                    /* signalfd */
    struct receipt_file receipt;
    struct run_output output;
    bool has_output;
    struct run_terminal terminal;
    bool has_terminal;
    struct run_modes modes; /* of a terminal that is not kept away from the program */

    struct launch_cgroups groups; /* with a leaf, in which everything inside lives */
    char leaf[LAUNCH_CGROUP_PATH];
    bool has_group, was_in_group; /* now; until it was removed */
    bool replaced;                /* no controllers: bounds are kept by what comes nearest */
    struct clerk clerk;           /* makes names for the command, but for FrozenPaths=     */
    struct strlist frozen;        /* those */
    pid_t keeper;                 /* removes the leaf if we are killed; 0: none            */
    struct group_usage used;      /* what the leaf has counted, at the end                 */

    struct bounds bounds;
    struct disk_usage disk;
    bool has_disk,
        lost_disk; /* DiskMax= is asked for, and is kept; or is preferred, and is not */
    coop_nsec began, began_real;
    enum launch_result broken; /* the bound that is used up; EXIT: none    */
    coop_nsec kill_at;         /* COOP_FOREVER: nobody has to be killed    */
    bool killed;

    bool ended;
    int status;
    bool noted; /* the reaper has written down how the command ended: */
    int noted_status;
    bool tasks_reached;
    struct rusage usage;
};

/* ---- run_life.c ---- */

coop_nsec run_clock(clockid_t clock);
coop_nsec run_now(void); /* CLOCK_MONOTONIC */
/* ppoll(2) up to a moment of CLOCK_MONOTONIC. */
int run_wait_for(struct pollfd *fds, unsigned count, coop_nsec deadline);
bool run_has_own_pids(const struct launch_plan *plan);
/* Somebody outside keeps a bound of the whole tree, so no one may leave it. */
bool run_has_tree_bounds(const struct launch_bounds *bounds);

/* ---- run_start.c ---- */

/* Until the command runs.  Where a preferred protection is refused, '*plan' is replaced by one
 * without it, and run->plan with it. */
int run_start(struct run *run, struct launch_plan **plan, struct coop_err *err);
void run_reap_child(pid_t pid);
/* A clerk keeps FrozenPaths=. */
bool run_has_clerk(const struct run *run);
bool run_asks_to_end(int signo);

/* ---- run_watch.c ---- */

/* Until the child has ended. */
void run_watch(struct run *run);
/* SIGTERM has been sent, or is sent: StopGrace= begins. */
void run_let_end(struct run *run);
/* Nobody lives on: without a PID namespace whoever is left has become our child. */
void run_end_rest(struct run *run);
/* What the command has written and nobody has taken yet, from its pipes and its pty. */
void run_flush_output(struct run *run);
void run_flush_terminal(struct run *run);

/* ---- run_signals.c ---- */

/* Takes all that are pending: to the command, or for us. */
void run_take_signals(struct run *run);
/* Reaps what is dead: the child, and without a PID namespace what came to us from below. True:
 * there are children left. */
bool run_reap(struct run *run);
/* Takes what the reaper has written: that the command has stopped, how it has ended. */
void run_take_notes(struct run *run);

/* ---- run_group.c: the cgroup of a run ---- */

/* Makes it, where a bound asks for it.  Where it is not to be had: fails, or with Prefer=limits
 * sets run->replaced. */
int run_group_open(struct run *run, struct coop_err *err);
/* The nearest that the kernel keeps without a controller, put into the spec before it is compiled
 * anew. True: it has changed. */
bool run_group_replace(struct run *run);
/* All in it are gone: reads what it has counted, and removes it. */
void run_group_close(struct run *run);

/* ---- run_receipt.c ---- */

enum launch_result run_result(const struct run *run);
/* What keeps a bound that is a controller's business: a word for people, or NULL: nothing does. */
const char *run_kept_by(const struct run *run, const struct group_row *row);
void run_receipt_write(struct run *run, int exit_code);

#endif
