/*
 * The cgroups of a dead coopd while somebody still holds them.  A stand-in of folders: the lock is
 * the same there.
 */
#include "adopt_tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sys.h"
#include "coop/coop.h"
#include "support/places.h"

#define TREE "coop-4711"

static struct machine machine;
static char top[TEMP_DIR_TEXT], tree[128], leaf[160];
static pid_t holder;
static int looks;        /* at the tree */
static int patient;      /* looks until the holder ends; 0: it never does */
static coop_nsec pace;   /* how much later it is after each look */
static coop_nsec passed; /* so much later it is than it is */
static struct coop_err err;
static struct map kept;

static int counted_openat(int dir, const char *path, int flags, mode_t mode)
{
    if (strcmp(path, TREE) == 0) {
        looks++;
        passed += pace;
    }
    if (holder > 0 && looks == patient && patient > 0) {
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);
        holder = 0;
    }
    return sys_kernel.openat(dir, path, flags, mode);
}

static int later_clock(clockid_t clock, struct timespec *ret_now)
{
    int r = sys_kernel.clock_gettime(clock, ret_now);

    if (clock == CLOCK_MONOTONIC)
        ret_now->tv_sec += passed / COOP_NSEC_PER_SEC;
    return r;
}

static int end_tree(void *arg)
{
    (void)arg;
    return adopt_tree_end(&machine, 4711, &kept, &err);
}

/* What coopd makes of the tree. */
static int ask(void)
{
    const struct coop_options options = {.name = "adopt", .procs = 1};
    struct sys_ops ops = sys_kernel;
    int r;

    ops.openat = counted_openat;
    ops.clock_gettime = later_clock;
    sys_install(&ops);
    r = coop_main(&options, end_tree, NULL);
    sys_install(&sys_kernel);
    return r;
}

static void set_up(void)
{
    looks = patient = 0;
    pace = passed = 0;
    log_set_fd(-1);
    temp_dir_make(top);
    snprintf(tree, sizeof tree, "%s/" TREE, top);
    snprintf(leaf, sizeof leaf, "%s/web", tree);
    cr_assert_eq(mkdir(tree, 0755), 0);
    cr_assert_eq(mkdir(leaf, 0755), 0);
    machine = (struct machine){.has_cgroups = true, .cgroups = {.name = "coop-1"}};
    machine.cgroups.parent = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    strcpy(machine.cgroups.where, top);
}

static void tear_down(void)
{
    if (holder > 0) {
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);
    }
    holder = 0;
    close(machine.cgroups.parent);
    temp_dir_remove(top);
}

/* As a child that was being cloned when its coopd was killed. */
static void hold_tree(void)
{
    int ends[2];
    char word = 0;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    holder = fork();
    cr_assert_geq(holder, 0);
    if (holder == 0) {
        int fd = open(tree, O_RDONLY | O_DIRECTORY);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(ends[1], "h", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    cr_assert_eq(read(ends[0], &word, 1), 1);
    close(ends[0]);
}

TestSuite(adopt_tree, .init = set_up, .fini = tear_down);

Test(adopt_tree, nobody_holds_it_and_it_is_emptied_at_once)
{
    cr_expect_eq(ask(), 0);
    cr_expect_eq(looks, 1);
    cr_expect_eq(access(tree, F_OK), -1);
}

Test(adopt_tree, a_held_one_is_waited_for_and_then_emptied)
{
    hold_tree();
    patient = 3;
    cr_expect_eq(ask(), 0, "%s", err.text);
    cr_expect_eq(looks, 3);
    cr_expect_eq(access(tree, F_OK), -1, "passed over");
}

Test(adopt_tree, who_never_lets_go_is_named)
{
    char wanted[400];

    hold_tree();
    pace = COOP_NSEC_PER_SEC;
    cr_expect_eq(ask(), -1);
    cr_expect_geq(looks, 5, "it has been waited for");
    cr_expect_eq(err.code, COOP_E_BUSY);
    snprintf(wanted, sizeof wanted, "process %d (", (int)holder);
    cr_expect_eq(strncmp(err.text, wanted, strlen(wanted)), 0, "%s", err.text);
    snprintf(wanted, sizeof wanted,
             ") holds cgroup '%s' of an earlier coopd, whose services may still run there",
             tree);
    cr_expect_not_null(strstr(err.text, wanted), "%s", err.text);
    snprintf(wanted, sizeof wanted, "end process %d, then start coopd again", (int)holder);
    cr_expect_str_eq(err.hint, wanted);
    cr_expect_eq(access(leaf, F_OK), 0, "nothing is done to it");
}

Test(adopt_tree, a_holder_that_cannot_be_seen_is_told_of)
{
    int fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* in our own hands */

    cr_assert_eq(flock(fd, LOCK_EX), 0);
    pace = COOP_NSEC_PER_SEC;
    cr_expect_eq(ask(), -1);
    cr_expect_eq(strncmp(err.text, "somebody holds cgroup '", 23), 0, "%s", err.text);
    cr_expect_not_null(strstr(err.hint, "'fuser'"), "%s", err.hint);
    close(fd);
}

Test(adopt_tree, a_leaf_that_stays_full_is_counted)
{
    cr_assert_eq(mkdir(strcat(leaf, "/.below"), 0755), 0); /* as if somebody lived there */
    cr_expect_eq(ask(), 1);
}

Test(adopt_tree, without_cgroups_or_an_earlier_coopd_nothing_is_held)
{
    hold_tree();
    machine.has_cgroups = false;
    cr_expect_eq(ask(), 0);
    machine.has_cgroups = true;
    cr_expect_eq(adopt_tree_end(&machine, 0, &kept, &err), 0);
    cr_expect_eq(looks, 0);
}

Test(adopt_tree, a_kept_leaf_stays_and_its_neighbour_goes)
{
    char other[160];

    snprintf(other, sizeof other, "%s/db", tree);
    cr_assert_eq(mkdir(other, 0755), 0);
    cr_assert_eq(map_put(&kept, TREE "/web", &kept), 0);
    cr_expect_eq(ask(), 0);
    cr_expect_eq(access(leaf, F_OK), 0);
    cr_expect_eq(access(other, F_OK), -1);
    map_done(&kept);
}
