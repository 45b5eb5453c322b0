/*
 * run_frozen.c - see run_frozen.h
 */
#include "launcher/run_frozen.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/clerk/names.h"
#include "launcher/clerk/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096

#define DOTFILES   ".*"
#define GITDIR     "gitdir: "
#define COMMON_DIR "commondir" /* in what a ".git" leads to that is a file: it leads on */
#define LINKS_MOST 8           /* one after the other, as the kernel once had it */

/* Whether the list has it, here or everywhere. */
static bool is_named(const struct launch_spec *spec, const char *path)
{
    bool everywhere;

    for (size_t i = 0; i < spec->frozen.count; i++)
        if (strcmp(clerk_name_plain(spec->frozen.items[i], &everywhere), path) == 0)
            return true;
    return false;
}

/* ---- what is there ---- */

static int bind_at(struct launch_spec *spec, const char *cwd, const char *path, uint32_t flags,
                   struct coop_err *err)
{
    char src[PATH_SIZE], dst[PATH_SIZE];
    struct launch_mount mount = {.kind = LAUNCH_MOUNT_BIND,
                                 .flags = flags,
                                 .guard = LAUNCH_GUARD_ROOT,
                                 .src = src,
                                 .dst = dst};

    if (str_format(src, sizeof src, "./%s", path) < 0 ||
        str_format(dst, sizeof dst, "%s/%s", cwd, path) < 0)
        return coop_fail(err, COOP_E_LIMIT, "FrozenPaths=%s: path too long", path);
    for (size_t i = 0; i < spec->mounts.count; i++)
        if (strcmp(spec->mounts.items[i].dst, dst) == 0)
            return 0; /* pinned, or named twice */
    return launch_spec_mount(spec, &mount, err);
}

static bool is_read_only(const struct launch_spec *spec, const char *cwd, const char *path)
{
    char dst[PATH_SIZE];

    if (str_format(dst, sizeof dst, "%s/%s", cwd, path) < 0)
        return false;
    for (size_t i = 0; i < spec->mounts.count; i++)
        if (strcmp(spec->mounts.items[i].dst, dst) == 0)
            return spec->mounts.items[i].flags & LAUNCH_MOUNT_RO;
    return false;
}

/* ---- what is missing, or a link ---- */

static int find_dir(struct run_frozen *f, const char *path)
{
    for (int i = 0; i < f->dir_count; i++)
        if (strcmp(f->dirs[i].path, path) == 0)
            return i;
    if (f->dir_count == FROZEN_DIRS)
        return -1;
    f->dirs[f->dir_count] = (struct run_frozen_dir){
        .path = strdup(path), .fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), .watch = -1};
    return f->dirs[f->dir_count].path && f->dirs[f->dir_count].fd >= 0 ? f->dir_count++ : -1;
}

static int keep_away(struct run_frozen *f, const char *dir, const char *name,
                     struct coop_err *err)
{
    struct run_frozen_name *slot = &f->names[f->name_count];
    char target[PATH_SIZE];
    ssize_t length;
    int at = find_dir(f, dir);

    if (at < 0 || f->name_count == FROZEN_MAX)
        return coop_fail(err, COOP_E_LIMIT,
                         "FrozenPaths=: more than %d names, or in more than %d directories",
                         FROZEN_MAX, FROZEN_DIRS);
    for (int i = 0; i < f->name_count; i++)
        if (f->names[i].dir == at && strcmp(f->names[i].name, name) == 0)
            return 0;
    length = readlinkat(f->dirs[at].fd, name, target, sizeof target - 1);
    *slot = (struct run_frozen_name){at, strdup(name),
                                     length >= 0 ? strndup(target, (size_t)length) : NULL};
    if (!slot->name || (length >= 0 && !slot->target))
        return coop_fail_sys(err, ENOMEM, "FrozenPaths=");
    f->name_count++;
    return 0;
}

/* ---- one path ---- */

static int freeze(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                  const char *path, int links, struct coop_err *err);

static bool has_dots(const char *path)
{
    for (; *path; path += strcspn(path, "/"), path += *path == '/') {
        size_t length = strcspn(path, "/");

        if (length <= 2 && strspn(path, ".") == length && length > 0)
            return true;
    }
    return false;
}

