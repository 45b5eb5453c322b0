/*
 * poller.c - descriptors, what epoll tells of them, and who waits for that
 *
 * THE NOUNS
 *   edge     epoll, edge-triggered, reports once that something became possible
 *   turn     the number of edges seen, per descriptor and direction
 *   waiter   a coroutine that got EAGAIN and wants to try again
 *   watch    an actor that wants a message at each edge
 *
 * A descriptor joins at its first wait, for reading, and for writing too at the first wait for
 * that; it stays until coop_fd_close().  MOD or ADD and DEL per wait would cost as much as the
 * read itself; an edge for each message that the peer has taken, of a socket that is always
 * writable, nearly so.
 *
 * THE RACE
 *   reading                                an edge arrives
 *     1. note the turn                       1. lock, turn++
 *     2. read: EAGAIN                        2. wake all waiters, post to all watches
 *     3. lock; turn moved? try again         3. unlock
 *     4. join the waiters, unlock, park
 *   An edge between 1 and 4 has moved the turn, one after 4 finds the waiter.  All waiters are
 *   woken, since one edge may stand for many connections or bytes; who finds nothing waits
 *   again.
 *
 * DRY
 *   A read from a stream socket that returns less than asked for has emptied it, so the next one
 *   need not ask: it waits for an edge after the turn of that read.  Whatever comes later is an
 *   edge of its own.  What came before and is still to be read has no edge any more, so it must
 *   be known: an end, an error, urgent bytes (a read stops before them): never dry again;
 *   descriptors and credentials (a read stops after them, and recvmsg(2) says so).
 *
 * CLOSING
 *   Numbers are reused at once.  An event carries the generation that its number had when it was
 *   registered, and is dropped when that is over.  Who registers a descriptor that is being closed
 *   waits until it is, and is told so: epoll forgets a closed one silently.
 *
 * HOME
 *   The epoll that a descriptor is in: that of the processor where it was first waited for, and
 *   there it is looked for first (epolls.c).  If its coroutine is stolen and stays away for 16
 *   waits in a row it follows.  It joins the new one before it leaves the old one: an edge in
 *   both is told twice, which does no harm, and none is lost, since joining tells the state.
 *   Not if a watch or a select stands at it: they would be told a second time what they know.
 */
#include "rt/poller.h"

#include "base/sys.h"
#include "rt/dump.h"
#include "rt/leaks.h"
#include "rt/park.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum { CHUNK = 64, CHUNKS = 16384 };
enum { AWAY_MAX = 16 }; /* waits in a row on other processors before it follows */

static _Atomic(struct desc *) chunks[CHUNKS]; /* descriptors by number */
static uint32_t chunks_lock;

/* ---- descriptors by number ---- */

struct desc *coop__desc_at(int fd)
{
    struct desc *chunk;

    if (fd < 0 || fd >= CHUNK * CHUNKS)
        return NULL;
    chunk = atomic_load_explicit(&chunks[fd / CHUNK], memory_order_acquire);
    return chunk ? &chunk[fd % CHUNK] : NULL;
}

static struct desc *find_or_make(int fd)
{
    struct desc *chunk;

    if (fd < 0 || fd >= CHUNK * CHUNKS)
        return NULL;
    coop__lock(&chunks_lock);
    chunk = chunks[fd / CHUNK];
    if (!chunk && (chunk = calloc(CHUNK, sizeof *chunk))) {
        for (int i = 0; i < CHUNK; i++)
            chunk[i].fd = fd / CHUNK * CHUNK + i;
        atomic_store_explicit(&chunks[fd / CHUNK], chunk, memory_order_release);
    }
    coop__unlock(&chunks_lock);
    return chunk ? &chunk[fd % CHUNK] : NULL;
}

