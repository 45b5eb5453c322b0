/*
 * pty.c - a terminal with a shell behind it (contract in pty.h)
 */
#include "support/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PATIENCE 10000 /* milliseconds */

static void must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(98);
}

/* ---- the shell ---- */

static pid_t start_job(const char *const argv[], void (*bend)(void))
{
    pid_t job = fork();

    must(job >= 0, "fork");
    if (job > 0) {
        (void)setpgid(job, job);
        return job;
    }
    setpgid(0, 0);
    tcsetpgrp(0, getpgrp()); /* SIGTTOU is ignored still */
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    if (bend)
        bend();
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(99);
}

/* One change of the job. False: it has ended. */
static bool tell(int events, pid_t job, bool *stopped)
{
    int status;

    if (waitpid(job, &status, WUNTRACED | WNOHANG) <= 0)
        return true;
    if (WIFSTOPPED(status)) {
        *stopped = true;
        tcsetpgrp(0, getpgrp());
        dprintf(events, "stopped\n");
    } else if (WIFEXITED(status)) {
        dprintf(events, "exit %d\n", WEXITSTATUS(status));
    } else {
        dprintf(events, "signal %d\n", WTERMSIG(status));
    }
    return !WIFEXITED(status) && !WIFSIGNALED(status);
}

static void nothing(int sig)
{
    (void)sig;
}

static _Noreturn void be_shell(int orders, int events, const char *const argv[],
                               void (*bend)(void))
{
    const struct sigaction wake = {.sa_handler = nothing};
    struct pollfd wait = {.fd = orders, .events = POLLIN};
    sigset_t child, none;
    bool stopped = false;
    char order;
    pid_t job;

    sigemptyset(&none);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTSTP, SIG_IGN);
    sigaction(SIGCHLD, &wake, NULL);
    job = start_job(argv, bend);
    sigprocmask(SIG_BLOCK, &child, NULL);
    dprintf(events, "%d\n", (int)job);
    while (tell(events, job, &stopped)) {
        if (ppoll(&wait, 1, NULL, &none) != 1)
            continue;
        if (read(orders, &order, 1) != 1)
            break;
        if (order == PTY_FOREGROUND)
            tcsetpgrp(0, job);
        if (stopped) /* who runs is not told, as in the shells */
            kill(-job, SIGCONT);
        stopped = false;
        dprintf(events, "continued\n"); /* by wait it could be lost behind the next stop */
    }
    if (read(orders, &order, 1) < 0) /* keeps the session until the test lets go */
        _exit(1);
    _exit(0);
}

/* ---- the test's side ---- */

/* One line from the shell into pty->event. */
static void hear(struct pty *pty)
{
    struct pollfd wait = {.fd = pty->events, .events = POLLIN};
    size_t used = 0;

    while (used < sizeof pty->event - 1 && poll(&wait, 1, PATIENCE) == 1 &&
           read(pty->events, pty->event + used, 1) == 1 && pty->event[used] != '\n')
        used++;
    pty->event[used] = '\0';
}

void pty_open(struct pty *ret_pty, const char *const argv[], void (*bend)(void))
{
    struct pty *pty = ret_pty;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int orders[2], events[2], slave;
    char name[64];

    memset(pty, 0, sizeof *pty);
    pty->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    must(pty->master >= 0 && grantpt(pty->master) == 0 && unlockpt(pty->master) == 0, "pty");
    must(ptsname_r(pty->master, name, sizeof name) == 0, "ptsname");
    must(ioctl(pty->master, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");
    must(pipe2(orders, O_CLOEXEC) == 0 && pipe2(events, O_CLOEXEC) == 0, "pipe");
    pty->shell = fork();
    must(pty->shell >= 0, "fork");
    if (pty->shell == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setsid();
        slave = open(name, O_RDWR | O_CLOEXEC);
        must(slave >= 0 && ioctl(slave, TIOCSCTTY, 0) == 0, name);
        for (int fd = 0; fd < 3; fd++)
            dup2(slave, fd);
        close(orders[1]);
        close(events[0]);
        close(pty->master);
        be_shell(orders[0], events[1], argv, bend);
    }
    close(orders[0]);
    close(events[1]);
    pty->orders = orders[1];
    pty->events = events[0];
    hear(pty);
    pty->job = (pid_t)strtol(pty->event, NULL, 10);
    must(pty->job > 1,
         "the shell's job"); /* a 0 or -1 that went on to kill(2) would mean many */
}

void pty_type(struct pty *pty, const char *text)
{
    must(write(pty->master, text, strlen(text)) == (ssize_t)strlen(text), "typing");
}

bool pty_shows(struct pty *pty, const char *text)
{
    struct pollfd wait = {.fd = pty->master, .events = POLLIN};

    for (;;) {
        const char *at = strstr(pty->screen + pty->seen, text);
        ssize_t got;

        if (at) {
            pty->seen = (size_t)(at - pty->screen) + strlen(text);
            return true;
        }
        if (poll(&wait, 1, PATIENCE) != 1)
            return false;
        got = read(pty->master, pty->screen + pty->shown, PTY_SCREEN - 1 - pty->shown);
        if (got <= 0)
            return false;
        pty->shown += (size_t)got;
        pty->screen[pty->shown] = '\0';
    }
}

const char *pty_event(struct pty *pty)
{
    hear(pty);
    return pty->event;
}

void pty_order(struct pty *pty, enum pty_order order)
{
    char byte = (char)order;

    must(write(pty->orders, &byte, 1) == 1, "order");
}

bool pty_is_cooked(const struct pty *pty)
{
    const tcflag_t wanted = ICANON | ISIG | ECHO;
    struct termios mode;

    return tcgetattr(pty->master, &mode) == 0 && (mode.c_lflag & wanted) == wanted &&
           mode.c_oflag & OPOST;
}

void pty_close(struct pty *pty)
{
    (void)kill(-pty->job, SIGKILL);
    (void)kill(pty->shell, SIGKILL);
    while (waitpid(pty->shell, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(pty->master);
    close(pty->orders);
    close(pty->events);
}
