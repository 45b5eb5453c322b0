#ifndef COOP_GROUP_INSIDE_H
#define COOP_GROUP_INSIDE_H

#include <stdatomic.h>

#include "coop/actor.h"
#include "coop/sync.h"
#include "group/group.h"
#include "service/backoff.h"
#include "service/svc.h"

/*
 * inside.h - the inside of a group; private to group/
 *
 * All of it belongs to the group's handler, but for what is marked.
 */

enum group_msg_kind {
    GROUP_MSG_DEATH = 1, /* in struct svc: a member has failed                        */
    GROUP_MSG_FELL,      /* in struct group: a group that is a member has failed      */
    GROUP_MSG_NUDGE,     /* a member has moved                                        */
    GROUP_MSG_CHANGE,    /* struct group_change_msg, ours to free                     */
    GROUP_MSG_GO_ON,     /* the services know what an earlier coopd left              */
    GROUP_MSG_CLEAR,     /* somebody starts it by hand                                */
    GROUP_MSG_REVIVE,    /* the group that it is in starts it again                   */
    GROUP_MSG_QUIET,     /* struct quiet_msg, ours to free: only to be answered        */
    GROUP_MSG_FREE       /* the last reference is gone                                */
};

struct group_change_msg {
    struct coop_msg msg;
    struct group_spec rule; /* numbers only */
    bool has_rule;
    struct group_members *members;
    bool *held; /* of each leaf: a hold of ours is on it already; NULL: of none */
};

/* To the group that it is in. */
struct group_fell {
    struct coop_msg msg;
    atomic_bool on_its_way; /* anyone */
    coop_nsec at;
    struct group *who;
};

struct group {
    atomic_uint refs; /* anyone */
    struct coop_actor actor;
    struct svc_world *world;
    struct coop_msg nudge, go_on, clear, revive, free_me;
    struct group_fell fell;
    struct group_members *members;
    bool *held; /* of each leaf: it may not start before the round is over */
    int strategy;
    unsigned intensity;
    coop_nsec period;
    bool essential;
    enum group_phase phase;
    bool restored; /* what the services show is not what an earlier coopd left, yet */
    unsigned from; /* the first member of the round */
    char from_name[SVC_NAME_MAX + 1]; /* ... as an earlier coopd has written it */
    coop_nsec since;
    struct start_window deaths;
    struct saved_starts saved_deaths; /* of an earlier coopd, until the rule is known */
    int exit_status;                  /* of the member that failed last */
    struct coop_mutex lock;           /* guards 'view', which anyone reads */
    struct group_view view;
};

/* Who has failed, as the log names it. */
struct group_culprit {
    const char *name, *why;
    unsigned member;
};

/* round.c */
void group_begin_round(struct group *group, const struct group_culprit *who);
void group_fail(struct group *group, const struct group_culprit *who, bool gave_up);
void group_revive(struct group *group, bool by_hand);
void group_go_on_with(struct group *group); /* GROUP_MSG_GO_ON */
void group_check(struct group *group);      /* are all down for whom the phase waits? */
bool group_is_in_round(const struct group *group, unsigned member);

/* group.c */
void group_enter(struct group *group, enum group_phase phase, const char *reason);
void group_note(struct group *group); /* into the journal */

#endif
