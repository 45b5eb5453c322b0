/*
 * simulation.c - a year in a moment, and the same year again: time, children, a failure
 *
 * With coop_options.sim one processor runs everything, the order is drawn from a seed, and over
 * the simulated kernel the clock jumps to the next thing that happens.  Code under test does not
 * notice.  A run that went wrong goes wrong again with the same seed.  Programs are made up as
 * well, with pipes to them, and the kernel refuses what it is told to.
 *
 *     simulation [SEED]
 */
#include <coop/coop.h>
#include <coop/sim.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR (3600 * COOP_NSEC_PER_SEC)
#define DAY  (24 * HOUR)

static struct coop_mutex kitchen;
static int cooked[3], refused, tips;

/* What the program /bin/courier does: on its way, it tells of the tip. */
static const struct coop_sim_act courier[] = {
    {.kind = COOP_SIM_SLEEP, .delay = HOUR / 2},
    {.kind = COOP_SIM_WRITE, .number = 1, .text = "$$$"},
    {.kind = COOP_SIM_EXIT},
};

/* Who is on the way is awaited, and his tips are counted. */
static void await_courier(struct coop_child *child, int fd)
{
    struct coop_shield shield;
    char text[16];
    ssize_t n;

    coop_shield_begin(&shield, coop_after(coop_now(), DAY));
    while ((n = coop_read(fd, text, sizeof text, COOP_FOREVER)) > 0)
        tips += (int)n;
    coop_child_wait(child, COOP_FOREVER);
    coop_shield_end(&shield);
}

/* By a courier; when there is none to be had, an hour later. */
static void send_out(void)
{
    char name[] = "courier", *argv[] = {name, NULL};
    int pipe[2], fds[3] = {0, 0, 2}, r = -EAGAIN;
    struct coop_spawn what = {.path = "/bin/courier", .argv = argv, .fds = fds, .fd_count = 3};
    struct coop_child child;

    if (coop_pipe(pipe, COOP_IN) < 0)
        return;
    fds[1] = pipe[1];
    while (r < 0 && (r = coop_child_spawn(&child, &what, NULL, 0)) < 0) {
        refused++;
        if (coop_sleep_until(coop_after(coop_now(), HOUR)) < 0)
            break;
    }
    coop_fd_close(pipe[1]);
    if (r == 0)
        await_courier(&child, pipe[0]);
    coop_fd_close(pipe[0]);
}

/* Cooks whenever the kitchen is free, and then needs some rest. */
static int cook(void *arg)
{
    int *dishes = arg;

    while (coop_cancelled() == 0) {
        if (coop_mutex_lock_until(&kitchen, COOP_FOREVER) < 0)
            break;
        coop_sleep_until(coop_after(coop_now(), HOUR));
        ++*dishes;
        coop_mutex_unlock(&kitchen);
        send_out();
        coop_sleep_until(coop_after(coop_now(), (8 + (dishes - cooked)) * HOUR));
    }
    return 0;
}

static int year(__attribute__((unused)) void *arg)
{
    struct coop_scope cooks;

    coop_scope_init(&cooks, "cooks", coop_after(coop_now(), 365 * DAY));
    for (int i = 0; i < 3; i++)
        coop_go(&cooks, cook, &cooked[i]);
    coop_scope_wait(&cooks); /* -ETIMEDOUT: the year is over */
    return 0;
}

static int simulate(uint64_t seed)
{
    struct coop_options options = {.sim = true, .seed = seed};
    int r;

    memset(cooked, 0, sizeof cooked);
    refused = tips = 0;
    coop_sim_begin(seed);
    coop_sim_program("/bin/courier", courier);
    coop_sim_fail("spawn", 100, EAGAIN); /* the hundredth start */
    r = coop_main(&options, year, NULL);
    coop_sim_end();
    return r;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 42;
    int first[3], r = simulate(seed);

    memcpy(first, cooked, sizeof first);
    r = r == 0 ? simulate(seed) : r;
    printf("seed %llu: the cooks made %d, %d and %d dishes in a year\n",
           (unsigned long long)seed, cooked[0], cooked[1], cooked[2]);
    printf("the couriers brought %d in tips\n", tips);
    printf("a courier was not to be had %d time%s\n", refused, refused == 1 ? "" : "s");
    printf("the same year again: %s\n",
           memcmp(first, cooked, sizeof first) == 0 ? "the same dishes" : "OTHER DISHES");
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
