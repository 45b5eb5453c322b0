/*
 * daemon.c - coopd's rooms, opened from the ground up and closed from the roof down
 *
 *     places    directories, the lock
 *     machine   probe, cgroups, spawner
 *     journal   what an earlier coopd left behind is ended here, or kept
 *     services  made, linked; what was kept goes on; the others are not started
 *     control   the door opens: status answers from the first moment on
 *     start     everything at once; the graph orders it
 *     ...       until a signal or a client ends it
 */
#include "daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "adopt.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "control/control.h"
#include "coop/child.h"
#include "coop/coro.h"
#include "coop/select.h"
#include "coop/signal.h"
#include "daemon_inside.h"
#include "handover.h"
#include "journal.h"
#include "launcher/fdstore.h"

#define LAST_WORDS_PATIENCE (5 * COOP_NSEC_PER_SEC)

/* ---- what control asks ---- */

struct board *daemon_board(struct daemon *daemon)
{
    return daemon->world.board;
}

struct svc *daemon_find(struct daemon *daemon, const char *name)
{
    struct svc *svc;

    coop_mutex_lock(&daemon->lock);
    svc = map_get(&daemon->services, name);
    if (svc)
        svc_ref(svc);
    coop_mutex_unlock(&daemon->lock);
    return svc;
}

struct timer_view *daemon_timers(struct daemon *daemon, size_t *ret_count)
{
    return timers_list(daemon->timers, ret_count);
}

void daemon_shutdown(struct daemon *daemon)
{
    int ask = ASK_SHUTDOWN;

    coop_send(daemon->asks, &ask, COOP_NOW);
}

static void over(struct svc_world *world, const char *name, int exit_status)
{
    struct daemon *daemon =
        (struct daemon *)(void *)((char *)world - offsetof(struct daemon, world));
    int nothing = -1, ask = ASK_OVER;

    if (atomic_load(&world->closing) ||
        !atomic_compare_exchange_strong(&daemon->exit_status, &nothing, exit_status))
        return;
    log_warn("coopd", "%s has ended for good: all is over, with exit code %d", name,
             exit_status);
    /* When it is full, one of those before it wakes who looks at 'exit_status'. */
    (void)coop_send(daemon->asks, &ask, COOP_NOW);
}

static unsigned count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", "..", and the directory itself */
}

static uint64_t read_memory(const char *path, const char *key)
{
    FILE *file = fopen(path, "re");
    char line[256];
    unsigned long kib = 0;
    size_t len = strlen(key);

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, len) == 0) {
            kib = strtoul(line + len, NULL, 10);
            break;
        }
    if (file)
        fclose(file);
    return (uint64_t)kib * 1024;
}

void daemon_describe(struct daemon *daemon, struct daemon_info *ret_info)
{
    struct coop_child_stats children;

    coop_child_stats(&children);
    coop_mutex_lock(&daemon->lock);
    ret_info->services = (unsigned)daemon->services.count;
    coop_mutex_unlock(&daemon->lock);
    ret_info->pid = getpid();
    ret_info->version = COOP_VERSION;
    ret_info->started_wall = daemon->started_wall;
    ret_info->fds = count_fds();
    ret_info->memory_rss = read_memory("/proc/self/status", "VmRSS:");
    ret_info->memory_pss = read_memory("/proc/self/smaps_rollup", "Pss:");
    ret_info->orphans_reaped = children.orphans;
    ret_info->reloads = atomic_load(&daemon->reloads);
    ret_info->socket = daemon->options->socket;
    ret_info->state_dir = daemon->options->state_dir;
    ret_info->log_dir = daemon->options->log_dir;
    ret_info->program = daemon->program;
}

struct svc_spec *daemon_spec(struct daemon *daemon, const char *name, size_t *hint)
{
    struct svc_spec *found = NULL;
    size_t count, at;

    coop_mutex_lock(&daemon->lock);
    count = daemon->config->count;
    at = hint && *hint < count ? *hint : 0;
    for (size_t i = 0; i < count && !found; i++, at = (at + 1) % count)
        if (strcmp(daemon->config->specs[at]->name, name) == 0)
            found = svc_spec_ref(daemon->config->specs[at]);
    coop_mutex_unlock(&daemon->lock);
    if (found && hint)
        *hint = at; /* one behind the found one */
    return found;
}

int daemon_log_path(struct daemon *daemon, const char *name, char *buf, size_t size)
{
    struct svc_spec *spec = daemon_spec(daemon, name, NULL);
    int r = -1;

    if (spec && spec->out.kind == OUTPUT_LOG)
        r = str_format(buf, size, "%s/%s.log", daemon->options->log_dir, name);
    else if (spec && spec->out.path)
        r = str_copy(buf, size, spec->out.path);
    svc_spec_unref(spec);
    return r;
}

