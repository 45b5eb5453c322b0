/*
 * stack.c - stacks by the slab
 *
 * THE NOUNS
 *   slab   one mapping of many slots: MAP_NORESERVE, no huge pages (one of them would cost 2 MiB
 *          per touched slot)
 *   slot   guard | stack, growing down | struct coro
 *   class  the slots of one size, a power of two: their slabs and their free ones
 *   warm   a free slot whose pages are still there; a cold one has given all of them back
 *
 * WHAT WE DID NOT DO
 *   mmap per stack: dies at 32 753 stacks.  malloc: no guard.  Growing stacks: C holds pointers
 *   into frames.
 *
 * Free slots are used again newest first: at the processor (no lock, the default class only),
 * beyond that from the class.  Each class has an array of its free slots outside of their pages,
 * or the list itself would keep a page of each:
 *
 *     free[0 ... cold)  cold, oldest     free[cold ... count)  warm, newest at the end
 *
 * Where there is no warm one, memory costs a fault and a guard a system call, together more than
 * all the rest of a short life.  So a processor takes a batch: up to 32 slots, but never more than
 * a sixteenth of those there are, get their guards by one call and their first pages by another
 * (two thirds of the price), outside of the lock.
 *
 * Memory goes back by MADV_DONTNEED, never when a coroutine ends (1.7 us), only from the
 * monitor's hand: when all is at rest, and else from those slots that nobody has wanted for a
 * second ('least' is the smallest number of warm ones since the last look; as many at the old
 * end were not touched).  The guard survives that.  MADV_FREE would leave the RSS looking leaked,
 * which is wrong for a supervisor whose own memory is watched.
 *
 * A machine may have little address space to give (ulimit -v, strict overcommit, locked memory):
 * then slabs are made smaller until one fits.
 */
#include "rt/stack.h"

#include "rt/globalq.h"
#include "rt/overflow.h"
#include "rt/switch.h"
#include "rt/trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0U
#define VALGRIND_STACK_DEREGISTER(id)      (void)(id)
#define VALGRIND_MAKE_MEM_UNDEFINED(at, n) (void)(at)
#endif

enum {
    STACK_LEAST = 16 * 1024,
    STACK_DEFAULT = RT_ASAN || RT_TSAN ? 512 * 1024 : 64 * 1024,
    CLASSES = 11, /* 16 KiB to 16 MiB */
    SLAB_BYTES = 64 * 1024 * 1024,
    SLABS_MAX = 4096,
    LARGE = 256 * 1024,      /* from here on with guards of... */
    LARGE_GUARD = 64 * 1024, /* ...so much: who needs such stacks has large frames */
    KEEP_WARM = 64,          /* free stacks of a class that keep their memory */
    TRIM_AT_ONCE = 256,      /* half a millisecond */
    BATCH_MOST = 32,
    BATCH_SHARE = 16,
};

#define WAS_CANARY ((uintptr_t)1) /* beside the address of a cold slot: it has no guard */

struct slab {
    char *low;
    struct class *class;
    unsigned slots;
    _Atomic(unsigned) used;
};

struct class
{
    size_t size, guard;
    struct slab *open;     /* has unused slots left */
    uintptr_t *free;       /* see above: where a slot begins, and WAS_CANARY */
    unsigned made, room;   /* slots; entries of 'free', as many at least */
    unsigned count, cold;  /* of 'free' */
    unsigned least, to_do; /* see above; warm ones that shall go back */
};

/* Slots that shall get memory: cold ones, then those that were never used. */
struct batch {
    unsigned count, cold;
    uint64_t canaries; /* a bit for each */
    char *slots[BATCH_MOST];
};

static struct {
    uint32_t lock;
    size_t page;
    struct class *usual;
    struct class classes[CLASSES];
    struct slab slabs[SLABS_MAX];
    _Atomic(unsigned) slabs_count;
    coop_nsec looked;
} stacks;

/* ---- slots ---- */

