/*
 * test_spawn_spawner.c - the spawner: children by its hand that are ours all the same
 */
#include "base/scope.h"
#include "launcher/pass.h"
#include "launcher/plan.h"
#include "launcher/spawner.h"
#include "spawn_plans.h"
#include "support/child.h"
#include "support/places.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct launch_spawner *start(void)
{
    struct launch_spawner *spawner = NULL;
    struct coop_err err = {0};

    cr_assert_eq(launch_spawner_start(&spawner, COOP_INIT_PATH, &err), 0, "%s", err.text);
    return spawner;
}

static int wait_for(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run(struct launch_spawner *spawner, const struct launch_plan *plan,
               const struct launch_io *io, struct coop_err *err)
{
    struct launch_child child;
    int code;

    if (launch_spawner_spawn(spawner, plan, io, &child, err) < 0)
        return -1000;
    code = wait_for(child.pid);
    if (child.pidfd >= 0)
        close(child.pidfd);
    return code;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], text[1024] = "", *at;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (!temp_file_read(path, text, sizeof text) || !(at = strstr(text, "PPid:")))
        return -1;
    return atoi(at + 5);
}

Test(spawn_spawner, its_children_are_ours)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "wait"));
    struct launch_spawner *spawner = start();
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_child child;
    struct coop_err err = {0};

    cr_assert_eq(launch_spawner_spawn(spawner, plan, &io, &child, &err), 0, "%s", err.text);
    cr_assert_eq(parent_of(child.pid), getpid());
    cr_assert_geq(child.pidfd, 0);
    kill(child.pid, SIGTERM);
    cr_assert_eq(wait_for(child.pid), -SIGTERM);
    close(child.pidfd);
    launch_spawner_stop(spawner);
    launch_plan_free(plan);
}

Test(spawn_spawner, it_spawns_a_reaper_from_a_threaded_caller)
{
    struct launch_plan *plan = plan_for(REAPER_KEYS, ARGV(SPAWN_PROBE_PATH, "leave", "deaf"));
    struct launch_spawner *spawner;
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_exit_note note;
    struct coop_err err = {0};
    int ends[2];

    if (lacks_user_namespaces())
        cr_skip_test("no user namespaces");
    spawner = start();
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    io.exit_note = ends[1];
    cr_assert_eq(run(spawner, plan, &io, &err), 5, "%s", err.text);
    close(ends[1]);
    cr_assert_eq(read(ends[0], &note, sizeof note), (ssize_t)sizeof note);
    cr_assert_eq(WEXITSTATUS(note.status), 5);
    cr_assert_eq(read(ends[0], &note, sizeof note), 0);
    launch_spawner_stop(spawner);
    launch_plan_free(plan);
}

Test(spawn_spawner, descriptors_arrive_in_their_places)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "fds"));
    struct launch_spawner *spawner = start();
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    char said[128] = "";
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    io.stdio[1] = io.stdio[2] = ends[1];
    io.fds[0] = io.fds[1] = ends[0];
    io.fd_count = 2;
    cr_assert_eq(run(spawner, plan, &io, &err), 0, "%s", err.text);
    cr_assert_gt(read(ends[0], said, sizeof said - 1), 0);
    cr_assert_str_eq(said, "fds 0 1 2 3 4\n");
    launch_spawner_stop(spawner);
    launch_plan_free(plan);
}

Test(spawn_spawner, failures_are_explained_as_without_it)
{
    struct launch_plan *plan = plan_for(NULL, ARGV("/nonexistent/program"));
    struct launch_spawner *spawner = start();
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};

    cr_assert_eq(run(spawner, plan, &io, &err), -1000);
    cr_assert_eq(err.sys, ENOENT);
    cr_assert_not_null(strstr(err.text, "/nonexistent/program"), "%s", err.text);
    launch_spawner_stop(spawner);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1, "no child, no zombie");
    launch_plan_free(plan);
}

Test(spawn_spawner, when_it_is_killed_the_caller_is_told_and_its_children_live)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "wait"));
    struct launch_spawner *spawner = start();
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_child child, none;
    struct coop_err err = {0};

    cr_assert_eq(launch_spawner_spawn(spawner, plan, &io, &child, &err), 0, "%s", err.text);
    kill(launch_spawner_pid(spawner), SIGKILL);
    cr_assert_eq(launch_spawner_spawn(spawner, plan, &io, &none, &err), -1);
    cr_assert_not_null(strstr(err.text, "spawner"), "%s", err.text);
    cr_assert_eq(kill(child.pid, 0), 0);
    kill(child.pid, SIGKILL);
    cr_assert_eq(wait_for(child.pid), -SIGKILL);
    launch_spawner_stop(spawner);
    launch_plan_free(plan);
}

