/*
 * child.c - the service of the benchmark: it tells when it was born and when it dies (record.h)
 *
 * Linked statically: what the C library's start costs is in every supervisor's numbers alike, and
 * should be little.
 */
#include "bench/supervise/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 200, NS_PER_MS = 1000000, MS_PER_S = 1000 };

static struct timespec now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time;
}

static void tell(int fd, int index, enum record_kind kind, struct timespec at)
{
    struct record record = {index, kind, getpid(),
                            (int64_t)at.tv_sec * 1000000000 + at.tv_nsec};

    if (write(fd, &record, sizeof record) != (ssize_t)sizeof record)
        _exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct timespec born = now();
    char path[PATH_SIZE];
    int index, life, code, fd;

    /* NOLINTNEXTLINE(cert-err34-c): a number that does not fit is the benchmark's own fault */
    if (argc < 2 || sscanf(argv[1], "%199s %d %d %d", path, &index, &life, &code) != 4)
        return EXIT_FAILURE;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return EXIT_FAILURE;
    tell(fd, index, RECORD_BORN, born);
    if (life < 0)
        for (;;)
            pause();
    nanosleep(&(struct timespec){life / MS_PER_S, (long)(life % MS_PER_S) * NS_PER_MS}, NULL);
    tell(fd, index, RECORD_DIED, now());
    _exit(code);
}
