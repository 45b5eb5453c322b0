#ifndef LAUNCHER_FILTER_COMPILE_H
#define LAUNCHER_FILTER_COMPILE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/launch.h"

/*
 * compile.h - all filters of a spec, compiled, in the order in which they are loaded; private to
 * launcher/
 *
 * The kernel asks all loaded filters about each call, and the strictest answer counts: so a profile
 * or somebody else's filter can only take away from what SystemCallFilter= allows.
 *
 * The call that loads a filter is judged by those loaded before it.  So a filter that refuses
 * seccomp(2) is loaded last, and there can be one such filter only.  A filter that refuses
 * execve(2) is an error: no program could be started behind it.
 */

struct filter_program {
    struct sock_filter *code; /* malloc'ed */
    size_t count;
    uint64_t guards; /* LAUNCH_BIT set: what is lost without it      */
    uint32_t flags;  /* SECCOMP_FILTER_FLAG_*                         */
    char from[64];   /* the user's word for where it comes from      */
    bool fallback;   /* only where the kernel has no call of its own for it (step no-wx) */
};

struct filter_programs {
    struct filter_program items[LAUNCH_MAX_FILTERS];
    size_t count;
};

/* Of 'host' only the kernel's version is looked at; 'judge_tcp': Landlock judges TCP ports
 * (walls.h).  On failure *ret_programs is empty. */
int filter_compile(const struct launch_spec *spec, const struct launch_host *host,
                   bool judge_tcp, struct filter_programs *ret_programs, struct coop_err *err);
void filter_programs_done(struct filter_programs *programs);

#endif
