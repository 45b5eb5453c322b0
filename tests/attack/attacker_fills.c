/*
 * attacker_fills.c - attacks on the memory behind a sandbox's file systems (case 20)
 *
 * Everything that can be written is filled, with bytes or with empty files, until it takes no more;
 * then we stay, until the runner has looked at the outside.  Bounded, for a sandbox without limits.
 */
#include "attack/attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MOST (1280l << 20) /* in all of them: /tmp has 1 GiB, /dev 64 MiB */
#define PIECE      (64l << 20)
#define FILES_MOST 300000l /* /tmp has 262 400, /dev 16 640                 */

static const char *const places[] = {"/dev/shm", "/dev", "/tmp", "/var/tmp", "/run", "/", "."};

static void tell_and_wait(void)
{
    char byte;

    (void)!write(STDOUT_FILENO, "ready\n", 6);
    (void)!read(STDIN_FILENO, &byte, 1);
}

/* How many bytes a new file in 'place' can be given. */
static long fill_one(const char *place, long most, int *ret_why)
{
    long used = 0, piece = PIECE;
    char path[64];
    int fd;

    snprintf(path, sizeof path, "%s/coop-full", place);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *ret_why = errno;
    while (fd >= 0 && piece >= 4096 && used < most) {
        if (fallocate(fd, 0, used, piece) == 0) {
            used += piece;
            continue;
        }
        *ret_why = errno;
        piece /= 2;
    }
    return used;
}

static void fill_bytes(void)
{
    long total = 0;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int why = 0;

        total += fill_one(places[i], BYTES_MOST - total, &why);
        door(why == 0, "%s takes %ld MiB and more", places[i], total >> 20);
        door(why == ENOMEM, "%s: the memory ends before the file system", places[i]);
    }
    door(total >= BYTES_MOST, "%ld MiB were taken", total >> 20);
    door(total == 0, "nothing could be filled");
    tell_and_wait();
}

static void fill_files(void)
{
    long total = 0;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[64];
        int fd = 0;

        for (long n = 0; fd >= 0 && total < FILES_MOST; n++) {
            snprintf(path, sizeof path, "%s/coop-%ld", places[i], n);
            fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            total += fd >= 0;
            close(fd);
        }
    }
    door(total >= FILES_MOST, "%ld files were taken", total);
    door(total == 0, "no file could be made");
    tell_and_wait();
}

const struct attack attacks_by_filling[] = {
    {"fill-bytes", fill_bytes},
    {"fill-files", fill_files},
    {NULL, NULL},
};
