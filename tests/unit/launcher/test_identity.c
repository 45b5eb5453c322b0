/* coop-run's namespaces and ids: what is its own, what is another's, who it is inside. */
#include "unit/launcher/run_coop.h"

#include <sched.h>
#include <sys/mount.h>
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

/* ---- ranges of ids ---- */

#define DAEMON 1 /* newuidmap wants a name: an ordinary user that every Debian has */

static const char *given =
    ""; /* what /etc/subuid and /etc/subgid say, where 'as_given' looks */
static bool no_tools;

static void put_over(const char *path, const char *text)
{
    char name[] = "/tmp/coop-identity-XXXXXX";
    int fd = mkstemp(name);

    if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, 0644) < 0 ||
        mount(name, path, NULL, MS_BIND, NULL) < 0)
        _exit(97);
    close(fd);
    unlink(name);
}

/* An ordinary user with these subordinate ids; nobody but our own mount namespace sees them. */
static void as_given(void)
{
    const gid_t others[] = {4, 5};

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        _exit(97);
    put_over("/etc/subuid", given);
    put_over("/etc/subgid", given);
    if (no_tools && mount("none", "/usr/bin", "tmpfs", 0, NULL) < 0)
        _exit(97);
    if (setgroups(2, others) < 0 || setresgid(DAEMON, DAEMON, DAEMON) < 0 ||
        setresuid(DAEMON, DAEMON, DAEMON) < 0)
        _exit(98);
    prctl(PR_SET_DUMPABLE, 1);
}

static void need_root_and_tools(void)
{
    if (geteuid() != 0 || access("/etc/subuid", F_OK) != 0 || access("/etc/subgid", F_OK) != 0)
        cr_skip_test("needs root, and files that another can be put over");
    if (access("/usr/bin/newuidmap", X_OK) != 0)
        cr_skip_test("needs newuidmap (package uidmap)");
}

/* Lines of numbers with single blanks between them. */
static void says_map(const char *lines)
{
    char plain[sizeof output];
    size_t n = 0;

    for (const char *c = output; *c; c++)
        if (*c != ' ' || (n > 0 && plain[n - 1] != ' ' && plain[n - 1] != '\n'))
            plain[n++] = *c;
    plain[n] = '\0';
    cr_assert(strstr(plain, lines), "'%s' is not in:\n%s", lines, plain);
}

Test(identity, root_maps_ranges_by_itself)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(RUN("--uid-map", "0:100000:10 50:4294967290:4", "--gid-map=0:200000:10", "sh",
                     "-c", "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map"),
                 0, "%s", output);
    says_map("0\n0\n0 100000 10\n50 4294967290 4\n0 200000 10\n");
    cr_assert_eq(RUN("--uid-map=0:100000:10", "--uid=7", "sh", "-c",
                     "id -u; cat /proc/self/gid_map /proc/self/setgroups"),
                 0, "%s", output);
    says_map("7\n0 0 1\ndeny\n");
    cr_assert_eq(RUN("--as-pid-1", "--uid-map=5:100000:10", "id", "-u"), 0, "%s", output);
    cr_assert_str_eq(output, "5\n");
    cr_assert_eq(RUN("--profile=none", "--uid-map=5:100000:10", "id", "-u"), 0, "%s", output);
    cr_assert_str_eq(output, "5\n");
}

/* Who makes a file inside, and whose it is outside. */
static void owns(void (*bend)(void), const char *inside, const char *map, uid_t wanted)
{
    char folder[] = "/tmp/coop-owner-XXXXXX", file[64];
    struct stat st = {0};

    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chmod(folder, 0777), 0);
    snprintf(file, sizeof file, "%s/made", folder);
    cr_assert_eq(BENT(bend, "--bind", folder, "/out", "--ro-bind", "/usr", "/usr", "--symlink",
                      "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink",
                      "usr/lib64", "/lib64", "--uid-map", map, "--gid-map", map, "--uid",
                      inside, "touch", "/out/made"),
                 0, "%s", output);
    cr_assert_eq(stat(file, &st), 0);
    cr_assert_eq(st.st_uid, wanted, "%u", st.st_uid);
    unlink(file);
    rmdir(folder);
}

Test(identity, what_inside_id_1_makes_is_the_second_subordinate_ids)
{
    need_root_and_tools();
    given = "daemon:100000:65536\n";
    owns(NULL, "1", "0:100000:65536", 100001);
    owns(as_given, "1", "0:100000:65536", 100001);
    owns(as_given, "0", "auto", DAEMON);
    owns(as_given, "0", "0:1:1 1:100000:9", DAEMON);
}

