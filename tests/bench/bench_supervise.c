/*
 * bench_supervise.c - coopd beside other supervisors and beside a bare loop of posix_spawn
 *
 * In each round each contender in turn keeps the same small program alive (supervise/child.c), in
 * four phases; the program says itself when it is born and dies (supervise/record.h), so that no
 * supervisor is measured by what it says of itself.
 *
 *   empty     no service at all: the supervisor's own memory
 *   idle      1 000 services that wait
 *   restart   20 services that live for 2.5 s: longer than any penalty for a quick death
 *   crash     200 services that fail at once
 *
 * The rows, one for each peer that has the number
 *
 *   up_1000           from the supervisor's start to the first instruction of the last service
 *   stop_1000         from the signal that ends the supervisor to the death of the last service
 *   pss_per_service   memory (PSS) of the supervisor with all its helpers, with 1 000 services
 *                     less without any, for each
 *   restart_latency   from a service's last instruction to the first one of its successor
 *   crash_cpu         CPU time that the supervisor takes for each restart of a failing service.
 *                     Those that wait between restarts do less at once; the loop never waits
 *   status_table      the state of all 1 000 by the supervisor's own command, with its start
 *   status_json       the same for programs; no peer has one
 *   idle_wakeups      how often a thread of the supervisor wakes in a second, beside 1 000
 *                     services that do nothing
 *   up_10000          once, beside the loop
 *
 * Ours is Sandbox=none, as the peers have none.  The rows with "sandboxed" in their names are
 * coopd beside itself: with Sandbox=service for each service, against the same peerless number;
 * pss_helpers is the part of the memory that is not coopd's own (reapers).
 *
 * Usage     bench_supervise [--json] [--quick] [--samples=N] [--only=ROW,...] [--tiny]
 *           --tiny: 20 services instead of 1 000, short phases, coopd and the loop alone: tests
 *           that the benchmark runs.
 * Needs     as many processes and descriptors as the peers take for 1 000 services.
 */
#include "bench/ask.h"
#include "bench/bench.h"
#include "bench/supervise/contender.h"

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
    ROUNDS = 3,
    VERSION_SIZE = 64,
    US_PER_S = 1000000,
    US_PER_MS = 1000,
    NS_PER_US = 1000,
    CRASH_CODE = 1,
    INDEX_MAX = 10000
};

/* How large and how long the phases are. */
static struct {
    int idle, restart, crash;          /* services                                      */
    int life_ms;                       /* of those in the restart phase                 */
    int settle_ms, watch_ms, crash_ms; /* until memory is looked at; of wake-ups; ...   */
    int samples;                       /* of restart latency in a round                 */
    int patience_s;                    /* for a phase, then the contender is left out   */
} size = {1000, 20, 200, 2500, 1500, 5000, 3000, 40, 60};

/* What one contender's rounds gave. */
struct figures {
    struct samples up, stop, pss, pss_helpers, restart, crash_cpu, table, json, wakeups,
        up_many;
};

static struct figures *figures[WHO_COUNT];
static bool here[WHO_COUNT];
static char versions[WHO_COUNT][VERSION_SIZE];

/* ---- one supervisor for one phase ---- */

struct run {
    const struct contender *who;
    struct field field;
    pid_t pid;
    double started;          /* us */
    int64_t died[INDEX_MAX]; /* ns; 0: alive, or never born */
    bool born[INDEX_MAX];
    int living; /* services that were born at least once */
    size_t births;
};

static void pause_ms(int ms)
{
    usleep((useconds_t)ms * US_PER_MS);
}

/* Starts argv with its output in the field's folder, or on /dev/null. */
static pid_t start(const struct command *command, const char *output)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = -1;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    if (posix_spawnp(&pid, command->argv[0], &actions, &attributes, command->argv, environ) !=
        0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return pid;
}

