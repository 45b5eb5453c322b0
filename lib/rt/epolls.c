/*
 * epolls.c - an epoll for each processor, and who looks into which
 *
 *     processor 0        processor 1        processor 2
 *          |                  |                  |       looks when it has nothing to run,
 *          v                  v                  v       and every 256 picks
 *     +---------+        +---------+        +---------+
 *     | epoll 0 |  ..... | epoll 1 |  ..... | epoll 2 |  and then into another one, in turn
 *     | + kick  |        |         |        |         |
 *     +---------+        +---------+        +---------+
 *          ^                  ^                  ^
 *          +--------- the sleeper: ppoll() ------+       while nobody has anything to run
 *          +--------- the monitor ---------------+       10 ms after the last look
 *
 * WHY
 *   With one epoll an event goes to whoever looks first, seldom to the processor where its
 *   coroutine has run and its socket's memory is in the cache.
 *
 * WHAT WE DID NOT DO
 *   All epolls within one that the sleeper waits for.  Then each event of a busy processor takes
 *   the lock of that one, too, whether somebody sleeps or not.  ppoll() joins the queues of
 *   waiters for as long as it sleeps, and looks after it has joined: no event is missed between.
 *
 * WHEN THEY COME AND GO
 *   The first, with the kick in it, when the runtime starts.  Another one when its processor
 *   registers its first descriptor: where no descriptor is, or one processor, nothing is added.
 *   It stays when its processor goes out of use, since its descriptors do; all end with the
 *   runtime.  Of what RLIMIT_NOFILE allows they take no more than a 32nd: it may be low because
 *   the program counts its descriptors.  Where none can be had the first one takes its place.
 *   A new one may get the number of a descriptor that was closed just now.  Who still has that
 *   number in hand and waits for it, or closes it again, is told that it is closed.  Who waits
 *   asks when it has joined: then the number was the new one's before, and is known once that is
 *   made, or it is nobody's of ours.
 *
 * NOBODY STARVES
 *   A processor that computes on, is out of use, or whose worker is in a blocking call does not
 *   look.  Then others do: with an empty queue into one more epoll when their own says nothing,
 *   otherwise into one more every 256 picks; the monitor into each that nobody has looked into
 *   for 10 ms; the sleeper into all.  At the limit of threads a loop of brackets never looks and
 *   lets the monitor believe that all are idle: there who comes back looks as the monitor does.
 *
 * THE ONE RACE
 *   a new epoll                            falling asleep (sched.c)
 *     1. write its number                    1. write poll_until
 *     2. poll_until? kick                    2. read the numbers of all
 *   One sees the other.
 */
#include "base/sys.h"
#include "rt/poller.h"
#include "rt/reaper.h"
#include "rt/trace.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

enum { SHARE = 32 }; /* of the descriptors that may be open */

/* What stands in the first one beside descriptors: none of them has such a number. */
#define KICK  UINT64_MAX
#define INNER (UINT64_MAX - 1)

/* How long the sleeper sleeps when it can hear the first epoll only. */
#define DEAF COOP_NSEC_PER_MSEC

/* By the processor's number. */
static struct {
    _Atomic(int) fd;           /* -1: it has none (yet) */
    _Atomic(coop_nsec) looked; /* when somebody did last */
} __attribute__((aligned(128))) epolls[PROCS_MAX];

static _Atomic(unsigned) epolls_made;
static _Atomic(int) being_made; /* may have a number that nobody else can read yet */

/* ---- making ---- */

