/*
 * test_spawn_child.c - launch_spawn: what the parent learns of its child, and what stays behind
 */
#include "launcher/cgroup.h"
#include "spawn_plans.h"
#include "support/child.h"
#include "support/places.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int wait_for(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Spawns, waits, and gives the exit code; -1000 when the launch failed. */
static int run(const struct launch_plan *plan, const struct launch_io *io, struct coop_err *err)
{
    struct launch_child child;
    int code;

    if (launch_spawn(plan, io, &child, err) < 0)
        return -1000;
    code = wait_for(child.pid);
    if (child.pidfd >= 0)
        close(child.pidfd);
    return code;
}

/* ---- the plain case ---- */

Test(spawn_child, a_light_plan_runs_and_its_end_is_ours_to_wait_for)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "exit", "42"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};

    cr_assert(launch_plan_is_light(plan));
    cr_assert_eq(run(plan, &io, &err), 42, "%s", err.text);
    launch_plan_free(plan);
}

Test(spawn_child, the_child_has_a_pidfd_and_is_its_own_main)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "wait"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    struct launch_child child;

    cr_assert_eq(launch_spawn(plan, &io, &child, &err), 0, "%s", err.text);
    cr_assert_eq(child.pid, child.main_pid);
    cr_assert_geq(child.pidfd, 0);
    cr_assert(fcntl(child.pidfd, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(syscall(SYS_pidfd_send_signal, child.pidfd, SIGTERM, NULL, 0), 0);
    cr_assert_eq(wait_for(child.pid), -SIGTERM);
    close(child.pidfd);
    launch_plan_free(plan);
}

Test(spawn_child, only_the_three_standard_descriptors_go_down)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "fds"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    char said[128] = "";
    int ends[2], leak = open("/", O_RDONLY);

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    io.stdio[1] = ends[1];
    cr_assert_eq(run(plan, &io, &err), 0, "%s", err.text);
    cr_assert_gt(read(ends[0], said, sizeof said - 1), 0);
    cr_assert_str_eq(said, "fds 0 1 2\n");
    close(leak);
    launch_plan_free(plan);
}

/* ---- failures ---- */

Test(spawn_child, a_missing_program_is_ENOENT_and_leaves_no_child)
{
    struct launch_plan *plan = plan_for(NULL, ARGV("/nonexistent/program"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};

    cr_assert_eq(run(plan, &io, &err), -1000);
    cr_assert_eq(err.sys, ENOENT);
    cr_assert_not_null(strstr(err.text, "/nonexistent/program"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "exec"), "%s", err.text);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1, "no child, no zombie");
    launch_plan_free(plan);
}