static int tell_epoll(struct desc *d, int home, int op, unsigned events)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET,
                                .data.u64 = (uint64_t)d->generation << 32 | (uint32_t)d->fd};
    int r;

    if (events & COOP_OUT)
        event.events |= EPOLLOUT;
    r = coop__epoll_ctl(home, op, d->fd, &event);
    if (r == -EEXIST) /* a number that was closed behind our back and came again */
        r = coop__epoll_ctl(home, EPOLL_CTL_MOD, d->fd, &event);
    return r;
}

static int listen_for(struct desc *d, unsigned events)
{
    int op = d->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, r;

    if (!d->registered) {
        d->home = coop__epoll_home();
        d->away = 0;
    }
    r = tell_epoll(d, d->home, op, d->listens | events);
    if (!d->registered && coop__epoll_is(d->fd)) { /* asked after it has joined: see there */
        if (r == 0)
            coop__epoll_ctl(d->home, EPOLL_CTL_DEL, d->fd, NULL);
        return -EBADF;
    }
    if (r < 0)
        return r;
    if (!d->registered)
        atomic_fetch_add(&coop__rt.fd_registered, 1);
    __atomic_store_n(&d->listens, d->listens | events, __ATOMIC_RELEASE);
    __atomic_store_n(&d->registered, true, __ATOMIC_RELEASE);
    return 1;
}

/* For the report of what was left: nobody knows the line, but the function. */
static void note_descriptor(int fd)
{
    const struct coro *g = coop__self();

    if (g)
        coop__leak_made(LEAK_DESCRIPTOR, (const void *)((uintptr_t)fd + 1),
                        coop__function_of(g));
}

/* Under the lock, by who is about to wait. */
static void follow(struct desc *d)
{
    const struct worker *w = coop__worker();
    int home;

    if (!w || !w->proc || w->proc->id == d->home) {
        d->away = 0;
        return;
    }
    if (++d->away < AWAY_MAX || d->watches || d->selecting.head)
        return;
    d->away = 0;
    home = coop__epoll_home();
    if (home == d->home || tell_epoll(d, home, EPOLL_CTL_ADD, d->listens) < 0)
        return;
    RT_DELAY();
    coop__epoll_ctl(d->home, EPOLL_CTL_DEL, d->fd, NULL);
    d->home = home;
}

static bool listens(const struct desc *d, unsigned events)
{
    return !(events & ~__atomic_load_n(&d->listens, __ATOMIC_ACQUIRE));
}

int coop__desc_open(int fd, unsigned events, struct desc **ret_desc)
{
    struct desc *d = coop__desc_at(fd);
    bool known;
    int r = 0;

    if (!coop__rt.running)
        return -EPERM;
    if (!d && !(d = find_or_make(fd)))
        return fd < 0 ? -EBADF : -ENOMEM;
    events |= COOP_IN;
    known = __atomic_load_n(&d->registered, __ATOMIC_ACQUIRE);
    if (!listens(d, events)) {
        coop__lock(&d->joining);
        coop__lock(&d->lock);
        if (!listens(d, events))
            r = listen_for(d, events);
        coop__unlock(&d->lock);
        coop__unlock(&d->joining);
    }
    if (r > 0 && !known)
        note_descriptor(fd);
    if (r >= 0)
        *ret_desc = d;
    return r;
}

struct desc *coop__desc_find(int fd)
{
    struct desc *d = coop__desc_at(fd);

    return d && __atomic_load_n(&d->registered, __ATOMIC_ACQUIRE) ? d : NULL;
}

/* ---- edges ---- */

static void wake_waiters(struct coop_waitq *q, int result)
{
    struct waiter *w;

    while ((w = coop__waitq_claim(q))) {
        w->result = result;
        coop__wait_fire(w->coro);
    }
}

static void wake_selecting(struct desc *d, uint32_t seen, int result)
{
    struct waiter *w = d->selecting.head, *next;

    for (; w; w = next) {
        next = w->next;
        if (!((uint32_t)w->need & seen))
            continue;
        coop__waitq_remove(&d->selecting, w);
        if (!coop__wait_claim(w->coro))
            continue;
        w->coro->woken_by = w;
        w->result = result;
        for (int dir = DIR_IN; dir <= DIR_OUT; dir++)
            if (seen & (dir == DIR_IN ? COOP_IN : COOP_OUT))
                d->taken[dir] = d->turn[dir];
        coop__wait_fire(w->coro);
    }
}

