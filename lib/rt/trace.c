/*
 * trace.c - what happened, thread by thread (coop/debug.h)
 *
 * THE NOUNS
 *   note    one thing that happened: a line of cache with time, kind, coroutine, and a stamp
 *   ring    the notes of one worker, the youngest TRACE_NOTES of them; ring 0 is for the threads
 *           that are no workers
 *   stamp   which note of the ring stands in this line, and its kind; 0 while it is written
 *
 * A writer never waits and never asks anybody: it takes the next number of its ring and writes.
 * Whoever reads (after the trace was switched off, while a last writer may be in the middle of
 * a note) takes only lines whose stamp is the same before and after, as with a seqlock.
 *
 * OFF IS FREE
 *   Runs and parks are noted where the scheduler turns off its straight path because something
 *   is unusual (pinned coroutines, too); wake-ups where coop__ready() does, by a byte in the
 *   worker that is tested together with one that was there before.  Births look at a flag that
 *   shares its line with the counter of births.
 *
 * WHAT WE DID NOT DO
 *   One ring for all (its head would be the hottest word of the program); text while it runs.
 */
#include "rt/trace.h"

#include "base/sys.h"
#include "rt/dump_text.h"
#include "rt/ready.h"
#include "rt/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { TRACE_NOTES = 16384, TRACE_RINGS = 64, NO_PROC = 255 };

struct note {
    _Atomic(uint64_t) stamp, time, id, arg, more, name[3];
};

struct trace_ring {
    struct note *notes;
    _Atomic(uint64_t) head;
    uint64_t first; /* of this trace */
};

enum { OFF, STARTING, ON, STOPPING };

static struct {
    _Atomic(int) state;
    struct trace_ring rings[TRACE_RINGS];
    _Atomic(int) rings_count;
    _Atomic(uint64_t) lost; /* by threads without a ring        */
    int fd;                 /* coop_options.trace; -1: none     */
} trace;

/* The thread sanitizer knows no fences; to it, every field of a note is atomic, which is enough. */
#if RT_TSAN
#define fence(order) coop__full_fence()
#else
#define fence(order) atomic_thread_fence(order)
#endif

/* ---- writing ---- */

static struct note *next_note(struct trace_ring *ring, uint64_t *ret_at)
{
    uint64_t at = atomic_fetch_add_explicit(&ring->head, 1, memory_order_relaxed);
    struct note *n = &ring->notes[at % TRACE_NOTES];

    atomic_store_explicit(&n->stamp, 0, memory_order_relaxed);
    fence(memory_order_release);
    *ret_at = at;
    return n;
}

static void put(struct worker *w, enum trace_kind kind, const uint64_t words[3],
                const uint64_t name[3])
{
    struct trace_ring *ring = w ? __atomic_load_n(&w->ring, __ATOMIC_ACQUIRE) : trace.rings;
    uint64_t at, proc = w && w->proc ? (uint64_t)w->proc->id : NO_PROC;
    struct note *n;

    if (!ring || !ring->notes) {
        atomic_fetch_add_explicit(&trace.lost, 1, memory_order_relaxed);
        return;
    }
    n = next_note(ring, &at);
    atomic_store_explicit(&n->time, (uint64_t)sys_now(), memory_order_relaxed);
    atomic_store_explicit(&n->id, words[0], memory_order_relaxed);
    atomic_store_explicit(&n->arg, words[1], memory_order_relaxed);
    atomic_store_explicit(&n->more, words[2], memory_order_relaxed);
    for (int i = 0; name && i < 3; i++)
        atomic_store_explicit(&n->name[i], name[i], memory_order_relaxed);
    atomic_store_explicit(&n->stamp, (at + 1) << 16 | (uint64_t)kind << 8 | proc,
                          memory_order_release);
}

