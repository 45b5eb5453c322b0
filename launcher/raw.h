#ifndef LAUNCHER_RAW_H
#define LAUNCHER_RAW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/*
 * raw.h - system calls without libc, for the child between clone and exec
 *
 * The child may share its parent's memory (CLONE_VM), and libc's wrappers write errno, which then
 * is the parent's errno; some (setuid, setgroups) even signal the other threads of the process
 * they think they are in.  So the child enters the kernel itself.  Results are the kernel's:
 * >= 0, or -errno.
 *
 * Source    musl's src/process/posix_spawn.c, which makes the same point.
 */

#if defined(__x86_64__)

static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

#else
#error "coop runs on x86-64 and aarch64"
#endif

/* Arguments of any integer or pointer type. */
#define RAW_ARG(x)           ((long)(x))
#define raw0(nr)             raw6(nr, 0, 0, 0, 0, 0, 0)
#define raw1(nr, a)          raw6(nr, RAW_ARG(a), 0, 0, 0, 0, 0)
#define raw2(nr, a, b)       raw6(nr, RAW_ARG(a), RAW_ARG(b), 0, 0, 0, 0)
#define raw3(nr, a, b, c)    raw6(nr, RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), 0, 0, 0)
#define raw4(nr, a, b, c, d) raw6(nr, RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), RAW_ARG(d), 0, 0)
#define raw5(nr, a, b, c, d, e)                                                                \
    raw6(nr, RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), RAW_ARG(d), RAW_ARG(e), 0)

/* Text without libc's string functions, which a sanitizer may have replaced. */
static inline size_t raw_strlen(const char *text)
{
    size_t n = 0;

    while (text[n])
        n++;
    return n;
}

static inline void raw_copy_text(char *to, size_t size, const char *from)
{
    size_t n = 0;

    for (; from && from[n] && n + 1 < size; n++)
        to[n] = from[n];
    to[n] = '\0';
}

static inline void raw_zero(void *at, size_t size)
{
    volatile char *byte = at;

    for (size_t i = 0; i < size; i++)
        byte[i] = 0;
}

/* Decimal text of 'number' with a sign; 'ret_text' holds at least 24 bytes. Returns its length. */
static inline size_t raw_number(char *ret_text, int64_t number)
{
    char digits[24];
    size_t n = 0, len = 0;
    uint64_t left = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;

    do {
        digits[n++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        ret_text[len++] = '-';
    while (n > 0)
        ret_text[len++] = digits[--n];
    ret_text[len] = '\0';
    return len;
}

#endif
