/*
 * graph.c - names to links, links to an order, a knot to a sentence
 *
 * The order is Kahn's: take away what comes after nothing, again and again.  What is left over
 * when nothing can be taken away lies on a cycle or behind one; walking back along LINK_AFTER
 * from any of it must meet itself, and the part from there on is the cycle that is shown.
 */
#include "graph/graph.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/scope.h"
#include "base/str.h"

enum { CYCLE_SHOWN_MAX = 8 }; /* members of a cycle that an error names */

struct builder {
    struct graph graph;
    struct svc_spec *const *specs;
    struct map index;                 /* name of a service or a set -> position + 1 */
    const struct graph_order *orders; /* that no key of a service says */
    size_t order_count;
};

/* ---- names ---- */

bool graph_name(const char *written, size_t *ret_len)
{
    size_t len = strlen(written);

    if (str_ends_with(written, ".target") || str_ends_with(written, ".socket"))
        return false; /* reached always; open before any service is started */
    if (str_ends_with(written, ".service"))
        len -= strlen(".service");
    *ret_len = len;
    return true;
}

/* -1: a target or a socket, which is always reached; 0: no such service; 1: found, the first one
 * where the name means a set. */
static int find(const struct map *index, const char *written, unsigned *ret_at)
{
    char name[256];
    size_t len;
    void *found;

    if (!graph_name(written, &len))
        return -1;
    if (len >= sizeof name)
        return 0;
    memcpy(name, written, len);
    name[len] = '\0';
    found = map_get(index, name);
    if (!found)
        return 0;
    *ret_at = (unsigned)((uintptr_t)found - 1);
    return 1;
}

/* The instances of a set stand behind each other. */
static bool starts_set(struct svc_spec *const *specs, size_t at)
{
    return specs[at]->set && (at == 0 || !str_equal(specs[at - 1]->set, specs[at]->set));
}

/* The name of a set means the first of its instances, and those behind it. */
static int index_names(struct map *index, struct svc_spec *const *specs, size_t count,
                       struct coop_err *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *set = starts_set(specs, i) ? specs[i]->set : NULL;

        if (map_put(index, specs[i]->name, (void *)(uintptr_t)(i + 1)) < 0 ||
            (set && map_put(index, set, (void *)(uintptr_t)(i + 1)) < 0))
            return coop_fail(err, COOP_E_LIMIT, "service '%s': cannot be indexed",
                             specs[i]->name);
    }
    return 0;
}

/* ---- links ---- */

static int add_half(struct graph_node *node, unsigned to, unsigned is, struct coop_err *err)
{
    struct graph_link *grown;

    for (unsigned i = 0; i < node->count; i++)
        if (node->links[i].to == to) {
            node->links[i].is |= is;
            return 0;
        }
    if ((node->count & (node->count - 1)) == 0) { /* full: 0, 1, 2, 4, 8 ... */
        size_t room = node->count ? node->count * 2u : 1;

        grown = realloc(node->links, room * sizeof *grown);
        if (!grown)
            return coop_fail(err, COOP_E_LIMIT, "no memory for the dependency graph");
        node->links = grown;
    }
    node->links[node->count++] = (struct graph_link){.to = to, .is = is};
    return 0;
}

static int add_link(struct graph *graph, unsigned from, unsigned to, unsigned is, unsigned back,
                    struct coop_err *err)
{
    if (is && add_half(&graph->nodes[from], to, is, err) < 0)
        return -1;
    return back ? add_half(&graph->nodes[to], from, back, err) : 0;
}

