/*
 * stack.c - stacks by the slab
 *
 * THE NOUNS
 *   slab   one mapping of many slots: MAP_NORESERVE, no huge pages (one of them would cost 2 MiB
 *          per touched slot)
 *   slot   guard page | stack, growing down | struct coro
 *   guard  by MADV_GUARD_INSTALL (Linux 6.13): a mark in the page tables, no VMA, so that a
 *          million guarded stacks are a few dozen mappings.  Before 6.13 mprotect, which costs
 *          two VMAs each and ends at vm.max_map_count; so after GUARDS_BY_MPROTECT of them a
 *          canary word stands at the low end and is checked when a coroutine ends.
 *
 * WHAT WE DID NOT DO
 *   mmap per stack: dies at 32 753 stacks.  malloc: no guard.  Growing stacks: C holds pointers
 *   into frames.
 *
 * Free slots are kept hot, newest first: at the processor (no lock), beyond that in one list.
 * Memory goes back by MADV_DONTNEED, never when a coroutine ends (1.7 us), only when the
 * monitor finds nothing to do.  The guard survives that.  MADV_FREE would leave the RSS looking
 * leaked, which is wrong for a supervisor whose own memory is watched.
 */
#include "rt/stack.h"

#include "rt/switch.h"
#include "rt/trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0U
#define VALGRIND_STACK_DEREGISTER(id)      (void)(id)
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

enum {
    PAGE = 4096,
    STACK_DEFAULT = RT_ASAN || RT_TSAN ? 512 * 1024 : 64 * 1024,
    SLAB_BYTES = 64 * 1024 * 1024,
    SLABS_MAX = 4096,
    GUARDS_BY_MPROTECT = 15000,
    TRIM_KEEP = 64, /* free stacks that keep their memory */
};

#define CANARY UINT64_C(0xC0DEC0DEC0DEC0DE)

enum guard { GUARD_MADVISE, GUARD_MPROTECT, GUARD_CANARY };

static struct {
    uint32_t lock;
    enum guard guard; /* of the slots made from now on */
    unsigned mprotect_most;
    size_t size;
    unsigned per_slab;
    char *slabs[SLABS_MAX];
    _Atomic(unsigned) slabs_count, used; /* slots of the last slab in use */
    struct coro *free;
    _Atomic(unsigned) free_count;
    _Atomic(unsigned) trimmed; /* as many at the end of the free list have no memory */
} stacks;

/* ---- guards ---- */

_Atomic(unsigned) coop__old_guards;

static enum guard probe_guard(void)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    enum guard best = GUARD_MPROTECT;

    if (page == MAP_FAILED)
        return GUARD_CANARY;
    /* An emulator of system calls may answer 0 to advice it does not know: see whether it bites. */
    if (!coop__old_guards && madvise(page, PAGE, MADV_GUARD_INSTALL) == 0 &&
        madvise(page, PAGE, MADV_POPULATE_READ) < 0)
        best = GUARD_MADVISE;
    munmap(page, PAGE);
    return best;
}

static void install_guard(char *low, unsigned nth)
{
    if (stacks.guard == GUARD_MADVISE && madvise(low, PAGE, MADV_GUARD_INSTALL) == 0)
        return;
    if (nth < stacks.mprotect_most && mprotect(low, PAGE, PROT_NONE) == 0)
        return;
    stacks.guard = GUARD_CANARY;
}

void coop__stack_check(const struct coro *g)
{
    uint64_t word;

    if (likely(!g->canary)) /* a stack keeps the guard it was made with */
        return;
    memcpy(&word, g->stack_low, sizeof word);
    if (word != CANARY)
        coop__misuse("a coroutine has overflowed its stack");
}

/* ---- slots ---- */

static struct coro *slot_coro(char *low)
{
    uintptr_t top = (uintptr_t)low + stacks.size - sizeof(struct coro);

    return (struct coro *)(top & ~(uintptr_t)63);
}

static struct coro *new_slot(void)
{
    unsigned slab = stacks.slabs_count, slot = stacks.used;
    struct coro *g;
    char *low;

    if (slab == 0 || slot == stacks.per_slab) {
        if (slab == SLABS_MAX)
            return NULL;
        low = mmap(NULL, stacks.size * stacks.per_slab, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (low == MAP_FAILED)
            return NULL;
        madvise(low, stacks.size * stacks.per_slab, MADV_NOHUGEPAGE);
        stacks.slabs[slab++] = low;
        slot = 0;
        stacks.used = 0;
        stacks.slabs_count = slab;
    }
    low = stacks.slabs[slab - 1] + stacks.size * slot;
    install_guard(low, (slab - 1) * stacks.per_slab + slot);
    g = slot_coro(low);
    memset(g, 0, sizeof *g);
    g->stack_low = low + PAGE;
    g->stack_size = (size_t)((char *)g - g->stack_low);
    g->valgrind_id = VALGRIND_STACK_REGISTER(g->stack_low, (char *)g);
    g->canary = stacks.guard == GUARD_CANARY;
    if (g->canary)
        memcpy(g->stack_low, &(uint64_t){CANARY}, sizeof(uint64_t));
#if RT_TSAN
    g->tsan_fiber = __tsan_create_fiber(0);
#endif
    stacks.used = slot + 1;
    return g;
}

struct coro *coop__stack_get(struct worker *w)
{
    struct proc *p = w ? w->proc : NULL;
    struct coro *g;

