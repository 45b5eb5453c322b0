/*
 * test_spawn_init.c - coop-init: what a PID 1 and a subreaper owe to those below and above
 */
#include "launcher/launch.h"
#include "support/child.h"
#include "support/places.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- one running coop-init ---- */

struct run {
    pid_t pid;
    FILE *out;
};

/* coop-init with the given arguments; its stdout is a pipe to us. Dies with the test. */
static void start(struct run *run, int note, ...)
{
    const char *argv[16] = {COOP_INIT_PATH};
    int ends[2], count = 1;
    va_list args;

    va_start(args, note);
    while ((argv[count] = va_arg(args, const char *)))
        count++;
    va_end(args);
    if (pipe2(ends, O_CLOEXEC) < 0)
        abort();
    run->pid = fork();
    cr_assert_geq(run->pid, 0);
    if (run->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], 1);
        if (note >= 0)
            dup2(note, 9);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(99);
    }
    close(ends[1]);
    run->out = fdopen(ends[0], "r");
}

/* The PID after "WORD " in the next line.  The test ends here when there is none: a -1 that went
 * on to kill(2) would mean everybody. */
static pid_t number_after(struct run *run, const char *word)
{
    char line[128] = "";
    size_t length = strlen(word);
    int pid;

    cr_assert_not_null(fgets(line, sizeof line, run->out), "no '%s' came", word);
    cr_assert_eq(strncmp(line, word, length), 0, "'%s' instead of '%s'", line, word);
    pid = atoi(line + length);
    cr_assert_gt(pid, 1);
    return pid;
}

