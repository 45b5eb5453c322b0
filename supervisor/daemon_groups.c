/*
 * daemon_groups.c - the groups of a configuration, made and taken apart by a reload
 *
 * What can fail happens before anything changes: groups that are new are made with the plan.  Then
 * every group, new or not, learns who belongs to it now, and those that are not configured any more
 * learn that nobody does.
 */
#include "daemon_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* ---- the plan ---- */

int daemon_plan_groups(struct daemon *daemon, const struct config *config,
                       struct group ***ret_groups, struct coop_err *err)
{
    const struct group_set *set = &config->groups;
    struct group **groups = calloc(set->count + 1, sizeof(struct group *));

    *ret_groups = groups;
    if (!groups)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the groups");
    for (size_t i = 0; i < set->count; i++) {
        struct group *known = map_get(&daemon->groups, set->list[i]->name);

        groups[i] = known ? group_ref(known) : group_new(&daemon->world, set->list[i]);
        if (!groups[i])
            return coop_fail(err, COOP_E_LIMIT, "group '%s': no memory", set->list[i]->name);
    }
    return 0;
}

struct group *daemon_group_of(const struct config *config, struct group *const *groups,
                              unsigned service)
{
    int at = config->groups.group_of[service];

    return at < 0 ? NULL : group_ref(groups[at]);
}

void daemon_drop_groups(const struct config *config, struct group **groups)
{
    for (size_t i = 0; groups && i < config->groups.count; i++)
        group_unref(groups[i]);
}

/* ---- carrying it out ---- */

static struct group_members *members_of(const struct group_spec *spec,
                                        struct group *const *groups,
                                        struct svc *const *services)
{
    struct group_members *members =
        group_members_new((unsigned)spec->leaf_count, (unsigned)spec->child_count);
    unsigned count = 0;

    if (!members)
        return NULL;
    for (size_t i = 0; i < spec->leaf_count; i++) {
        if (!services[spec->leaves[i].service])
            continue;
        members->leaves[count].svc = svc_ref(services[spec->leaves[i].service]);
        members->leaves[count].member = spec->leaves[i].member;
        members->leaves[count++].direct = spec->leaves[i].direct;
    }
    members->leaf_count = count;
    for (size_t i = 0; i < spec->child_count; i++) {
        members->children[i].group = group_ref(groups[spec->children[i].group]);
        members->children[i].member = spec->children[i].member;
    }
    if (spec->parent >= 0)
        members->parent = group_ref(groups[spec->parent]);
    return members;
}

static void restore(const struct daemon *daemon, struct group *group)
{
    for (size_t i = 0; i < daemon->saved_group_count; i++)
        if (strcmp(daemon->saved_groups[i].name, group_name(group)) == 0)
            group_restore(group, &daemon->saved_groups[i]);
}

static bool is_in(struct group *const *groups, size_t count, const struct group *group)
{
    for (size_t i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* One after the other: removing while walking is not allowed. */
static struct group *next_gone(const struct daemon *daemon, struct group *const *groups,
                               size_t count)
{
    struct group *group;

    for (size_t i = 0; (group = map_next(&daemon->groups, &i)) != NULL;)
        if (!is_in(groups, count, group))
            return group;
    return NULL;
}

static void remove_groups(struct daemon *daemon, struct group *const *groups, size_t count)
{
    struct group *group;

    while ((group = next_gone(daemon, groups, count))) {
        coop_mutex_lock(&daemon->lock);
        map_remove(&daemon->groups, group_name(group));
        coop_mutex_unlock(&daemon->lock);
        if (group_change(group, NULL, NULL) < 0)
            log_error("reload", "group '%s': out of memory, it stays", group_name(group));
        group_unref(group);
    }
}

void daemon_enter_groups(struct daemon *daemon, const struct config *config,
                         struct group *const *groups, struct svc *const *services)
{
    const struct group_set *set = &config->groups;

    for (size_t i = 0; i < set->count; i++) {
        struct group_members *members = members_of(set->list[i], groups, services);
        int r = 0;

        if (!map_get(&daemon->groups, set->list[i]->name)) {
            restore(daemon, groups[i]);
            coop_mutex_lock(&daemon->lock);
            r = map_put(&daemon->groups, group_name(groups[i]), groups[i]);
            coop_mutex_unlock(&daemon->lock);
        } else {
            group_unref(groups[i]); /* the map has one */
        }
        if (r < 0 || !members || group_change(groups[i], set->list[i], members) < 0)
            log_error("reload", "group '%s': out of memory, its change is lost",
                      set->list[i]->name);
    }
    remove_groups(daemon, groups, set->count);
}

void daemon_save_group(void *arg, const struct saved_group *group)
{
    struct daemon *daemon = arg;
    struct saved_group *grown =
        reallocarray(daemon->saved_groups, daemon->saved_group_count + 1, sizeof *grown);

    if (!grown) {
        log_error("adopt", "group '%s': out of memory, it begins anew", group->name);
        return;
    }
    daemon->saved_groups = grown;
    grown[daemon->saved_group_count++] = *group;
}

void daemon_groups_go_on(struct daemon *daemon)
{
    struct group *group;

    for (size_t i = 0; (group = map_next(&daemon->groups, &i)) != NULL;)
        group_go_on(group);
    free(daemon->saved_groups);
    daemon->saved_groups = NULL;
    daemon->saved_group_count = 0;
}

void daemon_let_go_of_groups(struct daemon *daemon)
{
    struct group *group;

    for (size_t i = 0; (group = map_next(&daemon->groups, &i)) != NULL;) {
        (void)group_change(group, NULL, NULL);
        group_unref(group);
    }
    map_done(&daemon->groups);
}

/* ---- asking ---- */

static const struct group_spec *spec_of(const struct daemon *daemon, const char *name)
{
    const struct group_set *set = &daemon->config->groups;

    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->list[i]->name, name) == 0)
            return set->list[i];
    return NULL;
}

int daemon_group_services(struct daemon *daemon, const char *name,
                          void (*fn)(void *arg, const char *service), void *arg)
{
    const struct group_spec *spec;

    coop_mutex_lock(&daemon->lock);
    spec = spec_of(daemon, name);
    for (size_t i = 0; spec && i < spec->leaf_count; i++)
        fn(arg, daemon->config->specs[spec->leaves[i].service]->name);
    coop_mutex_unlock(&daemon->lock);
    return spec ? 0 : -ENOENT;
}

void daemon_group_clear(struct daemon *daemon, const char *name)
{
    struct group *group;

    coop_mutex_lock(&daemon->lock);
    group = map_get(&daemon->groups, name);
    if (group)
        group_clear(group);
    coop_mutex_unlock(&daemon->lock);
}

void daemon_each_group(struct daemon *daemon,
                       void (*fn)(void *arg, const struct group_spec *spec,
                                  const struct group_view *view, const char *parent),
                       void *arg)
{
    const struct group_set *set;

    coop_mutex_lock(&daemon->lock);
    set = &daemon->config->groups;
    for (size_t i = 0; i < set->count; i++) {
        struct group *group = map_get(&daemon->groups, set->list[i]->name);
        int parent = set->list[i]->parent;
        struct group_view view;

        if (!group)
            continue;
        group_look(group, &view);
        fn(arg, set->list[i], &view, parent < 0 ? NULL : set->list[parent]->name);
    }
    coop_mutex_unlock(&daemon->lock);
}
