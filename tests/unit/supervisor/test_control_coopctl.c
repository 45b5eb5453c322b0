/*
 * test_control_coopctl.c - the program coopctl: what it prints, and its exit codes
 */
#include "fake_daemon.h"

#include "base/scope.h"
#include "base/str.h"
#include "text/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 16, OUT_MAX = 1 << 20, FAR_FD = 64 };

static struct fake fake;

struct run {
    pid_t pid;
    int out, err;
    int code; /* exit code, 128 + signal */
    char *out_text, *err_text;
};

/* Opened while we may: a later user of it may not be able to reach the tree that it lies in. */
static int coopctl_fd = -1;

_Noreturn static void exec_coopctl(char *const *argv, int out, int err)
{
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    for (int fd = STDERR_FILENO + 1; fd < FAR_FD; fd++)
        if (fd != coopctl_fd)
            close(fd);
    setenv("COOP_SOCKET", fake.socket, 1);
    setenv("LC_ALL", "C", 1);
    if (coopctl_fd >= 0)
        fexecve(coopctl_fd, argv, environ);
    execv(COOPCTL, argv);
    _exit(127);
}

/* Starts "coopctl LINE"; words are split at blanks. */
static struct run start(const char *line)
{
    char text[512], program[] = "coopctl", *argv[ARGS_MAX + 1] = {program}, *rest = text, *word;
    int argc = 1, out[2], err[2];
    struct run run = {0};

    str_copy(text, sizeof text, line);
    while ((word = strsep(&rest, " ")) && argc < ARGS_MAX)
        if (word[0])
            argv[argc++] = word;
    cr_assert_eq(pipe(out), 0);
    cr_assert_eq(pipe(err), 0);
    run.pid = fork();
    if (run.pid == 0)
        exec_coopctl(argv, out[1], err[1]);
    cr_assert_gt(run.pid, 0);
    close(out[1]);
    close(err[1]);
    run.out = out[0];
    run.err = err[0];
    return run;
}

static char *read_all(int fd)
{
    char *text = calloc(1, OUT_MAX);
    size_t used = 0;
    ssize_t n;

    cr_assert(text);
    while (used + 1 < OUT_MAX && (n = read(fd, text + used, OUT_MAX - 1 - used)) > 0)
        used += (size_t)n;
    close(fd);
    return text;
}

