/*
 * Every call of the runtime to the kernel fails once, for several reasons: whatever happens then,
 * nothing hangs (the fake kernel would abort), nothing crashes, and no descriptor is left.
 */
#include "rt_test.h"

#include "base/sys.h"
#include "support/failing_kernel.h"
#include "support/fake_kernel.h"

#include <fcntl.h>

#define SOON coop_after(coop_now(), COOP_NSEC_PER_SEC)

static int sleeper(__attribute__((unused)) void *arg)
{
    return coop_sleep_until(SOON) < 0;
}

/* Some of everything: timers, a pipe, a deadline that passes, a child that ends. */
static int some_of_everything(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;
    struct coop_child child = {0};
    pid_t pid;
    int ends[2];
    char c;

    coop_scope_init(&scope, "sleepers", 0);
    for (int i = 0; i < 5; i++)
        coop_go(&scope, sleeper, NULL);
    if (sys_pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        coop_write(ends[1], "x", 1, SOON);
        coop_read(ends[0], &c, 1, SOON);
        coop_read(ends[0], &c, 1, SOON);
        coop_fd_close(ends[0]);
        coop_fd_close(ends[1]);
    }
    pid = fake_spawn(0);
    fake_exit_at(pid, fake_now() + COOP_NSEC_PER_SEC, 3);
    if (coop_child_watch(&child, pid, NULL, 0) == 0 &&
        coop_child_wait(&child, coop_after(coop_now(), 5 * COOP_NSEC_PER_SEC)) == 0)
        CHECK(child.exit.status == 3);
    coop_child_forget(&child);
    coop_scope_wait(&scope);
    return 0;
}

/* False when the scene needs fewer than 'nth' calls. */
static bool run_with_failure(unsigned nth, int error)
{
    struct coop_options options = {.sim = true, .seed = 7};
    bool failed;

    fake_kernel_install(7);
    failing_kernel_arm(FAIL_ANY, nth, error);
    coop_main(&options, some_of_everything, NULL);
    failed = failing_kernel_disarm();
    cr_expect_eq(fake_fds_open(), 0, "call %u (%s) failed with %d: descriptors left", nth,
                 failing_kernel_failed(), error);
    fake_kernel_remove();
    return failed;
}

Test(failures, every_call_may_fail_once, .timeout = 50)
{
    static const int errors[] = {EIO, ENOMEM, EMFILE, EAGAIN, EINTR};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        unsigned nth = 1;

        while (run_with_failure(nth, errors[i]))
            nth++;
        cr_expect_gt(nth, 30, "only %u calls were tried", nth);
    }
}
