/*
 * monitor_disarm - a bracket that begins while the monitor is put to sleep does not leave it asleep
 *
 * No storm: the seam to the kernel holds still what a race would have to hit.  Where the timer of
 * the monitor is about to be stopped, a bracket's beginning sets it; then it is stopped.
 */
#include "stress/stress.h"

#include "base/sys.h"
#include "rt/sched.h"

#include <sched.h>

static struct sys_ops ops;
static _Atomic(int) meetings, settings; /* settings: of the timer, since they met */

static int set_timer(int fd, int flags, const struct itimerspec *when,
                     struct itimerspec *ret_old)
{
    bool stops = when->it_value.tv_sec == 0 && when->it_value.tv_nsec == 0;

    if (fd == coop__rt.monitor_fd && stops && atomic_fetch_add(&meetings, 1) == 0) {
        coop__monitor_hurry();
        atomic_store(&settings, 0);
    } else {
        atomic_fetch_add(&settings, 1);
    }
    return sys_kernel.timerfd_settime(fd, flags, when, ret_old);
}

/* Rest, in which the two meet; then work, over which the monitor must watch. */
static int root(__attribute__((unused)) void *arg)
{
    coop_nsec limit = in_seconds(PATIENCE);

    while (atomic_load(&meetings) == 0) {
        HOLDS(coop_now() < limit);
        HOLDS(coop_sleep_until(coop_after(coop_now(), 50 * COOP_NSEC_PER_MSEC)) == 0);
    }
    atomic_store(&settings, 0);
    while (atomic_load(&settings) < 3) {
        HOLDS(coop_now() < limit);
        sched_yield();
    }
    return 0;
}

int main(void)
{
    struct coop_options o = {.name = "monitor-disarm", .procs = 1};

    ops = sys_kernel;
    ops.timerfd_settime = set_timer;
    sys_install(&ops);
    HOLDS(coop_main(&o, root, NULL) == 0);
    return 0;
}
