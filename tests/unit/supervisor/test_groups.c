/*
 * Groups over a kernel of our own: who is stopped, who starts again, in which order, and when a
 * group has failed.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "coop/sim.h"
#include "fake_services.h"

#define PATIENCE (3600 * SEC)

/* ---- a record of births and ends ---- */

static char record[4096];

static void note(char sign, const char *name)
{
    size_t used = strlen(record);

    snprintf(record + used, sizeof record - used, "%c%s ", sign, name);
}

/* TERM is obeyed after a while, so that an order can be seen. */
static bool ends_slowly(pid_t pid, int signo, void *arg)
{
    (void)arg;
    if (signo == SIGTERM)
        coop_sim_die_at(pid, coop_sim_now() + 20 * MSEC, SIGTERM);
    return true;
}

static void on_birth(const char *name, pid_t pid)
{
    note('+', name);
    coop_sim_on_signal(pid, ends_slowly, NULL);
}

static struct svc *all[8];
static unsigned count;

static struct svc *add(const char *name, const char *more)
{
    return all[count++] = play_add(name, "Restart=always", "RestartSec=100ms",
                                   "StartLimitBurst=0", more, NULL);
}

static void start_all(void)
{
    play_link();
    play_on_birth(on_birth);
    for (unsigned i = 0; i < count; i++)
        svc_announce(all[i], CMD_START);
    for (unsigned i = 0; i < count; i++)
        svc_command_announced(all[i], &(struct svc_command){.kind = CMD_START});
    for (unsigned i = 0; i < count; i++)
        cr_assert(play_until(svc_name(all[i]), ST_UP));
    record[0] = '\0';
}

static void stop_all(void)
{
    for (unsigned i = 0; i < count; i++)
        svc_announce(all[i], CMD_STOP);
    for (unsigned i = 0; i < count; i++)
        svc_command_announced(all[i], &(struct svc_command){.kind = CMD_STOP});
    for (unsigned i = 0; i < count; i++)
        cr_expect(play_until(svc_name(all[i]), ST_DOWN));
}

static void settle(coop_nsec time)
{
    coop_sleep_until(coop_after(coop_now(), time));
}

static void run(int (*body)(void *), void *arg)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        count = 0;
        record[0] = '\0';
        play(seed, body, arg);
    }
}

/* ---- one_for_one ---- */

static int one_for_one(void *arg)
{
    (void)arg;
    add("a", NULL);
    add("b", NULL);
    add("c", NULL);
    play_group("shop", "Members=a b c", "Intensity=5", NULL);
    start_all();
    coop_sim_exit(play_pid("b"), 3);
    settle(SEC);
    cr_expect_str_eq(record, "+b ");
    cr_expect_eq(play_group_view("shop").failures, 1);
    cr_expect_eq(play_group_view("shop").rounds, 0);
    cr_expect_eq(play_group_view("shop").phase, GROUP_STEADY);
    stop_all();
    return 0;
}

Test(groups, one_for_one_leaves_the_others_alone)
{
    run(one_for_one, NULL);
}

/* ---- rounds ---- */

struct round_case {
    const char *strategy, *dies, *births;
};

static int one_round(void *arg)
{
    const struct round_case *c = arg;
    char strategy[40];

    snprintf(strategy, sizeof strategy, "Strategy=%s", c->strategy);
    add("a", NULL);
    add("b", NULL);
    add("c", NULL);
    add("out", NULL);
    play_group("shop", "Members=a b c", strategy, "Intensity=5", NULL);
    start_all();
    coop_sim_exit(play_pid(c->dies), 3);
    settle(2 * SEC);
    cr_expect_str_eq(record, c->births, "%s, %s dies: '%s'", c->strategy, c->dies, record);
    cr_expect_eq(play_group_view("shop").phase, GROUP_STEADY);
    cr_expect_eq(play_group_view("shop").failures, 1);
    for (unsigned i = 0; i < count; i++)
        cr_expect_eq(play_view(svc_name(all[i])).place, AT_UP);
    cr_expect_eq(play_most_alive(), 1);
    stop_all();
    return 0;
}

