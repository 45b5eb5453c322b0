#ifndef COOP_SIM_FAILING_H
#define COOP_SIM_FAILING_H

#include "base/sys.h"
#include "coop/sim.h"

/*
 * failing.h - the kernel in force, with the n-th call failing
 *
 *     failing_kernel_arm(FAIL_pipe2, 3, EMFILE);       the third pipe2() fails, once
 *     failing_kernel_arm(FAIL_ANY, 17, ENOMEM);        the seventeenth call of any kind
 *     ... the code under test ...
 *     if (!coop_sim_fail_end()) break;             it never got that far: all n are tried
 *
 * The loop over n that ends there walks through every error path of a piece of code:
 *
 *     for (unsigned n = 1;; n++) { arm(FAIL_ANY, n, EIO); run(); if (!disarm()) break; check(); }
 *
 * Works on top of whatever table is in force: the real kernel or the simulated one.  A close() that
 * "fails" has closed all the same, as with the real one.  coop_sim_fail() is this for programs that
 * do not see the seam.
 */
enum failing_call {
    FAIL_ANY = -1, /* but the clock, which cannot fail */
#define X(type, name, params, args) FAIL_##name,
    SYS_CALLS(X)
#undef X
        FAIL_CALLS
};

/* From now on the 'nth' call (from 1) of this kind answers -error.  Counting starts here. */
void failing_kernel_arm(enum failing_call call, unsigned nth, int error);

/* The same, but that call and all later ones fail. */
void failing_kernel_arm_from(enum failing_call call, unsigned nth, int error);

/* Calls of this kind since it was armed. */
unsigned failing_kernel_count(enum failing_call call);

#endif
