/*
 * groups.c - what [Group NAME] sections say, and what their names mean (see groups.h)
 *
 * First every section by its rows, then the names: of services, or of other groups.  Then upwards
 * from every group, which finds circles, and downwards, which lists the services of each.
 */
#include "config/groups.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/scope.h"
#include "base/str.h"
#include "service/backoff.h"

#define FIELD(name) .field = offsetof(struct group_spec, name)

static const char *const strategy_names[] = {"one_for_one", "one_for_all", "rest_for_one",
                                             NULL};

static const struct setting rows[] = {
    /* clang-format off */
    {"Group", "Description", &setting_string, FIELD(description), .help = "Words for people."},
    {"Group", "Members", &setting_words, FIELD(members.names),
     .help = "Services and other groups, in the group's order; each belongs to one group at most."},
    {"Group", "Strategy", &setting_enum, FIELD(strategy), .names = strategy_names, .fallback = "one_for_one",
     .help = "What a member's failure means for the others: one_for_one (nothing), one_for_all (all members that are wanted up are stopped, in reverse order, and started again), rest_for_one (those that stand after it are). With the last two a member also starts after those before it, and stops before them."},
    {"Group", "Intensity", &setting_int, FIELD(intensity), .min = 0, .max = START_BURST_MAX, .fallback = "1",
     .help = "At most so many failures of members within Period; with one more the group stops all members and has failed, which is a failure for the group it is in. A failure is an end after which Restart= would start the member again; one that has used up its StartLimitBurst fails the group at once."},
    {"Group", "Period", &setting_duration, FIELD(period), .fallback = "5s",
     .help = "Window in which failures are counted; see Intensity."},
    {"Group", "Essential", &setting_bool, FIELD(essential), .fallback = "no",
     .help = "When the group has failed, coopd stops everything and ends with the exit code of the member that failed last (1 for 0). Only for a group that is in no other."},
    /* clang-format on */
};

const struct setting_table group_settings = {rows, COOP_COUNT(rows)};

const char *group_strategy_word(int strategy)
{
    return strategy_names[strategy];
}

/* ---- telling ---- */

struct builder {
    struct group_set *set;
    struct svc_spec *const *specs;
    size_t count;
    struct map services, groups; /* name -> position + 1, as a pointer */
    raw_complain *complain;
    void *arg;
    int errors;
};

static void tell(struct builder *b, const struct group_spec *group, unsigned line,
                 struct coop_err *err)
{
    coop_while(err, "%s:%u: group '%s'", group->file, line, group->name);
    b->complain(b->arg, err);
    b->errors++;
}

static int out_of_memory(struct builder *b)
{
    struct coop_err err = {0};

    coop_fail(&err, COOP_E_LIMIT, "no memory for the groups");
    b->complain(b->arg, &err);
    b->errors++;
    return -1;
}

/* ---- sections ---- */

static void apply_keys(struct builder *b, struct group_spec *group,
                       const struct raw_section *section)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct raw_key *key = &section->keys[i];
        struct coop_err err = {0};

        if (strcmp(key->key, "Members") == 0)
            group->members.line = key->line;
        if (settings_apply(&group_settings, group, "Group", key->key, key->value, &err) < 0)
            tell(b, group, key->line, &err);
    }
}

static void free_group(struct group_spec *group)
{
    settings_done(&group_settings, group);
    free(group->name);
    free(group->file);
    free(group->leaves);
    free(group->children);
    free(group);
}

static int add_group(struct builder *b, const struct raw_section *section)
{
    struct group_set *set = b->set;
    struct group_spec **grown = reallocarray(set->list, set->count + 1, sizeof *grown);
    struct group_spec *group = calloc(1, sizeof *group);

    if (grown)
        set->list = grown;
    if (!grown || !group) {
        free(group);
        return out_of_memory(b);
    }
    set->list[set->count++] = group;
    group->name = strdup(section->name);
    group->file = strdup(section->file);
    group->line = group->members.line = section->line;
    group->parent = -1;
    if (!group->name || !group->file ||
        settings_defaults(&group_settings, group, &(struct coop_err){0}) < 0)
        return out_of_memory(b);
    apply_keys(b, group, section);
    return 0;
}

