/*
 * due.c - when a timer comes next (see due.h)
 */
#include "timers/due.h"

#define HOUR (3600 * COOP_NSEC_PER_SEC)

/* ---- times of day ---- */

static int64_t first_of_day(const struct timer_spec *spec, const struct timer_past *past,
                            const struct timer_now *now)
{
    int64_t first = 0;

    for (size_t i = 0; i < spec->calendars.count; i++) {
        int64_t next = calendar_next(&spec->calendars.items[i].calendar,
                                     past->seen / COOP_NSEC_PER_SEC, now->offset, NULL);

        if (next >= 0 && (first == 0 || next * COOP_NSEC_PER_SEC < first))
            first = next * COOP_NSEC_PER_SEC;
    }
    return first ? first + past->delay : 0;
}

/* ---- so long after something ---- */

static coop_nsec later(coop_nsec a, coop_nsec b)
{
    return a > b ? a : b;
}

/* What a relative time counts from; -1: from nothing yet, or it has come. */
static coop_nsec base_of(enum timer_base base, const struct timer_past *past,
                         const struct timer_now *now)
{
    if (past->done >> base & 1)
        return -1;
    switch (base) {
    case TIMER_ACTIVE: return past->began;
    case TIMER_BOOT: return now->boot;
    case TIMER_STARTUP: return now->startup;
    case TIMER_UNIT_ACTIVE:
        return past->started || past->last_mono ? later(past->started, past->last_mono) : -1;
    case TIMER_UNIT_INACTIVE: return past->rested ? later(past->rested, past->last_mono) : -1;
    case TIMER_BASES: break;
    }
    return -1;
}

static coop_nsec due_after(const struct timer_spec *spec, enum timer_base base,
                           const struct timer_past *past, const struct timer_now *now)
{
    coop_nsec from = base_of(base, past, now);

    if (spec->after[base] == 0 || from < 0)
        return COOP_FOREVER;
    return coop_after(coop_after(from, spec->after[base]), past->delay);
}

/* ---- the public calls ---- */

void timer_due(const struct timer_spec *spec, const struct timer_past *past,
               const struct timer_now *now, struct timer_due *ret_due)
{
    ret_due->wall = first_of_day(spec, past, now);
    ret_due->mono = COOP_FOREVER;
    for (int base = 0; base < TIMER_BASES; base++) {
        coop_nsec due = due_after(spec, (enum timer_base)base, past, now);

        if (due < ret_due->mono)
            ret_due->mono = due;
    }
}

bool timer_is_due(const struct timer_due *due, const struct timer_now *now)
{
    return (due->wall && due->wall <= now->wall) || due->mono <= now->mono;
}

void timer_comes(const struct timer_spec *spec, struct timer_past *past,
                 const struct timer_now *now, uint64_t random)
{
    static const unsigned once = 1u << TIMER_ACTIVE | 1u << TIMER_BOOT | 1u << TIMER_STARTUP;
    int64_t day = first_of_day(spec, past, now);

    for (int base = 0; base < TIMER_BASES; base++)
        if (due_after(spec, (enum timer_base)base, past, now) <= now->mono)
            past->done |= 1u << base & once;
    if (past->seen < now->wall && day && day <= now->wall)
        past->seen = now->wall;
    past->last = now->wall;
    past->last_mono = now->mono;
    if (spec->random_delay > 0)
        past->delay = (coop_nsec)(random % (uint64_t)spec->random_delay);
}

void timer_clock_set(const struct timer_spec *spec, struct timer_past *past,
                     const struct timer_now *now, int64_t by)
{
    if ((by > HOUR && !spec->persistent) || by < -HOUR)
        past->seen = now->wall;
}

int64_t timer_due_wall(const struct timer_due *due, const struct timer_now *now)
{
    int64_t relative =
        due->mono == COOP_FOREVER ? 0 : now->wall + (int64_t)(due->mono - now->mono);

    if (!due->wall || (relative && relative < due->wall))
        return relative;
    return due->wall;
}
