/*
 * seccomp_profile.c - the default filter as a table of names, and its compiler
 *
 * Two halves that libseccomp cannot do in one go.  The prefix judges arguments and is written by
 * hand: libseccomp compares all 64 bits of an argument, the kernel reads 32 of them, and an
 * unconditional rule for a call swallows its conditional ones.  The tree behind it answers by call
 * number and is libseccomp's, exported as BPF.  The prefix does not look at the architecture:
 * whatever it refuses for a foreign one would be refused by the tree as well.
 *
 * Names that are neither allowed nor absent are refused with EPERM if libseccomp knows them for
 * this machine, so this list needs only what programs may use.  Numbers that libseccomp 2.5 does
 * not know yet stand in 'newer'.
 */
#include "launcher/filter.h"

#include "base/scope.h"
#include "launcher/kernel.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAST_NUMBER 511 /* no machine of ours has a known call beyond it */

/* ---- the table ---- */

/* clang-format off */
static const char *const allowed[] = {
    /* files */
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod",
    "fchmodat", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock",
    "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd",
    "getdents", "getdents64", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
    "inotify_rm_watch", "ioctl", "lchown", "lgetxattr", "link", "linkat", "listxattr",
    "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat", "mknod",
    "mknodat", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2", "pread64", "preadv",
    "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat",
    "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "setxattr",
    "splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range",
    "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimes",
    "vmsplice", "write", "writev",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "eventfd", "eventfd2", "poll", "ppoll", "pselect6", "select", "signalfd", "signalfd4",
    "timerfd_create", "timerfd_gettime", "timerfd_settime", "pause",
    /* memory */
    "brk", "madvise", "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mprotect",
    "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
    "pkey_mprotect", "membarrier", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node",
    "memfd_secret", "process_mrelease",
    /* processes */
    "clone", "execve", "execveat", "exit", "exit_group", "fork", "getpgid", "getpgrp", "getpid",
    "getppid", "getpriority", "getrlimit", "getrusage", "getsid", "gettid", "kill", "pidfd_open",
    "pidfd_send_signal", "prctl", "prlimit64", "rseq", "set_robust_list", "get_robust_list",
    "set_tid_address", "setpgid", "setpriority", "setrlimit", "setsid", "sysinfo", "tgkill",
    "times", "tkill", "uname", "unshare", "vfork", "wait4", "waitid", "arch_prctl", "personality",
    "ioprio_get", "ioprio_set", "getcpu", "kcmp",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
    "futex", "futex_waitv", "futex_wake", "futex_wait", "futex_requeue",
    /* signals */
    "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sigaltstack",
    /* identity: the kernel judges these by capability and map */
    "capget", "capset", "getegid", "geteuid", "getgid", "getgroups", "getresgid", "getresuid",
    "getuid", "setfsgid", "setfsuid", "setgid", "setgroups", "setregid", "setresgid", "setresuid",
    "setreuid", "setuid", "seccomp", "landlock_create_ruleset", "landlock_add_rule",
    "landlock_restrict_self",
    /* time, chance */
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "getrandom",
    "gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_settime",
    /* talking */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    "socket", "socketpair",
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
    "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat",
    "shmctl", "shmdt", "shmget",
    "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit",
};

/* Taken for absent: libc and programs have another way, and that one can be judged. */
static const char *const absent[] = {
    "clone3",         /* its flags are in memory, where a filter cannot look: libc uses clone   */
    "io_uring_setup", /* does file and network calls that no filter sees                        */
    "io_uring_enter", "io_uring_register", "set_thread_area",
};

/* Called by numbers, the same on all machines, newer than libseccomp's names. */
static const struct {
    unsigned number;
    const char *name;
    enum filter_answer answer;
} newer[] = {
    {451, "cachestat",        FILTER_ALLOW},  {452, "fchmodat2",        FILTER_ALLOW},
    {453, "map_shadow_stack", FILTER_ALLOW},  {454, "futex_wake",       FILTER_ALLOW},
    {455, "futex_wait",       FILTER_ALLOW},  {456, "futex_requeue",    FILTER_ALLOW},
    {457, "statmount",        FILTER_REFUSE}, {458, "listmount",        FILTER_REFUSE},
    {459, "lsm_get_self_attr", FILTER_ALLOW}, {460, "lsm_set_self_attr", FILTER_REFUSE},
    {461, "lsm_list_modules", FILTER_ALLOW},  {462, "mseal",            FILTER_ALLOW},
    {463, "setxattrat",       FILTER_ALLOW},  {464, "getxattrat",       FILTER_ALLOW},
    {465, "listxattrat",      FILTER_ALLOW},  {466, "removexattrat",    FILTER_ALLOW},
    {467, "open_tree_attr",   FILTER_REFUSE}, {468, "file_getattr",     FILTER_ALLOW},
    {469, "file_setattr",     FILTER_REFUSE},
};
/* clang-format on */