static bool make_one(int at)
{
    struct rlimit limit;
    int fd = -EMFILE;

    if (sys_getrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = 0;
    if (atomic_fetch_add(&epolls_made, 1) < limit.rlim_cur / SHARE) {
        atomic_fetch_add(&being_made, 1);
        fd = sys_epoll_create1(EPOLL_CLOEXEC);
        RT_DELAY();
        if (fd >= 0)
            atomic_store(&epolls[at].fd, fd);
        atomic_fetch_sub(&being_made, 1);
    }
    if (fd < 0)
        atomic_fetch_sub(&epolls_made, 1);
    return fd >= 0;
}

int coop__epoll_home(void)
{
    struct worker *w = coop__worker();
    int at = w && w->proc ? w->proc->id : 0;

    /* Nobody else makes this one: the processor is ours meanwhile. */
    if (atomic_load_explicit(&epolls[at].fd, memory_order_relaxed) >= 0)
        return at;
    if (!make_one(at))
        return 0;
    RT_DELAY();
    if (atomic_load(&coop__rt.poll_until))
        coop__poll_kick();
    return at;
}

bool coop__epoll_is(int fd)
{
    while (atomic_load(&being_made)) /* a system call and a store */
        sched_yield();
    for (int i = 0; i < coop__rt.procs_made; i++)
        if (atomic_load_explicit(&epolls[i].fd, memory_order_relaxed) == fd)
            return fd >= 0;
    return false;
}

int coop__epoll_ctl(int home, int op, int fd, struct epoll_event *event)
{
    return sys_epoll_ctl(epolls[home].fd, op, fd, event);
}

/* ---- looking ---- */

static void drain_kicks(void)
{
    uint64_t count;

    sys_read(coop__rt.kick_fd, &count, sizeof count);
    coop__signals_look();
}

static _Atomic(bool) no_pwait2; /* the kernel has said so since the start */

/* epoll_pwait2, and where that is not to be had (old filters, valgrind) milliseconds, rounded
 * up. */
static int wait_for_events(int ep, struct epoll_event *events, const struct timespec *limit)
{
    int n, ms = -1;

    if (likely(!atomic_load_explicit(&no_pwait2, memory_order_relaxed))) {
        n = sys_epoll_pwait2(ep, events, POLL_BATCH, limit, NULL);
        if (likely(n != -ENOSYS && n != -EPERM))
            return n;
        atomic_store_explicit(&no_pwait2, true, memory_order_relaxed);
    }
    if (limit && limit->tv_sec > INT_MAX / 2000)
        ms = INT_MAX;
    else if (limit)
        ms = (int)(limit->tv_sec * 1000 + (limit->tv_nsec + 999999) / 1000000);
    return sys_epoll_pwait(ep, events, POLL_BATCH, ms, NULL);
}

static void note(coop_nsec began, int n)
{
    atomic_fetch_add_explicit(&coop__rt.polls, 1, memory_order_relaxed);
    if (unlikely(began))
        coop__trace_note(coop__worker(), TRACE_POLL, 0, n > 0 ? (uint64_t)n : 0,
                         (uint64_t)began);
}

/* Returns the number of events of descriptors, or -errno. */
static int take(int at, const struct timespec *limit, bool sleeper)
{
    struct epoll_event events[POLL_BATCH];
    coop_nsec began = coop__tracing() ? sys_now() : 0;
    int n = wait_for_events(epolls[at].fd, events, limit), others = 0;

    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 < INNER) {
            coop__desc_edge(events[i].data.u64, events[i].events);
            continue;
        }
        others++;
        if (events[i].data.u64 == INNER)
            continue;
        if (sleeper)
            drain_kicks();
        else /* the kick is left to the one that is meant, a signal is for anybody */
            coop__signals_look();
    }
    note(began, n);
    return n - others;
}

static int look(int at, coop_nsec clock)
{
    static const struct timespec at_once = {0};

    if (atomic_load_explicit(&epolls[at].fd, memory_order_acquire) < 0)
        return -ENOENT;
    atomic_store_explicit(&epolls[at].looked, clock, memory_order_relaxed);
    return take(at, &at_once, false);
}

void coop__poll_own(struct proc *p, bool another)
{
    int made = coop__rt.procs_made;

    if (look(p->id, p->clock) > 0 && !another)
        return;
    for (int i = 0; i < made; i++) {
        p->poll_next = (p->poll_next + 1) % made;
        if (p->poll_next != p->id && look(p->poll_next, p->clock) >= 0)
            return;
    }
}

void coop__poll_home(int home)
{
    /* Not all need be those of descriptors. */
    while (look(home, sys_now()) >= POLL_BATCH / 2)
        ;
}

void coop__poll_late(coop_nsec now, coop_nsec delay)
{
    for (int i = 0; i < coop__rt.procs_made; i++)
        if (now - atomic_load_explicit(&epolls[i].looked, memory_order_relaxed) >= delay)
            look(i, now);
}

