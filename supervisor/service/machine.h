#ifndef COOP_SERVICE_MACHINE_H
#define COOP_SERVICE_MACHINE_H

#include <sys/resource.h>

#include "coop/sync.h"
#include "launcher/cgroup.h"
#include "launcher/launch.h"
#include "service/spawn.h"

/*
 * machine.h - the real machine behind the seam of spawn.h
 *
 *     struct machine machine;
 *     if (machine_open(&machine, run_dir, state_dir, err) < 0) ...
 *     service_world.spawn = &machine.spawn;
 *     ...
 *     machine_close(&machine);
 *
 * Light plans (no namespaces, same user) are cloned by coopd itself, several at a time; all
 * others by the spawner, a small single-threaded helper, one at a time.
 *
 * Threads   machine_open and machine_close in the daemon's coroutine; the rest through the ops.
 * Limits    MACHINE_TURNS_MAX launches at the same time, MACHINE_LIGHT_MAX light ones among
 *           them: the governor on start storms, and the ceiling for the descriptors of launches
 *           under way.
 */
struct json_t;

enum { MACHINE_LIGHT_MAX = 4, MACHINE_TURNS_MAX = 16, MACHINE_TREES_MAX = 16 };

struct machine {
    struct spawn spawn; /* first: the ops get this pointer */
    struct launch_host host;
    struct launch_cgroups cgroups;
    bool has_cgroups;
    struct launch_spawner *spawner;
    struct coop_mutex spawner_lock;
    struct coop_mutex bounds_lock; /* controllers are handed down by one at a time */
    struct coop_sem turns, light;
    struct rlimit descriptors; /* as coopd was given them, and as services get them */
    int alive[2];              /* a pipe that nobody writes to: it ends with coopd           */
    int held_trees[MACHINE_TREES_MAX]; /* locks on the cgroups of dead coopds; -1: none */
    char helper[512];                  /* path of coop-init */
    char notes[512];                   /* directory of exit notes: <state-dir>/exit */
};

/* 'kept' is what the program before in this process has recorded; NULL: there was none. */
int machine_open(struct machine *machine, const char *state_dir, const struct json_t *kept,
                 struct coop_err *err);
void machine_close(struct machine *machine);

/* For a re-execution.  The spawner ends with its program: another one may not speak its language,
 * and it is started anew at need. */
struct json_t *machine_record(struct machine *machine);

/* The ops, one file each side. */
extern const struct spawn_ops machine_ops;
int machine_launch(struct spawn *spawn, const struct spawn_order *order, struct holder *holder,
                   struct coop_err *err);

spawn_adopt_fn machine_adopt;

/* Services in the cgroups of a dead coopd were adopted: nobody shall take them for left over. */
void machine_hold_tree(struct machine *machine, const char *leaf);

/* <notes>/<name>, for launch and learn_end. */
int machine_note_path(const struct machine *machine, const struct svc_spec *spec, bool beside,
                      char *ret_path, size_t size);

#endif
