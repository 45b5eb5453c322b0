/*
 * spawn.c - starting a plain program (child.h)
 *
 * posix_spawn(3) of today's libc does what a program with threads and gigabytes needs: CLONE_VM
 * and CLONE_VFORK on a stack of its own, all signals blocked meanwhile, nothing that locks before
 * the exec, whose error it returns.  Its caller waits for the exec: the eager bracket.
 *
 * Descriptors are moved in ascending order, so one that is wanted further up could be overwritten
 * before its turn: those are moved out of the way first.
 */
#include "coop/child.h"

#include "base/sys.h"
#include "coop/block.h"
#include "rt/reaper.h"
#include "rt/sched.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

static const int plain_fds[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};

struct preparation {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int copies[COOP_SPAWN_FDS_MAX]; /* -1: not needed */
    int count;
};

static int add_fd(struct preparation *p, int i, int fd)
{
    int *copy = &p->copies[i];

    if (fd < 0)
        return -posix_spawn_file_actions_addclose(&p->files, i);
    if (fd < p->count && fd != i) {
        *copy = sys_fcntl_int(fd, F_DUPFD_CLOEXEC, p->count);
        if (*copy < 0)
            return *copy;
        fd = *copy;
    }
    return -posix_spawn_file_actions_adddup2(&p->files, fd, i);
}

static int add_files(struct preparation *p, const struct coop_spawn *what)
{
    const int *fds = what->fds ? what->fds : plain_fds;
    int r = 0;

    if (what->dir)
        r = -posix_spawn_file_actions_addchdir_np(&p->files, what->dir);
    for (int i = 0; i < p->count && r == 0; i++)
        r = add_fd(p, i, fds[i]);
    return r == 0 ? -posix_spawn_file_actions_addclosefrom_np(&p->files, p->count) : r;
}

static int set_attributes(struct preparation *p, const struct coop_spawn *what)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t all, none;

    memset(&all, 0xff, sizeof all); /* sigfillset() leaves out libc's own two: then ignored */
    sigemptyset(&none);
    if (what->flags & COOP_SPAWN_GROUP)
        flags |= POSIX_SPAWN_SETPGROUP;
    if (what->flags & COOP_SPAWN_SESSION)
        flags |= POSIX_SPAWN_SETSID;
    posix_spawnattr_setsigdefault(&p->attr, &all);
    posix_spawnattr_setsigmask(&p->attr, &none);
    return -posix_spawnattr_setflags(&p->attr, flags);
}

/* The processor is given away only once nothing but the call itself is left; inside a bracket it
 * is away already. */
static int start(struct coop_child *child, const struct preparation *p,
                 const struct coop_spawn *what, struct coop_actor *actor, int kind)
{
    struct sys_spawn call = {.path = what->path ? what->path : what->argv[0],
                             .files = &p->files,
                             .attr = &p->attr,
                             .argv = what->argv,
                             .envp = what->envp,
                             .fds = what->fds ? what->fds : plain_fds,
                             .fd_count = p->count};
    const struct worker *w = coop__worker();
    bool bracket = w && w->blocked;
    pid_t pid;
    int r = coop__signals_open(); /* before there is a child whose end nobody would hear of */

    if (r < 0)
        return r;
    coop_child_spawn_begin();
    if (!bracket)
        coop_block_begin();
    r = sys_spawn(&pid, &call);
    if (!bracket)
        coop_block_end();
    if (r == 0 && (r = coop_child_watch(child, pid, actor, kind)) < 0)
        sys_kill(pid, SIGKILL); /* nobody has reaped it yet: it cannot be a stranger */
    coop_child_spawn_end();
    return r;
}

int coop_child_spawn(struct coop_child *child, const struct coop_spawn *what,
                     struct coop_actor *actor, int kind)
{
    struct preparation p = {.count = what->fds ? what->fd_count : 3};
    int r;

    if (!what->argv || !what->argv[0] || p.count < 0 || p.count > COOP_SPAWN_FDS_MAX)
        return -EINVAL;
    for (int i = 0; i < p.count; i++)
        p.copies[i] = -1;
    r = -posix_spawn_file_actions_init(&p.files);
    if (r < 0)
        return r;
    r = -posix_spawnattr_init(&p.attr);
    if (r == 0) {
        r = add_files(&p, what);
        if (r == 0)
            r = set_attributes(&p, what);
        if (r == 0)
            r = start(child, &p, what, actor, kind);
        posix_spawnattr_destroy(&p.attr);
    }
    posix_spawn_file_actions_destroy(&p.files);
    for (int i = 0; i < p.count; i++)
        if (p.copies[i] >= 0)
            sys_close(p.copies[i]);
    return r;
}