void coop__trace_note(struct worker *w, enum trace_kind kind, uint64_t id, uint64_t arg,
                      uint64_t more)
{
    if (kind == TRACE_READY && w && w->current != &w->root)
        arg = w->current->id;
    put(w, kind, (uint64_t[]){id, arg, more}, NULL);
}

/* The name is there at the birth and at the end only; with one of them the whole life has it. */
static void note_life(struct worker *w, enum trace_kind kind, const struct coro *g)
{
    uint64_t name[3] = {0}, fn = 0, maker = w && w->current != &w->root ? w->current->id : 0;
    const char *text = g->name;

    memcpy(name, text, strnlen(text, sizeof name - 1));
    memcpy(&fn, &g->fn, sizeof g->fn);
    put(w, kind, (uint64_t[]){g->id, fn, maker}, name);
}

void coop__trace_birth(const struct coro *g)
{
    note_life(coop__worker(), TRACE_BIRTH, g);
}

static void note_leaving(struct worker *w, const struct coro *g)
{
    switch (atomic_load_explicit(&g->state, memory_order_relaxed)) {
    case CORO_WAITING:
        coop__trace_note(w, TRACE_PARK, g->id, (uint64_t)g->reason, (uintptr_t)g->object);
        break;
    case CORO_FREE: note_life(w, TRACE_END, g); break;
    default: coop__trace_note(w, TRACE_YIELD, g->id, 0, 0); break;
    }
}

void coop__trace_switch(struct worker *w, const struct coro *to)
{
    if (!coop__tracing())
        return;
    note_leaving(w, w->current);
    if (to)
        coop__trace_note(w, TRACE_RUN, to->id, 0, 0);
}

/* ---- on and off ---- */

/* Rings stay till the end of the runtime: a late writer may still hold one. */
static struct trace_ring *ring_new(void)
{
    int i = trace.rings_count;
    void *notes;

