/*
 * bytes.c - what lies in the fake kernel's files, and how much of the disk that is (see coop/sim.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "sim/internal.h"

static size_t disk_limit = SIZE_MAX;

/* ---- helpers ---- */

static size_t disk_used(void)
{
    size_t used = 0;

    list_for_each (it, &fake_nodes)
        used += list_entry(it, struct node, link)->bytes.len;
    return used;
}

/* A regular file that this descriptor may write to. */
static int writable(const struct file *file)
{
    if (!file)
        return -EBADF;
    if (file->kind != FILE_NODE || file->node->kind != NODE_FILE)
        return -ESPIPE;
    return (file->flags & O_ACCMODE) == O_RDONLY ? -EBADF : 0;
}

/* Zeros fill what is not there yet, as outside. */
static int grow(struct buf *bytes, size_t end)
{
    if (end > bytes->len && disk_used() + (end - bytes->len) > disk_limit)
        return -ENOSPC;
    while (bytes->len < end && buf_add_char(bytes, '\0') == 0)
        continue;
    return bytes->error;
}

/* ---- inside ---- */

ssize_t fake_node_get(struct file *file, void *ret_buf, size_t size)
{
    const struct buf *bytes = &file->node->bytes;

    if (file->node->kind != NODE_FILE)
        return -EISDIR;
    if (file->at >= bytes->len)
        return 0;
    if (size > bytes->len - file->at)
        size = bytes->len - file->at;
    memcpy(ret_buf, bytes->data + file->at, size);
    file->at += size;
    return (ssize_t)size;
}

/* Always at the end: the supervisor's files are logs and journals. */
ssize_t fake_node_put(struct file *file, const void *bytes, size_t size)
{
    size_t used;

    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    used = disk_used();
    if (used >= disk_limit && size > 0)
        return -ENOSPC;
    if (size > disk_limit - used) /* a full disk takes what goes in */
        size = disk_limit - used;
    buf_add(&file->node->bytes, bytes, size);
    return file->node->bytes.error ? file->node->bytes.error : (ssize_t)size;
}

void fake_disk_reset(void)
{
    disk_limit = SIZE_MAX;
}

/* ---- the calls ---- */

int fake_sys_fdatasync(int fd)
{
    return fake_file(fd) ? 0 : -EBADF;
}

ssize_t fake_sys_pread(int fd, void *ret_buf, size_t size, off_t at)
{
    struct file *file = fake_file(fd), copy;

    if (!file)
        return -EBADF;
    if (file->kind != FILE_NODE)
        return -ESPIPE;
    copy = *file;
    copy.at = (size_t)at;
    return fake_node_get(&copy, ret_buf, size);
}

int fake_sys_fsync(int fd)
{
    return fake_sys_fdatasync(fd);
}

ssize_t fake_sys_pwrite(int fd, const void *buf, size_t size, off_t at)
{
    struct file *file = fake_file(fd);
    int r = writable(file);

    if (r == 0)
        r = grow(&file->node->bytes, (size_t)at + size);
    if (r == 0 && size)
        memcpy(file->node->bytes.data + at, buf, size);
    return r < 0 ? r : (ssize_t)size;
}

int fake_sys_ftruncate(int fd, off_t size)
{
    struct file *file = fake_file(fd);
    int r = writable(file);

    if (file && (r < 0 || size < 0))
        return -EINVAL;
    if (r == 0)
        r = grow(&file->node->bytes, (size_t)size);
    if (r == 0)
        file->node->bytes.len = (size_t)size;
    return r;
}

/* ---- the public calls ---- */

void coop_sim_disk_limit(size_t bytes)
{
    disk_limit = bytes;
}
