/*
 * holder.c - reaching, counting and ending the processes of one life
 *
 *                       own PID namespace   cgroup leaf            subreaper
 *     main has ended    top's end           top's end              exit note in a pipe
 *     how it ended      exit note           top's wait status      exit note
 *     nothing is left   top's end           cgroup.events          top's end
 *     ask               relayed to main     each process           relayed to main, then to all
 *     kill              SIGKILL to top      cgroup.kill            launch_tree_kill     
 *
 * An adopted top is no child of ours: its end is told by a pidfd (adopted.h).
 *
 * In a namespace "top's end" is exact: the kernel lets PID 1 be reaped only when everything
 * inside is dead.  A subreaper lives on after main, so its note is the news: main's own pidfd
 * would tell a moment too early, before the reaper has written how it ended.
 *
 * Main may be another process than what was launched (Type=forking, MAINPID=): follow.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/io.h"
#include "launcher/launch.h"
#include "service/adopted.h"
#include "service/bounding.h"
#include "service/follow.h"
#include "service/machine.h"
#include "tree.h"

static struct machine *machine_of(struct spawn *spawn)
{
    return (struct machine *)(void *)spawn;
}

/* ---- news ---- */

/* Its own end is known. */
static bool top_has_ended(const struct holder *holder)
{
    if (holder->end_known)
        return true;
    return holder->pidfd >= 0 ? holder->main_gone && holder->empty
                              : coop_child_ended(&holder->child);
}

static int signal_top(struct holder *holder, int signo)
{
    return holder->pidfd >= 0 ? sys_pidfd_send_signal(holder->pidfd, signo, NULL, 0)
                              : coop_child_kill(&holder->child, signo);
}

static void stop_watch(struct holder *holder)
{
    if (holder->watch_fd < 0)
        return;
    coop_fdwatch_stop(&holder->watch);
    coop_fd_close(holder->watch_fd);
    holder->watch_fd = -1;
}

/* Only what is known to be empty is: out of descriptors is no such knowledge. */
static bool cgroup_is_empty(const struct machine *machine, const char *path)
{
    SCOPED_FD fd = launch_cgroup_watch(&machine->cgroups, path);

    return fd == -ENOENT || fd == -ENODEV || (fd >= 0 && launch_cgroup_populated(fd) == 0);
}

/* Whose end it tells: what was launched has no number there. */
static bool is_about_main(const struct holder *holder, const struct launch_exit_note *note)
{
    return holder->followed ? holder->told && note->main == holder->main_inside
                            : note->main == 0;
}

/* Takes the notes out of their pipe, if they have come. */
static void take_notes(struct holder *holder)
{
    struct launch_exit_note note;

    if (!holder->piped || holder->watch_fd < 0)
        return;
    while (sys_read(holder->watch_fd, &note, sizeof note) == (ssize_t)sizeof note) {
        if (note.magic != LAUNCH_EXIT_MAGIC || holder->main_gone)
            continue;
        if (is_about_main(holder, &note)) {
            holder->main_gone = true;
            holder->noted = note.status != LAUNCH_STATUS_UNKNOWN;
            holder->note_status = note.status;
        } else if (holder->followed && note.main == 0) {
            follow_tell(holder); /* the reaper's own now, if its parent is what has ended */
        }
    }
}

static void top_news(struct spawn *spawn, struct holder *holder)
{
    if (holder->pidfd >= 0 && !adopted_top_is_gone(holder))
        return; /* the watch's first word, which comes in any case */
    take_notes(holder);
    if (holder->piped)
        stop_watch(holder);
    if (holder->held_by == HELD_BY_CGROUP)
        holder->empty = cgroup_is_empty(machine_of(spawn), holder->cgroup);
    else
        holder->empty = true;
    if (!holder->followed)
        holder->main_gone = true;
    else if (follow_has_reaper(holder) ||
             holder->empty) /* else top was no more than a parent */
        follow_ended(holder);
}

