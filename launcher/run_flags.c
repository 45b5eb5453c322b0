/*
 * run_flags.c - what each of coop-run's flags does, but for those that come from a key's row
 */
#include "launcher/run_flags.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/caps_text.h"
#include "text/units.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- numbers and descriptors ---- */

static int parse_id(struct run_parser *p, uint32_t *field)
{
    long long id;

    if (str_to_int(p->arg[0], 0, UINT32_MAX - 1, &id) < 0)
        return coop_fail(p->err, COOP_E_RANGE, "'%.200s' is not an id", p->arg[0]);
    *field = (uint32_t)id;
    p->options->spec.private_users = true;
    return 0;
}

void run_use_up(int fd)
{
    if (fd > STDERR_FILENO)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int run_read_fd(const char *text, size_t ceiling, struct buf *out, struct coop_err *err)
{
    long long fd;

    buf_init(out, ceiling);
    if (str_to_int(text, 0, INT32_MAX, &fd) < 0)
        return coop_fail(err, COOP_E_RANGE, "'%.200s' is not a descriptor", text);
    run_use_up((int)fd);
    for (;;) {
        ssize_t n;

        if (buf_reserve(out, 4096) < 0)
            break;
        n = read((int)fd, out->data + out->len, 4096);
        if (n < 0)
            return coop_fail_sys(err, errno, "reading descriptor %lld", fd);
        if (n == 0)
            break;
        out->len += (size_t)n;
    }
    if (out->error)
        return coop_fail_sys(err, out->error, "reading descriptor %lld (at most %zu bytes)", fd,
                             ceiling);
    return 0;
}

/* ---- namespaces and identity ---- */

static int want(struct run_parser *p, bool *field, enum launch_guard guard, bool only_try)
{
    *field = true;
    if (only_try)
        p->options->spec.prefer |= LAUNCH_BIT(guard);
    return 0;
}

static int flag_unshare_user(struct run_parser *p)
{
    return want(p, &p->options->spec.private_users, LAUNCH_GUARD_USERS, false);
}

static int flag_unshare_user_try(struct run_parser *p)
{
    return want(p, &p->options->spec.private_users, LAUNCH_GUARD_USERS, true);
}

static int flag_unshare_pid(struct run_parser *p)
{
    p->options->own_pids = true;
    return want(p, &p->options->spec.private_pids, LAUNCH_GUARD_PIDS, false);
}

static int flag_unshare_net(struct run_parser *p)
{
    return want(p, &p->options->spec.private_network, LAUNCH_GUARD_NETWORK, false);
}

static int flag_unshare_ipc(struct run_parser *p)
{
    return want(p, &p->options->spec.private_ipc, LAUNCH_GUARD_IPC, false);
}

static int flag_unshare_uts(struct run_parser *p)
{
    return want(p, &p->options->spec.protect_hostname, LAUNCH_GUARD_UTS, false);
}

static int flag_unshare_cgroup(struct run_parser *p)
{
    return want(p, &p->options->spec.private_cgroup, LAUNCH_GUARD_CGROUP, false);
}

static int flag_unshare_cgroup_try(struct run_parser *p)
{
    return want(p, &p->options->spec.private_cgroup, LAUNCH_GUARD_CGROUP, true);
}

static int flag_unshare_all(struct run_parser *p)
{
    struct launch_spec *spec = &p->options->spec;

    spec->private_pids = spec->private_network = p->options->own_pids = true;
    spec->private_users = !spec->users;
    spec->private_ipc = spec->protect_hostname = spec->private_cgroup = true;
    spec->prefer |= LAUNCH_BIT(LAUNCH_GUARD_USERS) | LAUNCH_BIT(LAUNCH_GUARD_CGROUP);
    return 0;
}

static int flag_share_net(struct run_parser *p)
{
    p->options->spec.private_network = false;
    return 0;
}

static int flag_disable_userns(struct run_parser *p)
{
    p->options->spec.restrict_namespaces = true;
    return 0;
}

static int flag_hostname(struct run_parser *p)
{
    p->options->spec.protect_hostname = true;
    return launch_spec_set(&p->options->spec, "Hostname", p->arg[0], p->err);
}

static int flag_uid(struct run_parser *p)
{
    return parse_id(p, &p->options->spec.inside_uid);
}

static int flag_gid(struct run_parser *p)
{
    return parse_id(p, &p->options->spec.inside_gid);
}

static int flag_groups(struct run_parser *p)
{
    struct launch_spec *spec = &p->options->spec;

    strlist_done(&spec->groups);
    spec->set_groups = true;
    for (const char *at = p->arg[0]; *at && strcmp(p->arg[0], "none") != 0;) {
        size_t length = strcspn(at, ",");
        long long id;

        if (strlist_add_n(&spec->groups, at, length) < 0)
            return coop_fail_sys(p->err, ENOMEM, "'%.200s'", p->arg[0]);
        if (str_to_int(spec->groups.items[spec->groups.count - 1], 0, UINT32_MAX - 1, &id) < 0)
            return coop_fail(p->err, COOP_E_RANGE,
                             "'%.200s' is not an id: expected GID,... or none",
                             spec->groups.items[spec->groups.count - 1]);
        at += length + (at[length] == ',');
    }
    return 0;
}

static int flag_cap_add(struct run_parser *p)
{
    uint64_t set;

    if (caps_parse(p->arg[0], &set, p->err) < 0)
        return -1;
    set &= caps_known(); /* "ALL" names more than there are, and those cannot be raised */
    p->options->spec.cap_dropped &= ~set;
    p->options->spec.cap_ambient |= set;
    return 0;
}

static int flag_cap_drop(struct run_parser *p)
{
    uint64_t set;

    if (caps_parse(p->arg[0], &set, p->err) < 0)
        return -1;
    p->options->spec.cap_dropped |= set;
    p->options->spec.cap_ambient &= ~set;
    return 0;
}

/* ---- filters that others have compiled ---- */

static int read_filter(struct run_parser *p)
{
    struct buf bytes;
    int r =
        run_read_fd(p->arg[0], BPF_MAXINSNS * sizeof(struct sock_filter) + 1, &bytes, p->err);

    if (r >= 0)
        r = launch_spec_filter(&p->options->spec, buf_text(&bytes), bytes.len, p->err);
    buf_done(&bytes);
    return r;
}

/* As in bubblewrap: of several --seccomp the last counts, and the two do not go together. */
static int flag_seccomp(struct run_parser *p)
{
    if (p->options->adds_filters)
        return coop_fail(p->err, COOP_E_SYNTAX,
                         "--seccomp and --add-seccomp-fd do not go together");
    p->options->sets_filter = true;
    launch_spec_drop_filters(&p->options->spec);
    return read_filter(p);
}

static int flag_add_seccomp_fd(struct run_parser *p)
{
    if (p->options->sets_filter)
        return coop_fail(p->err, COOP_E_SYNTAX,
                         "--seccomp and --add-seccomp-fd do not go together");
    p->options->adds_filters = true;
    return read_filter(p);
}

/* ---- the program ---- */

static int keep_text(struct run_parser *p, char **slot, const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        return coop_fail_sys(p->err, ENOMEM, "'%.200s'", text);
    free(*slot);
    *slot = copy;
    return 0;
}

static int flag_chdir(struct run_parser *p)
{
    const char *dir = run_place(p, p->arg[0]);

    if (dir[0] != '/')
        return coop_fail(p->err, COOP_E_RANGE, "'%.200s': must be absolute, as it is inside",
                         dir);
    return keep_text(p, &p->options->spec.cwd, dir);
}

static int flag_argv0(struct run_parser *p)
{
    return keep_text(p, &p->options->spec.argv0, p->arg[0]);
}

static int flag_setenv(struct run_parser *p)
{
    if (!p->arg[0][0] || strchr(p->arg[0], '='))
        return coop_fail(p->err, COOP_E_SYNTAX, "'%.200s' cannot be the name of a variable",
                         p->arg[0]);
    if (launch_env_set(&p->options->spec, p->arg[0], p->arg[1]) < 0)
        return coop_fail_sys(p->err, ENOMEM, "'%.200s'", p->arg[0]);
    return 0;
}

static int flag_unsetenv(struct run_parser *p)
{
    launch_env_unset(&p->options->spec, p->arg[0]);
    return 0;
}

static int flag_clearenv(struct run_parser *p)
{
    strlist_done(&p->options->spec.env);
    return 0;
}

/* ---- our own ---- */

static int flag_profile(struct run_parser *p)
{
    p->options->profile = p->arg[0];
    return 0;
}

static int flag_hold_network(struct run_parser *p)
{
    p->options->hold_network = p->arg[0];
    return 0;
}

static int flag_receipt(struct run_parser *p)
{
    p->options->receipt = p->arg[0];
    p->options->spec.tell = true;
    return 0;
}

/* A descriptor that is open: a wrong number would be noticed only when it is too late. */
static int parse_fd(struct run_parser *p, int *field)
{
    long long fd;

    if (str_to_int(p->arg[0], 0, INT32_MAX, &fd) < 0)
        return coop_fail(p->err, COOP_E_RANGE, "'%.200s' is not a descriptor", p->arg[0]);
    if (fcntl((int)fd, F_GETFD) < 0)
        return coop_fail_sys(p->err, errno, "descriptor %lld", fd);
    *field = (int)fd;
    run_use_up((int)fd);
    return 0;
}

static int flag_info_fd(struct run_parser *p)
{
    p->options->spec.tell = true;
    return parse_fd(p, &p->options->info_fd);
}

static int flag_json_status_fd(struct run_parser *p)
{
    p->options->spec.tell = true;
    return parse_fd(p, &p->options->json_status_fd);
}

static int flag_block_fd(struct run_parser *p)
{
    return parse_fd(p, &p->options->block_fd);
}

static int flag_userns_block_fd(struct run_parser *p)
{
    p->options->spec.hold_maps = true;
    return parse_fd(p, &p->options->userns_block_fd);
}

static int flag_sync_fd(struct run_parser *p)
{
    return parse_fd(p, &p->options->sync_fd);
}

static int flag_life_fd(struct run_parser *p)
{
    return parse_fd(p, &p->options->life_fd);
}

static int flag_quiet(struct run_parser *p)
{
    p->options->quiet = true;
    return 0;
}

/* Named by descriptor, as in bubblewrap. */
static int join_fd(struct run_parser *p, char **slot)
{
    char path[48];
    int fd = -1;

    if (parse_fd(p, &fd) < 0)
        return -1;
    str_format(path, sizeof path, "/proc/self/fd/%d", fd);
    return keep_text(p, slot, path);
}

/* Instead of the profile's own one, not of one that is asked for. */
static int flag_userns(struct run_parser *p)
{
    p->options->spec.private_users = false;
    return join_fd(p, &p->options->spec.users);
}

static int flag_userns2(struct run_parser *p)
{
    return join_fd(p, &p->options->spec.second_users);
}

/* With --unshare-pid a new one below it, whichever of the two comes first. */
static int flag_pidns(struct run_parser *p)
{
    p->options->spec.private_pids = p->options->own_pids;
    return join_fd(p, &p->options->spec.pids);
}

static int flag_assert_userns_disabled(struct run_parser *p)
{
    p->options->spec.assert_no_nesting = true;
    return 0;
}

static int flag_pty(struct run_parser *p)
{
    p->options->spec.terminal = LAUNCH_TERMINAL_OWN;
    return 0;
}

static int flag_explain(struct run_parser *p)
{
    p->options->explain = true;
    return 0;
}

static int flag_help(struct run_parser *p)
{
    p->options->help = true;
    return 0;
}

static int flag_version(struct run_parser *p)
{
    p->options->version = true;
    return 0;
}

static int flag_args(struct run_parser *p)
{
    return coop_fail(p->err, COOP_E_SYNTAX, "--args cannot come out of --args");
}

const struct run_flag run_flags[] = {
    /* clang-format off */
    {"help",               0, WALK_OPTIONS, flag_help,               "",          "Print this and end."},
    {"version",            0, WALK_OPTIONS, flag_version,            "",          "Print the version and end."},
    {"profile",            1, WALK_PROFILE, flag_profile,            "NAME",      "Start from this profile: one of ours (default, strict, build, judge, agent, service, bwrap, none), a file, or NAME.ini in ~/.config/coop/profiles or /etc/coop/profiles."},
    {"compat",             1, WALK_PROFILE, run_flag_compat,         "bwrap",     "Start from bubblewrap's defaults instead of ours, and end as it does: so also when called bwrap."},
    {"explain",            0, WALK_PROFILE, flag_explain,            "",          "Print what would be done, step by step, and do nothing."},
    {"args",               1, WALK_OPTIONS, flag_args,               "FD",        "Read further options from FD, each ended by a NUL byte."},
    {"quiet",              0, WALK_PROFILE, flag_quiet,              "",          "Say nothing on standard error: the receipt tells it."},
    {"receipt",            1, WALK_PROFILE, flag_receipt,            "FILE",      "When it has ended, write what was in force and how it ended, as JSON."},
    {"json-status-fd",     1, WALK_OPTIONS, flag_json_status_fd,     "FD",        "Write PID and namespaces, and later the exit code, one JSON object a line. A unix socket gets a pidfd along with the first."},
    {"info-fd",            1, WALK_OPTIONS, flag_info_fd,            "FD",        "Write PID and namespaces as a JSON object, then close FD. A unix socket gets a pidfd along with it."},
    {"block-fd",           1, WALK_OPTIONS, flag_block_fd,           "FD",        "Start the command when FD can be read or has ended; until then it waits, set up."},
    {"userns-block-fd",    1, WALK_OPTIONS, flag_userns_block_fd,    "FD",        "Map no ids: whoever reads --info-fd does, and then writes a byte to FD."},
    {"sync-fd",            1, WALK_OPTIONS, flag_sync_fd,            "FD",        "Keep FD open as long as the sandbox lives."},
    {"life-fd",            1, WALK_OPTIONS, flag_life_fd,            "FD",        "End everything inside when the other end of FD (a pipe or socket) is closed."},
    {"hold-network",       1, WALK_OPTIONS, flag_hold_network,       "SOCKET",    "Run no command: hold a network with nothing in it for --empty-network-path=SOCKET, until a signal ends it."},
    {"pty",                0, WALK_OPTIONS, flag_pty,                "",          "The same as --terminal=own: a pty of its own."},
    {"argv0",              1, WALK_OPTIONS, flag_argv0,              "TEXT",      "What the program sees as its own name."},
    {"chdir",              1, WALK_OPTIONS, flag_chdir,              "DIR",       "Start in this directory of the sandbox."},
    {"setenv",             2, WALK_ENVIRONMENT, flag_setenv,         "VAR VALUE", "Set an environment variable."},
    {"unsetenv",           1, WALK_ENVIRONMENT, flag_unsetenv,       "VAR",       "Remove an environment variable."},
    {"clearenv",           0, WALK_ENVIRONMENT, flag_clearenv,       "",          "Remove all environment variables."},
    {"hostname",           1, WALK_OPTIONS, flag_hostname,           "NAME",      "The host name inside."},
    {"uid",                1, WALK_OPTIONS, flag_uid,                "UID",       "The user id that the program sees as its own."},
    {"gid",                1, WALK_OPTIONS, flag_gid,                "GID",       "The group id that the program sees as its own."},
    {"groups",             1, WALK_OPTIONS, flag_groups,             "GID,...",   "Supplementary groups of the program: ids of --gid-map, where there is one, else of the caller's; none for none."},
    {"unshare-all",        0, WALK_OPTIONS, flag_unshare_all,        "",          "All of the following."},
    {"unshare-user",       0, WALK_OPTIONS, flag_unshare_user,       "",          "Own user namespace."},
    {"unshare-user-try",   0, WALK_OPTIONS, flag_unshare_user_try,   "",          "The same, where it can be had."},
    {"unshare-pid",        0, WALK_OPTIONS, flag_unshare_pid,        "",          "Own process ids."},
    {"unshare-net",        0, WALK_OPTIONS, flag_unshare_net,        "",          "Own network, with loopback only."},
    {"unshare-ipc",        0, WALK_OPTIONS, flag_unshare_ipc,        "",          "Own IPC objects."},
    {"unshare-uts",        0, WALK_OPTIONS, flag_unshare_uts,        "",          "Own host name."},
    {"unshare-cgroup",     0, WALK_OPTIONS, flag_unshare_cgroup,     "",          "Own view of cgroups."},
    {"unshare-cgroup-try", 0, WALK_OPTIONS, flag_unshare_cgroup_try, "",          "The same, where it can be had."},
    {"share-net",          0, WALK_OPTIONS, flag_share_net,          "",          "The host's network after all."},
    {"disable-userns",     0, WALK_OPTIONS, flag_disable_userns,     "",          "Refuse further namespaces inside."},
    {"assert-userns-disabled", 0, WALK_OPTIONS, flag_assert_userns_disabled, "", "Start nothing where the kernel would let the program make user namespaces, whatever the filter says."},
    {"userns",             1, WALK_OPTIONS, flag_userns,             "FD",        "Be in the user namespace that FD is open on."},
    {"userns2",            1, WALK_OPTIONS, flag_userns2,            "FD",        "Enter this user namespace when all is set up."},
    {"pidns",              1, WALK_OPTIONS, flag_pidns,              "FD",        "Be in the PID namespace that FD is open on; with --unshare-pid in a new one below it."},
    {"cap-add",            1, WALK_OPTIONS, flag_cap_add,            "CAP",       "Let the program have a capability (inside)."},
    {"cap-drop",           1, WALK_OPTIONS, flag_cap_drop,           "CAP",       "Take a capability away; ALL for all."},
    {"seccomp",            1, WALK_OPTIONS, flag_seccomp,            "FD",        "Judge system calls also by the compiled filter (classic BPF) that FD holds."},
    {"add-seccomp-fd",     1, WALK_OPTIONS, flag_add_seccomp_fd,     "FD",        "The same, for several filters."},
    {"perms",              1, WALK_OPTIONS, run_flag_perms,          "OCTAL",     "Permissions of what the next option makes."},
    {"size",               1, WALK_OPTIONS, run_flag_size,           "BYTES",     "Size of the next --tmpfs or --tmp-overlay."},
    {"chmod",              2, WALK_OPTIONS, run_flag_chmod,          "OCTAL DST", "Other permissions for what is at DST, if the sandbox made it."},
    {"file",               2, WALK_OPTIONS, run_flag_file,           "FD DST",    "A file at DST with what FD holds."},
    {"bind-data",          2, WALK_OPTIONS, run_flag_bind_data,      "FD DST",    "The same as a mount, so that DST may be a file already."},
    {"ro-bind-data",       2, WALK_OPTIONS, run_flag_ro_bind_data,   "FD DST",    "The same, not writable."},
    {"bind-fd",            2, WALK_OPTIONS, run_flag_bind_fd,        "FD DST",    "Show the file or directory that FD is open on at DST, writable."},
    {"ro-bind-fd",         2, WALK_OPTIONS, run_flag_ro_bind_fd,     "FD DST",    "The same, read-only."},
    {"overlay-src",        1, WALK_OPTIONS, run_flag_overlay_src,    "SRC",       "A directory for the next overlay to read from; later ones lie over earlier ones."},
    {"overlay",            3, WALK_OPTIONS, run_flag_overlay,        "SRC WORK DST", "The directories before it and SRC as one at DST. Writes go to SRC; WORK is an empty directory of the same file system."},
    {"tmp-overlay",        1, WALK_OPTIONS, run_flag_tmp_overlay,    "DST",       "The same, and writes end with the sandbox."},
    {"ro-overlay",         1, WALK_OPTIONS, run_flag_ro_overlay,     "DST",       "The same, read-only; of two directories or more."},
    {"level-prefix",       0, WALK_OPTIONS, run_flag_level_prefix,   "",          "With --compat=bwrap: put <3> before messages, as a journal wants it."},
    {"exec-label",         1, WALK_OPTIONS, run_flag_exec_label,     "LABEL",     "Refused: coop has no SELinux labels."},
    {"file-label",         1, WALK_OPTIONS, run_flag_file_label,     "LABEL",     "Refused: coop has no SELinux labels."},
    {"lock-file",          1, WALK_OPTIONS, run_flag_lock_file,      "DST",       "Keep the file at DST locked for reading while the sandbox lives."},
    {0},
    /* clang-format on */
};