/* Each key that makes links: what it means on our side and on the other. */
static const struct link_key {
    const char *key;
    size_t list; /* offset into the spec */
    unsigned is, back;
    bool must_exist;
    bool not_itself; /* naming itself is a mistake, not nothing */
} link_keys[] = {
/* clang-format off */
#define LIST(name) offsetof(struct svc_spec, name)
    {"Requires",   LIST(requires),    LINK_REQUIRES,    LINK_REQUIRED_BY, true,  true},
    {"Requisite",  LIST(requisite),   LINK_REQUISITE,   LINK_REQUIRED_BY, true,  true},
    {"BindsTo",    LIST(binds_to),    LINK_REQUIRES,    LINK_REQUIRED_BY | LINK_BINDS, true, true},
    {"PartOf",     LIST(part_of),     0,                LINK_HAS_PART,    false, true},
    {"Wants",      LIST(wants),       LINK_WANTS,       LINK_WANTED_BY,   false, false},
    {"Conflicts",  LIST(conflicts),   LINK_CONFLICTS,   LINK_CONFLICTS,   false, true},
    {"After",      LIST(after),       LINK_AFTER,       LINK_BEFORE,      false, true},
    {"Before",     LIST(before),      LINK_BEFORE,      LINK_AFTER,       false, true},
    {"OnFailure",  LIST(on_failure),  LINK_ON_FAILURE,  0,                true,  true},
    {"OnSuccess",  LIST(on_success),  LINK_ON_SUCCESS,  0,                true,  true},
    {"WantedBy",   LIST(wanted_by),   LINK_WANTED_BY,   LINK_WANTS,       false, false},
    {"RequiredBy", LIST(required_by), LINK_REQUIRED_BY, LINK_REQUIRES,    false, false},
#undef LIST
    /* clang-format on */
};

static const struct name_list *list_of(const struct svc_spec *spec, const struct link_key *key)
{
    return (const struct name_list *)(const void *)((const char *)spec + key->list);
}

static int missing(const struct svc_spec *spec, const struct link_key *key, const char *name,
                   struct coop_err *err)
{
    coop_fail(err, COOP_E_UNKNOWN, "%s:%u: service '%s' has %s=%s, which does not exist",
              svc_spec_file(spec, list_of(spec, key)->over), list_of(spec, key)->line,
              spec->name, key->key, name);
    if (key->is & LINK_REQUIRES)
        return coop_hint(err, "define [Service %s], or use Wants= if it may be absent", name);
    return coop_hint(err, "define [Service %s], or take the name out", name);
}

static int names_itself(const struct svc_spec *spec, const struct link_key *key,
                        struct coop_err *err)
{
    const char *file = svc_spec_file(spec, list_of(spec, key)->over);
    unsigned line = list_of(spec, key)->line;

    if (key->is & (LINK_AFTER | LINK_BEFORE | LINK_REQUIRES | LINK_REQUISITE)) {
        coop_fail(err, COOP_E_CYCLE, "%s:%u: dependency cycle: %s -> %s", file, line,
                  spec->name, spec->name);
        return coop_hint(err, "a service cannot wait for itself");
    }
    coop_fail(err, COOP_E_RANGE, "%s:%u: %s= of '%s' names itself", file, line, key->key,
              spec->name);
    return coop_hint(err, "take the name out");
}

/* How many services a name means whose first one is at 'at'. */
static unsigned meant(const struct builder *b, const char *written, unsigned at)
{
    const char *set = b->specs[at]->set;
    unsigned count = 1;

    if (!set || strncmp(written, b->specs[at]->name, strlen(b->specs[at]->name)) == 0)
        return 1;
    while (at + count < b->graph.count && str_equal(b->specs[at + count]->set, set))
        count++;
    return count;
}

static int add_one(struct builder *b, unsigned from, unsigned to, const struct link_key *key,
                   struct coop_err *err)
{
    if (to == from)
        return key->not_itself ? names_itself(b->specs[from], key, err) : 0;
    return add_link(&b->graph, from, to, key->is, key->back, err);
}

static int add_list(struct builder *b, unsigned from, const struct link_key *key,
                    struct coop_err *err)
{
    const struct svc_spec *spec = b->specs[from];
    unsigned first;

    for (char **name = list_of(spec, key)->names.items; name && *name; name++) {
        int found = find(&b->index, *name, &first);

        if (found == 0 && key->must_exist)
            return missing(spec, key, *name, err);
        if (found <= 0)
            continue;
        for (unsigned i = 0, count = meant(b, *name, first); i < count; i++)
            if (add_one(b, from, first + i, key, err) < 0)
                return -1;
    }
    return 0;
}

static int add_links(struct builder *b, unsigned at, struct coop_err *err)
{
    for (size_t i = 0; i < COOP_COUNT(link_keys); i++)
        if (add_list(b, at, &link_keys[i], err) < 0)
            return -1;
    return 0;
}

/* ---- contradictions ---- */

