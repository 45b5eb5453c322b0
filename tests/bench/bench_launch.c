/*
 * bench_launch.c - what one sandboxed command costs, as a person would type it
 *
 * The whole of `coop-run -- /bin/true` with its default protections, against bubblewrap set up
 * to protect about as much (it has no call filter of its own), and against a bare posix_spawn of
 * the same program, which is the floor.  Latency is one launch at a time; throughput keeps two
 * launches in flight, one per core of the machine this is tuned for.
 */
#include "bench/ask.h"
#include "bench/bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* posix_spawn(3) only reads its argv, but is older than const. */
static char *const *as_argv(const char *const *words)
{
    return (char *const *)(uintptr_t)words;
}

enum { LAUNCH_ROUNDS = 200, BATCH = 20, IN_FLIGHT = 2, VERSION_SIZE = 64 };

enum contender { OURS, BWRAP, SPAWN, CONTENDERS };

static const char *const ours_argv[] = {COOP_RUN, "--", "/bin/true", NULL};
static const char *const spawn_argv[] = {"/bin/true", NULL};
/* clang-format off */
static const char *const bwrap_argv[] = {
    "bwrap", "--unshare-all", "--new-session", "--die-with-parent", "--cap-drop", "ALL",
    "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
    "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/sbin", "/sbin",
    "--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache", "--ro-bind", "/etc/passwd", "/etc/passwd",
    "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/home",
    "--", "/bin/true", NULL};
/* clang-format on */
static const char *const *const argvs[CONTENDERS] = {ours_argv, bwrap_argv, spawn_argv};

static pid_t start(const char *const *argv)
{
    pid_t pid;

    if (posix_spawnp(&pid, argv[0], NULL, NULL, as_argv(argv), environ) != 0)
        return -1;
    return pid;
}

/* Waits for one child of ours; false when it did not end with 0. */
static bool collect(void)
{
    int status;

    return wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool works(const char *const *argv)
{
    return start(argv) > 0 && collect();
}

static double launch_us(const char *const *argv)
{
    double before = bench_now_us();

    if (start(argv) < 0 || !collect())
        return 0;
    return bench_now_us() - before;
}

/* Launches per second with IN_FLIGHT under way at any time. */
static double throughput(const char *const *argv)
{
    double before = bench_now_us();
    int running = 0;

    for (int i = 0; i < BATCH; i++) {
        if (running == IN_FLIGHT && collect())
            running--;
        if (start(argv) > 0)
            running++;
    }
    for (; running > 0; running--)
        collect();
    return BATCH * 1e6 / (bench_now_us() - before);
}

static void report(struct bench *bench, struct samples *const latency[CONTENDERS],
                   struct samples *const rate[CONTENDERS], const char *version)
{
    /* clang-format off */
    const struct row rows[] = {
        {"launch.latency",    latency[OURS], latency[BWRAP], "bubblewrap",  version, "us",  "lower", 0.5, 0},
        {"launch.over-spawn", latency[OURS], latency[SPAWN], "posix_spawn", "libc",  "us",  "lower", 0, 0},
        {"launch.throughput", rate[OURS],    rate[BWRAP],    "bubblewrap",  version, "1/s", "higher", 2, 0},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        bench_row(bench, &rows[i]);
}

int main(int argc, char **argv)
{
    struct samples *latency[CONTENDERS], *rate[CONTENDERS];
    char version[VERSION_SIZE];
    struct bench bench;

    for (int who = 0; who < CONTENDERS; who++) {
        if (!works(argvs[who])) {
            fprintf(stderr, "SKIP: %s does not start a program here\n", argvs[who][0]);
            return who == OURS ? EXIT_FAILURE : 77;
        }
        latency[who] = calloc(1, sizeof **latency);
        rate[who] = calloc(1, sizeof **rate);
        if (!latency[who] || !rate[who])
            return EXIT_FAILURE;
    }
    ask_version((const char *const[]){"bwrap", "--version", NULL}, version, sizeof version);
    bench_begin(&bench, argc, argv, LAUNCH_ROUNDS);
    for (size_t round = 0; round < bench.rounds; round++)
        for (int who = 0; who < CONTENDERS; who++) {
            samples_add(latency[who], launch_us(argvs[who]));
            if (round % BATCH == 0)
                samples_add(rate[who], throughput(argvs[who]));
        }
    report(&bench, latency, rate, version);
    return bench_end(&bench);
}
