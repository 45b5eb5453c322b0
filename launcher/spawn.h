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
    int far; /* our own end, where the child has inherited it; else -1            */
};

/* What the child says over the channel, and hears. */
#define SPAWN_HELLO     'h'
#define SPAWN_TERMINAL  't' /* with the launcher's end of its pty */
#define SPAWN_MAPS_WAIT 'm' /* it waits for its ids to be mapped... */
#define SPAWN_MAPS_DONE 'g' /* ...and this is what it waits for      */

/* The step number of a failure that is older than the recipe: joining the cgroup. */
#define SPAWN_STEP_BEFORE_RECIPE UINT16_MAX
/* The same for entering a namespace (join.h). */
#define SPAWN_STEP_JOIN (UINT16_MAX - 1)

/* The child's whole life before exec (steps_hello.c; the rules of recipe.h). 'join' is the cgroup
 * directory that the child must move itself into, because clone3 was refused, or -1. */
_Noreturn void spawn_child_main(const struct spawn_order *order, int join);

/* Says that it waits for its ids to be mapped, and waits. The parent's end is the end of it. */
int spawn_await_maps(struct child *c);

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