static void news(struct spawn *spawn, struct holder *holder, int kind_top,
                 const struct coop_msg *msg)
{
    if (msg->kind == kind_top) {
        top_news(spawn, holder);
        return;
    }
    if (msg == &holder->main_watch.msg) {
        take_notes(holder);
        follow_news(holder);
        return;
    }
    if (holder->watch_fd < 0)
        return;
    coop_fdwatch_take(&holder->watch);
    if (holder->piped) {
        take_notes(holder);
    } else if (launch_cgroup_populated(holder->watch_fd) == 0) {
        holder->empty = true;
        stop_watch(holder);
    }
}

static void watch_rest(struct spawn *spawn, struct holder *holder, struct coop_actor *actor,
                       int kind)
{
    if (holder->held_by != HELD_BY_CGROUP || holder->watch_fd >= 0)
        return;
    holder->watch_fd = launch_cgroup_watch(&machine_of(spawn)->cgroups, holder->cgroup);
    if (holder->watch_fd < 0)
        return;
    /* The first message comes at once, and with it the first look. */
    if (coop_fdwatch_start(&holder->watch, holder->watch_fd, COOP_IN, actor, kind) < 0) {
        sys_close(holder->watch_fd);
        holder->watch_fd = -1;
    }
}

/* ---- how it ended ---- */

int machine_note_path(const struct machine *machine, const struct svc_spec *spec, bool beside,
                      char *ret_path, size_t size)
{
    char name[SVC_NAME_MAX + 2];
    int r = holder_name(spec, beside, name, sizeof name);

    return r < 0 ? r : str_format(ret_path, size, "%s/%s", machine->notes, name);
}

static bool read_note(const struct machine *machine, const struct svc_spec *spec, bool beside,
                      struct launch_exit_note *ret_note)
{
    char path[600];
    SCOPED_FD fd = -1;

    if (machine_note_path(machine, spec, beside, path, sizeof path) < 0)
        return false;
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0 || sys_pread(fd, ret_note, sizeof *ret_note, 0) != (ssize_t)sizeof *ret_note)
        return false;
    return ret_note->magic == LAUNCH_EXIT_MAGIC;
}

static void from_wait_status(int status, struct ending *ret_ending)
{
    if (WIFSIGNALED(status)) {
        ret_ending->kind = EXIT_SIGNAL;
        ret_ending->value = WTERMSIG(status);
        ret_ending->core = WCOREDUMP(status);
    } else {
        ret_ending->kind = EXIT_CODE;
        ret_ending->value = WEXITSTATUS(status);
    }
}

static void learn_status(struct spawn *spawn, const struct svc_spec *spec,
                         struct holder *holder, struct ending *ret_ending)
{
    const struct coop_exit *end = &holder->child.exit;
    struct launch_exit_note note;

    if (holder->noted) {
        from_wait_status(holder->note_status, ret_ending);
        return;
    }
    if (holder->notes && read_note(machine_of(spawn), spec, holder->beside, &note) &&
        is_about_main(holder, &note)) {
        from_wait_status(note.status, ret_ending);
        return;
    }
    if (holder->followed) {
        ret_ending->kind = EXIT_UNKNOWN;
        return;
    }
    if (holder->end_known) {
        from_wait_status(holder->end_status, ret_ending);
        return;
    }
    if (!coop_child_ended(&holder->child)) {
        ret_ending->kind = EXIT_UNKNOWN;
        return;
    }
    /* No note: the reaper itself was killed, or there is none and this is main's own end. */
    ret_ending->kind = end->code == CLD_EXITED ? EXIT_CODE : EXIT_SIGNAL;
    ret_ending->value = end->status;
    ret_ending->core = end->code == CLD_DUMPED;
}

static void learn_end(struct spawn *spawn, const struct svc_spec *spec, struct holder *holder,
                      struct ending *ret_ending)
{
    learn_status(spawn, spec, holder, ret_ending);
    bounding_learn(machine_of(spawn), holder, ret_ending);
}

