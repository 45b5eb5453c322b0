/*
 * group.c - a group's mailbox: who is a member, who has failed, who is to know (see group.h)
 *
 * THE ONE RACE.  A member that has failed must not start before its group has decided that the
 * others stop first.  So it holds itself (svc_hold) before it tells, and the group, having put its
 * own hold on it or not, takes that one away.
 *
 * TOLD TWICE.  A coopd that is killed leaves members that wait for an answer which nobody has.
 * Under the next one they tell again, with the time of their failure; a time that is in the window
 * was counted and answered before.
 */
#include "group/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/coro.h"
#include "group/inside.h"
#include "journal.h"

/* ---- what is known of it ---- */

static int64_t wall_now(void)
{
    struct timespec now = {0};

    sys_clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec;
}

static const char *member_name(const struct group *group, unsigned member)
{
    const struct group_members *all = group->members;

    for (unsigned i = 0; i < all->leaf_count; i++)
        if (all->leaves[i].member == member && all->leaves[i].direct)
            return svc_name(all->leaves[i].svc);
    for (unsigned i = 0; i < all->child_count; i++)
        if (all->children[i].member == member)
            return group_name(all->children[i].group);
    return "-";
}

void group_note(struct group *group)
{
    struct saved_group state = {.phase = group->phase,
                                .since = group->since,
                                .since_wall = group->view.since_wall,
                                .exit_status = group->exit_status};

    if (!group->world->journal || atomic_load(&group->world->closing))
        return;
    str_copy(state.name, sizeof state.name, group->view.name);
    str_copy(state.from, sizeof state.from,
             group->phase == GROUP_ROUND ? member_name(group, group->from) : "-");
    state.deaths.count = window_last(&group->deaths, state.deaths.at, SAVED_STARTS_MAX);
    journal_group(group->world->journal, &state);
}

void group_enter(struct group *group, enum group_phase phase, const char *reason)
{
    char text[sizeof group->view.reason];

    str_copy(text, sizeof text, reason); /* it may be the view's own */
    group->since = coop_now();
    coop_mutex_lock(&group->lock);
    group->view.phase = group->phase = phase;
    group->view.since_wall = wall_now();
    str_copy(group->view.reason, sizeof group->view.reason, text);
    coop_mutex_unlock(&group->lock);
    group_note(group);
}

const char *group_name(const struct group *group)
{
    return group->view.name;
}

void group_look(struct group *group, struct group_view *ret_view)
{
    coop_mutex_lock(&group->lock);
    *ret_view = group->view;
    coop_mutex_unlock(&group->lock);
}

/* ---- a failure ---- */

static bool was_counted(const struct group *group, coop_nsec at)
{
    for (unsigned i = 0; i < group->deaths.count; i++)
        if (group->deaths.starts[i] == at)
            return true;
    return false;
}

static bool allows(const struct group *group, coop_nsec at)
{
    return group->intensity > 0 &&
           window_allows(&group->deaths, at, group->period, group->intensity);
}

static enum group_answer judge(struct group *group, const struct group_culprit *who,
                               coop_nsec at, bool gave_up)
{
    struct group_failure failure = {.covered = group_is_in_round(group, who->member),
                                    .within = allows(group, at),
                                    .gave_up = gave_up,
                                    .answered = was_counted(group, at)};
    enum group_answer answer =
        group_answer(group->phase, (enum group_strategy)group->strategy, &failure);

    if (group_counts(group->phase, &failure)) {
        window_note(&group->deaths, at, group->intensity);
        group->view.failures++;
    }
    switch (answer) {
    case GROUP_GO:
        if (group->phase == GROUP_FAILED)
            group_enter(group, GROUP_STEADY, "a member was started by hand");
        group_note(group);
        break;
    case GROUP_GO_ROUND: group_begin_round(group, who); break;
    case GROUP_FAIL: group_fail(group, who, gave_up); break;
    case GROUP_JOIN:
    case GROUP_LEAVE: break;
    }
    return answer;
}

/* Which member it is, or belongs to; false: none any more. */
static bool find_leaf(const struct group *group, const struct svc *svc, unsigned *ret_member)
{
    for (unsigned i = 0; i < group->members->leaf_count; i++)
        if (group->members->leaves[i].svc == svc) {
            *ret_member = group->members->leaves[i].member;
            return true;
        }
    return false;
}

static int exit_status_of(const struct svc_view *view)
{
    const struct ending ending = {.kind = (enum svc_exit_kind)view->exit_kind,
                                  .value = view->exit_value};
    int status = policy_exit_status(&ending);

    return status == EXIT_SUCCESS ? EXIT_FAILURE : status;
}

static void on_death(struct group *group, struct svc_death *death)
{
    struct svc *svc = death->svc;
    struct svc_view view = {0};
    struct group_culprit who = {.name = svc_name(svc), .why = view.reason};
    coop_nsec at = death->at;
    bool gave_up = death->gave_up;

    atomic_store(&death->on_its_way, false);
    if (!atomic_load(&group->world->closing) && find_leaf(group, svc, &who.member)) {
        if (board_read(group->world->board, svc_slot(svc), &view))
            group->exit_status = exit_status_of(&view);
        judge(group, &who, at, gave_up);
    }
    svc_release(svc);
    svc_unref(svc);
}

