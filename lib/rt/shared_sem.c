/*
 * shared_sem.c - permits that processes share, and get back from the dead (shared_sem.h)
 *
 * THE MEMORY has one word per permit: 0, or who holds it, as pid and time of birth in one.  Taking
 * and giving back is one compare-and-swap: whatever moment a process is killed at, there is
 * nothing to repair.
 *
 * WAITING is for an edge: a write to the eventfd (a release with waiters), or the death of a holder
 * (his pidfd).  Nobody ever reads the eventfd, so no wake-up can be lost with a process that
 * took one and was killed before it acted on it.  The price: a release wakes all who wait.
 *
 *      waiting                                 releasing
 *        1. waiters + 1                          1. the word: 0
 *        2. watch the holders, note the edge     2. waiters? write to the eventfd
 *        3. all words taken? and nobody dead?
 *        4. wait for an edge after 2
 *   One of them sees the other.  A new holder after 2 comes after a release, which is an edge.
 *
 * All descriptors of a handle are in one epoll, and that one is in the runtime's: a coroutine
 * waits for it as for any descriptor.  A plain thread has an epoll of its own for each wait,
 * because an edge is told only once to each epoll.
 *
 * WHO IS DEAD: a pid without process; one whose process was born at another time; one whose pidfd
 * is readable.  What cannot be found out counts as alive.
 */
#include "coop/shared_sem.h"

#include "base/sys.h"
#include "coop/coro.h"
#include "coop/io.h"
#include "rt/park.h"
#include "rt/plain.h"
#include "rt/poller.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x316d6573706f6f63) /* "coopsem1" */

enum { PID_BITS = 24, MAP = 4096 };

struct memory {
    uint64_t magic;
    uint64_t pid_namespace;
    int32_t permits;
    _Atomic(uint32_t) waiters; /* too many when one was killed: then a write for nothing */
    _Atomic(uint64_t) holders[COOP_SHARED_SEM_MAX];
};

struct watched {
    uint64_t who;
    int pidfd;
};

struct coop_shared_sem {
    struct memory *memory;
    int memory_fd, wake_fd;
    int permits; /* as they were when it was opened: what others can write is not trusted */
    uint32_t lock;
    pid_t pid; /* what follows is that process's; a fork starts anew */
    uint64_t self;
    int events_fd; /* for coroutines; -1: not yet */
    struct watched watched[COOP_SHARED_SEM_MAX];
};

/* ---- who is who ---- */

/* Clock ticks since boot at which it was born; 0: not to be found out.  From its first thread's
 * file: the same number, which qemu's user mode makes up for each thread in /proc/PID/stat. */
static uint64_t born(pid_t pid)
{
    char path[48], text[1024], *at;
    uint64_t ticks = 0;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    n = sys_read(fd, text, sizeof text - 1);
    sys_close(fd);
    text[n > 0 ? n : 0] = '\0';
    at = strrchr(text, ')'); /* its name may hold anything */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    for (at = at ? at + 1 : NULL; at && *at >= '0' && *at <= '9'; at++)
        ticks = ticks * 10 + (uint64_t)(*at - '0');
    return ticks;
}

static uint64_t identity(pid_t pid)
{
    return born(pid) << PID_BITS | (uint64_t)pid;
}

static pid_t pid_of(uint64_t who)
{
    return (pid_t)(who & ((1U << PID_BITS) - 1));
}

static uint64_t pid_namespace(void)
{
    struct stat status;

    return sys_fstatat(AT_FDCWD, "/proc/self/ns/pid", &status, 0) < 0 ? 0 : status.st_ino;
}

/* The caches of this process; of its parent's there is nothing left to use. */
static void be_yourself(struct coop_shared_sem *sem)
{
    pid_t pid = getpid();

    if (__atomic_load_n(&sem->pid, __ATOMIC_ACQUIRE) == pid)
        return;
    coop__lock(&sem->lock);
    if (sem->pid != pid) {
        if (sem->events_fd >= 0)
            sys_close(sem->events_fd);
        for (int i = 0; i < COOP_SHARED_SEM_MAX; i++)
            if (sem->watched[i].who)
                sys_close(sem->watched[i].pidfd);
        memset(sem->watched, 0, sizeof sem->watched);
        sem->events_fd = -1;
        sem->self = identity(pid);
        __atomic_store_n(&sem->pid, pid, __ATOMIC_RELEASE);
    }
    coop__unlock(&sem->lock);
}

/* ---- holders, under the lock ---- */

static bool holds_any(const struct coop_shared_sem *sem, uint64_t who)
{
    for (int i = 0; i < sem->permits; i++)
        if (atomic_load(&sem->memory->holders[i]) == who)
            return true;
    return false;
}

