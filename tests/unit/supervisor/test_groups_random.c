/*
 * Random trees of groups, random failures and random commands, by seed: nothing runs twice, nothing
 * hangs, nothing starts in the middle of a round, and what a person has stopped stays stopped.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coop/sim.h"
#include "fake_services.h"

enum { SEEDS = 100, STEPS = 40, MEMBERS_MAX = 8, GROUPS = 4, ALL_MAX = MEMBERS_MAX + GROUPS };

static struct {
    uint64_t seed, state;
    struct svc *svcs[ALL_MAX];
    bool wanted[ALL_MAX]; /* by the person: the last command was no stop */
    int in[ALL_MAX];      /* the group it is in, -1 for none             */
    unsigned count, groups;
    int parent[GROUPS];
    int strategy[GROUPS];
    bool calm; /* nothing dies by itself any more */
} play_of;

static uint64_t dice(uint64_t sides)
{
    play_of.state = play_of.state * 6364136223846793005u + 1442695040888963407u;
    return (play_of.state >> 33) % sides;
}

static const char *name_of(char kind, unsigned i)
{
    static char names[4][16];
    static unsigned turn;
    char *name = names[turn++ % 4];

    snprintf(name, sizeof names[0], "%c%u", kind, i);
    return name;
}

/* ---- processes ---- */

static bool obeys(pid_t pid, int signo, void *arg)
{
    (void)arg;
    if (signo == SIGTERM)
        coop_sim_die_at(pid, coop_sim_now() + (coop_nsec)dice(60) * MSEC, SIGTERM);
    return true;
}

/* A round of the whole group: nobody of it may begin. */
static void check_birth(const char *name)
{
    for (unsigned i = 0; i < play_of.count; i++) {
        if (strcmp(svc_name(play_of.svcs[i]), name) != 0)
            continue;
        for (int g = play_of.in[i]; g >= 0; g = play_of.parent[g])
            cr_expect(play_of.strategy[g] != ONE_FOR_ALL ||
                          play_group_view(name_of('g', (unsigned)g)).phase != GROUP_ROUND,
                      "seed %lu: %s starts in a round of g%d", (unsigned long)play_of.seed,
                      name, g);
    }
}

static void on_birth(const char *name, pid_t pid)
{
    check_birth(name);
    coop_sim_on_signal(pid, obeys, NULL);
    if (!play_of.calm && dice(3) == 0)
        coop_sim_exit_at(pid, coop_sim_now() + (coop_nsec)dice(3000) * MSEC, (int)dice(2));
}

/* ---- the tree ---- */

static void make_tree(void)
{
    static const char *const restarts[] = {"Restart=always", "Restart=on-failure",
                                           "Restart=no"};

    play_of.count = 2 + (unsigned)dice(MEMBERS_MAX - 1);
    play_of.groups = 1 + (unsigned)dice(GROUPS);
    for (unsigned i = 0; i < play_of.count; i++) {
        play_of.in[i] = (int)dice(play_of.groups + 1) - 1;
        play_of.svcs[i] =
            play_add(name_of('s', i), restarts[dice(4) == 0 ? dice(3) : 0],
                     dice(5) == 0 ? "StartLimitBurst=4" : "StartLimitBurst=0", NULL);
    }
    for (unsigned g = 0; g < play_of.groups; g++) {
        char members[200] = "Members=", strategy[40], intensity[40], period[40];
        size_t used = strlen(members);

        play_of.parent[g] = g + 1 < play_of.groups && dice(2)
                                ? (int)(g + 1 + dice(play_of.groups - g - 1))
                                : -1;
        play_of.strategy[g] = (int)dice(GROUP_STRATEGIES);
        for (unsigned i = 0; i < play_of.count; i++)
            if (play_of.in[i] == (int)g)
                used += (size_t)snprintf(members + used, sizeof members - used, " s%u", i);
        for (unsigned k = 0; k < g; k++)
            if (play_of.parent[k] == (int)g)
                used += (size_t)snprintf(members + used, sizeof members - used, " g%u", k);
        if (used == strlen("Members=")) { /* an empty one gets a service of its own */
            play_of.in[play_of.count] = (int)g;
            play_of.svcs[play_of.count] =
                play_add(name_of('s', play_of.count), "Restart=always", NULL);
            snprintf(members + used, sizeof members - used, " s%u", play_of.count++);
        }
        snprintf(strategy, sizeof strategy, "Strategy=%s",
                 group_strategy_word(play_of.strategy[g]));
        snprintf(intensity, sizeof intensity, "Intensity=%u", (unsigned)dice(5));
        snprintf(period, sizeof period, "Period=%us", 1 + (unsigned)dice(20));
        play_group(name_of('g', g), members, strategy, intensity, period, NULL);
    }
}

