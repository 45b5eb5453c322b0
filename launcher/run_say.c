/*
 * run_say.c - see run_say.h
 */
#include "launcher/run_say.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static bool quiet;

void run_be_quiet(void)
{
    quiet = true;
}

void run_say(const char *fmt, ...)
{
    va_list args;

    if (quiet)
        return;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
}
