/*
 * spec.c - the life of a spec: empty, filled, checked, copied, freed; and its environment
 */
#include "launcher/launch.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/filter/bytes.h"
#include "launcher/mount_words.h"
#include "launcher/protect.h"
#include "launcher/setting_kinds.h"

#include <errno.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- life ---- */

static void mount_done(struct launch_mount *mount)
{
    free(mount->src);
    free(mount->dst);
    free(mount->data);
    free(mount->work);
    strlist_done(&mount->layers);
}

void launch_mounts_done(struct launch_mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++)
        mount_done(&mounts->items[i]);
    free(mounts->items);
    *mounts = (struct launch_mounts){0};
}

void launch_spec_init(struct launch_spec *spec)
{
    *spec = (struct launch_spec){
        .uid = LAUNCH_NO_ID,
        .gid = LAUNCH_NO_ID,
        .inside_uid = LAUNCH_NO_ID,
        .inside_gid = LAUNCH_NO_ID,
    };
    settings_defaults(&launch_settings, spec, NULL); /* plain values only: cannot fail */
}

void launch_spec_done(struct launch_spec *spec)
{
    settings_done(&launch_settings, spec);
    strlist_done(&spec->argv);
    strlist_done(&spec->env);
    strlist_done(&spec->groups);
    launch_spec_drop_filters(spec);
    strlist_done(&spec->lock_files);
    free(spec->argv0);
    free(spec->frozen_at);
    free(spec->second_users);
    free(spec->cwd);
    *spec = (struct launch_spec){0};
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        *failed = true;
    return copy;
}

int launch_mounts_add(struct launch_mounts *mounts, const struct launch_mount *mount,
                      struct coop_err *err)
{
    struct launch_mount copy = *mount, *grown;
    bool failed = false, link = mount->kind == LAUNCH_MOUNT_SYMLINK;

    if (mounts->count >= LAUNCH_MAX_MOUNTS)
        return coop_fail(err, COOP_E_LIMIT, "more than %d file-system operations",
                         LAUNCH_MAX_MOUNTS);
    if (!mount->dst || mount->dst[0] != '/')
        return coop_fail(err, COOP_E_RANGE, "'%.200s': a path in the sandbox must be absolute",
                         mount->dst ? mount->dst : "");
    copy.data = NULL;
    copy.layers = (struct strlist){0};
    copy.dst = mount_path_plain(mount->dst);
    if (!copy.dst)
        return coop_fail(err, COOP_E_RANGE,
                         "'%.200s': a path in the sandbox must not have '..'", mount->dst);
    copy.src = copy_text(mount->src, &failed); /* a relative one is the caller's business */
    copy.work = copy_text(mount->work, &failed);
    if (strlist_copy(&copy.layers, &mount->layers) < 0)
        failed = true;
    if (link && !copy.src)
        failed = true;
    if (mount->data && mount->size > 0) {
        copy.data = malloc(mount->size);
        if (copy.data)
            memcpy(copy.data, mount->data, mount->size);
        else
            failed = true;
    }
    grown = realloc(mounts->items, (mounts->count + 1) * sizeof *grown);
    if (grown)
        mounts->items = grown;
    if (!grown || failed) {
        mount_done(&copy);
        return coop_fail_sys(err, ENOMEM, "keep the mount of '%s'", mount->dst);
    }
    mounts->items[mounts->count++] = copy;
    return 0;
}

int launch_spec_mount(struct launch_spec *spec, const struct launch_mount *mount,
                      struct coop_err *err)
{
    return launch_mounts_add(&spec->mounts, mount, err);
}

int launch_spec_filter(struct launch_spec *spec, const void *code, size_t size,
                       struct coop_err *err)
{
    struct launch_code *slot = &spec->filter_codes[spec->filter_code_count];
    void *copy;

