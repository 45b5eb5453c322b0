#ifndef COOP_CONFIG_WISHES_H
#define COOP_CONFIG_WISHES_H

#include <stdbool.h>
#include <stddef.h>

#include "events/board.h"

/*
 * wishes.h - what people have asked for beyond what the files say
 *
 *     coopctl start worker@db     an instance that nothing else wants: a wish for "worker@db"
 *     coopctl scale worker=50     a number for a set: a wish for "worker"
 *
 * A wish outlives a reload and a killed coopd (it stands in the journal), but not the orderly end
 * of coopd.  A number is forgotten when Instances= in the files gets another value.
 */
struct wish {
    char name[SVC_NAME_MAX + 1];
    unsigned count;   /* of a set: how many; 0: an instance */
    unsigned instead; /* ... where the files say this       */
};

struct wishes {
    struct wish *at;
    size_t count;
};

/* Adds it, in place of an earlier one of that name. 0 or -ENOMEM. */
int wishes_put(struct wishes *wishes, const struct wish *wish);
void wishes_remove(struct wishes *wishes, const char *name);
const struct wish *wishes_find(const struct wishes *wishes, const char *name);
int wishes_copy(struct wishes *ret_to, const struct wishes *from);
void wishes_done(struct wishes *wishes);

#endif
