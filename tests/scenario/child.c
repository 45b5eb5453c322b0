/*
 * child.c - scn-child: a service that does what its words say, one after the other
 *
 *     scn-child say hello notify READY=1 pause
 *
 * For what a shell line cannot do, or not without a pile of processes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/scope.h"
#include "child.h"

typedef void word_fn(const char *argument);

static void say(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

/* One datagram to $NOTIFY_SOCKET, as sd_notify(3) does it. */
static void notify(const char *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    SCOPED_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (!path || strlen(path) >= sizeof to.sun_path || fd < 0) {
        say("no NOTIFY_SOCKET");
        return;
    }
    strcpy(to.sun_path, path);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&to,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
        say("the notification was not taken");
}

/* Blocks until somebody opens the FIFO for writing, and closes it: a gate for scripts. */
static void gate(const char *path)
{
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    char byte;

    while (fd >= 0 && read(fd, &byte, 1) > 0) {
    }
}

static void ignore(const char *number)
{
    signal(atoi(number), SIG_IGN);
}

/* In the parent: waits and says yes; the zombies of a scenario are never our own. */
static bool wait_for(pid_t child)
{
    return child != 0 && (child < 0 || waitpid(child, NULL, 0) == child);
}

/* A grandchild in a session of its own, without our descriptors, that only SIGKILL ends. */
static void daemonize(const char *name)
{
    if (wait_for(fork()))
        return;
    setsid();
    signal(SIGTERM, SIG_IGN); /* before it is an orphan: then it may be asked to stop at once */
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_NAME, name); /* the same: who looks for an orphan looks for its name */
    if (fork() > 0)
        _exit(0);
    close_range(0, ~0U, 0);
    for (;;)
        pause();
}

/* So many orphans that end at once. */
static void orphans(const char *count)
{
    for (int i = atoi(count); i > 0; i--) {
        if (!wait_for(fork())) {
            (void)!fork();
            _exit(0);
        }
    }
}

static void lines(const char *count)
{
    for (long i = 1, n = atol(count); i <= n; i++)
        printf("line %ld\n", i);
    fflush(stdout);
}

static void fds(const char *title)
{
    DIR *dir = opendir("/proc/self/fd");

    printf("%s:", title);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(dir))
            printf(" %s", e->d_name);
    printf(".\n");
    fflush(stdout);
    if (dir)
        closedir(dir);
}

/* The first thread ends, another goes on. */
_Noreturn static void *carry_on(void *leader)
{
    pthread_join(*(pthread_t *)leader, NULL);
    say("leader gone");
    for (;;)
        pause();
}

static void leader_exits(const char *unused)
{
    static pthread_t leader;
    pthread_t other;

    (void)unused;
    leader = pthread_self();
    if (pthread_create(&other, NULL, carry_on, &leader) == 0)
        pthread_exit(NULL);
}

/* Until a signal ends us. */
static void rest(const char *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void leave(const char *code)
{
    fflush(NULL);
    _exit(atoi(code)); /* a leak check at exit could not look round in a sandbox */
}

/* FILE=TEXT: one line more in a file. */
static void append(const char *words)
{
    char path[256];
    const char *text = strchr(words, '=');

    if (!text || (size_t)(text - words) >= sizeof path)
        return;
    memcpy(path, words, (size_t)(text - words));
    path[text - words] = '\0';
    SCOPED_FD fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0)
        dprintf(fd, "%s\n", text + 1);
}

static const char *last_words;

static void go(int signo)
{
    (void)signo;
    append(last_words); /* we only ever pause() when this may come */
    _exit(0);
}

/* FILE=TEXT: what to append when SIGTERM comes, before leaving with 0. */
static void bye(const char *words)
{
    last_words = words;
    signal(SIGTERM, go);
}

static const char *names[NSIG];

static void tell_name(int signo)
{
    say(names[signo]);
}

static void tell_name_and_go(int signo)
{
    say(names[signo]);
    _exit(0);
}

