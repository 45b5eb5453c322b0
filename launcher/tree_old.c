/*
 * tree_old.c - see tree_old.h
 *
 * What mount(2) cannot do in one call is a change of attributes of a tree with everything mounted
 * below it.  So /proc/self/mountinfo is read for the mounts below, and each is changed by itself.
 * The way to one is a path through somebody's directories, and they may move: what was opened must
 * have the number that mountinfo gave, or the launch fails.
 */
#include "launcher/tree_old.h"

#include "launcher/kernel.h"
#include "launcher/raw.h"
#include "launcher/stage.h"
#include "launcher/steps.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* Of mount(2); the four lowest bits are those of MOUNT_ATTR_* and of statfs(2). */
#define OLD_REMOUNT  (1ul << 5)
#define OLD_BIND     (1ul << 12)
#define OLD_MOVE     (1ul << 13)
#define OLD_REC      (1ul << 14)
#define OLD_RELATIME (1ul << 21)
#define OLD_COMMON   0xful
#define OLD_ATIMES   (1ul << 10 | 1ul << 11) /* NOATIME, NODIRATIME: statfs(2) has them, too */
#define ST_RELATIME  (1ul << 12)

#define FD_PATH      40 /* "/proc/self/fd/N" */
#define PATH_CEILING 4096
#define MOUNTS_MAX   2048 /* below one tree */

static bool is_refused(long r)
{
    return r == -ENOSYS || r == -EPERM;
}

bool old_calls_needed(void)
{
    return is_refused(raw3(SYS_open_tree, -1, "", 0)) ||
           is_refused(raw5(SYS_move_mount, -1, "", -1, "", 0)) ||
           is_refused(raw5(SYS_mount_setattr, -1, "", 0, 0, 0)) ||
           is_refused(raw2(SYS_fsopen, 0, 0));
}

/* ---- paths ---- */

static const char *fd_path(char ret_path[FD_PATH], long fd)
{
    static const char base[] = "/proc/self/fd/";

    raw_copy_text(ret_path, FD_PATH, base);
    raw_number(ret_path + sizeof base - 1, fd);
    return ret_path;
}

/* ---- making ---- */