Test(spawn_child, a_file_that_cannot_run_is_EACCES)
{
    struct launch_plan *plan = plan_for(NULL, ARGV("/etc/passwd"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};

    cr_assert_eq(run(plan, &io, &err), -1000);
    cr_assert_eq(err.sys, EACCES, "%s", err.text);
    launch_plan_free(plan);
}

Test(spawn_child, a_failing_step_is_named_with_its_path)
{
    struct launch_plan *plan = plan_for(KEYS("cwd=/nonexistent/place"), ARGV("/bin/true"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};

    cr_assert_eq(run(plan, &io, &err), -1000);
    cr_assert_not_null(strstr(err.text, "cwd"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "/nonexistent/place"), "%s", err.text);
    cr_assert_eq(err.sys, ENOENT);
    launch_plan_free(plan);
}

/* Behind the filter there is no call left by which a failure could be told, nor one to end by. */
Test(spawn_child, a_missing_program_is_told_past_a_filter_that_refuses_every_call)
{
    static const char *const filters[] = {
        "SystemCallFilter=~sendto sendmsg write writev exit exit_group kill tgkill:EPERM",
        "SystemCallFilter=~sendto:kill exit_group:kill",
        "SystemCallFilter=@default",
    };

    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        for (int reaper = 0; reaper < 2; reaper++) {
            struct launch_plan *plan =
                plan_for(reaper ? KEYS("PrivateUsers=yes", "PrivatePIDs=yes", filters[i])
                                : KEYS(filters[i]),
                         ARGV("/nonexistent/program"));
            struct launch_io io = LAUNCH_IO_NULL;
            struct coop_err err = {0};

            cr_assert_eq(run(plan, &io, &err), -1000, "%s", filters[i]);
            cr_assert_eq(err.sys, ENOENT, "%s: %s", filters[i], err.text);
            cr_assert_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1, "no child, no zombie");
            launch_plan_free(plan);
        }
}

Test(spawn_child, the_signal_mask_of_the_caller_is_put_back)
{
    struct launch_plan *plan = plan_for(NULL, ARGV("/bin/true"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    sigset_t before, after;

    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    cr_assert_eq(run(plan, &io, &err), 0, "%s", err.text);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int sig = 1; sig < 32; sig++)
        cr_assert_eq(sigismember(&after, sig), sig == SIGUSR2);
    launch_plan_free(plan);
}

/* ---- with a reaper ---- */

/* The PID a process has in its innermost namespace. */
static int inner_pid(pid_t pid)
{
    char path[64], text[4096] = "", *line, *last;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (!temp_file_read(path, text, sizeof text) || !(line = strstr(text, "NSpid:")))
        return -1;
    line[strcspn(line, "\n")] = '\0';
    last = strrchr(line, '\t');
    return last ? atoi(last) : -1;
}

static void find_main(int report, void *arg)
{
    struct launch_plan *plan = plan_for(REAPER_KEYS, ARGV(SPAWN_PROBE_PATH, "wait"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    struct launch_child child;

    (void)arg;
    if (launch_spawn(plan, &io, &child, &err) < 0)
        dprintf(report, "%s\n", err.text), _exit(1);
    CHILD_CHECK(report, child.main_pid > 0 && child.main_pid != child.pid);
    CHILD_CHECK(report, inner_pid(child.pid) == 1);
    CHILD_CHECK(report, inner_pid(child.main_pid) == 2);
    CHILD_CHECK(report, kill(child.pid, SIGUSR1) == 0); /* the reaper relays it */
    CHILD_CHECK(report, wait_for(child.pid) == 128 + SIGUSR1);
    launch_plan_free(plan);
}

Test(spawn_child, hello_translates_the_pid_out_of_the_namespace)
{
    char said[CHILD_TEXT];

    if (lacks_user_namespaces())
        cr_skip_test("no user namespaces");
    cr_assert_eq(in_child(find_main, NULL, said), 0, "%s", said);
}

static void leave_nothing(int report, void *arg)
{
    struct launch_plan *plan = plan_for(REAPER_KEYS, ARGV(SPAWN_PROBE_PATH, "leave", "deaf"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_exit_note note = {0};
    struct coop_err err = {0};
    int note_pipe[2], life[2];
    char byte;

    (void)arg;
    /* Every process below holds the write end of 'life': its end of file means all are gone. */
    CHILD_CHECK(report, pipe2(note_pipe, O_CLOEXEC) == 0 && pipe2(life, O_CLOEXEC) == 0);
    io.exit_note = note_pipe[1];
    io.stdio[2] = life[1];
    CHILD_CHECK(report, run(plan, &io, &err) == 5);
    CHILD_CHECK(report, read(note_pipe[0], &note, sizeof note) == (ssize_t)sizeof note);
    CHILD_CHECK(report, note.magic == LAUNCH_EXIT_MAGIC && WEXITSTATUS(note.status) == 5);
    close(life[1]);
    CHILD_CHECK(report, read(life[0], &byte, 1) == 0);
    launch_plan_free(plan);
}

Test(spawn_child, double_forking_children_are_gone_when_the_reaper_ends)
{
    char said[CHILD_TEXT];

    if (lacks_user_namespaces())
        cr_skip_test("no user namespaces");
    cr_assert_eq(in_child(leave_nothing, NULL, said), 0, "%s", said);
}

static void lose_liveness(int report, void *arg)
{
    struct launch_plan *plan = plan_for(REAPER_KEYS, ARGV(SPAWN_PROBE_PATH, "wait"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    struct launch_child child;
    int life[2];

    (void)arg;
    CHILD_CHECK(report, pipe2(life, O_CLOEXEC) == 0);
    io.liveness = life[0];
    CHILD_CHECK(report, launch_spawn(plan, &io, &child, &err) == 0);
    close(life[1]);
    CHILD_CHECK(report, wait_for(child.pid) == 128 + SIGKILL);
    launch_plan_free(plan);
}

Test(spawn_child, the_end_of_the_liveness_pipe_ends_the_tree)
{
    char said[CHILD_TEXT];

    if (lacks_user_namespaces())
        cr_skip_test("no user namespaces");
    cr_assert_eq(in_child(lose_liveness, NULL, said), 0, "%s", said);
}

static void stay_above(int report, void *arg)
{
    struct launch_plan *plan =
        plan_for(KEYS("subreaper=yes"), ARGV(SPAWN_PROBE_PATH, "leave", "deaf"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_exit_note note = {0};
    struct coop_err err = {0};
    struct launch_child child;
    int note_pipe[2], life[2];
    char byte;

    (void)arg;
    CHILD_CHECK(report, pipe2(note_pipe, O_CLOEXEC) == 0 && pipe2(life, O_CLOEXEC) == 0);
    io.exit_note = note_pipe[1];
    io.stdio[2] = life[1];
    CHILD_CHECK(report, launch_spawn(plan, &io, &child, &err) == 0);
    CHILD_CHECK(report, child.main_pid != child.pid);
    CHILD_CHECK(report, read(note_pipe[0], &note, sizeof note) == (ssize_t)sizeof note);
    CHILD_CHECK(report, WEXITSTATUS(note.status) == 5);
    CHILD_CHECK(report, waitpid(child.pid, NULL, WNOHANG) == 0); /* deaf ones are left */
    CHILD_CHECK(report, launch_tree_kill(child.pid) == 0);
    CHILD_CHECK(report, wait_for(child.pid) == 5);
    close(life[1]);
    CHILD_CHECK(report, read(life[0], &byte, 1) == 0);
    launch_plan_free(plan);
}

Test(spawn_child, a_subreaper_stays_above_the_tree_and_ends_it_on_request)
{
    char said[CHILD_TEXT];

    cr_assert_eq(in_child(stay_above, NULL, said), 0, "%s", said);
}

/* ---- the gate ---- */

static bool is_readable(int fd, int timeout)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return poll(&wait, 1, timeout) == 1;
}

Test(spawn_child, at_the_gate_it_is_set_up_but_has_not_run)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "fds"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_attempt *attempt;
    struct launch_child child;
    struct coop_err err = {0};
    int gate[2], out[2];

    cr_assert(pipe2(gate, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    io.gate = gate[0];
    io.stdio[1] = out[1];
    cr_assert_eq(launch_attempt_start(&attempt, NULL, plan, &io, &err), 0, "%s", err.text);
    while (launch_attempt_step(attempt, &child, &err) == 0)
        cr_assert(is_readable(launch_attempt_fd(attempt), 5000));
    cr_assert_gt(child.main_pid, 0);
    cr_assert_not(is_readable(out[0], 0), "nothing has run");
    cr_assert_eq(write(gate[1], "", 1), 1);
    cr_assert(is_readable(launch_attempt_fd(attempt), 5000));
    cr_assert_eq(launch_attempt_step(attempt, &child, &err), 1, "%s", err.text);
    cr_assert_eq(wait_for(child.pid), 0);
    cr_assert(is_readable(out[0], 0));
    launch_attempt_free(attempt);
    launch_plan_free(plan);
}

Test(spawn_child, a_gate_that_closes_ends_the_child)
{
    struct launch_plan *plan = plan_for(NULL, ARGV("/bin/true"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_child child;
    struct coop_err err = {0};
    int gate[2];

    cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);
    io.gate = gate[0];
    cr_assert_eq(launch_spawn(plan, &io, &child, &err), 0, "%s", err.text);
    close(gate[1]);
    cr_assert_eq(wait_for(child.pid), 127);
    launch_plan_free(plan);
}

/* ---- clone3 refused ---- */

/* As the filters of older container engines do it. */
static void refuse_clone3(int report, unsigned sys)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | sys),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = code};

    CHILD_CHECK(report, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHILD_CHECK(report, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void without_clone3(int report, void *arg)
{
    struct launch_plan *light = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "exit", "6"));
    struct launch_plan *heavy = plan_for(REAPER_KEYS, ARGV(SPAWN_PROBE_PATH, "exit", "7"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};

    refuse_clone3(report, *(unsigned *)arg);
    CHILD_CHECK(report, run(light, &io, &err) == 6);
    if (!lacks_user_namespaces())
        CHILD_CHECK(report, run(heavy, &io, &err) == 7);
    launch_plan_free(light);
    launch_plan_free(heavy);
}

Test(spawn_child, where_clone3_is_refused_clone_does_it)
{
    unsigned answers[] = {ENOSYS, EPERM};
    char said[CHILD_TEXT];

    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(in_child(without_clone3, &answers[i], said), 0, "%s", said);
}

static void join_by_hand(int report, void *arg)
{
    struct launch_plan *light = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "wait"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_cgroups groups;
    struct launch_child child;
    struct coop_err err = {0};
    char path[LAUNCH_CGROUP_PATH];
    pid_t pids[4] = {0};

    (void)arg;
    if (launch_cgroups_open(&groups, &err) < 0)
        _exit(77);
    CHILD_CHECK(report, launch_cgroup_make(&groups, "by hand", path, &err) == 0);
    io.cgroup = launch_cgroup_enter(&groups, path);
    refuse_clone3(report, ENOSYS);
    CHILD_CHECK(report, launch_spawn(light, &io, &child, &err) == 0);
    CHILD_CHECK(report, launch_cgroup_pids(&groups, path, pids, 4) == 1);
    CHILD_CHECK(report, pids[0] == child.pid);
    CHILD_CHECK(report, launch_cgroup_kill(&groups, path) == 0);
    CHILD_CHECK(report, wait_for(child.pid) == -SIGKILL);
    CHILD_CHECK(report, launch_cgroup_remove(&groups, path) == 0);
    launch_cgroups_close(&groups);
    launch_plan_free(light);
}

Test(spawn_child, without_clone3_it_joins_its_cgroup_by_itself)
{
    char said[CHILD_TEXT];
    int code = in_child(join_by_hand, NULL, said);

    if (code == 77)
        cr_skip_test("no cgroup v2 hierarchy that may be divided");
    cr_assert_eq(code, 0, "%s", said);
}

/* ---- many ---- */

Test(spawn_child, two_hundred_spawns_leave_the_descriptors_as_they_were, .timeout = 50)
{
    struct launch_plan *light = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "exit", "0"));
    struct launch_plan *missing = plan_for(NULL, ARGV("/nonexistent/program"));
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    size_t before;

    cr_assert_eq(run(light, &io, &err), 0, "%s", err.text);
    before = fds_count();
    for (int i = 0; i < 200; i++)
        cr_assert_eq(run(light, &io, &err), 0, "%s", err.text);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(run(missing, &io, &err), -1000);
    cr_assert_eq(fds_count(), before);
    launch_plan_free(light);
    launch_plan_free(missing);
}

static void *spawn_twenty(void *arg)
{
    const struct launch_plan *plan = arg;
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    intptr_t wrong = 0;

    for (int i = 0; i < 20; i++)
        wrong += run(plan, &io, &err) != 9;
    return (void *)wrong;
}

Test(spawn_child, threads_may_spawn_light_plans_side_by_side, .timeout = 50)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "exit", "9"));
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, spawn_twenty, plan), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;

        pthread_join(threads[i], &wrong);
        cr_assert_eq((intptr_t)wrong, 0);
    }
    launch_plan_free(plan);
}
