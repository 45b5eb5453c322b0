/*
 * tree_text.c - what the files of /proc say, read with suspicion
 *
 * Pure.  A process chooses its own name and command line, so nothing in them may be taken for
 * the kernel's own words: the name in stat ends at the last ')' and at no other, and control
 * bytes never get through.
 */
#include "tree.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

/* ---- numbers and fields ---- */

/* Reads a decimal number at '*at' and moves behind it.  False when there is none. */
static bool take_number(const char **at, const char *end, int64_t *ret_number)
{
    const char *p = *at;
    bool negative = p < end && *p == '-';
    int64_t number = 0;

    p += negative;
    if (p == end || !isdigit((unsigned char)*p))
        return false;
    for (; p < end && isdigit((unsigned char)*p); p++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *p - '0', &number))
            return false;
    *ret_number = negative ? -number : number;
    *at = p;
    return true;
}

static bool take_char(const char **at, const char *end, char wanted)
{
    if (*at == end || **at != wanted)
        return false;
    (*at)++;
    return true;
}

/* Moves behind 'count' fields and the blanks after them. */
static bool skip_fields(const char **at, const char *end, int count)
{
    for (; count > 0; count--) {
        const char *blank = memchr(*at, ' ', (size_t)(end - *at));

        if (!blank)
            return false;
        *at = blank + 1;
    }
    return true;
}

static bool fits_pid(int64_t number)
{
    return number >= 0 && number <= INT_MAX;
}

/* ---- the public calls ---- */

int proc_parse_stat(const char *text, size_t size, struct proc *ret_proc)
{
    const char *end = text + size, *at = text;
    const char *open, *close = memrchr(text, ')', size);
    int64_t pid, ppid, start;
    size_t length;
    struct proc proc = {0};

    if (!close || !take_number(&at, end, &pid) || !take_char(&at, end, ' ') || !fits_pid(pid))
        return -EINVAL;
    open = at;
    if (open >= close || *open != '(')
        return -EINVAL;
    length = (size_t)(close - open - 1);
    if (length >= sizeof proc.name)
        length = sizeof proc.name - 1;
    memcpy(proc.name, open + 1, length);
    for (size_t i = 0; i < length; i++)
        if (iscntrl((unsigned char)proc.name[i]))
            proc.name[i] = '?';

    at = close + 1;
    if (end - at < 3 || at[0] != ' ' || at[2] != ' ')
        return -EINVAL;
    proc.state = at[1];
    at += 3;
    /* the parent is field 4, the start time field 22 */
    if (!take_number(&at, end, &ppid) || !take_char(&at, end, ' ') || !fits_pid(ppid) ||
        !skip_fields(&at, end, 17) || !take_number(&at, end, &start))
        return -EINVAL;
    proc.pid = proc.inside = (pid_t)pid;
    proc.ppid = (pid_t)ppid;
    proc.start_ticks = (uint64_t)start;
    *ret_proc = proc;
    return 0;
}

int proc_parse_inside(const char *text, size_t size, pid_t *ret_inside)
{
    static const char key[] = "\nNSpid:";
    const char *end = text + size;
    const char *at = memmem(text, size, key, sizeof key - 1);
    int64_t number = -1;

    if (!at)
        return -EINVAL;
    at += sizeof key - 1;
    while (at < end && (*at == '\t' || *at == ' ')) {
        at++;
        if (at == end || !isdigit((unsigned char)*at))
            break;
        if (!take_number(&at, end, &number))
            return -EINVAL;
    }
    if (!fits_pid(number))
        return -EINVAL;
    *ret_inside = (pid_t)number;
    return 0;
}

size_t proc_join_command(const char *bytes, size_t size, char *ret_line, size_t room)
{
    size_t used = 0;

    while (size > 0 && bytes[size - 1] == '\0')
        size--;
    for (; used < size && used + 1 < room; used++) {
        unsigned char byte = (unsigned char)bytes[used];

        if (byte == '\0')
            ret_line[used] = ' ';
        else
            ret_line[used] = iscntrl(byte) ? '?' : bytes[used];
    }
    if (used > 0)
        ret_line[used] = '\0';
    return used;
}
