#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * child.h - run a scene in a single-threaded child of the test
 *
 * A Criterion test runs in a process with two threads, where unshare(CLONE_NEWUSER) is refused,
 * and an assertion that fails in a forked child hangs the runner.  So: the scene runs in a fork,
 * checks with CHILD_CHECK, and its words come back by a pipe; only the test process asserts.
 *
 *     static void scene(int report, void *arg)
 *     {
 *         CHILD_CHECK(report, unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
 *     }
 *     char said[CHILD_TEXT];
 *     cr_assert_eq(in_child(scene, NULL, said), 0, "%s", said);
 *
 * The child dies with the test (PDEATHSIG), starts with default signals and holds no descriptor
 * above 2 but the report.
 */
#define CHILD_TEXT 4096

typedef void child_fn(int report, void *arg);

/* The child's exit code, or 128 + the signal that ended it; what it reported is in 'ret_said'. */
int in_child(child_fn *scene, void *arg, char ret_said[CHILD_TEXT]);

/* Ends the child with 1 and the place and text of what did not hold. */
#define CHILD_CHECK(report, condition)                                                         \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            dprintf(report, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition,                \
                    strerrorname_np(errno));                                                   \
            _exit(1);                                                                          \
        }                                                                                      \
    } while (0)

#endif
