/*
 * log.c - one line is one record (see log.h)
 */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "coop/time.h"

static const char *const level_words[] = {"error", "warn", "info", "debug"};

static _Atomic int log_level = LOG_LEVEL_INFO;
static _Atomic int log_fd = STDERR_FILENO;
static _Atomic uint64_t lost_lines;   /* since the start */
static _Atomic uint64_t untold_lines; /* since the last line that went through */

/* ---- helpers ---- */

/* Gregorian date from a count of seconds, by libc's table-free gmtime_r: no lock, no locale. */
static size_t put_time(char *line, size_t room)
{
    struct timespec now = {0};
    struct tm date = {0};
    int len;

    sys_clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &date);
    len = snprintf(line, room, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", date.tm_year + 1900,
                   date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec,
                   now.tv_nsec / COOP_NSEC_PER_MSEC);
    return len < 0 ? 0 : (size_t)len;
}

/* One line out, or counted. A pipe or socket that poll() calls writable takes a line of less
 * than PIPE_BUF bytes without waiting. */
static bool put_out(int fd, const char *line, size_t len)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
        return false;
    return sys_write(fd, line, len) == (ssize_t)len;
}

static void send_line(const char *line, size_t len)
{
    int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
    uint64_t untold = atomic_exchange_explicit(&untold_lines, 0, memory_order_relaxed);
    char note[LOG_LINE_MAX];

    if (fd < 0)
        return;
    if (untold) {
        size_t at = put_time(note, sizeof note);
        int more = snprintf(note + at, sizeof note - at,
                            " warn log: %llu lines lost, nobody took them\n",
                            (unsigned long long)untold);

        if (more > 0 && put_out(fd, note, at + (size_t)more))
            untold = 0;
    }
    if (untold || !put_out(fd, line, len)) {
        atomic_fetch_add_explicit(&untold_lines, untold + 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&lost_lines, 1, memory_order_relaxed);
    }
}

/* Ends the line, marks a cut, and takes the teeth out of control characters. */
static size_t finish(char *line, size_t len, bool cut)
{
    if (cut) {
        len = LOG_LINE_MAX - 2;
        line[len - 1] = line[len - 2] = line[len - 3] = '.';
    }
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len] = '\n';
    return len + 1;
}

/* ---- the public calls ---- */

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_set_fd(int fd)
{
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

uint64_t log_lost(void)
{
    return atomic_load_explicit(&lost_lines, memory_order_relaxed);
}

void log_at(enum log_level level, const char *room, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    size_t len, left;
    va_list args;
    int more;

    if (!log_is_on(level))
        return;
    len = put_time(line, sizeof line);
    more = snprintf(line + len, sizeof line - len, " %s %s: ", level_words[level], room);
    len += more > 0 ? (size_t)more : 0;
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    left = sizeof line - 1 - len;
    va_start(args, fmt);
    more = vsnprintf(line + len, left, fmt, args);
    va_end(args);
    if (more < 0)
        return;
    send_line(line,
              finish(line, (size_t)more < left ? len + (size_t)more : 0, (size_t)more >= left));
}

void log_err(enum log_level level, const char *room, const struct coop_err *err)
{
    log_at(level, room, "%s", err->text);
    if (err->hint[0])
        log_at(level, room, "hint: %s", err->hint);
}
