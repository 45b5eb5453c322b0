/*
 * procs_storm.c - the number of processors changes under full load
 *
 * Sleepers, brackets of both kinds and those that only yield, while a changer draws the number
 * of processors anew all the time.  Every timer must fire though its processor may be out of
 * use, or held by one who computes; nobody may be forgotten in a queue.
 */
#include "stress/stress.h"

#include "coop/block.h"

#include <errno.h>

static _Atomic(int) busy, late;

static int sleeper(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < 40; i++) {
        coop_nsec deadline = coop_after(coop_now(), draw(&chance, 3000000));

        HOLDS(coop_sleep_until(deadline) == 0);
        if (coop_now() - deadline > 20 * COOP_NSEC_PER_SEC)
            atomic_fetch_add(&late, 1);
        switch (draw(&chance, 4)) {
        case 0:
            coop_syscall_begin();
            coop_syscall_end();
            break;
        case 1:
            coop_block_begin();
            coop_block_end();
            break;
        default: coop_yield();
        }
    }
    atomic_fetch_sub(&busy, 1);
    return 0;
}

static int yielder(__attribute__((unused)) void *arg)
{
    while (atomic_load(&busy) > 0)
        coop_yield();
    return 0;
}

static int changer(__attribute__((unused)) void *arg)
{
    unsigned chance = 11;

    while (atomic_load(&busy) > 0) {
        HOLDS(coop_set_procs(1 + (int)draw(&chance, 4)) > 0);
        coop_sleep_until(coop_after(coop_now(), draw(&chance, 400000)));
    }
    return 0;
}

static int storm(void *arg)
{
    for (int rounds = *(int *)arg; rounds > 0; rounds--) {
        struct coop_scope s;

        busy = 60;
        coop_scope_init(&s, "storm", 0);
        for (int i = 0; i < 60; i++)
            HOLDS(coop_go(&s, sleeper, (void *)(intptr_t)(i * 7919 + rounds)) == 0);
        coop_go(&s, changer, NULL);
        for (int i = 0; i < rounds % 3; i++)
            coop_go(&s, yielder, NULL);
        HOLDS(coop_scope_wait(&s) == 0 && late == 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "procs-storm", .procs = 2};
    int times = 3 * times_more(argc, argv);

    HOLDS(coop_main(&o, storm, &times) == 0);
    return 0;
}