Test(identity, auto_is_the_own_id_and_all_subordinate_ones)
{
    need_root_and_tools();
    given = "other:5:5\n1:300000:10\nroot:7:7\ndaemon:400000:5\n";
    cr_assert_eq(BENT(as_given, "--uid-map=auto", "--gid-map=auto", "sh", "-c",
                      "id -u; cat /proc/self/uid_map; id -g; cat /proc/self/gid_map; id -G"),
                 0, "%s", output);
    says_map("1\n1 1 1\n0 300000 1\n2 300002 8\n10 400000 5\n"
             "1\n1 1 1\n0 300000 1\n2 300002 8\n10 400000 5\n1\n");
    cr_assert_eq(BENT(as_given, "--uid-map=auto", "--uid=0", "--gid-map=auto", "--gid=0", "sh",
                      "-c", "id -u; cat /proc/self/uid_map"),
                 0, "%s", output);
    says_map("0\n0 1 1\n1 300001 9\n10 400000 5\n");
}

Test(identity, a_map_is_written_once)
{
    need_root_and_tools();
    given = "daemon:100000:65536\n";
    cr_assert_eq(BENT(as_given, "--uid-map=auto", "--gid-map=auto", "sh", "-c",
                      "for map in uid_map gid_map; do echo '0 0 1' > /proc/self/$map; done;"
                      "cat /proc/self/uid_map /proc/self/gid_map"),
                 0, "%s", output);
    SAYS("I/O error"); /* what the shell makes of EPERM */
    says_map("1 1 1\n0 100000 1\n2 100002 65534\n1 1 1\n0 100000 1\n2 100002 65534\n");
}

Test(identity, ids_that_are_not_given_are_refused_and_it_says_why)
{
    need_root_and_tools();
    given = "other:100000:65536\n";
    cr_assert_eq(BENT(as_given, "--uid-map=0:100000:10", "id"), 125);
    SAYS("step 'user-maps': UIDMap=: newuidmap: ");
    SAYS("hint: /etc/subuid gives user 'daemon' no ids; as root: usermod --add-subuids");
    cr_assert_eq(BENT(as_given, "--gid-map=auto", "id"), 125);
    SAYS("GIDMap=auto: /etc/subgid gives user 'daemon' no ids");
    given = "daemon:100000:100\n";
    cr_assert_eq(BENT(as_given, "--gid-map=0:100000:101", "id"), 125);
    SAYS("step 'user-maps': GIDMap=: newgidmap: ");
    SAYS("hint: besides its own id, /etc/subgid gives user 'daemon' 100000-100099");
    no_tools = true;
    cr_assert_eq(BENT(as_given, "--uid-map=auto", "id"), 125);
    SAYS("UIDMap=: there is no newuidmap here");
    SAYS("Debian's package is uidmap");
}

Test(identity, ones_own_id_needs_no_map)
{
    char uid[32], gid[32];

    need_root_and_tools();
    snprintf(uid, sizeof uid, "0:%d:1", SOMEBODY); /* who has no login name */
    snprintf(gid, sizeof gid, "9:%d:1", SOMEBODY);
    cr_assert_eq(BENT(as_user, "--uid-map", uid, "id"), 125);
    SAYS("hint: one's own id alone needs no map: --uid 0");
    cr_assert_eq(BENT(as_user, "--gid-map", gid, "id"), 125);
    SAYS("hint: one's own id alone needs no map: --gid 9");
}

Test(identity, maps_that_mean_nothing_are_refused_before_anything_starts)
{
    static const char *const wrong[] = {
        "x",     "0",    "0:1:0",          "0:1:2:3", "-1:0:1",
        "0:1:",  "0::1", "4294967295:0:1", "0:9:x",   "9:0:4294967290",
        "auto:1"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_eq(RUN("--uid-map", wrong[i], "true"), 125, "%s", wrong[i]);
        SAYS("--uid-map=");
    }
    cr_assert_eq(RUN("--gid-map", "0:100000:10 9:5:1", "true"), 125);
    SAYS("GIDMap=: '0:100000:10' and '9:5:1' have an id in common");
    cr_assert_eq(RUN("--uid-map", "0:100000:10", "--uid=10", "true"), 125);
    SAYS("UIDMap=: no line maps id 10, which the program is to have");
    cr_assert_eq(RUN("--gid-map", "0:100000:10", "--groups=3,10", "true"), 125);
    SAYS("GIDMap=: no line maps the supplementary group 10");
    cr_assert_eq(RUN("--uid-map", "auto 0:1:1", "true"), 125);
    SAYS("'auto'");
}

Test(identity, groups_are_those_that_were_asked_for)
{
    need_root_and_tools();
    given = "daemon:100000:65536\n";
    cr_assert_eq(BENT(as_given, "--uid-map=auto", "--gid-map=auto", "--groups=7,8", "id", "-G"),
                 0, "%s", output);
    cr_assert_str_eq(output, "1 7 8\n");
    cr_assert_eq(BENT(as_given, "--gid-map=auto", "grep", "Groups:", "/proc/self/status"), 0);
    cr_assert_str_eq(output, "Groups:\t \n");
    cr_assert_eq(BENT(as_given, "--groups=7", "true"), 125);
    SAYS("an ordinary user cannot choose its supplementary groups");
    SAYS("GIDMap=");
    cr_assert_eq(RUN("--profile=none", "--groups=7,8", "id", "-G"), 0, "%s", output);
    cr_assert_str_eq(output, "0 7 8\n");
    cr_assert_eq(RUN("--profile=none", "--groups=none", "id", "-G"), 0, "%s", output);
    cr_assert_str_eq(output, "0\n");
    cr_assert_eq(RUN("--profile=none", "--groups=audio", "id", "-G"), 125);
    SAYS("--groups=audio: 'audio' is not an id");
}

