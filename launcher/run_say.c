/*
 * run_say.c - see run_say.h
 */
#include "launcher/run_say.h"

#include <stdarg.h>
#include <stdio.h>

static bool quiet, as_bwrap;
static const char *name = "coop-run: ";

void run_be_quiet(void)
{
    quiet = true;
}

void run_speak_as_bwrap(bool with_level)
{
    as_bwrap = true;
    name = with_level ? "<3>bwrap: " : "bwrap: ";
}

bool run_speaks_as_bwrap(void)
{
    return as_bwrap;
}

/* One line.  A name that somebody else has chosen may be in it: it commands no terminal and begins
 * no line of its own.  0xc2 0x80 and what follows are the terminal's commands in UTF-8. */
static void put_line(const char *before, const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    (void)fputs(before, stderr);
    for (; *c; c++)
        if (*c < ' ' || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            fprintf(stderr, "\\x%02x", *c);
        else
            (void)fputc(*c, stderr);
    (void)fputc('\n', stderr);
}

void run_say(const char *fmt, ...)
{
    char text[8192];
    va_list args;

    if (quiet)
        return;
    va_start(args, fmt);
    /* In a file's second compilation clang-tidy 14 takes every va_list for uninitialized. */
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized)
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put_line(name, text);
}

void run_hint(const char *hint)
{
    if (!quiet && hint[0])
        put_line("hint: ", hint);
}
