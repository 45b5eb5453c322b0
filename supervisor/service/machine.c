/*
 * machine.c - what coopd needs of the machine to launch anything, opened once
 */
#include "service/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "handover.h"
#include "launcher/limits/group.h"

#ifndef COOP_HELPER_DIR
#define COOP_HELPER_DIR "/usr/bin"
#endif

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

/* Beside coopd (the build tree, and a normal installation), else where it was configured. */
static int find_helper(struct machine *machine, struct coop_err *err)
{
    char self[400];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (n > 0) {
        self[n] = '\0';
        slash = strrchr(self, '/');
        if (slash) {
            *slash = '\0';
            str_format(machine->helper, sizeof machine->helper, "%s/coop-init", self);
            if (is_program(machine->helper))
                return 0;
        }
    }
    str_copy(machine->helper, sizeof machine->helper, COOP_HELPER_DIR "/coop-init");
    if (is_program(machine->helper))
        return 0;
    coop_fail(err, COOP_E_MISSING, "the helper coop-init is not there");
    return coop_hint(err, "it belongs beside coopd or in " COOP_HELPER_DIR);
}

static void tell_refused(const struct launch_host *host)
{
    char text[256];

    if (host->refused)
        log_info("machine", "this machine refuses: %s",
                 launch_guards_text(host->refused, text, sizeof text));
}

/* A thousand services are more descriptors than the 1024 of a login.  That soft limit is there for
 * programs that use select(2); coopd does not, but a service may, so services get what coopd was
 * given (systemd does the same). */
static void take_descriptors(struct machine *machine)
{
    struct rlimit all;
    int r = sys_getrlimit(RLIMIT_NOFILE, &all);

    machine->descriptors = all;
    all.rlim_cur = all.rlim_max;
    if (r == 0)
        r = sys_setrlimit(RLIMIT_NOFILE, &all);
    if (r < 0)
        log_warn("machine", "the limit of descriptors stays as it is: %s", coop_strerror(r));
}

/* Before there are children: they would be in the way of handing controllers down. */
static void step_aside(struct machine *machine)
{
    int r;

    if (!group_can_step_aside(&machine->cgroups))
        return;
    r = group_step_aside(&machine->cgroups, true);
    if (r < 0)
        log_info("machine", "stays in cgroup '%s' (%s): MemoryMax= and its like cannot be kept",
                 machine->cgroups.where,
                 r == -EBUSY ? "others are in it, too" : coop_strerror(r));
}

/* ---- a re-execution ---- */

static json_t *groups_record(const struct machine *machine)
{
    const struct launch_cgroups *groups = &machine->cgroups;

    if (!machine->has_cgroups)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:i}", "parent",
                     handover_fd(groups->parent), "own", handover_fd(groups->own), "cradle",
                     handover_fd(groups->cradle), "name", handover_text(groups->name), "where",
                     handover_text(groups->where), "aside", groups->aside, "delegated",
                     groups->delegated, "beside", (int)groups->beside);
}

json_t *machine_record(struct machine *machine)
{
    json_t *held = json_array();

    launch_spawner_stop(machine->spawner);
    machine->spawner = NULL;
    for (int i = 0; i < MACHINE_TREES_MAX; i++)
        if (machine->held_trees[i] >= 0)
            json_array_append_new(held, handover_fd(machine->held_trees[i]));
    return json_pack("{s:[o, o], s:[I, I], s:o, s:o}", "alive", handover_fd(machine->alive[0]),
                     handover_fd(machine->alive[1]), "descriptors",
                     (json_int_t)machine->descriptors.rlim_cur,
                     (json_int_t)machine->descriptors.rlim_max, "held", held, "cgroups",
                     groups_record(machine));
}

static bool take_groups(struct launch_cgroups *groups, const json_t *kept)
{
    if (!json_is_object(kept))
        return false;
    groups->parent = handover_take_fd(kept, "parent");
    groups->own = handover_take_fd(kept, "own");
    groups->cradle = handover_take_fd(kept, "cradle");
    groups->aside = handover_bool(kept, "aside");
    groups->delegated = handover_bool(kept, "delegated");
    groups->beside = (pid_t)handover_int(kept, "beside", 0);
    handover_get_text(kept, "name", groups->name, sizeof groups->name);
    handover_get_text(kept, "where", groups->where, sizeof groups->where);
    return true;
}