static void run_begin(struct run *run, enum who who, const struct load *load)
{
    struct command command = {.used = 0};
    char output[FIELD_PATH + 16];

    *run = (struct run){.who = &contenders[who]};
    field_open(&run->field);
    run->who->configure(&run->field, load);
    run->who->start(&run->field, load, &command);
    snprintf(output, sizeof output, "%s/said", run->field.dir);
    run->started = bench_now_us();
    run->pid = start(&command, output);
    if (run->pid < 0)
        errx(EXIT_FAILURE, "%s: cannot be started", run->who->program);
}

/* One record further; restarts, when given, gets the latency of a death and a birth. */
static enum field_news run_step(struct run *run, double deadline, struct samples *restarts)
{
    struct record record;
    enum field_news news = field_next(&run->field, &record, deadline);

    if (news != FIELD_RECORD || record.index < 0 || record.index >= INDEX_MAX)
        return news;
    if (record.kind == RECORD_DIED) {
        run->died[record.index] = record.ns;
        return news;
    }
    run->births++;
    if (restarts && run->died[record.index])
        samples_add(restarts, (double)(record.ns - run->died[record.index]) / NS_PER_US);
    run->living += !run->born[record.index];
    run->born[record.index] = true;
    return news;
}

/* Until each of count services was born; the time of the last birth since the start, 0 if late. */
static double run_up(struct run *run, int count)
{
    double deadline = bench_now_us() + (double)size.patience_s * US_PER_S;

    while (run->living < count)
        if (run_step(run, deadline, NULL) != FIELD_RECORD)
            return 0;
    return bench_now_us() - run->started;
}

/* Ends the supervisor; how long until its last service was dead, 0 if they did not die. */
static double run_end(struct run *run)
{
    double before = bench_now_us(), deadline = before + (double)size.patience_s * US_PER_S,
           took;
    enum field_news news = FIELD_RECORD;

    kill(run->pid, run->who->stop);
    while (run->births > 0 && news == FIELD_RECORD)
        news = run_step(run, deadline, NULL);
    took = news == FIELD_LATE ? 0 : bench_now_us() - before;
    if (news == FIELD_LATE)
        side_end(run->pid, contender_child());
    for (int tries = 0; waitpid(run->pid, NULL, WNOHANG) == 0; tries++) {
        if (tries == size.patience_s * 100)
            kill(run->pid, SIGKILL);
        pause_ms(10);
    }
    field_close(&run->field);
    return took;
}

/* ---- the phases ---- */

static double status_us(const struct run *run, bool json)
{
    struct command command = {.used = 0};
    double before;
    int status;
    pid_t pid;

    run->who->status(&run->field, json, &command);
    before = bench_now_us();
    pid = start(&command, "/dev/null");
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0)
        return 0;
    return bench_now_us() - before;
}

static void add_if(struct samples *samples, double value)
{
    if (value > 0)
        samples_add(samples, value);
}

/* What is asked and looked at while all services wait. */
static void look(struct run *run, struct figures *all, const struct side *empty)
{
    struct side side, later;

    pause_ms(size.settle_ms);
    side_look(run->pid, contender_child(), &side);
    samples_add(&all->pss, (side.pss_kib - empty->pss_kib) / size.idle);
    samples_add(&all->pss_helpers, (side.others_kib - empty->others_kib) / size.idle);
    pause_ms(size.watch_ms);
    side_look(run->pid, contender_child(), &later);
    samples_add(&all->wakeups, (later.waits - side.waits) * US_PER_MS / size.watch_ms);
    if (run->who->status)
        add_if(&all->table, status_us(run, false) / US_PER_MS);
    if (run->who->has_json)
        add_if(&all->json, status_us(run, true) / US_PER_MS);
}

static void phase_idle(enum who who, struct figures *all)
{
    struct load load = {.count = 0, .life_ms = -1};
    struct run *run = calloc(1, sizeof *run);
    struct side empty;
    double up;

    if (!run)
        err(EXIT_FAILURE, "no memory");
    run_begin(run, who, &load);
    pause_ms(size.settle_ms);
    side_look(run->pid, contender_child(), &empty);
    run_end(run);

    load.count = size.idle;
    run_begin(run, who, &load);
    up = run_up(run, load.count);
    add_if(&all->up, up / US_PER_MS);
    if (up > 0)
        look(run, all, &empty);
    else
        warnx("%s: only %d of %d services came up", run->who->name, run->living, load.count);
    add_if(&all->stop, run_end(run) / US_PER_MS);
    free(run);
}

