#ifndef LAUNCHER_CLONE_H
#define LAUNCHER_CLONE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * clone.h - making one child process, by the best call the machine grants; private to launcher/
 *
 *     struct clone_order order = {.namespaces = CLONE_NEWPID, .cgroup = -1,
 *                                 .run = child_main, .arg = &what};
 *     pid_t pid = clone_child(&order, &pidfd);
 *
 * The ladder: clone3(2) first (it alone can put the child into a cgroup at birth, and reset
 * signal handlers so that none of ours ever runs in the child); where that call is refused
 * (seccomp filters of outer containers answer ENOSYS or EPERM) clone(2), and the child joins
 * the cgroup itself, first thing, through 'join_cgroup'.
 *
 * share_memory  CLONE_VM|CLONE_VFORK: nothing is copied, however large the caller is, and the
 *               calling thread sleeps until the child has called exec or ended.  The child runs
 *               on a stack of its own but in our memory: raw system calls only.
 * for_parent    CLONE_PARENT: the child becomes our parent's child, with our own exit signal.
 *
 * Signals   All are blocked in the calling thread around the clone; the child starts with all
 *           blocked and with default handlers (what was ignored stays ignored).
 * Errors    -errno; of clone(2) when both calls failed.
 * Threads   From any thread.  pthread_atfork() handlers do not run.
 * Memory    The stacks of four such children are kept for the next ones, for ever.
 * Limits    The child of share_memory has CLONE_STACK bytes of stack.  Under sanitizers
 *           share_memory is not honoured (clone_can_share_memory()): their runtime does not
 *           survive it.
 */

#define CLONE_STACK (128u << 10)

struct clone_order {
    uint64_t namespaces; /* CLONE_NEW* */
    bool share_memory;
    bool for_parent;
    bool share_files; /* CLONE_FILES: one table of descriptors */
    int cgroup;       /* directory of the v2 group to be born in, or -1 */

    /* What the child does. 'join_cgroup' is order.cgroup when it must join by itself, or -1. */
    void (*run)(void *arg, int join_cgroup);
    void *arg;
};

/* Whether share_memory is honoured in this build. */
bool clone_can_share_memory(void);

/* The child's pid in ours, -errno. *ret_pidfd is its pidfd, or -1 where there are none. */
pid_t clone_child(const struct clone_order *order, int *ret_pidfd);

#endif
