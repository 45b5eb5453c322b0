/*
 * reexec.c - another program in coopd's place
 *
 *     ask      whether it can take over (reexec_ask.c); nothing has happened yet
 *     quiet    reloads wait, the room of control pauses, services put off what comes from outside
 *              until no mailbox holds anything, outputs stop reading
 *     write    what is on the board, in structs and in buffers, into one object (handover.h)
 *     go       execve(2): the other threads end, and all descriptors but those of the object
 *
 * The next program opens its rooms as always, only that each takes what is its own out of the
 * object instead of making it anew (daemon.c).
 *
 * Everything up to the last line can be taken back, and is, in the opposite order, when a step
 * fails; then who asked hears why, and for the others nothing has happened.
 *
 * WHAT KEEPS ITS VALUE THROUGH execve(2): the process and its children, also the dead ones that
 * nobody has reaped; blocked and pending signals; record locks, as long as nobody closes a
 * descriptor of their files; what waits in pipes and sockets.
 */
#include "daemon_inside.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "control/control.h"
#include "coop/child.h"
#include "coop/coro.h"
#include "handover.h"
#include "journal.h"
#include "launcher/launch.h"
#include "service/output.h"

extern char **environ;

#define PATIENCE                                                                               \
    (10 * COOP_NSEC_PER_SEC) /* for what is under way, before anything is replaced */

enum { JOURNAL_TEXT_MAX = 64 * 1024 * 1024, VARIABLE_MAX = 64 };

struct replacement {
    struct daemon *daemon;
    coop_nsec deadline;
    json_t *services, *root;
    int memfd;
    struct sigaction quit; /* what SIGQUIT did before */
};

/* ---- all services at once, and their groups ---- */

/* The replies to one step; records are put below their names. 0 or -ETIMEDOUT. */
static int take_replies(struct coop_chan *replies, size_t count, json_t *records,
                        coop_nsec deadline)
{
    struct quiet_reply reply;

    for (; count > 0; count--) {
        int r = coop_recv(replies, &reply, deadline);

        if (r != 1)
            return r < 0 ? r : -EPIPE;
        if (records && json_object_set_new(records, reply.name, reply.record) < 0)
            return -ENOMEM;
    }
    return 0;
}

int daemon_round(struct daemon *daemon, enum quiet_step step, json_t *records,
                 coop_nsec deadline)
{
    size_t count, asked = 0;
    struct coop_chan *replies;
    struct group *group;
    struct svc *svc;
    int r;

    coop_mutex_lock(&daemon->lock);
    count = daemon->services.count + (step == QUIET_ROUND ? daemon->groups.count : 0);
    replies = coop_chan_new(sizeof(struct quiet_reply), count + 1);
    for (size_t i = 0; replies && (svc = map_next(&daemon->services, &i)) != NULL;)
        asked += svc_quiet(svc, step, replies) == 0;
    for (size_t i = 0;
         replies && step == QUIET_ROUND && (group = map_next(&daemon->groups, &i)) != NULL;)
        asked += group_round(group, replies) == 0;
    r = replies && asked == count ? 0 : -ENOMEM;
    coop_mutex_unlock(&daemon->lock);
    if (r == 0)
        r = take_replies(replies, asked, records, deadline);
    coop_chan_unref(replies);
    return r;
}

/* ---- the steps, and how they are taken back ---- */

static int hold_reloads(struct replacement *it, struct coop_err *err)
{
    int r = coop_mutex_lock_until(&it->daemon->reloading, it->deadline);

    return r < 0 ? coop_fail(err, COOP_E_BUSY, "a reload of the configuration is under way")
                 : 0;
}

static void let_reload(struct replacement *it)
{
    coop_mutex_unlock(&it->daemon->reloading);
}

static bool counts_disk(const struct svc_spec *spec)
{
    const struct launch_bounds *bounds = &spec->launch.bounds;

    return bounds->disk_max != LAUNCH_UNBOUND || bounds->disk_files_max != LAUNCH_UNBOUND;
}

/* How much of a DiskMax= is used up is counted from the start, and cannot be handed over. */
static int check_services(struct replacement *it, struct coop_err *err)
{
    const struct config *config = it->daemon->config;
    struct svc_view view;

    for (size_t i = 0; i < config->count; i++) {
        const struct svc_spec *spec = config->specs[i];

        if (!counts_disk(spec) || !board_find(it->daemon->world.board, spec->name, &view) ||
            view.top_pid == 0)
            continue;
        coop_fail(err, COOP_E_BUSY, "'%s' runs with DiskMax= or DiskFilesMax=", spec->name);
        return coop_hint(err, "what it has used up only this coopd knows: stop it before");
    }
    return 0;
}

static int tell_beginning(struct replacement *it, struct coop_err *err)
{
    char text[80];

    (void)it, (void)err;
    str_format(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
               (long long)(coop_now() / COOP_NSEC_PER_USEC));
    daemon_tell_manager(text);
    return 0;
}

