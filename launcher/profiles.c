/*
 * profiles.c - profiles: named sets of sandbox keys, built in or from a file (see launch.h)
 *
 * A built-in one is a file of launcher/profiles, read while we build (gen_profiles.c).  A base is
 * applied before what extends it, so a chain is applied while it is followed; the names on the way
 * are kept on the stack, and a name that comes twice is a circle.
 */
#include "launcher/launch.h"

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "text/ini_reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct profile_row {
    const char *profile;
    int line;
    const char *key, *value; /* NULL: the section begins */
};

#include "profiles.inc"

#define NAMES_MAX 256

/* One profile that is being applied, and those that extend it. */
struct link {
    const char *name;
    const struct link *above;
    unsigned depth;
};

struct applying {
    struct launch_spec *spec;
    const struct launch_profile_how *how;
    const struct link *link;
    bool base_done, has_section; /* of a file */
    bool for_base;               /* this walk over the file looks for its Extends= only */
};

static int apply(struct applying *a, const char *name, const char *said_in,
                 struct coop_err *err);

/* ---- names ---- */

static void list_done(struct strlist *list)
{
    strlist_done(list);
}

static bool is_path(const char *name)
{
    size_t length = strlen(name);

    return strchr(name, '/') || (length > 4 && strcmp(name + length - 4, ".ini") == 0);
}

static bool is_built_in(const char *name)
{
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (strcmp(rows[i].profile, name) == 0)
            return true;
    return false;
}

/* Where NAME.ini is looked for besides the caller's own folder. */
#define SYSTEM_FOLDER "/etc/coop/profiles"

static void collect_files(const char *folder, struct strlist *names)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && names->count < NAMES_MAX && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);

        if (length > 4 && strcmp(entry->d_name + length - 4, ".ini") == 0)
            strlist_add_n(names, entry->d_name, length - 4);
    }
    if (dir)
        closedir(dir);
}

void launch_profile_names(const char *folder, struct strlist *names)
{
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (!rows[i].key)
            strlist_add(names, rows[i].profile);
    if (folder)
        collect_files(folder, names);
    collect_files(SYSTEM_FOLDER, names);
}

static int unknown(const struct applying *a, const char *name, struct coop_err *err)
{
    SCOPED(struct strlist, list_done) names = {0};
    char list[512] = "";
    size_t used = 0;
    const char *near;

    launch_profile_names(a->how->folder, &names);
    if (!names.items) /* the built-in ones are always there */
        return coop_fail_sys(err, ENOMEM, "profile '%.200s'", name);
    near = str_nearest(name, (const char *const *)(void *)names.items);
    coop_fail(err, COOP_E_UNKNOWN, "there is no profile '%.200s'", name);
    if (near)
        return coop_hint(err, "did you mean %s?", near);
    for (size_t i = 0; i < names.count && used + 80 < sizeof list; i++) {
        (void)str_format(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                         names.items[i]);
        used = strlen(list);
    }
    return coop_hint(err, "profiles are: %s; or the path of a file", list);
}

/* ---- a chain ---- */

/* "a -> b -> a": from the one that was asked for. */
static void chain_text(const struct link *link, char *text, size_t size)
{
    size_t used;

    if (link->above)
        chain_text(link->above, text, size);
    used = strlen(text);
    (void)str_format(text + used, size - used, "%s%s", used ? " -> " : "", link->name);
}

static int check_link(const struct link *link, struct coop_err *err)
{
    char text[256] = "";

    for (const struct link *above = link->above; above; above = above->above)
        if (strcmp(above->name, link->name) == 0) {
            chain_text(link, text, sizeof text);
            return coop_fail(err, COOP_E_CYCLE, "Extends= goes round in a circle: %s", text);
        }
    if (link->depth > LAUNCH_MAX_EXTENDS)
        return coop_fail(err, COOP_E_LIMIT, "Extends= is deeper than %d", LAUNCH_MAX_EXTENDS);
    return 0;
}

static int set(struct applying *a, const char *file, int line, const char *key,
               const char *value, struct coop_err *err)
{
    if (strcmp(key, "Description") == 0)
        return 0;
    if (a->how->told)
        a->how->told(a->how->arg, key, value, file, line);
    return launch_spec_set(a->spec, key, value, err);
}