Test(identity, ranges_are_explained_and_in_the_receipt)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(RUN("--explain", "--uid-map=0:100000:10", "true"), 0);
    SAYS("uid 0 and on inside are 100000 and on outside, 10 of them");
    SAYS("setgroups denied");
    cr_assert_eq(RUN("--receipt=/dev/stderr", "--uid-map=0:100000:10", "true"), 0);
    SAYS("\"uid_map\": [{\"inside\": 0, \"outside\": 100000, \"count\": 10}]");
    SAYS("\"gid_map\": [{\"inside\": 0, \"outside\": 0, \"count\": 1}]");
}

/* ---- ids that somebody else maps ---- */

struct held {
    pid_t pid, child; /* coop-run; what it has cloned: 0 when it told nothing */
    int out, go;      /* its outputs; the other end of --userns-block-fd     */
};

/* Numbers that only the program under test inherits. */
enum { INFO_FD = 50, BLOCK_FD = 51 };
static int info_ends[2], block_ends[2];

static void hand_down(void)
{
    dup2(info_ends[1], INFO_FD);
    dup2(block_ends[0], BLOCK_FD);
}

static void hand_down_as_user(void)
{
    hand_down();
    as_user();
}

/* Starts 'id -u' and returns when it waits for its ids. */
static struct held hold(void (*bend)(void))
{
    static const char *const words[] = {"--userns-block-fd=51", "--info-fd=50", "id", "-u",
                                        NULL};
    struct held held = {0};
    char text[1024] = "";
    const char *at;
    size_t used = 0;
    ssize_t n;

    cr_assert_eq(pipe2(info_ends, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(block_ends, O_CLOEXEC), 0);
    held.pid = start(words, &held.out, bend);
    close(info_ends[1]);
    close(block_ends[0]);
    held.go = block_ends[1];
    while ((n = read(info_ends[0], text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)n;
    close(info_ends[0]);
    at = strstr(text, "\"child-pid\": ");
    cr_assert(at, "%s", text);
    held.child = atoi(at + strlen("\"child-pid\": "));
    cr_assert(strstr(text, "\"pid-namespace\": "), "%s", text);
    return held;
}

static void map_one(pid_t pid, const char *file, const char *line)
{
    char path[64], before[64] = "";
    int fd;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    cr_assert_eq(read(fd, before, sizeof before), 0, "already mapped: %s", before);
    cr_assert_eq(write(fd, line, strlen(line)), (ssize_t)strlen(line), "%s", strerror(errno));
    close(fd);
}

Test(identity, somebody_else_may_map_the_ids)
{
    void (*const bends[])(void) = {hand_down, hand_down_as_user};

    if (geteuid() != 0)
        cr_skip_test("needs root, to map anything");
    for (int i = 0; i < 2; i++) {
        struct held held = hold(bends[i]);
        char line[32];

        snprintf(line, sizeof line, "9 %d 1", i ? SOMEBODY : 0);
        map_one(held.child, "gid_map", line);
        map_one(held.child, "uid_map", line);
        cr_assert_eq(write(held.go, "x", 1), 1);
        close(held.go);
        cr_assert_eq(finish(held.pid, held.out), 0, "%s", output);
        cr_assert_str_eq(output, "9\n");
    }
}

Test(identity, who_dies_before_the_ids_are_mapped_leaves_nothing)
{
    struct held held;

    held = hold(hand_down);
    close(held.go); /* mapped by nobody: it says so and ends */
    cr_assert_eq(finish(held.pid, held.out), 125);
    SAYS("coop-run: step '");
    SAYS("hint: no ids were mapped before the byte (or end) on --userns-block-fd");

    held = hold(hand_down);
    kill(held.pid, SIGTERM);
    cr_assert_eq(finish(held.pid, held.out), 125);
    SAYS("ended by signal 15 before --userns-block-fd said go");
    close(held.go);

    /* The pipe with its outputs ends when all have ended. */
    held = hold(hand_down);
    kill(held.pid, SIGKILL);
    cr_assert_eq(finish(held.pid, held.out), -SIGKILL);
    close(held.go);
}

Test(identity, who_maps_must_be_told_whose_ids)
{
    cr_assert_eq(RUN("--userns-block-fd=0", "true"), 125);
    SAYS("--userns-block-fd requires --info-fd");
    cr_assert_eq(RUN("--userns-block-fd=0", "--info-fd=1", "--profile=none", "true"), 125);
    SAYS("--userns-block-fd requires --unshare-user");
    cr_assert_eq(RUN("--userns-block-fd=0", "--info-fd=1", "--uid-map=0:0:1", "true"), 125);
    SAYS("choose one");
}
