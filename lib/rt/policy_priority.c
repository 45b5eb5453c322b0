/*
 * policy_priority.c - who sleeps much runs soon, and whoever has had his share waits for the others
 *
 * The O(1) scheduler of Linux 2.6.0 to 2.6.22 (Ingo Molnar; kernel/sched.c there), for coroutines
 * that are not preempted; no code taken.
 *
 * THE NOUNS
 *   level     0 runs first, 39 last: the coroutine's priority, better by up to 5 for one that has
 *             slept much of late and worse by up to 5 for one that has computed
 *   slice     how long it may run in this round; then it is spent
 *   array     a queue per level, and a word with a bit for each that is not empty: the best level
 *             is found by one instruction, however many wait
 *   active    the array of those who have something left of their slice; the best of them runs
 *   expired   those who are spent.  When active is empty the two change places: a new round
 *
 *        ring and slot            active                        expired
 *      +--------------+   +----------------------+  spent  +---------------------+
 *      | just ready   |-->| 0  [] [] best runs   |-------->| 0                   |
 *      +--------------+   | ..                   |         | ..                  |
 *             ^           | 39 []                |<------->| 39 [] []            |
 *             |           +----------------------+ exchange+---------------------+
 *             +---- token: one of those who wait
 *
 * THE TENSION
 *   Whoever makes work pushes into the ring as under every policy (its path must not know of us),
 *   and everybody who wants to know whether a processor has work looks there.  So each pick
 *   empties the ring into the arrays, and when somebody is left it puts one of them back: the
 *   token.  A processor whose ring and slot are empty has nobody in its arrays.
 *
 * WHAT LINUX DOES AND WE DO NOT
 *   Preempt.                 A better one runs when the running one waits or yields.
 *   Share out by birth.      There a child gets half of its parent's slice, or a chain of births
 *                            would starve the others.  Here a round that lasts too long for those
 *                            who wait (ROUND_MOST for each) is closed: *everybody* who comes goes
 *                            to the expired array, new and interactive ones, too.  Active only
 *                            shrinks, so the exchange comes.  Nobody waits for ever.
 *   Count in ticks.          We look at the clock at every pick; that is most of what a pick costs.
 *
 * ALWAYS TRUE (under the lock of a processor's arrays)
 *   P1  Somebody in the arrays: the token is in the ring, or something else is.  Only the owner's
 *       pick and thieves, both with the lock, take from the ring.
 *   P2  A share may be written by two at once, since a coroutine may be woken while it is leaving:
 *       what it is charged or credited may get lost then, its place in the arrays does not
 *       depend on it.
 */
#include "rt/policy.h"

#include "base/sys.h"
#include "rt/runq.h"

#include <string.h>

enum { LEVELS = COOP_PRIORITY_LAST - COOP_PRIORITY_FIRST + 1, BONUS_MOST = 5 };

#define SLEEP_MOST  (100 * COOP_NSEC_PER_MSEC) /* sleep that is remembered                   */
#define ROUND_MOST  (40 * COOP_NSEC_PER_MSEC)  /* for each that waits                        */
#define RUN_LEAST   COOP_NSEC_PER_USEC         /* a run costs this much, also in virtual time */
#define INTERACTIVE 2                          /* with this bonus a spent one stays active   */
#define IN_LINE     30                         /* percent of the wait for a turn that is rest */

struct array {
    uint64_t filled; /* bit: the level's queue is not empty */
    int count;
    struct coro_queue level[LEVELS];
};

struct arrays {
    uint32_t lock;
    struct array both[2];
    struct array *active, *expired, *token_home;
    struct coro *token;
    int token_level;
    coop_nsec round_since; /* the last exchange */
    /* the owner's alone */
    struct coro *running;
    coop_nsec since;
    unsigned brackets;
} __attribute__((aligned(128)));

_Static_assert(LEVELS <= 64, "a bit for each level");

static struct arrays all[PROCS_MAX];

static void start(void)
{
    memset(all, 0, sizeof all);
    for (int i = 0; i < PROCS_MAX; i++) {
        all[i].active = &all[i].both[0];
        all[i].expired = &all[i].both[1];
    }
}

