/*
 * fake_daemon.c - the real control room over a daemon that only pretends
 */
#include "fake_daemon.h"

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "control/control.h"
#include "coop/chan.h"
#include "coop/coop.h"
#include "daemon.h"
#include "events/board.h"
#include "group/group.h"
#include "service/service.h"
#include "timers/timers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { SERVICES_MAX = 10008 };

struct svc {
    char name[SVC_NAME_MAX + 1];
    unsigned slot;
};

struct daemon {
    const struct fake *fake;
    struct board *board;
    struct svc services[SERVICES_MAX];
    unsigned count;
    struct coop_chan *ending;
};

/* ---- what daemon.h and service.h promise ---- */

struct board *daemon_board(struct daemon *daemon)
{
    return daemon->board;
}

struct svc *daemon_find(struct daemon *daemon, const char *name)
{
    for (unsigned i = 0; i < daemon->count; i++)
        if (strcmp(daemon->services[i].name, name) == 0 && strcmp(name, "gone") != 0)
            return &daemon->services[i];
    return NULL;
}

static void note(const char *what, const char *name)
{
    char line[160];
    int fd = open("asked", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    str_format(line, sizeof line, "%s%s%s\n", what, name[0] ? " " : "", name);
    if (fd >= 0) {
        if (write(fd, line, strlen(line)) < 0)
            abort();
        close(fd);
    }
}

int daemon_reload(struct daemon *daemon, struct reload_report *ret_report, struct coop_err *err)
{
    (void)daemon;
    note("reload", "");
    if (access("broken", F_OK) == 0) {
        coop_fail(err, COOP_E_SYNTAX, "web.ini:3: unknown key 'Retsart'");
        return coop_hint(err, "did you mean 'Restart'?");
    }
    *ret_report = (struct reload_report){.added = 1, .unchanged = 4};
    return 0;
}

void daemon_shutdown(struct daemon *daemon)
{
    note("shutdown", "");
    coop_close(daemon->ending);
}

int daemon_reexec(struct daemon *daemon, const char *path, struct coop_err *err)
{
    (void)daemon;
    note("reexec", path ? path : "");
    return coop_fail(err, COOP_E_MISSING, "'%s' cannot take over", path ? path : "coopd");
}

void daemon_reexec_failure(struct daemon *daemon, struct coop_err *ret_err)
{
    (void)daemon;
    *ret_err = (struct coop_err){0};
}

static unsigned count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count - 3; /* ".", ".." and the one of the directory itself */
}

void daemon_describe(struct daemon *daemon, struct daemon_info *ret_info)
{
    *ret_info = (struct daemon_info){.pid = getpid(),
                                     .version = "0.0",
                                     .started_wall = INT64_C(1795428000) * COOP_NSEC_PER_SEC,
                                     .services = daemon->count,
                                     .fds = count_fds(),
                                     .memory_rss = 4096,
                                     .socket = daemon->fake->socket,
                                     .state_dir = daemon->fake->dir,
                                     .log_dir = daemon->fake->dir,
                                     .program = "/usr/bin/coopd"};
}

struct svc_spec *daemon_spec(struct daemon *daemon, const char *name, size_t *hint)
{
    (void)daemon, (void)name, (void)hint;
    return NULL;
}

struct timer_view *daemon_timers(struct daemon *daemon, size_t *ret_count)
{
    struct timer_view *timers = calloc(2, sizeof *timers);

    (void)daemon;
    *ret_count = timers ? 2 : 0;
    if (timers) {
        timers[0] = (struct timer_view){"night", "backup", INT64_C(1795428000000000000),
                                        INT64_C(1795341600000000000)};
        timers[1] = (struct timer_view){.name = "never", .service = "web"};
    }
    return timers;
}

int daemon_members(struct daemon *daemon, const char *name, struct strlist *ret_names)
{
    (void)daemon, (void)name, (void)ret_names;
    return 0;
}

int daemon_make(struct daemon *daemon, const char *name, struct coop_err *err)
{
    (void)daemon;
    return coop_fail(err, COOP_E_UNKNOWN, "no service '%s'", name);
}

int daemon_sweep(struct daemon *daemon)
{
    (void)daemon;
    return 0;
}