static void on_fell(struct group *group, struct group_fell *fell)
{
    struct group *child = fell->who;
    const struct group_members *all = group->members;
    struct group_culprit who = {.name = group_name(child)};
    coop_nsec at = fell->at;
    enum group_answer answer = GROUP_LEAVE;
    struct group_view view;

    atomic_store(&fell->on_its_way, false);
    group_look(child, &view);
    who.why = view.reason;
    for (unsigned i = 0; !atomic_load(&group->world->closing) && i < all->child_count; i++)
        if (all->children[i].group == child) {
            who.member = all->children[i].member;
            group->exit_status = child->exit_status;
            answer = judge(group, &who, at, false);
            break;
        }
    if (answer == GROUP_GO || answer == GROUP_GO_ROUND || answer == GROUP_JOIN)
        coop_post(&child->actor, &child->revive);
    group_unref(child);
}

/* ---- who belongs to it ---- */

struct group_members *group_members_new(unsigned leaves, unsigned children)
{
    struct group_members *members = calloc(1, sizeof *members);

    if (!members)
        return NULL;
    members->leaves = calloc(leaves + 1u, sizeof *members->leaves);
    members->children = calloc(children + 1u, sizeof *members->children);
    if (!members->leaves || !members->children) {
        group_members_free(members);
        return NULL;
    }
    members->leaf_count = leaves;
    members->child_count = children;
    return members;
}

void group_members_free(struct group_members *members)
{
    if (!members)
        return;
    for (unsigned i = 0; i < members->leaf_count; i++)
        svc_unref(members->leaves[i].svc);
    for (unsigned i = 0; i < members->child_count; i++)
        group_unref(members->children[i].group);
    group_unref(members->parent);
    free(members->leaves);
    free(members->children);
    free(members);
}

static bool is_held(const struct group *group, const struct svc *svc)
{
    for (unsigned i = 0; i < group->members->leaf_count; i++)
        if (group->members->leaves[i].svc == svc)
            return group->held[i];
    return false;
}

/* Who leaves in the middle of a round goes its own way; who comes takes no part in it. */
static void take_members(struct group *group, struct group_change_msg *change)
{
    struct group_members *old = group->members;
    bool *held = group->held;

    for (unsigned i = 0; i < change->members->leaf_count; i++)
        if (is_held(group, change->members->leaves[i].svc))
            change->held[i] = true;
    group->members = change->members;
    group->held = change->held;
    for (unsigned i = 0; i < old->leaf_count; i++)
        if (held[i] && !is_held(group, old->leaves[i].svc))
            svc_release(old->leaves[i].svc);
    group_members_free(old);
    free(held);
}

static void on_change(struct group *group, struct group_change_msg *change)
{
    if (change->has_rule) {
        coop_mutex_lock(&group->lock);
        group->view.strategy = group->strategy = change->rule.strategy;
        group->view.intensity = change->rule.intensity;
        group->view.period = group->period = change->rule.period;
        coop_mutex_unlock(&group->lock);
        group->intensity = (unsigned)change->rule.intensity;
        group->essential = change->rule.essential;
        for (unsigned i = 0; i < group->saved_deaths.count; i++)
            window_note(&group->deaths, group->saved_deaths.at[i], group->intensity);
        group->saved_deaths.count = 0;
    }
    take_members(group, change);
    free(change);
    group_check(group);
}

static unsigned member_named(const struct group_members *members, const char *name)
{
    for (unsigned i = 0; i < members->leaf_count; i++)
        if (members->leaves[i].direct && strcmp(svc_name(members->leaves[i].svc), name) == 0)
            return members->leaves[i].member;
    for (unsigned i = 0; i < members->child_count; i++)
        if (strcmp(group_name(members->children[i].group), name) == 0)
            return members->children[i].member;
    return 0;
}

/* An earlier coopd was in the middle of a round: nothing of it starts before that is over. */
static void hold_restored(struct group *group, const struct group_change_msg *change)
{
    unsigned first = member_named(change->members, group->from_name);
    bool restored = group->from_name[0] != '\0';

    group->from_name[0] = '\0';
    if (!restored || group->phase != GROUP_ROUND)
        return;
    group->from = first;
    for (unsigned i = 0; i < change->members->leaf_count; i++)
        if (change->members->leaves[i].member >= group->from) {
            change->held[i] = true;
            svc_hold(change->members->leaves[i].svc);
        }
}

int group_change(struct group *group, const struct group_spec *spec,
                 struct group_members *members)
{
    struct group_change_msg *change = calloc(1, sizeof *change);