static int index_names(struct builder *b)
{
    for (size_t i = 0; i < b->count; i++) {
        b->set->group_of[i] = -1;
        if (map_put(&b->services, b->specs[i]->name, (void *)(uintptr_t)(i + 1)) < 0)
            return out_of_memory(b);
    }
    for (size_t i = 0; i < b->set->count; i++) {
        struct group_spec *group = b->set->list[i];
        struct coop_err err = {0};

        if (map_get(&b->services, group->name)) {
            coop_fail(&err, COOP_E_RANGE, "a service has this name, too");
            coop_hint(&err, "coopctl takes both by name: call one of them something else");
            tell(b, group, group->line, &err);
        } else if (map_put(&b->groups, group->name, (void *)(uintptr_t)(i + 1)) < 0) {
            return out_of_memory(b);
        }
    }
    return 0;
}

/* ---- members ---- */

static void *find(const struct map *map, const char *written)
{
    char name[256];
    size_t len;

    if (!graph_name(written, &len) || len >= sizeof name)
        return NULL;
    memcpy(name, written, len);
    name[len] = '\0';
    return map_get(map, name);
}

static void claim(struct builder *b, unsigned at, const char *name, int *owner)
{
    struct group_spec *group = b->set->list[at];
    struct coop_err err = {0};

    if (*owner < 0) {
        *owner = (int)at;
        return;
    }
    coop_fail(&err, COOP_E_RANGE, "Members=%s: is a member of group '%s' already", name,
              b->set->list[*owner]->name);
    coop_hint(&err,
              "a group may be a member of another group, so that failures go up one tree");
    tell(b, group, group->members.line, &err);
}

static void claim_members(struct builder *b, unsigned at)
{
    struct group_spec *group = b->set->list[at];
    struct coop_err err = {0};

    if (group->members.names.count == 0) {
        coop_fail(&err, COOP_E_MISSING, "has no Members=");
        tell(b, group, group->line, &err);
    }
    for (size_t i = 0; i < group->members.names.count; i++) {
        const char *name = group->members.names.items[i];
        uintptr_t service = (uintptr_t)find(&b->services, name);
        uintptr_t inner = (uintptr_t)map_get(&b->groups, name);

        if (service) {
            claim(b, at, name, &b->set->group_of[service - 1]);
        } else if (inner) {
            claim(b, at, name, &b->set->list[inner - 1]->parent);
        } else {
            coop_fail(&err, COOP_E_UNKNOWN, "Members=%s: there is no such service or group",
                      name);
            tell(b, group, group->members.line, &err);
        }
    }
}

static void check_upwards(struct builder *b, unsigned at)
{
    struct group_spec *group = b->set->list[at];
    struct coop_err err = {0};
    unsigned depth = 1;

    for (int up = group->parent; up >= 0 && depth <= GROUP_DEPTH_MAX; depth++)
        up = b->set->list[up]->parent;
    if (depth > GROUP_DEPTH_MAX) {
        coop_fail(&err, COOP_E_CYCLE, "Members= goes round in a circle, or deeper than %d",
                  GROUP_DEPTH_MAX);
        tell(b, group, group->members.line, &err);
    }
    if (group->essential && group->parent >= 0) {
        coop_fail(&err, COOP_E_RANGE, "Essential= of a group that is in group '%s'",
                  b->set->list[group->parent]->name);
        coop_hint(&err, "its failure is that group's to answer: write it there");
        tell(b, group, group->line, &err);
    }
}

/* ---- leaves ---- */

static int add_leaf(struct group_spec *to, unsigned service, unsigned member, bool direct)
{
    struct group_leaf *grown = reallocarray(to->leaves, to->leaf_count + 1, sizeof *grown);

    if (!grown)
        return -1;
    to->leaves = grown;
    grown[to->leaf_count++] =
        (struct group_leaf){.service = service, .member = member, .direct = direct};
    return 0;
}

static int add_child(struct group_spec *to, unsigned group, unsigned member)
{
    struct group_child *grown = reallocarray(to->children, to->child_count + 1, sizeof *grown);

    if (!grown)
        return -1;
    to->children = grown;
    grown[to->child_count++] = (struct group_child){.group = group, .member = member};
    return 0;
}

