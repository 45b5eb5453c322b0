#ifndef COOP_BASE_MAGIC_H
#define COOP_BASE_MAGIC_H

#include <stdint.h>
#include <stdlib.h>

/*
 * magic.h - is this pointer what it says it is?
 *
 * Long-lived structs carry a word of their type's own; calls that get one check it on entry.
 * Only in debug builds: without them the macros vanish, and the field too.
 *
 *     struct svc { MAGIC_FIELD ... };
 *     #define SVC_MAGIC UINT32_C(0x5e471ce0)
 *     MAGIC_SET(svc, SVC_MAGIC);      when made
 *     MAGIC_CHECK(svc, SVC_MAGIC);    on entry; aborts on a stale or foreign pointer
 *     MAGIC_CLEAR(svc);               just before it is freed
 *
 * Source    varnish's miniobj.h.
 */
#ifndef NDEBUG
#define MAGIC_FIELD        uint32_t magic;
#define MAGIC_SET(p, word) ((void)((p)->magic = (word)))
#define MAGIC_CLEAR(p)     ((void)((p)->magic = 0))
#define MAGIC_CHECK(p, word)                                                                   \
    do {                                                                                       \
        if (!(p) || (p)->magic != (word))                                                      \
            abort();                                                                           \
    } while (0)
#else
#define MAGIC_FIELD
#define MAGIC_SET(p, word)   ((void)(p))
#define MAGIC_CLEAR(p)       ((void)(p))
#define MAGIC_CHECK(p, word) ((void)(p))
#endif

#endif