static int finish(struct run *run)
{
    int status = -1;

    fclose(run->out);
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool lives(pid_t pid)
{
    return kill(pid, 0) == 0;
}

/* ---- exit codes ---- */

Test(spawn_init, the_exit_code_is_the_commands)
{
    struct run run;

    start(&run, -1, SPAWN_PROBE_PATH, "exit", "42", NULL);
    cr_assert_eq(finish(&run), 42);
}

Test(spawn_init, a_signal_becomes_128_plus_its_number)
{
    struct run run;
    int main_pid;

    start(&run, -1, SPAWN_PROBE_PATH, "wait", NULL);
    main_pid = number_after(&run, "ready");
    cr_assert_gt(main_pid, 0);
    kill(main_pid, SIGKILL);
    cr_assert_eq(finish(&run), 128 + SIGKILL);
}

Test(spawn_init, a_missing_command_is_127_and_a_file_that_cannot_run_126)
{
    struct run run;

    start(&run, -1, "/nonexistent/command", NULL);
    cr_assert_eq(finish(&run), 127);
    start(&run, -1, "/etc/passwd", NULL);
    cr_assert_eq(finish(&run), 126);
}

Test(spawn_init, a_wrong_command_line_is_125)
{
    struct run run;

    start(&run, -1, "--no-such-option", NULL);
    cr_assert_eq(finish(&run), 125);
    start(&run, -1, "-n", "77", "true", NULL);
    cr_assert_eq(finish(&run), 125, "a descriptor that is not open");
    start(&run, -1, NULL);
    cr_assert_eq(finish(&run), 125, "no command");
}

/* ---- signals ---- */

Test(spawn_init, every_signal_that_can_be_caught_reaches_the_command)
{
    struct run run;
    int main_pid;

    start(&run, -1, SPAWN_PROBE_PATH, "relay", NULL);
    main_pid = number_after(&run, "ready");
    cr_assert_gt(main_pid, 0);
    for (int sig = 1; sig <= 64; sig++) {
        char said[64] = "", wanted[64];

        if (sig == SIGKILL || sig == SIGSTOP)
            continue;
        cr_assert_eq(syscall(SYS_kill, run.pid, sig), 0);
        cr_assert_not_null(fgets(said, sizeof said, run.out));
        snprintf(wanted, sizeof wanted, "%d -1\n", sig);
        cr_assert_str_eq(said, wanted);
    }
    kill(main_pid, SIGKILL);
    cr_assert_eq(finish(&run), 128 + SIGKILL);
}

Test(spawn_init, a_queued_value_goes_along)
{
    struct run run;
    char said[64] = "";
    int main_pid;

    start(&run, -1, SPAWN_PROBE_PATH, "relay", NULL);
    main_pid = number_after(&run, "ready");
    cr_assert_eq(sigqueue(run.pid, SIGRTMIN + 3, (union sigval){.sival_int = 4711}), 0);
    cr_assert_not_null(fgets(said, sizeof said, run.out));
    cr_assert_eq(atoi(strchr(said, ' ')), 4711);
    kill(main_pid, SIGKILL);
    finish(&run);
}

Test(spawn_init, with_g_the_whole_group_gets_the_signal)
{
    struct run run;
    int main_pid;

    start(&run, -1, "-g", SPAWN_PROBE_PATH, "wait", NULL);
    main_pid = number_after(&run, "ready");
    cr_assert_eq(getpgid(main_pid), main_pid, "the command leads a group");
    kill(run.pid, SIGTERM);
    cr_assert_eq(finish(&run), 128 + SIGTERM);
}

/* ---- orphans ---- */

/* How many processes have 'parent' as their parent, zombies included. */
static int children_of(pid_t parent)
{
    char path[64], text[4096] = "";
    int count = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    if (!temp_file_read(path, text, sizeof text))
        return -1;
    for (char *at = text; *at; at++)
        count += *at == ' ';
    return count;
}

Test(spawn_init, orphans_are_reaped_at_once)
{
    struct run run;
    int main_pid;

    start(&run, -1, SPAWN_PROBE_PATH, "litter", "50", NULL);
    main_pid = number_after(&run, "ready");
    cr_assert_gt(main_pid, 0);
    for (int i = 0; i < 2000 && children_of(run.pid) != 1; i++)
        (void)poll(NULL, 0, 5); /* nothing tells of a zombie that is gone */
    cr_assert_eq(children_of(run.pid), 1, "only the command is left, no zombie");
    kill(run.pid, SIGTERM);
    cr_assert_eq(finish(&run), 128 + SIGTERM);
}

Test(spawn_init, without_t_it_ends_with_its_command)
{
    struct run run;
    int left;

    start(&run, -1, SPAWN_PROBE_PATH, "leave", NULL);
    left = number_after(&run, "left");
    cr_assert_eq(finish(&run), 5);
    cr_assert_gt(left, 0);
    kill(left, SIGKILL);
}

Test(spawn_init, with_t_it_stays_until_the_tree_is_empty)
{
    struct run run;
    siginfo_t info = {0};
    int left;

    start(&run, -1, "-t", SPAWN_PROBE_PATH, "leave", NULL);
    left = number_after(&run, "left");
    cr_assert(lives(left));
    cr_assert_eq(waitid(P_PID, (id_t)run.pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    cr_assert_eq(info.si_pid, 0, "it stays above the orphan");
    kill(left, SIGKILL);
    cr_assert_eq(finish(&run), 5, "and still ends with the command's code");
}

Test(spawn_init, after_main_a_polite_signal_reaches_everything_below)
{
    int ends[2], left;
    struct launch_exit_note note;
    struct run run;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    start(&run, ends[1], "-t", "-n", "9", SPAWN_PROBE_PATH, "leave", NULL);
    left = number_after(&run, "left");
    cr_assert_eq(read(ends[0], &note, sizeof note), (ssize_t)sizeof note, "main has ended");
    kill(run.pid, SIGTERM);
    cr_assert_eq(finish(&run), 5);
    cr_assert_not(lives(left));
}

Test(spawn_init, a_tree_that_ignores_everything_is_killed_on_request)
{
    int ends[2], left;
    struct launch_exit_note note;
    struct run run;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    start(&run, ends[1], "-t", "-n", "9", SPAWN_PROBE_PATH, "leave", "deaf", NULL);
    left = number_after(&run, "left");
    cr_assert_eq(read(ends[0], &note, sizeof note), (ssize_t)sizeof note, "main has ended");
    cr_assert_eq(launch_tree_kill(run.pid), 0);
    cr_assert_eq(finish(&run), 5);
    cr_assert_not(lives(left));
}

/* ---- another main ---- */

Test(spawn_init, a_child_that_is_named_is_main_and_its_end_is_noted)
{
    int ends[2], left;
    struct launch_exit_note note;
    struct run run;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    start(&run, ends[1], "-t", "-n", "9", SPAWN_PROBE_PATH, "leave", NULL);
    left = number_after(&run, "left");
    cr_assert_eq(read(ends[0], &note, sizeof note), (ssize_t)sizeof note, "main has ended");
    cr_assert_eq(note.main, 0);
    cr_assert_eq(launch_tree_main(run.pid, left), 0);
    kill(run.pid, SIGUSR1); /* goes to main */
    cr_assert_eq(read(ends[0], &note, sizeof note), (ssize_t)sizeof note,
                 "and so has the next");
    cr_assert_eq(note.magic, LAUNCH_EXIT_MAGIC);
    cr_assert_eq(note.main, left);
    cr_assert(WIFSIGNALED(note.status));
    cr_assert_eq(WTERMSIG(note.status), SIGUSR1);
    cr_assert_eq(finish(&run), 128 + SIGUSR1);
}

Test(spawn_init, what_is_no_child_does_not_become_main)
{
    int ends[2], left;
    struct launch_exit_note note;
    struct run run;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    start(&run, ends[1], "-t", "-n", "9", SPAWN_PROBE_PATH, "leave", NULL);
    left = number_after(&run, "left");
    cr_assert_eq(read(ends[0], &note, sizeof note), (ssize_t)sizeof note, "main has ended");
    cr_assert_eq(launch_tree_main(run.pid, getpid()), 0);
    cr_assert_eq(read(ends[0], &note, sizeof note), (ssize_t)sizeof note, "it says so");
    cr_assert_eq(note.main, getpid());
    cr_assert_eq(note.status, LAUNCH_STATUS_UNKNOWN);
    kill(run.pid, SIGTERM);
    cr_assert_eq(finish(&run), 5, "signals go to its tree, and not to us");
    cr_assert_not(lives(left));
}

/* ---- the note ---- */

Test(spawn_init, the_note_tells_status_and_usage)
{
    int ends[2];
    struct launch_exit_note note;
    struct run run;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    start(&run, ends[1], "-n", "9", SPAWN_PROBE_PATH, "exit", "7", NULL);
    close(ends[1]);
    cr_assert_eq(read(ends[0], &note, sizeof note), (ssize_t)sizeof note);
    cr_assert_eq(note.magic, LAUNCH_EXIT_MAGIC);
    cr_assert(WIFEXITED(note.status));
    cr_assert_eq(WEXITSTATUS(note.status), 7);
    cr_assert_gt(note.usage.ru_maxrss, 0);
    cr_assert_eq(finish(&run), 7);
    cr_assert_eq(read(ends[0], &note, sizeof note), 0, "one note, and nobody holds the pipe");
}

Test(spawn_init, the_command_does_not_inherit_the_note)
{
    int ends[2];
    char said[64] = "";
    struct run run;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    start(&run, ends[1], "-n", "9", SPAWN_PROBE_PATH, "fds", NULL);
    cr_assert_not_null(fgets(said, sizeof said, run.out));
    cr_assert_null(strstr(said, " 9"), "%s", said);
    finish(&run);
}

/* ---- as PID 1 ---- */

static void as_pid_1(int report, void *arg)
{
    int status;
    pid_t pid;

    (void)arg;
    CHILD_CHECK(report, unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0);
    pid = fork();
    if (pid == 0) {
        execl(COOP_INIT_PATH, COOP_INIT_PATH, SPAWN_PROBE_PATH, "leave", "deaf", NULL);
        _exit(99);
    }
    CHILD_CHECK(report, waitpid(pid, &status, 0) == pid);
    CHILD_CHECK(report, WIFEXITED(status));
    _exit(WEXITSTATUS(status)); /* waited for: every process in the namespace is gone */
}

Test(spawn_init, as_pid_1_its_end_is_the_end_of_all)
{
    char said[CHILD_TEXT];

    if (lacks_user_namespaces())
        cr_skip_test("no user namespaces");
    cr_assert_eq(in_child(as_pid_1, NULL, said), 5, "%s", said);
}
