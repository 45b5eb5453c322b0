#ifndef COOP_PAGE_H
#define COOP_PAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * page.h - one process publishes a struct, any number of others read it, nobody waits
 *
 * A page is a piece of shared memory with two places for the struct: the writer fills the one
 * that is not the newest, then says that it is.  A reader copies the newest and looks again only
 * if the writer has come round meanwhile; a writer that is stopped or killed in the middle
 * of a write leaves the value before it, whole.
 *
 *     struct coop_page page;
 *
 *     coop_page_new(&page, "weather", sizeof now);     // the writer
 *     coop_page_publish(&page, &now);                  // as often as it likes
 *
 *     coop_page_attach(&page, fd, sizeof seen);        // a reader, who was handed page.fd
 *     if (coop_page_read(&page, &seen) == 1)
 *         show(&seen, coop_page_alive(&page));
 *
 * 'fd' is handed over by inheritance, or in a message (queue.h).  It is read-only, and the memory
 * is sealed: nobody but the writer can change, shrink or map it for writing.
 *
 * Time      Publishing: one pass over the struct, no system call.  Reading: the same, no system
 *           call; at most COOP_PAGE_TRIES times.  coop_page_alive(): one system call.
 * Errors    -errno.  -EINVAL from attach: not a page, another size of struct, or not sealed.
 * Misuse    No bytes, or too many: -EINVAL.  Two writers at once: nobody notices, readers may get
 *           a mixture.
 * Threads   One writer at a time; readers in any thread, coroutine or process.  No runtime is
 *           needed.
 * Memory    The struct is copied in and out.  coop_page_done() unmaps and closes.
 * Limits    The struct holds no pointers, and at most COOP_PAGE_MAX bytes.  Readers trust the
 *           writer for the content only.  A child that the writer forks and that executes
 *           nothing counts as writer until it ends.  Needs /proc.
 * Source    Linux's seqcount_latch; sealed memfds.
 */

#define COOP_PAGE_MAX   (1 << 20)
#define COOP_PAGE_TRIES 1000

struct coop_page {
    int fd; /* for readers */
    /* private */
    int writer_fd; /* the writer's: holds the lock by which its life is known */
    void *map;
    size_t size, mapped;
};

/* A page for structs of 'size' bytes, with the caller as its writer.  'name' shows in
 * /proc/PID/maps. */
int coop_page_new(struct coop_page *ret_page, const char *name, size_t size);

/* Writer only. */
void coop_page_publish(struct coop_page *page, const void *value);

/* Becomes a reader.  On success 'fd' belongs to the page; on failure to the caller, still. */
int coop_page_attach(struct coop_page *ret_page, int fd, size_t size);

/* 1: a copy of the newest value.  0: nothing was ever published.  -EAGAIN: the writer was faster
 * every time, '*ret_value' is worthless. */
int coop_page_read(const struct coop_page *page, void *ret_value);

/* How often something was published; grows, and wraps. To see whether there is news. */
uint32_t coop_page_turn(const struct coop_page *page);

/* 1: the writer lives and has not let go of the page. 0: it is dead, or done. -errno. */
int coop_page_alive(const struct coop_page *page);

/* Unmaps and closes. Also after a failed new or attach. */
void coop_page_done(struct coop_page *page);

#ifdef __cplusplus
}
#endif

#endif
