/*
 * main_pid.c - who is main when that is not what was launched
 *
 *     Type=forking   what is launched ends well and leaves main behind.  PIDFile= names it, and is
 *                    waited for; without it main is the one process that is left.  When main ends,
 *                    it may have done the same: then its successor is main.
 *     MAINPID=       main names another, whatever the type.
 *
 * Nobody is believed: only a process of the service's own tree can be its main process.  A PID
 * file is found by path, so somebody else may have put it there: it counts when it is a plain
 * file with one name, others cannot write it, and it belongs to root, us, the service's user, or
 * the user as whom that process runs.
 *
 * With several left behind and no PID file there is no main process: the service has ended when the
 * last of them has.
 */
#include "service/svc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/block.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "journal.h"
#include "service/follow.h"

#define NO_EVENT SVC_EVENT_COUNT

/* Of one life: each makes us look at all processes of the machine. */
enum { LOOKS_MAX = 64, PID_PATH_MAX = 512 };

static bool has_pid_file(const struct svc *svc)
{
    return svc->spec->pid_file && svc->spec->pid_file[0];
}

bool svc_lacks_main(const struct svc *svc)
{
    return svc->spec->type == TYPE_FORKING && svc->kind == EXEC_START && svc->main_told &&
           svc_is_running(svc);
}

/* ---- the file ---- */

static int pid_path(const struct svc *svc, char path[PID_PATH_MAX])
{
    const char *name = svc->spec->pid_file;

    if (str_starts_with(name,
                        "/var/run/")) /* a link to /run, for those who have another root */
        name += strlen("/var/run/");
    return str_format(path, PID_PATH_MAX, "%s%s", name[0] == '/' ? "" : "/run/", name);
}

