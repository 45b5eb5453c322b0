/*
 * attack_limits.c - attacks on what bounds a sandbox: time, CPU, memory, tasks, output
 *
 *     attack_limits CASE
 *
 * Each case runs as root and as an ordinary user, in an arena of its own.  Everything that burns or
 * floods has a second, wider bound of another kind, so that a bound that fails harms nobody.
 */
#include "attack/arena_cases.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALL_MSEC 300
#define LATE_MSEC                                                                              \
    100 /* after the limit; of TRIES one must be, where others want the processor too */
#define LATE_MOST 500 /* ... and none may be later than this */
#define TRIES     5
#define FLOOD     "1048576"
#define RSS_MOST  16384 /* KiB of a launcher through which a flood goes */

static char receipt[65536];

/* Runs it with a receipt, and reads that. */
static int run_bounded(const struct arena *arena, const char *const *bounds,
                       const char *const *command)
{
    char path[ARENA_PATH + 16];
    const char *options[24] = {"--receipt", path};
    struct visit visit = {.options = options, .command = command};
    int fd, code, n = 2;
    ssize_t got;

    snprintf(path, sizeof path, "%s/receipt", arena->work);
    while (*bounds)
        options[n++] = *bounds++;
    code = arena_run(arena, &visit);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    got = fd < 0 ? -1 : read(fd, receipt, sizeof receipt - 1);
    receipt[got > 0 ? got : 0] = '\0';
    close(fd);
    return code;
}

static bool says(const char *text)
{
    if (strstr(receipt, text))
        return true;
    printf("no '%s' in %s\n", text, receipt);
    return false;
}

static long long number_of(const char *key)
{
    const char *at = strstr(receipt, key);

    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

#define WALL "\"wall_usec\": "

/* ---- time ---- */

/* Is it ended after WALL_MSEC, and soon? */
static bool ends_in_time(const struct arena *arena, const char *const *bounds,
                         const char *const *command)
{
    for (int try = 0; try < TRIES; try++) {
        long long usec;

        CHECK(run_bounded(arena, bounds, command) == 128 + SIGKILL);
        CHECK(says("\"result\": \"wall-time\""));
        usec = number_of(WALL);
        CHECK(usec >= WALL_MSEC * 1000);
        CHECK(usec < (WALL_MSEC + LATE_MOST) * 1000);
        CHECK(arena_empties(arena, 5));
        if (usec < (WALL_MSEC + LATE_MSEC) * 1000)
            return true;
    }
    printf("never within %d ms\n", LATE_MSEC);
    return false;
}

static bool wall_time(const struct arena *arena)
{
    static const char *const bounds[] = {"--wall-time=300ms", NULL};
    static const char *const scripts[] = {
        "exec sleep 1000",
        "ulimit -t 20; while :; do :; done",
        "kill -STOP $$",
        "trap '' TERM INT HUP QUIT; setsid sleep 1000 & while :; do sleep 1000; done",
    };

    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        const char *const command[] = {"/bin/sh", "-c", scripts[i], NULL};

        CHECK(ends_in_time(arena, bounds, command));
    }
    return true;
}

/* Many, each for a short time, none of them the command itself. */
static bool cpu_time(const struct arena *arena)
{
    static const char *const bounds[] = {"--cpu-time=400ms", "--wall-time=20s", NULL};
    static const char *const command[] = {
        "/bin/sh", "-c",
        "ulimit -t 20; for i in 1 2 3 4; do setsid sh -c 'while :; do :; done' & done; "
        "while :; do (i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done); done",
        NULL};

    CHECK(run_bounded(arena, bounds, command) == 128 + SIGKILL);
    CHECK(says("\"result\": \"cpu-time\""));
    CHECK(number_of("\"cpu_usec\": ") >= 400 * 1000);
    return true;
}

/* Inside, the clocks stand a day ahead, or behind: ours is outside. */
static bool clock_shifted(const struct arena *arena)
{
    static const char *const bounds[] = {"--profile=none", "--wall-time=300ms", NULL};
    static const char *const shifts[] = {"86400", "-50"};
    static const char *const ours[] = {
        "--time-offset-monotonic=1d", "--time-offset-boottime=-50s", "--wall-time=300ms", NULL};
    static const char *const sleeper[] = {"/usr/bin/sleep", "1000", NULL};

    for (size_t i = 0; i < 2; i++) {
        const char *const command[] = {
            "/usr/bin/unshare", "-UrT",   "--monotonic", shifts[i], "--boottime",
            shifts[i],          "--fork", "sleep",       "1000",    NULL};

        CHECK(ends_in_time(arena, bounds, command));
    }
    return ends_in_time(arena, ours, sleeper);
}

/* ---- memory and tasks, here without controllers: tests/vm has them ---- */

