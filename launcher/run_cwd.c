/*
 * run_cwd.c - where the command starts when nobody says so (see run_cwd.h)
 */
#include "launcher/run_cwd.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/mount_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- who lives where ---- */

static void list_done(struct strlist *list)
{
    strlist_done(list);
}

static void file_close(FILE **file)
{
    if (*file)
        fclose(*file);
}

static void add_place(struct strlist *homes, const char *plain)
{
    if (plain && strcmp(plain, "/") != 0 && !strlist_has(homes, plain))
        strlist_add(homes, plain);
}

/* By both of its names: getcwd() knows no links, and /home is one on many machines. */
static void add_home(struct strlist *homes, const char *home)
{
    SCOPED_FREE char *plain = mount_path_plain(home), *real = realpath(home, NULL);

    add_place(homes, plain);
    add_place(homes, real);
}

/* Homes of people: those in /home, of root, of whoever calls, and of login accounts in passwd.
 * Read by hand: a static program has no name service to ask. */
static void collect_homes(struct strlist *homes)
{
    SCOPED(FILE *, file_close) passwd = fopen("/etc/passwd", "re");
    const char *own = secure_getenv("HOME");
    char line[1024];

    add_home(homes, "/root");
    if (own)
        add_home(homes, own);
    while (passwd && fgets(line, sizeof line, passwd)) {
        char *field = line, *uid = NULL, *home = NULL;

        for (int i = 0; i <= 5 && field; i++) {
            char *text = strsep(&field, ":");

            if (i == 2)
                uid = text;
            if (i == 5)
                home = text;
        }
        if (uid && home && strtoul(uid, NULL, 10) >= 1000 &&
            !str_starts_with(home, "/nonexistent"))
            add_home(homes, home);
    }
}

/* ---- the rule ---- */

static bool is_below(const char *path, const char *top)
{
    size_t length = strlen(top);

    return strncmp(path, top, length) == 0 && path[length] == '/';
}

static bool is_at_or_below(const char *path, const char *top)
{
    return strcmp(path, top) == 0 || is_below(path, top);
}

/* "/var/x" of "/var". */
static bool is_right_below(const char *path, const char *top)
{
    return is_below(path, top) && !strchr(path + strlen(top) + 1, '/');
}

static const char *refused_for_system(const char *cwd)
{
    static const char *const system[] = {
        "/etc",          "/proc",        "/sys",       "/dev",         "/run",
        "/boot",         "/var/log",     "/var/spool", "/var/backups", "/var/mail",
        "/var/lib/dpkg", "/var/lib/apt", "/lost+found"};
    static const char *const shared[] = {"/tmp", "/var", "/home", "/srv",
                                         "/mnt", "/opt", "/media"};

    if (strcmp(cwd, "/") == 0)
        return "it is the whole system";
    for (size_t i = 0; i < COOP_COUNT(system); i++)
        if (is_at_or_below(cwd, system[i]))
            return "it belongs to the system";
    for (size_t i = 0; i < COOP_COUNT(shared); i++)
        if (strcmp(cwd, shared[i]) == 0)
            return "it is a directory of many";
    return is_right_below(cwd, "/var") ? "it is a directory of many" : NULL;
}

static const char *refused_for_home(const char *cwd, const char *home, bool *in_a_home)
{
    if (strcmp(cwd, home) == 0)
        return "it is a home directory";
    if (is_below(home, cwd))
        return "a home directory is below it";
    if (!is_below(cwd, home))
        return NULL;
    *in_a_home = true;
    return cwd[strlen(home) + 1] == '.' ? "it is a hidden directory of a home" : NULL;
}

const char *run_cwd_refused(const char *cwd, const struct strlist *homes)
{
    const char *why = refused_for_system(cwd);
    bool in_a_home = false;

    for (size_t i = 0; i < homes->count && !why; i++)
        why = refused_for_home(cwd, homes->items[i], &in_a_home);
    if (!why && !in_a_home && is_right_below(cwd, "/home"))
        why = "it is a home directory";
    return why;
}

/* Where /home is a link, the homes in it that passwd does not list have another name, too. */
static const char *refused(const char *cwd, const struct strlist *homes)
{
    SCOPED_FREE char *real = realpath("/home", NULL);
    const char *why = run_cwd_refused(cwd, homes);
    char as_home[4200];

    if (why || !real || !is_at_or_below(cwd, real) || strcmp(real, "/home") == 0)
        return why;
    str_format(as_home, sizeof as_home, "/home%s", cwd + strlen(real));
    return run_cwd_refused(as_home, homes);
}

/* ---- the public call ---- */

static int start_in(struct run_options *o, const char *prefix, const char *dir,
                    struct coop_err *err)
{
    size_t size = strlen(dir) + 2;

    free(o->spec.cwd);
    o->spec.cwd = malloc(size);
    if (!o->spec.cwd)
        return coop_fail_sys(err, ENOMEM, "the working directory");
    return str_format(o->spec.cwd, size, "%s%s", prefix, dir);
}

static bool overlaps(const char *path, const char *cwd)
{
    SCOPED_FREE char *real = realpath(path, NULL);

    return real &&
           (is_at_or_below(real, cwd) || is_at_or_below(cwd, real) || strcmp(real, "/") == 0);
}

