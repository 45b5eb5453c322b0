/*
 * adopt.c - sorting and ending what an earlier coopd left behind (see adopt.h)
 *
 * A survivor is no child of ours, so its end cannot be reaped: it is seen by a pidfd, which is
 * opened first and only then compared with the journal's start time, so that the process that
 * is signalled is the one that was recorded.
 */
#include "adopt.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt_tree.h"
#include "base/log.h"
#include "base/map.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "launcher/launch.h"

/* An instance that was asked for is gone once it is stopped. */
static bool wants_still(const struct survivor *s)
{
    return s->wish.count > 0 || s->has_life || s->state.wanted_up || s->state.place != AT_DOWN;
}

void survivors_add(void *arg, const struct survivor *survivor)
{
    struct survivors *all = arg;
    struct survivor *grown;

    if (survivor->has_wish && wants_still(survivor) &&
        wishes_put(&all->wishes, &survivor->wish) < 0)
        all->partial = true;
    if (survivor->has_wish && survivor->wish.count > 0 && !survivor->has_state)
        return; /* a set: no service of its own */
    grown = realloc(all->list, (all->count + 1) * sizeof *grown);
    if (!grown) {
        all->partial = true;
        return;
    }
    all->list = grown;
    grown[all->count++] = *survivor;
}

void survivors_done(struct survivors *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].life.pidfd >= 0)
            sys_close(all->list[i].life.pidfd);
    free(all->list);
    wishes_done(&all->wishes);
    *all = (struct survivors){0};
}

int adopt_open(const struct saved_life *life)
{
    SCOPED_SYS_FD fd = sys_pidfd_open(life->top_pid, 0);
    uint64_t ticks = 0;
    int r;

    if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
        return fd;
    r = journal_start_ticks(life->top_pid, &ticks);
    if (r < 0 && r != -ENOENT && r != -ESRCH)
        return r;
    /* A journal that has 0 could not read it: that proves nothing. */
    if (r < 0 || life->start_ticks == 0 || ticks != life->start_ticks)
        return -ESRCH;
    return fd < 0 ? fd : fd_take(&fd);
}

static void ask(const struct saved_life *life, const struct machine *machine)
{
    if (life->held_by == HELD_BY_CGROUP && machine->has_cgroups)
        launch_cgroup_signal(&machine->cgroups, life->cgroup, SIGTERM);
    else
        sys_pidfd_send_signal(life->pidfd, SIGTERM, NULL, 0);
}

static void end(const struct saved_life *life, const struct machine *machine)
{
    if (life->held_by == HELD_BY_CGROUP && machine->has_cgroups)
        launch_cgroup_kill(&machine->cgroups, life->cgroup);
    if (life->held_by == HELD_BY_SUBREAPER)
        launch_tree_kill_fd(life->pidfd);
    else
        sys_pidfd_send_signal(life->pidfd, SIGKILL, NULL, 0);
}

static bool wait_gone(int fd, coop_nsec deadline)
{
    return fd < 0 || coop_fd_wait(fd, COOP_IN, deadline) > 0;
}

/* ---- what becomes of them ---- */

/* How much it has printed and written by now only its own coopd knew. */
static bool counts_from_birth(const struct svc_spec *spec)
{
    const struct launch_bounds *bounds = &spec->launch.bounds;

    return bounds->output != LAUNCH_UNBOUND || bounds->disk_max != LAUNCH_UNBOUND ||
           bounds->disk_files_max != LAUNCH_UNBOUND;
}

/* What ends with its coopd has not failed by that. */
static bool outlives_coopd(const struct svc_spec *spec)
{
    return spec->on_death == ON_DEATH_KEEP && !spec->launch.die_with_parent;
}

enum fate adopt_fate(const struct survivor *s, const struct svc_spec *spec, bool lives,
                     bool closing)
{
    if (!s->has_life)
        return spec && !closing ? FATE_KEEP : FATE_FORGET;
    if (spec && s->life.whole && outlives_coopd(spec) && (!lives || !counts_from_birth(spec)))
        return FATE_KEEP;
    if (lives)
        return FATE_END;
    return spec ? FATE_RENEW : FATE_FORGET;
}

/* Its coopd held it by a cgroup that we do not find: nothing could be said of its tree. */
static bool is_out_of_reach(const struct saved_life *life, const struct machine *machine)
{
    SCOPED_FD watch = -1;

    if (life->held_by != HELD_BY_CGROUP)
        return false;
    if (machine->has_cgroups)
        watch = launch_cgroup_watch(&machine->cgroups, life->cgroup);
    return watch < 0 || launch_cgroup_populated(watch) != 1;
}

/* Where nobody wants anything of them, what the configuration says is what is wanted. */
static void want_anew(struct survivor *s, const struct svc_spec *spec)
{
    s->state.wanted_up = svc_spec_starts_by_itself(spec);
    s->state.again = false;
}

/* ---- leaves ---- */

/* What else is in the cgroups.  How many could not be emptied, or -1. */
static int end_leaves(const struct survivors *all, const enum fate *fates,
                      const struct machine *machine, struct coop_err *err)
{
    struct map kept = {0};
    int r = 0;

    for (size_t i = 0; i < all->count && r == 0; i++)
        if (fates[i] == FATE_KEEP && all->list[i].has_life && all->list[i].life.cgroup[0])
            r = map_put(&kept, all->list[i].life.cgroup, &all->list[i]);
    if (r < 0)
        coop_fail_sys(err, r, "noting whose cgroups are kept");
    else
        r = adopt_tree_end(machine, all->coopd, &kept, err);
    map_done(&kept);
    return r;
}

/* ---- ending ---- */

static void let_go(struct saved_life *life)
{
    if (life->pidfd >= 0)
        coop_fd_close(life->pidfd);
    life->pidfd = -1;
}