/* What no other program can have. */
static void take_kept(struct machine *machine, const json_t *kept)
{
    const json_t *alive = json_object_get(kept, "alive");
    const json_t *limit = json_object_get(kept, "descriptors");
    const json_t *held = json_object_get(kept, "held");

    for (size_t i = 0; i < 2; i++)
        machine->alive[i] = handover_claim(json_array_get(alive, i));
    machine->descriptors.rlim_cur = (rlim_t)json_integer_value(json_array_get(limit, 0));
    machine->descriptors.rlim_max = (rlim_t)json_integer_value(json_array_get(limit, 1));
    for (size_t i = 0; i < json_array_size(held) && i < MACHINE_TREES_MAX; i++)
        machine->held_trees[i] = handover_claim(json_array_get(held, i));
    machine->has_cgroups = take_groups(&machine->cgroups, json_object_get(kept, "cgroups"));
}

/* ---- the public calls ---- */

static void find_cgroups(struct machine *machine)
{
    struct coop_err why = {0};

    machine->has_cgroups = launch_cgroups_open(&machine->cgroups, &why) == 0;
    if (machine->has_cgroups)
        step_aside(machine);
    else
        log_info("machine",
                 "no cgroups here (%s): services without a PID namespace get a "
                 "subreaper each",
                 why.text);
}

int machine_open(struct machine *machine, const char *state_dir, const json_t *kept,
                 struct coop_err *err)
{
    struct coop_err why = {0};
    int r;

    *machine = (struct machine){.spawn.ops = &machine_ops, .alive = {-1, -1}};
    for (int i = 0; i < MACHINE_TREES_MAX; i++)
        machine->held_trees[i] = -1;
    coop_sem_init(&machine->light, MACHINE_LIGHT_MAX);
    coop_sem_init(&machine->turns, MACHINE_TURNS_MAX);
    if (kept) {
        take_kept(machine, kept);
    } else {
        r = sys_pipe2(machine->alive, O_CLOEXEC);
        if (r < 0)
            return coop_fail_sys(err, r, "pipe for coopd's own life");
        take_descriptors(machine);
    }
    if (find_helper(machine, err) < 0)
        return -1;
    if (str_format(machine->notes, sizeof machine->notes, "%s/exit", state_dir) < 0)
        return coop_fail(err, COOP_E_LIMIT, "the path '%s' is too long", state_dir);
    r = sys_mkdirat(AT_FDCWD, machine->notes, 0700);
    if (r < 0 && r != -EEXIST)
        return coop_fail_sys(err, r, "directory '%s'", machine->notes);
    if (launch_host_probe(&machine->host, &why) < 0) {
        log_err(LOG_LEVEL_WARN, "machine", &why);
        launch_host_assume(&machine->host);
    }
    tell_refused(&machine->host);
    if (!kept)
        find_cgroups(machine);
    return 0;
}

/* What was adopted is gone by now: the empty directories go, too. */
static void let_trees_go(struct machine *machine)
{
    for (int i = 0; i < MACHINE_TREES_MAX; i++)
        if (machine->held_trees[i] >= 0) {
            sys_close(machine->held_trees[i]);
            machine->held_trees[i] = -1;
        }
    launch_cgroups_sweep(&machine->cgroups);
}

void machine_close(struct machine *machine)
{
    if (!machine->spawn.ops)
        return; /* it has never been opened */
    for (int i = 0; i < 2; i++) {
        if (machine->alive[i] >= 0)
            sys_close(machine->alive[i]);
        machine->alive[i] = -1;
    }
    launch_spawner_stop(machine->spawner);
    machine->spawner = NULL;
    if (!machine->has_cgroups)
        return;
    let_trees_go(machine);
    group_step_back(&machine->cgroups);
    launch_cgroups_close(&machine->cgroups);
}
