#ifndef COOP_GRAPH_H
#define COOP_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "config/spec.h"
#include "coop/err.h"

/*
 * graph.h - who needs whom, and who comes after whom
 *
 * Pure: from a set of specs to links between them.  Requirement (Requires=, Wants=) and order
 * (After=, Before=) are two different things, as in systemd: a requirement without an order
 * starts both at once, an order without a requirement counts only when both start.
 *
 *     struct graph graph;
 *     if (graph_build(&graph, specs, count, err) < 0)
 *         return -1;               "web.ini:3: dependency cycle: web (web.ini:3) -> db ..."
 *     graph_for_each(link, &graph, i)
 *         if (link->is & LINK_AFTER) ...    specs[i] comes after specs[link->to]
 *     graph_done(&graph);
 *
 * A link stands on both sides: where a has LINK_REQUIRES to b, b has LINK_REQUIRED_BY to a.  Only
 * of what nobody asks on the other side there is one: LINK_ON_FAILURE, LINK_ON_SUCCESS, and
 * LINK_HAS_PART and LINK_BINDS for PartOf= and BindsTo=.
 *
 * Names     "db", "db.service" mean the service, or all of a set of instances; "*.target" is
 *           always reached and makes no link.  A service that does not exist is an error in
 *           Requires=, Requisite=, BindsTo=, OnFailure= and OnSuccess=,
 *           and nothing in the others (systemd's rule), but `coopd --check` warns.
 * Errors    COOP_E_CYCLE with the whole cycle; COOP_E_UNKNOWN for a missing service;
 *           COOP_E_RANGE where Conflicts= contradicts something else that is written.
 * Time      O(services + links), no recursion: a chain of 16384 is fine.
 */

enum link_is {
    LINK_REQUIRES = 1u << 0,
    LINK_WANTS = 1u << 1,
    LINK_AFTER = 1u << 2,
    LINK_REQUIRED_BY = 1u << 3,
    LINK_WANTED_BY = 1u << 4,
    LINK_BEFORE = 1u << 5,
    LINK_REQUISITE = 1u << 6,   /* must be up already; nothing is started for it          */
    LINK_BINDS = 1u << 7,       /* when we end in any way, it ends, too                   */
    LINK_HAS_PART = 1u << 8,    /* when we are stopped or restarted by hand, it is, too   */
    LINK_CONFLICTS = 1u << 9,   /* both sides: whoever starts, stops the other            */
    LINK_ON_FAILURE = 1u << 10, /* started when we have failed                           */
    LINK_ON_SUCCESS = 1u << 11, /* started when we are done                              */
};

struct graph_link {
    unsigned to; /* index into the specs */
    unsigned is; /* enum link_is         */
};

struct graph_node {
    struct graph_link *links;
    unsigned count;
};

struct graph {
    struct graph_node *nodes;
    unsigned *order; /* every node once, each after all it comes after */
    unsigned count;
};

#define graph_for_each(link, graph, node)                                                      \
    for (struct graph_link *link = (graph)->nodes[node].links;                                 \
         link < (graph)->nodes[node].links + (graph)->nodes[node].count; link++)

int graph_build(struct graph *ret_graph, struct svc_spec *const *specs, size_t count,
                struct coop_err *err);

/* The same with an order between services that stands elsewhere ([Group] sections). */
struct graph_order {
    unsigned first, then; /* indexes into the specs */
};
int graph_build_ordered(struct graph *ret_graph, struct svc_spec *const *specs, size_t count,
                        const struct graph_order *orders, size_t order_count,
                        struct coop_err *err);
void graph_done(struct graph *graph);

/* The service that a name in a dependency list means, without its ".service"; false for a
 * target.  'ret_len' is the length of the name proper. */
bool graph_name(const char *written, size_t *ret_len);

/* Calls 'fn' for every name that an instance is made for where there is a template: those of keys
 * that pull something in, or name it as a handler. */
void graph_named(const struct svc_spec *spec, void (*fn)(void *arg, const char *name),
                 void *arg);

/* Calls 'fn' for every name in Wants=, After= and Before= that no service has. */
void graph_unknown(struct svc_spec *const *specs, size_t count,
                   void (*fn)(void *arg, const struct svc_spec *spec, const char *key,
                              const struct name_list *list, const char *name),
                   void *arg);

#endif