Test(groups, who_starts_again_and_in_which_order_is_the_strategys_word)
{
    static struct round_case cases[] = {
        {"one_for_one", "a", "+a "},       {"one_for_one", "c", "+c "},
        {"one_for_all", "a", "+a +b +c "}, {"one_for_all", "b", "+a +b +c "},
        {"one_for_all", "c", "+a +b +c "}, {"rest_for_one", "a", "+a +b +c "},
        {"rest_for_one", "b", "+b +c "},   {"rest_for_one", "c", "+c "},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run(one_round, &cases[i]);
}

/* Nothing starts before the last one is down, though the slow one has no order with the others. */
static bool ends_very_slowly(pid_t pid, int signo, void *arg)
{
    (void)arg;
    if (signo == SIGTERM)
        coop_sim_die_at(pid, coop_sim_now() + 5 * SEC, SIGTERM);
    return true;
}

static void c_is_slow(const char *name, pid_t pid)
{
    note('+', name);
    coop_sim_on_signal(pid, strcmp(name, "c") == 0 ? ends_very_slowly : ends_slowly, NULL);
}

static int all_down_first(void *arg)
{
    (void)arg;
    add("a", NULL);
    add("b", NULL);
    add("c", NULL);
    play_group("inner", "Members=b c", NULL);
    play_group("shop", "Members=a inner", "Strategy=one_for_all", "Intensity=5", NULL);
    play_on_birth(c_is_slow);
    play_link();
    for (unsigned i = 0; i < count; i++)
        play_say(all[i], CMD_START);
    for (unsigned i = 0; i < count; i++)
        cr_assert(play_until(svc_name(all[i]), ST_UP));
    record[0] = '\0';
    coop_sim_exit(play_pid("a"), 3);
    settle(3 * SEC);
    cr_expect_str_eq(record, "", "%s", record);
    cr_expect_str_eq(play_view("a").waiting_for, "group shop");
    cr_expect_eq(play_group_view("shop").phase, GROUP_ROUND);
    settle(5 * SEC);
    cr_expect_eq(strncmp(record, "+a ", 3), 0, "%s", record);
    cr_expect_eq(strlen(record), strlen("+a +b +c "));
    stop_all();
    return 0;
}

Test(groups, nothing_starts_before_all_of_the_round_are_down)
{
    run(all_down_first, NULL);
}

/* ---- what an operator has stopped ---- */

static int stopped_stays(void *arg)
{
    (void)arg;
    add("a", NULL);
    add("b", NULL);
    add("c", NULL);
    play_group("shop", "Members=a b c", "Strategy=one_for_all", "Intensity=5", NULL);
    start_all();
    cr_expect_eq(play_ask(all[1], CMD_STOP, PATIENCE), SVC_OK);
    coop_sim_exit(play_pid("c"), 3);
    settle(2 * SEC);
    cr_expect_str_eq(record, "+a +c ");
    cr_expect_eq(play_view("b").place, AT_DOWN);
    /* and in the middle of a round, too */
    record[0] = '\0';
    coop_sim_exit(play_pid("c"), 3);
    settle(5 * MSEC);
    play_say(all[0], CMD_STOP);
    settle(2 * SEC);
    cr_expect_str_eq(record, "+c ");
    cr_expect_eq(play_view("a").place, AT_DOWN);
    stop_all();
    return 0;
}

Test(groups, what_an_operator_has_stopped_stays_stopped)
{
    run(stopped_stays, NULL);
}

/* ---- another one dies meanwhile ---- */

static int second_death(void *arg)
{
    (void)arg;
    add("a", NULL);
    add("b", NULL);
    add("c", NULL);
    play_group("shop", "Members=a b c", "Strategy=rest_for_one", "Intensity=5", NULL);
    start_all();
    /* b takes c along; c's own end by then is the round's */
    coop_sim_exit(play_pid("b"), 3);
    settle(5 * MSEC);
    coop_sim_die(play_pid("c"), SIGSEGV, false);
    settle(2 * SEC);
    cr_expect_str_eq(record, "+b +c ");
    cr_expect_eq(play_group_view("shop").failures, 1);
    /* a stands before the round: its death widens it */
    record[0] = '\0';
    coop_sim_exit(play_pid("b"), 3);
    settle(5 * MSEC);
    coop_sim_exit(play_pid("a"), 3);
    settle(2 * SEC);
    cr_expect_str_eq(record, "+a +b +c ");
    cr_expect_eq(play_group_view("shop").failures, 3);
    cr_expect_eq(play_group_view("shop").phase, GROUP_STEADY);
    stop_all();
    return 0;
}

Test(groups, a_second_death_in_a_round_joins_or_widens_it)
{
    run(second_death, NULL);
}

/* ---- intensity ---- */

static int too_often(void *arg)
{
    (void)arg;
    add("a", NULL);
    add("b", NULL);
    play_group("shop", "Members=a b", "Intensity=2", "Period=10s", NULL);
    start_all();
    for (int i = 0; i < 2; i++) {
        coop_sim_exit(play_pid("a"), 3);
        settle(SEC);
        cr_expect_eq(play_view("a").place, AT_UP);
    }
    coop_sim_exit(play_pid("b"), 3);
    settle(SEC);
    cr_expect_eq(play_group_view("shop").phase, GROUP_FAILED);
    cr_expect(
        strstr(play_group_view("shop").reason, "more than 2 failures in 10s, the last of 'b'"),
        "%s", play_group_view("shop").reason);
    cr_expect_eq(play_view("a").place, AT_DOWN);
    cr_expect_eq(play_view("b").place, AT_DOWN);
    cr_expect(strstr(play_view("a").reason, "its group 'shop' has failed"), "%s",
              play_view("a").reason);
    /* an operator starts it again, and failures count anew */
    play_group_clear("shop");
    cr_expect_eq(play_ask(all[0], CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_ask(all[1], CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_group_view("shop").phase, GROUP_STEADY);
    coop_sim_exit(play_pid("a"), 3);
    settle(SEC);
    cr_expect_eq(play_view("a").place, AT_UP);
    stop_all();
    return 0;
}

Test(groups, one_failure_too_many_stops_all_members)
{
    run(too_often, NULL);
}

static int within_period(void *arg)
{
    (void)arg;
    add("a", NULL);
    play_group("shop", "Members=a", "Intensity=1", "Period=10s", NULL);
    start_all();
    for (int i = 0; i < 20; i++) {
        coop_sim_exit(play_pid("a"), 3);
        settle(10 * SEC + 200 * MSEC);
        cr_expect_eq(play_view("a").place, AT_UP);
    }
    cr_expect_eq(play_group_view("shop").failures, 20);
    stop_all();
    return 0;
}

Test(groups, failures_that_lie_apart_are_never_too_many)
{
    run(within_period, NULL);
}

static int gives_up(void *arg)
{
    (void)arg;
    all[count++] = play_add("a", "Restart=always", "StartLimitBurst=2", NULL);
    add("b", NULL);
    play_group("shop", "Members=a b", "Intensity=100", NULL);
    start_all();
    coop_sim_exit(play_pid("a"), 3);
    settle(SEC);
    coop_sim_exit(play_pid("a"), 3);
    settle(SEC);
    cr_expect_eq(play_view("a").place, AT_FAILED);
    cr_expect_eq(play_view("b").place, AT_DOWN);
    cr_expect_eq(play_group_view("shop").phase, GROUP_FAILED);
    cr_expect(strstr(play_group_view("shop").reason, "'a' has given up"), "%s",
              play_group_view("shop").reason);
    stop_all();
    return 0;
}

Test(groups, a_member_that_gives_up_is_the_groups_failure)
{
    run(gives_up, NULL);
}

static int no_restart(void *arg)
{
    (void)arg;
    all[count++] = play_add("once", "Restart=no", NULL);
    add("b", NULL);
    play_group("shop", "Members=once b", "Strategy=one_for_all", "Intensity=0", NULL);
    start_all();
    coop_sim_exit(play_pid("once"), 3);
    settle(SEC);
    cr_expect_eq(play_view("once").place, AT_FAILED);
    cr_expect_eq(play_view("b").place, AT_UP);
    cr_expect_str_eq(record, "");
    cr_expect_eq(play_group_view("shop").failures, 0);
    coop_sim_exit(play_pid("b"), 3);
    settle(SEC);
    cr_expect_eq(play_group_view("shop").phase, GROUP_FAILED, "Intensity=0");
    stop_all();
    return 0;
}

Test(groups, an_end_that_restart_does_not_answer_is_no_failure)
{
    run(no_restart, NULL);
}

/* ---- nesting ---- */

static int escalation(void *arg)
{
    (void)arg;
    add("a", NULL);
    add("b", NULL);
    add("c", NULL);
    add("d", NULL);
    play_group("inner", "Members=b c", "Intensity=1", "Period=10s", NULL);
    play_group("shop", "Members=a inner d", "Strategy=rest_for_one", "Intensity=1",
               "Period=10s", NULL);
    start_all();
    coop_sim_exit(play_pid("b"), 3);
    settle(SEC);
    cr_expect_str_eq(record, "+b ");
    record[0] = '\0';
    coop_sim_exit(play_pid("c"),
                  3); /* one too many: the inner group fails, and takes d along */
    settle(2 * SEC);
    cr_expect_eq(play_group_view("inner").phase, GROUP_STEADY);
    cr_expect_eq(play_group_view("shop").failures, 1);
    cr_expect_eq(play_group_view("shop").rounds, 1);
    cr_expect_eq(strlen(record), strlen("+b +c +d "), "%s", record);
    cr_expect(strstr(record, "+d ") > strstr(record, "+b ") &&
                  strstr(record, "+d ") > strstr(record, "+c "),
              "%s", record);
    for (unsigned i = 0; i < count; i++)
        cr_expect_eq(play_view(svc_name(all[i])).place, AT_UP, "%s", svc_name(all[i]));
    coop_sim_exit(play_pid("b"), 3);
    settle(SEC);
    coop_sim_exit(play_pid("b"), 3);
    settle(2 * SEC);
    cr_expect_eq(play_group_view("shop").phase, GROUP_FAILED);
    for (unsigned i = 0; i < count; i++)
        cr_expect_eq(play_view(svc_name(all[i])).place, AT_DOWN, "%s", svc_name(all[i]));
    stop_all();
    return 0;
}

Test(groups, a_group_that_has_failed_is_a_failure_of_the_group_it_is_in)
{
    run(escalation, NULL);
}

/* What somebody had stopped by hand is not what the group had stopped. */
static int revived(void *arg)
{
    (void)arg;
    add("a", NULL);
    add("b", NULL);
    add("c", NULL);
    play_group("inner", "Members=a b c", "Intensity=0", NULL);
    play_group("shop", "Members=inner", "Intensity=5", NULL);
    start_all();
    cr_expect_eq(play_ask(all[1], CMD_STOP, PATIENCE), SVC_OK);
    coop_sim_exit(play_pid("a"), 3);
    settle(2 * SEC);
    cr_expect_eq(play_view("a").place, AT_UP);
    cr_expect_eq(play_view("b").place, AT_DOWN);
    cr_expect_eq(play_view("c").place, AT_UP);
    cr_expect_eq(play_births("c"), 2);
    stop_all();
    return 0;
}

Test(groups, what_starts_again_is_what_the_group_has_stopped)
{
    run(revived, NULL);
}

/* ---- Essential= ---- */

static char ended_by[SVC_NAME_MAX + 1];
static int ended_with;

static void on_over(struct svc_world *world, const char *name, int exit_status)
{
    (void)world;
    snprintf(ended_by, sizeof ended_by, "%s", name);
    ended_with = exit_status;
}

struct essential_case {
    const char *group, *service, *ends, *inner;
    int status;
};

static int essential(void *arg)
{
    const struct essential_case *c = arg;

    ended_by[0] = '\0';
    add("a", NULL);
    add("b", c->service);
    play_group("inner", "Members=a b", "Intensity=0", c->inner ? "Essential=no" : c->group,
               NULL);
    if (c->inner)
        play_group("shop", "Members=inner", c->inner, c->group, NULL);
    play_on_over(on_over);
    start_all();
    coop_sim_exit(play_pid("a"), 7);
    settle(2 * SEC);
    cr_expect_str_eq(ended_by, c->ends, "%s", ended_by);
    if (c->ends[0])
        cr_expect_eq(ended_with, c->status);
    stop_all();
    return 0;
}

Test(groups, coopd_ends_with_a_group_or_a_member_that_is_essential_when_nothing_tries_again)
{
    static struct essential_case cases[] = {
        {"Essential=no", NULL, "", NULL, 0},
        {"Essential=yes", NULL, "inner", NULL, 7},
        {"Essential=no", "Essential=yes", "b", NULL, 1},
        {"Essential=no", "Essential=yes", "", "Intensity=5", 0}, /* it starts again */
        {"Essential=no", "Essential=yes", "b", "Intensity=0", 1},
        {"Essential=yes", NULL, "shop", "Intensity=0", 7},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run(essential, &cases[i]);
}

static int bound(void *arg)
{
    (void)arg;
    ended_by[0] = '\0';
    add("a", "Restart=no");
    add("b", "Essential=yes");
    all[count++] = play_add("c", "BindsTo=a", "Essential=yes", NULL);
    play_on_over(on_over);
    start_all();
    coop_sim_exit(play_pid("a"), 7);
    settle(2 * SEC);
    cr_expect_str_eq(ended_by, "c");
    cr_expect_eq(ended_with, 1);
    stop_all();
    return 0;
}

Test(groups, an_essential_service_that_goes_down_with_what_it_is_bound_to_ends_coopd)
{
    run(bound, NULL);
}

/* ---- when it dies ---- */

struct moment {
    const char *name, *line;
    bool exits; /* it dies by itself; else it cannot be launched, or is late */
};

/* b fails before it is up: whenever that is, it is a failure. */
static int before_up(void *arg)
{
    const struct moment *c = arg;

    add("a", NULL);
    all[count++] = play_add("b", "Restart=always", "RestartSec=1s", "StartLimitBurst=0",
                            c->line, "TimeoutStartSec=1s", NULL);
    play_group("shop", "Members=a b", "Strategy=one_for_all", "Intensity=1", "Period=1h", NULL);
    play_on_birth(on_birth);
    play_link();
    play_say(all[0], CMD_START);
    cr_assert(play_until("a", ST_UP));
    play_say(all[1], CMD_START);
    if (c->exits) {
        cr_assert(play_until("b", ST_STARTING));
        settle(MSEC);
        coop_sim_exit(play_pid("b"), 3);
    }
    cr_assert(play_until("b", ST_BACKOFF));
    settle(500 * MSEC);
    cr_expect_eq(play_group_view("shop").failures, 1, "%s", c->name);
    cr_expect_eq(play_births("a"), 2, "%s", c->name);
    if (c->exits) {
        cr_assert(play_until("b", ST_STARTING));
        settle(MSEC);
        coop_sim_exit(play_pid("b"), 3);
    }
    settle(10 * SEC);
    cr_expect_eq(play_group_view("shop").phase, GROUP_FAILED, "%s", c->name);
    cr_expect_eq(play_view("a").place, AT_DOWN, "%s", c->name);
    stop_all();
    return 0;
}

Test(groups, a_member_that_fails_before_it_is_up_has_failed)
{
    static struct moment cases[] = {
        {"dies while starting", "Type=notify", true},
        {"is not ready in time", "Type=notify", false},
        {"cannot be launched", "ExecStart=missing", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run(before_up, &cases[i]);
}

/* What ends while somebody has asked it to stop has not failed. */
static int while_stopping(void *arg)
{
    (void)arg;
    add("a", NULL);
    add("b", NULL);
    play_group("shop", "Members=a b", "Strategy=one_for_all", "Intensity=0", NULL);
    start_all();
    play_say(all[1], CMD_STOP);
    settle(5 * MSEC);
    coop_sim_die(play_pid("b"), SIGSEGV, false);
    settle(SEC);
    play_say(all[0], CMD_RESTART);
    settle(5 * MSEC);
    coop_sim_die(play_pid("a"), SIGSEGV, false);
    settle(SEC);
    cr_expect_eq(play_group_view("shop").failures, 0);
    cr_expect_eq(play_group_view("shop").phase, GROUP_STEADY);
    cr_expect_eq(play_view("a").place, AT_UP);
    cr_expect_eq(play_view("b").place, AT_DOWN);
    stop_all();
    return 0;
}

Test(groups, what_ends_while_it_was_asked_to_is_no_failure)
{
    run(while_stopping, NULL);
}