static struct coro *slot_coro(char *low, const struct class *c)
{
    uintptr_t top = (uintptr_t)low + c->size - sizeof(struct coro);

    return (struct coro *)(top & ~(uintptr_t)63);
}

static char *coro_slot(const struct coro *g)
{
    return g->stack_low - stacks.classes[g->stack_class].guard;
}

/* Writes what a coroutine must find in its slot; the memory is zero, or what it was before. */
static struct coro *slot_open(char *low, struct class *c)
{
    struct coro *g = slot_coro(low, c);

    g->stack_low = low + c->guard;
    g->stack_size = (size_t)((char *)g - g->stack_low);
    g->stack_class = (uint8_t)(c - stacks.classes);
    g->valgrind_id = VALGRIND_STACK_REGISTER(g->stack_low, (char *)g);
#if RT_TSAN
    g->tsan_fiber = __tsan_create_fiber(0);
#endif
    return g;
}

static void slot_close(struct coro *g)
{
    VALGRIND_STACK_DEREGISTER(g->valgrind_id);
#if RT_TSAN
    __tsan_destroy_fiber(g->tsan_fiber);
#endif
    g->stack_low = NULL;
}

/* For valgrind what the last coroutine has popped is out of bounds but for a red zone. */
void coop__stack_write_top(struct coro *g, size_t bytes)
{
    VALGRIND_MAKE_MEM_UNDEFINED((char *)g - bytes, bytes);
}

static char *map_slab(size_t bytes)
{
    char *low = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (low == MAP_FAILED)
        return NULL;
    madvise(low, bytes, MADV_NOHUGEPAGE);
    return low;
}

static size_t most_slots(void)
{
    size_t sum = 0;

    for (const struct class *c = stacks.classes; c < stacks.classes + CLASSES; c++)
        sum += c->room;
    return sum;
}

static bool new_slab(struct class *c)
{
    struct slab *s = &stacks.slabs[stacks.slabs_count];
    unsigned slots = (unsigned)(SLAB_BYTES / c->size);
    uintptr_t *more;
    char *low = NULL;

    if (stacks.slabs_count == SLABS_MAX)
        return false;
    if (c->room < c->made + slots) {
        more = realloc(c->free, (c->made + slots) * sizeof *more);
        if (!more)
            return false;
        c->free = more;
        c->room = c->made + slots;
    }
    if (!coop__globalq_reserve(most_slots()))
        return false;
    while (!low && slots > 0) {
        low = map_slab(slots * c->size);
        slots /= low ? 1 : 4;
    }
    if (!low)
        return false;
    *s = (struct slab){.low = low, .class = c, .slots = slots};
    c->open = s;
    atomic_fetch_add(&stacks.slabs_count, 1);
    return true;
}

/* ---- free ones ---- */

static unsigned warm_count(const struct class *c)
{
    return c->count - c->cold;
}

static struct coro *take_warm(struct class *c)
{
    struct coro *g = slot_coro((char *)c->free[--c->count], c);

    if (warm_count(c) < c->least)
        c->least = warm_count(c);
    return g;
}

static void keep(struct proc *p, struct coro *g)
{
    g->next = p->stacks;
    p->stacks = g;
    p->stacks_count++;
}

static void put_free(struct class *c, struct coro *g)
{
    c->free[c->count++] = (uintptr_t)coro_slot(g);
}

static struct class *class_of(size_t size)
{
    struct class *c = stacks.classes;

    if (size == 0)
        return stacks.usual;
    if (size < STACK_DEFAULT && (RT_ASAN || RT_TSAN))
        size = STACK_DEFAULT;
    while (c < stacks.classes + CLASSES && (c->size < size || c->size < 4 * stacks.page))
        c++;
    return c < stacks.classes + CLASSES ? c : NULL;
}

/* ---- slots without memory, by the batch ---- */

