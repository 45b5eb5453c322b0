/*
 * build.c - what a section says, made into a spec (see build.h)
 *
 * A [Sandbox NAME] is not an object of its own: it is a list of keys that are applied after
 * those of the profile it extends.  So `Extends=` chains are walked to their end first and
 * applied from there; SANDBOX_DEPTH bounds a loop.
 */
#include "config/build.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"
#include "config/identity.h"
#include "config/service_settings.h"
#include "config/specifier.h"

enum { SANDBOX_DEPTH = 16 };

struct builder {
    const struct raw_config *all;
    const struct raw_section *section; /* its keys and those of its template */
    const char *name;
    const char *over_file; /* of the keys that an instance has over its template; NULL: none */
    struct svc_spec *spec;
    struct specifiers about;
    bool is_instance; /* of a template: messages name it */
    bool only_checking;
    raw_complain *complain;
    void *arg;
    int errors;
};

/* ---- telling ---- */

static void tell(struct builder *b, const char *file, unsigned line, struct coop_err *err)
{
    if (b->is_instance)
        coop_while(err, "instance '%s'", b->name);
    coop_while(err, "%s:%u", file, line);
    b->complain(b->arg, err);
    b->errors++;
}

static void tell_key(struct builder *b, const struct raw_key *key, struct coop_err *err)
{
    tell(b, key->file, key->line, err);
}

/* ---- sandboxes ---- */

static int apply_sandbox_keys(struct builder *b, struct launch_spec *to,
                              const struct raw_section *sandbox)
{
    int errors = b->errors;

    for (size_t i = 0; i < sandbox->count; i++) {
        const struct raw_key *key = &sandbox->keys[i];
        struct coop_err err = {0};

        if (strcmp(key->key, "Extends") == 0 || strcmp(key->key, "Description") == 0)
            continue;
        if (!setting_find(&launch_settings, NULL, key->key)) {
            settings_apply(&launch_settings, to, "Sandbox", key->key, key->value, &err);
            tell_key(b, key, &err);
        } else if (launch_spec_set(to, key->key, key->value, &err) < 0) {
            tell_key(b, key, &err);
        }
    }
    return b->errors - errors;
}

static void apply_profile(struct builder *b, struct launch_spec *to, const char *name,
                          const char *file, unsigned line)
{
    const struct raw_section *chain[SANDBOX_DEPTH];
    const struct raw_section *own;
    struct coop_err err = {0};
    int depth = 0;

    while ((own = raw_find(b->all, RAW_SANDBOX, name))) {
        const struct raw_key *base = raw_find_key(own, "Extends");

        if (depth == SANDBOX_DEPTH) {
            coop_fail(&err, COOP_E_CYCLE,
                      "[Sandbox %s]: Extends= goes round in a circle, or "
                      "deeper than %d",
                      name, SANDBOX_DEPTH);
            tell(b, own->file, own->line, &err);
            return;
        }
        chain[depth++] = own;
        name = base ? base->value : "none";
        file = own->file;
        line = base ? base->line : own->line;
    }
    if (launch_spec_profile(to, name, &err) < 0) {
        tell(b, file, line, &err);
        return;
    }
    while (depth > 0)
        apply_sandbox_keys(b, to, chain[--depth]);
}

/* ---- single keys ---- */

/* Does the value of this key carry % words? */
static bool has_specifiers(const struct setting *row, const char *value)
{
    static const struct setting_type *const plain[] = {
        &setting_bool, &setting_int,      &setting_int64, &setting_bytes,
        &setting_mode, &setting_duration, &setting_enum,  &setting_signal,
    };

    for (size_t i = 0; i < COOP_COUNT(plain); i++)
        if (row->type == plain[i])
            return false;
    if (strspn(value, "0123456789.%") == strlen(value)) /* "99%" */
        return false;
    return strchr(value, '%') != NULL;
}

static int apply_row(struct builder *b, const struct setting *row, void *to, const char *value,
                     struct coop_err *err)
{
    SCOPED_FREE char *expanded = NULL;

