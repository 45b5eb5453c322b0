#ifndef TESTS_UNIT_RT_MISUSE_H
#define TESTS_UNIT_RT_MISUSE_H

#include "coop/coop.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * misuse.h - a table of what must not be done, and what the library answers
 *
 *     static const struct misuse rows[] = {
 *         ABORTS("unlock of what is not locked", unlock_open, "coop: unlock of a ..."),
 *         RETURNS("closing twice", close_twice),
 *     };
 *
 * Each row has a process of its own.
 *
 *   ABORTS    it must end by SIGABRT, and what it writes to stderr must match from the first
 *             letter to the last ('*' for numbers; without the newline at its end)
 *   RETURNS   the function looks at what the calls return; it must write nothing and return 0
 *   TELLS     it must write what matches, and return 0
 *
 * _IN_DEBUG: noticed by libraries with COOP_DEBUG only.
 */
#define CHECK(what)                                                                            \
    do {                                                                                       \
        if (!(what)) {                                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                 \
            _exit(9);                                                                          \
        }                                                                                      \
    } while (0)

struct misuse {
    const char *name;
    int (*fn)(void);
    const char *says, *tells;
    int debug;
};

#define RETURNS(text, function)                                                                \
    {                                                                                          \
        .name = (text), .fn = (function)                                                       \
    }
#define TELLS(text, function, pattern)                                                         \
    {                                                                                          \
        .name = (text), .fn = (function), .tells = pattern                                     \
    }
#define ABORTS(text, function, pattern)                                                        \
    {                                                                                          \
        .name = (text), .fn = (function), .says = pattern                                      \
    }
#define ABORTS_IN_DEBUG(text, function, pattern)                                               \
    {                                                                                          \
        .name = (text), .fn = (function), .says = pattern, .debug = 1                          \
    }

/* The runtime round a function; for rows whose misuse needs a coroutine. */
static inline int inside(int (*fn)(void *))
{
    struct coop_options o = {.name = "main", .procs = 1};

    return coop_main(&o, fn, NULL);
}

static inline size_t misuse_read(int fd, char *text, size_t size)
{
    size_t used = 0;
    ssize_t n;

    while (used < size - 1 && (n = read(fd, text + used, size - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    return used;
}

/* An emulator has the last word about a signal that kills: it is not the runtime's. */
static inline void misuse_without_emulator(char *text)
{
    static const char *const marks[] = {"qemu: ", "==", "--"};
    char *to = text, *line = text;

    while (*line) {
        size_t length = strcspn(line, "\n");
        int ours = 1;

        length += line[length] == '\n';
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
            ours = ours && strncmp(line, marks[i], strlen(marks[i])) != 0;
        if (ours) {
            memmove(to, line, length);
            to += length;
        }
        line += length;
    }
    *to = '\0';
}

static inline int misuse_status(const struct misuse *row, char *text, size_t size)
{
    struct rlimit no_core = {0, 0};
    int status = 0,
        said = memfd_create("said", MFD_CLOEXEC); /* no pipe: its children hold it */
    pid_t pid;

    if (said < 0)
        return -1;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(said, STDERR_FILENO);
        alarm(60);
        _exit(row->fn());
    }
    waitpid(pid, &status, 0);
    lseek(said, 0, SEEK_SET);
    misuse_read(said, text, size);
    if (getenv("COOP_SLOWER"))
        misuse_without_emulator(text);
    close(said);
    return status;
}

static inline int misuse_fits(const char *pattern, char *text)
{
    size_t length = strlen(text);

    if (!pattern)
        return text[0] == '\0';
    if (length == 0 || text[length - 1] != '\n')
        return 0;
    text[length - 1] = '\0';
    return fnmatch(pattern, text, 0) == 0;
}

static inline int misuse_run(const struct misuse *rows, size_t count)
{
    static char text[65536];
    int failed = 0;

    for (size_t i = 0; i < count; i++) {
        const struct misuse *row = &rows[i];
        int status, good;

#ifndef COOP_DEBUG
        if (row->debug)
            continue;
#endif
        status = misuse_status(row, text, sizeof text);
        good = row->says ? WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
                         : WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (good && misuse_fits(row->says ? row->says : row->tells, text))
            continue;
        failed = 1;
        printf("%s: ended with status 0x%x and said:\n%s\n", row->name, (unsigned)status, text);
    }
    printf("%zu misuses\n", count);
    return failed;
}

#define MISUSE_MAIN(rows)                                                                      \
    int main(void)                                                                             \
    {                                                                                          \
        return misuse_run(rows, sizeof(rows) / sizeof((rows)[0]));                             \
    }

#endif
