/*
 * service_settings.c - one row per key of a service
 *
 * Spelling, meaning and defaults are systemd's (systemd.unit(5), systemd.service(5),
 * systemd.exec(5)); where coop differs the help says so.  Four kinds of value are at home here
 * and nowhere else: command lines, Type=, NotifyAccess= has its words, and outputs.
 */
#include "config/service_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "base/str.h"
#include "config/exit_set.h"
#include "config/instance.h"
#include "config/spec.h"
#include "service/backoff.h"
#include "text/words.h"

/* ---- ExecStart= ---- */

static void exec_done(struct exec_spec *exec)
{
    strlist_done(&exec->argv);
    free(exec->argv0);
}

static int refuse_prefix(char prefix, struct coop_err *err)
{
    coop_fail(err, COOP_E_MISSING, "the prefix '%c' is not supported yet", prefix);
    return coop_hint(err, "'-', '@', ':' and '!' are supported");
}

/* "@path argv0 args": the second word is only a name. */
static int split_argv0(struct exec_spec *exec, struct coop_err *err)
{
    if (exec->argv.count < 2)
        return coop_fail(err, COOP_E_SYNTAX, "'@' needs a second word, the name");
    exec->argv0 = strdup(exec->argv.items[1]);
    if (!exec->argv0)
        return coop_fail(err, COOP_E_LIMIT, "no memory");
    strlist_remove(&exec->argv, 1);
    return 0;
}

static int check_words(const struct exec_spec *exec, struct coop_err *err)
{
    if (exec->argv.count == 0 || exec->argv.items[0][0] == '\0')
        return coop_fail(err, COOP_E_SYNTAX, "there is no command");
    for (size_t i = 0; i < exec->argv.count; i++)
        if (strcmp(exec->argv.items[i], ";") == 0) {
            coop_fail(err, COOP_E_MISSING, "';' between commands is not supported");
            return coop_hint(err, "write one line for each command");
        }
    return 0;
}

static int parse_exec(const char *text, struct exec_spec *exec, struct coop_err *err)
{
    bool named = false;

    for (;; text++) {
        if (*text == '-')
            exec->may_fail = true;
        else if (*text == '@')
            named = true;
        else if (*text == ':')
            exec->literal = true;
        else if (*text == '!' && text[1] == '!')
            text++; /* for machines without ambient capabilities */
        else if (*text == '!')
            exec->as_coopd = true;
        else if (*text == '+' || *text == '|')
            return refuse_prefix(*text, err);
        else
            break;
    }
    if (words_split(text, &exec->argv, err) < 0)
        return -1;
    if (check_words(exec, err) < 0)
        return -1;
    return named ? split_argv0(exec, err) : 0;
}

static int exec_parse(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    struct exec_list *list = field;
    struct exec_spec exec = {0};
    struct exec_spec *grown;

    (void)row;
    if (parse_exec(text, &exec, err) < 0) {
        exec_done(&exec);
        return -1;
    }
    grown = realloc(list->items, (list->count + 1) * sizeof *grown);
    if (!grown) {
        exec_done(&exec);
        return coop_fail(err, COOP_E_LIMIT, "no memory");
    }
    list->items = grown;
    list->items[list->count++] = exec;
    return 0;
}

static void exec_render(const struct setting *row, const void *field, struct buf *out)
{
    const struct exec_list *list = field;

    (void)row;
    for (size_t i = 0; i < list->count; i++) {
        const struct exec_spec *exec = &list->items[i];

        buf_addf(out, "%s%s%s%s%s", i ? "\n" : "", exec->may_fail ? "-" : "",
                 exec->literal ? ":" : "", exec->as_coopd ? "!" : "", exec->argv0 ? "@" : "");
        words_quote(out, exec->argv.items[0]);
        if (exec->argv0) {
            buf_add_char(out, ' ');
            words_quote(out, exec->argv0);
        }
        for (size_t k = 1; k < exec->argv.count; k++) {
            buf_add_char(out, ' ');
            words_quote(out, exec->argv.items[k]);
        }
    }
}