Test(spawn_spawner, a_helper_that_is_not_coop_init_is_an_error)
{
    struct launch_spawner *spawner = NULL;
    struct coop_err err = {0};

    cr_assert_eq(launch_spawner_start(&spawner, "/bin/true", &err), -1);
    cr_assert_eq(launch_spawner_start(&spawner, "/nonexistent/coop-init", &err), -1);
    cr_assert_not_null(strstr(err.text, "/nonexistent/coop-init"), "%s", err.text);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1, "no child, no zombie");
}

/* Sends one descriptor as all that there must be, and takes the answer. */
static int32_t ask(int socket, int plan, uint64_t size)
{
    struct spawner_request request = {.magic = SPAWNER_MAGIC,
                                      .slots = 1u << SPAWNER_PLAN | 1u << SPAWNER_REPORT |
                                               1u << SPAWNER_TOLD,
                                      .plan_size = size};
    struct spawner_reply reply = {.pid = 1};
    const int fds[] = {plan, plan, plan};

    cr_assert_eq(pass_send(socket, &request, sizeof request, fds, COOP_COUNT(fds), 0), 0);
    cr_assert_eq(recv(socket, &reply, sizeof reply, 0), (ssize_t)sizeof reply,
                 "the spawner has died");
    return reply.pid;
}

Test(spawn_spawner, a_plan_that_is_not_all_there_is_an_error_not_its_end)
{
    const struct launch_plan head = {
        .magic = PLAN_MAGIC, .version = PLAN_VERSION, .size = 1u << 20};
    int pair[2], plan = memfd_create("short", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct spawner_reply hello;
    char number[16];
    pid_t pid;

    /* It looks like a plan as far as it goes, which is one page of the many it speaks of. */
    cr_assert_eq(pwrite(plan, &head, sizeof head, 0), (ssize_t)sizeof head);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    pid = fork();
    if (pid == 0) {
        snprintf(number, sizeof number, "%d", pair[1]);
        fcntl(pair[1], F_SETFD, 0);
        execl(COOP_INIT_PATH, "coop-init", "--spawner", number, NULL);
        _exit(99);
    }
    close(pair[1]);
    cr_assert_eq(recv(pair[0], &hello, sizeof hello, 0), (ssize_t)sizeof hello);
    cr_assert_eq(ask(pair[0], plan, 1 << 20), -EPROTO);
    cr_assert_eq(ask(pair[0], plan, sizeof head), -EPROTO); /* and not sealed */
    cr_assert_eq(ask(pair[0], plan, 0), -EPROTO);
    close(pair[0]);
    cr_assert_eq(wait_for(pid), 0);
    close(plan);
}

Test(spawn_spawner, two_hundred_spawns_leave_both_sides_as_they_were, .timeout = 50)
{
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "exit", "0"));
    struct launch_spawner *spawner = start();
    struct launch_io io = LAUNCH_IO_NULL;
    struct coop_err err = {0};
    size_t before;

    cr_assert_eq(run(spawner, plan, &io, &err), 0, "%s", err.text);
    before = fds_count();
    for (int i = 0; i < 200; i++)
        cr_assert_eq(run(spawner, plan, &io, &err), 0, "%s", err.text);
    cr_assert_eq(fds_count(), before);
    launch_spawner_stop(spawner);
    launch_plan_free(plan);
}

/* Attempts overlap: each child says its own number, however they are mixed. */
Test(spawn_spawner, attempts_overlap, .timeout = 50)
{
    enum { N = 20 };
    struct launch_plan *plan = plan_for(NULL, ARGV(SPAWN_PROBE_PATH, "exit", "3"));
    struct launch_spawner *spawner = start();
    struct launch_io io = LAUNCH_IO_NULL;
    struct launch_attempt *attempts[N];
    struct coop_err err = {0};

    for (int i = 0; i < N; i++)
        cr_assert_eq(launch_attempt_start(&attempts[i], spawner, plan, &io, &err), 0, "%s",
                     err.text);
    for (int i = N - 1; i >= 0; i--) {
        struct launch_child child;
        int r;

        while ((r = launch_attempt_step(attempts[i], &child, &err)) == 0) {
            struct pollfd wait = {.fd = launch_attempt_fd(attempts[i]), .events = POLLIN};

            cr_assert_eq(poll(&wait, 1, 10000), 1);
        }
        cr_assert_eq(r, 1, "%s", err.text);
        cr_assert_eq(wait_for(child.pid), 3);
        close(child.pidfd);
        launch_attempt_free(attempts[i]);
    }
    launch_spawner_stop(spawner);
    launch_plan_free(plan);
}
