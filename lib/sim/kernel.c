/*
 * kernel.c - the fake kernel's clock, chance and table of calls (see coop/sim.h)
 *
 * What will happen is a heap sorted by time, and by planning order within one instant.  Only here
 * does the clock move.
 */
#include "coop/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/internal.h"

#define BOOTED       (1000 * COOP_NSEC_PER_SEC)                /* no test should see time 0 */
#define WALL_AT_BOOT (INT64_C(1767225600) * COOP_NSEC_PER_SEC) /* 2026-01-01 */

/* ---- types and state ---- */

struct planned {
    coop_nsec when;
    uint64_t turn; /* equal times: in the order of planning */
    void (*fn)(void *arg);
    void *arg;
    bool owned; /* 'arg' is freed with this */
};

static coop_nsec now, wall_shift;
static uint64_t chance;
static struct {
    struct planned *heap; /* binary: the next one first */
    size_t count, room;
    uint64_t turns;
} plan;
static void (*stuck_fn)(void *arg);
static void *stuck_arg;

/* ---- inside ---- */

uint64_t fake_chance(void) /* splitmix64 */
{
    uint64_t z = chance += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

void *fake_grow(void *old, size_t size)
{
    void *more = realloc(old, size);

    if (!more)
        abort();
    return more;
}

_Noreturn void fake_give_up(const char *why)
{
    fprintf(stderr, "fake kernel: %s, at %lld ns\n", why, (long long)now);
    fake_procs_show();
    fake_files_show();
    abort();
}

static bool before(const struct planned *a, const struct planned *b)
{
    return a->when != b->when ? a->when < b->when : a->turn < b->turn;
}

/* The next thing, taken out; the last one fills the hole and sinks to its place. */
static struct planned take_next(void)
{
    struct planned next = plan.heap[0], last = plan.heap[--plan.count];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < plan.count) {
        if (child + 1 < plan.count && before(&plan.heap[child + 1], &plan.heap[child]))
            child++;
        if (!before(&plan.heap[child], &last))
            break;
        plan.heap[at] = plan.heap[child];
        at = child;
    }
    plan.heap[at] = last;
    return next;
}

bool fake_step(coop_nsec limit)
{
    struct planned next;

    fake_running_look();
    if (plan.count == 0 || plan.heap[0].when > limit)
        return false;
    next = take_next();
    if (next.when > now)
        now = next.when;
    next.fn(next.arg);
    if (next.owned)
        free(next.arg);
    return true;
}

void fake_plan(coop_nsec when, void (*fn)(void *arg), void *arg, bool owned)
{
    struct planned mine = {.when = when < now ? now : when,
                           .turn = plan.turns++,
                           .fn = fn,
                           .arg = arg,
                           .owned = owned};
    size_t at = plan.count++;

    if (plan.count > plan.room) {
        plan.room = plan.room ? 2 * plan.room : 64;
        plan.heap = fake_grow(plan.heap, plan.room * sizeof *plan.heap);
    }
    for (; at > 0 && before(&mine, &plan.heap[(at - 1) / 2]); at = (at - 1) / 2)
        plan.heap[at] = plan.heap[(at - 1) / 2];
    plan.heap[at] = mine;
}

static bool unstick(void)
{
    if (!stuck_fn)
        return false;
    stuck_fn(stuck_arg);
    return true;
}

bool fake_block(bool (*ready)(void *arg), void *arg)
{
    if (fake_running())
        return fake_running_wait(ready, arg, COOP_FOREVER);
    while (!ready(arg))
        if (!fake_step(COOP_FOREVER) && !unstick())
            return false;
    return true;
}

coop_nsec fake_wall_clock(void)
{
    return WALL_AT_BOOT + (now - BOOTED) + wall_shift;
}

/* ---- time and chance: the calls ---- */

int fake_sys_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    coop_nsec t = clock == CLOCK_REALTIME ? fake_wall_clock() : now;

    ret_now->tv_sec = t / COOP_NSEC_PER_SEC;
    ret_now->tv_nsec = t % COOP_NSEC_PER_SEC;
    return 0;
}

ssize_t fake_sys_getrandom(void *ret_buf, size_t size, unsigned flags)
{
    char *bytes = ret_buf;

    (void)flags;
    for (size_t at = 0; at < size; at += 8) {
        uint64_t number = fake_chance();

        memcpy(bytes + at, &number, size - at < 8 ? size - at : 8);
    }
    return (ssize_t)size;
}

/* ---- the table ---- */

/* Calls the fake has nothing for.  The arguments are looked at by a sizeof only: unused. */
#define X(type, name, params, args)                                                            \
    static type missing_##name params                                                          \
    {                                                                                          \
        (void)sizeof(sys_kernel.name args);                                                    \
        return -ENOSYS;                                                                        \
    }
SYS_CALLS(X)
#undef X

static struct sys_ops fake_kernel = {
#define X(type, name, params, args) .name = missing_##name,
    SYS_CALLS(X)
#undef X
};

/* ---- the public calls ---- */

static void reset(void)
{
    fake_procs_reset();
    for (size_t i = 0; i < plan.count; i++)
        if (plan.heap[i].owned)
            free(plan.heap[i].arg);
    free(plan.heap);
    plan.heap = NULL;
    plan.count = plan.room = 0;
    fake_world_reset();
    fake_programs_reset();
    fake_files_reset();
    fake_signals_reset();
    now = BOOTED;
    wall_shift = 0;
    stuck_fn = NULL;
}

void coop_sim_begin(uint64_t seed)
{
    reset();
    chance = seed;
#define Y(name) fake_kernel.name = fake_sys_##name;
    FAKE_CALLS(Y)
#undef Y
    sys_install(&fake_kernel);
}

void coop_sim_end(void)
{
    sys_install(NULL);
    reset();
}

unsigned coop_sim_draw(unsigned n)
{
    return (unsigned)(fake_chance() >> 32) % n;
}

coop_nsec coop_sim_now(void)
{
    return now;
}

void coop_sim_at(coop_nsec when, void (*fn)(void *arg), void *arg)
{
    fake_plan(when, fn, arg, false);
}

void coop_sim_advance(coop_nsec delay)
{
    coop_nsec until = coop_after(now, delay);

    while (fake_step(until))
        continue;
    now = until;
}

void coop_sim_shift_wall_clock(coop_nsec by)
{
    wall_shift += by;
    fake_timers_shift(by);
}

void coop_sim_on_stuck(void (*fn)(void *arg), void *arg)
{
    stuck_fn = fn;
    stuck_arg = arg;
}
