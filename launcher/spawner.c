/*
 * spawner.c - the caller's side of the spawner (the wire is in spawner.h, the far side in
 * spawner_serve.c)
 *
 * Why there is one: a child that joins namespaces, switches users or stays as a reaper must be a
 * plain fork, and a fork of a threaded supervisor copies its page tables and may find a lock held
 * for ever.  So coopd asks a small single-threaded process to fork.  CLONE_PARENT makes the child
 * coopd's own all the same: coopd reaps it, and the spawner may come and go.
 *
 * Requests are answered in order and at once (after the clone, before the recipe), so one
 * request and its reply are a plain blocking pair of about 0.2 ms.
 */
#include "launcher/spawner.h"

#include "base/scope.h"
#include "launcher/clone.h"
#include "launcher/pass.h"
#include "launcher/raw.h"
#include "launcher/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct launch_spawner {
    int socket;
    pid_t pid;
};

/* ---- finding coop-init ---- */

/* Relative to the folder of the running program: the build tree, an install, libexec. */
static const char *const places[] = {"coop-init", "../libexec/coop/coop-init",
                                     "../libexec/coop-init", "../sbin/coop-init",
                                     "../bin/coop-init"};

static int open_helper(const char *path)
{
    return open(path, O_PATH | O_CLOEXEC);
}