/* By a second way to the directory its names could be made after all. */
static int refuse_second_way(const struct run_options *o, const char *cwd, struct coop_err *err)
{
    char source[4096];

    for (size_t i = 0; i < o->spec.bind.count; i++) {
        const char *text = o->spec.bind.items[i] + (o->spec.bind.items[i][0] == '-');

        (void)str_format(source, sizeof source, "%.*s", (int)strcspn(text, ":"), text);
        if (overlaps(source, cwd))
            return coop_fail(err, COOP_E_RANGE,
                             "BindPaths=%s shows the directory of FrozenPaths= a second time",
                             text);
    }
    return 0;
}

/* What is bound to a place in the directory is none of what is looked at there. */
static int note_binds(struct run_options *o, const char *cwd, struct coop_err *err)
{
    for (size_t i = 0; i < o->spec.bind.count; i++) {
        const char *text = o->spec.bind.items[i], *to = text + strcspn(text, ":");
        char dst[4096];
        SCOPED_FREE char *plain = NULL;

        if (!*to)
            continue;
        (void)str_format(dst, sizeof dst, "%.*s", (int)strcspn(to + 1, ":"), to + 1);
        plain = mount_path_plain(dst);
        if (!plain || (is_below(plain, cwd) &&
                       were_add(&o->frozen.were, plain + strlen(cwd) + 1, WERE_LINK) < 0))
            return coop_fail_sys(err, ENOMEM, "BindPaths=");
    }
    return 0;
}

static int freeze(struct run_options *o, const char *cwd, struct coop_err *err)
{
    if (o->spec.frozen.count == 0)
        return 0;
    free(o->spec.frozen_at);
    o->spec.frozen_at = strdup(cwd);
    if (!o->spec.frozen_at)
        return coop_fail_sys(err, ENOMEM, "FrozenPaths=");
    if (refuse_second_way(o, cwd, err) < 0 || note_binds(o, cwd, err) < 0)
        return -1;
    if (run_frozen_show(&o->frozen, &o->spec, cwd, err) < 0)
        return -1;
    if (o->frozen.is_partial)
        strlist_add(&o->notes,
                    "not all of the working directory could be looked at: repositories "
                    "in it may be unprotected, and none can be made");
    return 0;
}

/* What is shown is the folder that we are in.  Its path was looked at a moment ago, and by now
 * something else may have that name: a link to a home, say. */
static int show(struct run_options *o, char *cwd, struct coop_err *err)
{
    static char here[] = ".";
    const struct launch_mount mount = {
        .kind = LAUNCH_MOUNT_BIND,
        .flags = o->spec.caller_directory == LAUNCH_CALLER_WRITABLE ? 0 : LAUNCH_MOUNT_RO,
        .src = here,
        .dst = cwd,
        .guard = LAUNCH_GUARD_ROOT,
    };

    if (is_at_or_below(cwd, "/usr")) /* shown already */
        return start_in(o, "-", cwd, err);
    if (launch_spec_mount(&o->spec, &mount, err) < 0)
        return -1;
    if (!(mount.flags & LAUNCH_MOUNT_RO) && freeze(o, cwd, err) < 0)
        return -1;
    /* It may lie below a place where nothing that was written can be executed: here nothing is. */
    if (mount.flags & LAUNCH_MOUNT_RO && o->spec.no_exec.count > 0 &&
        strlist_add(&o->spec.exec, cwd) < 0)
        return coop_fail_sys(err, ENOMEM, "the working directory");
    return start_in(o, "", cwd, err);
}

int run_choose_cwd(struct run_options *options, struct coop_err *err)
{
    SCOPED(struct strlist, list_done) homes = {0};
    char cwd[4096], note[4400];
    const char *why;

    if (!getcwd(cwd, sizeof cwd) || cwd[0] != '/') {
        strlist_add(&options->notes, "the working directory is gone; starting in '/'");
        return 0;
    }
    if (options->spec.frozen.count > 0 && !options->spec.private_pids)
        return coop_fail(err, COOP_E_RANGE,
                         "FrozenPaths= needs PrivatePIDs=yes: what outlives the watch is not "
                         "watched");
    if (options->spec.frozen.count > 0 &&
        (options->own_files || options->spec.root == LAUNCH_ROOT_HOST)) {
        (void)coop_fail(
            err, COOP_E_RANGE,
            "FrozenPaths= is kept in the caller's directory as the profile shows it, "
            "and the options put files of their own in its place");
        return coop_hint(err, "BindPaths=, BindReadOnlyPaths= leave it; FrozenPaths= alone "
                              "(--frozen-paths=) gives it up");
    }
    if (options->own_files || options->spec.root == LAUNCH_ROOT_HOST)
        return start_in(options, "-", cwd, err);
    if (options->spec.caller_directory == LAUNCH_CALLER_HIDDEN)
        return 0;
    collect_homes(&homes);
    why = refused(cwd, &homes);
    if (!why)
        return show(options, cwd, err);
    if (strcmp(cwd, "/") == 0)
        return 0;
    str_format(note, sizeof note,
               "the working directory '%s' is not shown inside (%s); starting in '/'", cwd,
               why);
    strlist_add(&options->notes, note);
    return 0;
}