/* A sixteenth of what there is already: who needs few gets few. */
static unsigned batch_size(const struct class *c)
{
    unsigned size = c->made / BATCH_SHARE;

    return size < 1 ? 1 : size < BATCH_MOST ? size : BATCH_MOST;
}

static void choose_cold(struct class *c, struct batch *b)
{
    uintptr_t entry = c->free[--c->count];

    c->cold--;
    b->slots[b->count++] = (char *)(entry & ~WAS_CANARY);
    b->canaries |= entry & WAS_CANARY ? UINT64_C(1) << b->cold : 0;
    b->cold++;
}

/* False: nothing more to be had. */
static bool choose_new(struct class *c, struct batch *b)
{
    struct slab *s = c->open;

    if (!s || s->used == s->slots) {
        if (b->count || !new_slab(c))
            return false;
        s = c->open;
    }
    b->slots[b->count++] = s->low + c->size * s->used;
    c->made++;
    atomic_fetch_add(&s->used, 1);
    return true;
}

/* Under the lock: cold ones first. */
static void choose(struct class *c, struct batch *b, unsigned most)
{
    while (b->count < most && c->count)
        choose_cold(c, b);
    while (b->count < most && choose_new(c, b))
        ;
}

static void put_up_guards(const struct class *c, struct batch *b)
{
    struct iovec guards[BATCH_MOST];
    unsigned count = b->count - b->cold, i;

    for (i = 0; i < count; i++)
        guards[i] = (struct iovec){b->slots[b->cold + i], c->guard};
    for (i = (unsigned)coop__guards_install(guards, (int)count); i < count; i++)
        if (coop__guard_install(&guards[i]) == GUARD_CANARY)
            b->canaries |= UINT64_C(1) << (b->cold + i);
}

/* The pages that coroutines touch first. */
static void give_memory(const struct class *c, const struct batch *b)
{
    struct iovec tops[BATCH_MOST];

    for (unsigned i = 0; i < b->count; i++)
        tops[i] = (struct iovec){b->slots[i] + c->size - stacks.page, stacks.page};
    coop__populate(tops, (int)b->count);
}

/* Without the lock. The first one; the others are p's. */
static struct coro *open_batch(struct proc *p, struct class *c, struct batch *b)
{
    struct coro *g = NULL;

    if (b->count > b->cold)
        put_up_guards(c, b);
    give_memory(c, b);
    for (unsigned i = b->count; i-- > 0;) {
        if (p && g)
            keep(p, g);
        g = slot_open(b->slots[i], c);
        g->canary = b->canaries >> i & 1;
        if (g->canary)
            coop__canary_write(g->stack_low);
    }
    return g;
}

/* ---- the calls ---- */

/* Brings some more along: a processor that starts many coroutines locks once for all. */
static COLD struct coro *get_several(struct proc *p, struct class *c)
{
    struct batch b = {.count = 0};
    struct coro *g = NULL;

    coop__lock(&stacks.lock);
    if (warm_count(c)) {
        g = take_warm(c);
        for (int i = 0; p && warm_count(c) && i < STACKS_PER_PROC / 2; i++)
            keep(p, take_warm(c));
    } else {
        choose(c, &b, p ? batch_size(c) : 1);
    }
    coop__unlock(&stacks.lock);
    return g ? g : open_batch(p, c, &b);
}

struct coro *coop__stack_get(struct worker *w, size_t size)
{
    struct class *c = likely(size == 0) ? stacks.usual : class_of(size);
    struct proc *p = w && c == stacks.usual ? w->proc : NULL;
    struct coro *g;

    if (!c)
        return NULL;
    if (likely(p && p->stacks)) {
        g = p->stacks;
        p->stacks = g->next;
        p->stacks_count--;
        return g;
    }
    return get_several(p, c);
}

void coop__stack_check(const struct coro *g)
{
    if (likely(!g->canary)) /* a stack keeps the guard it was made with */
        return;
    if (coop__canary_holds(g->stack_low))
        return;
    coop__overflow_report(g);
    abort();
}

