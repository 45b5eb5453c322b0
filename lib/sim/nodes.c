/*
 * nodes.c - the names in the fake kernel's file system (see coop/sim.h)
 *
 * One flat list of absolute names.  Directories exist when they were made, or when something lies
 * below them: a test need not build /run first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/str.h"
#include "sim/internal.h"

#define PATH_ROOM 512

struct list fake_nodes = LIST_INIT(fake_nodes);
static uint64_t numbers;

/* ---- helpers ---- */

/* 'path', or the directory's name with 'path' behind. */
static int full_path(int dir, const char *path, char ret_path[PATH_ROOM])
{
    struct file *file = fake_file(dir);

    if (*path == '/' || dir == AT_FDCWD)
        return str_format(ret_path, PATH_ROOM, "%s%s", *path == '/' ? "" : "/", path);
    if (!file)
        return -EBADF;
    if (file->kind != FILE_NODE || file->node->kind != NODE_DIR)
        return -ENOTDIR;
    return str_format(ret_path, PATH_ROOM, "%s/%s", file->node->path, path);
}

static struct node *find(const char *path)
{
    list_for_each (it, &fake_nodes) {
        struct node *node = list_entry(it, struct node, link);

        if (strcmp(node->path, path) == 0)
            return node;
    }
    return NULL;
}

/* Something lies below it, or it was never told to be otherwise: a directory nobody made. */
static bool is_implied_dir(const char *path)
{
    size_t len = strlen(path);

    list_for_each (it, &fake_nodes) {
        const char *name = list_entry(it, struct node, link)->path;

        if (strncmp(name, path, len) == 0 && name[len] == '/')
            return true;
    }
    return strcmp(path, "/") == 0;
}

static struct node *make(const char *path, enum node_kind kind, mode_t mode)
{
    struct node *node = calloc(1, sizeof *node);

    if (!node || !(node->path = strdup(path)))
        abort();
    node->kind = kind;
    node->mode = mode;
    node->refs = 1; /* the name's */
    node->number = ++numbers;
    buf_init(&node->bytes, (size_t)1 << 28);
    if (kind == NODE_FIFO) {
        node->fifo = fake_stream_new(false);
        node->fifo->refs++;
    }
    list_push_back(&fake_nodes, &node->link);
    return node;
}

void fake_node_unlink(struct node *node)
{
    if (node->unlinked)
        return;
    list_remove(&node->link);
    node->unlinked = true;
    fake_node_unref(node);
}

static void fill_stat(const struct node *node, struct stat *ret_stat)
{
    static const mode_t types[] = {S_IFREG, S_IFDIR, S_IFIFO, S_IFSOCK};

    *ret_stat = (struct stat){.st_mode = types[node->kind] | node->mode,
                              .st_ino = node->number,
                              .st_nlink = node->unlinked ? 0 : 1,
                              .st_size = (off_t)node->bytes.len};
}

static int open_fifo(struct node *node, int flags)
{
    int how = flags & O_ACCMODE;
    struct file *file;

    if (how == O_WRONLY && flags & O_NONBLOCK && node->fifo->readers == 0)
        return -ENXIO;
    file = fake_file_new(FILE_PIPE, flags);
    fake_file_join(file, how == O_WRONLY ? NULL : node->fifo,
                   how == O_RDONLY ? NULL : node->fifo);
    file->node = node;
    node->refs++;
    return fake_fd_new(file);
}