int daemon_cgroup_path(struct daemon *daemon, const char *name, char *buf, size_t size)
{
    const struct launch_cgroups *groups = &daemon->machine.cgroups;
    char leaf[LAUNCH_CGROUP_PATH];
    struct svc_view view;

    if (!daemon->machine.has_cgroups || !board_find(daemon->world.board, name, &view) ||
        view.cgroup_of == 0 || launch_cgroup_escape(name, leaf, sizeof leaf) < 0)
        return -1;
    return str_format(buf, size, "%s/coop-%d/%s", groups->where, (int)view.cgroup_of, leaf);
}

/* ---- starting ---- */

static int open_world(struct daemon *daemon, struct coop_err *err)
{
    daemon->world.board = board_new();
    daemon->world.bus = bus_new();
    daemon->asks = coop_chan_new(sizeof(int), 64);
    if (!daemon->world.board || !daemon->world.bus || !daemon->asks)
        return coop_fail(err, COOP_E_LIMIT, "no memory to begin with");
    daemon->world.spawn = &daemon->machine.spawn;
    daemon->world.run_dir = daemon->run_dir;
    daemon->world.log_dir = daemon->options->log_dir;
    daemon->world.over = over;
    return 0;
}

/* What the program before in this process has known of its services. */
static int read_kept(struct daemon *daemon, struct coop_err *err)
{
    struct survivors *survivors = &daemon->survivors;
    const json_t *text = json_object_get(daemon->kept, "journal");
    ssize_t r =
        journal_replay(json_string_value(text), json_string_length(text), "", survivors_add,
                       survivors, &survivors->coopd, &survivors->closing);

    if (r >= 0)
        r = journal_replay_groups(json_string_value(text), json_string_length(text), "",
                                  daemon_save_group, daemon);
    if (r < 0)
        return coop_fail_sys(err, (int)r, "the services before");
    daemon_first_wishes(daemon);
    return survivors_go_on(survivors, daemon->config, &daemon->machine, err);
}

static int read_journal(struct daemon *daemon, struct coop_err *err)
{
    struct survivors *survivors = &daemon->survivors;
    int r = journal_read(daemon->options->state_dir, survivors_add, survivors,
                         &survivors->coopd, &survivors->closing, err);

    if (r == 0)
        daemon_first_wishes(daemon);
    if (r == 0)
        r = survivors_sort(survivors, daemon->config, &daemon->machine, err);
    return r < 0 ? r
                 : journal_read_groups(daemon->options->state_dir, daemon_save_group, daemon,
                                       err);
}

static int take_over(struct daemon *daemon, struct coop_err *err)
{
    struct survivors *survivors = &daemon->survivors;
    int r = daemon->kept ? read_kept(daemon, err) : read_journal(daemon, err);

    if (r == 0)
        r = journal_open(&daemon->journal, daemon->options->state_dir, survivors->list,
                         survivors->count, daemon->saved_groups, daemon->saved_group_count,
                         &daemon->wishes, err);
    survivors_drop_steps(survivors);
    daemon->world.journal = daemon->journal;
    return r;
}

/* Whoever waits for it to be up asks the service itself. */
static int start_for_timer(void *arg, const char *name)
{
    struct svc *svc = daemon_find(arg, name);
    int r = svc ? svc_command(svc, &(struct svc_command){.kind = CMD_START}) : -ENOENT;

    if (svc)
        svc_unref(svc);
    return r;
}

int daemon_open_timers(struct daemon *daemon, bool is_next, struct coop_err *err)
{
    const struct timers_world world = {
        .bus = daemon->world.bus,
        .board = daemon->world.board,
        .state_dir = daemon->options->state_dir,
        .start = start_for_timer,
        .arg = daemon,
        .is_next = is_next,
    };

    return timers_start(&daemon->timers, &world, err);
}

/* What came to the program before and was not looked at. */
static void hear_asks(struct daemon *daemon)
{
    json_t *ask;
    size_t i;

    json_array_foreach(json_object_get(daemon->kept, "asks"), i, ask)
    {
        int number = (int)json_integer_value(ask);

        coop_send(daemon->asks, &number, COOP_NOW);
    }
}

/* Children that ended while nobody listened: those of services have been looked at, the others are
 * orphans. */
static void end_takeover(struct daemon *daemon)
{
    if (!daemon->kept)
        return;
    (void)daemon_round(daemon, QUIET_ROUND, NULL, COOP_FOREVER);
    coop_child_spawn_end();
    sys_kill(getpid(), SIGCHLD);
    handover_close_rest(daemon->kept);
    hear_asks(daemon);
}

static int listen_to_signals(struct daemon *daemon, struct coop_err *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

    for (size_t i = 0; i < COOP_COUNT(signals); i++) {
        int r = coop_signal_notify(daemon->asks, signals[i]);

        if (r < 0)
            return coop_fail_sys(err, r, "signal %d", signals[i]);
    }
    return 0;
}

