/*
 * attacker_service.c - attacks of a service of coopd: on coopd and its neighbours, and on what is
 * left of who was launched before (case 53)
 */
#include "attack/attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define SECRET "coop-residue" /* in the words, variables and places of who ran before */

/* ---- coopd and its neighbours ---- */

static void connect_to(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0)
        return;
    door(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0, "connect to '%s'",
         path);
    close(fd);
}

static void reach_coopd(void)
{
    static const char *const files[] = {
        "control.sock", "control.fifo", "control.sock.lock", "control.sock.d",
        "state",        "log",          "log/neighbour.log", "etc/all.ini"};
    const char *dir = fact("coopd_dir");
    char path[256];

    if (!dir)
        cannot("there is no coopd");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        refuse_open(path, O_RDONLY);
        refuse_open(path, O_WRONLY);
    }
    snprintf(path, sizeof path, "%s/control.sock", dir);
    connect_to(path, SOCK_STREAM);
    connect_to(path, SOCK_SEQPACKET);
    door(getenv("NOTIFY_SOCKET") != NULL, "NOTIFY_SOCKET is %s", getenv("NOTIFY_SOCKET"));
    door(getenv("COOP_SOCKET") != NULL, "COOP_SOCKET is %s", getenv("COOP_SOCKET"));
}

/* ---- who was there before ---- */

/* Everything that a launch can be told, and a process can change; harmless where nobody is. */
static void leave_residue(void)
{
    struct rlimit limit = {77, 77};

    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)signal(SIGUSR2, SIG_IGN);
    (void)umask(0123);
    (void)setpriority(PRIO_PROCESS, 0, 7);
    (void)alarm(1000);
    (void)prctl(PR_SET_NAME, SECRET);
    (void)open("/dev/shm/" SECRET, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    (void)open("/tmp/" SECRET, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    door(0, "residue");
}

static void look_into(const char *path)
{
    char bytes[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);

    door(got > 0 && memmem(bytes, (size_t)got, SECRET, strlen(SECRET)) != NULL,
         "'%s' has the other's secret", path);
    if (fd >= 0)
        close(fd);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 3; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* What the kernel and libc are random by is told on stdout: the runner compares. */
static void tell_randomness(void)
{
    const unsigned char *bytes = (const void *)getauxval(AT_RANDOM);
    char text[96];
    int length = snprintf(text, sizeof text, "random ");

    for (int i = 0; bytes && i < 16; i++)
        length += snprintf(text + length, 3, "%02x", bytes[i]);
    length += snprintf(text + length, 24, " %lx\n", (unsigned long)(const void *)&text >> 12);
    (void)!write(STDOUT_FILENO, text, (size_t)length);
}

static void find_residue(void)
{
    static const char *const files[] = {
        "/proc/self/environ",   "/proc/self/cmdline", "/proc/self/comm", "/proc/self/cgroup",
        "/proc/self/mountinfo", "/proc/1/cmdline",    "/proc/1/environ", "/proc/1/comm"};
    struct rlimit limit = {0, 0};
    struct sigaction action;
    char here[256] = "";
    mode_t mask = umask(0);

    tell_randomness();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        look_into(files[i]);
    door(getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == 77 || limit.rlim_max == 77,
         "the other's limit of descriptors");
    door(getrlimit(RLIMIT_CPU, &limit) < 0 || limit.rlim_cur == 777, "the other's CPU limit");
    door(mask == 0123, "the other's umask");
    door(getpriority(PRIO_PROCESS, 0) == 7, "the other's nice value");
    door(sched_getscheduler(0) != SCHED_OTHER, "a scheduling class %d", sched_getscheduler(0));
    door(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN,
         "the other's ignored signal");
    door(alarm(0) != 0, "the other's alarm");
    door(open_descriptors() > 0, "%d descriptors", open_descriptors());
    door(getcwd(here, sizeof here) && strcmp(here, "/usr/share") == 0,
         "the other's working directory");
    refuse_open("/dev/shm/" SECRET, O_RDONLY);
    refuse_open("/tmp/" SECRET, O_RDONLY);
}

const struct attack attacks_of_services[] = {
    {"reach-coopd", reach_coopd},
    {"leave-residue", leave_residue},
    {"find-residue", find_residue},
    {NULL, NULL},
};
