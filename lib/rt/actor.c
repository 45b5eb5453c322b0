/*
 * actor.c - mailboxes with a handler, that cost nothing at rest
 *
 * THE NOUNS
 *   inbox   a stack of messages, newest first; anyone pushes with one compare-and-swap
 *   batch   what the handler's coroutine took out in one go, turned round: oldest first
 *   marks   AT_REST: nobody works on the inbox; DONE: nobody ever will
 *
 *      AT_REST --post--> [m1] --post--> [m2 m1] --taken--> NULL --empty--> AT_REST
 *         |  the poster that replaces the mark starts a coroutine
 *
 * Each message has two bits of its own: QUEUED, it is linked in an inbox or batch; WANTED, the
 * handler shall see it.  Posting sets both and links only when QUEUED was clear; taking it out
 * clears both and calls the handler only when WANTED was set; recalling clears WANTED.  So a
 * timer can be stopped while its message waits in the mailbox, and be set again, without ever
 * being linked twice.
 *
 * Posting must not fail, but a coroutine needs a stack: when there is none the actor joins a
 * list, and the next coroutine that ends leaves it its stack.
 */
#include "rt/coro.h"

#include "rt/leaks.h"
#include "rt/runq.h"
#include "rt/stack.h"
#include "rt/switch.h"

#include <string.h>

enum { MSG_QUEUED = 1, MSG_WANTED = 2 };
enum { ACTOR_URGENT = 1 };
enum { MESSAGES_IN_A_ROW = 32 }; /* then others get their turn */

static struct coop_msg at_rest, done;
#define AT_REST (&at_rest)
#define DONE    (&done)

/* ---- the handler's coroutine ---- */

static bool take_batch(struct coop_actor *a)
{
    struct coop_msg *m = __atomic_exchange_n(&a->inbox, NULL, __ATOMIC_ACQ_REL);

    while (m) {
        struct coop_msg *older = m->next;

        m->next = a->batch;
        a->batch = m;
        m = older;
    }
    return a->batch != NULL;
}