/* The descriptors of an earlier coopd, and where ours are kept for the next one.  Without it they
 * end with us: no reason not to begin. */
static void open_store(struct daemon *daemon)
{
    struct coop_err err = {0};

    if (fdstore_open(daemon->options->state_dir, daemon->machine.helper, &daemon->world.store,
                     &err) < 0)
        log_err(LOG_LEVEL_WARN, "coopd", &err);
}

static int open_all(struct daemon *daemon, struct coop_err *err)
{
    /* Orphans of services come to us and not to init, so that `tree` finds them. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (daemon_open_places(daemon, err) < 0 || open_world(daemon, err) < 0 ||
        listen_to_signals(daemon, err) < 0 ||
        machine_open(&daemon->machine, daemon->options->state_dir,
                     json_object_get(daemon->kept, "machine"), err) < 0 ||
        take_over(daemon, err) < 0 ||
        daemon_open_timers(daemon, daemon->survivors.coopd > 0 && !daemon->survivors.closing,
                           err) < 0)
        return -1;
    open_store(daemon);
    if (daemon_first_services(daemon, err) < 0 ||
        control_start(&daemon->control, daemon, daemon->options->socket,
                      json_object_get(daemon->kept, "control"), err) < 0)
        return -1;
    end_takeover(daemon);
    return 0;
}

void daemon_tell_manager(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr msg = {
        .msg_name = &at, .msg_namelen = sizeof at, .msg_iov = &iov, .msg_iovlen = 1};
    SCOPED_FD fd = -1;

    if (!path || str_copy(at.sun_path, sizeof at.sun_path, path) < 0)
        return;
    msg.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (at.sun_path[0] == '@')
        at.sun_path[0] = '\0';
    fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        sys_sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- living ---- */

static int reload_once(void *arg)
{
    struct coop_err err = {0};

    daemon_reload(arg, NULL, &err); /* it has told the log what is wrong */
    return 0;
}

int daemon_sender_text(int signo, pid_t sender, char *ret_text, size_t size)
{
    const char *name = signo == SIGTERM ? "SIGTERM" : "SIGINT";

    if (sender > 0)
        return str_format(ret_text, size, "%s from process %d", name, sender);
    return str_format(ret_text, size, "%s from %s", name,
                      signo == SIGINT ? "the terminal, or outside this PID namespace"
                                      : "outside this PID namespace");
}

static void tell_end(int signo)
{
    char text[96];

    (void)daemon_sender_text(signo, coop_signal_sender(signo), text, sizeof text);
    log_info("coopd", "%s: stopping all services", text);
}

/* Until somebody wants the end. */
static void serve(struct daemon *daemon)
{
    int ask;

    while (atomic_load(&daemon->exit_status) < 0 &&
           coop_recv(daemon->asks, &ask, COOP_FOREVER) == 1) {
        switch (ask) {
        case SIGHUP:
            log_info("coopd", "SIGHUP: reading the configuration again");
            coop_go(NULL, reload_once, daemon);
            break;
        case SIGUSR1: control_reopen(daemon->control); break;
        case SIGTERM:
        case SIGINT: tell_end(ask); return;
        case ASK_SHUTDOWN: log_info("coopd", "asked to shut down"); return;
        case ASK_REEXEC: daemon_replace(daemon); break;
        default: break;
        }
    }
}

/* ---- stopping ---- */

/* How many will reply. */
static size_t stop_all(struct daemon *daemon, struct coop_chan **ret_replies)
{
    struct svc_command stop = {.kind = CMD_STOP};
    struct svc *svc;
    size_t asked = 0;

    coop_mutex_lock(&daemon->lock); /* a reload may still be on its way */
    stop.reply = coop_chan_new(sizeof(struct svc_reply), daemon->services.count + 1);
    for (size_t i = 0; (svc = map_next(&daemon->services, &i)) != NULL;)
        svc_announce(svc, CMD_STOP);
    for (size_t i = 0; (svc = map_next(&daemon->services, &i)) != NULL;)
        asked += svc_command_announced(svc, &stop) == 0;
    coop_mutex_unlock(&daemon->lock);
    *ret_replies = stop.reply;
    return asked;
}

static void hurry_all(struct daemon *daemon)
{
    struct svc *svc;

    log_warn("coopd", "asked again: killing what still runs");
    coop_mutex_lock(&daemon->lock);
    for (size_t i = 0; (svc = map_next(&daemon->services, &i)) != NULL;)
        svc_hurry(svc);
    coop_mutex_unlock(&daemon->lock);
}

static void wait_all(struct daemon *daemon, struct coop_chan *replies, size_t waiting)
{
    while (waiting > 0) {
        struct svc_reply reply;
        int ask = -1;
        struct coop_case cases[] = {COOP_RECV(replies, &reply), COOP_RECV(daemon->asks, &ask)};
        int which = coop_select(cases, 2, COOP_FOREVER);

        if (which < 0)
            return;
        if (which == 0) {
            waiting--;
            if (reply.result != SVC_OK)
                log_warn("coopd", "%s: %s", reply.name, reply.text);
        } else if (ask == SIGTERM || ask == SIGINT || ask == ASK_SHUTDOWN) {
            hurry_all(daemon);
        }
    }
}

static void let_go_of_services(struct daemon *daemon)
{
    struct svc *svc;

    for (size_t i = 0; (svc = map_next(&daemon->services, &i)) != NULL;)
        svc_discard(svc, NULL);
    for (size_t i = 0; (svc = map_next(&daemon->services, &i)) != NULL;)
        svc_unref(svc);
    map_done(&daemon->services);
    daemon_let_go_of_groups(daemon);
    coop_wg_wait_until(&daemon->world.alive, coop_after(coop_now(), 5 * COOP_NSEC_PER_SEC));
}

static void stop_services(struct daemon *daemon)
{
    struct event event = {.kind = EVENT_SHUTDOWN};
    struct coop_chan *replies;
    size_t waiting;

    atomic_store(&daemon->world.closing, true);
    bus_publish(daemon->world.bus, &event);
    journal_closing(daemon->journal);
    timers_stop(daemon->timers);
    waiting = stop_all(daemon, &replies);
    wait_all(daemon, replies, waiting);
    coop_chan_unref(replies);
    /* All are down, so a reload that waited for one of them ends now; it must not be cut off. */
    coop_mutex_lock(&daemon->reloading);
    coop_mutex_unlock(&daemon->reloading);
}

static void close_all(struct daemon *daemon)
{
    if (daemon->world.bus)
        bus_close(daemon->world.bus);
    control_stop(daemon->control);
    if (daemon->world.board)
        let_go_of_services(daemon);
    output_wait_all(coop_after(coop_now(), LAST_WORDS_PATIENCE));
    if (daemon->asks)
        coop_signal_stop(daemon->asks);
    coop_chan_unref(daemon->asks);
    survivors_done(&daemon->survivors);
    /* after an orderly end nothing is left to go on with */
    fdstore_close(daemon->world.store, atomic_load(&daemon->world.closing));
    timers_free(daemon->timers);
    machine_close(&daemon->machine);
    journal_close(daemon->journal);
    board_free(daemon->world.board);
    bus_free(daemon->world.bus);
    config_free(daemon->config);
    free(daemon->saved_groups);
    wishes_done(&daemon->wishes);
    daemon_close_places(daemon);
}

/* ---- the whole life ---- */

static void begin(struct daemon *daemon)
{
    struct timespec now = {0};
    ssize_t n = readlink("/proc/self/exe", daemon->program, sizeof daemon->program - 1);

    daemon->program[n > 0 ? n : 0] = '\0';
    sys_clock_gettime(CLOCK_REALTIME, &now);
    daemon->started_wall =
        handover_int(daemon->kept, "started", now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec);
    atomic_init(&daemon->reloads, (unsigned long)handover_int(daemon->kept, "reloads", 0));
    daemon->lock_fd = daemon->state_lock_fd = -1;
    atomic_init(&daemon->exit_status, -1);
    if (daemon->kept)
        coop_child_spawn_begin(); /* a dead child may be a service's */
}

int daemon_run(const struct options *options, struct config *config, json_t *kept,
               struct coop_err *err)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    int r;

    if (!daemon) {
        config_free(config);
        return coop_fail(err, COOP_E_LIMIT, "no memory to begin with");
    }
    daemon->options = options;
    daemon->config = config;
    daemon->kept = kept;
    begin(daemon);
    log_set_level((enum log_level)config->coopd.log_level);

    /* Clients may ask for other services before those of now have begun. */
    coop_mutex_lock(&daemon->reloading);
    r = open_all(daemon, err);
    if (r == 0) {
        log_info("coopd", "version %s%s, process %d, %zu service%s, socket '%s'", COOP_VERSION,
                 kept ? " goes on" : "", getpid(), daemon->config->count,
                 daemon->config->count == 1 ? "" : "s", options->socket);
        daemon_start_all(daemon);
        daemon_set_timers(daemon);
    }
    coop_mutex_unlock(&daemon->reloading);
    if (r == 0) {
        daemon_tell_manager("READY=1");
        serve(daemon);
        daemon_tell_manager("STOPPING=1");
        stop_services(daemon);
        log_info("coopd", "all services are down");
        r = atomic_load(&daemon->exit_status);
        r = r < 0 ? 0 : r;
    }
    close_all(daemon);
    free(daemon);
    return r;
}
