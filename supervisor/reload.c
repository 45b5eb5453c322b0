/*
 * reload.c - from one configuration to the next, as a transaction
 *
 * Everything that can fail happens before anything changes: the files are read, every spec is
 * built, the graph is checked, new services and all links are allocated.  Then the changes are
 * only messages.  The order of the messages is the order of a careful operator: first everybody
 * learns who their neighbours are now, then what was taken out is stopped, then what is new is
 * started; what has changed restarts itself.
 */
#include "daemon_inside.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "coop/block.h"
#include "coop/coro.h"
#include "launcher/fdstore.h"

/* One service of the new configuration. */
struct planned {
    struct svc *svc; /* one reference of ours when 'is_new' */
    struct svc_links *links;
    bool is_new, is_changed;
};

struct plan {
    struct config *config;
    struct map old;        /* name -> spec in force */
    struct planned *at;    /* as config->specs */
    struct group **groups; /* as config->groups */
    struct svc **removed;
    size_t removed_count;
};

/* ---- making the plan ---- */

static int index_in_force(const struct daemon *daemon, struct plan *plan, struct coop_err *err)
{
    for (size_t i = 0; daemon->config && i < daemon->config->count; i++)
        if (map_put(&plan->old, daemon->config->specs[i]->name, daemon->config->specs[i]) < 0)
            return coop_fail(err, COOP_E_LIMIT, "no memory for the services");
    return 0;
}

static int plan_services(struct daemon *daemon, struct plan *plan, struct coop_err *err)
{
    for (size_t i = 0; i < plan->config->count; i++) {
        struct svc_spec *spec = plan->config->specs[i], *old;
        struct planned *p = &plan->at[i];

        p->svc = map_get(&daemon->services, spec->name);
        if (p->svc) {
            old = map_get(&plan->old, spec->name);
            p->is_changed = old != spec && (!old || !svc_spec_equal(old, spec));
            continue;
        }
        p->svc = svc_new(&daemon->world, spec);
        if (!p->svc)
            return coop_fail(err, COOP_E_LIMIT, "service '%s': no room", spec->name);
        p->is_new = true;
    }
    return 0;
}

static int plan_links(struct plan *plan, struct coop_err *err)
{
    for (unsigned i = 0; i < plan->config->graph.count; i++) {
        struct svc_links *links = svc_links_new(plan->config->graph.nodes[i].count);
        unsigned k = 0;

        if (!links)
            return coop_fail(err, COOP_E_LIMIT, "no memory for the dependency graph");
        links->group = daemon_group_of(plan->config, plan->groups, i);
        graph_for_each (link, &plan->config->graph, i) {
            links->at[k].peer = svc_ref(plan->at[link->to].svc);
            links->at[k++].is = link->is;
        }
        plan->at[i].links = links;
    }
    return 0;
}

static int plan_removed(struct daemon *daemon, struct plan *plan, struct coop_err *err)
{
    struct map kept = {0};
    struct svc *svc;
    int r = 0;

    plan->removed = calloc(daemon->services.count + 1, sizeof(struct svc *));
    for (size_t i = 0; r == 0 && i < plan->config->count; i++)
        r = map_put(&kept, plan->config->specs[i]->name, plan->config->specs[i]);
    if (!plan->removed || r < 0) {
        map_done(&kept);
        return coop_fail(err, COOP_E_LIMIT, "no memory for the reload");
    }
    for (size_t i = 0; (svc = map_next(&daemon->services, &i)) != NULL;)
        if (!map_get(&kept, svc_name(svc)))
            plan->removed[plan->removed_count++] = svc;
    map_done(&kept);
    return 0;
}

static int make_plan(struct daemon *daemon, struct plan *plan, struct coop_err *err)
{
    plan->at = calloc(plan->config->count + 1, sizeof *plan->at);
    if (!plan->at)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the services");
    if (index_in_force(daemon, plan, err) < 0 ||
        daemon_plan_groups(daemon, plan->config, &plan->groups, err) < 0 ||
        plan_services(daemon, plan, err) < 0 || plan_links(plan, err) < 0)
        return -1;
    return plan_removed(daemon, plan, err);
}

