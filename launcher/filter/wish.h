#ifndef LAUNCHER_FILTER_WISH_H
#define LAUNCHER_FILTER_WISH_H

#include <stdbool.h>

#include "launcher/filter/list.h"

/*
 * wish.h - the keys of a sandbox that ask for one filter of ours, compiled; private to launcher/
 *
 * What the keys say lies over each other in this order: SystemCallFilter=, RestrictNamespaces=,
 * the other Restrict* keys, SystemCallLog=, and last what would be a way round them is closed.
 */

struct filter_wish {
    const struct strlist *lines,
        *log; /* SystemCallFilter=, SystemCallLog=                      */
    const struct strlist
        *restricts;          /* lines of restrict.h                                    */
    const uint32_t *refusal; /* SystemCallErrorNumber=; NULL: not given                */
    unsigned abis;           /* SystemCallArchitectures=: bit per ABI besides native;
                                          0: all are judged by the same rules                    */
    bool no_nesting;         /* RestrictNamespaces=                                    */
};

/* A malloc'ed program. */
int filter_wish_compile(const struct filter_wish *wish, struct sock_filter **ret_code,
                        size_t *ret_count, struct coop_err *err);

#endif
