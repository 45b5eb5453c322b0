/*
 * The state table against a second table, drawn by hand, and the promises of its drawing.
 */
#include "service/fsm.h"

#include <criterion/criterion.h>
#include <string.h>

/* s: a step   ~: harmless   .: impossible      columns in enum order, WANT_UP .. BOUND_ASK */
static const char *const expected[SVC_PLACE_COUNT] = {
    /* clang-format off */
    /*                      wish deps  talk  cmd     main rel  step  order verdicts time dog bound */
    [AT_DOWN]          = "s~" "~.~" "..." "....." ".." ".." "..." "~." "...." "." "." "..",
    [AT_WAITING]       = "~s" "sss" "..." "....." ".." ".." "..." "~." "...." "." "." "..",
    [AT_START_PRE]     = "~s" "~.~" "~~~" "s...." "s." ".." "..." "~s" ".sss" "." "s" "ss",
    [AT_START_MAIN]    = "~s" "~.~" "s~s" "s..ss" "s." ".." "..." "~s" ".sss" "." "s" "ss",
    [AT_START_TREE]    = "~s" "~.~" "~~~" ".ss.." ".." ".." "..." "~." "...." "." "s" "s.",
    [AT_START_POST]    = "~s" "~.~" "s~s" "...s." "s." ".." "s.s" "~." "...." "s" "s" "ss",
    [AT_UP]            = "~s" "~.~" "~ss" "...s." "ss" "ss" "..." "~." "...." "s" "." "ss",
    [AT_UP_EXITED]     = "~s" "~.~" "~~~" "....." ".." ".." "..." "~." "...." "." "." "ss",
    [AT_RELOADING]     = "~s" "~.~" "s~s" "...s." "ss" ".." "..." "~." "...." "s" "s" "ss",
    [AT_RELOAD_SIGNAL] = "~s" "~.~" "~ss" "...s." "ss" ".." "..." "~." "...." "s" "s" "ss",
    [AT_RELOAD_STEP]   = "~s" "~.~" "~~s" "...s." "ss" ".." "sss" "~." "...." "s" "s" "ss",
    [AT_STOP_ORDER]    = "~~" "~.~" "~~~" "....." "ss" ".." "..." "s." "...." "." "." "ss",
    [AT_STOP_STEP]     = "~~" "~.~" "~~~" "....." "~." ".." "sss" "~." "...." "." "s" "s.",
    [AT_STOP_MAIN]     = "~~" "~.~" "~~~" "....." "s." ".." "..." "~." "...." "." "s" "s.",
    [AT_STOP_TREE]     = "~~" "~.~" "~~~" "....." ".." ".." "..." "~s" "ssss" "." "s" "s.",
    [AT_STOP_KILL]     = "~~" "~.~" "~~~" "....." "~." ".." "..." "~s" "ssss" "." "s" "~.",
    [AT_STOP_STUCK]    = "~~" "~.~" "~~~" "....." "~." ".." "..." "~s" "ssss" "." "." "~.",
    [AT_STOP_POST]     = "~~" "~.~" "~~~" "....." "s." ".." "..." "~." "...." "." "s" "s.",
    [AT_BACKOFF]       = "ss" "~.~" "..." "....." ".." ".." "..." "~." "...." "." "s" "..",
    [AT_DONE]          = "ss" "~.~" "..." "....." ".." ".." "..." "~." "...." "." "." "..",
    [AT_FAILED]        = "ss" "~.~" "..." "....." ".." ".." "..." "~." "...." "." "." "..",
    /* clang-format on */
};

static char kind_of(enum svc_place at, enum svc_event on)
{
    bool steps = svc_step(at, on) != NULL;
    bool ignored = svc_ignores(at, on);

    if (steps && ignored)
        return '!';
    return steps ? 's' : ignored ? '~' : '.';
}

Test(fsm, every_pair_is_a_step_or_harmless_or_impossible)
{
    for (int at = 0; at < SVC_PLACE_COUNT; at++) {
        cr_assert_eq(strlen(expected[at]), SVC_EVENT_COUNT);
        for (int on = 0; on < SVC_EVENT_COUNT; on++)
            cr_expect_eq(kind_of((enum svc_place)at, (enum svc_event)on), expected[at][on],
                         "%s on %s", svc_place_word((enum svc_place)at),
                         svc_event_word((enum svc_event)on));
    }
}