static void tell_ready(struct replacement *it)
{
    (void)it;
    daemon_tell_manager("READY=1");
}

static int pause_control(struct replacement *it, struct coop_err *err)
{
    int r = control_pause(it->daemon->control, it->deadline);

    return r < 0 ? coop_fail(err, COOP_E_BUSY, "a client's call takes too long") : 0;
}

static void open_control(struct replacement *it)
{
    control_resume(it->daemon->control);
}

/* What they have come to is in their file: for the next program, or for this one. */
static int stop_timers(struct replacement *it, struct coop_err *err)
{
    (void)err;
    timers_stop(it->daemon->timers);
    timers_free(it->daemon->timers);
    it->daemon->timers = NULL;
    return 0;
}

static void start_timers(struct replacement *it)
{
    struct coop_err err = {0};

    if (daemon_open_timers(it->daemon, true, &err) < 0)
        log_err(LOG_LEVEL_ERROR, "coopd", &err);
    else
        daemon_set_timers(it->daemon);
}

static int quiet_services(struct replacement *it, struct coop_err *err)
{
    struct svc_world *world = &it->daemon->world;
    unsigned long before;
    int r;

    atomic_store(&world->quiet, true);
    do {
        before = atomic_load(&world->handled);
        r = daemon_round(it->daemon, QUIET_ROUND, NULL, it->deadline);
    } while (r == 0 && atomic_load(&world->handled) != before);
    if (r == 0)
        r = daemon_round(it->daemon, QUIET_HOLD, NULL, it->deadline);
    if (r == 0)
        r = output_wait_closed(it->deadline);
    return r < 0 ? coop_fail(err, COOP_E_BUSY, "a service takes too long to start or to log")
                 : 0;
}

static void wake_services(struct replacement *it)
{
    atomic_store(&it->daemon->world.quiet, false);
    (void)daemon_round(it->daemon, QUIET_OVER, NULL, COOP_FOREVER);
}

static int leave_children(struct replacement *it, struct coop_err *err)
{
    int r;

    coop_child_spawn_begin();
    it->services = json_object();
    r = it->services ? daemon_round(it->daemon, QUIET_WRITE, it->services, COOP_FOREVER)
                     : -ENOMEM;
    return r < 0 ? coop_fail_sys(err, r, "what services know") : 0;
}

/* Their services watch them again (wake_services) before this, or they would be orphans. */
static void take_children(struct replacement *it)
{
    json_decref(it->services);
}

static json_t *journal_record(struct journal *journal)
{
    struct buf text = BUF_INIT(JOURNAL_TEXT_MAX);
    json_t *record;

    journal_copy(journal, &text);
    record = text.error ? NULL : json_stringn_nocheck(buf_text(&text), text.len);
    buf_done(&text);
    return record;
}

static json_t *asks_record(struct daemon *daemon)
{
    json_t *asks = json_array();
    int ask;

    while (coop_recv(daemon->asks, &ask, COOP_NOW) == 1)
        if (ask != ASK_REEXEC)
            json_array_append_new(asks, json_integer(ask));
    return asks;
}

static int write_down(struct replacement *it, struct coop_err *err)
{
    struct daemon *daemon = it->daemon;

    it->root = json_pack(
        "{s:i, s:s, s:I, s:I, s:o, s:[o, o], s:o, s:O, s:o, s:o}", "format", HANDOVER_FORMAT,
        "version", COOP_VERSION, "started", (json_int_t)daemon->started_wall, "reloads",
        (json_int_t)atomic_load(&daemon->reloads), "journal", journal_record(daemon->journal),
        "locks", handover_fd(daemon->lock_fd), handover_fd(daemon->state_lock_fd), "machine",
        machine_record(&daemon->machine), "services", it->services, "control",
        control_record(daemon->control), "asks", asks_record(daemon));
    return handover_seal(it->root, &it->memfd, err);
}

static void throw_away(struct replacement *it)
{
    json_t *ask;
    size_t i;

    json_array_foreach(json_object_get(it->root, "asks"), i, ask)
    {
        int number = (int)json_integer_value(ask);

        coop_send(it->daemon->asks, &number, COOP_NOW);
    }
    json_decref(it->root);
    if (it->memfd >= 0)
        sys_close(it->memfd);
}

/* Ours, with the memfd's number in place of an older one. */
static char **make_environment(char variable[VARIABLE_MAX], int memfd)
{
    static const char prefix[] = HANDOVER_VARIABLE "=";
    size_t count = 0, kept = 0;
    char **made;

    while (environ[count])
        count++;
    made = calloc(count + 2, sizeof *made);
    for (size_t i = 0; made && i < count; i++)
        if (!str_starts_with(environ[i], prefix))
            made[kept++] = environ[i];
    str_format(variable, VARIABLE_MAX, "%s%d", prefix, memfd);
    if (made)
        made[kept] = variable;
    return made;
}