    if (spec->filter_code_count == LAUNCH_MAX_FILTERS)
        return coop_fail(err, COOP_E_LIMIT, "more than %d compiled filters",
                         LAUNCH_MAX_FILTERS);
    if (size % sizeof(struct sock_filter) != 0)
        return coop_fail(err, COOP_E_SYNTAX,
                         "a compiled filter of %zu bytes: instructions have 8", size);
    copy = malloc(size + 1);
    if (!copy)
        return coop_fail_sys(err, ENOMEM, "keep a filter");
    memcpy(copy, code, size);
    if (filter_bytes_check(copy, size / sizeof(struct sock_filter), err) < 0) {
        free(copy);
        return -1;
    }
    *slot = (struct launch_code){copy, size};
    spec->filter_code_count++;
    return 0;
}

void launch_spec_drop_filters(struct launch_spec *spec)
{
    while (spec->filter_code_count > 0)
        free(spec->filter_codes[--spec->filter_code_count].code);
}

static const size_t namespace_paths[] = {
    offsetof(struct launch_spec, users),         offsetof(struct launch_spec, pids),
    offsetof(struct launch_spec, ipc),           offsetof(struct launch_spec, mounts_of),
    offsetof(struct launch_spec, uts),           offsetof(struct launch_spec, cgroup),
    offsetof(struct launch_spec, time),          offsetof(struct launch_spec, second_users),
    offsetof(struct launch_spec, empty_network),
};

static char **path_of(struct launch_spec *spec, size_t index)
{
    return (char **)(void *)((char *)spec + namespace_paths[index]);
}

int launch_spec_copy(struct launch_spec *ret_spec, const struct launch_spec *from,
                     struct coop_err *err)
{
    struct launch_spec copy = *from; /* the plain fields */
    struct launch_spec from_paths = *from;
    bool failed = false;

    /* Everything owned starts empty, so that a half-made copy can be freed. */
    copy.argv = copy.env = copy.groups = (struct strlist){0};
    copy.argv0 = copy.cwd = copy.hostname = copy.network = copy.root_directory = NULL;
    copy.frozen_at = NULL;
    copy.exec = copy.no_exec = copy.lock_files = (struct strlist){0};
    copy.mounts = (struct launch_mounts){0};
    copy.read_only = copy.read_write = copy.inaccessible = (struct strlist){0};
    copy.bind = copy.bind_read_only = copy.temporary = (struct strlist){0};
    copy.filter = copy.filter_log = copy.address_families = (struct strlist){0};
    copy.bind_tcp = copy.connect_tcp = copy.set_environment = copy.frozen = (struct strlist){0};
    copy.uid_map = copy.gid_map = (struct strlist){0};
    for (size_t i = 0; i < COOP_COUNT(namespace_paths); i++)
        *path_of(&copy, i) = NULL;
    copy.filter_profile = (struct launch_text){0};
    copy.filter_code_count = 0;

    failed = strlist_copy(&copy.argv, &from->argv) < 0 ||
             strlist_copy(&copy.env, &from->env) < 0 ||
             strlist_copy(&copy.groups, &from->groups) < 0 ||
             strlist_copy(&copy.read_only, &from->read_only) < 0 ||
             strlist_copy(&copy.read_write, &from->read_write) < 0 ||
             strlist_copy(&copy.inaccessible, &from->inaccessible) < 0 ||
             strlist_copy(&copy.exec, &from->exec) < 0 ||
             strlist_copy(&copy.no_exec, &from->no_exec) < 0 ||
             strlist_copy(&copy.lock_files, &from->lock_files) < 0 ||
             strlist_copy(&copy.bind, &from->bind) < 0 ||
             strlist_copy(&copy.bind_read_only, &from->bind_read_only) < 0 ||
             strlist_copy(&copy.temporary, &from->temporary) < 0 ||
             strlist_copy(&copy.filter, &from->filter) < 0 ||
             strlist_copy(&copy.filter_log, &from->filter_log) < 0 ||
             strlist_copy(&copy.address_families, &from->address_families) < 0 ||
             strlist_copy(&copy.bind_tcp, &from->bind_tcp) < 0 ||
             strlist_copy(&copy.connect_tcp, &from->connect_tcp) < 0 ||
             strlist_copy(&copy.uid_map, &from->uid_map) < 0 ||
             strlist_copy(&copy.gid_map, &from->gid_map) < 0 ||
             strlist_copy(&copy.set_environment, &from->set_environment) < 0 ||
             strlist_copy(&copy.frozen, &from->frozen) < 0 ||
             kind_mounts.copy(&copy.mounts, &from->mounts) < 0;
    copy.argv0 = copy_text(from->argv0, &failed);
    copy.cwd = copy_text(from->cwd, &failed);
    copy.hostname = copy_text(from->hostname, &failed);
    copy.network = copy_text(from->network, &failed);
    for (size_t i = 0; i < COOP_COUNT(namespace_paths); i++)
        *path_of(&copy, i) = copy_text(*path_of(&from_paths, i), &failed);
    copy.root_directory = copy_text(from->root_directory, &failed);
    copy.frozen_at = copy_text(from->frozen_at, &failed);
    failed = failed || kind_profile.copy(&copy.filter_profile, &from->filter_profile) < 0;
    for (size_t i = 0; i < from->filter_code_count && !failed; i++)
        failed = launch_spec_filter(&copy, from->filter_codes[i].code,
                                    from->filter_codes[i].size, NULL) < 0;
    if (failed) {
        launch_spec_done(&copy);
        return coop_fail_sys(err, ENOMEM, "copying a sandbox");
    }
    *ret_spec = copy;
    return 0;
}

