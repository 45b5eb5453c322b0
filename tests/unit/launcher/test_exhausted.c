/* coop-run started by a user whose processes, descriptors or namespaces are used up. */
#include "run_coop.h"

#include <sched.h>
#include <sys/resource.h>

static rlim_t ceiling;

static void few_processes(void)
{
    const struct rlimit few = {ceiling, ceiling};

    as_user();
    if (setrlimit(RLIMIT_NPROC, &few) < 0)
        _exit(98);
}

static void few_descriptors(void)
{
    const struct rlimit few = {ceiling, ceiling};

    as_user();
    if (setrlimit(RLIMIT_NOFILE, &few) < 0)
        _exit(98);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) < 0)
        _exit(98);
}

/* In a user namespace of our own, which counts what is made below it. */
static void few_namespaces(void)
{
    char map[32], count[32];

    snprintf(map, sizeof map, "%d %d 1", SOMEBODY, SOMEBODY);
    snprintf(count, sizeof count, "%d", (int)ceiling);
    as_user();
    if (prctl(PR_SET_DUMPABLE, 1) < 0 || unshare(CLONE_NEWUSER) < 0)
        _exit(98);
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", map);
    put("/proc/self/gid_map", map);
    put("/proc/sys/user/max_net_namespaces", count);
}

static void only_root(void)
{
    setenv("LSAN_OPTIONS", "detect_leaks=0", 1); /* that checker needs both, too, at the end */
    if (geteuid() != 0)
        cr_skip_test("needs root, to be a user that nobody else is");
}

TestSuite(exhausted, .init = only_root);

/* From none at all up to enough: each start but the last ends at once, and says which limit. */
static void climb(void (*bend)(void), rlim_t from, rlim_t most, const char *limit)
{
    int refused = 0;

    for (ceiling = from; ceiling <= most; ceiling++) {
        int code = BENT(bend, "true");

        if (code == 0)
            break;
        cr_assert_eq(code, 125, "%d: %s", (int)ceiling, output);
        SAYS(limit);
        refused++;
    }
    cr_assert_leq(ceiling, most, "never enough: %s", output);
    cr_assert_gt(refused, 0);
}

Test(exhausted, processes)
{
    climb(few_processes, 1, 32, "hint: the limit on processes is reached: ulimit -u");
}

Test(exhausted, descriptors)
{
    climb(few_descriptors, 4, 64, "hint: the limit on open descriptors is reached: ulimit -n");
}

Test(exhausted, namespaces)
{
    climb(few_namespaces, 0, 4, "hint: the limit on namespaces is reached");
}
