/*
 * ask.c - the version of a peer, as it prints it
 */
#include "bench/ask.h"

#include <ctype.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { TEXT = 256 };

/* What argv prints first; "" when it cannot be started. */
static void first_text(const char *const *argv, char ret_text[TEXT])
{
    posix_spawn_file_actions_t actions;
    ssize_t got = 0;
    int ends[2];
    pid_t pid;

    ret_text[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    /* posix_spawn(3) only reads its argv, but is older than const. */
    if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) ==
        0) {
        close(ends[1]);
        ends[1] = -1;
        got = read(ends[0], ret_text, TEXT - 1);
        waitpid(pid, NULL, 0);
    }
    ret_text[got > 0 ? got : 0] = '\0';
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
}

void ask_version(const char *const *argv, char *ret_version, size_t size)
{
    char text[TEXT], *rest = NULL, *word;

    first_text(argv, text);
    for (word = strtok_r(text, " \t\n,", &rest); word; word = strtok_r(NULL, " \t\n,", &rest))
        if (isdigit((unsigned char)*word))
            break;
    snprintf(ret_version, size, "%s", word ? word : "unknown");
}