static void exec_clear(void *field)
{
    struct exec_list *list = field;

    for (size_t i = 0; i < list->count; i++)
        exec_done(&list->items[i]);
    free(list->items);
    *list = (struct exec_list){0};
}

static int exec_copy_one(struct exec_spec *to, const struct exec_spec *from)
{
    to->line = from->line;
    to->may_fail = from->may_fail;
    to->literal = from->literal;
    to->as_coopd = from->as_coopd;
    to->argv0 = from->argv0 ? strdup(from->argv0) : NULL;
    if (from->argv0 && !to->argv0)
        return -1;
    return strlist_copy(&to->argv, &from->argv);
}

static int exec_copy(void *to_field, const void *from_field)
{
    const struct exec_list *from = from_field;
    struct exec_list copy = {0};

    copy.items = calloc(from->count + 1, sizeof *copy.items);
    if (!copy.items)
        return -ENOMEM;
    for (; copy.count < from->count; copy.count++)
        if (exec_copy_one(&copy.items[copy.count], &from->items[copy.count]) < 0) {
            copy.count++;
            exec_clear(&copy);
            return -ENOMEM;
        }
    *(struct exec_list *)to_field = copy;
    return 0;
}

const struct setting_type setting_exec = {
    .metavar = "COMMAND",
    .size = sizeof(struct exec_list),
    .list = true,
    .parse = exec_parse,
    .render = exec_render,
    .clear = exec_clear,
    .copy = exec_copy,
    .samples = "/bin/true \"-/bin/false x\" \"@/bin/sh name -c 'exit 1'\"",
};

/* ---- Type= ---- */

static const char *const type_names[] = {"simple",  "oneshot", "notify", "notify-reload",
                                         "forking", "idle",    NULL};

static int type_parse(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    int *type = field;

    (void)row;
    if (strcmp(text, "exec") == 0) { /* what simple does here: exec has succeeded */
        *type = TYPE_SIMPLE;
        return 0;
    }
    for (int i = 0; type_names[i]; i++)
        if (strcmp(text, type_names[i]) == 0) {
            *type = i;
            return 0;
        }
    if (strcmp(text, "dbus") == 0) {
        coop_fail(err, COOP_E_MISSING, "not supported yet");
        return coop_hint(err, "use simple, forking, oneshot, notify or notify-reload");
    }
    return coop_fail(err, COOP_E_RANGE,
                     "not one of simple, exec, forking, idle, oneshot, notify, notify-reload");
}

static void type_render(const struct setting *row, const void *field, struct buf *out)
{
    (void)row;
    buf_add_text(out, type_names[*(const int *)field]);
}

static const struct setting_type setting_service_type = {
    .metavar = "TYPE",
    .size = sizeof(int),
    .parse = type_parse,
    .render = type_render,
    .samples = "simple exec forking idle oneshot notify notify-reload",
};

/* ---- StandardOutput=, StandardError= ---- */

static const struct output_word {
    const char *word; /* ends in ':' when a path follows */
    enum output_kind kind;
} output_words[] = {
    /* the first word of a kind is the one that is shown */
    {"log", OUTPUT_LOG},        {"journal", OUTPUT_LOG},        {"syslog", OUTPUT_LOG},
    {"null", OUTPUT_NULL},      {"inherit", OUTPUT_INHERIT},    {"file:", OUTPUT_FILE},
    {"append:", OUTPUT_APPEND}, {"truncate:", OUTPUT_TRUNCATE},
};

static int output_take_path(const char *path, struct output_spec *out, enum output_kind kind,
                            struct coop_err *err)
{
    char *copy;

    if (path[0] != '/')
        return coop_fail(err, COOP_E_RANGE, "'%s' is not an absolute path", path);
    copy = strdup(path);
    if (!copy)
        return coop_fail(err, COOP_E_LIMIT, "no memory");
    free(out->path);
    *out = (struct output_spec){.kind = kind, .path = copy};
    return 0;
}

