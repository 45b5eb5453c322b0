/*
 * compile.c - who the program is, outside and inside: the identity of a plan
 *
 * Three ways, by what there is to be had:
 *   no user namespace     root becomes somebody else at step "identity", groups and all
 *   the own id alone      the child writes its map itself; groups stay as they are
 *   maps with ranges      somebody else writes them (map_writer.c).  The child goes on as the own
 *                         id, which opens the caller's files, and becomes another one, if another
 *                         was asked for, at "identity"; if its own id is in no map it has to
 *                         become one of those that are at once, or it could make no file.
 */
#include "launcher/blob.h"
#include "launcher/identity/id_map.h"

#include "base/scope.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* One of the two kinds of ids. */
struct kind {
    const char *key, *given; /* "UIDMap", the file that says whose ids are whose */
    const struct strlist *words;
    uint32_t own;    /* the caller's, or whose rights we borrow      */
    uint32_t wanted; /* inside; LAUNCH_NO_ID: whatever the own one is */
    struct id_map map;
    uint32_t shown; /* how the own id shows inside; LAUNCH_NO_ID: not at all */
    uint32_t become;
};

static bool has_auto(const struct kind *kind)
{
    for (size_t i = 0; i < kind->words->count; i++)
        if (strcmp(kind->words->items[i], "auto") == 0)
            return true;
    return false;
}

/* The files are read for the caller: whose subordinate ids root may use is root's own business. */
static int resolve_auto(struct kind *kind, const struct launch_host *host, struct coop_err *err)
{
    uint32_t inside = kind->wanted == LAUNCH_NO_ID ? kind->own : kind->wanted;
    struct id_ranges ranges = {.count = 0};
    char name[SUBID_NAME];

    if (subid_read(kind->given, host->uid, &ranges, err) < 0)
        return -1;
    if (ranges.count == 0) {
        subid_user(host->uid, name);
        (void)coop_fail(err, COOP_E_DENIED, "%s=auto: %s gives user '%s' no ids", kind->key,
                        kind->given, name);
        return coop_hint(err, "as root: usermod %s 100000-165535 %s",
                         kind->given[strlen(kind->given) - 3] == 'u' ? "--add-subuids"
                                                                     : "--add-subgids",
                         name);
    }
    return id_map_auto(&ranges, inside, kind->own, &kind->map, err);
}

static int resolve(struct kind *kind, const struct launch_host *host, struct coop_err *err)
{
    if (kind->words->count == 0) {
        kind->shown = kind->wanted == LAUNCH_NO_ID ? kind->own : kind->wanted;
        kind->become = kind->shown;
        return 0;
    }
    if (has_auto(kind) && kind->words->count > 1)
        return coop_fail(err, COOP_E_RANGE, "%s=: 'auto' is a map of its own", kind->key);
    if (has_auto(kind) ? resolve_auto(kind, host, err) < 0
                       : id_map_compile(kind->words, kind->key, &kind->map, err) < 0)
        return -1;
    kind->shown = id_map_inside(&kind->map, kind->own);
    kind->become = kind->wanted != LAUNCH_NO_ID  ? kind->wanted
                   : kind->shown != LAUNCH_NO_ID ? kind->shown
                                                 : kind->map.lines[0].inside;
    if (!id_map_has(&kind->map, kind->become))
        return coop_fail(err, COOP_E_RANGE,
                         "%s=: no line maps id %u, which the program is to have", kind->key,
                         kind->become);
    return 0;
}

static struct plan_vec add_map(struct blob *b, const struct id_map *map)
{
    return (struct plan_vec){blob_add(b, map->lines, map->count * sizeof map->lines[0]),
                             map->count};
}

static int check_groups(const struct launch_spec *spec, const struct launch_host *host,
                        const struct id_map *map, struct coop_err *err)
{
    for (size_t i = 0; i < spec->groups.count; i++) {
        uint32_t id = (uint32_t)strtoul(spec->groups.items[i], NULL, 10);

        if (map->count > 0 && !id_map_has(map, id))
            return coop_fail(err, COOP_E_RANGE,
                             "GIDMap=: no line maps the supplementary group %u", id);
        if (map->count == 0 && host->uid != 0) {
            (void)coop_fail(err, COOP_E_DENIED,
                            "an ordinary user cannot choose its supplementary groups");
            return coop_hint(err,
                             "it can inside a user namespace with more groups than its own "
                             "one: GIDMap=");
        }
    }
    return 0;
}