    if (!has_specifiers(row, value))
        return setting_apply(row, to, value, err);
    expanded = specifiers_expand(&b->about, value, err);
    if (!expanded)
        return coop_while(err, "%s", row->key);
    if (b->only_checking) /* what it comes to only an instance knows */
        return 0;
    return setting_apply(row, to, expanded, err);
}

/* The lists of names remember where they were last written, for the graph's messages. */
static void remember_line(const struct builder *b, const struct setting *row,
                          const struct raw_key *key)
{
    struct name_list *list =
        (struct name_list *)(void *)((char *)b->spec + row->field); /* if it is one */

    if (row->type != &setting_words || strcmp(row->section, "Service") == 0)
        return;
    list->line = key->line;
    list->over = key->file == b->over_file;
}

/* Several lines make one list: each command has its own place for messages. */
static void remember_commands(const struct builder *b, const struct setting *row,
                              const struct raw_key *key)
{
    struct exec_list *list = (struct exec_list *)(void *)((char *)b->spec + row->field);

    if (row->type != &setting_exec || list->count == 0)
        return;
    list->items[list->count - 1].line = key->line;
    list->items[list->count - 1].over = key->file == b->over_file;
}

static int apply_timeout_both(struct builder *b, const struct raw_key *key,
                              struct coop_err *err)
{
    const struct setting *start = setting_find(&service_settings, NULL, "TimeoutStartSec");
    const struct setting *stop = setting_find(&service_settings, NULL, "TimeoutStopSec");

    if (setting_apply(start, b->spec, key->value, err) < 0)
        return -1;
    return setting_apply(stop, b->spec, key->value, err);
}

