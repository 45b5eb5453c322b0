#ifndef COOP_ERR_H
#define COOP_ERR_H

/*
 * err.h - errors as values that collect context on their way up
 *
 * Deep code says what failed in its own words (coop_fail, coop_fail_sys); each layer above adds
 * where it was (coop_while); only a program's main prints.  The result reads outermost first:
 *
 *     if (mkdirat(dir, name, 0755) < 0)
 *         return coop_fail_sys(err, errno, "create cgroup '%s'", name);
 *     ...
 *     if (cgroup_make(root, spec->name, err) < 0)
 *         return coop_while(err, "service '%s'", spec->name);
 *     ...
 *     coopd: service 'web': create cgroup 'web': Permission denied
 *     hint:  start coopd with a delegated cgroup (Delegate=yes in its unit)
 *
 * Time      None is kept: whoever logs an error adds it.
 * Errors    All makers return -1, so that a call can fail in one statement.
 * Threads   A struct belongs to its caller.  Nothing here touches errno or a global.
 * Memory    The caller's struct, no allocation: it works when memory is gone.
 * Misuse    coop_while() and coop_hint() read the struct: not before something has failed into
 *           it.  A struct that was failed into twice tells of the second failure.
 * Limits    400 bytes of text, 240 of hint.  What does not fit is cut at its end, and there is
 *           always a NUL.
 * Source    crun's error convention (one page, context prepended), PostgreSQL's hint line.
 *
 * 'err' may be NULL everywhere: then only the return value tells.
 */

#define COOP_FMT(fmt, args) __attribute__((format(printf, fmt, args)))

enum coop_code {
    COOP_OK = 0,
#define X(code, word, hint) code,
#include "coop/err_codes.def"
#undef X
};

struct coop_err {
    enum coop_code code;
    int sys;        /* the errno at the point of failure, or 0        */
    char text[400]; /* outermost context first: "a: b: c"             */
    char hint[240]; /* what to do about it, one sentence; "" for none */
};

#ifdef __cplusplus
extern "C" {
#endif

/* Starts an error. Returns -1. */
int coop_fail(struct coop_err *err, enum coop_code code, const char *fmt, ...) COOP_FMT(3, 4);

/* The same for a failed system call: appends ": " and the text of errno value 'sys' (positive;
 * a negative one is turned round, so that a -errno result can be passed on as it is). */
int coop_fail_sys(struct coop_err *err, int sys, const char *fmt, ...) COOP_FMT(3, 4);

/* Prepends "<text>: " to an error that is there already. Returns -1. */
int coop_while(struct coop_err *err, const char *fmt, ...) COOP_FMT(2, 3);

/* Sets the hint, unless a deeper layer, which knew more, has set one. Returns -1. */
int coop_hint(struct coop_err *err, const char *fmt, ...) COOP_FMT(2, 3);

/* The code's word, as it stands in logs and JSON ("system-call"). Never NULL. */
const char *coop_code_word(enum coop_code code);

/* The text of an errno value (either sign), without touching locale or errno. Never NULL. */
const char *coop_strerror(int sys);

#ifdef __cplusplus
}
#endif

#endif