static int open_beside_us(void)
{
    SCOPED_FD folder = -1;
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (length <= 0)
        return -1;
    self[length] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return -1;
    slash[1] = '\0';
    folder = open(self, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    for (size_t i = 0; i < COOP_COUNT(places); i++) {
        int fd = openat(folder, places[i], O_PATH | O_CLOEXEC);

        if (fd >= 0)
            return fd;
    }
    return -1;
}

int launch_helper_open(const char *path, int *ret_fd, struct coop_err *err)
{
    const char *from_env = secure_getenv("COOP_INIT");
    int fd = path ? open_helper(path) : open_beside_us();

    if (fd < 0 && path)
        return coop_fail_sys(err, errno, "open helper '%s'", path);
    if (fd < 0 && from_env)
        fd = open_helper(from_env);
    if (fd < 0) {
        (void)coop_fail(err, COOP_E_MISSING, "the helper program coop-init is not there");
        return coop_hint(err,
                         "it belongs beside this program or in ../libexec/coop; COOP_INIT=PATH "
                         "names it elsewhere");
    }
    *ret_fd = fd;
    return 0;
}

/* ---- starting it ---- */

struct start {
    int helper, socket;
    const char *mode;
};

/* Shares our memory: raw calls only. The helper holds one descriptor, number 3. */
static void helper_main(void *arg, int join)
{
    static const char *const env[] = {NULL};
    const struct start *start = arg;
    const char *const argv[] = {"coop-init", start->mode, "3", NULL};
    long helper, socket, null;

    (void)join;
    /* Both out of the way of 0-3 first: they may be any of them. */
    helper = raw3(SYS_fcntl, start->helper, F_DUPFD_CLOEXEC, 10);
    socket = raw3(SYS_fcntl, start->socket, F_DUPFD_CLOEXEC, 10);
    null = raw4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    if (helper < 0 || socket < 0 || null < 0)
        raw1(SYS_exit_group, 127);
    null = raw3(SYS_fcntl, null, F_DUPFD_CLOEXEC, 10);
    for (long fd = 0; fd < 3; fd++)
        raw3(SYS_dup3, null, fd, 0);
    raw3(SYS_dup3, socket, 3, 0);
    raw5(SYS_execveat, helper, "", argv, env, AT_EMPTY_PATH);
    raw1(SYS_exit_group, 127);
}

static int receive_reply(int socket, struct spawner_reply *ret_reply, int *ret_pidfd);

/* The far side says hello first, so that "started" means: it runs, and it is of our build. */
static int await_hello(const struct launch_spawner *spawner, struct coop_err *err)
{
    struct spawner_reply hello;
    int pidfd = -1;
    int r = receive_reply(spawner->socket, &hello, &pidfd);

    if (r < 0)
        return coop_fail(err, COOP_E_CHILD,
                         "the spawner (coop-init) ended before it was ready");
    if (hello.magic != SPAWNER_MAGIC || hello.pid != 0) {
        (void)coop_fail(err, COOP_E_MISSING, "the spawner (coop-init) is of another version");
        return coop_hint(err, "install coop-init and this program from one build");
    }
    return 0;
}

int launch_helper_start(const char *helper, const char *mode, int fd, pid_t *ret_pid,
                        struct coop_err *err)
{
    SCOPED_FD program = -1;
    struct start start = {.socket = fd, .mode = mode};
    struct clone_order order = {
        .share_memory = true, .cgroup = -1, .run = helper_main, .arg = &start};
    int pidfd = -1;
    pid_t pid;

    if (launch_helper_open(helper, &program, err) < 0)
        return -1;
    start.helper = program;
    pid = clone_child(&order, &pidfd);
    fd_closep(&pidfd);
    if (pid < 0)
        return coop_fail_sys(err, -pid, "clone");
    *ret_pid = pid;
    return 0;
}

int launch_spawner_start(struct launch_spawner **ret_spawner, const char *helper,
                         struct coop_err *err)
{
    SCOPED_FREE struct launch_spawner *spawner = calloc(1, sizeof *spawner);
    SCOPED_FD theirs = -1;
    int pair[2];

    if (!spawner)
        return coop_fail_sys(err, ENOMEM, "starting the spawner");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return coop_fail_sys(err, errno, "starting the spawner: socketpair");
    spawner->socket = pair[0];
    theirs = pair[1];
    if (launch_helper_start(helper, "--spawner", theirs, &spawner->pid, err) < 0) {
        (void)close(spawner->socket);
        return coop_while(err, "starting the spawner");
    }
    fd_closep(&theirs);
    theirs = -1; /* only then does the end of the spawner end the conversation */
    if (await_hello(spawner, err) < 0) {
        launch_spawner_stop(ptr_take(&spawner));
        return -1;
    }
    *ret_spawner = ptr_take(&spawner);
    return 0;
}

pid_t launch_spawner_pid(const struct launch_spawner *spawner)
{
    return spawner->pid;
}

void launch_spawner_stop(struct launch_spawner *spawner)
{
    siginfo_t info;

    if (!spawner)
        return;
    (void)close(spawner->socket); /* it ends with its socket */
    while (waitid(P_PID, (id_t)spawner->pid, &info, WEXITED) < 0 && errno == EINTR)
        continue;
    free(spawner);
}

/* ---- asking ---- */

/* The plan's bytes where another process can map them and nobody can change them. */
static int plan_memfd(const struct launch_plan *plan, uint64_t *ret_size, int *ret_fd,
                      struct coop_err *err)
{
    SCOPED_FD fd = memfd_create("coop-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t size, done = 0;
    const char *bytes = launch_plan_bytes(plan, &size);

    if (fd < 0)
        return coop_fail_sys(err, errno, "the plan's memfd");
    while (done < size) {
        ssize_t wrote = write(fd, bytes + done, size - done);

        if (wrote < 0 && errno != EINTR)
            return coop_fail_sys(err, errno, "the plan's memfd: write");
        if (wrote > 0)
            done += (size_t)wrote;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return coop_fail_sys(err, errno, "the plan's memfd: seal");
    *ret_size = size;
    *ret_fd = fd_take(&fd);
    return 0;
}

/* Puts the descriptors into the order of enum spawner_slot. */
static unsigned fill_request(struct spawner_request *request, int fds[SPAWNER_MAX_FDS],
                             const struct spawn_order *order, int plan_fd)
{
    const struct launch_io *io = order->io;
    const int slots[SPAWNER_SLOTS] = {
        [SPAWNER_PLAN] = plan_fd,
        [SPAWNER_REPORT] = order->report,
        [SPAWNER_TOLD] = order->told_fd,
        [SPAWNER_STDIN] = io->stdio[0],
        [SPAWNER_STDOUT] = io->stdio[1],
        [SPAWNER_STDERR] = io->stdio[2],
        [SPAWNER_EXIT_NOTE] = io->exit_note,
        [SPAWNER_LIVENESS] = io->liveness,
        [SPAWNER_GATE] = io->gate,
        [SPAWNER_CGROUP] = io->cgroup,
        [SPAWNER_SYNC] = io->sync,
    };
    unsigned count = 0;

    for (unsigned i = 0; i < SPAWNER_SLOTS; i++) {
        if (slots[i] < 0)
            continue;
        request->slots |= 1u << i;
        fds[count++] = slots[i];
    }
    request->extra = io->fd_count;
    for (unsigned i = 0; i < io->fd_count; i++)
        fds[count++] = io->fds[i];
    return count;
}

static int receive_reply(int socket, struct spawner_reply *ret_reply, int *ret_pidfd)
{
    struct passed came;
    ssize_t got = pass_receive(socket, ret_reply, sizeof *ret_reply, 1, &came, 0);

    if (got < 0)
        return (int)got;
    if (came.count > 0)
        *ret_pidfd = came.fds[0];
    return got == (ssize_t)sizeof *ret_reply ? 0 : -EPIPE;
}

int spawner_clone(struct launch_spawner *spawner, const struct spawn_order *order,
                  struct spawn_result *ret_result, struct coop_err *err)
{
    struct spawner_request request = {.magic = SPAWNER_MAGIC};
    struct spawner_reply reply;
    int fds[SPAWNER_MAX_FDS], pidfd = -1, r;
    SCOPED_FD plan_fd = -1;
    unsigned count;

    if (order->io->fd_count > LAUNCH_MAX_FDS)
        return coop_fail(err, COOP_E_LIMIT, "at most %d descriptors can be handed down",
                         LAUNCH_MAX_FDS);
    if (plan_memfd(order->plan, &request.plan_size, &plan_fd, err) < 0)
        return -1;
    count = fill_request(&request, fds, order, plan_fd);
    r = pass_send(spawner->socket, &request, sizeof request, fds, count, 0);
    if (r >= 0)
        r = receive_reply(spawner->socket, &reply, &pidfd);
    if (r < 0) {
        (void)coop_fail_sys(err, r, "asking the spawner (PID %d)", (int)spawner->pid);
        return coop_hint(err, "it has ended; a new one must be started");
    }
    if (reply.pid < 0)
        return spawn_explain_clone(-reply.pid, order->plan, order->io, err);
    *ret_result = (struct spawn_result){.pid = reply.pid, .pidfd = pidfd};
    return 0;
}