/* The nearest of all keys that may stand here, to be suggested. */
static int unknown_key(const struct raw_key *key, const char *section, struct coop_err *err)
{
    const struct setting_table *tables[] = {&service_settings, &launch_settings};
    const char *names[512];
    const char *near;
    size_t count = 0;

    for (size_t t = 0; t < COOP_COUNT(tables); t++)
        settings_for_each (row, tables[t])
            if (count + 1 < COOP_COUNT(names) &&
                (!key->section || tables[t] == &launch_settings ||
                 strcmp(row->section, section) == 0))
                names[count++] = row->key;
    names[count] = NULL;
    near = str_nearest(key->key, names);
    return coop_fail(err, COOP_E_UNKNOWN, "%s: no such key in [%s]%s%s%s", key->key, section,
                     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int no_row(const struct raw_key *key, struct coop_err *err)
{
    const char *section = key->section ? key->section : "Service";

    switch (unit_key_kind(section, key->key)) {
    case UNIT_KEY_HARMLESS: return 0;
    case UNIT_KEY_CHECKED:
        if (unit_key_accepts(key->key, key->value))
            return 0;
        return coop_fail(err, COOP_E_MISSING, "%s=%s is not supported yet", key->key,
                         key->value);
    case UNIT_KEY_MISSING:
        coop_fail(err, COOP_E_MISSING, "%s= is not supported yet", key->key);
        return coop_hint(err, "take the line out if the service can do without it");
    case UNIT_KEY_UNKNOWN: break;
    }
    return unknown_key(key, section, err);
}

static int apply_key(struct builder *b, const struct raw_key *key, struct coop_err *err)
{
    const struct setting *row = setting_find(&service_settings, key->section, key->key);

    /* systemd once had the start limit in [Service]; old unit files still do */
    if (!row && key->section && strcmp(key->section, "Service") == 0 &&
        str_starts_with(key->key, "StartLimit"))
        row = setting_find(&service_settings, "Unit", key->key);
    if (row) {
        remember_line(b, row, key);
        if (apply_row(b, row, b->spec, key->value, err) < 0)
            return -1;
        remember_commands(b, row, key);
        return 0;
    }
    if (strcmp(key->key, "TimeoutSec") == 0)
        return apply_timeout_both(b, key, err);
    if (!key->section || strcmp(key->section, "Service") == 0) {
        const char *name = b->spec->is_unit ? unit_key_name(key->key) : key->key;

        row = setting_find(&launch_settings, NULL, name);
        if (row)
            return apply_row(b, row, &b->spec->launch, key->value, err);
    }
    return no_row(key, err);
}

static void apply_keys(struct builder *b)
{
    for (size_t i = 0; i < b->section->count; i++) {
        struct coop_err err = {0};

        if (apply_key(b, &b->section->keys[i], &err) < 0)
            tell_key(b, &b->section->keys[i], &err);
    }
}

/* ---- what several keys say together ---- */

static void complain_at(struct builder *b, const char *key, struct coop_err *err)
{
    const struct raw_key *found = raw_find_key(b->section, key);

    tell(b, found ? found->file : b->section->file, found ? found->line : b->section->line,
         err);
}

static void check_type(struct builder *b)
{
    struct svc_spec *spec = b->spec;
    struct coop_err err = {0};
    bool oneshot = spec->type == TYPE_ONESHOT;

    if (spec->execs[EXEC_START].count == 0) {
        coop_fail(&err, COOP_E_SYNTAX, "service '%s' has no ExecStart=", spec->name);
        complain_at(b, "ExecStart", &err);
    }
    if (spec->execs[EXEC_START].count > 1 && !oneshot) {
        coop_fail(&err, COOP_E_RANGE,
                  "service '%s' has %zu ExecStart=; only Type=oneshot may "
                  "have several",
                  spec->name, spec->execs[EXEC_START].count);
        complain_at(b, "ExecStart", &err);
    }
    if (spec->pid_file && spec->pid_file[0] && spec->type != TYPE_FORKING && !spec->is_unit) {
        coop_fail(&err, COOP_E_RANGE, "PIDFile= says nothing without Type=forking");
        coop_hint(&err, "MAINPID= on the notify socket names another main process");
        complain_at(b, "PIDFile", &err);
    }
    if (oneshot && (spec->restart == RESTART_ALWAYS || spec->restart == RESTART_ON_SUCCESS)) {
        coop_fail(&err, COOP_E_RANGE,
                  "Restart=always and on-success make no sense with "
                  "Type=oneshot: it would never be done");
        complain_at(b, "Restart", &err);
    }
    if (oneshot && !raw_find_key(b->section, "TimeoutStartSec") &&
        !raw_find_key(b->section, "TimeoutSec"))
        spec->start_timeout = COOP_FOREVER;
    if (spec->start_timeout == 0) /* systemd: 0 switches a timeout off */
        spec->start_timeout = COOP_FOREVER;
    if (spec->watchdog == COOP_FOREVER)
        spec->watchdog = 0;
    if (spec->stop_timeout == 0)
        spec->stop_timeout = COOP_FOREVER;
    if (spec->type == TYPE_NOTIFY_RELOAD && spec->reload_signal == 0)
        spec->reload_signal = SIGHUP;
    if (spec->notify_access == NOTIFY_UNSET)
        spec->notify_access = NOTIFY_NONE;
    if ((svc_spec_notifies(spec) || spec->watchdog > 0 || spec->store_max > 0) &&
        spec->notify_access == NOTIFY_NONE)
        spec->notify_access = NOTIFY_MAIN;
}

/* In a PID namespace of its own a command sees none of the others. */
static void check_main_pid(struct builder *b, enum exec_kind kind)
{
    const struct exec_list *list = &b->spec->execs[kind];
    struct coop_err err = {0};

    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 1; k < list->items[i].argv.count; k++) {
            if (list->items[i].literal || !strstr(list->items[i].argv.items[k], "MAINPID"))
                continue;
            coop_fail(&err, COOP_E_RANGE,
                      "%s= cannot reach $MAINPID: service '%s' has PID namespaces of its own",
                      exec_key(kind), b->spec->name);
            coop_hint(&err, "%s, or PrivatePIDs=no",
                      kind == EXEC_RELOAD ? "ReloadSignal= or Type=notify-reload"
                                          : "KillSignal=");
            tell(b, svc_spec_file(b->spec, list->items[i].over), list->items[i].line, &err);
            return;
        }
}

/* The devices of PrivateDevices=yes. */
static bool is_pseudo_device(const char *text)
{
    static const char *const names[] = {"/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
                                        "/dev/urandom", "/dev/tty",  "/dev/ptmx", "char-pts"};
    size_t len = strcspn(text, " \t");

    for (size_t i = 0; i < COOP_COUNT(names); i++)
        if (strlen(names[i]) == len && strncmp(text, names[i], len) == 0)
            return true;
    return false;
}

/* Kept by what there is in its /dev, and no other can be made. */
static void check_devices(struct builder *b)
{
    const struct svc_spec *spec = b->spec;
    struct coop_err err = {0};

    if (spec->devices.count == 0 && spec->device_policy == DEVICES_AUTO)
        return;
    if (!spec->launch.private_devices) {
        coop_fail(&err, COOP_E_MISSING,
                  "service '%s': DevicePolicy= and DeviceAllow= need "
                  "PrivateDevices=yes",
                  spec->name);
        coop_hint(&err, "PrivateDevices=yes, and BindPaths= for a device that it needs");
        complain_at(b, spec->devices.count ? "DeviceAllow" : "DevicePolicy", &err);
        return;
    }
    for (size_t i = 0; i < spec->devices.count; i++) {
        if (is_pseudo_device(spec->devices.items[i]))
            continue;
        coop_fail(&err, COOP_E_MISSING, "DeviceAllow=%s: PrivateDevices=yes has no such device",
                  spec->devices.items[i]);
        coop_hint(&err, "BindPaths= shows a device to the service");
        complain_at(b, "DeviceAllow", &err);
    }
}

static void check_ipc(struct builder *b)
{
    struct svc_spec *spec = b->spec;
    struct coop_err err = {0};

    if (!spec->remove_ipc || !spec->user)
        return;
    if (!spec->launch.private_devices) {
        coop_fail(&err, COOP_E_MISSING,
                  "service '%s': RemoveIPC=yes needs PrivateDevices=yes, "
                  "and with it a /dev/shm of its own",
                  spec->name);
        complain_at(b, "RemoveIPC", &err);
        return;
    }
    spec->launch.private_ipc = true;
}

static void check_commands(struct builder *b)
{
    const struct svc_spec *spec = b->spec;
    struct coop_err err = {0};

    if (spec->type == TYPE_NOTIFY_RELOAD && spec->execs[EXEC_RELOAD].count > 0) {
        coop_fail(&err, COOP_E_RANGE,
                  "service '%s' has Type=notify-reload and ExecReload=: which one reloads it?",
                  spec->name);
        complain_at(b, "ExecReload", &err);
    }
    if (!spec->launch.private_pids)
        return;
    check_main_pid(b, EXEC_START_POST);
    check_main_pid(b, EXEC_RELOAD);
    check_main_pid(b, EXEC_STOP);
}

static void check_conditions(struct builder *b)
{
    struct coop_err err = {0};
    char key[40];

    if (conditions_check(&b->spec->conditions, key, sizeof key, &err) < 0)
        complain_at(b, key, &err);
}

static void check_directories(struct builder *b)
{
    struct coop_err err = {0};
    char key[40];

    if (directories_check(&b->spec->directories, key, sizeof key, &err) < 0)
        complain_at(b, key, &err);
}

/* A wait that grows has steps and an end; one without the other would be ignored. */
static void check_pace(struct builder *b)
{
    const struct restart_pace *pace = &b->spec->pace;
    struct coop_err err = {0};

    if ((pace->steps > 0) != (pace->max_delay != COOP_FOREVER)) {
        bool steps = pace->steps > 0;

        coop_fail(&err, COOP_E_RANGE,
                  "%s= says nothing without %s=", steps ? "RestartSteps" : "RestartMaxDelaySec",
                  steps ? "RestartMaxDelaySec" : "RestartSteps");
        coop_hint(&err,
                  "RestartSec=1s, RestartSteps=5 and RestartMaxDelaySec=1min: from a second "
                  "to a minute in five restarts");
        complain_at(b, steps ? "RestartSteps" : "RestartMaxDelaySec", &err);
    } else if (pace->steps > 0 && pace->max_delay < pace->delay) {
        coop_fail(&err, COOP_E_RANGE, "RestartMaxDelaySec= is shorter than RestartSec=");
        complain_at(b, "RestartMaxDelaySec", &err);
    }
}

/* They would not be kept: a profile was written for coop-run. */
static void check_profile(struct builder *b)
{
    const struct launch_spec *launch = &b->spec->launch;
    struct coop_err err = {0};

    if (launch->frozen.count > 0) {
        coop_fail(&err, COOP_E_MISSING, "FrozenPaths= is coop-run's: coopd does not keep it");
        coop_hint(&err, "ReadOnlyPaths= keeps what is there; an empty line FrozenPaths= in the "
                        "service takes it out");
        complain_at(b, "Sandbox", &err);
    }
    if (launch->own_empty_network && !raw_find_key(b->section, "EmptyNetwork")) {
        coop_fail(&err, COOP_E_MISSING, "EmptyNetwork= is coop-run's: coopd does not keep it");
        coop_hint(&err, "EmptyNetworkPath= with the socket of a service that is "
                        "coop-run --hold-network SOCKET");
        complain_at(b, "Sandbox", &err);
    }
}

/* Keys about whoever calls coop-run.  A service has no caller: nothing would become of them. */
static const struct {
    const char *key, *instead;
} callers_keys[] = {
    {"CallerDirectory", "WorkingDirectory= and BindPaths= do that for a service"},
    {"InheritEnvironment", "Environment= and PassEnvironment= say what a service has"},
    {"SetEnvironment", "Environment= does that for a service"},
    {"EmptyNetwork",
     "EmptyNetworkPath= with the socket of a service that is coop-run --hold-network SOCKET"},
    {"InheritDescriptors", "a service gets 0, 1 and 2, and no others"},
};

bool build_refuses(const char *key)
{
    for (size_t i = 0; i < COOP_COUNT(callers_keys); i++)
        if (strcmp(callers_keys[i].key, key) == 0)
            return true;
    return false;
}

static void check_caller_keys(struct builder *b)
{
    for (size_t i = 0; i < COOP_COUNT(callers_keys); i++) {
        struct coop_err err = {0};

        if (!raw_find_key(b->section, callers_keys[i].key))
            continue;
        coop_fail(&err, COOP_E_MISSING, "%s= is coop-run's: coopd does not keep it",
                  callers_keys[i].key);
        coop_hint(&err, "%s", callers_keys[i].instead);
        complain_at(b, callers_keys[i].key, &err);
    }
    b->spec->launch.inherit_descriptors = false; /* a profile's is no mistake */
}

static int not_ours(const struct builder *b, const char *key, const char *value,
                    struct coop_err *err)
{
    coop_fail(err, COOP_E_DENIED, "%s=%s: only root may run a service as somebody else", key,
              value);
    return coop_hint(err, "run coopd as root, or take %s= out of service '%s'", key,
                     b->spec->name);
}

static int set_identity(struct builder *b, const struct identity *who, struct coop_err *err)
{
    struct svc_spec *spec = b->spec;

    if (geteuid() != 0) {
        if (who->uid != getuid())
            return not_ours(b, "User", spec->user, err);
        if (who->gid != getgid())
            return not_ours(b, "Group", spec->group ? spec->group : who->group, err);
        if (spec->groups.count)
            return not_ours(b, "SupplementaryGroups", spec->groups.items[0], err);
        return 0;
    }
    spec->launch.uid = who->uid;
    spec->launch.gid = who->gid;
    spec->launch.set_groups = true;
    return identity_groups(who, &spec->groups, &spec->launch.groups, err);
}

static void resolve_identity(struct builder *b)
{
    struct svc_spec *spec = b->spec;
    struct identity who;
    struct coop_err err = {0};
    int failed;

    if (!spec->user && !spec->group && spec->groups.count == 0)
        return;
    if (identity_find(spec->user, spec->group, &who, &err) < 0) {
        complain_at(b, spec->user ? "User" : "Group", &err);
        return;
    }
    failed = set_identity(b, &who, &err);
    identity_done(&who);
    if (failed)
        complain_at(b, spec->user ? "User" : "Group", &err);
}

static void resolve_directory(struct builder *b)
{
    struct svc_spec *spec = b->spec;
    const char *path = spec->cwd;
    struct coop_err err = {0};
    struct identity who;

    if (!path)
        return;
    if (strcmp(path, "~") == 0 || strcmp(path, "-~") == 0) {
        if (identity_find(spec->user, NULL, &who, &err) < 0) {
            complain_at(b, "WorkingDirectory", &err);
            return;
        }
        free(spec->launch.cwd);
        if (asprintf(&spec->launch.cwd, "%s%s", path[0] == '-' ? "-" : "", who.home) < 0)
            spec->launch.cwd = NULL;
        identity_done(&who);
        return;
    }
    if (path[path[0] == '-'] != '/') {
        coop_fail(&err, COOP_E_RANGE, "WorkingDirectory=%s: not an absolute path", path);
        complain_at(b, "WorkingDirectory", &err);
        return;
    }
    free(spec->launch.cwd);
    spec->launch.cwd = strdup(path);
}

/* As it will be launched: the words of the command come only then. */
static int check_copy(const struct svc_spec *spec, struct coop_err *err)
{
    struct launch_spec copy;
    int r;

    if (launch_spec_copy(&copy, &spec->launch, err) < 0)
        return -1;
    r = spec->execs[EXEC_START].count
            ? strlist_add(&copy.argv, spec->execs[EXEC_START].items[0].argv.items[0])
            : 0;
    r = r < 0 ? coop_fail(err, COOP_E_LIMIT, "no memory") : launch_spec_check(&copy, err);
    launch_spec_done(&copy);
    return r;
}

static void check_launch(struct builder *b)
{
    struct coop_err err = {0};

    if (b->errors == 0 && check_copy(b->spec, &err) < 0) {
        coop_while(&err, "service '%s'", b->spec->name);
        complain_at(b, "Sandbox", &err);
    }
}

/* Over the host's root nobody could look at all that it may write. */
static void check_disk(struct builder *b)
{
    const struct launch_spec *launch = &b->spec->launch;
    const char *key = launch->bounds.disk_max != LAUNCH_UNBOUND ? "DiskMax" : "DiskFilesMax";
    struct coop_err err = {0};

    if ((launch->bounds.disk_max == LAUNCH_UNBOUND &&
         launch->bounds.disk_files_max == LAUNCH_UNBOUND) ||
        launch->root != LAUNCH_ROOT_HOST || launch->root_directory ||
        launch_spec_may_lose(launch, LAUNCH_GUARD_LIMITS))
        return;
    coop_fail(&err, COOP_E_MISSING, "service '%s': %s= needs a root of its own", b->spec->name,
              key);
    coop_hint(&err, "RootFileSystem=empty or RootDirectory=; Prefer=limits starts without it");
    complain_at(b, key, &err);
}

/* Who launches must see it to count it. */
static void check_output(struct builder *b)
{
    const struct launch_spec *launch = &b->spec->launch;
    struct coop_err err = {0};

    if (launch->bounds.output == LAUNCH_UNBOUND || svc_spec_prints_through_us(b->spec) ||
        launch_spec_may_lose(launch, LAUNCH_GUARD_LIMITS))
        return;
    coop_fail(&err, COOP_E_RANGE,
              "service '%s': OutputMax= cannot be kept for what does not go to its log",
              b->spec->name);
    coop_hint(&err, "StandardOutput=log or null; Prefer=limits starts without it");
    complain_at(b, "OutputMax", &err);
}

/* A service has nobody at its keyboard. */
static void check_terminal(struct builder *b)
{
    struct coop_err err = {0};

    if (b->spec->launch.terminal != LAUNCH_TERMINAL_OWN)
        return;
    coop_fail(&err, COOP_E_RANGE, "service '%s': Terminal=own is for coop-run", b->spec->name);
    complain_at(b, "Terminal", &err);
}

/* ---- the public calls ---- */

/* The keys of a template, then those of its instance: what is said last counts. */
static int merge(const struct build_from *from, struct raw_section *ret_section)
{
    const struct raw_section *section = from->section, *over = from->over;
    size_t count = section->count + (over ? over->count : 0);

    *ret_section = *section;
    ret_section->keys = reallocarray(NULL, count + 1, sizeof *ret_section->keys);
    ret_section->count = 0;
    if (!ret_section->keys)
        return -ENOMEM;
    for (size_t i = 0; i < section->count; i++)
        ret_section->keys[ret_section->count++] = section->keys[i];
    for (size_t i = 0; over && i < over->count; i++)
        ret_section->keys[ret_section->count++] = over->keys[i];
    return 0;
}

static int make_spec(struct builder *b, const struct build_from *from)
{
    struct svc_spec *spec = svc_spec_new();

    b->spec = spec;
    if (!spec)
        return -ENOMEM;
    spec->name = strdup(from->name);
    spec->file = strdup(from->section->file);
    spec->over_file = from->over ? strdup(from->over->file) : NULL;
    spec->line = from->section->line;
    spec->is_unit = from->section->is_unit;
    spec->origin = from->origin;
    return spec->name && spec->file && (spec->over_file || !from->over) ? 0 : -ENOMEM;
}

static void begin(struct builder *b)
{
    struct coop_err err = {0};
    const struct raw_key *sandbox = raw_find_key(b->section, "Sandbox");
    const struct raw_key *user = raw_find_key(b->section, "User");
    const char *profile = b->section->is_unit ? "none" : "service";

    b->about.service = b->spec->name;
    b->about.user = user && user->value[0] && !strchr(user->value, '%') ? user->value : NULL;
    if (settings_defaults(&service_settings, b->spec, &err) < 0) {
        tell(b, b->section->file, b->section->line, &err);
        return;
    }
    if (sandbox && sandbox->value[0])
        profile = sandbox->value;
    apply_profile(b, &b->spec->launch, profile, sandbox ? sandbox->file : b->section->file,
                  sandbox ? sandbox->line : b->section->line);
    if (!sandbox && !b->section->is_unit)
        b->spec->launch.prefer = LAUNCH_ALL_GUARDS;
}

static void check_all(struct builder *b)
{
    check_type(b);
    check_commands(b);
    check_pace(b);
    check_conditions(b);
    check_directories(b);
    check_profile(b);
    check_devices(b);
    check_ipc(b);
    check_caller_keys(b);
    resolve_identity(b);
    resolve_directory(b);
    check_launch(b);
    check_output(b);
    check_terminal(b);
    check_disk(b);
}

static void build(struct builder *b, const struct build_from *from)
{
    struct raw_section merged = {0};
    struct coop_err err = {0};

    b->name = from->name;
    b->over_file = from->over ? from->over->file : NULL;
    if (merge(from, &merged) < 0 || make_spec(b, from) < 0) {
        coop_fail(&err, COOP_E_LIMIT, "no memory for service '%s'", from->name);
        tell(b, from->section->file, from->section->line, &err);
    } else {
        b->section = &merged;
        begin(b);
        if (b->errors == 0)
            apply_keys(b);
        if (b->errors == 0 && !b->only_checking)
            check_all(b);
    }
    b->section = NULL;
    free(merged.keys);
}

struct svc_spec *build_service(const struct build_from *from, raw_complain *complain, void *arg)
{
    struct builder b = {.all = from->all, .complain = complain, .arg = arg};

    b.is_instance = strcmp(from->name, from->section->name) != 0;
    build(&b, from);
    if (b.errors == 0)
        return b.spec;
    svc_spec_unref(b.spec);
    return NULL;
}

int build_check_template(const struct raw_config *all, const struct raw_section *section,
                         raw_complain *complain, void *arg)
{
    const struct build_from from = {.all = all, .section = section, .name = section->name};
    struct builder b = {.all = all, .complain = complain, .arg = arg, .only_checking = true};

    build(&b, &from);
    svc_spec_unref(b.spec);
    return b.errors;
}

int build_check_sandboxes(const struct raw_config *all, raw_complain *complain, void *arg)
{
    struct builder b = {.all = all, .complain = complain, .arg = arg};

    for (size_t i = 0; i < all->count; i++) {
        struct launch_spec scratch;

        if (all->sections[i].kind != RAW_SANDBOX)
            continue;
        launch_spec_init(&scratch);
        apply_profile(&b, &scratch, all->sections[i].name, all->sections[i].file,
                      all->sections[i].line);
        launch_spec_done(&scratch);
    }
    return b.errors;
}
