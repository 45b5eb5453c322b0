/*
 * spawner_serve.c - the spawner itself, inside coop-init (libc only)
 *
 * One loop: take a request, map its plan, fork, answer.  It never waits for a child and holds
 * nothing between two requests.  It trusts its socket (the caller is the process that started
 * it), yet checks every plan: a plan of another build must be an error, not a jump into the dark.
 *
 * It runs with the caller's power, so nobody may look into it: not dumpable.  All signals are
 * blocked for good (a Ctrl-C at coopd's terminal is coopd's business); it ends with its socket.
 */
#include "launcher/borrow.h"
#include "launcher/clone.h"
#include "launcher/init.h"
#include "launcher/join.h"
#include "launcher/pass.h"
#include "launcher/recipe.h"
#include "launcher/spawn.h"
#include "launcher/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(SPAWNER_MAX_FDS <= PASS_MAX, "a request fits into a message");

/* One request, taken apart. */
struct job {
    struct spawner_request request;
    int fds[SPAWNER_MAX_FDS];
    unsigned count;
    struct launch_io io;
    struct launch_plan *plan;
    struct launch_report *told;
};

/* ---- taking a request ---- */

/* 1: a request, 0: the caller is gone, or -errno for one that cannot be served. */
static int receive(int socket, struct job *job)
{
    struct passed came;
    ssize_t got =
        pass_receive(socket, &job->request, sizeof job->request, SPAWNER_MAX_FDS, &came, 0);

    if (got <= 0)
        return 0;
    job->count = came.count;
    memcpy(job->fds, came.fds, came.count * sizeof(int));
    if (got != (ssize_t)sizeof job->request || job->request.magic != SPAWNER_MAGIC)
        return -EPROTO;
    /* The kernel stops installing descriptors at our limit and says so. */
    return came.cut ? -EMFILE : 1;
}

/* Gives each descriptor its place. -EPROTO when there are not as many as was said. */
static int sort_fds(struct job *job)
{
    const uint32_t needed = 1u << SPAWNER_PLAN | 1u << SPAWNER_REPORT | 1u << SPAWNER_TOLD;
    int *const places[SPAWNER_SLOTS] = {
        [SPAWNER_STDIN] = &job->io.stdio[0],    [SPAWNER_STDOUT] = &job->io.stdio[1],
        [SPAWNER_STDERR] = &job->io.stdio[2],   [SPAWNER_EXIT_NOTE] = &job->io.exit_note,
        [SPAWNER_LIVENESS] = &job->io.liveness, [SPAWNER_GATE] = &job->io.gate,
        [SPAWNER_CGROUP] = &job->io.cgroup,     [SPAWNER_SYNC] = &job->io.sync,
    };
    unsigned used = 0;

    if ((job->request.slots & needed) != needed || job->request.extra > LAUNCH_MAX_FDS)
        return -EPROTO;
    for (unsigned i = 0; i < SPAWNER_SLOTS; i++) {
        if (!(job->request.slots & 1u << i))
            continue;
        if (used == job->count)
            return -EPROTO;
        if (places[i])
            *places[i] = job->fds[used];
        used++;
    }
    if (job->count - used != job->request.extra)
        return -EPROTO;
    memcpy(job->io.fds, job->fds + used, job->request.extra * sizeof(int));
    job->io.fd_count = job->request.extra;
    return 0;
}

/* A private, writable view of the sealed bytes: plan_bind() fills in this address. */
static int map_plan(struct job *job)
{
    const int sealed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    size_t size = job->request.plan_size;
    struct stat st;
    void *at;

    if (size > LAUNCH_MAX_BLOB)
        return -EFBIG;
    /* Bytes that are not there, or go away while we look, would be a SIGBUS. */
    if ((fcntl(job->fds[SPAWNER_PLAN], F_GET_SEALS) & sealed) != sealed ||
        fstat(job->fds[SPAWNER_PLAN], &st) < 0 || st.st_size != (off_t)size)
        return -EPROTO;
    at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, job->fds[SPAWNER_PLAN], 0);
    if (at == MAP_FAILED)
        return -errno;
    job->plan = at;
    if (plan_verify(at, size) < 0)
        return -EPROTO;
    plan_bind(job->plan);
    return 0;
}

/* Shared with the caller, who looks at it when the child is done. */
static int map_told(struct job *job)
{
    struct stat st;
    void *at;

    if (fstat(job->fds[SPAWNER_TOLD], &st) < 0 || st.st_size != (off_t)sizeof *job->told)
        return -EPROTO;
    at = mmap(NULL, sizeof *job->told, PROT_READ | PROT_WRITE, MAP_SHARED,
              job->fds[SPAWNER_TOLD], 0);
    if (at == MAP_FAILED)
        return -errno;
    job->told = at;
    return 0;
}

/* ---- serving it ---- */

static void child_main(void *arg, int join)
{
    const struct job *job = arg;
    const struct spawn_order order = {.plan = job->plan,
                                      .io = &job->io,
                                      .told = job->told,
                                      .report = job->fds[SPAWNER_REPORT],
                                      .far = -1};

    spawn_child_main(&order, join);
}

static pid_t serve(struct job *job, int *ret_pidfd)
{
    struct clone_order order = {.for_parent = true, .run = child_main, .arg = job};
    struct borrowed own;
    int r = sort_fds(job);

    if (r >= 0)
        r = map_plan(job);
    if (r >= 0)
        r = map_told(job);
    if (r < 0)
        return r;
    order.namespaces = job->plan->clone_flags;
    order.cgroup = job->io.cgroup;
    if (job->plan->joins.count > 0)
        return join_clone(job->plan, &order, job->told, ret_pidfd);
    r = borrow_ids(job->plan, order.cgroup, job->told, &own);
    if (r < 0)
        return r;
    r = clone_child(&order, ret_pidfd);
    return_ids(&own);
    return r;
}

static int reply(int socket, pid_t pid, int pidfd)
{
    const struct spawner_reply answer = {.magic = SPAWNER_MAGIC, .pid = pid};

    return pass_send(socket, &answer, sizeof answer, &pidfd, pidfd >= 0, 0);
}

static void let_go_of(struct job *job, int pidfd)
{
    if (job->plan)
        (void)munmap(job->plan, job->request.plan_size);
    if (job->told)
        (void)munmap(job->told, sizeof *job->told);
    for (unsigned i = 0; i < job->count; i++)
        (void)close(job->fds[i]);
    if (pidfd >= 0)
        (void)close(pidfd);
}

int spawner_serve(int socket)
{
    uint64_t old_mask;
    int r;

    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NAME, "coop-spawner");
    init_block_signals(&old_mask);
    init_default_signals();
    if (reply(socket, 0, -1) < 0)
        return 0;
    do {
        struct job job = {.io = LAUNCH_IO_NULL};
        int pidfd = -1;
        pid_t pid;

        r = receive(socket, &job);
        pid = r > 0 ? serve(&job, &pidfd) : r;
        if (r != 0 && reply(socket, pid, pidfd) < 0)
            r = 0;
        let_go_of(&job, pidfd);
    } while (r != 0);
    return 0;
}
