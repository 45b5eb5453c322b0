/*
 * monitor.c - the thread that watches those who do not give up their processor
 *
 * It sleeps in a timerfd that is armed while a processor is busy and disarmed when the last one
 * goes idle: a burst of work shorter than the delay never wakes it, and an idle runtime has no
 * periodic wake-up at all.  Arming costs 0.3 us, once per burst.
 *
 * WHAT IT DOES, 10 ms after work began and as long as it goes on (20 us and doubling when
 * brackets are in use)
 *   retakes   a processor whose worker has been in an optimistic bracket for a whole round
 *   wakes     another worker when work waits in the queue of one that computes on
 *   polls     descriptors when nobody has for 10 ms
 *   fires     timers that are late: their processor's worker computes on, or it has none any more
 *   asks      a coroutine that keeps its processor for too long what it is at (hog.c)
 *   trims     free stacks and pools, once, a second after all have gone to rest with many of the
 *             ones or something in the others
 */
#include "base/sys.h"
#include "rt/hog.h"
#include "rt/poller.h"
#include "rt/pool.h"
#include "rt/runq.h"
#include "rt/sched.h"
#include "rt/stack.h"
#include "rt/timer.h"

#include <errno.h>

#define SHORTEST   (20 * COOP_NSEC_PER_USEC)
#define TRIM_DELAY COOP_NSEC_PER_SEC

static struct {
    uint64_t switches[PROCS_MAX]; /* at the last look */
} last;

static void set_timer(coop_nsec delay)
{
    struct itimerspec when = {.it_value = {.tv_sec = delay / COOP_NSEC_PER_SEC,
                                           .tv_nsec = delay % COOP_NSEC_PER_SEC}};

    sys_timerfd_settime(coop__rt.monitor_fd, 0, &when, NULL);
}

void coop__monitor_arm(coop_nsec delay)
{
    if (!coop__rt.monitor_runs || coop__rt.monitor_armed)
        return;
    atomic_store(&coop__rt.monitor_armed, 1);
    set_timer(delay);
}

static void disarm(void)
{
    atomic_store(&coop__rt.monitor_armed, 0);
    RT_DELAY();
    set_timer(coop__stacks_to_trim() || coop__pools_to_trim() ? TRIM_DELAY : 0);
    /* A bracket may have begun between the two: then we have stopped its timer, and with the mark
     * that it is set nobody would set it again. */
    if (atomic_load(&coop__rt.monitor_armed))
        set_timer(SHORTEST);
}

/* Not when a timer is near: between two bursts that are this close it stays armed, and if it
 * fires with all at rest that is one wake-up too many, instead of two calls per burst. */
void coop__monitor_disarm(void)
{
    if (coop__rt.monitor_runs && coop__rt.monitor_armed &&
        coop__timers_first() - sys_now() > MONITOR_DELAY)
        disarm();
}

/* An optimistic bracket begins: a round of 10 ms is too long for it. */
void coop__monitor_hurry(void)
{
    if (coop__rt.monitor_runs &&
        atomic_load_explicit(&coop__rt.monitor_armed, memory_order_relaxed) != 2) {
        atomic_store(&coop__rt.monitor_armed, 2);
        RT_DELAY();
        set_timer(SHORTEST);
    }
}

/* ---- a round ---- */

static bool retake(struct proc *p)
{
    unsigned entered = atomic_load(&p->brackets);
    int expected = PROC_SYSCALL;

    if (atomic_load(&p->status) != PROC_SYSCALL)
        return false;
    if (entered != p->seen_brackets) { /* not the bracket we saw last time */
        p->seen_brackets = entered;
        return true;
    }
    RT_DELAY();
    if (atomic_compare_exchange_strong(&p->status, &expected, PROC_IDLE))
        coop__hand_off(p);
    return true;
}