/* No deeper than GROUP_DEPTH_MAX: that was checked. */
static int list_leaves(struct builder *b, struct group_spec *to, const struct group_spec *from,
                       unsigned member)
{
    for (size_t i = 0; i < from->members.names.count; i++) {
        const char *name = from->members.names.items[i];
        uintptr_t service = (uintptr_t)find(&b->services, name);
        uintptr_t inner = (uintptr_t)map_get(&b->groups, name);
        unsigned at = from == to ? (unsigned)i : member;
        int r = 0;

        if (service)
            r = add_leaf(to, (unsigned)service - 1, at, from == to);
        if (!service && from == to)
            r = add_child(to, (unsigned)inner - 1, at);
        if (!service && r == 0)
            r = list_leaves(b, to, b->set->list[inner - 1], at);
        if (r < 0)
            return -1;
    }
    return 0;
}

/* ---- order ---- */

static int add_order(struct group_set *set, unsigned first, unsigned then)
{
    struct graph_order *grown;

    if ((set->order_count & (set->order_count - 1)) == 0) { /* full: 0, 1, 2, 4, 8 ... */
        size_t room = set->order_count ? set->order_count * 2 : 1;

        grown = reallocarray(set->order, room, sizeof *grown);
        if (!grown)
            return -1;
        set->order = grown;
    }
    set->order[set->order_count++] = (struct graph_order){.first = first, .then = then};
    return 0;
}

static int order_leaves(struct group_set *set, const struct group_spec *group)
{
    for (size_t i = 0; group->strategy != ONE_FOR_ONE && i < group->leaf_count; i++) {
        unsigned own = group->leaves[i].member;
        unsigned reach = own > GROUP_ORDER_REACH ? own - GROUP_ORDER_REACH : 0;

        for (size_t k = i; k > 0 && group->leaves[k - 1].member >= reach; k--)
            if (group->leaves[k - 1].member != own &&
                add_order(set, group->leaves[k - 1].service, group->leaves[i].service) < 0)
                return -1;
    }
    return 0;
}

/* ---- the public calls ---- */

static void build_sections(struct builder *b, const struct raw_config *raw)
{
    struct coop_err err = {0};

    for (size_t i = 0; i < raw->count; i++)
        if (raw->sections[i].kind == RAW_GROUP && add_group(b, &raw->sections[i]) < 0)
            return;
    if (b->set->count > GROUPS_MAX) {
        coop_fail(&err, COOP_E_LIMIT, "%zu groups; one coopd has at most %d", b->set->count,
                  GROUPS_MAX);
        b->complain(b->arg, &err);
        b->errors++;
    }
}

static void check_size(struct builder *b, const struct group_spec *group)
{
    struct coop_err err = {0};

    if (group->strategy == ONE_FOR_ONE || group->leaf_count <= GROUP_ORDERED_MAX)
        return;
    coop_fail(&err, COOP_E_LIMIT, "Strategy=%s of %zu services; at most %d have an order",
              group_strategy_word(group->strategy), group->leaf_count, GROUP_ORDERED_MAX);
    tell(b, group, group->members.line, &err);
}

static void build_trees(struct builder *b)
{
    struct group_set *set = b->set;

    if (index_names(b) < 0)
        return;
    for (unsigned i = 0; i < set->count; i++)
        claim_members(b, i);
    for (unsigned i = 0; i < set->count; i++)
        check_upwards(b, i);
    for (unsigned i = 0; b->errors == 0 && i < set->count; i++) {
        if (list_leaves(b, set->list[i], set->list[i], 0) < 0)
            out_of_memory(b);
        check_size(b, set->list[i]);
    }
    for (unsigned i = 0; b->errors == 0 && i < set->count; i++)
        if (order_leaves(set, set->list[i]) < 0)
            out_of_memory(b);
}

int groups_build(struct group_set *ret_set, const struct raw_config *raw,
                 struct svc_spec *const *specs, size_t count, raw_complain *complain, void *arg)
{
    struct builder b = {
        .set = ret_set, .specs = specs, .count = count, .complain = complain, .arg = arg};

    build_sections(&b, raw);
    ret_set->group_of = calloc(count + 1, sizeof *ret_set->group_of);
    if (!ret_set->group_of)
        out_of_memory(&b);
    else if (b.errors == 0)
        build_trees(&b);
    map_done(&b.services);
    map_done(&b.groups);
    return b.errors;
}

void groups_done(struct group_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free_group(set->list[i]);
    free(set->list);
    free(set->order);
    free(set->group_of);
    *set = (struct group_set){0};
}
