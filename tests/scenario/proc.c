/* proc.c - start, collect, reap; see proc.h */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/scope.h"
#include "world.h"

enum { STREAMS_MAX = 64 };

static int child_signals = -1;

coop_nsec scn_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * COOP_NSEC_PER_SEC + ts.tv_nsec;
}

int scn_pump_open(struct coop_err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    child_signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return child_signals < 0 ? coop_fail_sys(err, errno, "signalfd") : 0;
}

/* ---- the child ---- */

_Noreturn static void become(const struct scn *s, const struct proc *p, int in, int out,
                             int err)
{
    sigset_t none;

    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(125);
    close_range(3, ~0U, 0);
    if (p->as_user && world_become_user(s->world) < 0)
        _exit(125);
    /* after the change of user, which makes the kernel forget it */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1 && !s->world->is_private)
        _exit(125);
    execve(p->argv[0], p->argv, p->env);
    dprintf(2, "scenario: cannot execute %s: %s\n", p->argv[0], coop_strerror(errno));
    _exit(127);
}

int proc_start(struct scn *s, struct proc *p)
{
    int out[2], err[2];
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (in < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        return scn_fail(s, "pipe: %s", coop_strerror(errno));
    /* only our ends: the program's own must be blocking, as a terminal would be */
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);

    fflush(NULL);
    p->began = scn_now();
    p->pid = fork();
    if (p->pid < 0)
        return scn_fail(s, "fork: %s", coop_strerror(errno));
    if (p->pid == 0)
        become(s, p, in, out[1], err[1]);
    close(in);
    close(out[1]);
    close(err[1]);
    p->out.fd = out[0];
    p->err.fd = err[0];
    p->ended = p->expected_end = false;
    p->next = s->procs;
    s->procs = p;
    return SCN_OK;
}

int proc_exit_code(const struct proc *p)
{
    return WIFSIGNALED(p->status) ? 128 + WTERMSIG(p->status) : WEXITSTATUS(p->status);
}

struct proc *proc_named(const struct scn *s, const char *name)
{
    for (struct proc *p = s->procs; p; p = p->next)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* ---- waiting ---- */

static void take_output(struct stream *st)
{
    char piece[65536];

    for (;;) {
        ssize_t n = read(st->fd, piece, sizeof piece);

        if (n > 0) {
            text_add(&st->got, piece, (size_t)n);
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        close(st->fd);
        st->fd = -1;
        return;
    }
}

/* Reaps everything: our own, and orphans that the kernel gave to us. */
static void reap(struct scn *s)
{
    struct signalfd_siginfo drop[16];
    pid_t pid;
    int status;

    while (read(child_signals, drop, sizeof drop) > 0) {
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (struct proc *p = s->procs; p; p = p->next) {
            if (p->pid == pid && !p->ended) {
                p->ended = true;
                p->took = scn_now() - p->began;
                p->status = status;
            }
        }
    }
}

bool scn_pump(struct scn *s, coop_nsec deadline)
{
    struct pollfd fds[STREAMS_MAX] = {{.fd = child_signals, .events = POLLIN}};
    struct stream *streams[STREAMS_MAX];
    nfds_t n = 1;
    coop_nsec left = deadline - scn_now();
    struct timespec ts;

    for (struct proc *p = s->procs; p; p = p->next) {
        struct stream *both[] = {&p->out, &p->err};

        for (int i = 0; i < 2; i++) {
            if (both[i]->fd < 0 || n == STREAMS_MAX)
                continue;
            streams[n] = both[i];
            fds[n++] = (struct pollfd){.fd = both[i]->fd, .events = POLLIN};
        }
    }
    if (left < 0)
        left = 0;
    ts = (struct timespec){left / COOP_NSEC_PER_SEC, left % COOP_NSEC_PER_SEC};
    if (ppoll(fds, n, &ts, NULL) <= 0)
        return scn_now() < deadline;
    for (nfds_t i = 1; i < n; i++)
        if (fds[i].revents)
            take_output(streams[i]);
    if (fds[0].revents)
        reap(s);
    return true;
}

int proc_wait(struct scn *s, struct proc *p, coop_nsec deadline)
{
    while (!p->ended)
        if (!scn_pump(s, deadline))
            return scn_fail(s, "'%s' (pid %d) still runs", p->name, (int)p->pid);
    /* What it wrote is in the pipe already.  The pipe's end is not awaited: a process that
     * outlives its parent may hold it for ever, and that is for `expect processes` to say. */
    if (p->out.fd >= 0)
        take_output(&p->out);
    if (p->err.fd >= 0)
        take_output(&p->err);
    return SCN_OK;
}
