/*
 * Type=idle over a kernel of our own: who waits for whom, and for how long.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "coop/sim.h"
#include "fake_services.h"

#define PATIENCE (3600 * SEC)

static coop_nsec born_at;

static void oneshot_of(coop_nsec time, const char *service, pid_t pid)
{
    if (strcmp(service, "idle") == 0)
        born_at = coop_now();
    else if (strcmp(service, "last") != 0)
        coop_sim_exit_at(pid, coop_sim_now() + time, 0);
}

static void two_seconds(const char *service, pid_t pid)
{
    oneshot_of(2 * SEC, service, pid);
}

static void a_minute(const char *service, pid_t pid)
{
    oneshot_of(60 * SEC, service, pid);
}

static int idle(void *arg)
{
    coop_nsec began = coop_now(), after = *(coop_nsec *)arg;
    struct svc *last = play_add("last", "Type=idle", "After=idle", NULL);
    struct svc *svc = play_add("idle", "Type=idle", NULL);
    struct svc *first = play_add("first", "Type=oneshot", NULL);
    struct svc *second = play_add("second", "Type=oneshot", "After=first", NULL);

    play_link();
    play_on_birth(after < 5 * SEC ? two_seconds : a_minute);
    play_say(last, CMD_START);
    play_say(svc, CMD_START);
    play_say(second, CMD_START);
    play_say(first, CMD_START);
    cr_expect(play_until("idle", ST_UP));
    cr_expect(born_at - began >= after && born_at - began < after + SEC, "%lld ms",
              (long long)((born_at - began) / MSEC));
    cr_expect(play_until("last", ST_UP));
    cr_expect(coop_now() - began < after + 6 * SEC);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    if (after >= 5 * SEC)
        return 0;
    /* with nothing on its way it starts at once, and a stop while it waits is heard */
    began = coop_now();
    cr_expect_eq(play_ask(svc, CMD_START, PATIENCE), SVC_OK);
    cr_expect(coop_now() - began < SEC);
    cr_expect_eq(play_ask(svc, CMD_STOP, PATIENCE), SVC_OK);
    play_say(first, CMD_START);
    play_say(svc, CMD_START);
    cr_expect(play_until("idle", ST_WAITING));
    cr_expect_eq(play_ask(svc, CMD_STOP, SEC), SVC_OK);
    return 0;
}

Test(idle, one_waits_until_the_others_are_through)
{
    coop_nsec after = 4 * SEC;

    for (unsigned seed = 1; seed < 20; seed++)
        play(seed, idle, &after);
}

Test(idle, one_does_not_wait_longer_than_five_seconds)
{
    coop_nsec after = 5 * SEC;

    play(1, idle, &after);
}
