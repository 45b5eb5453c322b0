#ifndef TESTS_STRESS_PROCESSES_H
#define TESTS_STRESS_PROCESSES_H

#include "stress/stress.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * processes.h - children of a test, which die with it
 *
 *     pid_t pid = child_begin();
 *     if (pid == 0)
 *         _exit(play(arg));
 *     ...
 *     HOLDS(child_end(pid) == 0);
 */
static inline pid_t child_begin(void)
{
    pid_t parent = getpid(), pid = fork();

    HOLDS(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(97);
    }
    return pid;
}

/* Waits for its end: the exit code, or 128 + the signal that ended it. */
static inline int child_end(pid_t pid)
{
    int status;

    coop_block_begin();
    HOLDS(waitpid(pid, &status, 0) == pid);
    coop_block_end();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int child_kill(pid_t pid)
{
    HOLDS(kill(pid, SIGKILL) == 0);
    return child_end(pid);
}

/* In a child: what does not hold ends it. */
#define CHILD_HOLDS(what)                                                                      \
    do {                                                                                       \
        if (!(what)) {                                                                         \
            fprintf(stderr, "%s:%d: in a child: does not hold: %s\n", __FILE__, __LINE__,      \
                    #what);                                                                    \
            _exit(1);                                                                          \
        }                                                                                      \
    } while (0)

/* How many descriptors this process has open. */
static inline int fds_open(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

#endif