/* A file that leads to a directory: ".git" says "gitdir: PATH", "commondir" PATH alone. */
static ssize_t read_link(const char *link, char *ret_text, size_t size)
{
    ssize_t length = readlink(link, ret_text, size);
    SCOPED_FD fd = length < 0 ? open(link, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

    if (length >= 0)
        return length;
    length = fd < 0 ? -1 : read(fd, ret_text, size);
    while (length > 0 && (ret_text[length - 1] == '\n' || ret_text[length - 1] == '\r'))
        length--;
    if (length > (ssize_t)strlen(GITDIR) && memcmp(ret_text, GITDIR, strlen(GITDIR)) == 0) {
        length -= (ssize_t)strlen(GITDIR);
        memmove(ret_text, ret_text + strlen(GITDIR), (size_t)length);
    }
    return length;
}

/* Where a link leads: what of that is there, plainly, and then what is missing. */
static char *read_target(const char *link)
{
    char text[PATH_SIZE], path[2 * PATH_SIZE], whole[2 * PATH_SIZE];
    ssize_t length = read_link(link, text, sizeof text - 1);
    const char *slash = strrchr(link, '/');
    int above = slash ? (int)(slash - link) : 1;
    size_t end;

    if (length <= 0)
        return NULL;
    text[length] = '\0';
    if (text[0] == '/')
        (void)str_copy(path, sizeof path, text);
    else
        (void)str_format(path, sizeof path, "%.*s/%s", above, slash ? link : ".", text);
    (void)str_copy(whole, sizeof whole, path);
    for (end = strlen(path); end > 0; end--) {
        SCOPED_FREE char *real = NULL;
        const char *missing = whole + end;
        char *joined;

        if (whole[end] != '\0' && whole[end] != '/')
            continue;
        path[end] = '\0';
        real = realpath(path, NULL);
        if (!real)
            continue;
        missing += strspn(missing, "/");
        /* Where ".." leads from what is missing nobody knows: its first part is kept away. */
        length = has_dots(missing) ? (ssize_t)strcspn(missing, "/") : (ssize_t)strlen(missing);
        if (asprintf(&joined, "%s%s%.*s", real, length ? "/" : "", (int)length, missing) < 0)
            return NULL;
        return joined;
    }
    return NULL;
}

/* What a link leads to is frozen as well, if it lies where the program may write. */
static int freeze_target(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                         const char *link, const char *rest, int links, struct coop_err *err)
{
    SCOPED_FREE char *real = links < LINKS_MOST ? read_target(link) : NULL;
    size_t length = strcmp(cwd, "/") == 0 ? 0 : strlen(cwd);
    char path[PATH_SIZE];

    if (!real || strncmp(real, cwd, length) != 0 || real[length] != '/')
        return 0;
    if (str_format(path, sizeof path, "%s%s%s", real + length + 1, *rest ? "/" : "", rest) < 0)
        return coop_fail(err, COOP_E_LIMIT, "FrozenPaths=%s: path too long", link);
    return freeze(f, spec, cwd, path, links + 1, err);
}

/* The part of 'path' at 'from' is missing, or a link; what is on the way to it is there. */
static int freeze_name(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                       const char *path, const char *from, int links, struct coop_err *err)
{
    size_t length = strcspn(from, "/");
    const char *rest = from + length + (from[length] == '/');
    char at[PATH_SIZE], dir[PATH_SIZE] = ".", name[256];
    struct stat st;

    if (from > path)
        (void)str_format(dir, sizeof dir, "%.*s", (int)(from - path) - 1, path);
    (void)str_format(at, sizeof at, "%.*s", (int)(from - path) + (int)length, path);
    (void)str_format(name, sizeof name, "%.*s", (int)length, from);
    if (keep_away(f, dir, name, err) < 0)
        return -1;
    if (strlist_add(&f->kept, lstat(at, &st) < 0 ? path : at) < 0)
        return coop_fail_sys(err, ENOMEM, "FrozenPaths=");
    if (links == 0 && !is_named(spec, path)) /* ".*": a link like others */
        return 0;
    return freeze_target(f, spec, cwd, at, rest, links, err);
}

/* From the left: each directory on the way is pinned, up to what is no directory.  'links': so many
 * were followed to come here. */
static int freeze(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                  const char *path, int links, struct coop_err *err)
{
    char at[PATH_SIZE];

    for (const char *from = path; *from;) {
        size_t length = strcspn(from, "/");
        const char *rest = from + length + (from[length] == '/');
        struct stat st;

        if (str_format(at, sizeof at, "%.*s", (int)(from - path) + (int)length, path) < 0)
            return coop_fail(err, COOP_E_LIMIT, "FrozenPaths=%s: path too long", path);
        if (is_read_only(spec, cwd, at))
            return 0;
        if (lstat(at, &st) < 0 || S_ISLNK(st.st_mode))
            return freeze_name(f, spec, cwd, path, from, links, err);
        if (*rest && S_ISREG(st.st_mode) && strlist_add(&f->files, at) < 0)
            return coop_fail_sys(err, ENOMEM, "FrozenPaths=");
        if (!*rest || !S_ISDIR(st.st_mode) || is_named(spec, at))
            return bind_at(spec, cwd, at, LAUNCH_MOUNT_RO, err);
        if (bind_at(spec, cwd, at, 0, err) < 0)
            return -1;
        from = rest;
    }
    return 0;
}

/* Whether a directory of this name has a path of its own in the list. */
static bool leads_to_others(const struct launch_spec *spec, const char *name)
{
    size_t length = strlen(name);
    bool everywhere;

    for (size_t i = 0; i < spec->frozen.count; i++) {
        const char *path = clerk_name_plain(spec->frozen.items[i], &everywhere);

        if (strncmp(path, name, length) == 0 && path[length] == '/')
            return true;
    }
    return false;
}

/* ".*": the dotfiles that there are. */
static int freeze_dotfiles(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                           struct coop_err *err)
{
    DIR *here = opendir(".");
    struct dirent64 *entry;
    int r = 0;

    if (!here)
        return coop_fail_sys(err, errno, "reading the working directory");
    while (r >= 0 && (entry = readdir64(here))) {
        const char *name = entry->d_name;

        if (name[0] == '.' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            !leads_to_others(spec, name))
            r = freeze(f, spec, cwd, name, 0, err);
    }
    closedir(here);
    return r;
}

/* ---- names for every directory, below ---- */

struct look {
    const struct launch_spec *spec;
    struct run_frozen *f;
    bool failed;
};

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    while (dir && count <= 2 && readdir64(dir))
        count++;
    if (dir)
        closedir(dir);
    return dir && count <= 2;
}

