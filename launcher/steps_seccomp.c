/*
 * steps_seccomp.c - loading the compiled filter
 *
 * The bytes come from the plan: libseccomp runs in the parent or at build time, never here.
 */
#include "launcher/raw.h"
#include "launcher/steps.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

int step_seccomp(struct child *c)
{
    const struct plan_vec *filter = &c->plan->filter;
    struct sock_fprog program = {.len = (unsigned short)filter->count};
    union {
        const void *from;
        struct sock_filter *to;
    } code = {.from = plan_at(c->plan, filter->at)}; /* the kernel only reads it */

    if (filter->count == 0)
        return 0;
    program.filter = code.to;
    return step_fail(c, raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp",
                     NULL);
}