void coop__desc_tell(struct desc *d, uint32_t seen)
{
    for (struct coop_fdwatch *w = d->watches; w; w = w->next) {
        uint32_t news = seen & (w->want | COOP_HUP | COOP_ERR);

        if (!news)
            continue;
        __atomic_fetch_or(&w->events, news, __ATOMIC_RELEASE);
        coop_post(w->actor, &w->msg);
    }
}

static uint32_t translate(uint32_t events)
{
    uint32_t seen = 0;

    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        seen |= COOP_IN;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        seen |= COOP_OUT;
    if (events & (EPOLLRDHUP | EPOLLHUP))
        seen |= COOP_HUP;
    if (events & EPOLLERR)
        seen |= COOP_ERR;
    return seen;
}

void coop__desc_edge(uint64_t data, uint32_t events)
{
    struct desc *d = coop__desc_at((int)(uint32_t)data);
    uint32_t seen = translate(events);

    if (!d)
        return;
    RT_DELAY();
    coop__lock(&d->lock);
    if (d->registered && d->generation == (uint32_t)(data >> 32)) {
        d->sticky |= seen & (COOP_HUP | COOP_ERR);
        if (d->sticky || (events & EPOLLPRI))
            __atomic_store_n(&d->never_dry, true, __ATOMIC_RELAXED); /* before the turn */
        if (seen & COOP_IN) {
            __atomic_fetch_add(&d->turn[DIR_IN], 1, __ATOMIC_RELEASE);
            wake_waiters(&d->waiting[DIR_IN], (int)(seen & ~(uint32_t)COOP_OUT));
        }
        if (seen & COOP_OUT) {
            __atomic_fetch_add(&d->turn[DIR_OUT], 1, __ATOMIC_RELEASE);
            wake_waiters(&d->waiting[DIR_OUT], (int)(seen & ~(uint32_t)COOP_IN));
        }
        wake_selecting(d, seen, (int)seen);
        coop__desc_tell(d, seen);
    }
    coop__unlock(&d->lock);
}

/* ---- dry ---- */

void coop__desc_set_dry(struct desc *d, uint32_t turn)
{
    __atomic_store_n(&d->dry, turn + 1, __ATOMIC_RELAXED);
}

bool coop__desc_is_dry(const struct desc *d, uint32_t turn)
{
    return __atomic_load_n(&d->dry, __ATOMIC_RELAXED) == turn + 1 && turn + 1 != 0 &&
           !__atomic_load_n(&d->never_dry, __ATOMIC_RELAXED);
}