/* ---- checks between fields ---- */

static int check_overlay(const struct launch_mount *m, struct coop_err *err)
{
    bool written = m->src || !(m->flags & LAUNCH_MOUNT_RO);

    if (m->layers.count == 0 || (!written && m->layers.count < 2))
        return coop_fail(err, COOP_E_RANGE, "overlay at '%s': at least %s to read from", m->dst,
                         written ? "one directory" : "two directories");
    if (m->layers.count > LAUNCH_MAX_LAYERS)
        return coop_fail(err, COOP_E_LIMIT, "overlay at '%s': more than %d directories", m->dst,
                         LAUNCH_MAX_LAYERS);
    if (!m->src != !m->work)
        return coop_fail(err, COOP_E_RANGE,
                         "overlay at '%s': a directory to write to needs one to work in",
                         m->dst);
    return 0;
}

/* What has no file system of ours to lie in when the host's root is the root. */
static int check_kind(const struct launch_spec *spec, const struct launch_mount *m,
                      struct coop_err *err)
{
    bool overlay = m->kind == LAUNCH_MOUNT_OVERLAY;

    if (overlay && check_overlay(m, err) < 0)
        return -1;
    if ((overlay || m->kind == LAUNCH_MOUNT_DATA) && spec->root != LAUNCH_ROOT_EMPTY)
        return coop_fail(err, COOP_E_RANGE,
                         "'%s': such an operation needs RootFileSystem=empty", m->dst);
    return 0;
}

static int check_mounts(const struct launch_spec *spec, struct coop_err *err)
{
    for (size_t i = 0; i < spec->mounts.count; i++) {
        const struct launch_mount *m = &spec->mounts.items[i];

        if (check_kind(spec, m, err) < 0)
            return -1;
        if (strcmp(m->dst, "/") != 0 || m->kind == LAUNCH_MOUNT_REMOUNT ||
            m->kind == LAUNCH_MOUNT_CHMOD)
            continue;
        if (i == 0 && (m->kind == LAUNCH_MOUNT_BIND || m->kind == LAUNCH_MOUNT_OVERLAY))
            continue;
        return coop_fail(err, COOP_E_RANGE,
                         "only the first file-system operation can be at '/', and only a bind "
                         "or an overlay");
    }
    return 0;
}

static int check_locks(const struct launch_spec *spec, struct coop_err *err)
{
    bool reaper = spec->subreaper || (spec->private_pids && !spec->as_pid_1);

    if (spec->lock_files.count > LAUNCH_MAX_LOCKS)
        return coop_fail(err, COOP_E_LIMIT, "more than %d files to keep locked",
                         LAUNCH_MAX_LOCKS);
    if (spec->lock_files.count > 0 && !reaper)
        return coop_fail(err, COOP_E_RANGE,
                         "a file is kept locked by the reaper: that needs PrivatePIDs=yes, and "
                         "not AsPid1=yes");
    for (size_t i = 0; i < spec->lock_files.count; i++)
        if (spec->lock_files.items[i][0] != '/')
            return coop_fail(err, COOP_E_RANGE, "file to keep locked '%s': must be absolute",
                             spec->lock_files.items[i]);
    return 0;
}