int daemon_scale(struct daemon *daemon, const char *set, unsigned count, struct coop_err *err)
{
    (void)daemon, (void)count;
    return coop_fail(err, COOP_E_UNKNOWN, "'%s' is no set of instances", set);
}

int daemon_log_path(struct daemon *daemon, const char *name, char *buf, size_t size)
{
    if (strcmp(name, "gone") == 0)
        return -1;
    return str_format(buf, size, "%s/%s.log", daemon->fake->dir, name) < 0 ? -1 : 0;
}

int daemon_cgroup_path(struct daemon *daemon, const char *name, char *buf, size_t size)
{
    (void)daemon, (void)name, (void)buf, (void)size;
    return -1;
}

const char *svc_name(const struct svc *svc)
{
    return svc->name;
}

unsigned svc_slot(const struct svc *svc)
{
    return svc->slot;
}

struct svc *svc_ref(struct svc *svc)
{
    return svc;
}

void svc_unref(struct svc *svc)
{
    (void)svc;
}

int svc_command(struct svc *svc, const struct svc_command *command)
{
    static const char *const words[] = {"start", "stop", "restart", "reload", "kill"};
    struct svc_reply reply = {.tag = command->tag, .result = SVC_OK, .place = AT_UP};

    note(words[command->kind], svc->name);
    str_copy(reply.name, sizeof reply.name, svc->name);
    if (strcmp(svc->name, "slow") == 0)
        return 0;
    if (command->kind == CMD_STOP)
        reply.place = AT_DOWN;
    if (strcmp(svc->name, "bad") == 0) {
        reply.result = SVC_FAILED;
        reply.place = AT_FAILED;
        str_copy(reply.text, sizeof reply.text, "step 'exec': No such file or directory");
    }
    if (command->reply)
        coop_send(command->reply, &reply, COOP_NOW);
    return 0;
}

/* ---- the process ---- */

void svc_announce(struct svc *svc, enum svc_command_kind kind)
{
    (void)svc;
    (void)kind;
}

int svc_command_announced(struct svc *svc, const struct svc_command *command)
{
    return svc_command(svc, command);
}

int daemon_group_services(struct daemon *daemon, const char *name,
                          void (*fn)(void *arg, const char *service), void *arg)
{
    (void)daemon;
    if (strcmp(name, "shop") != 0)
        return -ENOENT;
    fn(arg, "web");
    fn(arg, "db");
    return 0;
}

void daemon_group_clear(struct daemon *daemon, const char *name)
{
    (void)daemon;
    note("clear", name);
}

void daemon_each_group(struct daemon *daemon,
                       void (*fn)(void *arg, const struct group_spec *spec,
                                  const struct group_view *view, const char *parent),
                       void *arg)
{
    char *members[] = {(char *)(uintptr_t) "web", (char *)(uintptr_t) "db", NULL};
    const struct group_spec spec = {.name = (char *)(uintptr_t) "shop",
                                    .members.names = {.items = members, .count = 2}};
    const struct group_view view = {.name = "shop",
                                    .strategy = ONE_FOR_ALL,
                                    .intensity = 1,
                                    .period = 5 * COOP_NSEC_PER_SEC};

    (void)daemon;
    fn(arg, &spec, &view, NULL);
}

static void add_service(struct daemon *daemon, const char *name, enum svc_place place,
                        pid_t main_pid)
{
    struct svc *svc = &daemon->services[daemon->count++];
    struct svc_view view = {.place = place,
                            .wanted_up = main_pid > 0,
                            .main_pid = main_pid,
                            .top_pid = main_pid,
                            .since_wall = INT64_C(1795428000) * COOP_NSEC_PER_SEC};

    str_copy(svc->name, sizeof svc->name, name);
    str_copy(view.name, sizeof view.name, name);
    str_copy(view.reason, sizeof view.reason, "because the test says so");
    if (board_take(daemon->board, &svc->slot) < 0)
        abort();
    board_write(daemon->board, svc->slot, &view);
}

static void add_services(struct daemon *daemon, int flags)
{
    char name[16];

    add_service(daemon, "web", AT_UP, getpid());
    add_service(daemon, "db", AT_DOWN, 0);
    add_service(daemon, "bad", AT_FAILED, 0);
    add_service(daemon, "slow", AT_START_MAIN, 0);
    add_service(daemon, "gone", AT_DOWN, 0);
    for (int i = 0; (flags & FAKE_MANY) && i < 10000; i++) {
        str_format(name, sizeof name, "s%d", i);
        add_service(daemon, name, AT_DOWN, 0);
    }
}

