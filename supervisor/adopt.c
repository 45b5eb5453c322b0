/*
 * adopt.c - ending what an earlier coopd left behind (see adopt.h)
 *
 * A survivor is no child of ours, so its end cannot be reaped: it is seen by a pidfd, which is
 * opened first and only then compared with the journal's start time, so that the process that
 * is signalled is the one that was recorded.
 */
#include "adopt.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt_tree.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "launcher/launch.h"

void survivors_add(void *arg, const struct survivor *survivor)
{
    struct survivors *all = arg;
    struct survivor *grown = realloc(all->list, (all->count + 1) * sizeof *grown);

    if (!grown) {
        all->partial = true;
        return;
    }
    all->list = grown;
    grown[all->count++] = *survivor;
}

void survivors_done(struct survivors *all)
{
    free(all->list);
    *all = (struct survivors){0};
}

int adopt_open(const struct survivor *s)
{
    SCOPED_SYS_FD fd = sys_pidfd_open(s->top_pid, 0);
    uint64_t ticks = 0;
    int r;

    if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
        return fd;
    r = journal_start_ticks(s->top_pid, &ticks);
    if (r < 0 && r != -ENOENT && r != -ESRCH)
        return r;
    /* A journal that has 0 could not read it: that proves nothing. */
    if (r < 0 || s->start_ticks == 0 || ticks != s->start_ticks)
        return -ESRCH;
    return fd < 0 ? fd : fd_take(&fd);
}

static void ask(const struct survivor *s, int fd, const struct machine *machine)
{
    if (s->held_by == HELD_BY_CGROUP && machine->has_cgroups)
        launch_cgroup_signal(&machine->cgroups, s->cgroup, SIGTERM);
    else
        sys_pidfd_send_signal(fd, SIGTERM, NULL, 0);
}

static void end(const struct survivor *s, int fd, const struct machine *machine)
{
    if (s->held_by == HELD_BY_CGROUP && machine->has_cgroups)
        launch_cgroup_kill(&machine->cgroups, s->cgroup);
    if (s->held_by == HELD_BY_SUBREAPER)
        launch_tree_kill_fd(fd);
    else
        sys_pidfd_send_signal(fd, SIGKILL, NULL, 0);
}

static bool wait_gone(int fd, coop_nsec deadline)
{
    return fd < 0 || coop_fd_wait(fd, COOP_IN, deadline) > 0;
}

static void let_go(int *fd)
{
    if (*fd >= 0)
        coop_fd_close(*fd);
    *fd = -1;
}

static int end_listed(struct survivors *all, struct machine *machine, int *fds)
{
    coop_nsec deadline = coop_after(coop_now(), ADOPT_PATIENCE);
    int left = 0;

    for (size_t i = 0; i < all->count; i++) {
        fds[i] = adopt_open(&all->list[i]);
        if (fds[i] < 0) {
            if (fds[i] == -ESRCH)
                continue;
            log_error("adopt", "%s: cannot tell whether process %d still runs: %s",
                      all->list[i].name, all->list[i].top_pid, coop_strerror(fds[i]));
            left++;
            continue;
        }
        log_warn("adopt", "%s: process %d was left running by an earlier coopd: ending it",
                 all->list[i].name, all->list[i].top_pid);
        ask(&all->list[i], fds[i], machine);
    }
    for (size_t i = 0; i < all->count; i++) {
        if (!wait_gone(fds[i], deadline))
            end(&all->list[i], fds[i], machine);
        else
            let_go(&fds[i]); /* its readiness was consumed: a second wait would be for ever */
    }
    deadline = coop_after(coop_now(), ADOPT_PATIENCE);
    for (size_t i = 0; i < all->count; i++) {
        left += !wait_gone(fds[i], deadline);
        let_go(&fds[i]);
    }
    return left;
}

int survivors_end(struct survivors *all, struct machine *machine, struct coop_err *err)
{
    SCOPED_FREE int *fds = calloc(all->count + 1, sizeof *fds);
    int left, in_tree;

    if (!fds || all->partial)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the survivors");
    left = end_listed(all, machine, fds);
    in_tree = adopt_tree_end(machine, all->coopd, err);
    if (in_tree < 0)
        return -1;
    left += in_tree;
    if (left == 0)
        return 0;
    coop_fail(err, COOP_E_BUSY, "%d services of an earlier coopd cannot be ended", left);
    return coop_hint(
        err, "starting them again would run them twice; see coopd's log for their PIDs");
}
