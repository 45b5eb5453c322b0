/* Scopes, actors and timers: all ends are seen, every message is handled once, no tick is early. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

/* ---- a tree of scopes that is cut at random ---- */

struct tree {
    int alive, depth_most;
};

struct branch {
    struct tree *tree;
    int depth;
};

static int grow(void *arg);

static coop_nsec draw_deadline(void)
{
    return draw(3) ? 0 : coop_after(coop_now(), draw_delay());
}

/* Cleanup that may wait although it is cancelled, but not for long. */
static void clean_up(void)
{
    struct coop_shield shield;
    coop_nsec begin = coop_now();

    coop_shield_begin(&shield, coop_after(begin, 2 * COOP_NSEC_PER_SEC));
    HOLDS(coop_sleep_until(coop_after(begin, COOP_NSEC_PER_MSEC)) == 0);
    HOLDS(coop_now() == begin + COOP_NSEC_PER_MSEC);
    coop_shield_end(&shield);
    HOLDS(!coop_cancelled() || coop_sleep_until(coop_after(begin, 1)) == coop_cancelled());
}

static int branch_out(struct tree *tree, int depth)
{
    struct coop_scope scope;
    struct branch *branches = must_have(4 * sizeof *branches);
    coop_nsec deadline = draw_deadline();
    unsigned count = 1 + draw(4);
    int r;

    coop_scope_init(&scope, "branch", deadline);
    for (unsigned i = 0; i < count; i++) {
        branches[i] = (struct branch){tree, depth + 1};
        tree->alive++;
        if (coop_go(draw(2) ? &scope : NULL, grow, &branches[i]) < 0)
            tree->alive--;
    }
    if (draw(3) == 0 && step() < 0)
        r = coop_scope_end(&scope);
    else if (draw(5) == 0)
        coop_scope_cancel(&scope, -EDOM), r = coop_scope_wait(&scope);
    else
        r = coop_scope_wait(&scope);
    HOLDS(r == 0 || r == -ECANCELED || r == -ETIMEDOUT || r == -EDOM || r == -ERANGE);
    if (r == -ETIMEDOUT && !coop_cancelled())
        HOLDS(coop_now() >= deadline || depth < tree->depth_most);
    free(branches);
    return r;
}

static int grow(void *arg)
{
    struct branch *b = arg;
    struct tree *tree = b->tree;
    int depth = b->depth, r = 0;

    for (unsigned i = draw(4); i > 0 && r == 0; i--)
        r = step();
    if (r == 0 && depth < tree->depth_most && draw(2))
        branch_out(tree, depth);
    if (draw(6) == 0)
        clean_up();
    tree->alive--;
    return draw(12) ? coop_cancelled() : -ERANGE; /* now and then one fails */
}

/* The owner of an inner scope is busy with his cleanup: his members hear of the cancelling all the
 * same, at once. */
static int hear_of_it(void *arg)
{
    int r = coop_sleep_until(COOP_FOREVER);

    HOLDS(CANCELLED(r));
    *(coop_nsec *)arg = coop_now();
    return 0;
}

static int be_busy(void *arg)
{
    struct coop_shield shield;
    struct coop_scope scope;

    coop_scope_init(&scope, "inner", 0);
    coop_go(&scope, hear_of_it, arg);
    coop_shield_begin(&shield, COOP_FOREVER);
    coop_sleep_until(coop_after(coop_now(), 2 * COOP_NSEC_PER_SEC));
    coop_shield_end(&shield);
    return coop_scope_wait(&scope);
}

static void cut_at_once(void)
{
    coop_nsec heard = 0, cut;
    struct coop_scope scope;

    coop_scope_init(&scope, "outer", 0);
    coop_go(&scope, be_busy, &heard);
    if (coop_sleep_until(coop_after(coop_now(), draw_delay())) == 0 && !coop_cancelled()) {
        cut = coop_now();
        coop_scope_cancel(&scope, -EDOM);
        coop_scope_wait(&scope);
        HOLDS(heard == cut);
    } else {
        coop_scope_wait(&scope);
    }
}

int run_scopes(void *arg)
{
    struct tree tree = {.depth_most = 3};

    (void)arg;
    for (unsigned i = 1 + draw(3); i > 0; i--) {
        branch_out(&tree, 0);
        HOLDS(tree.alive == 0); /* nobody outlives his scope */
    }
    cut_at_once();
    return coop_cancelled();
}

/* ---- actors ---- */

enum { LETTERS = 40, BOXES = 3, LAST_LETTER = -1 };

struct letter {
    struct coop_msg msg;
    unsigned posts, reads;
};

struct box {
    struct coop_actor actor;
    struct letter letters[LETTERS];
    struct coop_msg last;
    bool inside, closed;
    bool recalled[LETTERS];
};

static void on_letter(struct coop_actor *actor, struct coop_msg *msg)
{
    struct box *box = actor->arg;
    struct letter *letter = (struct letter *)(void *)msg;

    HOLDS(!box->inside && !box->closed); /* never two at a time */
    if (msg->kind == LAST_LETTER) {
        box->closed = true;
        coop_actor_done(actor);
        return;
    }
    box->inside = true;
    letter->reads++;
    HOLDS(letter->reads <= letter->posts);
    if (draw(4) == 0)
        coop_yield();
    if (draw(8) == 0)
        coop_sleep_until(coop_after(coop_now(), draw_delay()));
    box->inside = false;
}