void coop__stack_put(struct worker *w, struct coro *g)
{
    struct class *c = &stacks.classes[g->stack_class];
    struct proc *p = w && c == stacks.usual ? w->proc : NULL;

    coop__stack_check(g);
#if RT_ASAN
    __asan_unpoison_memory_region(g->stack_low, g->stack_size);
#endif
    if (p && p->stacks_count < STACKS_PER_PROC) {
        keep(p, g);
        return;
    }
    coop__lock(&stacks.lock);
    put_free(c, g);
    for (int i = 0; p && p->stacks && i < STACKS_PER_PROC / 2; i++) {
        struct coro *more = p->stacks;

        p->stacks = more->next;
        p->stacks_count--;
        put_free(c, more);
    }
    coop__unlock(&stacks.lock);
}

/* ---- giving memory back ---- */

/* The oldest warm one goes cold. */
static void cool_one(struct class *c)
{
    char *low = (char *)c->free[c->cold];
    struct coro *g = slot_coro(low, c);

    if (g->canary)
        c->free[c->cold] |= WAS_CANARY;
    slot_close(g);
    coop__trace(coop__worker(), TRACE_TRIM, 0, c->size);
    madvise(low + c->guard, c->size - c->guard, MADV_DONTNEED);
    c->cold++;
    if (c->least)
        c->least--;
}

/* How many of the warm ones shall go back now. */
static unsigned surplus(const struct class *c, bool at_rest)
{
    unsigned warm = warm_count(c), wanted = at_rest ? warm : c->to_do;

    if (warm < KEEP_WARM)
        return 0;
    return wanted < warm - KEEP_WARM ? wanted : warm - KEEP_WARM;
}

/* Once a second: what nobody has wanted since the last time shall go back. */
static void look(coop_nsec now)
{
    if (now - stacks.looked < COOP_NSEC_PER_SEC)
        return;
    stacks.looked = now;
    coop__lock(&stacks.lock);
    for (struct class *c = stacks.classes; c < stacks.classes + CLASSES; c++) {
        c->to_do = c->least;
        c->least = warm_count(c);
    }
    coop__unlock(&stacks.lock);
}

bool coop__stacks_trim(bool at_rest, coop_nsec now)
{
    int done = 0;

    look(now);
    for (struct class *c = stacks.classes; c < stacks.classes + CLASSES; c++)
        for (bool more = true; more; done += more) {
            if (done == TRIM_AT_ONCE)
                return true;
            /* One at a time: nobody who wants a stack waits for more than that. */
            coop__lock(&stacks.lock);
            more = surplus(c, at_rest) > 0;
            if (more)
                cool_one(c);
            if (more && c->to_do)
                c->to_do--;
            coop__unlock(&stacks.lock);
        }
    return false;
}

bool coop__stacks_to_trim(void)
{
    unsigned kept = 0;
    bool found = false;

    for (const struct proc *p = coop__rt.idle_procs; p; p = p->idle_next)
        kept += (unsigned)p->stacks_count;
    coop__lock(&stacks.lock);
    for (struct class *c = stacks.classes; c < stacks.classes + CLASSES; c++)
        found = found || warm_count(c) + (c == stacks.usual ? kept : 0) > KEEP_WARM;
    coop__unlock(&stacks.lock);
    return found;
}

void coop__stacks_gather(void)
{
    coop__lock(&stacks.lock);
    for (struct proc *p = coop__rt.idle_procs; p; p = p->idle_next) {
        for (; p->stacks; p->stacks = p->stacks->next)
            put_free(stacks.usual, p->stacks);
        p->stacks_count = 0;
    }
    coop__unlock(&stacks.lock);
}

/* ---- looking around ---- */

void coop__stacks_each(int (*fn)(struct coro *g, void *arg), void *arg)
{
    unsigned slabs = stacks.slabs_count;

    for (struct slab *s = stacks.slabs; s < stacks.slabs + slabs; s++)
        for (unsigned i = 0, used = s->used; i < used; i++)
            if (fn(slot_coro(s->low + s->class->size * i, s->class), arg))
                return;
}