/* NUMBER=TEXT: what to say when that signal comes. */
static void tell(const char *words)
{
    names[atoi(words)] = strchr(words, '=') + 1;
    signal(atoi(words), tell_name);
}

/* The same, and then leave with 0. */
static void leave_on(const char *words)
{
    names[atoi(words)] = strchr(words, '=') + 1;
    signal(atoi(words), tell_name_and_go);
}

/* Ready; at each SIGHUP it says that it reloads, and is ready again when the gate opens. */
static void reloads(const char *path)
{
    sigset_t hup;
    char text[80];

    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hup, NULL);
    notify("READY=1");
    while (sigwaitinfo(&hup, NULL) == SIGHUP) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
                 now.tv_sec * 1000000LL + now.tv_nsec / 1000);
        notify(text);
        gate(path);
        notify("READY=1");
    }
}

/* BARRIER=1: waits until all that was said before has had its effect. */
static void barrier(const char *unused)
{
    char message[] = "BARRIER=1", room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {.iov_base = message, .iov_len = strlen(message)};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct msghdr msg = {.msg_name = &to,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = room,
                         .msg_controllen = sizeof room};
    const char *path = getenv("NOTIFY_SOCKET");
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    SCOPED_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int ends[2];
    char byte;

    (void)unused;
    if (!path || fd < 0 || pipe(ends) < 0)
        return;
    strcpy(to.sun_path, path);
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    msg.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &ends[1], sizeof ends[1]);
    if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
        say("the barrier was not taken");
    close(ends[1]);
    while (read(ends[0], &byte, 1) > 0) {
    }
    close(ends[0]);
}

/* Says WATCHDOG=1 so often for as long as the file is there, four times in the time it has. */
static void pings(const char *path)
{
    const char *usec = getenv("WATCHDOG_USEC");
    long long every = usec ? atoll(usec) * 1000 / 4 : 0;
    const struct timespec often = {every / 1000000000, every % 1000000000};
    const struct itimerspec ticks = {.it_interval = often, .it_value = often};
    SCOPED_FD timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    uint64_t ticked;

    timerfd_settime(timer, 0, &ticks, NULL);
    while (every > 0 && access(path, F_OK) == 0) {
        notify("WATCHDOG=1");
        (void)!read(timer, &ticked, sizeof ticked);
    }
    say("silent");
}

static void closing(const char *unused)
{
    (void)unused;
    close_range(0, ~0U, 0);
}

/* clang-format off */
static const struct {
    const char *name;
    bool argument;
    word_fn *run;
} words[] = {
    {"say",     true,  say},       {"notify",  true,  notify},
    {"gate",    true,  gate},      {"ignore",  true,  ignore},
    {"reloads", true,  reloads},   {"barrier", false, barrier},
    {"pings",   true,  pings},
    {"daemon",  true,  daemonize}, {"orphans", true,  orphans},
    {"lines",   true,  lines},     {"fds",     true,  fds},
    {"close",   false, closing},   {"pause",   false, rest},
    {"leader-exits", false, leader_exits},
    {"exit",    true,  leave},     {"append",  true,  append},
    {"bye",     true,  bye},
    {"tell",    true,  tell},      {"leave",   true,  leave_on},
    {"listens", false, child_listens}, {"serve", true, child_serve}, {"take", true, child_take},
    {"ask",     true,  child_ask}, {"send",    true,  child_send}, {"storm", true, child_storm},
    {"store",   true,  child_store}, {"unstore", true, child_unstore},
    {"stored",  false, child_stored},
};
/* clang-format on */

int main(int argc, char **argv)
{
    for (int at = 1; at < argc; at++) {
        size_t i = 0;

        while (i < COOP_COUNT(words) && strcmp(words[i].name, argv[at]) != 0)
            i++;
        if (i == COOP_COUNT(words) || (words[i].argument && at + 1 == argc)) {
            fprintf(stderr, "scn-child: '%s'?\n", argv[at]);
            return 2;
        }
        words[i].run(words[i].argument ? argv[++at] : NULL);
    }
    return EXIT_SUCCESS;
}