/* ---- signals ---- */

static int signal_all(struct spawn *spawn, struct holder *holder, int signo)
{
    int r;

    if (holder->empty)
        return -ESRCH;
    if (holder->held_by == HELD_BY_CGROUP) {
        r = launch_cgroup_signal(&machine_of(spawn)->cgroups, holder->cgroup, signo);
        launch_cgroup_signal(&machine_of(spawn)->cgroups, holder->cgroup, SIGCONT);
        return r < 0 ? r : 0;
    }
    r = signal_top(holder, signo);
    signal_top(holder, SIGCONT); /* a stopped process could not act on it */
    return r;
}

/* The parent of a process, out of /proc/PID/stat; 0 when it is gone. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[1024];
    struct proc proc;
    ssize_t n;
    SCOPED_FD fd = -1;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    n = fd < 0 ? fd : sys_read(fd, text, sizeof text);
    if (n <= 0 || proc_parse_stat(text, (size_t)n, &proc) < 0)
        return 0;
    return proc.ppid;
}

/* KILL and STOP cannot be relayed.  The pidfd is opened before the parent is looked at, so
 * what is signalled is what was looked at. */
static int signal_below_reaper(struct holder *holder, int signo)
{
    SCOPED_FD fd = sys_pidfd_open(holder->main_pid, 0);

    if (fd < 0)
        return fd;
    if (parent_of(holder->main_pid) != holder->top_pid)
        return -ESRCH;
    return sys_pidfd_send_signal(fd, signo, NULL, 0);
}

static int signal_main(struct spawn *spawn, struct holder *holder, int signo)
{
    (void)spawn;
    if (holder->main_gone)
        return -ESRCH;
    if (holder->followed)
        return sys_pidfd_send_signal(holder->main_fd, signo, NULL, 0);
    if (holder->main_pid != holder->top_pid &&
        (signo == SIGKILL || signo == SIGSTOP || signo == SIGRTMAX))
        return signal_below_reaper(holder, signo);
    return signal_top(holder, signo);
}

static int kill_below_reaper(struct holder *holder)
{
    if (top_has_ended(holder))
        return -ESRCH;
    return holder->pidfd >= 0 ? launch_tree_kill_fd(holder->pidfd)
                              : launch_tree_kill(holder->top_pid);
}

static int kill_all(struct spawn *spawn, struct holder *holder)
{
    if (holder->empty)
        return -ESRCH;
    if (holder->held_by == HELD_BY_CGROUP)
        return launch_cgroup_kill(&machine_of(spawn)->cgroups, holder->cgroup);
    if (holder->held_by == HELD_BY_SUBREAPER)
        return kill_below_reaper(holder);
    return signal_top(holder, SIGKILL);
}

static void clear(struct spawn *spawn, const struct svc_spec *spec, struct holder *holder)
{
    char path[600];

    stop_watch(holder);
    follow_done(holder);
    adopted_done(holder);
    bounding_free(holder->bounds);
    if (holder->cgroup) {
        bounding_tell(machine_of(spawn), spec->name, holder->cgroup);
        launch_cgroup_remove(&machine_of(spawn)->cgroups, holder->cgroup);
        free(holder->cgroup);
    }
    if ((holder->notes || holder->piped || holder->held_by == HELD_BY_SUBREAPER) &&
        machine_note_path(machine_of(spawn), spec, holder->beside, path, sizeof path) == 0)
        sys_unlinkat(AT_FDCWD, path, 0);
    holder_init(holder);
}

const struct spawn_ops machine_ops = {
    .launch = machine_launch,
    .adopt = machine_adopt,
    .news = news,
    .find = machine_find,
    .follow = machine_follow,
    .learn_end = learn_end,
    .signal = signal_all,
    .signal_main = signal_main,
    .kill = kill_all,
    .watch_rest = watch_rest,
    .look = bounding_look,
    .clear = clear,
};
