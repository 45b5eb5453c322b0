#ifndef LAUNCHER_FILTER_PROFILE_H
#define LAUNCHER_FILTER_PROFILE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "coop/err.h"

/*
 * profile.h - seccomp profiles of containers (Docker, Podman, OCI), read and compiled; private to
 * launcher/
 *
 * Read are defaultAction, defaultErrnoRet (Podman: defaultErrno), architectures or archMap, flags
 * and syscalls with names, action, errnoRet (errno), args, includes and excludes by caps, arches
 * and minKernel.  An unknown key is an error: it may be a condition, and a rule without its
 * condition allows too much.
 *
 * As there: a rule without args wins over rules of the same call with args, of which one is enough;
 * args that name one index twice are rules of their own; a name that is no call is passed over.
 * Stricter than there:
 *      a number without a name           ENOSYS, also where defaultAction allows
 *      socketcall, ipc, clone3           ENOSYS when a call they stand for is judged
 *      an argument of 32 bits            compared as such
 *      SCMP_ACT_KILL (of one thread)     kills the process
 *      SCMP_ACT_TRACE, SCMP_ACT_NOTIFY   an error: nobody would answer
 *
 * Limits    JSON_BYTES_MAX; a profile of a container engine has a quarter of that.
 * Source    the OCI runtime specification (config-linux.md), moby's profiles/seccomp.
 */

struct filter_profile_host {
    uint64_t caps;   /* the bounding set: what includes and excludes look at          */
    uint32_t kernel; /* launch_host.kernel: what minKernel looks at; 0: newer than all */
};

/* A malloc'ed program, and SECCOMP_FILTER_FLAG_* to load it with. */
int filter_profile_compile(const char *text, size_t len, const struct filter_profile_host *host,
                           struct sock_filter **ret_code, size_t *ret_count,
                           uint32_t *ret_flags, struct coop_err *err);

#endif
