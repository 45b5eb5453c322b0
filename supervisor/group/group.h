#ifndef COOP_GROUP_H
#define COOP_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "config/groups.h"
#include "coop/time.h"
#include "events/board.h"
#include "group/policy.h"
#include "service/saved.h"

/*
 * group.h - services that fail together: an actor with a mailbox
 *
 * A member that has failed waits with its next start until its group has answered: "go", or "go
 * when the others are down, too".  The group counts, asks policy.h, and posts commands to its
 * members; what they do with them is theirs.  A group that has failed is a failed member of the
 * group that it is in.
 *
 *     struct group *group = group_new(world, spec);
 *     group_change(group, spec, members);     who belongs to it; again at each reload
 *     ...
 *     group_change(group, NULL, NULL);
 *     group_unref(group);
 *
 * Threads   All calls from any coroutine; none waits but for group_look()'s short lock.
 * Memory    Members hold a reference on their group (svc_links), groups on their members; an empty
 *           group_change() takes both apart.
 */

struct coop_chan;
struct group;
struct svc;
struct svc_world;

/* Who belongs to a group, with a reference on each. */
struct group_members {
    struct group *parent; /* NULL: none */
    unsigned leaf_count, child_count;
    struct {
        struct svc *svc;
        unsigned member; /* place in Members= */
        bool direct;
    } * leaves;
    struct {
        struct group *group;
        unsigned member;
    } * children;
};

/* What anybody may know of it. */
struct group_view {
    char name[SVC_NAME_MAX + 1];
    enum group_phase phase;
    int strategy, intensity; /* enum group_strategy */
    coop_nsec period;
    unsigned failures,
        rounds;         /* since coopd began: counted ones, and how often it went round */
    int64_t since_wall; /* when it came to this phase, in ns since 1970 */
    char reason[240];   /* why it is there; "" : nothing has happened   */
};

/* One reference, no members; NULL: no memory. */
struct group *group_new(struct svc_world *world, const struct group_spec *spec);
struct group *group_ref(struct group *group);
void group_unref(struct group *group); /* accepts NULL */

/* What an earlier coopd left; before the first group_change(). */
void group_restore(struct group *group, const struct saved_group *was);
/* ... and after the services know what it left: goes on with it. */
void group_go_on(struct group *group);

/* Takes 'members' over (NULL: none); 'spec' is only read (NULL: unchanged).  0 or -ENOMEM. */
int group_change(struct group *group, const struct group_spec *spec,
                 struct group_members *members);

struct group_members *group_members_new(unsigned leaves, unsigned children);
void group_members_free(struct group_members *members); /* accepts NULL; drops the references */

/* Somebody starts it by hand: no failure counts any more. */
void group_clear(struct group *group);

/* From a member's handler: it has failed and now waits for our answer. */
void group_tell_failure(struct group *group, struct svc *svc);
/* From a member's handler: it has moved. */
void group_nudge(struct group *group);

/* Its reply says that it has handled all that came before (svc_quiet()).  0 or -ENOMEM. */
int group_round(struct group *group, struct coop_chan *reply);

const char *group_name(const struct group *group);
void group_look(struct group *group, struct group_view *ret_view);

#endif
