/*
 * steps_fd.c - which descriptors the program gets: 0, 1, 2, the ones handed down, no others
 *
 * Three steps, because the numbers get in each other's way.  keep-fds lifts everything we need
 * above the final numbers; stdio then puts them down without treading on anything; close-fds
 * moves what it still needs right behind them and sweeps the rest with one close_range().
 *
 *      0 1 2 | 3 ... 3+n-1  | report gate liveness reaper clerk | closed
 *      stdio | handed down  | close-on-exec                     |
 */
#include "base/scope.h"
#include "launcher/raw.h"
#include "launcher/steps.h"
#include "launcher/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

long step_send_fd(int socket, char word, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {.iov_base = &word, .iov_len = sizeof word};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};

    *(int *)(void *)CMSG_DATA(&control.head) = fd;
    return raw3(SYS_sendmsg, socket, &msg, 0x4000 /* MSG_NOSIGNAL */);
}

static int first_free(const struct child *c)
{
    return 3 + (int)c->io.fd_count;
}

static int lift(struct child *c, int *fd, int floor)
{
    long r;

    if (*fd < 0 || *fd >= floor)
        return 0;
    r = raw3(SYS_fcntl, *fd, F_DUPFD_CLOEXEC, floor);
    if (r < 0)
        return step_fail(c, r, "fcntl", "keeping a descriptor");
    *fd = (int)r;
    return 0;
}

/* Through the descriptor of a directory a program walks out of any root (CVE-2024-21626). */
static int refuse_directory(struct child *c, int fd)
{
    struct stat st = {0}; /* the analyzer cannot see raw4() fill it */
    long r;

    if (!(c->plan->flags & PLAN_NEW_ROOT))
        return 0;
    r = raw4(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH);
    if (r >= 0 && S_ISDIR(st.st_mode))
        r = -EISDIR;
    return r < 0 ? step_fail(c, r, "fstat", "a descriptor to hand down") : 0;
}

/* Its path means something else once the root is another. */
static int open_second_users(struct child *c, int floor)
{
    const char *path = plan_str(c->plan, c->plan->second_users);
    long fd;

    if (!path)
        return 0;
    fd = raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    c->second_users = (int)fd;
    return fd < 0 ? step_fail(c, fd, "openat", path) : lift(c, &c->second_users, floor);
}

int step_keep_fds(struct child *c)
{
    int floor = first_free(c), *special[] = {&c->report,      &c->io.gate, &c->io.exit_note,
                                             &c->io.liveness, &c->io.sync, &c->io.clerk};
    int r;

    if (c->io.fd_count > LAUNCH_MAX_FDS)
        return step_fail(c, -EMFILE, "too many descriptors to hand down", NULL);
    r = step_tell_clerk(c);
    if (r >= 0)
        r = open_second_users(c, floor);
    for (unsigned i = 0; i < sizeof special / sizeof special[0] && r >= 0; i++)
        r = lift(c, special[i], floor);
    for (unsigned i = 0; i < c->io.fd_count && r >= 0; i++) {
        r = refuse_directory(c, c->io.fds[i]);
        if (r >= 0)
            r = lift(c, &c->io.fds[i], floor);
    }
    for (unsigned i = 0; i < 3 && r >= 0; i++) {
        if (c->io.stdio[i] < 0) {
            long null = tree_check_device(
                raw4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY, 0),
                NULL_DEVICE);

            if (null < 0)
                return step_fail(c, null, "openat", "/dev/null");
            c->io.stdio[i] = (int)null;
        }
        r = refuse_directory(c, c->io.stdio[i]);
        if (r >= 0)
            r = lift(c, &c->io.stdio[i], floor);
    }
    return r;
}

int step_stdio(struct child *c)
{
    int lifted = lift(c, &c->reaper, first_free(c)); /* made since keep-fds */

    if (lifted < 0)
        return lifted;
    for (int i = 0; i < 3; i++) {
        long r = raw3(SYS_dup3, c->io.stdio[i], i, 0);

        if (r < 0)
            return step_fail(c, r, "dup3", i == 0 ? "stdin" : i == 1 ? "stdout" : "stderr");
    }
    for (unsigned i = 0; i < c->io.fd_count; i++) {
        long r = raw3(SYS_dup3, c->io.fds[i], 3 + i, 0);

        if (r < 0)
            return step_fail(c, r, "dup3", "a descriptor to hand down");
    }
    return 0;
}

/* What must live until exec: the report, the gate, the pipes that tell whether the parent lives and
 * whether PID 1 is ready, and the way to the clerk. */
int step_close_fds(struct child *c)
{
    int *kept[] = {&c->report, &c->io.gate, &c->io.liveness, &c->reaper, &c->io.clerk};
    int base = first_free(c), after = base + (int)COOP_COUNT(kept), place = base, r = 0;

    if (c->plan->flags & PLAN_KEEP_FDS)
        return 0; /* all of ours are close-on-exec */
    for (size_t i = 0; i < COOP_COUNT(kept) && r >= 0; i++)
        r = lift(c, kept[i], after);
    if (r < 0)
        return r;
    for (size_t i = 0; i < COOP_COUNT(kept); i++) {
        long moved;

        if (*kept[i] < 0)
            continue;
        moved = raw3(SYS_dup3, *kept[i], place, O_CLOEXEC);
        if (moved < 0)
            return step_fail(c, moved, "dup3", "keeping a descriptor");
        *kept[i] = place++;
    }
    return step_fail(c, raw3(SYS_close_range, place, UINT32_MAX, 0), "close_range", NULL);
}