static int root(void *arg)
{
    struct daemon *daemon = arg;
    struct control *control = NULL;
    struct coop_err err;

    daemon->ending = coop_chan_new(0, 0);
    if (control_start(&control, daemon, daemon->fake->socket, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    coop_recv(daemon->ending, NULL, COOP_FOREVER);
    control_stop(control);
    coop_chan_unref(daemon->ending);
    return 0;
}

_Noreturn static void run(const struct fake *fake, int flags)
{
    struct coop_options options = {.name = "fake-coopd", .procs = 2, .foreign_wakes = true};
    struct daemon *daemon = calloc(1, sizeof *daemon);
    int r;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!daemon || chdir(fake->dir) < 0)
        _exit(1);
    log_set_level(LOG_LEVEL_ERROR);
    daemon->fake = fake;
    daemon->board = board_new();
    add_services(daemon, flags);
    r = coop_main(&options, root, daemon);
    board_free(daemon->board);
    free(daemon);
    exit(r == 0 && access(fake->socket, F_OK) < 0 && access(fake->fifo, F_OK) < 0 ? 0 : 1);
}

/* Waits until 'path' is there; 'watch' tells of changes in its directory. */
static int wait_for_file(const char *dir, const char *path)
{
    int watch = inotify_init1(IN_CLOEXEC);
    int tries = 100, r = -1;

    inotify_add_watch(watch, dir, IN_CREATE | IN_MOVED_TO | IN_MODIFY);
    while (tries-- > 0 && (r = access(path, F_OK)) < 0) {
        struct pollfd poll_fd = {.fd = watch, .events = POLLIN};
        char events[4096];

        if (poll(&poll_fd, 1, 10000) <= 0 || read(watch, events, sizeof events) <= 0)
            break;
    }
    close(watch);
    return r;
}

int fake_start(struct fake *ret_fake, int flags)
{
    *ret_fake = (struct fake){.dir = "/tmp/coop-control-XXXXXX"};
    if (!mkdtemp(ret_fake->dir))
        return -1;
    str_format(ret_fake->socket, sizeof ret_fake->socket, "%s/control.sock", ret_fake->dir);
    str_format(ret_fake->fifo, sizeof ret_fake->fifo, "%s/control.fifo", ret_fake->dir);
    fflush(NULL);
    ret_fake->pid = fork();
    if (ret_fake->pid == 0)
        run(ret_fake, flags);
    if (ret_fake->pid < 0 || wait_for_file(ret_fake->dir, ret_fake->socket) < 0)
        return -1;
    return wait_for_file(ret_fake->dir, ret_fake->fifo);
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

int fake_end(struct fake *fake)
{
    int fd = open(fake->fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC), status = 0;
    bool asked = fd >= 0 && write(fd, "\nshutdown\n", 10) == 10;

    if (fake->pid > 0 && !asked)
        kill(fake->pid, SIGKILL);
    if (fd >= 0)
        close(fd);
    if (fake->pid > 0)
        waitpid(fake->pid, &status, 0);
    remove_dir(fake->dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static unsigned count_lines(const char *path, const char *line)
{
    FILE *file = fopen(path, "re");
    unsigned count = 0;
    char text[200];

    while (file && fgets(text, sizeof text, file)) {
        text[strcspn(text, "\n")] = '\0';
        count += strcmp(text, line) == 0;
    }
    if (file)
        fclose(file);
    return count;
}

unsigned fake_asked(const struct fake *fake, const char *line, unsigned least)
{
    int watch = inotify_init1(IN_CLOEXEC);
    char path[96], events[4096];
    struct pollfd poll_fd = {.fd = watch, .events = POLLIN};
    unsigned count;

    str_format(path, sizeof path, "%s/asked", fake->dir);
    inotify_add_watch(watch, fake->dir, IN_CREATE | IN_MODIFY);
    while ((count = count_lines(path, line)) < least)
        if (poll(&poll_fd, 1, 10000) <= 0 || read(watch, events, sizeof events) <= 0)
            break;
    close(watch);
    return count;
}
