/*
 * run_holder.c - see run_holder.h
 */
#include "launcher/run_holder.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/network/take.h"
#include "launcher/pass.h"
#include "launcher/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOREVER     (-1)
#define LOCK_SEC    (HOLDER_SEC + 1) /* who has it may be waiting for a holder that is stopped */
#define PAUSE_MS    100              /* when there is no descriptor to be had for a client */
#define WAITING     64               /* launches that may queue up for an answer */
#define SOCKET_PATH 104              /* of 108 that the kernel takes; ".new" is put behind it */

struct holder {
    int users, network; /* users: -1 for root */
    int listener;
};

/* ---- where ---- */

/* A folder of ours alone: whoever may write there could listen in our place. */
static int check_folder(const char *folder, struct coop_err *err)
{
    struct stat st;

    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return coop_fail_sys(err, errno, "EmptyNetwork=: mkdir '%s'", folder);
    if (lstat(folder, &st) < 0)
        return coop_fail_sys(err, errno, "EmptyNetwork=: '%s'", folder);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
        return coop_fail(err, COOP_E_DENIED,
                         "EmptyNetwork=: '%s' must be a folder that nobody else may write",
                         folder);
    return 0;
}

int holder_choose(struct launch_spec *spec, struct coop_err *err)
{
    const char *runtime = geteuid() == 0 ? "/run" : secure_getenv("XDG_RUNTIME_DIR");
    char folder[4096], path[SOCKET_PATH];

    if (!spec->own_empty_network || spec->empty_network)
        return 0;
    if (!runtime || runtime[0] != '/') {
        (void)coop_fail(err, COOP_E_MISSING, "EmptyNetwork=: XDG_RUNTIME_DIR is not set");
        return coop_hint(err, "--hold-network SOCKET holds one wherever you like, and "
                              "--empty-network-path=SOCKET uses it");
    }
    if (str_format(folder, sizeof folder, "%s/coop", runtime) < 0 ||
        str_format(path, sizeof path, "%s/empty-network", folder) < 0)
        return coop_fail(err, COOP_E_LIMIT, "EmptyNetwork=: '%s' is too long a path", runtime);
    if (check_folder(folder, err) < 0)
        return -1;
    spec->empty_network = strdup(path);
    return spec->empty_network ? 0 : coop_fail_sys(err, ENOMEM, "EmptyNetwork=");
}

/* ---- the namespaces ---- */

static int put(const char *path, const char *text, struct coop_err *err)
{
    SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return coop_fail_sys(err, errno, "write '%s'", path);
    return 0;
}

/* Each id is itself, so that a launch maps its own one as it does everywhere. */
static int map_ids(uid_t uid, gid_t gid, struct coop_err *err)
{
    char line[64];

    (void)str_format(line, sizeof line, "%u %u 1", gid, gid);
    if (put("/proc/self/setgroups", "deny", err) < 0 ||
        put("/proc/self/gid_map", line, err) < 0)
        return -1;
    (void)str_format(line, sizeof line, "%u %u 1", uid, uid);
    return put("/proc/self/uid_map", line, err);
}

static int make_network(struct holder *ret_holder, struct coop_err *err)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int flags = CLONE_NEWNET | (uid == 0 ? 0 : CLONE_NEWUSER);

    if (unshare(flags) < 0) {
        (void)coop_fail_sys(err, errno, "holding a network: unshare");
        return coop_hint(err, "user namespaces may be restricted here: "
                              "kernel.apparmor_restrict_unprivileged_userns, "
                              "kernel.unprivileged_userns_clone, user.max_net_namespaces");
    }
    if (uid != 0) {
        int r;

        (void)prctl(PR_SET_DUMPABLE, 1); /* or its files in /proc were root's */
        r = map_ids(uid, gid, err);
        (void)prctl(PR_SET_DUMPABLE, 0);
        if (r < 0)
            return -1;
        ret_holder->users = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    }
    ret_holder->network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (ret_holder->network < 0 || (uid != 0 && ret_holder->users < 0))
        return coop_fail_sys(err, errno, "holding a network: '/proc/self/ns'");
    return 0;
}

/* ---- the socket ---- */

static void forget(const struct held_network *held)
{
    if (held->users >= 0)
        (void)close(held->users);
    if (held->network >= 0)
        (void)close(held->network);
}

static bool answers(const char *path)
{
    struct held_network held;
    const char *call;
    int r = network_take(path, &held, &call);

    forget(&held);
    return r >= 0;
}

/* What is left of a holder that was killed is replaced; never a file of another kind. */
static int check_stale(const char *path, struct coop_err *err)
{
    struct stat st;

    if (lstat(path, &st) == 0 && (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()))
        return coop_fail(err, COOP_E_DENIED, "'%s' is there and no socket of ours", path);
    return 0;
}

/* It gets its name when it listens: who sees it may connect. */
static int open_listener(const char *path, struct coop_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    SCOPED_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    mode_t mask;
    int r;

    if (str_format(address.sun_path, sizeof address.sun_path, "%s.new", path) < 0)
        return coop_fail(err, COOP_E_LIMIT, "'%s' is too long for a socket", path);
    (void)unlink(address.sun_path);
    mask = umask(0177);
    r = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&address, sizeof address);
    (void)umask(mask);
    if (r < 0 || listen(fd, WAITING) < 0 || rename(address.sun_path, path) < 0)
        return coop_fail_sys(err, errno, "holding a network at '%s'", path);
    return fd_take(&fd);
}