/* ---- steps ---- */

static void say(unsigned i, enum svc_command_kind kind)
{
    play_of.wanted[i] = kind != CMD_STOP;
    play_say(play_of.svcs[i], kind);
}

/* As `coopctl start GROUP` does it. */
static void start_group(unsigned g)
{
    play_group_clear(name_of('g', g));
    for (unsigned i = 0; i < play_of.count; i++)
        for (int up = play_of.in[i]; up >= 0; up = play_of.parent[up])
            if (up == (int)g)
                say(i, CMD_START);
}

static void step(void)
{
    unsigned i = (unsigned)dice(play_of.count), g = (unsigned)dice(play_of.groups);

    switch (dice(8)) {
    case 0: say(i, CMD_START); break;
    case 1: say(i, CMD_STOP); break;
    case 2: say(i, CMD_RESTART); break;
    case 3: start_group(g); break;
    case 4:
    case 5:
        if (play_pid(svc_name(play_of.svcs[i])) > 0 &&
            coop_sim_is_alive(play_pid(svc_name(play_of.svcs[i]))))
            coop_sim_die(play_pid(svc_name(play_of.svcs[i])), SIGSEGV, false);
        break;
    default:
        coop_sleep_until(coop_after(coop_now(), (coop_nsec)dice(dice(2) ? 50 : 3000) * MSEC));
        break;
    }
}

/* ---- what is true at the end ---- */

static void check_end(void)
{
    unsigned long seed = (unsigned long)play_of.seed;

    for (unsigned g = 0; g < play_of.groups; g++) {
        enum group_phase phase = play_group_view(name_of('g', g)).phase;

        cr_expect(phase == GROUP_STEADY || phase == GROUP_FAILED, "seed %lu: g%u hangs, %s",
                  seed, g, group_phase_word(phase));
    }
    for (unsigned i = 0; i < play_of.count; i++) {
        struct svc_view view = play_view(svc_name(play_of.svcs[i]));
        enum svc_state state = svc_place_state(view.place);

        cr_expect_eq(atomic_load(&play_of.svcs[i]->hold), 0, "seed %lu: s%u is held", seed, i);
        cr_expect(state == ST_UP || state == ST_DONE || state == ST_FAILED || state == ST_DOWN,
                  "seed %lu: s%u is %s, %s", seed, i, svc_place_word(view.place), view.reason);
        if (!play_of.wanted[i])
            cr_expect_eq(state, ST_DOWN, "seed %lu: s%u was stopped by hand, is %s", seed, i,
                         svc_place_word(view.place));
        else if (state == ST_DOWN)
            cr_expect(atomic_load(&play_of.svcs[i]->revive), "seed %lu: s%u is down: %s", seed,
                      i, view.reason);
    }
    cr_expect(play_most_alive() <= 1, "seed %lu: two at once", seed);
}

static int body(void *arg)
{
    (void)arg;
    make_tree();
    play_on_birth(on_birth);
    play_link();
    for (unsigned i = 0; i < play_of.count; i++)
        say(i, CMD_START);
    for (unsigned i = 0; i < STEPS; i++)
        step();
    play_of.calm = true;
    coop_sleep_until(coop_after(coop_now(), 120 * SEC)); /* all that was to die has died */
    check_end();
    for (unsigned i = 0; i < play_of.count; i++)
        play_say(play_of.svcs[i], CMD_STOP);
    for (unsigned i = 0; i < play_of.count; i++)
        cr_expect(play_until(svc_name(play_of.svcs[i]), ST_DOWN));
    return 0;
}

static void play_seed(uint64_t seed)
{
    memset(&play_of, 0, sizeof play_of);
    play_of.seed = seed;
    play_of.state = seed * 0x9E3779B97F4A7C15u;
    play(seed, body, NULL);
}

Test(groups_random, nothing_hangs_nothing_is_lost_nothing_runs_twice)
{
    const char *only = getenv("COOP_SEED"), *count = getenv("COOP_SEEDS");
    uint64_t last = count ? strtoull(count, NULL, 10) : SEEDS;

    if (only)
        play_seed(strtoull(only, NULL, 10));
    for (uint64_t seed = 1; !only && seed <= last; seed++)
        play_seed(seed);
}
