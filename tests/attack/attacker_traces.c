/*
 * attacker_traces.c - two sandboxes that want to tell each other something (case 52)
 *
 * One leaves something in every place that could be shared by mistake, and stays; the other, of the
 * same kind, looks for it meanwhile.
 */
#include "attack/attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define TRACE_KEY 0x63000001
#define SHARED    "/usr/bin/env" /* a file of the host that both see */

static const char *const trace_files[] = {"/tmp/coop-trace", "/dev/shm/coop-trace",
                                          "/var/tmp/coop-trace", "/run/coop-trace"};

static int trace_socket(struct sockaddr_un *ret_name, socklen_t *ret_length)
{
    static const char name[] = "coop-trace";

    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_name->sun_path + 1, name, sizeof name - 1);
    *ret_length = (socklen_t)(sizeof(sa_family_t) + sizeof name);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* The number of the next terminal: 0 where nobody else takes any. */
static unsigned next_terminal(void)
{
    unsigned number = 99;
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);

    if (fd < 0 || ioctl(fd, TIOCGPTN, &number) < 0)
        return 0;
    return number;
}

/* What only 'strict' closes: a lock, and a part of one, on a file that nobody of us may write. */
static void lock_shared(void)
{
    struct flock part = {.l_type = F_RDLCK, .l_start = 7, .l_len = 1};
    int fd = open(SHARED, O_RDONLY | O_CLOEXEC);

    (void)flock(fd, LOCK_EX);
    (void)fcntl(fd, F_OFD_SETLK, &part);
}

static void leave_traces(void)
{
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};
    struct sockaddr_un name;
    socklen_t length;
    int fd = trace_socket(&name, &length);

    (void)bind(fd, (struct sockaddr *)&name, length);
    (void)listen(fd, 1);
    for (size_t i = 0; i < sizeof trace_files / sizeof *trace_files; i++)
        (void)open(trace_files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    (void)shmget(TRACE_KEY, 4096, IPC_CREAT | 0666);
    (void)semget(TRACE_KEY, 1, IPC_CREAT | 0666);
    (void)msgget(TRACE_KEY, IPC_CREAT | 0666);
    (void)syscall(SYS_mq_open, "coop-trace", O_CREAT | O_RDWR, 0666, &attr);
    (void)next_terminal();
    lock_shared();
    door(0, "traces are left");
    (void)!write(STDOUT_FILENO, "ready\n", 6);
    for (;;)
        pause();
}

static void find_traces(void)
{
    struct sockaddr_un name;
    socklen_t length;
    int fd = trace_socket(&name, &length);

    shut(connect(fd, (struct sockaddr *)&name, length), "the other's abstract socket", 0);
    for (size_t i = 0; i < sizeof trace_files / sizeof *trace_files; i++)
        refuse_open(trace_files[i], O_RDONLY);
    shut(shmget(TRACE_KEY, 0, 0), "the other's shared memory", 0);
    shut(semget(TRACE_KEY, 0, 0), "the other's semaphore", 0);
    shut(msgget(TRACE_KEY, 0), "the other's message queue", 0);
    shut(syscall(SYS_mq_open, "coop-trace", O_RDWR, 0, NULL), "the other's POSIX queue", 0);
    shut(syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3, 0), "a keyring", 0);
    door(next_terminal() != 0, "the other's terminal counts here");
}

/* Under 'strict' the files that both see carry no sign either. */
static void find_signs(void)
{
    static const int asking[] = {F_GETLK, F_OFD_GETLK};
    int fd = open(SHARED, O_RDONLY | O_CLOEXEC);

    find_traces();
    door(fd < 0, "%s is not there", SHARED);
    shut(flock(fd, LOCK_EX | LOCK_NB), "a lock on a file that both see", ENOSYS, EPERM, 0);
    for (size_t i = 0; i < 2; i++) {
        struct flock part = {.l_type = F_WRLCK, .l_start = 7, .l_len = 1};

        shut(fcntl(fd, asking[i], &part), "the other's part of a file", ENOSYS, EPERM, 0);
    }
    shut(fcntl(open("/usr/bin", O_RDONLY | O_CLOEXEC), F_NOTIFY, DN_ACCESS),
         "signals of a folder", ENOSYS, EPERM, 0);
    fd = (int)syscall(SYS_inotify_init1, 0);
    shut(fd, "a watch", ENOSYS, EPERM, 0);
    shut(inotify_add_watch(fd, SHARED, IN_OPEN), "a watch on a file that both see", ENOSYS,
         EPERM, 0);
}

const struct attack attacks_by_traces[] = {
    {"leave-traces", leave_traces},
    {"find-traces", find_traces},
    {"find-signs", find_signs},
    {NULL, NULL},
};
