/*
 * test_library.c - libcoop-sandbox as a program uses it (coop/sandbox.h)
 */
#include <coop/sandbox.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/sched.h>

static struct coop_err err;

/* Criterion's start-up cannot set variables for us, and each test is a process of its own. */
static void find_launcher(void)
{
    cr_assert_eq(setenv("COOP_RUN", COOP_RUN, 1), 0);
}

TestSuite(library, .init = find_launcher, .timeout = 60);

static struct coop_sandbox *box_with(const char *const (*settings)[2])
{
    struct coop_sandbox *box = NULL;

    cr_assert_eq(coop_sandbox_new(&box, NULL, &err), 0, "%s", err.text);
    for (; settings && (*settings)[0]; settings++)
        cr_assert_eq(coop_sandbox_set(box, (*settings)[0], (*settings)[1], &err), 0, "%s",
                     err.text);
    return box;
}

#define BOX(...) box_with((const char *const[][2]){__VA_ARGS__, {NULL, NULL}})

static struct coop_sandbox_run *start_in(const struct coop_sandbox *box, int out,
                                         const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct coop_sandbox_program program = {.argv = argv, .stdio = {-1, out, 2}};
    struct coop_sandbox_run *run = NULL;

    cr_assert_eq(coop_sandbox_start(box, &program, &run, &err), 0, "%s", err.text);
    return run;
}

static struct coop_sandbox_receipt wait_for(struct coop_sandbox_run *run)
{
    struct coop_sandbox_receipt receipt = {0};

    cr_assert_eq(coop_sandbox_wait(run, COOP_FOREVER, &receipt, &err), 0, "%s", err.text);
    return receipt;
}

static void read_line(int fd, char *line, size_t size)
{
    ssize_t got = read(fd, line, size - 1);

    line[got > 0 ? got : 0] = '\0';
}

/* ---- settings ---- */

Test(library, a_wrong_setting_is_refused_at_once_and_by_its_key)
{
    struct coop_sandbox *box = BOX({"MemoryMax", "64M"});
    struct coop_sandbox *other = NULL;

    cr_assert_eq(coop_sandbox_set(box, "MemoryMax", "10X", &err), -1);
    cr_assert_eq(strncmp(err.text, "MemoryMax", 9), 0, "%s", err.text);
    cr_assert_eq(coop_sandbox_set(box, "PrivateNetwork", "", &err), -1);
    cr_assert(strstr(err.text, "PrivateNetwork=: a value is missing"), "%s", err.text);
    cr_assert_eq(coop_sandbox_set(box, "MemoryMx", "1M", &err), -1);
    cr_assert_eq(err.code, COOP_E_UNKNOWN);
    cr_assert(strstr(err.hint, "MemoryMax") || strstr(err.text, "MemoryMax"), "%s", err.hint);
    cr_assert_eq(coop_sandbox_new(&other, "no-such-profile", &err), -1);
    cr_assert(strstr(err.text, "no-such-profile"), "%s", err.text);
    cr_assert_null(other);
    coop_sandbox_free(box);
    coop_sandbox_free(NULL);
}