/* What an attempt to make one has left is none. */
static int add_repo(struct run_frozen *f, const char *path, const char *name)
{
    char dir[PATH_SIZE] = "";

    if (is_empty(path))
        return 0;
    if (name > path)
        (void)str_format(dir, sizeof dir, "%.*s", (int)(name - path) - 1, path);
    return were_add(&f->were, dir, WERE_REPO);
}

static enum walk_next look_at(void *context, const char *path, const char *name,
                              unsigned char type)
{
    struct look *look = context;
    int r = 0;

    if (clerk_names_begin(&look->spec->frozen, name)) {
        if (clerk_names_repo(&look->spec->frozen, name))
            r = add_repo(look->f, path, name);
        if (r == 0 && name > path)
            r = strlist_add_n(&look->f->below, path, (size_t)(name - path) - 1);
        look->failed = r < 0;
        return r < 0 ? WALK_STOP : WALK_PAST;
    }
    if (type == DT_DIR || type == DT_LNK)
        r = were_add(&look->f->were, path, type == DT_LNK ? WERE_LINK : WERE_DIR);
    look->failed = r < 0;
    return r < 0 ? WALK_STOP : WALK_ON;
}

/* One of those names in that directory: what there is of it.  What is missing the clerk knows. */
static int freeze_at(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                     const char *dir, const char *name, struct coop_err *err)
{
    char path[PATH_SIZE];
    struct stat st;

    if (str_format(path, sizeof path, "%s/%s", dir, name) < 0)
        return coop_fail(err, COOP_E_LIMIT, "FrozenPaths=%s: path too long", name);
    if (lstat(path, &st) < 0 && errno == ENOENT) {
        (void)str_format(path, sizeof path, "%s/%.*s", dir, (int)strcspn(name, "/"), name);
        if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
            return 0;
        (void)str_format(path, sizeof path, "%s/%s", dir, name);
    }
    return freeze(f, spec, cwd, path, 1, err);
}

