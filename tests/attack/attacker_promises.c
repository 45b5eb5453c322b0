/*
 * attacker_promises.c - attacks on what single profiles promise (launcher/README.md)
 */
#include "attack/attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- 'build': writes its directory and /tmp, nothing else ---- */

static char own[4096];

static bool begins(const char *path, const char *with)
{
    size_t length = strlen(with);

    return strncmp(path, with, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Asked, not tried: whether a file system and its modes would let us write. */
static int try_path(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)at;
    if (kind == FTW_SL || kind == FTW_SLN || begins(path, own) || begins(path, "/tmp") ||
        begins(path, "/dev") || begins(path, "/proc"))
        return 0;
    door(access(path, W_OK) == 0, "'%s' can be written", path);
    return 0;
}

static void write_elsewhere(void)
{
    if (!getcwd(own, sizeof own) || strcmp(own, "/") == 0)
        cannot("no directory of our own");
    door(access(own, W_OK) != 0, "our own directory cannot be written");
    door(nftw("/", try_path, 64, FTW_PHYS) != 0, "/ cannot be walked");
}

/* ---- 'judge': memory that is nobody's ---- */

#define FILES_MOST  40
#define FILE_SIZE   (16l << 20)
#define FILES_BYTES (128l << 20) /* DiskMax= of the profile */

static long fill(const char *place)
{
    long bytes = 0;
    char path[64];

    for (int i = 0; i < FILES_MOST; i++) {
        int fd;

        snprintf(path, sizeof path, "%s/hidden-%d", place, i);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
            break;
        if (fallocate(fd, 0, 0, FILE_SIZE) == 0)
            bytes += FILE_SIZE;
        close(fd);
    }
    return bytes;
}

static void hide_memory(void)
{
    long bytes;

    signal(SIGXFSZ, SIG_IGN);
    filtered(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), "shared memory without a user");
    filtered(msgget(IPC_PRIVATE, IPC_CREAT | 0600), "a message queue without a user");
    filtered(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600), "semaphores without a user");
    filtered(syscall(SYS_memfd_create, "hidden", 0), "memfd_create");
    bytes = fill("/tmp");
    door(bytes > FILES_BYTES, "%ld MiB in /tmp", bytes >> 20);
    door(bytes == 0, "nothing can be written at all");
}

/* Who is no root cannot look at our descriptors any more, and one is of a file without a name. */
static void go_dark(void)
{
    int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    door(prctl(PR_SET_DUMPABLE, 0) != 0 || fd < 0 || fallocate(fd, 0, 0, FILE_SIZE) != 0,
         "nothing can be hidden");
    for (;;)
        pause();
}

const struct attack attacks_on_promises[] = {
    {"write-elsewhere", write_elsewhere},
    {"hide-memory", hide_memory},
    {"go-dark", go_dark},
    {NULL, NULL},
};