Test(library, settings_reach_the_program)
{
    struct coop_sandbox *box =
        BOX({"Hostname", "elsewhere"}, {"UMask", "0027"}, {"LimitNOFILE", "99"},
            {"TemporaryFileSystem", "/var"}, {"TemporaryFileSystem", "/opt"});
    struct coop_sandbox_run *run =
        start_in(box, -1,
                 "test $(uname -n) = elsewhere && test $(umask) = 0027 && "
                 "test $(ulimit -n) = 99 && touch /var/a /opt/b");

    cr_assert_eq(wait_for(run).exit_code, 0);
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

Test(library, environment_and_directory_are_the_given_ones)
{
    const char *const argv[] = {"sh", "-c", "test \"$A\" = 'b=c d' && test -z \"$HOME\" && pwd",
                                NULL};
    const char *const env[] = {"PATH=/usr/bin:/bin", "A=b=c d", NULL};
    struct coop_sandbox *box = box_with(NULL);
    struct coop_sandbox_run *run = NULL;
    char line[64];
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(coop_sandbox_start(box,
                                    &(struct coop_sandbox_program){.argv = argv,
                                                                   .env = env,
                                                                   .directory = "/usr/lib",
                                                                   .stdio = {-1, ends[1], 2}},
                                    &run, &err),
                 0, "%s", err.text);
    close(ends[1]);
    read_line(ends[0], line, sizeof line);
    cr_assert_str_eq(line, "/usr/lib\n");
    cr_assert_eq(wait_for(run).exit_code, 0);
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

/* ---- starting ---- */

Test(library, who_cannot_start_says_why_and_leaves_nothing)
{
    static const char *const not_there[] = {"/no/such", NULL},
                             *const no_file[] = {"/usr", NULL}, *const none[] = {NULL},
                             *const yes[] = {"true", NULL};
    struct coop_sandbox *box = box_with(NULL),
                        *strict = BOX({"RootDirectory", "/no/such/tree"});
    struct coop_sandbox_program program = {.argv = not_there, .stdio = COOP_SANDBOX_INHERIT};
    struct coop_sandbox_run *run = NULL;

    cr_assert_eq(coop_sandbox_start(box, &program, &run, &err), -1);
    cr_assert(err.code == COOP_E_CHILD && err.sys == ENOENT, "%s", err.text);
    program.argv = no_file;
    cr_assert_eq(coop_sandbox_start(box, &program, &run, &err), -1);
    cr_assert(err.code == COOP_E_CHILD && err.sys == EACCES, "%s", err.text);
    program.argv = none;
    cr_assert_eq(coop_sandbox_start(box, &program, &run, &err), -1);
    cr_assert_eq(err.code, COOP_E_SYNTAX);
    program.argv = yes;
    cr_assert_eq(coop_sandbox_start(strict, &program, &run, &err), -1);
    cr_assert(strstr(err.text, "/no/such/tree"), "%s", err.text);
    setenv("COOP_RUN", "/no/such/coop-run", 1);
    cr_assert_eq(coop_sandbox_start(box, &program, &run, &err), -1);
    cr_assert(err.code == COOP_E_SYS && err.sys == ENOENT, "%s", err.text);
    cr_assert(strstr(err.text, "'/no/such/coop-run'") && strstr(err.hint, "COOP_RUN=PATH"),
              "%s", err.text);
    cr_assert_null(run);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_assert_eq(errno, ECHILD);
    coop_sandbox_free(box);
    coop_sandbox_free(strict);
}

/* One that is open in the caller without close-on-exec is not even coop-run's. */
Test(library, no_descriptor_of_the_caller_gets_in)
{
    struct coop_sandbox *box = box_with(NULL);
    struct coop_sandbox_run *run;
    char line[64];
    int ends[2], stray[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(pipe(stray), 0);
    run = start_in(box, ends[1], "echo /proc/self/fd/*; read forever < /dev/zero");
    close(ends[1]);
    read_line(ends[0], line, sizeof line);
    close(stray[1]);
    cr_assert_eq(read(stray[0], line, sizeof line), 0, "somebody holds the other end");
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

Test(library, nothing_is_said_on_the_programs_standard_error)
{
    const char *const argv[] = {"sleep", "1000", NULL};
    struct coop_sandbox *box = BOX({"WallTime", "50ms"});
    struct coop_sandbox_run *run = NULL;
    char line[400];
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(coop_sandbox_start(
                     box,
                     &(struct coop_sandbox_program){.argv = argv, .stdio = {-1, -1, ends[1]}},
                     &run, &err),
                 0, "%s", err.text);
    close(ends[1]);
    cr_assert_str_eq(wait_for(run).result, "wall-time");
    read_line(ends[0], line, sizeof line);
    cr_assert_str_eq(line, "");
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

/* ---- ending ---- */

Test(library, the_receipt_tells_it_in_fields_and_in_json)
{
    struct coop_sandbox *box = BOX({"OutputMax", "1M"});
    struct coop_sandbox_run *run = start_in(box, -1, "echo 12345; exit 3");
    struct coop_sandbox_receipt receipt = wait_for(run);

    cr_assert_str_eq(receipt.result, "exit");
    cr_assert(receipt.exit_code == 3 && receipt.status == 3 && receipt.signal == 0);
    cr_assert(!receipt.killed && receipt.output == 6 && receipt.wall_time > 0);
    cr_assert_gt(receipt.max_rss, 0);
    cr_assert_str_eq(receipt.lost, "");
    cr_assert(strstr(receipt.json, "\"protection\"") && strstr(receipt.json, "\"OutputMax\""));
    cr_assert_str_eq(wait_for(run).json, receipt.json); /* asked again */
    coop_sandbox_end(run);
    run = start_in(box, -1, "kill -USR1 $$");
    receipt = wait_for(run);
    cr_assert_str_eq(receipt.result, "signal");
    cr_assert(receipt.signal == SIGUSR1 && receipt.status == -1 &&
              receipt.exit_code == 128 + SIGUSR1);
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

static coop_nsec in_50_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (coop_nsec)now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec + 50 * COOP_NSEC_PER_MSEC;
}

Test(library, waiting_has_a_deadline_and_signals_are_passed_on)
{
    struct coop_sandbox *box = box_with(NULL);
    struct coop_sandbox_run *run;
    struct coop_sandbox_receipt receipt;
    struct pollfd end;
    char line[8];
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    run = start_in(box, ends[1], "trap 'exit 9' TERM; sleep 1000 & echo; wait");
    end = (struct pollfd){.fd = coop_sandbox_pidfd(run), .events = POLLIN};
    read_line(ends[0], line, sizeof line);
    cr_assert_eq(coop_sandbox_wait(run, COOP_NOW, NULL, &err), -1);
    cr_assert_eq(err.code, COOP_E_TIMEOUT);
    cr_assert_eq(coop_sandbox_wait(run, in_50_ms(), NULL, &err), -1);
    cr_assert_eq(err.code, COOP_E_TIMEOUT);
    cr_assert_eq(poll(&end, 1, 0), 0);
    cr_assert_eq(coop_sandbox_signal(run, SIGTERM), 0);
    cr_assert_eq(poll(&end, 1, 20000), 1);
    cr_assert_eq(coop_sandbox_wait(run, COOP_NOW, &receipt, &err), 0, "%s", err.text);
    cr_assert_eq(receipt.status, 9);
    cr_assert_eq(coop_sandbox_signal(run, SIGTERM), -ESRCH);
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

/* Every process of the box holds the pipe's end. */
static void kill_all(bool own_pids)
{
    struct coop_sandbox *box =
        own_pids ? BOX({"OutputMax", "1M"})
                 : BOX({"PrivatePIDs", "no"}, {"WallTime", "100s"}, {"ProtectProc", "default"});
    struct coop_sandbox_run *run;
    struct coop_sandbox_receipt receipt;
    char line[8];
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    run = start_in(box, ends[1],
                   "trap '' TERM INT HUP; setsid sleep 1000 & setsid sh -c 'sleep 1000 & sleep "
                   "1000' & echo; sleep 1000");
    close(ends[1]);
    read_line(ends[0], line, sizeof line);
    coop_sandbox_kill(run);
    receipt = wait_for(run);
    cr_assert(receipt.killed && receipt.exit_code == 128 + SIGKILL, "%s", receipt.json);
    cr_assert_eq(read(ends[0], line, sizeof line), 0);
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

Test(library, kill_ends_everything_inside)
{
    kill_all(true);
}

Test(library, kill_ends_everything_without_a_pid_namespace)
{
    kill_all(false);
}

Test(library, whoever_reaps_our_child_takes_no_answer_away)
{
    struct coop_sandbox *box = box_with(NULL);
    struct coop_sandbox_run *run = start_in(box, -1, "exit 5");

    while (waitpid(-1, NULL, 0) > 0)
        continue;
    cr_assert_eq(wait_for(run).status, 5);
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

Test(library, a_launcher_that_is_killed_is_told_of)
{
    struct coop_sandbox *box = box_with(NULL);
    struct coop_sandbox_run *run = start_in(box, -1, "sleep 1000");

    cr_assert_eq(coop_sandbox_signal(run, SIGKILL), 0); /* that one is coop-run's own */
    cr_assert_eq(coop_sandbox_wait(run, COOP_FOREVER, NULL, &err), -1);
    cr_assert_eq(err.code, COOP_E_CHILD);
    cr_assert(strstr(err.text, "killed by signal 9"), "%s", err.text);
    coop_sandbox_end(run);
    coop_sandbox_free(box);
}

/* ---- the caller ---- */

/* The program holds the pipe: its end of file means that all of them are gone. */
Test(library, nothing_lives_longer_than_the_caller)
{
    char line[8];
    int ends[2];
    pid_t caller;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    caller = fork();
    if (caller == 0) {
        const char *const argv[] = {"sh", "-c", "sleep 1000 & echo; sleep 1000", NULL};
        struct coop_sandbox_program program = {.argv = argv, .stdio = {-1, ends[1], 2}};
        struct coop_sandbox_run *run;
        struct coop_sandbox *box;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (coop_sandbox_new(&box, NULL, NULL) < 0 ||
            coop_sandbox_start(box, &program, &run, NULL) < 0)
            _exit(1);
        pause();
    }
    close(ends[1]);
    read_line(ends[0], line, sizeof line);
    cr_assert_str_eq(line, "\n");
    kill(caller, SIGKILL);
    cr_assert_eq(read(ends[0], line, sizeof line), 0);
    waitpid(caller, NULL, 0);
}

static void *start_and_wait(void *box)
{
    for (long i = 0; i < 12; i++) {
        char script[32];
        struct coop_sandbox_run *run;

        snprintf(script, sizeof script, "exit %ld", i);
        run = start_in(box, -1, script);
        if (wait_for(run).status != i)
            return box;
        coop_sandbox_end(run);
    }
    return NULL;
}

Test(library, one_box_serves_many_threads)
{
    struct coop_sandbox *box = box_with(NULL);
    pthread_t threads[8];

    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, start_and_wait, box), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failed = box;

        cr_assert_eq(pthread_join(threads[i], &failed), 0);
        cr_assert_null(failed);
    }
    coop_sandbox_free(box);
}

/* ---- a PID that is somebody else's by now ---- */

static pid_t child_with_pid(pid_t pid)
{
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return child;
}

/* In a PID namespace of its own, where every number can be had again. 0: nobody else was hit. */
static int reuse_pid(void)
{
    const char *const argv[] = {"true", NULL};
    struct coop_sandbox_program program = {.argv = argv, .stdio = {-1, -1, 2}};
    struct coop_sandbox_run *run = NULL;
    struct coop_sandbox *box = NULL;
    pid_t pid = 0, other;
    siginfo_t info = {0};

    if (coop_sandbox_new(&box, "none", NULL) < 0 ||
        coop_sandbox_start(box, &program, &run, NULL) < 0)
        return 1;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        continue;
    pid = info.si_pid; /* coop-run: our only child */
    if (coop_sandbox_wait(run, COOP_FOREVER, NULL, NULL) < 0)
        return 2;
    other = child_with_pid(pid);
    if (other != pid)
        return 3;
    if (coop_sandbox_signal(run, SIGKILL) != -ESRCH)
        return 4;
    coop_sandbox_kill(run);
    coop_sandbox_end(run);
    coop_sandbox_free(box);
    return waitpid(other, NULL, WNOHANG) == 0 && kill(other, 0) == 0 ? 0 : 5;
}

Test(library, a_reused_pid_is_not_signalled)
{
    struct clone_args args = {.flags = CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0),
                              .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    int status = -1;

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(reuse_pid());
    }
    cr_assert_gt(pid, 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "step %d", WEXITSTATUS(status));
}