bool coop__desc_is_stream(struct desc *d, bool ask)
{
    int is = __atomic_load_n(&d->stream, __ATOMIC_RELAXED), type = 0;
    socklen_t size = sizeof type;

    if (is == STREAM_UNKNOWN && ask) {
        is =
            sys_getsockopt(d->fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM
                ? STREAM_YES
                : STREAM_NO;
        __atomic_store_n(&d->stream, is, __ATOMIC_RELAXED);
    }
    return is == STREAM_YES;
}

/* ---- waiting ---- */

uint32_t coop__desc_turn(struct desc *d, int dir)
{
    return __atomic_load_n(&d->turn[dir], __ATOMIC_ACQUIRE);
}

static int wait_here(struct desc *d, int dir, struct coro *g, coop_nsec deadline)
{
    struct waiter w = {.coro = g};
    uint32_t generation = d->generation;
    int r;

    /* The lock is held: nobody can know of us before the push. */
    coop__wait_begin(g, true);
    coop__waitq_push(&d->waiting[dir], &w);
    coop__unlock(&d->lock);
    coop__outside_add(1);
    r = coop__wait(g, WAIT_FOR_FD, d, deadline);
    coop__outside_add(-1);
    if (r == 0) /* closed between the edge and our turn: the number may be another's by now */
        return __atomic_load_n(&d->generation, __ATOMIC_RELAXED) == generation ? w.result
                                                                               : -EBADF;
    coop__lock(&d->lock);
    coop__waitq_remove(&d->waiting[dir], &w);
    coop__unlock(&d->lock);
    return r;
}

int coop__desc_wait(struct desc *d, int dir, uint32_t turn, coop_nsec deadline)
{
    struct coro *g = coop__self();
    int r;

    if (deadline == COOP_NOW)
        return -EAGAIN;
    if (!g)
        return -EPERM;
    if ((r = coop__may_wait(g)) < 0)
        return r;
    coop__lock(&d->lock);
    if (!d->registered || d->turn[dir] != turn) {
        r = d->registered ? 0 : -EBADF;
        coop__unlock(&d->lock);
        return r;
    }
    follow(d);
    r = wait_here(d, dir, g, deadline);
    return r > 0 ? 0 : r;
}

/* ---- closing ---- */

/* Whoever closes a descriptor that is still watched gets no events of the next one with its
 * number. */
static void forget_watches(struct desc *d)
{
    struct coop_fdwatch *next;

    for (struct coop_fdwatch *w = d->watches; w; w = next) {
        next = w->next;
        w->next = NULL;
        w->armed = 0;
        if (!d->internal)
            atomic_fetch_sub(&coop__rt.outside, 1);
    }
    d->watches = NULL;
    d->internal = false;
}

void coop_fd_forget(int fd)
{
    struct desc *d = coop__desc_find(fd);

    /* A forked child shares the parent's epoll: what it forgets there, the parent would miss. */
    if (!d || !atomic_load(&coop__rt.running))
        return;
    coop__lock(&d->lock);
    if (d->registered) {
        coop__epoll_ctl(d->home, EPOLL_CTL_DEL, fd, NULL);
        atomic_fetch_sub(&coop__rt.fd_registered, 1);
        __atomic_store_n(&d->registered, false, __ATOMIC_RELEASE);
        __atomic_store_n(&d->listens, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&d->stream, STREAM_UNKNOWN, __ATOMIC_RELAXED);
        __atomic_store_n(&d->never_dry, false, __ATOMIC_RELAXED);
        __atomic_store_n(&d->generation, d->generation + 1, __ATOMIC_RELAXED);
        d->sticky = 0;
        forget_watches(d);
        for (int dir = DIR_IN; dir <= DIR_OUT; dir++) {
            __atomic_fetch_add(&d->turn[dir], 1, __ATOMIC_RELEASE);
            d->taken[dir] = d->turn[dir];
            wake_waiters(&d->waiting[dir], -EBADF);
        }
        wake_selecting(d, COOP_IN | COOP_OUT, -EBADF);
    }
    coop__unlock(&d->lock);
}

int coop_fd_close(int fd)
{
    struct desc *d = coop__desc_at(fd);
    int r;

    if (!atomic_load(&coop__rt.running) || (!d && !(d = find_or_make(fd))))
        return sys_close(fd); /* nothing is known of it, or it is not ours to forget */
    if (coop__epoll_is(fd))
        return -EBADF;
    coop__lock(&d->joining);
    coop_fd_forget(fd);
    r = sys_close(fd);
    coop__unlock(&d->joining);
    return r;
}

int coop_fd_nonblock(int fd)
{
    int flags = sys_fcntl_int(fd, F_GETFL, 0);

    if (flags < 0 || (flags & O_NONBLOCK))
        return flags < 0 ? flags : 0;
    return sys_fcntl_int(fd, F_SETFL, flags | O_NONBLOCK);
}

/* ---- the end ---- */

void coop__descs_end(void)
{
    for (int i = 0; i < CHUNKS; i++) {
        free(chunks[i]);
        chunks[i] = NULL;
    }
}
