/*
 * timers.c - the fake kernel's timer descriptors (see coop/sim.h)
 *
 * Each arming has a number of its own: what was planned for an earlier one finds nobody when its
 * time comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#include "sim/internal.h"

static struct list timers = LIST_INIT(timers);
static uint64_t armings;

/* ---- helpers ---- */

static void go_off(void *arg);

static void plan_next(const struct timer *t)
{
    uint64_t *arming = fake_grow(NULL, sizeof *arming);

    *arming = t->arming;
    fake_plan(t->due, go_off, arming, true);
}

static void go_off(void *arg)
{
    const uint64_t *arming = arg;

    list_for_each (it, &timers) {
        struct timer *t = list_entry(it, struct timer, link);

        if (t->arming != *arming)
            continue;
        t->file->count++;
        t->file->events++;
        if (t->interval) {
            t->due = coop_after(t->due, t->interval);
            plan_next(t);
        } else {
            t->arming = 0;
        }
        return;
    }
}

static coop_nsec to_nsec(struct timespec t)
{
    return t.tv_sec * COOP_NSEC_PER_SEC + t.tv_nsec;
}

static struct timespec to_timespec(coop_nsec t)
{
    return (struct timespec){t / COOP_NSEC_PER_SEC, t % COOP_NSEC_PER_SEC};
}

static bool is_time(struct timespec t)
{
    return t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < COOP_NSEC_PER_SEC;
}

/* ---- inside ---- */

/* What is meant for a time of day comes at that time, be it over or further off now. */
void fake_timers_shift(coop_nsec by)
{
    list_for_each (it, &timers) {
        struct timer *t = list_entry(it, struct timer, link);

        if (!t->wall || !t->absolute || !t->arming)
            continue;
        t->due -= by;
        t->arming = ++armings;
        plan_next(t);
        t->cancelled = t->cancels;
        t->file->events += t->cancels;
    }
}

bool fake_timer_cancelled(struct file *file)
{
    bool was = file->timer->cancelled;

    file->timer->cancelled = false;
    return was;
}

void fake_timer_done(struct file *file)
{
    list_remove(&file->timer->link);
    free(file->timer);
}

/* ---- the calls ---- */

int fake_sys_timerfd_create(clockid_t clock, int flags)
{
    struct file *file;
    struct timer *t;

    if (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && clock != CLOCK_REALTIME)
        return -EINVAL;
    file = fake_file_new(FILE_TIMER, flags);
    t = fake_grow(NULL, sizeof *t);
    *t = (struct timer){.file = file, .wall = clock == CLOCK_REALTIME};
    file->timer = t;
    list_push_back(&timers, &t->link);
    return fake_fd_new(file);
}

int fake_sys_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                             struct itimerspec *ret_old)
{
    struct file *file = fake_file(fd);
    coop_nsec now = coop_sim_now(), value;
    struct timer *t;

    if (!file)
        return -EBADF;
    if (file->kind != FILE_TIMER || !is_time(when->it_value) || !is_time(when->it_interval))
        return -EINVAL;
    t = file->timer;
    if (ret_old)
        *ret_old = (struct itimerspec){
            .it_interval = to_timespec(t->interval),
            .it_value = to_timespec(t->arming && t->due > now ? t->due - now : 0)};
    value = to_nsec(when->it_value);
    file->count = 0;
    t->arming = value ? ++armings : 0;
    t->interval = to_nsec(when->it_interval);
    t->absolute = (flags & TFD_TIMER_ABSTIME) != 0;
    t->cancels = t->wall && t->absolute && flags & TFD_TIMER_CANCEL_ON_SET;
    t->cancelled = false;
    t->due = t->absolute ? value : coop_after(now, value);
    if (t->absolute && t->wall)
        t->due -= fake_wall_clock() - now;
    if (value)
        plan_next(t);
    return 0;
}
