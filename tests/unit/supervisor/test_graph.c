/*
 * Names to links, links to an order, knots to a sentence.
 */
#include "graph/graph.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 2000 };

static struct svc_spec *specs[MANY];
static size_t count;

static struct svc_spec *add(const char *name)
{
    struct svc_spec *spec = svc_spec_new();

    spec->name = strdup(name);
    spec->file = strdup("a.ini");
    spec->line = (unsigned)count * 10 + 1;
    return specs[count++] = spec;
}

static void list(struct name_list *names, const char *name)
{
    strlist_add(&names->names, name);
    names->line = 7;
}

static void clean(void)
{
    while (count > 0)
        svc_spec_unref(specs[--count]);
}

static unsigned place(const struct graph *graph, unsigned node)
{
    for (unsigned i = 0; i < graph->count; i++)
        if (graph->order[i] == node)
            return i;
    return UINT32_MAX;
}

Test(graph, order_puts_each_after_what_it_comes_after)
{
    struct coop_err err = {0};
    struct graph graph;
    struct svc_spec *a = add("a"), *b = add("b"), *c = add("c");

    list(&a->after, "b.service");
    list(&c->before, "b");
    list(&b->wants, "nobody");
    list(&b->after, "network.target");
    cr_assert_eq(graph_build(&graph, specs, count, &err), 0, "%s", err.text);
    cr_expect(place(&graph, 2) < place(&graph, 1));
    cr_expect(place(&graph, 1) < place(&graph, 0));
    cr_expect_eq(graph.nodes[0].links[0].is, LINK_AFTER);
    cr_expect_eq(graph.nodes[1].count, 2);
    graph_done(&graph);
    clean();
}

Test(graph, requirement_is_no_order)
{
    struct graph graph;
    struct svc_spec *a = add("a"), *b = add("b");

    list(&a->requires, "b");
    list(&b->requires, "a");
    cr_assert_eq(graph_build(&graph, specs, count, NULL), 0);
    cr_expect_eq(graph.nodes[0].links[0].is, LINK_REQUIRES | LINK_REQUIRED_BY);
    graph_done(&graph);
    clean();
}

Test(graph, a_cycle_is_told_with_all_its_members_and_places)
{
    struct coop_err err = {0};
    struct graph graph;
    struct svc_spec *a = add("a"), *b = add("b"), *c = add("c"), *d = add("d");

    list(&a->after, "b");
    list(&b->after, "c");
    list(&c->after, "a");
    list(&d->after, "a"); /* behind the knot, not in it */
    cr_assert_eq(graph_build(&graph, specs, count, &err), -1);
    cr_expect_eq(err.code, COOP_E_CYCLE);
    cr_expect(strstr(err.text, "a (a.ini:1)") && strstr(err.text, "b (a.ini:11)") &&
                  strstr(err.text, "c (a.ini:21)"),
              "%s", err.text);
    cr_expect_not(strstr(err.text, "d ("), "%s", err.text);
    clean();
}

Test(graph, a_service_cannot_wait_for_itself)
{
    struct coop_err err = {0};
    struct graph graph;

    list(&add("a")->after, "a");
    cr_assert_eq(graph_build(&graph, specs, count, &err), -1);
    cr_expect_eq(err.code, COOP_E_CYCLE);
    cr_expect(strstr(err.text, "a.ini:7: dependency cycle: a -> a"), "%s", err.text);
    clean();
}

Test(graph, a_missing_required_service_is_an_error_with_its_place)
{
    struct coop_err err = {0};
    struct graph graph;

    list(&add("a")->requires, "db");
    cr_assert_eq(graph_build(&graph, specs, count, &err), -1);
    cr_expect_eq(err.code, COOP_E_UNKNOWN);
    cr_expect(strstr(err.text, "a.ini:7: service 'a' has Requires=db, which does not exist"),
              "%s", err.text);
    clean();
}