static bool memory_bomb(const struct arena *arena)
{
    static const char *const bounds[] = {"--prefer=limits", "--memory-max=64M", "--limit-as=1G",
                                         "--wall-time=20s", NULL};
    static const char *const commands[][6] = {
        {"/usr/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=400M", "count=4", NULL},
        {"/usr/bin/perl", "-e",
         "for (1..8) { fork or do { $x = 'a' x (20 << 20); sleep 1000 } } sleep 1000", NULL},
    };

    for (size_t i = 0; i < 2; i++) {
        CHECK(run_bounded(arena, bounds, commands[i]) == 128 + SIGKILL);
        CHECK(says("\"result\": \"memory\""));
        CHECK(arena_empties(arena, 5));
    }
    return true;
}

/* At most 200 processes, which only wait: root's are not held by RLIMIT_NPROC, but seen. */
static bool task_bomb(const struct arena *arena)
{
    static const char *const bounds[] = {"--prefer=limits", "--tasks-max=20", "--wall-time=20s",
                                         NULL};
    static const char *const command[] = {
        "/usr/bin/perl", "-e",
        "for (1..200) { my $p = fork; $failed = 1 unless defined $p; defined $p && !$p and sleep "
        "1000 } $failed or sleep 1000; select(undef, undef, undef, 0.2); exit 3",
        NULL};
    int code = run_bounded(arena, bounds, command);

    CHECK(code == 3 || code == 128 + SIGKILL);
    CHECK(says("\"result\": \"tasks\""));
    return true;
}

/* ---- disk ---- */

/* Each way to fill a directory of the host's, and what a walk cannot see of it. */
static bool disk_fill(const struct arena *arena)
{
    char bind[ARENA_PATH + 32], fill[4096];
    const char *const bounds[] = {"--disk-max=4M",   "--disk-files-max=500", bind,
                                  "--wall-time=20s", "--limit-fsize=64M",    NULL};
    static const char *const scripts[] = {
        "dd if=/dev/zero of=x bs=64k count=800; exec sleep 1000",
        "for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=$i bs=64k count=10; done; exec sleep 1000",
        "i=0; while [ $i -lt 20000 ]; do : >$i; i=$((i + 1)); done; exec sleep 1000",
        "exec 5>x; rm x; dd if=/dev/zero bs=64k count=100 >&5; exec sleep 1000",
        "mkdir d; for i in 1 2 3 4; do dd if=/dev/zero of=d/$i bs=64k count=20; done; chmod 0 d; "
        "exec sleep 1000",
        "i=0; while [ $i -lt 250 ]; do mkdir d; cd d; i=$((i + 1)); done; exec sleep 1000",
        "dd if=/dev/zero of=/tmp/x bs=64k count=50; dd if=/dev/zero of=/dev/shm/x bs=64k count=50; "
        "exec sleep 1000",
        "dd if=/dev/zero of=/tmp/x bs=64k count=800; sleep 0.3; exit 3",
    };

    snprintf(bind, sizeof bind, "--bind-paths=%s", arena->work);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        const char *const command[] = {"/bin/sh", "-c", fill, NULL};

        snprintf(fill, sizeof fill, "mkdir %s/f%zu; cd %s/f%zu; %s", arena->work, i,
                 arena->work, i, scripts[i]);
        (void)run_bounded(arena, bounds, command);
        CHECK(says("\"result\": \"disk\""));
        CHECK(number_of(WALL) < 15 * 1000 * 1000);
        CHECK(arena_empties(arena, 5));
    }
    return true;
}

/* What is not a file, and what leads away: who measures the folder goes along with none of it. */
static bool odd_files(const struct arena *arena)
{
    static const char lay[] =
        "cd %s && mkfifo fifo && ln -s fifo to-fifo && ln -s / root && ln -s %s outside && "
        "ln -s loop loop && ln -s /dev/zero endless && mkdir -p a/b && ln -s ../.. a/b/up && "
        "exec sleep 1000";
    char bind[ARENA_PATH + 32], outside[ARENA_PATH + 32], script[1024];
    const char *const bounds[] = {"--disk-max=4M", "--disk-files-max=500", bind,
                                  "--wall-time=1s", NULL};
    const char *const command[] = {"/bin/sh", "-c", script, NULL};
    int fd;

    snprintf(outside, sizeof outside, "%s/outside", arena->dir);
    fd = open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && posix_fallocate(fd, 0, 8 << 20) == 0);
    close(fd);
    snprintf(bind, sizeof bind, "--bind-paths=%s", arena->work);
    snprintf(script, sizeof script, lay, arena->work, outside);
    (void)run_bounded(arena, bounds, command);
    CHECK(says("\"result\": \"wall-time\""));
    CHECK(number_of(WALL) < 10 * 1000 * 1000);
    return true;
}

