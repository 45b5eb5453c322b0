#ifndef COOP_CONFIG_GROUPS_H
#define COOP_CONFIG_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/raw.h"
#include "config/spec.h"
#include "graph/graph.h"
#include "text/setting.h"

/*
 * groups.h - [Group NAME]: services that fail together (supervisor/README.md, "Groups")
 *
 * The order of Members= is the order of the group.  A member is a service or another group; each
 * is in one group at most, so groups are trees.
 *
 *     struct group_set set = {0};
 *     if (groups_build(&set, raw, specs, count, complain, arg) > 0) ...  errors, each was told
 *     for (size_t i = 0; i < set.count; i++) set.list[i]->leaves ...
 *     groups_done(&set);
 */

/* Strategy=, in Erlang's words. */
enum group_strategy { ONE_FOR_ONE, ONE_FOR_ALL, REST_FOR_ONE, GROUP_STRATEGIES };

/* A service that is a member, or a member of a member; 'member' is the place in Members=. */
struct group_leaf {
    unsigned service, member; /* index into the specs; place in Members= */
    bool direct;              /* it is that member itself                */
};

struct group_child {
    unsigned group, member;
};

struct group_spec {
    char *name, *file;
    unsigned line;

    /* from rows */
    char *description;
    int strategy; /* enum group_strategy */
    int intensity;
    coop_nsec period;
    bool essential;
    struct name_list members;

    /* what the names mean */
    struct group_leaf *leaves; /* in the group's order */
    size_t leaf_count;
    struct group_child *children;
    size_t child_count;
    int parent; /* -1: none */
};

enum {
    GROUPS_MAX = 1024,
    GROUP_DEPTH_MAX = 8,
    /* So many members before it a member is ordered after by an implied After=. */
    GROUP_ORDER_REACH = 16,
    GROUP_ORDERED_MAX = 256, /* services in a group with an order */
};

struct group_set {
    struct group_spec **list;
    size_t count;
    int *group_of; /* of each service: the group that it is a member of, -1 for none */
    struct graph_order *order; /* what the groups' order says of services */
    size_t order_count;
};

extern const struct setting_table group_settings;

/* The number of errors; each was told. */
int groups_build(struct group_set *ret_set, const struct raw_config *raw,
                 struct svc_spec *const *specs, size_t count, raw_complain *complain,
                 void *arg);
void groups_done(struct group_set *set);

const char *group_strategy_word(int strategy);

#endif
