#ifndef TESTS_SUPPORT_FAILING_KERNEL_H
#define TESTS_SUPPORT_FAILING_KERNEL_H

#include <stdbool.h>

#include "base/sys.h"

/*
 * failing_kernel.h - the kernel in force, with the n-th call failing
 *
 *     failing_kernel_arm(FAIL_pipe2, 3, EMFILE);       the third pipe2() fails, once
 *     failing_kernel_arm(FAIL_ANY, 17, ENOMEM);        the seventeenth call of any kind
 *     ... the code under test ...
 *     if (!failing_kernel_disarm()) break;             it never got that far: all n are tried
 *
 * The loop over n that ends there walks through every error path of a piece of code:
 *
 *     for (unsigned n = 1;; n++) { arm(FAIL_ANY, n, EIO); run(); if (!disarm()) break; check(); }
 *
 * Works on top of whatever table is in force: the real kernel or the fake one.  A close() that
 * "fails" has closed all the same, as with the real one.
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

/* Takes the failing table away. True when a call has failed. */
bool failing_kernel_disarm(void);

/* The name of the call that failed last; "" for none. */
const char *failing_kernel_failed(void);

/* Calls of this kind since it was armed. */
unsigned failing_kernel_count(enum failing_call call);

#endif
