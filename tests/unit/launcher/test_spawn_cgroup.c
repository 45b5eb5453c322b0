/*
 * test_spawn_cgroup.c - finding a v2 hierarchy, leaves in it, and being born in one
 */
#include "launcher/cgroup.h"
#include "spawn_plans.h"
#include "support/places.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- the pure half ---- */

Test(spawn_cgroup, a_mount_that_shows_our_group_is_found)
{
    static const struct {
        const char *line, *self, *dir; /* NULL: not this one */
    } cases[] = {
        {"41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "/", "/sys/fs/cgroup"},
        {"41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "/a/b", "/sys/fs/cgroup/a/b"},
        {"41 31 0:38 / /sys/fs/cgroup rw shared:9 master:1 - cgroup2 c rw", "/a",
         "/sys/fs/cgroup/a"},
        {"41 31 0:38 /dock /cg rw - cgroup2 cgroup2 rw", "/dock/x", "/cg/x"},
        {"41 31 0:38 /dock /cg rw - cgroup2 cgroup2 rw", "/dock", "/cg"},
        {"41 31 0:38 /dock /cg rw - cgroup2 cgroup2 rw", "/docker", NULL},
        {"41 31 0:38 / /with\\040blank rw - cgroup2 c rw", "/a", "/with blank/a"},
        {"41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "/../other", NULL},
        {"41 31 0:38 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids", "/", NULL},
        {"41 31 0:38 / /tmp rw - tmpfs cgroup2 rw", "/", NULL},
        {"", "/", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char dir[256] = "";
        bool found = launch_cgroup_locate(cases[i].line, cases[i].self, dir, sizeof dir);

        cr_assert_eq(found, cases[i].dir != NULL, "case %zu", i);
        if (found)
            cr_assert_str_eq(dir, cases[i].dir, "case %zu", i);
    }
}

Test(spawn_cgroup, names_become_harmless)
{
    char text[64], small[4];

    cr_assert_eq(launch_cgroup_escape("web-1_a@b:c", text, sizeof text), 0);
    cr_assert_str_eq(text, "web-1_a@b:c");
    cr_assert_eq(launch_cgroup_escape("../x", text, sizeof text), 0);
    cr_assert_str_eq(text, "%2E%2E%2Fx");
    cr_assert_eq(launch_cgroup_escape("cgroup.procs", text, sizeof text), 0);
    cr_assert_str_eq(text, "cgroup%2Eprocs");
    cr_assert_eq(launch_cgroup_escape("\xc3\xa4%", text, sizeof text), 0);
    cr_assert_str_eq(text, "%C3%A4%25");
    cr_assert_eq(launch_cgroup_escape("toolong", small, sizeof small), -ENAMETOOLONG);
}

/* ---- the real one ---- */

static bool open_groups(struct launch_cgroups *groups)
{
    struct coop_err err = {0};

    if (launch_cgroups_open(groups, &err) == 0)
        return true;
    fprintf(stderr, "no cgroups: %s\n", err.text);
    return false;
}

#define NEED_GROUPS(groups)                                                                    \
    if (!open_groups(groups))                                                                  \
    cr_skip_test("no cgroup v2 hierarchy that may be divided")

static int wait_for(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Test(spawn_cgroup, a_child_is_born_in_its_leaf_and_dies_with_it)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "leave", "deaf"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_cgroups groups;
    struct launch_child child;
    struct coop_err err = {0};
    char path[LAUNCH_CGROUP_PATH];
    pid_t pids[8];
    int watch;

    NEED_GROUPS(&groups);
    cr_assert_eq(launch_cgroup_make(&groups, "a service/with odd.name", path, &err), 0, "%s",
                 err.text);
    io.cgroup = launch_cgroup_enter(&groups, path);
    watch = launch_cgroup_watch(&groups, path);
    cr_assert(io.cgroup >= 0 && watch >= 0);
    cr_assert_eq(launch_cgroup_populated(watch), 0);
    cr_assert_eq(launch_spawn(plan, &io, &child, &err), 0, "%s", err.text);
    cr_assert_eq(wait_for(child.pid), 5);
    cr_assert_eq(launch_cgroup_populated(watch), 1, "main has ended, its tree lives");
    cr_assert_gt(launch_cgroup_pids(&groups, path, pids, 8), 0);
    cr_assert_eq(launch_cgroup_remove(&groups, path), -EBUSY);
    cr_assert_eq(launch_cgroup_make(&groups, "a service/with odd.name", path, &err), -1,
                 "nothing is started over a living grandchild");
    cr_assert_eq(launch_cgroup_kill(&groups, path), 0);
    while (launch_cgroup_populated(watch) == 1) {
        struct pollfd wait = {.fd = watch, .events = POLLPRI};

        cr_assert_eq(poll(&wait, 1, 10000), 1);
    }
    cr_assert_eq(launch_cgroup_remove(&groups, path), 0);
    cr_assert_eq(launch_cgroup_remove(&groups, path), 0, "gone already is fine");
    launch_cgroups_close(&groups);
    close(io.cgroup);
    close(watch);
    close(child.pidfd);
    launch_plan_free(plan);
}

Test(spawn_cgroup, the_spawner_puts_children_there_too)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "wait"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_spawner *spawner;
    struct launch_cgroups groups;
    struct launch_child child;
    struct coop_err err = {0};
    char path[LAUNCH_CGROUP_PATH];
    pid_t pids[8];

    NEED_GROUPS(&groups);
    cr_assert_eq(launch_spawner_start(&spawner, COOP_INIT_PATH, &err), 0, "%s", err.text);
    cr_assert_eq(launch_cgroup_make(&groups, "spawned", path, &err), 0, "%s", err.text);
    io.cgroup = launch_cgroup_enter(&groups, path);
    cr_assert_eq(launch_spawner_spawn(spawner, plan, &io, &child, &err), 0, "%s", err.text);
    cr_assert_eq(launch_cgroup_pids(&groups, path, pids, 8), 1);
    cr_assert_eq(pids[0], child.pid);
    cr_assert_eq(launch_cgroup_signal(&groups, path, SIGTERM), 1);
    cr_assert_eq(wait_for(child.pid), -SIGTERM);
    cr_assert_eq(launch_cgroup_remove(&groups, path), 0);
    launch_cgroups_close(&groups);
    launch_spawner_stop(spawner);
    launch_plan_free(plan);
}

/* Signal 0 and an empty hierarchy of names: nothing could be hit even if this failed. */
Test(spawn_cgroup, a_damaged_path_never_means_the_whole_machine)
{
    static const char *const paths[] = {
        "",        ".",          "..",       "/",         "coop-",      "coop-1",
        "coop-1/", "coop-x/web", "coop-1/.", "coop-1/..", "coop-1/a/b", "user.slice/web"};
    const struct launch_cgroups nowhere = {.parent = -1, .own = -1};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        cr_assert_eq(launch_cgroup_signal(&nowhere, paths[i], 0), -EINVAL, "'%s'", paths[i]);
        cr_assert_eq(launch_cgroup_kill(&nowhere, paths[i]), -EINVAL, "'%s'", paths[i]);
        cr_assert_eq(launch_cgroup_remove(&nowhere, paths[i]), -EINVAL, "'%s'", paths[i]);
        cr_assert_eq(launch_cgroup_enter(&nowhere, paths[i]), -EINVAL, "'%s'", paths[i]);
        cr_assert_eq(launch_cgroup_watch(&nowhere, paths[i]), -EINVAL, "'%s'", paths[i]);
        cr_assert_eq(launch_cgroup_pids(&nowhere, paths[i], NULL, 0), -EINVAL, "'%s'",
                     paths[i]);
        cr_assert_eq(launch_cgroup_adopt(&nowhere, paths[i]), -EINVAL, "'%s'", paths[i]);
        cr_assert_eq(launch_cgroup_owner(paths[i]), 0, "'%s'", paths[i]);
    }
}

/* ---- leftovers ---- */

static void remember(const char *path, void *arg)
{
    char *all = arg;

    strcat(strcat(all, path), " ");
}

Test(spawn_cgroup, what_a_dead_coopd_left_is_found_and_a_living_ones_is_not)
{
    struct launch_cgroups groups;
    struct coop_err err = {0};
    char found[4096] = "", path[LAUNCH_CGROUP_PATH], wanted[128], tree[32];
    int ends[2];
    pid_t dead;

    NEED_GROUPS(&groups);
    cr_assert_eq(launch_cgroup_make(&groups, "mine", path, &err), 0, "%s", err.text);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dead = fork();
    if (dead == 0) { /* a coopd that ends without a word */
        struct launch_cgroups theirs;
        char leaf[LAUNCH_CGROUP_PATH];

        close(groups.own); /* a fork shares the lock: coopd's children never do */
        if (launch_cgroups_open(&theirs, NULL) < 0 ||
            launch_cgroup_make(&theirs, "left", leaf, NULL) < 0)
            _exit(1);
        _exit(0);
    }
    cr_assert_eq(wait_for(dead), 0);
    snprintf(tree, sizeof tree, "coop-%d", (int)dead);
    snprintf(wanted, sizeof wanted, "%s/left ", tree);
    cr_assert_eq(launch_cgroups_leftover(&groups, tree, remember, found), 1);
    cr_assert_str_eq(found, wanted);
    cr_assert_eq(launch_cgroup_owner(wanted), dead);
    wanted[strlen(wanted) - 1] = '\0';
    cr_assert_eq(launch_cgroup_remove(&groups, wanted), 0);
    cr_assert_eq(launch_cgroups_leftover(&groups, tree, remember, found), 0);
    cr_assert_eq(launch_cgroup_adopt(&groups, wanted), -ENOENT, "it is empty: it is gone");
    strcpy(tree, groups.name);
    strcpy(groups.name, "coop-0"); /* as another coopd sees it */
    cr_assert_eq(launch_cgroups_leftover(&groups, tree, remember, found), -EWOULDBLOCK);
    strcpy(groups.name, tree);
    cr_assert_eq(launch_cgroup_remove(&groups, path), 0);
    launch_cgroups_close(&groups);
}

/* A stand-in of folders: what is in them stays, so who lives in them would, too. */
Test(spawn_cgroup, what_a_dead_coopd_lived_in_is_no_service_of_its)
{
    static const char *const folders[] = {"coop-1", "coop-1/" LAUNCH_CGROUP_SELF, "coop-1/web",
                                          "coop-1/" LAUNCH_CGROUP_SELF "/full"};
    struct launch_cgroups groups = {.parent = -1, .own = -1, .cradle = -1, .name = "coop-2"};
    char top[] = "/tmp/coop-leftover-XXXXXX", found[256] = "";

    cr_assert_not_null(mkdtemp(top));
    groups.parent = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(mkdirat(groups.parent, folders[i], 0755), 0);
    cr_expect_eq(launch_cgroups_leftover(&groups, "coop-1", remember, found), 1);
    cr_expect_str_eq(found, "coop-1/web ");
    cr_expect_eq(unlinkat(groups.parent, folders[3], AT_REMOVEDIR), 0, "it is left alone");
    cr_expect_eq(unlinkat(groups.parent, folders[2], AT_REMOVEDIR), 0);
    cr_expect_eq(launch_cgroups_leftover(&groups, "coop-1", remember, found), 0);
    cr_expect_eq(rmdir(top), 0, "nobody was in them: they are gone");
    close(groups.parent);
}

/* Who lived in %self beside a coopd that died may go on for longer than its successor. */
Test(spawn_cgroup, empty_trees_of_all_dead_coopds_are_swept)
{
    static const char *const folders[] = {"coop-1",
                                          "coop-1/" LAUNCH_CGROUP_SELF,
                                          "coop-2",
                                          "coop-2/web",
                                          "coop-3",
                                          "coop-3/" LAUNCH_CGROUP_SELF,
                                          "coop-3/" LAUNCH_CGROUP_SELF "/full",
                                          "coop-4",
                                          "other"};
    static const bool goes[] = {true, true, false, false, false, false, false, false, false};
    struct launch_cgroups groups = {.parent = -1, .own = -1, .cradle = -1, .name = "coop-5"};
    char top[TEMP_DIR_TEXT];
    int living;

    groups.parent = open(temp_dir_make(top), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        cr_assert_eq(mkdirat(groups.parent, folders[i], 0755), 0);
    living = launch_cgroup_adopt(&groups, "coop-4/any"); /* the lock of a coopd that lives */
    cr_assert_geq(living, 0);
    launch_cgroups_sweep(&groups);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        cr_expect_eq(faccessat(groups.parent, folders[i], F_OK, 0), goes[i] ? -1 : 0, "%s",
                     folders[i]);
    close(living);
    close(groups.parent);
    temp_dir_remove(top);
}

/* The next coopd may have the PID of the one that died: the tree is its own by then. */
Test(spawn_cgroup, what_a_dead_coopd_with_our_pid_left_is_found_too)
{
    struct launch_cgroups groups = {.parent = -1, .own = -1, .cradle = -1, .name = "coop-1"};
    char top[] = "/tmp/coop-leftover-XXXXXX", found[256] = "";

    cr_assert_not_null(mkdtemp(top));
    groups.parent = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(mkdirat(groups.parent, "coop-1", 0755), 0);
    cr_assert_eq(mkdirat(groups.parent, "coop-1/web", 0755), 0);
    groups.own = launch_cgroup_adopt(&groups, "coop-1/web"); /* the lock is ours */
    cr_assert_geq(groups.own, 0);
    cr_expect_eq(launch_cgroups_leftover(&groups, "coop-1", remember, found), 1);
    cr_expect_str_eq(found, "coop-1/web ");
    cr_expect_eq(unlinkat(groups.parent, "coop-1/web", AT_REMOVEDIR), 0);
    cr_expect_eq(launch_cgroups_leftover(&groups, "coop-1", remember, found), 0);
    cr_expect_eq(unlinkat(groups.parent, "coop-1", AT_REMOVEDIR), 0, "we live there");
    cr_expect_eq(launch_cgroups_leftover(&groups, "coop-1", remember, found), 0);
    cr_expect_eq(launch_cgroups_leftover(&groups, "..", remember, found), -EINVAL);
    close(groups.own);
    close(groups.parent);
    rmdir(top);
}