/* The name that 'rest' would be where that file leads to.  *ret_dir: there, or NULL: elsewhere. */
static int freeze_led(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                      const char *file, const char *rest, char **ret_dir, struct coop_err *err)
{
    SCOPED_FREE char *real = read_target(file);
    const size_t length = strcmp(cwd, "/") == 0 ? 0 : strlen(cwd);
    char path[PATH_SIZE];
    struct stat st;

    *ret_dir = NULL;
    if (!real || strncmp(real, cwd, length) != 0 || real[length] != '/')
        return 0;
    if (str_format(path, sizeof path, "%s/%s", real + length + 1, rest) < 0)
        return coop_fail(err, COOP_E_LIMIT, "FrozenPaths=%s: path too long", file);
    *ret_dir = strdup(real + length + 1);
    if (!*ret_dir)
        return coop_fail_sys(err, ENOMEM, "FrozenPaths=");
    if (lstat(path, &st) == 0)
        return freeze(f, spec, cwd, path, 1, err);
    return strlist_add(&f->kept, path) < 0 ? coop_fail_sys(err, ENOMEM, "FrozenPaths=") : 0;
}

/* A ".git" that is a file: what git looks for where it leads to, and where that leads on to. */
static int freeze_file(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                       const char *file, const char *rest, struct coop_err *err)
{
    SCOPED_FREE char *dir = NULL;
    SCOPED_FREE char *common = NULL;
    char path[PATH_SIZE];

    if (freeze_led(f, spec, cwd, file, rest, &dir, err) < 0)
        return -1;
    if (!dir || str_format(path, sizeof path, "%s/" COMMON_DIR, dir) < 0)
        return 0;
    return freeze_led(f, spec, cwd, path, rest, &common, err);
}

