/*
 * membership.c - a service as a member of its group (group/group.h)
 *
 * It tells of two ends: one after which it would be started again, and giving up because its own
 * start limit is used up.  From then on it holds itself, and its group takes the hold away.
 */
#include "service/svc.h"

#include <stdlib.h>

#include "base/str.h"
#include "group/group.h"

static struct group *group_of(const struct svc *svc)
{
    return svc->links ? svc->links->group : NULL;
}

void svc_hold(struct svc *svc)
{
    atomic_fetch_add(&svc->hold, 1);
}

void svc_release(struct svc *svc)
{
    atomic_fetch_sub(&svc->hold, 1);
    svc_look_again(svc);
}

bool svc_group_holds(struct svc *svc)
{
    const struct group *group = group_of(svc);

    if (atomic_load(&svc->hold) == 0)
        return false;
    str_format(svc->view.waiting_for, sizeof svc->view.waiting_for, "group %s",
               group ? group_name(group) : "that it was in");
    return true;
}

void svc_forget_group_stop(struct svc *svc)
{
    atomic_store(&svc->revive, false);
    free(svc->stopped_by);
    svc->stopped_by = NULL;
}

void svc_tell_group(struct svc *svc)
{
    struct group *group = group_of(svc);
    enum svc_state state = svc_place_state(svc->view.place);

    if (!group || (state != ST_BACKOFF && state != ST_FAILED))
        return;
    svc->death.at = svc->view.since;
    svc->death.gave_up = state == ST_FAILED;
    group_tell_failure(group, svc);
}

void svc_nudge_group(const struct svc *svc)
{
    struct group *group = group_of(svc);

    if (group)
        group_nudge(group);
}

const char *svc_group_text(const char *group, const char *what, char *text, size_t size)
{
    str_format(text, size, "its group '%s' %s", group, what);
    return text;
}