    if (i == TRACE_RINGS)
        return NULL;
    notes = mmap(NULL, TRACE_NOTES * sizeof(struct note), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (notes == MAP_FAILED)
        return NULL;
    trace.rings[i] = (struct trace_ring){.notes = notes};
    atomic_store(&trace.rings_count, i + 1);
    return &trace.rings[i];
}

void coop__trace_worker(struct worker *w)
{
    if (!w->ring)
        __atomic_store_n(&w->ring, ring_new(), __ATOMIC_RELEASE);
    __atomic_store_n(&w->traced, true, __ATOMIC_RELAXED);
}

/* Under the runtime's lock. */
static void switch_on(void)
{
    for (int i = 0; i < trace.rings_count; i++)
        trace.rings[i].first = trace.rings[i].head;
    trace.lost = 0;
    atomic_store(&coop__rt.tracing, true);
    for (struct worker *w = coop__rt.all_workers; w; w = w->all_next)
        coop__trace_worker(w);
    atomic_fetch_add(&coop__rt.unusual, 1);
}

static void switch_off(void)
{
    coop__lock(&coop__rt.lock);
    atomic_fetch_sub(&coop__rt.unusual, 1);
    atomic_store(&coop__rt.tracing, false);
    for (struct worker *w = coop__rt.all_workers; w; w = w->all_next)
        __atomic_store_n(&w->traced, false, __ATOMIC_RELAXED);
    coop__unlock(&coop__rt.lock);
}

/* Nobody has picked the caller while we looked. */
static void note_caller(void)
{
    struct worker *w = coop__worker();
    struct coro *g = coop__self();

    if (g && w->proc)
        coop__trace_note(w, TRACE_RUN, g->id, 0, 0);
}

int coop_trace_start(void)
{
    int off = OFF;

    if (!coop__rt.running)
        return -EPERM;
    if (!atomic_compare_exchange_strong(&trace.state, &off, STARTING))
        return -EBUSY;
    coop__lock(&coop__rt.lock);
    if (trace.rings_count == 0 && !ring_new()) {
        coop__unlock(&coop__rt.lock);
        atomic_store(&trace.state, OFF);
        return -ENOMEM;
    }
    switch_on();
    coop__unlock(&coop__rt.lock);
    note_caller();
    atomic_store(&trace.state, ON);
    return 0;
}

int coop_trace_stop(int fd)
{
    struct trace_event *events;
    uint64_t dropped;
    size_t count;
    int on = ON, r = 0;

    if (!atomic_compare_exchange_strong(&trace.state, &on, STOPPING))
        return -EALREADY;
    switch_off();
    if (fd >= 0) {
        events = coop__trace_collect(&count, &dropped);
        r = events ? coop__trace_write(fd, events, count, dropped) : -ENOMEM;
        free(events);
    }
    atomic_store(&trace.state, OFF);
    return r;
}

int coop__trace_into(const char *path)
{
    int r;

    trace.fd = -1;
    if (!path)
        return 0;
    r = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (r < 0)
        return r;
    trace.fd = r;
    return coop_trace_start();
}

void coop__trace_end(void)
{
    if (trace.state == ON)
        coop_trace_stop(trace.fd);
    if (trace.fd >= 0)
        sys_close(trace.fd);
    trace.fd = -1;
    for (int i = 1; i < trace.rings_count; i++) {
        munmap(trace.rings[i].notes, TRACE_NOTES * sizeof(struct note));
        trace.rings[i] = (struct trace_ring){0};
    }
    if (trace.rings_count > 1)
        trace.rings_count = 1; /* the strangers' ring: they may still write */
}

/* ---- reading ---- */

/* False: it was overwritten, or is being. */
static bool read_note(struct trace_ring *ring, uint64_t at, struct trace_event *e)
{
    struct note *n = &ring->notes[at % TRACE_NOTES];
    uint64_t stamp = atomic_load_explicit(&n->stamp, memory_order_acquire), name[3];

    if (stamp >> 16 != at + 1)
        return false;
    *e = (struct trace_event){
        .time = (coop_nsec)atomic_load_explicit(&n->time, memory_order_relaxed),
        .id = atomic_load_explicit(&n->id, memory_order_relaxed),
        .arg = atomic_load_explicit(&n->arg, memory_order_relaxed),
        .more = atomic_load_explicit(&n->more, memory_order_relaxed),
        .at = at,
        .ring = (int)(ring - trace.rings),
        .proc = (stamp & 0xff) == NO_PROC ? -1 : (int)(stamp & 0xff),
        .kind = (enum trace_kind)(stamp >> 8 & 0xff),
    };
    for (int i = 0; (e->kind == TRACE_BIRTH || e->kind == TRACE_END) && i < 3; i++) {
        name[i] = atomic_load_explicit(&n->name[i], memory_order_relaxed);
        memcpy(e->name + i * 8, &name[i], 8);
    }
    fence(memory_order_acquire);
    return atomic_load_explicit(&n->stamp, memory_order_relaxed) == stamp;
}

static int by_time(const void *a, const void *b)
{
    const struct trace_event *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->ring != y->ring)
        return x->ring < y->ring ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

struct trace_event *coop__trace_collect(size_t *ret_count, uint64_t *ret_dropped)
{
    int rings = trace.rings_count;
    struct trace_event *events = malloc((size_t)rings * TRACE_NOTES * sizeof *events + 1);
    uint64_t dropped = trace.lost;
    size_t count = 0;

    for (int i = 0; events && i < rings; i++) {
        struct trace_ring *ring = &trace.rings[i];
        uint64_t head = ring->head, from = ring->first;

        if (head - from > TRACE_NOTES) {
            dropped += head - from - TRACE_NOTES;
            from = head - TRACE_NOTES;
        }
        for (uint64_t at = from; at < head; at++) {
            if (read_note(ring, at, &events[count]))
                count++;
            else
                dropped++;
        }
    }
    if (!events)
        return NULL;
    qsort(events, count, sizeof *events, by_time);
    *ret_count = count;
    *ret_dropped = dropped;
    return events;
}