static int freeze_files(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                        struct coop_err *err)
{
    for (size_t i = 0, count = f->files.count; i < count; i++) {
        const char *slash = strrchr(f->files.items[i], '/'),
                   *part = slash ? slash + 1 : f->files.items[i];

        for (size_t j = 0; j < spec->frozen.count; j++) {
            bool everywhere;
            const char *name = clerk_name_plain(spec->frozen.items[j], &everywhere);
            const size_t length = strlen(part);

            if (everywhere && strncmp(name, part, length) == 0 && name[length] == '/' &&
                freeze_file(f, spec, cwd, f->files.items[i], name + length + 1, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int freeze_below(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                        struct coop_err *err)
{
    struct look look = {.spec = spec, .f = f};
    int r = walk_below(AT_FDCWD, FROZEN_LOOKS, look_at, &look);

    if (look.failed)
        return coop_fail_sys(err, ENOMEM, "FrozenPaths=");
    f->were.all = r == 0;
    f->is_partial = r < 0;
    were_sort(&f->were);
    if (f->below.count > FROZEN_BELOW)
        return coop_fail(err, COOP_E_LIMIT,
                         "FrozenPaths=: more than %d repositories below the directory",
                         FROZEN_BELOW);
    for (size_t i = 0; i < f->below.count; i++)
        for (size_t j = 0; j < spec->frozen.count; j++) {
            bool everywhere;
            const char *name = clerk_name_plain(spec->frozen.items[j], &everywhere);

            if (everywhere && freeze_at(f, spec, cwd, f->below.items[i], name, err) < 0)
                return -1;
        }
    return freeze_files(f, spec, cwd, err);
}

static int check_path(const char *path, bool everywhere, struct coop_err *err)
{
    if (!*path || path[0] == '/' || has_dots(path) || strstr(path, "//") ||
        (strchr(path, '*') && (everywhere || strcmp(path, DOTFILES) != 0)) ||
        strlen(path) > 255)
        return coop_fail(err, COOP_E_RANGE,
                         "FrozenPaths=%s: expected a path in the working directory", path);
    return 0;
}

int run_frozen_show(struct run_frozen *f, struct launch_spec *spec, const char *cwd,
                    struct coop_err *err)
{
    bool below = false;

    f->news = -1;
    for (size_t i = 0; i < spec->frozen.count; i++) {
        bool everywhere;
        const char *path = clerk_name_plain(spec->frozen.items[i], &everywhere);

        if (check_path(path, everywhere, err) < 0)
            return -1;
        if (strcmp(path, DOTFILES) == 0 ? freeze_dotfiles(f, spec, cwd, err) < 0
                                        : freeze(f, spec, cwd, path, 0, err) < 0)
            return -1;
        below |= everywhere;
    }
    return below ? freeze_below(f, spec, cwd, err) : 0;
}

/* ---- a clerk's names ---- */

int run_frozen_names(const struct run_frozen *f, const struct launch_spec *spec,
                     struct strlist *ret_names, struct coop_err *err)
{
    int r = 0;

    for (size_t i = 0; i < spec->frozen.count && r == 0; i++)
        if (strcmp(spec->frozen.items[i], DOTFILES) != 0)
            r = strlist_add(ret_names, spec->frozen.items[i]);
    for (size_t i = 0; i < f->kept.count && r == 0; i++)
        if (!strlist_has(ret_names, f->kept.items[i]))
            r = strlist_add(ret_names, f->kept.items[i]);
    return r < 0 ? coop_fail_sys(err, ENOMEM, "FrozenPaths=") : 0;
}

void run_frozen_leave(struct run_frozen *f)
{
    int left = 0;

    for (int i = 0; i < f->name_count; i++) {
        if (f->names[i].target)
            f->names[left++] = f->names[i];
        else
            free(f->names[i].name);
    }
    f->name_count = left;
    if (left == 0 && f->news >= 0) {
        close(f->news);
        f->news = -1;
    }
}

/* ---- watching ---- */

int run_frozen_watch(struct run_frozen *f, struct coop_err *err)
{
    char path[64];

    f->news = -1;
    if (f->name_count == 0)
        return 0;
    f->news = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (int i = 0; i < f->dir_count && f->news >= 0; i++) {
        (void)str_format(path, sizeof path, "/proc/self/fd/%d", f->dirs[i].fd);
        f->dirs[i].watch = inotify_add_watch(
            f->news, path, IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM);
        if (f->dirs[i].watch < 0)
            return coop_fail_sys(err, errno, "watching '%s' for FrozenPaths=", f->dirs[i].path);
    }
    return f->news < 0 ? coop_fail_sys(err, errno, "inotify_init1 for FrozenPaths=") : 0;
}

static bool was_touched(struct run_frozen *f, const struct run_frozen_name *name)
{
    const struct run_frozen_dir *dir = &f->dirs[name->dir];
    char target[PATH_SIZE];
    ssize_t length;
    struct stat st;

    /* Who takes our right to look away has something to hide. */
    if (!name->target)
        return fstatat(dir->fd, name->name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
    length = readlinkat(dir->fd, name->name, target, sizeof target - 1);
    return length < 0 || strlen(name->target) != (size_t)length ||
           memcmp(name->target, target, (size_t)length) != 0;
}

/* The news only say when to look: names that came and went are not held against anybody, and a
 * queue that overflowed hides none. */
bool run_frozen_touched(struct run_frozen *f)
{
    char events[4096];

    while (read(f->news, events, sizeof events) > 0)
        continue;
    for (int i = 0; i < f->name_count && !f->touched; i++)
        if (was_touched(f, &f->names[i]))
            f->touched = f->names[i].name;
    return f->touched;
}

/* The program has our uid: it may have taken our right to the directory away. */
static void open_up(int dir)
{
    char path[64];
    struct stat st;

    (void)str_format(path, sizeof path, "/proc/self/fd/%d", dir);
    if (fstat(dir, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
        (void)chmod(path, (st.st_mode & 07777) | S_IRWXU);
}

static bool take_away(struct run_frozen *f, const struct run_frozen_name *name)
{
    int dir = f->dirs[name->dir].fd, r;
    char other[320];

    open_up(dir);
    (void)str_format(other, sizeof other, "%s.refused-%d", name->name, (int)getpid());
    r = renameat2(dir, name->name, dir, other, RENAME_NOREPLACE);
    for (unsigned i = 1; r < 0 && errno == EEXIST && i > 0; i++) { /* somebody guessed it */
        (void)str_format(other, sizeof other, "%s.refused-%d-%u", name->name, (int)getpid(), i);
        r = renameat2(dir, name->name, dir, other, RENAME_NOREPLACE);
    }
    if (name->target)
        r = symlinkat(name->target, dir, name->name);
    return r >= 0 || !was_touched(f, name);
}

const char *run_frozen_restore(struct run_frozen *f)
{
    for (int i = 0; i < f->name_count; i++)
        if (was_touched(f, &f->names[i])) {
            f->touched = f->names[i].name;
            if (!take_away(f, &f->names[i]))
                f->left = f->names[i].name;
        }
    return f->touched;
}

void run_frozen_done(struct run_frozen *f)
{
    for (int i = 0; i < f->name_count; i++) {
        free(f->names[i].name);
        free(f->names[i].target);
    }
    for (int i = 0; i < f->dir_count; i++) {
        free(f->dirs[i].path);
        close(f->dirs[i].fd);
    }
    strlist_done(&f->kept);
    strlist_done(&f->below);
    strlist_done(&f->files);
    were_done(&f->were);
    if (f->news >= 0)
        close(f->news);
    f->name_count = f->dir_count = 0;
    f->news = -1;
}
