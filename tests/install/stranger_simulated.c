/*
 * stranger_simulated.c - a program that knows nothing of this tree, simulated
 *
 * Built with what pkg-config says of libcoop-sim.  A child that ends every hour is started again
 * for a day; then the same day once more.
 */
#include <coop/coop.h>
#include <coop/sim.h>

#include <stdio.h>

#define HOUR (3600 * COOP_NSEC_PER_SEC)

static const struct coop_sim_act acts[] = {{COOP_SIM_SLEEP, .delay = HOUR},
                                           {COOP_SIM_EXIT, .number = 7}};
static char path[] = "/usr/bin/web", *argv[] = {path, NULL};
static int starts;

static int day(__attribute__((unused)) void *arg)
{
    coop_nsec end = coop_after(coop_now(), 24 * HOUR);
    struct coop_spawn what = {.argv = argv};
    struct coop_child child;

    coop_sim_program(argv[0], acts);
    for (starts = 0; coop_now() < end; starts++) {
        if (coop_child_spawn(&child, &what, NULL, 0) < 0)
            return 1;
        if (coop_child_wait(&child, COOP_FOREVER) < 0 || child.exit.status != 7)
            return 1;
    }
    return 0;
}

static int simulate(uint64_t seed, uint64_t *ret_sum)
{
    struct coop_options options = {.sim = true, .seed = seed};
    int r;

    coop_sim_begin(seed);
    coop_sim_trace_start(-1);
    r = coop_main(&options, day, NULL);
    coop_sim_trace_stop();
    *ret_sum = coop_sim_trace_sum();
    coop_sim_end();
    return r;
}

int main(void)
{
    uint64_t first, again;

    if (simulate(7, &first) != 0 || simulate(7, &again) != 0 || starts != 24)
        return 1;
    puts("a stranger can be simulated");
    return first == again ? 0 : 1;
}
