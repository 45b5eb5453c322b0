#ifndef LAUNCHER_RECIPE_H
#define LAUNCHER_RECIPE_H

#include <stdint.h>

#include "launcher/plan.h"

/*
 * recipe.h - what the child does between clone and exec; private to launcher/
 *
 * Everything declared here runs in the child: raw system calls only (raw.h), no malloc, no
 * stdio, no locks, no errno.  It may share the parent's memory (CLONE_VM), so it writes to
 * nothing but its own stack and struct child.
 */

/* ---- what the child tells its parent ---------------------------------------------------------
 *
 * The report is memory that both share: to write it takes no system call, which a filter of the
 * plan could refuse, so that a failed exec looked like a running program.  The channel (a
 * SOCK_SEQPACKET pair) only says when to look: a byte when the program's process is set up, just
 * before its filter and exec (the kernel's SCM_CREDENTIALS on it carry its PID as we see it), and
 * its end when that process has executed the program or is gone.
 */

struct launch_report {
    uint64_t lost;     /* LAUNCH_BIT set: preferred guards that were refused           */
    uint16_t step;     /* index in the recipe of the step that failed                  */
    uint16_t landlock; /* the ABI in force; 0: none                                  */
    int32_t sys;       /* positive errno                                               */
    uint32_t failed;   /* written last; 1: a required step failed, the writer has ended */
    char call[28];     /* "move_mount"; ""       */
    char path[216];    /* what it was about; ""  */
    struct launch_facts facts; /* with PLAN_TELL */
    int32_t born, born_pidfd;  /* join.c: the child, or -errno */
    int32_t below;             /* and who bore it in a joined PID namespace, or 0 */
};

/* ---- the child ------------------------------------------------------------------------- */

#define OWN_MAX 64

struct child {
    const struct launch_plan *plan;
    struct launch_io io;        /* numbers change as fds are moved out of the way */
    struct launch_report *told; /* shared with the parent                         */
    int report;                 /* our end of the report channel, close-on-exec   */
    int reaper;                 /* ends when PID 1 has given up its power; -1: no reaper */
    int second_users;           /* the user namespace for step second-users, or -1 */
    int root;                   /* the new root while it is being built, or -1    */
    long early[PLAN_EARLY_MAX]; /* trees taken before the first mount, or -errno */
    long held;                  /* the mount that PLAN_MNT_HELD targets are in, or negative */
    long stage;                 /* stage.h; negative: none */
    bool old_calls;             /* mount(2) does it all (tree_old.h) */
    unsigned stage_count;       /* names given in it       */
    long layers[LAUNCH_MAX_LAYERS]; /* directories for the next overlay, the lowest first */
    unsigned layer_count;
    int terminal;                /* the program's end of a pty of its own, or -1 */
    int locks[LAUNCH_MAX_LOCKS]; /* files that are locked as long as these are open */
    unsigned lock_count;
    uint64_t own_dev[OWN_MAX]; /* file systems that this launch has made  */
    unsigned own_count;
    bool has_clerk;   /* names are made by it from now on (clerk/clerk.h) */
    bool filter_wx;   /* the kernel has no call for step no-wx: its filter is loaded */
    uint16_t step;    /* index of the step that runs                    */
    const char *call; /* what failed, for the record                    */
    const char *path;
};

/* 0, or -errno with c->call and c->path saying more. */
typedef int step_fn(struct child *c);

/* Carries out the whole recipe; never returns. Called in the fresh child. */
_Noreturn void recipe_run(const struct launch_plan *plan, const struct launch_io *io,
                          struct launch_report *told, int report_fd);

/* For the parent: a step's name and why it stands where it stands; NULL past the end. */
const char *recipe_step_name(unsigned step);
const char *recipe_step_why(unsigned step);

/* Which limit a launch has run into, for EAGAIN, ENOSPC and EUSERS of a clone; or NULL. */
const char *recipe_limit_hint(int sys);

/* Turns what failed into an error: step, call, path, cause, hint. Returns -1. */
int recipe_explain_failure(const struct launch_report *report, const struct launch_plan *plan,
                           struct coop_err *err);

/* The reaper is a copy of its launcher: wipes what launch_reaper_forgets() named. */
void recipe_forget(void);

/* Tells that the step at hand has failed (c->call and c->path say more); the caller leaves then.
 * The two are apart because a sanitizer makes system calls before it enters what never returns. */
void recipe_fail(struct child *c, int sys);
_Noreturn void recipe_leave(void);

/* True, and told, when the plan only prefers 'guard': the step may go on. */
bool recipe_may_lose(struct child *c, uint32_t guard);

/* ---- steps that live with the spawning side ------------------------------------------------
 */

/* steps_split.c: forks; returns in the program's process, PID 1 stays and reaps */
step_fn step_split;
step_fn step_terminal; /* steps_terminal.c: a pty, whose other end goes to the parent */
step_fn step_tell;     /* steps_hello.c: which namespaces it is in */
step_fn step_hello;    /* steps_hello.c: what power is left, and a byte to the parent */
step_fn step_gate; /* steps_hello.c: waits for one byte on io.gate; end of file is -EPIPE  */

#endif