/* What was planned and does not come. */
static void drop_plan(struct plan *plan)
{
    for (size_t i = 0; plan->at && i < plan->config->count; i++) {
        svc_links_free(plan->at[i].links);
        if (plan->at[i].is_new)
            svc_unref(plan->at[i].svc);
    }
    daemon_drop_groups(plan->config, plan->groups);
}

static void free_plan(struct plan *plan)
{
    free(plan->at);
    free(plan->groups);
    free(plan->removed);
    map_done(&plan->old);
}

static void enter_groups(struct daemon *daemon, const struct plan *plan)
{
    SCOPED_FREE struct svc **services = calloc(plan->config->count + 1, sizeof(struct svc *));

    for (size_t i = 0; services && i < plan->config->count; i++)
        services[i] = plan->at[i].svc;
    if (services)
        daemon_enter_groups(daemon, plan->config, plan->groups, services);
    else
        log_error("reload", "out of memory, the groups stay as they were");
}

/* ---- carrying it out ---- */

static void tell(struct daemon *daemon, enum event_kind kind, const char *name)
{
    struct event event = {.kind = kind};

    str_copy(event.service, sizeof event.service, name);
    bus_publish(daemon->world.bus, &event);
}

static int send_change(struct svc *svc, struct svc_spec *spec, struct svc_links *links)
{
    int r = svc_change(svc, spec ? svc_spec_ref(spec) : NULL, links);

    if (r < 0)
        log_error("reload", "%s: out of memory, its change is lost", svc_name(svc));
    return r;
}

/* Stops what was taken out, waits until it is down, and lets go of it. */
static void remove_all(struct daemon *daemon, struct plan *plan)
{
    struct coop_chan *replies;
    struct coop_wg gone = {0};
    size_t waiting = 0;
    struct svc_reply answer;

    if (plan->removed_count == 0)
        return;
    replies = coop_chan_new(sizeof(struct svc_reply), plan->removed_count);
    for (size_t i = 0; i < plan->removed_count; i++)
        waiting += svc_command(plan->removed[i],
                               &(struct svc_command){.kind = CMD_STOP, .reply = replies}) == 0;
    while (replies && waiting > 0 && coop_recv(replies, &answer, COOP_FOREVER) == 1)
        waiting--;
    coop_chan_unref(replies);
    for (size_t i = 0; i < plan->removed_count; i++) {
        struct svc *svc = plan->removed[i];

        tell(daemon, EVENT_REMOVED, svc_name(svc));
        coop_mutex_lock(&daemon->lock);
        map_remove(&daemon->services, svc_name(svc));
        coop_mutex_unlock(&daemon->lock);
        coop_wg_add(&gone, 1);
        svc_discard(svc, &gone);
        svc_unref(svc);
    }
    /* One of the same name may come next: its lines in the journal must not be crossed out. */
    coop_wg_wait(&gone);
}

static void enter(struct daemon *daemon, struct planned *p, struct svc_spec *spec)
{
    int r;

    coop_mutex_lock(&daemon->lock);
    r = map_put(&daemon->services, svc_name(p->svc), p->svc);
    coop_mutex_unlock(&daemon->lock);
    if (r < 0) {
        log_error("reload", "%s: out of memory, it is not there", spec->name);
        svc_unref(p->svc);
        p->svc = NULL;
        return;
    }
    tell(daemon, EVENT_ADDED, spec->name);
}

/* 'wishes': what a number was asked for was to be started with it. */
static bool starts(const struct svc_spec *spec, const struct wishes *wishes)
{
    return svc_spec_starts_by_itself(spec) ||
           (spec->set && wishes && wishes_find(wishes, spec->set));
}

static void start_these(struct plan *plan, bool all, const struct wishes *wishes)
{
    for (int pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < plan->config->graph.count; i++) {
            unsigned at = plan->config->graph.order[i];
            struct planned *p = &plan->at[at];
            const struct svc_command start = {.kind = CMD_START};

            if (!p->svc || (!all && !p->is_new) || !starts(plan->config->specs[at], wishes))
                continue;
            if (pass == 0)
                svc_announce(p->svc, CMD_START);
            else
                svc_command_announced(p->svc, &start);
        }
}

