/*
 * steps_clerk.c - the program's way to the clerk: the filter that sends calls there (see
 * clerk/clerk.h for why)
 *
 * The filter says which calls ask, and nothing about what may be done: who gets past it meets
 * Landlock, which grants no making of names there.  So it looks at the native ABI alone, and a
 * flag in a register is all it judges by.  But for a few ioctls, which Landlock does not know:
 * these it refuses itself, in every ABI.
 */
#include "base/scope.h"
#include "launcher/clerk/clerk.h"
#include "launcher/landlock.h"
#include "launcher/raw.h"
#include "launcher/steps.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (UINT32_C(1) << 5)
#endif

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

/* ---- the filter ---- */

#define LOAD(offset)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define ARGUMENT(n)   LOAD(offsetof(struct seccomp_data, args) + 8ul * (n))
#define ANSWER(what)  BPF_STMT(BPF_RET | BPF_K, (uint32_t)(what))
#define UNLESS(nr, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(nr), 0, n)
#define ASK           ANSWER(SECCOMP_RET_USER_NOTIF)
#define PASS          ANSWER(SECCOMP_RET_ALLOW)
#define ASKS(nr)      UNLESS(nr, 1), ASK
/* Only to make what is not there; argument 'n' has the flags (little end first). */
#define ASKS_TO_MAKE(nr, n)                                                                    \
    UNLESS(nr, 4), ARGUMENT(n), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 0, 1), ASK, PASS

/* What makes a name by ioctl(2), which Landlock does not see: subvolumes and snapshots of btrfs,
 * all that is bcachefs' own, a reflink of OCFS2.  The name lies in memory: all are refused. */
#define REFUSE       ANSWER(SECCOMP_RET_ERRNO | EPERM)
#define REFUSE_IT(n) UNLESS(n, 1), REFUSE
#define JUDGE_IOCTL                                                                            \
    ARGUMENT(1), REFUSE_IT(0x5000940e), REFUSE_IT(0x50009401), REFUSE_IT(0x50009417),          \
        REFUSE_IT(0x50009418), REFUSE_IT(0x40186f04),                                          \
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00), REFUSE_IT(0xbc00), PASS
#define IOCTL_LENGTH 15  /* of that */
#define IOCTL_32     54u /* of i386 and arm */
#define IOCTL_X32    0x40000202u

static const struct sock_filter asking[] = {
    LOAD(offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 3 + IOCTL_LENGTH, 0),
    LOAD(offsetof(struct seccomp_data, nr)),
    UNLESS(IOCTL_32, IOCTL_LENGTH),
    JUDGE_IOCTL,
    PASS,
    LOAD(offsetof(struct seccomp_data, nr)),
    UNLESS(__NR_ioctl, IOCTL_LENGTH),
    JUDGE_IOCTL,
#ifdef __x86_64__
    UNLESS(IOCTL_X32, IOCTL_LENGTH),
    JUDGE_IOCTL,
#endif
    ASKS_TO_MAKE(__NR_openat, 2),
#ifdef __NR_open
    ASKS_TO_MAKE(__NR_open, 1),
    ASKS(__NR_creat),
    ASKS(__NR_mkdir),
    ASKS(__NR_mknod),
    ASKS(__NR_symlink),
    ASKS(__NR_link),
    ASKS(__NR_rename),
#endif
#ifdef __NR_renameat
    ASKS(__NR_renameat),
#endif
    ASKS(__NR_mkdirat),
    ASKS(__NR_mknodat),
    ASKS(__NR_symlinkat),
    ASKS(__NR_linkat),
    ASKS(__NR_renameat2),
    ASKS(__NR_bind),
    ASKS(__NR_umask),
    /* Its flags lie in memory; libc falls back. */
    UNLESS(__NR_openat2, 1),
    ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
    PASS,
};

static long load(char *ret_word)
{
    const uint32_t flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    union {
        const void *from;
        struct sock_filter *to;
    } code = {.from = asking}; /* the kernel only reads it */
    struct sock_fprog program = {COOP_COUNT(asking), code.to};
    long r = raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                  flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);

    *ret_word = CLERK_PATIENT;
    if (r == -EINVAL) { /* before Linux 5.19 */
        r = raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
        *ret_word = CLERK_LISTENER;
    }
    return r;
}

/* ---- talking to the clerk ---- */

int step_tell_clerk(struct child *c)
{
    long fd, r;

    if (c->io.clerk < 0)
        return 0;
    fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC, 0);
    r = fd < 0 ? fd : step_send_fd(c->io.clerk, CLERK_NAMESPACE, (int)fd);
    if (fd >= 0)
        raw1(SYS_close, fd);
    if (r >= 0 || recipe_may_lose(c, LAUNCH_GUARD_FROZEN))
        return 0;
    return step_fail(c, r, "openat", "/proc/self/ns/mnt");
}

/* It is in our view of the files, and is who we are. */
static long await_clerk(const struct child *c)
{
    const char word = CLERK_ENTER;
    int32_t answer = 0;
    long r = raw6(SYS_sendto, c->io.clerk, RAW_ARG(&word), sizeof word,
                  0x4000 /* MSG_NOSIGNAL */, 0, 0);

    if (r < 0)
        return r;
    do
        r = raw3(SYS_read, c->io.clerk, &answer, sizeof answer);
    while (r == -EINTR);
    return r == (long)sizeof answer ? answer : r < 0 ? r : -EPIPE;
}

static int begin(struct child *c, char *ret_word)
{
    long r;

    if (land_abi() == 0 || !c->plan->land_fs)
        return step_fail(c, -EOPNOTSUPP, "landlock", "names that only the clerk may make");
    if (c->io.clerk < 0)
        return step_fail(c, -EPIPE, "clerk", NULL);
    r = await_clerk(c);
    if (r < 0)
        return step_fail(c, r, "clerk", "entering the sandbox's files");
    return step_fail(c, load(ret_word), "seccomp", "calls that ask the clerk");
}

int step_clerk(struct child *c)
{
    char word = 0;
    long r;
    int listener;

    if (!c->plan->frozen_at || c->told->lost & LAUNCH_BIT(LAUNCH_GUARD_FROZEN))
        return 0;
    listener = begin(c, &word);
    if (listener < 0)
        return recipe_may_lose(c, LAUNCH_GUARD_FROZEN) ? 0 : listener;
    /* From here on there is no way back: the filter stays. */
    c->has_clerk = true;
    r = step_send_fd(c->io.clerk, word, listener);
    raw1(SYS_close, listener);
    raw1(SYS_close, c->io.clerk);
    return step_fail(c, r, "sendmsg", "the clerk");
}
