/*
 * daemon_places.c - the directories coopd lives in, and the lock that keeps a second one out
 *
 *     <socket>.lock       a record lock (fcntl): it belongs to the process, so the kernel drops
 *                         it with coopd.  A flock would live on in a child that was being
 *                         cloned when coopd was killed, and the next coopd would take it for a
 *                         living one's.
 *     <state>/lock        the same: what the journal names is ours to end, and nobody else's
 *     <socket>.d/         ours alone, but for passage
 *     <socket>.d/log/     one FIFO per service
 *     <socket>.d/notify/  one socket per service that has one; others may pass, not list
 */
#include "daemon_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "handover.h"

/* Makes a directory and what is missing above it. An existing one keeps its mode. */
static int make_dirs(const char *path, mode_t mode, struct coop_err *err)
{
    char part[512];
    size_t len = strlen(path);
    int r = 0;

    if (str_copy(part, sizeof part, path) < 0)
        return coop_fail(err, COOP_E_LIMIT, "the path '%s' is too long", path);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        r = sys_mkdirat(AT_FDCWD, part, i == len ? mode : 0755);
        if (r < 0 && r != -EEXIST)
            return coop_fail_sys(err, r, "directory '%s'", part);
        part[i] = path[i];
    }
    return 0;
}

/* 1: it is ours now; 0: *ret_holder has it (0 or -1 when that process is nobody we can see). */
static int take_lock(const char *path, int *ret_fd, pid_t *ret_holder, struct coop_err *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    SCOPED_FD fd = sys_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return coop_fail_sys(err, fd, "lock '%s'", path);
    r = sys_fcntl_lock(fd, F_SETLK, &lock);
    if (r == -EAGAIN || r == -EACCES) {
        lock.l_pid = -1;
        (void)sys_fcntl_lock(fd, F_GETLK, &lock); /* whose; only for the message */
        *ret_holder = lock.l_pid;
        return 0;
    }
    if (r < 0)
        return coop_fail_sys(err, r, "lock '%s'", path);
    *ret_fd = fd_take(&fd);
    return 1;
}

static void unlock(int *fd)
{
    if (*fd >= 0)
        sys_close(*fd);
    *fd = -1;
}

static int lock_socket(struct daemon *daemon, struct coop_err *err)
{
    char path[600];
    pid_t holder = 0;
    int r;

    str_format(path, sizeof path, "%s.lock", daemon->options->socket);
    r = take_lock(path, &daemon->lock_fd, &holder, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    coop_fail(err, COOP_E_BUSY, "another coopd (process %d) runs with the socket '%s'", holder,
              daemon->options->socket);
    return coop_hint(err, "talk to it with coopctl --socket, or choose another --socket");
}

/* Without it a second coopd would end the first one's services as left behind by a dead coopd. */
static int lock_state(struct daemon *daemon, struct coop_err *err)
{
    char path[600];
    pid_t holder = 0;
    int r;

    str_format(path, sizeof path, "%s/lock", daemon->options->state_dir);
    r = take_lock(path, &daemon->state_lock_fd, &holder, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    coop_fail(err, COOP_E_BUSY, "another coopd (process %d) runs with the state directory '%s'",
              holder, daemon->options->state_dir);
    return coop_hint(err, "every coopd needs one of its own: choose another --state-dir");
}

/* Those of the program before in this process. */
static bool take_locks(struct daemon *daemon)
{
    const json_t *locks = json_object_get(daemon->kept, "locks");

    daemon->lock_fd = handover_claim(json_array_get(locks, 0));
    daemon->state_lock_fd = handover_claim(json_array_get(locks, 1));
    return daemon->lock_fd >= 0 && daemon->state_lock_fd >= 0;
}

static int make_socket_dir(struct daemon *daemon, struct coop_err *err)
{
    char dir[512];
    char *slash;

    if (str_copy(dir, sizeof dir, daemon->options->socket) < 0)
        return coop_fail(err, COOP_E_LIMIT, "the socket's path is too long");
    slash = strrchr(dir, '/');
    if (!slash || slash == dir)
        return 0;
    *slash = '\0';
    if (make_dirs(dir, 0755, err) == 0)
        return 0;
    return coop_hint(err,
                     geteuid() == 0 ? "give --socket" : "set XDG_RUNTIME_DIR or give --socket");
}

static int make_run_dir(struct daemon *daemon, struct coop_err *err)
{
    char path[600];

    if (str_format(daemon->run_dir, sizeof daemon->run_dir, "%s.d", daemon->options->socket) <
        0)
        return coop_fail(err, COOP_E_LIMIT, "the socket's path is too long");
    if (make_dirs(daemon->run_dir, 0711, err) < 0)
        return -1;
    str_format(path, sizeof path, "%s/log", daemon->run_dir);
    if (make_dirs(path, 0700, err) < 0)
        return -1;
    str_format(path, sizeof path, "%s/notify", daemon->run_dir);
    return make_dirs(path, 0711, err);
}

int daemon_open_places(struct daemon *daemon, struct coop_err *err)
{
    if (make_dirs(daemon->options->state_dir, 0700, err) < 0 ||
        make_dirs(daemon->options->log_dir, 0700, err) < 0 || make_socket_dir(daemon, err) < 0)
        return -1;
    /* Opened once more and closed, a file of ours would lose its record lock. */
    if (!take_locks(daemon) && (lock_socket(daemon, err) < 0 || lock_state(daemon, err) < 0))
        return -1;
    return make_run_dir(daemon, err);
}

void daemon_close_places(struct daemon *daemon)
{
    static const char *const parts[] = {"/log", "/notify", ""};
    char path[600];

    for (size_t i = 0; daemon->run_dir[0] && i < COOP_COUNT(parts); i++) {
        str_format(path, sizeof path, "%s%s", daemon->run_dir, parts[i]);
        sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
    }
    unlock(&daemon->state_lock_fd);
    unlock(&daemon->lock_fd);
}
