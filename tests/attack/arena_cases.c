/*
 * arena_cases.c - see arena_cases.h
 */
#include "attack/arena_cases.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

bool arena_read_line(int fd, char *ret_line, size_t size)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ssize_t got = poll(&wait, 1, 10000) == 1 ? read(fd, ret_line, size - 1) : -1;

    ret_line[got > 0 ? got : 0] = '\0';
    return got > 0;
}

pid_t arena_start_stayer(const struct arena *arena, struct visit *visit)
{
    char line[64];
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        abort(); /* a -1 that went on to kill(2) would mean everybody */
    visit->out = ends[1];
    pid = arena_start(arena, visit);
    close(ends[1]);
    if (!arena_read_line(ends[0], line, sizeof line))
        printf("it never got ready\n");
    close(ends[0]);
    return pid;
}

static const char *const mode_names[MODES] = {"default", "--ro-bind / /"};

int arena_play(const struct arena *arena, const struct visit *visit)
{
    int code = arena_run(arena, visit);
    bool good = arena_check(arena);

    printf("%-20s %-14s as %-5s: %s\n", visit->attack, mode_names[visit->mode],
           arena->uid ? "user" : "root",
           !good || (code != 0 && code != 77) ? "GOT THROUGH, or could not run"
           : code == 77                       ? "does not apply"
                                              : "refused");
    if (code != 0 && code != 77)
        printf("exit code %d\n", code);
    return !good || (code != 0 && code != 77) ? -1 : code == 0;
}

/* Those that must fail whatever the profile is. */
static const char *const attacks[] = {"read-shadow",
                                      "read-home",
                                      "leaked-fds",
                                      "cwd-tricks",
                                      "foreign-proc",
                                      "self-exe",
                                      "write-kernel-files",
                                      "read-kernel-files",
                                      "root-kernel-files",
                                      "mount-table",
                                      "mount-calls",
                                      "write-system",
                                      "writable-mounts",
                                      "cross-links",
                                      "make-nodes",
                                      "by-handle",
                                      "kill-host",
                                      "trace-init",
                                      "kill-init",
                                      "change-ids",
                                      "write-maps",
                                      "gain-caps",
                                      "setuid-program",
                                      "fcaps-program",
                                      "inherited-signals",
                                      "inherited-timers",
                                      "inherited-umask",
                                      "inherited-environment",
                                      "inherited-groups",
                                      "personality",
                                      "new-namespaces",
                                      "clone-user",
                                      "join-namespaces",
                                      "foreign-abis",
                                      "forbidden-calls",
                                      "future-calls",
                                      "io-uring",
                                      "looser-filter",
                                      "terminal-injection",
                                      "reach-network",
                                      "reach-ipc",
                                      "reach-keyring",
                                      "reach-daemons",
                                      "every-number",
                                      "see-network",
                                      "harmless",
                                      NULL};

bool arena_play_all(const struct arena *arena, const char *const *words, enum mode from)
{
    int through = 0, refused = 0;

    for (const char *const *attack = attacks; *attack; attack++)
        for (int mode = (int)from; mode < MODES; mode++) {
            const struct visit visit = {
                .mode = (enum mode)mode, .attack = *attack, .options = words};
            int result = arena_play(arena, &visit);

            through += result < 0;
            refused += result > 0;
        }
    CHECK(through == 0);
    CHECK(refused > 0);
    return true;
}

pid_t arena_start_turning(const char *dir, const char *name, unsigned long *ret_turns)
{
    pid_t pid = fork();
    int root;

    if (pid < 0)
        abort(); /* a -1 that went on to kill(2) would mean everybody */
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (renameat2(root, name, root, "turn", RENAME_EXCHANGE) == 0)
        if (ret_turns)
            __atomic_fetch_add(ret_turns, 1, __ATOMIC_RELAXED);
    _exit(1);
}

static bool run_as(const struct arena_case *what, uid_t uid)
{
    struct arena arena;
    bool good;

    arena_open(&arena, uid);
    good = what->run(&arena);
    good = arena_check(&arena) && good;
    if (!arena_empties(&arena, 5)) {
        printf("%d processes are left\n", arena_processes(&arena));
        good = false;
    }
    arena_close(&arena);
    printf("as %s: %s\n", uid ? "user" : "root", good ? "held" : "FAILED");
    return good;
}

int arena_cases(int argc, char **argv, const struct arena_case *cases)
{
    if (geteuid() != 0) {
        printf("SKIP: needs root, to be an ordinary user that nobody else is\n");
        return 77;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (; argc > 1 && cases->name; cases++)
        if (strcmp(cases->name, argv[1]) == 0) {
            bool root = run_as(cases, 0), user = run_as(cases, arena_user());

            return root && user ? 0 : 1;
        }
    fprintf(stderr, "usage: %s CASE\n", argv[0]);
    return 2;
}
