/*
 * wait.c - the fake kernel's waiting: epoll and eventfd (see coop/sim.h)
 *
 * An edge is a change of a counter: each file counts what happens to it, each watch remembers the
 * count it has reported.  So an edge-triggered watch fires once per event, not while it lasts, and
 * a runtime that forgets to read until EAGAIN hangs here just as it would outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "sim/internal.h"

#define BUSY_LIMIT 10000000

static struct list epolls = LIST_INIT(epolls); /* struct epoll_link, all that exist */
static unsigned long idle_polls;               /* in a row, without time going on */

struct epoll_link {
    struct list link;
    struct file *epoll;
};

/* ---- helpers ---- */

static struct watch *find_watch(struct file *epoll, int fd, const struct file *file)
{
    list_for_each (it, &epoll->watches) {
        struct watch *watch = list_entry(it, struct watch, link);

        if (watch->fd == fd && watch->file == file)
            return watch;
    }
    return NULL;
}

static void drop_watch(struct watch *watch)
{
    list_remove(&watch->link);
    free(watch);
}

/* What this watch would report now; 0: nothing. */
static unsigned watch_ready(const struct watch *watch)
{
    unsigned want = watch->event.events | EPOLLERR | EPOLLHUP;
    unsigned mask = fake_poll(watch->file) & want;

    if (watch->off || !mask)
        return 0;
    if (watch->event.events & EPOLLET && !watch->fresh &&
        watch->seen == fake_edges(watch->file))
        return 0;
    return mask;
}

/* Fills in what is ready, from a random watch on, so that no order is relied on. */
static int collect(struct file *epoll, struct epoll_event *ret_events, int max)
{
    struct list *start = epoll->watches.next;
    int count = 0, watches = 0;

    list_for_each (it, &epoll->watches)
        watches++;
    if (watches > 1)
        for (uint64_t skip = fake_chance() % (uint64_t)watches; skip > 0; skip--)
            start = start->next;
    for (int i = 0; i <= watches && count < max; i++, start = start->next) {
        struct watch *watch;
        unsigned mask;

        if (start == &epoll->watches)
            continue;
        watch = list_entry(start, struct watch, link);
        mask = watch_ready(watch);
        if (!mask)
            continue;
        watch->seen = fake_edges(watch->file);
        watch->fresh = false;
        watch->off = (watch->event.events & EPOLLONESHOT) != 0;
        ret_events[count++] = (struct epoll_event){.events = mask, .data = watch->event.data};
    }
    return count;
}

static bool epoll_is_ready(void *arg)
{
    const struct file *epoll = arg;

    list_for_each (it, &epoll->watches) {
        if (watch_ready(list_entry(it, struct watch, link)))
            return true;
    }
    return false;
}

static coop_nsec deadline_of(const struct timespec *timeout)
{
    if (!timeout)
        return COOP_FOREVER;
    return coop_after(coop_sim_now(), timeout->tv_sec * COOP_NSEC_PER_SEC + timeout->tv_nsec);
}

/* ---- inside ---- */

void fake_epoll_forget(struct file *file)
{
    list_for_each (e, &epolls) {
        struct file *epoll = list_entry(e, struct epoll_link, link)->epoll;

        list_for_each_safe (it, &epoll->watches) {
            struct watch *watch = list_entry(it, struct watch, link);

            if (watch->file == file)
                drop_watch(watch);
        }
    }
}

void fake_epoll_done(struct file *epoll)
{
    list_for_each_safe (it, &epoll->watches)
        drop_watch(list_entry(it, struct watch, link));
    list_for_each_safe (it, &epolls) {
        struct epoll_link *entry = list_entry(it, struct epoll_link, link);

        if (entry->epoll == epoll) {
            list_remove(&entry->link);
            free(entry);
        }
    }
}

/* ---- the calls ---- */

