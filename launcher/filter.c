/*
 * filter.c - the default filter's bytes, as compiled at build time (see filter.h)
 */
#include "launcher/filter.h"

#include "base/scope.h"

#include "filter_default.inc" /* from filter_gen, in the build tree */

int filter_get(bool restrict_namespaces, const struct sock_filter **ret_code, size_t *ret_count)
{
    *ret_code = restrict_namespaces ? filter_default : filter_nesting;
    *ret_count = restrict_namespaces ? COOP_COUNT(filter_default) : COOP_COUNT(filter_nesting);
    return 0;
}