/* ---- an array ---- */

static void append(struct array *a, struct coro *g, int level, bool first)
{
    struct coro_queue *q = &a->level[level];

    g->next = first ? q->head : NULL;
    if (!q->head)
        q->head = q->tail = g;
    else if (first)
        q->head = g;
    else
        q->tail = q->tail->next = g;
    a->filled |= UINT64_C(1) << level;
    a->count++;
}

static struct coro *take(struct array *a, int level)
{
    struct coro_queue *q = &a->level[level];
    struct coro *g = q->head;

    if (!(q->head = g->next)) {
        q->tail = NULL;
        a->filled &= ~(UINT64_C(1) << level);
    }
    a->count--;
    return g;
}

static struct coro *take_best(struct array *a)
{
    return a->filled ? take(a, __builtin_ctzll(a->filled)) : NULL;
}

/* ---- a coroutine's share ---- */

static coop_nsec slice_of(const struct coro *g)
{
    coop_nsec left = COOP_PRIORITY_LAST + 1 - g->priority;

    /* 40 ms to 21 ms for what comes first, 5 ms in the middle, 0.25 ms for the last. */
    return g->priority < 0 ? left * COOP_NSEC_PER_MSEC : left * COOP_NSEC_PER_MSEC / 4;
}

#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)
#define SET(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

static int bonus(struct coro *g)
{
    return (int)((GET(g->share.slept) * 2 * BONUS_MOST + SLEEP_MOST / 2) / SLEEP_MOST) -
           BONUS_MOST;
}

/* One that comes for the first time begins in the middle: neither bonus nor malus. */
static void begin_share(struct coro *g)
{
    if (GET(g->share.id) == GET(g->id))
        return;
    SET(g->share.id, GET(g->id));
    SET(g->share.left, slice_of(g));
    SET(g->share.slept, SLEEP_MOST / 2);
    SET(g->share.asleep_since, 0);
}

/* What the one that leaves has used up. */
static void charge(struct arrays *a, struct proc *p, struct coro *g)
{
    coop_nsec used = RUN_LEAST, slept;

    /* Not what it spent in a bracket: there it was as good as asleep. */
    if (g == a->running && p->brackets == a->brackets && p->clock - a->since > used)
        used = p->clock - a->since;
    begin_share(g);
    slept = GET(g->share.slept);
    SET(g->share.left, GET(g->share.left) - used);
    SET(g->share.slept, slept > used ? slept - used : 0);
    SET(g->share.asleep_since, GET(g->state) == CORO_WAITING ? p->clock : 0);
}

/* Rest counts the more the less one has of it: up to ten times, so that a bonus is soon earned. */
static void credit(struct coro *g, coop_nsec rest)
{
    coop_nsec slept = GET(g->share.slept);
    int times = bonus(g) < BONUS_MOST ? BONUS_MOST - bonus(g) : 1;

    if (rest <= 0)
        return;
    slept += rest < SLEEP_MOST ? rest * times : SLEEP_MOST;
    SET(g->share.slept, slept < SLEEP_MOST ? slept : SLEEP_MOST);
}

static void wake_up(struct coro *g, coop_nsec now)
{
    coop_nsec since = GET(g->share.asleep_since);

    if (since <= 0)
        return;
    credit(g, now - since);
    SET(g->share.asleep_since, -now);
}

/* Who was called, and then stood in line for long: a part of that was rest, too.  Else one that is
 * called again as soon as it has answered would never earn a bonus, for it hardly sleeps. */
static void come_to_run(struct coro *g, coop_nsec now)
{
    coop_nsec since = GET(g->share.asleep_since);

    if (since < 0)
        credit(g, (now + since) * IN_LINE / 100);
    SET(g->share.asleep_since, 0);
}

