/*
 * run_file_flags.c - coop-run's file-system flags, but for those that mount_words.c has
 */
#include "launcher/run_flags.h"
#include "launcher/run_origins.h"

#include "base/scope.h"
#include "base/str.h"
#include "text/units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void start_own_files(struct run_parser *p)
{
    struct launch_spec *spec = &p->options->spec;

    if (p->options->own_files)
        return;
    p->options->own_files = true;
    launch_mounts_done(&spec->mounts);
    run_origins_drop(p->options, "FileSystem");
    spec->root = LAUNCH_ROOT_EMPTY;
    spec->root_read_only = false;
}

/* A source is taken relative to where we are; the program's paths are absolute. */
static int absolute(const char *path, char *ret_path, size_t size, struct coop_err *err)
{
    char here[4096];

    if (path[0] == '/')
        return str_copy(ret_path, size, path);
    if (!getcwd(here, sizeof here))
        return coop_fail_sys(err, errno, "'%.200s': finding the working directory", path);
    return str_format(ret_path, size, "%s/%s", here, path);
}

int run_mount_flag(struct run_parser *p, const struct mount_word *word)
{
    char src[8192];
    const char *first = p->arg[0];
    int r;

    start_own_files(p);
    if (word->arguments == 1)
        first = run_place(p, p->arg[0]);
    if (word->kind == LAUNCH_MOUNT_BIND) {
        if (absolute(first, src, sizeof src, p->err) < 0)
            return coop_fail(p->err, COOP_E_RANGE, "'%.200s': path too long", first);
        first = src;
    }
    r = mount_word_add(&p->options->spec.mounts, word, first,
                       word->arguments > 1 ? run_place(p, p->arg[1]) : NULL,
                       p->next.has_perms ? &p->next.perms : NULL,
                       p->next.has_size ? &p->next.size : NULL, p->err);
    run_pending_done(&p->next);
    return r;
}

/* bubblewrap's: a file of the root is as open as a new file is, one of its own as a secret is. */
#define FILE_PERMS 0666
#define DATA_PERMS 0600

static int data_file(struct run_parser *p, enum launch_mount_kind kind, uint32_t flags,
                     mode_t perms)
{
    struct buf data;
    struct launch_mount mount = {.kind = kind,
                                 .flags = flags | LAUNCH_MOUNT_PERMS,
                                 .guard = LAUNCH_GUARD_ROOT,
                                 .dst = run_place(p, p->arg[1]),
                                 .perms = p->next.has_perms ? p->next.perms : perms};
    int r;

    start_own_files(p);
    r = run_read_fd(p->arg[0], LAUNCH_MAX_DATA, &data, p->err);
    if (r >= 0) {
        mount.data = data.data;
        mount.size = data.len;
        r = launch_spec_mount(&p->options->spec, &mount, p->err);
    }
    buf_done(&data);
    run_pending_done(&p->next);
    return r;
}

int run_flag_file(struct run_parser *p)
{
    return data_file(p, LAUNCH_MOUNT_FILE, 0, FILE_PERMS);
}

int run_flag_bind_data(struct run_parser *p)
{
    return data_file(p, LAUNCH_MOUNT_DATA, 0, DATA_PERMS);
}

int run_flag_ro_bind_data(struct run_parser *p)
{
    return data_file(p, LAUNCH_MOUNT_DATA, LAUNCH_MOUNT_RO, DATA_PERMS);
}

/* The kernel shows where the descriptor's file is; the child takes it only if it is still there. */
static int bind_fd(struct run_parser *p, uint32_t flags)
{
    char link[64], src[4096];
    struct launch_mount mount = {.kind = LAUNCH_MOUNT_BIND,
                                 .flags = flags | LAUNCH_MOUNT_SAME,
                                 .guard = LAUNCH_GUARD_ROOT,
                                 .src = src,
                                 .dst = run_place(p, p->arg[1])};
    struct stat st;
    long long fd;
    ssize_t length;

    if (str_to_int(p->arg[0], 0, INT32_MAX, &fd) < 0)
        return coop_fail(p->err, COOP_E_RANGE, "'%.200s' is not a descriptor", p->arg[0]);
    if (fstat((int)fd, &st) < 0)
        return coop_fail_sys(p->err, errno, "descriptor %lld", fd);
    run_use_up((int)fd);
    str_format(link, sizeof link, "/proc/self/fd/%lld", fd);
    length = readlink(link, src, sizeof src - 1);
    if (length < 0)
        return coop_fail_sys(p->err, errno, "finding where descriptor %lld leads to", fd);
    src[length] = '\0';
    mount.dev = st.st_dev;
    mount.ino = st.st_ino;
    start_own_files(p);
    return launch_spec_mount(&p->options->spec, &mount, p->err);
}

int run_flag_bind_fd(struct run_parser *p)
{
    return bind_fd(p, 0);
}

int run_flag_ro_bind_fd(struct run_parser *p)
{
    return bind_fd(p, LAUNCH_MOUNT_RO);
}

