/*
 * bench_runtime.c - libcoop against Go, row by row, interleaved
 *
 * Two programs that do the same works under the same names (runtime/, runtime/go/) are started
 * in turn, one work a start, so that a busy moment of the machine hits both and neither inherits
 * the memory of the work before.  A row is the median of one number that both print.
 *
 * The rows, and on how many processors (both sides the same)
 *
 *   yield           1  two coroutines give way to each other: one turn
 *   spawn_exit      1  a coroutine is started, sends one word and ends
 *   hop_1p          1  one message between two coroutines that talk to and fro over two channels
 *                   without room
 *   hop_2p          2  the same with two processors: the scheduler may run the pair on one or
 *                   spread it over both, and whatever that costs (waking the other thread,
 *                   stealing) is in the number, as with GOMAXPROCS=2 in Go
 *   buffered_mpmc   2  one message from four senders to four receivers through room for 128
 *   select..._ready 1  of 2 and of 10 channels that are all ready, with the refill
 *   select10_idle   1  of 10 empty ones, without waiting
 *   select10_block  1  of 10 that one sender serves in turn, waiting for each message
 *   skynet_...      2  a million leaves, each node starts ten: the time, and the peak of memory
 *   parked_...      2  100 000 coroutines that wait on one channel: bytes for each (with page
 *                   tables), and the mappings of the whole process; both programs are static
 *   wake_all        2  closing that channel, till the last has ended: for each
 *   sleep_...       2  10 000 sleeps of 50 to 149 ms: lateness; CPU for each, from birth to death
 *   echo_1000       2  1 000 pairs of sockets, 64 bytes there and back: trips a second, with the
 *                   registration of the sockets
 *   mutex           1  lock and unlock that nobody contends
 *   blocking_...    2  speed that 4 computing coroutines keep beside 100 in calls of 10 ms
 *
 * Usage     bench_runtime [--peer=PROGRAM] [--json] [--quick] [--samples=N] [--only=ROW,...]
 *           PROGRAM may be another build of ours (bench_runtime_coop): before against after.
 */
#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ROUNDS = 9, PATIENCE_MS = 60000, WORD = 32, TEXT = 1024, TINY = 100 };

/* clang-format off */
static const struct work {
    const char *name;
    int procs;
    long count;
    size_t rounds; /* at most: the long ones need fewer */
} works[] = {
    {"yield",          1, 500000,  ROUNDS},
    {"spawn_exit",     1, 150000,  ROUNDS},
    {"hop",            1, 300000,  ROUNDS},
    {"hop",            2, 300000,  ROUNDS},
    {"mpmc",           2, 500000,  ROUNDS},
    {"select2_ready",  1, 500000,  ROUNDS},
    {"select10_ready", 1, 200000,  ROUNDS},
    {"select10_idle",  1, 200000,  ROUNDS},
    {"select10_block", 1, 100000,  ROUNDS},
    {"skynet",         2, 1000000, 5},
    {"parked",         2, 100000,  5},
    {"sleep",          2, 10000,   ROUNDS},
    {"echo",           2, 1000,    7},
    {"mutex",          1, 5000000, ROUNDS},
    {"blocking",       2, 300,     7}, /* ms, twice */
};

static const struct line {
    const char *name, *work;
    int procs;
    const char *key, *unit, *better;
    double goal_ratio, goal_ours;
} lines[] = {
    {"yield",                 "yield",          1, "ns",           "ns",  "lower",  0.5, 0},
    {"spawn_exit",            "spawn_exit",     1, "ns",           "ns",  "lower",  0.25, 0},
    {"hop_1p",                "hop",            1, "ns",           "ns",  "lower",  0.4, 0},
    {"hop_2p",                "hop",            2, "ns",           "ns",  "lower",  0.5, 0},
    {"buffered_mpmc",         "mpmc",           2, "ns",           "ns",  "lower",  1, 0},
    {"select2_ready",         "select2_ready",  1, "ns",           "ns",  "lower",  1, 0},
    {"select10_ready",        "select10_ready", 1, "ns",           "ns",  "lower",  0.1, 0},
    {"select10_idle",         "select10_idle",  1, "ns",           "ns",  "lower",  1, 0},
    {"select10_block",        "select10_block", 1, "ns",           "ns",  "lower",  1, 0},
    {"skynet_time",           "skynet",         2, "ms",           "ms",  "lower",  0.8, 0},
    {"skynet_rss",            "skynet",         2, "rss_mb",       "MB",  "lower",  1.8, 0},
    {"parked_bytes",          "parked",         2, "bytes",        "B",   "lower",  1.8, 4505},
    {"parked_vmas",           "parked",         2, "vmas",         "maps", "lower",  0,   99},
    {"wake_all",              "parked",         2, "wake_ns",      "ns",  "lower",  1, 0},
    {"sleep_lateness_p99",    "sleep",          2, "late_p99_us",  "us",  "lower",  1, 0},
    {"sleep_cpu",             "sleep",          2, "cpu_ns",       "ns",  "lower",  1, 0},
    {"echo_1000",             "echo",           2, "trips_per_s",  "1/s", "higher", 1.2, 0},
    {"mutex",                 "mutex",          1, "ns",           "ns",  "lower",  1, 0},
    {"blocking_compute_kept", "blocking",       2, "kept_percent", "%",   "higher", 1.8, 0},
};
/* clang-format on */

