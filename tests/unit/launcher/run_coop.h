#ifndef UNIT_LAUNCHER_RUN_COOP_H
#define UNIT_LAUNCHER_RUN_COOP_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * run_coop.h - coop-run as a program, for tests: words in, exit code and output out
 *
 *     cr_assert_eq(RUN("sh", "-c", "exit 7"), 7);
 *     BENT(as_user, "id", "-u");                     started by somebody who bends things first
 *     SAYS("part of what it wrote to 1 or 2");
 */

#ifndef COOP_RUN
#define COOP_RUN "coop-run" /* the build says where it is */
#endif

#define SOMEBODY 61500 /* an ordinary user that nobody else is */

static char output[65536]; /* a full one would end the command by SIGPIPE */

/* Reads until the last writer is gone. */
static inline void collect(int fd)
{
    size_t used = 0;
    ssize_t n;

    while ((n = read(fd, output + used, sizeof output - 1 - used)) > 0)
        used += (size_t)n;
    output[used] = '\0';
    close(fd);
}

/* By descriptor: it may lie where only root can go. High up, where no test's own ones are. */
static inline int open_program(void)
{
    int low = open(COOP_RUN, O_PATH | O_CLOEXEC), high = fcntl(low, F_DUPFD_CLOEXEC, 200);

    close(low);
    cr_assert_geq(high, 0);
    return high;
}

/* Starts coop-run with these words in "/usr", its 1 and 2 in a pipe. The pid. */
static inline pid_t start(const char *const *words, int *ret_pipe, void (*bend)(void))
{
    const char *argv[64] = {COOP_RUN};
    int ends[2], n = 1, program;
    pid_t pid;

    while (*words && n < 63)
        argv[n++] = *words++;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    program = open_program();
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        if (bend)
            bend();
        if (chdir("/usr") == 0)
            fexecve(program, (char *const *)(void *)argv, environ);
        _exit(99);
    }
    close(ends[1]);
    close(program);
    *ret_pipe = ends[0];
    return pid;
}

static inline int finish(pid_t pid, int pipe_end)
{
    int status = -1;

    collect(pipe_end);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int run_bent(void (*bend)(void), const char *const *words)
{
    int pipe_end;
    pid_t pid = start(words, &pipe_end, bend);

    return finish(pid, pipe_end);
}

#define RUN(...)        run_bent(NULL, (const char *const[]){__VA_ARGS__, NULL})
#define BENT(how, ...)  run_bent(how, (const char *const[]){__VA_ARGS__, NULL})
#define SAYS(text)      cr_assert(strstr(output, text), "'%s' is not in:\n%s", text, output)
#define SILENT_ON(text) cr_assert(!strstr(output, text), "'%s' is in:\n%s", text, output)

/* The caller is an ordinary user; whoever runs the tests as one already is. */
static inline void as_user(void)
{
    if (geteuid() == 0 &&
        (setgroups(0, NULL) < 0 || setresgid(SOMEBODY, SOMEBODY, SOMEBODY) < 0 ||
         setresuid(SOMEBODY, SOMEBODY, SOMEBODY) < 0))
        _exit(98);
    prctl(PR_SET_DUMPABLE, 1);
}

#endif