static int output_parse(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    struct output_spec *out = field;

    (void)row;
    for (size_t i = 0; i < COOP_COUNT(output_words); i++) {
        const char *word = output_words[i].word;
        size_t len = strlen(word);

        if (word[len - 1] == ':' && strncmp(text, word, len) == 0)
            return output_take_path(text + len, out, output_words[i].kind, err);
        if (strcmp(text, word) == 0) {
            free(out->path);
            *out = (struct output_spec){.kind = output_words[i].kind};
            return 0;
        }
    }
    coop_fail(err, COOP_E_RANGE, "not supported");
    return coop_hint(err, "use log (or journal), null, inherit, file:PATH, append:PATH or "
                          "truncate:PATH");
}

static void output_render(const struct setting *row, const void *field, struct buf *out)
{
    const struct output_spec *output = field;

    (void)row;
    for (size_t i = 0; i < COOP_COUNT(output_words); i++)
        if (output_words[i].kind == output->kind) {
            buf_addf(out, "%s%s", output_words[i].word, output->path ? output->path : "");
            return;
        }
}

static void output_clear(void *field)
{
    struct output_spec *out = field;

    free(out->path);
    *out = (struct output_spec){0};
}

static int output_copy(void *to, const void *from)
{
    struct output_spec copy = *(const struct output_spec *)from;

    if (copy.path && !(copy.path = strdup(copy.path)))
        return -ENOMEM;
    *(struct output_spec *)to = copy;
    return 0;
}

static const struct setting_type setting_output = {
    .metavar = "WHERE",
    .size = sizeof(struct output_spec),
    .parse = output_parse,
    .render = output_render,
    .clear = output_clear,
    .copy = output_copy,
    .samples = "log journal null inherit file:/tmp/x append:/tmp/x truncate:/tmp/x",
};

/* ---- the rows ---- */

static const char *const restart_names[] = {
    "no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always", NULL};
static const char *const first_names[] = {"wait", "now", NULL};
static const char *const kill_mode_names[] = {"control-group", "mixed", "process", NULL};
static const char *const device_names[] = {"auto", "closed", "strict", NULL};
static const char *const preserve_names[] = {"no", "yes", "restart", NULL};
static const char *const action_names[] = {"none", "cooldown", "exit", NULL};
static const char *const death_names[] = {"keep", "kill", NULL};
static const char *const auto_names[] = {"unset", "no", "yes", NULL};
static const char *const access_names[] = {"unset", "none", "main", "exec", "all", NULL};

#define FIELD(name) .field = offsetof(struct svc_spec, name)