/* Marks what starts with coopd: those that do by themselves, and what they pull. */
static void mark_started(const struct builder *b, bool *started, unsigned *queue)
{
    unsigned tail = 0;

    for (unsigned i = 0; i < b->graph.count; i++)
        if (svc_spec_starts_by_itself(b->specs[i])) {
            started[i] = true;
            queue[tail++] = i;
        }
    for (unsigned head = 0; head < tail; head++)
        graph_for_each (link, &b->graph, queue[head])
            if (link->is & (LINK_REQUIRES | LINK_WANTS) && !started[link->to]) {
                started[link->to] = true;
                queue[tail++] = link->to;
            }
}

static bool has_written(const struct builder *b, unsigned at, unsigned other)
{
    unsigned to;

    for (char **name = b->specs[at]->conflicts.names.items; name && *name; name++)
        if (find(&b->index, *name, &to) > 0 && other >= to && other < to + meant(b, *name, to))
            return true;
    return false;
}

static int contradiction(const struct builder *b, unsigned one, unsigned other, const char *but,
                         const char *way_out, struct coop_err *err)
{
    const struct svc_spec *who = b->specs[has_written(b, one, other) ? one : other];

    coop_fail(err, COOP_E_RANGE,
              "%s:%u: Conflicts=: '%s' and '%s' cannot be up at once, but %s",
              svc_spec_file(who, who->conflicts.over), who->conflicts.line, b->specs[one]->name,
              b->specs[other]->name, but);
    return coop_hint(err, "%s", way_out);
}

static int check_conflicts(const struct builder *b, struct coop_err *err)
{
    SCOPED_FREE bool *started = calloc(b->graph.count + 1, sizeof *started);
    SCOPED_FREE unsigned *queue = calloc(b->graph.count + 1, sizeof *queue);

    if (!started || !queue)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the dependency graph");
    mark_started(b, started, queue);
    for (unsigned i = 0; i < b->graph.count; i++)
        graph_for_each (link, &b->graph, i) {
            if (!(link->is & LINK_CONFLICTS))
                continue;
            if (link->is & (LINK_REQUIRES | LINK_REQUISITE))
                return contradiction(b, i, link->to, "one requires the other",
                                     "take one of the two keys out", err);
            if (i < link->to && started[i] && started[link->to])
                return contradiction(b, i, link->to, "both start with coopd",
                                     "AutoStart=no for one of them", err);
        }
    return 0;
}

/* ---- order ---- */

/* Fills graph->order; returns how many could be ordered, and leaves in waits[] how many each of
 * the others still waits for. */
static unsigned sort(struct graph *graph, unsigned *waits)
{
    unsigned head = 0, tail = 0;

    for (unsigned i = 0; i < graph->count; i++) {
        graph_for_each (link, graph, i)
            if (link->is & LINK_AFTER)
                waits[i]++;
        if (waits[i] == 0)
            graph->order[tail++] = i;
    }
    while (head < tail) {
        unsigned first = graph->order[head++];

        graph_for_each (link, graph, first)
            if (link->is & LINK_BEFORE && --waits[link->to] == 0)
                graph->order[tail++] = link->to;
    }
    return tail;
}

static unsigned knotted_predecessor(const struct graph *graph, const unsigned *waits,
                                    unsigned at)
{
    graph_for_each (link, graph, at)
        if (link->is & LINK_AFTER && waits[link->to] > 0)
            return link->to;
    return at;
}

static unsigned cycle_length(const struct graph *graph, const unsigned *waits, unsigned start)
{
    unsigned length = 1;

    for (unsigned at = knotted_predecessor(graph, waits, start); at != start; length++)
        at = knotted_predecessor(graph, waits, at);
    return length;
}