/* Where the service's own view of the files begins; -1: it is ours. */
static int open_root(const struct svc *svc)
{
    char path[64];

    if (!follow_has_reaper(&svc->holder) || svc->holder.empty)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/root", svc->holder.top_pid);
    return sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

static int open_below(int root, const char *path, int flags)
{
    if (root < 0)
        return sys_openat(AT_FDCWD, path, flags | O_CLOEXEC, 0);
    return sys_openat(root, path[1] ? path + 1 : ".", flags | O_CLOEXEC, 0);
}

/* Does that process run as this user? */
static bool runs_as(pid_t pid, uid_t uid)
{
    char path[40];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d", pid);
    return sys_fstatat(AT_FDCWD, path, &st, 0) == 0 && st.st_uid == uid;
}

static bool may_name(const struct svc *svc, uid_t owner, const struct successor *main)
{
    return owner == 0 || owner == geteuid() || owner == svc->spec->launch.uid ||
           runs_as(main->pid, owner);
}

static bool is_trusted(const struct svc *svc, const struct stat *st, char *why, size_t size)
{
    const char *what = NULL;

    if (!S_ISREG(st->st_mode))
        what = "is no plain file";
    else if (st->st_nlink != 1)
        what = "has several names";
    else if (st->st_mode & S_IWOTH)
        what = "can be written by anybody";
    if (what)
        str_format(why, size, "PIDFile=%s %s", svc->spec->pid_file, what);
    return !what;
}

/* The number in it; 0: there is none yet, or none to be believed ('why'). */
static pid_t read_pid_file(const struct svc *svc, int root, uid_t *ret_owner, char *why,
                           size_t size)
{
    char path[PID_PATH_MAX], text[32];
    struct stat st;
    long long pid;
    ssize_t n;
    SCOPED_SYS_FD fd = -1;

    str_format(why, size, "PIDFile=%s", svc->spec->pid_file);
    if (pid_path(svc, path) < 0)
        return 0;
    fd = open_below(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (fd == -ELOOP)
        str_format(why, size, "PIDFile=%s is no plain file", svc->spec->pid_file);
    if (fd < 0 || sys_fstat(fd, &st) < 0 || !is_trusted(svc, &st, why, size))
        return 0;
    n = sys_read(fd, text, sizeof text - 1);
    if (n <= 0)
        return 0;
    *ret_owner = st.st_uid;
    text[n] = '\0';
    text[strcspn(text, " \t\n")] = '\0';
    if (str_to_int(text, 1, INT32_MAX, &pid) == 0)
        return (pid_t)pid;
    str_format(why, size, "PIDFile=%s has no number in it", svc->spec->pid_file);
    return 0;
}

/* ---- waiting for it ---- */

void svc_pid_file_forget(struct svc *svc)
{
    if (svc->pid_file.fd < 0)
        return;
    coop_fdwatch_stop(&svc->pid_file.watch);
    coop_fd_close(svc->pid_file.fd);
    svc->pid_file.fd = -1;
}

/* The directory, or the last one on the way to it that is there. */
static void watch_directory(int fd, int root, char path[PID_PATH_MAX])
{
    const uint32_t news =
        IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_ONLYDIR;

    for (;;) {
        char *slash = strrchr(path, '/'), link[40];
        SCOPED_SYS_FD dir = -1;

        if (!slash)
            return;
        slash[slash == path ? 1 : 0] = '\0';
        dir = open_below(root, path, O_PATH | O_DIRECTORY);
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        if ((dir >= 0 && sys_inotify_add_watch(fd, link, news) >= 0) || slash == path)
            return;
    }
}

static void wait_for_file(struct svc *svc, int root)
{
    char path[PID_PATH_MAX];
    int r = 0;

    if (svc->pid_file.fd < 0)
        r = svc->pid_file.fd = sys_inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    else
        coop_fdwatch_stop(&svc->pid_file.watch);
    if (r >= 0 && pid_path(svc, path) == 0) {
        watch_directory(svc->pid_file.fd, root, path);
        r = coop_fdwatch_start(&svc->pid_file.watch, svc->pid_file.fd, COOP_IN, &svc->actor,
                               MSG_PID_FILE);
    }
    if (r >= 0)
        return;
    log_warn("service", "%s: PIDFile=%s cannot be waited for: %s", svc->view.name,
             svc->spec->pid_file, coop_strerror(r));
    if (svc->pid_file.fd >= 0)
        sys_close(svc->pid_file.fd);
    svc->pid_file.fd = -1;
}

/* ---- following ---- */

static int follow(struct svc *svc, const struct successor *main)
{
    struct spawn *spawn = svc->world->spawn;
    struct saved_life life = {
        .main_pid = main->pid, .main_ticks = main->start_ticks, .main_inside = main->inside};
    int r = spawn->ops->follow(spawn, &svc->holder, main, &svc->actor, MSG_MAIN);

    if (r < 0)
        return r;
    svc_pid_file_forget(svc);
    svc->main_told = false;
    svc->ending.kind = EXIT_NONE;
    svc->ending.value = 0;
    if (svc->world->journal)
        journal_main(svc->world->journal, svc->view.name, &life);
    log_info("service", "%s: process %d is its main process", svc->view.name, main->pid);
    svc_publish(svc);
    return 0;
}

/* 0, or -errno and why: the file is not there yet, or what it says cannot be. */
static int find_by_file(struct svc *svc, int root, struct successor *ret_main, char *why,
                        size_t size)
{
    struct spawn *spawn = svc->world->spawn;
    uid_t owner = 0;
    pid_t pid = read_pid_file(svc, root, &owner, why, size);
    int r = pid > 0 ? spawn->ops->find(spawn, &svc->holder, pid, ret_main) : -ENOENT;

    if (pid > 0 && r < 0)
        str_format(why, size, "PIDFile=%s names %d, which is none of its processes",
                   svc->spec->pid_file, pid);
    if (r < 0 || may_name(svc, owner, ret_main))
        return r;
    str_format(why, size, "PIDFile=%s belongs to a stranger", svc->spec->pid_file);
    return -EPERM;
}

static void tell_wait(struct svc *svc, int root, const char *why)
{
    bool plain = strncmp(why, "PIDFile=", 8) == 0 && !strchr(why, ' ');

    if (!plain && strcmp(svc->view.waiting_for, why) != 0)
        log_warn("service", "%s: %s", svc->view.name, why);
    str_copy(svc->view.waiting_for, sizeof svc->view.waiting_for, why);
    wait_for_file(svc, root);
    svc_publish(svc);
}

/* What was launched has ended well. */
static bool find_first(struct svc *svc, enum svc_event *ret_event)
{
    struct spawn *spawn = svc->world->spawn;
    struct successor main;
    char why[160];
    SCOPED_SYS_FD root = -1;
    int r = -E2BIG;

    if (svc->holder.empty) {
        svc->ending.never_ready = has_pid_file(svc);
        return false;
    }
    *ret_event = NO_EVENT;
    if (has_pid_file(svc)) {
        root = open_root(svc);
        r = find_by_file(svc, root, &main, why, sizeof why);
    } else if (svc->spec->guess_main) {
        r = spawn->ops->find(spawn, &svc->holder, 0, &main);
    }
    if (r == 0)
        r = follow(svc, &main);
    if (r < 0 && has_pid_file(svc)) {
        tell_wait(svc, root, why);
        return true;
    }
    if (r ==
        -ESRCH) { /* it is on its way out, or nobody is ours: the tree's end says the rest */
        svc_publish(svc);
        return true;
    }
    if (r < 0)
        log_info("service", "%s: it has no main process, and ends with its last one",
                 svc->view.name);
    svc->was_ready = true;
    *ret_event = EV_READY;
    return true;
}

/* Main, which was followed, has ended: has it left another? */
static bool find_next(struct svc *svc, bool well)
{
    struct spawn *spawn = svc->world->spawn;
    pid_t was = svc->holder.main_pid;
    struct successor main;
    char why[160];
    SCOPED_SYS_FD root = -1;
    int r = -ESRCH;

    if (svc->holder.empty)
        return false;
    if (has_pid_file(svc)) {
        root = open_root(svc);
        r = find_by_file(svc, root, &main, why, sizeof why);
    } else if (svc->spec->guess_main && well) {
        r = spawn->ops->find(spawn, &svc->holder, 0, &main);
    }
    return r == 0 && main.pid != was && follow(svc, &main) == 0;
}

bool svc_find_main(struct svc *svc, bool well, enum svc_event *ret_event)
{
    *ret_event = NO_EVENT;
    if (svc->spec->type != TYPE_FORKING || svc->kind != EXEC_START || !svc_is_running(svc) ||
        !svc->world->spawn->ops->find)
        return false;
    if (svc->holder.followed)
        return find_next(svc, well);
    return svc->view.place == AT_START_MAIN && well && find_first(svc, ret_event);
}

void svc_on_pid_file(struct svc *svc)
{
    char events[4096];
    enum svc_event event;

    if (svc->pid_file.fd < 0)
        return;
    coop_fdwatch_take(&svc->pid_file.watch);
    while (sys_read(svc->pid_file.fd, events, sizeof events) > 0)
        ;
    if (svc->view.place == AT_START_MAIN && svc_lacks_main(svc) &&
        svc_find_main(svc, true, &event))
        svc_feed(svc, event, NULL);
}

/* ---- MAINPID= ---- */

void svc_hear_main(struct svc *svc, pid_t inside)
{
    struct spawn *spawn = svc->world->spawn;
    bool lacked = svc_lacks_main(svc) && svc->view.place == AT_START_MAIN;
    struct successor main;
    int r;

    if (!spawn->ops->find || svc->kind != EXEC_START || !svc_is_running(svc) ||
        svc->spec->type == TYPE_ONESHOT || svc->looks >= LOOKS_MAX ||
        (svc->holder.followed && inside == svc->holder.main_inside))
        return;
    svc->looks++;
    r = spawn->ops->find(spawn, &svc->holder, inside, &main);
    if (r == 0 && main.pid == svc->holder.main_pid)
        return;
    if (r == 0)
        r = follow(svc, &main);
    if (r < 0 && !svc->refusal_told) {
        svc->refusal_told = true;
        log_warn("notify", "%s: MAINPID=%d is none of its processes", svc->view.name, inside);
    }
    if (r == 0 && lacked) {
        svc->was_ready = true;
        svc_feed(svc, EV_READY, NULL);
    }
}

/* ---- the end ---- */

void svc_remove_pid_file(struct svc *svc)
{
    char path[PID_PATH_MAX];

    svc_pid_file_forget(svc);
    if (svc->spec->type == TYPE_FORKING && svc->main_told && svc->kind == EXEC_START &&
        has_pid_file(svc) && pid_path(svc, path) == 0)
        sys_unlinkat(AT_FDCWD, path, 0);
}