struct post_round {
    struct box *box;
    unsigned first, every;
};

static int post_letters(void *arg)
{
    const struct post_round *round = arg;
    struct box *box = round->box;
    int r = 0;

    for (unsigned i = round->first; i < LETTERS && r == 0; i += round->every) {
        box->letters[i].posts++;
        coop_post(&box->actor, &box->letters[i].msg);
        if (draw(6) == 0)
            box->recalled[i] = coop_recall(&box->letters[i].msg);
        r = step();
    }
    return r;
}

static bool all_read(const struct box *box)
{
    for (int i = 0; i < LETTERS; i++)
        if (box->letters[i].reads + (box->recalled[i] ? 1 : 0) != box->letters[i].posts)
            return false;
    return true;
}

/* Only in its own handler an actor may end, so that it can be freed. */
static void close_box(struct box *box)
{
    coop_nsec most = coop_after(coop_now(), 3600 * COOP_NSEC_PER_SEC);
    struct coop_shield shield;

    coop_shield_begin(&shield, most);
    while (!box->closed) {
        HOLDS(coop_now() < most);
        if (all_read(box))
            coop_post(&box->actor, &box->last);
        coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_SEC));
    }
    coop_shield_end(&shield);
}

int run_actors(void *arg)
{
    struct box *boxes = must_have(BOXES * sizeof *boxes);
    struct post_round rounds[BOXES][4];
    struct coop_scope scope;
    int why;

    (void)arg;
    coop_scope_init(&scope, "actors", 0);
    for (int b = 0; b < BOXES; b++) {
        coop_actor_init(&boxes[b].actor, "box", on_letter, &boxes[b]);
        if (draw(3) == 0)
            coop_actor_set_urgent(&boxes[b].actor);
        coop_msg_init(&boxes[b].last, LAST_LETTER);
        for (unsigned i = 0; i < LETTERS; i++)
            coop_msg_init(&boxes[b].letters[i].msg, (int)i);
        for (unsigned i = 0; i < 4; i++) {
            rounds[b][i] = (struct post_round){&boxes[b], i, 4};
            coop_go(&scope, post_letters, &rounds[b][i]);
        }
    }
    why = coop_scope_wait(&scope);
    for (int b = 0; b < BOXES; b++)
        close_box(&boxes[b]);
    free(boxes);
    return why;
}

/* ---- timers ---- */

enum { CLOCKS = 6, TICK = 1, STOP = 2 };

struct clock {
    struct coop_timer timer;
    coop_nsec due, period; /* due 0: stopped */
    unsigned ticks;
};

struct clockwork {
    struct coop_actor actor;
    struct coop_msg stop;
    struct clock clocks[CLOCKS];
    bool stopped;
};

static void on_tick(struct coop_actor *actor, struct coop_msg *msg)
{
    struct clockwork *work = actor->arg;
    struct clock *clock;

    HOLDS(!work->stopped);
    if (msg->kind == STOP) {
        for (int i = 0; i < CLOCKS; i++) {
            coop_timer_done(&work->clocks[i].timer);
            work->clocks[i].due = 0;
        }
        work->stopped = true;
        coop_actor_done(actor);
        return;
    }
    clock = (struct clock *)(void *)((char *)msg - offsetof(struct clock, timer.msg));
    HOLDS(clock->due &&
          coop_now() == clock->due); /* neither early nor, in virtual time, late */
    clock->ticks++;
    clock->due = clock->period ? clock->due + clock->period : 0;
    if (!clock->period && draw(2)) {
        clock->due = coop_after(coop_now(), draw_delay());
        HOLDS(!coop_timer_set(&clock->timer, clock->due));
    }
}

static void turn(struct clock *clock)
{
    coop_nsec now = coop_now();
    bool was_due = clock->due != 0, pending;

    clock->period = draw(2) ? 1 + draw_delay() : 0;
    switch (draw(3)) {
    case 0:
        pending = coop_timer_stop(&clock->timer);
        clock->due = 0;
        break;
    case 1:
        clock->due = coop_after(now, draw_delay());
        pending = coop_timer_set_periodic(&clock->timer, clock->due, clock->period);
        break;
    default:
        clock->period = 0;
        clock->due = coop_after(now, draw_delay());
        pending = coop_timer_set(&clock->timer, clock->due);
        break;
    }
    HOLDS(pending == was_due);
}

int run_timers(void *arg)
{
    struct clockwork *work = must_have(sizeof *work);
    struct coop_shield shield;
    int r = 0;

    (void)arg;
    coop_actor_init(&work->actor, "clockwork", on_tick, work);
    coop_msg_init(&work->stop, STOP);
    for (int i = 0; i < CLOCKS; i++)
        coop_timer_init(&work->clocks[i].timer, &work->actor, TICK);
    for (unsigned i = 20 + draw(40); i > 0 && r == 0; i--) {
        turn(&work->clocks[draw(CLOCKS)]);
        r = step();
    }
    coop_post(&work->actor, &work->stop);
    coop_shield_begin(&shield, COOP_FOREVER);
    while (!work->stopped)
        coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_MSEC));
    coop_shield_end(&shield);
    for (int i = 0; i < CLOCKS; i++)
        HOLDS(!coop_timer_stop(&work->clocks[i].timer));
    free(work);
    return r;
}
