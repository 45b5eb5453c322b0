/* Bounds: coop-run says how it ended, and ends what has used up its bound. */
#include "received.h"

TestSuite(limits, .init = choose_path, .fini = remove_receipt);

/* ---- how it ended ---- */

Test(limits, exit_and_signal_are_told)
{
    cr_assert_eq(BOUNDED("sh", "-c", "exit 3"), 3, "%s", output);
    RECEIVED("\"result\": \"exit\"");
    RECEIVED("\"status\": 3");
    cr_assert_eq(BOUNDED("sh", "-c", "kill -TERM $$"), 143);
    RECEIVED("\"result\": \"signal\"");
    RECEIVED("\"signal\": 15, \"signal_name\": \"SIGTERM\"");
}

Test(limits, numbers_of_the_launcher_are_not_the_commands)
{
    cr_assert_eq(BOUNDED("no-such-command"), 127);
    RECEIVED("\"result\": \"setup-error\", \"error\": \"step 'exec': execve no-such-command");
    cr_assert_eq(BOUNDED("sh", "-c", "exit 127"), 127);
    RECEIVED("\"result\": \"exit\"");
    cr_assert_eq(BOUNDED("--hostname", "x", "--protect-hostname=no", "true"), 125);
    RECEIVED("\"result\": \"setup-error\"");
}

Test(limits, a_filter_that_kills_is_policy)
{
    cr_assert_eq(BOUNDED("sh", "-c", "kill -SYS $$"), 159);
    RECEIVED("\"result\": \"policy\"");
}

Test(limits, wall_time_ends_a_sleeper_and_a_stopped_one)
{
    static const char *const scripts[] = {"exec sleep 100", "kill -STOP $$",
                                          "trap '' TERM INT HUP; while :; do sleep 100; done"};

    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(BOUNDED("--wall-time=200ms", "sh", "-c", scripts[i]), 137, "%s", output);
        SAYS("ended, because WallTime= is used up");
        RECEIVED("\"result\": \"wall-time\", \"killed\": true");
        cr_assert_geq(number_of("wall_usec"), 200000);
    }
}

Test(limits, what_ends_in_time_is_left_alone)
{
    cr_assert_eq(BOUNDED("--wall-time=1min", "--cpu-time=1min", "--output-max=1M", "echo", "x"),
                 0);
    cr_assert_str_eq(output, "x\n");
    RECEIVED("\"result\": \"exit\", \"killed\": false");
    RECEIVED("{\"name\": \"WallTime\", \"asked\": 60000000, \"unit\": \"usec\", \"kept_by\": "
             "\"launcher\"}");
}

Test(limits, cpu_time_is_that_of_all_processes_together)
{
    cr_assert_eq(BOUNDED("--cpu-time=300ms", "sh", "-c",
                         "for i in 1 2 3; do setsid sh -c 'while :; do :; done' & done; wait"),
                 137);
    RECEIVED("\"result\": \"cpu-time\", \"killed\": true");
    cr_assert_geq(number_of("cpu_usec"), 300000);
}

Test(limits, a_sleeper_uses_no_cpu_time)
{
    cr_assert_eq(BOUNDED("--cpu-time=300ms", "--wall-time=600ms", "sleep", "100"), 137);
    RECEIVED("\"result\": \"wall-time\"");
}

Test(limits, output_ends_at_its_last_byte)
{
    cr_assert_eq(BOUNDED("--output-max=10", "sh", "-c", "echo 12345; echo 6789; exec yes"),
                 137);
    cr_assert_eq(strncmp(output, "12345\n6789", 10), 0, "%s", output);
    SAYS("ended, because OutputMax= is used up");
    RECEIVED("\"result\": \"output\", \"killed\": true");
    cr_assert_eq(number_of("output_bytes"), 10);
}

Test(limits, output_of_exactly_the_ceiling_is_no_end)
{
    cr_assert_eq(BOUNDED("--output-max=5", "sh", "-c", "printf 123; printf 45 >&2"), 0);
    cr_assert_str_eq(output, "12345");
    RECEIVED("\"result\": \"exit\"");
}

Test(limits, rlimits_that_end_are_told_as_limits)
{
    cr_assert_eq(BOUNDED("--limit-fsize=1000", "--limit-core=0", "sh", "-c",
                         "exec head -c 5000 /dev/zero >/tmp/x"),
                 153);
    RECEIVED("\"result\": \"disk\"");
    RECEIVED("{\"name\": \"LimitFSIZE\", \"asked\": 1000, \"unit\": \"rlimit\", \"kept_by\": "
             "\"rlimit\"}");
}

/* ---- what needs controllers: an ordinary user without a group of its own has none ---- */

#define UNGROUPED(...)                                                                         \
    run_bent(as_user,                                                                          \
             (const char *const[]){"--receipt", path, "--wall-time=20s", __VA_ARGS__, NULL})

