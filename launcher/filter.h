#ifndef LAUNCHER_FILTER_H
#define LAUNCHER_FILTER_H

#include <linux/filter.h>
#include <stddef.h>

/*
 * filter.h - the default system-call filter; private to launcher/
 *
 * Every call number gets one of three answers:
 *
 *      allowed     what ordinary programs use (the class of systemd's @system-service)
 *      EPERM       known, refused: mount, ptrace, bpf, keyrings, modules, clocks, ...
 *      ENOSYS      unknown to us, or better taken for absent, because libc then falls back to what
 *                  the filter can judge: clone3, io_uring, and all calls of another ABI
 *
 * and some allowed calls are judged by one argument, of which 32 bits count, because that is what
 * the kernel reads (CVE-2019-10063): ioctl, clone, unshare, personality, socket.
 *
 * libseccomp compiles the table into a decision tree once, at build time (filter_gen); a launch
 * only copies the bytes.  tests/unit/launcher/test_filter.c runs them in an interpreter and
 * compares the answer for each number with tests/golden.
 */

enum filter_kind {
    FILTER_CLOSED,     /* the default filter, and no further namespaces                   */
    FILTER_NESTING,    /* the default filter; clone and unshare may make namespaces       */
    FILTER_NO_NESTING, /* RestrictNamespaces alone: everything else of this ABI is allowed */
    FILTER_KINDS
};

/* The compiled bytes for this machine; static, never freed. */
void filter_get(enum filter_kind kind, const struct sock_filter **ret_code, size_t *ret_count);

/* Compiles with libseccomp into a malloc'ed array: what filter_gen and the unit test call.
 * Returns 0 or -errno. */
int filter_compile(enum filter_kind kind, struct sock_filter **ret_code, size_t *ret_count);

enum filter_answer { FILTER_ALLOW, FILTER_REFUSE, FILTER_ABSENT };

#endif