static void finish(struct run *run)
{
    int status = 0;

    run->out_text = read_all(run->out);
    run->err_text = read_all(run->err);
    waitpid(run->pid, &status, 0);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct run ctl(const char *line)
{
    struct run run = start(line);

    finish(&run);
    return run;
}

static void forget(struct run *run)
{
    free(run->out_text);
    free(run->err_text);
}

static void expect(const char *line, int code, const char *out, const char *err)
{
    struct run run = ctl(line);

    cr_expect_eq(run.code, code, "%s: exit %d, not %d: %s", line, run.code, code, run.err_text);
    cr_expect(strstr(run.out_text, out), "%s: said '%s'", line, run.out_text);
    cr_expect(strstr(run.err_text, err), "%s: complained '%s'", line, run.err_text);
    if (code == 0)
        cr_expect_str_eq(run.err_text, "", "%s", line);
    forget(&run);
}

static void setup(void)
{
    cr_assert_eq(fake_start(&fake, 0), 0);
}

static void teardown(void)
{
    cr_expect_eq(fake_end(&fake), 0);
}

TestSuite(coopctl, .init = setup, .fini = teardown, .timeout = 60);

Test(coopctl, status_is_a_table_and_a_named_one_is_told_in_full)
{
    expect("status", 0, "NAME", "");
    expect("status", 0, "web   up", "");
    expect("status web", 0, "State  up", "");
    expect("status web", 0, "COMMAND", "");
    expect("status db", 3, "State  down", "");
    expect("status web db", 3, "because the test says so", "");
    expect("status wbe", 4, "", "did you mean 'web'?");
    expect("status all", 0, "NAME", "");
}

Test(coopctl, status_json_is_an_array_with_what_scripts_rely_on)
{
    static const char *const members[] = {"name",   "state",     "substate",   "wanted",
                                          "pid",    "since",     "uptime_s",   "restarts",
                                          "reason", "last_exit", "waiting_for"};
    struct run run = ctl("--json status");
    SCOPED_JSON json_t *services = json_loads(run.out_text, 0, NULL);

    cr_expect_eq(run.code, 0);
    cr_assert(json_is_array(services), "%s", run.out_text);
    cr_expect_eq(json_array_size(services), 5);
    for (size_t i = 0; i < COOP_COUNT(members); i++)
        cr_expect(json_object_get(json_array_get(services, 0), members[i]), "%s", members[i]);
    forget(&run);
    run = ctl("status --json db");
    cr_expect_eq(run.code, 3);
    cr_expect_eq(run.out_text[0], '[');
    forget(&run);
}

Test(coopctl, commands_say_what_came_of_them)
{
    expect("start web", 0, "web: up", "");
    expect("stop web db", 0, "db: down", "");
    expect("restart web", 0, "web: up", "");
    expect("reload web", 0, "web: up", "");
    expect("kill -s USR1 web", 0, "", "");
    expect("--json start web", 0, "\"result\":", "");
    expect("start --no-wait slow", 0, "", "");
    expect("start --timeout 50ms slow", 124, "", "slow: not finished in the time given");
    expect("start bad", 1, "", "bad: step 'exec': No such file");
    expect("start web bad", 1, "web: up", "bad: step 'exec'");
    expect("start nobody", 4, "", "no service 'nobody'");
    expect("kill -s NONSENSE web", 2, "", "NONSENSE");
    expect("frobnicate", 2, "", "frobnicate");
    expect("", 2, "", "usage:");
    expect("start", 2, "", "usage:");
}

Test(coopctl, a_failed_start_shows_what_the_service_said_last)
{
    char path[128];
    FILE *file;

    str_format(path, sizeof path, "%s/bad.log", fake.dir);
    file = fopen(path, "we");
    cr_assert(file);
    fputs("1\n2\n3\n4\n5\n6\nno \33[31mconfig\n", file);
    fclose(file);
    expect("start bad", 1, "", "    3\n");
    expect("start bad", 1, "", "    no ?[31mconfig\n");
    expect("start bad", 1, "", "coopctl logs bad");
}

Test(coopctl, reload_without_a_name_is_for_coopd)
{
    expect("reload", 0, "1 added, 0 removed, 0 changed, 4 unchanged", "");
    expect("--json reload", 0, "\"added\": 1", "");
}

Test(coopctl, tree_and_daemon_tell_pids)
{
    char pid[16];

    str_format(pid, sizeof pid, "%d", fake.pid);
    expect("tree", 0, pid, "");
    expect("tree", 0, "db down (no processes)", "");
    expect("--json tree web", 0, "\"processes\":", "");
    expect("daemon", 0, pid, "");
    expect("--json daemon", 0, "\"memory_rss\": 4096", "");
}

static void append_log(const char *text)
{
    char path[128];
    FILE *file;

    str_format(path, sizeof path, "%s/web.log", fake.dir);
    file = fopen(path, "ae");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

Test(coopctl, logs_tells_lines_and_follows)
{
    char text[64];
    struct run run;

    append_log("one\ntwo\n\33[31mthree\n");
    expect("logs web", 0, "one\ntwo\n\33[31mthree\n", "");
    expect("logs -n 1 web", 0, "\33[31mthree\n", "");
    expect("--json logs -n1 web", 0, "\"\\u001B[31mthree\"\n", "");
    expect("logs gone", 1, "", "does not keep its output");
    expect("logs nobody", 4, "", "nobody");
    run = start("logs -f -n 1 web");
    cr_assert_gt(read(run.out, text, sizeof text), 0);
    append_log("four\n");
    cr_assert_eq(read(run.out, text, sizeof text), 5);
    cr_expect_eq(strncmp(text, "four\n", 5), 0);
    kill(run.pid, SIGTERM);
    finish(&run);
    cr_expect_eq(run.code, 128 + SIGTERM);
    forget(&run);
}

Test(coopctl, shutdown_returns_when_coopd_is_gone)
{
    struct run run = ctl("shutdown");
    int status = -1;

    cr_expect_eq(run.code, 0, "%s", run.err_text);
    cr_expect_eq(waitpid(fake.pid, &status, WNOHANG), fake.pid, "it is gone already");
    cr_expect_eq(status, 0);
    forget(&run);
    fake.pid = 0;
    run = ctl("status");
    cr_expect_eq(run.code, 111);
    cr_expect(strstr(run.err_text, "control.sock"), "%s", run.err_text);
    forget(&run);
}

Test(coopctl, a_coopd_that_does_not_answer_is_not_waited_for_for_ever)
{
    kill(fake.pid, SIGSTOP);
    expect("--timeout 100ms status", 124, "", "did not answer in time");
    expect("--timeout 100ms tree web", 124, "", "did not answer in time");
    kill(fake.pid, SIGCONT);
}

/* As another user, over a socket that lets everybody in. */
Test(coopctl, who_has_no_right_is_told_so)
{
    enum { NOBODY = 65534 };
    struct run run = {0};
    int status = 0;
    pid_t pid;

    if (geteuid() != 0)
        cr_skip_test("needs root");
    coopctl_fd = open(COOPCTL, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(coopctl_fd, 0);
    cr_assert_eq(chmod(fake.dir, 0755), 0);
    for (int everybody = 0; everybody < 2; everybody++) {
        if (everybody)
            cr_assert_eq(chmod(fake.socket, 0666), 0);
        pid = fork();
        if (pid == 0) {
            if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
                _exit(99);
            run = ctl("stop web");
            _exit(run.code);
        }
        waitpid(pid, &status, 0);
        cr_expect_eq(WEXITSTATUS(status), 4, "socket %s: %d", everybody ? "0666" : "0660",
                     WEXITSTATUS(status));
    }
    cr_expect_eq(fake_asked(&fake, "stop web", 0), 0);
}
