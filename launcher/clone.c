/*
 * clone.c - the ladder from clone3 down to clone (contract in clone.h)
 *
 * Three things make this file subtle:
 *   - With CLONE_VM the child must not return through our frames: it would overwrite, on the
 *     shared stack, what we return through later.  So it enters run() on a stack of its own,
 *     straight from the instruction after the system call; glibc has no wrapper for that.
 *   - Without CLONE_VM a plain system call returning twice is enough, and what the child finds
 *     on its copied stack is exactly ours.
 *   - A signal that arrives between clone and exec could run a handler of ours in the child,
 *     in shared memory at that.  So every signal is blocked first, past glibc, which would keep
 *     two of its own open.
 */
#include "launcher/clone.h"

#include "launcher/init.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND UINT64_C(0x100000000)
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP UINT64_C(0x200000000)
#endif

/* gcc and clang say differently that a sanitizer's runtime is with us. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER
#endif

#ifdef UNDER_SANITIZER
#define MAY_SHARE_MEMORY false
#else
#define MAY_SHARE_MEMORY true
#endif

#define GUARD        4096u
#define SPARE_STACKS 4

/* Stacks of children that have gone on to their program, for the next ones: mapping one, guarding
 * it and giving it back takes as long as the clone itself where other threads run meanwhile. */
static _Atomic(void *) spare_stacks[SPARE_STACKS];

/* ---- entering the child ---- */

struct entry {
    const struct clone_order *order;
    int join_cgroup;
};

static int enter(void *arg)
{
    const struct entry *entry = arg;

    entry->order->run(entry->order->arg, entry->join_cgroup);
    (void)syscall(SYS_exit_group, 127);
    return 127;
}

/* clone3, with the child going straight to fn(arg) on args->stack. The result, or -errno. */
static long clone3_to(struct clone_args *args, int (*fn)(void *), void *arg)
{
    /* clang-format off */
#if defined(__x86_64__)
    long result;

    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t" /* the outermost frame, for debuggers */
                     "mov %[arg], %%rdi\n\t"
                     "call *%[fn]\n\t"
                     "ud2\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), [fn] "r"(fn), [arg] "r"(arg)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long nr __asm__("x8") = SYS_clone3;
    register long a0 __asm__("x0") = (long)args;
    register long a1 __asm__("x1") = (long)sizeof *args;

    __asm__ volatile("svc 0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x0, %[arg]\n\t"
                     "blr %[fn]\n\t"
                     "brk 1\n"
                     "1:"
                     : "+r"(a0)
                     : "r"(nr), "r"(a1), [fn] "r"(fn), [arg] "r"(arg)
                     : "memory");
    return a0;
#else
#error "no clone3 for this machine"
#endif
    /* clang-format on */
}

/* ---- the two rungs ---- */

static pid_t by_clone3(const struct clone_order *order, void *stack, int *pidfd)
{
    struct entry entry = {.order = order, .join_cgroup = -1};
    struct clone_args args;
    long pid;

    memset(&args, 0, sizeof args);
    args.flags = order->namespaces | (uint64_t)CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
    args.pidfd = (uintptr_t)pidfd;
    args.flags |= order->share_files ? CLONE_FILES : 0;
    if (order->for_parent)
        args.flags |= CLONE_PARENT; /* and no exit signal: the child inherits ours */
    else
        args.exit_signal = SIGCHLD;
    if (order->cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)order->cgroup;
    }
    if (stack) {
        args.flags |= (uint64_t)CLONE_VM | CLONE_VFORK;
        args.stack = (uintptr_t)stack + GUARD;
        args.stack_size = CLONE_STACK;
        return (pid_t)clone3_to(&args, enter, &entry);
    }
    pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        (void)enter(&entry);
    return pid < 0 ? -errno : (pid_t)pid;
}

static pid_t by_clone(const struct clone_order *order, void *stack, int *pidfd)
{
    struct entry entry = {.order = order, .join_cgroup = order->cgroup};
    uint64_t flags = order->namespaces | CLONE_PIDFD;
    long pid;

    flags |= order->share_files ? CLONE_FILES : 0;
    flags |= order->for_parent ? CLONE_PARENT : (uint64_t)SIGCHLD;
    if (stack)
        pid = clone(enter, (char *)stack + GUARD + CLONE_STACK,
                    (int)(uint32_t)(flags | CLONE_VM | CLONE_VFORK), &entry, pidfd);
    else
        pid = syscall(SYS_clone, flags, NULL, pidfd, NULL, NULL);
    if (pid == 0)
        (void)enter(&entry);
    return pid < 0 ? -errno : (pid_t)pid;
}

/* ---- stacks ---- */

/* CLONE_STACK bytes behind a guard; NULL with errno. */
static void *stack_take(void)
{
    void *stack;

    for (size_t i = 0; i < SPARE_STACKS; i++) {
        stack = atomic_exchange(&spare_stacks[i], NULL);
        if (stack)
            return stack;
    }
    stack = mmap(NULL, GUARD + CLONE_STACK, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED)
        return NULL;
    (void)mprotect(stack, GUARD, PROT_NONE);
    return stack;
}

/* The child is done with it: CLONE_VFORK lets us go on when it has executed or died. */
static void stack_put(void *stack)
{
    for (size_t i = 0; i < SPARE_STACKS; i++) {
        void *none = NULL;

        if (atomic_compare_exchange_strong(&spare_stacks[i], &none, stack))
            return;
    }
    (void)munmap(stack, GUARD + CLONE_STACK);
}

/* ---- the public call ---- */

/* What a filter says that does not know clone3, and what a kernel says that lacks a flag. */
static bool is_refusal(pid_t result)
{
    return result == -ENOSYS || result == -EPERM || result == -EINVAL || result == -E2BIG;
}

bool clone_can_share_memory(void)
{
    return MAY_SHARE_MEMORY;
}

pid_t clone_child(const struct clone_order *order, int *ret_pidfd)
{
    uint64_t old_mask;
    void *stack = NULL;
    int pidfd = -1;
    pid_t pid;

    if (order->share_memory && clone_can_share_memory()) {
        stack = stack_take();
        if (!stack)
            return -errno;
    }
    init_block_signals(&old_mask);
    pid = by_clone3(order, stack, &pidfd);
    if (is_refusal(pid))
        pid = by_clone(order, stack, &pidfd);
    init_unblock_signals(old_mask);
    if (stack)
        stack_put(stack);
    if (pid > 0)
        *ret_pidfd = pidfd;
    return pid;
}
