/*
 * follow.c - finding and watching a main process that nobody launched (see follow.h)
 *
 * THE ONE RACE.  Between the look at the tree and the pidfd a process may end and its PID be
 * another's.  So the pidfd is opened first and then the start time is compared with the one that
 * was seen in the tree.
 */
#include "service/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/sys.h"
#include "coop/block.h"
#include "coop/io.h"
#include "journal.h"
#include "launcher/launch.h"
#include "service/adopted.h"
#include "service/saved.h"
#include "tree.h"

enum { GROUP_PIDS_MAX = 4096 };

static struct machine *machine_of(struct spawn *spawn)
{
    return (struct machine *)(void *)spawn;
}

/* ---- finding ---- */

int follow_parse_inside(const char *text, pid_t *ret_inside)
{
    const char *line = strstr(text, "\nNSpid:");
    int outer, inner;

    if (!line || sscanf(line, "\nNSpid: %d %d", &outer, &inner) != 2)
        return -EINVAL;
    *ret_inside = inner;
    return 0;
}

bool follow_has_reaper(const struct holder *holder)
{
    return holder->piped || holder->notes || holder->held_by == HELD_BY_SUBREAPER;
}

/* The number of a process among those of its service. */
static pid_t inside_of(const struct holder *holder, const struct proc *proc)
{
    char path[64], text[4096];
    pid_t inside;
    ssize_t n;
    SCOPED_SYS_FD fd = -1;

    if (!follow_has_reaper(holder) || holder->held_by == HELD_BY_SUBREAPER)
        return proc->pid;
    snprintf(path, sizeof path, "/proc/%d/status", proc->pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    n = fd < 0 ? fd : sys_read(fd, text, sizeof text - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return follow_parse_inside(text, &inside) == 0 ? inside : 0;
}

/* Its processes; with a reaper of ours, that one is the first of them. */
static int cut_tree(const struct machine *machine, const struct holder *holder,
                    struct proc_tree *ret_tree)
{
    SCOPED_FREE pid_t *pids = calloc(GROUP_PIDS_MAX, sizeof *pids);
    struct proc_table table = {0};
    ssize_t count = 1;
    int r;

    if (!pids)
        return -ENOMEM;
    pids[0] = holder->top_pid;
    if (holder->held_by == HELD_BY_CGROUP && !follow_has_reaper(holder))
        count = launch_cgroup_pids(&machine->cgroups, holder->cgroup, pids, GROUP_PIDS_MAX);
    if (count < 0)
        return (int)count;
    if (count > GROUP_PIDS_MAX)
        count = GROUP_PIDS_MAX;
    coop_block_begin();
    r = proc_table_scan(&table, "/proc", NULL) < 0 ? -EIO : 0;
    coop_block_end();
    if (r == 0)
        r = proc_tree_cut(ret_tree, &table, pids, (size_t)count);
    proc_table_done(&table);
    return r;
}

static bool lives(const struct proc *proc)
{
    return proc->state != 'Z' && proc->state != 'X';
}

/* Could it be what was left behind?  Those below it are its own. */
static bool is_left(const struct holder *holder, const struct proc_node *node)
{
    return node->depth == (follow_has_reaper(holder) ? 1 : 0) && lives(&node->proc);
}

static bool is_that(const struct holder *holder, const struct proc_node *node, pid_t inside)
{
    bool reaper = follow_has_reaper(holder) && node->proc.pid == holder->top_pid;

    return !reaper && lives(&node->proc) && inside_of(holder, &node->proc) == inside;
}

int machine_find(struct spawn *spawn, const struct holder *holder, pid_t inside,
                 struct successor *ret_found)
{
    struct proc_tree tree = {0};
    const struct proc *found = NULL;
    unsigned count = 0;
    int r = cut_tree(machine_of(spawn), holder, &tree);

    for (size_t i = 0; r == 0 && i < tree.count && (inside == 0 || count == 0); i++)
        if (inside ? is_that(holder, &tree.at[i], inside) : is_left(holder, &tree.at[i])) {
            found = &tree.at[i].proc;
            count++;
        }
    if (r == 0 && count == 1) {
        *ret_found = (struct successor){.pid = found->pid,
                                        .inside = inside_of(holder, found),
                                        .start_ticks = found->start_ticks};
    } else if (r == 0) {
        r = count ? -E2BIG : -ESRCH;
    }
    proc_tree_done(&tree);
    return r;
}

/* ---- watching ---- */

/* A pidfd of that process and no other. */
static int open_main(const struct successor *main)
{
    SCOPED_SYS_FD fd = sys_pidfd_open(main->pid, 0);
    uint64_t ticks;
    int r;

    if (fd < 0)
        return fd;
    r = journal_start_ticks(main->pid, &ticks);
    if (r < 0 || ticks != main->start_ticks)
        return -ESRCH;
    return fd_take(&fd);
}

/* The parent of main, out of /proc/PID/stat; 0 when it is gone. */
static pid_t parent_of_main(const struct holder *holder)
{
    char path[64], text[1024];
    struct proc proc;
    ssize_t n;
    SCOPED_SYS_FD fd = -1;

    snprintf(path, sizeof path, "/proc/%d/stat", holder->main_pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    n = fd < 0 ? fd : sys_read(fd, text, sizeof text);
    if (n <= 0 || proc_parse_stat(text, (size_t)n, &proc) < 0 ||
        proc.start_ticks != holder->main_ticks)
        return 0;
    return proc.ppid;
}

void follow_tell(struct holder *holder)
{
    bool child = parent_of_main(holder) == holder->top_pid;

    if (!follow_has_reaper(holder) || (!child && holder->piped))
        return;
    holder->told = child; /* in a PID namespace the reaper stays for what is no child of its */
    if (holder->pidfd >= 0)
        launch_tree_main_fd(holder->pidfd, holder->main_inside);
    else
        launch_tree_main(holder->top_pid, holder->main_inside);
}

static int watch_main(struct holder *holder, struct coop_actor *actor, int kind)
{
    int r = coop_fdwatch_start(&holder->main_watch, holder->main_fd, COOP_IN, actor, kind);

    if (r < 0) {
        sys_close(holder->main_fd);
        holder->main_fd = -1;
    }
    return r;
}

static void take_over(struct holder *holder, const struct successor *main, int fd)
{
    follow_done(holder);
    holder->followed = true;
    holder->main_fd = fd;
    holder->main_pid = main->pid;
    holder->main_inside = main->inside;
    holder->main_ticks = main->start_ticks;
    holder->main_gone = holder->noted = false;
}

int machine_follow(struct spawn *spawn, struct holder *holder, const struct successor *main,
                   struct coop_actor *actor, int kind)
{
    pid_t main_pid = holder->main_pid;
    bool main_gone = holder->main_gone;
    int r, fd = open_main(main);

    (void)spawn;
    if (fd < 0)
        return fd;
    take_over(holder, main, fd);
    r = watch_main(holder, actor, kind);
    if (r < 0) { /* nobody would hear of its end */
        holder->followed = false;
        holder->main_pid = main_pid;
        holder->main_gone = main_gone;
        return r;
    }
    follow_tell(holder);
    return 0;
}

void follow_again(struct spawn *spawn, const struct adoption *what, struct holder *holder)
{
    const struct saved_life *life = what->life;
    const struct successor main = {
        .pid = life->main_pid, .inside = life->main_inside, .start_ticks = life->main_ticks};

    if (machine_follow(spawn, holder, &main, what->actor, what->kind_main) == 0)
        return;
    take_over(holder, &main, -1);
    holder->told = holder->piped; /* its note may be in the pipe */
    coop_msg_init(&holder->main_watch.msg, what->kind_main);
    coop_post(what->actor, &holder->main_watch.msg);
}

static bool says_that_it_ended(int pidfd)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    static const struct timespec at_once;

    return sys_ppoll(&end, 1, &at_once, NULL) == 1;
}

void follow_ended(struct holder *holder)
{
    if (holder->main_gone)
        return;
    if (!holder->noted && holder->main_fd >= 0)
        holder->noted = adopted_ask_end(holder->main_fd, holder->main_pid, holder->main_ticks,
                                        &holder->note_status);
    holder->main_gone = true;
}

void follow_news(struct holder *holder)
{
    if (!holder->followed || holder->main_gone)
        return;
    if (holder->main_fd < 0) { /* adopted, and it was gone */
        holder->main_gone = true;
        return;
    }
    coop_fdwatch_take(&holder->main_watch);
    if (!says_that_it_ended(holder->main_fd))
        return;
    follow_ended(holder);
    /* The reaper knows better, and is about to say so. */
    holder->main_gone = holder->noted || !holder->told || !holder->piped;
}

void follow_done(struct holder *holder)
{
    if (holder->main_fd >= 0) {
        coop_fdwatch_stop(&holder->main_watch);
        coop_fd_close(holder->main_fd);
    }
    holder->main_fd = -1;
    holder->followed = holder->told = false;
}