static void phase_restart(enum who who, struct figures *all)
{
    struct load load = {.count = size.restart, .life_ms = size.life_ms};
    struct run *run = calloc(1, sizeof *run);
    double deadline = bench_now_us() + (double)size.patience_s * US_PER_S;

    if (!run)
        err(EXIT_FAILURE, "no memory");
    run_begin(run, who, &load);
    while (run->births < (size_t)(size.restart + size.samples))
        if (run_step(run, deadline, &all->restart) != FIELD_RECORD)
            break;
    run_end(run);
    free(run);
}

static void phase_crash(enum who who, struct figures *all)
{
    struct load load = {.count = size.crash, .life_ms = 0, .code = CRASH_CODE};
    struct run *run = calloc(1, sizeof *run);
    struct side before, after;
    double deadline;
    size_t births;

    if (!run)
        err(EXIT_FAILURE, "no memory");
    run_begin(run, who, &load);
    run_up(run, load.count);
    side_look(run->pid, contender_child(), &before);
    births = run->births;
    deadline = bench_now_us() + (double)size.crash_ms * US_PER_MS;
    while (bench_now_us() < deadline)
        run_step(run, deadline, NULL);
    side_look(run->pid, contender_child(), &after);
    if (run->births > births)
        samples_add(&all->crash_cpu,
                    (after.cpu_us - before.cpu_us) / (double)(run->births - births));
    run_end(run);
    free(run);
}

static void phase_many(enum who who, struct figures *all)
{
    struct load load = {.count = size.idle * 10, .life_ms = -1};
    struct run *run = calloc(1, sizeof *run);

    if (!run)
        err(EXIT_FAILURE, "no memory");
    run_begin(run, who, &load);
    add_if(&all->up_many, run_up(run, load.count) / US_PER_MS);
    run_end(run);
    free(run);
}

/* ---- rows ---- */

/* One row for each peer that has the number; without any, one that stands alone. */
static void rows(struct bench *bench, const struct row *row, size_t figure,
                 const enum who *peers)
{
    bool alone = true;

    for (; *peers != COOPD; peers++) {
        const struct samples *peer =
            here[*peers] ? (const void *)((const char *)figures[*peers] + figure) : NULL;
        struct row one = *row;

        if (!peer || peer->count == 0)
            continue;
        one.peer = peer;
        one.peer_name = contenders[*peers].name;
        one.peer_version = versions[*peers];
        if (*peers != LOOP && row->goal_ours <= 0)
            one.goal_ratio = 0; /* goals are against the loop */
        bench_row(bench, &one);
        alone = false;
    }
    if (alone)
        bench_row(bench, row);
}

