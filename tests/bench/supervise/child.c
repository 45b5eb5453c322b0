/*
 * child.c - the service of the benchmark: it tells when it was born and when it dies (record.h)
 *
 * Without a C library: the start of a static one takes longer than all that a supervisor does for
 * a restart, most of it in CPUID, which a virtual machine's host answers.  Four system calls are
 * all that is needed.
 */
#include "bench/supervise/record.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>

enum { PATH_SIZE = 200, FAILED = 1, MS_PER_S = 1000, DECIMAL = 10 };
enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");

static long call(long number, long a, long b, long c, long d)
{
    register long fourth __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n mov x0, sp\n bl begin\n");

static long call(long number, long a, long b, long c, long d)
{
    register long which __asm__("x8") = number;
    register long first __asm__("x0") = a;
    register long second __asm__("x1") = b;
    register long third __asm__("x2") = c;
    register long fourth __asm__("x3") = d;

    __asm__ volatile("svc 0"
                     : "+r"(first)
                     : "r"(which), "r"(second), "r"(third), "r"(fourth)
                     : "memory");
    return first;
}
#else
#error "the system calls of this machine are not known here"
#endif

__attribute__((noreturn)) static void leave(int code)
{
    for (;;)
        call(SYS_exit_group, code, 0, 0, 0);
}

static int64_t now(void)
{
    struct timespec time;

    call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&time, 0, 0);
    return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void tell(int fd, int index, enum record_kind kind, int64_t ns)
{
    struct record record = {index, kind, call(SYS_getpid, 0, 0, 0, 0), ns};

    if (call(SYS_write, fd, (long)&record, sizeof record, 0) != (long)sizeof record)
        leave(FAILED);
}

/* The number at *text, which is moved behind it and the blanks that follow. */
static int number(const char **text)
{
    int sign = **text == '-' ? -1 : 1, value = 0;

    for (*text += sign < 0; **text >= '0' && **text <= '9'; ++*text)
        value = value * DECIMAL + (**text - '0');
    while (**text == ' ')
        ++*text;
    return sign * value;
}

/* The word at *text, moved likewise. */
static void first_word(const char **text, char ret_word[PATH_SIZE])
{
    size_t length = 0;

    for (; **text && **text != ' '; ++*text)
        if (length + 1 < PATH_SIZE)
            ret_word[length++] = **text;
    ret_word[length] = '\0';
    while (**text == ' ')
        ++*text;
}

/* stack: the number of arguments, then their addresses, as the kernel left them. */
__attribute__((noreturn, used)) void begin(const long *stack)
{
    int64_t born = now();
    const char *text = (const char *)stack[2];
    char path[PATH_SIZE];
    int index, life, code, fd;

    if (stack[0] < 2)
        leave(FAILED);
    first_word(&text, path);
    index = number(&text);
    life = number(&text);
    code = number(&text);
    fd = (int)call(SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0)
        leave(FAILED);
    tell(fd, index, RECORD_BORN, born);
    while (life < 0)
        call(SYS_ppoll, 0, 0, 0, 0);
    if (life > 0) {
        struct timespec time = {life / MS_PER_S, (long)(life % MS_PER_S) * NS_PER_MS};

        call(SYS_nanosleep, (long)&time, 0, 0, 0);
    }
    tell(fd, index, RECORD_DIED, now());
    leave(code);
}
