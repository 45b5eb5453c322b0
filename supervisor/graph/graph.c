/*
 * graph.c - names to links, links to an order, a knot to a sentence
 *
 * The order is Kahn's: take away what comes after nothing, again and again.  What is left over
 * when nothing can be taken away lies on a cycle or behind one; walking back along LINK_AFTER
 * from any of it must meet itself, and the part from there on is the cycle that is shown.
 */
#include "graph/graph.h"

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
    struct map index; /* name -> position + 1, as a pointer */
};

/* ---- names ---- */

bool graph_name(const char *written, size_t *ret_len)
{
    size_t len = strlen(written);

    if (str_ends_with(written, ".target"))
        return false;
    if (str_ends_with(written, ".service"))
        len -= strlen(".service");
    *ret_len = len;
    return true;
}

/* -1: a target, which is always reached; 0: no such service; 1: found. */
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

static int index_names(struct map *index, struct svc_spec *const *specs, size_t count,
                       struct coop_err *err)
{
    for (size_t i = 0; i < count; i++)
        if (map_put(index, specs[i]->name, (void *)(uintptr_t)(i + 1)) < 0)
            return coop_fail(err, COOP_E_LIMIT, "service '%s': cannot be indexed",
                             specs[i]->name);
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
    if (add_half(&graph->nodes[from], to, is, err) < 0)
        return -1;
    return add_half(&graph->nodes[to], from, back, err);
}

static int missing(const struct svc_spec *spec, const char *name, struct coop_err *err)
{
    coop_fail(err, COOP_E_UNKNOWN, "%s:%u: service '%s' requires '%s', which does not exist",
              spec->file, spec->requires.line, spec->name, name);
    return coop_hint(err, "define [Service %s], or use Wants= if it may be absent", name);
}

static int add_list(struct builder *b, unsigned from, const struct name_list *list, unsigned is,
                    unsigned back, struct coop_err *err)
{
    const struct svc_spec *spec = b->specs[from];
    unsigned to;

    for (char **name = list->names.items; name && *name; name++) {
        int found = find(&b->index, *name, &to);

        if (found == 0 && is == LINK_REQUIRES)
            return missing(spec, *name, err);
        if (found <= 0)
            continue;
        if (to == from && (is == LINK_AFTER || is == LINK_BEFORE || is == LINK_REQUIRES)) {
            coop_fail(err, COOP_E_CYCLE, "%s:%u: dependency cycle: %s -> %s", spec->file,
                      list->line, spec->name, spec->name);
            return coop_hint(err, "a service cannot wait for itself");
        }
        if (to != from && add_link(&b->graph, from, to, is, back, err) < 0)
            return -1;
    }
    return 0;
}

static int add_links(struct builder *b, unsigned at, struct coop_err *err)
{
    const struct svc_spec *spec = b->specs[at];

    if (add_list(b, at, &spec->requires, LINK_REQUIRES, LINK_REQUIRED_BY, err) < 0 ||
        add_list(b, at, &spec->wants, LINK_WANTS, LINK_WANTED_BY, err) < 0 ||
        add_list(b, at, &spec->after, LINK_AFTER, LINK_BEFORE, err) < 0 ||
        add_list(b, at, &spec->wanted_by, LINK_WANTED_BY, LINK_WANTS, err) < 0 ||
        add_list(b, at, &spec->required_by, LINK_REQUIRED_BY, LINK_REQUIRES, err) < 0)
        return -1;
    return add_list(b, at, &spec->before, LINK_BEFORE, LINK_AFTER, err);
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
                     "'a -> b' means a comes after b; take one After= or Before= of them out");
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
    return order_nodes(b, err);
}

int graph_build(struct graph *ret_graph, struct svc_spec *const *specs, size_t count,
                struct coop_err *err)
{
    struct builder b = {.specs = specs};
    int failed = build(&b, count, err);

    map_done(&b.index);
    if (failed) {
        graph_done(&b.graph);
        return -1;
    }
    *ret_graph = b.graph;
    return 0;
}

void graph_unknown(struct svc_spec *const *specs, size_t count,
                   void (*fn)(void *arg, const struct svc_spec *spec, const char *key,
                              unsigned line, const char *name),
                   void *arg)
{
    struct map index = {0};
    unsigned at;

    if (index_names(&index, specs, count, NULL) == 0)
        for (size_t i = 0; i < count; i++) {
            const struct {
                const char *key;
                const struct name_list *list;
            } lists[] = {{"Wants", &specs[i]->wants},
                         {"After", &specs[i]->after},
                         {"Before", &specs[i]->before}};

            for (size_t k = 0; k < COOP_COUNT(lists); k++)
                for (char **name = lists[k].list->names.items; name && *name; name++)
                    if (find(&index, *name, &at) == 0)
                        fn(arg, specs[i], lists[k].key, lists[k].list->line, *name);
        }
    map_done(&index);
}