/* Where each step leads: the second half of the check, so that a row cannot change its aim. */
Test(fsm, steps_lead_where_the_drawing_says)
{
    static const struct {
        enum svc_place from;
        enum svc_event on;
        enum svc_place to;
        enum svc_act act;
    } told[] = {
        {AT_DOWN, EV_WANT_UP, AT_WAITING, DO_CHECK_DEPS},
        {AT_WAITING, EV_DEPS_UP, AT_START_MAIN, DO_SPAWN},
        {AT_WAITING, EV_DEPS_FAILED, AT_FAILED, DO_NOTHING},
        {AT_WAITING, EV_WANT_DOWN, AT_DOWN, DO_NOTHING},
        {AT_START_MAIN, EV_READY, AT_UP, DO_SETTLE},
        {AT_START_MAIN, EV_TIMEOUT, AT_STOP_MAIN, DO_SIG_STOP},
        {AT_START_MAIN, EV_WANT_DOWN, AT_STOP_ORDER, DO_ORDER},
        {AT_START_MAIN, EV_CMD_DONE, AT_START_TREE, DO_CLEAN_TREE},
        {AT_START_TREE, EV_NEXT, AT_START_MAIN, DO_SPAWN},
        {AT_UP, EV_MAIN_GONE, AT_STOP_TREE, DO_CLEAN_TREE},
        {AT_UP, EV_WANT_DOWN, AT_STOP_ORDER, DO_ORDER},
        {AT_STOP_ORDER, EV_ORDER_CLEAR, AT_STOP_MAIN, DO_SIG_STOP},
        {AT_WAITING, EV_PREPARE, AT_START_PRE, DO_SPAWN},
        {AT_START_PRE, EV_CMD_DONE, AT_START_TREE, DO_CLEAN_TREE},
        {AT_START_PRE, EV_MAIN_GONE, AT_STOP_TREE, DO_CLEAN_TREE},
        {AT_START_TREE, EV_NEXT_PRE, AT_START_PRE, DO_SPAWN},
        {AT_START_MAIN, EV_POST, AT_START_POST, DO_STEP},
        {AT_START_MAIN, EV_STOP_POST, AT_STOP_POST, DO_SPAWN_POST},
        {AT_START_POST, EV_READY, AT_UP, DO_SETTLE},
        {AT_START_POST, EV_STEP_NEXT, AT_START_POST, DO_NEXT_STEP},
        {AT_START_POST, EV_STEP_FAILED, AT_STOP_MAIN, DO_SIG_STOP},
        {AT_UP, EV_RELOAD, AT_RELOAD_STEP, DO_STEP},
        {AT_UP, EV_RELOAD_SIG, AT_RELOAD_SIGNAL, DO_SIG_RELOAD},
        {AT_RELOAD_SIGNAL, EV_RELOADING, AT_RELOADING, DO_NOTHING},
        {AT_RELOAD_SIGNAL, EV_TIMEOUT, AT_UP, DO_SETTLE},
        {AT_RELOAD_STEP, EV_STEP_DONE, AT_UP, DO_SETTLE},
        {AT_RELOAD_STEP, EV_STEP_FAILED, AT_UP, DO_SETTLE},
        {AT_RELOAD_STEP, EV_TIMEOUT, AT_RELOAD_STEP, DO_KILL_STEP},
        {AT_UP, EV_STOP_STEP, AT_STOP_STEP, DO_STEP},
        {AT_STOP_ORDER, EV_STOP_STEP, AT_STOP_STEP, DO_STEP},
        {AT_STOP_STEP, EV_STEP_DONE, AT_STOP_MAIN, DO_SIG_STOP},
        {AT_STOP_STEP, EV_STEP_FAILED, AT_STOP_MAIN, DO_SIG_STOP},
        {AT_STOP_STEP, EV_TIMEOUT, AT_STOP_MAIN, DO_SIG_STOP},
        {AT_STOP_TREE, EV_STOP_POST, AT_STOP_POST, DO_SPAWN_POST},
        {AT_STOP_POST, EV_MAIN_GONE, AT_STOP_TREE, DO_CLEAN_TREE},
        {AT_STOP_POST, EV_TIMEOUT, AT_STOP_KILL, DO_KILL_TREE},
        {AT_STOP_MAIN, EV_TIMEOUT, AT_STOP_KILL, DO_KILL_TREE},
        {AT_STOP_TREE, EV_TIMEOUT, AT_STOP_KILL, DO_KILL_TREE},
        {AT_STOP_TREE, EV_TREE_GONE, AT_DOWN, DO_NOTHING},
        {AT_STOP_TREE, EV_SUCCEEDED, AT_DONE, DO_NOTHING},
        {AT_STOP_TREE, EV_DIED, AT_BACKOFF, DO_ARM_BACKOFF},
        {AT_STOP_TREE, EV_HOPELESS, AT_FAILED, DO_NOTHING},
        {AT_STOP_KILL, EV_TIMEOUT, AT_STOP_STUCK, DO_NOTHING},
        {AT_START_MAIN, EV_BOUND, AT_STOP_KILL, DO_KILL_TREE},
        {AT_START_TREE, EV_BOUND, AT_STOP_KILL, DO_KILL_TREE},
        {AT_UP, EV_BOUND, AT_STOP_KILL, DO_KILL_TREE},
        {AT_UP_EXITED, EV_BOUND, AT_STOP_KILL, DO_KILL_TREE},
        {AT_RELOADING, EV_BOUND, AT_STOP_KILL, DO_KILL_TREE},
        {AT_STOP_ORDER, EV_BOUND, AT_STOP_KILL, DO_KILL_TREE},
        {AT_STOP_MAIN, EV_BOUND, AT_STOP_KILL, DO_KILL_TREE},
        {AT_STOP_TREE, EV_BOUND, AT_STOP_KILL, DO_KILL_TREE},
        {AT_UP, EV_BOUND_ASK, AT_STOP_MAIN, DO_SIG_BOUND},
        {AT_UP, EV_WATCHDOG, AT_STOP_MAIN, DO_SIG_WATCHDOG},
        {AT_BACKOFF, EV_TIMEOUT, AT_WAITING, DO_CHECK_DEPS},
        {AT_BACKOFF, EV_WANT_UP, AT_WAITING, DO_CHECK_DEPS},
        {AT_BACKOFF, EV_WANT_DOWN, AT_DOWN, DO_NOTHING},
        {AT_FAILED, EV_WANT_UP, AT_WAITING, DO_CHECK_DEPS},
    };

    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        const struct svc_edge *edge = svc_step(told[i].from, told[i].on);

        cr_assert_not_null(edge, "row %zu", i);
        cr_expect_eq(edge->to, told[i].to, "row %zu", i);
        cr_expect_eq(edge->act, told[i].act, "row %zu", i);
    }
}