static void interrupt(int signo)
{
    (void)signo;
}

/* Whoever has it may be stopped, or no holder at all.  -EINTR: it has taken too long. */
static int lock_in_time(int fd)
{
    const struct sigaction told = {.sa_handler = interrupt}, standard = {.sa_handler = SIG_DFL};
    /* again and again: the first one may come before flock() waits */
    const struct itimerval most = {.it_interval = {.tv_usec = 100000},
                                   .it_value = {.tv_sec = LOCK_SEC}};
    const struct itimerval none = {0};
    int r;

    (void)sigaction(SIGALRM, &told, NULL);
    (void)setitimer(ITIMER_REAL, &most, NULL);
    r = flock(fd, LOCK_EX) < 0 ? -errno : 0;
    (void)setitimer(ITIMER_REAL, &none, NULL);
    (void)sigaction(SIGALRM, &standard, NULL);
    return r;
}

static int open_lock(const char *path, struct coop_err *err)
{
    char lock[SOCKET_PATH + 8];
    SCOPED_FD fd = -1;
    int r;

    if (str_format(lock, sizeof lock, "%s.lock", path) < 0)
        return coop_fail(err, COOP_E_LIMIT, "'%s' is too long for a socket", path);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    r = fd < 0 ? -errno : lock_in_time(fd);
    if (r == -EINTR) {
        (void)coop_fail(err, COOP_E_BUSY, "'%s' is locked by another process for %d s", lock,
                        LOCK_SEC);
        return coop_hint(err, "fuser %s tells which: it is stopped, or no coop-run", lock);
    }
    return r < 0 ? coop_fail_sys(err, r, "'%s'", lock) : fd_take(&fd);
}

/* One at a time: two that find nobody there would both take the place.  1: somebody else serves. */
static int take_place(const char *path, struct holder *holder, struct coop_err *err)
{
    SCOPED_FD lock = open_lock(path, err);

    if (lock < 0)
        return -1;
    if (answers(path))
        return 1;
    if (check_stale(path, err) < 0 || make_network(holder, err) < 0)
        return -1;
    holder->listener = open_listener(path, err);
    return holder->listener < 0 ? -1 : 0;
}

/* Who has no room for an answer gets none. */
static void answer(const struct holder *holder, int client)
{
    char byte = 'n';
    int fds[2];
    unsigned count = 0;
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
        (peer.uid != 0 && peer.uid != geteuid()))
        return;
    if (holder->users >= 0)
        fds[count++] = holder->users;
    fds[count++] = holder->network;
    (void)pass_send(client, &byte, sizeof byte, fds, count, MSG_DONTWAIT);
}

static void serve(const struct holder *holder, int idle_ms)
{
    struct pollfd news = {.fd = holder->listener, .events = POLLIN};

    for (;;) {
        int client, r = poll(&news, 1, idle_ms);

        if (r == 0)
            return;
        client = r < 0 ? -1 : accept4(holder->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) {
            if (r > 0 && errno != EINTR && errno != ECONNABORTED)
                (void)poll(NULL, 0, PAUSE_MS); /* who waits there would make us spin */
            continue;
        }
        answer(holder, client);
        (void)close(client);
    }
}

/* It would be deaf to whoever ends it, where the caller has blocked signals. */
static void hear_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int holder_serve(const char *path, struct coop_err *err)
{
    struct holder holder = {-1, -1, -1};
    int r;

    hear_signals();
    r = take_place(path, &holder, err);
    if (r == 1)
        return coop_fail(err, COOP_E_BUSY, "somebody holds a network at '%s' already", path);
    if (r == 0)
        serve(&holder, FOREVER);
    return -1;
}

/* ---- started by the way ---- */

/* Nobody's child, in nobody's session, with nothing of ours open but 'ready'. */
_Noreturn static void be_holder(const char *path, int ready)
{
    struct holder holder = {-1, -1, -1};
    struct coop_err err = {0};
    int r, null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)setsid();
    hear_signals();
    recipe_forget(); /* our words are the command's, and may hold its secrets */
    for (int fd = 0; fd <= STDERR_FILENO && null >= 0; fd++)
        (void)dup2(null, fd);
    ready = dup3(ready, STDERR_FILENO + 1, O_CLOEXEC) < 0 ? ready : STDERR_FILENO + 1;
    (void)syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0);
    (void)prctl(PR_SET_NAME, "coop-network");
    r = chdir("/") < 0 ? coop_fail_sys(&err, errno, "chdir") : take_place(path, &holder, &err);
    if (r < 0)
        (void)!write(ready, &err, sizeof err);
    (void)close(ready);
    if (r == 0) /* the socket stays: who comes next might have put his own there meanwhile */
        serve(&holder, HOLDER_IDLE_SEC * 1000);
    _exit(0);
}

static int await_holder(int ready, struct coop_err *err)
{
    struct coop_err told;
    ssize_t got;

    do
        got = read(ready, &told, sizeof told);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof told)
        return 0;
    if (err)
        *err = told;
    return -1;
}

int holder_ensure(const char *path, struct coop_err *err)
{
    int ends[2], status;
    SCOPED_FD ready = -1;
    pid_t pid;

    if (answers(path))
        return 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return coop_fail_sys(err, errno, "EmptyNetwork=: pipe");
    ready = ends[0];
    pid = fork();
    if (pid == 0) {
        if (fork() == 0)
            be_holder(path, ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    if (pid < 0)
        return coop_fail_sys(err, errno, "EmptyNetwork=: fork");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return await_holder(ready, err);
}
