#ifndef TESTS_UNIT_BASE_FAKE_KERNEL_H
#define TESTS_UNIT_BASE_FAKE_KERNEL_H

#include "base/sys.h"
#include "coop/sim.h"

#include <criterion/criterion.h>
#include <errno.h>

/*
 * fake_kernel.h - each test of such a suite has a kernel of its own, and leaves no descriptor
 *
 * The fake kernel must behave as the real one where the runtime and the supervisor look.
 */
#define SEC COOP_NSEC_PER_SEC

static inline void boot(void)
{
    coop_sim_begin(1);
}

static inline void halt(void)
{
    cr_expect_eq(coop_sim_fds_open(), 0, "%zu descriptors left", coop_sim_fds_open());
    coop_sim_end();
}

#define FAKE_SUITE(name) TestSuite(name, .init = boot, .fini = halt, .timeout = 20)

static inline void watch(int ep, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    cr_assert_eq(sys_epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
}

static inline int wait_for(int ep, coop_nsec delay, struct epoll_event *ret_event)
{
    struct timespec timeout = {delay / SEC, delay % SEC};

    return sys_epoll_pwait2(ep, ret_event, 1, delay == COOP_FOREVER ? NULL : &timeout, NULL);
}

#endif