static bool listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* What the table says about a call of this name (not looking at arguments). */
static enum filter_answer table_says(const char *name)
{
    if (listed(allowed, COOP_COUNT(allowed), name))
        return FILTER_ALLOW;
    if (listed(absent, COOP_COUNT(absent), name))
        return FILTER_ABSENT;
    return FILTER_REFUSE;
}

/* ---- the tree: by number ---- */

static int add_rule(scmp_filter_ctx tree, enum filter_answer answer, int number)
{
    switch (answer) {
    case FILTER_ALLOW: return seccomp_rule_add(tree, SCMP_ACT_ALLOW, number, 0);
    case FILTER_REFUSE: return seccomp_rule_add(tree, SCMP_ACT_ERRNO(EPERM), number, 0);
    case FILTER_ABSENT: break; /* ENOSYS is the answer to everything without a rule */
    }
    return 0;
}

static enum filter_answer answer_for(unsigned number, bool *ret_known)
{
    enum filter_answer answer = FILTER_ABSENT;
    SCOPED_FREE char *name = NULL;

    *ret_known = true;
    for (size_t i = 0; i < COOP_COUNT(newer); i++)
        if (newer[i].number == number)
            return newer[i].answer;
    name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
    *ret_known = name != NULL;
    if (name)
        answer = table_says(name);
    return answer;
}

static int fill_default(scmp_filter_ctx tree)
{
    int r = 0;

    for (unsigned number = 0; number <= LAST_NUMBER && r >= 0; number++) {
        bool known;
        enum filter_answer answer = answer_for(number, &known);

        if (known)
            r = add_rule(tree, answer, (int)number);
    }
    return r;
}

/* Everything may be called but what makes or joins namespaces behind the prefix's back. */
static int fill_no_nesting(scmp_filter_ctx tree)
{
    int r = seccomp_rule_add(tree, SCMP_ACT_ERRNO(ENOSYS), __NR_clone3, 0);

    return r < 0 ? r : seccomp_rule_add(tree, SCMP_ACT_ERRNO(EPERM), __NR_setns, 0);
}

