/*
 * round.c - members stopped and started again together, or stopped for good
 *
 * A ROUND.  Who starts passes `waiting`, and there it is held while somebody holds it (svc_hold).
 * So first every member of the round is held, then the commands go out: "restart", as an operator
 * would say it.  They stop in the reverse of their order, because that is a graph's order (an
 * implied After=), come back to `waiting`, and stay there.  When no process of any of them is left,
 * the holds are taken away and the graph orders the start.
 *
 * THE FAILURE OF A GROUP.  All members are told to stop, and each remembers that its group did it
 * and not an operator (svc->revive), for when the group that this one is in starts it again.
 *
 * WHAT SURVIVES.  The phase is in the journal before the first command goes out, and the end of a
 * round before the first hold is taken away: so what the next coopd finds in a round has not
 * started anything of it yet, and it may say all commands once more.
 */
#include "group/inside.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "coop/coro.h"
#include "text/units.h"

/* ---- members ---- */

bool group_is_in_round(const struct group *group, unsigned member)
{
    return group->phase == GROUP_ROUND && member >= group->from;
}

static bool read_leaf(const struct group *group, unsigned i, struct svc_view *ret_view)
{
    return board_read(group->world->board, svc_slot(group->members->leaves[i].svc), ret_view);
}

/* Is nothing of it left that was told to stop? */
static bool has_stopped(const struct group *group, unsigned i)
{
    struct svc_view view;
    enum svc_state state;

    if (atomic_load(&group->members->leaves[i].svc->leaving) > 0)
        return false;
    if (!read_leaf(group, i, &view))
        return true;
    state = svc_place_state(view.place);
    if (state == ST_STOPPING)
        return view.place == AT_STOP_STUCK;
    return view.wanted_up || (state != ST_STARTING && state != ST_UP && state != ST_RELOADING);
}

static void hold_from(struct group *group, unsigned member)
{
    for (unsigned i = 0; i < group->members->leaf_count; i++)
        if (group->members->leaves[i].member >= member && !group->held[i]) {
            group->held[i] = true;
            svc_hold(group->members->leaves[i].svc);
        }
}

static void release_all(struct group *group)
{
    for (unsigned i = 0; i < group->members->leaf_count; i++)
        if (group->held[i]) {
            group->held[i] = false;
            svc_release(group->members->leaves[i].svc);
        }
}

/* To those of them that are wanted up: all are counted before the first one hears of it, so that
 * nobody takes a neighbour for staying.  How many. */
static unsigned command_from(struct group *group, unsigned member, enum svc_command_kind kind)
{
    const struct group_members *all = group->members;
    struct svc_command command = {.kind = kind, .for_good = !all->parent};
    unsigned count = 0;

    str_copy(command.group, sizeof command.group, group_name(group));
    for (int pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < all->leaf_count; i++) {
            struct svc *svc = all->leaves[i].svc;
            struct svc_view view;

            if (all->leaves[i].member < member)
                continue;
            if (pass == 0) {
                if (kind == CMD_STOP && read_leaf(group, i, &view) && view.wanted_up)
                    atomic_store(&svc->revive, true);
                svc_announce(svc, kind);
                count++;
            } else if (svc_command_announced(svc, &command) < 0) {
                log_error("group", "%s: out of memory, %s is left alone", group_name(group),
                          svc_name(svc));
            }
        }
    return count;
}

/* ---- a round ---- */

void group_begin_round(struct group *group, const struct group_culprit *who)
{
    unsigned from = group_first_of_round((enum group_strategy)group->strategy, who->member);
    char reason[240];
    unsigned count;

    group->from = group->phase == GROUP_ROUND && group->from < from ? group->from : from;
    str_format(reason, sizeof reason, "%s: '%s' has failed: %s",
               group_strategy_word(group->strategy), who->name, who->why);
    group->view.rounds++;
    group_enter(group, GROUP_ROUND, reason);
    hold_from(group, group->from);
    count = command_from(group, group->from, CMD_RESTART);
    log_warn("group",
             "%s: %s; %u members are stopped and started again as far as they are wanted",
             group_name(group), reason, count);
    group_check(group);
}

/* ---- the failure of the group ---- */

void group_fail(struct group *group, const struct group_culprit *who, bool gave_up)
{
    char reason[240], period[UNITS_TEXT];

    if (gave_up)
        str_format(reason, sizeof reason, "'%s' has given up: %s", who->name, who->why);
    else
        str_format(reason, sizeof reason, "more than %u failures in %s, the last of '%s': %s",
                   group->intensity, units_render_duration(group->period, period), who->name,
                   who->why);
    window_clear(&group->deaths);
    group_enter(group, GROUP_FAILING, reason);
    log_error("group", "%s: has failed: %s; all members are stopped", group_name(group),
              reason);
    command_from(group, 0, CMD_STOP);
    group_check(group);
}

/* It is down: who answers for it? */
static void tell_upwards(struct group *group)
{
    struct group *parent = group->members->parent;

    if (parent) {
        if (atomic_exchange(&group->fell.on_its_way, true))
            return;
        group->fell.at = group->since;
        group->fell.who = group_ref(group);
        coop_post(&parent->actor, &group->fell.msg);
    } else if (group->essential && group->world->over) {
        group->world->over(group->world, group_name(group), group->exit_status);
    }
}

/* ---- on ---- */

void group_check(struct group *group)
{
    if (group->restored || (group->phase != GROUP_ROUND && group->phase != GROUP_FAILING))
        return;
    for (unsigned i = 0; i < group->members->leaf_count; i++)
        if ((group->phase == GROUP_FAILING || group->held[i]) && !has_stopped(group, i))
            return;
    if (group->phase == GROUP_ROUND) {
        log_info("group", "%s: all that were to stop are down, and start again",
                 group_name(group));
        group_enter(group, GROUP_STEADY, group->view.reason);
        release_all(group);
        return;
    }
    group_enter(group, GROUP_FAILED, group->view.reason);
    release_all(group);
    tell_upwards(group);
}

void group_revive(struct group *group, bool by_hand)
{
    struct group_members *all = group->members;

    window_clear(&group->deaths);
    if (group->phase != GROUP_ROUND)
        group_enter(group, GROUP_STEADY, by_hand ? "started by hand" : "started again");
    for (unsigned i = 0; i < all->child_count; i++)
        coop_post(&all->children[i].group->actor, &all->children[i].group->clear);
    if (by_hand) {
        if (group->phase != GROUP_ROUND)
            release_all(group);
        return;
    }
    log_info("group", "%s: the members that failed with it start again", group_name(group));
    command_from(group, 0, CMD_START);
    release_all(group);
}

void group_go_on_with(struct group *group)
{
    group->restored = false;
    switch (group->phase) {
    case GROUP_ROUND:
        log_info("group", "%s: goes on with the round of an earlier coopd", group_name(group));
        command_from(group, group->from, CMD_RESTART);
        break;
    case GROUP_FAILING: command_from(group, 0, CMD_STOP); break;
    case GROUP_FAILED: tell_upwards(group); break;
    case GROUP_STEADY:
    case GROUP_PHASES: break;
    }
    group_check(group);
}