static void carry_out(struct daemon *daemon, struct plan *plan, struct reload_report *report)
{
    *report = (struct reload_report){.removed = (unsigned)plan->removed_count};
    for (size_t i = 0; i < plan->config->count; i++) {
        struct planned *p = &plan->at[i];
        struct svc_spec *spec = plan->config->specs[i];

        report->added += p->is_new;
        report->changed += p->is_changed;
        report->unchanged += !p->is_new && !p->is_changed;
        if (p->is_new)
            enter(daemon, p, spec);
        if (!p->svc)
            continue;
        if (p->is_changed)
            tell(daemon, EVENT_CHANGED, spec->name);
        send_change(p->svc, p->is_changed ? spec : NULL, p->links);
        p->links = NULL;
    }
    for (size_t i = 0; i < plan->removed_count; i++)
        send_change(plan->removed[i], NULL, svc_links_new(0));
    enter_groups(daemon, plan);
    for (size_t i = 0; i < plan->config->count; i++)
        if (plan->at[i].svc)
            svc_look_again(plan->at[i].svc);
    remove_all(daemon, plan);
}

/* No new service runs before all can be reached.  Those of an earlier coopd have been restored: one
 * that lives is not started for a client. */
static void listen_all(struct daemon *daemon, const struct plan *plan)
{
    for (size_t i = 0; i < plan->config->count; i++)
        if (plan->at[i].svc && (plan->config->specs[i]->sockets.count > 0 ||
                                plan->config->specs[i]->store_max > 0))
            svc_listen(plan->at[i].svc);
    coop_wg_wait(&daemon->world.opening);
}

/* ---- the doors ---- */

static void on_problem(void *arg, const struct coop_err *err)
{
    (void)arg;
    log_err(err->code == COOP_OK ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "config", err);
}

static int load_again(struct daemon *daemon, struct config **ret_config, struct coop_err *err)
{
    struct coop_err why = {0};
    int r;

    coop_block_begin();
    r = config_load(ret_config, daemon->options->config.items, daemon->options->config.count,
                    on_problem, NULL, &why);
    coop_block_end();
    if (r < 0 && err)
        *err = why;
    return r;
}

/* daemon_spec() reads it from anywhere. */
static void take_config(struct daemon *daemon, struct config *config)
{
    struct config *old = daemon->config;

    coop_mutex_lock(&daemon->lock);
    daemon->config = config;
    coop_mutex_unlock(&daemon->lock);
    config_free(old);
}

int daemon_apply(struct daemon *daemon, struct config *next, struct reload_report *ret_report,
                 struct coop_err *err)
{
    struct plan plan = {.config = next};
    int r = make_plan(daemon, &plan, err);

    if (r == 0) {
        carry_out(daemon, &plan, ret_report);
        listen_all(daemon, &plan);
        start_these(&plan, false, NULL);
        take_config(daemon, next);
        log_set_level((enum log_level)next->coopd.log_level);
    } else {
        drop_plan(&plan);
    }
    free_plan(&plan);
    return r;
}

static int reload_locked(struct daemon *daemon, struct reload_report *report,
                         struct coop_err *err)
{
    struct wishes wishes = {0};
    struct config *next = NULL;
    int r;

    if (atomic_load(&daemon->world.closing))
        return coop_fail(err, COOP_E_BUSY, "coopd is stopping");
    r = load_again(daemon, &next, err);
    if (r == 0)
        r = daemon_wish(daemon, &next, &wishes, err);
    if (r == 0)
        r = daemon_apply(daemon, next, report, err);
    if (r == 0) {
        daemon_take_wishes(daemon, &wishes);
        daemon_set_timers(daemon);
    } else {
        config_free(next);
    }
    wishes_done(&wishes);
    return r;
}

void daemon_set_timers(struct daemon *daemon)
{
    struct coop_err err = {0};

    if (timers_set(daemon->timers, daemon->config->timers, daemon->config->timer_count, &err) <
        0)
        log_err(LOG_LEVEL_ERROR, "reload", &err);
}

int daemon_take_turn(struct daemon *daemon, struct coop_err *err)
{
    int r = coop_mutex_lock_until(&daemon->reloading, COOP_FOREVER);

    return r < 0 ? coop_fail_sys(err, r, "waiting for a turn") : 0;
}