static int check_groups(const struct launch_spec *spec, struct coop_err *err)
{
    long long id;

    if (spec->groups.count > LAUNCH_MAX_GROUPS)
        return coop_fail(err, COOP_E_LIMIT, "more than %d supplementary groups",
                         LAUNCH_MAX_GROUPS);
    for (size_t i = 0; i < spec->groups.count; i++)
        if (str_to_int(spec->groups.items[i], 0, UINT32_MAX - 1, &id) < 0)
            return coop_fail(err, COOP_E_RANGE, "supplementary group '%s' is not an id",
                             spec->groups.items[i]);
    return 0;
}

static int check_hostname(const struct launch_spec *spec, struct coop_err *err)
{
    if (!spec->hostname)
        return 0;
    if (!spec->protect_hostname)
        return coop_fail(err, COOP_E_RANGE, "Hostname=%s needs ProtectHostname=yes",
                         spec->hostname);
    if (strlen(spec->hostname) > 64 || !spec->hostname[0])
        return coop_fail(err, COOP_E_RANGE, "Hostname: 1 to 64 characters");
    return 0;
}

static int check_root(const struct launch_spec *spec, struct coop_err *err)
{
    if (!spec->root_directory)
        return 0;
    if (spec->root != LAUNCH_ROOT_HOST)
        return coop_fail(err, COOP_E_RANGE, "RootDirectory=%s and an empty root: choose one",
                         spec->root_directory);
    if (spec->mounts.count > 0)
        return coop_fail(err, COOP_E_RANGE,
                         "RootDirectory=%s takes no list of operations: use BindPaths= and its "
                         "sisters",
                         spec->root_directory);
    return 0;
}

static int check_program(const struct launch_spec *spec, struct coop_err *err)
{
    const char *cwd = spec->cwd && spec->cwd[0] == '-' ? spec->cwd + 1 : spec->cwd;

    if (spec->argv.count == 0 || !spec->argv.items[0][0])
        return coop_fail(err, COOP_E_RANGE, "no command to run");
    if (cwd && cwd[0] != '/')
        return coop_fail(err, COOP_E_RANGE, "working directory '%s': must be absolute", cwd);
    return 0;
}

static int check_power(const struct launch_spec *spec, struct coop_err *err)
{
    bool other_ids = spec->inside_uid != LAUNCH_NO_ID || spec->inside_gid != LAUNCH_NO_ID;

    if (spec->as_pid_1 && !spec->private_pids)
        return coop_fail(err, COOP_E_RANGE, "AsPid1=yes needs PrivatePIDs=yes");
    if (spec->users && (spec->private_users || spec->uid_map.count || spec->gid_map.count))
        return coop_fail(err, COOP_E_RANGE,
                         "UserNamespacePath=%s and a new user namespace: "
                         "choose one (--private-users=no)",
                         spec->users);
    if (spec->hold_maps && !spec->private_users)
        return coop_fail(err, COOP_E_RANGE, "held maps of ids need PrivateUsers=yes");
    if (spec->hold_maps && (spec->uid_map.count || spec->gid_map.count))
        return coop_fail(err, COOP_E_RANGE,
                         "UIDMap= and GIDMap= are ours to write, and held "
                         "maps somebody else's: choose one");
    if (other_ids && !spec->private_users && !spec->users && !spec->uid_map.count &&
        !spec->gid_map.count)
        return coop_fail(err, COOP_E_RANGE, "other ids inside need PrivateUsers=yes");
    if (spec->cap_ambient && spec->securebits.value & SECBIT_NO_CAP_AMBIENT_RAISE)
        return coop_fail(err, COOP_E_RANGE,
                         "SecureBits=no-cap-ambient-raise leaves AmbientCapabilities no way");
    if (spec->cap_ambient & spec->cap_dropped)
        return coop_fail(err, COOP_E_RANGE,
                         "AmbientCapabilities has some that CapabilityBoundingSet takes away");
    if (spec->cap_ambient & protect_dropped_caps(spec))
        return coop_fail(err, COOP_E_RANGE,
                         "AmbientCapabilities has some that ProtectClock, ProtectKernelModules "
                         "or ProtectKernelLogs take away");
    return 0;
}