static int end_fated(struct survivors *all, const enum fate *fates, struct machine *machine)
{
    coop_nsec deadline = coop_after(coop_now(), ADOPT_PATIENCE);
    int left = 0;

    for (size_t i = 0; i < all->count; i++)
        if (fates[i] == FATE_END) {
            log_warn("adopt", "%s: process %d was left running by an earlier coopd: ending it",
                     all->list[i].name, all->list[i].life.top_pid);
            ask(&all->list[i].life, machine);
        }
    for (size_t i = 0; i < all->count; i++) {
        if (fates[i] != FATE_END)
            continue;
        if (!wait_gone(all->list[i].life.pidfd, deadline))
            end(&all->list[i].life, machine);
        else
            let_go(&all->list[i].life); /* its readiness was consumed: a second wait would be
                                            for ever */
    }
    deadline = coop_after(coop_now(), ADOPT_PATIENCE);
    for (size_t i = 0; i < all->count; i++) {
        if (fates[i] != FATE_END)
            continue;
        left += !wait_gone(all->list[i].life.pidfd, deadline);
        let_go(&all->list[i].life);
    }
    return left;
}

/* ---- all of them ---- */

/* 1: it cannot be told whether it still runs. */
static int decide(struct survivors *all, struct survivor *s, const struct svc_spec *spec,
                  const struct machine *machine, enum fate *ret_fate)
{
    int fd = s->has_life ? adopt_open(&s->life) : -ESRCH;

    if (fd < 0 && fd != -ESRCH) {
        log_error("adopt", "%s: cannot tell whether process %d still runs: %s", s->name,
                  s->life.top_pid, coop_strerror(fd));
        return 1;
    }
    s->life.pidfd = fd < 0 ? -1 : fd;
    *ret_fate = adopt_fate(s, spec, fd >= 0, all->closing);
    if (*ret_fate == FATE_KEEP && fd >= 0 && is_out_of_reach(&s->life, machine))
        *ret_fate = FATE_END;
    if (spec && all->closing)
        want_anew(s, spec);
    return 0;
}

static int decide_all(struct survivors *all, const struct config *config,
                      const struct machine *machine, enum fate *fates)
{
    struct map specs = {0};
    int unknown = 0;

    for (size_t i = 0; i < config->count; i++)
        if (map_put(&specs, config->specs[i]->name, config->specs[i]) < 0)
            unknown++;
    for (size_t i = 0; i < all->count; i++)
        unknown +=
            decide(all, &all->list[i], map_get(&specs, all->list[i].name), machine, &fates[i]);
    map_done(&specs);
    return unknown;
}

static bool is_configured(const struct config *config, const struct survivor *s)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->specs[i]->name, s->name) == 0)
            return true;
    return false;
}

static void renew(struct survivor *s)
{
    s->has_life = false;
    s->state = (struct saved_state){.place = AT_DOWN, .wanted_up = s->state.wanted_up};
}

static void keep_only(struct survivors *all, const struct config *config,
                      const enum fate *fates)
{
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        struct survivor *s = &all->list[i];

        if (fates[i] != FATE_KEEP)
            let_go(&s->life);
        if (fates[i] == FATE_FORGET || (fates[i] == FATE_END && !is_configured(config, s)))
            continue;
        if (fates[i] != FATE_KEEP)
            renew(s);
        all->list[kept++] = *s;
    }
    all->count = kept;
}

/* "web+" is of "web". */
static bool has_spec(const struct map *specs, const char *name)
{
    char service[SVC_NAME_MAX + 1];

    str_copy(service, sizeof service, name);
    service[strcspn(service, (char[2]){STEP_MARK})] = '\0';
    return map_get(specs, service) != NULL;
}

void survivors_drop_steps(struct survivors *all)
{
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++)
        if (!strchr(all->list[i].name, STEP_MARK))
            all->list[kept++] = all->list[i];
    all->count = kept;
}

int survivors_go_on(struct survivors *all, const struct config *config, struct machine *machine,
                    struct coop_err *err)
{
    SCOPED_FREE enum fate *fates = calloc(all->count + 1, sizeof *fates);
    struct map specs = {0};
    int left = 0;

    if (!fates || all->partial)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the services");
    for (size_t i = 0; i < config->count; i++)
        left += map_put(&specs, config->specs[i]->name, config->specs[i]) < 0;
    for (size_t i = 0; i < all->count; i++) {
        struct survivor *s = &all->list[i];

        fates[i] = FATE_KEEP;
        s->life.pidfd = -1;
        if (!has_spec(&specs, s->name))
            left += decide(all, s, NULL, machine, &fates[i]);
    }
    map_done(&specs);
    left += end_fated(all, fates, machine);
    keep_only(all, config, fates);
    return left == 0 ? 0
                     : coop_fail(err, COOP_E_BUSY,
                                 "%d services that are not configured any "
                                 "more cannot be ended",
                                 left);
}

int survivors_sort(struct survivors *all, const struct config *config, struct machine *machine,
                   struct coop_err *err)
{
    SCOPED_FREE enum fate *fates = calloc(all->count + 1, sizeof *fates);
    int left, in_tree = 0;

    if (!fates || all->partial)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the survivors");
    left = decide_all(all, config, machine, fates);
    if (left == 0)
        left = end_fated(all, fates, machine);
    if (left == 0)
        in_tree = end_leaves(all, fates, machine, err);
    if (in_tree < 0)
        return -1;
    left += in_tree;
    if (left == 0) {
        keep_only(all, config, fates);
        return 0;
    }
    coop_fail(err, COOP_E_BUSY, "%d services of an earlier coopd cannot be ended", left);
    return coop_hint(
        err, "starting them again would run them twice; see coopd's log for their PIDs");
}