Test(fsm, no_pair_has_two_rows)
{
    for (unsigned i = 0; i < svc_edge_count; i++)
        for (unsigned k = i + 1; k < svc_edge_count; k++)
            cr_expect(svc_edges[i].from != svc_edges[k].from ||
                      svc_edges[i].on != svc_edges[k].on);
}

Test(fsm, every_row_has_a_reason)
{
    for (unsigned i = 0; i < svc_edge_count; i++)
        cr_expect(svc_edges[i].why && svc_edges[i].why[0]);
}

/* One round of "whoever leads to a marked place is marked". */
static bool spread(bool *marked, bool backwards)
{
    bool grew = false;

    for (unsigned i = 0; i < svc_edge_count; i++) {
        enum svc_place here = backwards ? svc_edges[i].to : svc_edges[i].from;
        enum svc_place there = backwards ? svc_edges[i].from : svc_edges[i].to;

        if (marked[here] && !marked[there])
            grew = marked[there] = true;
    }
    return grew;
}

Test(fsm, every_place_can_be_reached_and_can_reach_down)
{
    bool reached[SVC_PLACE_COUNT] = {[AT_DOWN] = true};
    bool returns[SVC_PLACE_COUNT] = {[AT_DOWN] = true};

    while (spread(reached, false))
        ;
    while (spread(returns, true))
        ;
    for (int at = 0; at < SVC_PLACE_COUNT; at++) {
        cr_expect(reached[at], "%s", svc_place_word((enum svc_place)at));
        cr_expect(returns[at], "%s", svc_place_word((enum svc_place)at));
    }
}

Test(fsm, nothing_but_a_wish_leaves_failed_done_and_down)
{
    for (unsigned i = 0; i < svc_edge_count; i++) {
        enum svc_place from = svc_edges[i].from;

        if (from == AT_FAILED || from == AT_DONE || from == AT_DOWN)
            cr_expect(svc_edges[i].on == EV_WANT_UP || svc_edges[i].on == EV_WANT_DOWN);
    }
}

/* Where processes may live: nothing is spawned from there but the next command before main, or
 * after the end, and nothing at rest is reached from there but through an empty tree. */
Test(fsm, only_an_empty_tree_leads_out_of_a_running_service)
{
    for (unsigned i = 0; i < svc_edge_count; i++) {
        enum svc_state from = svc_place_state(svc_edges[i].from);
        enum svc_state to = svc_place_state(svc_edges[i].to);
        enum svc_event on = svc_edges[i].on;
        bool lives = from == ST_UP || from == ST_RELOADING || from == ST_STOPPING;
        bool rests = to == ST_DOWN || to == ST_BACKOFF || to == ST_DONE || to == ST_FAILED;

        if (lives && rests)
            cr_expect(on == EV_TREE_GONE || on == EV_SUCCEEDED || on == EV_DIED ||
                      on == EV_HOPELESS);
        if (lives)
            cr_expect(svc_edges[i].act != DO_SPAWN);
        if (svc_edges[i].act == DO_SPAWN_POST)
            cr_expect(on == EV_STOP_POST);
    }
}

Test(fsm, states_and_substates_have_their_contract_words)
{
    static const char *const words[] = {"down",     "waiting", "starting", "up",    "reloading",
                                        "stopping", "backoff", "done",     "failed"};

    for (int i = 0; i < SVC_STATE_COUNT; i++)
        cr_expect_str_eq(svc_state_word((enum svc_state)i), words[i]);
    cr_expect_str_eq(svc_place_sub(AT_STOP_KILL), "final-kill");
    cr_expect_str_eq(svc_place_sub(AT_STOP_TREE), "tree");
    cr_expect_str_eq(svc_place_sub(AT_UP), "main");
    cr_expect_str_eq(svc_place_sub(AT_DOWN), "");
}