static int compile_maps(const struct launch_spec *spec, const struct launch_host *host,
                        struct launch_plan *plan, struct blob *b, struct coop_err *err)
{
    struct kind uid = {.key = "UIDMap",
                       .given = "/etc/subuid",
                       .words = &spec->uid_map,
                       .own = plan->uid,
                       .wanted = spec->inside_uid};
    struct kind gid = {.key = "GIDMap",
                       .given = "/etc/subgid",
                       .words = &spec->gid_map,
                       .own = plan->gid,
                       .wanted = spec->inside_gid};

    if (resolve(&uid, host, err) < 0 || resolve(&gid, host, err) < 0 ||
        check_groups(spec, host, &gid.map, err) < 0)
        return -1;
    plan->uid_map = add_map(b, &uid.map);
    plan->gid_map = add_map(b, &gid.map);
    plan->map_outside_uid = uid.own;
    plan->map_outside_gid = gid.own;
    plan->map_inside_uid = uid.become;
    plan->map_inside_gid = gid.become;
    if (uid.shown == LAUNCH_NO_ID || gid.shown == LAUNCH_NO_ID)
        plan->flags |= PLAN_UNMAPPED;
    else if (uid.shown != uid.become || gid.shown != gid.become)
        plan->flags |= PLAN_SET_IDS;
    if (plan->flags & PLAN_SET_IDS) {
        plan->map_inside_uid = uid.shown;
        plan->map_inside_gid = gid.shown;
        plan->uid = uid.become;
        plan->gid = gid.become;
    }
    if (gid.map.count > 0)
        plan->flags |= PLAN_SET_GROUPS; /* nobody denies it then */
    return 0;
}

int plan_compile_identity(const struct launch_spec *spec, const struct launch_host *host,
                          struct launch_plan *plan, struct blob *b, struct coop_err *err)
{
    uint32_t uid = spec->uid == LAUNCH_NO_ID ? host->uid : spec->uid;
    uint32_t gid = spec->gid == LAUNCH_NO_ID ? host->gid : spec->gid;
    bool changes = uid != host->uid || gid != host->gid;
    bool becomes = changes || (spec->set_groups && host->uid == 0);

    if (changes && host->uid != 0) {
        (void)coop_fail(err, COOP_E_DENIED, "an ordinary user (%u:%u) cannot become %u:%u",
                        host->uid, host->gid, uid, gid);
        return coop_hint(err, "start as root, or leave out User= and Group=");
    }
    plan->uid = uid;
    plan->gid = gid;
    plan->groups.at = blob_add(b, NULL, 0);
    for (size_t i = 0; i < spec->groups.count; i++) {
        uint32_t id = (uint32_t)strtoul(spec->groups.items[i], NULL, 10);

        buf_add(&b->bytes, &id, sizeof id);
        plan->groups.count++;
    }
    if (spec->users) {
        /* Its ids, and ours in it, are as whoever made it has mapped them. */
        plan->map_inside_uid = spec->inside_uid == LAUNCH_NO_ID ? uid : spec->inside_uid;
        plan->map_inside_gid = spec->inside_gid == LAUNCH_NO_ID ? gid : spec->inside_gid;
        if (spec->inside_uid != LAUNCH_NO_ID || spec->inside_gid != LAUNCH_NO_ID)
            plan->flags |= PLAN_UNMAPPED;
        return 0;
    }
    if (!(plan->flags & PLAN_MAP_IDS)) {
        plan->flags |= becomes ? PLAN_SET_IDS | PLAN_SET_GROUPS : 0;
        return 0;
    }
    if (changes || (becomes && spec->gid_map.count == 0))
        plan->flags |= PLAN_BORROW_IDS;
    if (spec->hold_maps)
        plan->flags |= PLAN_HOLD_MAPS;
    return compile_maps(spec, host, plan, b, err);
}
