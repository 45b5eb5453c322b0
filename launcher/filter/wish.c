/*
 * wish.c - the keys of a sandbox that ask for one filter of ours, compiled (see wish.h)
 */
#include "launcher/filter/wish.h"

#include "base/scope.h"

#include <errno.h>
#include <stdlib.h>

static int refuse_all(const struct strlist *lines, struct filter_policy *policy,
                      struct coop_err *err)
{
    for (size_t i = 0; i < lines->count; i++)
        if (filter_refuse(policy, lines->items[i], err) < 0)
            return -1;
    return 0;
}

static int fill(const struct filter_wish *wish, struct filter_policy *policy,
                struct coop_err *err)
{
    filter_policy_init(policy, FILTER_ALLOW, FILTER_ABSENT);
    if (filter_lines_apply(wish->lines, wish->refusal, policy, err) < 0 ||
        (wish->no_nesting && filter_refuse_nesting(policy, err) < 0) ||
        refuse_all(wish->restricts, policy, err) < 0 ||
        filter_log_apply(wish->log, policy, err) < 0)
        return -1;
    filter_close_doors(policy);
    if (wish->abis)
        policy->abis = wish->abis | 1u << FILTER_NATIVE;
    return 0;
}

int filter_wish_compile(const struct filter_wish *wish, struct sock_filter **ret_code,
                        size_t *ret_count, struct coop_err *err)
{
    SCOPED_FREE struct filter_policy *policy = malloc(sizeof *policy);
    int r;

    if (!policy)
        return coop_fail_sys(err, ENOMEM, "compiling the filter");
    r = fill(wish, policy, err);
    if (r >= 0)
        r = filter_policy_emit(policy, ret_code, ret_count, err);
    filter_policy_done(policy);
    return r;
}
