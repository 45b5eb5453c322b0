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

void run_say(const char *fmt, ...)
{
    va_list args;

    if (quiet)
        return;
    (void)fputs(name, stderr);
    va_start(args, fmt);
    /* In a file's second compilation clang-tidy 14 takes every va_list for uninitialized. */
    (void)vfprintf(stderr, fmt, args); // NOLINT(clang-analyzer-valist.Uninitialized)
    va_end(args);
}

void run_hint(const char *hint)
{
    if (!quiet && hint[0])
        fprintf(stderr, "hint: %s\n", hint);
}
