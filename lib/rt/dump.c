/*
 * dump.c - who is there, and what are they waiting for (debug.h)
 *
 * Walks the slots of all stacks without stopping anybody: each field is read once, and a
 * coroutine may have gone on in between.  Good for people, not for decisions.  Allocates
 * nothing, takes no lock but that of the descriptor it writes to, so it also works in a report
 * of a deadlock.
 */
#include "coop/debug.h"

#include "base/sys.h"
#include "rt/coro.h"
#include "rt/stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const coop__wait_words[WAIT_REASONS] = {
    [WAIT_FOR_NOTHING] = "",
#define X(name, word) [name] = word,
#include "rt/wait_reasons.def"
#undef X
};

static const char *const states[] = {"", "ready", "running", "waiting"};

struct visit {
    int (*fn)(const struct coop_coro_info *, void *);
    void *arg;
};

static int visit(struct coro *g, void *arg)
{
    struct visit *v = arg;
    int state = atomic_load(&g->state), reason = atomic_load(&g->reason);
    struct coop_coro_info info = {0};

    if (state == CORO_FREE)
        return 0;
    info.id = g->id;
    info.name = g->name;
    info.state = states[state];
    info.reason = "";
    info.deadline = COOP_FOREVER;
    info.daemon = (g->flags & COOP_DAEMON) != 0;
    info.cancelled = g->cancel;
    if (state == CORO_WAITING) {
        info.reason = coop__wait_words[reason];
        info.object = g->object;
        info.since = g->since;
        info.deadline = g->deadline;
    }
    return v->fn(&info, v->arg);
}

void coop_each_coro(int (*fn)(const struct coop_coro_info *, void *), void *arg)
{
    struct visit v = {fn, arg};

    coop__stacks_each(visit, &v);
}

struct dump {
    int fd;
    coop_nsec now;
};

static int print(const struct coop_coro_info *info, void *arg)
{
    struct dump *d = arg;

    dprintf(d->fd, "coroutine %llu %s%s: %s", (unsigned long long)info->id,
            info->name[0] ? info->name : "-", info->daemon ? " (daemon)" : "", info->state);
    if (info->reason[0]) {
        dprintf(d->fd, " in %s", info->reason);
        if (info->object)
            dprintf(d->fd, " on %p", info->object);
        if (info->since)
            dprintf(d->fd, " for %.3fs", (double)(d->now - info->since) / 1e9);
        if (info->deadline != COOP_FOREVER)
            dprintf(d->fd, ", deadline in %.3fs", (double)(info->deadline - d->now) / 1e9);
    }
    dprintf(d->fd, "%s\n", info->cancelled ? ", cancelled" : "");
    return 0;
}

void coop_dump(int fd)
{
    struct dump d = {fd, sys_now()};
    struct coop_stats s;

    coop_stats_get(&s);
    dprintf(fd,
            "%llu coroutines on %d processors (%d idle), %d workers (%d idle, %d blocked)\n",
            (unsigned long long)s.coroutines, s.procs, s.procs_idle, s.workers, s.workers_idle,
            s.workers_blocked);
    coop_each_coro(print, &d);
}

void coop_stats_get(struct coop_stats *ret_stats)
{
    *ret_stats = (struct coop_stats){
        .procs = coop__rt.procs_count,
        .procs_idle = coop__rt.idle_procs_count,
        .workers = coop__rt.workers_count,
        .workers_idle = coop__rt.idle_workers_count,
        .workers_blocked = coop__rt.blocked,
        .coroutines = coop__alive(),
        .born = coop__births(),
        .polls = coop__rt.polls,
        .create_failures = coop__rt.create_failures,
    };
    for (int i = 0; i < coop__rt.procs_made; i++) {
        ret_stats->switches += coop__rt.procs[i].switches;
        ret_stats->steals += coop__rt.procs[i].steals;
    }
    ret_stats->guards = coop__guard_kind();
    coop__stacks_stats(&ret_stats->stacks, &ret_stats->slabs, &ret_stats->stacks_warm);
}

_Noreturn void coop__misuse(const char *what)
{
    struct coro *g = coop__self();

    dprintf(STDERR_FILENO, "coop: %s (coroutine %llu '%s')\n", what,
            (unsigned long long)(g ? g->id : 0), g && g->name ? g->name : "");
    abort();
}
