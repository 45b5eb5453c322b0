#ifndef LAUNCHER_LAUNCH_H
#define LAUNCHER_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "coop/err.h"
#include "launcher/launch_guards.h"
#include "launcher/launch_spawn.h"
#include "launcher/launch_spec.h"

/*
 * launch.h - running a program inside exactly the walls that were asked for
 *
 * Three nouns, three verbs.  A *spec* says what is wanted (plain data).  It is *compiled* into
 * a *plan*, where everything is resolved: one flat blob, nothing left to look up.  A plan is
 * *spawned* as often as one likes; the *child* carries out the plan's recipe with raw system
 * calls only, and a failure comes back as one record that names step, call, path and cause.
 *
 *     struct launch_spec spec;
 *     struct launch_plan *plan;
 *     struct launch_io io = LAUNCH_IO_INHERIT;
 *     struct launch_child child;
 *
 *     launch_spec_init(&spec);
 *     launch_spec_profile(&spec, "default", err);
 *     launch_spec_set(&spec, "PrivateNetwork", "no", err);
 *     strlist_add(&spec.argv, "/bin/true");
 *     if (launch_compile(&spec, NULL, &plan, err) < 0 ||
 *         launch_spawn(plan, &io, &child, err) < 0)
 *         return coop_while(err, "starting 'true'");
 *
 * The spec is launch_spec.h, the protections' names are launch_guards.h, and what happens to a plan
 * is launch_spawn.h; here is what lies between.
 *
 * Errors    0 or -1 with a struct coop_err, unless a line says -errno.
 * Threads   Specs and plans belong to their caller; a compiled plan is read-only and may be
 *           spawned from several threads.  launch_spawn() clones the calling process: only a
 *           single-threaded one may spawn plans that are not light (launch_plan_is_light);
 *           others go through a spawner.
 * Memory    A spec owns its strings; launch_spec_done() frees them.  A plan is one malloc
 *           block.
 * Limits    LAUNCH_MAX_*; beyond them compiling fails with COOP_E_LIMIT.
 *
 * Source    nsjail's containProc and isolate's box_inside (the recipe), minijail (library
 *           first), bubblewrap (a file system is an ordered list of operations; later ones
 *           win).
 */

/* ---- the machine ----------------------------------------------------------------------- */

/* What this machine grants this caller.  Compiling looks at it to leave out what is preferred
 * and refused; required guards are compiled regardless and fail in the child, with the reason.
 */
struct launch_host {
    uint32_t uid, gid;
    uint32_t kernel;  /* version: 6.1 is 0x0601; 0: newer than any that a profile asks for    */
    bool privileged;  /* CAP_SYS_ADMIN here: namespaces without a user namespace            */
    uint64_t refused; /* guards (USERS .. CGROUP, LIMITS, OOM_SCORE) the kernel refuses       */
};

/* Finds out, once: a throw-away child tries each namespace (about 1 ms). Single-threaded or
 * not: it uses clone without CLONE_VM and async-signal-safe calls only. */
int launch_host_probe(struct launch_host *ret_host, struct coop_err *err);

/* Only who we are; nothing probed, nothing refused. What launch_compile() uses for NULL. */
void launch_host_assume(struct launch_host *ret_host);

/* ---- plan ------------------------------------------------------------------------------ */

struct launch_plan; /* opaque: launcher/plan.h */

/* Compiles; 'host' NULL: launch_host_assume(). Free the plan with launch_plan_free(). */
int launch_compile(const struct launch_spec *spec, const struct launch_host *host,
                   struct launch_plan **ret_plan, struct coop_err *err);
void launch_plan_free(struct launch_plan *plan); /* accepts NULL */

/* The plan's bytes, as they may go to another process (sealed memfd). */
const void *launch_plan_bytes(const struct launch_plan *plan, size_t *ret_size);

/* The guards this plan has left out: preferred, and refused here. */
uint64_t launch_plan_lost(const struct launch_plan *plan);

/* True when the child may share the caller's memory until exec (CLONE_VM|CLONE_VFORK): it keeps
 * its euid, joins nothing, forks no reaper. (A gate also forbids it: that is launch_io's.) */
bool launch_plan_is_light(const struct launch_plan *plan);
/* True when a reaper runs as PID 1 above the program, so exit notes will come. */
bool launch_plan_has_reaper(const struct launch_plan *plan);

/* The bounds, for whoever keeps them. */
const struct launch_bounds *launch_plan_bounds(const struct launch_plan *plan);

/* Prints the recipe with the data of each step: what `coop-run --explain` shows. */
void launch_explain(const struct launch_plan *plan, FILE *out);

#endif
