/*
 * policy_chaos.c - for debugging: what may happen rarely happens all the time
 *
 * A program that is right under the default policy by luck only (a coroutine that never happened
 * to move between threads, a pair that always ran in the same order) fails here soon.  Whatever
 * this does a busy machine may do as well:
 *
 *   order      any of the first few of the queue runs next, not the first
 *   migration  now and then the one that was picked goes to the global queue, for whoever comes
 *   delay      now and then the thread spins or gives up its CPU between two coroutines
 *   clock      timers and descriptors are looked at sooner than they need be
 *
 * On one processor with nothing from outside the same seed gives the same order.
 */
#include "rt/policy.h"

#include "rt/globalq.h"
#include "rt/runq.h"

#include <sched.h>

enum {
    SHUFFLED = 8,    /* as many of the queue change places   */
    MOVE_ONE_IN = 4, /* picks                                */
    DELAY_ONE_IN = 8,
    LOOK_ONE_IN = 16,
    SPINS_MOST = 4096,
    AWAIT_TAKER = 64, /* times the CPU is given up for whoever takes the one that moves */
};

/* Per processor, its worker's alone. */
static uint32_t chances[PROCS_MAX];

static void start(void)
{
    uint64_t seed = coop__rt.chaos;

    for (unsigned i = 0; i < PROCS_MAX; i++)
        chances[i] = (uint32_t)((seed + i) * UINT64_C(0x9E3779B97F4A7C15) >> 32) | 1;
}

static uint32_t draw(const struct proc *p, uint32_t below)
{
    uint32_t x = chances[p->id];

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    chances[p->id] = x;
    return (x >> 4) % below;
}

static void delay(const struct proc *p)
{
    if (draw(p, 2))
        sched_yield();
    else
        for (uint32_t n = draw(p, SPINS_MOST); n > 0; n--)
            coop__pause();
}

static void shuffle(struct proc *p)
{
    struct coro *g;

    for (uint32_t n = draw(p, SHUFFLED); n > 0 && (g = coop__runq_get(p)); n--)
        coop__runq_put(p, g, false);
}

/* For another processor, if one comes soon: it is woken, and we do not take it back at once. */
static void send_away(struct coro *g)
{
    coop__lock(&coop__rt.lock);
    coop__globalq_put(g);
    coop__unlock(&coop__rt.lock);
    coop__wake_one();
    for (int n = 0; n < AWAIT_TAKER && coop__rt.global_count; n++)
        sched_yield();
}

static struct coro *pick(struct worker *w)
{
    struct proc *p = w->proc;
    struct coro *g;

    p->tick++;
    if ((g = coop__pick_urgent(p)))
        return g;
    if (draw(p, DELAY_ONE_IN) == 0)
        delay(p);
    if (p->tick % TIMERS_EVERY == 0 || draw(p, LOOK_ONE_IN) == 0)
        coop__look_around(w, p);
    if (draw(p, MOVE_ONE_IN) == 0 && (g = coop__global_share(p, 0)))
        return g;
    shuffle(p);
    g = coop__runq_get(p);
    if (g && draw(p, MOVE_ONE_IN) == 0 && coop__rt.procs_count > 1) {
        send_away(g);
        g = coop__runq_get(p);
    }
    return g;
}

const struct policy coop__policy_chaos = {
    .start = start, .pick = pick, .steal = coop__runq_steal};
