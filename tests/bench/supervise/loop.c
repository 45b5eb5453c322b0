/*
 * loop.c - the floor: what the kernel charges for keeping processes alive
 *
 *   bench_supervise_loop CHILD FIFO COUNT LIFE CODE
 *
 * Starts COUNT children by posix_spawn(3), starts each anew that ends, and nothing else: no
 * configuration, no output, no state, no questions.  SIGTERM ends them and then the loop.
 */
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ARGUMENTS = 6, WORD_SIZE = 256 };

static pid_t *pids;
static size_t count;

static bool start(char **argv, size_t index)
{
    char word[WORD_SIZE];
    char *child_argv[] = {argv[1], word, NULL};
    posix_spawnattr_t attributes;
    sigset_t none;
    int failed;

    snprintf(word, sizeof word, "%s %zu %s %s", argv[2], index, argv[4], argv[5]);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    failed = posix_spawn(&pids[index], argv[1], NULL, &attributes, child_argv, environ);
    posix_spawnattr_destroy(&attributes);
    return failed == 0;
}

/* Everyone who has ended is started anew. */
static bool again(char **argv)
{
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        size_t index = 0;

        if (pid <= 0)
            return true;
        while (index < count && pids[index] != pid)
            index++;
        if (index < count && !start(argv, index))
            return false;
    }
}

int main(int argc, char **argv)
{
    sigset_t signals;

    if (argc < ARGUMENTS)
        return EXIT_FAILURE;
    count = (size_t)strtoul(argv[3], NULL, 10);
    pids = calloc(count ? count : 1, sizeof *pids);
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    for (size_t i = 0; pids && i < count; i++)
        if (!start(argv, i))
            return EXIT_FAILURE;
    while (pids && sigwaitinfo(&signals, NULL) == SIGCHLD)
        if (!again(argv))
            return EXIT_FAILURE;
    for (size_t i = 0; pids && i < count; i++)
        kill(pids[i], SIGTERM);
    for (size_t i = 0; i < count; i++)
        wait(NULL);
    return pids ? EXIT_SUCCESS : EXIT_FAILURE;
}