/* clang-format off */
static const struct setting rows[] = {
    {"Unit", "Description", &setting_string, FIELD(description),
     .help = "What it is, in a few words, for people."},
    {"Unit", "Requires", &setting_words, FIELD(requires.names),
     .help = "Services that are started with this one. When one of them cannot start and this one is ordered After= it, this one fails (dependency-failed); when one is stopped, this one is stopped."},
    {"Unit", "Wants", &setting_words, FIELD(wants.names),
     .help = "Services that are started with this one; it goes on without them."},
    {"Unit", "Requisite", &setting_words, FIELD(requisite.names),
     .help = "Services that must be up already when this one starts; nothing is started for it, it fails (dependency-failed). When one of them is stopped, this one is stopped."},
    {"Unit", "BindsTo", &setting_words, FIELD(binds_to.names),
     .help = "As Requires, and when one of them ends in any way, this one is stopped; when that one is started again by its Restart=, this one is restarted after it (ours: systemd leaves it stopped)."},
    {"Unit", "PartOf", &setting_words, FIELD(part_of.names),
     .help = "When one of them is stopped or restarted by hand, this one is, too."},
    {"Unit", "Conflicts", &setting_words, FIELD(conflicts.names),
     .help = "Services that are not up together with this one: whichever is started stops the other, and waits until it is down."},
    {"Unit", "OnFailure", &setting_words, FIELD(on_failure.names),
     .help = "Services that are started when this one has failed for good; not more often than their StartLimitBurst."},
    {"Unit", "OnSuccess", &setting_words, FIELD(on_success.names),
     .help = "Services that are started when this one is done; not more often than their StartLimitBurst."},
    {"Unit", "After", &setting_words, FIELD(after.names),
     .help = "This service starts when those are up (or failed), and stops before them. Says nothing about whether they are started."},
    {"Unit", "Before", &setting_words, FIELD(before.names),
     .help = "The same, seen from the other side."},
    {"Unit", "ConditionPathExists", &setting_lines, FIELD(conditions.of[COND_PATH_EXISTS]),
     .help = "Something must be at this path; ! in front: nothing. A condition that does not hold is no failure: the service counts as done without having run."},
    {"Unit", "ConditionPathExistsGlob", &setting_lines, FIELD(conditions.of[COND_PATH_EXISTS_GLOB]),
     .help = "Some path must match this pattern."},
    {"Unit", "ConditionPathIsDirectory", &setting_lines, FIELD(conditions.of[COND_PATH_IS_DIRECTORY]),
     .help = "This must be a directory."},
    {"Unit", "ConditionPathIsSymbolicLink", &setting_lines, FIELD(conditions.of[COND_PATH_IS_LINK]),
     .help = "This must be a symbolic link."},
    {"Unit", "ConditionPathIsMountPoint", &setting_lines, FIELD(conditions.of[COND_PATH_IS_MOUNT_POINT]),
     .help = "Something must be mounted here."},
    {"Unit", "ConditionPathIsReadWrite", &setting_lines, FIELD(conditions.of[COND_PATH_IS_READ_WRITE]),
     .help = "What is mounted here must be writable."},
    {"Unit", "ConditionDirectoryNotEmpty", &setting_lines, FIELD(conditions.of[COND_DIRECTORY_NOT_EMPTY]),
     .help = "This must be a directory with something in it."},
    {"Unit", "ConditionFileNotEmpty", &setting_lines, FIELD(conditions.of[COND_FILE_NOT_EMPTY]),
     .help = "This must be a file with something in it."},
    {"Unit", "ConditionFileIsExecutable", &setting_lines, FIELD(conditions.of[COND_FILE_IS_EXECUTABLE]),
     .help = "This must be a file that may be executed."},
    {"Unit", "ConditionEnvironment", &setting_lines, FIELD(conditions.of[COND_ENVIRONMENT]),
     .help = "NAME or NAME=VALUE must be in coopd's environment."},
    {"Unit", "ConditionHost", &setting_lines, FIELD(conditions.of[COND_HOST]),
     .help = "The name of the machine must match this pattern."},
    {"Unit", "StartLimitIntervalSec", &setting_duration, FIELD(limit_interval),
     .fallback = "10s", .help = "Window in which starts are counted; see StartLimitBurst."},
    {"Unit", "StartLimitBurst", &setting_int, FIELD(limit_burst), .min = 0, .max = START_BURST_MAX,
     .fallback = "5", .help = "At most so many starts within StartLimitIntervalSec; one more automatic restart makes the service failed (start-limit-hit). 0 for no limit."},
    {"Unit", "StartLimitAction", &setting_enum, FIELD(limit_action), .names = action_names, .fallback = "none",
     .help = "What follows when the limit is hit: none (it has failed), cooldown (ours: it is tried again after StartLimitCooldownSec, for as long as that takes), exit (coopd stops everything and ends with its exit code)."},
    {"Unit", "StartLimitCooldownSec", &setting_duration, FIELD(limit_cooldown), .fallback = "5min",
     .help = "How long StartLimitAction=cooldown waits; then its starts are counted from the beginning."},

    {"Service", "Type", &setting_service_type, FIELD(type), .fallback = "simple",
     .help = "When it counts as started: simple (and exec) when its program is executed, idle the same, but it is executed only when no other service is on its way up or down, or after 5 s, notify when it says READY=1 on $NOTIFY_SOCKET, notify-reload the same, and a reload is ReloadSignal= (without it SIGHUP), to which it answers with RELOADING=1, MONOTONIC_USEC= and later READY=1; oneshot when its commands have ended well; forking when its command has ended well and left a main process behind (PIDFile)."},
    {"Service", "PIDFile", &setting_string, FIELD(pid_file),
     .help = "With Type=forking: the file that tells its main process, absolute or below /run. It is waited for when the command has ended well, and read again when main has ended, which may have named a successor. It must be a regular file with one link, of root, User= or the user of the process that it names, that others cannot write, and name a process of the service; a PID namespace has numbers of its own."},
    {"Service", "GuessMainPID", &setting_bool, FIELD(guess_main), .fallback = "yes",
     .help = "With Type=forking and no PIDFile: when its command has left one process behind, that is main. When there are several, or with no, it has no main process and has ended when all are gone."},
    {"Service", "ExecStart", &setting_exec, FIELD(execs[EXEC_START]),
     .help = "Command to run: words as a shell splits them, $NAME and ${NAME} from its environment, % specifiers. In a .service file $$ is a dollar sign and a name that is not set is empty, as for systemd; in an INI file both stay as they are. Prefixes: - a failure is fine, @ the second word is argv[0], : no $, ! User=, Group= and SupplementaryGroups= do not apply. A oneshot may have several."},
    {"Service", "ExecCondition", &setting_exec, FIELD(execs[EXEC_CONDITION]),
     .help = "Commands before all others. One that ends with 1 to 254 skips the start: the service is done and has not failed. 255 or a signal is a failed start."},
    {"Service", "ExecStartPre", &setting_exec, FIELD(execs[EXEC_START_PRE]),
     .help = "Commands before ExecStart=, one after the other. One that does not end well (without - in front) is a failed start. What it leaves running is ended before the next one."},
    {"Service", "ExecStartPost", &setting_exec, FIELD(execs[EXEC_START_POST]),
     .help = "Commands after ExecStart= counts as started (Type=) and before the service counts as up. One that does not end well is a failed start, and the service is stopped. $MAINPID is its main process, unless it has a PID namespace of its own."},
    {"Service", "ExecReload", &setting_exec, FIELD(execs[EXEC_RELOAD]),
     .help = "Commands of `coopctl reload NAME`, which waits for them, and fails as they do; the service stays up either way. They have TimeoutStartSec together. $MAINPID as for ExecStartPost."},
    {"Service", "ExecStop", &setting_exec, FIELD(execs[EXEC_STOP]),
     .help = "Commands that stop a service that was up, also when its main process has ended by itself. Each has TimeoutStopSec; then, and whatever becomes of them, KillSignal goes to what is left. $MAINPID as for ExecStartPost, and unset when main has ended."},
    {"Service", "ExecStopPost", &setting_exec, FIELD(execs[EXEC_STOP_POST]),
     .help = "Commands when no process of the service is left, after each start that launched something, however it ended. Each has TimeoutStopSec. $SERVICE_RESULT is a word (success, exit-code, signal, core-dump, timeout, protocol, watchdog, oom-kill, resources, exec-condition), $EXIT_CODE is exited, killed or dumped, $EXIT_STATUS the code or the signal's name."},
    {"Service", "Restart", &setting_enum, FIELD(restart), .names = restart_names, .fallback = "no",
     .help = "After which endings it is started again; the words mean what they mean to systemd."},
    {"Service", "RestartSec", &setting_duration, FIELD(pace.delay), .fallback = "100ms",
     .help = "How long to wait before a restart."},
    {"Service", "RestartSteps", &setting_int, FIELD(pace.steps), .min = 0, .max = 1000, .fallback = "0",
     .help = "In so many restarts the wait grows from RestartSec to RestartMaxDelaySec, each time by the same factor. It begins again with RestartSec when the service was up for as long as the longest wait and StartLimitIntervalSec, or was started by hand."},
    {"Service", "RestartMaxDelaySec", &setting_duration, FIELD(pace.max_delay), .fallback = "infinity",
     .help = "The longest wait; see RestartSteps."},
    {"Service", "RestartFirst", &setting_enum, FIELD(pace.first), .names = first_names, .fallback = "wait",
     .help = "now: the first restart comes at once, and RestartSec counts from the second on; wait: it waits, too."},
    {"Service", "RestartJitter", &setting_int, FIELD(pace.jitter), .min = 0, .max = 1000, .fallback = "0", .metavar = "PERCENT",
     .help = "Up to so many percent of the wait (of RestartSec at least) are added to it by chance, so that services that die together do not come back together."},
    {"Service", "SuccessExitStatus", &setting_exits, FIELD(success_exits),
     .help = "Exit codes and signals that count as a good end, too: numbers, names of sysexits.h as TEMPFAIL, signals as SIGUSR1."},
    {"Service", "RestartPreventExitStatus", &setting_exits, FIELD(prevent_exits),
     .help = "Exit codes and signals of its main process after which it is not started again, whatever Restart= says."},
    {"Service", "RestartForceExitStatus", &setting_exits, FIELD(force_exits),
     .help = "Exit codes and signals of its main process after which it is started again, whatever Restart= says."},
    {"Service", "Essential", &setting_bool, FIELD(essential), .fallback = "no",
     .help = "When it has ended for good (failed, or done), coopd stops all other services and ends with its exit code: 128 and the signal's number when a signal killed it, 1 when it never ran or failed in spite of a 0. So it does, with 1, when it goes down because what it is bound to has ended, or because its group has failed and is in no other group."},
    {"Service", "TimeoutStartSec", &setting_duration, FIELD(start_timeout), .fallback = "90s",
     .help = "How long it may take to start, with ExecStartPre= and ExecStartPost=; then it is stopped, and that counts as a failure. A oneshot has no limit unless this is given."},
    {"Service", "TimeoutStopSec", &setting_duration, FIELD(stop_timeout), .fallback = "90s",
     .help = "How long to wait between KillSignal and SIGKILL to all its processes; each command of ExecStop= and ExecStopPost= has as long."},
    {"Service", "RemainAfterExit", &setting_bool, FIELD(remain), .fallback = "no",
     .help = "Counts as up after its command has ended well."},
    {"Service", "KillSignal", &setting_signal, FIELD(kill_signal), .fallback = "SIGTERM",
     .help = "The signal that asks it to stop."},
    {"Service", "KillMode", &setting_enum, FIELD(kill_mode), .names = kill_mode_names, .fallback = "control-group",
     .help = "Who gets KillSignal when it is to stop: control-group (all its processes), mixed (the main one; what is left when that has ended gets SIGKILL at once) or process (the main one; what is left has TimeoutStopSec to end by itself). In any case a stop is over when no process is left (systemd leaves them running), so none does not exist here."},
    {"Service", "SendSIGKILL", &setting_bool, FIELD(send_kill), .fallback = "yes",
     .help = "Whether SIGKILL goes to what has not stopped after TimeoutStopSec. With no the service is stuck, and not started again, until its last process has ended by itself or somebody has killed it. Bounds (MemoryMax and its like) are kept with SIGKILL all the same."},
    {"Service", "DevicePolicy", &setting_enum, FIELD(device_policy), .names = device_names, .fallback = "auto",
     .help = "Which devices it may use: auto (any, unless DeviceAllow says which), closed or strict (those of PrivateDevices=yes, without which they are refused: null, zero, full, random, urandom, tty and terminals of its own)."},
    {"Service", "DeviceAllow", &setting_lines, FIELD(devices),
     .help = "Devices that it may use, with PrivateDevices=yes, where there are no others; one that is not among those is refused."},
    {"Service", "RemoveIPC", &setting_bool, FIELD(remove_ipc), .fallback = "no",
     .help = "Its System V and POSIX IPC objects go with it: it has an IPC namespace of its own, and with PrivateDevices=yes, which this needs, its own /dev/shm. Nothing without User=, as under systemd."},
    {"Service", "ReloadSignal", &setting_signal, FIELD(reload_signal),
     .help = "The signal that `coopctl reload NAME` sends to the main process."},
    {"Service", "WatchdogSec", &setting_duration, FIELD(watchdog), .fallback = "0",
     .help = "While it is up it must say WATCHDOG=1 on $NOTIFY_SOCKET at least so often ($WATCHDOG_USEC); else WatchdogSignal goes to it, and SIGKILL after TimeoutStopSec. It may say WATCHDOG_USEC= to change that, and WATCHDOG=trigger. 0 for no watchdog."},
    {"Service", "WatchdogSignal", &setting_signal, FIELD(watchdog_signal), .fallback = "SIGABRT",
     .help = "The signal of WatchdogSec."},
    {"Service", "NotifyAccess", &setting_enum, FIELD(notify_access), .names = access_names,
     .help = "Whose messages on $NOTIFY_SOCKET count: none, main (with Type=notify, WatchdogSec and FileDescriptorStoreMax the default), exec (main and the processes that its other commands are), all of its processes."},
    {"Service", "User", &setting_string, FIELD(user), .help = "User to run as: a name or a number."},
    {"Service", "Group", &setting_string, FIELD(group),
     .help = "Group to run as; without it the group of User=."},
    {"Service", "SupplementaryGroups", &setting_words, FIELD(groups),
     .help = "Further groups, besides those that User= is a member of."},
    {"Service", "WorkingDirectory", &setting_string, FIELD(cwd),
     .help = "Where it starts: an absolute path, ~ for the home of User=; with - in front it may be missing."},
    {"Service", "Environment", &setting_env, FIELD(env),
     .help = "Variables, as NAME=VALUE words."},
    {"Service", "EnvironmentFile", &setting_lines, FIELD(env_files),
     .help = "File of NAME=VALUE lines, read at each start; with - in front it may be missing."},
    {"Service", "PassEnvironment", &setting_words, FIELD(pass_env),
     .help = "Names of variables that are passed on from coopd's own environment."},
    {"Service", "RuntimeDirectory", &setting_words, FIELD(directories.of[DIRECTORY_RUNTIME]),
     .help = "Names of directories below /run (an ordinary user: $XDG_RUNTIME_DIR) that are made for it before it starts, belong to its User=, can be written in its sandbox, and are in $RUNTIME_DIRECTORY. They are removed when it has ended."},
    {"Service", "RuntimeDirectoryMode", &setting_mode, FIELD(directories.modes[DIRECTORY_RUNTIME]), .fallback = "0755",
     .help = "The mode of those directories."},
    {"Service", "RuntimeDirectoryPreserve", &setting_enum, FIELD(directories.preserve), .names = preserve_names, .fallback = "no",
     .help = "Whether the runtime directories are kept: no, restart (over a restart, by hand or by itself), yes."},
    {"Service", "StateDirectory", &setting_words, FIELD(directories.of[DIRECTORY_STATE]),
     .help = "The same below /var/lib (an ordinary user: $XDG_STATE_HOME, ~/.local/state), in $STATE_DIRECTORY; they stay."},
    {"Service", "StateDirectoryMode", &setting_mode, FIELD(directories.modes[DIRECTORY_STATE]), .fallback = "0755",
     .help = "The mode of those directories."},
    {"Service", "CacheDirectory", &setting_words, FIELD(directories.of[DIRECTORY_CACHE]),
     .help = "The same below /var/cache (an ordinary user: $XDG_CACHE_HOME, ~/.cache), in $CACHE_DIRECTORY; they stay."},
    {"Service", "CacheDirectoryMode", &setting_mode, FIELD(directories.modes[DIRECTORY_CACHE]), .fallback = "0755",
     .help = "The mode of those directories."},
    {"Service", "LogsDirectory", &setting_words, FIELD(directories.of[DIRECTORY_LOGS]),
     .help = "The same below /var/log (an ordinary user: log in the directory of StateDirectory=), in $LOGS_DIRECTORY; they stay."},
    {"Service", "LogsDirectoryMode", &setting_mode, FIELD(directories.modes[DIRECTORY_LOGS]), .fallback = "0755",
     .help = "The mode of those directories."},
    {"Service", "ConfigurationDirectory", &setting_words, FIELD(directories.of[DIRECTORY_CONFIGURATION]),
     .help = "The same below /etc (an ordinary user: $XDG_CONFIG_HOME, ~/.config), in $CONFIGURATION_DIRECTORY; they stay, and root's are root's."},
    {"Service", "ConfigurationDirectoryMode", &setting_mode, FIELD(directories.modes[DIRECTORY_CONFIGURATION]), .fallback = "0755",
     .help = "The mode of those directories."},
    {"Service", "StandardOutput", &setting_output, FIELD(out), .fallback = "log",
     .help = "Where it writes: log or journal (NAME.log in the log directory), null, inherit, file:PATH, append:PATH, truncate:PATH."},
    {"Service", "StandardError", &setting_output, FIELD(err),
     .help = "The same for its errors; without it they go where StandardOutput goes."},
    {"Service", "Sandbox", &setting_string, FIELD(sandbox),
     .help = "Profile of protections: the NAME of a [Sandbox NAME] section, one of ours (none, service, default, strict, build, judge, bwrap), the path of a file, or NAME for /etc/coop/profiles/NAME.ini. Written out, all of it is required but what the profile itself prefers; left out, a [Service NAME] has `service` with every protection preferred, and a .service file has none."},

    {"Service", "NonBlocking", &setting_bool, FIELD(non_blocking), .fallback = "no",
     .help = "Whether the descriptors that it gets from its sockets do not block (O_NONBLOCK)."},
    {"Service", "FileDescriptorStoreMax", &setting_int, FIELD(store_max), .min = 0, .max = LAUNCH_MAX_FDS, .fallback = "0",
     .help = "How many descriptors it may give coopd to keep, with FDSTORE=1 on $NOTIFY_SOCKET (FDNAME= names them, FDSTOREREMOVE=1 takes them back); it gets them at its next start, behind its sockets, but for those whose other end is gone (unless FDPOLL=0). With its sockets at most 32."},
    {"Service", "FileDescriptorStorePreserve", &setting_enum, FIELD(store_preserve), .names = preserve_names, .fallback = "restart",
     .help = "How long they are kept: restart (until it is stopped, done or failed), no (until its next end), yes (as long as it is in the configuration)."},
    {"Service", "OnSupervisorDeath", &setting_enum, FIELD(on_death), .names = death_names, .fallback = "keep",
     .help = "What becomes of it when coopd itself is killed: keep (it runs on, and the next coopd with the same state directory goes on with it), kill (all of its processes are killed at once)."},

    {"Service", "Instances", &setting_int, FIELD(instances), .min = 1, .max = INSTANCE_COUNT_MAX,
     .help = "For a template or a plain [Service NAME]: makes it a set of that many, NAME@1 to NAME@N, with the number as %i. NAME alone means all of them, in commands and in keys that name services; coopctl scale changes the number while they run."},

    {"Install", "WantedBy", &setting_words, FIELD(wanted_by.names),
     .help = "Services that want this one. In a .service file any name here (multi-user.target) makes it start with coopd."},
    {"Install", "RequiredBy", &setting_words, FIELD(required_by.names),
     .help = "Services that require this one."},
    {"Install", "AutoStart", &setting_enum, FIELD(auto_start), .names = auto_names,
     .help = "Whether it starts with coopd. By default yes; for a .service file, and for a service with sockets or a timer, only with WantedBy= or RequiredBy=. One with sockets is started by its first client in any case."},
    {"Install", "DefaultInstance", &setting_string, FIELD(default_instance),
     .help = "For a template: the instance that is there without being named anywhere else."},
};
/* clang-format on */

const struct setting_table service_settings = {rows, COOP_COUNT(rows)};