/* The receipt takes the place of a link that waits at its name: arena_check() reads the secret. */
static bool turned_receipt(const struct arena *arena)
{
    char bind[ARENA_PATH + 32], script[1024];
    const char *const bounds[] = {bind, NULL};
    const char *const command[] = {"/bin/sh", "-c", script, NULL};

    snprintf(bind, sizeof bind, "--bind-paths=%s", arena->work);
    snprintf(script, sizeof script, "cd %s && rm -f receipt && ln -s %s receipt", arena->work,
             arena->secret);
    CHECK(run_bounded(arena, bounds, command) == 0);
    return true;
}

/* ---- the launcher is gone ---- */

static char group[32];
static int groups;

static bool is_below_group(const char *path)
{
    const char *at = strstr(path, group);

    return at && at[-1] == '/' && (at[strlen(group)] == '\0' || at[strlen(group)] == '/');
}

static int count_group(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    groups += type == FTW_D && is_below_group(path);
    return 0;
}

static int remove_group(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_DP && is_below_group(path))
        (void)rmdir(path);
    return 0;
}

static bool has_group(pid_t launcher)
{
    groups = 0;
    snprintf(group, sizeof group, "coop-%d", (int)launcher);
    (void)nftw("/sys/fs/cgroup", count_group, 16, FTW_PHYS);
    return groups > 0;
}

static bool all_ends(const struct arena *arena, pid_t launcher)
{
    CHECK(getpgid(launcher) == launcher);
    CHECK(kill(-launcher, SIGKILL) == 0);
    CHECK(arena_wait(launcher, 10) == 128 + SIGKILL);
    CHECK(arena_empties(arena, 5));
    for (int i = 0; i < 500 && has_group(launcher); i++)
        (void)poll(NULL, 0, 10); /* nothing else announces it */
    CHECK(!has_group(launcher));
    return true;
}

/* It is killed with all of its process group, and what it has started is in no PID namespace: the
 * keeper alone is left to end that, which takes a while of so many, and to remove the cgroup. */
static bool killed_with_group(const struct arena *arena)
{
    const char *const words[] = {
        "/usr/bin/setsid",
        arena->coop_run,
        "--profile=none",
        "--cpu-time=100s",
        "--",
        "/bin/sh",
        "-c",
        "i=0; while [ $i -lt 40 ]; do setsid sleep 30 & i=$((i + 1)); done; echo ready; wait",
        NULL};
    struct visit visit = {.instead = words};
    pid_t pid = arena_start_stayer(arena, &visit);
    bool good;

    if (!has_group(pid)) {
        printf("%s no cgroup here\n", arena->uid ? "as user:" : "SKIP:");
        kill(pid, SIGKILL);
        (void)arena_wait(pid, 10);
        arena_end_left(arena);
        return true;
    }
    good = all_ends(arena, pid);
    if (!good) {
        arena_end_left(arena);
        (void)nftw("/sys/fs/cgroup", remove_group, 16, FTW_PHYS | FTW_DEPTH);
    }
    return good;
}

/* ---- output ---- */

static long peak_rss(pid_t pid)
{
    char path[64], line[256];
    long peak = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &peak) == 1)
            break;
    if (file)
        fclose(file);
    return peak;
}

/* Nobody reads, until the launcher has long taken all that it will ever hold. */
static bool output_flood(const struct arena *arena)
{
    char path[ARENA_PATH + 16], bytes[65536];
    const char *const options[] = {"--receipt", path, "--output-max=" FLOOD, "--wall-time=20s",
                                   NULL};
    static const char *const command[] = {"/usr/bin/yes", NULL};
    struct visit visit = {.options = options, .command = command};
    struct pollfd wait = {.events = POLLIN};
    long total = 0, rss;
    ssize_t got;
    int ends[2];
    pid_t pid;

    snprintf(path, sizeof path, "%s/receipt", arena->work);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    visit.out = ends[1];
    pid = arena_start(arena, &visit);
    close(ends[1]);
    wait.fd = ends[0];
    CHECK(poll(&wait, 1, 10000) == 1);
    rss = peak_rss(pid);
    while ((got = read(ends[0], bytes, sizeof bytes)) > 0) {
        total += got;
        if (peak_rss(pid) > rss)
            rss = peak_rss(pid);
    }
    close(ends[0]);
    CHECK(arena_wait(pid, 10) == 128 + SIGKILL);
    CHECK(total == atol(FLOOD));
    CHECK(rss > 0 && rss < RSS_MOST);
    return true;
}

/* ---- the table ---- */

static const struct arena_case cases[] = {
    {"wall-time", wall_time},
    {"cpu-time", cpu_time},
    {"clock-shifted", clock_shifted},
    {"memory-bomb", memory_bomb},
    {"task-bomb", task_bomb},
    {"output-flood", output_flood},
    {"disk-fill", disk_fill},
    {"odd-files", odd_files},
    {"turned-receipt", turned_receipt},
    {"killed-with-group", killed_with_group},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    return arena_cases(argc, argv, cases);
}
