/*
 * dump_text.c - text for reports, and looking at memory that may be gone
 *
 * A dump is taken while everybody runs on: a name or a scope that was there when its pointer was
 * read may be gone when it is followed.  So it is copied by the kernel, which answers EFAULT
 * where a read of ours would be a SIGSEGV (and which no sanitizer takes for a race).
 *
 * Always the real kernel: a report of a simulation is for people, too.
 */
#include "rt/dump_text.h"

#include "base/sys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void flush(struct report *r)
{
    unsigned done = 0;

    while (!r->error && done < r->used) {
        ssize_t n = sys_kernel.write(r->fd, r->text + done, r->used - done);

        if (n > 0)
            done += (unsigned)n;
        else if (n != -EINTR)
            r->error = n == 0 ? -EIO : (int)n;
    }
    r->used = 0;
}

static void put(struct report *r, char c)
{
    if (r->used == sizeof r->text)
        flush(r);
    r->text[r->used++] = c;
}

static void put_string(struct report *r, const char *s)
{
    while (s && *s)
        put(r, *s++);
}

static void put_number(struct report *r, uint64_t n, unsigned base, unsigned digits)
{
    char text[24];
    unsigned len = 0;

    do {
        text[len++] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);
    while (len < digits)
        text[len++] = '0';
    while (len)
        put(r, text[--len]);
}

static void put_signed(struct report *r, int64_t n)
{
    if (n < 0)
        put(r, '-');
    put_number(r, n < 0 ? -(uint64_t)n : (uint64_t)n, 10, 1);
}

/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): it looks at this without the caller */
static const char *put_one(struct report *r, const char *f, va_list *args)
{
    bool is_long = *f == 'l';

    if (is_long)
        f++;
    switch (*f) {
    case 's': put_string(r, va_arg(*args, const char *)); break;
    case 'c': put(r, (char)va_arg(*args, int)); break;
    case 'd': put_signed(r, is_long ? va_arg(*args, long) : va_arg(*args, int)); break;
    case 'u':
    case 'x':
        put_number(r, is_long ? va_arg(*args, unsigned long) : va_arg(*args, unsigned),
                   *f == 'x' ? 16 : 10, 1);
        break;
    case 'p':
        put_string(r, "0x");
        put_number(r, (uintptr_t)va_arg(*args, void *), 16, 1);
        break;
    default: put(r, *f); break;
    }
    return f;
}
/* NOLINTEND(clang-analyzer-valist.Uninitialized) */

void coop__say(struct report *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    for (const char *f = format; *f; f++) {
        if (*f == '%')
            f = put_one(r, f + 1, &args);
        else
            put(r, *f);
    }
    va_end(args);
}

void coop__say_time(struct report *r, coop_nsec time)
{
    uint64_t ms = (time < 0 ? -(uint64_t)time : (uint64_t)time) / (uint64_t)COOP_NSEC_PER_MSEC;

    if (time < 0)
        put(r, '-');
    put_number(r, ms / 1000, 10, 1);
    put(r, '.');
    put_number(r, ms % 1000, 10, 3);
    put(r, 's');
}

int coop__say_end(struct report *r)
{
    flush(r);
    return r->error;
}

/* ---- memory that may be gone ---- */

int coop__peek(void *to, const void *from, size_t size)
{
    struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
    ssize_t n = syscall(SYS_process_vm_readv, getpid(), &here, 1UL, &there, 1UL, 0UL);

    if (n == (ssize_t)size)
        return 0;
    return n < 0 ? -errno : -EFAULT;
}

static size_t copy_part(char *to, const char *from, size_t size)
{
    int r = coop__peek(to, from, size);

    if (r == -EFAULT)
        return 0;
    if (r < 0) /* a sandbox that forbids the call: trust the pointer */
        memcpy(to, from, strnlen(from, size));
    return size;
}

void coop__peek_string(char *to, size_t size, const char *from)
{
    size_t len = 0, part;

    memset(to, 0, size);
    while (from && len + 1 < size) {
        part = 64 - ((uintptr_t)(from + len) & 63); /* the next page may not be there */
        part = copy_part(to + len, from + len, part < size - 1 - len ? part : size - 1 - len);
        if (part == 0 || memchr(to + len, '\0', part))
            break;
        len += part;
    }
    for (char *c = to; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            *c = '?';
    for (char *end = to + strlen(to); end < to + size; end++)
        *end = '\0';
}
