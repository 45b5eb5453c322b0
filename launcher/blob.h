#ifndef LAUNCHER_BLOB_H
#define LAUNCHER_BLOB_H

#include "base/buf.h"
#include "launcher/plan.h"

/*
 * blob.h - putting a plan together; private to the compiling side of launcher/
 *
 * The plan's header is filled on the stack; everything else is appended to a buffer behind it and
 * referred to by offset.  The buffer remembers its first error, so one check at the end does.
 */
struct blob {
    struct buf bytes; /* begins with room for struct launch_plan */
};

/* Appends, aligned to PLAN_ALIGN. The offset; meaningless after an error. */
static inline plan_off blob_add(struct blob *b, const void *bytes, size_t size)
{
    static const char zeroes[PLAN_ALIGN];
    size_t at;

    buf_add(&b->bytes, zeroes, (PLAN_ALIGN - b->bytes.len % PLAN_ALIGN) % PLAN_ALIGN);
    at = b->bytes.len;
    if (size > 0)
        buf_add(&b->bytes, bytes, size);
    return (plan_off)at;
}

/* Appends a string with its NUL. NULL: offset 0. */
static inline plan_off blob_text(struct blob *b, const char *text)
{
    plan_off at = (plan_off)b->bytes.len;

    if (!text)
        return 0;
    for (const char *end = text;; end++) {
        if (!*end) {
            buf_add(&b->bytes, text, (size_t)(end - text) + 1);
            return at;
        }
    }
}

/* A string that was appended; NULL for offset 0, and after an error. */
static inline const char *blob_str(const struct blob *b, plan_off off)
{
    return off && off < b->bytes.len ? b->bytes.data + off : NULL;
}

/* plan_files.c: turns the file-system part of the spec into plan->ops (and root flags). */
int plan_compile_files(const struct launch_spec *spec, struct launch_plan *plan, struct blob *b,
                       struct coop_err *err);

/* plan_empty.c: a copy of the spec with what EmptyNetworkPath= brings along. */
int plan_spec_empty(const struct launch_spec *spec, struct launch_spec *ret_spec,
                    struct coop_err *err);

/* identity/compile.c: who the program is, outside and inside, after the namespaces are known. */
int plan_compile_identity(const struct launch_spec *spec, const struct launch_host *host,
                          struct launch_plan *plan, struct blob *b, struct coop_err *err);

/* plan_landlock.c: what Landlock grants (plan->land_*), after the files have been compiled. */
int plan_compile_landlock(const struct launch_spec *spec, struct launch_plan *plan,
                          struct blob *b, struct coop_err *err);

#endif
