/*
 * tree.c - a signal to everything below us (contract in tree.h)
 */
#include "launcher/init/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WALK_DEPTH 24  /* generations a polite signal reaches below us */
#define WALK_CHUNK 512 /* bytes of a children file, or of a directory, read at a time */

static void walk_tree(int sig, const char *pid, int depth);

/* A children file: pids, each followed by a blank. A chunk may cut one in two. */
static void walk_children_file(int sig, int fd, int depth)
{
    char chunk[WALK_CHUNK], pid[16];
    size_t used = 0;
    ssize_t got;

    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] >= '0' && chunk[i] <= '9') {
                if (used < sizeof pid - 1)
                    pid[used++] = chunk[i];
                continue;
            }
            pid[used] = '\0';
            if (used > 0)
                walk_tree(sig, pid, depth - 1);
            used = 0;
        }
    }
}

/* Appends to a path of known size; what does not fit cannot be a path of ours. */
static void join(char *path, size_t size, const char *a, const char *b, const char *c)
{
    const char *parts[] = {a, b, c};
    size_t used = 0;

    for (size_t i = 0; i < 3; i++)
        for (const char *p = parts[i]; *p && used < size - 1; p++)
            path[used++] = *p;
    path[used] = '\0';
}

/* Every thread of 'pid' has children of its own. 0: the directory could be read. */
static int walk_threads(int sig, const char *pid, int depth)
{
    _Alignas(struct dirent64) char chunk[WALK_CHUNK];
    char path[64];
    long got;
    int dir;

    join(path, sizeof path, "/proc/", pid, "/task");
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    while ((got = syscall(SYS_getdents64, dir, chunk, sizeof chunk)) > 0) {
        for (long at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(chunk + at);
            int fd = -1;

            at += entry->d_reclen;
            if (entry->d_name[0] == '.')
                continue;
            join(path, sizeof path, entry->d_name, "/children", "");
            fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
            if (fd < 0)
                continue;
            walk_children_file(sig, fd, depth);
            (void)close(fd);
        }
    }
    (void)close(dir);
    return 0;
}

static pid_t number(const char *text)
{
    pid_t value = 0;

    while (*text >= '0' && *text <= '9')
        value = value * 10 + (*text++ - '0');
    return value;
}

/* Parents before children: a process that is gone, or going, makes no new ones. */
static void walk_tree(int sig, const char *pid, int depth)
{
    pid_t who = number(pid);

    if (who <= 1)
        return;
    (void)kill(who, sig);
    if (depth > 0)
        (void)walk_threads(sig, pid, depth);
}

void init_signal_tree(int sig, pid_t main_pid)
{
    if (getpid() == 1)
        (void)kill(-1, sig);
    else if (walk_threads(sig, "self", WALK_DEPTH) < 0 && main_pid > 0)
        (void)kill(main_pid, sig);
}