/* A place for one more: there are as many as permits, so one of them holds nothing any more. */
static struct watched *place_for(struct coop_shared_sem *sem)
{
    for (int i = 0; i < COOP_SHARED_SEM_MAX; i++) {
        struct watched *w = &sem->watched[i];

        if (w->who && !holds_any(sem, w->who)) {
            sys_close(w->pidfd);
            w->who = 0;
        }
        if (!w->who)
            return w;
    }
    return NULL;
}

/* The watch on a holder; NULL and '*ret_dead', or NULL: not to be found out. */
static struct watched *watch(struct coop_shared_sem *sem, uint64_t who, bool *ret_dead)
{
    struct watched *w;
    uint64_t ticks;
    int fd;

    *ret_dead = false;
    for (int i = 0; i < COOP_SHARED_SEM_MAX; i++)
        if (sem->watched[i].who == who)
            return &sem->watched[i];
    fd = sys_pidfd_open(pid_of(who), 0);
    *ret_dead = fd == -ESRCH || fd == -EINVAL;
    if (fd < 0)
        return NULL;
    ticks = born(pid_of(who));
    *ret_dead = ticks && who >> PID_BITS && ticks != who >> PID_BITS;
    w = *ret_dead ? NULL : place_for(sem);
    if (!w) {
        sys_close(fd);
        return NULL;
    }
    *w = (struct watched){who, fd};
    return w;
}

static bool is_dead(struct coop_shared_sem *sem, uint64_t who)
{
    struct timespec now = {0};
    struct watched *w;
    bool dead;

    if (who == sem->self)
        return false;
    coop__lock(&sem->lock);
    w = watch(sem, who, &dead);
    if (w) {
        struct pollfd end = {.fd = w->pidfd, .events = POLLIN};

        dead = sys_ppoll(&end, 1, &now, NULL) == 1;
    }
    coop__unlock(&sem->lock);
    return dead;
}

/* The deaths of all holders become edges of 'events'. */
static void watch_holders(struct coop_shared_sem *sem, int events)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    bool dead;

    coop__lock(&sem->lock);
    for (int i = 0; i < sem->permits; i++) {
        uint64_t who = atomic_load(&sem->memory->holders[i]);
        struct watched *w = who && who != sem->self ? watch(sem, who, &dead) : NULL;

        if (w)
            sys_epoll_ctl(events, EPOLL_CTL_ADD, w->pidfd, &event); /* or is there already */
    }
    coop__unlock(&sem->lock);
}

/* ---- taking ---- */

static int take_free(struct coop_shared_sem *sem)
{
    struct memory *m = sem->memory;

    for (int i = 0; i < sem->permits; i++) {
        uint64_t nobody = 0;

        if (atomic_load(&m->holders[i]) == 0 &&
            atomic_compare_exchange_strong(&m->holders[i], &nobody, sem->self))
            return 0;
    }
    return -EAGAIN;
}

static int take_from_the_dead(struct coop_shared_sem *sem)
{
    struct memory *m = sem->memory;

    for (int i = 0; i < sem->permits; i++) {
        uint64_t who = atomic_load(&m->holders[i]);

        if (who && is_dead(sem, who) &&
            atomic_compare_exchange_strong(&m->holders[i], &who, sem->self))
            return COOP_SEM_INHERITED;
    }
    return -EAGAIN;
}

static int take(struct coop_shared_sem *sem)
{
    int r = take_free(sem);

    return r == -EAGAIN ? take_from_the_dead(sem) : r;
}

/* ---- waiting ---- */

static int new_events(const struct coop_shared_sem *sem)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    int ep = sys_epoll_create1(EPOLL_CLOEXEC);
    int r = ep < 0 ? ep : sys_epoll_ctl(ep, EPOLL_CTL_ADD, sem->wake_fd, &event);

    if (r < 0 && ep >= 0)
        sys_close(ep);
    return r < 0 ? r : ep;
}

static int wait_as_coroutine(struct coop_shared_sem *sem, coop_nsec deadline)
{
    struct desc *d;
    uint32_t turn;
    int r = 0;

    coop__lock(&sem->lock);
    if (sem->events_fd < 0)
        r = sem->events_fd = new_events(sem);
    coop__unlock(&sem->lock);
    if (r >= 0)
        r = coop__desc_open(sem->events_fd, COOP_IN, &d);
    while (r >= 0) {
        int taken;

        turn = coop__desc_turn(d, DIR_IN);
        watch_holders(sem, sem->events_fd);
        RT_DELAY();
        if ((taken = take(sem)) >= 0)
            return taken;
        r = coop__desc_wait(d, DIR_IN, turn, deadline);
    }
    return r;
}

static int wait_as_thread(struct coop_shared_sem *sem, coop_nsec deadline)
{
    struct epoll_event edges[8];
    int ep = new_events(sem), r = ep;

    while (r >= 0) {
        watch_holders(sem, ep);
        if ((r = take(sem)) >= 0)
            break;
        r = coop__plain_wait(ep, POLLIN, deadline);
        if (r == 0)
            sys_epoll_pwait(ep, edges, 8, 0, NULL); /* seen */
    }
    if (ep >= 0)
        sys_close(ep);
    return r;
}

