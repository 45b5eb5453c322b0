/*
 * many_stacks.c - a hundred thousand parked coroutines, and a million guarded stacks
 *
 * What they cost (a page and 128 bytes of page tables each, no mapping each), and that they give
 * it back.  The million is made of slots whose memory goes back at once, so that the program
 * itself stays small.  For kernels with MADV_GUARD_INSTALL; not under a tool that has memory of
 * its own.
 */
#include "stress/stress.h"

#include "rt/stack.h"

#include <string.h>
#include <sys/mman.h>

enum { PARKED = 100000, GUARDED = 1000000, EACH_MOST = 4505, MAPS_MOST = 99 };

static long from_proc(const char *path, const char *key)
{
    char line[256];
    long value = 0;
    FILE *f = fopen(path, "re");

    HOLDS(f);
    while (fgets(line, sizeof line, f)) {
        if (!key)
            value++; /* lines */
        else if (strncmp(line, key, strlen(key)) == 0)
            value = strtol(line + strlen(key), NULL, 10);
    }
    fclose(f);
    return value;
}

static long bytes(void)
{
    return 1024 * (from_proc("/proc/self/status", "VmRSS:") +
                   from_proc("/proc/self/status", "VmPTE:"));
}

static long maps(void)
{
    return from_proc("/proc/self/maps", NULL);
}

static int wait_for_close(void *ch)
{
    return coop_recv(ch, NULL, COOP_FOREVER);
}

static void park_many(void)
{
    struct coop_chan *ch = coop_chan_new(0, 0);
    coop_nsec deadline = in_seconds(60);
    long before = bytes();
    struct coop_scope s;

    coop_scope_init(&s, "parked", 0);
    for (int i = 0; i < PARKED; i++)
        HOLDS(coop_go(&s, wait_for_close, ch) == 0);
    coop_yield();
    printf("%d parked: %ld bytes each, %ld mappings\n", PARKED, (bytes() - before) / PARKED,
           maps());
    HOLDS((bytes() - before) / PARKED <= EACH_MOST);
    HOLDS(maps() <= MAPS_MOST);
    coop_close(ch);
    HOLDS(coop_scope_wait(&s) == 0);
    coop_chan_unref(ch);
    while (bytes() > before + (32 << 20)) { /* page tables stay: 12 MiB */
        HOLDS(coop_now() < deadline);
        coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_SEC));
    }
}

static void guard_a_million(void)
{
    struct coro *first = NULL, *g;
    char *page;

    for (int i = 0; i < GUARDED; i++) {
        g = coop__stack_get(NULL, 0);
        HOLDS(g && !g->canary);
        page = (char *)((uintptr_t)g & ~(uintptr_t)4095);
        /* The guard is there: nothing can be read in. */
        HOLDS(madvise(g->stack_low - 4096, 4096, MADV_POPULATE_READ) < 0);
        HOLDS(i % 1000 || coop__stack_of_guard(g->stack_low - 1) == g);
        first = first ? first : g;
        if (g != first)
            madvise(page, 4096, MADV_DONTNEED);
    }
    printf("%d guarded: %ld MiB, %ld mappings\n", GUARDED, bytes() >> 20, maps());
    HOLDS(maps() <= MAPS_MOST);
}

static int run(__attribute__((unused)) void *arg)
{
    struct coop_stats s;

    coop_stats_get(&s);
    if (strcmp(s.guards, "madvise") != 0)
        return 77;
    park_many();
    guard_a_million();
    /* Those stacks belong to nobody: the end of the runtime unmaps them. */
    return 0;
}

int main(void)
{
    struct coop_options o = {.name = "many-stacks", .procs = 2};
    int r = coop_main(&o, run, NULL);

    if (r == 77)
        printf("SKIP: needs guards by madvise (Linux 6.13)\n");
    return r;
}