    if (change)
        change->members = members ? members : group_members_new(0, 0);
    if (change && change->members)
        change->held = calloc(change->members->leaf_count + 1u, sizeof *change->held);
    if (!change || !change->held) {
        group_members_free(change ? change->members : members);
        free(change);
        return -ENOMEM;
    }
    if (spec) {
        change->has_rule = true;
        change->rule = (struct group_spec){.strategy = spec->strategy,
                                           .intensity = spec->intensity,
                                           .period = spec->period,
                                           .essential = spec->essential};
    }
    hold_restored(group, change);
    coop_msg_init(&change->msg, GROUP_MSG_CHANGE);
    coop_post(&group->actor, &change->msg);
    return 0;
}

/* ---- the mailbox ---- */

static void free_group(struct group *group)
{
    struct svc_world *world = group->world;

    coop_actor_done(&group->actor);
    window_done(&group->deaths);
    group_members_free(group->members);
    free(group->held);
    free(group);
    coop_wg_done(&world->alive);
}

static void answer_round(struct quiet_msg *mail)
{
    const struct quiet_reply reply = {.record = NULL};

    coop_send(mail->reply, &reply, COOP_NOW);
    coop_chan_unref(mail->reply);
    free(mail);
}

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    struct group *group = actor->arg;

    if (msg->kind != GROUP_MSG_QUIET)
        atomic_fetch_add(&group->world->handled, 1); /* a re-execution waits for us, too */
    switch ((enum group_msg_kind)msg->kind) {
    case GROUP_MSG_DEATH: on_death(group, (struct svc_death *)(void *)msg); break;
    case GROUP_MSG_FELL: on_fell(group, (struct group_fell *)(void *)msg); break;
    case GROUP_MSG_NUDGE:
        group_check(group);
        if (group->members->parent)
            group_nudge(group->members->parent);
        break;
    case GROUP_MSG_CHANGE: on_change(group, (struct group_change_msg *)(void *)msg); break;
    case GROUP_MSG_GO_ON: group_go_on_with(group); break;
    case GROUP_MSG_CLEAR: group_revive(group, true); break;
    case GROUP_MSG_REVIVE: group_revive(group, false); break;
    case GROUP_MSG_QUIET: answer_round((struct quiet_msg *)(void *)msg); break;
    case GROUP_MSG_FREE: free_group(group); break;
    }
}

/* ---- the public calls ---- */

struct group *group_new(struct svc_world *world, const struct group_spec *spec)
{
    struct group *group = calloc(1, sizeof *group);

    if (group)
        group->members = group_members_new(0, 0);
    if (group && group->members)
        group->held = calloc(1, sizeof *group->held);
    if (!group || !group->held) {
        if (group)
            group_members_free(group->members);
        free(group);
        return NULL;
    }
    atomic_init(&group->refs, 1);
    group->world = world;
    str_copy(group->view.name, sizeof group->view.name, spec->name);
    group->view.since_wall = wall_now();
    group->since = coop_now();
    coop_actor_init(&group->actor, group->view.name, handle, group);
    coop_msg_init(&group->nudge, GROUP_MSG_NUDGE);
    coop_msg_init(&group->go_on, GROUP_MSG_GO_ON);
    coop_msg_init(&group->clear, GROUP_MSG_CLEAR);
    coop_msg_init(&group->revive, GROUP_MSG_REVIVE);
    coop_msg_init(&group->free_me, GROUP_MSG_FREE);
    coop_msg_init(&group->fell.msg, GROUP_MSG_FELL);
    coop_wg_add(&world->alive, 1);
    return group;
}

struct group *group_ref(struct group *group)
{
    atomic_fetch_add_explicit(&group->refs, 1, memory_order_relaxed);
    return group;
}

void group_unref(struct group *group)
{
    if (group && atomic_fetch_sub_explicit(&group->refs, 1, memory_order_acq_rel) == 1)
        coop_post(&group->actor, &group->free_me);
}

void group_restore(struct group *group, const struct saved_group *was)
{
    group->view.phase = group->phase = (enum group_phase)was->phase;
    group->since = was->since;
    group->view.since_wall = was->since_wall;
    group->exit_status = was->exit_status;
    str_copy(group->from_name, sizeof group->from_name, was->from);
    str_copy(group->view.reason, sizeof group->view.reason, "as an earlier coopd left it");
    group->saved_deaths = was->deaths;
    group->restored = true;
}

void group_go_on(struct group *group)
{
    coop_post(&group->actor, &group->go_on);
}

int group_round(struct group *group, struct coop_chan *reply)
{
    struct quiet_msg *mail = calloc(1, sizeof *mail);

    if (!mail)
        return -ENOMEM;
    coop_msg_init(&mail->msg, GROUP_MSG_QUIET);
    mail->reply = coop_chan_ref(reply);
    coop_post(&group->actor, &mail->msg);
    return 0;
}

void group_clear(struct group *group)
{
    coop_post(&group->actor, &group->clear);
}

void group_nudge(struct group *group)
{
    coop_post(&group->actor, &group->nudge);
}

void group_tell_failure(struct group *group, struct svc *svc)
{
    struct svc_death *death = &svc->death;

    if (atomic_exchange(&death->on_its_way, true))
        return;
    svc_hold(svc);
    death->svc = svc_ref(svc);
    coop_msg_init(&death->msg, GROUP_MSG_DEATH);
    coop_post(&group->actor, &death->msg);
}
