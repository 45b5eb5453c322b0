/*
 * A service's life over a kernel of our own: hours of it in milliseconds, the same each time.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "coop/sim.h"
#include "fake_services.h"

#define PATIENCE (3600 * SEC)

/* ---- how processes behave ---- */

static void dies_soon(const char *service, pid_t pid)
{
    (void)service;
    coop_sim_exit_at(pid, coop_sim_now() + MSEC, 1);
}

static bool ignores(pid_t pid, int signo, void *arg)
{
    (void)pid;
    (void)signo;
    (void)arg;
    return true;
}

static void stubborn(const char *service, pid_t pid)
{
    (void)service;
    coop_sim_on_signal(pid, ignores, NULL);
}

/* TERM is obeyed, but it takes a while. */
static bool obeys_late(pid_t pid, int signo, void *arg)
{
    (void)arg;
    if (signo == SIGTERM)
        coop_sim_die_at(pid, coop_sim_now() + 20 * MSEC, SIGTERM);
    return true;
}

static void slow_to_stop(const char *service, pid_t pid)
{
    (void)service;
    coop_sim_on_signal(pid, obeys_late, NULL);
}

/* ---- restarts ---- */

static int crash_loop(void *arg)
{
    unsigned burst = *(unsigned *)arg;
    char limit[40];
    struct svc *svc;

    snprintf(limit, sizeof limit, "StartLimitBurst=%u", burst);
    svc = play_add("flaky", "Restart=always", "RestartSec=100ms", limit, NULL);
    play_on_birth(dies_soon);
    play_say(svc, CMD_START);
    cr_expect(play_until("flaky", ST_FAILED));
    cr_expect_eq(play_births("flaky"), burst);
    cr_expect_eq(play_view("flaky").restarts, burst - 1);
    cr_expect(strstr(play_view("flaky").reason, "start-limit-hit"));
    /* an operator may try again, and the count starts anew */
    play_say(svc, CMD_START);
    cr_expect(play_until("flaky", ST_WAITING) || true);
    cr_expect(play_until("flaky", ST_FAILED));
    return 0;
}

Test(service, a_crash_loop_fails_at_the_exact_count)
{
    for (unsigned burst = 1; burst <= 8; burst++)
        play(burst, crash_loop, &burst);
}