static void wake_for(struct proc *p)
{
    uint64_t now = atomic_load_explicit(&p->switches, memory_order_relaxed);
    bool computes = now == last.switches[p->id];

    last.switches[p->id] = now;
    if (atomic_load(&p->status) != PROC_RUNNING || coop__runq_is_empty(p))
        return;
    if (computes) /* whoever is woken now has something to do */
        atomic_store_explicit(&coop__rt.wake_gap, 0, memory_order_relaxed);
    /* The slot alone may be one half of a pair that talks; what stands in the ring has waited. */
    if (computes || atomic_load(&p->head) != atomic_load(&p->tail))
        coop__wake_one();
}

/* What is in our hands is in no heap and in no queue: no deadlock for all that. */
static void poll_late(void)
{
    if (!coop__rt.fd_registered || atomic_load(&coop__rt.poll_until))
        return;
    atomic_fetch_add(&coop__rt.outside, 1);
    coop__poll_late(sys_now(), MONITOR_DELAY);
    atomic_fetch_sub(&coop__rt.outside, 1);
}

static void fire_late(void)
{
    if (atomic_load(&coop__rt.poll_until) || coop__timers_first() > sys_now() - TIMER_LATE)
        return;
    atomic_fetch_add(&coop__rt.outside, 1);
    coop__timers_run_all();
    atomic_fetch_sub(&coop__rt.outside, 1);
}

/* True: a bracket is in use, look again soon. */
static bool look(void)
{
    bool brackets = false;

    for (int i = 0; i < coop__rt.procs_made; i++) {
        brackets = retake(&coop__rt.procs[i]) || brackets;
        wake_for(&coop__rt.procs[i]);
        coop__hog_look(&coop__rt.procs[i]);
    }
    poll_late();
    fire_late();
    return brackets;
}

/* True: there is nothing to watch, and whoever begins to work arms us again.  '*ret_long': it
 * has been so for a while. */
static bool all_at_rest(bool *ret_long)
{
    bool rest;

    coop__lock(&coop__rt.lock);
    rest = coop__rt.idle_procs_count == coop__rt.procs_count;
    *ret_long = rest && !coop__rt.monitor_armed;
    if (*ret_long)
        coop__stacks_gather();
    else if (rest)
        disarm();
    coop__unlock(&coop__rt.lock);
    return rest;
}

/* The same, and gives back what nobody has needed for a while. */
static bool rests(void)
{
    bool for_long;

    if (!all_at_rest(&for_long))
        return false;
    if (for_long)
        coop__pools_trim();
    while (for_long && coop__stacks_trim(true, sys_now()) && all_at_rest(&for_long))
        ;
    return true;
}

static void *monitor_main(void *arg)
{
    coop_nsec delay = SHORTEST;
    uint64_t expirations;

    (void)arg;
    while (!coop__rt.over) {
        if (sys_read(coop__rt.monitor_fd, &expirations, sizeof expirations) < 0)
            continue;
        if (coop__rt.over)
            break;
        if (rests())
            continue;
        coop__stacks_trim(false, sys_now());
        delay = look() ? SHORTEST : delay * 2;
        if (delay > MONITOR_DELAY)
            delay = MONITOR_DELAY;
        coop__lock(&coop__rt.lock);
        if (coop__rt.idle_procs_count < coop__rt.procs_count) {
            atomic_store(&coop__rt.monitor_armed, delay == MONITOR_DELAY ? 1 : 2);
            set_timer(delay);
        } else {
            disarm();
        }
        coop__unlock(&coop__rt.lock);
    }
    return NULL;
}

/* ---- start and end ---- */

int coop__monitor_start(void)
{
    int fd = sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), r;

    if (fd < 0)
        return fd;
    coop__rt.monitor_fd = fd;
    for (int i = 0; i < PROCS_MAX; i++)
        last.switches[i] = 0;
    r = coop__thread_new(&coop__rt.monitor, monitor_main, NULL);
    if (r < 0) {
        /* No thread: brackets keep their processor, the rest works. */
        sys_close(fd);
        coop__rt.monitor_fd = -1;
        return 0;
    }
    coop__rt.monitor_runs = true;
    return 0;
}

void coop__monitor_end(void)
{
    if (!coop__rt.monitor_runs)
        return;
    set_timer(1);
    pthread_join(coop__rt.monitor, NULL);
    sys_close(coop__rt.monitor_fd);
    coop__rt.monitor_runs = false;
}
