/*
 * trace.c - one line per call of the seam (see coop/sim.h)
 */
#include "coop/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/sys.h"

static const struct sys_ops *below; /* the table that was in force; NULL: not tracing */
static int out;
static char lines[1 << 16];
static size_t used;
static uint64_t line_count, sum;

/* ---- lines ---- */

static void flush(void)
{
    size_t at = 0;
    ssize_t n = 1;

    while (out >= 0 && at < used && (n = write(out, lines + at, used - at)) > 0)
        at += (size_t)n;
    used = 0;
}

static coop_nsec now(void)
{
    struct timespec t = {0};

    below->clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * COOP_NSEC_PER_SEC + t.tv_nsec;
}

static COOP_FMT(1, 0) void add(const char *fmt, va_list args)
{
    size_t room, len;
    int n;

    if (sizeof lines - used < 512)
        flush();
    room = sizeof lines - used - 1;
    n = vsnprintf(lines + used, room, fmt, args);
    len = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    lines[used + len] = '\n';
    for (size_t i = 0; i <= len; i++) /* FNV-1a */
        sum = (sum ^ (unsigned char)lines[used + i]) * UINT64_C(0x100000001B3);
    used += len + 1;
    line_count++;
}

void coop_sim_trace_note(const char *fmt, ...)
{
    va_list args;

    if (!below)
        return;
    va_start(args, fmt);
    add(fmt, args);
    va_end(args);
}

/* ---- the table ---- */

#define X(type, name, params, args)                                                            \
    static type tracing_##name params                                                          \
    {                                                                                          \
        type result = below->name args;                                                        \
                                                                                               \
        coop_sim_trace_note("%lld %s %lld", (long long)now(), #name, (long long)result);       \
        return result;                                                                         \
    }
SYS_CALLS(X)
#undef X

static const struct sys_ops tracing_kernel = {
#define X(type, name, params, args) .name = tracing_##name,
    SYS_CALLS(X)
#undef X
};

/* ---- the public calls ---- */

void coop_sim_trace_start(int fd)
{
    out = fd;
    used = 0;
    line_count = 0;
    sum = UINT64_C(0xCBF29CE484222325);
    below = sys_current;
    sys_install(&tracing_kernel);
}

void coop_sim_trace_stop(void)
{
    if (!below)
        return;
    flush();
    sys_install(below);
    below = NULL;
}

uint64_t coop_sim_trace_lines(void)
{
    return line_count;
}

uint64_t coop_sim_trace_sum(void)
{
    return sum;
}