int old_stage_open(struct child *c)
{
    char options[80] = "mode=0755,size=", number[24];
    size_t length = raw_strlen(options);
    long fd, r;

    raw_number(number, LAUNCH_MAX_BLOB);
    raw_copy_text(options + length, sizeof options - length, number);
    length += raw_strlen(number);
    raw_copy_text(options + length, sizeof options - length, ",nr_inodes=");
    length += raw_strlen(options + length);
    raw_number(number, STAGE_INODES);
    raw_copy_text(options + length, sizeof options - length, number);
    r = raw5(SYS_mount, "none", "/", "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, options);
    if (r < 0)
        return step_fail(c, r, "mount", "/");
    /* "/" is where we stand, under the stage; the way up from it leads over what lies there. */
    fd = raw4(SYS_openat, AT_FDCWD, "/..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return step_fail(c, fd, "openat", "/..");
    c->stage = fd;
    tree_own(c, fd);
    return step_fail(c, tree_set_copyable(c, fd, false), "mount", "the stage");
}

/* A place on the stage that a tree can be mounted at: its name and an O_PATH of it. */
static long new_place(struct child *c, char ret_name[24], bool directory)
{
    long r;

    stage_name(c, ret_name);
    if (directory)
        r = raw3(SYS_mkdirat, c->stage, ret_name, 0755);
    else
        r = raw4(SYS_openat, c->stage, ret_name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
    if (r < 0)
        return r;
    if (!directory)
        tree_close(r);
    return raw4(SYS_openat, c->stage, ret_name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
}

/* Mounts at a new place; the same name leads to what was mounted then. */
static long mount_there(struct child *c, const char *source, bool directory, const char *type,
                        unsigned long flags, const char *options)
{
    char name[24], path[FD_PATH];
    long r, place = new_place(c, name, directory);

    if (place < 0)
        return place;
    r = raw5(SYS_mount, source, fd_path(path, place), type, flags, options);
    tree_close(place);
    if (r < 0)
        return r;
    return raw4(SYS_openat, c->stage, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
}

long old_make(struct child *c, const char *type, const struct fs_option *options,
              unsigned count, uint64_t attributes)
{
    char text[PATH_CEILING] = "";
    size_t used = 0;
    long fd;

    for (unsigned i = 0; options && i < count; i++) {
        const char *const parts[] = {used ? "," : "", options[i].key,
                                     options[i].value ? "=" : "",
                                     options[i].value ? options[i].value : ""};

        for (unsigned p = 0; (options[i].value || options[i].is_flag) && p < 4; p++) {
            raw_copy_text(text + used, sizeof text - used, parts[p]);
            used += raw_strlen(text + used);
        }
    }
    fd = mount_there(c, "none", true, type, attributes & OLD_COMMON, text);
    return fd < 0 ? step_fail(c, fd, "mount", type) : fd;
}

long old_copy(struct child *c, long dir, const char *path, bool recursive)
{
    char source[FD_PATH];
    struct stat st = {0};
    long tree, fd = dir;

    if (path[0])
        fd = raw4(SYS_openat, dir, path, O_PATH | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    tree = tree_stat(fd, &st);
    if (tree >= 0)
        tree = mount_there(c, fd_path(source, fd), S_ISDIR(st.st_mode), 0,
                           OLD_BIND | (recursive ? OLD_REC : 0), 0);
    if (path[0])
        tree_close(fd);
    return tree;
}

long old_move(long tree, long target)
{
    char from[FD_PATH], to[FD_PATH];

    return raw5(SYS_mount, fd_path(from, tree), target < 0 ? "/" : fd_path(to, target), 0,
                OLD_MOVE, 0);
}

long old_set_propagation(long fd, uint64_t kind)
{
    char path[FD_PATH];

    return raw5(SYS_mount, 0, fd_path(path, fd), 0, kind, 0);
}

/* ---- changing attributes ---- */

static long remount(long fd, uint64_t set, uint64_t clear)
{
    struct statfs now = {0};
    unsigned long flags;
    char path[FD_PATH];
    long r = raw2(SYS_fstatfs, fd, &now);

    if (r < 0)
        return r;
    flags = (unsigned long)now.f_flags & (OLD_COMMON | OLD_ATIMES);
    if ((unsigned long)now.f_flags & ST_RELATIME)
        flags |= OLD_RELATIME;
    flags = (flags & ~(clear & OLD_COMMON)) | (set & OLD_COMMON);
    return raw5(SYS_mount, 0, fd_path(path, fd), 0, OLD_REMOUNT | OLD_BIND | flags, 0);
}

/* One line of mountinfo, as far as it is of use. */
struct mount_line {
    uint64_t id, parent;
    char point[PATH_CEILING]; /* as the kernel writes it, escapes and all */
};

struct reader {
    long fd;
    size_t at, length;
    char bytes[4096];
};

static int next_byte(struct reader *in)
{
    if (in->at == in->length) {
        long got = raw3(SYS_read, in->fd, in->bytes, sizeof in->bytes);

        if (got <= 0)
            return -1;
        in->length = (size_t)got;
        in->at = 0;
    }
    return (unsigned char)in->bytes[in->at++];
}

static uint64_t read_number(struct reader *in)
{
    uint64_t number = 0;
    int byte;

    while ((byte = next_byte(in)) >= '0' && byte <= '9')
        number = number * 10 + (uint64_t)(byte - '0');
    return number;
}

static void skip_word(struct reader *in)
{
    int byte;

    do
        byte = next_byte(in);
    while (byte >= 0 && byte != ' ');
}

/* "ID PARENT MAJOR:MINOR ROOT POINT ..." */
static bool read_mount(struct reader *in, struct mount_line *ret_line)
{
    size_t length = 0;
    int byte;

    ret_line->id = read_number(in);
    ret_line->parent = read_number(in);
    skip_word(in);
    skip_word(in);
    while ((byte = next_byte(in)) > ' ' && length + 1 < sizeof ret_line->point)
        ret_line->point[length++] = (char)byte;
    ret_line->point[length] = '\0';
    while (byte >= 0 && byte != '\n')
        byte = next_byte(in);
    return ret_line->id > 0;
}

static long open_mounts(struct reader *in)
{
    in->at = in->length = 0;
    in->fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC, 0);
    return in->fd;
}

/* Blanks and the like stand there as octal numbers. */
static void unescape(char *text)
{
    char *to = text;

    for (; *text; text++, to++) {
        *to = *text;
        if (text[0] == '\\' && text[1] && text[2] && text[3]) {
            *to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
            text += 3;
        }
    }
    *to = '\0';
}

static uint64_t mount_number(long fd)
{
    struct statx st = {0};
    long r = raw5(SYS_statx, fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &st);

    return r < 0 || !(st.stx_mask & STATX_MNT_ID) ? 0 : st.stx_mnt_id;
}

/* Whether another mount lies over all of it, so that nothing of it can be reached. */
static bool is_covered(const struct mount_line *mount)
{
    struct mount_line line;
    struct reader in = {0};
    bool found = false;

    if (open_mounts(&in) < 0)
        return false;
    while (!found && read_mount(&in, &line)) {
        size_t i = 0;

        if (line.parent != mount->id)
            continue;
        while (line.point[i] && line.point[i] == mount->point[i])
            i++;
        found = line.point[i] == mount->point[i];
    }
    tree_close(in.fd);
    return found;
}

/* 'top' is mounted at a path of 'skip' bytes. */
static long change_below(long top, size_t skip, const struct mount_line *mount, uint64_t set,
                         uint64_t clear)
{
    char path[PATH_CEILING];
    const char *from = mount->point + skip;
    long r, fd;

    while (*from == '/')
        from++;
    raw_copy_text(path, sizeof path, from);
    unescape(path);
    fd = raw4(SYS_openat, top, path[0] ? path : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return is_covered(mount) ? 0 : fd;
    if (mount_number(fd) == mount->id)
        r = remount(fd, set, clear);
    else
        r = is_covered(mount) ? 0 : -EBUSY;
    tree_close(fd);
    return r;
}

struct below {
    uint64_t ids[MOUNTS_MAX]; /* the tree's own first */
    unsigned count;
    uint64_t stage; /* lies over "/", and is not part of it */
    size_t skip;    /* length of the path that the tree is mounted at */
};

static bool is_known(const struct below *all, uint64_t id)
{
    for (unsigned i = 0; i < all->count; i++)
        if (all->ids[i] == id)
            return true;
    return false;
}

/* One reading of the table; how many mounts below were new. */
static long change_pass(long top, struct below *all, uint64_t set, uint64_t clear)
{
    struct mount_line line;
    struct reader in = {0}; /* the analyzer cannot see raw3() fill it */
    long r = open_mounts(&in), found = 0;

    if (r < 0)
        return r;
    while (r >= 0 && read_mount(&in, &line)) {
        if (line.id == all->ids[0])
            all->skip = raw_strlen(line.point);
        if (line.id == all->stage || is_known(all, line.id) || !is_known(all, line.parent))
            continue;
        r = all->count == MOUNTS_MAX ? -E2BIG : change_below(top, all->skip, &line, set, clear);
        if (r >= 0)
            all->ids[all->count++] = line.id;
        found++;
    }
    tree_close(in.fd);
    return r < 0 ? r : found;
}

long old_set_attributes(const struct child *c, long fd, uint64_t set, uint64_t clear,
                        bool recursive)
{
    struct below all = {.count = 1, .stage = mount_number(c->stage)};
    long r = remount(fd, set, clear);

    if (r < 0 || !recursive)
        return r;
    all.ids[0] = mount_number(fd);
    if (all.ids[0] == 0)
        return -ENOSYS;
    do
        r = change_pass(fd, &all, set, clear);
    while (r > 0);
    return r;
}
