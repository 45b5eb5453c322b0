/*
 * spawn_probe.c - a static program with one verb per thing a test wants to see from below
 *
 *     spawn_probe VERB [ARGUMENT]
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void block_all(void)
{
    const uint64_t all = ~UINT64_C(0);

    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
}

/* Tells each signal it gets, with the value that came with it; glibc's own two as well. */
static _Noreturn void relay(void)
{
    const uint64_t all = ~UINT64_C(0);

    block_all();
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    for (;;) {
        siginfo_t info;
        long sig = syscall(SYS_rt_sigtimedwait, &all, &info, NULL, sizeof all);

        if (sig > 0)
            printf("%ld %d\n", sig, info.si_code == SI_QUEUE ? info.si_value.sival_int : -1);
        fflush(stdout);
    }
}

static _Noreturn void wait_for_ever(void)
{
    for (;;)
        pause();
}

/* A process whose parent has ended: its PID. */
static pid_t orphan(void (*life)(void))
{
    int ends[2];
    pid_t pid = 0, middle;

    if (pipe(ends) < 0)
        exit(99);
    middle = fork();
    if (middle == 0) {
        pid = fork();
        if (pid == 0) {
            close(ends[0]);
            close(ends[1]);
            life();
            _exit(0);
        }
        (void)!write(ends[1], &pid, sizeof pid);
        _exit(0);
    }
    if (read(ends[0], &pid, sizeof pid) != (ssize_t)sizeof pid)
        exit(99);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

static void stay(void)
{
    setsid();
    wait_for_ever();
}

static void stay_deaf(void)
{
    setsid();
    for (int sig = 1; sig < 65; sig++)
        signal(sig, SIG_IGN);
    (void)orphan(stay);
    wait_for_ever();
}

static void end(void) {}

/* Ends with 5, above an orphan that stays; "deaf" ones ignore every signal. */
static int leave(const char *kind)
{
    pid_t pid = orphan(kind && strcmp(kind, "deaf") == 0 ? stay_deaf : stay);

    printf("left %d\n", (int)pid);
    return 5;
}

/* Makes 'count' orphans that end at once, then waits. */
static _Noreturn void litter(const char *count)
{
    for (int i = 0; i < atoi(count); i++)
        (void)orphan(end);
    printf("ready %d\n", (int)getpid());
    fflush(stdout);
    wait_for_ever();
}

/* "fds 0 1 2": what is open here. */
static int fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    printf("fds");
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
            printf(" %s", entry->d_name);
    printf("\n");
    return 0;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "0";

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
    if (strcmp(verb, "relay") == 0)
        relay();
    if (strcmp(verb, "leave") == 0)
        return leave(arg);
    if (strcmp(verb, "litter") == 0)
        litter(arg);
    if (strcmp(verb, "fds") == 0)
        return fds();
    if (strcmp(verb, "exit") == 0)
        return atoi(arg);
    if (strcmp(verb, "wait") == 0) {
        printf("ready %d\n", (int)getpid());
        fflush(stdout);
        wait_for_ever();
    }
    fprintf(stderr, "spawn_probe: no verb '%s'\n", verb);
    return 2;
}