static bool go_to_rest(struct coop_actor *a)
{
    struct coop_msg *empty = NULL;

    return __atomic_compare_exchange_n(&a->inbox, &empty, AT_REST, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

static int work(void *arg)
{
    struct coop_actor *a = arg;
    struct coro *g = coop__current();

    g->actor = a;
    for (int n = 1;; n++) {
        struct coop_msg *m;

        if (!a->batch && !take_batch(a)) {
            RT_DELAY();
            if (go_to_rest(a))
                return 0;
            continue;
        }
        m = a->batch;
        a->batch = m->next;
        RT_DELAY();
        if (!(__atomic_exchange_n(&m->state, 0, __ATOMIC_ACQ_REL) & MSG_WANTED))
            continue;
        a->handler(a, m);
        if (g->inner)
            coop__misuse("an actor's handler left a scope open");
        if (!coop__worker()->proc)
            coop__misuse("an actor's handler ended inside a blocking bracket");
        if (!g->actor || atomic_load_explicit(&coop__rt.closing, memory_order_relaxed))
            return 0; /* coop_actor_done(): it may be freed memory by now */
        if (n % MESSAGES_IN_A_ROW == 0)
            coop__let_others();
    }
}

/* ---- starting it ---- */

/* ISO C has no conversion from a function to an object, POSIX (dlsym) has. */
static const void *code(coop_handler *handler)
{
    const void *at;

    memcpy(&at, &handler, sizeof at);
    return at;
}

static void starve(struct coop_actor *a)
{
    coop__lock(&coop__rt.lock);
    a->next = coop__rt.starved;
    coop__rt.starved = a;
    atomic_fetch_add(&coop__rt.starved_count, 1);
    coop__unlock(&coop__rt.lock);
}

static void start(struct coop_actor *a)
{
    const struct coop_attr attr = {
        .name = a->name,
        .flags = COOP_DAEMON | (a->flags & ACTOR_URGENT ? COOP_URGENT : 0U),
    };
    struct coro *g = NULL;

    if (coop__rt.closing)
        return; /* no handler starts any more; the message stays where it is */
    if (coop__rt.running)
        g = coop__coro_new(&attr, work, a, code(a->handler));
    if (!g) {
        starve(a);
        return;
    }
    RT_DELAY();
    if (coop__scope_join(&coop__rt.daemon_scope, g, false) < 0) {
        coop__coro_drop(g); /* the end has begun meanwhile */
    } else {
        RT_DELAY();
        coop__ready(g);
    }
}

static struct coop_actor *starved_take(void)
{
    struct coop_actor *a;

    coop__lock(&coop__rt.lock);
    a = coop__rt.starved;
    if (a) {
        coop__rt.starved = a->next;
        atomic_fetch_sub(&coop__rt.starved_count, 1);
    }
    coop__unlock(&coop__rt.lock);
    return a;
}

bool coop__actor_feed(struct coro *g)
{
    struct coop_actor *a = coop__rt.closing ? NULL : starved_take();

    if (!a)
        return false;
    coop__stack_put(coop__worker(), g);
    start(a);
    return true;
}

void coop__actors_start(void)
{
    struct coop_actor *a;

    while ((a = starved_take()))
        start(a);
}

/* ---- the calls ---- */

void coop_actor_init(struct coop_actor *a, const char *name, coop_handler *handler, void *arg)
{
    if (!handler)
        coop__misuse("an actor without a handler");
    *a = (struct coop_actor){.arg = arg, .name = name, .handler = handler, .inbox = AT_REST};
    coop__leak_made(LEAK_ACTOR, a, __builtin_return_address(0));
}

void coop_actor_set_urgent(struct coop_actor *a)
{
    a->flags |= ACTOR_URGENT;
}

static void drop_all(struct coop_msg *m)
{
    while (m) {
        struct coop_msg *next = m->next;

        __atomic_store_n(&m->state, 0, __ATOMIC_RELEASE);
        m = next;
    }
}

void coop_actor_done(struct coop_actor *a)
{
    struct coro *g = coop__self();
    struct coop_msg *left = __atomic_exchange_n(&a->inbox, DONE, __ATOMIC_ACQ_REL);

    coop__leak_gone(LEAK_ACTOR, a);
    if (left != AT_REST && left != DONE)
        drop_all(left);
    drop_all(a->batch);
    a->batch = NULL;
    if (g && g->actor == a)
        g->actor = NULL;
}

void coop_post(struct coop_actor *a, struct coop_msg *msg)
{
    struct coop_msg *top;

    if (__atomic_fetch_or(&msg->state, MSG_QUEUED | MSG_WANTED, __ATOMIC_ACQ_REL) & MSG_QUEUED)
        return;
    RT_DELAY();
    top = __atomic_load_n(&a->inbox, __ATOMIC_ACQUIRE);
    do {
        if (top == DONE) {
            __atomic_store_n(&msg->state, 0, __ATOMIC_RELEASE);
            return;
        }
        msg->next = top == AT_REST ? NULL : top;
    } while (!__atomic_compare_exchange_n(&a->inbox, &top, msg, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    if (top == AT_REST)
        start(a);
}

bool coop_recall(struct coop_msg *msg)
{
    return __atomic_fetch_and(&msg->state, ~(uint32_t)MSG_WANTED, __ATOMIC_ACQ_REL) &
           MSG_WANTED;
}

void coop_msg_unlink(struct coop_actor *a, struct coop_msg *msg)
{
    struct coop_msg **at, *m;

    coop_recall(msg);
    if (!(__atomic_load_n(&msg->state, __ATOMIC_ACQUIRE) & MSG_QUEUED))
        return;
    /* Only the handler's coroutine may take things out; at rest there is nothing to take. */
    m = __atomic_load_n(&a->inbox, __ATOMIC_ACQUIRE);
    if (m == AT_REST || m == DONE)
        return;
    m = a->batch;
    a->batch = NULL;
    take_batch(a); /* the younger ones; the older go before them */
    if (m) {
        for (at = &m; *at; at = &(*at)->next)
            ;
        *at = a->batch;
        a->batch = m;
    }
    for (at = &a->batch; *at; at = &(*at)->next) {
        if (*at == msg) {
            *at = msg->next;
            __atomic_store_n(&msg->state, 0, __ATOMIC_RELEASE);
            return;
        }
    }
}