static int endless(void *arg)
{
    struct svc *svc =
        play_add("flaky", "Restart=always", "RestartSec=1s", "StartLimitBurst=0", NULL);

    (void)arg;
    play_on_birth(dies_soon);
    play_say(svc, CMD_START);
    coop_sleep_until(coop_after(coop_now(), 1000 * SEC));
    cr_expect(play_births("flaky") >= 990 && play_births("flaky") <= 1000, "%u",
              play_births("flaky"));
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(service, without_a_limit_it_goes_on_at_the_pace_of_restart_sec)
{
    play(1, endless, NULL);
}

static int cools_down(void *arg)
{
    struct svc *svc = play_add("flaky", "Restart=always", "RestartSec=10s", "RestartFirst=now",
                               "StartLimitBurst=2", "StartLimitIntervalSec=1h",
                               "StartLimitAction=cooldown", "StartLimitCooldownSec=60s", NULL);

    (void)arg;
    play_on_birth(dies_soon);
    play_say(svc, CMD_START);
    coop_sleep_until(coop_after(coop_now(), 59 * SEC));
    cr_expect_eq(play_births("flaky"), 2);
    coop_sleep_until(coop_after(coop_now(), 2 * SEC));
    cr_expect_eq(play_births("flaky"), 4, "the first restart behind it comes at once: %u",
                 play_births("flaky"));
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(service, after_a_cooldown_the_pace_begins_with_its_first_step)
{
    play(1, cools_down, NULL);
}

static int clock_jump(void *arg)
{
    struct svc *svc = play_add("flaky", "Restart=always", "RestartSec=60s", NULL);

    (void)arg;
    play_on_birth(dies_soon);
    play_say(svc, CMD_START);
    cr_expect(play_until("flaky", ST_BACKOFF));
    coop_sim_shift_wall_clock(86400 * SEC);
    coop_sleep_until(coop_after(coop_now(), 30 * SEC));
    coop_sim_shift_wall_clock(-2 * 86400 * SEC);
    cr_expect_eq(play_births("flaky"), 1, "no early restart");
    coop_sleep_until(coop_after(coop_now(), 31 * SEC));
    cr_expect_eq(play_births("flaky"), 2, "and no late one");
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(service, a_jump_of_the_wall_clock_changes_no_timer)
{
    play(1, clock_jump, NULL);
}

static int not_there(void *arg)
{
    struct svc *svc = play_add("web", "ExecStart=missing", NULL);

    (void)arg;
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_FAILED);
    cr_expect_eq(play_view("web").place, AT_FAILED);
    cr_expect(strstr(play_view("web").reason, "no such program"));
    return 0;
}

Test(service, a_launch_that_fails_is_told_at_once)
{
    play(1, not_there, NULL);
}

/* ---- stopping ---- */

static int escalation(void *arg)
{
    struct svc *svc = play_add("web", "TimeoutStopSec=7s", NULL);
    coop_nsec before;

    (void)arg;
    play_on_birth(stubborn);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    before = coop_now();
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    cr_expect(coop_now() - before >= 7 * SEC && coop_now() - before < 8 * SEC);
    cr_expect_eq(play_view("web").exit_value, SIGKILL);
    cr_expect_eq(play_view("web").place, AT_DOWN);
    return 0;
}

Test(service, what_ignores_term_is_killed_when_its_time_is_over)
{
    play(1, escalation, NULL);
}

/* ---- bounds ---- */

static int used_up(void *arg)
{
    struct svc *svc = play_add("web", "WallTime=5s", NULL);
    coop_nsec before = coop_now();

    (void)arg;
    play_on_birth(stubborn);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    cr_expect_str_eq(play_view("web").result, "");
    cr_expect(play_until("web", ST_FAILED));
    cr_expect(coop_now() - before >= 5 * SEC && coop_now() - before < 6 * SEC);
    cr_expect_str_eq(play_view("web").result, "wall-time");
    cr_expect_eq(play_view("web").exit_value, SIGKILL);
    return 0;
}

Test(service, a_used_up_bound_kills_at_once)
{
    play(1, used_up, NULL);
}

static int used_up_with_grace(void *arg)
{
    struct svc *svc = play_add("web", "WallTime=5s", "StopGrace=3s", "TimeoutStopSec=1h", NULL);
    coop_nsec before = coop_now();

    (void)arg;
    play_on_birth(stubborn);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    cr_expect(play_until("web", ST_STOPPING));
    cr_expect_eq(play_view("web").place, AT_STOP_MAIN);
    cr_expect(play_until("web", ST_FAILED));
    cr_expect(coop_now() - before >= 8 * SEC && coop_now() - before < 9 * SEC);
    cr_expect_str_eq(play_view("web").result, "wall-time");
    return 0;
}

Test(service, a_used_up_bound_with_a_grace_asks_first)
{
    play(1, used_up_with_grace, NULL);
}

/* A stop that takes its time is no way round a bound. */
static int used_up_while_stopping(void *arg)
{
    struct svc *svc = play_add("web", "WallTime=5s", "StopGrace=3s", "TimeoutStopSec=1h", NULL);
    coop_nsec before = coop_now();

    (void)arg;
    play_on_birth(stubborn);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    cr_expect(coop_now() - before >= 5 * SEC && coop_now() - before < 6 * SEC);
    cr_expect_eq(play_view("web").place, AT_DOWN);
    return 0;
}

Test(service, a_bound_counts_while_it_is_being_stopped)
{
    play(1, used_up_while_stopping, NULL);
}

/* Each life has its own: who ends in time is not charged for the last one. */
static int bounded_lives(void *arg)
{
    struct svc *svc = play_add("web", "WallTime=5s", "Restart=always", "RestartSec=1s", NULL);

    (void)arg;
    play_on_birth(NULL);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    coop_sleep_until(coop_after(coop_now(), 4 * SEC));
    coop_sim_exit(play_pid("web"), 0);
    cr_expect(play_until("web", ST_BACKOFF));
    cr_expect_str_eq(play_view("web").result, "exit");
    cr_expect(play_until("web", ST_UP));
    coop_sleep_until(coop_after(coop_now(), 4 * SEC));
    cr_expect_eq(play_births("web"), 2);
    cr_expect_eq(play_view("web").place, AT_UP);
    return 0;
}

Test(service, a_bound_begins_anew_with_each_life)
{
    play(1, bounded_lives, NULL);
}

/* A fork that was refused an hour ago is not why it ends now. */
static int refused_then_stopped(void *arg)
{
    struct svc *svc = play_add("web", "TasksMax=5", NULL);

    (void)arg;
    play_on_birth(NULL);
    play_refused(false, true);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    cr_expect_str_eq(play_view("web").result, "signal");
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    coop_sim_exit(play_pid("web"), 3);
    cr_expect(play_until("web", ST_FAILED));
    cr_expect_str_eq(play_view("web").result, "tasks");
    return 0;
}

Test(service, a_stop_that_was_asked_for_is_no_bounds_doing)
{
    play(1, refused_then_stopped, NULL);
}

/* One of its processes was killed for memory; main went on and ended well, or did not. */
static int refused_and_ended(void *arg)
{
    int code = *(int *)arg;
    struct svc *svc = play_add("web", "MemoryMax=1M", NULL);

    play_on_birth(NULL);
    play_refused(true, false);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    coop_sim_exit(play_pid("web"), code);
    cr_expect(play_until("web", code == 0 ? ST_DONE : ST_FAILED));
    cr_expect_str_eq(play_view("web").result, code == 0 ? "exit" : "memory");
    cr_expect_eq(strstr(play_view("web").reason, "memory, ") == NULL, code == 0, "%s",
                 play_view("web").reason);
    return 0;
}

Test(service, an_end_is_called_the_same_in_words_and_as_a_result)
{
    play(1, refused_and_ended, &(int){0});
    play(1, refused_and_ended, &(int){1});
}

/* Its last words pass the bound while it is let go: the news of that outlives nobody. */
static int over_while_freed(void *arg)
{
    struct svc *svc = play_add("web", "OutputMax=8", NULL);

    (void)arg;
    play_on_birth(NULL);
    play_with_outputs();
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    coop_sleep_until(coop_after(coop_now(), SEC));
    cr_expect_eq(play_view("web").place, AT_UP, "what it said at its birth fits");
    play_print("web", "more than its bound lets by");
    return 0; /* the play discards it before anybody has read that */
}

Test(service, a_bound_that_passes_while_its_service_is_freed_touches_nothing)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        play(seed, over_while_freed, NULL);
}

static int unkillable(void *arg)
{
    struct svc *svc = play_add("web", "TimeoutStopSec=1s", NULL);
    struct svc *other = play_add("other", NULL);

    (void)arg;
    play_on_birth(stubborn);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    play_on_birth(NULL);
    coop_sim_make_unkillable(play_pid("web"), true);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_FAILED, "the client is told");
    cr_expect_eq(play_view("web").place, AT_STOP_STUCK);
    cr_expect_eq(play_ask(other, CMD_START, SEC), SVC_OK, "everybody else goes on");
    coop_sim_make_unkillable(play_pid("web"), false);
    coop_sim_die(play_pid("web"), SIGKILL, false);
    cr_expect(play_until("web", ST_DOWN));
    cr_expect_eq(play_ask(other, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(service, what_sigkill_does_not_end_is_shown_as_stuck)
{
    play(1, unkillable, NULL);
}

/* ---- starting ---- */

static int mute(void *arg)
{
    struct svc *svc = play_add("web", "Type=notify", "TimeoutStartSec=5s", "Restart=no", NULL);
    coop_nsec before = coop_now();

    (void)arg;
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_FAILED);
    cr_expect(coop_now() - before >= 5 * SEC && coop_now() - before < 6 * SEC);
    cr_expect_eq(play_view("web").place, AT_FAILED);
    cr_expect(strstr(play_view("web").reason, "timeout"));
    return 0;
}

Test(service, what_is_never_ready_is_stopped_and_has_failed)
{
    play(1, mute, NULL);
}

static void one_after_the_other(const char *service, pid_t pid)
{
    (void)service;
    coop_sim_exit_at(pid, coop_sim_now() + 10 * MSEC, 0);
}

static int three_commands(void *arg)
{
    struct svc *job = play_add("job", "Type=oneshot", "ExecStart=one", "ExecStart=two",
                               "ExecStart=three", NULL);

    (void)arg;
    play_on_birth(one_after_the_other);
    cr_expect_eq(play_ask(job, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_view("job").place, AT_DONE);
    cr_expect_eq(play_births("job"), 3);
    return 0;
}

Test(service, a_oneshot_runs_its_commands_one_after_the_other_and_is_done)
{
    play(1, three_commands, NULL);
}

static int remains(void *arg)
{
    struct svc *job = play_add("job", "Type=oneshot", "RemainAfterExit=yes", NULL);

    (void)arg;
    play_on_birth(one_after_the_other);
    cr_expect_eq(play_ask(job, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_view("job").place, AT_UP_EXITED);
    cr_expect_eq(play_ask(job, CMD_STOP, PATIENCE), SVC_OK);
    cr_expect_eq(play_view("job").place, AT_DOWN);
    return 0;
}

Test(service, remain_after_exit_counts_as_up_until_it_is_stopped)
{
    play(1, remains, NULL);
}

/* ---- commands that meet ---- */

static int stop_during_start(void *arg)
{
    struct svc *svc = play_add("web", "Type=notify", "StartLimitBurst=0", NULL);
    struct coop_chan *replies = coop_chan_new(sizeof(struct svc_reply), 1);

    (void)arg;
    for (int i = 0; i < 1000; i++) {
        struct svc_command start = {.kind = CMD_START, .reply = replies};
        struct svc_reply answer;

        svc_command(svc, &start);
        if (sys_random() % 2)
            play_until("web", ST_STARTING);
        if (sys_random() % 2)
            coop_sleep_until(coop_after(coop_now(), (coop_nsec)(sys_random() % 1000)));
        cr_expect_eq(play_ask(svc, CMD_STOP, 2 * SEC), SVC_OK);
        cr_expect_eq(coop_recv(replies, &answer, COOP_NOW), 1, "the starter was told");
        cr_expect_eq(answer.result, SVC_CANCELED);
        cr_expect_eq(play_view("web").place, AT_DOWN);
    }
    coop_chan_unref(replies);
    cr_expect_eq(play_most_alive(), 1);
    return 0;
}

Test(service, a_stop_during_a_start_cancels_it_a_thousand_times)
{
    play(7, stop_during_start, NULL);
}

static int start_during_stop(void *arg)
{
    struct svc *svc = play_add("web", "StartLimitBurst=0", NULL);

    (void)arg;
    play_on_birth(slow_to_stop);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    for (unsigned i = 2; i < 200; i++) {
        play_say(svc, CMD_STOP);
        play_until("web", ST_STOPPING);
        cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
        cr_expect_eq(play_births("web"), i, "one stop, then one start");
    }
    cr_expect_eq(play_most_alive(), 1);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(service, a_start_during_a_stop_is_one_stop_then_one_start)
{
    play(3, start_during_stop, NULL);
}

struct client {
    struct svc *svc;
    int answered;
};

static int restart_often(void *arg)
{
    struct client *client = arg;

    for (int i = 0; i < 100; i++)
        client->answered += play_ask(client->svc, CMD_RESTART, PATIENCE) == SVC_OK;
    return 0;
}

static int two_clients(void *arg)
{
    struct svc *svc = play_add("web", "StartLimitBurst=0", NULL);
    struct client clients[2] = {{.svc = svc}, {.svc = svc}};
    struct coop_scope both;

    (void)arg;
    play_on_birth(slow_to_stop);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    coop_scope_init(&both, "clients", COOP_FOREVER);
    coop_go(&both, restart_often, &clients[0]);
    coop_go(&both, restart_often, &clients[1]);
    coop_scope_wait(&both);
    cr_expect_eq(clients[0].answered + clients[1].answered, 200, "all are answered");
    cr_expect(play_births("web") <= 201);
    cr_expect(play_births("web") >= 101);
    cr_expect_eq(play_most_alive(), 1);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(service, two_clients_that_restart_never_make_two_copies)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        play(seed, two_clients, NULL);
}

static int flood(void *arg)
{
    struct svc *svc = play_add("web", "StartLimitBurst=0", NULL);

    (void)arg;
    play_on_birth(slow_to_stop);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    for (int i = 0; i < 100; i++)
        play_say(svc, CMD_RESTART);
    cr_expect_eq(play_ask(svc, CMD_RESTART, PATIENCE), SVC_OK);
    cr_expect_eq(play_births("web"), 2, "a hundred at once are one: %u", play_births("web"));
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(service, restarts_that_arrive_together_are_one)
{
    play(1, flood, NULL);
}

static int commands_in_backoff(void *arg)
{
    struct svc *svc = play_add("web", "Restart=always", "RestartSec=1000s", NULL);
    coop_nsec before = coop_now();

    (void)arg;
    play_on_birth(dies_soon);
    play_say(svc, CMD_START);
    cr_expect(play_until("web", ST_BACKOFF));
    play_on_birth(NULL);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK, "it starts at once");
    cr_expect(coop_now() - before < SEC);
    coop_sim_die(play_pid("web"), SIGKILL, false);
    cr_expect(play_until("web", ST_BACKOFF));
    cr_expect_eq(play_ask(svc, CMD_STOP, SEC), SVC_OK, "a stop cancels the wait");
    coop_sleep_until(coop_after(coop_now(), 2000 * SEC));
    cr_expect_eq(play_births("web"), 2);
    return 0;
}

Test(service, start_and_stop_are_obeyed_while_it_waits_to_restart)
{
    play(1, commands_in_backoff, NULL);
}

/* ---- neighbours ---- */

static int failed_dependency(void *arg)
{
    struct svc *site;

    (void)arg;
    play_add("flaky", "Type=oneshot", NULL);
    site = play_add("site", "Requires=flaky", "After=flaky", NULL);
    play_add("soft", "Wants=flaky", "After=flaky", NULL);
    play_link();
    play_on_birth(dies_soon);
    cr_expect_eq(play_ask(site, CMD_START, PATIENCE), SVC_FAILED);
    cr_expect_eq(play_view("site").place, AT_FAILED);
    cr_expect(strstr(play_view("site").reason, "dependency-failed"));
    cr_expect(strstr(play_view("site").reason, "flaky"));
    cr_expect_eq(play_births("site"), 0);
    return 0;
}

Test(service, a_dependency_that_fails_fails_what_requires_it)
{
    play(1, failed_dependency, NULL);
}

static char order[4096];

static void note_birth(const char *service, pid_t pid)
{
    (void)pid;
    strncat(order, service, sizeof order - strlen(order) - 2);
    strcat(order, " ");
}

static int chain(void *arg)
{
    struct svc *last;

    (void)arg;
    play_add("a", NULL);
    play_add("b", "Requires=a", "After=a", NULL);
    last = play_add("c", "Requires=b", "After=b", NULL);
    play_link();
    play_on_birth(note_birth);
    cr_expect_eq(play_ask(last, CMD_START, PATIENCE), SVC_OK);
    cr_expect_str_eq(order, "a b c ");
    return 0;
}

Test(service, what_is_required_is_started_first)
{
    play(1, chain, NULL);
}

static int stop_the_root(void *arg)
{
    struct svc *root, *leaf;
    struct bus_sub *sub;

    (void)arg;
    root = play_add("db", NULL);
    leaf = play_add("app", "Requires=db", "After=db", NULL);
    play_link();
    play_on_birth(slow_to_stop);
    cr_expect_eq(play_ask(leaf, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_ask(root, CMD_STOP, PATIENCE), SVC_OK);
    cr_expect_eq(play_view("app").place, AT_DOWN, "it went first");
    cr_expect(play_view("app").since <= play_view("db").since);
    cr_expect_not(play_view("app").wanted_up);

    /* a restart takes it along, and it comes back */
    cr_expect_eq(play_ask(leaf, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_ask(root, CMD_RESTART, PATIENCE), SVC_OK);
    cr_expect(play_until("app", ST_UP));
    cr_expect_eq(play_births("app"), 3);
    cr_expect_eq(play_births("db"), 3);
    sub = NULL;
    bus_unsubscribe(sub);
    play_say(root, CMD_STOP);
    cr_expect(play_until("db", ST_DOWN));
    return 0;
}

Test(service, stopping_what_others_require_takes_them_along_first)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        play(seed, stop_the_root, NULL);
}

enum { LONG = 1000 };

static unsigned births;
static bool in_order;

/* s0, s1, s2 ... and no other way round. */
static void count_birth(const char *service, pid_t pid)
{
    char expected[16];

    (void)pid;
    snprintf(expected, sizeof expected, "s%u", births++);
    in_order = in_order && strcmp(service, expected) == 0;
}

static int deep(void *arg)
{
    struct svc *first = play_add("s0", NULL), *last = first;
    coop_nsec before;

    (void)arg;
    for (int i = 1; i < LONG; i++) {
        char name[16], requires[32], after[32];

        snprintf(name, sizeof name, "s%d", i);
        snprintf(requires, sizeof requires, "Requires=s%d", i - 1);
        snprintf(after, sizeof after, "After=s%d", i - 1);
        last = play_add(name, requires, after, NULL);
    }
    play_link();
    births = 0;
    in_order = true;
    play_on_birth(count_birth);
    before = coop_now();
    cr_expect_eq(play_ask(last, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(births, LONG);
    cr_expect(in_order);
    cr_expect_eq(play_ask(first, CMD_STOP, PATIENCE), SVC_OK);
    cr_expect_eq(play_view("s999").place, AT_DOWN);
    cr_expect(coop_now() - before < SEC, "no timer is involved");
    return 0;
}

Test(service, a_chain_of_a_thousand_starts_in_order_and_stops)
{
    play(1, deep, NULL);
}

static int wide(void *arg)
{
    struct svc *top = play_add("top", NULL);

    (void)arg;
    for (int i = 0; i < LONG; i++) {
        char name[16];

        snprintf(name, sizeof name, "s%d", i);
        play_add(name, "RequiredBy=top", "Before=top", NULL);
    }
    play_link();
    births = 0;
    play_on_birth(count_birth);
    cr_expect_eq(play_ask(top, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(births, LONG + 1);
    cr_expect_eq(play_births("top"), 1);
    for (int i = 0; i < LONG; i += 333) {
        char name[16];

        snprintf(name, sizeof name, "s%d", i);
        cr_expect(play_view(name).up_since <= play_view("top").up_since);
    }
    cr_expect_eq(play_ask(top, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(service, what_waits_for_a_thousand_starts_after_the_last_of_them)
{
    play(1, wide, NULL);
}

static int boot(void *arg)
{
    struct svc *a, *b;

    (void)arg;
    /* asked in the wrong order, at once: the dependant must not overtake */
    b = play_add("b", "After=a", NULL);
    a = play_add("a", NULL);
    play_link();
    play_on_birth(note_birth);
    order[0] = '\0';
    svc_announce(b, CMD_START);
    svc_announce(a, CMD_START);
    svc_command_announced(b, &(struct svc_command){.kind = CMD_START});
    svc_command_announced(a, &(struct svc_command){.kind = CMD_START});
    cr_expect(play_until("b", ST_UP));
    cr_expect_str_eq(order, "a b ");
    return 0;
}

Test(service, at_boot_order_counts_without_requirement)
{
    for (uint64_t seed = 1; seed <= 50; seed++)
        play(seed, boot, NULL);
}
