/*
 * attacker_abis.c - attacks by the other doors into the kernel: i386 (int 0x80) and x32
 */
#include "attack/attacker.h"
#include "launcher/filter/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

#include "filter_default.inc" /* the default filter, from the build tree */

struct call {
    const char *what;
    long nr, a, b, c;
};

typedef long door_fn(const struct call *call);

static long by_int80(const struct call *call)
{
    long r;

    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(call->nr), "b"(call->a), "c"(call->b), "d"(call->c), "S"(0L), "D"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    return r;
}

static long by_x32(const struct call *call)
{
    long r;

    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "a"(0x40000000L | call->nr), "D"(call->a), "S"(call->b), "d"(call->c)
                     : "rcx", "r11", "memory");
    return r;
}

/* Knocks in a child: a kernel without the door kills who knocks, which is as good as refused, and
 * so does a filter. */
static long in_child(door_fn *by, const struct call *call)
{
    int pipefd[2], status;
    long result = -EPERM;
    pid_t pid;

    if (pipe2(pipefd, O_CLOEXEC) < 0)
        cannot("no pipe");
    pid = fork();
    if (pid == 0) {
        long got = by(call);

        (void)!write(pipefd[1], &got, sizeof got);
        _exit(0);
    }
    close(pipefd[1]);
    if (read(pipefd[0], &result, sizeof result) != (ssize_t)sizeof result)
        result = -EPERM;
    waitpid(pid, &status, 0);
    close(pipefd[0]);
    return result;
}

static void knock(door_fn *by, const char *name, const struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        long r = in_child(by, &calls[i]);

        door(r != -EPERM && r != -ENOSYS && r != -EAFNOSUPPORT, "%s %s: %ld", name,
             calls[i].what, r);
    }
}

/* Not even a harmless call goes through: the profiles allow the machine's own ABI only. */
static void foreign_abis(void)
{
    static const struct call int80[] = {{"getpid", 20, 0, 0, 0}, {"mount", 21, 0, 0, 0}};
    static const struct call x32[] = {{"getpid", 39, 0, 0, 0}};

    knock(by_int80, "int 0x80", int80, 2);
    knock(by_x32, "x32", x32, 1);
}

/* Where other ABIs are allowed the same rules hold for them, whatever the call is called there, and
 * what hides other calls (socketcall, ipc) is closed. */
static void second_doors(void)
{
    uint32_t *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    const long at = (long)(uintptr_t)low, flags = CLONE_NEWUSER | SIGCHLD;
    const struct call int80[] = {
        {"socketcall(SOCKET, AF_ALG)", 102, 1, at, 0},
        {"socket(AF_ALG)", 359, AF_ALG, SOCK_SEQPACKET, 0},
        {"ioctl(TIOCSTI)", 54, 0, 0x5412, at},
        {"ioctl(TIOCLINUX)", 54, 0, 0x541c, at},
        {"clone(CLONE_NEWUSER)", 120, flags, 0, 0},
        {"clone3", 435, at, 64, 0},
        {"unshare(CLONE_NEWUSER)", 310, CLONE_NEWUSER, 0, 0},
        {"personality", 136, ADDR_NO_RANDOMIZE, 0, 0},
        {"mount", 21, 0, 0, 0},
        {"umount", 22, at, 0, 0},
        {"ptrace", 26, 0, 0, 0},
        {"keyctl", 288, 0, -3, 0},
        {"bpf", 357, 0, 0, 0},
        {"vm86old", 113, 0, 0, 0},
        {"io_uring_setup", 425, 1, at, 0},
        {"a call of the future", 600, 0, 0, 0},
    };
    const struct call x32[] = {
        {"ioctl(TIOCSTI)", 514, 0, 0x5412, at},
        {"socket(AF_ALG)", 41, AF_ALG, SOCK_SEQPACKET, 0},
        {"clone(CLONE_NEWUSER)", 56, flags, 0, 0},
        {"unshare(CLONE_NEWUSER)", 272, CLONE_NEWUSER, 0, 0},
        {"personality", 135, ADDR_NO_RANDOMIZE, 0, 0},
        {"mount", 165, 0, 0, 0},
        {"ptrace", 521, 0, 0, 0},
        {"io_uring_setup", 425, 1, at, 0},
    };

    if (low == MAP_FAILED)
        cannot("no memory below 4 GiB");
    low[0] = AF_ALG;
    low[1] = SOCK_SEQPACKET;
    knock(by_int80, "int 0x80", int80, sizeof int80 / sizeof *int80);
    knock(by_x32, "x32", x32, sizeof x32 / sizeof *x32);
}

/* ---- every number ---- */

#define NUMBERS 1024

/* What the default filter answers, by the interpreter that its golden table is made with. */
static uint32_t promised(uint32_t arch, uint32_t number)
{
    const struct seccomp_data data = {.nr = (int)number, .arch = arch};

    return filter_bytes_run(filter_closed, sizeof filter_closed / sizeof *filter_closed, &data,
                            NULL);
}

/* Asks the kernel for each number that is refused: it is safe just because it is.  One that gets
 * through has zeroes for arguments, and a sandbox round it. */
static void ask_all(door_fn *by, const char *name, uint32_t arch, uint32_t bit)
{
    int asked = 0;

    for (uint32_t number = 0; number < NUMBERS; number++) {
        const struct call call = {.nr = number};
        uint32_t answer = promised(arch, number | bit);
        long r;

        if ((answer & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO)
            continue;
        asked++;
        r = by(&call);
        door(r != -(long)(answer & SECCOMP_RET_DATA), "%s number %u: %ld", name, number, r);
    }
    door(asked < 500, "%s: only %d numbers are refused", name, asked);
}

static long natively(const struct call *call)
{
    long r = syscall(call->nr, call->a, call->b, call->c, 0, 0, 0);

    return r < 0 ? -errno : r;
}

static void every_number(void)
{
    const struct call getpid_there = {.nr = 20};

    ask_all(natively, "native", AUDIT_ARCH_X86_64, 0);
    ask_all(by_x32, "x32", AUDIT_ARCH_X86_64, 0x40000000u);
    /* A kernel without the door kills who knocks. */
    if (in_child(by_int80, &getpid_there) == -ENOSYS)
        ask_all(by_int80, "int 0x80", AUDIT_ARCH_I386, 0);
}

#else

static void every_number(void)
{
    cannot("the calls are those of x86-64");
}

static void foreign_abis(void)
{
    cannot("this machine has no second ABI");
}

static void second_doors(void)
{
    cannot("this machine has no second ABI");
}

#endif

const struct attack attacks_on_abis[] = {
    {"foreign-abis", foreign_abis},
    {"second-doors", second_doors},
    {"every-number", every_number},
    {NULL, NULL},
};
