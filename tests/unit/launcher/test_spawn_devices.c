/*
 * test_spawn_devices.c - launches where the caller's /dev is not what it should be
 *
 * In a mount table of the test's own: root only.
 */
#include "spawn_plans.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void own_mounts(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

static void refuses(const char *const *keys, const struct launch_io *io, const char *step)
{
    struct launch_plan *plan = plan_for(keys, ARGV(SPAWN_PROBE_PATH, "exit", "0"));
    struct launch_child child;
    struct coop_err err = {0};

    cr_assert_lt(launch_spawn(plan, io, &child, &err), 0);
    cr_assert_not_null(strstr(err.text, step), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "/dev/null"), "%s", err.text);
    launch_plan_free(plan);
}

/* Its contents would be stdin, and what is written to stdout would change it. */
Test(spawn_devices, a_file_in_the_place_of_the_null_device_is_given_to_nobody)
{
    const struct launch_io io = LAUNCH_IO_NULL;

    own_mounts();
    cr_assert_eq(mount("/etc/hostname", "/dev/null", NULL, MS_BIND, NULL), 0);
    refuses(NULL, &io, "keep-fds");
}

/* What the plan adds by itself is left out where it has no place, but not for want of a cover. */
Test(spawn_devices, without_a_null_device_nothing_stays_uncovered)
{
    struct launch_io io = LAUNCH_IO_NULL;
    int ends[2];

    own_mounts();
    cr_assert_eq(pipe(ends), 0);
    for (int fd = 0; fd < 3; fd++)
        io.stdio[fd] = ends[fd > 0];
    cr_assert_eq(mount("none", "/dev", "tmpfs", 0, NULL), 0);
    refuses(KEYS("PrivateUsers=yes", "PrivatePIDs=yes", "PrivateMounts=yes",
                 "RootFileSystem=empty", "FileSystem=ro-bind / /"),
            &io, "mounts");
}
