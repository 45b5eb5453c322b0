/*
 * neighbours.c - what a service does because of others, and to others
 *
 * Requirement and order are two things (graph.h).  Starting pulls what is required or wanted;
 * it waits only for what it is ordered after.  Stopping by hand pushes what requires us; it
 * waits for those that are ordered after us and are on their way down.  What is in conflict with
 * us is pushed out when we start, and we wait for its end; the one that was asked last wins.
 *
 * Nobody's state travels in a message: a neighbour says "look", we read the board.  `coming`
 * and `leaving` (service.c, THE ONE RACE) tell when the board is not the whole truth yet.
 */
#include "service/svc.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "group/group.h"

/* ---- links ---- */

struct svc_links *svc_links_new(unsigned count)
{
    struct svc_links *links = calloc(1, sizeof *links + count * sizeof links->at[0]);

    if (links)
        links->count = count;
    return links;
}

void svc_links_free(struct svc_links *links)
{
    if (!links)
        return;
    for (unsigned i = 0; i < links->count; i++)
        svc_unref(links->at[i].peer);
    group_unref(links->group);
    free(links);
}

static unsigned link_count(const struct svc *svc)
{
    return svc->links ? svc->links->count : 0;
}

static bool look(const struct svc *svc, const struct svc *peer, struct svc_view *ret_view)
{
    return board_read(svc->world->board, peer->slot, ret_view);
}

/* ---- messages ---- */

/* A flag for each kind: a stop must not get lost behind a restart that has not arrived. */
static void push_where(struct svc *svc, unsigned is, enum svc_msg_kind kind)
{
    for (unsigned i = 0; i < link_count(svc); i++) {
        struct svc *peer = svc->links->at[i].peer;
        struct svc_push *push = &peer->push[kind - MSG_PUSH_STOP];

        if (!(svc->links->at[i].is & is) || atomic_exchange(&push->on_its_way, true))
            continue;
        atomic_fetch_add(&peer->leaving, 1);
        coop_post(&peer->actor, &push->msg);
    }
}

void svc_push(struct svc *svc, enum svc_msg_kind kind)
{
    push_where(svc, LINK_REQUIRED_BY | LINK_HAS_PART, kind);
}

static void start_where(struct svc *svc, unsigned is)
{
    for (unsigned i = 0; i < link_count(svc); i++) {
        struct svc *peer = svc->links->at[i].peer;

        if (svc->links->at[i].is & is &&
            svc_command(peer, &(struct svc_command){.kind = CMD_START, .by_itself = true}) < 0)
            log_error("service", "%s: out of memory, %s is not started", svc_name(svc),
                      svc_name(peer));
    }
}

void svc_tell_end(struct svc *svc, enum svc_place at)
{
    switch (svc_place_state(at)) {
    case ST_BACKOFF: push_where(svc, LINK_BINDS, MSG_PUSH_RESTART); break;
    case ST_DOWN:
        if (!svc->view.wanted_up) /* else it is a restart, of which they have heard */
            push_where(svc, LINK_BINDS, MSG_PUSH_END);
        break;
    case ST_DONE:
        push_where(svc, LINK_BINDS, MSG_PUSH_END);
        if (!svc->ending.unborn) /* it has run: there was something to start */
            start_where(svc, LINK_ON_SUCCESS);
        break;
    case ST_FAILED:
        push_where(svc, LINK_BINDS, MSG_PUSH_END);
        start_where(svc, LINK_ON_FAILURE);
        break;
    case ST_WAITING:
    case ST_STARTING:
    case ST_UP:
    case ST_RELOADING:
    case ST_STOPPING:
    case SVC_STATE_COUNT: break;
    }
}

/* ---- starting ---- */

static bool is_satisfied(const struct svc_view *view)
{
    enum svc_state state = svc_place_state(view->place);

    return state == ST_UP || state == ST_RELOADING || (state == ST_DONE && view->wanted_up);
}

void svc_pull_dependencies(struct svc *svc)
{
    for (unsigned i = 0; i < link_count(svc); i++) {
        struct svc *peer = svc->links->at[i].peer;
        struct svc_view view;

        if (!(svc->links->at[i].is & (LINK_REQUIRES | LINK_WANTS)))
            continue;
        if (atomic_load(&peer->leaving) == 0 && look(svc, peer, &view) &&
            svc_place_state(view.place) == ST_UP && view.wanted_up)
            continue;
        if (atomic_exchange(&peer->pulled, true))
            continue;
        atomic_fetch_add(&peer->coming, 1);
        coop_post(&peer->actor, &peer->pull);
    }
    atomic_store(&svc->asked, atomic_fetch_add(&svc->world->asked, 1) + 1);
    push_where(svc, LINK_CONFLICTS, MSG_PUSH_OUT);
}

/* Two that start at once push each other out: only the one that was asked first goes. */
bool svc_must_yield(const struct svc *svc)
{
    for (unsigned i = 0; i < link_count(svc); i++)
        if (svc->links->at[i].is & LINK_CONFLICTS &&
            atomic_load(&svc->links->at[i].peer->asked) > atomic_load(&svc->asked))
            return true;
    return false;
}