Test(limits, a_bound_that_nobody_can_keep_is_refused)
{
    static const char *const flags[] = {
        "--memory-max=64M", "--memory-high=64M", "--memory-swap-max=0", "--tasks-max=10",
        "--cpu-quota=20%",  "--cpu-weight=50",   "--io-weight=50"};

    for (size_t i = 0; i < 7; i++) {
        cr_assert_eq(UNGROUPED(flags[i], "true"), 125, "%s", flags[i]);
        SAYS("= cannot be kept");
        SAYS("--prefer limits");
        RECEIVED("\"result\": \"setup-error\"");
    }
}

Test(limits, preferred_what_comes_nearest_is_told)
{
    cr_assert_eq(UNGROUPED("--prefer=limits", "--cpu-quota=20%", "--memory-max=64M", "true"),
                 0);
    SAYS("note: kept by what comes nearest: MemoryMax (polling)\n");
    SAYS("note: not kept: CPUQuota\n");
    SILENT_ON("not in force");
    RECEIVED("{\"name\": \"CPUQuota\", \"asked\": 200, \"unit\": \"per-mille\", \"kept_by\": "
             "null}");
    RECEIVED("{\"name\": \"MemoryMax\", \"asked\": 67108864, \"unit\": \"bytes\", "
             "\"kept_by\": \"polling\"}");
    RECEIVED("\"lost\": [\"ResourceLimits\"]");
}

Test(limits, preferred_memory_is_kept_by_looking)
{
    cr_assert_eq(UNGROUPED("--prefer=limits", "--memory-max=64M", "dd", "if=/dev/zero",
                           "of=/dev/null", "bs=400M", "count=2"),
                 137, "%s", output);
    RECEIVED("\"result\": \"memory\", \"killed\": true");
}

Test(limits, memory_that_is_shared_counts_once)
{
    cr_assert_eq(UNGROUPED("--prefer=limits", "--memory-max=64M", "perl", "-e",
                           "my $x = 'a' x $ARGV[0]; for (1..3) { fork or do { "
                           "select(undef, undef, undef, 0.2); exit } } 1 while wait > 0",
                           "36000000"),
                 0, "%s", output);
}

Test(limits, preferred_tasks_are_kept_by_the_kernel)
{
    cr_assert_eq(UNGROUPED("--prefer=limits", "--tasks-max=6", "perl", "-e",
                           "$SIG{ALRM} = 'DEFAULT'; for (1..20) { my $p = fork; "
                           "exit 3 unless defined $p; $p or sleep 1000 }"),
                 3, "%s", output);
    RECEIVED("\"kept_by\": \"rlimit and polling\"");
    RECEIVED("\"result\": \"tasks\"");
    /* in too short a time for anybody to look */
    cr_assert_eq(UNGROUPED("--prefer=limits", "--tasks-max=4", "perl", "-e",
                           "for (1..9) { my $p = fork; "
                           "exit 3 unless defined $p; $p or sleep 1000 }"),
                 3, "%s", output);
    RECEIVED("\"result\": \"tasks\"");
    cr_assert_eq(UNGROUPED("--prefer=limits", "--tasks-max=40", "sh", "-c", "exit 3"), 3);
    RECEIVED("\"result\": \"exit\"");
}

/* ---- ending with grace ---- */

Test(limits, grace_lets_the_program_end_by_itself)
{
    cr_assert_eq(BOUNDED("--wall-time=200ms", "--stop-grace=30s", "sh", "-c",
                         "trap 'echo bye; exit 4' TERM; while :; do sleep 0.05; done"),
                 4, "%s", output);
    SAYS("bye");
    SAYS("ended, because WallTime= is used up");
    RECEIVED("\"result\": \"wall-time\", \"killed\": false");
}

Test(limits, who_ignores_the_signal_is_killed_after_the_grace)
{
    cr_assert_eq(BOUNDED("--wall-time=100ms", "--stop-grace=100ms", "sh", "-c",
                         "trap '' TERM; while :; do sleep 0.05; done"),
                 137);
    RECEIVED("\"result\": \"wall-time\", \"killed\": true");
    cr_assert_geq(number_of("wall_usec"), 200000);
}

Test(limits, a_signal_to_the_launcher_gives_the_same_grace)
{
    static const char *const script[] = {"--stop-grace=100ms", "sh", "-c",
                                         "trap '' TERM; echo up; while :; do sleep 0.05; done",
                                         NULL};
    int pipe_end;
    pid_t pid = start(script, &pipe_end, NULL);
    char byte;

    cr_assert_eq(read(pipe_end, &byte, 1), 1);
    kill(pid, SIGTERM);
    cr_assert_eq(finish(pid, pipe_end), 137);
}

/* ---- without a PID namespace ---- */

Test(limits, nobody_escapes_without_a_pid_namespace)
{
    cr_assert_eq(
        BOUNDED("--profile=none", "--wall-time=300ms", "sh", "-c",
                "(setsid sh -c 'trap \"\" TERM; exec sleep 1000' &) ; exec sleep 1000"),
        137);
    /* collect() has read to the end: every holder of the pipe is gone */
    RECEIVED("\"result\": \"wall-time\"");
}