struct coro *coop__stack_of_guard(const void *address)
{
    uintptr_t at = (uintptr_t)address;

    for (struct slab *s = stacks.slabs; s < stacks.slabs + stacks.slabs_count; s++) {
        uintptr_t low = (uintptr_t)s->low, size = s->class->size;

        if (at < low || at >= low + size * s->used)
            continue;
        if ((at - low) % size >= s->class->guard)
            return NULL;
        return slot_coro(s->low + (at - low) / size * size, s->class);
    }
    return NULL;
}

size_t coop__stack_slot_size(const struct coro *g)
{
    return stacks.classes[g->stack_class].size;
}

void coop__stacks_stats(uint64_t *ret_stacks, uint64_t *ret_slabs, uint64_t *ret_warm)
{
    *ret_stacks = *ret_warm = 0;
    *ret_slabs = stacks.slabs_count;
    for (struct slab *s = stacks.slabs; s < stacks.slabs + *ret_slabs; s++)
        *ret_stacks += s->used;
    coop__lock(&stacks.lock);
    for (struct class *c = stacks.classes; c < stacks.classes + CLASSES; c++)
        *ret_warm += warm_count(c);
    coop__unlock(&stacks.lock);
}

/* ---- start and end ---- */

void coop__stacks_start(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    memset(&stacks, 0, sizeof stacks);
    stacks.page = page;
    for (unsigned i = 0; i < CLASSES; i++) {
        stacks.classes[i].size = (size_t)STACK_LEAST << i;
        stacks.classes[i].guard = stacks.classes[i].size < LARGE ? page : LARGE_GUARD;
    }
    if (size == 0)
        size = STACK_DEFAULT;
    stacks.usual = class_of(size < STACK_MOST ? size : STACK_MOST);
    coop__guards_start(page);
}

static int forget(struct coro *g, void *arg)
{
    (void)arg;
    if (g->stack_low) /* else it is cold */
        slot_close(g);
    return 0;
}

void coop__stacks_end(void)
{
    coop__stacks_each(forget, NULL);
    for (struct slab *s = stacks.slabs; s < stacks.slabs + stacks.slabs_count; s++)
        munmap(s->low, s->slots * s->class->size);
    for (struct class *c = stacks.classes; c < stacks.classes + CLASSES; c++)
        free(c->free);
    coop__globalq_end();
    stacks.slabs_count = 0;
}

/* ---- for debuggers ---- */

/* What lib/gdb/coop-gdb.py reads: a build that ships has no debug information. */
struct layout {
    const void *slabs, *slabs_count, *wait_words;
    uint32_t wait_words_count;
    uint32_t slab_size, slab_low, slab_class, slab_used, class_size;
    /* in the order of FIELDS there */
    uint32_t id, name, state, reason, object, since, deadline, flags, sp, fn, born_at;
    uint32_t stack_low, stack_size, size;
};

#define OF(field) .field = offsetof(struct coro, field)

extern const struct layout coop__layout;
__attribute__((used)) const struct layout coop__layout = {
    .slabs = stacks.slabs,
    .slabs_count = &stacks.slabs_count,
    .wait_words = coop__wait_words,
    .wait_words_count = WAIT_REASONS,
    .slab_size = sizeof(struct slab),
    .slab_low = offsetof(struct slab, low),
    .slab_class = offsetof(struct slab, class),
    .slab_used = offsetof(struct slab, used),
    .class_size = offsetof(struct class, size),
    OF(id),
    OF(name),
    OF(state),
    OF(reason),
    OF(object),
    OF(since),
    OF(deadline),
    OF(flags),
    OF(sp),
    OF(fn),
    OF(born_at),
    OF(stack_low),
    OF(stack_size),
    .size = sizeof(struct coro),
};