static char **make_arguments(const struct daemon *daemon)
{
    char *const *given = daemon->options->argv;
    size_t count = 0;
    char **made;

    while (given[count])
        count++;
    made = calloc(count + 1, sizeof *made);
    for (size_t i = 0; made && i < count; i++)
        made[i] = given[i];
    if (made)
        made[0] = (char *)(uintptr_t)daemon->next;
    return made;
}

/* Between two programs a SIGQUIT would have its default effect. */
static void ignore_quit(struct replacement *it)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN};

    sigaction(SIGQUIT, &ignored, &it->quit);
}

static int go(struct replacement *it, struct coop_err *err)
{
    struct daemon *daemon = it->daemon;
    char variable[VARIABLE_MAX];
    SCOPED_FREE char **environment = make_environment(variable, it->memfd);
    SCOPED_FREE char **arguments = make_arguments(daemon);
    int r = environment && arguments ? handover_keep(it->root, true) : -ENOMEM;

    if (r == 0)
        r = sys_fcntl_int(it->memfd, F_SETFD, 0);
    if (r >= 0) {
        log_info("coopd", "'%s' takes this process over", daemon->next);
        ignore_quit(it);
        r = sys_execve(daemon->next, arguments, environment);
        sigaction(SIGQUIT, &it->quit, NULL);
    }
    (void)handover_keep(it->root, false);
    return coop_fail_sys(err, r, "'%s' cannot take over", daemon->next);
}

static const struct step {
    int (*go)(struct replacement *it, struct coop_err *err);
    void (*back)(struct replacement *it); /* NULL: nothing is to be taken back */
    bool halfway;                         /* ... also when it has failed itself */
} steps[] = {
    {hold_reloads, let_reload, false},
    {check_services, NULL, false},
    {tell_beginning, tell_ready, false},
    {pause_control, open_control, false},
    {stop_timers, start_timers, false},
    {quiet_services, wake_services, true},
    {leave_children, take_children, true},
    {write_down, throw_away, true},
    {go, NULL, false},
};

enum { LEAVING = 6 }; /* leave_children() in the table */

/* ---- the doors ---- */

/* Those who asked are told when the room opens again, so it opens last. */
static void take_back(struct replacement *it, size_t failed)
{
    bool left = failed >= LEAVING;

    for (size_t i = failed + 1; i-- > 0;)
        if (steps[i].back && (i < failed || steps[i].halfway))
            steps[i].back(it);
    if (left)
        coop_child_spawn_end();
}

void daemon_replace(struct daemon *daemon)
{
    struct replacement it = {
        .daemon = daemon, .deadline = coop_after(coop_now(), PATIENCE), .memfd = -1};
    size_t i = 0;

    daemon->reexec_failure = (struct coop_err){0};
    while (i < COOP_COUNT(steps) && steps[i].go(&it, &daemon->reexec_failure) == 0)
        i++;
    coop_while(&daemon->reexec_failure, "nothing was replaced");
    log_err(LOG_LEVEL_WARN, "coopd", &daemon->reexec_failure);
    take_back(&it, i);
    atomic_store(&daemon->replacing, false);
}

void daemon_reexec_failure(struct daemon *daemon, struct coop_err *ret_err)
{
    *ret_err = daemon->reexec_failure;
}

/* The name of a program that was replaced by a package's upgrade leads to the new one. */
static int choose(struct daemon *daemon, const char *path, struct coop_err *err)
{
    static const char gone[] = " (deleted)";
    size_t len;

    if (str_copy(daemon->next, sizeof daemon->next, path ? path : daemon->program) < 0)
        return coop_fail(err, COOP_E_LIMIT, "the path is too long");
    len = strlen(daemon->next);
    if (!path && len > sizeof gone && strcmp(daemon->next + len - (sizeof gone - 1), gone) == 0)
        daemon->next[len - (sizeof gone - 1)] = '\0';
    return daemon->next[0] == '/'
               ? 0
               : coop_fail(err, COOP_E_MISSING, "coopd's own path is not known: name one");
}

int daemon_reexec(struct daemon *daemon, const char *path, struct coop_err *err)
{
    bool nobody = false;
    int ask = ASK_REEXEC;

    if (atomic_load(&daemon->world.closing))
        return coop_fail(err, COOP_E_BUSY, "coopd is ending");
    if (!atomic_compare_exchange_strong(&daemon->replacing, &nobody, true))
        return coop_fail(err, COOP_E_BUSY, "another reexec is under way");
    if (choose(daemon, path, err) == 0 && daemon_ask_next(daemon, daemon->next, err) == 0) {
        if (coop_send(daemon->asks, &ask, COOP_NOW) == 0)
            return 0;
        coop_fail(err, COOP_E_BUSY, "coopd has too much to do");
    }
    atomic_store(&daemon->replacing, false);
    return -1;
}
