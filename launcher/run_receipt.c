/*
 * run_receipt.c - what a run's receipt says (see run.h and receipt.h)
 */
#include "launcher/run.h"

#include "launcher/limits/result.h"
#include "launcher/plan.h"
#include "launcher/run_life.h"

#include <string.h>

/* ---- how it ended ---- */

static bool has_limit(const struct run *run, unsigned which)
{
    return run->options->spec.limits[which].set;
}

enum launch_result run_result(const struct run *run)
{
    const struct run_end end = {
        .broken = run->broken,
        .signal = WIFSIGNALED(run->status) ? WTERMSIG(run->status) : 0,
        .code = WIFEXITED(run->status) ? WEXITSTATUS(run->status) : 0,
        .out_of_memory = run->used.oom_kills > 0,
        .out_of_tasks = run->used.tasks_refused > 0 || bounds_tasks_reached(&run->bounds) ||
                        (run->replaced && run->tasks_reached),
        .out_of_disk = bounds_disk_reached(&run->bounds),
    };

    return run_end_result(&end, &run->options->spec);
}

/* ---- the receipt ---- */

static coop_nsec nsec_of(struct timeval time)
{
    return (coop_nsec)time.tv_sec * COOP_NSEC_PER_SEC +
           (coop_nsec)time.tv_usec * COOP_NSEC_PER_USEC;
}

static void add_limit(struct receipt *receipt, const char *name, int64_t asked,
                      const char *unit, const char *kept)
{
    if (asked != LAUNCH_UNBOUND && receipt->limit_count < RECEIPT_LIMITS)
        receipt->limits[receipt->limit_count++] =
            (struct receipt_limit){name, (uint64_t)asked, unit, kept};
}

static int64_t usec(coop_nsec time)
{
    return time == LAUNCH_UNBOUND ? LAUNCH_UNBOUND : time / COOP_NSEC_PER_USEC;
}

const char *run_kept_by(const struct run *run, const struct group_row *row)
{
    if (run->was_in_group)
        return "cgroup";
    if (strcmp(row->key, "MemoryMax") == 0)
        return "polling";
    if (strcmp(row->key, "TasksMax") == 0)
        return has_limit(run, RLIMIT_NPROC) ? "rlimit and polling" : "polling";
    return NULL;
}

static void add_limits(struct receipt *receipt, const struct run *run)
{
    const struct launch_bounds *bounds = launch_plan_bounds(run->plan);
    const struct plan_limit *limits = plan_at(run->plan, run->plan->limits.at);
    bool lost = run->child.lost & LAUNCH_BIT(LAUNCH_GUARD_LIMITS);

    add_limit(receipt, "WallTime", usec(bounds->wall_time), "usec", "launcher");
    add_limit(receipt, "CPUTime", usec(bounds->cpu_time), "usec",
              run->was_in_group ? "cgroup" : "polling");
    add_limit(receipt, "OutputMax", bounds->output, "bytes", "launcher");
    add_limit(receipt, "DiskMax", bounds->disk_max, "bytes", run->has_disk ? "polling" : NULL);
    add_limit(receipt, "DiskFilesMax", bounds->disk_files_max, "count",
              run->has_disk ? "polling" : NULL);
    for (const struct group_row *row = group_rows; row->key; row++)
        add_limit(receipt, row->key, group_row_value(row, bounds), row->unit,
                  run_kept_by(run, row));
    for (const struct group_io_row *row = group_io_rows; row->key; row++)
        for (int i = 0; i < LAUNCH_IO_DEVICES && group_io_list(row, bounds)->at[i].most; i++)
            add_limit(receipt, row->key, group_io_list(row, bounds)->at[i].most, row->unit,
                      run->was_in_group ? "cgroup" : NULL);
    for (uint32_t i = 0; i < run->plan->limits.count; i++) {
        bool kept = !lost || !(run->facts.lost_rlimits >> limits[i].which & 1);

        if (receipt->limit_count < RECEIPT_LIMITS)
            receipt->limits[receipt->limit_count++] =
                (struct receipt_limit){plan_str(run->plan, limits[i].name), limits[i].soft,
                                       "rlimit", kept ? "rlimit" : NULL};
    }
}

/* A cgroup has counted everybody. */
static void add_used(struct receipt *receipt, const struct run *run)
{
    if (!run->was_in_group)
        return;
    receipt->user = run->used.user;
    receipt->system = run->used.system;
    receipt->memory_peak = run->used.memory_peak;
    receipt->tasks_peak = run->used.tasks_peak;
}

void run_receipt_write(struct run *run, int exit_code)
{
    struct receipt receipt = {
        .plan = run->plan,
        .facts = run->facts,
        .lost = run->child.lost,
        .landlock_abi = run->child.landlock_abi,
        .pid = run->child.pid,
        .main_pid = run->child.main_pid,
        .began = run->began_real,
        .wall_time = run_clock(CLOCK_MONOTONIC) - run->began,
        .result = run_result(run),
        .exit_code = exit_code,
        .status = run->status,
        .killed = run->killed,
        .user = nsec_of(run->usage.ru_utime),
        .system = nsec_of(run->usage.ru_stime),
        .cpu = run->bounds.cpu,
        .max_rss = run->usage.ru_maxrss * INT64_C(1024),
        .memory_peak = run->bounds.memory_peak > 0 ? run->bounds.memory_peak : -1,
        .tasks_peak = run->bounds.tasks_peak > 0 ? run->bounds.tasks_peak : -1,
        .output = run->has_output ? run->output.passed : -1,
        .disk_peak = run->has_disk ? run->bounds.disk_peak : -1,
        .disk_files_peak = run->has_disk ? run->bounds.disk_files_peak : -1,
        .names_refused = run_has_clerk(run) ? (int64_t)run->clerk.told->refused : -1,
    };
    struct coop_err err = {0};

    add_used(&receipt, run);
    if (receipt.cpu < receipt.user + receipt.system)
        receipt.cpu = receipt.user + receipt.system;
    if (receipt.max_rss < run->bounds.tree.largest)
        receipt.max_rss = run->bounds.tree.largest;
    add_limits(&receipt, run);
    if (receipt_write(&run->receipt, &receipt, &err) < 0)
        (void)run_report(&err);
}

int run_failed(const struct run_options *options, const struct coop_err *err)
{
    int code = run_report(err);
    struct receipt_file file = {.dir = -1, .fd = -1};
    struct receipt receipt = {.result = LAUNCH_RESULT_SETUP_ERROR,
                              .error = err,
                              .exit_code = code,
                              .began = run_clock(CLOCK_REALTIME),
                              .memory_peak = -1,
                              .tasks_peak = -1,
                              .output = -1,
                              .disk_peak = -1,
                              .disk_files_peak = -1,
                              .names_refused = -1};
    struct coop_err why = {0};

    if (options->receipt && (receipt_open(&file, options->receipt, &why) < 0 ||
                             receipt_write(&file, &receipt, &why) < 0))
        (void)run_report(&why);
    receipt_close(&file);
    return code;
}