static int fill_tree(scmp_filter_ctx tree, enum filter_kind kind)
{
    int r = seccomp_attr_set(tree, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

    if (r >= 0)
        r = seccomp_attr_set(tree, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* binary tree */
    if (r < 0)
        return r;
    return kind == FILTER_NO_NESTING ? fill_no_nesting(tree) : fill_default(tree);
}

/* libseccomp writes to a descriptor: a memfd, read back into memory. */
static int export_tree(scmp_filter_ctx tree, struct sock_filter **ret_code, size_t *ret_count)
{
    SCOPED_FD fd = memfd_create("filter", MFD_CLOEXEC);
    struct sock_filter *code;
    off_t size;
    int r;

    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(tree, fd);
    if (r < 0)
        return r;
    size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || size % (off_t)sizeof *code != 0)
        return -EIO;
    code = malloc((size_t)size);
    if (!code)
        return -ENOMEM;
    if (pread(fd, code, (size_t)size, 0) != (ssize_t)size) {
        free(code);
        return -EIO;
    }
    *ret_code = code;
    *ret_count = (size_t)size / sizeof *code;
    return 0;
}

/* ---- the prefix: by argument ---- */

enum test {
    REFUSE_EQUAL,   /* refused when the argument is the value                      */
    REFUSE_BITS,    /* refused when any bit of the value is set in the argument     */
    REFUSE_ALL_BUT, /* rows of one call together: refused unless it is one of them */
};

static const struct argument_rule {
    int number;
    unsigned argument;
    enum test test;
    uint32_t value;
    int sys;
    bool nesting; /* only with RestrictNamespaces */
} rules[] = {
    /* clang-format off */
    {__NR_ioctl,       1, REFUSE_EQUAL,   TIOCSTI,           EPERM, false}, /* types into the terminal */
    {__NR_ioctl,       1, REFUSE_EQUAL,   TIOCLINUX,         EPERM, false}, /* pastes into it          */
    {__NR_ioctl,       1, REFUSE_EQUAL,   TIOCSETD,          EPERM, false}, /* loads line disciplines  */
    {__NR_clone,       0, REFUSE_BITS,    KERNEL_NAMESPACES, EPERM, true},
    {__NR_unshare,     0, REFUSE_BITS,    KERNEL_NAMESPACES | CLONE_NEWTIME, EPERM, true},
    {__NR_personality, 0, REFUSE_ALL_BUT, 0,                 EPERM, false},
    {__NR_personality, 0, REFUSE_ALL_BUT, UINT32_MAX,        EPERM, false}, /* only asks               */
    {__NR_seccomp,     1, REFUSE_BITS,    SECCOMP_FILTER_FLAG_NEW_LISTENER, EPERM, false}, /* answers for others */
    {__NR_socket,      0, REFUSE_ALL_BUT, AF_UNIX,           EAFNOSUPPORT, false},
    {__NR_socket,      0, REFUSE_ALL_BUT, AF_INET,           EAFNOSUPPORT, false},
    {__NR_socket,      0, REFUSE_ALL_BUT, AF_INET6,          EAFNOSUPPORT, false},
    {__NR_socket,      0, REFUSE_ALL_BUT, AF_NETLINK,        EAFNOSUPPORT, false},
    /* clang-format on */
};

#define LOW_HALF(argument)                                                                     \
    ((uint32_t)(offsetof(struct seccomp_data, args) + 8ul * (argument)) +                      \
     (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4u : 0u))

static struct sock_filter op(unsigned code, uint32_t k, unsigned if_true, unsigned if_false)
{
    return (struct sock_filter){(uint16_t)code, (uint8_t)if_true, (uint8_t)if_false, k};
}

/* One call's rules: "not this number? skip me", load the argument, test by test, fall through. */
static size_t emit_call(struct sock_filter *out, const struct argument_rule *rule, size_t count)
{
    size_t n = 2, length = 2 + (rule->test == REFUSE_ALL_BUT ? count + 1 : count * 2);

    out[0] = op(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rule->number, 0, (unsigned)length);
    out[1] = op(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(rule->argument), 0, 0);
    for (size_t i = 0; i < count; i++) {
        switch (rule[i].test) {
        case REFUSE_EQUAL: out[n++] = op(BPF_JMP | BPF_JEQ | BPF_K, rule[i].value, 0, 1); break;
        case REFUSE_BITS: out[n++] = op(BPF_JMP | BPF_JSET | BPF_K, rule[i].value, 0, 1); break;
        case REFUSE_ALL_BUT: /* a match jumps over the refusal at the end */
            out[n++] = op(BPF_JMP | BPF_JEQ | BPF_K, rule[i].value, (unsigned)(count - i), 0);
            continue;
        }
        out[n++] = op(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)rule[i].sys, 0, 0);
    }
    if (rule->test == REFUSE_ALL_BUT)
        out[n++] = op(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)rule->sys, 0, 0);
    out[n++] = op(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    return n;
}

#define PREFIX_MAX (1 + 5 * COOP_COUNT(rules))

static bool has_rule(enum filter_kind kind, const struct argument_rule *rule)
{
    return rule->nesting ? kind != FILTER_NESTING : kind != FILTER_NO_NESTING;
}

static size_t emit_prefix(struct sock_filter *out, enum filter_kind kind)
{
    size_t n = 0, next;

    out[n++] = op(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    for (size_t i = 0; i < COOP_COUNT(rules); i = next) {
        for (next = i + 1; next < COOP_COUNT(rules) && rules[next].number == rules[i].number;)
            next++;
        if (has_rule(kind, &rules[i]))
            n += emit_call(out + n, &rules[i], next - i);
    }
    return n;
}

/* ---- the whole ---- */

int filter_compile(enum filter_kind kind, struct sock_filter **ret_code, size_t *ret_count)
{
    scmp_filter_ctx tree =
        seccomp_init(kind == FILTER_NO_NESTING ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS));
    struct sock_filter prefix[PREFIX_MAX], *whole;
    SCOPED_FREE struct sock_filter *rest = NULL;
    size_t before = emit_prefix(prefix, kind), after = 0;
    int r = tree ? fill_tree(tree, kind) : -ENOMEM;

    if (r >= 0)
        r = export_tree(tree, &rest, &after);
    if (tree)
        seccomp_release(tree);
    if (r < 0)
        return r;
    if (before + after > BPF_MAXINSNS)
        return -E2BIG;
    whole = malloc((before + after) * sizeof *whole);
    if (!whole)
        return -ENOMEM;
    memcpy(whole, prefix, before * sizeof *whole);
    if (rest)
        memcpy(whole + before, rest, after * sizeof *whole);
    *ret_code = whole;
    *ret_count = before + after;
    return 0;
}