static int show_cycle(const struct builder *b, const unsigned *waits, struct coop_err *err)
{
    const struct svc_spec *first;
    char path[300] = "";
    unsigned at = 0, length;
    size_t used = 0;

    while (waits[at] == 0)
        at++;
    for (unsigned i = 0; i < b->graph.count; i++) /* more steps than nodes: on the cycle now */
        at = knotted_predecessor(&b->graph, waits, at);
    first = b->specs[at];
    length = cycle_length(&b->graph, waits, at);
    for (unsigned i = 0; i < length && i < CYCLE_SHOWN_MAX && used < sizeof path; i++) {
        const struct svc_spec *spec = b->specs[at];

        used += (size_t)snprintf(path + used, sizeof path - used, "%s (%s:%u) -> ", spec->name,
                                 spec->file, spec->line);
        at = knotted_predecessor(&b->graph, waits, at);
    }
    coop_fail(err, COOP_E_CYCLE, "%s:%u: dependency cycle: %s%s%s", first->file, first->line,
              path, length > CYCLE_SHOWN_MAX ? "... -> " : "", first->name);
    return coop_hint(err,
                     "'a -> b' means a comes after b; take one After= or Before= of them out%s",
                     b->order_count ? " (the order of Members= in a [Group] counts, too)" : "");
}

static int order_nodes(struct builder *b, struct coop_err *err)
{
    SCOPED_FREE unsigned *waits = calloc(b->graph.count + 1, sizeof *waits);

    b->graph.order = calloc(b->graph.count + 1, sizeof *b->graph.order);
    if (!waits || !b->graph.order)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the dependency graph");
    if (sort(&b->graph, waits) < b->graph.count)
        return show_cycle(b, waits, err);
    return 0;
}

/* ---- the public calls ---- */

void graph_done(struct graph *graph)
{
    for (unsigned i = 0; graph->nodes && i < graph->count; i++)
        free(graph->nodes[i].links);
    free(graph->nodes);
    free(graph->order);
    *graph = (struct graph){0};
}

static int build(struct builder *b, size_t count, struct coop_err *err)
{
    b->graph.nodes = calloc(count + 1, sizeof *b->graph.nodes);
    if (!b->graph.nodes)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the dependency graph");
    b->graph.count = (unsigned)count;
    if (index_names(&b->index, b->specs, count, err) < 0)
        return -1;
    for (unsigned i = 0; i < b->graph.count; i++)
        if (add_links(b, i, err) < 0)
            return -1;
    for (size_t i = 0; i < b->order_count; i++)
        if (add_link(&b->graph, b->orders[i].then, b->orders[i].first, LINK_AFTER, LINK_BEFORE,
                     err) < 0)
            return -1;
    return check_conflicts(b, err) < 0 ? -1 : order_nodes(b, err);
}

int graph_build(struct graph *ret_graph, struct svc_spec *const *specs, size_t count,
                struct coop_err *err)
{
    return graph_build_ordered(ret_graph, specs, count, NULL, 0, err);
}

int graph_build_ordered(struct graph *ret_graph, struct svc_spec *const *specs, size_t count,
                        const struct graph_order *orders, size_t order_count,
                        struct coop_err *err)
{
    struct builder b = {.specs = specs, .orders = orders, .order_count = order_count};
    int failed = build(&b, count, err);

    map_done(&b.index);
    if (failed) {
        graph_done(&b.graph);
        return -1;
    }
    *ret_graph = b.graph;
    return 0;
}

/* WantedBy=multi-user.target is no mistake; what must exist was an error. */
static bool warns(const struct link_key *key)
{
    return !key->must_exist && !(key->is & (LINK_WANTED_BY | LINK_REQUIRED_BY));
}

void graph_named(const struct svc_spec *spec, void (*fn)(void *arg, const char *name),
                 void *arg)
{
    for (size_t k = 0; k < COOP_COUNT(link_keys); k++) {
        const struct link_key *key = &link_keys[k];

        if (!key->must_exist && !(key->is & LINK_WANTS))
            continue;
        for (char **name = list_of(spec, key)->names.items; name && *name; name++)
            fn(arg, *name);
    }
}

void graph_unknown(struct svc_spec *const *specs, size_t count,
                   void (*fn)(void *arg, const struct svc_spec *spec, const char *key,
                              const struct name_list *list, const char *name),
                   void *arg)
{
    struct map index = {0};
    unsigned at;

    if (index_names(&index, specs, count, NULL) == 0)
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < COOP_COUNT(link_keys); k++) {
                const struct name_list *list = list_of(specs[i], &link_keys[k]);

                for (char **name = list->names.items; warns(&link_keys[k]) && name && *name;
                     name++)
                    if (find(&index, *name, &at) == 0)
                        fn(arg, specs[i], link_keys[k].key, list, *name);
            }
    map_done(&index);
}