int daemon_reload(struct daemon *daemon, struct reload_report *ret_report, struct coop_err *err)
{
    struct reload_report report = {0};
    int r;

    if (daemon_take_turn(daemon, err) < 0)
        return -1;
    r = reload_locked(daemon, &report, err);
    coop_mutex_unlock(&daemon->reloading);
    if (r < 0) {
        log_warn("reload", "nothing was changed");
        return -1;
    }
    atomic_fetch_add(&daemon->reloads, 1);
    tell(daemon, EVENT_RELOAD, "");
    log_info("reload", "%u added, %u removed, %u changed, %u unchanged", report.added,
             report.removed, report.changed, report.unchanged);
    if (ret_report)
        *ret_report = report;
    return 0;
}

static void restore(struct daemon *daemon, struct survivor *was)
{
    struct svc *svc = map_get(&daemon->services, was->name);

    const json_t *records = json_object_get(daemon->kept, "services");

    if (!svc || svc_restore(svc, was, json_object_get(records, was->name)) < 0)
        log_error("reload", "%s: out of memory, it is not adopted", was->name);
    else
        was->life.pidfd = -1; /* the service's now */
}

static bool lives(const struct survivor *was)
{
    return was->has_life && was->life.pidfd >= 0;
}

/* Every service of an earlier coopd learns what that one knew, before anybody asks it anything.
 * Those whose end is news come last: who lives must know of its life when it hears that what it is
 * bound to has ended. */
static void restore_all(struct daemon *daemon, struct survivors *all)
{
    SCOPED_FREE bool *done = calloc(all->count + 1, sizeof *done);

    for (size_t i = 0; done && i < all->count; i++)
        if ((done[i] = lives(&all->list[i])))
            restore(daemon, &all->list[i]);
    for (size_t i = 0; i < all->count; i++)
        if (!done || !done[i])
            restore(daemon, &all->list[i]);
}

/* Descriptors of an earlier coopd that this configuration has no use for. */
static void let_go_of_found(struct daemon *daemon)
{
    unsigned count;

    if (!daemon->world.store)
        return;
    count = fdstore_drop_found(daemon->world.store);
    if (count > 0)
        log_info("coopd", "%u descriptor%s of an earlier coopd %s not needed any more", count,
                 count == 1 ? "" : "s", count == 1 ? "is" : "are");
}

/* Makes the services of the configuration in force; nothing starts yet. */
int daemon_first_services(struct daemon *daemon, struct coop_err *err)
{
    struct plan plan = {.config = daemon->config};
    struct reload_report report;
    int r;

    daemon->config = NULL;
    r = make_plan(daemon, &plan, err);
    if (r == 0) {
        carry_out(daemon, &plan, &report);
        daemon->config = plan.config;
        restore_all(daemon, &daemon->survivors);
        daemon_groups_go_on(daemon);
        listen_all(daemon, &plan);
        let_go_of_found(daemon);
    } else {
        drop_plan(&plan);
        daemon->config = plan.config; /* close_all() lets go of it */
    }
    free_plan(&plan);
    return r;
}

/* Those of an earlier coopd know what is wanted of them. */
static int take_out_restored(const struct daemon *daemon, struct plan *plan)
{
    struct map restored = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < daemon->survivors.count; i++)
        r = map_put(&restored, daemon->survivors.list[i].name, &daemon->survivors.list[i]);
    for (size_t i = 0; i < plan->config->count; i++)
        if (map_get(&restored, plan->config->specs[i]->name))
            plan->at[i].svc = NULL;
    map_done(&restored);
    return r;
}

void daemon_start_all(struct daemon *daemon)
{
    struct plan plan = {.config = daemon->config};

    plan.at = calloc(daemon->config->count + 1, sizeof *plan.at);
    if (!plan.at)
        return;
    for (size_t i = 0; i < daemon->config->count; i++)
        plan.at[i].svc = map_get(&daemon->services, daemon->config->specs[i]->name);
    if (take_out_restored(daemon, &plan) == 0)
        start_these(&plan, true, &daemon->wishes);
    survivors_done(&daemon->survivors);
    free(plan.at);
}
