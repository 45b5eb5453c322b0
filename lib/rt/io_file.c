/*
 * io_file.c - regular files, which block whatever their flags say (io.h)
 *
 * Opening and syncing usually go to the disk: the eager bracket.  Reading and writing usually
 * meet the page cache: the optimistic one, whose processor is taken away only if they do not.
 */
#include "coop/io.h"

#include "base/sys.h"
#include "coop/block.h"

#include <errno.h>
#include <fcntl.h>

int coop_file_open(int dir, const char *path, int flags, mode_t mode)
{
    int fd;

    coop_block_begin();
    do
        fd = sys_openat(dir, path, flags | O_CLOEXEC, mode);
    while (fd == -EINTR);
    coop_block_end();
    return fd;
}

ssize_t coop_file_read(int fd, void *ret_buf, size_t size, off_t at)
{
    ssize_t n;

    coop_syscall_begin();
    do
        n = sys_pread(fd, ret_buf, size, at);
    while (n == -EINTR);
    coop_syscall_end();
    return n;
}

ssize_t coop_file_write(int fd, const void *buf, size_t size, off_t at)
{
    ssize_t n;

    coop_syscall_begin();
    do
        n = sys_pwrite(fd, buf, size, at);
    while (n == -EINTR);
    coop_syscall_end();
    return n;
}

int coop_file_sync(int fd)
{
    int r;

    coop_block_begin();
    do
        r = sys_fsync(fd);
    while (r == -EINTR);
    coop_block_end();
    return r;
}