enum outlook { IS_FINE, IS_PENDING, IS_HOPELESS };

/* How things stand with one service that we are ordered after. */
static enum outlook outlook(const struct svc *svc, const struct svc_link *link)
{
    bool required = link->is & LINK_REQUIRES;
    struct svc_view view;

    if (atomic_load(&link->peer->coming) > 0)
        return IS_PENDING;
    if (!look(svc, link->peer, &view))
        return required ? IS_HOPELESS : IS_FINE;
    if (is_satisfied(&view))
        return IS_FINE;
    switch (svc_place_state(view.place)) {
    case ST_WAITING:
    case ST_STARTING:
    case ST_BACKOFF:
    case ST_STOPPING: return IS_PENDING;
    case ST_DOWN:
    case ST_DONE:
    case ST_FAILED: return required ? IS_HOPELESS : IS_FINE;
    case ST_UP:
    case ST_RELOADING:
    case SVC_STATE_COUNT: break;
    }
    return IS_FINE;
}

/* Has what we are in conflict with gone? */
static enum outlook outlook_of_conflict(const struct svc *svc, const struct svc *peer)
{
    struct svc_view view;
    enum svc_state state;

    if (atomic_load(&peer->leaving) > 0)
        return IS_PENDING;
    if (!look(svc, peer, &view))
        return IS_FINE;
    state = svc_place_state(view.place);
    return state == ST_DOWN || state == ST_DONE || state == ST_FAILED ? IS_FINE : IS_PENDING;
}

static enum outlook outlook_of_requisite(const struct svc *svc, const struct svc *peer)
{
    struct svc_view view;

    return look(svc, peer, &view) && is_satisfied(&view) ? IS_FINE : IS_HOPELESS;
}

static enum outlook outlook_of(const struct svc *svc, const struct svc_link *link)
{
    enum outlook seen = IS_FINE;

    if (link->is & LINK_CONFLICTS)
        return outlook_of_conflict(svc, link->peer);
    if (link->is & LINK_AFTER)
        seen = outlook(svc, link);
    /* In order, it is asked when that one has come to rest; without, as things stand. */
    if (link->is & LINK_REQUISITE && seen == IS_FINE)
        seen = outlook_of_requisite(svc, link->peer);
    return seen;
}

enum svc_event svc_check_dependencies(struct svc *svc)
{
    const struct svc *pending = NULL;
    bool held, by_group = svc_group_holds(svc);

    for (unsigned i = 0; i < link_count(svc); i++) {
        const struct svc_link *link = &svc->links->at[i];
        enum outlook seen = outlook_of(svc, link);

        if (seen == IS_HOPELESS) {
            str_copy(svc->view.waiting_for, sizeof svc->view.waiting_for, svc_name(link->peer));
            return EV_DEPS_FAILED;
        }
        if (seen == IS_PENDING && !pending)
            pending = link->peer;
    }
    if (by_group)
        return SVC_EVENT_COUNT;
    if (!pending)
        return svc_idle_holds(svc) ? SVC_EVENT_COUNT : EV_DEPS_UP;
    svc_idle_over(svc);
    held = atomic_load(&pending->held);
    if (atomic_exchange(&svc->held, held) != held)
        svc->stir = true;
    str_copy(svc->view.waiting_for, sizeof svc->view.waiting_for, svc_name(pending));
    return SVC_EVENT_COUNT;
}

/* ---- stopping ---- */

/* Is this one, which is ordered after us, on its way down? */
static bool must_stop_first(const struct svc *svc, const struct svc *peer)
{
    struct svc_view view;
    enum svc_state state;

    if (atomic_load(&peer->leaving) > 0)
        return true;
    if (!look(svc, peer, &view))
        return false;
    state = svc_place_state(view.place);
    if (state == ST_STOPPING)
        return view.place != AT_STOP_STUCK;
    if (state == ST_DOWN || state == ST_DONE || state == ST_FAILED)
        return false;
    return !view.wanted_up;
}

enum svc_event svc_check_order(struct svc *svc)
{
    for (unsigned i = 0; i < link_count(svc); i++) {
        const struct svc_link *link = &svc->links->at[i];

        if (link->is & LINK_BEFORE && must_stop_first(svc, link->peer)) {
            str_copy(svc->view.waiting_for, sizeof svc->view.waiting_for, svc_name(link->peer));
            return SVC_EVENT_COUNT;
        }
    }
    svc->view.waiting_for[0] = '\0';
    return EV_ORDER_CLEAR;
}

/* ---- telling ---- */

/* Only those can be waiting for us who are ordered after us, or before us, or want us gone. */
void svc_stir(struct svc *svc)
{
    svc->stir = false;
    svc_nudge_group(svc);
    for (unsigned i = 0; i < link_count(svc); i++)
        if (svc->links->at[i].is & (LINK_BEFORE | LINK_AFTER | LINK_CONFLICTS))
            coop_post(&svc->links->at[i].peer->actor, &svc->links->at[i].peer->nudge);
}