static void welcome(struct arrays *a, struct coro *g, coop_nsec now)
{
    int waiting = a->active->count + a->expired->count;
    struct array *home;
    int level;

    if (waiting == 0 && !a->token)
        a->round_since = now; /* nobody has waited for a round to end */
    home = now - a->round_since > ROUND_MOST * (1 + waiting) ? a->expired : a->active;
    begin_share(g);
    wake_up(g, now);
    level = g->priority - COOP_PRIORITY_FIRST - bonus(g);
    level = level < 0 ? 0 : level < LEVELS ? level : LEVELS - 1;
    if (GET(g->share.left) <= 0) {
        SET(g->share.left, slice_of(g));
        if (bonus(g) < INTERACTIVE)
            home = a->expired;
    }
    append(home, g, level, false);
}

/* ---- picking ---- */

static void empty_the_ring(struct arrays *a, struct proc *p)
{
    struct coro *g;

    while ((g = coop__runq_get(p))) {
        if (g == a->token)
            append(a->token_home, g, a->token_level, true);
        else
            welcome(a, g, p->clock);
    }
    a->token = NULL;
}

static struct coro *best(struct arrays *a, coop_nsec now)
{
    struct coro *g = take_best(a->active);

    if (g)
        return g;
    a->round_since = now;
    a->active = a->expired;
    a->expired = a->active == &a->both[0] ? &a->both[1] : &a->both[0];
    return take_best(a->active);
}

static void leave_token(struct arrays *a, struct proc *p)
{
    a->token_home = a->active->count ? a->active : a->expired;
    if (!a->token_home->count)
        return;
    a->token_level = __builtin_ctzll(a->token_home->filled);
    a->token = take(a->token_home, a->token_level);
    coop__runq_put(p, a->token, false);
}

static struct coro *pick_best(struct arrays *a, struct proc *p)
{
    struct coro *g;

    coop__lock(&a->lock);
    empty_the_ring(a, p);
    /* Who comes by the global queue is not worse for that. */
    if ((g = coop__global_share(p, RING / 4))) {
        coop__runq_put(p, g, false);
        empty_the_ring(a, p);
    }
    g = best(a, p->clock);
    leave_token(a, p);
    coop__unlock(&a->lock);
    return g;
}

static struct coro *pick(struct worker *w)
{
    struct proc *p = w->proc;
    struct arrays *a = &all[p->id];
    coop_nsec timer = atomic_load_explicit(&p->first_timer, memory_order_relaxed);
    struct coro *g;

    p->tick++;
    p->look_at = p->tick + TIMERS_EVERY - p->tick % TIMERS_EVERY;
    p->clock = sys_now();
    if (w->current != &w->root)
        charge(a, p, w->current);
    /* The clock has been read: who sleeps need not wait for the next look around. */
    if (p->tick % TIMERS_EVERY == 0 || (timer && timer <= p->clock))
        coop__look_around(w, p);
    if (!(g = coop__pick_urgent(p)) && (g = pick_best(a, p)))
        come_to_run(g, p->clock);
    a->running = g;
    a->since = p->clock;
    a->brackets = p->brackets;
    return g;
}

/* ---- stealing ---- */

/* Every second one, the best first, so that both have their share of each level. */
static struct coro *share_out(struct arrays *from, struct proc *p)
{
    struct coro *first = NULL, *g;
    int moved = 0, odd = 1;

    for (int i = 0; i < 2; i++) {
        struct array *a = i == 0 ? from->active : from->expired;

        for (uint64_t levels = a->filled; levels; levels &= levels - 1) {
            int level = __builtin_ctzll(levels), n = 0;

            for (g = a->level[level].head; g && n < RING; g = g->next)
                n++;
            n += odd;
            odd = n % 2;
            for (n /= 2; n > 0 && moved < RING / 2; n--, moved++) {
                g = take(a, level);
                if (first)
                    coop__runq_put(p, g, false);
                else
                    first = g;
            }
        }
    }
    return first;
}

static struct coro *steal(struct proc *p, struct proc *victim, bool slot)
{
    struct arrays *from = &all[victim->id];
    struct coro *g;

    coop__lock(&from->lock);
    if (from->active->count + from->expired->count)
        g = share_out(from, p);
    else
        g = coop__runq_steal(p, victim, slot);
    coop__unlock(&from->lock);
    return g;
}

const struct policy coop__policy_priority = {.start = start, .pick = pick, .steal = steal};
