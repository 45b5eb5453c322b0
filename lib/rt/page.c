/*
 * page.c - one process publishes a struct, any number of others read it (page.h)
 *
 *      head      magic, size, turn            turn & 1: the place that is newest
 *      place 0   number, words
 *      place 1   number, words                numbers are odd while their place is written
 *
 * WHY TWO PLACES.  With one, a reader must wait for a writer that has lost its CPU in the middle
 * of a write, and has nothing when it was killed there.
 *
 * WHO LIVES.  The writer holds a lock on an open file of its own, which the kernel drops with its
 * last descriptor, however the process ends.  Readers get another open file of the same
 * memory, read-only: theirs cannot hold that lock.  A pid would not do: numbers come again.
 */
#include "coop/page.h"

#include "base/seqlock.h"
#include "base/sys.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#define MAGIC UINT64_C(0x3165676170706f63) /* "coppage1" */

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum { LINE = 64 };

struct head {
    uint64_t magic, size;
    _Atomic uint32_t turn;
};

struct place {
    struct seqlock lock;
    _Alignas(8) _Atomic uint64_t words[];
};

static size_t place_room(size_t size)
{
    return (sizeof(struct place) + (size + 7) / 8 * 8 + LINE - 1) / LINE * LINE;
}

static struct place *place_of(const struct coop_page *page, uint32_t turn)
{
    return (struct place *)(void *)((char *)page->map + LINE +
                                    place_room(page->size) * (turn & 1));
}

/* ---- the writer ---- */

static int make_memory(struct coop_page *page, const char *name)
{
    char path[sizeof "/proc/self/fd/" + 11];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int r;

    page->writer_fd = sys_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (page->writer_fd < 0)
        return page->writer_fd;
    r = sys_fchmod(page->writer_fd, 0400);
    if (r == 0)
        r = sys_ftruncate(page->writer_fd, (off_t)page->mapped);
    if (r < 0)
        return r;
    page->map =
        mmap(NULL, page->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, page->writer_fd, 0);
    if (page->map == MAP_FAILED)
        return -ENOMEM;
    r = sys_fcntl_int(page->writer_fd, F_ADD_SEALS,
                      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
    if (r == 0)
        r = sys_fcntl_lock(page->writer_fd, F_OFD_SETLK, &lock);
    if (r < 0)
        return r;
    snprintf(path, sizeof path, "/proc/self/fd/%d", page->writer_fd);
    page->fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    return page->fd < 0 ? page->fd : 0;
}

static void begin(struct coop_page *page, size_t size)
{
    *page = (struct coop_page){.fd = -1,
                               .writer_fd = -1,
                               .map = MAP_FAILED,
                               .size = size,
                               .mapped = LINE + 2 * place_room(size)};
}

int coop_page_new(struct coop_page *ret_page, const char *name, size_t size)
{
    struct head *head;
    int r;

    begin(ret_page, size);
    if (!size || size > COOP_PAGE_MAX)
        return -EINVAL;
    r = make_memory(ret_page, name);
    if (r < 0) {
        coop_page_done(ret_page);
        return r;
    }
    head = ret_page->map;
    head->magic = MAGIC;
    head->size = size;
    return 0;
}

void coop_page_publish(struct coop_page *page, const void *value)
{
    struct head *head = page->map;
    uint32_t turn = atomic_load_explicit(&head->turn, memory_order_relaxed) + 1;
    struct place *p;

    turn += !turn * 2U; /* 0 means never, and 1 is the place that was newest */
    p = place_of(page, turn);
    seq_publish(&p->lock, p->words, value, page->size);
    atomic_store_explicit(&head->turn, turn, memory_order_release);
}

/* ---- readers ---- */

int coop_page_attach(struct coop_page *ret_page, int fd, size_t size)
{
    struct coop_page *page = ret_page;
    const struct head *head;
    struct stat status;
    int seals, r;

    begin(page, size);
    if (!size || size > COOP_PAGE_MAX)
        return -EINVAL;
    seals = sys_fcntl_int(fd, F_GET_SEALS, 0);
    r = seals < 0 ? seals : sys_fstat(fd, &status);
    if (r < 0)
        return r;
    /* What could shrink would kill its readers. */
    if (!(seals & F_SEAL_SHRINK) || (size_t)status.st_size != page->mapped)
        return -EINVAL;
    page->map = mmap(NULL, page->mapped, PROT_READ, MAP_SHARED, fd, 0);
    if (page->map == MAP_FAILED)
        return -ENOMEM;
    head = page->map;
    if (head->magic != MAGIC || head->size != size) {
        coop_page_done(page);
        return -EINVAL;
    }
    page->fd = fd;
    return 0;
}

uint32_t coop_page_turn(const struct coop_page *page)
{
    const struct head *head = page->map;

    return atomic_load_explicit(&head->turn, memory_order_acquire);
}

int coop_page_read(const struct coop_page *page, void *ret_value)
{
    for (int tries = 0; tries < COOP_PAGE_TRIES; tries++) {
        uint32_t turn = coop_page_turn(page);
        const struct place *p = place_of(page, turn);

        if (!turn)
            return 0;
        if (seq_try_copy(&p->lock, p->words, ret_value, page->size))
            return 1;
    }
    return -EAGAIN;
}

int coop_page_alive(const struct coop_page *page)
{
    /* As a reader's lock, it meets a writer's only. */
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int r = sys_fcntl_lock(page->fd, F_OFD_GETLK, &lock);

    return r < 0 ? r : lock.l_type != F_UNLCK;
}

void coop_page_done(struct coop_page *page)
{
    if (page->map != MAP_FAILED)
        munmap(page->map, page->mapped);
    if (page->fd >= 0)
        sys_close(page->fd);
    if (page->writer_fd >= 0)
        sys_close(page->writer_fd);
    begin(page, page->size);
}