int fake_sys_epoll_create1(int flags)
{
    struct file *file = fake_file_new(FILE_EPOLL, flags);
    struct epoll_link *entry = malloc(sizeof *entry);

    if (!entry)
        abort();
    list_init(&file->watches);
    entry->epoll = file;
    list_push_back(&epolls, &entry->link);
    return fake_fd_new(file);
}

int fake_sys_epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    struct file *epoll = fake_file(ep), *file = fake_file(fd);
    struct watch *watch;

    if (!epoll || !file)
        return -EBADF;
    if (epoll->kind != FILE_EPOLL || file == epoll)
        return -EINVAL;
    if (file->kind == FILE_NODE)
        return -EPERM; /* regular files are always ready; the real one refuses them too */
    watch = find_watch(epoll, fd, file);
    if (op == EPOLL_CTL_ADD && watch)
        return -EEXIST;
    if (op != EPOLL_CTL_ADD && !watch)
        return -ENOENT;
    if (op == EPOLL_CTL_DEL) {
        drop_watch(watch);
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof *watch);
        if (!watch)
            abort();
        watch->fd = fd;
        watch->file = file;
        list_push_back(&epoll->watches, &watch->link);
    }
    watch->event = *event;
    watch->fresh = true;
    watch->off = false;
    return 0;
}

int fake_sys_epoll_pwait2(int ep, struct epoll_event *ret_events, int max,
                          const struct timespec *timeout, const sigset_t *mask)
{
    struct file *epoll = fake_file(ep);
    coop_nsec until = deadline_of(timeout), before = coop_sim_now();
    int count;

    (void)mask;
    if (fake_running())
        return -ENOSYS; /* they are plain blocking programs */
    if (!epoll)
        return -EBADF;
    if (epoll->kind != FILE_EPOLL || max <= 0)
        return -EINVAL;
    while (fake_step(before)) /* what is due already */
        continue;
    while ((count = collect(epoll, ret_events, max)) == 0) {
        if (fake_step(until))
            continue;
        if (until == COOP_FOREVER) {
            if (!fake_block(epoll_is_ready, epoll))
                fake_give_up("everything waits for ever");
            continue;
        }
        coop_sim_advance(until - coop_sim_now());
        count = collect(epoll, ret_events, max);
        break;
    }
    idle_polls = count > 0 || coop_sim_now() > before ? 0 : idle_polls + 1;
    if (idle_polls > BUSY_LIMIT)
        fake_give_up("polls again and again, and time does not go on");
    return count;
}

struct polled {
    struct pollfd *fds;
    nfds_t count;
    int ready;
};

static bool some_are_ready(void *arg)
{
    struct polled *p = arg;

    p->ready = 0;
    for (nfds_t i = 0; i < p->count; i++) {
        struct pollfd *fd = &p->fds[i];
        struct file *file = fake_file(fd->fd);
        unsigned mask = file ? fake_poll(file) : POLLNVAL;

        mask &= (unsigned short)fd->events | POLLERR | POLLHUP | POLLNVAL;
        fd->revents = (short)mask;
        if (fd->fd < 0)
            fd->revents = 0;
        p->ready += fd->revents != 0;
    }
    return p->ready > 0;
}

int fake_sys_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                   const sigset_t *mask)
{
    struct polled p = {.fds = fds, .count = count};
    coop_nsec until = deadline_of(timeout);

    (void)mask;
    if (fake_running()) {
        fake_running_wait(some_are_ready, &p, until);
        return p.ready;
    }
    if (until == COOP_FOREVER) {
        if (!fake_block(some_are_ready, &p))
            fake_give_up("poll() waits for ever");
        return p.ready;
    }
    while (!some_are_ready(&p) && fake_step(until))
        continue;
    if (p.ready == 0)
        coop_sim_advance(until - coop_sim_now());
    return p.ready;
}

int fake_sys_eventfd(unsigned initial, int flags)
{
    struct file *file = fake_file_new(FILE_EVENT, flags | O_RDWR);

    file->count = initial;
    return fake_fd_new(file);
}