static void report(struct bench *bench)
{
    static const enum who none[] = {COOPD}, floor[] = {LOOP, COOPD},
                          others[] = {RUNIT, S6, SUPERVISORD, DINIT, COOPD},
                          all[] = {LOOP, RUNIT, S6, SUPERVISORD, DINIT, COOPD};
    static const struct samples nothing;
    const struct figures *ours = figures[COOPD], *boxed = figures[SANDBOXED];
    /* clang-format off */
    const struct {
        struct row row;
        size_t figure;
        const enum who *peers;
    } lines[] = {
        {{"up_1000",          &ours->up,        .unit = "ms",  .goal_ratio = 1.2}, offsetof(struct figures, up),        all},
        {{"stop_1000",        &ours->stop,      .unit = "ms",  .goal_ratio = 1.5}, offsetof(struct figures, stop),      all},
        {{"restart_latency",  &ours->restart,   .unit = "us",  .goal_ratio = 1.3}, offsetof(struct figures, restart),   all},
        {{"crash_cpu",        &ours->crash_cpu, .unit = "us",  .goal_ratio = 2},   offsetof(struct figures, crash_cpu), all},
        {{"pss_per_service",  &ours->pss,       .unit = "KiB", .goal_ours = 4},    offsetof(struct figures, pss),       others},
        {{"status_table",     &ours->table,     .unit = "ms",  .goal_ours = 5},    offsetof(struct figures, table),     others},
        {{"status_json",      &ours->json,      .unit = "ms",  .goal_ours = 15},   offsetof(struct figures, json),      none},
        {{"idle_wakeups",     &ours->wakeups,   .unit = "1/s"},                    offsetof(struct figures, wakeups),   others},
        {{"up_10000",         &ours->up_many,   .unit = "ms",  .goal_ratio = 1.2}, offsetof(struct figures, up_many),   floor},
        {{"sandboxed_up_1000",         &boxed->up,          .unit = "ms"},  0, none},
        {{"sandboxed_stop_1000",       &boxed->stop,        .unit = "ms"},  0, none},
        {{"sandboxed_restart_latency", &boxed->restart,     .unit = "us"},  0, none},
        {{"sandboxed_pss_per_service", &boxed->pss,         .unit = "KiB"}, 0, none},
        {{"sandboxed_pss_helpers",     &boxed->pss_helpers, .unit = "KiB"}, 0, none},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct row row = lines[i].row;

        row.better = "lower";
        row.peer = &nothing;
        row.peer_name = row.peer_version = "";
        rows(bench, &row, lines[i].figure, lines[i].peers);
    }
}

/* ---- all rounds ---- */

static bool wants_any(const struct bench *bench, const char *const *names)
{
    for (; *names; names++)
        if (bench_wants(bench, *names))
            return true;
    return false;
}

static void measure(const struct bench *bench, size_t round)
{
    static const char *const idle[] = {"up_1000",
                                       "stop_1000",
                                       "pss_per_service",
                                       "status_table",
                                       "status_json",
                                       "idle_wakeups",
                                       "sandboxed_pss_per_service",
                                       "sandboxed_up_1000",
                                       "sandboxed_stop_1000",
                                       "sandboxed_pss_helpers",
                                       NULL};
    static const char *const restart[] = {"restart_latency", "sandboxed_restart_latency", NULL};
    static const char *const crash[] = {"crash_cpu", NULL};

    for (enum who who = 0; who < WHO_COUNT; who++) {
        if (!here[who])
            continue;
        if (wants_any(bench, idle))
            phase_idle(who, figures[who]);
        if (wants_any(bench, restart))
            phase_restart(who, figures[who]);
        if (who != SANDBOXED && wants_any(bench, crash))
            phase_crash(who, figures[who]);
        if (round == 0 && (who == COOPD || who == LOOP) && bench_wants(bench, "up_10000"))
            phase_many(who, figures[who]);
    }
}

/* Peers need a descriptor or ten for each service. */
static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    bool tiny = false;
    struct bench bench;

    for (int i = 1; i < argc; i++)
        tiny = tiny || strcmp(argv[i], "--tiny") == 0;
    if (tiny) {
        size.idle = size.restart = size.crash = 20;
        size.life_ms = size.settle_ms = size.watch_ms = size.crash_ms = 100;
    }
    raise_limits();
    for (enum who who = 0; who < WHO_COUNT; who++) {
        figures[who] = calloc(1, sizeof *figures[who]);
        if (!figures[who])
            err(EXIT_FAILURE, "no memory");
        here[who] = contender_here(&contenders[who]) && (!tiny || who <= LOOP);
        if (here[who] && contenders[who].version[0])
            ask_version(contenders[who].version, versions[who], sizeof versions[who]);
    }
    bench_begin(&bench, argc, argv, ROUNDS);
    for (size_t round = 0; round < bench.rounds; round++)
        measure(&bench, round);
    report(&bench);
    return bench_end(&bench);
}
