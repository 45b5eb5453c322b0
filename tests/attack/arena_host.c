/*
 * arena_host.c - see arena_host.h
 */
#include "attack/arena_host.h"
#include "attack/arena_caller.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST_SECONDS     100 /* should the runner be stopped for ever */
#define DESCRIPTORS_FROM 600

static const struct {
    const char *key, *file;
    int flag;
} kinds[ARENA_HOST_KINDS] = {
    {"user", "user", CLONE_NEWUSER},
    {"pid", "pid_for_children", CLONE_NEWPID},
    {"network", "net", CLONE_NEWNET},
    {"ipc", "ipc", CLONE_NEWIPC},
    {"uts", "uts", CLONE_NEWUTS},
    {"cgroup", "cgroup", CLONE_NEWCGROUP},
    {"time", "time_for_children", CLONE_NEWTIME},
    {"mount", "mnt", CLONE_NEWNS},
};

static void write_text(pid_t pid, const char *file, const char *text)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    must(fd, path);
    must(write(fd, text, strlen(text)), path);
    close(fd);
}

/* One id, the caller's own: an ordinary user could map no other, and root's engine need not. */
static void map_ids(pid_t pid, uid_t uid)
{
    char line[32];

    snprintf(line, sizeof line, "%u %u 1", uid, uid);
    write_text(pid, "setgroups", "deny");
    write_text(pid, "gid_map", line);
    write_text(pid, "uid_map", line);
}

_Noreturn static void stay(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)close_range(3, ~0u, 0); /* the arena's: the next one takes the same names */
    alarm(HOST_SECONDS);
    for (;;)
        pause();
}

static pid_t start_one(void)
{
    pid_t pid = fork();

    must(pid, "fork");
    if (pid == 0)
        stay();
    return pid;
}

/* 'told' says how far we are, 'mapped' when our ids are. */
_Noreturn static void be_host(uid_t uid, int flags, int told, int mapped)
{
    pid_t second;
    char byte = 'n';

    become_user(uid);
    prctl(PR_SET_DUMPABLE, 1);
    must(unshare(flags), "unshare");
    must(write(told, &byte, 1), "tell");
    must(read(mapped, &byte, 1), "ids");
    (void)start_one(); /* PID 1, without whom nobody else could be there */
    second = start_one();
    must(write(told, &byte, 1), "tell");
    alarm(HOST_SECONDS);
    (void)waitpid(second, NULL, 0); /* who is no PID 1, and has no other walls than ours */
    _exit(1);
}

/* Not close-on-exec, for coop-run to inherit, and above those that the arena's caller uses. */
static int open_above(const char *path)
{
    int low = open(path, O_RDONLY | O_CLOEXEC), fd;

    must(low, path);
    fd = fcntl(low, F_DUPFD, DESCRIPTORS_FROM);
    must(fd, path);
    close(low);
    return fd;
}

static void name_them(struct arena_host *host, unsigned joined, bool by_descriptor)
{
    char path[64];
    int words = 0;

    for (int i = 0; i < ARENA_HOST_KINDS; i++) {
        host->fds[i] = -1;
        if (!(joined & 1u << i))
            continue;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)host->pid, kinds[i].file);
        if (by_descriptor) {
            host->fds[i] = open_above(path);
            snprintf(path, sizeof path, "/proc/self/fd/%d", host->fds[i]);
        }
        snprintf(host->text[i], sizeof host->text[i], "--%s-namespace-path=%s", kinds[i].key,
                 path);
        host->words[words++] = host->text[i];
    }
    if (joined & ARENA_HOST_USER)
        host->words[words++] = "--private-users=no"; /* there is the joined one */
    host->words[words] = NULL;
}

void arena_host_start(struct arena_host *host, const struct arena *arena, unsigned joined,
                      bool by_descriptor)
{
    int told[2], mapped[2], flags = 0;
    char byte;

    memset(host, 0, sizeof *host);
    for (int i = 0; i < ARENA_HOST_KINDS; i++)
        flags |= joined & 1u << i ? kinds[i].flag : 0;
    must(pipe2(told, O_CLOEXEC), "pipe");
    must(pipe2(mapped, O_CLOEXEC), "pipe");
    host->pid = fork();
    must(host->pid, "fork");
    if (host->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(told[0]);
        close(mapped[1]);
        be_host(arena->uid, flags, told[1], mapped[0]);
    }
    close(told[1]);
    close(mapped[0]);
    must(read(told[0], &byte, 1) == 1 ? 0 : -1, "a host");
    if (joined & ARENA_HOST_USER)
        map_ids(host->pid, arena->uid);
    must(write(mapped[1], "m", 1), "tell");
    must(read(told[0], &byte, 1) == 1 ? 0 : -1, "a host with PIDs");
    close(told[0]);
    close(mapped[1]);
    name_them(host, joined, by_descriptor);
}

void arena_host_end(struct arena_host *host)
{
    for (int i = 0; i < ARENA_HOST_KINDS; i++)
        if (host->fds[i] >= 0)
            close(host->fds[i]);
    kill(host->pid, SIGKILL);
    waitpid(host->pid, NULL, 0);
}