static int open_node(struct node *node, int flags)
{
    struct file *file;

    if (flags & O_DIRECTORY && node->kind != NODE_DIR)
        return -ENOTDIR;
    if (node->kind == NODE_SOCKET && !(flags & O_PATH))
        return -ENXIO;
    if (node->kind == NODE_DIR && (flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if (node->kind == NODE_FIFO && !(flags & O_PATH))
        return open_fifo(node, flags);
    if (flags & O_TRUNC)
        buf_clear(&node->bytes);
    file = fake_file_new(FILE_NODE, flags);
    file->node = node;
    node->refs++;
    return fake_fd_new(file);
}

/* ---- inside ---- */

struct node *fake_node_find(const char *path)
{
    return find(path);
}

struct node *fake_node_make_socket(const char *path)
{
    return make(path, NODE_SOCKET, 0755);
}

void fake_node_unref(struct node *node)
{
    if (--node->refs > 0)
        return;
    if (node->fifo)
        fake_stream_unref(node->fifo);
    buf_done(&node->bytes);
    free(node->path);
    free(node);
}

void fake_nodes_reset(void)
{
    list_for_each_safe (it, &fake_nodes)
        fake_node_unlink(list_entry(it, struct node, link));
    fake_disk_reset();
}

/* ---- the calls ---- */

int fake_sys_openat(int dir, const char *path, int flags, mode_t mode)
{
    char full[PATH_ROOM];
    int r = full_path(dir, path, full);
    struct node *node = r < 0 ? NULL : find(full);

    if (r < 0)
        return r;
    if (node && flags & O_CREAT && flags & O_EXCL)
        return -EEXIST;
    if (!node && flags & O_CREAT)
        node = make(full, NODE_FILE, mode & 0777);
    else if (!node && is_implied_dir(full))
        node = make(full, NODE_DIR, 0755);
    return node ? open_node(node, flags) : -ENOENT;
}

int fake_sys_mkfifoat(int dir, const char *path, mode_t mode)
{
    char full[PATH_ROOM];
    int r = full_path(dir, path, full);

    if (r < 0)
        return r;
    if (find(full))
        return -EEXIST;
    make(full, NODE_FIFO, mode);
    return 0;
}

int fake_sys_unlinkat(int dir, const char *path, int flags)
{
    char full[PATH_ROOM];
    int r = full_path(dir, path, full);
    struct node *node = r < 0 ? NULL : find(full);

    if (r < 0)
        return r;
    if (!node)
        return -ENOENT;
    if ((node->kind == NODE_DIR) != ((flags & AT_REMOVEDIR) != 0))
        return node->kind == NODE_DIR ? -EISDIR : -ENOTDIR;
    fake_node_unlink(node);
    return 0;
}

int fake_sys_renameat(int odir, const char *opath, int ndir, const char *npath)
{
    char from[PATH_ROOM], to[PATH_ROOM];
    struct node *node, *old;
    int r = full_path(odir, opath, from);

    if (r == 0)
        r = full_path(ndir, npath, to);
    if (r < 0)
        return r;
    node = find(from);
    old = find(to);
    if (!node)
        return -ENOENT;
    if (old && old != node)
        fake_node_unlink(old);
    free(node->path);
    node->path = strdup(to);
    if (!node->path)
        abort();
    return 0;
}

int fake_sys_fstat(int fd, struct stat *ret_stat)
{
    struct file *file = fake_file(fd);

    if (!file)
        return -EBADF;
    if (file->node)
        fill_stat(file->node, ret_stat);
    else
        *ret_stat = (struct stat){.st_mode = file->kind == FILE_PIPE ? S_IFIFO : S_IFSOCK};
    return 0;
}

int fake_sys_fstatat(int dir, const char *path, struct stat *ret_stat, int flags)
{
    char full[PATH_ROOM];
    int r;
    struct node *node;

    if (!*path && flags & AT_EMPTY_PATH)
        return fake_sys_fstat(dir, ret_stat);
    r = full_path(dir, path, full);
    if (r < 0)
        return r;
    node = find(full);
    if (!node && is_implied_dir(full))
        node = make(full, NODE_DIR, 0755);
    if (!node)
        return -ENOENT;
    fill_stat(node, ret_stat);
    return 0;
}

int fake_sys_fchmod(int fd, mode_t mode)
{
    struct file *file = fake_file(fd);

    if (!file)
        return -EBADF;
    if (file->node)
        file->node->mode = mode;
    return 0;
}

int fake_sys_fchmodat(int dir, const char *path, mode_t mode, int flags)
{
    char full[PATH_ROOM];
    int r = full_path(dir, path, full);
    struct node *node = r < 0 ? NULL : find(full);

    (void)flags;
    if (r < 0)
        return r;
    if (!node)
        return -ENOENT;
    node->mode = mode;
    return 0;
}

int fake_sys_mkdirat(int dir, const char *path, mode_t mode)
{
    char full[PATH_ROOM];
    int r = full_path(dir, path, full);

    if (r < 0)
        return r;
    if (find(full) || is_implied_dir(full))
        return -EEXIST;
    make(full, NODE_DIR, mode);
    return 0;
}

int fake_sys_fchown(int fd, uid_t owner, gid_t group)
{
    (void)owner;
    (void)group;
    return fake_file(fd) ? 0 : -EBADF;
}

/* One process: a record lock of it meets nobody else's; another open file stands for another. */
int fake_sys_fcntl_lock(int fd, int cmd, struct flock *lock)
{
    struct file *file = fake_file(fd);

    if (!file || !file->node)
        return -EBADF;
    if (lock->l_type == F_UNLCK) {
        if (file->node->locked_by == file)
            file->node->locked_by = NULL;
        return 0;
    }
    if (file->node->locked_by && file->node->locked_by != file)
        return cmd == F_SETLKW ? -EDEADLK : -EAGAIN;
    file->node->locked_by = file;
    return 0;
}

/* ---- the public calls ---- */

const char *coop_sim_file_text(const char *path)
{
    const struct node *node = find(path);

    return node && node->kind == NODE_FILE ? buf_text(&node->bytes) : NULL;
}

void coop_sim_file_write(const char *path, const char *text)
{
    struct node *node = find(path);

    if (!node)
        node = make(path, NODE_FILE, 0644);
    buf_clear(&node->bytes);
    buf_add_text(&node->bytes, text);
}
