/*
 * idle.c - Type=idle: executed when nothing else is on its way
 *
 * The world counts what moves: services that wait to start, start or stop, and commands that lie in
 * a mailbox.  Who waits only for an idle moment, or for somebody who does, is not counted: or they
 * would wait for each other.
 *
 *     who waits                          who is the last to move
 *       1. puts itself on the list         1. counts itself out: nothing moves
 *       2. does anything move?             2. takes the whole list, and nudges who is on it
 *   Either the waiter sees that nothing moves, or the last mover sees the waiter.
 */
#include "service/svc.h"

#include "base/str.h"
#include "coop/coro.h"

#define IDLE_MAX (5 * COOP_NSEC_PER_SEC)

/* Nothing moves: all who have waited for that look again. */
static void wake(struct svc_world *world)
{
    struct svc *svc = atomic_exchange(&world->idlers, NULL);

    while (svc) {
        struct svc *next = svc->next_idler;

        atomic_store(&svc->listed, false);
        coop_post(&svc->actor, &svc->nudge);
        svc_unref(svc);
        svc = next;
    }
}

static void count(struct svc_world *world, bool comes)
{
    if (comes)
        atomic_fetch_add(&world->moving, 1);
    else if (atomic_fetch_sub(&world->moving, 1) == 1)
        wake(world);
}

void svc_idle_command(struct svc_world *world, bool comes)
{
    count(world, comes);
}

void svc_idle_count(struct svc *svc)
{
    enum svc_state state = svc_place_state(svc->view.place);
    bool moves = (state == ST_WAITING && !atomic_load(&svc->held)) || state == ST_STARTING ||
                 (state == ST_STOPPING && svc->view.place != AT_STOP_STUCK);

    if (moves == svc->moves)
        return;
    svc->moves = moves;
    count(svc->world, moves);
}

static void put_on_list(struct svc *svc)
{
    struct svc *first;

    if (atomic_exchange(&svc->listed, true))
        return;
    svc_ref(svc);
    first = atomic_load(&svc->world->idlers);
    do
        svc->next_idler = first;
    while (!atomic_compare_exchange_weak(&svc->world->idlers, &first, svc));
}

void svc_idle_leave(struct svc *svc)
{
    if (svc->moves)
        count(svc->world, false);
    svc->moves = false;
    if (atomic_load(&svc->listed)) /* the list holds a reference */
        wake(svc->world);
}

void svc_idle_over(struct svc *svc)
{
    if (svc->idle_until == 0)
        return;
    svc->idle_until = 0;
    svc_set_deadline(svc, COOP_FOREVER);
}

bool svc_idle_holds(struct svc *svc)
{
    if (svc->spec->type != TYPE_IDLE)
        return false;
    if (svc->idle_until == 0) {
        svc->idle_until = coop_after(coop_now(), IDLE_MAX);
        svc_set_deadline(svc, svc->idle_until);
    }
    if (!atomic_exchange(&svc->held, true))
        svc->stir = true; /* who waits for us is not to be waited for either */
    svc_idle_count(svc);
    if (atomic_load(&svc->world->moving) != 0)
        put_on_list(svc);
    if (atomic_load(&svc->world->moving) == 0 || coop_now() >= svc->idle_until) {
        svc_idle_over(svc);
        return false;
    }
    str_copy(svc->view.waiting_for, sizeof svc->view.waiting_for, "an idle moment");
    return true;
}