int coop_shared_sem_acquire(struct coop_shared_sem *sem, coop_nsec deadline)
{
    int r = coop__may_begin(coop__self(), deadline);

    if (r < 0)
        return r;
    be_yourself(sem);
    r = take(sem);
    if (r >= 0 || deadline == COOP_NOW)
        return r;
    atomic_fetch_add(&sem->memory->waiters, 1);
    r = coop_inside() ? wait_as_coroutine(sem, deadline) : wait_as_thread(sem, deadline);
    atomic_fetch_sub(&sem->memory->waiters, 1);
    return r;
}

int coop_shared_sem_release(struct coop_shared_sem *sem)
{
    struct memory *m = sem->memory;
    uint64_t one = 1;

    be_yourself(sem);
    for (int i = 0; i < sem->permits; i++) {
        uint64_t self = sem->self;

        if (atomic_load(&m->holders[i]) != self ||
            !atomic_compare_exchange_strong(&m->holders[i], &self, 0))
            continue;
        while (atomic_load(&m->waiters) && sys_write(sem->wake_fd, &one, sizeof one) == -EINTR)
            continue;
        return 0;
    }
    return -EPERM;
}

int coop_shared_sem_free_permits(const struct coop_shared_sem *sem)
{
    int count = 0;

    for (int i = 0; i < sem->permits; i++)
        count += atomic_load(&sem->memory->holders[i]) == 0;
    return count;
}

/* ---- making and ending ---- */

static int open_handle(struct coop_shared_sem **ret_sem, int memory_fd, int wake_fd)
{
    struct coop_shared_sem *sem = calloc(1, sizeof *sem);

    if (!sem)
        return -ENOMEM;
    sem->memory = mmap(NULL, MAP, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    if (sem->memory == MAP_FAILED) {
        free(sem);
        return -ENOMEM;
    }
    sem->memory_fd = memory_fd;
    sem->wake_fd = wake_fd;
    sem->events_fd = -1;
    *ret_sem = sem;
    return 0;
}

static void close_handle(struct coop_shared_sem *sem)
{
    munmap(sem->memory, MAP);
    free(sem);
}

int coop_shared_sem_new(struct coop_shared_sem **ret_sem, int permits)
{
    struct coop_shared_sem *sem;
    int wake, fd, r;

    if (permits < 1 || permits > COOP_SHARED_SEM_MAX)
        return -EINVAL;
    fd = sys_memfd_create("coop-sem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return fd;
    wake = sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = wake < 0 ? wake : sys_ftruncate(fd, MAP);
    if (r == 0)
        r = sys_fcntl_int(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    if (r == 0)
        r = open_handle(&sem, fd, wake);
    if (r != 0) {
        sys_close(fd);
        if (wake >= 0)
            sys_close(wake);
        return r;
    }
    sem->memory->permits = sem->permits = permits;
    sem->memory->pid_namespace = pid_namespace();
    sem->memory->magic = MAGIC;
    *ret_sem = sem;
    return 0;
}

void coop_shared_sem_fds(const struct coop_shared_sem *sem, int ret_fds[2])
{
    ret_fds[0] = sem->memory_fd;
    ret_fds[1] = sem->wake_fd;
}

int coop_shared_sem_attach(struct coop_shared_sem **ret_sem, int memory_fd, int wake_fd)
{
    struct coop_shared_sem *sem;
    struct stat status;
    int seals = sys_fcntl_int(memory_fd, F_GET_SEALS, 0);
    int r = seals < 0 ? -EINVAL : sys_fstat(memory_fd, &status);

    if (r == 0 && (!(seals & F_SEAL_SHRINK) || status.st_size != MAP))
        r = -EINVAL;
    if (r == 0)
        r = open_handle(&sem, memory_fd, wake_fd);
    if (r != 0)
        return r;
    sem->permits = sem->memory->permits;
    if (sem->memory->magic != MAGIC || sem->permits < 1 || sem->permits > COOP_SHARED_SEM_MAX)
        r = -EINVAL;
    else if (sem->memory->pid_namespace != pid_namespace())
        r = -EXDEV;
    if (r < 0)
        close_handle(sem);
    else
        *ret_sem = sem;
    return r;
}

void coop_shared_sem_close(struct coop_shared_sem *sem)
{
    if (!sem)
        return;
    be_yourself(sem);
    if (sem->events_fd >= 0)
        coop_fd_close(sem->events_fd);
    for (int i = 0; i < COOP_SHARED_SEM_MAX; i++)
        if (sem->watched[i].who)
            sys_close(sem->watched[i].pidfd);
    sys_close(sem->memory_fd);
    sys_close(sem->wake_fd);
    close_handle(sem);
}
