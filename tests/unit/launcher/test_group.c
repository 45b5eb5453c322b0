/* What is written into a cgroup's files, and in which order: over folders that look like groups. */
#include "launcher/limits/bounds.h"
#include "launcher/limits/group.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEAF "coop-1/run"

static char top[64];
static struct launch_cgroups groups;
static struct launch_spec spec;

static void put(const char *file, const char *text)
{
    int fd = openat(groups.parent, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static const char *get(const char *file)
{
    static char text[256];
    int fd = openat(groups.parent, file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    text[got > 0 ? got : 0] = '\0';
    close(fd);
    return text;
}

static const char *const files[] = {
    "cgroup.controllers", "cgroup.subtree_control", "coop-1/cgroup.subtree_control",
    LEAF "/memory.max",   LEAF "/memory.oom.group", LEAF "/io.max",
    LEAF "/io.weight",    LEAF "/cpu.stat",
};

static void make_groups(void)
{
    strcpy(top, "/tmp/coop-group-XXXXXX");
    cr_assert_not_null(mkdtemp(top));
    groups = (struct launch_cgroups){.cradle = -1, .name = "coop-1"};
    groups.parent = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(mkdirat(groups.parent, "coop-1", 0755), 0);
    groups.own = openat(groups.parent, "coop-1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(mkdirat(groups.own, "run", 0755), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        put(files[i], "");
    put("cgroup.controllers", "cpu io memory pids\n");
    launch_spec_init(&spec);
}

static void remove_groups(void)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlinkat(groups.parent, files[i], 0);
    unlinkat(groups.own, "run", AT_REMOVEDIR);
    unlinkat(groups.parent, "coop-1", AT_REMOVEDIR);
    rmdir(top);
    launch_spec_done(&spec);
}

TestSuite(group, .init = make_groups, .fini = remove_groups);

static void set(const char *key, const char *text)
{
    struct coop_err err = {0};

    cr_assert_eq(launch_spec_set(&spec, key, text, &err), 0, "%s", err.text);
}

Test(group, a_bound_is_handed_down_and_written)
{
    struct coop_err err = {0};

    set("MemoryMax", "32M");
    cr_assert_eq(group_limit(&groups, LEAF, &spec.bounds, &err), 0, "%s", err.text);
    cr_expect_str_eq(get("cgroup.subtree_control"), "+memory");
    cr_expect_str_eq(get("coop-1/cgroup.subtree_control"), "+memory");
    cr_expect_str_eq(get(LEAF "/memory.max"), "33554432");
    cr_expect_str_eq(get(LEAF "/memory.oom.group"), "1");
    cr_expect_str_eq(get(LEAF "/io.max"), "");
}

Test(group, a_disk_is_bounded_by_its_number)
{
    struct coop_err err = {0};

    set("IOWriteBandwidthMax", "254:0 5M");
    cr_assert(bounds_need_group(&spec.bounds));
    cr_assert_eq(group_limit(&groups, LEAF, &spec.bounds, &err), 0, "%s", err.text);
    cr_expect_str_eq(get("cgroup.subtree_control"), "+io");
    cr_expect_str_eq(get(LEAF "/io.max"), "254:0 wbps=5242880");
}

Test(group, each_bound_of_a_disk_has_its_word)
{
    static const char *const words[][2] = {{"IOReadBandwidthMax", "8:16 rbps=1000"},
                                           {"IOReadIOPSMax", "8:16 riops=1000"},
                                           {"IOWriteIOPSMax", "8:16 wiops=1000"}};

    for (size_t i = 0; i < 3; i++) {
        struct coop_err err = {0};

        put(LEAF "/io.max", "");
        set(words[i][0], "8:16 1000");
        cr_assert_eq(group_limit(&groups, LEAF, &spec.bounds, &err), 0, "%s", err.text);
        cr_expect_str_eq(get(LEAF "/io.max"), words[i][1]);
        set(words[i][0], "");
    }
    cr_expect(!bounds_need_group(&spec.bounds));
}

Test(group, the_last_word_for_a_disk_counts_and_others_stay)
{
    set("IOReadBandwidthMax", "8:16 1M");
    set("IOReadBandwidthMax", "8:32 2M");
    set("IOReadBandwidthMax", "8:16 3M");
    cr_expect_eq(spec.bounds.read_bytes.at[0].minor, 16);
    cr_expect_eq(spec.bounds.read_bytes.at[0].most, 3 << 20);
    cr_expect_eq(spec.bounds.read_bytes.at[1].most, 2 << 20);
    cr_expect_eq(spec.bounds.read_bytes.at[2].most, 0);
}

Test(group, what_is_no_disk_is_refused)
{
    static const char *const bad[] = {"5M",       "/ ",     "/no/such/file 5M", "8:16",
                                      "/proc 5M", "8:16 0", "8:16 x",           " 5M"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct coop_err err = {0};

        cr_expect_lt(launch_spec_set(&spec, "IOReadBandwidthMax", bad[i], &err), 0, "%s",
                     bad[i]);
    }
}

Test(group, a_controller_that_was_not_handed_to_us_is_named)
{
    struct coop_err err = {0};

    put("cgroup.controllers", "cpu memory\n");
    set("IOWriteBandwidthMax", "254:0 5M");
    cr_assert_lt(group_limit(&groups, LEAF, &spec.bounds, &err), 0);
    cr_expect(strstr(err.text, "IOWriteBandwidthMax= cannot be kept: controller 'io'"), "%s",
              err.text);
    cr_expect_str_eq(get(LEAF "/io.max"), "");
}

/* ---- a group without controllers: it counts CPU time and keeps nothing ---- */

static enum launch_result look_at(pid_t pid)
{
    enum launch_result result;
    struct bounds bounds;

    put(LEAF "/cpu.stat", "usage_usec 2\nuser_usec 1\nsystem_usec 1\n");
    bounds_begin(&bounds, &spec.bounds, pid, true, 0);
    bounds_use_group(&bounds, &groups, LEAF);
    bounds_poll_all(&bounds, 0);
    result = bounds_look(&bounds, 1);
    bounds_done(&bounds);
    return result;
}

Test(group, memory_that_no_controller_keeps_is_looked_for)
{
    set("MemoryMax", "1T");
    cr_expect_eq(look_at(getpid()), LAUNCH_RESULT_EXIT);
    set("MemoryMax", "64K");
    cr_expect_eq(look_at(getpid()), LAUNCH_RESULT_MEMORY);
}

Test(group, tasks_that_no_controller_keeps_are_looked_for)
{
    pid_t child = fork();

    if (child == 0) {
        pause();
        _exit(0);
    }
    set("TasksMax", "1000");
    cr_expect_eq(look_at(getpid()), LAUNCH_RESULT_EXIT);
    set("TasksMax", "1");
    cr_expect_eq(look_at(getpid()), LAUNCH_RESULT_TASKS);
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, NULL, 0), child);
}

/* ---- stepping aside ---- */

#define SELF "coop-1/" LAUNCH_CGROUP_SELF

static void remove_aside(void)
{
    unlinkat(groups.parent, SELF "/cgroup.procs", 0);
    unlinkat(groups.parent, SELF, AT_REMOVEDIR);
    unlinkat(groups.parent, "cgroup.procs", 0);
}

/* The stranger is behind the first 4095 bytes, of which none are cut. */
Test(group, the_last_of_many_is_seen_before_anybody_moves)
{
    static char many[13 * 400 + 16];
    size_t used = 0;

    for (int i = 0; i < 400; i++)
        used += (size_t)sprintf(many + used, "%012d\n", (int)getpid());
    sprintf(many + used, "%d\n", (int)getppid());
    put("cgroup.procs", many);
    cr_expect_eq(group_step_aside(&groups, false), -EBUSY);
    cr_expect(!groups.aside);
    cr_expect_eq(faccessat(groups.parent, SELF, F_OK, 0), -1);
    remove_aside();
}

/* A file that tells of a number and takes none stands for a group that somebody has entered and
 * that lets nobody in any more. */
Test(group, who_has_gone_is_brought_back_when_the_next_cannot_go)
{
    char us[16];

    cr_assert_eq(mkdirat(groups.parent, SELF, 0755), 0);
    cr_assert_eq(symlinkat("/proc/sys/kernel/ngroups_max", groups.parent, SELF "/cgroup.procs"),
                 0);
    snprintf(us, sizeof us, "%d\n", (int)getpid());
    put("cgroup.procs", us);
    cr_expect_lt(group_step_aside(&groups, false), 0);
    cr_expect(!groups.aside);
    cr_expect_eq(strncmp(get("cgroup.procs"), "65536", 5), 0, "%s", get("cgroup.procs"));
    remove_aside();
}
