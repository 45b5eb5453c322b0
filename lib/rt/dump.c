/*
 * dump.c - who is there, and what are they waiting for (debug.h)
 *
 * Walks the slots of all stacks without stopping anybody: each field is read once, and a
 * coroutine may have gone on in between.  Good for people, not for decisions.  What a pointer
 * led to may be gone when it is followed (a scope lives in a frame), so it is copied by the
 * kernel (dump_text.c).  Allocates nothing and takes no lock: it also works in a signal handler,
 * and in a report of a deadlock.
 */
#include "rt/dump.h"

#include "rt/coro.h"
#include "rt/stack.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SCOPES_DEEP = 8, PATH = 160 };

const char *const coop__wait_words[WAIT_REASONS] = {
    [WAIT_FOR_NOTHING] = "",
#define X(name, word) [name] = word,
#include "rt/wait_reasons.def"
#undef X
};

const char *const coop__state_words[] = {"", "ready", "running", "waiting"};

/* ---- one coroutine ---- */

/* Innermost last: "root/sessions". */
static void scope_path(char *path, const struct coop_scope *at)
{
    char names[SCOPES_DEEP][DUMP_NAME];
    struct coop_scope scope;
    size_t len = 0, n;
    int depth = 0;

    for (; at && depth < SCOPES_DEEP && coop__peek(&scope, at, sizeof scope) == 0; depth++) {
        coop__peek_string(names[depth], DUMP_NAME, scope.name);
        at = scope.parent;
    }
    while (depth-- > 0) {
        n = strlen(names[depth]);
        if (len + n + 2 > PATH)
            break;
        if (len)
            path[len++] = '/';
        memcpy(path + len, names[depth], n);
        len += n;
    }
    path[len] = '\0';
}

/* Pages that were never touched are not there; below the lowest that is, the first word that is
 * not zero. */
size_t coop__stack_deepest(const struct coro *g)
{
    enum { PAGE = 4096, PAGES = 512 };
    unsigned char there[PAGES];
    uint64_t words[64];
    char *low = g->stack_low, *top = low + g->stack_size, *at;
    size_t pages = g->stack_size / PAGE, first = 0;

    /* The last page is the coroutine's own, and always there. */
    if (pages > PAGES) {
        low += (pages - PAGES) * PAGE;
        pages = PAGES;
    }
    if (mincore(low, pages * PAGE, there) == 0)
        while (first < pages && !(there[first] & 1))
            first++;
    for (at = low + first * PAGE; at < top; at += sizeof words) {
        size_t size = (size_t)(top - at) < sizeof words ? (size_t)(top - at) : sizeof words;

        memset(words, 0, sizeof words);
        if (coop__peek(words, at, size & ~(size_t)7) < 0)
            break;
        for (size_t i = 0; i < size / sizeof *words; i++)
            if (words[i])
                return (size_t)(top - at) - i * sizeof *words;
    }
    return (size_t)(top - at);
}

bool coop__look_at(const struct coro *g, struct coro *ret_copy)
{
    int state = atomic_load_explicit(&g->state, memory_order_relaxed), r;

    if (state == CORO_FREE)
        return false;
    r = coop__peek(ret_copy, g, sizeof *g);
    if (r == -EPERM || r == -ENOSYS)
        memcpy(ret_copy, g, sizeof *g);
    return r != -EFAULT && ret_copy->state > CORO_FREE && ret_copy->state <= CORO_WAITING &&
           ret_copy->reason < WAIT_REASONS;
}

const void *coop__function_of(const struct coro *g)
{
    const void *function;

    memcpy(&function, &g->fn, sizeof function);
    return g->actor ? g->born_at : function;
}

static void tell(const struct coro *g, struct coop_coro_info *info)
{
    uintptr_t sp = (uintptr_t)g->sp, top = (uintptr_t)g->stack_low + g->stack_size;

    *info = (struct coop_coro_info){
        .id = g->id,
        .state = coop__state_words[g->state],
        .reason = "",
        .deadline = COOP_FOREVER,
        .daemon = (g->flags & COOP_DAEMON) != 0,
        .urgent = (g->flags & COOP_URGENT) != 0,
        .pinned = g->pins > 0,
        .cancelled = g->cancel,
        .function = coop__function_of(g),
        .born_at = g->actor ? NULL : g->born_at,
        .stack_size = g->stack_size,
        .stack_deepest = coop__stack_deepest(g),
    };
    if (g->state == CORO_WAITING) {
        info->reason = coop__wait_words[g->reason];
        info->object = g->object;
        info->since = g->since;
        info->deadline = g->deadline;
    }
    if (g->state != CORO_RUNNING && sp < top && top - sp <= g->stack_size)
        info->stack_used = top - sp;
    if (info->stack_deepest < info->stack_used) /* its lowest words may be zero */
        info->stack_deepest = info->stack_used;
}

struct visit {
    int (*fn)(const struct coop_coro_info *, void *);
    void *arg;
};

static int visit(struct coro *g, void *arg)
{
    struct visit *v = arg;
    struct coop_coro_info info;
    char name[DUMP_NAME], path[PATH];
    struct coro copy;

    if (!coop__look_at(g, &copy))
        return 0;
    tell(&copy, &info);
    coop__peek_string(name, DUMP_NAME, copy.name);
    info.name = name;
    scope_path(path, copy.scope);
    info.scope = path;
    return v->fn(&info, v->arg);
}

void coop_each_coro(int (*fn)(const struct coop_coro_info *, void *), void *arg)
{
    struct visit v = {fn, arg};

    coop__stacks_each(visit, &v);
}

/* ---- the numbers ---- */

void coop__counts(struct coop_stats *ret_stats)
{
    if (!coop__rt.procs_made) {
        *ret_stats = (struct coop_stats){.guards = coop__guard_kind()};
        return;
    }
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
}

void coop_stats_get(struct coop_stats *ret_stats)
{
    coop__counts(ret_stats);
    coop__stacks_stats(&ret_stats->stacks, &ret_stats->slabs, &ret_stats->stacks_warm);
}

void coop__say_who(struct report *r, const struct coro *g)
{
    char name[DUMP_NAME] = "";

    if (g)
        coop__peek_string(name, sizeof name, g->name);
    coop__say(r, "coroutine %lu '%s'", g ? g->id : 0, name);
}

_Noreturn void coop__misuse(const char *what)
{
    struct report r = {.fd = STDERR_FILENO};

    coop__say(&r, "coop: %s (", what);
    coop__say_who(&r, coop__self());
    coop__say(&r, ")\n");
    coop__say_end(&r);
    abort();
}

/* ---- by signal ---- */

static int dump_signal;
static struct sigaction before_dump;

static void on_dump_signal(int signo)
{
    int kept = errno; /* whom we interrupt may be about to read it */

    (void)signo;
    coop_dump(STDERR_FILENO);
    errno = kept;
}

int coop__dump_signal_start(int signo)
{
    struct sigaction action = {.sa_handler = on_dump_signal,
                               .sa_flags = SA_ONSTACK | SA_RESTART};

    dump_signal = signo;
    if (signo == 0)
        return 0;
    return sigaction(signo, &action, &before_dump) < 0 ? -EINVAL : 0;
}

void coop__dump_signal_end(void)
{
    if (dump_signal)
        sigaction(dump_signal, &before_dump, NULL);
    dump_signal = 0;
}
