/*
 * dump_print.c - the dump as text (coop/debug.h)
 *
 * A few coroutines are told one by one, many in groups.  Uses the stack it is called on and
 * nothing else: it may be that of a signal handler.
 */
#include "rt/dump.h"

#include "base/sys.h"
#include "rt/dump_symbol.h"
#include "rt/stack.h"

#include <string.h>

enum { SINGLY = 200, GROUPS = 48, MEASURED = 1000 };

/* ---- as text, one by one ---- */

struct dump {
    struct report out;
    coop_nsec now;
};

static void say_origin(struct report *r, const void *function, const void *born_at)
{
    struct symbol s;

    coop__say(r, "runs ");
    if (coop__symbol(&s, function) && s.name[0])
        coop__say(r, "%s", s.name);
    else
        coop__say(r, "%p", function);
    coop__say(r, born_at ? ", made in " : ", an actor's handler");
    if (born_at)
        coop__say_place(r, born_at);
}

static void say_flags(struct report *r, const struct coop_coro_info *info)
{
    if (info->daemon)
        coop__say(r, " (daemon)");
    if (info->urgent)
        coop__say(r, " (urgent)");
    if (info->pinned)
        coop__say(r, " (pinned)");
}

static int print(const struct coop_coro_info *info, void *arg)
{
    struct dump *d = arg;
    struct report *r = &d->out;

    coop__say(r, "coroutine %lu %s", info->id, info->name[0] ? info->name : "-");
    say_flags(r, info);
    coop__say(r, ": %s", info->state);
    if (info->reason[0]) {
        coop__say(r, " in %s", info->reason);
        if (info->object)
            coop__say(r, " on %p", info->object);
        if (info->since) {
            coop__say(r, " for ");
            coop__say_time(r, d->now - info->since);
        }
        if (info->deadline != COOP_FOREVER) {
            coop__say(r, ", deadline in ");
            coop__say_time(r, info->deadline - d->now);
        }
    }
    coop__say(r, "%s\n    ", info->cancelled ? ", cancelled" : "");
    say_origin(r, info->function, info->born_at);
    coop__say(r, ", scope %s, stack ", info->scope[0] ? info->scope : "-");
    if (info->stack_used)
        coop__say(r, "%lu of ", info->stack_used);
    coop__say(r, "%lu bytes, %lu at its deepest\n", info->stack_size, info->stack_deepest);
    return 0;
}

/* ---- in groups, when there are many ---- */

struct group {
    const char *name;
    const void *born_at, *function;
    int state, reason, cancelled;
    unsigned flags;
    uint64_t count, first; /* first: the id of who has waited longest */
    coop_nsec oldest, youngest;
    size_t deepest;
};

struct groups {
    struct group group[GROUPS];
    uint64_t count, others, measured;
};

static struct group *group_of(struct groups *all, const struct group *like)
{
    for (uint64_t i = 0; i < all->count; i++) {
        struct group *q = &all->group[i];

        if (q->name == like->name && q->born_at == like->born_at &&
            q->function == like->function && q->state == like->state &&
            q->reason == like->reason && q->cancelled == like->cancelled &&
            q->flags == like->flags)
            return q;
    }
    if (all->count == GROUPS) {
        all->others++;
        return NULL;
    }
    all->group[all->count] = *like;
    return &all->group[all->count++];
}

static int sort_in(struct coro *at, void *arg)
{
    struct groups *all = arg;
    struct coro g;
    struct group like = {0}, *q;

    if (!coop__look_at(at, &g))
        return 0;
    like.name = g.name;
    like.born_at = g.actor ? NULL : g.born_at;
    like.function = coop__function_of(&g);
    like.state = g.state;
    like.reason = g.state == CORO_WAITING ? g.reason : 0;
    like.cancelled = g.cancel;
    like.flags = g.flags;
    q = group_of(all, &like);
    if (!q)
        return 0;
    if (q->count++ == 0 || g.since < q->oldest) {
        q->oldest = g.since;
        q->first = g.id;
    }
    if (g.since > q->youngest)
        q->youngest = g.since;
    if (all->measured++ < MEASURED) {
        size_t deep = coop__stack_deepest(&g);

        q->deepest = deep > q->deepest ? deep : q->deepest;
    }
    return 0;
}

static void print_group(struct dump *d, const struct group *q)
{
    struct report *r = &d->out;
    struct coop_coro_info flags = {.daemon = (q->flags & COOP_DAEMON) != 0,
                                   .urgent = (q->flags & COOP_URGENT) != 0};
    char name[DUMP_NAME];

    coop__peek_string(name, sizeof name, q->name);
    coop__say(r, "%lu coroutine%s %s", q->count, q->count == 1 ? "" : "s",
              name[0] ? name : "-");
    say_flags(r, &flags);
    coop__say(r, ": %s", coop__state_words[q->state]);
    if (q->state == CORO_WAITING) {
        coop__say(r, " in %s for ", coop__wait_words[q->reason]);
        coop__say_time(r, d->now - q->youngest);
        coop__say(r, " to ");
        coop__say_time(r, d->now - q->oldest);
        coop__say(r, " (coroutine %lu)", q->first);
    }
    coop__say(r, "%s\n    ", q->cancelled ? ", cancelled" : "");
    say_origin(r, q->function, q->born_at);
    if (q->deepest)
        coop__say(r, ", deepest stack %lu bytes", q->deepest);
    coop__say(r, "\n");
}

static void print_groups(struct dump *d)
{
    struct groups all;

    all.count = all.others = all.measured = 0;
    coop__stacks_each(sort_in, &all);
    for (uint64_t i = 0; i < all.count; i++)
        print_group(d, &all.group[i]);
    if (all.others)
        coop__say(&d->out, "and %lu others of other kinds\n", all.others);
}

/* ---- the call ---- */

void coop_dump(int fd)
{
    struct dump d = {.out.fd = fd, .now = sys_now()};
    struct coop_stats s;

    coop__counts(&s);
    coop__say(
        &d.out, "%lu coroutines on %d processors (%d idle), %d workers (%d idle, %d blocked)\n",
        s.coroutines, s.procs, s.procs_idle, s.workers, s.workers_idle, s.workers_blocked);
    if (s.coroutines > SINGLY)
        print_groups(&d);
    else
        coop_each_coro(print, &d);
    coop__say_end(&d.out);
}

static int print_cancelled(const struct coop_coro_info *info, void *arg)
{
    return info->cancelled ? print(info, arg) : 0;
}

void coop__say_cancelled(int fd, const char *headline)
{
    struct dump d = {.out.fd = fd, .now = sys_now()};

    coop__say(&d.out, "%s\n", headline);
    coop_each_coro(print_cancelled, &d);
    coop__say_end(&d.out);
}