    if (p && p->stacks) {
        g = p->stacks;
        p->stacks = g->next;
        p->stacks_count--;
        return g;
    }
    coop__lock(&stacks.lock);
    g = stacks.free;
    if (g) {
        stacks.free = g->next;
        if (--stacks.free_count < stacks.trimmed)
            stacks.trimmed = stacks.free_count;
    } else {
        g = new_slot();
    }
    /* Bring some more along: a processor that starts many coroutines locks once for all. */
    for (int i = 0; p && stacks.free && i < STACKS_PER_PROC / 2; i++) {
        struct coro *more = stacks.free;

        stacks.free = more->next;
        stacks.free_count--;
        more->next = p->stacks;
        p->stacks = more;
        p->stacks_count++;
    }
    if (stacks.free_count < stacks.trimmed)
        stacks.trimmed = stacks.free_count;
    coop__unlock(&stacks.lock);
    return g;
}

static void put_shared(struct coro *g)
{
    g->next = stacks.free;
    stacks.free = g;
    stacks.free_count++;
}

void coop__stack_put(struct worker *w, struct coro *g)
{
    struct proc *p = w ? w->proc : NULL;

    coop__stack_check(g);
#if RT_ASAN
    __asan_unpoison_memory_region(g->stack_low, g->stack_size);
#endif
    if (p && p->stacks_count < STACKS_PER_PROC) {
        g->next = p->stacks;
        p->stacks = g;
        p->stacks_count++;
        return;
    }
    coop__lock(&stacks.lock);
    put_shared(g);
    for (int i = 0; p && p->stacks && i < STACKS_PER_PROC / 2; i++) {
        struct coro *more = p->stacks;

        p->stacks = more->next;
        p->stacks_count--;
        put_shared(more);
    }
    coop__unlock(&stacks.lock);
}

bool coop__stacks_to_trim(void)
{
    return stacks.free_count > stacks.trimmed + TRIM_KEEP;
}

void coop__stacks_trim(void)
{
    struct coro *g;
    unsigned rank = 0;

    if (!coop__stacks_to_trim())
        return;
    coop__lock(&stacks.lock);
    for (g = stacks.free; g; g = g->next, rank++) {
        if (rank < TRIM_KEEP || rank >= stacks.free_count - stacks.trimmed)
            continue;
        /* All but the page of the coroutine itself. */
        madvise(g->stack_low, g->stack_size & ~(size_t)(PAGE - 1), MADV_DONTNEED);
        if (g->canary)
            memcpy(g->stack_low, &(uint64_t){CANARY}, sizeof(uint64_t));
    }
    if (coop__tracing())
        coop__trace_note(coop__worker(), TRACE_TRIM, 0, stacks.free_count - stacks.trimmed, 0);
    if (stacks.free_count > TRIM_KEEP)
        stacks.trimmed = stacks.free_count - TRIM_KEEP;
    coop__unlock(&stacks.lock);
}

/* ---- looking around ---- */

void coop__stacks_each(int (*fn)(struct coro *g, void *arg), void *arg)
{
    unsigned slabs = stacks.slabs_count, last = stacks.used;

    for (unsigned s = 0; s < slabs; s++)
        for (unsigned i = 0; i < (s + 1 == slabs ? last : stacks.per_slab); i++)
            if (fn(slot_coro(stacks.slabs[s] + stacks.size * i), arg))
                return;
}

struct coro *coop__stack_of_guard(const void *address)
{
    uintptr_t at = (uintptr_t)address;

    for (unsigned s = 0; s < stacks.slabs_count; s++) {
        uintptr_t slab = (uintptr_t)stacks.slabs[s];

        if (at < slab || at >= slab + stacks.size * stacks.per_slab)
            continue;
        if ((at - slab) % stacks.size >= PAGE)
            return NULL;
        return slot_coro(stacks.slabs[s] + (at - slab) / stacks.size * stacks.size);
    }
    return NULL;
}

void coop__stacks_stats(uint64_t *ret_stacks, uint64_t *ret_slabs, const char **ret_guards)
{
    static const char *const names[] = {"madvise", "mprotect", "canary"};
    unsigned slabs = stacks.slabs_count;

    *ret_slabs = slabs;
    *ret_stacks = slabs ? (uint64_t)(slabs - 1) * stacks.per_slab + stacks.used : 0;
    *ret_guards = names[stacks.guard];
}

/* ---- start and end ---- */

void coop__stacks_start(size_t size)
{
    size_t rounded = PAGE * 4;

    if (size < STACK_DEFAULT && (size == 0 || RT_ASAN || RT_TSAN))
        size = STACK_DEFAULT;
    while (rounded < size && rounded < SLAB_BYTES / 4)
        rounded *= 2;
    memset(&stacks, 0, sizeof stacks);
    stacks.size = rounded;
    stacks.per_slab = (unsigned)(SLAB_BYTES / rounded);
    stacks.mprotect_most = coop__old_guards ? coop__old_guards : GUARDS_BY_MPROTECT;
    stacks.guard = probe_guard();
}

static int forget(struct coro *g, void *arg)
{
    (void)arg;
    VALGRIND_STACK_DEREGISTER(g->valgrind_id);
#if RT_TSAN
    __tsan_destroy_fiber(g->tsan_fiber);
#endif
    return 0;
}

void coop__stacks_end(void)
{
    coop__stacks_each(forget, NULL);
    for (unsigned s = 0; s < stacks.slabs_count; s++)
        munmap(stacks.slabs[s], stacks.size * stacks.per_slab);
    stacks.slabs_count = 0;
}
