#ifndef LAUNCHER_RUN_H
#define LAUNCHER_RUN_H

#include <sys/wait.h>
#include <time.h>

#include "launcher/limits/bounds.h"
#include "launcher/limits/group.h"
#include "launcher/receipt.h"
#include "launcher/run_options.h"
#include "launcher/run_output.h"

/*
 * run.h - what the files of one run share (run_life.c, run_group.c, run_receipt.c); private to
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

    struct launch_cgroups groups; /* with a leaf, in which everything inside lives */
    char leaf[LAUNCH_CGROUP_PATH];
    bool has_group, was_in_group; /* now; until it was removed */
    bool replaced;                /* no controllers: bounds are kept by what comes nearest */
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
    struct rusage usage;
};

coop_nsec run_clock(clockid_t clock);

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
void run_receipt_write(struct run *run, int exit_code);

#endif