/* ---- built in ---- */

static int apply_built_in(struct applying *a, const char *name, struct coop_err *err)
{
    char file[80];

    (void)str_format(file, sizeof file, "profile %s", name);
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (rows[i].key && strcmp(rows[i].profile, name) == 0 &&
            strcmp(rows[i].key, "Extends") == 0 && apply(a, rows[i].value, "/", err) < 0)
            return -1;
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (rows[i].key && strcmp(rows[i].profile, name) == 0 &&
            strcmp(rows[i].key, "Extends") != 0 &&
            set(a, file, rows[i].line, rows[i].key, rows[i].value, err) < 0)
            return coop_while(err, "%s:%d", file, rows[i].line);
    return 0;
}

/* ---- files ---- */

/* The kernel's form of a list of access rights (acl(5)): a version, then entries. */
#define ACL_VERSION 2
#define ACL_WRITE   2
enum { ACL_USER = 0x02, ACL_GROUP = 0x08 };

struct acl_entry {
    uint16_t tag, rights;
    uint32_t id;
};

/* Others than its owner and its group may write to it, by name.  What we do not understand is such
 * a list. */
static bool is_writable_by_list(int fd, const struct stat *st)
{
    struct {
        uint32_t version;
        struct acl_entry entries[64];
    } list;
    ssize_t size = fgetxattr(fd, "system.posix_acl_access", &list, sizeof list);

    if (size < 0)
        return errno != ENODATA && errno != EOPNOTSUPP;
    if (size < (ssize_t)sizeof list.version || list.version != ACL_VERSION)
        return true;
    for (size_t i = 0; i < ((size_t)size - sizeof list.version) / sizeof *list.entries; i++) {
        const struct acl_entry *entry = &list.entries[i];
        bool named = entry->tag == ACL_USER || entry->tag == ACL_GROUP;

        if (named && entry->rights & ACL_WRITE && entry->id != 0 && entry->id != st->st_uid)
            return true;
    }
    return false;
}

/* Whoever can write to a profile decides what a sandbox is: that is root, or whoever calls. */
static int check_owner(int fd, const struct stat *st, struct coop_err *err)
{
    if (!S_ISREG(st->st_mode))
        return coop_fail(err, COOP_E_SYNTAX, "not a regular file");
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return coop_fail(err, COOP_E_DENIED, "belongs to another user (%u)",
                         (unsigned)st->st_uid);
    if (st->st_mode & S_IWOTH)
        return coop_fail(err, COOP_E_DENIED, "everybody may write to it");
    /* A group of the owner's own has the owner's number, where such groups are made. */
    if (st->st_mode & S_IWGRP && st->st_gid != 0 && st->st_gid != st->st_uid)
        return coop_fail(err, COOP_E_DENIED, "a group may write to it (%u)",
                         (unsigned)st->st_gid);
    /* Where there is a list, the group's bits are its mask: without one of them nobody may. */
    if (st->st_mode & S_IWGRP && is_writable_by_list(fd, st))
        return coop_fail(err, COOP_E_DENIED,
                         "its access list (getfacl) lets others write to it");
    if (st->st_size > (off_t)INI_FILE_MAX)
        return coop_fail(err, COOP_E_LIMIT, "more than %zu bytes", INI_FILE_MAX);
    return 0;
}

/* Once: what was checked is what is used. */
static int read_profile(const char *path, struct buf *text, struct coop_err *err)
{
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return coop_fail_sys(err, errno, "open");
    if (fstat(fd, &st) < 0)
        return coop_fail_sys(err, errno, "fstat");
    if (check_owner(fd, &st, err) < 0)
        return -1;
    for (;;) {
        ssize_t got;

        if (buf_reserve(text, 4096) < 0)
            return coop_fail(err, COOP_E_LIMIT, "more than %zu bytes", INI_FILE_MAX);
        got = read(fd, text->data + text->len, 4096);
        if (got < 0)
            return coop_fail_sys(err, errno, "read");
        if (got == 0)
            return 0;
        text->len += (size_t)got;
    }
}

