/*
 * The commands besides ExecStart=, over a kernel of our own: each in its turn, and whichever hangs.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "coop/sim.h"
#include "fake_services.h"

#define PATIENCE (3600 * SEC)

static bool ignores(pid_t pid, int signo, void *arg)
{
    (void)pid;
    (void)signo;
    (void)arg;
    return true;
}

static const char
    *command_says; /* which one of a service's commands hangs: its number, from 1 */
static unsigned born_so_far;

/* Main goes on; all other commands end well at once, but for the one that hangs. */
static void commands_end(const char *service, pid_t pid)
{
    (void)service;
    born_so_far++;
    if (!strchr(command_says, (char)('0' + born_so_far)))
        coop_sim_exit_at(pid, coop_sim_now() + MSEC, 0);
}

static int life_with_commands(void *arg)
{
    struct svc *svc = play_add("web", "ExecCondition=a", "ExecStartPre=b", "ExecStartPre=c",
                               "ExecStart=main", "ExecStartPost=d", "ExecReload=e",
                               "ExecStop=f", "ExecStopPost=g", "ExecStopPost=h", NULL);

    (void)arg;
    born_so_far = 0;
    command_says = "4"; /* main */
    play_on_birth(commands_end);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    cr_expect_eq(play_commands("web"), 5);
    cr_expect_eq(play_view("web").main_pid, play_pid("web"));
    cr_expect_eq(play_ask(svc, CMD_RELOAD, PATIENCE), SVC_OK);
    cr_expect_eq(play_commands("web"), 6);
    cr_expect_eq(play_view("web").place, AT_UP);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    cr_expect_eq(play_commands("web"), 9);
    cr_expect_eq(play_births("web"), 1);
    cr_expect_eq(play_view("web").place, AT_DOWN);
    return 0;
}

Test(commands, each_command_has_its_turn)
{
    play(1, life_with_commands, NULL);
}

static int reload_joined(void *arg)
{
    struct svc *svc = play_add("web", "ExecReload=a", NULL);

    (void)arg;
    born_so_far = 0;
    command_says = "12"; /* main, and the reload */
    play_on_birth(commands_end);
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    play_say(svc, CMD_RELOAD);
    cr_expect(play_until("web", ST_RELOADING));
    coop_sim_exit_at(play_step("web"), coop_sim_now() + SEC, 0);
    cr_expect_eq(play_ask(svc, CMD_RELOAD, PATIENCE), SVC_OK,
                 "the one under way is waited for");
    cr_expect_eq(play_commands("web"), 2);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    return 0;
}

Test(commands, who_asks_for_a_reload_that_is_under_way_waits_for_it)
{
    play(1, reload_joined, NULL);
}

/* Whichever of its commands hangs and ignores all but SIGKILL: a stop ends, and nothing is left. */
static void hangs(const char *service, pid_t pid)
{
    commands_end(service, pid);
    coop_sim_on_signal(pid, ignores, NULL);
}

static int stop_in_a_command(void *arg)
{
    char which[] = {'4', (char)('0' + *(unsigned *)arg), '\0'};
    struct svc *svc =
        play_add("web", "ExecCondition=a", "ExecStartPre=b", "ExecStartPre=c", "ExecStart=main",
                 "ExecStartPost=d", "ExecReload=e", "ExecStop=f", "ExecStopPost=g",
                 "TimeoutStopSec=1s", "TimeoutStartSec=1h", NULL);

    born_so_far = 0;
    command_says = which;
    play_on_birth(hangs);
    play_say(svc, CMD_START);
    coop_sleep_until(coop_after(coop_now(), 10 * SEC));
    play_say(svc, CMD_RELOAD);
    coop_sleep_until(coop_after(coop_now(), 10 * SEC));
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK, "command %s", which);
    cr_expect_eq(play_view("web").place, AT_DOWN);
    cr_expect_eq(play_most_alive(), 1);
    cr_expect(!play_step("web") || !coop_sim_is_alive(play_step("web")));
    return 0;
}

Test(commands, a_stop_ends_whichever_command_hangs)
{
    for (unsigned which = 1; which <= 8; which++)
        play(which, stop_in_a_command, &which);
}
