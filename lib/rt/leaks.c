/*
 * leaks.c - what was made and is still there (coop_options.leaks)
 *
 * A table of objects with the place where each was made; open addressing by address and kind,
 * under one lock.  Timers and descriptors are noted when they are set and when they join the
 * poller; at the end only those count that still stand in a heap or in the poller.
 *
 * A coroutine is never left behind, for coop_main() waits for it; but one that does not go when
 * it is cancelled keeps that from ending.  So those are told after a while, in the midst of it.
 */
#include "rt/leaks.h"

#include "base/sys.h"
#include "rt/dump.h"
#include "rt/poller.h"
#include "rt/timer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE (5 * COOP_NSEC_PER_SEC)

enum { FIRST_ROOM = 256 };

struct leak {
    const void *object, *made_at;
    uint64_t maker; /* the coroutine, 0: none */
    enum leak_kind kind;
    bool told;
};

_Atomic(bool) coop__leaks_on;

static struct {
    uint32_t lock;
    struct leak *at; /* a NULL object is a free entry */
    size_t room, count;
    uint64_t lost; /* no memory for the note */
} leaks;

/* ---- the table, under the lock ---- */

static size_t slot_of(enum leak_kind kind, const void *object)
{
    uint64_t key = ((uintptr_t)object * LEAK_KINDS + kind) * UINT64_C(0x9E3779B97F4A7C15);

    return (size_t)(key >> 20) & (leaks.room - 1);
}

static struct leak *find(enum leak_kind kind, const void *object)
{
    size_t i = slot_of(kind, object);

    while (leaks.at[i].object && (leaks.at[i].object != object || leaks.at[i].kind != kind))
        i = (i + 1) & (leaks.room - 1);
    return &leaks.at[i];
}

static bool make_room(void)
{
    size_t room = leaks.room, more = room ? 2 * room : FIRST_ROOM;
    struct leak *old = leaks.at, *at;

    if (room && leaks.count < room / 2)
        return true;
    at = calloc(more, sizeof *at);
    if (!at)
        return false;
    leaks.at = at;
    leaks.room = more;
    for (size_t i = 0; i < room; i++)
        if (old[i].object)
            *find(old[i].kind, old[i].object) = old[i];
    free(old);
    return true;
}

/* Those behind it move up, or they could not be found any more. */
static void take_out(struct leak *gone)
{
    size_t hole = (size_t)(gone - leaks.at), i = hole;

    leaks.at[hole].object = NULL;
    leaks.count--;
    while (leaks.at[i = (i + 1) & (leaks.room - 1)].object) {
        struct leak moved = leaks.at[i];

        leaks.at[i].object = NULL;
        *find(moved.kind, moved.object) = moved;
    }
}

/* ---- noting ---- */

void coop__leak_note(enum leak_kind kind, const void *object, const void *made_at)
{
    struct coro *g = coop__self();
    struct leak *leak;

    coop__lock(&leaks.lock);
    if (make_room()) {
        leak = find(kind, object);
        leaks.count += leak->object == NULL;
        *leak = (struct leak){object, made_at, g ? g->id : 0, kind, false};
    } else {
        leaks.lost++;
    }
    coop__unlock(&leaks.lock);
}

void coop__leak_drop(enum leak_kind kind, const void *object)
{
    struct leak *leak;

    coop__lock(&leaks.lock);
    leak = leaks.room ? find(kind, object) : NULL;
    if (leak && leak->object)
        take_out(leak);
    coop__unlock(&leaks.lock);
}

/* ---- the report, when all threads but ours have ended ---- */

static bool is_pending(const void *timer)
{
    for (int i = 0; i < coop__rt.procs_made; i++)
        for (int k = 0; k < coop__rt.procs[i].heap_size; k++)
            if (coop__rt.procs[i].heap[k].node == &((const struct coop_timer *)timer)->node)
                return true;
    return false;
}

static bool is_left(const struct leak *leak)
{
    if (!leak->object)
        return false;
    if (leak->kind == LEAK_TIMER)
        return is_pending(leak->object);
    return leak->kind != LEAK_DESCRIPTOR || coop__desc_find((int)(uintptr_t)leak->object - 1);
}

static void say_kind(struct report *r, const struct leak *first, uint64_t count)
{
    static const char *const words[LEAK_KINDS] = {[LEAK_CHANNEL] = "channel",
                                                  [LEAK_ACTOR] = "actor",
                                                  [LEAK_TIMER] = "pending timer",
                                                  [LEAK_DESCRIPTOR] = "watched descriptor",
                                                  [LEAK_POOLED] = "object of a pool"};

    coop__say(r, "    %lu %s%s", (unsigned long)count, words[first->kind],
              count > 1 && first->kind != LEAK_POOLED ? "s" : "");
    if (first->kind == LEAK_DESCRIPTOR)
        coop__say(r, " (%d", (int)(uintptr_t)first->object - 1);
    else
        coop__say(r, " (%p", first->object);
    coop__say(r, "%s), from ", count > 1 ? ", ..." : "");
    coop__say_place(r, first->made_at);
    coop__say(r, " in coroutine %lu\n", (unsigned long)first->maker);
}

/* All of one kind and place together. */
static uint64_t tell_like(struct report *r, struct leak *first)
{
    uint64_t count = 0;

    for (struct leak *l = first; l < leaks.at + leaks.room; l++)
        if (!l->told && l->kind == first->kind && l->made_at == first->made_at && is_left(l)) {
            l->told = true;
            count++;
        }
    say_kind(r, first, count);
    return count;
}

/* ---- coroutines that do not go ---- */

static struct coop_timer_node patience;

static void tell_who_stays(__attribute__((unused)) struct coop_timer_node *node)
{
    coop__say_cancelled(STDERR_FILENO, "coop: cancelled at the end of coop_main(), and still "
                                       "there 5 seconds later:");
}

void coop__leaks_await(void)
{
    coop__timer_remove(&patience);
    if (coop__leaks_on)
        coop__timer_add(&patience, coop_after(sys_now(), PATIENCE), tell_who_stays);
}

void coop__leaks_await_end(void)
{
    coop__timer_remove(&patience);
}

/* ---- start and end ---- */

void coop__leaks_start(bool wanted)
{
    atomic_store(&coop__leaks_on, wanted);
}

void coop__leaks_end(void)
{
    struct report r = {.fd = STDERR_FILENO};
    uint64_t count = 0;

    if (!coop__leaks_on)
        return;
    atomic_store(&coop__leaks_on, false);
    coop__lock(&leaks.lock);
    for (size_t i = 0; i < leaks.room; i++)
        if (!leaks.at[i].told && is_left(&leaks.at[i])) {
            if (count == 0)
                coop__say(&r, "coop: left behind at the end of coop_main():\n");
            count += tell_like(&r, &leaks.at[i]);
        }
    if (leaks.lost)
        coop__say(&r, "coop: no memory to note %lu more\n", (unsigned long)leaks.lost);
    coop__say_end(&r);
    free(leaks.at);
    leaks.at = NULL;
    leaks.room = leaks.count = 0;
    leaks.lost = 0;
    coop__unlock(&leaks.lock);
}