int run_flag_chmod(struct run_parser *p)
{
    struct launch_mount mount = {.kind = LAUNCH_MOUNT_CHMOD,
                                 .flags = LAUNCH_MOUNT_PERMS,
                                 .guard = LAUNCH_GUARD_ROOT,
                                 .dst = run_place(p, p->arg[1])};

    start_own_files(p);
    if (mount_parse_mode(p->arg[0], &mount.perms, p->err) < 0)
        return -1;
    return launch_spec_mount(&p->options->spec, &mount, p->err);
}

int run_flag_lock_file(struct run_parser *p)
{
    const char *path = run_place(p, p->arg[0]);

    if (path[0] != '/')
        return coop_fail(p->err, COOP_E_RANGE, "'%.200s': must be absolute, as it is inside",
                         path);
    if (strlist_add(&p->options->spec.lock_files, path) < 0)
        return coop_fail_sys(p->err, ENOMEM, "'%.200s'", path);
    return 0;
}

/* ---- layers ---- */

int run_flag_overlay_src(struct run_parser *p)
{
    char src[8192];

    start_own_files(p);
    if (absolute(p->arg[0], src, sizeof src, p->err) < 0)
        return coop_fail(p->err, COOP_E_RANGE, "'%.200s': path too long", p->arg[0]);
    if (strlist_add(&p->next.layers, src) < 0)
        return coop_fail_sys(p->err, ENOMEM, "'%.200s'", p->arg[0]);
    return 0;
}

static int overlay(struct run_parser *p, uint32_t flags, char *src, char *work, char *dst)
{
    struct launch_mount mount = {.kind = LAUNCH_MOUNT_OVERLAY,
                                 .flags = flags,
                                 .guard = LAUNCH_GUARD_ROOT,
                                 .src = src,
                                 .dst = dst,
                                 .work = work,
                                 .size = p->next.has_size ? p->next.size : 0,
                                 .layers = p->next.layers};
    size_t needed = flags & LAUNCH_MOUNT_RO ? 2 : 1;
    int r;

    if (mount.layers.count < needed)
        return coop_fail(p->err, COOP_E_SYNTAX, "needs %zu --overlay-src before it", needed);
    start_own_files(p);
    r = launch_spec_mount(&p->options->spec, &mount, p->err);
    run_pending_done(&p->next);
    return r;
}

int run_flag_overlay(struct run_parser *p)
{
    char src[8192], work[8192];

    if (absolute(p->arg[0], src, sizeof src, p->err) < 0 ||
        absolute(p->arg[1], work, sizeof work, p->err) < 0)
        return coop_fail(p->err, COOP_E_RANGE, "path too long");
    return overlay(p, 0, src, work, run_place(p, p->arg[2]));
}

int run_flag_tmp_overlay(struct run_parser *p)
{
    return overlay(p, 0, NULL, NULL, run_place(p, p->arg[0]));
}

int run_flag_ro_overlay(struct run_parser *p)
{
    return overlay(p, LAUNCH_MOUNT_RO, NULL, NULL, run_place(p, p->arg[0]));
}

/* ---- what is said before an operation ---- */

int run_flag_perms(struct run_parser *p)
{
    if (p->next.has_perms)
        return coop_fail(p->err, COOP_E_SYNTAX, "given twice for the same option");
    p->next.has_perms = true;
    return mount_parse_mode(p->arg[0], &p->next.perms, p->err);
}

int run_flag_size(struct run_parser *p)
{
    int64_t size;

    if (p->next.has_size)
        return coop_fail(p->err, COOP_E_SYNTAX, "given twice for the same option");
    if (units_parse_size(p->arg[0], &size) < 0 || size <= 0)
        return coop_fail(p->err, COOP_E_SYNTAX, "'%.200s' is not a size", p->arg[0]);
    p->next.size = (uint64_t)size;
    p->next.has_size = true;
    return 0;
}

/* Of 'word': whether it makes something that can have permissions, a size, layers. */
static bool takes(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

int run_pending_check(const struct run_pending *next, const char *word, struct coop_err *err)
{
    static const char *const with_perms[] = {"perms", "size",      "tmpfs",       "dir",
                                             "file",  "bind-data", "ro-bind-data"};
    static const char *const with_size[] = {"perms", "size", "tmpfs", "overlay-src",
                                            "tmp-overlay"};
    static const char *const with_layers[] = {"overlay-src", "overlay", "size", "tmp-overlay",
                                              "ro-overlay"};

    if (next->has_perms && !takes(word, with_perms, COOP_COUNT(with_perms)))
        return coop_fail(err, COOP_E_SYNTAX,
                         "--perms must stand before an option that makes a file or directory");
    if (next->has_size && !takes(word, with_size, COOP_COUNT(with_size)))
        return coop_fail(err, COOP_E_SYNTAX,
                         "--size must stand before --tmpfs or --tmp-overlay");
    if (next->layers.count > 0 && !takes(word, with_layers, COOP_COUNT(with_layers)))
        return coop_fail(
            err, COOP_E_SYNTAX,
            "--overlay-src must stand before another one, --overlay, --tmp-overlay "
            "or --ro-overlay");
    return 0;
}

void run_pending_done(struct run_pending *next)
{
    strlist_done(&next->layers);
    *next = (struct run_pending){0};
}
