/* coop-run's namespaces and ids: what is its own, what is another's, who it is inside. */
#include "unit/launcher/run_coop.h"

#include <time.h>

TestSuite(identity);

static void as_root(void) {}

/* Each caller that this test can be; an ordinary one for sure. */
static void (*const callers[])(void) = {as_root, as_user};
#define EACH_CALLER(who) for (unsigned who = geteuid() == 0 ? 0 : 1; who < 2; who++)

static void (*caller(unsigned who))(void)
{
    return geteuid() == 0 ? callers[who] : as_root;
}

/* ---- clocks ---- */

#define DAY 86400

static long long clock_now(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec;
}

/* What 'clock' says inside, with these options before the command. */
static long long clock_inside(unsigned who, const char *clock, const char *const *options)
{
    const char *words[16];
    char command[96];
    int n = 0;

    snprintf(command, sizeof command, "import time; print(int(time.clock_gettime(time.%s)))",
             clock);
    while (*options)
        words[n++] = *options++;
    words[n++] = "python3";
    words[n++] = "-c";
    words[n++] = command;
    words[n] = NULL;
    cr_assert_eq(run_bent(caller(who), words), 0, "%s", output);
    return atoll(output);
}

#define CLOCK_INSIDE(who, clock, ...)                                                          \
    clock_inside(who, clock, (const char *const[]){__VA_ARGS__, NULL})

static void near_enough(long long is, long long wanted)
{
    cr_assert(is >= wanted - 1 && is <= wanted + 20, "%lld is not %lld", is, wanted);
}

Test(identity, clocks_can_be_shifted_inside)
{
    EACH_CALLER(who)
    {
        near_enough(CLOCK_INSIDE(who, "CLOCK_MONOTONIC", "--time-offset-monotonic=1d"),
                    clock_now(CLOCK_MONOTONIC) + DAY);
        near_enough(CLOCK_INSIDE(who, "CLOCK_BOOTTIME", "--time-offset-monotonic=1d"),
                    clock_now(CLOCK_BOOTTIME));
        near_enough(CLOCK_INSIDE(who, "CLOCK_BOOTTIME", "--time-offset-boottime=2d"),
                    clock_now(CLOCK_BOOTTIME) + 2 * DAY);
        near_enough(CLOCK_INSIDE(who, "CLOCK_MONOTONIC", "--time-offset-monotonic=-1500ms"),
                    clock_now(CLOCK_MONOTONIC) - 2);
        near_enough(CLOCK_INSIDE(who, "CLOCK_REALTIME", "--time-offset-monotonic=1d"),
                    clock_now(CLOCK_REALTIME));
    }
}

Test(identity, clocks_can_be_shifted_without_a_reaper)
{
    EACH_CALLER(who)
    {
        near_enough(
            CLOCK_INSIDE(who, "CLOCK_MONOTONIC", "--as-pid-1", "--time-offset-monotonic=1d"),
            clock_now(CLOCK_MONOTONIC) + DAY);
        near_enough(CLOCK_INSIDE(who, "CLOCK_MONOTONIC", "--profile=none",
                                 "--time-offset-monotonic=1d"),
                    clock_now(CLOCK_MONOTONIC) + DAY);
    }
}

Test(identity, a_clock_does_not_go_below_zero)
{
    cr_assert_eq(RUN("--time-offset-monotonic=-10000d", "true"), 125);
    SAYS("step 'time'");
    SAYS("hint: a clock cannot be shifted below zero");
    cr_assert_eq(RUN("--time-offset-monotonic=yesterday", "true"), 125);
    SAYS("expected a duration");
}

/* What the receipt in 'output' says of a namespace: is it the sandbox's own? */
static bool own_in_receipt(const char *name)
{
    char key[32];
    const char *at;

    snprintf(key, sizeof key, "\"%s\": {\"inode\"", name);
    at = strstr(output, key);
    cr_assert(at, "%s", output);
    at = strstr(at, "\"own\": ");
    return at && strncmp(at, "\"own\": true", 11) == 0;
}

Test(identity, an_own_time_namespace_is_told_and_closed)
{
    char mine[64] = "";

    cr_assert(readlink("/proc/self/ns/time", mine, sizeof mine - 1) > 0);
    EACH_CALLER(who)
    {
        cr_assert_eq(BENT(caller(who), "--private-time", "readlink", "/proc/self/ns/time"), 0);
        SILENT_ON(mine);
        cr_assert_neq(BENT(caller(who), "--private-time", "sh", "-c",
                           "echo 'monotonic 1 0' > /proc/self/timens_offsets"),
                      0, "%s", output);
    }
    cr_assert_eq(RUN("--private-time", "--receipt=/dev/stderr", "true"), 0);
    cr_assert(own_in_receipt("time"), "%s", output);
    cr_assert_eq(RUN("--receipt=/dev/stderr", "true"), 0);
    cr_assert(!own_in_receipt("time"), "%s", output);
    cr_assert_eq(RUN("--explain", "--time-offset-monotonic=-90s", "true"), 0);
    SAYS("monotonic clock shifted by -1min 30s");
    cr_assert_eq(RUN("--explain", "true"), 0);
    SILENT_ON("\ntime: ");
}

Test(identity, a_time_namespace_that_is_refused_is_refused_or_told)
{
    cr_assert_eq(RUN("--profile=none", "--", REFUSES, "unshare", "--", COOP_RUN,
                     "--private-time", "true"),
                 125);
    SAYS("step 'time': unshare");
    cr_assert_eq(RUN("--profile=none", "--", REFUSES, "unshare", "--", COOP_RUN,
                     "--prefer=private-time", "--time-offset-monotonic=1d", "true"),
                 0);
    SAYS("not in force here: PrivateTime");
}
