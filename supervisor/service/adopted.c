/*
 * adopted.c - holding what another coopd has launched (see adopted.h)
 */
#include "service/adopted.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/io.h"
#include "service/bounding.h"
#include "service/follow.h"
#include "service/saved.h"

/* Linux 6.13 and 6.15; the headers of Debian 12 have neither. */
struct pidfd_told {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t exit_code;
};
#define PIDFD_TOLD_EXIT (UINT64_C(1) << 3)
#define PIDFD_TELL      _IOWR(0xFF, 11, struct pidfd_told)

/* ---- the end ---- */

/* The fields of /proc/PID/stat are counted from 1; after the name in brackets comes the third. */
bool adopted_parse_stat(const char *text, char *ret_state, uint64_t *ret_start_ticks,
                        int *ret_status)
{
    enum { STATE = 3, START = 22, EXIT_STATUS = 52 };
    const char *at = strrchr(text, ')');
    int field = STATE;

    if (!at || at[1] != ' ' || !at[2])
        return false;
    at += 2;
    *ret_state = *at;
    while ((at = strchr(at, ' ')) != NULL) {
        at++;
        field++;
        if (field == START && sscanf(at, "%" SCNu64, ret_start_ticks) != 1)
            return false;
        if (field == EXIT_STATUS)
            return sscanf(at, "%d", ret_status) == 1;
    }
    return false;
}

static bool ask_pidfd(int pidfd, int *ret_status)
{
    struct pidfd_told told = {.mask = PIDFD_TOLD_EXIT};

    if (ioctl(pidfd, PIDFD_TELL, &told) < 0 || !(told.mask & PIDFD_TOLD_EXIT))
        return false;
    *ret_status = told.exit_code;
    return true;
}

/* Dead, and its parent has not reaped it yet.  The start time tells whether it is still the one. */
static bool ask_zombie(pid_t pid, uint64_t start_ticks, int *ret_status)
{
    char path[64], text[1024], state;
    uint64_t start;
    int status;
    ssize_t n;
    SCOPED_SYS_FD fd = -1;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    n = fd < 0 ? fd : sys_read(fd, text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    if (!adopted_parse_stat(text, &state, &start, &status) || (state != 'Z' && state != 'X') ||
        start != start_ticks)
        return false;
    *ret_status = status;
    return true;
}

/* Reaped between the first two questions: then the first one knows. */
bool adopted_ask_end(int pidfd, pid_t pid, uint64_t start_ticks, int *ret_status)
{
    return ask_pidfd(pidfd, ret_status) || ask_zombie(pid, start_ticks, ret_status) ||
           ask_pidfd(pidfd, ret_status);
}

bool adopted_top_is_gone(struct holder *holder)
{
    struct pollfd end = {.fd = holder->pidfd, .events = POLLIN};
    static const struct timespec at_once;

    coop_fdwatch_take(&holder->top_watch);
    if (sys_ppoll(&end, 1, &at_once, NULL) != 1)
        return false;
    if (!holder->end_known)
        holder->end_known = adopted_ask_end(holder->pidfd, holder->top_pid, holder->start_ticks,
                                            &holder->end_status);
    return true;
}

void adopted_done(struct holder *holder)
{
    if (holder->pidfd < 0)
        return;
    coop_fdwatch_stop(&holder->top_watch);
    coop_fd_close(holder->pidfd);
    holder->pidfd = -1;
}

/* ---- the beginning ---- */

void machine_hold_tree(struct machine *machine, const char *leaf)
{
    int fd = launch_cgroup_adopt(&machine->cgroups, leaf); /* refused: we hold it already */

    coop_mutex_lock(&machine->bounds_lock); /* many are adopted at a time */
    for (int i = 0; fd >= 0 && i < MACHINE_TREES_MAX; i++)
        if (machine->held_trees[i] < 0)
            machine->held_trees[i] = fd_take(&fd);
    coop_mutex_unlock(&machine->bounds_lock);
    if (fd >= 0)
        sys_close(fd);
}

/* What a reaper that stays has to say comes through its FIFO.  -ENOTSUP: this one writes files. */
static int open_note(struct machine *machine, const struct adoption *what,
                     struct holder *holder)
{
    char path[600];
    struct stat st;
    int r = machine_note_path(machine, what->spec, false, path, sizeof path);

    if (r == 0)
        r = holder->watch_fd =
            sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0);
    if (r >= 0)
        r = sys_fstat(r, &st) < 0 || !S_ISFIFO(st.st_mode) ? -ENOTSUP : 0;
    if (r >= 0)
        r = coop_fdwatch_start(&holder->watch, holder->watch_fd, COOP_IN, what->actor,
                               what->kind_watch);
    if (r < 0 && holder->watch_fd >= 0) {
        sys_close(holder->watch_fd);
        holder->watch_fd = -1;
    }
    return r;
}

static int watch_top(const struct adoption *what, struct holder *holder)
{
    int r;

    if (what->life->pidfd < 0) {
        coop_msg_init(&holder->child.msg, what->kind_top);
        coop_post(what->actor, &holder->child.msg);
        return 0;
    }
    r = coop_fdwatch_start(&holder->top_watch, what->life->pidfd, COOP_IN, what->actor,
                           what->kind_top);
    if (r == 0)
        holder->pidfd = what->life->pidfd;
    return r;
}

int machine_adopt(struct spawn *spawn, const struct adoption *what, struct holder *holder,
                  struct coop_err *err)
{
    struct machine *machine = (struct machine *)(void *)spawn;
    const struct saved_life *life = what->life;
    struct coop_err why = {0};
    int r = 0;

    holder_init(holder);
    if (life->cgroup[0] && !(holder->cgroup = strdup(life->cgroup))) {
        r = -ENOMEM;
    } else {
        holder->held_by = life->held_by;
        holder->top_pid = life->top_pid;
        holder->main_pid = life->main_pid;
        holder->start_ticks = life->start_ticks;
        holder->lost = life->lost;
        holder->notes = life->notes;
        holder->polls = life->polls;
        holder->main_gone = what->main_told;
        holder->empty = false;
        r = watch_top(what, holder);
    }
    if (r < 0) {
        if (life->pidfd >= 0)
            sys_close(life->pidfd);
        free(holder->cgroup);
        holder_init(holder);
        return coop_fail_sys(err, r, "process %d", life->top_pid);
    }
    if (holder->cgroup && machine->has_cgroups)
        machine_hold_tree(machine, holder->cgroup);
    if (!life->notes && !what->main_told) {
        r = open_note(machine, what, holder);
        holder->piped = r == 0;
        if (r < 0 && life->held_by == HELD_BY_SUBREAPER)
            log_warn("service", "%s: its end will be seen late: %s", what->spec->name,
                     coop_strerror(r));
    }
    if (life->main_ticks != 0)
        follow_again(spawn, what, holder);
    if (bounding_adopt(machine, what->spec, holder, life->began, &why) < 0)
        log_err(LOG_LEVEL_WARN, "service", &why);
    return 0;
}
