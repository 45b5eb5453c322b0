/*
 * coop-init.c - PID 1 for a container, or the subreaper above one service
 *
 *     coop-init [OPTION...] [--] COMMAND [ARGUMENT...]
 *
 * The program is the loop of init.c with a command line around it (init/options.c): static, no
 * stdio, no heap, so that a thousand of them cost little.  `coop-init --spawner FD` and
 * `--fdstore FD` are not for people: coopd starts its spawner and its descriptor store that way
 * (spawner.h, fdstore.h).
 */
#include "launcher/fdstore.h"
#include "launcher/init.h"
#include "launcher/init/options.h"
#include "launcher/init/say.h"
#include "launcher/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define MSEC INT64_C(1000000) /* nanoseconds */
#define RESPAWN_FIRST                                                                          \
    (100 * MSEC) /* before the second restart in a row; the first is at once */
#define RESPAWN_MOST (10000 * MSEC) /* doubled up to that; a life that long was a good one */

struct life {
    const struct init_options *options;
    uint64_t old_mask;
    volatile int *exec_error; /* shared with the child: what exec said, 0: nothing */
    int restarts;             /* in a row */
};

/* ---- telling ---- */

static const struct init_options
    *told; /* whose verbosity counts: init_reaper.tell has no place */

static void tell(enum init_event event, int what, int value)
{
    struct init_number a = init_number(what), b = init_number(init_exit_code(value)), c;
    bool signal = event == INIT_PASSED;

    if (event == INIT_REAPED && (told->warn_on_reap || told->verbosity > 2))
        init_say(STDERR_FILENO, "coop-init: reaped an orphan, PID ", a.text, "\n", NULL);
    if (event == INIT_ENDED && told->verbosity > 1)
        init_say(STDERR_FILENO, "coop-init: the command, PID ", a.text, ", ended with ", b.text,
                 "\n", NULL);
    if (signal && told->verbosity > 2)
        init_say(STDERR_FILENO, "coop-init: signal ", init_signal_name(what, &a),
                 value ? " is passed on as " : " is not passed on",
                 value ? init_signal_name(value, &c) : "", "\n", NULL);
}

/* ---- the child ---- */

static void take_place(enum init_place place, bool front)
{
    if (place == INIT_OWN_GROUP) {
        (void)setpgid(0, 0);
        if (front)
            (void)tcsetpgrp(STDIN_FILENO, getpgrp()); /* SIGTTOU is blocked */
    }
    if (place == INIT_OWN_SESSION) {
        (void)setsid();
        (void)ioctl(STDIN_FILENO, TIOCSCTTY, 0); /* no terminal, or another's: no harm */
    }
}