bool launch_spec_may_lose(const struct launch_spec *spec, enum launch_guard guard)
{
    return spec->prefer & ~spec->require.guards & LAUNCH_BIT(guard);
}

int launch_spec_check(const struct launch_spec *spec, struct coop_err *err)
{
    int (*const checks[])(const struct launch_spec *, struct coop_err *) = {
        check_program, check_hostname, check_root,  check_power,
        check_mounts,  check_locks,    check_groups};

    for (size_t i = 0; i < COOP_COUNT(checks); i++)
        if (checks[i](spec, err) < 0)
            return -1;
    return 0;
}

/* ---- environment ---- */

#define LONG_WORD 5 /* letters; shorter words end too many others */

/* Words that mark a variable as a secret, as whole parts of its name between underscores; the long
 * ones also as the end of a part: DBPASSWORD, authToken, but not MONKEY. */
static const char *const secret_parts[] = {
    "SECRET",     "SECRETS",    "TOKEN",       "TOKENS", "PASSWORD", "PASSWD",
    "PASSPHRASE", "CREDENTIAL", "CREDENTIALS", "APIKEY", "KEY",      "KEYS",
    "AUTH",       "COOKIE",     "PRIVATE",     "PWORD",  "PASS",     "DSN"};
/* Names that lead to what is the caller's: a socket or a file through which it can be acted for. */
static const char *const secret_names[] = {
    "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS", "XAUTHORITY", "DISPLAY", "WAYLAND_DISPLAY", "DOCKER_HOST",
    "CONTAINER_HOST", "KUBECONFIG", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID",
    "LISTEN_FDNAMES", "XDG_RUNTIME_DIR", "COOP_SOCKET", "DATABASE_URL", "PGPASSFILE", "NETRC",
    "SSHPASS", "MYSQL_PWD",
    /* a folder that is not inside: /tmp is */
    "TMPDIR", "TMP", "TEMP", "TEMPDIR"};

static bool is_secret(const char *part, size_t length)
{
    for (size_t i = 0; i < COOP_COUNT(secret_parts); i++) {
        size_t word = strlen(secret_parts[i]);
        bool fits = word >= LONG_WORD ? length >= word : length == word;

        if (fits && strncasecmp(secret_parts[i], part + length - word, word) == 0)
            return true;
    }
    return false;
}

bool launch_scrubs(const char *name, size_t length)
{
    for (size_t i = 0; i < COOP_COUNT(secret_names); i++)
        if (strlen(secret_names[i]) == length && strncmp(secret_names[i], name, length) == 0)
            return true;
    for (size_t start = 0; start < length;) {
        size_t part = 0;

        while (start + part < length && name[start + part] != '_')
            part++;
        if (is_secret(name + start, part))
            return true;
        start += part + 1;
    }
    return false;
}

int launch_env_set(struct launch_spec *spec, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    SCOPED_FREE char *assignment = malloc(size);

    if (!assignment)
        return -ENOMEM;
    (void)str_format(assignment, size, "%s=%s", name, value);
    return strlist_env_put(&spec->env, assignment);
}

void launch_env_unset(struct launch_spec *spec, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = spec->env.count; i-- > 0;)
        if (strncmp(spec->env.items[i], name, length) == 0 && spec->env.items[i][length] == '=')
            strlist_remove(&spec->env, i);
}

int launch_env_inherit(struct launch_spec *spec, char *const *environment)
{
    for (; spec->inherit_environment && environment && *environment; environment++) {
        size_t length = strcspn(*environment, "=");

        if (spec->scrub_environment && launch_scrubs(*environment, length))
            continue;
        if (strlist_add(&spec->env, *environment) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < spec->set_environment.count; i++)
        if (strlist_env_put(&spec->env, spec->set_environment.items[i]) < 0)
            return -ENOMEM;
    return 0;
}
