/*
 * err.c - making, wrapping and naming errors (see <coop/err.h> for the convention)
 */
#include "coop/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- helpers ---- */

COOP_FMT(4, 0)
static void start(struct coop_err *err, enum coop_code code, int sys, const char *fmt,
                  va_list args)
{
    err->code = code;
    err->sys = sys;
    err->hint[0] = '\0';
    vsnprintf(err->text, sizeof err->text, fmt, args);
}

static void append(struct coop_err *err, const char *tail)
{
    size_t used = strlen(err->text);

    snprintf(err->text + used, sizeof err->text - used, ": %s", tail);
}

/* ---- the public calls ---- */

const char *coop_strerror(int sys)
{
    const char *text = strerrordesc_np(sys < 0 ? -sys : sys);

    return text ? text : "unknown error";
}

const char *coop_code_word(enum coop_code code)
{
    switch (code) {
    case COOP_OK: return "ok";
#define X(name, word, default_hint)                                                            \
    case name:                                                                                 \
        return word;
#include "coop/err_codes.def"
#undef X
    }
    return "unknown-code";
}

static const char *default_hint(enum coop_code code)
{
    switch (code) {
    case COOP_OK: break;
#define X(name, word, text)                                                                    \
    case name:                                                                                 \
        return text;
#include "coop/err_codes.def"
#undef X
    }
    return NULL;
}

int coop_fail(struct coop_err *err, enum coop_code code, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return -1;
    va_start(args, fmt);
    start(err, code, 0, fmt, args);
    va_end(args);
    if (default_hint(code))
        coop_hint(err, "%s", default_hint(code));
    return -1;
}

int coop_fail_sys(struct coop_err *err, int sys, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return -1;
    va_start(args, fmt);
    start(err, COOP_E_SYS, sys < 0 ? -sys : sys, fmt, args);
    va_end(args);
    append(err, coop_strerror(sys));
    if (err->sys == EMFILE)
        coop_hint(err, "the limit on open descriptors is reached: ulimit -n, LimitNOFILE=");
    return -1;
}

int coop_while(struct coop_err *err, const char *fmt, ...)
{
    char outer[sizeof err->text];
    size_t used, rest;
    va_list args;

    if (!err)
        return -1;
    va_start(args, fmt);
    vsnprintf(outer, sizeof outer - 2, fmt, args);
    va_end(args);

    used = strlen(outer);
    memcpy(outer + used, ": ", 3);
    used += 2;
    rest = strlen(err->text);
    if (rest > sizeof err->text - 1 - used)
        rest = sizeof err->text - 1 - used;
    memmove(err->text + used, err->text, rest);
    memcpy(err->text, outer, used);
    err->text[used + rest] = '\0';
    return -1;
}

int coop_hint(struct coop_err *err, const char *fmt, ...)
{
    va_list args;

    if (!err || err->hint[0])
        return -1;
    va_start(args, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, args);
    va_end(args);
    return -1;
}
