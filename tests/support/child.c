/*
 * child.c - run a scene in a single-threaded child of the test (see child.h)
 */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static _Noreturn void run(child_fn *scene, void *arg, int report)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1)
        _exit(1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (report != 3) {
        dup3(report, 3, O_CLOEXEC);
        report = 3;
    }
    close_range(4, ~0U, 0);
    scene(report, arg);
    _exit(0);
}

int in_child(child_fn *scene, void *arg, char ret_said[CHILD_TEXT])
{
    size_t len = 0;
    int ends[2], status = 0;
    pid_t pid;

    ret_said[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        run(scene, arg, ends[1]);
    close(ends[1]);
    while (pid > 0 && len < CHILD_TEXT - 1) {
        ssize_t n = read(ends[0], ret_said + len, CHILD_TEXT - 1 - len);

        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    ret_said[len] = '\0';
    close(ends[0]);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