/* Each key: what stands on the side that writes it, and on the other. */
static const struct {
    const char *key;
    size_t list;
    unsigned is, back;
} keys[] = {
    {"Requires", offsetof(struct svc_spec, requires), LINK_REQUIRES, LINK_REQUIRED_BY},
    {"Requisite", offsetof(struct svc_spec, requisite), LINK_REQUISITE, LINK_REQUIRED_BY},
    {"BindsTo", offsetof(struct svc_spec, binds_to), LINK_REQUIRES,
     LINK_REQUIRED_BY | LINK_BINDS},
    {"PartOf", offsetof(struct svc_spec, part_of), 0, LINK_HAS_PART},
    {"Wants", offsetof(struct svc_spec, wants), LINK_WANTS, LINK_WANTED_BY},
    {"Conflicts", offsetof(struct svc_spec, conflicts), LINK_CONFLICTS, LINK_CONFLICTS},
    {"After", offsetof(struct svc_spec, after), LINK_AFTER, LINK_BEFORE},
    {"Before", offsetof(struct svc_spec, before), LINK_BEFORE, LINK_AFTER},
    {"OnFailure", offsetof(struct svc_spec, on_failure), LINK_ON_FAILURE, 0},
    {"OnSuccess", offsetof(struct svc_spec, on_success), LINK_ON_SUCCESS, 0},
    {"WantedBy", offsetof(struct svc_spec, wanted_by), LINK_WANTED_BY, LINK_WANTS},
    {"RequiredBy", offsetof(struct svc_spec, required_by), LINK_REQUIRED_BY, LINK_REQUIRES},
};

static unsigned bits(const struct graph *graph, unsigned from)
{
    return graph->nodes[from].count ? graph->nodes[from].links[0].is : 0;
}

Test(graph, each_key_is_a_link_on_both_sides)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct coop_err err = {0};
        struct graph graph;
        struct svc_spec *a = add("a");

        add("b")->auto_start = AUTO_NO;
        list((struct name_list *)(void *)((char *)a + keys[i].list), "b");
        cr_assert_eq(graph_build(&graph, specs, count, &err), 0, "%s", err.text);
        cr_expect_eq(bits(&graph, 0), keys[i].is, "%s", keys[i].key);
        cr_expect_eq(bits(&graph, 1), keys[i].back, "%s", keys[i].key);
        graph_done(&graph);
        clean();
    }
}

static void expect_refused(const char *part)
{
    struct coop_err err = {0};
    struct graph graph;

    cr_assert_eq(graph_build(&graph, specs, count, &err), -1);
    cr_expect(strstr(err.text, part), "%s", err.text);
    cr_expect(err.hint[0]);
    clean();
}

Test(graph, a_handler_that_does_not_exist_is_an_error)
{
    list(&add("a")->on_failure, "mail");
    expect_refused("a.ini:7: service 'a' has OnFailure=mail, which does not exist");
}

Test(graph, a_service_is_not_in_conflict_with_itself)
{
    list(&add("a")->conflicts, "a");
    expect_refused("a.ini:7: Conflicts= of 'a' names itself");
}

Test(graph, what_is_in_conflict_cannot_both_start_with_coopd)
{
    struct svc_spec *a = add("a"), *b = add("b"), *c = add("c");

    b->auto_start = c->auto_start = AUTO_NO;
    list(&c->conflicts, "a");
    list(&a->wants, "b"); /* a pulls b, and b pulls c */
    list(&b->requires, "c");
    expect_refused("a.ini:7: Conflicts=: 'a' and 'c' cannot be up at once, but both start");
}

Test(graph, what_is_in_conflict_cannot_be_required)
{
    struct svc_spec *a = add("a");

    add("b")->auto_start = AUTO_NO;
    list(&a->conflicts, "b");
    list(&a->binds_to, "b");
    expect_refused("'a' and 'b' cannot be up at once, but one requires the other");
}

Test(graph, two_thousand_in_a_chain_are_ordered)
{
    struct graph graph;

    for (int i = 0; i < MANY; i++) {
        char name[16], next[16];

        snprintf(name, sizeof name, "s%d", i);
        snprintf(next, sizeof next, "s%d", i + 1);
        add(name);
        if (i + 1 < MANY)
            list(&specs[i]->after, next);
    }
    cr_assert_eq(graph_build(&graph, specs, count, NULL), 0);
    cr_expect_eq(graph.order[0], MANY - 1);
    cr_expect_eq(graph.order[MANY - 1], 0);
    graph_done(&graph);
    clean();
}