void coop__poll_looked(coop_nsec clock)
{
    for (int i = 0; i < coop__rt.procs_made; i++)
        if (atomic_load_explicit(&epolls[i].fd, memory_order_relaxed) >= 0)
            atomic_store_explicit(&epolls[i].looked, clock, memory_order_relaxed);
}

/* ---- sleeping ---- */

/* More than RLIMIT_NOFILE allows by now, or no memory, or a filter: the first one hears for the
 * others, from within.  That stays so, and does no harm but what is said above. */
static void sleep_on_first(const struct pollfd *all, const int *homes, int count,
                           const struct timespec *limit)
{
    static const struct timespec at_once = {0}, deaf = {.tv_nsec = DEAF};
    struct epoll_event inner = {.events = EPOLLIN, .data.u64 = INNER};
    bool hears = true;
    int r;

    for (int i = 1; i < count; i++) {
        r = sys_epoll_ctl(all[0].fd, EPOLL_CTL_ADD, all[i].fd, &inner);
        hears = hears && (r == 0 || r == -EEXIST);
    }
    if (!hears && (!limit || limit->tv_sec || limit->tv_nsec > DEAF))
        limit = &deaf;
    for (int i = 0; i < count; i++)
        take(homes[i], i == 0 ? limit : &at_once, true);
}

static void sleep_on_all(const struct timespec *limit)
{
    static const struct timespec at_once = {0};
    struct pollfd all[PROCS_MAX];
    int homes[PROCS_MAX], count = 0, r;
    coop_nsec began;

    for (int i = 0; i < coop__rt.procs_made; i++) {
        int fd = atomic_load(&epolls[i].fd);

        if (fd < 0)
            continue;
        all[count] = (struct pollfd){.fd = fd, .events = POLLIN};
        homes[count++] = i;
    }
    if (count == 1) {
        take(0, limit, true);
        return;
    }
    began = coop__tracing() ? sys_now() : 0;
    r = sys_ppoll(all, (nfds_t)count, limit, NULL);
    note(began, r);
    if (unlikely(r < 0 && r != -EINTR))
        sleep_on_first(all, homes, count, limit);
    for (int i = 0; r > 0 && i < count; i++)
        if (all[i].revents)
            take(homes[i], &at_once, true);
}

void coop__poll_sleep(coop_nsec until)
{
    struct timespec wait = {0}, *limit = &wait;

    if (until == COOP_FOREVER) {
        limit = NULL;
    } else if (until != COOP_NOW) {
        coop_nsec delay = until - sys_now();

        delay = delay > 0 ? delay : 0;
        wait.tv_sec = delay / COOP_NSEC_PER_SEC;
        wait.tv_nsec = delay % COOP_NSEC_PER_SEC;
    }
    sleep_on_all(limit);
}

void coop__poll_kick(void)
{
    uint64_t one = 1;

    /* The sleeper may have a processor in its hand: a kick that fails is given once more. */
    if (sys_write(coop__rt.kick_fd, &one, sizeof one) < 0)
        sys_write(coop__rt.kick_fd, &one, sizeof one);
}

/* ---- start and end ---- */

int coop__epolls_start(void)
{
    struct epoll_event kick = {.events = EPOLLIN, .data.u64 = KICK};
    int ep = sys_epoll_create1(EPOLL_CLOEXEC), kick_fd, r;

    if (ep < 0)
        return ep;
    kick_fd = sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = kick_fd < 0 ? kick_fd : sys_epoll_ctl(ep, EPOLL_CTL_ADD, kick_fd, &kick);
    if (r < 0) {
        if (kick_fd >= 0)
            sys_close(kick_fd);
        sys_close(ep);
        return r;
    }
    for (int i = 0; i < PROCS_MAX; i++) {
        atomic_store(&epolls[i].fd, i == 0 ? ep : -1);
        atomic_store(&epolls[i].looked, 0);
    }
    epolls_made = 1;
    no_pwait2 = false;
    coop__rt.kick_fd = kick_fd;
    return 0;
}

void coop__epolls_end(void)
{
    sys_close(coop__rt.kick_fd);
    for (int i = 0; i < PROCS_MAX; i++) {
        int fd = atomic_exchange(&epolls[i].fd, -1);

        if (fd >= 0)
            sys_close(fd);
    }
}