static int begin_section(struct applying *a, const struct ini_key *at, struct coop_err *err)
{
    if (strcmp(at->section, "Sandbox") != 0 && !str_starts_with(at->section, "Sandbox "))
        return coop_fail(err, COOP_E_UNKNOWN,
                         "[%s] is no profile: it has one section, [Sandbox]", at->section);
    if (a->has_section)
        return coop_fail(err, COOP_E_SYNTAX, "[%s]: a profile has one section", at->section);
    a->has_section = true;
    return 0;
}

static int on_key(void *arg, const struct ini_key *at, struct coop_err *err)
{
    struct applying *a = arg;
    bool extends = at->key && strcmp(at->key, "Extends") == 0;

    if (a->for_base && !at->key)
        return begin_section(a, at, err);
    if (!at->key || extends != a->for_base)
        return 0;
    if (!extends)
        return set(a, at->file, at->line, at->key, at->value, err);
    if (a->base_done)
        return coop_fail(err, COOP_E_SYNTAX, "Extends= twice: a profile has one base");
    a->base_done = true;
    return apply(a, at->value, at->file, err);
}

static int apply_file(struct applying *a, const char *path, struct coop_err *err)
{
    struct applying own = *a;
    struct buf text;
    int r;

    own.base_done = own.has_section = false;
    buf_init(&text, INI_FILE_MAX + 4096);
    r = read_profile(path, &text, err);
    if (r < 0)
        coop_while(err, "profile '%s'", path);
    for (int walk = 0; walk < 2 && r >= 0; walk++) {
        own.for_base = walk == 0;
        r = ini_read_text(path, buf_text(&text), text.len, on_key, &own, err);
    }
    if (r >= 0 && !own.has_section)
        r = coop_fail(err, COOP_E_SYNTAX, "profile '%.200s': it has no section [Sandbox]",
                      path);
    if (r >= 0 && !own.base_done && own.how->alone)
        own.how->alone(own.how->arg, path);
    buf_done(&text);
    return r;
}

/* ---- by name ---- */

/* A relative path in a file is relative to the folder of that file. */
static int resolve(const char *name, const char *said_in, char *ret_path, size_t size)
{
    const char *slash = said_in ? strrchr(said_in, '/') : NULL;

    while (str_starts_with(name, "./") && slash)
        name += 2;
    if (name[0] == '/' || !slash)
        return str_copy(ret_path, size, name);
    return str_format(ret_path, size, "%.*s/%s", (int)(slash - said_in), said_in, name);
}

static bool find_in_folders(const char *folder, const char *name, char *ret_path, size_t size)
{
    const char *const folders[] = {folder, SYSTEM_FOLDER};

    for (size_t i = 0; i < COOP_COUNT(folders); i++)
        if (folders[i] && str_format(ret_path, size, "%s/%s.ini", folders[i], name) >= 0 &&
            access(ret_path, F_OK) == 0)
            return true;
    return false;
}

static int apply(struct applying *a, const char *name, const char *said_in,
                 struct coop_err *err)
{
    char path[4096];
    struct link link = {name, a->link, a->link ? a->link->depth + 1 : 0};
    struct applying below = *a;
    bool built_in = is_built_in(name);

    if (!built_in && is_path(name)) {
        if (resolve(name, said_in, path, sizeof path) < 0)
            return coop_fail(err, COOP_E_LIMIT, "profile '%.200s': path too long", name);
    } else if (!built_in && !find_in_folders(a->how->folder, name, path, sizeof path)) {
        return unknown(a, name, err);
    }
    if (!built_in)
        link.name = path;
    below.link = &link;
    if (check_link(&link, err) < 0)
        return -1;
    return built_in ? apply_built_in(&below, name, err) : apply_file(&below, path, err);
}

int launch_spec_profile_how(struct launch_spec *spec, const char *name,
                            const struct launch_profile_how *how, struct coop_err *err)
{
    struct applying a = {.spec = spec, .how = how};

    return apply(&a, name, NULL, err);
}

int launch_spec_profile(struct launch_spec *spec, const char *name, struct coop_err *err)
{
    static const struct launch_profile_how how = {.folder = NULL};

    return launch_spec_profile_how(spec, name, &how, err);
}
