/*
 * hog_storm.c - the hog detector asks threads that switch, block, end and start in that moment
 *
 * Pieces around the time after which one is a hog: the question arrives in all states.  Whoever is
 * named was there, and no call is harmed by the signal.
 */
#include "stress/stress.h"

#include "coop/block.h"

#include <string.h>

static _Atomic(int) reports, named;

static void tell(const struct coop_hog *h)
{
    atomic_fetch_add(&reports, 1);
    if (h->id == 0)
        return;
    atomic_fetch_add(&named, 1);
    HOLDS(strcmp(h->name, "computes") == 0 || strcmp(h->name, "hog-storm") == 0);
    HOLDS(h->count > 0 && h->frames[0]);
    HOLDS(h->busy >= 10 * COOP_NSEC_PER_MSEC);
}

static int compute_in_pieces(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;
    bool pinned = draw(&chance, 4) == 0;

    if (pinned)
        HOLDS(coop_pin() == 0);
    for (int i = 0; i < 6; i++) {
        coop_nsec end = coop_after(coop_now(), draw(&chance, 40) * COOP_NSEC_PER_MSEC);

        while (coop_now() < end)
            ;
        if (i % 3 == 0) {
            coop_block_begin();
            coop_block_end();
        } else {
            HOLDS(coop_sleep_until(coop_after(coop_now(), draw(&chance, 2000000))) == 0);
        }
    }
    return 0;
}

static int storm(void *arg)
{
    const struct coop_attr attr = {.name = "computes"};
    struct coop_scope s;

    for (int rounds = *(int *)arg; rounds > 0; rounds--) {
        coop_scope_init(&s, "storm", 0);
        for (int i = 0; i < 6; i++)
            HOLDS(coop_go_with(&s, &attr, compute_in_pieces,
                               (void *)(intptr_t)(rounds * 100 + i)) == 0);
        HOLDS(coop_scope_wait(&s) == 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {
        .name = "hog-storm", .procs = 2, .hog_after = 10 * COOP_NSEC_PER_MSEC, .on_hog = tell};
    int rounds = times_more(argc, argv);

    /* On a busy machine the kernel may take the CPU from all that would be hogs, for a while. */
    for (int i = 0; i < 2 || !named; i++)
        HOLDS(coop_main(&o, storm, &rounds) == 0);
    HOLDS(named <= reports);
    return 0;
}
