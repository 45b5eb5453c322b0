#ifndef LAUNCHER_SPAWN_H
#define LAUNCHER_SPAWN_H

#include "launcher/recipe.h"

/*
 * spawn.h - what spawn.c and spawner.c share; private to launcher/
 */

/* What a child is cloned with, once the report channel is there. */
struct spawn_order {
    const struct launch_plan *plan;
    const struct launch_io *io;
    struct launch_report *told; /* mapped and shared where the child is cloned           */
    int told_fd;                /* the memory behind it, for the spawner; -1 without one */
    int report;                 /* the child's end of the channel                        */
};

/* The step number of a failure that is older than the recipe: joining the cgroup. */
#define SPAWN_STEP_BEFORE_RECIPE UINT16_MAX

/* The child's whole life before exec (steps_hello.c; the rules of recipe.h). 'join' is the cgroup
 * directory that the child must move itself into, because clone3 was refused, or -1. */
_Noreturn void spawn_child_main(const struct spawn_order *order, int join);

/* What was cloned. */
struct spawn_result {
    pid_t pid;
    int pidfd; /* or -1 */
};

/* Has the spawner clone it: one request, one reply. 0, or -1 and an error. */
int spawner_clone(struct launch_spawner *spawner, const struct spawn_order *order,
                  struct spawn_result *ret_result, struct coop_err *err);

/* Explains a clone that failed with 'sys' (positive). Returns -1. */
int spawn_explain_clone(int sys, const struct launch_plan *plan, const struct launch_io *io,
                        struct coop_err *err);

#endif