_Noreturn static void become_command(const struct life *life, bool front)
{
    char **command = life->options->command;
    int sys;

    take_place(life->options->place, front);
    if (life->options->parent_death_signal > 0)
        (void)prctl(PR_SET_PDEATHSIG, life->options->parent_death_signal);
    init_unblock_signals(life->old_mask);
    execvp(command[0], command);
    sys = errno;
    *life->exec_error = sys;
    init_say(STDERR_FILENO, "coop-init: cannot run '", command[0], "': ", strerrordesc_np(sys),
             "\n", NULL);
    _exit(sys == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* ---- ourselves ---- */

/* A session leader that lets its terminal go gets SIGHUP and SIGCONT: not for the command. */
static void let_terminal_go(void)
{
    const struct timespec at_once = {0};
    sigset_t own;

    if (getsid(0) != getpid() || ioctl(STDIN_FILENO, TIOCNOTTY) < 0)
        return;
    sigemptyset(&own);
    sigaddset(&own, SIGHUP);
    sigaddset(&own, SIGCONT);
    while (sigtimedwait(&own, NULL, &at_once) > 0)
        continue;
}

static bool has_terminal(void)
{
    return tcgetpgrp(STDIN_FILENO) >= 0 || tcgetpgrp(STDOUT_FILENO) >= 0 ||
           tcgetpgrp(STDERR_FILENO) >= 0;
}

static unsigned flags_of(const struct init_options *options)
{
    unsigned flags = options->tree ? INIT_TREE : 0;

    if (options->signal_group)
        flags |= INIT_GROUP;
    if (options->place == INIT_OWN_SESSION)
        flags |= INIT_SESSION;
    /* PID 1 cannot stop, and where there is no terminal nobody waits for that. */
    if (getpid() != 1 && (has_terminal() || options->place == INIT_OWN_SESSION))
        flags |= INIT_JOBS;
    return flags;
}

static void prepare(struct life *life, pid_t parent)
{
    const struct init_options *options = life->options;

    if (options->note_fd >= 0)
        (void)fcntl(options->note_fd, F_SETFD, FD_CLOEXEC);
    if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        init_fail("cannot become a subreaper", "", errno);
    life->exec_error = mmap(NULL, sizeof *life->exec_error, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (life->exec_error == MAP_FAILED)
        init_fail("cannot share memory with the command", "", errno);
    init_block_signals(&life->old_mask);
    init_default_signals(); /* before the fork: it drops a SIGCHLD that is pending */
    if (options->parent_death_signal > 0) {
        (void)prctl(PR_SET_PDEATHSIG, options->parent_death_signal);
        if (getppid() != parent) /* it was faster */
            (void)kill(getpid(), options->parent_death_signal);
    }
    if (options->place == INIT_OWN_SESSION)
        let_terminal_go();
}

/* ---- lives ---- */

static pid_t start(const struct life *life)
{
    struct init_number pid;
    bool front = tcgetpgrp(STDIN_FILENO) == getpgrp(); /* of us: the child may have left it */
    pid_t child = fork();

    if (child == 0)
        become_command(life, front);
    if (child < 0)
        return child;
    if (life->options->place == INIT_OWN_GROUP)
        (void)setpgid(child, child); /* whoever comes first: a signal may be next */
    pid = init_number(child);
    if (life->options->verbosity > 1)
        init_say(STDERR_FILENO, "coop-init: started '", life->options->command[0], "', PID ",
                 pid.text, "\n", NULL);
    return child;
}

/* How long to wait before the next start; -1: it was the last one. */
static int64_t next_start(struct life *life, const struct init_reaper *reaper, int code)
{
    const struct init_options *options = life->options;
    int64_t delay = 0;

    if (options->respawn == INIT_RESPAWN_NEVER || reaper->asked ||
        (options->respawn == INIT_RESPAWN_ON_FAILURE && code == 0))
        return -1;
    /* Where there is no such command, there will be none; but one that was there may come back. */
    if (*life->exec_error && life->restarts == 0)
        return -1;
    if (options->respawn_limit > 0 && life->restarts >= options->respawn_limit) {
        if (options->verbosity > 0)
            init_say(STDERR_FILENO, "coop-init: '", options->command[0], "' ended with ",
                     init_number(code).text, " and is given up after ",
                     init_number(life->restarts).text, " restarts in a row\n", NULL);
        return -1;
    }
    for (int i = 1; i <= life->restarts && delay < RESPAWN_MOST; i++)
        delay = delay ? 2 * delay : RESPAWN_FIRST;
    life->restarts++;
    return delay < RESPAWN_MOST ? delay : RESPAWN_MOST;
}

static int64_t now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 * MSEC + time.tv_nsec;
}

/* The command's whole life, restarts included; its last exit code. */
static int live(struct life *life, struct init_reaper *reaper)
{
    bool respawns = life->options->respawn != INIT_RESPAWN_NEVER;
    unsigned flags = reaper->flags;

    for (;;) {
        int64_t began = now(), delay;
        int code, ended_by;

        *life->exec_error = 0;
        reaper->main = start(life);
        if (reaper->main < 0)
            init_fail("cannot fork", "", errno);
        if (!respawns)
            init_let_go((int[]){0, 1, 2, reaper->note_fd}, 4);
        reaper->flags = respawns ? flags & ~INIT_TREE : flags;
        code = init_exit_code(init_reap(reaper));
        if (init_to_zero(life->options, code))
            code = 0;
        if (tcgetpgrp(STDIN_FILENO) == reaper->main)
            (void)tcsetpgrp(STDIN_FILENO, getpgrp()); /* for the next one, or whoever is left */
        if (now() - began >= RESPAWN_MOST)
            life->restarts = 0;
        delay = next_start(life, reaper, code);
        if (delay < 0)
            return code;
        if (life->options->verbosity > 0)
            init_say(STDERR_FILENO, "coop-init: '", life->options->command[0], "' ended with ",
                     init_number(code).text, " and is started again in ",
                     init_number((long)(delay / MSEC)).text, " ms\n", NULL);
        ended_by = init_pause(reaper, delay);
        if (ended_by)
            return 128 + ended_by;
    }
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    struct init_options options;
    struct life life = {.options = &options};
    struct init_reaper reaper;
    int code;

    init_options_parse(&options, argv, environ);
    if (options.fdstore_fd >= 0)
        return fdstore_serve(options.fdstore_fd);
    if (!options.command) {
        /* A reaper is a copy of its spawner: in a process list it shall show as what it is. */
        launch_reaper_forgets(argv[0],
                              (size_t)(argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]));
        return spawner_serve(options.spawner_fd);
    }
    told = &options;
    prepare(&life, parent);
    reaper = (struct init_reaper){.note_fd = options.note_fd,
                                  .life_fd = -1,
                                  .flags = flags_of(&options),
                                  .rewrite = options.rewrite,
                                  .tell = tell};
    code = live(&life, &reaper);
    reaper.main = 0;
    reaper.flags &= INIT_TREE;
    if (reaper.flags) /* with restarts nobody has waited for the rest yet */
        (void)init_reap(&reaper);
    return code;
}
