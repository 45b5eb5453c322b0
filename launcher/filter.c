/*
 * filter.c - the default filter's bytes, as compiled at build time (see filter.h)
 */
#include "launcher/filter.h"

#include "base/scope.h"

#include "filter_default.inc" /* from filter_gen, in the build tree */

void filter_get(enum filter_kind kind, const struct sock_filter **ret_code, size_t *ret_count)
{
    static const struct {
        const struct sock_filter *code;
        size_t count;
    } all[FILTER_KINDS] = {
        [FILTER_CLOSED] = {filter_closed, COOP_COUNT(filter_closed)},
        [FILTER_NESTING] = {filter_nesting, COOP_COUNT(filter_nesting)},
        [FILTER_NO_NESTING] = {filter_no_nesting, COOP_COUNT(filter_no_nesting)},
    };

    *ret_code = all[kind].code;
    *ret_count = all[kind].count;
}