enum { WORKS = sizeof works / sizeof *works, LINES = sizeof lines / sizeof *lines };
enum side { OURS, PEER, SIDES };

static struct samples results[LINES][SIDES];

/* ---- one run of a contender ---- */

/* Reads till the end, or till nothing has come for too long: then the contender is ended. */
static void read_all(int fd, pid_t pid, char ret_text[TEXT])
{
    size_t size = 0;

    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&ready, 1, PATIENCE_MS) <= 0) {
            kill(pid, SIGKILL);
            break;
        }
        n = read(fd, ret_text + size, TEXT - 1 - size);
        if (n <= 0)
            break;
        size += (size_t)n;
    }
    ret_text[size] = '\0';
}

/* What it prints; false when it cannot be started or does not end with 0. */
static bool run(char *const *argv, char ret_text[TEXT])
{
    posix_spawn_file_actions_t actions;
    int ends[2], status;
    pid_t pid;
    bool started;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    started = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (started)
        read_all(ends[0], pid, ret_text);
    close(ends[0]);
    return started && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool find_value(const char *text, const char *key, double *ret_value)
{
    size_t length = strlen(key);

    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, key, length) == 0 && at[length] == ' ') {
            *ret_value = strtod(at + length, NULL);
            return true;
        }
    }
    return false;
}

/* ---- rounds ---- */

static bool is_of(const struct line *line, const struct work *work)
{
    return line->procs == work->procs && strcmp(line->work, work->name) == 0;
}

static bool sample(char *program, const struct work *work, long count, enum side side)
{
    char name[WORD], procs[WORD], times[WORD], text[TEXT] = "";
    char *argv[] = {program, name, procs, times, NULL};
    double value;

    snprintf(name, sizeof name, "%s", work->name);
    snprintf(procs, sizeof procs, "%d", work->procs);
    snprintf(times, sizeof times, "%ld", count);
    if (!run(argv, text)) {
        fprintf(stderr, "bench_runtime: '%s %s %s %s' failed\n", program, name, procs, times);
        return false;
    }
    for (size_t i = 0; i < LINES; i++)
        if (is_of(&lines[i], work) && find_value(text, lines[i].key, &value))
            samples_add(&results[i][side], value);
    return true;
}

static void measure(const struct work *work, char *const programs[SIDES], size_t rounds,
                    bool tiny)
{
    long count = tiny ? work->count / TINY : work->count;
    bool alive[SIDES] = {true, programs[PEER] != NULL};

    for (size_t round = 0; round < rounds && round < work->rounds; round++)
        for (int turn = 0; turn < SIDES; turn++) {
            enum side side =
                (round + (size_t)turn) % SIDES ? PEER : OURS; /* who begins changes */

            alive[side] = alive[side] && sample(programs[side], work, count, side);
        }
}

static bool wanted(const struct bench *bench, const struct work *work)
{
    for (size_t i = 0; i < LINES; i++)
        if (is_of(&lines[i], work) && bench_wants(bench, lines[i].name))
            return true;
    return false;
}

static void report(struct bench *bench, const struct work *work, const char *peer,
                   const char *version)
{
    for (size_t i = 0; i < LINES; i++)
        if (is_of(&lines[i], work))
            bench_row(bench, &(struct row){.name = lines[i].name,
                                           .ours = &results[i][OURS],
                                           .peer = &results[i][PEER],
                                           .peer_name = peer,
                                           .peer_version = version,
                                           .unit = lines[i].unit,
                                           .better = lines[i].better,
                                           .goal_ratio = lines[i].goal_ratio,
                                           .goal_ours = lines[i].goal_ours});
}

/* "Go 1.19.8" -> two words; NULL when it is none of ours. */
static char *ask_version(char *program, char text[TEXT])
{
    char word[] = "version", *argv[] = {program, word, NULL}, *version;

    if (!run(argv, text) || !(version = strchr(text, ' ')))
        return NULL;
    *version++ = '\0';
    version[strcspn(version, "\n")] = '\0';
    return version;
}

int main(int argc, char **argv)
{
    static char ours[] = BENCH_OURS;
    char *programs[SIDES] = {ours, NULL}, peer[TEXT] = "", *version = NULL;
    struct bench bench;
    bool tiny = false;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--peer=", 7) == 0)
            programs[PEER] = argv[i] + 7;
        else if (strcmp(argv[i], "--tiny") == 0) /* for the test that it works at all */
            tiny = true;
    }
    if (programs[PEER] && !(version = ask_version(programs[PEER], peer))) {
        fprintf(stderr, "bench_runtime: '%s' does not start: no peer\n", programs[PEER]);
        programs[PEER] = NULL;
    }
    bench_begin(&bench, argc, argv, ROUNDS);
    for (size_t i = 0; i < WORKS; i++) {
        if (!wanted(&bench, &works[i]))
            continue;
        measure(&works[i], programs, bench.rounds, tiny);
        report(&bench, &works[i], version ? peer : "", version ? version : "");
    }
    return bench_end(&bench);
}
