/* User= together with PrivateUsers=: born in another user's name, and back to our own. */
#include "launcher/launch.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/child.h"

#define SOMEBODY 33

static const char script[] = "test \"$(id -u):$(id -g)\" = 33:33 && "
                             "grep -q '^ *33 *33 *1$' /proc/self/uid_map && "
                             "! grep -q '^Uid:.*[^0-9]0' /proc/self/status /proc/1/status";

static void fill(struct launch_spec *spec, const char *profile)
{
    struct coop_err err;

    launch_spec_init(spec);
    launch_spec_profile(spec, profile, &err);
    launch_spec_set(spec, "PrivateUsers", "yes", &err);
    spec->uid = spec->gid = SOMEBODY;
    spec->set_groups = true;
    strlist_add(&spec->argv, "sh");
    strlist_add(&spec->argv, "-c");
    strlist_add(&spec->argv, script);
    launch_env_set(spec, "PATH", "/usr/bin:/bin");
}

static void scene(int report, void *arg)
{
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_child child;
    struct launch_plan *plan;
    struct launch_spec spec;
    struct coop_err err = {0};
    int status = -1;

    fill(&spec, arg);
    CHILD_CHECK(report, launch_compile(&spec, NULL, &plan, &err) == 0);
    if (launch_spawn(plan, &io, &child, &err) < 0)
        dprintf(report, "%s\n", err.text);
    CHILD_CHECK(report, err.code == COOP_OK);
    CHILD_CHECK(report, geteuid() == 0 && getegid() == 0 && getuid() == 0);
    CHILD_CHECK(report, waitpid(child.pid, &status, __WALL) == child.pid);
    CHILD_CHECK(report, status == 0);
    launch_plan_free(plan);
    launch_spec_done(&spec);
    _exit(0);
}

static void runs(const char *profile)
{
    char name[16], said[CHILD_TEXT];

    if (geteuid() != 0)
        cr_skip_test("only root becomes somebody else");
    snprintf(name, sizeof name, "%s", profile);
    cr_assert_eq(in_child(scene, name, said), 0, "%s", said);
}

Test(borrow, another_user_has_a_closed_box_of_its_own)
{
    runs("default");
}

Test(borrow, another_user_has_a_user_namespace_over_the_hosts_files)
{
    runs("service");
}
